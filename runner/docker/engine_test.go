//go:build linux

package docker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/dockertest"
	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/docker"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// patience is how long the tests wait for the engine before they call it stuck.
const patience = 300 * time.Second

// shared is the engine of most tests: one that is there, as FAIRWAY_TEST_DOCKER names, or the tests' own.
var shared = sync.OnceValues(func() (*dockertest.Engine, error) {
	asked.Store(true)
	if host := os.Getenv("FAIRWAY_TEST_DOCKER"); host != "" {
		return dockertest.At(host)
	}
	return dockertest.Start()
})

// asked says that somebody wanted the shared engine.
var asked atomic.Bool

func TestMain(m *testing.M) {
	if text := os.Getenv("FAIRWAY_TEST_RUNNER"); text != "" {
		runner(text)
	}
	code := m.Run()
	if asked.Load() {
		if e, err := shared(); err == nil {
			if err := e.Close(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = max(code, 1)
			}
		}
	}
	os.Exit(code)
}

// host is where the shared engine listens.
func host(t testing.TB) string {
	t.Helper()
	e, err := shared()
	if err != nil {
		required.Absent(t, "docker", err)
	}
	return e.Host()
}

// options are those of most tests.
func options(t testing.TB) docker.Options {
	t.Helper()
	return docker.Options{Host: host(t), Directory: t.TempDir(), Image: dockertest.Image, Pull: "never"}
}

// open opens an executor whose attempts are forgotten when the test ends.
func open(t testing.TB, options docker.Options) *docker.Executor {
	t.Helper()
	e, err := docker.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		ids, err := e.Attempts(ctx)
		for _, id := range ids {
			err = errors.Join(err, e.Forget(ctx, id))
		}
		if err := errors.Join(err, e.Close()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// begin prepares and starts.
func begin(t testing.TB, e executor.Executor, attempt executor.Attempt) executor.Run {
	t.Helper()
	if err := e.Prepare(t.Context(), attempt.Script, func(text string) { t.Log(text) }); err != nil {
		t.Fatal(err)
	}
	run, err := e.Start(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}
	return run
}
