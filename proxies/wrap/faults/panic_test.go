package faults_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// trap is a decoder with a defect: it panics over a body with a certain word, or, once armed, when it is asked what a body takes
// in memory, which is before and after the attempt that has a net of its own.
type trap struct {
	document.JSON
	armed *atomic.Bool
}

func (d *trap) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if bytes.Contains(in.Body, []byte("defect")) {
		panic("a secret of the body")
	}
	return d.JSON.Decode(ctx, in, out) //nolint:wrapcheck // a decoder is transparent
}

func (d *trap) Factor() float64 {
	if d.armed.Load() {
		panic("a secret of the body")
	}
	return d.JSON.Factor()
}

// trapped are routes in which something panics while the backend says so, or while the decoder is armed.
func trapped(armed *atomic.Bool) []wrap.Route {
	traps := func(f *wrap.Fetch) { f.Decoder = &trap{armed: armed} }
	swr := func(f *wrap.Fetch) { f.Cache = &wrap.Cache{TTL: 1, StaleIfError: wrap.Duration(time.Hour)} }
	stale := func(f *wrap.Fetch) { f.Stale = wrap.Duration(time.Hour) }
	fallback := func(f *wrap.Fetch) { f.Fallback = "1" }
	well := gets("w", "main", "/well")
	several := func(more ...func(*wrap.Fetch)) wrap.Fetch {
		return fanned("list", "[1,2,2,3]", 3, gets("", "main", "/x?i={item}", append(more, traps)...))
	}
	tolerant := func(f wrap.Fetch) wrap.Fetch { f.Optional = true; return f }
	return []wrap.Route{
		{Pattern: "/alone", Fetches: []wrap.Fetch{gets("", "main", "/x", traps)}},
		{Pattern: "/several", Fetches: []wrap.Fetch{well, gets("b", "main", "/x", traps)}},
		{Pattern: "/optional", Fetches: []wrap.Fetch{well, gets("b", "main", "/x", traps, optional)}},
		{Pattern: "/fallback", Fetches: []wrap.Fetch{well, gets("b", "main", "/x", traps, fallback)}},
		{Pattern: "/needed", Fetches: []wrap.Fetch{gets("b", "main", "/x", traps), gets("c", "main", "/well?of={b.n}")}},
		{Pattern: "/needs", Fetches: []wrap.Fetch{well, gets("b", "main", "/x?of={w.n}", traps)}},
		{Pattern: "/each", Fetches: []wrap.Fetch{several()}},
		{Pattern: "/each/optional", Fetches: []wrap.Fetch{tolerant(several())}},
		{Pattern: "/each/optional/item", Fetches: []wrap.Fetch{several(optional)}},
		{Pattern: "/each/cached", Fetches: []wrap.Fetch{several(kept)}},
		{Pattern: "/pages", Fetches: []wrap.Fetch{gets("", "main", "/pages", traps, linked)}},
		{Pattern: "/pages/cached", Fetches: []wrap.Fetch{gets("", "main", "/pages", traps, linked, kept)}},
		{Pattern: "/cached", Fetches: []wrap.Fetch{gets("", "main", "/x", traps, kept)}},
		{Pattern: "/cached/query", Fetches: []wrap.Fetch{gets("", "main", "/x?q={query.q}", traps, kept)}},
		{Pattern: "/stale", Fetches: []wrap.Fetch{gets("", "main", "/x", traps, stale)}},
		{Pattern: "/stale_if_error", Fetches: []wrap.Fetch{gets("", "main", "/x", traps, swr)}},
	}
}

// defective is a backend whose bodies have the word while it is on. The first page never has.
func defective(on *atomic.Bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		word := "fine"
		if on.Load() && r.URL.Path != "/well" {
			word = "defect"
		}
		switch {
		case r.URL.Path == "/pages" && r.URL.RawQuery == "":
			w.Header().Set("Link", "</pages?p=2>; rel=next")
			_, _ = io.WriteString(w, `["fine"]`)
		case r.URL.Path == "/pages":
			_, _ = fmt.Fprintf(w, `[%q]`, word)
		default:
			_, _ = fmt.Fprintf(w, `{"n":1,"word":%q}`, word)
		}
	}
}

// TestPanicIsOneAnswer: a panic anywhere in a request is a 500 of that answer, tells nothing, and leaves nothing.
func TestPanicIsOneAnswer(t *testing.T) {
	t.Parallel()
	for i := range trapped(nil) {
		for _, where := range []string{"in the attempt", "outside"} {
			var armed, on atomic.Bool
			route := trapped(&armed)[i]
			t.Run(where+route.Pattern, func(t *testing.T) {
				t.Parallel()
				_, url := served(t, defective(&on))
				r := rigged(t, []wrap.Backend{backend("main", url)}, route)
				for range 3 {
					armed.Store(where == "outside")
					on.Store(where != "outside")
					wantDefect(t, r, route.Pattern)
				}
				armed.Store(false)
				on.Store(false)
				if a := r.ask(t.Context(), t, route.Pattern); a.status != http.StatusOK || a.header.Get("Fairway-Partial") != "" {
					t.Errorf("afterwards: %d %s", a.status, a.text)
				}
			})
		}
	}
}

// wantDefect asks for what panics.
func wantDefect(t *testing.T, r *rig, path string) {
	t.Helper()
	a := r.ask(t.Context(), t, path)
	if a.status != http.StatusInternalServerError || a.Type != "internal" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if strings.Contains(a.text, "secret") || strings.Contains(a.text, "goroutine") {
		t.Errorf("it tells of the panic: %s", a.text)
	}
	if n := r.memory.InUse(); n != 0 {
		t.Errorf("%d bytes stay charged", n)
	}
	if n := r.failures("main"); n != 0 {
		t.Errorf("the breaker counts %d failures, of which the backend knows nothing", n)
	}
}

// TestPanicOfWhatManyWaitFor is a 500 of all who wait, and of nobody else.
func TestPanicOfWhatManyWaitFor(t *testing.T) {
	t.Parallel()
	const callers = 20
	for _, where := range []string{"in the attempt", "outside"} {
		var armed, on atomic.Bool
		gate := make(chan struct{})
		says := defective(&on)
		_, url := served(t, func(w http.ResponseWriter, r *http.Request) {
			<-gate
			says(w, r)
		})
		r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{
			gets("", "main", "/x", kept, func(f *wrap.Fetch) { f.Decoder = &trap{armed: &armed} }),
		}})
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusInternalServerError {
					t.Errorf("%s: %d %s", where, a.status, a.text)
				}
			})
		}
		eventually(t, "all wait", func() bool { return r.cache.Waiting() == callers })
		armed.Store(where == "outside") // what a value takes is asked when it is there
		on.Store(where != "outside")
		close(gate)
		all.Wait()
		armed.Store(false)
		on.Store(false)
		if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusOK {
			t.Errorf("%s, afterwards: %d %s", where, a.status, a.text)
		}
	}
}

// TestPanicInTheBackground: a load that panics is one that failed, and is tried again.
func TestPanicInTheBackground(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"in the attempt", "outside"} {
		var armed, on atomic.Bool
		armed.Store(where == "outside")
		on.Store(where != "outside")
		_, url := served(t, defective(&on))
		r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{
			gets("", "main", "/x", func(f *wrap.Fetch) {
				f.Decoder, f.Refresh = &trap{armed: &armed}, &wrap.Refresh{Every: wrap.Duration(time.Millisecond), Ready: true}
			}),
		}})
		r.Start()
		eventually(t, "a load has failed", func() bool { return strings.Contains(r.log.String(), "loading in the background failed") })
		if len(r.Loading()) != 1 {
			t.Errorf("%s: it is ready without a value", where)
		}
		armed.Store(false)
		on.Store(false)
		eventually(t, "the value is there", func() bool { return len(r.Loading()) == 0 })
		if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Cache-Status"), "fairway;hit") {
			t.Errorf("%s: %d %q %s", where, a.status, a.header.Get("Cache-Status"), a.text)
		}
	}
}

// TestPanicWhileTheOldValueIsUsed: the load that follows a stale value panics in the background; the old value stays.
func TestPanicWhileTheOldValueIsUsed(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"in the attempt", "outside"} {
		var armed, on atomic.Bool
		main, url := served(t, defective(&on))
		r := rigged(t, []wrap.Backend{backend("main", url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{
			gets("", "main", "/x", func(f *wrap.Fetch) {
				f.Decoder, f.Cache = &trap{armed: &armed}, &wrap.Cache{TTL: 1, StaleWhileRevalidate: wrap.Duration(time.Hour)}
			}),
		}})
		r.ask(t.Context(), t, "/x")
		armed.Store(where == "outside")
		on.Store(where != "outside")
		for range 3 {
			before := main.asked.Load()
			eventually(t, "it is loaded again", func() bool {
				if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusOK || !strings.Contains(a.text, "fine") {
					t.Errorf("%s: %d %s", where, a.status, a.text)
				}
				return where == "outside" || main.asked.Load() > before // outside, nothing is sent any more
			})
		}
	}
}
