// Package fleet_test holds three gateways and two runners over one PostgreSQL, behind a balancer, to be as one.
package fleet_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/fleet"
	"github.com/fairway-gateway/fairway/e2e/process"
)

const (
	// repository is the top of fairway's source, seen from here.
	repository = "../.."
	docs       = repository + "/docs/scaling.md"
	// patience is how long a test waits for what must come. Nothing asserts how long a thing took.
	patience = 3 * time.Minute
)

// builder builds without the race detector: what stands between a script and the machine is a program without C.
var builder = &build.Builder{Module: ".."}

func TestMain(m *testing.M) { os.Exit(builder.Main(m)) }

// await waits until something is as it must be.
func await(t *testing.T, what string, is func() error) {
	t.Helper()
	if err := process.Until(patience, 20*time.Millisecond, is); err != nil {
		t.Fatalf("%s: %v", what, err)
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
