// Package idempotency has requests that create something be done once, however often they are sent: those with the header
// Idempotency-Key.
//
//	h = idempotency.Handler("user.create", h, idempotency.Options{Store: store, Secret: secret, Caller: …, Fail: …})
//	a.Handle("user.create", h)
//
// Who sends a request again, with the same key and the same body, is given the answer that was given, with the header
// Idempotency-Replayed: true. The same key with another body is a 422, and a request that is still under way a 409. A key is the
// caller's and of the operation: those of others are others.
//
// Answers may hold secrets that are shown once. So they are kept sealed, with a key that is made of the caller's key and body and
// the gateway's secret: neither the rows of the store nor the secret open them alone.
//
// A request whose gateway dies is taken for dead when its lease is over. What it did by then it may have done: if it is sent again
// it is done again, as without a key.
package idempotency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/fairway-gateway/fairway/queries"
)

// Headers of a request that is done once, and of an answer that was given before.
const (
	KeyHeader      = "Idempotency-Key"
	ReplayedHeader = "Idempotency-Replayed"
)

const (
	// mostKey is how long a key may be, in bytes.
	mostKey = 255
	// mostAnswer is how long an answer may be to be kept, in bytes.
	mostAnswer = 1 << 20
)

// Store is where it is written what is under way and what was answered. *queries.Store is one.
type Store interface {
	BeginOnce(ctx context.Context, o queries.Once) (queries.Begun, error)
	AnswerOnce(ctx context.Context, key []byte, fence int64, status int, sealed []byte) (bool, error)
	ReleaseOnce(ctx context.Context, key []byte, fence int64) error
}

// Options are what a Handler needs.
type Options struct {
	// Store is what all gateways share. It must be given.
	Store Store
	// Secret is the gateway's, of at least 16 bytes. When it changes, answers that were kept are lost: a 409.
	Secret []byte
	// Caller names who calls, the same for all of his requests. It must be given.
	Caller func(r *http.Request) string
	// Fail answers with an error: a *KeyError, *MismatchError, *UnderWayError, *LostError, that of reading the body, or the
	// store's. It must be given.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
	// Lease is for how long a request may be under way. Three quarters of it the handler has. Default two minutes.
	Lease time.Duration
	// Lasts is for how long an answer is kept. Default 24 hours.
	Lasts time.Duration
	// Body is how long a body may be, in bytes. Default 5 MiB.
	Body int64
	// Logger is told what could not be kept. Default none.
	Logger *slog.Logger
}

func (o Options) complete() Options {
	if o.Lease <= 0 {
		o.Lease = 2 * time.Minute
	}
	if o.Lasts <= 0 {
		o.Lasts = 24 * time.Hour
	}
	if o.Body <= 0 {
		o.Body = 5 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// KeyError says that a key is none. It is a 400.
type KeyError struct{}

func (e *KeyError) Error() string {
	return fmt.Sprintf("%s is there once, and has 1 to %d printable characters of ASCII", KeyHeader, mostKey)
}

// Status is 400.
func (e *KeyError) Status() int { return http.StatusBadRequest }

// MismatchError says that a key was sent with another body before. It is a 422.
type MismatchError struct{}

func (e *MismatchError) Error() string { return KeyHeader + " was sent with another request before" }

// Status is 422.
func (e *MismatchError) Status() int { return http.StatusUnprocessableEntity }

// UnderWayError says that the request is being done. It is a 409, to be sent again a second later.
type UnderWayError struct{}

func (e *UnderWayError) Error() string {
	return "the first request with this " + KeyHeader + " is under way"
}

// Status is 409.
func (e *UnderWayError) Status() int { return http.StatusConflict }

// Header tells when to come back.
func (e *UnderWayError) Header() http.Header { return http.Header{"Retry-After": {"1"}} }

// LostError says that the request was done, and that its answer is not known any more. It is a 409.
type LostError struct{ cause error }

func (e *LostError) Error() string {
	return "the request with this " + KeyHeader + " was done, and its answer could not be kept"
}

// Unwrap gives the cause, nil: the answer was too long.
func (e *LostError) Unwrap() error { return e.cause }

// Status is 409.
func (e *LostError) Status() int { return http.StatusConflict }

// Handler has next do each request once, by its key. Requests without one it has next do as they come. It stands behind the
// enforcement, and behind package inflate; a body is read as a whole.
func Handler(operation string, next http.Handler, o Options) http.Handler {
	o = o.complete()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys := r.Header[http.CanonicalHeaderKey(KeyHeader)]
		if len(keys) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		if len(keys) > 1 || !isKey(keys[0]) {
			o.Fail(w, r, &KeyError{})
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, o.Body))
		if err != nil {
			o.Fail(w, r, err)
			return
		}
		one := identify(operation, o.Caller(r), keys[0], r, body)
		out := *r
		out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		o.serve(w, &out, one, next)
	})
}

func isKey(s string) bool {
	if s == "" || len(s) > mostKey {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// serve does a request, or answers as it was answered.
func (o *Options) serve(w http.ResponseWriter, r *http.Request, one identity, next http.Handler) {
	begun, err := o.Store.BeginOnce(r.Context(), queries.Once{Key: one.key, Body: one.body, Lease: o.Lease, Lasts: o.Lasts})
	switch {
	case err != nil:
		o.Fail(w, r, err)
	case begun.Fence > 0:
		o.do(w, r, one, begun.Fence, next)
	case !begun.SameBody:
		o.Fail(w, r, &MismatchError{})
	case begun.Status == 0:
		o.Fail(w, r, &UnderWayError{})
	default:
		a, err := one.open(o.Secret, begun.Status, begun.Sealed)
		if err != nil {
			o.Fail(w, r, &LostError{cause: err})
			return
		}
		a.write(w)
	}
}

// do has next do a request, and keeps its answer.
func (o *Options) do(w http.ResponseWriter, r *http.Request, one identity, fence int64, next http.Handler) {
	// Who asked may leave, and what was begun has to be finished.
	kept := context.WithoutCancel(r.Context())
	release := func() {
		if err := o.Store.ReleaseOnce(kept, one.key, fence); err != nil {
			o.Logger.WarnContext(kept, "a request that failed cannot be sent again before its lease is over", slog.Any("error", err))
		}
	}
	ended := false
	defer func() {
		if !ended { // it panics
			release()
		}
	}()
	ctx, cancel := context.WithTimeout(r.Context(), o.Lease/4*3)
	defer cancel()
	rec := newRecorder(w)
	next.ServeHTTP(rec, r.WithContext(ctx))
	ended = true
	rec.WriteHeader(http.StatusOK)
	if !rec.keep() {
		release()
		rec.flush()
		return
	}
	sealed, err := one.seal(o.Secret, rec)
	if err == nil {
		var ok bool
		if ok, err = o.Store.AnswerOnce(kept, one.key, fence, rec.status, sealed); err == nil && !ok {
			err = errors.New("its lease is over, and another does it")
		}
	}
	if err != nil {
		o.Logger.WarnContext(kept, "the answer of a request that is done once could not be kept", slog.Any("error", err))
	}
	rec.flush()
}
