// Package throttletest is what every implementation of throttle.Counters is held to.
package throttletest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/throttle"
)

// curve leaks nothing while a test runs, and its delays are longer than one.
func curve() throttle.Curve {
	return throttle.Curve{Free: 3, Leak: time.Hour, First: 10 * time.Minute, Most: 30 * time.Minute}
}

// counting never refuses.
func counting() throttle.Curve { return throttle.Curve{Free: 3, Leak: time.Hour} }

// Conformance runs the tests. open makes counters in which nothing is; each test opens its own.
func Conformance(t *testing.T, open func(t *testing.T) throttle.Counters) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, throttle.Counters){
		"free attempts, then delays": delays, "undone": undone, "cleared": cleared, "full": full, "leaking": leaking,
		"keys": keys, "at once": atOnce, "undone at once": undoneAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// key is the key of a name, 32 bytes as the throttle makes them.
func key(name string) []byte { return fmt.Appendf(nil, "%032s", name) }

// try makes an attempt, which finds so many.
func try(t *testing.T, c throttle.Counters, name string, curve throttle.Curve, want int) {
	t.Helper()
	if level, wait, err := c.Try(t.Context(), key(name), curve); level != want || wait != 0 || err != nil {
		t.Errorf("%s: level %d instead of %d, wait %s, %v", name, level, want, wait, err)
	}
}

// refused makes an attempt that has to wait for nearly the whole delay.
func refused(t *testing.T, c throttle.Counters, name string, delay time.Duration) {
	t.Helper()
	if _, wait, err := c.Try(t.Context(), key(name), curve()); wait > delay || wait < delay-5*time.Minute || err != nil {
		t.Errorf("%s: wait %s, %v", name, wait, err)
	}
}

func delays(t *testing.T, c throttle.Counters) {
	t.Helper()
	for n := range 3 {
		try(t, c, "a", curve(), n)
	}
	for range 5 { // what is refused adds nothing
		refused(t, c, "a", 10*time.Minute)
	}
	try(t, c, "b", curve(), 0)
}

func undone(t *testing.T, c throttle.Counters) {
	t.Helper()
	for n := range 3 {
		try(t, c, "a", curve(), n)
	}
	if err := c.Undo(t.Context(), key("a"), curve()); err != nil {
		t.Error(err)
	}
	try(t, c, "a", curve(), 2)
	refused(t, c, "a", 10*time.Minute)
	for range 5 { // more than there are
		if err := c.Undo(t.Context(), key("a"), curve()); err != nil {
			t.Error(err)
		}
	}
	if err := c.Undo(t.Context(), key("never"), curve()); err != nil {
		t.Error(err)
	}
	for n := range 3 {
		try(t, c, "a", curve(), n)
		try(t, c, "never", curve(), n)
	}
	refused(t, c, "a", 10*time.Minute)
}

func cleared(t *testing.T, c throttle.Counters) {
	t.Helper()
	for n := range 3 {
		try(t, c, "a", curve(), n)
	}
	for range 2 {
		if err := c.Clear(t.Context(), key("a")); err != nil {
			t.Error(err)
		}
	}
	try(t, c, "a", curve(), 0)
}

// full has a bucket hold no more than Full, so that what is forgotten is in time.
func full(t *testing.T, c throttle.Counters) {
	t.Helper()
	curve := counting()
	for n := range curve.Full() + 5 {
		try(t, c, "a", curve, min(n, curve.Full()))
	}
	if err := c.Undo(t.Context(), key("a"), curve); err != nil {
		t.Error(err)
	}
	try(t, c, "a", curve, curve.Full()-1)
}

// leaking has what has leaked be gone. However long it takes, more than the leak has passed.
func leaking(t *testing.T, c throttle.Counters) {
	t.Helper()
	fast := throttle.Curve{Free: 1, Leak: 20 * time.Millisecond, First: 30 * time.Minute, Most: 30 * time.Minute}
	try(t, c, "a", fast, 0)
	<-time.After(100 * time.Millisecond)
	try(t, c, "a", fast, 0)
}

func keys(t *testing.T, c throttle.Counters) {
	t.Helper()
	odd := [][]byte{make([]byte, 32), {31: 1}, {0: 0xff, 31: 0}, []byte("' or 1=1; -- \x00\xff 32 bytes long..")}
	for range 2 {
		for i, k := range odd {
			if level, _, err := c.Try(t.Context(), k, curve()); level != 0 || err != nil {
				t.Errorf("key %d: level %d, %v", i, level, err)
			}
			if err := c.Clear(t.Context(), k); err != nil {
				t.Error(err)
			}
		}
	}
}

// atOnce has no more attempts pass than are free, however many come at once.
func atOnce(t *testing.T, c throttle.Counters) {
	t.Helper()
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			_, wait, err := c.Try(t.Context(), key("a"), curve())
			if err != nil {
				t.Error(err)
			}
			if wait == 0 {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if n := passed.Load(); n != int64(curve().Free) {
		t.Errorf("%d passed", n)
	}
}

// undoneAtOnce has nothing be left of attempts that were all taken back.
func undoneAtOnce(t *testing.T, c throttle.Counters) {
	t.Helper()
	curve := counting()
	var all sync.WaitGroup
	for range 10 { // fewer than fill a bucket
		all.Go(func() {
			for range 5 {
				if _, _, err := c.Try(t.Context(), key("a"), curve); err != nil {
					t.Error(err)
				}
				if err := c.Undo(t.Context(), key("a"), curve); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	try(t, c, "a", curve, 0)
}
