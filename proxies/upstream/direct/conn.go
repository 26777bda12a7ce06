package direct

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"time"
)

// conn is one connection. It is used by one request at a time.
type conn struct {
	net.Conn
	owner     *Transport
	header    limited
	br        *bufio.Reader
	look      look
	reused    bool
	answered  bool // a byte of the answer has come
	timed     bool // a deadline is set
	idleSince time.Time
}

// limited reads at most n bytes: the header's limit, then no limit.
type limited struct {
	from io.Reader
	n    int64
	err  error // of the connection; the parser of headers loses it
}

func (l *limited) Read(p []byte) (int, error) {
	if l.n <= 0 {
		return 0, ErrHeaderTooLarge
	}
	if int64(len(p)) > l.n {
		p = p[:l.n]
	}
	n, err := l.from.Read(p)
	l.n -= int64(n)
	if err != nil && err != io.EOF {
		l.err = err
	}
	return n, err
}

func newConn(t *Transport, nc net.Conn) *conn {
	c := &conn{Conn: nc, owner: t, header: limited{from: nc}}
	c.br = bufio.NewReader(&c.header)
	return c
}

// roundTrip sends one request and reads the answer's header. After an error the connection is of no more use.
func (c *conn) roundTrip(ctx context.Context, req *http.Request, head []byte) (*http.Response, error) {
	if deadline, ok := ctx.Deadline(); ok || c.timed {
		if err := c.SetDeadline(deadline); err != nil {
			return nil, err
		}
		c.timed = ok
	}
	stop := func() bool { return true }
	if waited := waitedFor(ctx); waited.Done() != nil {
		stop = context.AfterFunc(waited, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	}
	writing := c.send(req, head)
	if errors.Is(writing, ErrBodyLength) {
		stop()
		return nil, writing // the server waits for the rest, and we would for its answer
	}
	resp, err := c.receive(req)
	if err != nil {
		stop()
		if writing != nil && !c.answered {
			return nil, writing
		}
		return nil, err
	}
	c.answer(ctx, resp, stop, writing == nil && !req.Close)
	return resp, nil
}

// waitedFor gives the context whose end the deadline of the connection does not bring by itself. One that has a deadline
// may tell it by a method Cancelled, to save the clock that its own Done needs.
func waitedFor(ctx context.Context) context.Context {
	if d, ok := ctx.(interface{ Cancelled() context.Context }); ok {
		return d.Cancelled()
	}
	return ctx
}

// send writes the request. A server may answer before it has read all and close: then the answer counts.
func (c *conn) send(req *http.Request, head []byte) error {
	if req.ContentLength <= 0 || req.Body == nil {
		_, err := c.Write(head)
		return err
	}
	w := bufio.NewWriterSize(c.Conn, len(head)+int(min(req.ContentLength, 32<<10)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	n, err := io.Copy(w, io.LimitReader(req.Body, req.ContentLength))
	if failed := w.Flush(); failed != nil {
		return failed
	}
	if n != req.ContentLength {
		return fmt.Errorf("%w: %d bytes of %d could be read: %w", ErrBodyLength, n, req.ContentLength, cmp.Or(err, io.ErrUnexpectedEOF))
	}
	return nil
}

// receive reads up to the end of the final answer's header.
func (c *conn) receive(req *http.Request) (*http.Response, error) {
	c.header.n = c.owner.HeaderLimit
	if _, err := c.br.Peek(1); err != nil {
		return nil, err
	}
	c.answered = true
	for range maxInformational + 1 {
		resp, err := http.ReadResponse(c.br, req)
		if err != nil {
			switch {
			case c.header.err != nil:
				return nil, c.header.err
			case c.header.n <= 0:
				return nil, ErrHeaderTooLarge
			}
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			c.header.n = math.MaxInt64
			return resp, nil
		}
	}
	return nil, ErrInformational
}

// answer makes the body give the connection back when it was read to its end, and end with the context before.
func (c *conn) answer(ctx context.Context, resp *http.Response, stop func() bool, keep bool) {
	b := &body{conn: c, ctx: ctx, stop: stop, from: resp.Body, keep: keep && !resp.Close && resp.StatusCode >= 200}
	if resp.Body == http.NoBody || resp.StatusCode < 200 {
		b.ended = true
		b.Close()
		resp.Body = http.NoBody
		return
	}
	resp.Body = b
}

// rewind makes the request's body readable once more.
func (*conn) rewind(req *http.Request) bool {
	if req.GetBody == nil {
		return true
	}
	again, err := req.GetBody()
	if err != nil {
		return false
	}
	req.Body = again
	return true
}

// body is an answer's body.
type body struct {
	conn   *conn
	ctx    context.Context //nolint:containedctx // the body lives as long as its request
	stop   func() bool
	from   io.Reader
	keep   bool // the answer allows to use the connection again
	ended  bool // it was read to its end
	closed bool
}

// Read reads on until the request's context ends.
func (b *body) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.from.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended = true
		return n, err
	}
	if err != nil {
		err = contextError(b.ctx, err)
	}
	return n, err
}

// Close keeps the connection for the next request, if nothing of this answer or behind it is left.
func (b *body) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	c := b.conn
	if b.stop() && b.ended && b.keep && c.br.Buffered() == 0 {
		c.owner.put(c)
		return nil
	}
	return c.Close()
}
