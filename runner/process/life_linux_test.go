//go:build linux && (amd64 || arm64)

package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process"
)

func TestLifeStartIsIdempotent(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	s := script("v1", map[string]string{"main.sh": "#!/bin/sh\necho begun >>$FAIRWAY_RESULTS\n"})
	var prepared atomic.Int64
	files := s.Files
	s.Files = func(ctx context.Context, dir string) error {
		prepared.Add(1)
		return files(ctx, dir)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := p.Prepare(t.Context(), s, nil); err != nil {
				t.Error(err)
				return
			}
			run, err := p.Start(t.Context(), executor.Attempt{ID: "a", Script: s})
			if err != nil {
				t.Error(err)
				return
			}
			if exit, err := run.Wait(t.Context()); err != nil || exit.Outcome != executor.Succeeded {
				t.Errorf("%+v %v", exit, err)
			}
		})
	}
	all.Wait()
	run, err := p.Start(t.Context(), executor.Attempt{ID: "a", Script: s})
	if err != nil {
		t.Fatal(err)
	}
	if got := results(t, run); got != "begun" || prepared.Load() != 1 {
		t.Errorf("it was begun: %q, prepared: %d", got, prepared.Load())
	}
}

func TestLifeGoesOnWithoutTheRunner(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	run := p.shell("a", "echo one; while ! [ -e go ]; do sleep 0.01; done; echo two; echo 1 >$FAIRWAY_RESULTS; exit 3", executor.Limits{})
	says(t, run, "one")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	// Another one, as after a restart.
	next, err := process.New(process.Options{Directory: filepath.Join(p.dir, "runs")})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := next.Attempts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a"}, ids); diff != "" {
		t.Error(diff)
	}
	again, err := next.Attach(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Results(t.Context()); err == nil || errors.Is(err, executor.ErrNoResults) {
		t.Errorf("results of what runs: %v", err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "runs", "attempts", "a", "box", "work", "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	exit, text := end(t, again)
	if exit.Outcome != executor.Failed || exit.Code != 3 || exit.Reason != "it exited with 3" || text != "one\ntwo\n" || results(t, again) != "1" {
		t.Errorf("%+v %s", exit, text)
	}
	if err := next.Forget(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Attach(t.Context(), "a"); !errors.Is(err, executor.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if _, err := run.Wait(t.Context()); !errors.Is(err, executor.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	for _, id := range []string{"a", "never", "../scripts", ""} {
		if err := next.Forget(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestLifeCancel(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	for name, test := range map[string]struct {
		text   string
		limits executor.Limits
		end    func(executor.Run) error
		want   executor.Exit
		said   string
	}{
		"it ends when asked to": {
			text: "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done", limits: executor.Limits{Grace: time.Hour},
			want: executor.Exit{Outcome: executor.Cancelled, Code: 7, Reason: "it was cancelled"}, said: "bye",
		},
		"it does not listen": {
			text: "trap '' TERM; echo ready; while :; do sleep 0.01; done", limits: executor.Limits{Grace: 10 * time.Millisecond},
			want: executor.Exit{Outcome: executor.Cancelled, Code: 137, Signal: "SIGKILL", Reason: "it was cancelled"},
		},
		"its children are asked too": {
			text: "(trap 'echo child; exit' TERM; echo ready; while :; do sleep 0.01; done) & wait; wait", limits: executor.Limits{Grace: time.Hour},
			want: executor.Exit{Outcome: executor.Cancelled, Code: 143, Signal: "SIGTERM", Reason: "it was cancelled"},
		},
		"the first cause counts": {
			text: "echo ready; sleep 1000", limits: executor.Limits{Grace: time.Millisecond},
			end: func(run executor.Run) error {
				return errors.Join(run.Cancel(context.Background(), executor.CauseTimeout), run.Kill(context.Background(), executor.CauseCancel))
			},
			want: executor.Exit{Outcome: executor.TimedOut, Reason: "it took too long"},
		},
		"killed": {
			text: "trap '' TERM; echo ready; while :; do sleep 0.01; done", limits: executor.Limits{Grace: time.Hour},
			end:  func(run executor.Run) error { return run.Kill(context.Background(), executor.CauseLost) },
			want: executor.Exit{Outcome: executor.Lost, Code: 137, Signal: "SIGKILL", Reason: "its runner does not hold it any more"},
		},
		"killed in its grace": {
			text: "trap '' TERM; echo ready; while :; do sleep 0.01; done", limits: executor.Limits{Grace: time.Hour},
			end: func(run executor.Run) error {
				return errors.Join(run.Cancel(context.Background(), executor.CauseCancel), run.Kill(context.Background(), executor.CauseLost))
			},
			want: executor.Exit{Outcome: executor.Cancelled, Code: 137, Signal: "SIGKILL", Reason: "it was cancelled"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := p.shell(strings.ReplaceAll(name, " ", "-"), test.text, test.limits)
			says(t, run, "ready")
			cancel := test.end
			if cancel == nil {
				cancel = func(run executor.Run) error { return run.Cancel(t.Context(), executor.CauseCancel) }
			}
			if err := cancel(run); err != nil {
				t.Fatal(err)
			}
			exit, text := end(t, run)
			got := executor.Exit{Outcome: exit.Outcome, Code: exit.Code, Signal: exit.Signal, Reason: exit.Reason}
			if test.want.Code == 0 {
				got.Code, got.Signal = 0, ""
			}
			if diff := cmp.Diff(test.want, got); diff != "" || !strings.Contains(text, test.said) {
				t.Errorf("%s\n%s", diff, text)
			}
			// What has ended stays as it is.
			if err := errors.Join(run.Cancel(t.Context(), executor.CauseLost), run.Kill(t.Context(), executor.CauseLost)); err != nil {
				t.Error(err)
			}
			if again, _ := end(t, run); again.Outcome != exit.Outcome {
				t.Errorf("%+v", again)
			}
		})
	}
}

func TestLifeTimeout(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	run := p.shell("a", "trap '' TERM; echo ready; while :; do sleep 0.01; done", executor.Limits{Timeout: 50 * time.Millisecond, Grace: 10 * time.Millisecond})
	if exit, _ := end(t, run); exit.Outcome != executor.TimedOut || exit.Reason != "it took longer than 50ms" {
		t.Errorf("%+v", exit)
	}
}

func TestLifeWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	run := p.shell("a", "echo ready; sleep 1000", executor.Limits{Grace: 1})
	says(t, run, "ready")
	ctx, stop := context.WithCancel(t.Context())
	output, err := run.Output(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	ended := make(chan error, 2)
	go func() {
		_, err := run.Wait(ctx)
		ended <- err
	}()
	go func() {
		for {
			if _, err := output.Next(ctx); err != nil {
				ended <- err
				return
			}
		}
	}()
	stop()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	// It runs as before.
	if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if exit, _ := end(t, run); exit.Outcome != executor.Cancelled {
		t.Errorf("%+v", exit)
	}
}

func TestLifeForgetWhatRuns(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	run := p.shell("a", "trap '' TERM; echo survivor $$; mkdir -p d/e; touch d/e/f; chmod 0 d/e d .; while :; do sleep 0.01; done", executor.Limits{Grace: time.Hour})
	says(t, run, "survivor")
	if err := p.Forget(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(filepath.Join(p.dir, "runs", "attempts")); err != nil || len(entries) > 0 {
		t.Errorf("%v %v", entries, err)
	}
}

func TestLifeOfAStartThatWasCutOff(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	s := script("v1", map[string]string{"main.sh": "#!/bin/sh\necho begun\n"})
	if err := p.Prepare(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	// What a runner leaves that dies in between.
	dir := filepath.Join(p.dir, "runs", "attempts", "a")
	for _, err := range []error{os.MkdirAll(filepath.Join(dir, "box", "work"), 0o755), os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600), os.WriteFile(filepath.Join(dir, "spec.json"), []byte("{"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	left, err := p.Attach(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if exit, err := left.Wait(t.Context()); err != nil || exit.Outcome != executor.Lost || exit.Reason != "it was never begun" {
		t.Errorf("%+v %v", exit, err)
	}
	run, err := p.Start(t.Context(), executor.Attempt{ID: "a", Script: s})
	if err != nil {
		t.Fatal(err)
	}
	if exit, text := end(t, run); exit.Outcome != executor.Succeeded || text != "begun\n" {
		t.Errorf("%+v %s", exit, text)
	}
}

func TestLifeOfMany(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	s := script("v1", map[string]string{"main.sh": "#!/bin/sh\necho $FAIRWAY_ATTEMPT_ID >$FAIRWAY_RESULTS\ncat $FAIRWAY_RESULTS\n"})
	if err := p.Prepare(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	const many = 30
	runs := make([]executor.Run, many)
	for i := range runs {
		run, err := p.Start(t.Context(), executor.Attempt{ID: fmt.Sprint("many-", i), Script: s})
		if err != nil {
			t.Fatal(err)
		}
		runs[i] = run
	}
	for _, run := range runs {
		exit, text := end(t, run)
		if exit.Outcome != executor.Succeeded || strings.TrimSpace(text) != run.ID() || results(t, run) != run.ID() {
			t.Errorf("%s: %+v %s", run.ID(), exit, text)
		}
	}
}

func TestLifeRunnerIsKilled(t *testing.T) {
	t.Parallel()
	runs := filepath.Join(home(t), "runs")
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "FAIRWAY_TEST_RUNNER="+runs)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	// All of its process group, as a terminal or a supervisor would.
	if killed := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); killed != nil || err != nil || line != "started <nil>\n" {
		t.Fatalf("%q %v %v", line, err, killed)
	}
	_ = cmd.Wait()
	p := open(t, func(o *process.Options) { o.Directory = runs })
	run, err := p.Attach(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	says(t, run, "one")
	// Who does not know starts it again.
	again, err := p.Start(t.Context(), executor.Attempt{ID: "a", Script: executor.Script{Version: "v1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(runs, "attempts", "a", "box", "work", "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if exit, text := end(t, again); exit.Outcome != executor.Succeeded || text != "one\ntwo\n" || results(t, run) != "begun" {
		t.Errorf("%+v %s", exit, text)
	}
}
