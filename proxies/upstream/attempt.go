package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// attempt makes attempt number n: it chooses an address whose breaker lets it through, and has the breaker count
// everything up to the judged answer. failed are the addresses where this call failed before. The endpoint is nil
// when nothing was sent.
func (b *Backend) attempt(parent context.Context, call *Call, n int, failed []*endpoint) (*Answer, *endpoint, *Failure) {
	answer, e, f := b.timed(parent, call, n, failed)
	outcome := observe.OK
	if f != nil {
		outcome = f.Kind.String()
		f.Attempts = n
		if e == nil {
			f.Attempts = n - 1
		}
	}
	b.metrics.Attempt(outcome)
	if call.Trace != nil && call.Trace.Ended != nil {
		var err error
		if f != nil {
			err = f
		}
		call.Trace.Ended(n, err)
	}
	return answer, e, f
}

func (b *Backend) timed(parent context.Context, call *Call, n int, failed []*endpoint) (*Answer, *endpoint, *Failure) {
	if err := parent.Err(); err != nil {
		if gone(parent) {
			return nil, nil, &Failure{Kind: Cancelled, Err: err}
		}
		return nil, nil, &Failure{Kind: Timeout, Err: err}
	}
	now := time.Now()
	deadline := b.deadline(call, now)
	if !deadline.After(now) {
		return nil, nil, &Failure{Kind: Timeout, Err: context.DeadlineExceeded}
	}
	e := b.pick(nil, failed)
	if e == nil {
		return nil, nil, b.allOpen() // a refusal takes no clock
	}
	ctx := withDeadline(parent, deadline)
	defer ctx.cancel()
	var refused []*endpoint
	for ; ; e = b.pick(refused, failed) {
		if e == nil {
			return nil, nil, b.allOpen()
		}
		answer, err := b.counted(parent, ctx, call, n, e)
		switch {
		case err == nil:
			return answer, e, nil
		case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
			refused = append(refused, e)
			continue
		}
		f, ok := errors.AsType[*Failure](err)
		if !ok { // the breaker gives nothing else
			f = &Failure{Kind: Unreachable, Err: err}
		}
		return nil, e, f
	}
}

// timeout is for one attempt, or for one read of a stream.
func (b *Backend) timeout(call *Call) time.Duration {
	if call.Timeout > 0 {
		return call.Timeout
	}
	return b.cfg.Timeout
}

func (b *Backend) deadline(call *Call, now time.Time) time.Time {
	deadline := now.Add(b.timeout(call))
	if !call.Deadline.IsZero() && call.Deadline.Before(deadline) {
		return call.Deadline
	}
	return deadline
}

// counted runs one attempt at e under its breaker.
func (b *Backend) counted(parent, ctx context.Context, call *Call, n int, e *endpoint) (*Answer, error) {
	e.inFlight.Add(1)
	defer e.inFlight.Add(-1)
	done, err := e.breaker.Allow()
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller knows the breaker's errors
	}
	ctx, span := observe.Start(ctx, "fairway.attempt",
		attribute.String("fairway.service", b.cfg.Service),
		attribute.String("fairway.backend", b.cfg.Name),
		attribute.String("fairway.address", e.address),
		attribute.Int("fairway.attempt", n))
	answer, f := b.once(parent, ctx, call, n, e, done)
	if f != nil {
		done(f)
		observe.End(span, f.Kind.String())
		return nil, f
	}
	done(nil)
	observe.End(span, observe.OK)
	return answer, nil
}

// once sends, reads and judges. A panic, in a strategy or a decoder, is a failure too: the attempts of one request
// may run in goroutines of their own, where it would end the process.
func (b *Backend) once(parent, ctx context.Context, call *Call, n int, e *endpoint, done func(error)) (answer *Answer, f *Failure) { //nolint:contextcheck // a clock is made of parent
	defer func() {
		if p := recover(); p != nil {
			answer, f = nil, b.panicked(p)
		}
	}()
	var c *clock
	if call.Stream != nil {
		first, _ := ctx.Deadline()
		c = newClock(trace.ContextWithSpan(parent, trace.SpanFromContext(ctx)), first, b.timeout(call), call.Deadline)
		defer c.stop()
		ctx = c
	}
	resp, f := b.send(parent, ctx, call, n, e)
	if f != nil {
		return nil, f
	}
	defer resp.Body.Close()
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	}
	switch {
	case resp.StatusCode < 200:
		// 101: its body is the bare connection, whose reads no context of ours ends.
		return nil, &Failure{Kind: Status, Status: resp.StatusCode, Reason: reason(resp)}
	case resp.StatusCode <= 299 && call.Stream != nil:
		return b.stream(parent, call, n, e, resp, c, done)
	case resp.StatusCode >= 200 && resp.StatusCode <= 299:
		return b.judge(parent, ctx, call, n, e, resp)
	case resp.StatusCode >= 300 && resp.StatusCode <= 399:
		return nil, b.refusal(parent, call, n, e, resp, &Failure{Kind: Redirected})
	}
	f = &Failure{Kind: Status, RetryAfter: RetryAfter(resp.Header.Get("Retry-After"), time.Now())}
	return nil, b.refusal(parent, call, n, e, resp, f)
}

// send gives the answer as its header has come, after the redirects that may be followed. The caller closes it.
func (b *Backend) send(parent, ctx context.Context, call *Call, n int, e *endpoint) (*http.Response, *Failure) {
	target := call.Target
	for hop := 0; ; hop++ {
		req, err := e.request(ctx, call, target)
		if err != nil {
			return nil, &Failure{Kind: Unsendable, Err: err}
		}
		if trace.SpanFromContext(ctx).IsRecording() {
			if call.Whole {
				req.Header = req.Header.Clone()
			}
			propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
		}
		var next http.RoundTripper = e.transport
		if call.Transport != nil {
			next = call.Transport
		}
		if call.Trace != nil && call.Trace.Sent != nil {
			next = &tracer{next: next, attempt: n, sent: call.Trace.Sent}
		}
		resp, err := call.Strategy.RoundTrip(req, call.Caller, next)
		if err != nil {
			if resp != nil && resp.Body != nil {
				resp.Body.Close()
			}
			return nil, sendFailure(parent, ctx, err)
		}
		if resp == nil {
			return nil, &Failure{Kind: Unreachable, Err: errors.New("the strategy gave neither an answer nor an error")}
		}
		if resp.Body == nil {
			resp.Body = http.NoBody
		}
		if b.cfg.Redirects == 0 || !redirects(resp.StatusCode) || call.Method != http.MethodGet && call.Method != http.MethodHead {
			return resp, nil
		}
		to, err := e.follow(target, resp)
		if err == nil && hop == b.cfg.Redirects {
			err = fmt.Errorf("more than %d redirects", b.cfg.Redirects)
		}
		if err != nil {
			defer resp.Body.Close()
			return nil, b.refusal(parent, call, n, e, resp, &Failure{Kind: Redirected, Err: err})
		}
		drain(resp.Body)
		target = to
	}
}

// sendFailure says why no answer came. Whose context ended decides, not what the transport made of it.
func sendFailure(parent, ctx context.Context, err error) *Failure {
	if gone(parent) {
		return &Failure{Kind: Cancelled, Err: err}
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		own := *f
		return &own
	}
	if login, ok := errors.AsType[*session.LoginError](err); ok {
		f := &Failure{Kind: Login, RetryAfter: login.RetryAfter, Err: err}
		if login.Kind == session.Unavailable && ctx.Err() != nil && parent.Err() == nil {
			// The attempt was over before the login, which goes on. The next one finds it.
			f.unfinished, f.RetryAfter = true, 0
		}
		return f
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return &Failure{Kind: Timeout, Err: err}
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		return &Failure{Kind: Timeout, Err: err}
	}
	return &Failure{Kind: Unreachable, Err: err}
}

// panicked logs a panic. Its value may hold anything, a body too, so only errors of the runtime are told.
func (b *Backend) panicked(p any) *Failure {
	err := fmt.Errorf("panic of type %T", p)
	if own, ok := p.(runtime.Error); ok {
		err = fmt.Errorf("panic: %w", own)
	}
	b.log.Error("an attempt panicked", slog.Any("error", err), slog.String("stack", string(debug.Stack())))
	return &Failure{Kind: Defect, Err: err}
}
