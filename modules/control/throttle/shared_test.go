package throttle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestGatewaysCountTogether has two gateways with shared counters allow what one does, and both forget what was right.
func TestGatewaysCountTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared, key := NewLocal(0), []byte("a key")
		a, b := New(Config{Shared: shared, Key: key}), New(Config{Shared: shared, Key: key})
		for range 3 {
			try(t, a, addr("192.0.2.1"), "ann", Wrong)
			try(t, b, addr("192.0.2.1"), "ann", Wrong)
		}
		for _, th := range []*Throttle{a, b} {
			if w := try(t, th, addr("192.0.2.1"), "ann", Wrong); w == 0 {
				t.Error("twice as much is free")
			}
		}
		// What the shared counters refused was taken back in the process: 3 attempts were made through each.
		if level, _, _ := a.local.Try(t.Context(), a.key("pair", "192.0.2.1/32", "ann"), a.cfg.Pair); level != 3 {
			t.Errorf("level %d", level)
		}
		start := time.Now()
		for i := range 12 { // on a user from everywhere
			try(t, a, numbered(2*i), "ben", Wrong)
			try(t, b, numbered(2*i+1), "ben", Wrong)
		}
		if d := time.Since(start); d != 1500*time.Millisecond {
			t.Errorf("held for %s", d)
		}
		time.Sleep(time.Minute)
		if w := try(t, a, addr("192.0.2.1"), "ann", Right); w != 0 {
			t.Error(w)
		}
		for range 3 {
			if w := try(t, b, addr("192.0.2.1"), "ann", Wrong); w != 0 {
				t.Error(w)
			}
		}
	})
}

// away is a store that is down, slow, or gives nonsense.
type away struct {
	Counters
	down, slow atomic.Bool
	calls      atomic.Int64
}

var errAway = errors.New("away")

func (a *away) Try(ctx context.Context, key []byte, c Curve) (int, time.Duration, error) {
	a.calls.Add(1)
	switch {
	case a.down.Load():
		return 0, 0, errAway
	case a.slow.Load():
		<-ctx.Done()
		return 0, 0, ctx.Err()
	}
	return a.Counters.Try(ctx, key, c)
}

func (a *away) Undo(ctx context.Context, key []byte, c Curve) error {
	return errors.Join(ctx.Err(), a.Counters.Undo(ctx, key, c))
}

// TestSharedCountersFail has an outage neither open a door nor close one: the process counts alone, says so once, and asks
// again after a second.
func TestSharedCountersFail(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"down", "slow"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				shared := &away{Counters: NewLocal(0)}
				th := New(Config{Shared: shared, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				shared.down.Store(how == "down")
				shared.slow.Store(how == "slow")
				n := 0
				start := time.Now()
				for ; try(t, th, addr("192.0.2.1"), "ann", Wrong) == 0; n++ {
				}
				if n < 5 || n > 7 {
					t.Errorf("%d were free", n)
				}
				if d := time.Since(start); d > 250*time.Millisecond {
					t.Errorf("waited %s for counters that are away", d)
				}
				if c := shared.calls.Load(); c != 1 {
					t.Errorf("asked %d times", c)
				}
				if w := try(t, th, addr("192.0.2.7"), "ben", Right); w != 0 {
					t.Error(w)
				}
				for range 5 {
					time.Sleep(2 * time.Second)
					try(t, th, addr("192.0.2.8"), "cat", Wrong)
				}
				if c := strings.Count(log.String(), "level=WARN"); c != 1 {
					t.Errorf("%d warnings: %s", c, log.String())
				}
				shared.down.Store(false)
				shared.slow.Store(false)
				time.Sleep(2 * time.Second)
				try(t, th, addr("192.0.2.9"), "dan", Wrong)
				if !strings.Contains(log.String(), "level=INFO") {
					t.Error(log.String())
				}
			})
		})
	}
}

// TestCallerWhoLeaves is no failure of the shared counters.
func TestCallerWhoLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &away{Counters: NewLocal(0)}
		shared.slow.Store(true)
		var log bytes.Buffer
		th := New(Config{Shared: shared, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		end, err := th.Begin(ctx, addr("192.0.2.1"), "ann")
		if err == nil {
			end(ctx, Abandoned)
		}
		if log.Len() > 0 || !th.shared.guard.Due() {
			t.Error(log.String())
		}
	})
}

// TestEndAfterTheCallerLeft has an outcome be told although the context is over.
func TestEndAfterTheCallerLeft(t *testing.T) {
	t.Parallel()
	shared := NewLocal(0)
	th := New(Config{Shared: &away{Counters: shared}})
	ctx, cancel := context.WithCancel(t.Context())
	end, err := th.Begin(ctx, addr("192.0.2.1"), "ann")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	end(ctx, Right)
	if shared.Len() != 0 || th.local.Len() != 0 {
		t.Errorf("%d and %d buckets are left", shared.Len(), th.local.Len())
	}
}

// TestKeys tell nothing to a store, and keep apart what is not the same.
func TestKeys(t *testing.T) {
	t.Parallel()
	a, b := New(Config{Name: "users", Key: []byte("k")}), New(Config{Name: "clients", Key: []byte("k")})
	other := New(Config{Name: "users"})
	seen := map[string]string{}
	for name, key := range map[string][]byte{
		"a": a.key("user", "ann"), "b": b.key("user", "ann"), "other": other.key("user", "ann"), "pair": a.key("pair", "ann"),
		"joined": a.key("userann"), "moved": a.key("usera", "nn"),
	} {
		if len(key) != 32 || bytes.Contains(key, []byte("ann")) || seen[string(key)] != "" {
			t.Errorf("%s: %x is that of %s", name, key, seen[string(key)])
		}
		seen[string(key)] = name
	}
}

// TestLocalIsBounded has a flood of names not grow without end, and the bucket that is used stay.
func TestLocalIsBounded(t *testing.T) {
	t.Parallel()
	l := NewLocal(100)
	c := Curve{Free: 3, Leak: time.Hour, First: time.Hour, Most: time.Hour}
	for i := range 10_000 {
		if _, _, err := l.Try(t.Context(), []byte(fmt.Sprint(i)), c); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.Try(t.Context(), []byte("used"), c); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.Len(); n != 100 {
		t.Errorf("%d buckets", n)
	}
	if _, wait, _ := l.Try(t.Context(), []byte("used"), c); wait == 0 {
		t.Error("the bucket that is used was forgotten")
	}
}

// TestLocal has a bucket leak, not be over full, and be emptied.
func TestLocal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, c, key := NewLocal(0), Curve{Free: 2, Leak: 10 * time.Second}, []byte("k")
		add := func(want int) {
			t.Helper()
			if level, wait, err := l.Try(t.Context(), key, c); level != want || wait != 0 || err != nil {
				t.Errorf("%d, %s, %v", level, wait, err)
			}
		}
		add(0)
		add(1)
		add(2)
		time.Sleep(10 * time.Second)
		add(2)
		for range 100 {
			_, _, _ = l.Try(t.Context(), key, c)
		}
		add(c.Full())
		time.Sleep(time.Duration(c.Full()-1) * c.Leak)
		add(1)
		if err := errors.Join(l.Undo(t.Context(), key, c), l.Undo(t.Context(), key, c)); err != nil || l.Len() != 0 {
			t.Errorf("%v, %d", err, l.Len())
		}
		add(0)
		if err := errors.Join(l.Clear(t.Context(), key), l.Clear(t.Context(), key), l.Undo(t.Context(), key, c)); err != nil || l.Len() != 0 {
			t.Errorf("%v, %d", err, l.Len())
		}
	})
}
