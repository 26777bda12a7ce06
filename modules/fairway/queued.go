package fairway

import (
	"context"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/queue"
)

// dispatcher tells runners of attempts that a store has.
type dispatcher interface {
	// Again has runners be told of attempts once more.
	Again(ctx context.Context, waiting []queries.Ready) error
	// listener is the queue of a runner of this process.
	listener(queues []string, slots int) runner.Queue
	close()
}

// local is the queue of SQLite.
type local struct{ *queue.Local }

func (l local) listener([]string, int) runner.Queue { return l.Local }
func (local) close()                                {}

// river is the queue of PostgreSQL.
type river struct{ *queue.River }

// listener is asked for more than there are slots, so that who ends is followed at once.
func (r river) listener(queues []string, slots int) runner.Queue {
	return r.For(queues, slots+max(4, slots/4))
}

func (r river) close() { r.Close() }

// key is that of the store in the pool.
func (s *store) key() string { return "store " + s.dsn }

// queued gives the store, of whose attempts runners are told from now on.
func (s *store) queued(ctx context.Context) (*queries.Store, dispatcher, error) {
	open, err := s.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	s.queueing.Lock()
	defer s.queueing.Unlock()
	if s.queue != nil {
		return open, s.queue, nil
	}
	if s.background.Err() != nil {
		return nil, nil, errClosed
	}
	if !queries.IsPostgres(s.dsn) {
		l := queue.NewLocal()
		open.OnReady(l.Dispatch)
		s.queue = local{l}
		return open, s.queue, nil
	}
	r, err := queue.OpenRiver(ctx, s.dsn, queue.RiverConfig{Guest: s.guest, Logger: s.log})
	if err != nil {
		return nil, nil, &queries.UnavailableError{Err: err}
	}
	open.OnReady(r.Dispatch)
	s.queue = river{r}
	return open, s.queue, nil
}

// serving gives the store to who makes executions.
func (s *store) serving(ctx context.Context) (*queries.Store, error) {
	if !s.dispatches.Load() {
		return s.get(ctx)
	}
	open, _, err := s.queued(ctx)
	return open, err
}

// retain says for how long the store keeps what is only ever added to.
func (s *store) retain(keep queries.Retention) {
	s.mu.Lock()
	s.keep = keep
	a := s.attempt
	s.mu.Unlock()
	if a != nil && isClosed(a.done) && a.store != nil && !s.guest {
		a.store.Keep(&keep)
	}
}
