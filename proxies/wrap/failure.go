package wrap

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/markup"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// problem says to the caller why a fetch gave no value, which was asked of a backend. The rules are those of the page docs/errors.md.
func (f *fetch) problem(to *backend, err error) *problem.Problem {
	failure, ok := errors.AsType[*upstream.Failure](err)
	if !ok {
		return problem.Of(err)
	}
	if own, ok := errors.AsType[*problem.Problem](failure.Err); ok && failure.Kind == upstream.Unusable {
		return own
	}
	p := &problem.Problem{
		Status: http.StatusBadGateway, Backend: to.label(), Fetch: f.Name,
		BackendStatus: failure.Status, Detail: failure.Detail, RetryAfter: failure.RetryAfter, Cause: err,
	}
	if failure.Status >= http.StatusBadRequest {
		p.Reason = printable(failure.Reason)
	}
	if failure.Excerpt != "" {
		p.ErrorContent = &failure.Excerpt
	}
	who := "The backend"
	if p.Backend != "" {
		who += " " + p.Backend
	}
	switch failure.Kind {
	case upstream.Unreachable:
		if errors.Is(failure.Err, upstream.ErrInside) {
			p.Describe(problem.OriginNotAllowed, "A value leads to a name that belongs to an address inside, which is not among the backend's origins.")
			break
		}
		p.Describe(problem.BackendUnreachable, who+" cannot be reached, or broke the connection.")
	case upstream.Timeout:
		p.Status = http.StatusGatewayTimeout
		p.Describe(problem.BackendTimeout, who+" gave no whole answer in time.")
	case upstream.Cut:
		p.Describe(problem.BackendCut, who+" ended its answer before the end.")
	case upstream.TooLarge:
		p.Describe(problem.BackendTooLarge, who+" answered more than is allowed to be read.")
	case upstream.Status:
		f.reflect(p, failure, who)
	case upstream.Redirected:
		if failure.Status == http.StatusNotModified {
			p.Detail = who + " answered 304 Not Modified to a request without a condition."
		}
		p.Describe(problem.BackendRedirect, who+" redirected elsewhere, which is not followed.")
	case upstream.Empty:
		p.Describe(problem.BackendEmpty, who+" answered without a body where one was due.")
	case upstream.Undecodable:
		p.Describe(problem.Undecodable, who+" answered what cannot be read as "+cmp.Or(f.Format, "its format")+why(failure.Err)+".")
	case upstream.Judged:
		p.Status = cmp.Or(failure.Verdict, http.StatusBadGateway)
		p.Describe(problem.BackendFailed, who+" answered that it failed.")
	case upstream.BreakerOpen, upstream.MemorySpent, upstream.Cancelled, upstream.Defect:
		ownFailure(p, failure.Kind, who)
	case upstream.Login:
		login, ok := errors.AsType[*session.LoginError](failure.Err)
		if !ok {
			login = &session.LoginError{Err: failure.Err}
		}
		refused := login.Refusal(who, to.config.Service, f.strategy.ServiceAccount())
		p.Status, p.RetryAfter, p.Header = refused.Status, refused.RetryAfter, refused.Header
		p.Describe(refused.Code, refused.Detail)
	case upstream.Unsendable:
		p.Status = http.StatusInternalServerError
		p.Describe(problem.Internal, "The gateway made a request that cannot be sent; the log has more under this request id.")
	case upstream.Unusable:
		p.Describe(problem.ReplyFailed, "Nothing could be made of what "+who+" answered.")
	}
	return p
}

// ownFailure describes what is not the backend's doing, or not of this request, and is the same whatever the backend is.
func ownFailure(p *problem.Problem, kind upstream.Kind, who string) {
	switch kind {
	case upstream.BreakerOpen:
		p.Status = http.StatusServiceUnavailable
		p.RetryAfter = max(p.RetryAfter, time.Second)
		p.Describe(problem.BreakerOpen, who+" failed too often lately and is left alone for a while.")
	case upstream.MemorySpent:
		p.Status = http.StatusServiceUnavailable
		p.RetryAfter = max(p.RetryAfter, time.Second)
		p.Describe(problem.MemorySpent, "The gateway is reading as much as its memory allows; try again soon.")
	case upstream.Cancelled:
		p.Status = statusClientClosed
		p.Describe("", "The caller hung up.")
	default:
		p.Status = http.StatusInternalServerError
		p.Describe(problem.Internal, "The gateway itself failed; the log has more under this request id.")
	}
}

// statusClientClosed is nginx's word for a caller who did not wait; nobody reads it but logs and metrics.
const statusClientClosed = 499

// why adds where a body is not of its format; what the error says of the format is no secret, the body stays out.
func why(err error) string {
	if e, ok := errors.AsType[*decode.SyntaxError](err); ok {
		return fmt.Sprintf(" (%s at byte %d)", e.Msg, e.Offset)
	}
	if e, ok := errors.AsType[*charset.Error](err); ok {
		return " (" + e.Error() + ")"
	}
	if e, ok := errors.AsType[*decode.LimitError](err); ok {
		return " (" + e.Error() + ")"
	}
	if _, ok := errors.AsType[*decode.DuplicateError](err); ok {
		return " (a name occurs twice in one object)"
	}
	if errors.Is(err, decode.ErrNoArray) {
		return " (" + decode.ErrNoArray.Error() + ")"
	}
	return ""
}

// said is what a SOAP Fault says, for the caller; most servers send one with status 500.
func said(fault *decode.FaultError) string {
	if fault.Reason == "" {
		return ""
	}
	return "The SOAP Fault says: " + printable(fault.Reason)
}

// reflect answers a backend's status of failure: 4xx with the same, except where it is the operator who is refused,
// or where the caller would take it for an answer about itself; 5xx with 502.
func (f *fetch) reflect(p *problem.Problem, failure *upstream.Failure, who string) {
	p.Code = problem.BackendStatus
	p.Detail = fmt.Sprintf("%s answered %d %s.", who, failure.Status, printable(failure.Reason))
	if fault := markup.FaultOf(failure.Excerpt); fault != nil && fault.Reason != "" {
		p.Detail += " " + said(fault)
	}
	switch s := failure.Status; {
	case s == http.StatusTooManyRequests:
		p.Status = http.StatusServiceUnavailable
		p.RetryAfter = max(p.RetryAfter, time.Second)
	case s == http.StatusRequestTimeout:
		p.Status = http.StatusGatewayTimeout
	case s == http.StatusProxyAuthRequired:
		p.Status = http.StatusBadGateway
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		p.Status = s
		if f.strategy.ServiceAccount() || f.signed {
			p.Status = http.StatusBadGateway
		}
	case s >= 400 && s <= 499:
		p.Status = s
	}
	if p.Status == http.StatusUnauthorized {
		p.Header = session.Challenge(f.backend.config.Service)
	}
}
