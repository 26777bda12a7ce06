//go:build linux && (amd64 || arm64)

package process_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/process"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// berths are the directories that wait for attempts.
func berths(t *testing.T, p *place) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.dir, "runs", "ahead", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestLifeBerths has the directory of an attempt be the one that waited, with nothing in it that is not the attempt's, unless the attempt has one; and none be
// left when the executor is closed.
func TestLifeBerths(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	process.Fill(p.Executor, 1)
	waits := berths(t, p)
	if len(waits) != 1 {
		t.Fatalf("%v wait", waits)
	}
	before, err := os.Stat(waits[0])
	if err != nil {
		t.Fatal(err)
	}
	list := `echo * "$HOME" && touch made && ls -A "$TMPDIR"`
	work := filepath.Join(p.dir, "runs", "attempts", "a", "box", "work")
	if exit, text := executortest.End(t, p.shell("a", list, executor.Limits{})); exit.Outcome != executor.Succeeded || text != "main.sh "+work+"\n" {
		t.Errorf("%+v %q", exit, text)
	}
	after, err := os.Stat(filepath.Join(p.dir, "runs", "attempts", "a"))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the attempt is not where a directory waited for it")
	}
	// One whose start was cut off has a directory already.
	until(t, "another one", func() bool { return len(berths(t, p)) > 0 })
	if err := os.MkdirAll(filepath.Join(p.dir, "runs", "attempts", "b", "box", "work", "left"), 0o700); err != nil {
		t.Fatal(err)
	}
	if exit, text := executortest.End(t, p.shell("b", "echo *", executor.Limits{})); exit.Outcome != executor.Succeeded || text != "main.sh\n" {
		t.Errorf("%+v %q", exit, text)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if left := berths(t, p); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// TestLifeBerthsOfTheDead has an executor remove what one that was killed left to wait, and leave alone what another one has.
func TestLifeBerthsOfTheDead(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	process.Fill(p.Executor, 1)
	waits := berths(t, p)
	if len(waits) != 1 {
		t.Fatalf("%v wait", waits)
	}
	for _, left := range []string{"dead/box/work", "begun"} {
		if err := os.MkdirAll(filepath.Join(p.dir, "runs", "ahead", left), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	other, err := process.New(process.Options{Directory: filepath.Join(p.dir, "runs")})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.(*process.Executor).Close(); err != nil {
		t.Fatal(err)
	}
	if left := berths(t, p); len(left) != 1 || left[0] != waits[0] {
		t.Errorf("%v are left of %v", left, waits)
	}
}

// TestLifeFailedStart has a keeper go on waiting where an attempt cannot be started.
func TestLifeFailedStart(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	waits := process.Fill(p.Executor, 1)
	if err := os.MkdirAll(filepath.Join(p.dir, "runs", "attempts", "a", keeper.FileErrors), 0o700); err != nil {
		t.Fatal(err)
	}
	script := executortest.Script("v", map[string]string{"main.sh": "#!/bin/sh\necho one"})
	if err := p.Prepare(t.Context(), script, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Start(t.Context(), executor.Attempt{ID: "a", Execution: "x-a", Number: 1, Script: script}); err == nil {
		t.Fatal("an attempt was started without a place for what its keeper says")
	}
	if diff := cmp.Diff(waits, process.Waiting(p.Executor)); diff != "" {
		t.Errorf("those who wait: %s", diff)
	}
	if exit, text := executortest.End(t, p.shell("b", "echo two", executor.Limits{})); exit.Outcome != executor.Succeeded || text != "two\n" {
		t.Errorf("%+v %q", exit, text)
	}
	if keeperOf(t, p, "b") != waits[0] {
		t.Errorf("%d has the next attempt, and %d waited", keeperOf(t, p, "b"), waits[0])
	}
}
