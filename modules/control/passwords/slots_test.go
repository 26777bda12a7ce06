package passwords

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// ctx is what the methods of tests' stores do not look at.
type ctx = context.Context

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// TestFloodOfWrongPasswords has a flood never hold more memory than the slots have, be told to come back where it does not fit,
// and those who are right get in meanwhile: one who is known by now, one who is not, and one whose password is remembered.
func TestFloodOfWrongPasswords(t *testing.T) {
	big := Scheme{Algorithm: Argon2id, Passes: 1, MemoryKiB: 16 << 10, Lanes: 1}
	s := &store{hashes: map[string]string{"ann": hashOf(t, big, "right"), "ben": hashOf(t, big, "right")}}
	slots := NewSlots(2, 8) // 64 MiB: 4 hashes at once
	c, w := checker(t, s, Config{Scheme: big, Slots: slots})
	wantRight(t, c, attempt("ben", "right"))

	var most uint64
	var sampling sync.Mutex
	counted := c.hasher.hashing
	c.hasher.hashing = func(s Scheme) func() {
		done := counted(s)
		return func() {
			var m runtime.MemStats
			sampling.Lock()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			sampling.Unlock()
			done()
		}
	}
	var mu sync.Mutex
	outcomes := map[string]int{}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { // each tries one password after the other
			for n := range 8 {
				a := Attempt{User: fmt.Sprint("u", i), Password: fmt.Sprint("guess ", n), From: from("198.51.100.7")}
				if i == 0 {
					a.User = "ann"
				}
				_, err := c.Check(t.Context(), a)
				var busy *BusyError
				mu.Lock()
				switch {
				case err == ErrWrong: //nolint:errorlint // the very same
					outcomes["wrong"]++
				case errors.As(err, &busy) && busy.RetryAfter > 0:
					outcomes["busy"]++
				default:
					t.Error(err)
				}
				mu.Unlock()
			}
		})
	}
	for range 4 {
		wantRight(t, c, attempt("ben", "right")) // remembered
	}
	wantRight(t, c, attempt("ann", "right")) // by its turn
	all.Wait()
	if outcomes["wrong"]+outcomes["busy"] != 64 || outcomes["wrong"] == 0 {
		t.Error(outcomes)
	}
	if limit := slots.Stats().Limit; w.most > limit || w.most < 2*big.Memory() {
		t.Errorf("%d bytes at once, of %d", w.most, limit)
	}
	// The collector leaves as much garbage as there is in use.
	if limit := uint64(2*slots.Stats().Limit + 64<<20); most > limit {
		t.Errorf("a heap of %d bytes", most)
	}
	if st := slots.Stats(); st.Used != 0 || st.Waiting != 0 || len(slots.lines) != 0 || slots.turns.Len() != 0 {
		t.Errorf("left over: %v", st)
	}
}

// holders takes all of some slots and gives what gives it back.
func holders(t *testing.T, s *Slots) func() {
	t.Helper()
	release, err := s.Acquire(t.Context(), from("192.0.2.200"), s.limit)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// queue has somebody wait for a slot, and gives the order in which it came to be.
type queue struct {
	t     *testing.T
	slots *Slots
	all   sync.WaitGroup
	mu    sync.Mutex
	got   []string
}

func (q *queue) wait(ctx context.Context, name string, key lineKey, bytes int64) {
	q.all.Go(func() {
		release, err := q.slots.acquire(ctx, key, bytes)
		var busy *BusyError
		q.mu.Lock()
		switch {
		case errors.As(err, &busy):
			q.got = append(q.got, name+" busy")
		case err != nil:
			q.got = append(q.got, name+" left")
		default:
			q.got = append(q.got, name)
		}
		q.mu.Unlock()
		if err == nil {
			synctest.Wait()
			release()
		}
	})
	synctest.Wait()
}

func (q *queue) want(want ...string) {
	q.t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	if fmt.Sprint(q.got) != fmt.Sprint(want) {
		q.t.Errorf("got  %v\nwant %v", q.got, want)
	}
}

func network(text string) lineKey { return lineKey{from: netip.MustParsePrefix(text)} }

// TestNetworksTakeTurns has a flood of one network stand before nobody else's.
func TestNetworksTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(1, 5)
		q := &queue{t: t, slots: s}
		a, b, c := network("192.0.2.1/32"), network("192.0.2.2/32"), network("2001:db8::/64")
		release := holders(t, s)
		for i := range 6 {
			q.wait(t.Context(), fmt.Sprint("a", i), a, s.limit)
		}
		q.want("a5 busy")
		q.wait(t.Context(), "b0", b, s.limit)
		q.want("a5 busy", "a4 busy")
		q.wait(t.Context(), "c0", c, s.limit)
		q.wait(t.Context(), "b1", b, s.limit)
		q.want("a5 busy", "a4 busy", "a3 busy", "a2 busy") // b has two, as a has then
		q.wait(t.Context(), "b2", b, s.limit)
		q.wait(t.Context(), "a6", a, s.limit)
		q.want("a5 busy", "a4 busy", "a3 busy", "a2 busy", "b2 busy", "a6 busy")
		q.wait(t.Context(), "known", lineKey{known: true}, s.limit)
		q.wait(t.Context(), "known", lineKey{known: true}, s.limit)
		if st := s.Stats(); st.Waiting != 7 {
			t.Error(st)
		}
		release()
		q.all.Wait()
		q.want("a5 busy", "a4 busy", "a3 busy", "a2 busy", "b2 busy", "a6 busy", "known", "known", "a0", "b0", "c0", "a1", "b1")
	})
}

// TestLeaving has those who leave take no place with them.
func TestLeaving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(1, 10)
		q := &queue{t: t, slots: s}
		a := network("192.0.2.1/32")
		release := holders(t, s)
		ctx, cancel := contextWithCancel(t)
		q.wait(ctx, "all", a, s.limit)
		q.wait(ctx, "more", a, s.limit)
		q.wait(t.Context(), "a", a, 1)
		cancel()
		synctest.Wait()
		if st := s.Stats(); st.Waiting != 1 {
			t.Error(st)
		}
		release()
		q.all.Wait()
		if st := s.Stats(); st.Used != 0 || st.Waiting != 0 || len(s.lines) != 0 || len(q.got) != 3 || q.got[2] != "a" {
			t.Errorf("%v %v", st, q.got)
		}
		if _, err := s.Acquire(ctx, from("::1"), 1); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestLeavingWithAPlace has a place be given back that came in the moment of leaving.
func TestLeavingWithAPlace(t *testing.T) {
	t.Parallel()
	s := NewSlots(1, 10)
	release := holders(t, s)
	w, at, err := s.enter(network("192.0.2.1/32"), s.limit)
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := s.enter(network("192.0.2.2/32"), s.limit)
	if err != nil {
		t.Fatal(err)
	}
	release()
	<-w.done
	s.leave(w, at)
	<-next.done
	s.release(s.limit)
	if st := s.Stats(); st.Used != 0 || st.Waiting != 0 {
		t.Error(st)
	}
}

// TestLeavingMakesWay has who needs little not wait for one who needed much and left.
func TestLeavingMakesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(1, 10)
		q := &queue{t: t, slots: s}
		half, err := s.Acquire(t.Context(), from("::1"), s.limit/2)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := contextWithCancel(t)
		q.wait(ctx, "all", network("192.0.2.1/32"), s.limit)
		q.wait(t.Context(), "little", network("192.0.2.2/32"), 1)
		q.want() // nobody who needs much is passed over
		cancel()
		q.all.Wait()
		if len(q.got) != 2 {
			t.Error(q.got)
		}
		half()
		if st := s.Stats(); st.Used != 0 || st.Waiting != 0 {
			t.Error(st)
		}
	})
}

// TestSlotsUnderLoad has many who come, leave and hold never take more than there is, and leave nothing behind.
func TestSlotsUnderLoad(t *testing.T) {
	t.Parallel()
	s := NewSlots(2, 6)
	var used, most int64
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for n := range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+n)%3 == 0 {
					go cancel()
				}
				bytes := int64(1+(i*n)%5) * s.limit / 4
				release, err := s.Acquire(ctx, netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 7)}), bytes)
				if err == nil {
					mu.Lock()
					used += min(bytes, s.limit)
					most = max(most, used)
					mu.Unlock()
					runtime.Gosched()
					mu.Lock()
					used -= min(bytes, s.limit)
					mu.Unlock()
					release()
				}
				cancel()
			}
		})
	}
	all.Wait()
	if st := s.Stats(); most > s.limit || st.Used != 0 || st.Waiting != 0 || len(s.lines) != 0 || s.turns.Len() != 0 {
		t.Errorf("%d at most, %v", most, st)
	}
}

func TestNewSlots(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int64{1: 64 << 20, 3: 64 << 20, 4: 76 << 20, 16: 304 << 20} {
		if got := NewSlots(n, 0).limit; got != want {
			t.Errorf("%d: %d", n, got)
		}
	}
	if s := NewSlots(0, 0); s.limit < 64<<20 || s.queue != 16*runtime.GOMAXPROCS(0) {
		t.Errorf("%d %d", s.limit, s.queue)
	}
}

// BenchmarkRemembered is a check whose password is remembered: what every request with HTTP Basic costs.
func BenchmarkRemembered(b *testing.B) {
	s := &store{hashes: map[string]string{"ann@example.org": hashOf(b, Default(), "correct horse battery staple")}}
	c, _ := checker(b, s, Config{Scheme: Default()})
	a := attempt("ann@example.org", "correct horse battery staple")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Check(b.Context(), a); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRememberedParallel is the same for many at once.
func BenchmarkRememberedParallel(b *testing.B) {
	s := &store{hashes: map[string]string{"ann@example.org": hashOf(b, Default(), "correct horse battery staple")}}
	c, _ := checker(b, s, Config{Scheme: Default()})
	a := attempt("ann@example.org", "correct horse battery staple")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Check(b.Context(), a); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkHash is one hash of the default scheme.
func BenchmarkHash(b *testing.B) {
	h := hasher{scheme: Default()}
	b.ReportAllocs()
	for b.Loop() {
		h.hash("correct horse battery staple")
	}
}
