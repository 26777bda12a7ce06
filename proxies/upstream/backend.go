package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/fairway-gateway/fairway/proxies/observe"
)

// Options are the parts of the process that a Backend uses. Each may be nil: then it has its own, or none.
type Options struct {
	Metrics *observe.Metrics
	Memory  *Memory // nil: one without a limit
	Logger  *slog.Logger
}

// Backend sends calls to one backend. It is used concurrently; close it when it is gone.
type Backend struct {
	cfg       Config
	endpoints []*endpoint
	memory    *Memory
	metrics   *observe.BackendMetrics
	log       *slog.Logger
	turn      atomic.Uint32
}

// AddressStatus is the state of one address.
type AddressStatus struct {
	Address  string
	State    string // "closed", "half-open" or "open"
	InFlight int
	// ConsecutiveFailures are the attempts that failed since the last success, or those that opened the breaker.
	ConsecutiveFailures int
	// OpenUntil is when an open breaker lets a probe through; zero for others.
	OpenUntil time.Time
}

// New makes a Backend of a config, after setting its defaults and checking it. It reads the files that the config
// names and connects nowhere.
func New(cfg Config, o Options) (*Backend, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	trust, err := cfg.TLS.load()
	if err != nil {
		return nil, err
	}
	if o.Metrics == nil {
		o.Metrics = observe.New()
	}
	if o.Memory == nil {
		o.Memory = NewMemory(0)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Backend{cfg: cfg, memory: o.Memory, log: o.Logger.With(slog.String("service", cfg.Service), slog.String("backend", cfg.Name))}
	for _, address := range cfg.Addresses {
		e, err := newEndpoint(&cfg, address, trust)
		if err != nil {
			return nil, err
		}
		b.endpoints = append(b.endpoints, e)
	}
	// Nothing fails from here on: what is bound is released by Close.
	o.Metrics.Watch(o.Memory)
	b.metrics = o.Metrics.Backend(cfg.Service, cfg.Name)
	for _, e := range b.endpoints {
		e.metrics = b.metrics.Breaker(e.address)
		e.breaker = b.newBreaker(e)
	}
	return b, nil
}

func (b *Backend) newBreaker(e *endpoint) *gobreaker.TwoStepCircuitBreaker[*Answer] {
	limit := uint32(min(b.cfg.BreakerFailures, 1<<30)) //nolint:gosec // Check refuses negative numbers
	return gobreaker.NewTwoStepCircuitBreaker[*Answer](gobreaker.Settings{
		Name:        e.address,
		MaxRequests: 1,
		Timeout:     b.cfg.BreakerOpen,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			e.failures.Store(c.ConsecutiveFailures)
			return c.ConsecutiveFailures >= limit
		},
		IsExcluded: func(err error) bool {
			f, ok := err.(*Failure) //nolint:errorlint // the attempt gives nothing else, and this is the hot path
			return ok && f.excluded()
		},
		IsSuccessful: func(err error) bool {
			if err == nil {
				return true
			}
			f, ok := err.(*Failure) //nolint:errorlint // as above
			return ok && f.answered()
		},
		OnStateChange: func(_ string, _, to gobreaker.State) { b.changed(e, to) },
	})
}

// changed is called under the breaker's lock and must not ask the breaker anything.
func (b *Backend) changed(e *endpoint, to gobreaker.State) {
	state, level := stateOf(to), slog.LevelInfo
	e.openUntil.Store(0)
	if to == gobreaker.StateOpen {
		level = slog.LevelWarn
		e.openUntil.Store(time.Now().Add(b.cfg.BreakerOpen).UnixNano())
	}
	e.metrics.Change(state)
	b.log.LogAttrs(context.Background(), level, "breaker changed",
		slog.String("to", state.String()), slog.String("address", e.address), slog.Uint64("failures", uint64(e.failures.Load())))
}

func stateOf(s gobreaker.State) observe.BreakerState {
	switch s {
	case gobreaker.StateOpen:
		return observe.BreakerOpen
	case gobreaker.StateHalfOpen:
		return observe.BreakerHalfOpen
	case gobreaker.StateClosed:
	}
	return observe.BreakerClosed
}

// Close closes the idle connections and drops the metrics. Calls that are under way end as they would.
func (b *Backend) Close() {
	for _, e := range b.endpoints {
		e.transport.CloseIdleConnections()
		e.metrics.Close()
	}
	b.metrics.Close()
}

// Status gives the state of every address, in the order of the config.
func (b *Backend) Status() []AddressStatus {
	all := make([]AddressStatus, len(b.endpoints))
	for i, e := range b.endpoints {
		state := e.breaker.State()
		s := AddressStatus{Address: e.address, State: stateOf(state).String(), InFlight: int(e.inFlight.Load())}
		switch state {
		case gobreaker.StateClosed:
			s.ConsecutiveFailures = int(e.breaker.Counts().ConsecutiveFailures)
		case gobreaker.StateOpen:
			s.ConsecutiveFailures = int(e.failures.Load())
			if until := e.openUntil.Load(); until != 0 {
				s.OpenUntil = time.Unix(0, until)
			}
		case gobreaker.StateHalfOpen:
			s.ConsecutiveFailures = int(e.failures.Load())
		}
		all[i] = s
	}
	return all
}

// pick gives the least busy address whose breaker is not open and that is not in refused, ties in turn; nil when
// there is none. Addresses in failed, where this call failed before, are taken only when there is no other, and the
// last of them after the others.
func (b *Backend) pick(refused, failed []*endpoint) *endpoint {
	if len(b.endpoints) == 1 {
		if len(refused) > 0 {
			return nil
		}
		return b.endpoints[0] // its breaker says itself when it is open
	}
	if e := b.least(refused, failed); e != nil || len(failed) == 0 {
		return e
	}
	if e := b.least(refused, failed[len(failed)-1:]); e != nil {
		return e
	}
	return b.least(refused, nil)
}

func (b *Backend) least(refused, failed []*endpoint) *endpoint {
	var (
		best *endpoint
		busy int64
		now  = time.Now()
		turn = int(b.turn.Add(1) % uint32(len(b.endpoints))) //nolint:gosec // a handful
	)
	for i := range b.endpoints {
		e := b.endpoints[(turn+i)%len(b.endpoints)]
		if e.open(now) || slices.Contains(refused, e) || slices.Contains(failed, e) {
			continue
		}
		if n := e.inFlight.Load(); best == nil || n < busy {
			best, busy = e, n
		}
	}
	return best
}

// closedIn gives how long until an address lets something through: 0 when one does now.
func (b *Backend) closedIn(now time.Time) time.Duration {
	shortest := time.Duration(-1)
	for _, e := range b.endpoints {
		until := e.openUntil.Load()
		if until == 0 {
			return 0
		}
		wait := max(0, time.Unix(0, until).Sub(now))
		if shortest < 0 || wait < shortest {
			shortest = wait
		}
	}
	return max(0, shortest)
}

// allOpen is the failure of a call that no breaker lets through.
func (b *Backend) allOpen() *Failure {
	return &Failure{
		Kind:       BreakerOpen,
		RetryAfter: b.closedIn(time.Now()),
		Err:        fmt.Errorf("the breakers of all %d addresses are open", len(b.endpoints)),
	}
}
