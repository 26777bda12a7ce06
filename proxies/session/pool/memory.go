package pool

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// Memory is a session.Store of this process alone: for tests, and where the store cannot be asked.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	records map[string]session.Record
	leases  map[string]lease
	sweep   int // how many records there were when the expired ones were last thrown away
}

type lease struct {
	holder string
	until  time.Time
}

// NewMemory makes an empty store with a clock. Nil: time.Now.
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	return &Memory{now: now, records: map[string]session.Record{}, leases: map[string]lease{}}
}

// Session implements session.Store.
func (m *Memory) Session(ctx context.Context, index []byte) (session.Record, bool, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.live(string(index))
	r.Sealed = bytes.Clone(r.Sealed)
	return r, ok, nil
}

// live gives a record that has not expired.
func (m *Memory) live(index string) (session.Record, bool) {
	r, ok := m.records[index]
	if !ok || !m.now().Before(r.Expires) {
		return session.Record{}, false
	}
	return r, true
}

// ReplaceSession implements session.Store.
func (m *Memory) ReplaceSession(ctx context.Context, index []byte, old session.Version, next session.Record) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, _ := m.live(string(index)); r.Version != old {
		return false, nil
	}
	next.Sealed = bytes.Clone(next.Sealed)
	m.records[string(index)] = next
	if len(m.records) > 2*m.sweep+64 {
		m.forget()
	}
	return true, nil
}

// forget throws away what has expired.
func (m *Memory) forget() {
	now := m.now()
	for index, r := range m.records {
		if !now.Before(r.Expires) {
			delete(m.records, index)
		}
	}
	for name, l := range m.leases {
		if !now.Before(l.until) {
			delete(m.leases, name)
		}
	}
	m.sweep = len(m.records)
}

// DeleteSession implements session.Store.
func (m *Memory) DeleteSession(ctx context.Context, index []byte, old session.Version) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.live(string(index)); ok && r.Version == old {
		delete(m.records, string(index))
	}
	return ctx.Err()
}

// Lease implements session.Store.
func (m *Memory) Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if l, ok := m.leases[name]; ok && l.holder != holder && now.Before(l.until) {
		return false, nil
	}
	m.leases[name] = lease{holder: holder, until: now.Add(d)}
	return true, nil
}

// Release implements session.Store.
func (m *Memory) Release(ctx context.Context, name, holder string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leases[name].holder == holder {
		delete(m.leases, name)
	}
	return ctx.Err()
}

// Dump gives everything that is kept, as bytes: what somebody sees who has the store and not the key.
func (m *Memory) Dump() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []byte
	for index, r := range m.records {
		out = slices.Concat(out, []byte(index), r.Sealed)
	}
	for name, l := range m.leases {
		out = slices.Concat(out, []byte(name), []byte(l.holder))
	}
	return out
}

var _ session.Store = (*Memory)(nil)
