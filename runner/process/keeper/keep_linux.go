//go:build linux && (amd64 || arm64)

package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// keeperLine is a keeper's end of its line.
const keeperLine = 3

// program is the file of this program, whatever became of its name.
const program = "/proc/self/exe"

// keeping is one keeper at work.
type keeping struct {
	directory string
	spec      Spec
	output    *output
	exit      executor.Exit
	ahead     *waitingStage // one that was started before there was an attempt; nil: there is none

	pid      int                     // the stage, later the script
	ended    chan syscall.WaitStatus // of the script itself
	gone     chan struct{}           // closed when nothing of it is left
	report   chan string             // why the stage failed; empty if it did not
	copied   chan struct{}           // a stream has ended
	refused  string                  // what came through report
	reported bool                    // that something came
	verdict  verdict
	status   *os.File // where an init says how the script ended
}

// verdict is why the keeper ends a script, the first reason there was.
type verdict struct {
	outcome executor.Outcome
	reason  string
}

// keep keeps the attempt that it is given. Its exit code means nothing: what there is to say is in the attempt's directory. If it is given none it
// ends, and its stage with it.
func keep(staged bool) int {
	// The script is killed when the thread ends that started it.
	runtime.LockOSThread()
	unix.CloseOnExec(keeperLine)
	k := &keeping{
		ended: make(chan syscall.WaitStatus, 1), gone: make(chan struct{}), report: make(chan string, 1), copied: make(chan struct{}, 2),
	}
	if staged {
		k.ahead, _ = startStage() // it is tried again when it is needed
	}
	// Not ignored: the script would inherit that.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGPIPE)
	asked := make(chan os.Signal, 4)
	signal.Notify(asked, unix.SIGTERM, unix.SIGINT)
	rehearseKeeper()
	say(SaidReady)
	var err error
	if k.directory, err = given(); err != nil || len(asked) > 0 {
		return 0
	}
	k.exit.Started = time.Now().UTC()
	k.exit.Code = -1
	if err = k.run(asked); err != nil {
		k.exit.Outcome, k.exit.Reason = executor.Refused, err.Error()
	}
	k.exit.Ended = time.Now().UTC()
	err = WriteFile(k.file(FileExit), k.exit)
	if err != nil && os.Remove(k.file(FileOutput)) == nil {
		// The disk is full. How it ended matters more than what it said.
		k.exit.Reason += "; its output is lost: " + err.Error()
		err = WriteFile(k.file(FileExit), k.exit)
	}
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}

func (k *keeping) file(name string) string { return filepath.Join(k.directory, name) }

// run is the whole life of a script. An error says why it never began.
func (k *keeping) run(asked <-chan os.Signal) error {
	if err := ReadFile(k.file(FileSpec), &k.spec); err != nil {
		return err
	}
	// Whatever of the script loses its parent becomes ours.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt what loses its parent: %w", err)
	}
	if err := WriteFile(k.file(FileState), State{Pid: os.Getpid()}); err != nil {
		return err
	}
	say(SaidBegun)
	// Who asked before could send no signal.
	if k.asked(); k.verdict.outcome != "" {
		k.exit.Outcome, k.exit.Reason = k.verdict.outcome, k.verdict.reason
		return nil
	}
	file, err := os.OpenFile(k.file(FileOutput), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("make the file of the output: %w", err)
	}
	defer file.Close()
	k.output = &output{file: file, most: k.spec.Limits.Output}
	if err := k.start(); err != nil {
		return err
	}
	go k.reap()
	status := k.watch(asked)
	k.copies()
	if !k.reported {
		k.refused = <-k.report
	}
	k.judge(status)
	return nil
}

// asked looks whether and why somebody wants the script to end. It says whether that is to be at once.
func (k *keeping) asked() (now bool) {
	cause, err := os.ReadFile(k.file(FileCause))
	if err == nil {
		c := executor.Cause(strings.TrimSpace(string(cause)))
		reason := map[executor.Cause]string{executor.CauseCancel: "it was cancelled", executor.CauseTimeout: "it took too long"}[c]
		if reason == "" {
			reason = "its runner does not hold it any more"
		}
		k.decide(c.Outcome(), reason)
	}
	_, err = os.Stat(k.file(FileKill))
	return err == nil
}

// decide keeps the first reason.
func (k *keeping) decide(outcome executor.Outcome, reason string) {
	if k.verdict.outcome == "" {
		k.verdict = verdict{outcome, reason}
	}
}

// copy copies what comes through a pipe to the output.
func (k *keeping) copy(from *os.File, stream executor.Stream) {
	defer func() { k.copied <- struct{}{} }()
	defer from.Close()
	k.output.copy(from, byte(stream))
}

// copies waits for the ends of both streams. All who could write are dead, unless the kernel does not let one die.
func (k *keeping) copies() {
	timeout := time.NewTimer(5 * time.Second)
	defer timeout.Stop()
	for range 2 {
		select {
		case <-k.copied:
		case <-timeout.C:
			return
		}
	}
}

// reap takes in the ends of all children: the script, and what it left behind.
func (k *keeping) reap() {
	defer close(k.gone)
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return // there is none left
		case pid == k.pid:
			k.ended <- syscall.WaitStatus(status)
		}
	}
}

// judge says how it ended.
func (k *keeping) judge(status syscall.WaitStatus) {
	e := &k.exit
	if k.status != nil {
		// What ended so far was the script's init.
		var told [4]byte
		if _, err := io.ReadFull(k.status, told[:]); err == nil {
			status = syscall.WaitStatus(binary.LittleEndian.Uint32(told[:]))
		}
		k.status.Close()
	}
	if k.spec.Cgroup != "" {
		if cgroupOOM(k.spec.Cgroup) {
			k.decide(executor.OOM, fmt.Sprintf("it took more than %d bytes of memory", k.spec.Limits.Memory))
		}
		_ = os.Remove(k.spec.Cgroup)
	}
	e.CPU, e.Dropped = ended(), k.output.dropped
	e.Code = status.ExitStatus()
	if status.Signaled() {
		e.Signal = unix.SignalName(status.Signal())
		e.Code = 128 + int(status.Signal())
	}
	if k.refused != "" {
		e.Outcome, e.Code, e.Reason, e.Signal = executor.Refused, -1, k.refused, ""
		if k.verdict.outcome != "" {
			e.Outcome, e.Reason = k.verdict.outcome, k.verdict.reason
		}
		return
	}
	switch {
	case k.verdict.outcome != "":
		e.Outcome, e.Reason = k.verdict.outcome, k.verdict.reason
	case status.Signaled():
		e.Outcome, e.Reason = k.signalled(status.Signal())
	case e.Code != 0:
		e.Outcome, e.Reason = executor.Failed, fmt.Sprintf("it exited with %d", e.Code)
		if e.PeakRSS > k.spec.Limits.Memory/10*8 {
			e.Reason += fmt.Sprintf("; it had come near its limit of %d bytes of memory", k.spec.Limits.Memory)
		}
	default:
		e.Outcome = executor.Succeeded
	}
}

// signalled says what a signal means that the keeper did not send.
func (k *keeping) signalled(by syscall.Signal) (executor.Outcome, string) {
	switch by {
	case unix.SIGXCPU:
		return executor.TimedOut, fmt.Sprintf("it had the processors for longer than %s", k.spec.Limits.CPUTime)
	case unix.SIGXFSZ:
		return executor.Failed, fmt.Sprintf("it wrote a file of more than %d bytes", k.spec.Limits.Disk)
	case unix.SIGKILL:
		if k.spec.Limits.CPUTime > 0 && k.exit.CPU > k.spec.Limits.CPUTime {
			return executor.TimedOut, fmt.Sprintf("it had the processors for longer than %s", k.spec.Limits.CPUTime)
		}
		return executor.Failed, "somebody else killed it, maybe the machine, for want of memory"
	case unix.SIGSYS:
		return executor.Failed, "it made system calls of another architecture"
	default:
		return executor.Failed, "it was ended by " + unix.SignalName(by)
	}
}
