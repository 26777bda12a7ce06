// Package executor says what a runner asks of whatever isolates executions: a process of its own, a container, a job of a cluster.
// It also has the protocol between a script and the runner, which is the same in every language and every executor.
//
// One attempt at an execution is one [Run]. A runner prepares the script's version, starts the attempt, reads what it writes, waits
// for its end, takes its results, and forgets it:
//
//	if err := e.Prepare(ctx, script, nil); err != nil { … }
//	run, err := e.Start(ctx, executor.Attempt{ID: id, Script: script, Params: params})
//	output, err := run.Output(ctx, 0)
//	for { record, err := output.Next(ctx); … } // until io.EOF
//	exit, err := run.Wait(ctx)
//	results, err := run.Results(ctx)
//	err = e.Forget(ctx, id)
//
// A runner that was started anew finds what its predecessor left by [Executor.Attempts], and goes on by [Executor.Attach].
package executor

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrUnknown is what is said of an attempt that was never started here, or was forgotten.
var ErrUnknown = errors.New("no such attempt")

// ErrNoResults is what is said of an attempt that wrote no results.
var ErrNoResults = errors.New("the script wrote no results")

// ErrNotPrepared is what is said of a script's version that has to be prepared before it is started.
var ErrNotPrepared = errors.New("the script was not prepared")

// ErrAway is what is said when that does not answer which attempts run on, as an engine that is started anew: nobody knows whether it was done what it was asked
// for, and whoever asks may ask again.
var ErrAway = errors.New("what executions run on does not answer")

// Executor runs attempts. Its methods may be called at once by several goroutines.
type Executor interface {
	// Prepare makes ready what all attempts of a version of a script share: its files, what it requires. It does nothing where that
	// was done. What there is to say of it is told to log, which may be nil.
	Prepare(ctx context.Context, script Script, log func(text string)) error
	// Start begins an attempt. An attempt with this ID that was begun before is given instead, whether it has ended or not, so that
	// who does not know whether he has started it starts it again. It is ErrNotPrepared where its script is not ready.
	Start(ctx context.Context, attempt Attempt) (Run, error)
	// Attach gives an attempt that was begun before, by this process or by one before it, or ErrUnknown.
	Attach(ctx context.Context, id string) (Run, error)
	// Attempts lists the IDs of all attempts that were begun and not forgotten.
	Attempts(ctx context.Context) ([]string, error)
	// Forget kills an attempt that still runs, and removes all that is kept of it. An unknown one is no error.
	Forget(ctx context.Context, id string) error
	// Close gives back what the executor holds in this process. Attempts that run go on.
	Close() error
}

// Run is one attempt that was started.
type Run interface {
	// ID is the attempt's.
	ID() string
	// Output reads what the script writes, from an offset that Output.Offset told, or from 0. Several may read at once.
	Output(ctx context.Context, offset int64) (Output, error)
	// Cancel has the script end: it is asked to (SIGTERM), and after its grace everything of it is killed. It returns at once; Wait
	// tells the end, whose outcome is that of the first cause which was given. What has ended is left alone.
	Cancel(ctx context.Context, cause Cause) error
	// Kill ends everything of the script at once.
	Kill(ctx context.Context, cause Cause) error
	// Wait returns when nothing of the script runs any more. An end of ctx ends the waiting alone.
	Wait(ctx context.Context) (Exit, error)
	// Results opens what an ended script left as its results, at most Limits.Results bytes, or says ErrNoResults. It is a document
	// of JSON if the script kept to the protocol, which is for the caller to check.
	Results(ctx context.Context) (io.ReadCloser, error)
}

// Output reads records in the order in which they were written.
type Output interface {
	// Next waits for a record. It is io.EOF when the run has ended and all was read. The record's text is good until the next call.
	Next(ctx context.Context) (Record, error)
	// Offset is behind the record that Next gave last: who has kept what came before goes on from there.
	Offset() int64
	// Close ends the reading.
	Close() error
}

// Stream says where a record comes from.
type Stream byte

// The streams of a run.
const (
	Stdout Stream = 'o'
	Stderr Stream = 'e'
	Notice Stream = 'n' // what the executor itself has to say, as that the output was cut
)

// Record is a line that a script wrote, or a part of one.
type Record struct {
	Stream Stream
	Time   time.Time // when it was read from the script
	Text   []byte    // without the line's end; any bytes
	Part   bool      // the line goes on in the next record of this stream
}

// Script is a version of a script.
type Script struct {
	// Version names it: at most 64 letters, digits, "-" and "_". What is prepared is kept under this name, so it never stands for
	// other files.
	Version string
	// Slug is the name that people know, told to the script.
	Slug string
	// Files puts the script's files into an empty directory. Prepare calls it when it has not got them.
	Files func(ctx context.Context, directory string) error
	// Command is what is run, its first word a program of the script or of the machine: ["./run.sh"] or ["Rscript", "main.R"]. Without
	// one it is found as FindEntry says.
	Command []string
}

// Attempt is what is to be run.
type Attempt struct {
	ID        string            // at most 64 letters, digits, "-" and "_"
	Execution string            // the execution's ID, told to the script
	Number    int               // which attempt at the execution it is, from 1
	Script    Script            // of it Version, Slug and Command count
	Params    []byte            // a document of JSON; none is {}
	Env       map[string]string // further variables; those of the protocol cannot be replaced
	Limits    Limits
	// CPUReservation and MemoryReservation are kept free for it where an executor can do that, in the units of Limits. A zero is the limit.
	CPUReservation, MemoryReservation int64
	// Token is the attempt's own, by which what runs it far away fetches it from the gateway. Executors that need no gateway do without.
	Token string
}

// Cause is why a run was ended by others.
type Cause string

// Causes.
const (
	CauseCancel  Cause = "cancel"  // somebody asked for it: the outcome is CANCELLED
	CauseTimeout Cause = "timeout" // it took too long: TIMEOUT
	CauseLost    Cause = "lost"    // the runner does not hold the attempt any more: LOST
)

// Outcome is how a run ended. The words are those of execution_attempts.
type Outcome string

// Outcomes.
const (
	Succeeded Outcome = "SUCCEEDED" // it exited with 0
	Failed    Outcome = "FAILED"    // another exit code, a signal, or a limit that has no word of its own
	Cancelled Outcome = "CANCELLED"
	TimedOut  Outcome = "TIMEOUT" // of the clock, or of the processors
	OOM       Outcome = "OOM"     // it took more memory than its limit
	Lost      Outcome = "LOST"    // nobody knows how it ended
	Refused   Outcome = "REFUSED" // it could not be started, and nothing of it ran
)

// Outcome is what a run that was ended for a cause has as its own.
func (c Cause) Outcome() Outcome {
	switch c {
	case CauseCancel:
		return Cancelled
	case CauseTimeout:
		return TimedOut
	default:
		return Lost
	}
}

// Exit is how a run ended.
type Exit struct {
	Outcome  Outcome       `json:"outcome"`
	Code     int           `json:"code"`             // exit code; 128 and the signal's number after a signal, as in a shell; -1 if it never ran
	Signal   string        `json:"signal,omitempty"` // SIGKILL and its like, if one ended it
	Reason   string        `json:"reason,omitempty"` // a sentence for the script's owner, unless it succeeded
	Started  time.Time     `json:"started"`          // zero if nothing of it ever ran
	Ended    time.Time     `json:"ended"`
	CPU      time.Duration `json:"cpu"`       // what all of its processes used
	PeakRSS  int64         `json:"peak_rss"`  // bytes, of all of its processes together, as far as it was seen
	Leftover int           `json:"leftover"`  // processes that were still there when the script itself had ended, and were killed
	Dropped  int64         `json:"dropped"`   // bytes of output beyond its limit
	DiskUsed int64         `json:"disk_used"` // bytes in its directory, as far as it was seen
}
