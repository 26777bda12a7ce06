package queries

import (
	"context"
	"sync/atomic"
	"time"
)

// clock tells the time by which executions move. It is the gateway's, so that tests say what time it is, and corrected by what
// the database's differs from it: leases that one process gives and another takes away need one time.
type clock struct {
	now  func() time.Time
	skew atomic.Int64 // what is added, in nanoseconds
}

func newClock(now func() time.Time) *clock {
	if now == nil {
		now = time.Now
	}
	return &clock{now: now}
}

// Now is in UTC, to the microsecond.
func (c *clock) Now() time.Time {
	return c.now().Add(time.Duration(c.skew.Load())).UTC().Truncate(time.Microsecond)
}

// mostUnsure is how long asking for the time may take: what it is in the middle of that is taken for the answer's.
const mostUnsure = time.Second

// set compares it with another, which is asked.
func (c *clock) set(ctx context.Context, ask func(context.Context) (time.Time, error)) error {
	before := c.now()
	theirs, err := ask(ctx)
	if err != nil || theirs.IsZero() {
		return err
	}
	took := c.now().Sub(before)
	if took > mostUnsure {
		return nil // it says what time it was; the next time it may be faster
	}
	c.skew.Store(int64(theirs.Sub(before.Add(took / 2))))
	return nil
}

// clock implements engine.
func (e *server) clock(ctx context.Context) (now time.Time, err error) {
	err = e.pool.QueryRow(ctx, "select clock_timestamp()").Scan(&now)
	return now, err
}

// clock implements engine: a file is on the same machine.
func (e *file) clock(context.Context) (time.Time, error) { return time.Time{}, nil }

// Now is the time by which executions move.
func (s *Store) Now() time.Time { return s.clock.Now() }

// setClock has the store's clock go as the database's does.
func (s *Store) setClock(ctx context.Context) error {
	if s.fixed {
		return nil
	}
	return s.clock.set(ctx, s.engine.clock)
}
