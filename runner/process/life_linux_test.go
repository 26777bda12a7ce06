//go:build linux && (amd64 || arm64)

package process_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/process"
)

func TestLifeForgetWhatRuns(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	run := p.shell("a", "trap '' TERM; echo survivor $$; mkdir -p d/e; touch d/e/f; chmod 0 d/e d .; while :; do sleep 0.01; done", executor.Limits{Grace: time.Hour})
	executortest.Says(t, run, "survivor")
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
	s := executortest.Script("v1", map[string]string{"main.sh": "#!/bin/sh\necho begun\n"})
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
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Succeeded || text != "begun\n" {
		t.Errorf("%+v %s", exit, text)
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
	executortest.Says(t, run, "one")
	// Who does not know starts it again.
	again, err := p.Start(t.Context(), executor.Attempt{ID: "a", Script: executor.Script{Version: "v1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(runs, "attempts", "a", "box", "work", "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if exit, text := executortest.End(t, again); exit.Outcome != executor.Succeeded || text != "one\ntwo\n" || executortest.Results(t, run) != "begun" {
		t.Errorf("%+v %s", exit, text)
	}
}

// TestLifeForgetsParts has a removal and a start that were cut off: what is left of them is removed.
func TestLifeForgetsParts(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	for id, parts := range map[string]string{"removed": "box/work", "begun": ""} {
		directory := filepath.Join(p.dir, "runs", "attempts", id)
		if err := os.MkdirAll(filepath.Join(directory, parts), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := p.Forget(t.Context(), id); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", id, err)
		}
	}
	// A name that is none removes nothing.
	if err := p.Forget(t.Context(), ".."); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "runs", "attempts")); err != nil {
		t.Error(err)
	}
}
