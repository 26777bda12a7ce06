// Package ratetest has what all counters of package rate are held to.
package ratetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/rate"
)

// long is a time in which nothing comes back while a test runs.
const long = 24 * time.Hour

// Conformance holds counters to what rate.Counters says. open gives as many as are asked for over the same buckets, as gateways
// have them.
func Conformance(t *testing.T, open func(t *testing.T, n int) []rate.Counters) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, []rate.Counters){
		"as many as there are": asMany, "at once": atOnce, "comes back": comesBack, "keys": keys, "prefixes": prefixes, "another limit": another,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, 2))
		})
	}
}

// key is a key of 40 bytes of which the first and the last are given.
func key(first, last byte) []byte {
	k := make([]byte, 40)
	k[0], k[39] = first, last
	return k
}

func take(t *testing.T, c rate.Counters, key []byte, n int, per time.Duration) rate.Taken {
	t.Helper()
	got, err := c.Take(t.Context(), key, n, per)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// asMany has n be let through, told what is left, and no more.
func asMany(t *testing.T, cs []rate.Counters) {
	t.Helper()
	const n = 5
	for i := range n {
		got := take(t, cs[i%2], key(1, 1), n, long)
		if !got.OK || got.Left != n-1-i || (got.Retry > 0) != (got.Left == 0) || got.Reset <= 0 || got.Reset > long {
			t.Errorf("%d: %+v", i, got)
		}
	}
	for range 3 { // what is refused makes it no worse
		got := take(t, cs[0], key(1, 1), n, long)
		if got.OK || got.Left != 0 || got.Retry <= 0 || got.Retry > long/n || got.Reset <= got.Retry || got.Reset > long {
			t.Errorf("%+v", got)
		}
	}
}

// atOnce has no more be let through when all ask at once.
func atOnce(t *testing.T, cs []rate.Counters) {
	t.Helper()
	var ok atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			got, err := cs[i%2].Take(context.WithoutCancel(t.Context()), key(1, 1), 7, long)
			if err != nil {
				t.Error(err)
			}
			if got.OK {
				ok.Add(1)
			}
		})
	}
	all.Wait()
	if ok.Load() != 7 {
		t.Errorf("%d of 7", ok.Load())
	}
}

// comesBack has who was refused be let through again.
func comesBack(t *testing.T, cs []rate.Counters) {
	t.Helper()
	for range 2 {
		for !take(t, cs[0], key(1, 1), 1, time.Second).OK {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// keys has what one takes not be missing elsewhere.
func keys(t *testing.T, cs []rate.Counters) {
	t.Helper()
	for i := range byte(3) {
		if got := take(t, cs[0], key(1, i), 1, long); !got.OK {
			t.Errorf("%+v", got)
		}
	}
}

// prefixes has buckets be counted and cleared by how their keys begin.
func prefixes(t *testing.T, cs []rate.Counters) {
	t.Helper()
	for _, k := range [][]byte{key(1, 1), key(1, 2), key(1, 2), key(0xff, 1)} {
		take(t, cs[0], k, 2, long)
	}
	count := func(prefix []byte, used, full int) {
		t.Helper()
		u, f, err := cs[1].Count(t.Context(), prefix, 2, long)
		if u != used || f != full || err != nil {
			t.Errorf("%x: %d, %d, %v; want %d, %d", prefix, u, f, err, used, full)
		}
	}
	forget := func(prefix []byte, want int) {
		t.Helper()
		if n, err := cs[1].Clear(t.Context(), prefix); n != want || err != nil {
			t.Errorf("%x: %d, %v", prefix, n, err)
		}
	}
	count([]byte{1}, 2, 1)
	count([]byte{0xff}, 1, 0)
	count([]byte{2}, 0, 0)
	forget(key(1, 2), 1)
	forget(key(1, 2), 0)
	count([]byte{1}, 1, 0)
	if got := take(t, cs[0], key(1, 2), 2, long); got.Left != 1 {
		t.Errorf("%+v", got)
	}
	forget([]byte{1}, 2)
	count([]byte{0xff}, 1, 0)
}

// another has a bucket be asked with a smaller limit than before: it is then full for as long as that says.
func another(t *testing.T, cs []rate.Counters) {
	t.Helper()
	for range 10 {
		take(t, cs[0], key(1, 1), 10, long)
	}
	if got := take(t, cs[0], key(1, 1), 2, long); got.OK || got.Left != 0 || got.Retry <= 0 || got.Retry > long {
		t.Errorf("%+v", got)
	}
}
