//go:build linux && (amd64 || arm64)

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/process"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// patience is how long the tests wait for a process before they call it stuck.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	keeper.Main()
	if dir := os.Getenv("FAIRWAY_TEST_RUNNER"); dir != "" {
		runner(dir)
	}
	if dir := os.Getenv("FAIRWAY_TEST_WAITER"); dir != "" {
		waiter(dir)
	}
	code := m.Run()
	if os.Getenv("FAIRWAY_TEST_ATTACKER") == "" {
		if bin, err := attacker(); err == nil {
			_ = os.RemoveAll(filepath.Dir(bin))
		}
	}
	os.Exit(code)
}

// runner is a process of its own that starts an attempt and does nothing more.
func runner(dir string) {
	ctx := context.Background()
	e, err := process.New(process.Options{Directory: dir})
	if err == nil {
		s := executortest.Script("v1", map[string]string{"main.sh": "#!/bin/sh\necho begun >>$FAIRWAY_RESULTS; echo one; while ! [ -e go ]; do sleep 0.01; done; echo two\n"})
		if err = e.Prepare(ctx, s, nil); err == nil {
			_, err = e.Start(ctx, executor.Attempt{ID: "a", Script: s})
		}
	}
	fmt.Println("started", err)
	select {}
}

// attacker compiles the program that tries what scripts must not.
var attacker = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "fairway-attack")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "attack")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, "./testdata/attack")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("go build: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return bin, nil
})

// place is an executor with its directory.
type place struct {
	executor.Executor
	dir string
	t   testing.TB
}

// home makes a directory that everybody can enter, unlike t.TempDir's.
func home(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fairway-process")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func open(t testing.TB, change func(*process.Options)) *place {
	t.Helper()
	dir := home(t)
	options := process.Options{Directory: filepath.Join(dir, "runs")}
	if change != nil {
		change(&options)
	}
	e, err := process.New(options)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{Executor: e, dir: dir, t: t}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		ids, err := e.Attempts(ctx)
		if err != nil {
			t.Error(err)
		}
		for _, id := range ids {
			if err := e.Forget(ctx, id); err != nil {
				t.Errorf("forget %s: %v", id, err)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// begin prepares and starts.
func (p *place) begin(attempt executor.Attempt) executor.Run {
	p.t.Helper()
	if err := p.Prepare(p.t.Context(), attempt.Script, func(text string) { p.t.Log(text) }); err != nil {
		p.t.Fatal(err)
	}
	run, err := p.Start(p.t.Context(), attempt)
	if err != nil {
		p.t.Fatal(err)
	}
	return run
}

// shell starts lines of sh.
func (p *place) shell(id, text string, limits executor.Limits) executor.Run {
	p.t.Helper()
	s := executortest.Script("v-"+id, map[string]string{"main.sh": "#!/bin/sh\n" + text})
	return p.begin(executor.Attempt{ID: id, Execution: "x-" + id, Number: 1, Script: s, Limits: limits})
}
