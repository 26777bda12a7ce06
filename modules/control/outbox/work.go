package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
)

const (
	// poison is how many times the attempts a letter is claimed before it is laid aside unseen: it ended its worker each time.
	poison = 2
	// settling is how long writing down what became of a letter may take, and settleAgain how long after a failure that is
	// tried again, a little longer each time.
	settling    = 5 * time.Second
	settleAgain = 100 * time.Millisecond
)

var (
	errLost = errors.New("the lease has ended")
	errLate = errors.New("the attempt took too long")
)

// work has one letter leave, and writes down what became of it.
func (r *run) work(c queries.Claim, until time.Time) {
	if c.Attempts > poison*r.cfg.Attempts {
		r.settle(c, Permanent(errors.New("every attempt ended its gateway")))
		return
	}
	ctx, end := context.WithCancelCause(r.hard)
	limit := time.AfterFunc(r.cfg.Timeout, func() { end(errLate) })
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		r.renew(ctx, c, until, func() { end(errLost) })
	}()
	err := r.handle(ctx, c)
	cause := context.Cause(ctx)
	limit.Stop()
	end(nil)
	<-renewing
	if err != nil && cause != nil {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	r.settle(c, err)
}

// handle calls the handler.
func (r *run) handle(ctx context.Context, c queries.Claim) (err error) {
	defer func() {
		if v := recover(); v != nil {
			r.log.ErrorContext(ctx, "the handler of a letter panicked", slog.String("letter", c.ID.String()), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			err = errors.New("its handler panicked; the log has more")
		}
	}()
	return r.cfg.Handle(ctx, Letter{ID: c.ID, Payload: c.Payload, Attempt: c.Attempts, Created: c.Created})
}

// renew keeps the lease until ctx ends. It calls lost when somebody else has it, and when somebody else may soon, because the
// store did not answer.
func (r *run) renew(ctx context.Context, c queries.Claim, until time.Time, lost func()) {
	every, margin := r.cfg.Lease/3, r.cfg.Lease/10
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(every, time.Until(until.Add(-margin)))):
		}
		now := time.Now()
		if !now.Before(until.Add(-margin)) {
			lost()
			return
		}
		asking, cancel := context.WithDeadline(ctx, until.Add(-margin))
		mine, err := r.store.RenewLetter(asking, c, r.cfg.Lease)
		cancel()
		switch {
		case err != nil:
			every = max(every/2, 10*time.Millisecond) // while there is time
		case !mine:
			lost()
			return
		default:
			until, every = now.Add(r.cfg.Lease), r.cfg.Lease/3
		}
	}
}

// settle writes down what became of a letter. As long as it is not, the letter may leave again: so it is tried several times.
func (r *run) settle(c queries.Claim, err error) {
	// What was done is written down whoever stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.hard), settling)
	defer cancel()
	for pause := settleAgain; ; pause *= 2 {
		result, mine, failed := r.write(ctx, c, err)
		switch {
		case failed == nil && mine:
			r.metrics.Attempt(result)
			r.tell(ctx, c, result, err)
			return
		case failed == nil:
			r.metrics.Attempt(observe.LetterLost)
			r.log.WarnContext(ctx, "a letter was another gateway's before this one was done with it; it may have left twice", slog.String("letter", c.ID.String()))
			return
		}
		select {
		case <-ctx.Done():
			r.metrics.Attempt(observe.LetterLost)
			r.log.WarnContext(ctx, "what became of a letter could not be written down; it is tried again", slog.String("letter", c.ID.String()), slog.Bool("left", err == nil), slog.Any("error", failed))
			return
		case <-time.After(pause):
		}
	}
}

// write writes down what became of a letter. mine: nobody else had taken it.
func (r *run) write(ctx context.Context, c queries.Claim, err error) (result string, mine bool, failed error) {
	_, permanent := errors.AsType[*PermanentError](err)
	switch {
	case err == nil:
		mine, failed = r.store.FinishLetter(ctx, c)
		return observe.LetterSent, mine, failed
	case errors.Is(err, errStopping): // no attempt that counts
		mine, failed = r.store.FailLetter(ctx, c, err.Error(), 0, c.Attempts+1)
		return observe.LetterRetried, mine, failed
	case permanent:
		mine, failed = r.store.FailLetter(ctx, c, err.Error(), 0, 0)
		return observe.LetterDead, mine, failed
	}
	result = observe.LetterRetried
	if c.Attempts >= r.cfg.Attempts {
		result = observe.LetterDead
	}
	mine, failed = r.store.FailLetter(ctx, c, err.Error(), r.cfg.backoff(c.Attempts, rand.Float64()), r.cfg.Attempts) //nolint:gosec // nobody gains by guessing
	return result, mine, failed
}

// tell logs what went wrong.
func (r *run) tell(ctx context.Context, c queries.Claim, result string, err error) {
	about := []any{slog.String("letter", c.ID.String()), slog.Int("attempt", c.Attempts), slog.Any("error", err)}
	switch result {
	case observe.LetterDead:
		r.log.ErrorContext(ctx, "a letter is laid aside", about...)
	case observe.LetterRetried:
		r.log.WarnContext(ctx, "a letter could not leave, and is tried again", about...)
	}
}
