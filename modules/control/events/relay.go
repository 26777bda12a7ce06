package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Store is what a Relay needs of the store. *queries.Store has it.
type Store interface {
	BeginEvents(ctx context.Context, reader string) error
	Events(ctx context.Context, reader string, most int) (queries.Events, error)
	PassEvents(ctx context.Context, e queries.Events, fence int64, also func(db.Querier) error) (bool, error)
	EventsBehind(ctx context.Context, reader string) (int64, error)
	WatchExecutions(ctx context.Context, every time.Duration) <-chan struct{}
	Lease(ctx context.Context, name, holder string, d time.Duration) (fence int64, ok bool, err error)
	Release(ctx context.Context, name, holder string) error
}

// Also is done in the transaction in which a reader passes events.
type Also = func(db.Querier) error

// RelayConfig is what a Relay does.
type RelayConfig struct {
	// Name is that of the reader of events: relays of all gateways that have the same name are one. No default.
	Name string
	// Tell tells events, those of one subject in order, and gives an error unless all of them were; then all are told again. It goes
	// when ctx ends. What it gives is done in the transaction in which the reader passes the events; nil: nothing. No default.
	Tell func(ctx context.Context, all []queries.Event) (Also, error)
	// Types are the types of events that are told. Default: all.
	Types Filter
	// Batch is how many events are told at once. Default 500.
	Batch int
	// Lease is for how long a gateway is the one that tells who says nothing more. Default 30s.
	Lease time.Duration
	// Every is how often events are looked for of which nobody has told. Default 1s.
	Every time.Duration
	// First and Longest are how long after a failure it is tried again; the time doubles with each. Defaults 1s and 30s.
	First, Longest time.Duration
	// Metrics counts. Default: nobody does.
	Metrics *observe.Metrics
	// Logger is told of failures. Default none.
	Logger *slog.Logger
}

// Relay tells the events of a store, in one gateway at a time.
type Relay struct {
	store   Store
	cfg     RelayConfig
	holder  string
	metrics *observe.EventMetrics

	fence int64
	until time.Time // when the lease ends, by this process's clock; zero: another has it
	tried time.Time // when it was asked for
}

// NewRelay makes a Relay, which does nothing before Run.
func NewRelay(store Store, cfg RelayConfig) (*Relay, error) {
	if cfg.Name == "" || cfg.Tell == nil {
		return nil, errors.New("a relay needs a name, and what tells")
	}
	if err := cfg.Types.Check(); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("naming the relay: %w", err)
	}
	cfg.Batch = cmp.Or(cfg.Batch, 500)
	cfg.Lease = cmp.Or(cfg.Lease, 30*time.Second)
	cfg.Every = cmp.Or(cfg.Every, time.Second)
	cfg.First = cmp.Or(cfg.First, time.Second)
	cfg.Longest = cmp.Or(cfg.Longest, 30*time.Second)
	cfg.Metrics = cmp.Or(cfg.Metrics, observe.New())
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	return &Relay{store: store, cfg: cfg, holder: id.String()}, nil
}

// Run tells events until ctx ends, or the store. It may run once at a time.
func (r *Relay) Run(ctx context.Context) {
	r.metrics = r.cfg.Metrics.Events(r.cfg.Name)
	defer r.metrics.Close()
	defer r.release(ctx)
	wanted := r.store.WatchExecutions(ctx, r.cfg.Every)
	for pause := r.cfg.First; ; {
		err := r.tell(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			pause = r.cfg.First
		default:
			r.metrics.Failed()
			r.cfg.Logger.WarnContext(ctx, "events are not told, and tried again", slog.String("publisher", r.cfg.Name), slog.Any("error", err), slog.Duration("after", pause))
			r.release(ctx) // another gateway may fare better
			r.behind(ctx)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, r.cfg.Longest)
		}
		select {
		case <-ctx.Done():
			return
		case _, open := <-wanted:
			if !open {
				return
			}
		}
	}
}

// tell tells what there is, if this is the gateway that does.
func (r *Relay) tell(ctx context.Context) error {
	first := true
	for ctx.Err() == nil {
		if mine, err := r.lease(ctx); err != nil || !mine {
			return err
		}
		if first {
			if err := r.store.BeginEvents(ctx, r.cfg.Name); err != nil {
				return err
			}
			first = false
		}
		found, err := r.store.Events(ctx, r.cfg.Name, r.cfg.Batch)
		if err != nil {
			return err
		}
		if !found.Moved {
			r.metrics.Behind(0)
			return nil
		}
		if err := r.pass(ctx, found); err != nil {
			return err
		}
		if len(found.All) < r.cfg.Batch {
			r.behind(ctx)
			return nil
		}
	}
	return ctx.Err()
}

// pass tells events, as long as the lease lasts, and passes them.
func (r *Relay) pass(ctx context.Context, found queries.Events) error {
	wanted := make([]queries.Event, 0, len(found.All))
	for _, e := range found.All {
		if r.cfg.Types.Has(e) {
			wanted = append(wanted, e)
		}
	}
	var also Also
	if len(wanted) > 0 {
		held, cancel := context.WithDeadline(ctx, r.until)
		defer cancel()
		var err error
		if also, err = r.cfg.Tell(held, wanted); err != nil {
			return err
		}
	}
	ok, err := r.store.PassEvents(ctx, found, r.fence, also)
	switch {
	case err != nil:
		return err
	case !ok:
		r.until = time.Time{}
		return errors.New("another gateway tells events meanwhile")
	}
	r.metrics.Published(len(wanted))
	return nil
}

// lease takes the lease, or has it last longer where a third of it is over. False: another has it.
func (r *Relay) lease(ctx context.Context) (bool, error) {
	now := time.Now()
	if left := r.until.Sub(now); left > r.cfg.Lease*2/3 {
		return true, nil
	} else if left <= 0 && now.Sub(r.tried) < r.cfg.Every/2 { // what moves rings more often than a lease is lost
		return false, nil
	}
	r.tried = now
	fence, ok, err := r.store.Lease(ctx, r.leaseName(), r.holder, r.cfg.Lease)
	if err != nil || !ok {
		r.until = time.Time{}
		return false, err
	}
	// Somewhat before the store says so.
	r.fence, r.until = fence, now.Add(r.cfg.Lease*9/10)
	return true, nil
}

func (r *Relay) leaseName() string { return "events " + r.cfg.Name }

// release lets another gateway go on at once.
func (r *Relay) release(ctx context.Context) {
	if r.until.IsZero() {
		return
	}
	r.until = time.Time{}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := r.store.Release(ctx, r.leaseName(), r.holder); err != nil {
		r.cfg.Logger.DebugContext(ctx, "another gateway waits for the end of the lease", slog.Any("error", err))
	}
}

func (r *Relay) behind(ctx context.Context) {
	if n, err := r.store.EventsBehind(ctx, r.cfg.Name); err == nil {
		r.metrics.Behind(n)
	}
}

// mostAtOnce is how many events may be on their way at once.
const mostAtOnce = 1024

// Publish gives what tells events to a publisher of Watermill's, as CloudEvents with a source, in a topic in which {type} is the
// event's type. At most so many publish at once, all events of one subject one after the other; 0 or 1: one.
func Publish(p message.Publisher, source, topic string, atOnce int) func(context.Context, []queries.Event) (Also, error) {
	atOnce = max(1, min(atOnce, mostAtOnce))
	return func(ctx context.Context, all []queries.Event) (Also, error) {
		chains := make([][]queries.Event, atOnce)
		for _, e := range all {
			h := fnv.New32a()
			_, _ = h.Write([]byte(e.Subject)) // it never fails
			i := int(h.Sum32()>>1) % atOnce
			chains[i] = append(chains[i], e)
		}
		errs := make([]error, atOnce)
		var under sync.WaitGroup
		for i, chain := range chains {
			if len(chain) == 0 {
				continue
			}
			if atOnce == 1 {
				return nil, publish(ctx, p, source, topic, chain)
			}
			under.Go(func() { errs[i] = publish(ctx, p, source, topic, chain) })
		}
		under.Wait()
		return nil, errors.Join(errs...)
	}
}

func publish(ctx context.Context, p message.Publisher, source, topic string, chain []queries.Event) error {
	for _, e := range chain {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		event := Of(e, source)
		m, err := event.Message()
		if err != nil {
			return err
		}
		m.SetContext(ctx)
		if err := p.Publish(TopicOf(topic, event.Type), m); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	return nil
}
