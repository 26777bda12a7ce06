// Package peers has the real servers that stand before and behind the gateway in the tests, each on a port of loopback, and what
// stands between them: relays that count what passes, and stop it.
package peers

import (
	"context"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Relay passes requests on to a server, so that its clients know one address while the server behind it is restarted, is slow,
// or is away. What it saw can be asked.
type Relay struct {
	// URL is its origin.
	URL string

	server *http.Server
	proxy  *httputil.ReverseProxy

	mu     sync.Mutex
	target *url.URL
	delay  time.Duration
	down   bool
	seen   []Seen
}

// Seen is a request as it came to a relay.
type Seen struct {
	Method, Path, Query string
	Header              http.Header
}

// StartRelay listens on loopback under a host name, localhost or 127.0.0.1, which matters to cookies. It ends with the test.
func StartRelay(t testing.TB, host string) *Relay {
	t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{URL: "http://" + host + ":" + port, down: true}
	var noted notes
	quiet := log.New(&noted, "", log.Lmicroseconds)
	r.proxy = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			r.mu.Lock()
			defer r.mu.Unlock()
			p.SetURL(r.target)
			p.Out.Host = p.In.Host
		},
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 300, DisableCompression: true},
		ErrorLog:      quiet,
		// A server that is away answers nothing, and neither does its relay.
		ErrorHandler: func(_ http.ResponseWriter, req *http.Request, err error) {
			quiet.Printf("%s %s: %v", req.Method, req.URL.Path, err)
			panic(http.ErrAbortHandler)
		},
	}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
	ended := make(chan struct{})
	go func() { // ends with the server
		defer close(ended)
		_ = r.server.Serve(listener) // always an error, in the end
	}()
	t.Cleanup(func() {
		_ = r.server.Close() // its connections may be gone already
		<-ended
		if t.Failed() {
			t.Logf("what went wrong at the relay %s:\n%s", r.URL, noted.String())
		}
	})
	return r
}

// notes are lines of several writers.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// Port is its port.
func (r *Relay) Port() string { return r.URL[strings.LastIndexByte(r.URL, ':')+1:] }

// To has it pass requests on to an origin from now on.
func (r *Relay) To(origin string) {
	target, err := url.Parse(origin)
	if err != nil {
		panic(err) // the tests write them
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target, r.down = target, false
}

// Target gives a handler that does what the relay does now, for a server that is put between.
func (r *Relay) Target() http.HandlerFunc {
	r.mu.Lock()
	defer r.mu.Unlock()
	target := *r.target
	proxy := *r.proxy
	proxy.Rewrite = func(p *httputil.ProxyRequest) {
		p.SetURL(&target)
		p.Out.Host = p.In.Host
	}
	return proxy.ServeHTTP
}

// Down closes connections without an answer, or stops to do so.
func (r *Relay) Down(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// Delay holds each request back for a time.
func (r *Relay) Delay(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = d
}

// Seen is all that came, in order.
func (r *Relay) Seen() []Seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Seen(nil), r.seen...)
}

// Count says how many requests came with a method and a path that begins so. An empty method is any.
func (r *Relay) Count(method, path string) int {
	n := 0
	for _, s := range r.Seen() {
		if (method == "" || s.Method == method) && strings.HasPrefix(s.Path, path) {
			n++
		}
	}
	return n
}

// Forget forgets what came.
func (r *Relay) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = nil
}

func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	delay, down := r.delay, r.down
	r.seen = append(r.seen, Seen{Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery, Header: req.Header.Clone()})
	r.mu.Unlock()
	if down {
		panic(http.ErrAbortHandler)
	}
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-req.Context().Done():
			return
		}
	}
	// Else the server takes the rest of a body away from the proxy, which is at its end, when the answer comes, and the proxy
	// closes its connection in the middle of the answer (net/http, HTTP/1).
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		panic(err) // HTTP/1 can
	}
	r.proxy.ServeHTTP(w, req)
}
