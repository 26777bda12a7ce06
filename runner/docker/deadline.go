package docker

import (
	"context"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// The engine has no deadlines. Who looks to them is whoever uses the engine: each executor for what it began or took over, and, in case that
// nobody else lives, for all containers of runners whose deadline was a while ago.

const (
	// lookEvery is how often it is looked for what others left.
	lookEvery = time.Minute
	// othersPatience is for how long what is past its deadline is left to its own runner.
	othersPatience = time.Minute
)

// deadlines are those of attempts that this process knows of.
type deadlines struct {
	mu    *sync.Mutex
	at    map[string]time.Time // by attempt
	added chan struct{}
}

func newDeadlines() deadlines {
	return deadlines{mu: new(sync.Mutex), at: map[string]time.Time{}, added: make(chan struct{}, 1)}
}

func (d deadlines) add(id string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at[id] = at
	select {
	case d.added <- struct{}{}:
	default:
	}
}

func (d deadlines) remove(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.at, id)
}

// due takes out those that are past, and says when the next one is.
func (d deadlines) due(now time.Time) (ids []string, next time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, at := range d.at {
		switch {
		case !at.After(now):
			ids = append(ids, id)
			delete(d.at, id)
		case next.IsZero() || at.Before(next):
			next = at
		}
	}
	return ids, next
}

// watch has an attempt end at its deadline.
func (e *Executor) watch(found container.InspectResponse) {
	id := found.Config.Labels[labelAttempt]
	if ended(found.State) {
		e.deadlines.remove(id)
		return
	}
	limits := limitsOf(found.Config.Labels)
	began := timeOf(found.State.StartedAt)
	if began.IsZero() {
		return // it will be looked at when it begins
	}
	e.deadlines.add(id, began.Add(limits.Timeout))
}

// keepDeadlines ends what is past its deadline, until Close.
func (e *Executor) keepDeadlines() {
	looked := time.Time{}
	for e.ctx.Err() == nil {
		now := time.Now()
		ids, next := e.deadlines.due(now)
		for _, id := range ids {
			r := &run{executor: e, id: id}
			if err := r.end(e.ctx, executor.CauseTimeout, true, false); err != nil {
				e.deadlines.add(id, now.Add(time.Second)) // again
			}
		}
		if now.Sub(looked) >= lookEvery {
			looked = now
			e.others(e.ctx)
			e.sweep(e.ctx, now)
			continue // it may have found some
		}
		if limit := looked.Add(lookEvery); next.IsZero() || next.After(limit) {
			next = limit
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
		case <-e.deadlines.added:
		case <-e.ctx.Done():
		}
		timer.Stop()
	}
}

// others looks at what runs: what this runner began before it was started anew, and what others left.
func (e *Executor) others(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, lookEvery)
	defer stop()
	found, err := e.engine.ContainerList(ctx, client.ContainerListOptions{Filters: make(client.Filters).Add("label", labelAttempt)})
	if err != nil {
		return // it is looked again
	}
	for _, item := range found.Items {
		id := item.Labels[labelAttempt]
		at, err := time.Parse(time.RFC3339Nano, item.Labels[labelDeadline])
		if executor.CheckName(id) != nil || err != nil {
			continue
		}
		if item.Labels[labelRunner] != e.runner {
			if at = at.Add(othersPatience); at.After(time.Now()) {
				continue
			}
		}
		e.deadlines.mu.Lock()
		if _, known := e.deadlines.at[id]; !known {
			e.deadlines.at[id] = at
		}
		e.deadlines.mu.Unlock()
	}
}
