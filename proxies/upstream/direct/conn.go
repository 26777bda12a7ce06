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

// moment is how long a connection does not look whether its request's context has ended. Most answers are there by then, and to
// be called when a context ends costs more than to read a small one.
const moment = 20 * time.Millisecond

// conn is one connection. It is used by one request at a time.
type conn struct {
	net.Conn
	owner     *Transport
	header    limited
	br        *bufio.Reader
	look      look
	reused    bool
	answered  bool // a byte of the answer has come
	idleSince time.Time

	ctx   context.Context //nolint:containedctx // of the request under way
	brief bool            // the deadline that is set is the end of the first moment
	stop  func() bool     // stops being called when the context ends; nil: nothing calls
}

// begin sets the deadline of a request: the end of its first moment, or its own where that comes earlier.
func (c *conn) begin(ctx context.Context) error {
	first := time.Now().Add(moment)
	end, ok := ctx.Deadline()
	c.ctx, c.brief = ctx, !ok || first.Before(end)
	if c.brief {
		end = first
	}
	return c.SetDeadline(end)
}

// goOn says whether err is only the end of the first moment. Then the request goes on until its deadline, or its context, ends.
func (c *conn) goOn(err error) bool {
	if !c.brief || !timedOut(err) {
		return false
	}
	c.brief = false
	end, _ := c.ctx.Deadline()
	if c.SetDeadline(end) != nil {
		return false
	}
	if waited := waitedFor(c.ctx); waited.Done() != nil {
		c.stop = context.AfterFunc(waited, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	}
	return true
}

// end says whether the request was over before its context was seen to end.
func (c *conn) end() bool {
	stop := c.stop
	c.stop = nil
	return stop == nil || stop()
}

// Read reads on behind the first moment.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n == 0 && err != nil && c.goOn(err) {
		return c.Conn.Read(p)
	}
	return n, err
}

// Write writes on behind the first moment.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && c.goOn(err) {
		var more int
		more, err = c.Conn.Write(p[n:])
		n += more
	}
	return n, err
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
	c := &conn{Conn: nc, owner: t}
	c.header.from = c
	c.br = bufio.NewReader(&c.header)
	return c
}

// roundTrip sends one request and reads the answer's header. After an error the connection is of no more use.
func (c *conn) roundTrip(ctx context.Context, req *http.Request, head []byte) (*http.Response, error) {
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	writing := c.send(req, head) //nolint:contextcheck // the connection has the context since begin
	if errors.Is(writing, ErrBodyLength) {
		c.end()
		return nil, writing // the server waits for the rest, and we would for its answer
	}
	resp, err := c.receive(req)
	if err != nil {
		c.end()
		if writing != nil && !c.answered {
			return nil, writing
		}
		return nil, err
	}
	c.answer(resp, writing == nil && !req.Close)
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
	w := bufio.NewWriterSize(c, len(head)+int(min(req.ContentLength, 32<<10)))
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
func (c *conn) answer(resp *http.Response, keep bool) {
	b := &body{conn: c, from: resp.Body, keep: keep && !resp.Close && resp.StatusCode >= 200}
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
		err = contextError(b.conn.ctx, err)
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
	if c.end() && b.ended && b.keep && c.br.Buffered() == 0 {
		c.owner.put(c)
		return nil
	}
	return c.Close()
}
