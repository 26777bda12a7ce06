package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

// trailed removes identity headers from trailers, which come with the end of a body.
type trailed struct {
	io.ReadCloser
	pass    identity.Pass
	trailer func() http.Header
}

func (t *trailed) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if err != nil {
		t.pass.Strip(t.trailer())
	}
	return n, err //nolint:wrapcheck // a reader is transparent
}

func (t *trailed) Close() error {
	err := t.ReadCloser.Close()
	t.pass.Strip(t.trailer())
	return err //nolint:wrapcheck // a closer is transparent
}

// upload is the body of a request. It remembers what went wrong with the caller's side of it: the error that the transport makes of
// that looks like one of the upstream.
type upload struct {
	trailed
	// open: it is the server's to close, as in request.KeepBodyOpen.
	open   bool
	broken atomic.Pointer[error]
	closed atomic.Bool
}

func (u *upload) Read(b []byte) (int, error) {
	if u.open && u.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := u.trailed.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && !u.closed.Load() {
		u.broken.CompareAndSwap(nil, &err)
	}
	return n, err
}

// Close implements io.Closer. What is read afterwards is nobody's fault.
func (u *upload) Close() error {
	u.closed.Store(true)
	if u.open {
		return nil
	}
	return u.trailed.Close()
}

// overHTTP1 says whether the caller's connection will have other requests behind this one.
func overHTTP1(ctx context.Context) bool {
	r, ok := ctx.Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	return ok && r.ProtoMajor < 2
}

// fault is what went wrong; nil: nothing, or there is no body.
func (u *upload) fault() error {
	if u == nil {
		return nil
	}
	if err := u.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// refusalOf is the answer to a caller whose body is at fault; nil: there is nobody left to be answered.
func refusalOf(fault error) *problem.Problem {
	p := &problem.Problem{Code: problem.BadBody, Cause: fault}
	if he, ok := errors.AsType[caddyhttp.HandlerError](fault); ok && he.StatusCode >= 400 && he.StatusCode <= 499 {
		p.Status, p.Detail = he.StatusCode, "The body of the request is longer than it may be."
		if he.StatusCode != http.StatusRequestEntityTooLarge {
			p.Detail = "The body of the request is refused."
		}
		return p
	}
	if slow, ok := errors.AsType[net.Error](fault); ok && slow.Timeout() {
		p.Status, p.Detail = http.StatusRequestTimeout, "The body of the request did not come in time."
		return p
	}
	return nil
}
