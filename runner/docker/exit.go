package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// ended says whether a container has run and does no more.
func ended(state *container.State) bool {
	return state.Status == container.StateExited || state.Status == container.StateDead
}

// timeOf reads a time of the engine. One that was never is the zero.
func timeOf(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1970 {
		return time.Time{}
	}
	return at.UTC()
}

// look says how a run has ended, if it has.
func (r *run) look(ctx context.Context) (exit executor.Exit, is bool, err error) {
	found, err := r.inspect(ctx)
	if err != nil {
		return executor.Exit{}, false, err
	}
	state := found.State
	if !ended(state) && state.Status != container.StateCreated {
		return executor.Exit{}, false, nil
	}
	asked, is, err := r.cause(ctx)
	if err != nil {
		return executor.Exit{}, false, err
	}
	exit = executor.Exit{Outcome: executor.Lost, Code: -1, Started: timeOf(state.StartedAt), Ended: timeOf(state.FinishedAt)}
	if exit.Ended.Before(exit.Started) { // an engine looks at the clock when it has begun something, which may have ended by then
		exit.Ended = exit.Started
	}
	if state.Status == container.StateCreated {
		return r.unstarted(ctx, found, asked, is)
	}
	r.executor.deadlines.remove(r.id)
	exit.Code = state.ExitCode
	if exit.Code > 128 && exit.Code <= 128+64 {
		exit.Signal = signalName(exit.Code - 128)
	}
	if is {
		exit.Outcome, exit.Reason = asked.Cause.Outcome(), asked.Reason
		return exit, true, nil
	}
	if exit.Code == 0 && found.Config.Labels[labelShell] == "yes" {
		if exit.Code, err = r.exited(ctx); err != nil {
			return executor.Exit{}, false, err
		}
	}
	if exit.Code < 0 {
		exit.Reason = "the engine was ended while it ran, and does not know how it ended"
		return exit, true, nil
	}
	exit.Outcome, exit.Reason = judge(state, exit, limitsOf(found.Config.Labels))
	return exit, true, nil
}

// exited is what a script exited with, as its shell has written it; below 0: it has not, whatever the engine believes.
func (r *run) exited(ctx context.Context) (int, error) {
	written, err := r.open(ctx, nameExit, 16)
	if _, long := errors.AsType[*tooLongError](err); long || errors.Is(err, executor.ErrNoResults) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	defer written.Close()
	text, err := io.ReadAll(written)
	if err != nil {
		return 0, fmt.Errorf("read what attempt %s exited with: %w", r.id, err)
	}
	code, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 8)
	if err != nil {
		return -1, nil // the script has written to it
	}
	return int(code), nil
}

// unstarted says how a run has ended whose container was made and, as the engine says, not started. An engine that was killed just then may have started it all the same.
func (r *run) unstarted(ctx context.Context, found container.InspectResponse, asked request, is bool) (exit executor.Exit, over bool, err error) {
	_, began, err := r.trace(ctx)
	if err != nil {
		return executor.Exit{}, false, err
	}
	exit = executor.Exit{Outcome: executor.Lost, Code: -1, Started: began, Ended: time.Now().UTC()}
	failed := found.State.Error != "" && !withoutContainerd(found.State.Error) // otherwise whoever starts it tries that again
	last := timeOf(found.Created)
	if began.After(last) {
		last = began
	}
	switch {
	case is:
		exit.Outcome, exit.Reason = asked.Cause.Outcome(), asked.Reason
	case failed && began.IsZero():
		exit.Outcome, exit.Reason = executor.Refused, found.State.Error
	case !failed && time.Since(last) <= r.executor.neverBegun:
		return executor.Exit{}, false, nil
	case began.IsZero():
		exit.Reason = "it was never begun"
	default:
		exit.Reason = "the engine was ended while it started it, and does not know how it ended"
	}
	return exit, true, nil
}

// judge says what it means how a container ended that nobody asked to.
func judge(state *container.State, exit executor.Exit, limits executor.Limits) (executor.Outcome, string) {
	switch {
	case exit.Code == 0:
		return executor.Succeeded, ""
	case state.OOMKilled:
		return executor.OOM, fmt.Sprintf("it took more than %d bytes of memory; what it writes to files counts, too", limits.Memory)
	case state.Error != "":
		return executor.Lost, "the engine says: " + state.Error
	case exit.Signal == "SIGXCPU", exit.Signal == "SIGKILL" && limits.CPUTime > 0 && exit.Ended.Sub(exit.Started) >= limits.CPUTime:
		return executor.TimedOut, fmt.Sprintf("it had the processors for longer than %s", limits.CPUTime)
	case exit.Signal == "SIGXFSZ":
		return executor.Failed, fmt.Sprintf("it wrote a file of more than %d bytes", limits.Disk)
	case exit.Code == 255, exit.Signal == "SIGKILL":
		return executor.Failed, fmt.Sprintf("it exited with %d: somebody else killed it, or the engine was ended", exit.Code)
	case exit.Signal != "":
		return executor.Failed, "it was ended by " + exit.Signal
	case exit.Code == 126, exit.Code == 127:
		return executor.Failed, fmt.Sprintf("it exited with %d, as a shell does for a program that is not there or cannot be run", exit.Code)
	default:
		return executor.Failed, fmt.Sprintf("it exited with %d", exit.Code)
	}
}
