package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

var broken = status("500 No", "", "no")

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play     script
		retries  int
		change   func(*Call)
		attempts int
		kind     Kind // 0: success
	}{
		"500 then 200":            {play: inTurn(say(broken), say(ok("x"))), retries: 2, attempts: 2},
		"twice 500 then 200":      {play: inTurn(say(broken), say(broken), say(ok("x"))), retries: 2, attempts: 3},
		"no more than retries":    {play: say(broken), retries: 2, attempts: 3, kind: Status},
		"none":                    {play: say(broken), attempts: 1, kind: Status},
		"not idempotent":          {play: say(broken), retries: 2, attempts: 1, kind: Status, change: func(c *Call) { c.Idempotent = false }},
		"POST, not idempotent":    {play: reset, retries: 2, attempts: 1, kind: Unreachable, change: func(c *Call) { c.Idempotent, c.Method, c.Body = false, http.MethodPost, []byte("x") }},
		"POST, idempotent":        {play: inTurn(reset, echo), retries: 2, attempts: 2, change: func(c *Call) { c.Method, c.Body = http.MethodPost, []byte("x") }},
		"reset then 200":          {play: inTurn(reset, say(ok("x"))), retries: 2, attempts: 2},
		"cut then 200":            {play: inTurn(sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), say(ok("x"))), retries: 2, attempts: 2},
		"slow then 200":           {play: inTurn(sayAndHang(""), say(ok("x"))), retries: 2, attempts: 2, change: func(c *Call) { c.Timeout = 100 * time.Millisecond }},
		"bad gzip then 200":       {play: inTurn(say(status("200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b")), say(ok("x"))), retries: 2, attempts: 2},
		"429 then 200":            {play: inTurn(say(status("429 No", "", "")), say(ok("x"))), retries: 2, attempts: 2},
		"429, waits as asked":     {play: inTurn(say(status("429 No", "Retry-After: 1\r\n", "")), say(ok("x"))), retries: 2, attempts: 2},
		"429, asks for too much":  {play: say(status("429 No", "Retry-After: 3600\r\n", "")), retries: 2, attempts: 1, kind: Status},
		"the same, no deadline":   {play: say(status("429 No", "Retry-After: 3600\r\n", "")), retries: 2, attempts: 1, kind: Status, change: func(c *Call) { c.Deadline = time.Time{} }},
		"408 then 200":            {play: inTurn(say(status("408 No", "", "")), say(ok("x"))), retries: 2, attempts: 2},
		"404":                     {play: say(status("404 No", "", "")), retries: 2, attempts: 1, kind: Status},
		"302":                     {play: say(status("302 No", "Location: /x\r\n", "")), retries: 2, attempts: 1, kind: Redirected},
		"too large":               {play: say(ok("0123456789abc")), retries: 2, attempts: 1, kind: TooLarge},
		"judged":                  {play: say(ok("ERROR")), retries: 2, attempts: 3, kind: Judged, change: verdict(&Failure{Kind: Judged})},
		"judged 404":              {play: say(ok("ERROR")), retries: 2, attempts: 1, kind: Judged, change: verdict(&Failure{Kind: Judged, Verdict: 404})},
		"judged 503":              {play: say(ok("ERROR")), retries: 2, attempts: 3, kind: Judged, change: verdict(&Failure{Kind: Judged, Verdict: 503})},
		"204 where a body is due": {play: say("HTTP/1.1 204 No\r\n\r\n"), retries: 2, attempts: 3, kind: Empty, change: verdict(&Failure{Kind: Empty})},
		"undecodable":             {play: say(ok("x")), retries: 2, attempts: 3, kind: Undecodable, change: verdict(errors.New("no"))},
		"judge panics":            {play: say(ok("x")), retries: 2, attempts: 1, kind: Defect, change: func(c *Call) { c.Judge = func(context.Context, *Answer) error { panic("no") } }},
		"deadline is over":        {play: say(ok("x")), retries: 2, attempts: 0, kind: Timeout, change: func(c *Call) { c.Deadline = time.Now().Add(-time.Second) }},
		"never past the deadline": {play: sayAndHang(""), retries: 9, attempts: 1, kind: Timeout, change: func(c *Call) { c.Deadline = time.Now().Add(100 * time.Millisecond) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.play)
			f := start(t, Config{Retries: c.retries, Limit: 10, BreakerFailures: 99}, s.address)
			var ended []int
			call := get("/")
			call.Trace = &Trace{Ended: func(n int, err error) {
				ended = append(ended, n)
				if last := n == c.attempts && c.kind == 0; last != (err == nil) {
					t.Errorf("attempt %d ended with %v", n, err)
				}
			}}
			if c.change != nil {
				c.change(call)
			}
			a, err := f.Do(t.Context(), call)
			var attempts int
			if c.kind == 0 {
				if err != nil {
					t.Fatal(err)
				}
				attempts = a.Attempts
				if string(a.Body) != "x" {
					t.Errorf("body %q", a.Body)
				}
				a.Release()
			} else {
				failure, ok := errors.AsType[*Failure](err)
				if !ok || failure.Kind != c.kind {
					t.Fatalf("got %v, want %v", err, c.kind)
				}
				attempts = failure.Attempts
			}
			if attempts != c.attempts || int(s.requests.Load()) != c.attempts || len(ended) != max(1, c.attempts) {
				t.Errorf("%d attempts, %d requests, %d ends, want %d", attempts, s.requests.Load(), len(ended), c.attempts)
			}
			if n := value(t, f, "fairway_retries_total", ""); int(n) != max(0, c.attempts-1) {
				t.Errorf("%v retries in the metrics", n)
			}
			if n := value(t, f, "fairway_attempts_total", ""); int(n) != max(1, c.attempts) {
				t.Errorf("%v attempts in the metrics", n)
			}
		})
	}
}

func verdict(err error) func(*Call) {
	return func(c *Call) { c.Judge = func(context.Context, *Answer) error { return err } }
}

func echo(_ *server, c net.Conn, req *http.Request, _ int64) bool {
	body, _ := io.ReadAll(req.Body)
	_, err := io.WriteString(c, ok(string(body)))
	return err == nil
}

// value adds up the series of a metric, all or those with this label's value.
func value(t testing.TB, f *fixture, name, label string) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	if err := f.metrics.Register(reg); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			matches := label == ""
			for _, l := range m.GetLabel() {
				matches = matches || l.GetValue() == label
			}
			if matches {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// TestGETIsNotReplayed: net/http repeats a GET on a connection that breaks when used again; a call that may not be
// made twice must not be.
func TestGETIsNotReplayed(t *testing.T) {
	t.Parallel()
	for _, idempotent := range []bool{true, false} {
		s := serve(t, inTurn(say(ok("a")), sayAndClose(""), say(ok("c"))))
		f := start(t, Config{}, s.address)
		_ = f.body(t, t.Context(), get("/"))
		call := get("/")
		call.Idempotent = idempotent
		if idempotent {
			if got := f.body(t, t.Context(), call); got != "c" {
				t.Errorf("body %q", got)
			}
			continue
		}
		if got := f.failure(t, t.Context(), call); got.Kind != Unreachable {
			t.Errorf("got %v", got)
		}
		if n := s.requests.Load(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	}
}

func TestCallerHangsUp(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]script{
		"waiting for the header":  sayAndHang(""),
		"in the header":           sayAndHang("HTTP/1.1 200 OK\r\n"),
		"in the body":             sayAndHang("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
		"in chunks":               sayAndHang("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
		"in gzip":                 sayAndHang("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n\x1f\x8b"),
		"in the text of a 500":    sayAndHang("HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nx"),
		"waiting for the attempt": say(status("503 No", "Retry-After: 10\r\n", "")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, play)
			f := start(t, Config{Retries: 2, BreakerFailures: 2}, s.address)
			var ended atomic.Int64
			for i := range int64(4) {
				ctx, cancel := context.WithCancel(t.Context())
				call := get("/")
				call.Trace = &Trace{Ended: func(int, error) { ended.Add(1) }}
				done := make(chan *Failure, 1)
				go func() {
					_, err := f.Do(ctx, call)
					failure, _ := errors.AsType[*Failure](err)
					done <- failure
				}()
				until(t, "the request", func() bool { return s.requests.Load() == i+1 })
				if name == "waiting for the attempt" {
					until(t, "the first attempt's end", func() bool { return ended.Load() == i+1 })
					if i == 1 {
						// The second real failure opens the breaker; enough is seen.
						cancel()
						if got := <-done; got == nil {
							t.Error("the call went well")
						}
						return
					}
				}
				cancel()
				select {
				case got := <-done:
					if got == nil || got.Kind != Cancelled || got.Attempts != 1 {
						t.Fatalf("got %v", got)
					}
				case <-time.After(long):
					t.Fatal("the call went on")
				}
				if st := f.Status()[0]; name != "waiting for the attempt" && (st.ConsecutiveFailures != 0 || st.State != "closed") {
					t.Errorf("counted as a failure of the backend: %+v", st)
				}
			}
		})
	}
}

func TestCallerHangsUpBefore(t *testing.T) {
	t.Parallel()
	s := serve(t, say(ok("x")))
	f := start(t, Config{Retries: 2}, s.address)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := f.failure(t, ctx, get("/")); got.Kind != Cancelled || got.Attempts != 0 || s.requests.Load() != 0 {
		t.Errorf("got %v after %d requests", got, s.requests.Load())
	}
	ctx, cancel = context.WithCancel(t.Context())
	call := get("/")
	call.Judge = func(ctx context.Context, _ *Answer) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	if got := f.failure(t, ctx, call); got.Kind != Cancelled {
		t.Errorf("while judging: %v", got)
	}
	// The end of the whole request's time is not the caller's doing.
	ctx, cancel = context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	if got := f.failure(t, ctx, get("/")); got.Kind != Timeout || f.Status()[0].ConsecutiveFailures != 0 {
		t.Errorf("got %v", got)
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for n := 1; n < 100; n++ {
		for range 100 {
			if w := backoff(n, 0); w < 0 || w > longestWait || (n == 1 && w > firstWait) {
				t.Fatalf("attempt %d: %v", n, w)
			}
		}
	}
	if diff := cmp.Diff(7*time.Second, backoff(1, 7*time.Second)); diff != "" {
		t.Error(diff)
	}
}
