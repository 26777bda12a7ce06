package upstream

import (
	"context"
	"sync"
	"time"
)

// deadlined is context.WithDeadline without its clock until somebody waits for it: an attempt on a plain connection
// never does, since the connection has a deadline of its own. A clock, and a place among the parent's children, for
// every attempt are a noticeable part of what a small answer costs.
type deadlined struct {
	context.Context
	deadline time.Time

	mu    sync.Mutex
	clock context.Context //nolint:containedctx // what the first one who waits makes
	end   context.CancelFunc
	ended bool
}

func withDeadline(parent context.Context, deadline time.Time) *deadlined {
	if own, ok := parent.Deadline(); ok && own.Before(deadline) {
		deadline = own
	}
	return &deadlined{Context: parent, deadline: deadline}
}

// Deadline implements context.Context.
func (d *deadlined) Deadline() (time.Time, bool) { return d.deadline, true }

// Done implements context.Context.
func (d *deadlined) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.clock == nil {
		d.clock, d.end = context.WithDeadline(d.Context, d.deadline)
		if d.ended {
			d.end()
		}
	}
	return d.clock.Done()
}

// Err implements context.Context.
func (d *deadlined) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.clock != nil {
		return d.clock.Err()
	}
	if err := d.Context.Err(); err != nil {
		return err
	}
	if d.ended {
		return context.Canceled
	}
	if !time.Now().Before(d.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Cancelled gives the context that ends for another reason than the deadline: see direct.Transport.
func (d *deadlined) Cancelled() context.Context { return d.Context }

// cancel ends what waits for it.
func (d *deadlined) cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.end != nil {
		d.end()
	}
}

var _ context.Context = (*deadlined)(nil)
