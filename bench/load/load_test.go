package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var errWrong = errors.New("wrong answer")

// expect returns a check for a 200 with this body.
func expect(body string) func(Answer) error {
	return func(a Answer) error {
		if a.Status != http.StatusOK || string(a.Body) != body {
			return fmt.Errorf("%d %q: %w", a.Status, a.Body, errWrong)
		}
		return nil
	}
}

func address(server *httptest.Server) string { return strings.TrimPrefix(server.URL, "http://") }

func TestRunCounts(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	enough := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if served.Add(1) == 1000 {
			close(enough)
		}
		_, _ = io.WriteString(w, "fine")
	}))
	t.Cleanup(server.Close)

	run := Start(Options{Address: address(server), Path: "/", Connections: 4, Check: expect("fine")})
	run.Measure()
	await(t, enough)
	result := run.Stop()
	if result.Failed != 0 || result.Correct != served.Load() || result.Reconnects != 0 {
		t.Errorf("result: %d correct, %d failed, %d reconnects; want %d, 0, 0; first: %v",
			result.Correct, result.Failed, result.Reconnects, served.Load(), result.FirstFailure)
	}
	if result.Latency.Quantile(1) <= 0 {
		t.Error("no latency was recorded")
	}
}

func TestRunSeesWrongAnswers(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	enough := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := served.Add(1)
		if n == 20 {
			close(enough)
		}
		if n%2 == 0 {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.WriteString(w, "fine")
	}))
	t.Cleanup(server.Close)

	run := Start(Options{Address: address(server), Path: "/", Connections: 1, Check: expect("fine")})
	await(t, enough)
	result := run.Stop()
	if result.Failed < 10 || result.Correct < 10 || !errors.Is(result.FirstFailure, errWrong) {
		t.Errorf("result: %d correct, %d failed, first %v", result.Correct, result.Failed, result.FirstFailure)
	}
}

func TestRunReplacesClosedConnections(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	enough := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n := served.Add(1); n == 20 {
			close(enough)
		} else if n%5 == 0 {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.WriteString(w, "fine")
	}))
	t.Cleanup(server.Close)

	run := Start(Options{Address: address(server), Path: "/", Connections: 2, Check: expect("fine")})
	await(t, enough)
	if result := run.Stop(); result.Failed != 0 || result.Correct != served.Load() {
		t.Errorf("result: %d correct of %d, %d failed, first %v", result.Correct, served.Load(), result.Failed, result.FirstFailure)
	}
}

func TestMeasureRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	options := Options{Address: address(server), Path: "/", Connections: 1, Check: expect("fine")}
	none := func() (time.Duration, error) { return 0, nil }

	if _, _, err := Measure(t.Context(), options, 0, 30*time.Millisecond, none); !errors.Is(err, errWrong) {
		t.Errorf("Measure of wrong answers: error %v; want %v", err, errWrong)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Measure(ctx, options, time.Hour, time.Hour, none); !errors.Is(err, context.Canceled) {
		t.Errorf("Measure after its end: error %v; want %v", err, context.Canceled)
	}
}

func await(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the server was not asked often enough")
	}
}
