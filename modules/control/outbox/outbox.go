// Package outbox has letters leave the gateway that transactions have written into the store: one worker for each topic.
//
//	w, err := outbox.New(store, outbox.Config{Topic: "mail", Handle: send})
//	go w.Run(ctx)   // until ctx ends
//
// A letter leaves at least once. It is leased while somebody works on it, and the lease renewed; who loses it is told by the end
// of his context, before another may take it. So no two gateways of one store send one letter at once, and one that is killed
// has its letters taken by the others when the lease ends.
package outbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
)

// Store is what a worker needs of the store. *queries.Store has it.
type Store interface {
	ClaimLetters(ctx context.Context, topic, holder string, most int, lease time.Duration) ([]queries.Claim, error)
	RenewLetter(ctx context.Context, c queries.Claim, lease time.Duration) (bool, error)
	FinishLetter(ctx context.Context, c queries.Claim) (bool, error)
	FailLetter(ctx context.Context, c queries.Claim, why string, delay time.Duration, most int) (bool, error)
	CountLetters(ctx context.Context, topic string) (waiting, dead int64, err error)
	LettersWanted(ctx context.Context) <-chan struct{}
}

// Letter is what a handler gets.
type Letter struct {
	ID      uuid.UUID
	Payload json.RawMessage
	// Attempt is 1 the first time.
	Attempt int
	Created time.Time
}

// Handler has one letter leave, and goes when its context ends: the lease is over then, or the gateway stops. What an error
// says is written into the store and the log, so it must hold nothing secret. An error of Permanent lays the letter aside, any
// other has it tried again later.
type Handler func(ctx context.Context, l Letter) error

// PermanentError says that trying again would not help.
type PermanentError struct{ Err error }

// Error says why.
func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent makes an error of one that trying again would not help.
func Permanent(err error) error { return &PermanentError{Err: err} }

// Config is what a worker does.
type Config struct {
	// Topic is that of the letters, and Handle takes them. No defaults.
	Topic  string
	Handle Handler
	// Parallel is how many letters are worked on at once. Default 4.
	Parallel int
	// Lease is for how long a letter is somebody's who says nothing more; it is renewed three times as often. Default 1m.
	Lease time.Duration
	// Timeout is how long one attempt may take. Default 2m.
	Timeout time.Duration
	// Attempts is how often a letter is tried before it is laid aside. Default 12.
	Attempts int
	// First is about how long after the first failure a letter is tried again; the time doubles each time, up to Longest, and
	// is up to a fifth shorter or longer. Defaults 1m and 6h: the twelve attempts take 20 hours.
	First, Longest time.Duration
	// Drain is how long letters that are worked on may take when the worker is to end. Default 5s.
	Drain time.Duration
	// Count is how often the letters in the store are counted, for metrics. Default 15s.
	Count time.Duration
	// Metrics counts. Default: nobody does.
	Metrics *observe.Metrics
	// Logger is told of letters that fail. Default none.
	Logger *slog.Logger
}

// Worker has the letters of a topic leave.
type Worker struct {
	store  Store
	cfg    Config
	holder string
	log    *slog.Logger
}

// New makes a worker, which does nothing before Run.
func New(store Store, cfg Config) (*Worker, error) {
	if cfg.Topic == "" || cfg.Handle == nil {
		return nil, errors.New("a worker needs a topic and a handler")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("naming the worker: %w", err)
	}
	cfg.Parallel = cmp.Or(cfg.Parallel, 4)
	cfg.Lease = cmp.Or(cfg.Lease, time.Minute)
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Minute)
	cfg.Attempts = cmp.Or(cfg.Attempts, 12)
	cfg.First = cmp.Or(cfg.First, time.Minute)
	cfg.Longest = cmp.Or(cfg.Longest, 6*time.Hour)
	cfg.Drain = cmp.Or(cfg.Drain, 5*time.Second)
	cfg.Count = cmp.Or(cfg.Count, 15*time.Second)
	cfg.Metrics = cmp.Or(cfg.Metrics, observe.New())
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	return &Worker{store: store, cfg: cfg, holder: id.String(), log: cfg.Logger.With(slog.String("topic", cfg.Topic))}, nil
}

// backoff is how long after a failed attempt the next one is; chance is from 0 to 1.
func (c *Config) backoff(attempt int, chance float64) time.Duration {
	d := c.First
	for i := 1; i < attempt && d < c.Longest; i++ {
		d *= 2
	}
	return time.Duration(float64(min(d, c.Longest)) * (0.8 + 0.4*chance))
}
