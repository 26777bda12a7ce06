package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestManyAtOnce mixes everything that can happen and checks that nothing is left of it.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	bomb := gzipped(t, make([]byte, 1<<20))
	play := func(s *server, c net.Conn, req *http.Request, n int64) bool {
		switch req.URL.Path {
		case "/500":
			return say(broken)(s, c, req, n)
		case "/reset":
			return reset(s, c, req, n)
		case "/cut":
			return sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"+strings.Repeat("x", 5000))(s, c, req, n)
		case "/bomb":
			return say(status("200 OK", "Content-Encoding: gzip\r\n", bomb))(s, c, req, n)
		case "/hang":
			return sayAndHang("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")(s, c, req, n)
		case "/large":
			return say(ok(strings.Repeat("y", 60_000)))(s, c, req, n)
		}
		return say(ok(req.URL.Path))(s, c, req, n)
	}
	a, b := serve(t, play), serve(t, play)
	f := start(t, Config{Retries: 1, BreakerFailures: 20, BreakerOpen: 5 * time.Millisecond, Limit: 100_000}, a.address, b.address)
	f.memory.SetLimit(2_000_000)
	targets := []string{"/well", "/500", "/reset", "/cut", "/bomb", "/hang", "/large", "/panic", "/judged", "/cancel"}
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			target := targets[i%len(targets)]
			call := get(target)
			call.Factor = 5
			switch target {
			case "/hang":
				call.Timeout = 20 * time.Millisecond
			case "/cancel":
				call.Judge = func(ctx context.Context, _ *Answer) error { cancel(); return ctx.Err() }
			case "/panic":
				call.Judge = func(context.Context, *Answer) error { panic("no") }
			case "/judged":
				call.Judge = func(context.Context, *Answer) error { return &Failure{Kind: Judged} }
			}
			answer, err := f.Do(ctx, call)
			if err != nil {
				if _, ok := errors.AsType[*Failure](err); !ok {
					t.Errorf("%s: a %T", target, err)
				}
				return
			}
			if body := string(answer.Body); target == "/well" && body != target || target == "/large" && strings.Trim(body, "y") != "" {
				t.Errorf("%s: the body of another call", target)
			}
			answer.Release()
		})
	}
	wg.Wait()
	if n := f.memory.InUse(); n != 0 {
		t.Errorf("%d bytes in use", n)
	}
}

func TestMemoryIsExact(t *testing.T) {
	t.Parallel()
	m := NewMemory(100)
	if m.Limit() != 100 || m.Acquire(101) || !m.Acquire(100) || m.Acquire(1) || !m.Acquire(0) || m.Acquire(-1) {
		t.Error("the limit is not kept")
	}
	m.Release(100)
	m.Release(-1)
	if m.InUse() != 0 {
		t.Errorf("%d in use", m.InUse())
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 1000 {
				if m.Acquire(7) {
					if n := m.InUse(); n > 100 {
						t.Errorf("%d in use", n)
					}
					m.Release(7)
				}
			}
		})
	}
	wg.Wait()
	if m.InUse() != 0 {
		t.Errorf("%d in use", m.InUse())
	}
	if !NewMemory(0).Acquire(1 << 60) {
		t.Error("no limit is a limit")
	}
}

// quick answers 25 bytes to whatever ends with an empty line, as cheaply as can be.
func quick(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 25\r\n\r\nstatus: ok\nrevision: 1234")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) == 2 {
						if _, err := c.Write(answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func BenchmarkDo(b *testing.B) {
	address := quick(b)
	f := start(b, Config{Retries: 2}, address)
	b.Run("Do", func(b *testing.B) {
		b.ReportAllocs()
		call := get("/a?b=c")
		call.Deadline = time.Now().Add(time.Hour)
		for b.Loop() {
			a, err := f.Do(b.Context(), call)
			if err != nil {
				b.Fatal(err)
			}
			a.Release()
		}
	})
	b.Run("RoundTrip", func(b *testing.B) {
		b.ReportAllocs()
		t := &http.Transport{DisableCompression: true}
		defer t.CloseIdleConnections()
		for b.Loop() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address+"/a?b=c", nil)
			if err != nil {
				b.Fatal(err)
			}
			resp, err := t.RoundTrip(req)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}
