package docker

import (
	"context"
	"sync"
)

// locks are locks by name, for which one waits as long as his context says.
type locks struct {
	mu   *sync.Mutex
	held map[string]chan struct{} // closed when it is held no more
}

func newLocks() locks { return locks{mu: new(sync.Mutex), held: map[string]chan struct{}{}} }

// lock waits for a name and gives what gives it back.
func (l locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		l.mu.Lock()
		held, is := l.held[name]
		if !is {
			mine := make(chan struct{})
			l.held[name] = mine
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				delete(l.held, name)
				close(mine)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
