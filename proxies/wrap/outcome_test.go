package wrap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// watch is what a test shares with the service that it serves.
type watch struct {
	memory *upstream.Memory
	pool   *upstream.Backend
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

// watched is served with a memory budget, a log and a pool that the test can look at.
func watched(t *testing.T, h http.HandlerFunc, auth session.Strategy, routes ...Route) (http.Handler, *watch) {
	t.Helper()
	backend := httptest.NewServer(h)
	t.Cleanup(backend.Close)
	p := &watch{memory: upstream.NewMemory(64 << 20), log: new(lockedBuffer)}
	logger := slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	none := 0
	s, err := Compile(&Config{
		Prefixes: []string{"/s"},
		Metadata: Metadata{Version: "1.0.0", Repository: "https://example.org/s", Description: "Tested"},
		Backends: []Backend{{Name: "main", Addresses: []string{backend.URL}, Retries: &none, Auth: auth, Limit: 1 << 20}},
		Routes:   routes,
	}, Deps{
		Logger: logger,
		Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
			b, err := upstream.New(cfg, upstream.Options{Memory: p.memory, Logger: logger})
			if err != nil {
				return nil, nil, err
			}
			p.pool = b
			return b, b.Close, nil
		},
		Secret: func(string) (string, error) { return backend.URL, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, p
}

// eventually waits for a condition, at most two minutes.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestMemoryComesBack has answers end in every way there is: nothing stays charged.
func TestMemoryComesBack(t *testing.T) {
	t.Parallel()
	panics := gets("", "/good")
	panics.Decoder = decoderFunc(func(context.Context, *decode.Input, decode.Sink) error { panic("a defect") })
	judged := gets("", "/good")
	judged.FailWhen = "true"
	h, p := watched(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			_, _ = io.WriteString(w, `{"a":"`+strings.Repeat("x", 100<<10)+`"}`)
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"a":`)
		case "/bad":
			_, _ = io.WriteString(w, strings.Repeat("{", 1000))
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat(" ", 2<<20))
		case "/500":
			http.Error(w, strings.Repeat("no ", 1000), http.StatusInternalServerError)
		case "/wait":
			_, _ = io.WriteString(w, `{"a":`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}, session.None{},
		Route{Method: "GET", Pattern: "/good", Fetches: []Fetch{gets("", "/good")}},
		Route{Method: "GET", Pattern: "/two", Fetches: []Fetch{gets("a", "/good"), gets("b", "/good")}, Reply: "$a.a == $b.a"},
		Route{Method: "GET", Pattern: "/cut", Fetches: []Fetch{gets("", "/cut")}},
		Route{Method: "GET", Pattern: "/bad", Fetches: []Fetch{gets("", "/bad")}},
		Route{Method: "GET", Pattern: "/long", Fetches: []Fetch{gets("", "/long")}},
		Route{Method: "GET", Pattern: "/500", Fetches: []Fetch{gets("", "/500")}},
		Route{Method: "GET", Pattern: "/half", Fetches: []Fetch{gets("a", "/good"), gets("b", "/500")}},
		Route{Method: "GET", Pattern: "/panic", Fetches: []Fetch{panics}},
		Route{Method: "GET", Pattern: "/judged", Fetches: []Fetch{judged}},
		Route{Method: "GET", Pattern: "/reply", Fetches: []Fetch{gets("", "/good")}, Reply: `error("no")`},
		Route{Method: "GET", Pattern: "/wait", Fetches: []Fetch{gets("", "/wait")}},
	)
	for path, want := range map[string]int{
		"/good": 200, "/two": 200, "/cut": 502, "/bad": 502, "/long": 502, "/500": 502, "/half": 502, "/panic": 500, "/judged": 502, "/reply": 502,
	} {
		if w := asked(h, "GET", "/s"+path); w.Code != want {
			t.Errorf("%s: %d %.200s, want %d", path, w.Code, w.Body, want)
		}
		if n := p.memory.InUse(); n != 0 {
			t.Errorf("%s: %d bytes stay charged", path, n)
		}
		asked(h, "GET", "/s/good") // whatever the order, the breaker stays closed
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := httptest.NewRequestWithContext(ctx, "GET", "/s/wait", http.NoBody)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}()
	eventually(t, "the body begins", func() bool { return p.memory.InUse() > 0 })
	cancel()
	<-done
	if n := p.memory.InUse(); n != 0 {
		t.Errorf("a caller who left: %d bytes stay charged", n)
	}
}

// TestFirstFailureEndsTheOthers has one of two fetches fail while the other one waits: its backend sees the request end.
func TestFirstFailureEndsTheOthers(t *testing.T) {
	t.Parallel()
	waiting, ended := make(chan struct{}), make(chan struct{})
	h, _ := watched(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			close(waiting)
			<-r.Context().Done()
			close(ended)
			return
		}
		<-waiting
		http.Error(w, "out of order", http.StatusInternalServerError)
	}, session.None{}, Route{Method: "GET", Pattern: "/both", Fetches: []Fetch{gets("slow", "/wait"), gets("broken", "/500")}})
	w := asked(h, "GET", "/s/both")
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), `"fetch":"broken"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	select {
	case <-ended:
	case <-time.After(2 * time.Minute):
		t.Error("the other request goes on")
	}
}

// TestCallerHangsUp ends requests while the backend works, more often than the breaker takes failures.
func TestCallerHangsUp(t *testing.T) {
	t.Parallel()
	const times = 8
	asking, ended := make(chan struct{}, times), make(chan struct{}, times)
	h, p := watched(t, func(_ http.ResponseWriter, r *http.Request) {
		asking <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}, session.None{}, Route{Method: "GET", Pattern: "/wait", Fetches: []Fetch{gets("", "/wait")}})
	for range times {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asking
			cancel()
		}()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/s/wait", http.NoBody))
		if w.Body.Len() > 0 {
			t.Errorf("nobody is there to read %s", w.Body)
		}
		<-ended
	}
	status := p.pool.Status()[0]
	if status.State != "closed" || status.ConsecutiveFailures != 0 {
		t.Errorf("the breaker is %s with %d failures", status.State, status.ConsecutiveFailures)
	}
	if strings.Contains(p.log.String(), "level=WARN") {
		t.Errorf("it is logged as a failure:\n%s", p.log)
	}
}

// TestCredentialsStayApart has many callers ask at once, some wrongly: each backend request has its own caller's
// credentials, and no log or problem has any.
func TestCredentialsStayApart(t *testing.T) {
	t.Parallel()
	h, p := watched(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user+"-secret" != password || r.URL.Query().Get("user") != user {
			http.Error(w, "mixed up: "+password, http.StatusInternalServerError)
			return
		}
		if strings.HasSuffix(user, "7") {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, "%q", user)
	}, &session.Basic{}, Route{Method: "GET", Pattern: "/me", Fetches: []Fetch{gets("", "/me?user={caller.user}")}})
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			user := fmt.Sprintf("user-%d", i)
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/s/me", http.NoBody)
			r.SetBasicAuth(user, user+"-secret")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			want := http.StatusOK
			if strings.HasSuffix(user, "7") {
				want = http.StatusForbidden
			}
			if w.Code != want || want == http.StatusOK && w.Body.String() != `"`+user+`"`+"\n" {
				t.Errorf("%s: %d %s", user, w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s: the answer has a password: %s", user, w.Body)
			}
		})
	}
	all.Wait()
	if log := p.log.String(); strings.Contains(log, "secret") || !strings.Contains(log, "status=403") {
		t.Errorf("the log has a password, or lacks what was refused:\n%.2000s", log)
	}
	if w := asked(h, "GET", "/s/me"); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("without credentials: %d %v", w.Code, w.Header())
	}
}

// TestWhoIsRefused: a backend that refuses what the configuration says of itself refuses the gateway, not the caller.
func TestWhoIsRefused(t *testing.T) {
	t.Parallel()
	refuse := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/403" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}
	token := []Header{{Name: "authorization", Value: "Bearer t"}}
	routes := func(header []Header) []Route {
		return []Route{
			{Method: "GET", Pattern: "/401", Fetches: []Fetch{{Target: "/401", Backend: "main", Decoder: new(document.JSON), Header: header}}},
			{Method: "GET", Pattern: "/403", Fetches: []Fetch{{Target: "/403", Backend: "main", Decoder: new(document.JSON), Header: header}}},
		}
	}
	for _, tt := range []struct {
		name                    string
		auth                    session.Strategy
		header                  []Header
		unauthorized, forbidden int
	}{
		{"nobody", nil, nil, http.StatusUnauthorized, http.StatusForbidden},
		{"the caller", session.Basic{}, nil, http.StatusUnauthorized, http.StatusForbidden},
		{"a fixed user", session.Basic{User: "u", Password: "p"}, nil, http.StatusBadGateway, http.StatusBadGateway},
		{"a token", nil, token, http.StatusBadGateway, http.StatusBadGateway},
		{"another header", nil, []Header{{Name: "X-Team", Value: "t"}}, http.StatusUnauthorized, http.StatusForbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, _ := watched(t, refuse, tt.auth, routes(tt.header)...)
			for path, want := range map[string]int{"/s/401": tt.unauthorized, "/s/403": tt.forbidden} {
				w := asked(h, "GET", path, "Authorization", "Basic dTpw")
				if challenged := w.Header().Get("WWW-Authenticate") != ""; w.Code != want || challenged != (want == http.StatusUnauthorized) {
					t.Errorf("%s: %d %v, want %d", path, w.Code, w.Header(), want)
				}
			}
		})
	}
}
