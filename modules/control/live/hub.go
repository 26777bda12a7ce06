// Package live tells what happens to executions, while it happens, to any number of those who want to know: their moves, their
// progress, and their logs.
//
//	hub := live.New(store, live.Options{})
//	defer hub.Close()
//	w, err := hub.Watch(ctx, id, "user:7", cursor)
//	defer w.Close()
//	for {
//		events, more, err := w.Poll(ctx)
//		…                            // write them; an EventEnd is the last
//		if !more { <-w.Changed() }   // or time, or an end of ctx
//	}
//
// A hub asks the store once for all executions that are watched, when the store says that something has changed. What happened to one
// it reads once for all who have come as far; who is slower, or comes later, reads at his own pace, one page at a time: nobody has a
// queue. So it does not matter which process runs the execution, or tells of it.
package live

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Store is what a hub asks. *queries.Store is one.
type Store interface {
	LogStore
	// States says where executions are, of those that are there.
	States(ctx context.Context, ids []uuid.UUID) ([]db.ListStatesRow, error)
	// StatusLogAfter gives moves of an execution behind one.
	StatusLogAfter(ctx context.Context, execution uuid.UUID, after int64, most int) ([]db.StatusLog, error)
	// Execution gives one, and Position where it stands in its queue.
	Execution(ctx context.Context, id uuid.UUID) (db.Execution, error)
	Position(ctx context.Context, e db.Execution) (queries.Position, error)
	// WatchExecutions rings when executions have changed, and each time that every has passed.
	WatchExecutions(ctx context.Context, every time.Duration) <-chan struct{}
}

// Errors of Watch and Poll.
var (
	ErrGone      = errors.New("there is no such execution")  //nolint:gochecknoglobals // a sentinel
	ErrTooMany   = errors.New("the caller watches too much") //nolint:gochecknoglobals // a sentinel
	ErrCrowded   = errors.New("too much is watched at once") //nolint:gochecknoglobals // a sentinel
	ErrHubClosed = errors.New("nothing is watched any more") //nolint:gochecknoglobals // a sentinel
)

// Options are the limits of a hub.
type Options struct {
	// PerCaller is how many executions one caller watches at once. Default 32.
	PerCaller int
	// All is how many are watched at once by everybody. Default 1,000.
	All int
	// Every is how often the store is asked that has not rung. Default 1s.
	Every time.Duration
	// Followed is told how many more watch, or fewer, whenever one begins or ends. It must not wait. Default nobody is.
	Followed func(more int)
	// Logger is told when the store does not answer. Default none.
	Logger *slog.Logger
}

// leastPause and mostPause are how often the store is asked at most, however much happens: it is not asked for more than a tenth of the time, but
// at least so often.
const (
	leastPause = 2 * time.Millisecond
	mostPause  = 50 * time.Millisecond
)

// Hub has those who watch executions. It is used concurrently.
type Hub struct {
	store   Store
	options Options
	begin   sync.Once
	ctx     context.Context //nolint:containedctx // what it does in the background is nobody's request
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu      sync.Mutex
	feeds   map[uuid.UUID]*feed
	callers map[string]int
	all     int
}

// New makes a hub, which does nothing until somebody watches. Close it before the store.
func New(store Store, o Options) *Hub {
	o.PerCaller, o.All, o.Every = cmp.Or(o.PerCaller, 32), cmp.Or(o.All, 1000), cmp.Or(o.Every, time.Second)
	if o.Followed == nil {
		o.Followed = func(int) {}
	}
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	h := &Hub{store: store, options: o, feeds: map[uuid.UUID]*feed{}, callers: map[string]int{}}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Close ends what the hub does. Who watches still hears nothing more.
func (h *Hub) Close() {
	h.begin.Do(func() {}) // it does not begin any more
	h.stop()
	h.done.Wait()
}

// Watch begins to watch an execution, for a caller of a name, behind a cursor. Close it.
func (h *Hub) Watch(ctx context.Context, execution uuid.UUID, caller string, from Cursor) (*Watch, error) {
	if h.ctx.Err() != nil {
		return nil, ErrHubClosed
	}
	f, err := h.join(execution, caller)
	if err != nil {
		return nil, err
	}
	w := &Watch{hub: h, feed: f, caller: caller, cursor: from}
	h.begin.Do(func() { h.done.Go(func() { h.run(h.ctx) }) })
	if err := h.refresh(ctx, []uuid.UUID{execution}); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (h *Hub) join(execution uuid.UUID, caller string) (*feed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.callers[caller] >= h.options.PerCaller:
		return nil, ErrTooMany
	case h.all >= h.options.All:
		return nil, ErrCrowded
	}
	f := h.feeds[execution]
	if f == nil {
		f = newFeed(h.store, execution)
		h.feeds[execution] = f
	}
	h.all++
	h.options.Followed(1)
	h.callers[caller]++
	f.watchers++
	return f, nil
}

func (h *Hub) leave(f *feed, caller string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	h.options.Followed(-1)
	if h.callers[caller]--; h.callers[caller] == 0 {
		delete(h.callers, caller)
	}
	if f.watchers--; f.watchers == 0 {
		delete(h.feeds, f.id)
	}
}

// Watched says how many watch, and how many executions.
func (h *Hub) Watched() (watchers, executions int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all, len(h.feeds)
}

// run asks the store whenever it rings, until ctx ends.
func (h *Hub) run(ctx context.Context) {
	failing := false
	for range h.store.WatchExecutions(ctx, h.options.Every) {
		h.mu.Lock()
		ids := slices.Collect(maps.Keys(h.feeds))
		h.mu.Unlock()
		began := time.Now()
		err := h.refresh(ctx, ids)
		if err != nil && ctx.Err() == nil && !failing {
			h.options.Logger.WarnContext(ctx, "what happens to executions cannot be seen", slog.Any("error", err))
		}
		failing = err != nil
		timer := time.NewTimer(min(max(9*time.Since(began), leastPause), mostPause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// statesAtOnce is how many executions are asked for at once.
const statesAtOnce = 500

// refresh tells feeds where their executions are.
func (h *Hub) refresh(ctx context.Context, ids []uuid.UUID) error {
	for some := range slices.Chunk(ids, statesAtOnce) {
		states, err := h.store.States(ctx, some)
		if err != nil {
			return err
		}
		there := make(map[uuid.UUID]*db.ListStatesRow, len(states))
		for i := range states {
			there[states[i].ID] = &states[i]
		}
		for _, id := range some {
			h.mu.Lock()
			f := h.feeds[id]
			h.mu.Unlock()
			if f != nil {
				f.set(there[id])
			}
		}
	}
	return nil
}
