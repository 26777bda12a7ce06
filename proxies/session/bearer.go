package session

import (
	"errors"
	"net/http"
	"strings"
)

// Bearer sends a fixed token (RFC 6750). Its zero value sends none.
type Bearer struct {
	Token string
}

// Check says what is wrong with the token, without telling it.
func (b Bearer) Check() error {
	if b.Token == "" || strings.ContainsFunc(b.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the token is empty or holds what no token has: a blank, a line's end, a letter that is not of ASCII")
	}
	return nil
}

// Mode is none: a caller sends nothing.
func (Bearer) Mode() Mode { return ModeNone }

// PerCaller is false: the token is the gateway's.
func (Bearer) PerCaller() bool { return false }

// ServiceAccount is true.
func (Bearer) ServiceAccount() bool { return true }

// SetsHeaders gives Authorization.
func (Bearer) SetsHeaders() []string { return []string{"Authorization"} }

// RoundTrip sends req with the token.
func (b Bearer) RoundTrip(req *http.Request, _ Caller, next http.RoundTripper) (*http.Response, error) {
	req.Header["Authorization"] = []string{"Bearer " + b.Token}
	return next.RoundTrip(req)
}

// Interface guard.
var _ HeaderSetter = Bearer{}
