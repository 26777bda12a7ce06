package passwords

import (
	"container/list"
	"context"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/throttle"
)

// Slots bound how many hashes are made at once, by the memory that they hold. Who finds no place waits in a short queue, in
// which the networks of callers take turns. Where the queue is full, the last of the network that has most in it leaves for
// one that has less. So neither memory nor waiting grows with a flood, and a flood from few networks does not keep others
// out. Those whose password is known to be right have a line of their own, which is always first.
type Slots struct {
	limit int64 // bytes
	queue int

	mu      sync.Mutex
	used    int64
	waiting int
	lines   map[lineKey]*list.Element
	turns   list.List // of *line, whose first is next
}

// lineKey is a network, or those who are known to be right.
type lineKey struct {
	from  netip.Prefix
	known bool
}

// line is those of one network who wait.
type line struct {
	key     lineKey
	waiters list.List // of *waiter
}

type waiter struct {
	bytes int64
	done  chan struct{} // closed when there is a place, or err says why not
	err   error
}

// retryAfter is when those come back who found no place: the queue is over by then.
const retryAfter = 2 * time.Second

// NewSlots makes slots for n hashes of the default scheme, 19 MiB each. Default, with 0: as many as the process has CPUs, since
// a hash keeps one busy. A hash that holds more takes several; a single one of up to 64 MiB always fits. queue is how many
// wait, by default 16 for each slot: about half a second.
func NewSlots(n, queue int) *Slots {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if queue <= 0 {
		queue = 16 * n
	}
	return &Slots{
		limit: max(int64(n)*Default().Memory(), mostMemoryKiB<<10),
		queue: queue, lines: map[lineKey]*list.Element{},
	}
}

// SlotStats says what slots are doing.
type SlotStats struct {
	// Used and Limit are bytes that hashes hold, and may.
	Used, Limit int64
	// Waiting counts those in the queue.
	Waiting int
}

// Stats says what the slots are doing.
func (s *Slots) Stats() SlotStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return SlotStats{Used: s.used, Limit: s.limit, Waiting: s.waiting}
}

// Acquire waits until there is place for a hash that holds so many bytes, at most Limit. The error is a *BusyError or that of
// the context; without one, release gives the place back.
func (s *Slots) Acquire(ctx context.Context, from netip.Addr, bytes int64) (release func(), err error) {
	return s.acquire(ctx, lineKey{from: throttle.Network(from)}, bytes)
}

func (s *Slots) acquire(ctx context.Context, key lineKey, bytes int64) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bytes = min(bytes, s.limit)
	w, at, err := s.enter(key, bytes)
	if err != nil {
		return nil, err
	}
	release = func() { s.release(bytes) }
	if w == nil {
		return release, nil
	}
	select {
	case <-w.done:
		if w.err != nil {
			return nil, w.err
		}
		return release, nil
	case <-ctx.Done():
		s.leave(w, at)
		return nil, ctx.Err()
	}
}

// enter takes a place, for which no waiter is given, or one in the queue.
func (s *Slots) enter(key lineKey, bytes int64) (*waiter, *list.Element, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == 0 && s.used+bytes <= s.limit {
		s.used += bytes
		return nil, nil, nil
	}
	if s.waiting >= s.queue && !key.known && !s.makeRoom(key) {
		return nil, nil, &BusyError{RetryAfter: retryAfter}
	}
	at, ok := s.lines[key]
	if !ok {
		at = s.turns.PushBack(&line{key: key})
		s.lines[key] = at
		if key.known {
			s.turns.MoveToFront(at)
		}
	}
	w := &waiter{bytes: bytes, done: make(chan struct{})}
	lineOf(at).waiters.PushBack(w)
	s.waiting++
	return w, at, nil
}

func lineOf(at *list.Element) *line {
	l, _ := at.Value.(*line)
	return l
}

// makeRoom sends the last of the longest line away, if that is longer than the line of who comes.
func (s *Slots) makeRoom(key lineKey) bool {
	var longest *list.Element
	for at := s.turns.Front(); at != nil; at = at.Next() {
		if lineOf(at).key.known {
			continue
		}
		if longest == nil || lineOf(at).waiters.Len() > lineOf(longest).waiters.Len() {
			longest = at
		}
	}
	own := 0
	if at, ok := s.lines[key]; ok {
		own = lineOf(at).waiters.Len()
	}
	if longest == nil || lineOf(longest).waiters.Len() <= own+1 {
		return false
	}
	l := lineOf(longest)
	w, _ := l.waiters.Remove(l.waiters.Back()).(*waiter)
	s.waiting--
	w.err = &BusyError{RetryAfter: retryAfter}
	close(w.done)
	return true
}

// leave takes who no longer waits out of the queue; one who got a place meanwhile gives it back.
func (s *Slots) leave(w *waiter, at *list.Element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.done:
		if w.err == nil {
			s.used -= w.bytes
			s.next()
		}
		return
	default:
	}
	l := lineOf(at)
	for e := l.waiters.Front(); e != nil; e = e.Next() {
		if e.Value == w {
			l.waiters.Remove(e)
			break
		}
	}
	s.waiting--
	s.tidy(at)
	s.next() // who is next may hold less
}

func (s *Slots) release(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= bytes
	s.next()
}

// next gives places to those whose turn it is. Nobody who needs much is passed over by those who need little.
func (s *Slots) next() {
	for at := s.turns.Front(); at != nil; at = s.turns.Front() {
		l := lineOf(at)
		w, _ := l.waiters.Front().Value.(*waiter)
		if s.used+w.bytes > s.limit {
			return
		}
		l.waiters.Remove(l.waiters.Front())
		s.waiting--
		s.used += w.bytes
		close(w.done)
		if !l.key.known {
			s.turns.MoveToBack(at)
		}
		s.tidy(at)
	}
}

// tidy forgets a line in which nobody is.
func (s *Slots) tidy(at *list.Element) {
	if l := lineOf(at); l.waiters.Len() == 0 {
		s.turns.Remove(at)
		delete(s.lines, l.key)
	}
}
