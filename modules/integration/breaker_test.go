package integration_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
)

// breakerService has a backend that is left alone after three failures, for as long as is said.
func breakerService(address, open string) string {
	return fmt.Sprintf(`
	health
	service /b {
		version 1.0.0
		repository https://example.org/b
		description "A backend that comes and goes"
		backend %s {
			retries 0
			breaker 3 %s
		}
		GET /x {
			fetch /x {
				decode json
			}
		}
	}`, address, open)
}

// TestBreaker opens a breaker and reloads the configuration: the backend is still left alone.
func TestBreaker(t *testing.T) {
	t.Parallel()
	backend := startFake(t, says(status("500 Internal Server Error", "text/plain", "broken")))
	g := startGateway(t, site(breakerService(backend.url, "1h")))
	for range 3 {
		g.get(t, "/b/x").wantProblem(t, http.StatusBadGateway, "backend_status")
	}
	wantOpen := func() {
		t.Helper()
		a := g.get(t, "/b/x")
		a.wantProblem(t, http.StatusServiceUnavailable, "breaker_open")
		if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
		if n := len(backend.received()); n != 3 {
			t.Errorf("the backend was asked %d times, want 3", n)
		}
	}
	wantOpen()
	if err := g.reload(site(breakerService(backend.url, "1h")) + "# the same again\n"); err != nil {
		t.Fatal(err)
	}
	wantOpen()
	if err := g.reload(site("respond /new \"new\"\n" + breakerService(backend.url, "1h"))); err != nil {
		t.Fatal(err)
	}
	if a := g.get(t, "/new"); a.body != "new" {
		t.Errorf("the new configuration is not there: %d %q", a.status, a.body)
	}
	wantOpen()
}

// TestBreakerCloses has a backend that recovers: the service does too, without help.
func TestBreakerCloses(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", js)
		_, _ = w.Write([]byte(`{"well":true}`))
	})
	g := startGateway(t, site(breakerService(backend.url, "200ms")))
	err := waitFor(func() error {
		if a := g.get(t, "/b/x"); a.status != http.StatusServiceUnavailable {
			return errors.New("not open yet")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	well.Store(true)
	err = waitFor(func() error {
		if a := g.get(t, "/b/x"); a.status != http.StatusOK {
			return fmt.Errorf("still %d", a.status)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
