package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fairway-gateway/fairway/queries"
)

// TestCache keeps a value over a reload, forgets it by the admin API, and shows it in the metrics.
func TestCache(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	backend := startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", js)
		_, _ = fmt.Fprintf(w, `{"n":%d}`, n.Add(1))
	})
	config := func(word string) string {
		return siteWith("\tfairway {\n\t\tcache 1MiB\n\t}", fmt.Sprintf(`
	health
	respond /word %q
	metrics /metrics
	service /c {
		version 1.0.0
		repository https://example.org/c
		description "Kept"
		backend %s
		GET /{x} {
			fetch a /{x} {
				decode json
				cache 1h
			}
		}
	}`, word, backend.url))
	}
	g := startGateway(t, config("one"))
	want := func(path, body, status string) {
		t.Helper()
		a := g.get(t, path)
		a.wantJSON(t, http.StatusOK, body)
		if got := a.header.Get("Cache-Status"); !strings.HasPrefix(got, status) {
			t.Errorf("%s: %s, want %s", path, got, status)
		}
	}
	want("/c/x", `{"a":{"n":1}}`, "fairway;fwd=miss;stored")
	want("/c/x", `{"a":{"n":1}}`, "fairway;hit")
	want("/c/y", `{"a":{"n":2}}`, "fairway;fwd=miss;stored")
	if err := g.reload(config("two")); err != nil {
		t.Fatal(err)
	}
	g.wantWord(t, "two")
	want("/c/x", `{"a":{"n":1}}`, "fairway;hit")
	g.wantAdmin(t, http.MethodGet, "/fairway/cache", http.StatusOK, `"entries":2,"limit":1048576`)
	g.wantAdmin(t, http.MethodDelete, "/fairway/cache?target=/x&service=c", http.StatusOK, `{"purged":1}`)
	g.wantAdmin(t, http.MethodDelete, "/fairway/cache?services=c", http.StatusBadRequest, "services")
	g.wantAdmin(t, http.MethodPost, "/fairway/cache", http.StatusMethodNotAllowed, "not for the cache")
	want("/c/x", `{"a":{"n":3}}`, "fairway;fwd=miss;stored")
	want("/c/y", `{"a":{"n":2}}`, "fairway;hit")
	g.wantAdmin(t, http.MethodDelete, "/fairway/cache", http.StatusOK, `{"purged":2}`)
	want("/c/y", `{"a":{"n":4}}`, "fairway;fwd=miss;stored")
	metrics := g.get(t, "/metrics").body
	for _, line := range []string{
		`fairway_cache_total{fetch="a",result="hit",route="GET /{x}",service="c"} 3`,
		`fairway_cache_total{fetch="a",result="miss",route="GET /{x}",service="c"} 4`,
		"fairway_cache_entries 1",
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// TestReadyWaitsForARefresh: /ready is 503 until the first value is there.
func TestReadyWaitsForARefresh(t *testing.T) {
	t.Parallel()
	open := make(chan struct{})
	backend := startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-open:
		case <-r.Context().Done():
			return
		}
		_, _ = io.WriteString(w, "[1]")
	})
	g := startGateway(t, site(fmt.Sprintf(`
	health
	service /c {
		version 1.0.0
		repository https://example.org/c
		description "Loaded before it is asked for"
		backend %s
		GET /x {
			fetch list /x {
				decode json
				refresh every 1h ready
			}
			reply `+"`$list`"+`
		}
	}`, backend.url)))
	g.get(t, "/ready").wantJSON(t, http.StatusServiceUnavailable, `{"status":"loading","checks":{"config":"ok","loading":["c GET /x list"]}}`)
	close(open)
	if err := waitFor(func() error {
		if a := g.get(t, "/ready"); a.status != http.StatusOK {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	a := g.get(t, "/c/x")
	a.wantJSON(t, http.StatusOK, `[1]`)
	if !strings.HasPrefix(a.header.Get("Cache-Status"), "fairway;hit") || len(backend.asked()) != 1 {
		t.Errorf("%s, asked %q", a.header.Get("Cache-Status"), backend.asked())
	}
}

// wantAdmin asks the admin endpoint.
func (g *gateway) wantAdmin(t *testing.T, method, path string, status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.admin+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status || !strings.Contains(string(got), body) {
		t.Errorf("%s %s: %d %s, want %d %s", method, path, resp.StatusCode, got, status, body)
	}
}

// TestPurgeReachesGateways has two gateways of one store keep values: what one is told to forget both do, and what a later version
// says, which nobody understands, has them forget all.
func TestPurgeReachesGateways(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		var n atomic.Int32
		backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, `{"n":%d}`, n.Add(1)) })
		config := withStore(fmt.Sprintf(`
	service /c {
		version 1.0.0
		repository https://example.org/c
		description "Kept"
		backend %s
		GET /{x} {
			fetch a /{x} {
				decode json
				cache 1h
			}
		}
	}`, backend.url))
		var gateways []*gateway
		for range 2 {
			gateways = append(gateways, startGateway(t, config, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret))
		}
		other := gateways[1]
		kept := func(path string) string { return other.get(t, path).body }
		forgets := func(path, was string) {
			t.Helper()
			if err := waitFor(func() error {
				if got := kept(path); got == was {
					return fmt.Errorf("%s is kept", got)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		x, y := kept("/c/x"), kept("/c/y")
		gateways[0].wantAdmin(t, http.MethodDelete, "/fairway/cache?target=/x&service=c", http.StatusOK, `{"purged":0}`)
		forgets("/c/x", x)
		if got := kept("/c/y"); got != y {
			t.Errorf("%s and %s: more was forgotten than was said", y, got)
		}
		store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if err := store.PurgeCaches(t.Context(), "country=no"); err != nil {
			t.Fatal(err)
		}
		forgets("/c/y", y)
	})
}
