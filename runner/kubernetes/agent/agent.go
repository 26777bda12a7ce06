// Package agent is what runs in a pod beside a script. The gateway's own binary is it, when it is started as one: in a first container it
// fetches the script's files and parameters from the gateway, and copies itself to where the script's container finds it; there it is the
// first process, which starts the script, tells what it prints in lines that can be counted, ends it in time, hands its results over, and
// says how it ended. What of that needs a network does package courier, as a process of its own: all that a script waits for is here, and
// needs so little of Go's that it begins before most of the binary is initialized.
//
// It shows the gateway the token of its attempt, which is good for that attempt alone. The script may know all that the agent knows.
package agent

import (
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// Places in a pod.
const (
	// Secret is where the attempt's Secret is, whose file SpecFile is a Spec.
	Secret   = "/fairway/attempt"
	SpecFile = "attempt.json"
	// Packages is where the Secret's file PackagesFile is, an Install: its index may have a password, which is not for the script.
	Packages     = "/fairway/packages"
	PackagesFile = "packages.json"
	// Code is where the first container puts what the second one only reads: the agent, the script, the parameters.
	Code    = "/fairway/code"
	Program = Code + "/fairway"
	Script  = Code + "/script"
	Params  = Code + "/params.json"
	Harness = Code + "/harness.py"
	// Site is where packages of Python are.
	Site = Code + "/site"
	// Work and Temp are what the script may write.
	Work = "/fairway/work"
	Temp = "/tmp"
	// IO has the script's results.
	IO      = "/fairway/io"
	Results = IO + "/results.json"
	// Termination is where kubelets look for what a container says of its end.
	Termination = "/dev/termination-log"
)

// Arguments of the program.
const (
	Word        = "pod-agent"
	WordPrepare = "prepare"
	WordInstall = "install"
	WordRun     = "run"
	WordTask    = "task" // of a swarm: to fetch, and then to run

	// By the agent itself.
	WordFetch    = "fetch"
	WordHandOver = "hand-over" // the results are open as ResultsFile
)

// HeaderPod says which pod asks, as EnvPod says it in the pod: an attempt is given to one of them.
const (
	HeaderPod = "Fairway-Pod"
	EnvPod    = "FAIRWAY_POD"
)

// ResultsFile is the number of the file of results in the process that hands them over.
const ResultsFile = 3

// Paths of the gateway, below that of the execution.
const (
	PathFiles   = "/files"
	PathParams  = "/params"
	PathResults = "/handover"
)

// PathExecution is that of an execution.
func PathExecution(id string) string { return "/api/v1/execution/" + id }

// Spec is what the agent is to do.
type Spec struct {
	// Gateway is where the gateway is, and Token what it is shown.
	Gateway string `json:"gateway"`
	Token   string `json:"token"`
	// Execution is the one of which the attempt is.
	Execution string `json:"execution"`
	// CA has certificates, in PEM, one of which has to have signed the gateway's. Default: those of the agent's image.
	CA string `json:"ca,omitempty"`
	// Python says that the harness is to be there.
	Python bool `json:"python,omitempty"`
	// Argv is what is run. A first word with a slash is a path.
	Argv []string `json:"argv"`
	// Env are the script's variables beside those of its image.
	Env map[string]string `json:"env"`
	// Limits of the attempt, with their defaults.
	Limits executor.Limits `json:"limits"`
	// Patience is for how long a gateway is asked that does not answer.
	Patience time.Duration `json:"patience"`
}

// Install is which packages of Python the script requires.
type Install struct {
	// Python is the program of the script's image that runs pip.
	Python string `json:"python"`
	// Index is the URL of the index of packages.
	Index string `json:"index"`
	// Wanted are lines of a requirements.txt.
	Wanted []string `json:"wanted"`
}

// Report is what the agent says of an end. A script can write one itself, about nobody else.
type Report struct {
	// Code and Signal are those of executor.Exit.
	Code   int    `json:"code"`
	Signal string `json:"signal,omitempty"`
	// Verdict is why the agent ended it, or found that it did not begin: TIMEOUT, OOM, REFUSED, FAILED. Empty: it ended by itself.
	Verdict executor.Outcome `json:"verdict,omitempty"`
	Reason  string           `json:"reason,omitempty"`
	// Asked says that the cluster asked for the end.
	Asked bool `json:"asked,omitempty"`
	// Results says what became of them.
	Results Handed `json:"results,omitempty"`
	// Spoilt is why there are results that were not handed over.
	Spoilt string `json:"spoilt,omitempty"`

	// Started and Ended are when. The zero: it never began.
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`

	CPU      time.Duration `json:"cpu,omitempty"`
	PeakRSS  int64         `json:"peak_rss,omitempty"`
	Leftover int           `json:"leftover,omitempty"`
	Dropped  int64         `json:"dropped,omitempty"`
}

// Handed says what became of results.
type Handed string

// What may become of them.
const (
	HandedNone   Handed = "none"
	HandedOver   Handed = "over"
	HandedSpoilt Handed = "spoilt"
)

// End is the stream of the last line of a container's log, whose text is the Report.
const End = 'x'

// MostReport is how long kubelets let such a text be, in bytes.
const MostReport = 4096
