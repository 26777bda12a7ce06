package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// published has a publisher within the process tell all events of a store, to one who acknowledges at once, and writes events beside those of the
// executions, so that there are so many a second in all. Its end says how many were told in a second, and waits until all were.
func (s *site) published(ctx context.Context, perSecondInAll int) (end func() (float64, error), err error) {
	bus := events.NewBus()
	got, err := bus.Subscribe(ctx, events.DefaultTopic)
	if err != nil {
		return nil, err
	}
	if err := s.store.BeginEvents(ctx, "bench"); err != nil {
		return nil, err
	}
	relay, err := events.NewRelay(s.store, events.RelayConfig{Name: "bench", Tell: events.Publish(bus, events.DefaultSource, events.DefaultTopic, 1)})
	if err != nil {
		return nil, err
	}
	var told atomic.Int64
	var all, writer sync.WaitGroup
	relaying, stop := context.WithCancel(ctx)
	writing, written := context.WithCancel(ctx)
	all.Go(func() { relay.Run(relaying) })
	all.Go(func() {
		for m := range got { // ends with the bus
			told.Add(1)
			m.Ack()
		}
	})
	var failed error
	begun := time.Now()
	writer.Go(func() { failed = s.fill(writing, begun, perSecondInAll, &told) })
	return func() (float64, error) {
		written()
		writer.Wait()
		rate := float64(told.Load()) / time.Since(begun).Seconds()
		err := failed
		for behind := int64(1); behind > 0 && err == nil; {
			if behind, err = s.store.EventsBehind(ctx, "bench"); err == nil && behind > 0 {
				err = pause(ctx, 10*time.Millisecond)
			}
		}
		stop()
		err = errors.Join(err, bus.Close())
		all.Wait()
		return rate, err
	}, nil
}

// fill writes what is missing to so many events a second, in transactions of what is missing each 50 ms, until ctx ends.
func (s *site) fill(ctx context.Context, begun time.Time, perSecondInAll int, told *atomic.Int64) error {
	var mine int64
	for n := 0; ; n++ {
		if pause(ctx, 50*time.Millisecond) != nil {
			return nil
		}
		// What the executions themselves have said was told, too, a moment later.
		missing := int64(time.Since(begun).Seconds()*float64(perSecondInAll)) - max(mine, told.Load())
		if missing <= 0 {
			continue
		}
		err := s.store.InTx(ctx, func(q db.Querier) error { return write(ctx, q, n, missing) })
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		mine += missing
	}
}

// write writes so many events, each of another subject. The server is not asked for each: what is measured is not how they are written.
func write(ctx context.Context, q db.Querier, n int, count int64) error {
	const kind, data = "execution.running", `{"execution_id":"x","status":"RUNNING","attempt":1}`
	if tx, ok := queries.Postgres(q); ok {
		_, err := tx.Exec(ctx, "insert into events (at, type, subject, data) select clock_timestamp(), $1, 'execution/' || $2::bigint || '-' || i, $3 from generate_series(1, $4::bigint) i", kind, n, data, count)
		return err
	}
	for i := range count {
		if err := queries.Tell(ctx, q, queries.Event{At: time.Now(), Type: kind, Subject: fmt.Sprintf("execution/%d-%d", n, i), Data: json.RawMessage(data)}); err != nil {
			return err
		}
	}
	return nil
}
