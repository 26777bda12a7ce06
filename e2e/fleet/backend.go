package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clientSecret is what gateways show at a Login.
const clientSecret = "a-secret-of-the-fleet"

// server is an HTTP server that can be killed and started again at the same address. What it knows stays.
type server struct {
	t       *testing.T
	address string
	handler http.Handler

	mu   sync.Mutex
	http *http.Server
	done sync.WaitGroup
}

func (s *server) start(t *testing.T, handler http.Handler) {
	t.Helper()
	s.t, s.handler, s.address = t, handler, "127.0.0.1:0"
	s.Run()
	t.Cleanup(s.Kill)
}

// URL is its origin.
func (s *server) URL() string { return "http://" + s.address }

// Kill ends it with all its connections, as a crash would.
func (s *server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		_ = s.http.Close()
		s.done.Wait()
		s.http = nil
	}
}

// Run starts it again.
func (s *server) Run() {
	s.mu.Lock()
	defer s.mu.Unlock()
	listener, err := net.Listen("tcp", s.address) //nolint:noctx // at once
	if err != nil {
		s.t.Error(err)
		return
	}
	s.address = listener.Addr().String()
	s.http = &http.Server{Handler: s.handler, ReadHeaderTimeout: time.Minute}
	server := s.http
	s.done.Go(func() { // ends with Kill
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.t.Error(err)
		}
	})
}

// Login is a token endpoint. Its tokens last until they are ended.
type Login struct {
	server
	logins, generation atomic.Int64
}

func startLogin(t *testing.T) *Login {
	t.Helper()
	l := new(Login)
	l.start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, secret, ok := r.BasicAuth(); !ok || secret != clientSecret || r.URL.Path != "/token" {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		l.logins.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer","expires_in":3600}`, l.generation.Load())
	}))
	return l
}

// Logins is how many there were.
func (l *Login) Logins() int64 { return l.logins.Load() }

// End ends all tokens.
func (l *Login) End() { l.generation.Add(1) }

// good says whether a request shows a token that has not ended.
func (l *Login) good(r *http.Request) bool {
	return r.Header.Get("Authorization") == "Bearer t"+strconv.FormatInt(l.generation.Load(), 10)
}

// Backend is what the services of a fleet wrap:
//
//	GET  /plain?id=x, /part?id=x, /other?id=x    lines of key: value with the id in them
//	GET  /guarded?id=x                           the same, for who has a token
//	GET  /counted                                {"n": how often it was asked}
//	POST /written                                {"id": x} is written down
type Backend struct {
	server
	counted atomic.Int64

	mu      sync.Mutex
	written map[string]int
}

func startBackend(t *testing.T, login *Login) *Backend {
	t.Helper()
	b := &Backend{written: map[string]int{}}
	mux := http.NewServeMux()
	say := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprintf(w, "path: %s\nid: %s\n", r.URL.Path, r.URL.Query().Get("id"))
	}
	for _, path := range []string{"/plain", "/part", "/other"} {
		mux.HandleFunc("GET "+path, say)
	}
	mux.HandleFunc("GET /guarded", func(w http.ResponseWriter, r *http.Request) {
		if !login.good(r) {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		say(w, r)
	})
	mux.HandleFunc("GET /counted", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"n":%d}`, b.counted.Add(1))
	})
	mux.HandleFunc("POST /written", func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ ID string }
		text, err := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		if err == nil {
			err = json.Unmarshal(text, &asked)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b.mu.Lock()
		b.written[asked.ID]++
		b.mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"id":%q}`, asked.ID)
	})
	b.start(t, mux)
	return b
}

// Written says how often something was.
func (b *Backend) Written(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written[id]
}

// Services are those of a fleet's gateways, as their Caddyfile has them.
func (f *Fleet) Services() string {
	service := func(prefix, more string) string {
		return "\tservice " + prefix + " {\n\t\tversion 1.0.0\n\t\trepository https://github.com/example/fleet\n\t\tdescription \"Of the fleet\"\n" + more + "\n\t}\n"
	}
	backend := "\t\tbackend " + f.Backend.URL()
	return service("/plain", backend+`
		GET /{id} {
			fetch /plain?id={id} {
				decode kv
			}
		}`) + service("/joined", backend+`
		GET /{id} {
			fetch part /part?id={id} {
				decode kv
			}
			fetch other /other?id={id} {
				decode kv
			}
			reply `+"`{ part: $part.id, other: $other.id }`"+`
		}`) + service("/guarded", backend+` {
			auth client_credentials `+f.Login.URL()+`/token fleet {env.CLIENT_SECRET}
		}
		GET /{id} {
			fetch /guarded?id={id} {
				decode kv
			}
		}`) + service("/cached", backend+`
		GET /{id} {
			fetch /counted?id={id} {
				decode json
				cache 1h
			}
		}`) + service("/rated", backend+`
		rate 20/d by address
		GET /{id} {
			fetch /plain?id={id} {
				decode kv
			}
		}`) + service("/written", backend+`
		POST / {
			body json
			fetch POST /written {
				body json `+"`$body`"+`
				decode json
			}
		}`)
}

// Get asks an origin for a path, by a client, and gives the status and the body.
func Get(ctx context.Context, by *http.Client, url string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := by.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, string(text), err
}
