package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// identified answers with the number it is asked for, and has pages of it.
func identified(w http.ResponseWriter, r *http.Request) {
	id, page := r.URL.Query().Get("id"), r.URL.Query().Get("p")
	if r.URL.Path == "/pages" {
		if len(page) < 2 {
			w.Header().Set("Link", "</pages?id="+id+"&p="+page+"1>; rel=next")
		}
		_, _ = fmt.Fprintf(w, `[%q]`, id)
		return
	}
	user, _, _ := r.BasicAuth()
	_, _ = io.WriteString(w, `{"id":"`+id+`","user":"`+user+`","pad":"`+strings.Repeat("x", 700)+`"}`)
}

// mixedRoutes are routes of all kinds. Each takes a number, and answers nothing but that, or says which part failed.
func mixedRoutes(armed *atomic.Bool) []wrap.Route {
	brief := func(f *wrap.Fetch) { f.Timeout = wrap.Duration(30 * time.Millisecond) }
	stale := func(f *wrap.Fetch) { f.Stale = wrap.Duration(time.Hour) }
	fallback := func(f *wrap.Fetch) { f.Fallback = `{ id: "fallback" }` }
	revalidated := func(f *wrap.Fetch) {
		f.Cache = &wrap.Cache{TTL: 1, StaleWhileRevalidate: wrap.Duration(time.Hour), StaleIfError: wrap.Duration(time.Hour)}
	}
	traps := func(f *wrap.Fetch) { f.Decoder = &trap{armed: armed} }
	refreshed := func(f *wrap.Fetch) { f.Refresh = &wrap.Refresh{Every: wrap.Duration(time.Millisecond)} }
	tolerant := func(f wrap.Fetch) wrap.Fetch { f.Optional = true; return f }
	v := func(name, backend string, more ...func(*wrap.Fetch)) wrap.Fetch {
		return gets(name, backend, "/v?id={id}", more...)
	}
	item := func(backend string, more ...func(*wrap.Fetch)) wrap.Fetch {
		return gets("", backend, "/v?id={id}&i={item}", more...)
	}
	items := "[range(6) | . % 4]"
	const two = "{ ids: [$a.id, $b.id] }"
	const list = "{ ids: [$l[].value.id] }"
	return []wrap.Route{
		{Pattern: "/required/{id}", Fetches: []wrap.Fetch{v("a", "good"), v("b", "flaky")}, Reply: two},
		{Pattern: "/optional/{id}", Fetches: []wrap.Fetch{v("a", "good"), v("b", "silent", brief, optional)}, Reply: two},
		{Pattern: "/fallback/{id}", Fetches: []wrap.Fetch{v("a", "slow"), v("b", "cut", fallback)}, Reply: two},
		{Pattern: "/stale/{id}", Fetches: []wrap.Fetch{v("a", "good"), v("b", "cut", stale)}, Reply: two},
		{Pattern: "/each/{id}", Fetches: []wrap.Fetch{fanned("l", items, 3, item("slow"))}, Reply: list},
		{Pattern: "/each/flaky/{id}", Fetches: []wrap.Fetch{fanned("l", items, 3, item("flaky"))}, Reply: list},
		{Pattern: "/each/optional/{id}", Fetches: []wrap.Fetch{tolerant(fanned("l", items, 3, item("cut")))}, Reply: list},
		{Pattern: "/each/cached/{id}", Fetches: []wrap.Fetch{tolerant(fanned("l", items, 3, item("flaky", kept)))}, Reply: list},
		{Pattern: "/pages/{id}", Fetches: []wrap.Fetch{gets("", "slow", "/pages?id={id}", linked)}, Reply: "{ ids: . }"},
		{Pattern: "/pages/cut/{id}", Fetches: []wrap.Fetch{gets("p", "cut", "/pages?id={id}", linked, optional, kept)}, Reply: "{ ids: $p }"},
		{Pattern: "/cached/{id}", Fetches: []wrap.Fetch{v("a", "cut", kept), v("b", "flaky", kept)}, Reply: two},
		{Pattern: "/revalidated/{id}", Fetches: []wrap.Fetch{v("a", "flaky", revalidated), v("b", "silent", brief, revalidated, optional)}, Reply: two},
		{Pattern: "/needed/{id}", Fetches: []wrap.Fetch{v("a", "flaky", optional), gets("b", "slow", "/v?id={a.id}&of={id}", optional)}, Reply: two},
		{Pattern: "/caller/{id}", Fetches: []wrap.Fetch{v("a", "mine", kept), v("b", "mine", stale)}, Reply: "{ ids: [$a.id, $b.id, $a.user, $b.user] }"},
		{Pattern: "/panic/{id}", Fetches: []wrap.Fetch{v("a", "good"), gets("b", "good", "/v?id=defect{id}", traps)}, Reply: two},
		{Pattern: "/panic/cached/{id}", Fetches: []wrap.Fetch{v("a", "slow"), gets("b", "good", "/v?id=defect{id}", traps, kept)}, Reply: two},
		{Pattern: "/refreshed/{id}", Fetches: []wrap.Fetch{v("a", "good"), gets("b", "flaky", "/v?id=", refreshed, optional)}, Reply: "{ ids: [$a.id] } | if $b then . else . end"},
	}
}

// mixed is a service with such routes over lines of all kinds.
func mixed(t *testing.T) (*rig, []string) {
	t.Helper()
	_, url := served(t, identified)
	backends := []wrap.Backend{backend("good", url), backend("mine", url, func(b *wrap.Backend) { b.Auth = session.Basic{} })}
	two := 2
	for name, toxics := range map[string][]string{
		"slow":   {`{"type":"latency","attributes":{"latency":5,"jitter":4}}`},
		"flaky":  {`{"type":"reset_peer","toxicity":0.3,"attributes":{"timeout":1}}`, `{"type":"limit_data","attributes":{"bytes":4000}}`},
		"cut":    {`{"type":"limit_data","attributes":{"bytes":2500}}`},
		"silent": {`{"type":"timeout","toxicity":0.7,"attributes":{"timeout":0}}`},
	} {
		l := between(t, url)
		l.breaks(t, toxics...)
		backends = append(backends, backend(name, l.url, func(b *wrap.Backend) {
			if name == "flaky" {
				b.Retries, b.Breaker = &two, wrap.Breaker{Failures: 6, Open: wrap.Duration(20 * time.Millisecond)}
			}
		}))
	}
	routes := mixedRoutes(new(atomic.Bool))
	r := rigged(t, backends, routes...)
	var patterns []string
	for _, route := range routes {
		patterns = append(patterns, strings.TrimSuffix(route.Pattern, "{id}"))
	}
	return r, patterns
}

// TestMixedLoad has 800 requests of all kinds at once, a part of whose callers leave: each answer is its caller's or says what
// failed; afterwards no memory is charged, the cache is within its bound, and there are no more goroutines than before.
func TestMixedLoad(t *testing.T) {
	const requests, limit = 800, 48 << 10
	before := goleak.IgnoreCurrent()
	t.Run("load", func(t *testing.T) {
		r, patterns := mixed(t)
		r.cache.SetLimit(limit)
		r.Start()
		var all sync.WaitGroup
		var good, failed, left atomic.Int32
		begin := make(chan struct{})
		for i := range requests {
			rng := rand.New(rand.NewPCG(7, uint64(i)))
			all.Go(func() {
				<-begin
				pattern, id := patterns[i%len(patterns)], fmt.Sprint("n", i%97)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				leaves := rng.IntN(4) == 0
				if leaves {
					defer time.AfterFunc(time.Duration(rng.IntN(40))*time.Millisecond, leave).Stop()
				}
				a := r.ask(ctx, t, pattern+id, basic("user"+id, "p")...)
				switch {
				case leaves && ctx.Err() != nil:
					left.Add(1)
				case wantMine(t, pattern, id, a):
					good.Add(1)
				default:
					failed.Add(1)
				}
				if n := r.cache.Bytes(); n > limit {
					t.Errorf("the cache has %d bytes", n)
				}
			})
		}
		close(begin)
		all.Wait()
		t.Logf("%d answers, %d failures, %d callers left; %d values are kept", good.Load(), failed.Load(), left.Load(), r.cache.Entries())
		if good.Load() < requests/8 || failed.Load() == 0 || left.Load() == 0 || r.cache.Entries() == 0 {
			t.Error("the load is not mixed: the test shows little")
		}
		if a := r.ask(t.Context(), t, "/each/n1"); a.status != http.StatusOK {
			t.Errorf("afterwards: %d %s", a.status, a.text)
		}
	})
	eventually(t, "goroutines end", func() bool { return goleak.Find(append(ofToxiproxy(), before)...) == nil })
	if err := goleak.Find(append(ofToxiproxy(), before)...); err != nil {
		t.Error(err)
	}
}

// wantMine holds an answer to be of the number that was asked for, or to say what failed; it says which.
func wantMine(t *testing.T, pattern, id string, a answer) bool {
	t.Helper()
	failures := []string{"backend_unreachable", "backend_cut", "backend_timeout", "breaker_open", "dependency_failed"}
	if strings.HasPrefix(pattern, "/panic") {
		if a.status != http.StatusInternalServerError || a.Type != "internal" {
			t.Errorf("%s%s: %d %s", pattern, id, a.status, a.text)
		}
		return false
	}
	if a.status != http.StatusOK {
		if !slices.Contains([]int{502, 503, 504}, a.status) || !slices.Contains(failures, a.Type) {
			t.Errorf("%s%s: %d %s", pattern, id, a.status, a.text)
		}
		return false
	}
	for _, p := range a.partial {
		if !slices.Contains(failures, p.Type) {
			t.Errorf("%s%s: %+v", pattern, id, p)
		}
	}
	if (len(a.partial) > 0) != (a.header.Get("Fairway-Partial") != "") {
		t.Errorf("%s%s: partial %q %s", pattern, id, a.header.Get("Fairway-Partial"), a.text)
	}
	var body struct{ IDs []*string }
	if err := json.Unmarshal([]byte(a.text), &body); err != nil {
		t.Errorf("%s%s: %v: %s", pattern, id, err, a.text)
	}
	missing := len(body.IDs) == 0
	for _, got := range body.IDs {
		switch {
		case got == nil || *got == "fallback":
			missing = true
		case *got != id && *got != "user"+id:
			t.Errorf("%s%s is answered %s", pattern, id, a.text)
		}
	}
	if missing && len(a.partial) == 0 {
		t.Errorf("%s%s is without a value and does not say why: %s", pattern, id, a.text)
	}
	return true
}
