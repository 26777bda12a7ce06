package throttle

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Local are counters of one process. Where there are too many buckets, that which was used longest ago is forgotten.
type Local struct {
	most int

	mu      sync.Mutex
	buckets map[string]*list.Element
	recent  list.List // of *entry, the last used one first
}

// entry is a bucket. Its level is how often its leak fits between now and when it will be empty.
type entry struct {
	key         string
	empty, last time.Time
}

// NewLocal makes counters with at most so many buckets. Default, with 0: 100000.
func NewLocal(most int) *Local {
	if most <= 0 {
		most = 100_000
	}
	return &Local{most: most, buckets: map[string]*list.Element{}}
}

// Len counts buckets.
func (l *Local) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recent.Len()
}

// Try implements Counters and never fails.
func (l *Local) Try(_ context.Context, key []byte, c Curve) (level int, wait time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	at, ok := l.buckets[string(key)]
	if !ok {
		at = l.add(key, now)
	}
	e := entryOf(at)
	l.recent.MoveToFront(at)
	level = e.level(now, c)
	if wait = e.last.Add(c.Delay(level)).Sub(now); ok && wait > 0 {
		return level, wait, nil
	}
	if e.empty.Before(now) {
		e.empty = now
	}
	e.empty, e.last = e.empty.Add(c.Leak), now
	if full := now.Add(time.Duration(c.Full()) * c.Leak); e.empty.After(full) {
		e.empty = full
	}
	return level, 0, nil
}

func (l *Local) add(key []byte, now time.Time) *list.Element {
	if l.recent.Len() >= l.most {
		oldest := l.recent.Back()
		delete(l.buckets, entryOf(oldest).key)
		l.recent.Remove(oldest)
	}
	at := l.recent.PushFront(&entry{key: string(key), empty: now})
	l.buckets[string(key)] = at
	return at
}

func entryOf(at *list.Element) *entry {
	e, _ := at.Value.(*entry)
	return e
}

// level counts the attempts in a bucket, a part of one as one.
func (e *entry) level(now time.Time, c Curve) int {
	left := e.empty.Sub(now)
	if left <= 0 {
		return 0
	}
	return int((left + c.Leak - 1) / c.Leak)
}

// Undo implements Counters and never fails.
func (l *Local) Undo(_ context.Context, key []byte, c Curve) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.buckets[string(key)]
	if !ok {
		return nil
	}
	e := entryOf(at)
	if e.empty = e.empty.Add(-c.Leak); !e.empty.After(time.Now()) {
		l.forget(at)
	}
	return nil
}

// Clear implements Counters and never fails.
func (l *Local) Clear(_ context.Context, key []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.buckets[string(key)]; ok {
		l.forget(at)
	}
	return nil
}

func (l *Local) forget(at *list.Element) {
	delete(l.buckets, entryOf(at).key)
	l.recent.Remove(at)
}

var _ Counters = (*Local)(nil)
