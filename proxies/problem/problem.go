// Package problem is the one error document of the gateway: RFC 9457 problem details with the members
// that older clients read.
package problem

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// typePrefix and a code make the `type` member of a problem. It is a name, not an address.
const typePrefix = "urn:fairway:problem:"

// Codes name what went wrong; they are the last part of the `type` member and never change their meaning.
// A problem that HTTP's own status says all about has no code and the type about:blank.
const (
	BadParameter         = "bad_parameter"          // a parameter of the caller is missing or not as declared
	BadBody              = "bad_body"               // the body of the request is not as the route takes it
	BadPath              = "bad_path"               // the path holds what no backend should ever see
	NoCredentials        = "no_credentials"         // the caller's credentials are needed and there are none
	BadCredentials       = "bad_credentials"        // the credentials were tried, at the backend's login or by the store, and refused
	InvalidToken         = "invalid_token"          // the token is none of the gateway's
	TokenExpired         = "token_expired"          // the token's time is over
	TokenRevoked         = "token_revoked"          // the token, its login, client or user has ended
	UserInactive         = "user_inactive"          // the token's user may not do anything now
	InsufficientScope    = "insufficient_scope"     // the token has not the scopes
	TooManyAttempts      = "too_many_attempts"      // passwords were tried too often
	Busy                 = "busy"                   // too many passwords are being checked
	MFARequired          = "mfa_required"           // the backend's login asks for a second factor
	UnsupportedLoginPage = "unsupported_login_page" // the backend's login is none that can be gone through
	NotAllowed           = "not_allowed"            // the login went well, and its user may not in
	LoginUnavailable     = "login_unavailable"      // the backend's login does not work now
	BackendStatus        = "backend_status"         // the backend answered with a status of failure
	BackendRedirect      = "backend_redirect"       // the backend redirected where it may not
	BackendTimeout       = "backend_timeout"        // no complete answer in time
	BackendUnreachable   = "backend_unreachable"    // no connection, or the connection broke
	BackendCut           = "backend_cut"            // the body ended before its length
	BackendTooLarge      = "backend_too_large"      // the body is longer than the backend's limit
	BackendEmpty         = "backend_empty"          // no body where one was due
	Undecodable          = "undecodable"            // the body is not what the decoder or charset says
	BackendFailed        = "backend_failed"         // fail_when found a failure inside an answer of success
	BreakerOpen          = "breaker_open"           // the backend failed too often lately and is left alone
	MemorySpent          = "memory_spent"           // the gateway's budget for buffered bytes is spent
	ReplyFailed          = "reply_failed"           // a jq program could not make its value of this answer
	SchemaDrift          = "schema_drift"           // the answer is not of the shape that the route promises
	NotAcceptable        = "not_acceptable"         // the caller accepts none of the outputs that the route has
	BadValue             = "bad_value"              // a value that one fetch gave cannot stand where another one has it
	OriginNotAllowed     = "origin_not_allowed"     // a URL in a value leads where the backend's origins do not allow
	PaginationLoop       = "pagination_loop"        // a page leads to one that was there before
	Truncated            = "truncated"              // a list was longer than may be read of it
	DependencyFailed     = "dependency_failed"      // a fetch needs the value of another that failed
	NestedPartial        = "nested_partial"         // the backend is a gateway that answered without one of its parts
	StoreUnavailable     = "store_unavailable"      // the gateway's own store, in which users are, does not answer
	LogFull              = "log_full"               // the log of an execution is as long as it may be
	RateLimited          = "rate_limited"           // more requests than may be made in a time
	GatewayLost          = "gateway_lost"           // the gateway that made a long answer has ended, and no other could make it
	Cancelled            = "cancelled"              // the execution of a long answer was cancelled
	Internal             = "internal"               // a defect of the gateway
)

// Problem is one failure as the caller is told it. It is an error, so that it can travel up unchanged.
type Problem struct {
	// Code is one of the constants above, or empty for a problem that its status says all about.
	Code string
	// Status is the HTTP status of the answer, 400 to 599.
	Status int
	// Detail is a sentence for the caller: no credentials, no stack, nothing of the gateway's inside.
	Detail string
	// Reason is the backend's reason phrase. Default: the standard phrase of Status.
	Reason string
	// ErrorContent is the backend's text, cleaned and cut by Excerpt; nil where there is none.
	ErrorContent *string
	// BackendStatus is the status that the backend answered with; 0 where it answered none.
	BackendStatus int
	// Backend and Fetch name where it went wrong; Parameter the caller's parameter that is at fault.
	Backend, Fetch, Parameter string
	// Faults are the places in the caller's body that are at fault.
	Faults []Fault
	// RetryAfter, where not 0, becomes the header Retry-After in whole seconds, rounded up.
	RetryAfter time.Duration
	// Header holds further headers of the answer (Allow, WWW-Authenticate). May be nil.
	Header http.Header
	// Cause is for the log only.
	Cause error
}

// Fault is a place in a caller's body, as a JSON pointer (RFC 6901), and what is wrong there.
type Fault struct {
	Pointer, Detail string
}

func (f Fault) String() string {
	if f.Pointer == "" {
		return "it " + f.Detail
	}
	return f.Pointer + " " + f.Detail
}

// Error gives the sentence for logs, the cause included.
func (p *Problem) Error() string {
	name := cmp.Or(p.Code, http.StatusText(p.Status))
	if p.Cause != nil {
		return fmt.Sprintf("%d %s: %s: %v", p.Status, name, p.Detail, p.Cause)
	}
	return fmt.Sprintf("%d %s: %s", p.Status, name, p.Detail)
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Of finds the problem in err, or makes a 500 of it that tells the caller nothing of err.
func Of(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	return &Problem{Code: Internal, Status: http.StatusInternalServerError, Detail: "The gateway failed; the log has more under this request id.", Cause: err}
}
