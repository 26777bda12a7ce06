// Package jobs shows administrators the queue: River's own page, under /console/jobs, behind their password.
//
// What is in the queue is no truth about an execution, so nothing that is done on the page can lose one.
package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/queries"
)

// Path is where the page is, and below.
const Path = "/console/jobs"

// Serves says whether a path is the page's.
func Serves(path string) bool { return path == Path || strings.HasPrefix(path, Path+"/") }

// Queue has a page. *queue.River is one.
type Queue interface {
	// Page gives the page for browsers that have it under a path.
	Page(prefix string) (http.Handler, error)
}

// Options are what a page needs.
type Options struct {
	// Queue gives the queue, or the error of why it cannot be looked at now. Nil: there is none that has a page. Only administrators have it asked.
	Queue func(context.Context) (Queue, error)
	// Identify says who calls, as callers.Callers.Identify does.
	Identify func(*http.Request) (*callers.Caller, error)
	// Record writes a line of the audit log.
	Record func(ctx context.Context, by queries.By, action, subject string, detail json.RawMessage) error
	// RequestID names a request.
	RequestID func(*http.Request) string
	// Logger is told of what failed that is no caller's fault. Default none.
	Logger *slog.Logger
}

// Jobs is the page. It is used concurrently.
type Jobs struct{ options Options }

// New makes a page.
func New(o Options) *Jobs {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return &Jobs{options: o}
}

// policy lets the page use what is here, and nothing from elsewhere. Its library writes styles into elements.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// storeRetry is when to come back where the store does not answer.
const storeRetry = 2 * time.Second

// Serve answers r, whose path is the page's. Outer is what stands before the path where the browser has it: "/gateway", where a site
// takes that away; usually "".
func (j *Jobs) Serve(w http.ResponseWriter, r *http.Request, outer string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if p := j.serve(w, r, outer); p != nil {
		if p.Cause != nil {
			j.options.Logger.WarnContext(r.Context(), "the page of the queue cannot be shown", slog.Any("error", p.Cause))
		}
		if p.Header == nil {
			p.Header = http.Header{}
		}
		p.Header.Set("Cache-Control", "no-store")
		p.Write(w, r, j.options.RequestID(r))
	}
}

// serve answers r, or gives the problem that is the answer.
func (j *Jobs) serve(w http.ResponseWriter, r *http.Request, outer string) *problem.Problem {
	if j.options.Queue == nil {
		return &problem.Problem{Status: http.StatusNotFound, Detail: "The queue has a page where the store is PostgreSQL; with SQLite it is in the process."}
	}
	caller, p := j.admit(r)
	if p != nil {
		return p
	}
	if http.NewCrossOriginProtection().Check(r) != nil {
		return &problem.Problem{Status: http.StatusForbidden, Detail: "Pages of other sites may change nothing here."}
	}
	asked, p := read(w, r, outer)
	if p != nil {
		return p
	}
	queue, err := j.options.Queue(r.Context())
	if err != nil {
		return unavailable(err)
	}
	if asked.action != "" {
		if err := j.options.Record(r.Context(), j.by(r, caller), asked.action, asked.subject, asked.detail); err != nil {
			return unavailable(err)
		}
	}
	page, err := queue.Page(outer + Path)
	if err != nil {
		return problem.Of(err)
	}
	page.ServeHTTP(w, asked.request)
	return nil
}

// admit lets administrators in who show their password; a browser that has none asks for it.
func (j *Jobs) admit(r *http.Request) (*callers.Caller, *problem.Problem) {
	shown := r.Header["Authorization"]
	if len(shown) != 1 || len(shown[0]) < len(basic) || !strings.EqualFold(shown[0][:len(basic)], basic) {
		return nil, noPassword(r)
	}
	c, err := j.options.Identify(r)
	if err != nil {
		return nil, callers.Refusal(r, err)
	}
	if c == nil || c.Token != nil {
		return nil, noPassword(r)
	}
	if who := c.Permit(); !who.Active || !who.Role.Staff() {
		return nil, &problem.Problem{Status: http.StatusForbidden, Detail: "This page is for administrators."}
	}
	return c, nil
}

// basic is the scheme of passwords.
const basic = "Basic "

// noPassword asks for one, as for one that was wrong.
func noPassword(r *http.Request) *problem.Problem {
	p := callers.Refusal(r, &callers.RefusedError{Reason: callers.BadCredentials})
	p.Code, p.Detail = problem.NoCredentials, "This page is for administrators, who show their password by HTTP Basic; tokens are not taken."
	return p
}

func (j *Jobs) by(r *http.Request, c *callers.Caller) queries.By {
	by := queries.By{Actor: c.Name(), RequestID: j.options.RequestID(r)}
	if id, err := uuid.Parse(c.ID); err == nil {
		by.User = &id
	}
	return by
}

func unavailable(err error) *problem.Problem {
	return &problem.Problem{Code: problem.StoreUnavailable, Status: http.StatusServiceUnavailable, RetryAfter: storeRetry, Cause: err, Detail: "The store does not answer."}
}
