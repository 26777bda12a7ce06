package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
)

// call is what the API knows of a request. It belongs to the request's goroutine.
type call struct {
	api      *API
	op       *permit.Operation
	request  *http.Request
	instance string // the path as it was asked for

	identified bool
	caller     *callers.Caller
	err        error
	target     Target
	verdict    rate.Verdict // of the limits
}

type callKey struct{}

// callOf finds the call of a request; one that came another way has an empty one.
func callOf(r *http.Request) *call {
	if c, ok := callIn(r.Context()); ok {
		return c
	}
	return &call{identified: true, request: r, instance: r.URL.EscapedPath(), api: New(permit.New(), nil, Options{})}
}

func callIn(ctx context.Context) (*call, bool) {
	c, ok := ctx.Value(callKey{}).(*call)
	return c, ok
}

// CallerOf says who calls, nil: nobody in particular. It is found out when it is first asked for: an operation for anybody may
// take Authorization for something else. The error is one for Fail.
func CallerOf(r *http.Request) (*callers.Caller, error) { return callOf(r).who() }

// CallerIn is CallerOf for who has the context of a request to the API alone.
func CallerIn(ctx context.Context) (*callers.Caller, error) {
	if c, ok := callIn(ctx); ok {
		return c.who()
	}
	return nil, nil
}

// Me is CallerIn for what somebody has to call: of nobody in particular it is ErrNotFound.
func Me(ctx context.Context) (*callers.Caller, error) {
	c, err := CallerIn(ctx)
	if err == nil && c == nil {
		err = ErrNotFound
	}
	return c, err
}

// IDOf is the id of the user who calls, or for whom a program does. Of nobody, and of a program of nobody's, it is ErrNotFound.
func IDOf(c *callers.Caller) (uuid.UUID, error) {
	if c == nil {
		return uuid.Nil, ErrNotFound
	}
	id, err := uuid.Parse(c.ID)
	if err != nil {
		return uuid.Nil, ErrNotFound
	}
	return id, nil
}

// UserIn is Me with its IDOf.
func UserIn(ctx context.Context) (*callers.Caller, uuid.UUID, error) {
	c, err := Me(ctx)
	if err != nil {
		return nil, uuid.Nil, err
	}
	id, err := IDOf(c)
	return c, id, err
}

// RequestIn gives the request to the API that a context is of, nil: it is of none.
func RequestIn(ctx context.Context) *http.Request {
	if c, ok := callIn(ctx); ok {
		return c.request.WithContext(ctx)
	}
	return nil
}

// OperationIn names the operation of the table that a context is of, "": none.
func OperationIn(ctx context.Context) string {
	if c, ok := callIn(ctx); ok {
		return c.operation()
	}
	return ""
}

func (c *call) who() (*callers.Caller, error) {
	if !c.identified {
		c.identified = true
		c.caller, c.err = c.api.callers.Identify(c.request)
	}
	return c.caller, c.err
}

// admit asks the limits about a call. A nil caller is not known yet.
func (c *call) admit(w http.ResponseWriter, r *http.Request, caller *callers.Caller) *Failure {
	if c.api.options.Admit == nil {
		return nil
	}
	return c.api.options.Admit(w, r, caller, &c.verdict)
}

// Exempting says whether callers of an operation may be exempt from limits: not where anybody may do it, as log in, sign up, or
// ask for another password.
func Exempting(r *http.Request) bool {
	op := callOf(r).op
	if op == nil || op.Method != r.Method && (op.Method != http.MethodGet || r.Method != http.MethodHead) {
		return false
	}
	return !slices.Equal(op.Permissions, []string{permit.Anybody})
}

// TargetOf gives what the first variable of the path names, where somebody looks it up.
func TargetOf(r *http.Request) Target { return callOf(r).target }

// TargetIn is TargetOf for who has the context of a request to the API alone.
func TargetIn(ctx context.Context) Target {
	if c, ok := callIn(ctx); ok {
		return c.target
	}
	return Target{}
}

// Found is the value of TargetIn, which somebody has looked up. Where there is none, or one of another type, it is ErrNotFound.
func Found[T any](ctx context.Context) (T, error) {
	v, ok := TargetIn(ctx).Value.(T)
	if !ok {
		return v, ErrNotFound
	}
	return v, nil
}

// StatusOf is that of the answer which Refuse gives for an error.
func StatusOf(err error) int { return failureOf(new(http.Request), err).Status }

// failureOf makes a Failure of an error of ours.
func failureOf(r *http.Request, err error) Failure {
	if f, ok := errors.AsType[Failure](err); ok {
		return f
	}
	if errors.Is(err, ErrNotFound) {
		return Failure{Status: http.StatusNotFound, Detail: "There is nothing of that name."}
	}
	if d, ok := errors.AsType[*permit.DeniedError](err); ok {
		// Whoever is denied by a handler has been identified.
		caller, _ := CallerOf(r)
		return denial(r, caller, d)
	}
	if no, ok := errors.AsType[*callers.RefusedError](err); ok {
		f := Failure{Status: no.Status(), Detail: no.Error(), Name: string(no.Reason), RetryAfter: no.RetryAfter, Challenges: no.Challenges(r)}
		if no.Reason == callers.TooMany {
			f.Code = "RATE_LIMIT_EXCEEDED"
		}
		return f
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return Failure{Status: http.StatusRequestEntityTooLarge, Type: problem.BadBody, Detail: "The body is too long."}
	}
	if t, ok := errors.AsType[telling](err); ok && t.Status() >= http.StatusBadRequest && t.Status() < http.StatusInternalServerError {
		return failureThatTells(t)
	}
	return Failure{Status: http.StatusInternalServerError, Detail: "The gateway failed; the log has more under this request id.", Cause: err}
}

// telling is an error that says what an answer it is: those of packages patch, listing, inflate and idempotency. They may also have
// headers for it, and say what is wrong by field.
type telling interface {
	error
	// Status is 400 to 499.
	Status() int
}

func failureThatTells(t telling) Failure {
	f := Failure{Status: t.Status(), Detail: t.Error()}
	if m, ok := t.(interface{ Messages() map[string][]string }); ok {
		f.Messages = m.Messages()
	}
	if h, ok := t.(interface{ Header() http.Header }); ok {
		f.Header = h.Header()
	}
	return f
}

// denial makes a Failure of a decision.
func denial(r *http.Request, c *callers.Caller, d *permit.DeniedError) Failure {
	f := Failure{Status: d.Status, Detail: d.Error()}
	switch {
	case d.Status == http.StatusUnauthorized && c == nil:
		no := &callers.RefusedError{Reason: tokens.Missing}
		f.Detail, f.Name, f.Challenges = no.Error(), string(no.Reason), no.Challenges(r)
	case d.Status == http.StatusNotFound:
		f.Detail = "There is nothing of that name."
	case len(d.Scopes) > 0:
		no := &callers.RefusedError{Reason: callers.NoScope, Scope: d.Scopes[0]}
		f.Name, f.Challenges = string(no.Reason), no.Challenges(r)
	}
	return f
}
