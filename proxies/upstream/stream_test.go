package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// streamed is a call that reads the body to its end; begin says after how many bytes Begin is called, -1: never.
func streamed(begin int, got *strings.Builder) *Call {
	c := get("/")
	c.Stream = func(_ context.Context, s *Stream) error {
		got.Reset()
		p := make([]byte, 7)
		for {
			n, err := s.Read(p)
			got.Write(p[:n])
			if begin >= 0 && got.Len() >= begin {
				s.Begin()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	return c
}

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestStream(t *testing.T) {
	t.Parallel()
	ten := chunked + "a\r\n0123456789\r\n"
	for name, c := range map[string]struct {
		play     script
		begin    int
		change   func(*Call)
		attempts int
		kind     Kind // 0: success
		want     string
	}{
		"whole":                   {play: say(ten + "0\r\n\r\n"), begin: 1, attempts: 1, want: "0123456789"},
		"gzip":                    {play: say(status("200 OK", "Content-Encoding: gzip\r\n", gzipped(t, []byte("0123456789")))), begin: 1, attempts: 1, want: "0123456789"},
		"wrongly gzip":            {play: say(status("200 OK", "Content-Encoding: gzip\r\n", "0123456789")), begin: 1, attempts: 1, want: "0123456789"},
		"gzip without a name":     {play: say(ok(gzipped(t, []byte("0123456789")))), begin: 1, attempts: 1, want: "0123456789", change: func(c *Call) { c.Unlabelled = func(string) bool { return true } }},
		"gzip that is wanted":     {play: say(ok("\x1f\x8b\x08")), begin: 1, attempts: 1, want: "\x1f\x8b\x08", change: func(c *Call) { c.Unlabelled = func(string) bool { return false } }},
		"a bomb":                  {play: say(status("200 OK", "Content-Encoding: gzip\r\n", gzipped(t, make([]byte, 1<<20)))), begin: -1, attempts: 1, kind: TooLarge, change: func(c *Call) { c.StreamLimit = 1 << 16 }},
		"longer than the limit":   {play: say(ok(strings.Repeat("x", 5000))), begin: 1, attempts: 1, want: strings.Repeat("x", 5000)},
		"its own limit":           {play: say(ten + "0\r\n\r\n"), begin: -1, attempts: 1, kind: TooLarge, change: func(c *Call) { c.StreamLimit = 9 }},
		"exactly its limit":       {play: say(ten + "0\r\n\r\n"), begin: -1, attempts: 1, want: "0123456789", change: func(c *Call) { c.StreamLimit = 10 }},
		"its limit by length":     {play: say(ok("0123456789")), begin: -1, attempts: 1, kind: TooLarge, change: func(c *Call) { c.StreamLimit = 9 }},
		"500 then 200":            {play: inTurn(say(broken), say(ok("x"))), begin: 1, attempts: 2, want: "x"},
		"cut before":              {play: inTurn(sayAndClose(ten), say(ok("x"))), begin: 99, attempts: 2, want: "x"},
		"cut after":               {play: sayAndClose(ten), begin: 1, attempts: 1, kind: Cut},
		"bad gzip before":         {play: inTurn(say(status("200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b")), say(ok("x"))), begin: 1, attempts: 2, want: "x"},
		"hangs before":            {play: inTurn(sayAndHang(ten), say(ok("x"))), begin: 99, attempts: 2, want: "x", change: func(c *Call) { c.Timeout = time.Second }},
		"hangs after":             {play: sayAndHang(ten), begin: 1, attempts: 1, kind: Timeout, change: func(c *Call) { c.Timeout = time.Second }},
		"the budget ends after":   {play: sayAndHang(ten), begin: 1, attempts: 1, kind: Timeout, change: func(c *Call) { c.Deadline = time.Now().Add(2 * time.Second) }},
		"not a stream of records": {play: say(ok("x")), begin: -1, attempts: 3, kind: Undecodable, change: func(c *Call) { c.Stream = func(context.Context, *Stream) error { return errors.New("no") } }},
		"unusable":                {play: say(ok("x")), begin: -1, attempts: 1, kind: Unusable, change: func(c *Call) { c.Stream = func(context.Context, *Stream) error { return &Failure{Kind: Unusable} } }},
		"panics":                  {play: say(ok("x")), begin: -1, attempts: 1, kind: Defect, change: func(c *Call) { c.Stream = func(context.Context, *Stream) error { panic("no") } }},
		"nothing is read":         {play: say(ten + "0\r\n\r\n"), begin: -1, attempts: 1, change: func(c *Call) { c.Stream = func(context.Context, *Stream) error { return nil } }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.play)
			f := start(t, Config{Retries: 2, Limit: 10, BreakerFailures: 99}, s.address)
			var got strings.Builder
			call := streamed(c.begin, &got)
			if c.change != nil {
				c.change(call)
			}
			attempts := 0
			call.Trace = &Trace{Ended: func(int, error) { attempts++ }}
			var kind Kind
			a, err := f.Do(t.Context(), call)
			if failure, ok := errors.AsType[*Failure](err); ok {
				kind = failure.Kind
			}
			a.Release()
			if kind != c.kind || attempts != c.attempts {
				t.Errorf("%v after %d attempts, want %v after %d: %v", kind, attempts, c.kind, c.attempts, err)
			}
			if c.kind == 0 && got.String() != c.want {
				t.Errorf("it read %.40q, want %.40q", got.String(), c.want)
			}
		})
	}
}

// TestStreamTakesLongerThanItsTimeout has a backend that says a byte now and then, for longer than any read may take.
func TestStreamTakesLongerThanItsTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	s := serve(t, func(s *server, c net.Conn, _ *http.Request, _ int64) bool {
		_, _ = io.WriteString(c, chunked)
		tick := time.NewTicker(timeout / 10)
		defer tick.Stop()
		for range 25 {
			select {
			case <-tick.C:
			case <-s.stop:
				return false
			}
			_, _ = io.WriteString(c, "1\r\nx\r\n")
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
		return false
	})
	f := start(t, Config{}, s.address)
	var got strings.Builder
	call := streamed(1, &got)
	call.Timeout = timeout
	if _, err := f.Do(t.Context(), call); err != nil || got.Len() != 25 {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
}

// TestStreamAndBreaker counts a cut midway, and neither a caller who leaves nor the end of the budget.
func TestStreamAndBreaker(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play   script
		change func(*Call, context.CancelFunc)
		kind   Kind
		counts int
	}{
		"cut":     {play: sayAndClose(chunked + "1\r\nx\r\n"), kind: Cut, counts: 1},
		"idle":    {play: sayAndHang(chunked + "1\r\nx\r\n"), kind: Timeout, counts: 1, change: func(c *Call, _ context.CancelFunc) { c.Timeout = time.Second }},
		"budget":  {play: sayAndHang(chunked + "1\r\nx\r\n"), kind: Timeout, change: func(c *Call, _ context.CancelFunc) { c.Deadline = time.Now().Add(2 * time.Second) }},
		"leaving": {play: sayAndHang(chunked + "1\r\nx\r\n"), kind: Cancelled, change: func(c *Call, leave context.CancelFunc) { time.AfterFunc(50*time.Millisecond, leave) }},
		"unusable": {play: say(ok("x")), kind: Unusable, change: func(c *Call, _ context.CancelFunc) {
			c.Stream = func(_ context.Context, s *Stream) error {
				s.Begin()
				return &Failure{Kind: Unusable}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, Config{BreakerFailures: 9}, serve(t, c.play).address)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			var got strings.Builder
			call := streamed(1, &got)
			if c.change != nil {
				c.change(call, leave)
			}
			if failure := f.failure(t, ctx, call); failure.Kind != c.kind {
				t.Errorf("got %v", failure)
			}
			if n := f.Status()[0].ConsecutiveFailures; n != c.counts {
				t.Errorf("the breaker counts %d failures, want %d", n, c.counts)
			}
		})
	}
}

// TestStreamAsProbe has a stream as the probe of a half-open breaker: with its first byte the others are let through.
func TestStreamAsProbe(t *testing.T) {
	t.Parallel()
	s := serve(t, func(s *server, c net.Conn, req *http.Request, n int64) bool {
		switch {
		case n == 1:
			_, _ = io.WriteString(c, broken)
		case req.URL.Path == "/stream":
			return sayAndHang(chunked+"1\r\nx\r\n")(s, c, req, n)
		default:
			_, _ = io.WriteString(c, ok("y"))
		}
		return true
	})
	f := start(t, Config{BreakerFailures: 1, BreakerOpen: 50 * time.Millisecond}, s.address)
	_ = f.failure(t, t.Context(), get("/"))
	until(t, "half-open", func() bool { return f.Status()[0].State == "half-open" })
	ctx, leave := context.WithCancel(t.Context())
	var got strings.Builder
	call := streamed(1, &got)
	call.Target = "/stream"
	ended := make(chan error, 1)
	go func() {
		_, err := f.Do(ctx, call)
		ended <- err
	}()
	until(t, "closed", func() bool { return f.Status()[0].State == "closed" })
	if got := f.body(t, t.Context(), get("/")); got != "y" {
		t.Errorf("got %q", got)
	}
	leave()
	if err := <-ended; err == nil {
		t.Error("the stream ended well")
	}
}

// TestStreamMemory charges the budget with what a stream keeps, and refuses what is not there.
func TestStreamMemory(t *testing.T) {
	t.Parallel()
	f := start(t, Config{Retries: 2}, serve(t, say(ok("x"))).address)
	call := get("/")
	var before, after int64
	call.Stream = func(_ context.Context, s *Stream) error {
		before = f.memory.InUse()
		if err := s.Charge(1 << 20); err != nil {
			return err
		}
		after = f.memory.InUse()
		return s.Charge(1 << 40)
	}
	if failure := f.failure(t, t.Context(), call); failure.Kind != MemorySpent || failure.Attempts != 1 {
		t.Errorf("got %v", failure)
	}
	if before != streamWindow || after != streamWindow+1<<20 {
		t.Errorf("charged %d, then %d", before, after)
	}
	f.memory.SetLimit(streamWindow - 1)
	if failure := f.failure(t, t.Context(), streamed(1, new(strings.Builder))); failure.Kind != MemorySpent {
		t.Errorf("got %v", failure)
	}
}
