package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
)

// errStopping is why a handler's context ends when the gateway stops.
var errStopping = errors.New("the gateway stopped")

// run is one Run.
type run struct {
	*Worker
	metrics *observe.OutboxMetrics
	// hard ends when letters that are worked on must be given back.
	hard  context.Context //nolint:containedctx // it is the run's own, and ends after that of Run
	busy  atomic.Int64
	freed chan struct{} // something is in it when a letter is done
	under sync.WaitGroup
	down  bool // the store did not answer
}

// Run has letters leave until ctx ends, or the store. Those that are worked on then have Drain to end; what is not done by then
// is given back, and is no attempt that failed. When Run returns, no handler runs any more. A worker may run once at a time.
func (w *Worker) Run(ctx context.Context) {
	hard, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{Worker: w, metrics: w.cfg.Metrics.Outbox(w.cfg.Topic), hard: hard, freed: make(chan struct{}, 1)}
	defer r.metrics.Close()
	counting := make(chan struct{})
	go func() {
		defer close(counting)
		r.count(ctx)
	}()
	r.loop(ctx)
	cancel()
	<-counting
	late := time.AfterFunc(w.cfg.Drain, func() { abort(errStopping) })
	defer late.Stop()
	r.under.Wait()
}

// loop claims letters whenever there may be some and somebody is free.
func (r *run) loop(ctx context.Context) {
	wanted := r.store.LettersWanted(ctx)
	for {
		freed := r.freed
		if !r.claim(ctx) {
			freed = nil // there are none for who is free
		}
		select {
		case <-ctx.Done():
			return
		case <-freed:
		case _, open := <-wanted:
			if !open {
				return
			}
		}
	}
}

// claim takes as many letters as there are free hands, so that none that is leased waits. True: there may be more.
func (r *run) claim(ctx context.Context) bool {
	free := r.cfg.Parallel - int(r.busy.Load())
	if free == 0 {
		return true
	}
	until := time.Now().Add(r.cfg.Lease) // by our clock it ends before it does in the store
	claims, err := r.store.ClaimLetters(ctx, r.cfg.Topic, r.holder, free, r.cfg.Lease)
	if err != nil {
		if ctx.Err() == nil && !r.down {
			r.down = true
			r.log.WarnContext(ctx, "letters wait: the store does not answer", slog.Any("error", err))
		}
		return false
	}
	if r.down {
		r.down = false
		r.log.InfoContext(ctx, "letters leave again: the store answers")
	}
	for _, c := range claims {
		r.busy.Add(1)
		r.under.Go(func() { //nolint:contextcheck // it may go on for a while when ctx ends
			defer func() {
				r.busy.Add(-1)
				select {
				case r.freed <- struct{}{}:
				default:
				}
			}()
			r.work(c, until)
		})
	}
	return len(claims) == free
}

// count shows how many letters there are.
func (r *run) count(ctx context.Context) {
	tick := time.NewTicker(r.cfg.Count)
	defer tick.Stop()
	for {
		if waiting, dead, err := r.store.CountLetters(ctx, r.cfg.Topic); err == nil {
			r.metrics.Held(waiting, dead)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Interface guard.
var _ Store = (*queries.Store)(nil)
