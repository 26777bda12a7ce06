package answers

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

// run is an answer that this gateway makes.
type run struct {
	keeper  *Keeper
	store   *queries.Store
	holder  queries.Holder
	token   string
	counted []string
	ctx     context.Context //nolint:containedctx // it is the run's
	cancel  context.CancelCauseFunc
}

// ID implements wrap.LongRun.
func (r *run) ID() string { return r.holder.Execution.String() }

// Token implements wrap.LongRun.
func (r *run) Token() string { return r.token }

// Context implements wrap.LongRun.
func (r *run) Context() context.Context { return r.ctx }

// End implements wrap.LongRun.
func (r *run) End(a wrap.LongAnswer) {
	defer r.keeper.remove(r)
	defer r.cancel(nil)
	cause := context.Cause(r.ctx)
	if errors.Is(cause, errTaken) {
		return
	}
	end := queries.FinishRequest{Holder: r.holder}
	switch {
	case a.Status != 0 && a.Problem == nil:
		end.Outcome = queries.OutcomeSucceeded
	case errors.Is(cause, errCancelled):
		end.Outcome, end.Reason = queries.OutcomeCancelled, cause.Error()
	case cause != nil || a.Status == 0:
		end.Outcome, end.Reason = queries.OutcomeLost, queries.ReasonGatewayLost
	default:
		end.Outcome, end.Reason = outcomeOf(a.Problem)
	}
	// What ends the keeper does not end this; who closes it waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), endTries)
	defer cancel()
	if err := r.end(ctx, end, a); err != nil && !errors.Is(err, queries.ErrFenced) {
		r.keeper.cfg.Logger.WarnContext(ctx, "the end of an execution could not be written", slog.String("execution", r.ID()), slog.Any("error", err))
	}
}

// outcomeOf says to people how an answer failed.
func outcomeOf(p *problem.Problem) (queries.Outcome, string) {
	reason := p.Detail
	if p.Code != "" {
		reason = p.Code + ": " + reason
	}
	if p.Code == problem.BackendTimeout {
		return queries.OutcomeTimeout, reason
	}
	return queries.OutcomeFailed, reason
}

// end writes the answer, and the end, and tries again as long as the store does not answer.
func (r *run) end(ctx context.Context, end queries.FinishRequest, a wrap.LongAnswer) error {
	var kept *queries.KeptAnswer
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		var err error
		if kept == nil && (end.Outcome == queries.OutcomeSucceeded || end.Outcome == queries.OutcomeFailed || end.Outcome == queries.OutcomeTimeout) {
			kept, err = r.keeper.write(ctx, r, a)
		}
		status := ""
		if err == nil {
			status, err = r.store.EndLongAnswer(ctx, end, kept)
		}
		if err == nil || errors.Is(err, queries.ErrFenced) || ctx.Err() != nil {
			certain := err == nil && status == queries.StatusCancelled || errors.Is(err, queries.ErrFenced)
			if kept != nil && kept.Key != "" && certain {
				r.keeper.forget(ctx, r.store, queries.Kept{Key: kept.Key})
			}
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// write keeps what is too long for the store.
func (k *Keeper) write(ctx context.Context, r *run, a wrap.LongAnswer) (*queries.KeptAnswer, error) {
	header, err := json.Marshal(a.Header)
	if err != nil {
		return nil, err
	}
	out := &queries.KeptAnswer{Status: a.Status, Header: header, Body: a.Body, Size: int64(len(a.Body)), Expires: a.Keep}
	if out.Body == nil {
		out.Body = []byte{}
	}
	if len(a.Body) <= mostKept {
		return out, nil
	}
	place, err := k.cfg.Blobs(ctx)
	if err != nil {
		return nil, err
	}
	out.Body, out.Key = nil, "answers/"+r.ID()+"/"+r.holder.Attempt.String()
	_, err = place.Write(ctx, out.Key, "application/octet-stream", out.Size, func(w io.Writer) error {
		_, err := w.Write(a.Body)
		return err
	})
	return out, err
}

// forget removes what is not kept any more.
func (k *Keeper) forget(ctx context.Context, store *queries.Store, old queries.Kept) {
	var err error
	if old.Key != "" {
		place, perr := k.cfg.Blobs(ctx)
		if err = perr; err == nil {
			err = place.Remove(ctx, old.Key)
		}
	}
	var none queries.Kept
	if err == nil && old.Execution != none.Execution {
		err = store.ForgetLongAnswer(ctx, old.Execution)
	}
	if err != nil && ctx.Err() == nil {
		k.cfg.Logger.WarnContext(ctx, "an answer is left that is not kept any more", slog.String("key", old.Key), slog.Any("error", err))
	}
}

var _ wrap.LongRun = (*run)(nil)
