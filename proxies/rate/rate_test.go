package rate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/rate/ratetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLocalConforms(t *testing.T) {
	t.Parallel()
	ratetest.Conformance(t, func(_ *testing.T, n int) []rate.Counters {
		l := rate.NewLocal(0)
		out := make([]rate.Counters, n)
		for i := range out {
			out[i] = l
		}
		return out
	})
}

// limits reads limits.
func limits(t *testing.T, texts ...string) []rate.Limit {
	t.Helper()
	out := make([]rate.Limit, 0, len(texts))
	for _, s := range texts {
		l, err := rate.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

// scopeOf makes a scope of a name.
func scopeOf(t *testing.T, l *rate.Limiter, name string, texts ...string) *rate.Scope {
	t.Helper()
	s := l.Scope(rate.ScopeOptions{Name: name, Policy: "service", Limits: limits(t, texts...)})
	t.Cleanup(s.Close)
	return s
}

// ask makes a request, and says whether it was let through.
func ask(t *testing.T, s *rate.Scope, identity string) bool {
	t.Helper()
	var v rate.Verdict
	return s.Take(t.Context(), rate.ByAddress, identity, &v)
}

// count makes requests until one is refused.
func count(t *testing.T, s *rate.Scope, identity string) int {
	t.Helper()
	n := 0
	for ; n < 10_000 && ask(t, s, identity); n++ {
	}
	return n
}

// TestNeverMoreThanTwice has as many come at once as the limit says, and in no minute as many again.
func TestNeverMoreThanTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := scopeOf(t, rate.New(rate.Options{}), "s", "60/m")
		if n := count(t, s, "ip:a"); n != 60 {
			t.Errorf("%d at once", n)
		}
		n := 0
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			if ask(t, s, "ip:a") {
				n++
			}
		}
		if n != 60 {
			t.Errorf("%d in the minute after", n)
		}
		if ask(t, s, "ip:a") {
			t.Error("one was saved up")
		}
		time.Sleep(time.Hour)
		if n := count(t, s, "ip:a"); n != 60 {
			t.Errorf("%d after an hour", n)
		}
	})
}

// TestRetryAfter has who waits as long as he is told be let through, and not a second before.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := scopeOf(t, rate.New(rate.Options{}), "s", "3/h")
		count(t, s, "ip:a")
		for range 5 {
			var v rate.Verdict
			if s.Take(t.Context(), rate.ByAddress, "ip:a", &v) || v.RetryAfter() > 20*time.Minute {
				t.Fatal(v.RetryAfter())
			}
			time.Sleep(v.RetryAfter() - 1)
			if ask(t, s, "ip:a") {
				t.Error("before it is time")
			}
			time.Sleep(time.Nanosecond)
			if !ask(t, s, "ip:a") {
				t.Error("not when it is time")
			}
		}
	})
}

func TestShortestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := rate.New(rate.Options{})
		s := scopeOf(t, l, "s", "100/h", "10/m", "5/s by caller")
		if n := count(t, s, "ip:a"); n != 10 {
			t.Error(n)
		}
		count(t, s, "ip:a") // refused, and counted nowhere
		status, err := l.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []rate.Status{
			{Scope: "s", Limit: rate.Limit{N: 5, Per: time.Second, By: rate.ByCaller}},
			{Scope: "s", Limit: rate.Limit{N: 10, Per: time.Minute, By: rate.ByAddress}, Used: 1, Full: 1},
			{Scope: "s", Limit: rate.Limit{N: 100, Per: time.Hour, By: rate.ByAddress}, Used: 1},
		}
		if d := cmp.Diff(want, status); d != "" {
			t.Error(d)
		}
		var v rate.Verdict
		s.Take(t.Context(), rate.ByAddress, "ip:a", &v)
		if r := v.Refused(); r == nil || r.Per != time.Minute {
			t.Errorf("%v", r)
		}
		for range 9 {
			time.Sleep(time.Minute)
			count(t, s, "ip:a")
		}
		time.Sleep(time.Minute)
		if n := count(t, s, "ip:a"); n != 10 { // 100 and one each 36 seconds
			t.Error(n)
		}
	})
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := rate.New(rate.Options{})
		service := scopeOf(t, l, "s", "100/h by address", "5/m by caller")
		route := l.Scope(rate.ScopeOptions{Name: "r", Policy: "route", Limits: limits(t, "2/10s by address")})
		defer route.Close()
		now := time.Now().Unix()
		header := func() http.Header {
			var v rate.Verdict
			_ = route.Take(t.Context(), rate.ByAddress, "ip:a", &v) && service.Take(t.Context(), rate.ByAddress, "ip:a", &v) &&
				service.Take(t.Context(), rate.ByCaller, "user:a", &v)
			h := http.Header{}
			v.WriteHeader(h)
			return h
		}
		reset := func(s int64) []string { return []string{fmt.Sprint(now + s)} }
		const all = `"route";q=2;w=10, "service-2";q=100;w=3600, "service";q=5;w=60`
		for i, want := range []http.Header{
			{
				"Ratelimit-Policy": {all}, "Ratelimit": {`"route";r=1;t=5, "service-2";r=99;t=36, "service";r=4;t=12`},
				"X-Ratelimit-Limit": {"2"}, "X-Ratelimit-Remaining": {"1"}, "X-Ratelimit-Reset": reset(5),
			},
			{
				"Ratelimit-Policy": {all}, "Ratelimit": {`"route";r=0;t=5, "service-2";r=98;t=72, "service";r=3;t=24`},
				"X-Ratelimit-Limit": {"2"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": reset(5),
			},
			{
				"Ratelimit-Policy": {`"route";q=2;w=10`}, "Ratelimit": {`"route";r=0;t=5`},
				"X-Ratelimit-Limit": {"2"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": reset(5),
			},
		} {
			if d := cmp.Diff(want, header()); d != "" {
				t.Errorf("%d: %s", i, d)
			}
		}
		none := http.Header{}
		new(rate.Verdict).WriteHeader(none)
		if len(none) > 0 {
			t.Error(none)
		}
	})
}

// flaky are shared counters that are down or slow, and know what they were asked for.
type flaky struct {
	rate.Counters
	down, slow atomic.Bool
	calls      atomic.Int64

	mu   sync.Mutex
	keys [][]byte
}

var errDown = errors.New("down")

func (f *flaky) Take(ctx context.Context, key []byte, n int, per time.Duration) (rate.Taken, error) {
	f.calls.Add(1)
	f.mu.Lock()
	f.keys = append(f.keys, bytes.Clone(key))
	f.mu.Unlock()
	switch {
	case f.down.Load():
		return rate.Taken{}, errDown
	case f.slow.Load():
		<-ctx.Done()
		return rate.Taken{}, ctx.Err()
	}
	return f.Counters.Take(ctx, key, n, per)
}

// TestGatewaysCountTogether has two of them let through what one does.
func TestGatewaysCountTogether(t *testing.T) {
	t.Parallel()
	shared := rate.NewLocal(0)
	var scopes []*rate.Scope
	var limiters []*rate.Limiter
	for range 2 {
		l := rate.New(rate.Options{Shared: shared, Key: []byte("k")})
		limiters, scopes = append(limiters, l), append(scopes, scopeOf(t, l, "s", "10/h"))
	}
	n := 0
	for i := range 40 {
		if ask(t, scopes[i%2], "ip:a") {
			n++
		}
	}
	if n != 10 {
		t.Error(n)
	}
	for _, l := range limiters {
		if got, err := l.Status(t.Context()); err != nil || len(got) != 1 || got[0].Used != 1 || got[0].Full != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if cleared, err := limiters[0].Reset(t.Context(), "ip:b"); cleared != 0 || err != nil {
		t.Error(cleared, err)
	}
	if cleared, err := limiters[0].Reset(t.Context(), "ip:a"); cleared != 1 || err != nil {
		t.Error(cleared, err)
	}
	if n := count(t, scopes[0], "ip:a"); n != 10 {
		t.Error(n)
	}
	if cleared, err := limiters[1].ResetAll(t.Context()); cleared != 1 || err != nil {
		t.Error(cleared, err)
	}
	if n := count(t, scopes[1], "ip:a"); n != 10 {
		t.Error(n)
	}
}

// TestWhoDoesNotWait costs shared counters one question in a second, and is let through when it is time; a reset at another
// gateway is seen after that second.
func TestWhoDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &flaky{Counters: rate.NewLocal(0)}
		l := rate.New(rate.Options{Shared: shared, Key: []byte("k")})
		other := rate.New(rate.Options{Shared: shared, Key: []byte("k")})
		s := scopeOf(t, l, "s", "2/h")
		scopeOf(t, other, "s", "2/h")
		count(t, s, "ip:a")
		for range 1000 {
			var v rate.Verdict
			if s.Take(t.Context(), rate.ByAddress, "ip:a", &v) || v.RetryAfter() != 30*time.Minute {
				t.Fatal(v.RetryAfter())
			}
		}
		if n := shared.calls.Load(); n != 3 {
			t.Errorf("asked %d times", n)
		}
		if n, err := other.Reset(t.Context(), "ip:a"); n != 1 || err != nil {
			t.Error(n, err)
		}
		if ask(t, s, "ip:a") {
			t.Error("it was asked again at once")
		}
		time.Sleep(time.Second)
		if n := count(t, s, "ip:a"); n != 2 {
			t.Error(n)
		}
		time.Sleep(30 * time.Minute)
		if n := count(t, s, "ip:a"); n != 1 {
			t.Error(n)
		}
	})
}

// TestOutage has a process count for itself, from where all were, say so once, and nobody wait.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"down", "slow"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				shared := &flaky{Counters: rate.NewLocal(0)}
				l := rate.New(rate.Options{Shared: shared, Key: []byte("k"), Logger: slog.New(slog.NewTextHandler(&log, nil))})
				other := rate.New(rate.Options{Shared: shared, Key: []byte("k")})
				s, there := scopeOf(t, l, "s", "10/h"), scopeOf(t, other, "s", "10/h")
				for range 3 {
					ask(t, there, "ip:a")
				}
				ask(t, s, "ip:a")
				shared.down.Store(how == "down")
				shared.slow.Store(how == "slow")
				start := time.Now()
				if n := count(t, s, "ip:a"); n != 6 {
					t.Errorf("%d more during the outage", n)
				}
				if d := time.Since(start); d > 250*time.Millisecond {
					t.Error(d)
				}
				for range 5 {
					time.Sleep(2 * time.Second)
					ask(t, s, "ip:b")
				}
				if _, err := l.Status(t.Context()); err != nil && how == "slow" {
					t.Error(err)
				}
				if n := strings.Count(log.String(), "level=WARN"); n != 1 || strings.Contains(log.String(), "ip:") {
					t.Error(log.String())
				}
				shared.down.Store(false)
				shared.slow.Store(false)
				time.Sleep(2 * time.Second)
				if n := count(t, s, "ip:a"); n != 6 {
					t.Errorf("%d after the outage", n)
				}
				if n := strings.Count(log.String(), "level=INFO"); n != 1 {
					t.Error(log.String())
				}
			})
		})
	}
}

// TestCallerWhoLeaves is no outage.
func TestCallerWhoLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		shared := &flaky{Counters: rate.NewLocal(0)}
		shared.slow.Store(true)
		s := scopeOf(t, rate.New(rate.Options{Shared: shared, Logger: slog.New(slog.NewTextHandler(&log, nil))}), "s", "10/h")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		var v rate.Verdict
		s.Take(ctx, rate.ByAddress, "ip:a", &v)
		if log.Len() > 0 {
			t.Error(log.String())
		}
	})
}

// TestKeysTellNothing has a store not learn who was counted, nor anybody else's secret open it.
func TestKeysTellNothing(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, c := range map[string]struct{ key, scope, limit, identity string }{
		"one":            {"k", "s", "10/h", "user:ann"},
		"another secret": {"l", "s", "10/h", "user:ann"},
		"another scope":  {"k", "t", "10/h", "user:ann"},
		"another limit":  {"k", "s", "11/h", "user:ann"},
		"another user":   {"k", "s", "10/h", "user:ben"},
	} {
		shared := &flaky{Counters: rate.NewLocal(0)}
		s := scopeOf(t, rate.New(rate.Options{Shared: shared, Key: []byte(c.key)}), c.scope, c.limit)
		ask(t, s, c.identity)
		key := shared.keys[0]
		if len(key) != 40 || bytes.Contains(key, []byte("ann")) || seen[string(key)] != "" {
			t.Errorf("%s: %x is that of %q", name, key, seen[string(key)])
		}
		seen[string(key)] = name
	}
}

// TestLocalIsBounded has a flood of addresses not grow without end, and the one that is used stay.
func TestLocalIsBounded(t *testing.T) {
	t.Parallel()
	l := rate.NewLocal(100)
	for i := range 10_000 {
		for _, key := range []string{fmt.Sprint("key ", i), "used"} {
			if _, err := l.Take(t.Context(), []byte(key), 3, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := l.Len(); n != 100 {
		t.Errorf("%d buckets", n)
	}
	if got, _ := l.Take(t.Context(), []byte("used"), 3, time.Hour); got.OK {
		t.Error("the bucket that is used was forgotten")
	}
}

// TestScopesOfOneName share buckets, and a reload that has the same limit again goes on with them.
func TestScopesOfOneName(t *testing.T) {
	t.Parallel()
	l := rate.New(rate.Options{})
	open := func() *rate.Scope {
		return l.Scope(rate.ScopeOptions{Name: "s", Policy: "service", Limits: limits(t, "4/h")})
	}
	old := open()
	ask(t, old, "ip:a")
	next := open()
	old.Close()
	if n := count(t, next, "ip:a"); n != 3 {
		t.Error(n)
	}
	next.Close()
	if got, err := l.Status(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	var none *rate.Scope
	var v rate.Verdict
	if none.Close(); !none.Take(t.Context(), rate.ByAddress, "ip:a", &v) || none.Has(rate.ByAddress) || v.RetryAfter() != 0 || v.Refused() != nil {
		t.Error("what has no limit refuses")
	}
	if (*rate.Limiter)(nil).Scope(rate.ScopeOptions{Limits: limits(t, "1/s")}) != nil || l.Scope(rate.ScopeOptions{}) != nil {
		t.Error("there is nothing to count")
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1":             "ip:192.0.2.1/32",
		"::ffff:192.0.2.1":      "ip:192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6":  "ip:2001:db8:1:2::/64",
		"2001:db8:1:2::9%eth0":  "ip:2001:db8:1:2::/64",
		"fe80::1%eth1":          "ip:fe80::/64",
		"0.0.0.0":               "ip:0.0.0.0/32",
		"2001:db8:1:3:3:4:5:6":  "ip:2001:db8:1:3::/64",
		"::ffff:192.0.2.1%eth0": "ip:192.0.2.1/32",
	} {
		if got := rate.Address(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got := rate.Address(netip.Addr{}); got != "ip:" {
		t.Error(got)
	}
}

func BenchmarkTake(b *testing.B) {
	s := rate.New(rate.Options{}).Scope(rate.ScopeOptions{Name: "s", Policy: "service", Limits: []rate.Limit{{N: 1_000_000, Per: time.Second}}})
	b.ReportAllocs()
	for b.Loop() {
		var v rate.Verdict
		if !s.Take(b.Context(), rate.ByAddress, rate.Address(netip.AddrFrom4([4]byte{192, 0, 2, 1})), &v) {
			b.Fatal(v.RetryAfter())
		}
		v.WriteHeader(http.Header{})
	}
}
