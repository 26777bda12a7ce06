package pool

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// login logs in, and writes what came of it for all gateways.
func (q *search) login(ctx context.Context) (*Session, error) {
	settle, err := q.admit(ctx)
	if err != nil {
		return nil, err
	}
	state, err := q.attempt(ctx)
	// It is written although everybody left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err != nil {
		failed := loginError(err)
		settle(ctx, failed.Kind)
		switch failed.Kind {
		case session.BadCredentials:
			q.refuse(ctx)
		case session.MFARequired, session.UnsupportedPage, session.NotAllowed:
			if q.old != nil { // others need not try it
				_ = q.store.DeleteSession(ctx, q.index[:], q.there)
			}
		case session.Unavailable:
		}
		return nil, failed
	}
	settle(ctx, 0)
	q.how = observe.FromLogin
	now := q.pool.now()
	return q.enter(ctx, session.Version{Generation: max(q.there.Generation+1, now.UnixNano())}, state, now), nil
}

// attempt is one login, with its time, its place among those that are under way, its span, metric and line in the log.
func (q *search) attempt(ctx context.Context) (state *session.State, err error) {
	ctx, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
	defer cancel()
	select {
	case q.pool.logins <- struct{}{}:
		defer func() { <-q.pool.logins }()
	case <-ctx.Done():
		return nil, &session.LoginError{Kind: session.Unavailable, RetryAfter: time.Second, Err: errBusy}
	}
	begin := q.pool.now()
	ctx, span := observe.Start(ctx, "fairway.login",
		attribute.String("fairway.service", q.cfg.Service), attribute.String("fairway.backend", q.cfg.Backend))
	outcome := "panic"
	defer func() {
		observe.End(span, outcome)
		took := q.pool.now().Sub(begin)
		if q.cfg.Metrics != nil {
			q.cfg.Metrics.Login(outcome, took)
		}
		q.log(ctx, outcome, took, err)
	}()
	state, err = q.cfg.Login.Login(ctx, q.site, q.credentials)
	if err == nil && (state == nil || len(state.Cookies) == 0 && state.Authorization == "") {
		err = errEmpty
	}
	if err != nil {
		failed := loginError(q.purge(err))
		if ctx.Err() != nil && failed.Kind == session.Unavailable && failed.RetryAfter == 0 {
			failed.RetryAfter = time.Second
		}
		outcome = failed.Kind.String()
		return nil, failed
	}
	outcome = observe.OK
	return state, nil
}

var (
	errBusy  = errors.New("too many logins are under way")
	errEmpty = errors.New("the login left nothing behind that a request could carry")
)

func (q *search) log(ctx context.Context, outcome string, took time.Duration, err error) {
	attrs := []slog.Attr{
		slog.String("service", q.cfg.Service), slog.String("backend", q.cfg.Backend),
		slog.String("outcome", outcome), slog.Duration("duration", took),
	}
	level := slog.LevelInfo
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
		level = slog.LevelWarn
	}
	q.pool.log.LogAttrs(ctx, level, "login", attrs...)
}

// loginError makes a *session.LoginError of an error, a copy.
func loginError(err error) *session.LoginError {
	if failed, ok := errors.AsType[*session.LoginError](err); ok {
		own := *failed
		return &own
	}
	return &session.LoginError{Kind: session.Unavailable, Err: err}
}

// purge takes out of an error what a login should not have put into it: the URL, which may carry a code or a token, and text
// that holds the credentials.
func (q *search) purge(err error) error {
	failed := loginError(err)
	if inner, ok := errors.AsType[*url.Error](failed.Err); ok {
		failed.Err = inner.Err
	}
	for _, secret := range []string{q.credentials.User, q.credentials.Password} {
		if len(secret) < leastWithheld {
			continue
		}
		if strings.Contains(failed.Detail, secret) {
			failed.Detail = ""
		}
		if failed.Err != nil && strings.Contains(failed.Err.Error(), secret) {
			failed.Err = errWithheld
		}
	}
	return failed
}

// leastWithheld is the length in bytes from which on a credential in a text is taken for one. Three letters are in any sentence.
const leastWithheld = 4

var errWithheld = errors.New("the cause is withheld, since it holds credentials")

// refresh makes the session longer without credentials, where it can be. Nil: there has to be a login.
func (q *search) refresh(ctx context.Context) *Session {
	refresher, ok := q.cfg.Login.(session.Refresher)
	state, born := q.state, q.born
	if state == nil && q.old != nil { // the store has lost it
		state, born = &q.old.state, q.old.born
	}
	if !ok || state == nil || state.Refresh == "" || q.pool.now().Sub(born) >= MaxAge {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
	defer cancel()
	begin := q.pool.now()
	ctx, span := observe.Start(ctx, "fairway.refresh",
		attribute.String("fairway.service", q.cfg.Service), attribute.String("fairway.backend", q.cfg.Backend))
	next, err := refresher.Refresh(ctx, q.site, state)
	outcome, ended := observe.Refreshed, observe.OK
	if err != nil || next == nil {
		outcome, ended = observe.RefreshFailed, observe.RefreshFailed
	}
	observe.End(span, ended)
	if q.cfg.Metrics != nil {
		q.cfg.Metrics.Login(outcome, q.pool.now().Sub(begin))
	}
	if outcome == observe.RefreshFailed {
		return nil
	}
	q.how = observe.FromLogin
	v := q.there
	if v.Generation == 0 && q.old != nil {
		v = q.old.version
	}
	v.Revision++
	return q.enter(ctx, v, next, born)
}

// enter makes a new session the one of now, here and in the store. Where another gateway was quicker, because the lease was
// lost, its session is the one of now.
func (q *search) enter(ctx context.Context, v session.Version, state *session.State, born time.Time) *Session {
	own := q.session(q.slot, v, state, born)
	for range 3 {
		until := q.until(born, q.pool.now())
		sealed, err := (&payload{State: state, Born: born}).seal(q.slot.sealer)
		if err != nil {
			q.unstored(ctx, err)
			break
		}
		ok, err := q.store.ReplaceSession(ctx, q.index[:], q.there, session.Record{Version: own.version, Sealed: sealed, Expires: until})
		if err != nil {
			q.unstored(ctx, err)
			break
		}
		if ok {
			return q.slot.set(own, own.version, until)
		}
		theirs, err := q.look(ctx)
		switch {
		case err != nil && !isLoginError(err):
			q.unstored(ctx, err)
		case theirs != nil:
			return theirs
		}
		own.version.Generation = max(own.version.Generation, q.there.Generation+1)
	}
	return q.slot.set(own, session.Version{}, q.until(born, q.pool.now()))
}

func isLoginError(err error) bool {
	_, ok := errors.AsType[*session.LoginError](err)
	return ok
}

func (q *search) unstored(ctx context.Context, err error) {
	q.pool.log.LogAttrs(ctx, slog.LevelWarn, "a session could not be stored",
		slog.String("service", q.cfg.Service), slog.String("backend", q.cfg.Backend), slog.Any("error", err))
}

// refuse remembers that the credentials were wrong, for all gateways.
func (q *search) refuse(ctx context.Context) {
	now := q.pool.now()
	until := now.Add(refusedFor)
	q.slot.refuse(until)
	sealed, err := (&payload{Refused: until}).seal(q.slot.sealer)
	if err != nil {
		return
	}
	v := session.Version{Generation: max(q.there.Generation+1, now.UnixNano())}
	if _, err := q.store.ReplaceSession(ctx, q.index[:], q.there, session.Record{Version: v, Sealed: sealed, Expires: until}); err != nil {
		q.unstored(ctx, err)
	}
}
