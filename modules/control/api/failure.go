package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/queries"
)

// Failure is what a caller of the control API is told, in the dialect of the operation. It is an error, so that a resolver can
// give it.
type Failure struct {
	// Status is 400 to 599.
	Status int
	// Detail is a sentence for the caller.
	Detail string
	// Type is a code of package problem, the last part of the member type. Default: none, about:blank.
	Type string
	// Code and Name are the members error_code and error of Trends.Earth's, where its clients know one.
	Code, Name string
	// Message is the member message of Houston's, where its clients know another sentence than that of the status.
	Message string
	// Messages are, by field, what is wrong with the body: Houston's member messages.
	Messages map[string][]string
	// RetryAfter, where not 0, becomes the header Retry-After in whole seconds, rounded up.
	RetryAfter time.Duration
	// Challenges are the values of WWW-Authenticate. Default, with a 401: Bearer.
	Challenges []string
	// Header has further headers. May be nil.
	Header http.Header
	// Cause is for the log only.
	Cause error
}

// Error gives the sentence, and the cause.
func (f Failure) Error() string {
	if f.Cause != nil {
		return f.Detail + ": " + f.Cause.Error()
	}
	return f.Detail
}

// Unwrap gives the cause.
func (f Failure) Unwrap() error { return f.Cause }

// document is RFC 9457's, with the members that older clients read.
type document struct {
	Type      string              `json:"type"`
	Title     string              `json:"title"`
	Status    int                 `json:"status"`
	Detail    string              `json:"detail"`
	Instance  string              `json:"instance,omitempty"`
	RequestID string              `json:"request_id,omitempty"`
	Msg       string              `json:"msg,omitempty"`
	Message   string              `json:"message,omitempty"`
	Messages  map[string][]string `json:"messages,omitempty"`
	ErrorCode string              `json:"error_code,omitempty"`
	// Name is a word of Trends.Earth's.
	Name       string `json:"error,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"`
}

// Sentences that clients of Houston know.
const (
	houston401 = "The server could not verify that you are authorized to access the URL requested. You either supplied the wrong credentials (e.g. a bad password), or your browser doesn't understand how to supply the credentials required."
	houston403 = "You don't have the permission to access the requested resource."
	houston422 = "The request was well-formed but was unable to be followed due to semantic errors."
)

// wholeBody is where messages of Houston's say what is wrong with a body as a whole.
const wholeBody = "_schema"

// Fail answers r with a failure.
func Fail(w http.ResponseWriter, r *http.Request, f Failure) {
	callOf(r).tell(r.Context(), f).write(w)
}

// Told is a failure as it is told in one answer. It is an error that package huma writes as it is.
type Told struct { //nolint:errname // it is what was told
	Failure
	document document
	header   http.Header
	bare     bool // an error of RFC 6749
}

// oauthError is an error of RFC 6749, 5.2.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// oauth is the failure as clients of OAuth2 know it.
func (t *Told) oauth() oauthError {
	if t.Status == http.StatusServiceUnavailable || t.Status == http.StatusTooManyRequests {
		return oauthError{Error: "temporarily_unavailable", Description: t.document.Detail}
	}
	return oauthError{Error: "server_error", Description: t.document.Detail}
}

// Tell makes what is told of err in the answer to the request of ctx.
func Tell(ctx context.Context, err error) *Told {
	c, ok := callIn(ctx)
	if !ok {
		c = &call{identified: true, request: new(http.Request), api: New(permit.New(), nil, Options{})}
	}
	if t, ok := errors.AsType[*Told](err); ok {
		return t
	}
	return c.tell(ctx, failureOf(c.request, err))
}

func (t *Told) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), t.header)
	if t.bare {
		write(w, t.Status, "application/json", t.oauth())
		return
	}
	write(w, t.Status, problem.ContentType, t.document)
}

// GetStatus implements huma.StatusError.
func (t *Told) GetStatus() int { return t.Status }

// GetHeaders implements huma.HeadersError.
func (t *Told) GetHeaders() http.Header { return t.header }

// ContentType implements huma.ContentTypeFilter.
func (t *Told) ContentType(string) string { return problem.ContentType }

// MarshalJSON writes the document.
func (t *Told) MarshalJSON() ([]byte, error) { return json.Marshal(t.document) }

// away makes of a defect, whose cause is a store that does not answer, what it is: something that may go well later.
func (f Failure) away() Failure {
	if f.Status != http.StatusInternalServerError || !queries.Away(f.Cause) {
		return f
	}
	f.Status, f.Type, f.RetryAfter = http.StatusServiceUnavailable, problem.StoreUnavailable, storeRetry
	f.Detail = "The store of users does not answer."
	return f
}

// storeRetry is after what time who could not be served is told to come back.
const storeRetry = time.Second

func (c *call) tell(ctx context.Context, f Failure) *Told {
	f = f.away()
	if f.Cause != nil && ctx.Err() == nil {
		c.api.options.Logger.ErrorContext(ctx, "an operation of the control API failed", slog.String("operation", c.operation()), slog.Any("error", f.Cause))
	}
	d := document{
		Type: (&problem.Problem{Code: f.Type}).Type(), Title: http.StatusText(f.Status), Status: f.Status, Detail: cmp.Or(f.Detail, http.StatusText(f.Status)),
		Instance: c.instance, RequestID: c.api.options.RequestID(c.request), Messages: f.Messages, RetryAfter: int(math.Ceil(f.RetryAfter.Seconds())),
	}
	switch c.dialect() {
	case permit.Houston:
		d.Message = d.Detail
		switch f.Status {
		case http.StatusUnauthorized:
			d.Message = houston401
		case http.StatusForbidden:
			d.Message = houston403
		case http.StatusUnprocessableEntity:
			d.Message = houston422
			if d.Messages == nil {
				d.Messages = map[string][]string{wholeBody: {d.Detail}}
			}
		}
		d.Message = cmp.Or(f.Message, d.Message)
	case permit.Trends:
		d.Msg, d.Message, d.ErrorCode, d.Name = d.Detail, d.Detail, f.Code, f.Name
	case permit.Fairway:
	}
	h := http.Header{}
	maps.Copy(h, f.Header)
	if f.Status == http.StatusUnauthorized && len(f.Challenges) == 0 {
		f.Challenges = []string{`Bearer realm="fairway"`}
	}
	for _, challenge := range f.Challenges {
		h.Add("WWW-Authenticate", challenge)
	}
	if d.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(d.RetryAfter))
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	// That a method is not known there is told as everywhere.
	bare := c.op != nil && c.op.OAuth && (f.Status == http.StatusTooManyRequests || f.Status >= http.StatusInternalServerError)
	return &Told{Failure: f, document: d, header: h, bare: bare}
}

func (c *call) operation() string {
	if c.op == nil {
		return ""
	}
	return c.op.ID
}

func (c *call) dialect() permit.Dialect {
	if c.op == nil {
		return permit.Fairway
	}
	return c.op.Dialect
}

// Answer writes a document that nobody may keep.
func Answer(w http.ResponseWriter, status int, v any) { write(w, status, "application/json", v) }

// Data is the envelope of Trends.Earth.
type Data struct {
	Data any `json:"data"`
}

func write(w http.ResponseWriter, status int, mediaType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"status":500}`)
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller may have left
}
