package integration_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeBackend is a server that does to each connection what its script says, HTTP or not.
type fakeBackend struct {
	// url is what a `backend` line names.
	url      string
	listener net.Listener

	mu    sync.Mutex
	heads []string // request line and headers of every request, as they came
	conns map[net.Conn]bool
	group sync.WaitGroup
	gone  bool
}

// script answers the requests of one connection, which is closed when it returns, and under its feet when the fake
// ends. next reads a request's head.
type script func(conn net.Conn, next func() (head string, ok bool))

// startFake listens and runs the script for every connection. It ends with the test, or earlier by close.
func startFake(t testing.TB, run script) *fakeBackend {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeBackend{url: "http://" + l.Addr().String(), listener: l, conns: map[net.Conn]bool{}}
	f.group.Go(func() { f.accept(run) })
	t.Cleanup(f.close)
	return f
}

func (f *fakeBackend) accept(run script) {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		if !f.keep(conn) {
			_ = conn.Close()
			return
		}
		f.group.Go(func() {
			defer f.drop(conn)
			in := bufio.NewReader(conn)
			run(conn, func() (string, bool) { return f.read(in) })
		})
	}
}

func (f *fakeBackend) keep(conn net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		return false
	}
	f.conns[conn] = true
	return true
}

func (f *fakeBackend) drop(conn net.Conn) {
	f.mu.Lock()
	delete(f.conns, conn)
	f.mu.Unlock()
	_ = conn.Close()
}

// read takes the next request off the connection; bodies are not expected.
func (f *fakeBackend) read(in *bufio.Reader) (string, bool) {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", false
		}
		if line == "\r\n" {
			break
		}
		head.WriteString(line)
	}
	f.mu.Lock()
	f.heads = append(f.heads, head.String())
	f.mu.Unlock()
	return head.String(), true
}

// received gives the heads of all requests so far.
func (f *fakeBackend) received() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.heads...)
}

// close ends the listener and all connections and waits for the scripts.
func (f *fakeBackend) close() {
	f.mu.Lock()
	f.gone = true
	for conn := range f.conns {
		_ = conn.Close()
	}
	f.mu.Unlock()
	_ = f.listener.Close()
	f.group.Wait()
}

// says answers every request of a connection with the same bytes and then closes it.
func says(answer string) script {
	return func(conn net.Conn, next func() (string, bool)) {
		if _, ok := next(); ok {
			_, _ = io.WriteString(conn, answer)
		}
	}
}

// interrupts says its answer as soon as it hears a byte, whatever it is.
func interrupts(answer string) script {
	return func(conn net.Conn, _ func() (string, bool)) {
		if _, err := conn.Read(make([]byte, 4096)); err == nil {
			_, _ = io.WriteString(conn, answer)
		}
	}
}

// saysForever writes the start and then repeats the rest until nobody reads any more.
func saysForever(start, rest string) script {
	return func(conn net.Conn, next func() (string, bool)) {
		if _, ok := next(); !ok {
			return
		}
		_, err := io.WriteString(conn, start)
		for err == nil {
			_, err = io.WriteString(conn, rest)
		}
	}
}

// saysAndWaits writes the bytes and then keeps the connection open until the other side closes it.
func saysAndWaits(answer string) script {
	return func(conn net.Conn, next func() (string, bool)) {
		if _, ok := next(); !ok {
			return
		}
		if _, err := io.WriteString(conn, answer); err == nil {
			_, _ = io.Copy(io.Discard, conn)
		}
	}
}

// resets answers with the bytes and then resets the connection.
func resets(answer string) script {
	return func(conn net.Conn, next func() (string, bool)) {
		if _, ok := next(); !ok {
			return
		}
		_, _ = io.WriteString(conn, answer)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
}

// recorder is an HTTP backend that answers with a function and remembers what it was asked.
type recorder struct {
	url string

	mu       sync.Mutex
	requests []*http.Request
}

// startRecorder serves h on loopback until the test ends.
func startRecorder(t testing.TB, h http.HandlerFunc) *recorder {
	t.Helper()
	rec := &recorder{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec.mu.Lock()
		rec.requests = append(rec.requests, r.Clone(context.WithoutCancel(r.Context())))
		rec.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(s.Close)
	rec.url = s.URL
	return rec
}

// asked gives the request targets so far.
func (r *recorder) asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, req := range r.requests {
		out = append(out, req.Method+" "+req.RequestURI)
	}
	return out
}

// deadAddress is an origin that refuses connections.
func deadAddress(t testing.TB) string {
	t.Helper()
	return "http://" + freeAddress(t)
}

// pause waits a moment, or less if done is closed; it says whether it is.
func pause(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-time.After(50 * time.Millisecond):
		return false
	}
}

// quiet is a log for servers that are meant to be complained about.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
