package passwords

import (
	"context"
	"errors"
	"net/netip"
	"sync"
)

// flights have those who ask the same thing at once, from one network, wait for one of them. A program that begins with fifty
// requests costs one hash. Nobody learns anything by it: what is unknown is waited for like what is known.
type flights struct {
	mu    sync.Mutex
	under map[flightKey]*flight
}

type flightKey struct {
	digest digest
	from   netip.Prefix
}

type flight struct {
	done  chan struct{}
	right bool
	err   error
	// gone says that who made the check left before its end.
	gone bool
}

var errPanicked = errors.New("the check of a password panicked")

// join gives the outcome of f, or of the f of somebody who is under way. Who waits for one that leaves makes the check himself.
func (f *flights) join(ctx context.Context, key flightKey, check func() (bool, error)) (bool, error) {
	for {
		f.mu.Lock()
		other, ok := f.under[key]
		if !ok {
			mine := &flight{done: make(chan struct{}), err: errPanicked}
			f.under[key] = mine
			f.mu.Unlock()
			return f.fly(ctx, key, mine, check)
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-other.done:
		}
		if !other.gone {
			return other.right, other.err
		}
	}
}

func (f *flights) fly(ctx context.Context, key flightKey, mine *flight, check func() (bool, error)) (bool, error) {
	defer func() {
		f.mu.Lock()
		delete(f.under, key)
		f.mu.Unlock()
		close(mine.done)
	}()
	mine.right, mine.err = check()
	mine.gone = mine.err != nil && ctx.Err() != nil
	return mine.right, mine.err
}
