// Package memo keeps for a while what a store says. What was kept goes when its time has come, when there is no room, or when
// somebody says that it has changed; what was looked up before he said so is not kept after it.
//
//	epoch := m.Epoch()
//	v, err := store.Get(ctx, key)
//	m.Put(key, v, time.Now().Add(time.Minute), epoch)
package memo

import (
	"sync"
	"sync/atomic"
	"time"
)

// Memo keeps values by keys. It is used concurrently.
type Memo[K comparable, V any] struct {
	size int

	mu      sync.RWMutex
	entries map[K]*entry[V]
	// epoch counts what was said to have changed.
	epoch uint64
}

type entry[V any] struct {
	value V
	until time.Time
	// used since somebody last looked for one to throw away.
	used atomic.Bool
}

// looked is how many entries are looked at to find one to throw away.
const looked = 16

// New makes a Memo of at most size values; with 0 it keeps none.
func New[K comparable, V any](size int) *Memo[K, V] {
	return &Memo[K, V]{size: size, entries: map[K]*entry[V]{}}
}

// Get gives what is kept under a key and has time left.
func (m *Memo[K, V]) Get(key K, now time.Time) (V, bool) {
	m.mu.RLock()
	e := m.entries[key]
	m.mu.RUnlock()
	if e == nil || !now.Before(e.until) {
		var none V
		return none, false
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.value, true
}

// Epoch is asked before a value is looked up, and told to Put.
func (m *Memo[K, V]) Epoch() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.epoch
}

// Put keeps a value, unless something has changed since the epoch.
func (m *Memo[K, V]) Put(key K, value V, until time.Time, epoch uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch != epoch || m.size <= 0 {
		return
	}
	if _, there := m.entries[key]; !there && len(m.entries) >= m.size {
		m.makeRoom(time.Now())
	}
	m.entries[key] = &entry[V]{value: value, until: until}
}

// makeRoom throws one away: of some that Go's map gives in no order one that has expired, that nobody used, or the last.
func (m *Memo[K, V]) makeRoom(now time.Time) {
	var victim K
	n := 0
	for key, e := range m.entries {
		victim = key
		if !now.Before(e.until) || !e.used.Swap(false) {
			break
		}
		if n++; n == looked {
			break
		}
	}
	delete(m.entries, victim)
}

// Drop begins an epoch and forgets what has changed, and what has no time left.
func (m *Memo[K, V]) Drop(changed func(V) bool) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	for key, e := range m.entries {
		if !now.Before(e.until) || changed(e.value) {
			delete(m.entries, key)
		}
	}
}

// Clear begins an epoch and forgets everything.
func (m *Memo[K, V]) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	clear(m.entries)
}

// Len is how many values are kept.
func (m *Memo[K, V]) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.entries)
}
