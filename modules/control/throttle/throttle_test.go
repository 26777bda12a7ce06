package throttle

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// numbered is one of many addresses.
func numbered(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// try makes an attempt with an outcome and gives how long it must wait; 0: it was made.
func try(t *testing.T, th *Throttle, from netip.Addr, user string, o Outcome) time.Duration {
	t.Helper()
	end, err := th.Begin(t.Context(), from, user)
	if err != nil {
		delayed, ok := errors.AsType[*DelayedError](err)
		if !ok {
			t.Fatal(err)
		}
		return delayed.RetryAfter
	}
	end(t.Context(), o)
	return 0
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func TestDelay(t *testing.T) {
	t.Parallel()
	c := Curve{Free: 3, First: time.Second, Most: time.Minute}
	for level, want := range []int{0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60} {
		if got := c.Delay(level); got != seconds(want) {
			t.Errorf("%d: %s", level, got)
		}
	}
	if got := c.Delay(math.MaxInt); got != time.Minute {
		t.Error(got)
	}
	if got := (Curve{Free: 3}).Delay(10); got != 0 {
		t.Error(got)
	}
}

// TestGrowingDelay has wrong passwords for one user from one address be tried less and less often, never less than once in a
// minute, and be forgotten with time.
func TestGrowingDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, pair, _ := Curves()
		pair.Leak = time.Hour // so that nothing leaks while this waits
		th := New(Config{Pair: pair})
		for range 5 {
			if w := try(t, th, addr("192.0.2.1"), "ann", Wrong); w != 0 {
				t.Fatal(w)
			}
		}
		for i, want := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			w := try(t, th, addr("192.0.2.1"), "ann", Wrong)
			if w.Round(time.Second) != seconds(want) {
				t.Errorf("%d: %s", i, w)
			}
			time.Sleep(w - 1)
			if again := try(t, th, addr("192.0.2.1"), "ann", Wrong); again != 1 {
				t.Errorf("%d: %s too early", i, again)
			}
			time.Sleep(time.Nanosecond)
			if w := try(t, th, addr("192.0.2.1"), "ann", Wrong); w != 0 {
				t.Errorf("%d: %s after the delay", i, w)
			}
		}
		for range 10_000 { // those who do not wait make nothing worse
			try(t, th, addr("192.0.2.1"), "ann", Wrong)
		}
		w := try(t, th, addr("192.0.2.1"), "ann", Wrong)
		if w <= 0 || w > time.Minute {
			t.Error(w)
		}
		time.Sleep(30 * time.Hour)
		for range 5 {
			if w := try(t, th, addr("192.0.2.1"), "ann", Wrong); w != 0 {
				t.Error(w)
			}
		}
		if w := try(t, th, addr("192.0.2.1"), "ann", Wrong); w == 0 {
			t.Error("the time without attempts was saved up")
		}
	})
}

// TestRightEndsTheDelay has who knows the password get in with the attempt that is let through, and go on without delay.
func TestRightEndsTheDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := New(Config{})
		for {
			if w := try(t, th, addr("192.0.2.1"), "ann", Wrong); w > 30*time.Second {
				time.Sleep(w)
				break
			} else {
				time.Sleep(w)
			}
		}
		for range 200 { // more than an address has: what was right does not count
			if w := try(t, th, addr("192.0.2.1"), "ann", Right); w != 0 {
				t.Fatal(w)
			}
		}
		for range 4 {
			if w := try(t, th, addr("192.0.2.1"), "ann", Wrong); w != 0 {
				t.Error(w)
			}
		}
		for range 200 {
			if w := try(t, th, addr("192.0.2.1"), "ann", Abandoned); w != 0 {
				t.Fatal(w)
			}
		}
	})
}

// TestOthersAreNotDelayed has what one address does to one user not concern other users there, nor the user elsewhere.
func TestOthersAreNotDelayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := New(Config{})
		for try(t, th, addr("192.0.2.1"), "ann", Wrong) == 0 {
		}
		start := time.Now()
		for range 1000 { // what is refused is counted nowhere
			try(t, th, addr("192.0.2.1"), "ann", Wrong)
		}
		for i := range 50 {
			if w := try(t, th, addr("192.0.2.1"), fmt.Sprint("ben", i), Wrong); w != 0 {
				t.Fatalf("another user: %s", w)
			}
		}
		if w := try(t, th, addr("192.0.2.2"), "ann", Wrong); w != 0 {
			t.Errorf("another address: %s", w)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("held for %s", d)
		}
		if w := try(t, th, addr("192.0.2.1"), "ANN", Wrong); w == 0 {
			t.Error("the case of a name makes another user")
		}
		for try(t, th, addr("192.0.2.3"), "Ren\u00e9", Wrong) == 0 {
		}
		if w := try(t, th, addr("192.0.2.3"), "rene\u0301", Wrong); w == 0 {
			t.Error("how an accent is written makes another user")
		}
	})
}

// TestAddress has one address that tries many users, each only a few times, be slowed down, and others not.
func TestAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := New(Config{})
		n := 0
		var w time.Duration
		for ; w == 0; n++ {
			w = try(t, th, addr("2001:db8:1:2::1"), fmt.Sprint("user", n), Wrong)
		}
		if n-1 != 60 {
			t.Errorf("%d attempts were free", n-1)
		}
		for range 1000 {
			n++
			if w := try(t, th, addr("2001:db8:1:2::1"), fmt.Sprint("user", n), Wrong); w > 30*time.Second {
				t.Fatal(w)
			} else {
				time.Sleep(w)
			}
		}
		for text, same := range map[string]bool{
			"2001:db8:1:2:ffff:ffff:ffff:ffff": true, // of the same network of 64 bits
			"2001:db8:1:2::1%eth0":             true,
			"2001:db8:1:3::1":                  false,
			"192.0.2.1":                        false,
		} {
			n++
			if w := try(t, th, addr(text), fmt.Sprint("user", n), Abandoned); (w > 0) != same {
				t.Errorf("%s: %s", text, w)
			}
		}
		if local := th.local.Len(); local > 3000 {
			t.Errorf("%d buckets", local)
		}
	})
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "::1": "::/64",
	} {
		if got := Network(addr(text)).String(); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := Network(netip.Addr{}); got != (netip.Prefix{}) {
		t.Error(got)
	}
}

// TestUserIsNeverLocked has attempts on one user from everywhere be held for a while, and never refused: who has the password
// gets in within three seconds, whatever the others do.
func TestUserIsNeverLocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := New(Config{})
		var held []time.Duration
		for i := range 30 {
			start := time.Now()
			if w := try(t, th, numbered(i), "ann", Wrong); w != 0 {
				t.Fatalf("refused for %s", w)
			}
			held = append(held, time.Since(start))
		}
		if held[19] != 0 || held[20] != 100*time.Millisecond || held[21] != 200*time.Millisecond || held[29] != 3*time.Second {
			t.Error(held)
		}
		var all sync.WaitGroup
		for i := range 5000 {
			all.Go(func() { try(t, th, numbered(1000+i), "ann", Wrong) })
		}
		synctest.Wait()
		start := time.Now()
		if w := try(t, th, addr("203.0.113.5"), "ann", Right); w != 0 || time.Since(start) > longestHold {
			t.Errorf("refused for %s, held for %s", w, time.Since(start))
		}
		all.Wait()
		start = time.Now()
		if w := try(t, th, addr("203.0.113.6"), "ben", Wrong); w != 0 || time.Since(start) != 0 {
			t.Errorf("another user: refused for %s, held for %s", w, time.Since(start))
		}
		if n := th.held.Load(); n != 0 {
			t.Errorf("%d are held", n)
		}
	})
}

// TestHeldIsBounded has holding take no more than it may, and those who leave not be counted.
func TestHeldIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := New(Config{Held: 10, User: Curve{Free: 1, Leak: time.Hour}})
		try(t, th, numbered(0), "ann", Wrong)
		ctx, cancel := context.WithCancel(t.Context())
		var left atomic.Int64
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				if _, err := th.Begin(ctx, numbered(i+1), "ann"); errors.Is(err, context.Canceled) {
					left.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := th.held.Load(); n != 10 {
			t.Errorf("%d are held", n)
		}
		cancel()
		all.Wait()
		if n := left.Load(); n != 10 || th.held.Load() != 0 {
			t.Errorf("%d left", n)
		}
		if level, _, _ := th.local.Try(t.Context(), th.key("user", "ann"), th.cfg.User); level != 17-10 { // full, and those who left took theirs back
			t.Errorf("level %d", level)
		}
	})
}

// TestAtOnce has attempts count from when they begin: no more are under way than would be free.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	shared := NewLocal(0)
	for name, cfg := range map[string]Config{"local": {}, "shared": {Shared: shared, Patience: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th := New(cfg)
			var free, refused atomic.Int64
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if _, err := th.Begin(t.Context(), addr("192.0.2.1"), "ann"); err == nil {
						free.Add(1)
					} else {
						refused.Add(1)
					}
				})
			}
			all.Wait()
			if free.Load() < 5 || free.Load() > 7 || free.Load()+refused.Load() != 50 { // one or two more where a second passes
				t.Errorf("%d were free", free.Load())
			}
		})
	}
}

// BenchmarkBegin is what an attempt costs without shared counters.
func BenchmarkBegin(b *testing.B) {
	th := New(Config{})
	b.ReportAllocs()
	for b.Loop() {
		end, err := th.Begin(b.Context(), addr("192.0.2.1"), "ann@example.org")
		if err != nil {
			b.Fatal(err)
		}
		end(b.Context(), Right)
	}
}
