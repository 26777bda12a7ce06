package session

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Header sends a fixed value in a header of any name: an API key.
type Header struct {
	// Name is in canonical spelling: X-Api-Key.
	Name  string
	Value string
}

// HeaderName gives the canonical spelling of a name that may carry credentials. Those that frame or route a message, or that
// the gateway sets itself, may not.
func HeaderName(name string) (string, error) {
	if !httpguts.ValidHeaderFieldName(name) {
		return "", fmt.Errorf("%q is no name of a header", name)
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	switch name {
	case "Host", "Connection", "Keep-Alive", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Content-Length", "Content-Type",
		"Content-Encoding", "Proxy-Connection", "Accept-Encoding", "Expect", "Range", "Traceparent", "Tracestate":
		return "", fmt.Errorf("the header %s carries no credentials", name)
	}
	return name, nil
}

// Check says what is wrong with name or value, without telling the value.
func (h Header) Check() error {
	name, err := HeaderName(h.Name)
	switch {
	case err != nil:
		return err
	case name != h.Name:
		return fmt.Errorf("the header %q is written %s", h.Name, name)
	case h.Value == "" || strings.TrimSpace(h.Value) != h.Value || !httpguts.ValidHeaderFieldValue(h.Value):
		return errors.New("the value is empty, begins or ends with a blank, or holds what no header may, like a line's end")
	}
	return nil
}

// Mode is none: a caller sends nothing.
func (Header) Mode() Mode { return ModeNone }

// PerCaller is false: the value is the gateway's.
func (Header) PerCaller() bool { return false }

// ServiceAccount is true.
func (Header) ServiceAccount() bool { return true }

// SetsHeaders gives the name.
func (h Header) SetsHeaders() []string { return []string{h.Name} }

// RoundTrip sends req with the header, and without any that a backend could take for it: many make X_API_KEY of X-Api-Key and of
// X_Api_Key alike, which in pass-through a caller may send.
func (h Header) RoundTrip(req *http.Request, _ Caller, next http.RoundTripper) (*http.Response, error) {
	for name := range req.Header {
		if len(name) == len(h.Name) && alike(name, h.Name) {
			delete(req.Header, name)
		}
	}
	req.Header[h.Name] = []string{h.Value}
	return next.RoundTrip(req)
}

// alike says that two names of one length differ in case and in what is neither letter nor digit alone.
func alike(a, b string) bool {
	plain := func(c byte) byte {
		switch {
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			return c
		}
		return '-'
	}
	for i := range len(a) {
		if plain(a[i]) != plain(b[i]) {
			return false
		}
	}
	return true
}

// Interface guard.
var _ HeaderSetter = Header{}
