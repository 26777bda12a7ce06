package session

import "net/http"

// None sends no credentials at all.
type None struct{}

// Mode is none.
func (None) Mode() Mode { return ModeNone }

// PerCaller is false: anybody may call.
func (None) PerCaller() bool { return false }

// ServiceAccount is false: the backend asks nobody.
func (None) ServiceAccount() bool { return false }

// RoundTrip sends req as it is.
func (None) RoundTrip(req *http.Request, _ Caller, next http.RoundTripper) (*http.Response, error) {
	return next.RoundTrip(req)
}

// Basic sends HTTP Basic credentials (RFC 7617): the caller's own, or fixed ones.
type Basic struct {
	// User and Password are the fixed credentials. An empty User means the caller's own.
	User, Password string
}

// Mode is basic where the caller must send credentials, none under a service account.
func (b Basic) Mode() Mode {
	if b.PerCaller() {
		return ModeBasic
	}
	return ModeNone
}

// PerCaller says whether the caller's own credentials are sent.
func (b Basic) PerCaller() bool { return b.User == "" }

// ServiceAccount says whether fixed credentials are sent.
func (b Basic) ServiceAccount() bool { return b.User != "" }

// SetsHeaders gives Authorization.
func (Basic) SetsHeaders() []string { return []string{"Authorization"} }

// RoundTrip sends req with an Authorization header.
func (b Basic) RoundTrip(req *http.Request, caller Caller, next http.RoundTripper) (*http.Response, error) {
	user, password := b.User, b.Password
	if b.PerCaller() {
		user, password = caller.User, caller.Password
	}
	req.SetBasicAuth(user, password)
	return next.RoundTrip(req)
}

// Interface guards.
var (
	_ Strategy     = None{}
	_ HeaderSetter = Basic{}
)
