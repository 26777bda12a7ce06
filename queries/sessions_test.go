package queries

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// stored is what a store has of an index, without its end.
type stored struct {
	Version
	Sealed string
	Live   bool
}

func get(t *testing.T, s *Store, i []byte) stored {
	t.Helper()
	got, live, err := s.Session(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	if live && (time.Until(got.Expires) <= 0 || time.Until(got.Expires) > time.Hour) {
		t.Errorf("it ends in %v", time.Until(got.Expires))
	}
	if !live && !got.Expires.IsZero() {
		t.Errorf("what is gone ends %v", got.Expires)
	}
	return stored{Version: got.Version, Sealed: string(got.Sealed), Live: live}
}

func wantStored(t *testing.T, s *Store, i []byte, want stored) {
	t.Helper()
	if diff := cmp.Diff(want, get(t, s, i)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func replace(t *testing.T, s *Store, i []byte, old, next Version, sealed string, expires time.Time, want bool) {
	t.Helper()
	got, err := s.ReplaceSession(t.Context(), i, old, Session{Version: next, Sealed: []byte(sealed), Expires: expires})
	if err != nil || got != want {
		t.Errorf("%v after %v is written: %v, %v; want %v", next, old, got, err, want)
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, i := openStore(t, dsn), index(1)
		end, past := in(time.Hour), in(-time.Hour)
		wantStored(t, s, i, stored{})
		replace(t, s, i, Version{1, 0}, Version{2, 0}, "x", end, false) // there is none
		wantStored(t, s, i, stored{})
		replace(t, s, i, Version{}, Version{1, 0}, "a\x00\xff", end, true)
		replace(t, s, i, Version{}, Version{1, 0}, "x", end, false) // somebody was quicker
		wantStored(t, s, i, stored{Version{1, 0}, "a\x00\xff", true})
		replace(t, s, i, Version{1, 1}, Version{1, 2}, "x", end, false)
		replace(t, s, i, Version{2, 0}, Version{2, 1}, "x", end, false)
		replace(t, s, i, Version{1, 0}, Version{1, 1}, "b", end, true)
		replace(t, s, i, Version{1, 0}, Version{1, 1}, "x", end, false)
		wantStored(t, s, i, stored{Version{1, 1}, "b", true})
		replace(t, s, index(2), Version{1, 1}, Version{2, 0}, "x", end, false) // another's
		wantStored(t, s, index(2), stored{})

		replace(t, s, i, Version{1, 1}, Version{1, 1}, "b", end, true) // it lives longer
		wantStored(t, s, i, stored{Version{1, 1}, "b", true})

		// What has expired counts as none, and may be replaced by whoever knows it.
		replace(t, s, i, Version{1, 1}, Version{2, 0}, "c", past, true)
		wantStored(t, s, i, stored{})
		replace(t, s, i, Version{}, Version{1, 0}, "d", end, true)
		wantStored(t, s, i, stored{Version{1, 0}, "d", true})
		replace(t, s, i, Version{1, 0}, Version{1, 1}, "d", past, true)
		replace(t, s, i, Version{1, 1}, Version{4, 0}, "e", end, true)
		wantStored(t, s, i, stored{Version{4, 0}, "e", true})
		replace(t, s, i, Version{4, 0}, Version{9, 0}, "g", end, true)

		for _, old := range []Version{{8, 0}, {9, 1}, {}} {
			if err := s.DeleteSession(t.Context(), i, old); err != nil {
				t.Error(err)
			}
		}
		wantStored(t, s, i, stored{Version{9, 0}, "g", true})
		if err := s.DeleteSession(t.Context(), i, Version{9, 0}); err != nil {
			t.Error(err)
		}
		wantStored(t, s, i, stored{})

		large := strings.Repeat("\x00x", 1<<19)
		replace(t, s, i, Version{}, Version{1, 0}, large, end, true)
		wantStored(t, s, i, stored{Version{1, 0}, large, true})
		replace(t, s, index(3), Version{}, Version{1, 0}, "", time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), true) // it is kept for less
	})
}

// TestSessionRefuses holds that what no session can be is refused by the schema, and not quoted.
func TestSessionRefuses(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		for _, bad := range []struct {
			index []byte
			next  Version
		}{{bytes.Repeat([]byte("s"), 31), Version{1, 0}}, {nil, Version{1, 0}}, {index(1), Version{0, 1}}, {index(1), Version{-1, 0}}, {index(1), Version{1, -1}}} {
			ok, err := s.ReplaceSession(t.Context(), bad.index, Version{}, Session{Version: bad.next, Sealed: []byte("s3cret"), Expires: in(time.Hour)})
			if ok || err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v %v: %v, %v", bad.index, bad.next, ok, err)
			}
		}
	})
}

// race runs f n times at once and gives how often it was true.
func race(t *testing.T, n int, f func(i int) (bool, error)) int {
	t.Helper()
	var all sync.WaitGroup
	var won atomic.Int64
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			ok, err := f(i)
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	return int(won.Load())
}

// TestReplaceRace holds that of 50 who replace the same version, over two stores, one wins, whatever the version is.
func TestReplaceRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores, i := []*Store{openStore(t, dsn), openStore(t, dsn)}, index(1)
		end := in(time.Hour)
		old := Version{}
		for _, next := range []Version{{1, 0}, {1, 1}, {1, 2}, {2, 0}, {3, 0}} {
			won := race(t, 50, func(n int) (bool, error) {
				return stores[n%2].ReplaceSession(t.Context(), i, old, Session{Version: next, Sealed: fmt.Append(nil, n), Expires: end})
			})
			if won != 1 {
				t.Errorf("%d won with %v after %v", won, next, old)
			}
			old = next
		}
		replace(t, stores[0], i, old, Version{4, 0}, "", in(-time.Hour), true)
		won := race(t, 50, func(n int) (bool, error) {
			return stores[n%2].ReplaceSession(t.Context(), i, Version{}, Session{Version: Version{5, 0}, Expires: end, Sealed: []byte{1}})
		})
		if won != 1 {
			t.Errorf("%d won in the place of what has expired", won)
		}
		wantStored(t, stores[0], i, stored{Version{5, 0}, "\x01", true})
	})
}

func TestLease(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, other := openStore(t, dsn), openStore(t, dsn)
		var last int64
		take := func(s *Store, name, holder string, d time.Duration, want bool) int64 {
			t.Helper()
			fence, ok, err := s.Lease(t.Context(), name, holder, d)
			if err != nil || ok != want || ok != (fence > 0) {
				t.Fatalf("%s has %s: %v, %d, %v; want %v", holder, name, ok, fence, err, want)
			}
			return fence
		}
		release := func(s *Store, name, holder string) {
			t.Helper()
			if err := s.Release(t.Context(), name, holder); err != nil {
				t.Fatal(err)
			}
		}
		last = take(s, "a", "ann", time.Hour, true)
		take(other, "a", "bob", time.Hour, false)
		take(s, "b", "bob", time.Hour, true)
		if again := take(other, "a", "ann", time.Hour, true); again != last {
			t.Errorf("who has it still has another fence: %d, %d", last, again)
		}
		release(other, "a", "bob") // it is not his
		take(other, "a", "bob", time.Hour, false)
		release(s, "a", "ann")
		release(s, "a", "ann")
		release(s, "nobody's", "ann")
		newer := func(fence int64) {
			t.Helper()
			if fence <= last {
				t.Errorf("the fence does not grow: %d, %d", last, fence)
			}
			last = fence
		}
		newer(take(other, "a", "bob", 0, true)) // it is over at once
		newer(take(s, "a", "ann", time.Hour, true))
		release(other, "a", "bob") // it was stolen from him
		take(other, "a", "bob", time.Hour, false)
		newer(last + 1)
		release(s, "a", "ann")
		take(s, "a", "ann", 0, true)
		newer(take(s, "a", "ann", time.Hour, true)) // somebody may have had it meanwhile
		if _, ok, err := s.Lease(t.Context(), "", "ann", time.Hour); ok || err == nil {
			t.Error("a lease without a name is given")
		}
	})
}

// TestLeaseExpires holds that who does not come back loses a lease by the clock of the database, and who does keeps it.
func TestLeaseExpires(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		if _, ok, err := s.Lease(t.Context(), "a", "ann", 100*time.Millisecond); !ok || err != nil {
			t.Fatal(ok, err)
		}
		begin := time.Now()
		for {
			_, ok, err := s.Lease(t.Context(), "a", "bob", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				break
			}
		}
		if d := time.Since(begin); d < 50*time.Millisecond {
			t.Errorf("it was there after %v", d)
		}
		if _, ok, err := s.Lease(t.Context(), "a", "ann", time.Hour); ok || err != nil {
			t.Error(ok, err)
		}
	})
}

// TestLeaseRace holds that a lease has one holder, whoever tries, when it is new, has expired or is given back.
func TestLeaseRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		var mu sync.Mutex
		var holder string
		var last int64
		for round := range 4 {
			won := race(t, 50, func(n int) (bool, error) {
				name := fmt.Sprintf("holder %d of %d", n, round)
				fence, ok, err := stores[n%2].Lease(t.Context(), "a", name, time.Hour)
				if ok {
					mu.Lock()
					defer mu.Unlock()
					if fence <= last {
						err = errors.New("the fence does not grow")
					}
					holder, last = name, fence
				}
				return ok, err
			})
			if won != 1 {
				t.Errorf("%d have the lease", won)
			}
			if err := stores[0].Release(t.Context(), "a", holder); err != nil {
				t.Fatal(err)
			}
		}
	})
}
