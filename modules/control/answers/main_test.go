package answers_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/answers"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// both runs a test over each engine, with a backend.
func both(t *testing.T, test func(t *testing.T, s *site, b *backend)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		test(t, &site{controltest.Store(t, dsn), controltest.NewBlobs(t)}, newBackend(t))
	})
}

var must = controltest.Must

// patience is how long anything may take on a busy machine.
const patience = 90 * time.Second

// backend answers when the test says so.
type backend struct {
	*httptest.Server
	gate  chan func(http.ResponseWriter) // what answers the next request
	asked chan *http.Request             // every request that came
	left  chan struct{}                  // one for each request that was given up
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{gate: make(chan func(http.ResponseWriter), 100), asked: make(chan *http.Request, 1000), left: make(chan struct{}, 1000)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		b.asked <- r
		select {
		case answer := <-b.gate:
			answer(w)
		case <-r.Context().Done():
			b.left <- struct{}{}
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func text(body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

// wait waits for something of a channel.
func wait[T any](t testing.TB, c <-chan T, what string) (out T) {
	t.Helper()
	select {
	case out = <-c:
	case <-time.After(patience):
		t.Fatal("nothing came: ", what)
	}
	return out
}

// gateway is a service before the keeper of a gateway.
type gateway struct {
	*httptest.Server
	service *wrap.Service
	keeper  *answers.Keeper
}

// site is what gateways share.
type site struct {
	store *queries.Store
	blobs *controltest.Blobs
}

// users knows who they say that they are.
type users struct{}

// Identify implements wrap.Identifier.
func (users) Identify(r *http.Request, _ []string) (*identity.User, *problem.Problem) {
	name, _, ok := r.BasicAuth()
	if !ok {
		return nil, &problem.Problem{Code: problem.NoCredentials, Status: http.StatusUnauthorized}
	}
	return &identity.User{Key: "user:" + name, User: name}, nil
}

// gateway begins one; change may change its service.
func (s *site) gateway(t *testing.T, at string, change func(*wrap.Config), more ...func(*answers.Config)) *gateway {
	t.Helper()
	return s.gatewayWith(t, at, change, func(*wrap.Deps) {}, more...)
}

// gatewayWith is gateway with other things that the service is given.
func (s *site) gatewayWith(t *testing.T, at string, change func(*wrap.Config), given func(*wrap.Deps), more ...func(*answers.Config)) *gateway {
	t.Helper()
	cfg := answers.Config{
		Store: func(context.Context) (*queries.Store, error) { return s.store, nil }, Blobs: s.blobs.Open,
		Keys: func(string) ([][]byte, error) { return [][]byte{make([]byte, 32)}, nil }, Lease: time.Minute, Every: time.Second, Drain: 0,
	}
	for _, f := range more {
		f(&cfg)
	}
	g := &gateway{keeper: answers.New(cfg)}
	c := &wrap.Config{
		Prefixes: []string{"/s"}, Metadata: wrap.Metadata{Version: "1", Repository: "https://example.org/r", Description: "d"},
		Backends: []wrap.Backend{{Addresses: []string{at}, Timeout: wrap.Duration(time.Hour), Retries: new(int)}},
		Routes: []wrap.Route{
			{Method: "GET", Pattern: "/slow/{n}", Execute: &wrap.Execute{After: wrap.Duration(50 * time.Millisecond)}, Fetches: []wrap.Fetch{{Target: "/slow/{n}", Decoder: &document.JSON{}, Format: "json"}}},
			{Method: "POST", Pattern: "/slow", Execute: &wrap.Execute{After: wrap.Duration(50 * time.Millisecond)}, Fetches: []wrap.Fetch{{Method: "POST", Target: "/slow", Decoder: &document.JSON{}, Format: "json"}}},
		},
	}
	if change != nil {
		change(c)
	}
	metrics, memory := observe.New(), upstream.NewMemory(1<<30)
	var err error
	deps := wrap.Deps{
		Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
			b, err := upstream.New(cfg, upstream.Options{Metrics: metrics, Memory: memory})
			if err != nil {
				return nil, nil, err
			}
			return b, b.Close, nil
		},
		Memory: memory, Metrics: metrics, Executions: g.keeper, Identifier: users{}, Logger: slog.New(slog.DiscardHandler),
	}
	given(&deps)
	g.service, err = wrap.Compile(c, deps)
	must(t, err)
	g.keeper.Serve(func() map[string][]answers.Service { return map[string][]answers.Service{g.service.Name: {g.service}} })
	g.Server = httptest.NewServer(g.service)
	t.Cleanup(func() {
		g.Close()
		g.keeper.Close()
		g.service.Close()
	})
	return g
}

// answer is one of a gateway.
type answer struct {
	*http.Response
	body string
}

// want holds it to a status and a body.
func (a answer) want(t testing.TB, status int, body string) {
	t.Helper()
	if a.StatusCode != status || a.body != body {
		t.Errorf("%d %.300s, not %d %s", a.StatusCode, a.body, status, body)
	}
}

// fails holds it to a problem.
func (a answer) fails(t testing.TB, status int, code string) {
	t.Helper()
	if a.StatusCode != status || !strings.Contains(a.body, "urn:fairway:problem:"+code+`"`) {
		t.Errorf("%d %.300s, not %d %s", a.StatusCode, a.body, status, code)
	}
}

// ask asks; set may change the request.
func (g *gateway) ask(t testing.TB, method, path string, set ...func(*http.Request)) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, http.NoBody)
	must(t, err)
	for _, f := range set {
		f(r)
	}
	resp, err := g.Client().Do(r)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return answer{resp, string(body)}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func as(user string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, user) }
}

// begin asks for what takes long, and gives where to come back.
func (g *gateway) begin(t testing.TB, method, path string, set ...func(*http.Request)) string {
	t.Helper()
	a := g.ask(t, method, path, set...)
	if a.StatusCode != http.StatusAccepted || a.Header.Get("Location") == "" || a.Header.Get("Retry-After") == "" {
		t.Fatalf("%s %s: %d %v %s", method, path, a.StatusCode, a.Header, a.body)
	}
	return a.Header.Get("Location")
}

// end waits for the end of what takes long.
func (g *gateway) end(t testing.TB, at string, set ...func(*http.Request)) answer {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		a := g.ask(t, http.MethodGet, at, append(set, header("Prefer", "wait=10"))...)
		if a.StatusCode != http.StatusAccepted {
			return a
		}
	}
	t.Fatal("there is no answer at ", at)
	return answer{}
}
