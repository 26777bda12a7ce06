package upstream

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// moody answers as its switch says.
func moody(well *atomic.Bool) script {
	return func(s *server, c net.Conn, req *http.Request, n int64) bool {
		if well.Load() {
			return say(ok("x"))(s, c, req, n)
		}
		return say(broken)(s, c, req, n)
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	s := serve(t, moody(&well))
	f := start(t, Config{BreakerFailures: 3, BreakerOpen: 100 * time.Millisecond}, s.address)
	well.Store(true)
	_ = f.body(t, t.Context(), get("/"))
	well.Store(false)
	for i := range 3 {
		if st := f.Status()[0]; st.State != "closed" || st.ConsecutiveFailures != i {
			t.Fatalf("after %d failures: %+v", i, st)
		}
		if got := f.failure(t, t.Context(), get("/")); got.Kind != Status {
			t.Fatalf("got %v", got)
		}
	}
	// Under load the open time may be over before this call; then it is a probe that fails.
	until(t, "a call that is refused", func() bool {
		sent := s.requests.Load()
		got := f.failure(t, t.Context(), get("/"))
		if got.Kind != BreakerOpen {
			return false
		}
		if got.Attempts != 0 || s.requests.Load() != sent {
			t.Errorf("sent to an open breaker: %v", got)
		}
		if got.RetryAfter < 0 || got.RetryAfter > 100*time.Millisecond {
			t.Errorf("retry after %v", got.RetryAfter)
		}
		return true
	})
	until(t, "half-open", func() bool { return f.Status()[0].State == "half-open" })
	if got := f.failure(t, t.Context(), get("/")); got.Kind != Status {
		t.Errorf("the probe: %v", got)
	}
	well.Store(true)
	until(t, "half-open again", func() bool { return f.Status()[0].State == "half-open" })
	_ = f.body(t, t.Context(), get("/"))
	if st := f.Status()[0]; st.State != "closed" || !st.OpenUntil.IsZero() {
		t.Errorf("after a good probe: %+v", st)
	}
	if n := value(t, f, "fairway_breaker_changes_total", "open"); n < 2 {
		t.Errorf("%v changes to open", n)
	}
	if n := value(t, f, "fairway_breaker_changes_total", "closed"); n != 1 {
		t.Errorf("%v changes to closed", n)
	}
	if n := value(t, f, "fairway_breaker_state", ""); n != 0 {
		t.Errorf("state %v", n)
	}
}

// TestWhatTheBreakerCounts has two attempts that fail alike and a breaker that opens after two.
func TestWhatTheBreakerCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play  script
		judge error
		opens bool
	}{
		"500":          {play: say(broken), opens: true},
		"404":          {play: say(status("404 No", "", ""))},
		"429":          {play: say(status("429 No", "", ""))},
		"redirect":     {play: say(status("302 No", "Location: /\r\n", ""))},
		"cut":          {play: sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), opens: true},
		"too large":    {play: say(ok("0123456789abc")), opens: true},
		"undecodable":  {play: say(ok("x")), judge: io.ErrUnexpectedEOF, opens: true},
		"empty":        {play: say(ok("")), judge: &Failure{Kind: Empty}, opens: true},
		"judged":       {play: say(ok("x")), judge: &Failure{Kind: Judged}, opens: true},
		"judged 404":   {play: say(ok("x")), judge: &Failure{Kind: Judged, Verdict: 404}},
		"memory":       {play: say(ok("x")), judge: &Failure{Kind: MemorySpent}},
		"login":        {play: say(ok("x")), judge: &Failure{Kind: Login}},
		"well":         {play: say(ok("x"))},
		"header reset": {play: reset, opens: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.play)
			f := start(t, Config{BreakerFailures: 2, Limit: 10}, s.address)
			for range 2 {
				call := get("/")
				call.Judge = func(context.Context, *Answer) error { return c.judge }
				if a, err := f.Do(t.Context(), call); err == nil {
					a.Release()
				}
			}
			if st := f.Status()[0]; (st.State == "open") != c.opens || (st.State == "open") == st.OpenUntil.IsZero() {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestProbeThatTellsNothing: probes that are cancelled, panic or find 404 must not wedge the breaker half-open.
func TestProbeThatTellsNothing(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	s := serve(t, moody(&well))
	f := start(t, Config{BreakerFailures: 1, BreakerOpen: 10 * time.Millisecond}, s.address)
	_ = f.failure(t, t.Context(), get("/"))
	well.Store(true)
	until(t, "half-open", func() bool { return f.Status()[0].State == "half-open" })
	for range 5 {
		call := get("/")
		call.Judge = func(context.Context, *Answer) error { panic("no") }
		if got := f.failure(t, t.Context(), call); got.Kind != Defect || got.Attempts != 1 {
			t.Fatalf("a probe that panics: %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		call.Judge = func(context.Context, *Answer) error { cancel(); return context.Canceled }
		if got := f.failure(t, ctx, call); got.Kind != Cancelled {
			t.Fatalf("a probe that is cancelled: %v", got)
		}
	}
	if st := f.Status()[0]; st.State != "half-open" {
		t.Errorf("%+v", st)
	}
	_ = f.body(t, t.Context(), get("/"))
	if st := f.Status()[0]; st.State != "closed" {
		t.Errorf("%+v", st)
	}
}

func TestOneProbeAtATime(t *testing.T) {
	t.Parallel()
	go1 := make(chan struct{})
	s := serve(t, inTurn(say(broken), func(s *server, c net.Conn, req *http.Request, n int64) bool {
		<-go1
		return say(ok("x"))(s, c, req, n)
	}))
	f := start(t, Config{BreakerFailures: 1, BreakerOpen: 10 * time.Millisecond}, s.address)
	_ = f.failure(t, t.Context(), get("/"))
	until(t, "half-open", func() bool { return f.Status()[0].State == "half-open" })
	var wg sync.WaitGroup
	wg.Go(func() { _ = f.body(t, t.Context(), get("/")) })
	until(t, "the probe", func() bool { return s.requests.Load() == 2 })
	if got := f.failure(t, t.Context(), get("/")); got.Kind != BreakerOpen {
		t.Errorf("beside the probe: %v", got)
	}
	close(go1)
	wg.Wait()
	_ = f.body(t, t.Context(), get("/"))
}

func TestBreakerPerAddressAndFailover(t *testing.T) {
	t.Parallel()
	bad, good := serve(t, say(broken)), serve(t, say(ok("good")))
	f := start(t, Config{Retries: 1, BreakerFailures: 2}, bad.address, good.address)
	for range 20 {
		if got := f.body(t, t.Context(), get("/")); got != "good" {
			t.Errorf("body %q", got)
		}
	}
	if n := bad.requests.Load(); n != 2 {
		t.Errorf("%d requests to the bad address, want 2 and then none", n)
	}
	st := f.Status()
	if st[0].State != "open" || st[1].State != "closed" || st[0].ConsecutiveFailures != 2 {
		t.Errorf("%+v", st)
	}
}

func TestAllBreakersOpen(t *testing.T) {
	t.Parallel()
	a, b := serve(t, say(broken)), serve(t, say(broken))
	f := start(t, Config{Retries: 5, BreakerFailures: 1}, a.address, b.address)
	if got := f.failure(t, t.Context(), get("/")); got.Kind != Status || got.Attempts != 2 {
		t.Errorf("the call that opened them: %v", got)
	}
	got := f.failure(t, t.Context(), get("/"))
	if got.Kind != BreakerOpen || got.Attempts != 0 || got.RetryAfter <= 0 || got.RetryAfter > DefaultBreakerOpen {
		t.Errorf("got %v, retry after %v", got, got.RetryAfter)
	}
	if n := value(t, f, "fairway_attempts_total", "breaker_open"); n != 1 {
		t.Errorf("%v attempts refused", n)
	}
}

func TestLeastBusy(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hold := func(s *server, c net.Conn, req *http.Request, n int64) bool {
		<-release
		return say(ok("x"))(s, c, req, n)
	}
	var servers []*server
	for range 3 {
		servers = append(servers, serve(t, hold))
	}
	f := start(t, Config{}, servers[0].address, servers[1].address, servers[2].address)
	var wg sync.WaitGroup
	for i := range int64(9) {
		wg.Go(func() { _ = f.body(t, t.Context(), get("/")) })
		until(t, "the request", func() bool {
			return servers[0].requests.Load()+servers[1].requests.Load()+servers[2].requests.Load() == i+1
		})
	}
	for i, st := range f.Status() {
		if st.InFlight != 3 || servers[i].requests.Load() != 3 {
			t.Errorf("address %d: %+v", i, st)
		}
	}
	close(release)
	wg.Wait()
}

func TestTiesRotate(t *testing.T) {
	t.Parallel()
	a, b := serve(t, say(ok("a"))), serve(t, say(ok("b")))
	f := start(t, Config{}, a.address, b.address)
	for range 10 {
		_ = f.body(t, t.Context(), get("/"))
	}
	if a.requests.Load() != 5 || b.requests.Load() != 5 {
		t.Errorf("%d and %d requests", a.requests.Load(), b.requests.Load())
	}
}

// TestRetryTakesAnotherAddress although that one is busier than the one that failed.
func TestRetryTakesAnotherAddress(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	good := serve(t, func(s *server, c net.Conn, req *http.Request, n int64) bool {
		if req.URL.Path == "/hold" {
			<-release
		}
		return say(ok("good"))(s, c, req, n)
	})
	bad := serve(t, say(broken))
	f := start(t, Config{Retries: 1, BreakerFailures: 99}, good.address, bad.address)
	var wg sync.WaitGroup
	// The first call in turn may meet the bad address, and then goes to the good one.
	wg.Go(func() { _ = f.body(t, t.Context(), get("/hold")) })
	until(t, "the held request", func() bool { return good.requests.Load() == 1 })
	for range 10 {
		a, err := f.Do(t.Context(), get("/"))
		if err != nil {
			t.Error(err)
			break
		}
		if a.Attempts != 2 {
			t.Errorf("%d attempts, want the idle address first and then the other", a.Attempts)
		}
		a.Release()
	}
	close(release)
	wg.Wait()
}
