package faults_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// trickling hangs, or has pages without end, each of which takes a while.
func trickling(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/well":
		_, _ = io.WriteString(w, `{"n":1}`)
	case "/pages":
		select {
		case <-time.After(30 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Link", "</pages?p="+r.URL.Query().Get("p")+"1>; rel=next")
		_, _ = io.WriteString(w, `[1]`)
	case "/often":
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	default:
		_, _ = io.WriteString(w, `{"n":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// TestHangingPartCostsItsDeadline: a part that hangs for ever does not keep the answer, whoever's deadline it is, and its requests
// end with it. By how much an answer is late is measured by W5c of the benchmarks.
func TestHangingPartCostsItsDeadline(t *testing.T) {
	const deadline = 100 * time.Millisecond
	brief := wrap.Duration(deadline)
	timeout := func(f *wrap.Fetch) { f.Timeout = brief }
	budget := func(f *wrap.Fetch) { f.Budget = brief }
	stale := func(f *wrap.Fetch) { f.Stale = wrap.Duration(time.Hour) }
	retried := func(b *wrap.Backend) { five := 5; b.Retries = &five }
	item := gets("", "main", "/hangs/{item}", func(f *wrap.Fetch) { f.Timeout = wrap.Duration(time.Minute) })
	well := gets("w", "main", "/well")
	whole := func(f wrap.Fetch, more ...func(*wrap.Fetch)) wrap.Fetch {
		for _, m := range more {
			m(&f)
		}
		return f
	}
	for _, c := range []struct {
		name    string
		fetches []wrap.Fetch
		budget  wrap.Duration
		more    []func(*wrap.Backend)
		status  int
		tls     bool
	}{
		{name: "timeout, over TLS", fetches: []wrap.Fetch{well, gets("h", "main", "/hangs", timeout, optional)}, status: 200, tls: true},
		{name: "budget of items, over TLS", fetches: []wrap.Fetch{whole(fanned("l", "[range(40)]", 4, item), budget, optional)}, status: 200, tls: true},
		{name: "timeout", fetches: []wrap.Fetch{well, gets("h", "main", "/hangs", timeout)}, status: 504},
		{name: "timeout, optional", fetches: []wrap.Fetch{well, gets("h", "main", "/hangs", timeout, optional)}, status: 200},
		{name: "timeout, cached", fetches: []wrap.Fetch{well, gets("h", "main", "/hangs", timeout, optional, kept)}, status: 200},
		{name: "budget", fetches: []wrap.Fetch{well, gets("h", "main", "/hangs", budget)}, status: 504},
		{name: "budget of all attempts", fetches: []wrap.Fetch{well, gets("h", "main", "/hangs", budget, optional, func(f *wrap.Fetch) { f.Timeout = brief / 4 })}, more: []func(*wrap.Backend){retried}, status: 200},
		{name: "budget, cached", fetches: []wrap.Fetch{well, gets("h", "main", "/hangs", budget, optional, kept)}, status: 200},
		{name: "budget, stale", fetches: []wrap.Fetch{well, gets("h", "main", "/hangs", budget, optional, stale)}, status: 200},
		{name: "budget of items", fetches: []wrap.Fetch{whole(fanned("l", "[range(40)]", 4, item), budget, optional)}, status: 200},
		{name: "budget of items, cached", fetches: []wrap.Fetch{whole(fanned("l", "[range(40)]", 4, whole(item, kept)), budget, optional)}, status: 200},
		{name: "budget of pages", fetches: []wrap.Fetch{well, gets("p", "main", "/pages", linked, budget, optional)}, status: 200},
		{name: "budget of pages, cached", fetches: []wrap.Fetch{well, gets("p", "main", "/pages", linked, budget, optional, kept)}, status: 200},
		{name: "budget of the request", fetches: []wrap.Fetch{well, gets("h", "main", "/hangs", optional)}, budget: brief, status: 200},
		{name: "budget of the request, pages", fetches: []wrap.Fetch{well, gets("p", "main", "/pages", linked)}, budget: brief, status: 504},
		{name: "budget of the request, items", fetches: []wrap.Fetch{fanned("l", "[range(40)]", 4, item)}, budget: brief, status: 504},
	} {
		t.Run(c.name, func(t *testing.T) {
			serve := served
			if c.tls {
				serve, c.more = servedTLS, append(c.more, trusting)
			}
			main, url := serve(t, trickling)
			route := wrap.Route{Pattern: "/x", Fetches: c.fetches, Budget: c.budget}
			r := rigged(t, []wrap.Backend{backend("main", url, c.more...)}, route)
			for range 3 {
				if a := r.ask(t.Context(), t, "/x"); a.status != c.status {
					t.Errorf("%d %s", a.status, a.text)
				}
			}
			eventually(t, "the backend's requests end", func() bool { return main.now.Load() == 0 })
		})
	}
}

// TestBudgetOfPagesIsOne: what a fetch may take is for all its pages and waits, not for each.
func TestBudgetOfPagesIsOne(t *testing.T) {
	t.Parallel()
	main, url := served(t, trickling)
	r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{
		gets("", "main", "/often", linked, func(f *wrap.Fetch) { f.Budget = wrap.Duration(1500 * time.Millisecond) }),
	}})
	if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if n := main.asked.Load(); n > 2 {
		t.Errorf("it was asked %d times: there is time for one wait", n)
	}
}

// TestHangingBackendIsCounted: the breaker counts what hangs to the end of a budget, also where it is loaded for many.
func TestHangingBackendIsCounted(t *testing.T) {
	t.Parallel()
	const times = 6
	// On a busy machine a budget may end before the backend is asked: then there is nothing to count.
	budget := func(f *wrap.Fetch) { f.Budget = wrap.Duration(50 * time.Millisecond) }
	stale := func(f *wrap.Fetch) { f.Stale = wrap.Duration(time.Hour) }
	for name, f := range map[string]wrap.Fetch{
		"plain":  gets("", "main", "/hangs", budget),
		"cached": gets("", "main", "/hangs", budget, kept),
		"stale":  gets("", "main", "/hangs", budget, stale),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			main, url := served(t, trickling)
			r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{f}})
			eventually(t, "the backend is asked", func() bool {
				if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusGatewayTimeout || a.Type != "backend_timeout" {
					t.Errorf("%d %s", a.status, a.text)
				}
				return main.asked.Load() >= times
			})
			// A load may end after the caller for whom it began.
			eventually(t, "the breaker counts them all", func() bool { return int32(r.failures("main")) >= main.asked.Load() })
		})
	}
}

// TestStaleWhereTheBudgetEnds: an older value stands in for one that does not come in time.
func TestStaleWhereTheBudgetEnds(t *testing.T) {
	t.Parallel()
	var hangs atomic.Bool
	main, url := served(t, func(w http.ResponseWriter, r *http.Request) {
		if hangs.Load() {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"n":1}`)
	})
	r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Budget: wrap.Duration(patience), Fetches: []wrap.Fetch{
		gets("b", "main", "/x", func(f *wrap.Fetch) { f.Stale, f.Budget = wrap.Duration(time.Hour), wrap.Duration(100*time.Millisecond) }),
	}, Reply: "{ n: $b.n }"})
	eventually(t, "there is a value", func() bool { return r.ask(t.Context(), t, "/x").status == http.StatusOK })
	hangs.Store(true)
	before := main.asked.Load()
	var all sync.WaitGroup
	for i := range 20 {
		ask := func() {
			a := r.ask(t.Context(), t, "/x")
			if a.status != http.StatusOK || !strings.HasPrefix(a.text, `{"n":1,`) || len(a.partial) != 1 || a.partial[0].Type != "backend_timeout" || a.partial[0].Fetch != "b" {
				t.Errorf("%d %s", a.status, a.text)
			}
		}
		if i < 5 {
			ask()
		} else {
			all.Go(ask)
		}
	}
	all.Wait()
	if n := main.asked.Load() - before; n < 6 || n > 20 {
		t.Errorf("it was asked %d times", n)
	}
}
