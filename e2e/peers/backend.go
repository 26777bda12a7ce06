package peers

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Backend is an application that tells what it got:
//
//	/status/N     answers with status N and a text
//	/text         a line of `key: value`
//	/events       a stream of events, ten a second, until the client leaves or n of them (?n=) are sent
//	/socket       speaks "echo" after an upgrade: sends back what it receives
//	/slow         the same as others, after 300 ms
//	anything else the Echo of the request
type Backend struct {
	// URL is its origin.
	URL string

	mu  sync.Mutex
	got []Echo
}

// Echo is a request as it came to the backend.
type Echo struct {
	Method string              `json:"method"`
	Path   string              `json:"path"`
	Query  string              `json:"query"`
	Header map[string][]string `json:"header"`
	Body   string              `json:"body"`
	// User is who the proxy says it is, in X-Forwarded-User, and Email in X-Forwarded-Email.
	User  string `json:"user"`
	Email string `json:"email"`
}

// StartBackend starts a backend, which ends with the test.
func StartBackend(t testing.TB) *Backend {
	t.Helper()
	b := &Backend{}
	mux := http.NewServeMux()
	mux.HandleFunc("/", b.echo)
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(300 * time.Millisecond)
		b.echo(w, r)
	})
	mux.HandleFunc("/text", func(w http.ResponseWriter, r *http.Request) {
		b.note(r)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "user: %s\n", r.Header.Get("X-Forwarded-Email")) // the client's loss
	})
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		b.note(r)
		code, err := strconv.Atoi(r.PathValue("code"))
		if err != nil || code < 200 {
			code = http.StatusBadRequest
		}
		http.Error(w, "the application says "+strconv.Itoa(code), code)
	})
	mux.HandleFunc("/events", b.events)
	mux.HandleFunc("/socket", b.socket)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b.URL = server.URL
	return b
}

// Got is every request that came, in order.
func (b *Backend) Got() []Echo {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Echo(nil), b.got...)
}

func (b *Backend) note(r *http.Request) Echo {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client left in the middle
	}
	e := Echo{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header, Body: string(body),
		User: r.Header.Get("X-Forwarded-User"), Email: r.Header.Get("X-Forwarded-Email"),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, e)
	return e
}

func (b *Backend) echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(b.note(r)) // the client's loss
}

func (b *Backend) events(w http.ResponseWriter, r *http.Request) {
	b.note(r)
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil {
		n = 1 << 20
	}
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := range n {
		if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func (b *Backend) socket(w http.ResponseWriter, r *http.Request) {
	b.note(r)
	if !strings.EqualFold(r.Header.Get("Upgrade"), "echo") {
		http.Error(w, "upgrade to echo", http.StatusUpgradeRequired)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // nothing to lose
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"); err != nil {
		return
	}
	_, _ = io.Copy(net.Conn(conn), buffered) // until the client leaves
}
