package upstream

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// The wait before a further attempt is a random part of firstWait, doubled each time up to longestWait.
const (
	firstWait   = 50 * time.Millisecond
	longestWait = time.Second
)

// Do makes the call, with further attempts where they may help, and gives the whole answer, which the caller
// releases. The error is always a *Failure.
//
// The first attempt runs without the machinery of retries; only when it failed, and may be repeated, its outcome is
// handed to that.
func (b *Backend) Do(ctx context.Context, call *Call) (*Answer, error) {
	if err := call.check(); err != nil {
		return nil, &Failure{Kind: Unsendable, Err: err}
	}
	answer, e, f := b.attempt(ctx, call, 1, nil)
	if f == nil {
		return answer, nil
	}
	if b.cfg.Retries == 0 || !call.Idempotent || !f.retried() {
		return nil, f
	}
	r := &retries{backend: b, call: call, attempts: 1, failure: f}
	r.add(e)
	return r.run(ctx)
}

// retries makes the attempts after the first as the transport of a retryablehttp.Client. The client sees of an
// attempt only whether it failed; the answer and the failure stay here.
type retries struct {
	backend  *Backend
	call     *Call
	attempts int
	failed   []*endpoint
	replayed bool
	spent    bool // nothing could be sent: the breakers are open or the time is over
	wait     time.Duration
	answer   *Answer
	failure  *Failure
}

func (r *retries) run(ctx context.Context) (*Answer, error) {
	client := &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     r,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     r.backend.cfg.Retries,
		RetryWaitMin: firstWait,
		RetryWaitMax: longestWait,
		CheckRetry:   r.check,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return r.wait },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	// The request is a stand-in: the attempts make their own. Nothing of it is ever sent.
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: "backend", Path: "/"}, Header: http.Header{}}
	resp, err := client.Do(&retryablehttp.Request{Request: req.WithContext(ctx)})
	if resp != nil {
		resp.Body.Close()
	}
	if r.answer != nil {
		return r.answer, nil
	}
	if gone(ctx) && r.failure.Kind != Cancelled {
		return nil, &Failure{Kind: Cancelled, Attempts: r.attempts, Err: err}
	}
	return nil, r.failure
}

// RoundTrip replays the outcome of the first attempt, then makes one attempt each time.
func (r *retries) RoundTrip(req *http.Request) (*http.Response, error) {
	if !r.replayed {
		r.replayed = true
		return nil, r.failure
	}
	b := r.backend
	answer, e, f := b.attempt(req.Context(), r.call, r.attempts+1, r.failed)
	if f != nil && e == nil {
		// Nothing was sent. What went wrong before says more than that; only a caller who left does not.
		r.spent = true
		if f.Kind == Cancelled {
			r.failure = f
		}
		return nil, f
	}
	r.attempts++
	b.metrics.Retry()
	if f != nil {
		r.failure = f
		r.add(e)
		return nil, f
	}
	r.answer = answer
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

func (r *retries) add(e *endpoint) {
	if e != nil {
		r.failed = append(r.failed, e)
	}
}

// check is the policy: what may be repeated, and whether there is time for it.
func (r *retries) check(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if err == nil || r.spent || ctx.Err() != nil || !r.failure.retried() {
		return false, nil //nolint:nilerr // the client hands on the error of the attempt
	}
	now := time.Now()
	r.wait = backoff(r.attempts, r.failure.RetryAfter)
	if r.backend.closedIn(now) > r.wait {
		return false, nil // it would meet open breakers
	}
	return now.Add(r.wait).Before(r.end(ctx, now)), nil
}

// end is when no attempt may begin any more. A call without a deadline waits no longer than an attempt may take.
func (r *retries) end(ctx context.Context, now time.Time) time.Time {
	end := r.call.Deadline
	if own, ok := ctx.Deadline(); ok && (end.IsZero() || own.Before(end)) {
		end = own
	}
	if end.IsZero() {
		return now.Add(max(r.backend.cfg.Timeout, r.call.Timeout))
	}
	return end
}

// backoff is the wait after attempt n, at least 1: what the backend asks for, or a random one.
func backoff(n int, asked time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	most := longestWait
	if n < 6 { // 50ms doubled five times is past the longest
		most = min(most, firstWait<<(n-1))
	}
	return rand.N(most) //nolint:gosec // jitter
}

var _ http.RoundTripper = (*retries)(nil)
