package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// flight is one search for a session, for all who wait for it.
type flight struct {
	done chan struct{}
	// session and err are what came of it, once done is closed. Alive says that the session is the old one, and still good.
	session *Session
	alive   bool
	err     error
	how     string // it was come by
}

var errClosed = errors.New("the gateway is being stopped or configured anew")

// await waits for a session that follows old. Somebody else's search is as good as one's own, unless it had begun before and
// gave what is known to be over.
func (s *Sessions) await(ctx context.Context, site session.Site, c session.Credentials, index Index, old *Session) (*Session, error) {
	for {
		f, err := s.join(ctx, site, c, index, old)
		if err != nil {
			return nil, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, impatient(ctx)
		}
		s.used(f.how)
		switch {
		case f.err != nil:
			return nil, f.err
		case old == nil, newer(f.session.version, old.version), f.session.version.Generation != old.version.Generation:
			return f.session, nil
		case f.alive && f.session.Same(old):
			return old, nil
		}
	}
}

// impatient is the error of who does not wait any longer. What it waited for goes on.
func impatient(ctx context.Context) error {
	err := context.Cause(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	return &session.LoginError{
		Kind: session.Unavailable, Detail: "The login takes longer than there is time", RetryAfter: time.Second, Err: err,
	}
}

// join gives the flight of an index, and starts it where there is none.
func (s *Sessions) join(ctx context.Context, site session.Site, c session.Credentials, index Index, old *Session) (*flight, error) {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, &session.LoginError{Kind: session.Unavailable, RetryAfter: time.Second, Err: errClosed}
	}
	if f, ok := p.flights[index]; ok {
		return f, nil
	}
	// It came since the caller looked.
	if sl, ok := p.slots.GetIfPresent(index); ok {
		if cur := sl.current.Load(); cur != nil && s.usable(cur, p.now()) && (old == nil || newer(cur.version, old.version)) {
			return landed(cur), nil
		}
	}
	f := &flight{done: make(chan struct{})}
	p.flights[index] = f
	// Whoever began it may leave. Of what their context holds it has the span; the rest may be for one goroutine.
	ctx, cancel := context.WithTimeout(trace.ContextWithSpan(p.ctx, trace.SpanFromContext(ctx)), 3*s.cfg.Timeout) //nolint:contextcheck // it ends with the pool
	p.tasks.Go(func() {
		defer cancel()
		s.fly(ctx, f, &search{Sessions: s, site: site, credentials: c, index: index, old: old})
	})
	return f, nil
}

// landed is a flight that is over.
func landed(found *Session) *flight {
	f := &flight{done: make(chan struct{}), session: found, how: observe.FromProcess}
	close(f.done)
	return f
}

func (s *Sessions) fly(ctx context.Context, f *flight, q *search) {
	defer func() {
		if v := recover(); v != nil { // its value may hold anything
			f.err = &session.LoginError{Kind: session.Unavailable, Err: fmt.Errorf("panic of type %T", v)}
			s.pool.log.LogAttrs(ctx, slog.LevelError, "a login panicked",
				slog.String("service", s.cfg.Service), slog.String("backend", s.cfg.Backend), slog.String("stack", string(debug.Stack())))
		}
		s.pool.mu.Lock()
		delete(s.pool.flights, q.index)
		s.pool.mu.Unlock()
		close(f.done)
	}()
	f.session, f.alive, f.err = q.run(ctx)
	f.how = q.how
}
