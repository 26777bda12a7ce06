package upstream

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/fairway-gateway/fairway/proxies/coding"
)

// streamWindow is what the budget is charged with for a stream at once: the buffers between backend and caller. Records
// that need more are charged as they come, see Charge.
const streamWindow = 192 << 10

// Stream is an answer of success whose body is read while it comes: see Call.Stream. It is for one goroutine.
//
// Until Begin it is an attempt like any other: it ends with the timeout, and what fails is tried again. From then on the
// timeout is for each single read, nothing is tried again, and the call's Deadline ends it at the latest.
type Stream struct {
	// Answer has no Body.
	Answer *Answer

	body    io.Reader // decoded from its content encoding
	wire    *wire
	decoded *coding.Reader // nil: the body cannot be encoded
	left    int64
	err     error
	begun   bool
	clock   *clock
	breaker *gobreaker.TwoStepCircuitBreaker[*Answer]
	done    func(error) // counts the attempt
	memory  *Memory
	charged int64
	// decoders is what content decoding takes, in bytes.
	decoders int64
}

// Read gives the body, decoded from its content encoding. It implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if int64(len(p)) > s.left {
		p = p[:s.left+1] // one byte past the limit is enough to know
	}
	n, err := s.body.Read(p)
	s.left -= int64(n)
	if s.left < 0 {
		n, err = n-1, errTooLarge
	}
	if s.decoded != nil {
		s.Answer.Encoding = s.decoded.Undone()
		if s.wire.err == nil {
			err = encodingFault(err)
		}
	}
	s.err = err
	return n, err
}

// Err is what reading the body has failed of, nil at its end.
func (s *Stream) Err() error {
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// Begin says that the first byte is about to go to the caller. It may be called again.
func (s *Stream) Begin() {
	if s.begun {
		return
	}
	s.begun = true
	s.clock.begin()
	// A probe has proved what it should. Else a stream of an hour would keep everybody else out as long.
	if s.breaker.State() == gobreaker.StateHalfOpen {
		s.done(nil)
	}
}

// Charge sets what the stream is charged with beside its buffers to n bytes, if that is more than before. The error
// says that the budget is spent, and is to be returned.
func (s *Stream) Charge(n int64) error {
	if n > math.MaxInt64-streamWindow-s.decoders {
		return &Failure{Kind: MemorySpent, Err: errMemory}
	}
	more := n + streamWindow + s.decoders - s.charged
	if more <= 0 {
		return nil
	}
	if !s.memory.Acquire(more) {
		return &Failure{Kind: MemorySpent, Err: errMemory}
	}
	s.charged += more
	return nil
}

// stream has the call read the answer's body as it comes.
func (b *Backend) stream(parent context.Context, call *Call, n int, e *endpoint, resp *http.Response, c *clock, done func(error)) (*Answer, *Failure) {
	s := &Stream{clock: c, breaker: e.breaker, done: done, memory: b.memory, left: math.MaxInt64 - 1}
	s.Answer = &Answer{Status: resp.StatusCode, Reason: reason(resp), Header: resp.Header, Address: e.address, Attempts: n}
	if resp.Request != nil {
		s.Answer.URL = resp.Request.URL
	}
	defer func() { b.memory.Release(s.charged) }()
	err := s.open(call, resp)
	if err == nil {
		err = call.Stream(c, s) //nolint:contextcheck // the clock is a context made of parent
	}
	if err == nil {
		return s.Answer, nil
	}
	return nil, s.failure(parent, err)
}

func (s *Stream) open(call *Call, resp *http.Response) error {
	if call.StreamLimit > 0 {
		if resp.ContentLength > call.StreamLimit && call.Method != http.MethodHead && resp.Header.Get("Content-Encoding") == "" {
			return errTooLarge
		}
		s.left = call.StreamLimit
	}
	if err := s.Charge(0); err != nil {
		return err
	}
	s.body = &timedReader{from: resp.Body, stream: s}
	encodings := resp.Header["Content-Encoding"]
	unlabelled := call.Unlabelled != nil && call.Unlabelled(resp.Header.Get("Content-Type"))
	if len(encodings) == 0 && !unlabelled {
		return nil
	}
	s.wire = &wire{r: s.body, left: math.MaxInt64}
	body, err := coding.New(s.wire, coding.Options{
		Encoding: strings.Join(encodings, ","), Unlabelled: unlabelled, Limit: call.StreamLimit,
		Charge: func(n int64) bool {
			s.decoders += n
			return s.Charge(0) == nil
		},
	})
	if err != nil {
		return errors.Join(errEncoding, err)
	}
	s.body, s.decoded = body, body
	if len(encodings) == 0 {
		return nil
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	return nil
}

// failure says what err makes of the attempt. What the body failed of counts before what a decoder made of it.
func (s *Stream) failure(parent context.Context, err error) *Failure {
	var f *Failure
	switch {
	case s.Err() != nil:
		f = bodyFailure(parent, s.clock, s.Answer, s.err)
	case errors.Is(err, errMemory), errors.Is(err, errTooLarge), errors.Is(err, errEncoding):
		f = bodyFailure(parent, s.clock, s.Answer, err)
	default:
		f = judged(parent, s.clock, s.Answer, err)
	}
	f.begun = s.begun
	// The request's time is over: perhaps because its caller reads slowly, which is not the backend's fault.
	f.blameless = s.begun && errors.Is(context.Cause(s.clock), errBudget) //nolint:contextcheck // the clock is the context
	return f
}

// timedReader is a body whose reads take at most the timeout each, once the stream has begun.
type timedReader struct {
	from   io.Reader
	stream *Stream
}

func (t *timedReader) Read(p []byte) (int, error) {
	if !t.stream.begun {
		return t.from.Read(p) //nolint:wrapcheck // a reader is transparent
	}
	t.stream.clock.start()
	defer t.stream.clock.pause()
	return t.from.Read(p) //nolint:wrapcheck // a reader is transparent
}

var (
	errIdle   = errors.New("nothing came in time")
	errBudget = errors.New("the request's time is over")
)

// clock is the context of a stream. Unlike one with a deadline it can be given more time, and it stands still while
// the caller is written to.
type clock struct {
	context.Context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration // of one read
	end     time.Time     // of the request's budget; zero: none
}

// newClock makes the context of an attempt that has until first for what comes before Begin.
func newClock(parent context.Context, first time.Time, timeout time.Duration, end time.Time) *clock {
	c := &clock{timeout: timeout, end: end}
	c.Context, c.cancel = context.WithCancelCause(parent)
	c.timer = time.AfterFunc(time.Until(first), func() { c.cancel(errIdle) })
	return c
}

// begin lets only the end of the budget count.
func (c *clock) begin() {
	c.timer.Stop()
	c.timer = time.AfterFunc(time.Hour, c.ring)
	c.pause()
}

func (c *clock) ring() {
	if !c.end.IsZero() && !time.Now().Before(c.end) {
		c.cancel(errBudget)
		return
	}
	c.cancel(errIdle)
}

// start gives a read its time.
func (c *clock) start() {
	wait := c.timeout
	if !c.end.IsZero() {
		wait = min(wait, time.Until(c.end))
	}
	if wait <= 0 {
		c.cancel(errBudget)
		return
	}
	c.timer.Reset(wait)
}

// pause stops the time until the next start.
func (c *clock) pause() { c.timer.Stop() }

// stop ends the context.
func (c *clock) stop() {
	c.timer.Stop()
	c.cancel(context.Canceled)
}

// Interface guards.
var (
	_ io.Reader       = (*Stream)(nil)
	_ io.Reader       = (*timedReader)(nil)
	_ context.Context = (*clock)(nil)
)
