// Package faults_test puts services between callers who leave and backends that fail: real HTTP servers, behind connections that
// toxiproxy slows down, cuts and resets. Whatever happens, the answer says what failed, ends in its time, and leaves neither
// goroutines nor charged memory behind.
package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/proxies/cache"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// patience is how long a test waits for what is to happen soon.
const patience = 30 * time.Second

// cacheLimit bounds what a rig keeps, in bytes.
const cacheLimit = 16 << 20

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, ofToxiproxy()...)
}

// ofToxiproxy are goroutines of the proxy between gateway and backend: it leaves some behind where a connection is cut.
func ofToxiproxy() []goleak.Option {
	const pkg = "github.com/Shopify/toxiproxy/v2"
	return []goleak.Option{
		goleak.IgnoreAnyFunction(pkg + "/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction(pkg + ".(*ToxicLink).read"),
		goleak.IgnoreAnyFunction(pkg + ".(*ToxicLink).write"),
		goleak.IgnoreAnyFunction(pkg + ".(*Proxy).server"),
		goleak.IgnoreAnyFunction(pkg + ".(*Proxy).freeBlocker"),
	}
}

// rig is a service with what a test looks at.
type rig struct {
	*wrap.Service
	memory *upstream.Memory
	cache  *cache.Cache
	pools  map[string]*upstream.Backend
	log    *lockedBuffer
}

// lockedBuffer takes the log of several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rigged compiles a service at /s. When the test ends, no memory may be charged any more.
func rigged(t testing.TB, backends []wrap.Backend, routes ...wrap.Route) *rig {
	t.Helper()
	return riggedWith(t, nil, backends, routes...)
}

// riggedWith is rigged with databases.
func riggedWith(t testing.TB, databases wrap.Databases, backends []wrap.Backend, routes ...wrap.Route) *rig {
	t.Helper()
	r := &rig{memory: upstream.NewMemory(256 << 20), cache: cache.New(cacheLimit), pools: map[string]*upstream.Backend{}, log: new(lockedBuffer)}
	logger := slog.New(slog.NewTextHandler(r.log, nil))
	for i := range routes {
		if routes[i].Method == "" {
			routes[i].Method = http.MethodGet
		}
	}
	s, err := wrap.Compile(&wrap.Config{
		Prefixes: []string{"/s"}, Metadata: wrap.Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
		Backends: backends, Routes: routes,
	}, wrap.Deps{
		Cache: r.cache, Logger: logger, Databases: databases,
		Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
			b, err := upstream.New(cfg, upstream.Options{Memory: r.memory, Logger: logger})
			if err != nil {
				return nil, nil, err
			}
			r.pools[cfg.Name] = b
			return b, b.Close, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Service = s
	t.Cleanup(func() {
		s.Close()
		r.cache.Close() // ends what is still being loaded, and waits for it
		if n := r.memory.InUse(); n != 0 {
			t.Errorf("%d bytes stay charged", n)
		}
	})
	return r
}

// backend is a wrap.Backend without retries whose breaker stays closed.
func backend(name, url string, more ...func(*wrap.Backend)) wrap.Backend {
	none := 0
	b := wrap.Backend{Name: name, Addresses: []string{url}, Retries: &none, Breaker: wrap.Breaker{Failures: 1 << 20}}
	for _, m := range more {
		m(&b)
	}
	return b
}

// gets is a fetch of JSON.
func gets(name, backend, target string, more ...func(*wrap.Fetch)) wrap.Fetch {
	f := wrap.Fetch{Name: name, Target: target, Backend: backend, Decoder: new(document.JSON), Format: "json"}
	for _, m := range more {
		m(&f)
	}
	return f
}

func optional(f *wrap.Fetch) { f.Optional = true }

func kept(f *wrap.Fetch) { f.Cache = &wrap.Cache{TTL: wrap.Duration(time.Hour)} }

func linked(f *wrap.Fetch) { f.Pages = &wrap.Pages{By: wrap.PagesLink} }

// fanned is an each.
func fanned(name, list string, concurrency int, fetches ...wrap.Fetch) wrap.Fetch {
	return wrap.Fetch{Name: name, Each: &wrap.FanOut{List: list, Concurrency: concurrency, Fetches: fetches}}
}

// answer is what a caller is told, with what most tests look at.
type answer struct {
	status  int
	header  http.Header
	text    string
	partial []part
	part    // the problem, of a failure
}

// part is a problem.
type part struct {
	Type, Fetch, Detail string
	Status              int
}

// ask sends one request and reads the answer, which must be whole JSON.
func (r *rig) ask(ctx context.Context, t testing.TB, path string, header ...string) answer {
	t.Helper()
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/s"+path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	a := answer{status: w.Code, header: w.Header(), text: strings.TrimSpace(w.Body.String())}
	if ctx.Err() != nil && a.text == "" {
		return a // nobody is there
	}
	if !json.Valid(w.Body.Bytes()) {
		t.Errorf("%s: %d is no JSON: %.500s", path, w.Code, w.Body)
		return a
	}
	if w.Code >= http.StatusBadRequest {
		if err := json.Unmarshal(w.Body.Bytes(), &a.part); err != nil {
			t.Errorf("%s: the problem is none: %v: %.500s", path, err, w.Body)
		}
		a.Type = code(a.Type)
		return a
	}
	var body struct{ Partial []part }
	if strings.HasPrefix(a.text, "{") && json.Unmarshal(w.Body.Bytes(), &body) == nil {
		a.partial = body.Partial
	}
	for i := range a.partial {
		a.partial[i].Type = code(a.partial[i].Type)
	}
	return a
}

func code(uri string) string { return strings.TrimPrefix(uri, "urn:fairway:problem:") }

// failures are the attempts at a backend that failed in a row.
func (r *rig) failures(name string) int { return r.pools[name].Status()[0].ConsecutiveFailures }

// counted is a backend that knows how many requests it has had and has.
type counted struct {
	asked, now atomic.Int32
	handler    http.HandlerFunc
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.asked.Add(1)
	c.now.Add(1)
	defer c.now.Add(-1)
	c.handler(w, r)
}

// served is a backend on loopback. Its URL is the second result.
func served(t testing.TB, h http.HandlerFunc) (*counted, string) {
	t.Helper()
	c := &counted{handler: h}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	return c, s.URL
}

// servedTLS is served over HTTP/2 and TLS.
func servedTLS(t testing.TB, h http.HandlerFunc) (*counted, string) {
	t.Helper()
	c := &counted{handler: h}
	s := httptest.NewUnstartedServer(c)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of handshakes that a caller leaves
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return c, s.URL
}

// trusting is for a backend of servedTLS.
func trusting(b *wrap.Backend) { b.TLS.InsecureSkipVerify = true }

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
