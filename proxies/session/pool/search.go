package pool

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	mrand "math/rand/v2"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
)

const (
	// leaseTime is how long a gateway that died in a login keeps others from it. The lease is renewed three times as often.
	leaseTime = 5 * time.Second
	// Who waits for another gateway looks again after a quarter of the time that it has waited.
	firstPoll   = 15 * time.Millisecond
	longestPoll = 500 * time.Millisecond
)

// search finds a session in the store, or logs in.
type search struct {
	*Sessions
	site        session.Site
	credentials session.Credentials
	index       Index
	old         *Session // known to be over; nil: none

	slot  *slot
	store session.Store
	// there is what the store has now, and state the session in it, whether it can still be used or not.
	there session.Version
	state *session.State
	born  time.Time
	how   string // the session was come by
}

// storeError is an error of the store, which is no reason to give nobody a session.
type storeError struct{ err error }

func (e *storeError) Error() string { return "the store of sessions: " + e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// run searches, and where the store fails does without it: then other gateways log in for themselves.
func (q *search) run(ctx context.Context) (found *Session, alive bool, err error) {
	if q.slot, err = q.pool.slot(q.index, q.cfg.ID, q.credentials); err != nil {
		return nil, false, &session.LoginError{Kind: session.Unavailable, Err: err}
	}
	q.store = q.pool.store
	found, alive, err = q.search(ctx)
	if failed, ok := errors.AsType[*storeError](err); ok {
		q.pool.log.LogAttrs(ctx, slog.LevelWarn, "the store of sessions failed",
			slog.String("service", q.cfg.Service), slog.String("backend", q.cfg.Backend), slog.Any("error", failed.err))
		q.store = q.pool.fallback
		found, alive, err = q.search(ctx)
	}
	if err == nil {
		q.slot.used.Store(q.pool.now().UnixNano())
		return found, alive, nil
	}
	if _, ok := errors.AsType[*session.LoginError](err); !ok {
		err = &session.LoginError{Kind: session.Unavailable, RetryAfter: time.Second, Err: err}
	}
	return nil, false, err
}

// slot gives the slot of an index, which is made where there is none.
func (p *Pool) slot(index Index, id string, c session.Credentials) (*slot, error) {
	if sl, ok := p.slots.GetIfPresent(index); ok {
		return sl, nil
	}
	sealer, err := newSealer(index, p.keys[0].hash(prefix(forSessionSeal, id), c.User, c.Password))
	if err != nil {
		return nil, err
	}
	sl := &slot{sealer: sealer}
	p.slots.Set(index, sl)
	return sl, nil
}

func (q *search) search(ctx context.Context) (*Session, bool, error) {
	name, holder := "login "+base64.RawURLEncoding.EncodeToString(q.index[:]), randomText()
	for begin := time.Now(); ; {
		if found, err := q.look(ctx); found != nil || err != nil {
			return found, false, err
		}
		asked := time.Now()
		ours, err := q.store.Lease(ctx, name, holder, leaseTime)
		if err != nil {
			return nil, false, broken(ctx, err)
		}
		if ours {
			return q.leased(ctx, name, holder, asked)
		}
		wait := min(max(time.Since(begin)/4, firstPoll), longestPoll)
		if err := sleep(ctx, wait/2+jitter(wait)); err != nil {
			return nil, false, err
		}
	}
}

func randomText() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// broken is an error of the store, unless it is that of our own time.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &storeError{err}
}

// look gives the session that the store has, if it may be used and follows the old one; an error says that these credentials
// were refused.
func (q *search) look(ctx context.Context) (*Session, error) {
	r, ok, err := q.store.Session(ctx, q.index[:])
	if err != nil {
		return nil, broken(ctx, err)
	}
	q.there, q.state = session.Version{}, nil
	if !ok {
		return q.lookUnderOlderKeys(ctx)
	}
	q.there = r.Version
	p, err := openPayload(q.slot.sealer, r.Sealed)
	if err != nil {
		return nil, nil //nolint:nilerr // who wrote that has another key, and ours takes its place
	}
	now := q.pool.now()
	if p.State == nil {
		if !now.Before(p.Refused) {
			return nil, nil
		}
		q.slot.refuse(p.Refused)
		q.how = observe.Refused
		return nil, refusal()
	}
	q.state, q.born = p.State, p.Born
	if q.old != nil && r.Generation == q.old.version.Generation && !newer(r.Version, q.old.version) {
		return nil, nil
	}
	if !fresh(p.State, p.Born, now) {
		return nil, nil
	}
	return q.adopt(r), nil
}

// adopt makes what the store has the session of now.
func (q *search) adopt(r session.Record) *Session {
	found := q.session(q.slot, r.Version, q.state, q.born)
	found.adopted = true
	q.how = observe.FromStore
	q.slot.used.Store(q.pool.now().UnixNano())
	return q.slot.set(found, r.Version, r.Expires)
}

// lookUnderOlderKeys finds what was sealed with a master key that has since been replaced. It goes on under the new one.
func (q *search) lookUnderOlderKeys(ctx context.Context) (*Session, error) {
	if q.old != nil {
		return nil, nil
	}
	for _, key := range q.pool.keys[1:] {
		index := key.hash(q.prefix, q.credentials.User, q.credentials.Password)
		r, ok, err := q.store.Session(ctx, index[:])
		if err != nil {
			return nil, broken(ctx, err)
		}
		if !ok {
			continue
		}
		sealer, err := newSealer(index, key.hash(prefix(forSessionSeal, q.cfg.ID), q.credentials.User, q.credentials.Password))
		if err != nil {
			return nil, err
		}
		p, err := openPayload(sealer, r.Sealed)
		if err != nil || p.State == nil || !fresh(p.State, p.Born, q.pool.now()) {
			continue
		}
		q.state, q.born = p.State, p.Born
		q.how = observe.FromStore
		found := q.session(q.slot, r.Version, q.state, q.born)
		found.adopted = true
		found = q.slot.set(found, session.Version{}, time.Unix(0, 0))
		q.pool.persist(q.slot, q.Sessions) //nolint:contextcheck // it goes on when the request is over
		return found, nil
	}
	return nil, nil
}

// leased searches while nobody else may log in with these credentials, by a lease that was asked for at a time.
func (q *search) leased(ctx context.Context, name, holder string, asked time.Time) (*Session, bool, error) {
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		_ = q.store.Release(ctx, name, holder) // else it ends by itself
	}()
	var renewing sync.WaitGroup
	over := make(chan struct{})
	defer renewing.Wait()
	defer close(over)
	renewing.Go(func() { q.hold(ctx, name, holder, asked, over) })

	// Another one may have logged in between the look and the lease.
	if found, err := q.look(ctx); found != nil || err != nil {
		return found, false, err
	}
	if q.old != nil && q.cfg.Alive != nil {
		if alive, known := q.alive(ctx); alive && known {
			return q.old, true, nil
		}
	}
	if found := q.refresh(ctx); found != nil {
		return found, false, nil
	}
	found, err := q.login(ctx)
	return found, false, err
}

// alive asks the backend whether the old session is over.
func (q *search) alive(ctx context.Context) (alive, known bool) {
	ctx, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
	defer cancel()
	return q.cfg.Alive(ctx, q.site, q.old)
}

// hold renews the lease as long as it is needed. Where that fails, or comes too late on a machine that has much to do, two may log
// in, and one of them is written.
func (q *search) hold(ctx context.Context, name, holder string, renewed time.Time, over <-chan struct{}) {
	ticker := time.NewTicker(leaseTime / 3)
	defer ticker.Stop()
	lost := false
	defer func() {
		if lost || time.Since(renewed) > leaseTime {
			q.pool.log.LogAttrs(ctx, slog.LevelWarn, "the lease of a login ended before the login, so another gateway may have logged in as well",
				slog.String("service", q.cfg.Service), slog.String("backend", q.cfg.Backend))
		}
	}()
	for {
		select {
		case <-over:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked := time.Now()
		ours, err := q.store.Lease(ctx, name, holder, leaseTime)
		lost = lost || err == nil && !ours || time.Since(renewed) > leaseTime
		if ours && err == nil {
			renewed = asked
		}
	}
}

// jitter is a random part of d.
func jitter(d time.Duration) time.Duration {
	return mrand.N(d) //nolint:gosec // jitter
}

var _ error = (*storeError)(nil)
