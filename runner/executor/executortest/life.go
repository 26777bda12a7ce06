package executortest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
)

func startIsIdempotent(c check) {
	t, s := c.t, c.s
	p := s.place(t)
	script := Script(version(t, "v"), map[string]string{"main.sh": "#!/bin/sh\necho begun\necho begun >>$FAIRWAY_RESULTS\n"})
	var prepared atomic.Int64
	files := script.Files
	script.Files = func(ctx context.Context, dir string) error {
		prepared.Add(1)
		return files(ctx, dir)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := p.Prepare(t.Context(), script, nil); err != nil {
				t.Error(err)
				return
			}
			run, err := p.Start(t.Context(), executor.Attempt{ID: p.name("a"), Script: script})
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
	// Also when it has ended.
	run, err := p.Start(t.Context(), executor.Attempt{ID: p.name("a"), Script: script})
	if err != nil {
		t.Fatal(err)
	}
	exit, text := End(t, run)
	if exit.Outcome != executor.Succeeded {
		t.Errorf("%+v", exit)
	}
	if !s.has(Scripts) {
		return
	}
	if text != "begun\n" || Results(t, run) != "begun" || prepared.Load() != 1 {
		t.Errorf("it was begun: %q, %q, prepared: %d", text, Results(t, run), prepared.Load())
	}
}

func goesOn(c check) {
	t, s := c.t, c.s
	s.need(t, Outlives, Scripts)
	p := s.place(t)
	run := p.shell("a", `trap 'echo two; echo 1 >$FAIRWAY_RESULTS; exit 3' TERM
echo one
while :; do sleep 0.05; done`, executor.Limits{Grace: time.Hour})
	Says(t, run, "one")
	// Another one, as after a restart.
	next := p.Again()
	ids, err := next.Attempts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{p.name("a")}, ids); diff != "" {
		t.Error(diff)
	}
	again, err := next.Attach(t.Context(), p.name("a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Results(t.Context()); err == nil || errors.Is(err, executor.ErrNoResults) {
		t.Errorf("results of what runs: %v", err)
	}
	// Who does not know starts it again.
	started, err := next.Start(t.Context(), executor.Attempt{ID: p.name("a"), Script: executor.Script{Version: version(t, "a")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := started.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	recalls := func(exit executor.Exit, text string) bool {
		return !s.has(Recalls) || exit.Code == 3 && printed(text) == "one\ntwo\n"
	}
	exit, text := End(t, again)
	if exit.Outcome != executor.Cancelled || exit.Reason != "it was cancelled" || !recalls(exit, text) || Results(t, again) != "1" {
		t.Errorf("%+v %s", exit, text)
	}
	// The first one sees the same.
	if exit, text := End(t, run); exit.Outcome != executor.Cancelled || !recalls(exit, text) {
		t.Errorf("%+v %s", exit, text)
	}
	if err := next.Forget(t.Context(), p.name("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Wait(t.Context()); !errors.Is(err, executor.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// printed is the standard output: some shells say on standard error that a child was ended.
func printed(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "e:") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func cancel(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	const deaf = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
	for name, test := range map[string]struct {
		text   string
		limits executor.Limits
		end    func(executor.Run) error
		want   executor.Exit
		said   string
		needs  []Promise
	}{
		"it ends when asked to": {
			text: "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done", limits: executor.Limits{Grace: time.Hour},
			want: executor.Exit{Outcome: executor.Cancelled, Code: 7, Reason: "it was cancelled"}, said: "bye",
		},
		"it does not listen": {
			text: deaf, limits: executor.Limits{Grace: 10 * time.Millisecond},
			want: executor.Exit{Outcome: executor.Cancelled, Code: 137, Signal: "SIGKILL", Reason: "it was cancelled"},
		},
		"its children are asked too": {
			text: "(trap 'echo child; exit' TERM; echo ready; while :; do sleep 0.05; done) & wait; wait", limits: executor.Limits{Grace: time.Hour},
			want: executor.Exit{Outcome: executor.Cancelled, Code: 143, Signal: "SIGTERM", Reason: "it was cancelled"}, needs: []Promise{Asks},
		},
		"killed": {
			text: deaf, limits: executor.Limits{Grace: time.Hour},
			end:  func(run executor.Run) error { return run.Kill(context.Background(), executor.CauseLost) },
			want: executor.Exit{Outcome: executor.Lost, Code: 137, Signal: "SIGKILL", Reason: "its runner does not hold it any more"}, needs: []Promise{Hurries},
		},
		"killed in its grace": {
			text: deaf, limits: executor.Limits{Grace: time.Hour},
			end: func(run executor.Run) error {
				return errors.Join(run.Cancel(context.Background(), executor.CauseCancel), run.Kill(context.Background(), executor.CauseLost))
			},
			want: executor.Exit{Outcome: executor.Cancelled, Code: 137, Signal: "SIGKILL", Reason: "it was cancelled"}, needs: []Promise{Hurries},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.need(t, test.needs...)
			run := p.shell(strings.ReplaceAll(name, " ", "-"), test.text, test.limits)
			Says(t, run, "ready")
			end := test.end
			if end == nil {
				end = func(run executor.Run) error { return run.Cancel(t.Context(), executor.CauseCancel) }
			}
			if err := end(run); err != nil {
				t.Fatal(err)
			}
			exit, text := End(t, run)
			got := executor.Exit{Outcome: exit.Outcome, Code: exit.Code, Signal: exit.Signal, Reason: exit.Reason}
			if !s.has(Recalls) {
				test.want.Code, test.want.Signal, test.said = got.Code, got.Signal, ""
			}
			if diff := cmp.Diff(test.want, got); diff != "" || !strings.Contains(text, test.said) {
				t.Errorf("%s\n%s", diff, text)
			}
			// What has ended stays as it is.
			if err := errors.Join(run.Cancel(t.Context(), executor.CauseLost), run.Kill(t.Context(), executor.CauseLost)); err != nil {
				t.Error(err)
			}
			if again, _ := End(t, run); again.Outcome != exit.Outcome {
				t.Errorf("%+v", again)
			}
		})
	}
}

func firstCause(c check) {
	t, s := c.t, c.s
	p := s.place(t)
	run := p.endless(executor.Limits{Grace: time.Millisecond})
	for _, cause := range []executor.Cause{executor.CauseTimeout, executor.CauseCancel} {
		if err := run.Cancel(t.Context(), cause); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.Kill(t.Context(), executor.CauseLost); err != nil {
		t.Fatal(err)
	}
	if exit, _ := End(t, run); exit.Outcome != executor.TimedOut {
		t.Errorf("%+v", exit)
	}
}

func timeout(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	run := p.endless(executor.Limits{Timeout: 50 * time.Millisecond, Grace: 10 * time.Millisecond})
	if exit, _ := End(t, run); exit.Outcome != executor.TimedOut || exit.Reason != "it took longer than 50ms" {
		t.Errorf("%+v", exit)
	}
}

func waitEnds(c check) {
	t, s := c.t, c.s
	p := s.place(t)
	run := p.endless(executor.Limits{Grace: time.Millisecond})
	if s.has(Scripts) {
		Says(t, run, "ready")
	}
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
	if exit, _ := End(t, run); exit.Outcome != executor.Cancelled {
		t.Errorf("%+v", exit)
	}
}

func forgetWhatRuns(c check) {
	t, s := c.t, c.s
	p := s.place(t)
	run := p.endless(executor.Limits{Grace: time.Hour})
	if s.has(Scripts) {
		Says(t, run, "ready")
	}
	if err := p.Forget(t.Context(), p.name("a")); err != nil {
		t.Fatal(err)
	}
	if ids, err := p.Attempts(t.Context()); err != nil || len(ids) > 0 {
		t.Errorf("%q %v", ids, err)
	}
	if _, err := p.Attach(t.Context(), p.name("a")); !errors.Is(err, executor.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

func unknown(c check) {
	t, s := c.t, c.s
	p := s.place(t)
	for _, id := range []string{p.name("never"), "../scripts", ""} {
		if err := p.Forget(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := p.Attach(t.Context(), id); !errors.Is(err, executor.ErrUnknown) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := p.Start(t.Context(), executor.Attempt{ID: "../x", Script: executor.Script{Version: "v"}}); err == nil {
		t.Error("an attempt has a path as its name")
	}
	if ids, err := p.Attempts(t.Context()); err != nil || len(ids) > 0 {
		t.Errorf("%q %v", ids, err)
	}
}

func many(c check) {
	t, s := c.t, c.s
	p := s.place(t)
	script := Script(version(t, "v"), map[string]string{"main.sh": "#!/bin/sh\necho $FAIRWAY_ATTEMPT_ID >$FAIRWAY_RESULTS\ncat $FAIRWAY_RESULTS\n"})
	if err := p.Prepare(t.Context(), script, nil); err != nil {
		t.Fatal(err)
	}
	runs := make([]executor.Run, 20)
	var all sync.WaitGroup
	for i := range runs {
		all.Go(func() {
			run, err := p.Start(t.Context(), executor.Attempt{ID: p.name(fmt.Sprint("many-", i)), Script: script})
			if err != nil {
				t.Error(err)
			}
			runs[i] = run
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	for _, run := range runs {
		exit, text := End(t, run)
		if exit.Outcome != executor.Succeeded || s.has(Scripts) && (strings.TrimSpace(text) != run.ID() || Results(t, run) != run.ID()) {
			t.Errorf("%s: %+v %s", run.ID(), exit, text)
		}
	}
}
