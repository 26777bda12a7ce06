package queries

import (
	"context"
	"sync"
	"time"
)

const (
	// channelExecutions is where PostgreSQL tells of executions that moved.
	channelExecutions = "fairway_executions"
	// tellEvery is how often it is told at most: it is not told in the transactions, since those that tell wait for each other, which
	// short ones that write nothing hardly do.
	tellEvery = 5 * time.Millisecond
)

// watchers are those of a process who want to hear of executions.
type watchers struct {
	mu   sync.Mutex
	all  map[chan struct{}]bool // true: only of attempts that are ready
	told chan struct{}
}

func newWatchers() *watchers {
	return &watchers{all: map[chan struct{}]bool{}, told: make(chan struct{}, 1)}
}

// ring tells all, or those who wait for attempts that are ready.
func (w *watchers) ring(ready bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c, only := range w.all {
		if only == ready {
			ring(c)
		}
	}
}

// watch has somebody be told of executions until ctx ends, or the store; beside is what else tells, as long.
func (s *Store) watch(ctx context.Context, ready bool, beside func(ctx context.Context, tell func())) <-chan struct{} {
	out := make(chan struct{}, 1)
	ring(out)
	s.watchers.mu.Lock()
	s.watchers.all[out] = ready
	s.watchers.mu.Unlock()
	s.done.Go(func() {
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() { // ends with ctx
			defer close(ended)
			beside(ctx, func() { ring(out) })
		}()
		select {
		case <-ctx.Done():
		case <-s.ending:
		}
		cancel()
		<-ended
		s.watchers.mu.Lock()
		delete(s.watchers.all, out)
		s.watchers.mu.Unlock()
		close(out)
	})
	return out
}

// changed tells who watches, here and at other processes.
func (s *Store) changed() {
	s.watchers.ring(false)
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
	return s.watch(ctx, false, func(ctx context.Context, tell func()) {
		var listener sync.WaitGroup
		listener.Go(func() { s.listen(ctx, channelExecutions, tell) })
		defer listener.Wait()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				tell()
			}
		}
	})
}

// WatchReady rings as soon as this process has made attempts that wait for a runner, and that is committed; those of other processes
// it knows nothing of. It rings once at the beginning. It ends with ctx or the store, and is closed then.
func (s *Store) WatchReady(ctx context.Context) <-chan struct{} {
	return s.watch(ctx, true, func(context.Context, func()) {})
}

// notify implements engine: who has a file is alone.
func (e *file) notify(context.Context, string) error { return nil }

// notify implements engine.
func (e *server) notify(ctx context.Context, channel string) error {
	_, err := e.pool.Exec(ctx, "select pg_notify($1, '')", channel)
	return err
}
