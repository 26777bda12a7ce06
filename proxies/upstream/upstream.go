// Package upstream sends requests to one backend and brings back whole answers: address choice, connection pool,
// retries, breaker, time and size limits, the budget for buffered bytes.
//
// The unit is the attempt: send, read the whole body, judge. Whatever fails inside it (a cut body, a body too long,
// a body that does not decode, an answer of success that says ERROR) is a failed attempt: counted by the breaker of
// that address and retried alike.
package upstream

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// Config is one backend, resolved: no placeholders, all defaults set by the caller through WithDefaults.
type Config struct {
	// Service and Name label metrics and errors.
	Service, Name string
	// Addresses are the origins, balanced by least busy: http://host[:port], https://host[:port] or unix//path,
	// http and https without a path, query or user. At least one.
	Addresses []string
	// Timeout is for one attempt, from choosing the address to the judged answer. Default 10s.
	Timeout time.Duration
	// Retries is how many attempts may follow the first. Default 2 is set by the caller; 0 means none.
	Retries int
	// BreakerFailures consecutive failures of an address open its breaker (default 5) for BreakerOpen (default 30s).
	BreakerFailures int
	BreakerOpen     time.Duration
	// Limit is the longest body, after content decoding. Default 10 MiB.
	Limit int64
	// Redirects is how many redirects within the same origin are followed in one attempt. Default 0: a 3xx is a failure.
	Redirects int
	// TLS towards https addresses.
	TLS TLS
	// Guarded refuses to connect where a name leads to loopback, link-local or a cloud's metadata.
	Guarded bool
	// Proxy is an http or socks5 URL of a forward proxy; empty: none; "environment": HTTP_PROXY and friends.
	Proxy string
}

// TLS is how an https backend is trusted and what we show it.
type TLS struct {
	CA                    []string // PEM files; none: the system's roots
	ServerName            string   // default: the host of the address
	ClientCertificateFile string   // PEM file; both or neither
	ClientKeyFile         string
	InsecureSkipVerify    bool
}

// Call is one fetch.
type Call struct {
	Method string
	// Target is the escaped path with its query, as it goes on the request line: "/api?metric=x".
	Target string
	// Header is added to the request; Do does not change it. Body is replayed on every attempt.
	Header http.Header
	Body   []byte
	// Whole says that Header is of WholeHeader, that it names no Host, and that nobody changes it, Strategy included. Then
	// it is sent as it is and not copied.
	Whole bool
	// Idempotent says that a second attempt does no harm; without it there is one attempt.
	Idempotent bool
	// Timeout is for one attempt of this fetch; 0: the backend's. Deadline is the end of the whole request's budget.
	Timeout  time.Duration
	Deadline time.Time
	// Strategy tells the backend who calls. Never nil.
	Strategy session.Strategy
	Caller   session.Caller
	// Factor is the memory factor of the decoder: the budget is charged with body bytes times it. At least 1.
	Factor float64
	// Judge makes the answer's value and says whether it is a success; nil error is one. It sees answers of status
	// 2xx only. A *Failure is taken as it is, any other error becomes a Failure of kind Undecodable.
	// The same Call may be judged several times, one attempt after another, never concurrently.
	Judge func(ctx context.Context, a *Answer) error
	// Stream, where not nil, takes the place of Judge: it reads the body of an answer of status 2xx while it comes, and
	// writes what it makes of it. Its errors are taken as those of Judge; after Stream.Begin nothing is tried again.
	// Factor and Limit do not count for it.
	Stream func(ctx context.Context, s *Stream) error
	// StreamLimit is the longest body of a stream in bytes, after content decoding. Default 0: any.
	StreamLimit int64
	// Unlabelled says of the Content-Type of an answer whether a body of gzip is undone that no Content-Encoding names. Nil:
	// none is.
	Unlabelled func(contentType string) bool
	// Transport, where not nil, answers instead of the address, whose breaker counts all the same. For `fairway try`.
	Transport http.RoundTripper
	// Trace, where not nil, is told of what happens. For `fairway try`.
	Trace *Trace
}

// Answer is a backend's whole answer.
type Answer struct {
	Status int
	// Reason is the phrase of the status line, or the standard one.
	Reason string
	Header http.Header
	// Body is decoded from its content encoding. It is valid until Release.
	Body []byte
	// Encoding names the content encodings that were found and undone, as in the header: "gzip". A stream's are known once
	// something was read.
	Encoding string
	// URL is what was asked, after redirects, without credentials; nil where a strategy did not say. It may not be changed.
	URL *url.URL
	// Address is where it came from, Attempts how many were made.
	Address  string
	Attempts int

	lease *lease
}

// Release gives the body's memory back to pool and budget, once. It may be called on nil and twice.
func (a *Answer) Release() {
	if a == nil || a.lease == nil || !a.lease.end() {
		return
	}
	a.Body = nil
}

// Trace holds functions that are told what a fetch does; each may be nil.
type Trace struct {
	// Sent is called before each request goes out, credentials included: what prints it must redact.
	Sent func(attempt int, req *http.Request)
	// Received is called when a whole body is read.
	Received func(attempt int, a *Answer)
	// Ended is called at the end of each attempt with its verdict.
	Ended func(attempt int, err error)
}
