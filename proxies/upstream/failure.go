package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind is what a failed attempt failed of.
type Kind int

// The kinds of failure. The comment says: retried?, counted by the breaker?
const (
	Unreachable Kind = iota + 1 // refused, reset, DNS, TLS: retried, counted
	Timeout                     // no whole answer in time: retried, counted
	Cut                         // the body ended early: retried, counted
	TooLarge                    // the body is over the limit: not retried, counted
	Status                      // a status of failure: 5xx retried and counted, 429 and 408 retried, other 4xx neither
	Redirected                  // a redirect that may not be followed: neither
	Empty                       // no body where one was due: retried, counted
	Undecodable                 // charset, encoding or format: retried, counted
	Judged                      // fail_when: retried and counted unless Verdict is a 4xx
	BreakerOpen                 // nothing was sent: not retried
	MemorySpent                 // the budget for buffered bytes is spent: not retried, not counted
	Cancelled                   // the caller hung up: neither
	Login                       // the strategy could not log in: neither, but retried where a login goes on that the attempt was too short for
	Unsendable                  // the call is none that can be sent, a defect of who made it: neither
	Unusable                    // the answer was good, and nothing could be made of it: not retried, a success for the breaker
	Defect                      // a strategy or a decoder panicked, which says nothing of the backend: neither
)

// String gives the word for metrics labels and logs.
func (k Kind) String() string {
	switch k {
	case Unreachable:
		return "unreachable"
	case Timeout:
		return "timeout"
	case Cut:
		return "cut"
	case TooLarge:
		return "too_large"
	case Status:
		return "status"
	case Redirected:
		return "redirect"
	case Empty:
		return "empty"
	case Undecodable:
		return "undecodable"
	case Judged:
		return "failed"
	case BreakerOpen:
		return "breaker_open"
	case MemorySpent:
		return "memory"
	case Cancelled:
		return "cancelled"
	case Login:
		return "login"
	case Unsendable:
		return "unsendable"
	case Unusable:
		return "unusable"
	case Defect:
		return "defect"
	}
	return "unknown"
}

// Failure is why a fetch gave no value: of its last attempt.
type Failure struct {
	Kind Kind
	// Status, Reason and Excerpt are the backend's where it answered: its status line and at most 1 KiB of its
	// body as UTF-8 text (see problem.Excerpt), empty where there was none.
	Status  int
	Reason  string
	Excerpt string
	// Verdict is the status that fail_when asks for (400 to 599); 0: the default of its kind.
	Verdict int
	// Detail is for the caller; empty: made from the kind.
	Detail string
	// Attempts is how many were made.
	Attempts int
	// RetryAfter is what the backend asked for, or how long the breaker stays open; 0: unknown.
	RetryAfter time.Duration
	// Err is the cause, for the log.
	Err error

	begun      bool // something went to the caller already
	blameless  bool // it says nothing of the backend
	unfinished bool // a login goes on
}

func (f *Failure) Error() string {
	switch {
	case f.Err != nil:
		return fmt.Sprintf("%s after %d attempt(s): %s", f.Kind, f.Attempts, withoutBytes(f.Err.Error()))
	case f.Status != 0:
		return fmt.Sprintf("%s after %d attempt(s): the backend answered %d %s", f.Kind, f.Attempts, f.Status, f.Reason)
	}
	return fmt.Sprintf("%s after %d attempt(s)", f.Kind, f.Attempts)
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// retried says that another attempt may fare better.
func (f *Failure) retried() bool {
	if f.begun {
		return false
	}
	switch f.Kind {
	case Unreachable, Timeout, Cut, Empty, Undecodable:
		return true
	case Status:
		return f.Status >= 500 || f.Status == http.StatusTooManyRequests || f.Status == http.StatusRequestTimeout
	case Judged:
		return !f.clientError()
	case Login:
		return f.unfinished
	case TooLarge, Redirected, BreakerOpen, MemorySpent, Cancelled, Unsendable, Unusable, Defect:
	}
	return false
}

// excluded says that the failure tells the breaker nothing about the backend.
func (f *Failure) excluded() bool {
	if f.blameless {
		return true
	}
	switch f.Kind {
	case MemorySpent, Cancelled, Login, Unsendable, Defect, BreakerOpen:
		return true
	case Unreachable, Timeout, Cut, TooLarge, Status, Redirected, Empty, Undecodable, Judged, Unusable:
	}
	return false
}

// answered says that the backend did well although the fetch failed. The breaker takes it as a success: else one
// that answers 404 to everything could never leave the state half-open.
func (f *Failure) answered() bool {
	switch f.Kind {
	case Status:
		return f.Status < 500
	case Redirected, Unusable:
		return true
	case Judged:
		return f.clientError()
	case Unreachable, Timeout, Cut, TooLarge, Empty, Undecodable, BreakerOpen, MemorySpent, Cancelled, Login, Unsendable, Defect:
	}
	return false
}

func (f *Failure) clientError() bool { return f.Verdict >= 400 && f.Verdict < 500 }

// withoutBytes cuts what net/http quotes of an answer that it cannot read off its message: no log holds a body.
func withoutBytes(msg string) string {
	if !strings.Contains(msg, "transport connection broken") && !strings.Contains(msg, "malformed") {
		return msg
	}
	msg, _, _ = strings.Cut(msg, "\"")
	return msg
}

// gone says that whoever wanted an answer does not any more. Where the cause of that is that the time of all who wanted it is
// over, the backend is to blame, not they.
func gone(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}
