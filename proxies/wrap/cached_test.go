package wrap

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/cache"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// stock is a backend that numbers its answers.
type stock struct {
	n      atomic.Int32
	status atomic.Int32 // 0: 200
	header http.Header
	gate   chan struct{} // not nil: answers wait for it
}

func (s *stock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.n.Add(1)
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-r.Context().Done():
			return
		}
	}
	if status := s.status.Load(); status != 0 {
		w.WriteHeader(int(status))
		return
	}
	maps.Copy(w.Header(), s.header)
	body, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	_, _ = fmt.Fprintf(w, `{"z":%d,"asked":%q,"body":%q,"who":%q}`, n, r.URL.RequestURI(), body, user+":"+password)
}

// storing compiles a service with a cache over a backend.
func storing(t *testing.T, h http.Handler, auth session.Strategy, routes ...Route) *Service {
	t.Helper()
	backend := httptest.NewServer(h)
	store := cache.New(1 << 20)
	none := 0
	for i := range routes {
		routes[i].Method = "GET"
	}
	s, err := Compile(&Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
		Backends: []Backend{{Name: "main", Addresses: []string{backend.URL}, Retries: &none, Auth: auth, Breaker: Breaker{Failures: 1000}}}, Routes: routes,
	}, Deps{Cache: store, Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
		b, err := upstream.New(cfg, upstream.Options{})
		return b, b.Close, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		store.Close()
		s.Close()
		backend.Close()
	})
	return s
}

// keeps is a fetch that is kept for an hour.
func keeps(f Fetch, more ...func(*Fetch)) Fetch {
	f.Cache = &Cache{TTL: Duration(time.Hour)}
	for _, m := range more {
		m(&f)
	}
	return f
}

func wantAnswer(t *testing.T, w *httptest.ResponseRecorder, status int, body, cacheStatus string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), body) || w.Header().Get("Cache-Status") != cacheStatus {
		t.Errorf("%d %s %q, want %d %s %q", w.Code, strings.TrimSpace(w.Body.String()), w.Header().Get("Cache-Status"), status, body, cacheStatus)
	}
}

func TestCachedFetch(t *testing.T) {
	t.Parallel()
	b := new(stock)
	s := storing(t, b, nil,
		Route{Pattern: "/x", Fetches: []Fetch{keeps(gets("", "/x"))}},
		Route{Pattern: "/x/{id}", Fetches: []Fetch{keeps(gets("a", "/x/{id}?q={query.q}"))}, Reply: "[$a.z]"},
		Route{Pattern: "/other", Fetches: []Fetch{keeps(gets("", "/x"))}},
	)
	wantAnswer(t, asked(s, "GET", "/s/x"), 200, `"z":1,"asked":"/x"`, "fairway;fwd=miss;stored")
	hit := asked(s, "GET", "/s/x")
	wantAnswer(t, hit, 200, `"z":1,"asked":"/x"`, "fairway;hit;ttl=3599")
	if hit.Header().Get("Age") != "0" {
		t.Errorf("age %q", hit.Header().Get("Age"))
	}
	wantAnswer(t, asked(s, "GET", "/s/other"), 200, `"z":2`, "fairway;fwd=miss;stored") // another route may decode otherwise
	wantAnswer(t, asked(s, "GET", "/s/x/1"), 200, `[3]`, `fairway;fwd=miss;stored;detail="a"`)
	wantAnswer(t, asked(s, "GET", "/s/x/1"), 200, `[3]`, `fairway;hit;ttl=3599;detail="a"`)
	wantAnswer(t, asked(s, "GET", "/s/x/2"), 200, `[4]`, `fairway;fwd=miss;stored;detail="a"`)
	wantAnswer(t, asked(s, "GET", "/s/x/2?q="), 200, `[5]`, `fairway;fwd=miss;stored;detail="a"`)
	wantAnswer(t, asked(s, "GET", "/s/x/2?r=1"), 200, `[4]`, `fairway;hit;ttl=3599;detail="a"`) // r is sent nowhere
}

// TestNobodyGetsAnothersValue asks as two callers, and as one with two passwords, in every way in which whose request it is
// can matter.
func TestNobodyGetsAnothersValue(t *testing.T) {
	t.Parallel()
	header := keeps(gets("", "/x"), func(f *Fetch) { f.Header = []Header{{Name: "X-User", Value: "{caller.user}"}} })
	body := keeps(gets("", "/x"), func(f *Fetch) { f.Method, f.Body = "POST", &Body{Kind: "json", JQ: "$caller.user"} })
	verdict := keeps(gets("", "/x"), func(f *Fetch) { f.FailWhen = `$caller.user == "evil"` })
	for name, c := range map[string]struct {
		auth  session.Strategy
		fetch Fetch
	}{
		"credentials passed on": {session.Basic{}, keeps(gets("", "/x"))},
		"in the target":         {session.None{}, keeps(gets("", "/x?u={caller.user}"))},
		"in a header":           {session.None{}, header},
		"in the body":           {session.None{}, body},
		"in the verdict":        {session.None{}, verdict},
		"in a list of pages": {session.None{}, keeps(gets("", "/x"), func(f *Fetch) {
			f.Pages = &Pages{By: PagesNext, JQ: "null", Items: `[.z, $caller.user]`}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storing(t, new(stock), c.auth, Route{Pattern: "/x", Fetches: []Fetch{c.fetch}})
			seen := map[string]string{}
			for _, who := range []string{"dTpw", "dTpx", "djpw", "dTpw", "djpw", "dTpx"} { // u:p, u:q, v:p
				w := asked(s, "GET", "/s/x", "Authorization", "Basic "+who)
				body := w.Body.String()
				if w.Code != http.StatusOK {
					t.Fatalf("%d %s", w.Code, body)
				}
				if before, ok := seen[who]; ok && before != body {
					t.Errorf("%s got %s, and then %s", who, before, body)
				}
				seen[who] = body
			}
			if seen["dTpw"] == seen["dTpx"] || seen["dTpw"] == seen["djpw"] || seen["dTpx"] == seen["djpw"] {
				t.Errorf("two callers share an answer: %v", seen)
			}
		})
	}
	t.Run("shared where nothing is the caller's", func(t *testing.T) {
		t.Parallel()
		s := storing(t, new(stock), session.None{}, Route{Pattern: "/x", Fetches: []Fetch{keeps(gets("", "/x"))}})
		first := asked(s, "GET", "/s/x", "Authorization", "Basic dTpw").Body.String()
		if second := asked(s, "GET", "/s/x").Body.String(); second != first {
			t.Errorf("%s, then %s", first, second)
		}
	})
}

// TestVerdictIsTheCallersOwn: what fail_when says depends on more than the value.
func TestVerdictIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	f := keeps(gets("", "/x"), func(f *Fetch) { f.FailWhen = `$query.least | tonumber > 1` })
	s := storing(t, new(stock), nil, Route{Pattern: "/x", Fetches: []Fetch{f}})
	wantAnswer(t, asked(s, "GET", "/s/x?least=0"), 200, `"z":1`, "fairway;fwd=miss;stored")
	wantAnswer(t, asked(s, "GET", "/s/x?least=5"), 502, "backend_failed", "")
	wantAnswer(t, asked(s, "GET", "/s/x?least=1"), 200, `"z":1`, "fairway;hit;ttl=3599")
}

func TestStale(t *testing.T) {
	t.Parallel()
	b := new(stock)
	stale := gets("a", "/x")
	stale.Stale = Duration(time.Hour)
	s := storing(t, b, nil, Route{Pattern: "/x", Fetches: []Fetch{stale}})
	wantAnswer(t, asked(s, "GET", "/s/x"), 200, `"z":1`, `fairway;fwd=miss;stored;detail="a"`)
	wantAnswer(t, asked(s, "GET", "/s/x"), 200, `"z":2`, `fairway;fwd=miss;stored;detail="a"`)
	b.status.Store(500)
	w := asked(s, "GET", "/s/x")
	wantAnswer(t, w, 200, `"z":2`, `fairway;fwd=stale;fwd-status=500;ttl=0;detail="a"`)
	if w.Header().Get("Fairway-Partial") != "a" || !strings.Contains(w.Body.String(), `"partial":[{"backend":"main","backend_status":500`) || w.Header().Get("Age") != "0" {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	for status, code := range map[int32]string{404: "backend_status", 403: "backend_status"} { // an older value does not hide that
		b.status.Store(status)
		wantAnswer(t, asked(s, "GET", "/s/x"), int(status), code, "")
	}
	b.status.Store(429)
	wantAnswer(t, asked(s, "GET", "/s/x"), 200, `"z":2`, `fairway;fwd=stale;fwd-status=429;ttl=0;detail="a"`)
}

func TestNegative(t *testing.T) {
	t.Parallel()
	b := new(stock)
	s := storing(t, b, nil,
		Route{Pattern: "/x", Fetches: []Fetch{keeps(gets("", "/x"))}},
		Route{Pattern: "/off", Fetches: []Fetch{keeps(gets("", "/x"), func(f *Fetch) { f.Cache.NegativeOff = true })}},
	)
	b.status.Store(404)
	for range 3 {
		wantAnswer(t, asked(s, "GET", "/s/x"), 404, "backend_status", "")
	}
	if n := b.n.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	for range 2 {
		wantAnswer(t, asked(s, "GET", "/s/off"), 404, "backend_status", "")
	}
	b.status.Store(500)
	for range 2 {
		wantAnswer(t, asked(s, "GET", "/s/off"), 502, "backend_status", "")
	}
	if n := b.n.Load(); n != 5 {
		t.Errorf("asked %d times", n)
	}
}

func TestHonour(t *testing.T) {
	t.Parallel()
	b := &stock{header: http.Header{"Cache-Control": {"no-store"}}}
	honour := func(f *Fetch) { f.Cache.Honour = true }
	s := storing(t, b, nil,
		Route{Pattern: "/honour", Fetches: []Fetch{keeps(gets("", "/x"), honour)}},
		Route{Pattern: "/override", Fetches: []Fetch{keeps(gets("", "/x"))}},
	)
	wantAnswer(t, asked(s, "GET", "/s/honour"), 200, `"z":1`, "fairway;fwd=miss")
	wantAnswer(t, asked(s, "GET", "/s/honour"), 200, `"z":2`, "fairway;fwd=miss")
	wantAnswer(t, asked(s, "GET", "/s/override"), 200, `"z":3`, "fairway;fwd=miss;stored")
	b.header = http.Header{"Cache-Control": {"max-age=60"}}
	wantAnswer(t, asked(s, "GET", "/s/honour"), 200, `"z":4`, "fairway;fwd=miss;stored")
	wantAnswer(t, asked(s, "GET", "/s/honour"), 200, `"z":4`, "fairway;hit;ttl=59")
}

// TestColdKey has 10,000 callers ask for what nobody has: the backend is asked once, and those who leave do no harm.
func TestColdKey(t *testing.T) {
	t.Parallel()
	const callers = 10_000
	b := &stock{gate: make(chan struct{})}
	s := storing(t, b, nil, Route{Pattern: "/x", Fetches: []Fetch{keeps(gets("", "/x"))}})
	ctx, leave := context.WithCancel(t.Context())
	var left, all sync.WaitGroup
	left.Go(func() {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/s/x", http.NoBody))
	})
	eventually(t, "the backend is asked", func() bool { return b.n.Load() == 1 })
	var good atomic.Int32
	for range callers {
		all.Go(func() {
			if w := asked(s, "GET", "/s/x"); w.Code == http.StatusOK && strings.Contains(w.Body.String(), `"z":1`) {
				good.Add(1)
			}
		})
	}
	eventually(t, "somebody waits with the first", func() bool { return s.routes[0].fetches[0].cache.store.Waiting() > 1 })
	leave()
	left.Wait()
	close(b.gate)
	all.Wait()
	if good.Load() != callers || b.n.Load() != 1 {
		t.Errorf("%d good answers, asked %d times", good.Load(), b.n.Load())
	}
}

func TestCacheIsRefused(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Fetch{
		"cache takes how long":      func() Fetch { f := gets("", "/x"); f.Cache = new(Cache); return f }(),
		"stale and stale_if_error":  keeps(gets("", "/x"), func(f *Fetch) { f.Stale, f.Cache.StaleIfError = 1, 1 }),
		"below 0":                   keeps(gets("", "/x"), func(f *Fetch) { f.Cache.Negative = -1 }),
		"what a DELETE gives":       keeps(gets("", "/x"), func(f *Fetch) { f.Method = "DELETE" }),
		"a program of paginate, or": keeps(gets("", "/x"), func(f *Fetch) { f.Pages = &Pages{By: PagesNext, JQ: "$now"} }),
	} {
		_, err := Compile(&Config{
			Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
			Backends: []Backend{{Name: "main", Addresses: []string{"http://127.0.0.1:1"}}}, Routes: []Route{{Method: "GET", Pattern: "/x", Fetches: []Fetch{f}}},
		}, Deps{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
