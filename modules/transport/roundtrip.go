package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"runtime/debug"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/attribute"

	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// RoundTrip sends a request of reverse_proxy. A caller who is refused gets an answer, not an error: an error would count against
// the upstream, and be tried again with the same credentials.
func (s *Session) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Value(caddyhttp.ServerCtxKey) == nil {
		return s.check(req)
	}
	began := time.Now()
	ctx, span := observe.Start(req.Context(), "fairway.pass", attribute.String("fairway.service", s.Name))
	resp, outcome, err := s.pass(ctx, req)
	observe.End(span, outcome)
	s.metrics.Observe(outcome, time.Since(began))
	return resp, err
}

// check is a health check of reverse_proxy. It has no caller: where one is needed it asks the upstream as it is.
func (s *Session) check(req *http.Request) (*http.Response, error) {
	if s.auth.PerCaller() {
		return s.base.RoundTrip(req) //nolint:wrapcheck // reverse_proxy looks at what errors are
	}
	resp, _, err := s.pass(req.Context(), req)
	return resp, err
}

func (s *Session) pass(ctx context.Context, req *http.Request) (resp *http.Response, outcome string, err error) {
	caller := session.CallerOf(req)
	if s.auth.PerCaller() && !caller.Basic {
		return s.refuse(req, session.NoCredentials(s.Name))
	}
	out, body, err := s.outgoing(ctx, req)
	if err != nil {
		return s.refuse(req, &problem.Problem{
			Code: problem.BadParameter, Status: http.StatusBadRequest, Cause: err,
			Detail: "Who the caller is cannot be told to the backend: it holds characters that no header may have.",
		})
	}
	resp, err = s.send(out, caller) //nolint:contextcheck // out has it
	if err != nil {
		return s.failed(req, body, err)
	}
	return s.incoming(req, resp)
}

// send has the strategy send out. A panic of one is a defect of ours, and tells nobody anything.
func (s *Session) send(out *http.Request, caller session.Caller) (resp *http.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.log.ErrorContext(out.Context(), "a strategy panicked", slog.String("service", s.Name),
				slog.String("type", fmt.Sprintf("%T", v)), slog.String("stack", string(debug.Stack())))
			resp, err = nil, problem.Of(fmt.Errorf("panic of type %T", v))
		}
	}()
	next := s.pin(out)
	out.URL.Scheme, out.URL.Host = next.at.scheme, next.at.host
	resp, err = s.auth.RoundTrip(out, caller, next)
	switch {
	case err != nil:
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return nil, err //nolint:wrapcheck // reverse_proxy looks at what errors are
	case resp == nil:
		return nil, errors.New("the strategy gave neither an answer nor an error")
	case resp.Body == nil:
		resp.Body = http.NoBody
	}
	return resp, nil
}

// outgoing makes of a request what the strategy may change: reverse_proxy's own is needed again where it retries.
// Body is its body, nil where it has none.
func (s *Session) outgoing(ctx context.Context, req *http.Request) (out *http.Request, body *upload, err error) {
	// Headers of 1xx answers go to the caller while the answer is waited for, by a hook that is called after this one.
	out = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			s.answer.Strip(http.Header(h))
			return nil
		},
	}))
	u := *req.URL
	out.URL = &u
	if b, ok := s.base.(interface{ SetScheme(req *http.Request) }); ok {
		b.SetScheme(out)
	} else if u.Scheme == "" {
		u.Scheme = "http"
		if s.TLSEnabled() {
			u.Scheme = "https"
		}
	}
	out.Header = req.Header.Clone()
	s.request.Strip(out.Header)
	for name := range out.Header {
		// Authorization has been read, and is what the strategy makes of it. Proxy is HTTP_PROXY to a CGI program.
		if name == "Authorization" || name == "Proxy" || strings.HasPrefix(name, "Proxy-") {
			delete(out.Header, name)
		}
	}
	if err := s.assert(ctx, out.Header); err != nil {
		return nil, nil, err
	}
	if out.Body != nil && out.Body != http.NoBody {
		s.request.Strip(out.Trailer)
		body = &upload{open: overHTTP1(ctx), trailed: trailed{ReadCloser: out.Body, pass: s.request, trailer: func() http.Header { return out.Trailer }}}
		out.Body = body
	}
	return out, body, nil
}

// assert sets what the configuration says of who the caller is.
func (s *Session) assert(ctx context.Context, h http.Header) error {
	repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return nil
	}
	for _, set := range s.Identity.Set {
		if err := identity.Set(h, set.Name, repl.ReplaceAll(set.Value, "")); err != nil {
			return fmt.Errorf("%s: %w", set.Name, err)
		}
	}
	// What an earlier handler set, a caller's Connection has taken away before it came here.
	for _, name := range s.request.Names() {
		if _, there := h[name]; there {
			continue
		}
		if v, _ := repl.GetString("http.request.header.Connection"); identity.Named([]string{v}, name) {
			value, _ := repl.GetString("http.request.header." + name)
			if err := identity.Set(h, name, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// incoming makes of an answer what the caller may have.
func (s *Session) incoming(req *http.Request, resp *http.Response) (*http.Response, string, error) {
	s.answer.Strip(resp.Header)
	switch resp.StatusCode {
	case http.StatusSwitchingProtocols:
		return resp, observe.OK, nil // its body is the connection
	case http.StatusUnauthorized:
		if s.auth.ServiceAccount() {
			return s.refused(req, resp)
		}
		if s.auth.PerCaller() && len(resp.Header["Www-Authenticate"]) == 0 {
			resp.Header["Www-Authenticate"] = session.Challenge(s.Name)["Www-Authenticate"]
		}
	case http.StatusProxyAuthRequired:
		return s.refused(req, resp)
	}
	s.answer.Strip(resp.Trailer)
	if resp.ContentLength < 0 || resp.ProtoMajor != 1 {
		resp.Body = &trailed{ReadCloser: resp.Body, pass: s.answer, trailer: func() http.Header { return resp.Trailer }}
	}
	return resp, observe.OK, nil
}

// refused answers that it is the gateway whom the backend refuses, which the caller can do nothing about.
func (s *Session) refused(req *http.Request, resp *http.Response) (*http.Response, string, error) {
	resp.Body.Close()
	return s.refuse(req, &problem.Problem{
		Code: problem.BackendStatus, Status: http.StatusBadGateway, BackendStatus: resp.StatusCode,
		Detail: fmt.Sprintf("The backend answered %d %s to the gateway.", resp.StatusCode, http.StatusText(resp.StatusCode)),
	})
}

// failed is what becomes of an error. That of the upstream stays one of reverse_proxy's, with a problem around it. A caller who
// leaves, or whose body breaks, is no failure of the upstream, whatever it broke there.
func (s *Session) failed(req *http.Request, body *upload, err error) (*http.Response, string, error) {
	fault := body.fault()
	if fault == nil && errors.Is(req.Context().Err(), context.Canceled) {
		fault = context.Canceled
	}
	if fault != nil {
		if p := refusalOf(fault); p != nil {
			return s.refuse(req, p)
		}
		if !errors.Is(err, context.Canceled) {
			err = fmt.Errorf("%w: %w", context.Canceled, err)
		}
		return nil, "cancelled", err
	}
	if login, ok := errors.AsType[*session.LoginError](err); ok {
		return s.refuse(req, login.Refusal("The backend", s.Name, s.auth.ServiceAccount()))
	}
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok {
		p = &problem.Problem{Code: problem.BackendUnreachable, Status: http.StatusBadGateway, Detail: "The backend cannot be reached, or broke the connection.", Cause: err}
		if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
			p.Code, p.Status, p.Detail = problem.BackendTimeout, http.StatusGatewayTimeout, "The backend gave no answer in time."
		}
	}
	return nil, p.Code, caddyhttp.Error(p.Status, p)
}
