package queries

import (
	"context"
	"sync"
	"time"
)

const (
	// channelExecutions is where PostgreSQL tells of executions that moved.
	channelExecutions = "fairway_executions"
	// tellEvery is how often it is told at most: it is not told in the transactions, since those that tell wait for each other.
	tellEvery = 20 * time.Millisecond
)

// watchers are those of a process who want to hear of executions.
type watchers struct {
	mu   sync.Mutex
	all  map[chan struct{}]bool
	told chan struct{}
}

func newWatchers() *watchers {
	return &watchers{all: map[chan struct{}]bool{}, told: make(chan struct{}, 1)}
}

func (w *watchers) ring() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.all {
		ring(c)
	}
}

// changed tells who watches, here and at other processes.
func (s *Store) changed() {
	s.watchers.ring()
	ring(s.watchers.told)
}

// tellChanges tells other processes, until ctx ends.
func (s *Store) tellChanges(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.watchers.told:
		}
		if err := s.notify(ctx, channelExecutions); err != nil && ctx.Err() == nil {
			s.log.DebugContext(ctx, "nobody is told of executions") // who watches looks now and then
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(tellEvery):
		}
	}
}

// WatchExecutions rings soon after executions were made, moved, or said how far they are or something, by any process, and each time
// that every has passed; several at once ring once. It rings once at the beginning. It ends with ctx or the store, and is closed then.
func (s *Store) WatchExecutions(ctx context.Context, every time.Duration) <-chan struct{} {
	out := make(chan struct{}, 1)
	ring(out)
	s.watchers.mu.Lock()
	s.watchers.all[out] = true
	s.watchers.mu.Unlock()
	s.done.Go(func() {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		listener := make(chan struct{})
		go func() {
			defer close(listener)
			s.listen(ctx, channelExecutions, func() { ring(out) })
		}()
		defer func() {
			cancel()
			<-listener
			s.watchers.mu.Lock()
			delete(s.watchers.all, out)
			s.watchers.mu.Unlock()
			close(out)
		}()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.ending:
				return
			case <-tick.C:
				ring(out)
			}
		}
	})
	return out
}

// notify implements engine: who has a file is alone.
func (e *file) notify(context.Context, string) error { return nil }

// notify implements engine.
func (e *server) notify(ctx context.Context, channel string) error {
	_, err := e.pool.Exec(ctx, "select pg_notify($1, '')", channel)
	return err
}
