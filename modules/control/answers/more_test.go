package answers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/answers"
	"github.com/fairway-gateway/fairway/proxies/cache"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

// TestStream: who follows a long answer is told its status and then the same answer.
func TestStream(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g, other := s.gateway(t, b.URL, nil), s.gateway(t, b.URL, nil)
		at := g.begin(t, http.MethodGet, "/s/slow/1")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, other.URL+at, http.NoBody)
		must(t, err)
		r.Header.Set("Accept", "text/event-stream")
		resp, err := other.Client().Do(r)
		must(t, err)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		next := func() string {
			for lines.Scan() {
				if line := lines.Text(); line != "" && line != ":" {
					return line
				}
			}
			return ""
		}
		if a, b := next(), next(); a != "event: status" || !strings.Contains(b, `"status":"RUNNING"`) {
			t.Fatal(a, b)
		}
		b.gate <- text(`{"a": 1.0}`)
		if a, b := next(), next(); a != "event: status" || !strings.Contains(b, `"answer":200`) || !strings.Contains(b, `"status":"FINISHED"`) {
			t.Fatal(a, b)
		}
		if a, b := next(), next(); a != "event: answer" || b != `data: {"a":1.0}` {
			t.Fatal(a, b)
		}
		if rest := next(); rest != "" {
			t.Error(rest)
		}
		if a := other.ask(t, http.MethodGet, at, header("Accept", "text/event-stream")); !strings.Contains(a.body, "event: answer\ndata: {\"a\":1.0}\n\n") {
			t.Error(a.body)
		}
	})
}

// TestOwnPassword: an answer that was made with the caller's password is for who shows that again.
func TestOwnPassword(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, func(c *wrap.Config) { c.Backends[0].Auth = session.Basic{} })
		at := g.begin(t, http.MethodGet, "/s/slow/1", as("ann"))
		b.gate <- text(`1`)
		g.end(t, at, as("ann"))
		for _, set := range [][]func(*http.Request){nil, {as("bob")}} {
			if a := g.ask(t, http.MethodGet, at, set...); a.StatusCode != http.StatusNotFound {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		}
		if req, err := s.store.LongRequest(t.Context(), idOf(t, at)); err != nil || req.Request != nil {
			t.Errorf("the request is kept: %v", err)
		}
	})
}

// TestCoalesced: callers who ask at once wait for one fetch, each with an execution of his own.
func TestCoalesced(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		kept := cache.New(1 << 20)
		t.Cleanup(kept.Close)
		g := s.gatewayWith(t, b.URL, func(c *wrap.Config) {
			c.Routes[0].Fetches[0].Cache = &wrap.Cache{TTL: wrap.Duration(time.Hour)}
		}, func(d *wrap.Deps) { d.Cache = kept })
		first, second := g.begin(t, http.MethodGet, "/s/slow/1"), g.begin(t, http.MethodGet, "/s/slow/1")
		if first == second {
			t.Fatal("two callers have one execution")
		}
		b.gate <- text(`[7]`)
		for _, at := range []string{first, second} {
			g.end(t, at).want(t, http.StatusOK, "[7]\n")
		}
		g.ask(t, http.MethodGet, "/s/slow/1").want(t, http.StatusOK, "[7]\n")
		if n := len(b.asked); n != 1 {
			t.Errorf("the backend was asked %d times", n)
		}
	})
}

// TestGiganticAnswer: a body that is longer than it may be is no more than that, however long it takes.
func TestGiganticAnswer(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, nil)
		at := g.begin(t, http.MethodGet, "/s/slow/1")
		var sent atomic.Int64
		b.gate <- func(w http.ResponseWriter) {
			chunk := []byte(`"` + strings.Repeat("x", 1<<20-3) + `",`)
			for range 1024 {
				n, err := w.Write(chunk)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		}
		g.end(t, at).fails(t, http.StatusBadGateway, "backend_too_large")
		if n := sent.Load(); n >= 1<<30 {
			t.Errorf("%d bytes were read", n)
		}
	})
}

// TestStoreThatIsAway: without a store callers wait as if there were no such word, until their budget is over.
func TestStoreThatIsAway(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		var mu sync.Mutex
		gone := false
		g := s.gateway(t, b.URL, func(c *wrap.Config) { c.Routes[0].Budget = wrap.Duration(2 * time.Second) }, func(c *answers.Config) {
			c.Store = func(context.Context) (*queries.Store, error) {
				mu.Lock()
				defer mu.Unlock()
				if gone {
					return nil, errors.New("away")
				}
				return s.store, nil
			}
		})
		at := g.begin(t, http.MethodGet, "/s/slow/1")
		mu.Lock()
		gone = true
		mu.Unlock()
		g.ask(t, http.MethodGet, "/s/slow/2").fails(t, http.StatusGatewayTimeout, "backend_timeout")
		if a := g.ask(t, http.MethodGet, at); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		b.gate <- text(`1`)
		b.gate <- text(`2`)
		if a := g.ask(t, http.MethodGet, "/s/slow/3"); a.StatusCode != http.StatusOK {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

// TestPending: what is told of what runs is JSON of three texts.
func TestPending(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, nil)
		a := g.ask(t, http.MethodGet, "/s/slow/1")
		var got map[string]string
		must(t, json.Unmarshal([]byte(a.body), &got))
		if got["id"] != idOf(t, a.Header.Get("Location")).String() || got["status"] != "RUNNING" || got["location"] != a.Header.Get("Location") || a.Header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%v %v", got, a.Header)
		}
	})
}
