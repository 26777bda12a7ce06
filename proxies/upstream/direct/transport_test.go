package direct

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers each connection with a script; dials counts the connections.
func server(t testing.TB, script func(n int64, c net.Conn, br *bufio.Reader)) (*Transport, *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var dials atomic.Int64
	done := make(chan struct{})
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			n := dials.Add(1)
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			running.Go(func() {
				defer c.Close()
				script(n, c, bufio.NewReader(c))
			})
		}
	}()
	tr := &Transport{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", ln.Addr().String())
		},
		HeaderLimit: 4 << 10, MaxIdle: 4, IdleTimeout: time.Minute,
	}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		ln.Close()
		<-done
		for _, c := range open { // those too that a failed test forgot
			c.Close()
		}
		running.Wait() // scripts end when their connection does
	})
	return tr, &dials
}

// serve answers every request of a connection with the same bytes.
func serve(answer string) func(int64, net.Conn, *bufio.Reader) {
	return func(_ int64, c net.Conn, br *bufio.Reader) {
		for {
			req, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

func request(ctx context.Context, t testing.TB, method, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://backend.test/x", r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func ask(ctx context.Context, t testing.TB, tr *Transport, method, body string) (string, error) {
	t.Helper()
	resp, err := tr.RoundTrip(request(ctx, t, method, body))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, got), err
}

func TestReuse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, answer, want string
		dials              int64
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok", 1},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "200 ok", 1},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", "204 ", 1},
		{"informational", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok", 1},
		{"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "200 ok", 3},
		{"old", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok", 3},
		{"more than its length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "200 ok", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr, dials := server(t, serve(tt.answer))
			for range 3 {
				got, err := ask(t.Context(), t, tr, http.MethodGet, "")
				if err != nil || got != tt.want {
					t.Errorf("got %q, %v; want %q", got, err, tt.want)
				}
			}
			if n := dials.Load(); n != tt.dials {
				t.Errorf("%d connections, want %d", n, tt.dials)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 5<<10)
	for name, answer := range map[string]string{
		"long header":        "HTTP/1.1 200 OK\r\nX: " + long + "\r\nContent-Length: 2\r\n\r\nok",
		"hints without end":  strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9),
		"no answer":          "what?\r\n",
		"two lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"status that is not": "HTTP/1.1 abc\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, _ := server(t, serve(answer))
			if got, err := ask(t.Context(), t, tr, http.MethodGet, ""); err == nil {
				t.Errorf("got %q", got)
			}
			if tr.pop() != nil {
				t.Error("the connection is kept")
			}
		})
	}
}

// TestClosedMeanwhile has the server close a kept connection: a request that may be sent again is, on a new one.
func TestClosedMeanwhile(t *testing.T) {
	t.Parallel()
	once := func(_ int64, c net.Conn, br *bufio.Reader) {
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			tr, dials := server(t, once)
			for range 3 {
				if got, err := ask(t.Context(), t, tr, method, "body"[:4*len(method)%8]); err != nil || got != "200 ok" {
					// The end may be on its way: a POST that meets it is not sent again.
					if method != http.MethodPost || !errors.Is(err, io.EOF) && !strings.Contains(fmt.Sprint(err), "reset") {
						t.Errorf("got %q, %v", got, err)
					}
				}
			}
			if dials.Load() < 2 {
				t.Errorf("%d connections", dials.Load())
			}
		})
	}
}

// TestEnds has contexts end while the header and while the body is waited for.
func TestEnds(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"before the header": "", "in the header": "HTTP/1.1 200 OK\r\nConte", "in the body": "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 2)
			tr, _ := server(t, func(_ int64, c net.Conn, br *bufio.Reader) {
				if _, err := http.ReadRequest(br); err != nil {
					return
				}
				_, _ = io.WriteString(c, sent)
				asked <- struct{}{}
				_, _ = io.Copy(io.Discard, br) // until the other side closes
			})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-asked
				cancel()
			}()
			if _, err := ask(ctx, t, tr, http.MethodGet, ""); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want cancelled", err)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := ask(ctx, t, tr, http.MethodGet, ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the deadline", err)
			}
			if tr.pop() != nil {
				t.Error("the connection is kept")
			}
		})
	}
}

// TestSlow has an answer come in pieces, each later than the moment in which nobody looks at the context, and then the
// context end.
func TestSlow(t *testing.T) {
	t.Parallel()
	for name, parent := range map[string]context.Context{"that ends": t.Context(), "without end": context.Background()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, dials := server(t, func(_ int64, c net.Conn, br *bufio.Reader) {
				for {
					if _, err := http.ReadRequest(br); err != nil {
						return
					}
					for _, piece := range []string{"HTTP/1.1 200 OK\r\nContent-", "Length: 4\r\n\r\n", "sl", "ow"} {
						<-time.After(2 * moment)
						_, _ = io.WriteString(c, piece)
					}
				}
			})
			for range 2 {
				if got, err := ask(parent, t, tr, http.MethodGet, ""); err != nil || got != "200 slow" {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if n := dials.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
			ctx, cancel := context.WithCancel(parent)
			time.AfterFunc(3*moment, cancel)
			if _, err := ask(ctx, t, tr, http.MethodGet, ""); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want cancelled", err)
			}
		})
	}
}

func TestNothingIsInjected(t *testing.T) {
	t.Parallel()
	tr, dials := server(t, serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	for name, change := range map[string]func(*http.Request){
		"method": func(r *http.Request) { r.Method = "GET /evil HTTP/1.1\r\nX:" },
		"host":   func(r *http.Request) { r.Host = "a\r\nX: b" },
		"name":   func(r *http.Request) { r.Header["X: a\r\nY"] = []string{"b"} },
		"value":  func(r *http.Request) { r.Header["X"] = []string{"a\r\nY: b"} },
		"target": func(r *http.Request) { r.URL.Opaque = "/a b\r\nX: c" },
	} {
		req := request(t.Context(), t, http.MethodGet, "")
		change(req)
		if resp, err := tr.RoundTrip(req); err == nil {
			resp.Body.Close()
			t.Errorf("%s was sent", name)
		}
	}
	if dials.Load() != 0 {
		t.Errorf("%d connections", dials.Load())
	}
}

func TestClosedTransportKeepsNothing(t *testing.T) {
	t.Parallel()
	tr, _ := server(t, serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	tr.CloseIdleConnections()
	if _, err := ask(t.Context(), t, tr, http.MethodGet, ""); err != nil {
		t.Fatal(err)
	}
	if tr.pop() != nil {
		t.Error("a connection is kept")
	}
}

// FuzzAnswer has a server send anything: nothing panics, nothing waits beyond the deadline, no leftovers are kept.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		client, far := net.Pipe()
		defer far.Close()
		go func() {
			_, _ = http.ReadRequest(bufio.NewReader(far))
			_, _ = far.Write(answer)
			far.Close()
		}()
		tr := &Transport{
			Dial:        func(context.Context) (net.Conn, error) { return client, nil },
			HeaderLimit: 4 << 10, MaxIdle: 1, IdleTimeout: time.Minute,
		}
		defer tr.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		resp, err := tr.RoundTrip(request(ctx, t, http.MethodGet, ""))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if c := tr.pop(); c != nil {
			if c.br.Buffered() > 0 {
				t.Errorf("a connection with %d bytes left is kept", c.br.Buffered())
			}
			c.Close()
		}
	})
}
