package rate

import (
	"bytes"
	"container/list"
	"context"
	"sync"
	"time"
)

// Local are the counters of one process. Where there are too many buckets, that which was used longest ago is forgotten: then
// somebody may make more requests than he should, and nobody fewer. It is used concurrently and has no goroutine.
type Local struct {
	most int

	mu      sync.Mutex
	buckets map[string]*list.Element
	recent  list.List // of *entry, the last used one first
}

// entry is a bucket.
type entry struct {
	key   string
	empty time.Time
	// refused is until when a bucket that others share is known to be full.
	refused time.Time
}

// NewLocal makes counters with at most so many buckets, each of about 250 bytes. Default, with 0: 100000.
func NewLocal(most int) *Local {
	if most <= 0 {
		most = 100_000
	}
	return &Local{most: most, buckets: map[string]*list.Element{}}
}

// Take implements Counters and never fails.
func (l *Local) Take(_ context.Context, key []byte, n int, per time.Duration) (Taken, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, one := time.Now(), leak(n, per)
	e := l.get(key)
	empty := max(e.empty.Sub(now), 0)
	if empty+one > time.Duration(n)*one {
		return of(false, empty, n, one), nil
	}
	e.empty = now.Add(empty + one)
	return of(true, empty+one, n, one), nil
}

// get finds or makes a bucket, which is then the last used one.
func (l *Local) get(key []byte) *entry {
	if at, ok := l.buckets[string(key)]; ok {
		l.recent.MoveToFront(at)
		return entryOf(at)
	}
	if l.recent.Len() >= l.most {
		l.forget(l.recent.Back())
	}
	e := &entry{key: string(key)}
	l.buckets[e.key] = l.recent.PushFront(e)
	return e
}

func entryOf(at *list.Element) *entry {
	e, _ := at.Value.(*entry)
	return e
}

func (l *Local) forget(at *list.Element) {
	delete(l.buckets, entryOf(at).key)
	l.recent.Remove(at)
}

// follow remembers what others said of a bucket, so that the process can go on from there. That it is full is believed for a
// while, at most until one comes back.
func (l *Local) follow(key []byte, t Taken, while time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, now := l.get(key), time.Now()
	e.empty, e.refused = now.Add(t.Reset), time.Time{}
	if !t.OK {
		e.refused = now.Add(min(t.Retry, while))
	}
}

// refused says whether a bucket is known to be full.
func (l *Local) refused(key []byte, n int, per time.Duration) (Taken, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.buckets[string(key)]
	if !ok {
		return Taken{}, false
	}
	e, now := entryOf(at), time.Now()
	if !now.Before(e.refused) {
		return Taken{}, false
	}
	l.recent.MoveToFront(at)
	t := of(false, e.empty.Sub(now), n, leak(n, per))
	t.Left, t.Retry = 0, max(t.Retry, e.refused.Sub(now))
	return t, true
}

// Count implements Counters and never fails. It looks at every bucket.
func (l *Local) Count(_ context.Context, prefix []byte, n int, per time.Duration) (used, full int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, one := time.Now(), leak(n, per)
	for at := l.recent.Front(); at != nil; at = at.Next() {
		e := entryOf(at)
		if !bytes.HasPrefix([]byte(e.key), prefix) || !e.empty.After(now) {
			continue
		}
		used++
		if e.empty.Sub(now) > time.Duration(n-1)*one {
			full++
		}
	}
	return used, full, nil
}

// Clear implements Counters and never fails. It looks at every bucket.
func (l *Local) Clear(_ context.Context, prefix []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, n := time.Now(), 0
	var next *list.Element
	for at := l.recent.Front(); at != nil; at = next {
		next = at.Next()
		if e := entryOf(at); bytes.HasPrefix([]byte(e.key), prefix) {
			if e.empty.After(now) {
				n++
			}
			l.forget(at)
		}
	}
	return n, nil
}

// Len counts buckets.
func (l *Local) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recent.Len()
}

var _ Counters = (*Local)(nil)
