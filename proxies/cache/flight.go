package cache

import (
	"context"
	"sync"
	"time"
)

// flight is one load, for all who wait for it.
type flight struct {
	done   chan struct{}
	cancel context.CancelCauseFunc
	tag    Tag
	// found, err and lasting are what came of it, once done is closed.
	found   Found
	err     error
	lasting bool

	mu         sync.Mutex
	waiting    int
	background bool // it goes on without anybody
}

// join gives the flight of a request, which starts where there is none, and says whether others started it: then what came of
// it is of their Load. Whoever joins leaves.
func (c *Cache) join(ctx context.Context, r *Request) (f *flight, others bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	background := false
	if c.closed {
		return landed(Found{How: Miss}, context.Canceled), false
	}
	if e, ok := c.store.GetIfPresent(r.Key); ok && !r.renew {
		now := c.now()
		if now.Before(e.fresh) { // it came since the caller looked
			return landed(e.found(now, Hit), e.err), false
		}
		background = e.err == nil && now.Before(e.fresh.Add(r.WhileRevalidate))
	}
	if f, ok := c.flights[r.Key]; ok && f.board() {
		return f, true
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	f = &flight{done: make(chan struct{}), cancel: cancel, tag: r.Tag, waiting: 1, background: background}
	c.flights[r.Key] = f
	c.tasks.Go(func() { c.fly(ctx, f, r) })
	return f, false
}

// landed is a flight that is over.
func landed(found Found, err error) *flight {
	f := &flight{done: make(chan struct{}), cancel: func(error) {}, found: found, err: err, waiting: 1}
	close(f.done)
	return f
}

// board adds one who waits; false: the flight is being cancelled.
func (f *flight) board() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting == 0 && !f.background {
		return false
	}
	f.waiting++
	return true
}

// wait waits until the flight is over.
func (f *flight) wait(ctx context.Context, until time.Time) error {
	var late <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-f.done:
		return nil
	case <-late:
		return context.DeadlineExceeded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave takes one away who waited, why is what ended his waiting, if not the load. The last ends the load, unless it goes on in
// the background; that his time was over is the cause of the load's context.
func (f *flight) leave(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting--
	if f.waiting == 0 && !f.background {
		f.cancel(why)
	}
}

// fly loads, and keeps what is to be kept before anybody hears of it.
func (c *Cache) fly(ctx context.Context, f *flight, r *Request) {
	defer f.cancel(nil)
	l := r.Load(ctx)
	now := c.now()
	f.found = Found{Value: l.Value, How: Miss, TTL: l.TTL}
	f.err, f.lasting = l.Err, l.Lasting
	c.mu.Lock()
	if l.TTL > 0 && ctx.Err() == nil && !c.purged[f] {
		f.found.Stored = c.keep(r, &l, now)
	}
	if c.flights[r.Key] == f {
		delete(c.flights, r.Key)
	}
	delete(c.purged, f)
	c.mu.Unlock()
	close(f.done)
}

// keep stores what was loaded. A failure takes the place of no value that may still be used.
func (c *Cache) keep(r *Request, l *Loaded, now time.Time) bool {
	e := &entry{tag: r.Tag, value: l.Value, err: l.Err, stored: now, fresh: now.Add(l.TTL), size: l.Size}
	e.until = e.fresh
	if l.Err == nil {
		e.until = e.fresh.Add(max(r.WhileRevalidate, r.IfError))
	} else if old, ok := c.store.GetIfPresent(r.Key); ok && old.err == nil && now.Before(old.fresh.Add(r.IfError)) {
		return false
	}
	if uint64(max(l.Size, 0)+overhead) > c.store.GetMaximum() {
		return false
	}
	c.store.Set(r.Key, e)
	return true
}

// Waiting is how many callers wait for loads.
func (c *Cache) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, f := range c.flights {
		f.mu.Lock()
		n += f.waiting
		f.mu.Unlock()
	}
	return n
}
