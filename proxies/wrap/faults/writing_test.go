package faults_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// orders is a backend that takes orders and remembers them.
type orders struct {
	mu   sync.Mutex
	keys []string // of the orders that came
}

func (o *orders) take(w http.ResponseWriter, r *http.Request) {
	_, _ = io.ReadAll(r.Body)
	o.mu.Lock()
	o.keys = append(o.keys, r.Header.Get("Idempotency-Key"))
	o.mu.Unlock()
	large(w, r)
}

// TestWritesAreMadeOnce has a line break at any point of a POST: it is not made twice, unless the fetch says that a second does no
// harm; with a key both have the same.
func TestWritesAreMadeOnce(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		for _, kind := range []string{"", "idempotent", "idempotency_key"} {
			t.Run(strings.TrimSpace(f.name+" "+kind), func(t *testing.T) {
				t.Parallel()
				o := new(orders)
				_, url := served(t, o.take)
				l := between(t, url)
				two := 2
				b := backend("ill", l.url, func(b *wrap.Backend) { b.Retries = &two })
				fetch := gets("", "ill", "/value?how="+f.how, func(g *wrap.Fetch) {
					g.Method, g.Body, g.Timeout = http.MethodPost, &wrap.Body{Kind: "json", JQ: "{ order: 1 }"}, wrap.Duration(f.timeout)
					g.Idempotent, g.IdempotencyKey = kind == "idempotent", kind == "idempotency_key"
				})
				r := rigged(t, []wrap.Backend{b}, wrap.Route{Method: http.MethodPost, Pattern: "/x", Fetches: []wrap.Fetch{fetch}, Reply: "{ n: .n }"})
				l.breaks(t, f.toxics...)
				w := httptest.NewRecorder()
				start := time.Now()
				r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/s/x", http.NoBody))
				if took := time.Since(start); took > patience/2 {
					t.Errorf("it took %s", took)
				}
				if w.Code != f.status || !strings.Contains(w.Body.String(), f.code) {
					t.Errorf("%d %s, want %d %s", w.Code, w.Body, f.status, f.code)
				}
				attempts := 3
				if kind == "" || f.status == http.StatusOK {
					attempts = 1
				}
				failed := attempts
				if f.status == http.StatusOK {
					failed = 0
				}
				if n := r.failures("ill"); n != failed {
					t.Errorf("the breaker counts %d failures, want %d", n, failed)
				}
				o.mu.Lock()
				defer o.mu.Unlock()
				if len(o.keys) > attempts {
					t.Errorf("%d orders came of %d attempts", len(o.keys), attempts)
				}
				for _, key := range o.keys {
					if key != o.keys[0] || (key != "") != (kind == "idempotency_key") {
						t.Errorf("the keys are %q", o.keys)
					}
				}
			})
		}
	}
}

// TestWritesOverKeptConnections: a connection that the backend closes while it is idle costs no second POST, even where the client
// of a GET would send it again without a word.
func TestWritesOverKeptConnections(t *testing.T) {
	t.Parallel()
	o := new(orders)
	_, url := served(t, o.take)
	l := between(t, url)
	r := rigged(t, []wrap.Backend{backend("ill", l.url)}, wrap.Route{Method: http.MethodPost, Pattern: "/x", Fetches: []wrap.Fetch{
		gets("", "ill", "/value?how=open", func(g *wrap.Fetch) {
			g.Method, g.Body = http.MethodPost, &wrap.Body{Kind: "json", JQ: "1"}
		}),
	}, Reply: "{ n: .n }"})
	l.breaks(t, `{"type":"limit_data","attributes":{"bytes":40000}}`) // one answer, and a part of the next one
	good := 0
	const times = 6
	for range times {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/s/x", http.NoBody))
		if w.Code == http.StatusOK {
			good++
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if good == 0 || good == times || len(o.keys) != times {
		t.Errorf("%d good answers, and %d orders came of %d", good, len(o.keys), times)
	}
}
