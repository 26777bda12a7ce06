// Package fleet_test holds three gateways and two runners over one PostgreSQL, behind a balancer, to be as one.
package fleet_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/fleet"
)

const (
	// repository is the top of fairway's source, seen from here.
	repository = "../.."
	docs       = repository + "/docs/scaling.md"
	// patience is how long a test waits for what must come. Nothing asserts how long a thing took.
	patience = 3 * time.Minute
)

var builder *build.Builder

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fairway-e2e-fleet")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// Without the race detector: what stands between a script and the machine is a program without C.
	builder = &build.Builder{Tools: "../tools", Repository: repository, Temporary: dir}
	if _, err := builder.Fairway(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return m.Run()
}

// await waits until something is as it must be.
func await(t *testing.T, what string, is func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := is()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// caller is a client with connections of its own, which it keeps.
func caller(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// want asks for a URL, and fails where the answer is another one.
func want(t *testing.T, by *http.Client, url string, status int, body string) {
	t.Helper()
	got, text, err := fleet.Get(t.Context(), by, url)
	if err != nil || got != status || text != body && body != "" {
		t.Errorf("%s: %d %.300q, %v; want %d %q", url, got, text, err, status, body)
	}
}
