package upstream

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
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

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long is for what must not be waited for: a test that reaches it fails.
const long = 20 * time.Second

// plain is a strategy without credentials.
type plain struct{}

func (plain) Mode() session.Mode   { return session.ModeNone }
func (plain) PerCaller() bool      { return false }
func (plain) ServiceAccount() bool { return false }

func (plain) RoundTrip(req *http.Request, _ session.Caller, next http.RoundTripper) (*http.Response, error) {
	return next.RoundTrip(req)
}

// server is a backend that misbehaves as its script says.
type server struct {
	address  string // host:port
	requests atomic.Int64
	conns    atomic.Int64
	stop     chan struct{} // closed at the end of the test
}

// script answers request n, from 1, on c. The connection is kept when it gives true.
type script func(s *server, c net.Conn, req *http.Request, n int64) bool

func serve(t testing.TB, play script) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, play)
}

func serveOn(t testing.TB, l net.Listener, play script) *server {
	t.Helper()
	s := &server{address: l.Addr().String(), stop: make(chan struct{})}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		open = make(map[net.Conn]bool)
	)
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer func() {
					c.Close()
					mu.Lock()
					delete(open, c)
					mu.Unlock()
				}()
				r := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					body, _ := io.ReadAll(req.Body)
					req.Body = io.NopCloser(bytes.NewReader(body))
					if !play(s, c, req, s.requests.Add(1)) {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		close(s.stop)
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return s
}

// say answers every request with the same bytes and keeps the connection.
func say(answer string) script {
	return func(_ *server, c net.Conn, _ *http.Request, _ int64) bool {
		_, err := io.WriteString(c, answer)
		return err == nil
	}
}

// sayAndClose answers and closes.
func sayAndClose(answer string) script {
	return func(_ *server, c net.Conn, _ *http.Request, _ int64) bool {
		_, _ = io.WriteString(c, answer)
		return false
	}
}

// sayAndHang answers and then says nothing more.
func sayAndHang(answer string) script {
	return func(s *server, c net.Conn, _ *http.Request, _ int64) bool {
		_, _ = io.WriteString(c, answer)
		<-s.stop
		return false
	}
}

// inTurn plays one script per request, the last one for all that follow.
func inTurn(scripts ...script) script {
	return func(s *server, c net.Conn, req *http.Request, n int64) bool {
		return scripts[min(int(n), len(scripts))-1](s, c, req, n)
	}
}

// reset ends the connection with RST.
func reset(_ *server, c net.Conn, _ *http.Request, _ int64) bool {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return false
}

func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func status(line, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", line, header, len(body), body)
}

func gzipped(t testing.TB, body []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// fixture is a backend under test with all that it uses.
type fixture struct {
	*Backend
	memory  *Memory
	metrics *observe.Metrics
}

// start makes a Backend; at the end of the test all memory must be given back.
func start(t testing.TB, cfg Config, addresses ...string) *fixture {
	t.Helper()
	cfg.Service, cfg.Name = "svc", "main"
	for _, a := range addresses {
		if !strings.Contains(a, "/") {
			a = "http://" + a
		}
		cfg.Addresses = append(cfg.Addresses, a)
	}
	f := &fixture{memory: NewMemory(64 << 20), metrics: observe.New()}
	b, err := New(cfg, Options{Metrics: f.metrics, Memory: f.memory})
	if err != nil {
		t.Fatal(err)
	}
	f.Backend = b
	t.Cleanup(func() {
		b.Close()
		if n := f.memory.InUse(); n != 0 {
			t.Errorf("%d bytes of the budget were not given back", n)
		}
		for _, a := range b.Status() {
			if a.InFlight != 0 {
				t.Errorf("%d calls still in flight at %s", a.InFlight, a.Address)
			}
		}
	})
	return f
}

// get is an idempotent call that takes every body.
func get(target string) *Call {
	return &Call{
		Method: http.MethodGet, Target: target, Idempotent: true, Strategy: plain{}, Factor: 1,
		Deadline: time.Now().Add(long),
		Judge:    func(context.Context, *Answer) error { return nil },
	}
}

// body makes the call and gives the text of its answer.
func (f *fixture) body(t testing.TB, ctx context.Context, call *Call) string { //nolint:revive // t first as everywhere
	t.Helper()
	a, err := f.Do(ctx, call)
	if err != nil {
		t.Fatalf("Do: %v", err)
	}
	defer a.Release()
	return string(a.Body)
}

// failure makes the call and gives its failure.
func (f *fixture) failure(t testing.TB, ctx context.Context, call *Call) *Failure { //nolint:revive // as above
	t.Helper()
	a, err := f.Do(ctx, call)
	if err == nil {
		a.Release()
		t.Fatalf("Do gave %d %q, want a failure", a.Status, a.Body)
	}
	failure, ok := err.(*Failure) //nolint:errorlint // Do promises the bare type
	if !ok {
		t.Fatalf("Do gave a %T, want a *Failure", err)
	}
	return failure
}

// until waits for a condition.
func until(t testing.TB, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.After(long)
	for !met() {
		select {
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
