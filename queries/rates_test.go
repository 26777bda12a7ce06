package queries

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

func TestRateRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		var refused atomic.Int64
		won := race(t, 50, func(i int) (bool, error) {
			got, err := stores[i%2].TakeRate(t.Context(), []byte("k"), 10, 24*time.Hour)
			if !got.OK {
				refused.Add(1)
				if got.Left != 0 || got.Retry <= 0 || got.Retry > 24*time.Hour/10 || got.Reset <= got.Retry {
					t.Errorf("%+v", got)
				}
			}
			return got.OK, err
		})
		if won != 10 || refused.Load() != 40 {
			t.Errorf("%d were let through, %d refused", won, refused.Load())
		}
		if got, err := stores[0].TakeRate(t.Context(), []byte("other"), 10, 24*time.Hour); err != nil || !got.OK || got.Left != 9 || got.Retry != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestRateComesBack holds that what was taken comes back.
func TestRateComesBack(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		for range 2 {
			got, err := s.TakeRate(t.Context(), []byte("k"), 1, 50*time.Millisecond)
			for err == nil && !got.OK {
				got, err = s.TakeRate(t.Context(), []byte("k"), 1, 50*time.Millisecond)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestRatesOfAPrefix holds that what has a prefix is counted and cleared, and nothing else.
func TestRatesOfAPrefix(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		take := func(keys ...string) {
			t.Helper()
			for _, k := range keys {
				if got, err := s.TakeRate(t.Context(), []byte(k), 2, 24*time.Hour); err != nil || !got.OK {
					t.Errorf("%+v, %v", got, err)
				}
			}
		}
		count := func(prefix string, used, full int) {
			t.Helper()
			u, f, err := s.CountRates(t.Context(), []byte(prefix), 2, 24*time.Hour)
			if u != used || f != full || err != nil {
				t.Errorf("%q: %d, %d, %v; want %d, %d", prefix, u, f, err, used, full)
			}
		}
		forget := func(prefix string, want int) {
			t.Helper()
			if n, err := s.ClearRates(t.Context(), []byte(prefix)); n != want || err != nil {
				t.Errorf("%q: %d, %v; want %d", prefix, n, err, want)
			}
		}
		take("a\xff1", "a\xff2", "a\xff2", "b", "a\xfe", "\xff\xff")
		count("a\xff", 2, 1)
		count("a", 3, 1)
		count("\xff", 1, 0)
		count("c", 0, 0)
		forget("a\xff2", 1)
		count("a\xff", 1, 0)
		forget("c", 0)
		forget("a", 2)
		count("b", 1, 0)
		forget("\xff", 1)
		take("a\xff2", "a\xff2")
		count("a", 1, 1)
	})
}

// TestBucket holds that attempts are free, then delayed by what doubles, and that a bucket is emptied.
func TestBucket(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, key := openStore(t, dsn), []byte("k")
		slow := Bucket{Free: 3, Full: 6, Leak: time.Hour, First: time.Minute, Most: 3 * time.Minute}
		try := func(b Bucket, level int, delay time.Duration) {
			t.Helper()
			got, wait, err := s.TryBucket(t.Context(), key, b)
			if err != nil || got != level || wait > delay || wait < delay-30*time.Second || (delay == 0) != (wait == 0) {
				t.Errorf("%d, %v, %v; want %d, %v", got, wait, err, level, delay)
			}
		}
		for level := range 3 {
			try(slow, level, 0)
		}
		try(slow, 3, time.Minute)
		try(slow, 3, time.Minute) // nothing was added
		free := slow
		free.First, free.Most = 0, 0
		try(free, 3, 0)
		try(slow, 4, 2*time.Minute)
		try(free, 4, 0)
		try(slow, 5, 3*time.Minute) // not four
		for range 3 {
			if _, wait, err := s.TryBucket(t.Context(), key, free); wait != 0 || err != nil {
				t.Error(wait, err)
			}
		}
		try(slow, 6, 3*time.Minute) // never over full
		if err := s.UndoBucket(t.Context(), key, slow); err != nil {
			t.Fatal(err)
		}
		try(slow, 5, 3*time.Minute)
		if err := s.ClearBucket(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		try(slow, 0, 0)
	})
}

// TestBucketRace holds that of 50 at once no more are let through than are free.
func TestBucketRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		b := Bucket{Free: 7, Full: 23, Leak: time.Hour, First: time.Hour, Most: time.Hour}
		won := race(t, 50, func(i int) (bool, error) {
			_, wait, err := stores[i%2].TryBucket(t.Context(), []byte("k"), b)
			return wait == 0, err
		})
		if won != 7 {
			t.Errorf("%d were let through", won)
		}
	})
}

// TestBucketWaited holds that who has waited for somebody else counts what is there then, not as seen from when it began.
func TestBucketWaited(t *testing.T) {
	t.Parallel()
	s := openStore(t, postgresDSN(t))
	e := s.engine.(*server)
	b := Bucket{Free: 9, Full: 20, Leak: time.Hour}
	p := db.TryBucketParams{Key: []byte("k"), LeakUs: b.Leak.Microseconds(), FullLevel: 20, Free: 9}
	level := make(chan int, 1)
	if _, _, err := s.TryBucket(t.Context(), p.Key, b); err != nil {
		t.Fatal(err)
	}
	err := s.InTx(t.Context(), func(q db.Querier) error {
		// The bucket is empty, and its row is locked.
		if _, err := q.UndoBucket(t.Context(), db.UndoBucketParams{Key: p.Key, LeakUs: p.LeakUs}); err != nil {
			return err
		}
		go func() {
			n, _, err := s.TryBucket(t.Context(), p.Key, b)
			if err != nil {
				t.Error(err)
			}
			level <- n
		}()
		for waiting := 0; waiting == 0; {
			if err := e.pool.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").Scan(&waiting); err != nil {
				return err
			}
		}
		_, err := q.TryBucket(t.Context(), p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := <-level; n != 1 {
		t.Errorf("%d were there, want 1", n)
	}
}
