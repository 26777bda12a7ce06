package faults_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// endless answers at once, but for what hangs until nobody waits for it any more, and what is asked too often for a long time.
func endless(w http.ResponseWriter, r *http.Request) {
	const long = "20" // seconds; inside the default budget
	switch {
	case strings.HasPrefix(r.URL.Path, "/hangs"):
		<-r.Context().Done()
	case r.URL.Path == "/body":
		_, _ = io.WriteString(w, `{"n":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case r.URL.Path == "/often":
		w.Header().Set("Retry-After", long)
		w.WriteHeader(http.StatusTooManyRequests)
	case r.URL.Path == "/down":
		w.Header().Set("Retry-After", long)
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/pages":
		w.Header().Set("Link", "</hangs/2>; rel=next")
		_, _ = io.WriteString(w, `[1]`)
	default:
		_, _ = io.WriteString(w, `{"n":1}`)
	}
}

// TestLostCallerEndsEverything: who leaves ends all that was under way for him, and nothing more is begun; it is nobody's failure.
func TestLostCallerEndsEverything(t *testing.T) {
	t.Parallel()
	hangs := gets("h", "main", "/hangs")
	item := func(more ...func(*wrap.Fetch)) wrap.Fetch { return gets("", "main", "/hangs/{item}", more...) }
	fallback := func(f *wrap.Fetch) { f.Fallback = "1" }
	stale := func(f *wrap.Fetch) { f.Stale = wrap.Duration(time.Hour) }
	retried := func(b *wrap.Backend) { two := 2; b.Retries = &two }
	tolerant := func(f wrap.Fetch) wrap.Fetch { f.Optional = true; return f }
	for _, c := range []struct {
		name    string
		fetches []wrap.Fetch
		more    []func(*wrap.Backend)
		// asked is how many requests the backend has had, and now how many it has, when the caller leaves.
		asked, now int32
		tls        bool
	}{
		{name: "one", fetches: []wrap.Fetch{hangs}, asked: 1, now: 1},
		{name: "one, over TLS", fetches: []wrap.Fetch{hangs}, asked: 1, now: 1, tls: true},
		{name: "a body, over TLS", fetches: []wrap.Fetch{gets("h", "main", "/body")}, asked: 1, now: 1, tls: true},
		{name: "items, over TLS", fetches: []wrap.Fetch{fanned("l", "[range(20)]", 4, item())}, asked: 4, now: 4, tls: true},
		{name: "a body", fetches: []wrap.Fetch{gets("h", "main", "/body")}, asked: 1, now: 1},
		{name: "several", fetches: []wrap.Fetch{gets("a", "main", "/hangs/a"), gets("b", "main", "/hangs/b"), gets("c", "main", "/c")}, asked: 3, now: 2},
		{name: "optional", fetches: []wrap.Fetch{gets("a", "main", "/hangs/a", optional), gets("b", "main", "/hangs/b", fallback)}, asked: 2, now: 2},
		{name: "stale", fetches: []wrap.Fetch{gets("a", "main", "/hangs/a", stale)}, asked: 1, now: 1},
		{name: "what others need", fetches: []wrap.Fetch{hangs, gets("a", "main", "/a?x={h.n}", optional)}, asked: 1, now: 1},
		{name: "what needs others", fetches: []wrap.Fetch{gets("a", "main", "/a"), gets("b", "main", "/hangs/{a.n}"), gets("c", "main", "/c?of={b.n}", fallback)}, asked: 2, now: 1},
		{name: "items", fetches: []wrap.Fetch{fanned("l", "[range(20)]", 4, item())}, asked: 4, now: 4},
		{name: "items, optional", fetches: []wrap.Fetch{tolerant(fanned("l", "[range(20)]", 4, item()))}, asked: 4, now: 4},
		{name: "equal items", fetches: []wrap.Fetch{fanned("l", "[range(20) | 7]", 4, item())}, asked: 1, now: 1},
		{name: "items, cached", fetches: []wrap.Fetch{fanned("l", "[range(20)]", 4, item(kept))}, asked: 4, now: 4},
		{name: "equal items, cached", fetches: []wrap.Fetch{fanned("l", "[range(20) | 7]", 4, item(kept))}, asked: 1, now: 1},
		{name: "pages", fetches: []wrap.Fetch{gets("", "main", "/pages", linked)}, asked: 2, now: 1},
		{name: "pages, cached", fetches: []wrap.Fetch{gets("", "main", "/pages", linked, kept)}, asked: 2, now: 1},
		{name: "asked too often", fetches: []wrap.Fetch{gets("", "main", "/often", linked)}, asked: 1},
		{name: "asked too often, optional", fetches: []wrap.Fetch{gets("b", "main", "/often", linked, optional)}, asked: 1},
		{name: "asked too often, cached", fetches: []wrap.Fetch{gets("", "main", "/often", linked, kept)}, asked: 1},
		{name: "tried again later", fetches: []wrap.Fetch{gets("", "main", "/down")}, more: []func(*wrap.Backend){retried}, asked: 1},
		{name: "cached", fetches: []wrap.Fetch{gets("", "main", "/hangs", kept)}, asked: 1, now: 1},
		{name: "cached, tried again later", fetches: []wrap.Fetch{gets("", "main", "/down", kept)}, more: []func(*wrap.Backend){retried}, asked: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			serve := served
			if c.tls {
				serve, c.more = servedTLS, append(c.more, trusting)
			}
			main, url := serve(t, endless)
			r := rigged(t, []wrap.Backend{backend("main", url, c.more...)}, wrap.Route{Pattern: "/x", Fetches: c.fetches})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			left := make(chan answer)
			go func() { left <- r.ask(ctx, t, "/x") }()
			eventually(t, "all is under way", func() bool { return main.asked.Load() == c.asked && main.now.Load() == c.now })
			leave()
			select {
			case a := <-left:
				if a.text != "" {
					t.Errorf("nobody is there to read %d %s", a.status, a.text)
				}
			case <-time.After(patience / 3): // before any of the waits is over
				t.Fatal("it goes on without the caller")
			}
			eventually(t, "the backend's requests end", func() bool { return main.now.Load() == 0 })
			eventually(t, "loads end", func() bool { return r.memory.InUse() == 0 })
			if n := main.asked.Load(); n != c.asked {
				t.Errorf("it was asked %d times, want %d", n, c.asked)
			}
			if n := r.failures("main"); n > 0 && c.name != "tried again later" && c.name != "cached, tried again later" {
				t.Errorf("the breaker counts %d failures", n)
			}
			if log := r.log.String(); log != "" {
				t.Errorf("it is logged: %s", log)
			}
			if n := r.cache.Entries(); n != 0 {
				t.Errorf("%d values are kept", n)
			}
		})
	}
}

// TestLastOneOutEndsTheLoad: what is loaded for several ends when the last of them leaves, and not before.
func TestLastOneOutEndsTheLoad(t *testing.T) {
	t.Parallel()
	const callers = 5
	main, url := served(t, endless)
	r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{gets("", "main", "/hangs", kept)}})
	var leave [callers]context.CancelFunc
	left := make(chan answer)
	for i := range callers {
		var ctx context.Context
		ctx, leave[i] = context.WithCancel(t.Context())
		go func() { left <- r.ask(ctx, t, "/x") }()
		eventually(t, "he waits", func() bool { return r.cache.Waiting() == i+1 && main.now.Load() == 1 })
	}
	for i := range callers {
		if n := main.now.Load(); n != 1 {
			t.Fatalf("the backend has %d requests when %d of %d have left", n, i, callers)
		}
		leave[i]() // the one who began it is the first
		if a := <-left; a.text != "" {
			t.Errorf("nobody is there to read %s", a.text)
		}
	}
	eventually(t, "the load ends", func() bool { return main.now.Load() == 0 && r.cache.Waiting() == 0 })
	if n := main.asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

// TestRefreshGoesOnWithoutCallers: a caller who waits for what is loaded in the background, and leaves, ends nothing.
func TestRefreshGoesOnWithoutCallers(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	main, url := served(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-gate:
			_, _ = fmt.Fprint(w, `{"n":1}`)
		case <-r.Context().Done():
		}
	})
	r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{
		gets("", "main", "/x", func(f *wrap.Fetch) {
			f.Refresh = &wrap.Refresh{Every: wrap.Duration(time.Hour), Ready: true}
		}),
	}})
	r.Start()
	eventually(t, "it is loaded", func() bool { return main.now.Load() == 1 })
	for range 3 {
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan answer)
		go func() { left <- r.ask(ctx, t, "/x") }()
		eventually(t, "he waits too", func() bool { return r.cache.Waiting() == 2 })
		leave()
		<-left
	}
	if main.now.Load() != 1 || main.asked.Load() != 1 {
		t.Errorf("it was asked %d times, %d under way", main.asked.Load(), main.now.Load())
	}
	close(gate)
	eventually(t, "the value is there", func() bool { return len(r.Loading()) == 0 })
	if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusOK || a.text != `{"n":1}` {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// TestRevalidationGoesOnWithoutCallers: what is loaded while an old value is answered is nobody's, and is kept when it comes.
func TestRevalidationGoesOnWithoutCallers(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{}, 1)
	gate <- struct{}{}
	main, url := served(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-gate:
			_, _ = fmt.Fprint(w, `{"n":1}`)
		case <-r.Context().Done():
		}
	})
	r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{
		gets("", "main", "/x", func(f *wrap.Fetch) {
			f.Cache = &wrap.Cache{TTL: 1, StaleWhileRevalidate: wrap.Duration(time.Hour)}
		}),
	}})
	for range 4 { // the first loads, the second has it loaded again, the others know that it is
		ctx, leave := context.WithCancel(t.Context())
		if a := r.ask(ctx, t, "/x"); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
		leave()
	}
	eventually(t, "it is loaded again", func() bool { return main.asked.Load() == 2 && main.now.Load() == 1 })
	gate <- struct{}{}
	eventually(t, "it has come", func() bool { return main.now.Load() == 0 })
	if n := main.asked.Load(); n != 2 {
		t.Errorf("it was asked %d times", n)
	}
}
