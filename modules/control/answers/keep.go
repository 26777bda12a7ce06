package answers

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
)

const (
	// sweepEvery is how often it is looked for what is not kept any more, sweptAtOnce how much of it.
	sweepEvery  = time.Minute
	sweptAtOnce = 500
	// claimedAtOnce is how many answers are taken over by one transaction.
	claimedAtOnce = 20
	// lookEvery is how often it is looked at most after what happens to executions.
	lookEvery = 200 * time.Millisecond
)

// keep renews leases, hears what is to be stopped, and takes over what others left, until ctx ends.
func (k *Keeper) keep(ctx context.Context) {
	store := k.patiently(ctx)
	if store == nil {
		return
	}
	moved := store.WatchExecutions(ctx, k.cfg.Every)
	beat := time.NewTicker(k.cfg.Lease / 4)
	defer beat.Stop()
	var swept time.Time
	for {
		k.renew(ctx, store)
		k.claim(ctx, store)
		if time.Since(swept) >= sweepEvery {
			swept = time.Now()
			k.sweep(ctx, store)
		}
		k.tell()
		pause := time.NewTimer(lookEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		case <-k.wake:
		case _, more := <-moved:
			if !more {
				return // the store is closed
			}
		}
	}
}

// patiently opens the store.
func (k *Keeper) patiently(ctx context.Context) *queries.Store {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		store, err := k.cfg.Store(ctx)
		if err == nil {
			return store
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// renew has leases last longer, and ends what is to be ended. Of what takes too long the answer says so itself.
func (k *Keeper) renew(ctx context.Context, store *queries.Store) {
	k.mu.Lock()
	all, holders := make([]*run, 0, len(k.runs)), make([]queries.Holder, 0, len(k.runs))
	for _, r := range k.runs {
		all, holders = append(all, r), append(holders, r.holder)
	}
	k.mu.Unlock()
	verdicts, err := store.Renew(ctx, holders, k.cfg.Lease)
	if err != nil {
		k.report(ctx, "leases", err)
		return
	}
	for i, v := range verdicts {
		switch {
		case !v.Held:
			all[i].cancel(errTaken) // or it has just ended
		case v.Stop == queries.OutcomeCancelled:
			all[i].cancel(errCancelled)
		}
	}
}

// claim takes over answers that others left.
func (k *Keeper) claim(ctx context.Context, store *queries.Store) {
	k.mu.Lock()
	services, leaving := k.services, k.leaving
	k.mu.Unlock()
	by := services()
	if leaving || len(by) == 0 {
		return
	}
	var queues []string
	for name, all := range by {
		for _, s := range all {
			for route, atOnce := range s.LongRoutes() {
				if queue := queries.GatewayQueue(name, route); k.room(queue, atOnce) {
					queues = append(queues, queue)
				}
			}
		}
	}
	if len(queues) == 0 {
		return
	}
	queues, err := store.WaitingLongAnswers(ctx, queues)
	if err != nil || len(queues) == 0 {
		k.report(ctx, "what waits for a gateway", err)
		return
	}
	got, err := store.Claim(ctx, queries.ClaimRequest{Runner: k.id, Queues: queues, Most: claimedAtOnce, Lease: k.cfg.Lease, Begin: func(c *queries.Claimed) *queries.StartRequest {
		return &queries.StartRequest{Holder: c.Holder, Timeout: c.Timeout}
	}})
	k.report(ctx, "what waits for a gateway", err)
	for _, c := range got {
		if err := k.again(ctx, store, by, c); err != nil {
			k.report(ctx, "an answer that was taken over", err)
		}
	}
}

func (k *Keeper) room(route string, atOnce int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.counts[route] < atOnce
}

// again makes an answer again.
func (k *Keeper) again(ctx context.Context, store *queries.Store, by map[string][]Service, c queries.Claimed) error {
	r := &run{keeper: k, store: store, holder: c.Holder}
	asked, route, services, err := k.asked(ctx, store, by, c.Execution)
	if err == nil && c.Started {
		queue := queries.GatewayQueue(route.service, route.name)
		r.counted = []string{queue}
		k.mu.Lock()
		k.counts[queue]++
		k.mu.Unlock()
		k.add(r)
		for _, s := range services {
			if s.AskAgain(route.name, asked, r) {
				k.cfg.Logger.InfoContext(ctx, "an answer is made again that another gateway did not end", slog.String("execution", r.ID()))
				return nil
			}
		}
		defer k.remove(r)
		err = errors.New("no service can make it")
	}
	_, ferr := store.EndLongAnswer(ctx, queries.FinishRequest{Holder: c.Holder, Outcome: queries.OutcomeLost, Reason: queries.ReasonGatewayLost}, nil)
	return errors.Join(err, ferr)
}

type routeName struct{ service, name string }

// asked is what it takes to make an answer again.
func (k *Keeper) asked(ctx context.Context, store *queries.Store, by map[string][]Service, id uuid.UUID) ([]byte, routeName, []Service, error) {
	row, err := store.LongRequest(ctx, id)
	if err != nil {
		return nil, routeName{}, nil, err
	}
	keys, err := k.keys.get(k.cfg.Keys)
	if err != nil {
		return nil, routeName{}, nil, err
	}
	asked, err := keys.open(row.Request, id[:])
	return asked, routeName{row.Service, row.Route}, by[row.Service], err
}

// sweep removes what is not kept any more.
func (k *Keeper) sweep(ctx context.Context, store *queries.Store) {
	over, err := store.SweepLongAnswers(ctx, keepNothing, sweptAtOnce)
	k.report(ctx, "answers that are not kept any more", err)
	for _, o := range over {
		k.forget(ctx, store, o)
	}
}

func (k *Keeper) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		k.cfg.Logger.WarnContext(ctx, "long answers could not be looked after", slog.String("what", what), slog.Any("error", err))
	}
}
