// Package keeper is what runs beside each attempt of the process executor: the keeper, a process that outlives the runner which
// started it, and the stage, which gives away what a script must not have and becomes the script.
//
//	runner ──starts──> keeper ──starts──> stage ──execve──> script
//
// Both may be started before there is an attempt, so that it does not wait for them: the keeper is given its attempt over a socket, and gives the stage
// its own over another. A stage becomes the script's user when it is told who that is.
//
// Both are the program itself, started anew with other arguments, so that there is one binary; [Main] takes over then, and has to be
// called before anything else of the program is. The package imports little: it is what every start of a script waits for.
//
// The keeper writes what the script says to a file, watches what it takes, ends it when a limit or somebody says so, kills all that
// is left of it, and writes how it ended. All of that is in the attempt's directory, where runners find it, later ones too.
package keeper

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// Arguments of the program by which it knows that it is a keeper, or a stage.
const (
	Name      = "fairway-keeper" // the first, in place of the program's name
	verbKeep  = "keep"
	verbAwait = "await" // a stage that waits for what it is to be
	verbInit  = "init"
	verbStage = "stage"
)

// Files of an attempt's directory. Those that a script may touch are in Box.
const (
	FileSpec   = "spec.json"   // what is to be run: Spec
	FileLock   = "lock"        // locked as long as the keeper, or who starts it, lives
	FileState  = "state.json"  // that the keeper has begun: State
	FileExit   = "exit.json"   // how it ended: executor.Exit
	FileOutput = "output"      // what the script says: package framed
	FileErrors = "keeper.log"  // what the keeper itself says, if it panics
	FileCause  = "cause"       // why it is to end: executor.Cause
	FileKill   = "kill"        // that there is no grace
	FileParams = "params.json" // the parameters
	Box        = "box"         // all that the script may write
	Work       = "box/work"    // where it starts
	Temp       = "box/tmp"
	Results    = "box/results.json"
	Root       = "root" // where a root of the script's own is mounted
)

// Spec is what a keeper is to do.
type Spec struct {
	// Argv is the program, which is looked for in PATH of Env if its name has no slash, and its arguments.
	Argv []string `json:"argv"`
	// Env is the whole environment.
	Env []string `json:"env"`
	// Directory is where it starts.
	Directory string `json:"directory"`
	// Stdin is the file that it reads.
	Stdin string `json:"stdin"`
	// Measured is the directory whose size is limited.
	Measured string `json:"measured"`
	// Read are files and directories that it may read and execute, Write those that it may change too. What is not there is left out.
	Read  []string `json:"read"`
	Write []string `json:"write"`
	// TCP are ports to which it may open connections. Without one it has no sockets at all.
	TCP []uint16 `json:"tcp,omitempty"`
	// UDP allows names to be looked up, if there are TCP ports.
	UDP bool `json:"udp,omitempty"`
	// User is the user and group that it becomes; 0: it stays the one that the keeper is.
	User uint32 `json:"user,omitempty"`
	// Limits are complete.
	Limits executor.Limits `json:"limits"`
	// Root is an empty directory on which a root is mounted that has nothing but what Read and Write name, in namespaces of the script's own. Empty: it
	// has none.
	Root string `json:"root,omitempty"`
	// Temp is the directory that is /tmp there.
	Temp string `json:"temp,omitempty"`
	// Cgroup is the directory of its control group; empty: none. It takes Root.
	Cgroup string `json:"cgroup,omitempty"`
	// Probe has the stage try what it must not be able to, instead of running something.
	Probe *Probe `json:"probe,omitempty"`
}

// Probe is what a stage tries.
type Probe struct {
	// Secret is a file that it must not be able to read, Change one whose mode it must not be able to change.
	Secret string `json:"secret"`
}

// ProbePrefix begins what is said of a probe, before what was possible that must not be; nothing more if nothing was.
const ProbePrefix = "probe: "

// State is what a keeper says when it has begun.
type State struct {
	Pid int `json:"pid"`
}

// WriteFile writes JSON to a file that is there whole or not at all.
func WriteFile(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// ReadFile reads what WriteFile wrote.
func ReadFile(path string, value any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return nil
}

// Arguments are those of a keeper, whose end of its line is its descriptor 3. stage has it start its stage at once, before it is given an attempt: not one with a
// Root.
func Arguments(stage bool) []string {
	if stage {
		return []string{Name, verbKeep, verbStage}
	}
	return []string{Name, verbKeep}
}
