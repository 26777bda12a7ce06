// Package direct is an HTTP/1.1 round tripper for plain connections that works on its caller's goroutine.
//
// net/http's Transport gives each connection two goroutines, which a request wakes several times; for small answers on
// kept connections that is a third of the whole cost. A backend on plain HTTP needs none of what they are for: requests
// are written whole before the answer is read, and an idle connection is looked at when it is taken.
package direct

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Errors of a round trip, beside those of the connection and of the context.
var (
	ErrHeaderTooLarge = errors.New("the answer's header is longer than the limit")
	ErrInformational  = errors.New("too many informational answers")
	ErrBodyLength     = errors.New("a body needs a length")
	ErrUnsendable     = errors.New("the request holds characters that may not be sent")
)

const (
	maxInformational = 5
	largestHead      = 4 << 10 // bytes of a request's header whose memory is used again
)

// Transport keeps connections to one address. Its fields are set before it is used.
type Transport struct {
	// Dial opens a connection.
	Dial func(ctx context.Context) (net.Conn, error)
	// HeaderLimit is how long an answer's header may be with all its 1xx, in bytes.
	HeaderLimit int64
	// MaxIdle connections are kept, each for IdleTimeout.
	MaxIdle     int
	IdleTimeout time.Duration

	heads sync.Pool // *[]byte: the memory of requests' headers

	mu     sync.Mutex
	idle   []*conn // the last used is last
	timer  *time.Timer
	closed bool
}

// RoundTrip sends req and gives the answer with its header read. It implements http.RoundTripper, except that a body
// needs a ContentLength. Reading the answer's body ends with the request's context too, until it is closed; that a context was
// cancelled is seen within 20 ms.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	defer closeBody(req)
	buf, ok := t.heads.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	head, err := appendHead((*buf)[:0], req)
	if err != nil {
		return nil, err
	}
	if *buf = head; cap(head) <= largestHead {
		defer t.heads.Put(buf)
	}
	ctx := req.Context()
	for fresh := false; ; fresh = true {
		c, err := t.take(ctx, fresh)
		if err != nil {
			return nil, contextError(ctx, err)
		}
		resp, err := c.roundTrip(ctx, req, head)
		if err == nil {
			return resp, nil
		}
		c.Close()
		// The server may have closed a kept connection at the moment when we used it.
		if !c.reused || c.answered || !replayable(req) || ctx.Err() != nil || timedOut(err) || !c.rewind(req) {
			return nil, contextError(ctx, err)
		}
	}
}

// take gives an idle connection that is still good, or a new one.
func (t *Transport) take(ctx context.Context, fresh bool) (*conn, error) {
	for !fresh {
		c := t.pop()
		if c == nil {
			break
		}
		// However short it was idle: what a server sent behind its answer would be the next caller's answer.
		if c.quiet() {
			c.reused, c.answered = true, false
			return c, nil
		}
		c.Close()
	}
	nc, err := t.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return newConn(t, nc), nil
}

func (t *Transport) pop() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.idle)
	if n == 0 {
		return nil
	}
	c := t.idle[n-1]
	t.idle[n-1] = nil
	t.idle = t.idle[:n-1]
	return c
}

// put keeps c for the next request, or closes it.
func (t *Transport) put(c *conn) {
	c.idleSince, c.ctx = time.Now(), nil
	t.mu.Lock()
	keep := !t.closed && len(t.idle) < t.MaxIdle
	if keep {
		t.idle = append(t.idle, c)
		if t.timer == nil {
			t.timer = time.AfterFunc(t.IdleTimeout, t.prune)
		}
	}
	t.mu.Unlock()
	if !keep {
		c.Close()
	}
}

// prune closes what has been idle for too long.
func (t *Transport) prune() {
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := time.Now().Add(-t.IdleTimeout)
	n := 0
	for n < len(t.idle) && !t.idle[n].idleSince.After(oldest) {
		t.idle[n].Close()
		n++
	}
	t.idle = slices.Delete(t.idle, 0, n)
	t.timer = nil
	if len(t.idle) > 0 && !t.closed {
		t.timer = time.AfterFunc(time.Until(t.idle[0].idleSince.Add(t.IdleTimeout)), t.prune)
	}
}

// CloseIdleConnections closes the idle connections, and those in use when their answer is read: nothing is kept from
// now on.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	for _, c := range t.idle {
		c.Close()
	}
	t.idle = nil
}

// replayable says that a request may be sent again when it got no answer, by the rules of net/http: a method that does
// no harm, and a body that can be had twice.
func replayable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	}
	return false
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// contextError says that ctx ended where that is why err came.
func contextError(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	if timedOut(err) {
		return context.DeadlineExceeded
	}
	return err
}

func timedOut(err error) bool {
	slow, ok := errors.AsType[net.Error](err)
	return ok && slow.Timeout()
}

// Interface guard.
var _ http.RoundTripper = (*Transport)(nil)
