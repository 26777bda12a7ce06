package faults_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// line is the way to a backend.
type line struct {
	*toxiproxy.Proxy
	url string
}

// between is a line to a backend that does nothing yet.
func between(t testing.TB, backend string) *line {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "line", "127.0.0.1:0", strings.TrimPrefix(backend, "http://"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &line{Proxy: p, url: "http://" + p.Listen}
}

// breaks makes the line do what the toxics say, or refuse connections where there is none.
func (l *line) breaks(t testing.TB, toxics ...string) {
	t.Helper()
	if len(toxics) == 0 {
		l.Stop()
	}
	for _, toxic := range toxics {
		if _, err := l.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
	}
}

// fault is what a line does, and what becomes of a fetch over it.
type fault struct {
	name    string
	toxics  []string // none: it refuses connections
	how     string   // the answer ends: "length", "close", or "open" by length on a connection that stays
	timeout time.Duration
	status  int // of the problem; 200: the fetch is good
	code    string
}

func faults() []fault {
	const short = 150 * time.Millisecond
	return []fault{
		{"refused", nil, "length", patience, 502, "backend_unreachable"},
		{"a little latency", []string{`{"type":"latency","attributes":{"latency":20,"jitter":5}}`}, "length", patience, 200, ""},
		{"too much latency", []string{`{"type":"latency","attributes":{"latency":20000}}`}, "length", short, 504, "backend_timeout"},
		{"reset before the answer", []string{`{"type":"reset_peer","attributes":{"timeout":0}}`}, "length", patience, 502, "backend_unreachable"},
		{"reset of the request", []string{`{"type":"reset_peer","stream":"upstream","attributes":{"timeout":0}}`}, "length", patience, 502, "backend_unreachable"},
		{"reset after a while", []string{`{"type":"reset_peer","attributes":{"timeout":50}}`}, "length", patience, 502, "backend_unreachable"},
		{"cut in the header", []string{`{"type":"limit_data","attributes":{"bytes":20}}`}, "length", patience, 502, "backend_unreachable"},
		{"cut in the body", []string{`{"type":"limit_data","attributes":{"bytes":5000}}`}, "length", patience, 502, "backend_cut"},
		{"silence", []string{`{"type":"timeout","attributes":{"timeout":0}}`}, "open", short, 504, "backend_timeout"},
		{"silence, then closed", []string{`{"type":"timeout","attributes":{"timeout":50}}`}, "length", patience, 502, "backend_unreachable"},
		{"drops", []string{`{"type":"bandwidth","attributes":{"rate":1}}`}, "length", short, 504, "backend_timeout"},
		{"narrow", []string{`{"type":"bandwidth","attributes":{"rate":2000}}`}, "length", patience, 200, ""},
		{"closed late, length known", []string{`{"type":"slow_close","attributes":{"delay":20000}}`}, "length", patience, 200, ""},
		{"closed late, length unknown", []string{`{"type":"slow_close","attributes":{"delay":20000}}`}, "close", short, 504, "backend_timeout"},
		{"late and narrow and cut", []string{
			`{"type":"latency","attributes":{"latency":10}}`, `{"type":"bandwidth","attributes":{"rate":2000}}`, `{"type":"limit_data","attributes":{"bytes":9000}}`,
		}, "length", patience, 502, "backend_cut"},
	}
}

// large answers {"n":7, ...} or a list of pages of 30 KiB each, whose end is found by length or by closing.
func large(w http.ResponseWriter, r *http.Request) {
	pad := strings.Repeat("x", 30<<10)
	body := `{"n":7,"pad":"` + pad + `"}`
	if r.URL.Path == "/pages" {
		if r.URL.Query().Get("p") == "" {
			w.Header().Set("Link", "</pages?p=2&how="+r.URL.Query().Get("how")+">; rel=next")
		}
		body = "[" + body + "]"
	}
	if r.URL.Query().Get("how") != "open" {
		w.Header().Set("Connection", "close")
	}
	if r.URL.Query().Get("how") == "close" {
		w.Header()["Transfer-Encoding"] = []string{"identity"}
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	_, _ = io.WriteString(w, body)
}

// kind is a route with a fetch over the line, and what is answered when that is good, and when it fails.
type kind struct {
	name string
	// route has its fetch from the backend ill, with the target /value?how=…
	route func(how string) wrap.Route
	good  string
	// bad is the answer where the failure is tolerated, with {status} for its status; empty: it is the failure itself.
	bad     string
	partial string // the header; of a failure the member fetch
	parts   []string
	fetches int  // at the ill backend
	primed  bool // it is asked once before the line breaks
	any     bool // how many attempts are made is chance
	after   bool // well is asked where ill is good
}

func kinds() []kind {
	ill := func(name string, more ...func(*wrap.Fetch)) func(how string) wrap.Fetch {
		return func(how string) wrap.Fetch { return gets(name, "ill", "/value?how="+how, more...) }
	}
	route := func(reply string, fetches ...wrap.Fetch) wrap.Route {
		return wrap.Route{Pattern: "/x", Reply: reply, Fetches: fetches}
	}
	fallback := func(f *wrap.Fetch) { f.Fallback = `{ n: [.status, .fetch] }` }
	stale := func(f *wrap.Fetch) { f.Stale = wrap.Duration(time.Hour) }
	staleIfError := func(f *wrap.Fetch) {
		f.Cache = &wrap.Cache{TTL: 1, StaleIfError: wrap.Duration(time.Hour)}
	}
	item := func(how string) wrap.Fetch { return gets("", "ill", "/value?how="+how+"&item={item}") }
	several := func(how string, more ...func(*wrap.Fetch)) wrap.Route {
		e := fanned("list", "[1,2,3]", 2, item(how))
		for _, m := range more {
			m(&e)
		}
		return route("{ n: [$list[] | [.status, .value.n]] }", e)
	}
	pages := func(f *wrap.Fetch) { f.Target = strings.Replace(f.Target, "/value", "/pages", 1); linked(f) }
	return []kind{
		{
			name: "alone", good: `{"n":7}`, fetches: 1,
			route: func(how string) wrap.Route { return route("{ n: .n }", ill("")(how)) },
		},
		{
			name: "required", good: `{"a":1,"n":7}`, partial: "b", fetches: 1,
			route: func(how string) wrap.Route {
				return route("{ a: $a.well, n: $b.n }", gets("a", "well", "/a"), ill("b")(how))
			},
		},
		{
			name: "optional", good: `{"a":1,"n":7}`, bad: `{"a":1,"n":null}`, partial: "b", parts: []string{"b"}, fetches: 1,
			route: func(how string) wrap.Route {
				return route("{ a: $a.well, n: $b.n }", gets("a", "well", "/a"), ill("b", optional)(how))
			},
		},
		{
			name: "fallback", good: `{"n":7}`, bad: `{"n":[{status},"b"]}`, partial: "b", parts: []string{"b"}, fetches: 1,
			route: func(how string) wrap.Route { return route("{ n: $b.n }", ill("b", fallback)(how)) },
		},
		{
			name: "stale", good: `{"n":7}`, bad: `{"n":7}`, partial: "b", parts: []string{"b"}, fetches: 1, primed: true,
			route: func(how string) wrap.Route { return route("{ n: $b.n }", ill("b", stale)(how)) },
		},
		{
			name: "stale if error", good: `{"n":7}`, bad: `{"n":7}`, partial: "b", parts: []string{"b"}, fetches: 1, primed: true,
			route: func(how string) wrap.Route { return route("{ n: $b.n }", ill("b", staleIfError)(how)) },
		},
		{
			name: "each", good: `{"n":[[200,7],[200,7],[200,7]]}`, partial: "list[", fetches: 3, any: true,
			route: func(how string) wrap.Route { return several(how) },
		},
		{
			name: "each, optional", good: `{"n":[[200,7],[200,7],[200,7]]}`, bad: `{"n":[[{status},null],[{status},null],[{status},null]]}`,
			partial: "list", parts: []string{"list[0]", "list[1]", "list[2]"}, fetches: 3,
			route: func(how string) wrap.Route { return several(how, optional) },
		},
		{
			name: "pages", good: `{"n":[7,7]}`, partial: "b", fetches: 2,
			route: func(how string) wrap.Route { return route("{ n: map(.n) }", ill("", pages)(how)) },
		},
		{
			name: "pages, optional", good: `{"n":[7,7]}`, bad: `{"n":null}`, partial: "b", parts: []string{"b"}, fetches: 2,
			route: func(how string) wrap.Route {
				return route("{ n: ($b | if . then map(.n) else . end) }", ill("b", pages, optional)(how))
			},
		},
		{
			name: "cached", good: `{"n":7}`, partial: "b", fetches: 1,
			route: func(how string) wrap.Route { return route("{ n: $b.n }", ill("b", kept)(how)) },
		},
		{
			name: "needed by another", good: `{"n":7,"of":"7"}`, partial: "b", fetches: 1, after: true,
			route: func(how string) wrap.Route {
				return route("{ n: $b.n, of: $c.of }", ill("b")(how), gets("c", "well", "/c?of={b.n}"))
			},
		},
		{
			name: "needed by another, optional", good: `{"n":7,"of":"7"}`, bad: `{"n":null,"of":null}`, partial: "b, c", parts: []string{"b", "c"}, fetches: 1, after: true,
			route: func(how string) wrap.Route {
				return route("{ n: $b.n, of: $c.of }", ill("b", optional)(how), gets("c", "well", "/c?of={b.n}", optional))
			},
		},
	}
}

// TestFaults has every kind of fetch over every kind of broken line: the answer says what failed, soon; attempts and breaker
// count right; nothing is left.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		for _, k := range kinds() {
			t.Run(f.name+"/"+k.name, func(t *testing.T) {
				t.Parallel()
				f.run(t, &k)
			})
		}
	}
}

func (f fault) run(t *testing.T, k *kind) {
	t.Helper()
	ill, illURL := served(t, large)
	well, wellURL := served(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"well":1,"of":%q}`, r.URL.Query().Get("of"))
	})
	l := between(t, illURL)
	one := 1
	backends := []wrap.Backend{backend("ill", l.url, func(b *wrap.Backend) { b.Timeout, b.Retries = wrap.Duration(patience), &one })}
	route := k.route(f.how)
	for i := range route.Fetches {
		if route.Fetches[i].Backend == "well" {
			backends = append(backends, backend("well", wellURL))
		}
	}
	r := rigged(t, backends, timed(route, f.timeout))
	if k.primed { // the line does nothing yet, but the machine may be busy
		eventually(t, "it is asked once", func() bool { return r.ask(t.Context(), t, "/x").status == http.StatusOK })
	}
	before := ill.asked.Load()
	l.breaks(t, f.toxics...)

	start := time.Now()
	a := r.ask(t.Context(), t, "/x")
	if took := time.Since(start); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	if n := r.memory.InUse(); n != 0 {
		t.Errorf("%d bytes stay charged", n)
	}
	asked := int(ill.asked.Load() - before)
	if f.status == http.StatusOK {
		if a.status != http.StatusOK || a.text != k.good || a.header.Get("Fairway-Partial") != "" {
			t.Errorf("%d %.500s, want %s", a.status, a.text, k.good)
		}
		if asked != k.fetches || r.failures("ill") != 0 {
			t.Errorf("it was asked %d times, want %d; %d failures", asked, k.fetches, r.failures("ill"))
		}
		return
	}
	f.wantFailure(t, k, a)
	if k.after && well.asked.Load() != 0 {
		t.Error("what needs the failed fetch was asked for")
	}
	attempts := 2 * k.fetches
	if strings.HasPrefix(k.name, "pages") {
		attempts = 2 // there is no second page
	}
	if got := r.failures("ill"); !k.any && got != attempts {
		t.Errorf("the breaker counts %d failures, want %d", got, attempts)
	}
	if asked > attempts {
		t.Errorf("it was asked %d times, want at most %d", asked, attempts)
	}
}

// timed sets the timeout of what is fetched from the ill backend.
func timed(r wrap.Route, timeout time.Duration) wrap.Route {
	for i := range r.Fetches {
		f := &r.Fetches[i]
		if f.Each != nil {
			f = &f.Each.Fetches[0]
		}
		if f.Backend == "ill" {
			f.Timeout = wrap.Duration(timeout)
		}
	}
	return r
}

func (f fault) wantFailure(t *testing.T, k *kind, a answer) {
	t.Helper()
	if k.bad == "" {
		if a.status != f.status || a.Type != f.code || !strings.HasPrefix(a.Fetch, strings.TrimSuffix(k.partial, "b")) {
			t.Errorf("%d %s, want %d %s of %s", a.status, a.text, f.status, f.code, k.partial)
		}
		return
	}
	want := strings.TrimSuffix(strings.ReplaceAll(k.bad, "{status}", fmt.Sprint(f.status)), "}") + `,"partial":[`
	if a.status != http.StatusOK || a.header.Get("Fairway-Partial") != k.partial || !strings.HasPrefix(a.text, want) {
		t.Errorf("%d, partial %q: %.500s, want %q %s", a.status, a.header.Get("Fairway-Partial"), a.text, k.partial, want)
	}
	if len(a.partial) != len(k.parts) {
		t.Fatalf("%d parts, want %d: %s", len(a.partial), len(k.parts), a.text)
	}
	for i, p := range a.partial {
		code := f.code
		if p.Fetch == "c" {
			code = "dependency_failed"
		}
		if p.Fetch != k.parts[i] || p.Type != code || p.Status != f.status {
			t.Errorf("part %d is %+v, want %s of %s, %d", i, p, code, k.parts[i], f.status)
		}
	}
}

// TestFaultsAreNotKept heals a line: what failed is asked for again, once, and only then kept.
func TestFaultsAreNotKept(t *testing.T) {
	t.Parallel()
	for _, toxic := range []string{
		`{"name":"x","type":"limit_data","attributes":{"bytes":5000}}`, `{"name":"x","type":"reset_peer","attributes":{"timeout":0}}`,
	} {
		ill, url := served(t, large)
		l := between(t, url)
		r := rigged(t, []wrap.Backend{backend("ill", l.url)}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{gets("b", "ill", "/value", kept)}, Reply: "{ n: $b.n }"})
		l.breaks(t, toxic)
		for range 3 {
			if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusBadGateway || a.header.Get("Cache-Status") != "" {
				t.Errorf("%d %q %s", a.status, a.header.Get("Cache-Status"), a.text)
			}
		}
		if n := r.cache.Entries(); n != 0 {
			t.Errorf("%d values are kept", n)
		}
		if err := l.Toxics.RemoveToxic(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if a := r.ask(t.Context(), t, "/x"); a.status != http.StatusOK || a.text != `{"n":7}` {
				t.Errorf("%d %s", a.status, a.text)
			}
		}
		if n := ill.asked.Load(); n != 4 {
			t.Errorf("it was asked %d times, want 3 in vain and one more", n)
		}
	}
}

// TestBreakerOverALine opens after as many attempts as it says, retries included, leaves the backend alone, and closes again.
func TestBreakerOverALine(t *testing.T) {
	t.Parallel()
	ill, url := served(t, large)
	l := between(t, url)
	one := 1
	r := rigged(t, []wrap.Backend{backend("ill", l.url, func(b *wrap.Backend) {
		b.Retries, b.Breaker = &one, wrap.Breaker{Failures: 4, Open: wrap.Duration(time.Second)}
	})}, wrap.Route{Pattern: "/x", Fetches: []wrap.Fetch{gets("b", "ill", "/value", optional)}, Reply: "{ n: $b.n }"})
	l.breaks(t, `{"name":"x","type":"limit_data","attributes":{"bytes":5000}}`)
	for i, want := range []string{"backend_cut", "backend_cut", "breaker_open", "breaker_open"} {
		a := r.ask(t.Context(), t, "/x")
		if a.status != http.StatusOK || len(a.partial) != 1 || a.partial[0].Type != want {
			t.Errorf("request %d: %d %s, want %s", i, a.status, a.text, want)
		}
		if want == "breaker_open" && a.header.Get("Retry-After") == "" {
			t.Errorf("request %d: no Retry-After", i)
		}
	}
	if n := ill.asked.Load(); n != 4 {
		t.Errorf("it was asked %d times, want 4", n)
	}
	if err := l.Toxics.RemoveToxic(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is asked again", func() bool { return r.ask(t.Context(), t, "/x").text == `{"n":7}` })
	if s := r.pools["ill"].Status()[0]; s.State != "closed" || s.ConsecutiveFailures != 0 {
		t.Errorf("%+v", s)
	}
}
