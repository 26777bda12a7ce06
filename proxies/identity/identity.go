// Package identity knows the headers by which one proxy tells the next, or an application, who the caller is: whoever can
// send or read one of them is, or learns, somebody else. They pass a gateway only where its configuration names them.
package identity

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// longest is how much of a normal name is looked at, in bytes: more than the longest name and the longest beginning.
const longest = 48

// Is says whether a name is one of the family, in any spelling: "X-Forwarded-User", "x_forwarded_user",
// "X.Forwarded-User\t". CGI, WSGI and PHP make one variable of all of these, and servers differ in what else they fold, so
// names are compared in the form of normal.
func Is(name string) bool {
	if !begins(name) {
		return false
	}
	var space [longest]byte
	return ofFamily(normal(space[:0], name))
}

// begins says whether a name begins with a letter that names of the family begin with. Most headers of a request do not.
func begins(name string) bool {
	for i := range len(name) {
		if c := name[i] | 0x20; c >= 'a' && c <= 'z' {
			return strings.IndexByte("cgimorstx", c) >= 0
		}
	}
	return false
}

// normal appends the form in which names are compared, cut where there is no room for more: letters small, each run of
// anything that is neither a letter of ASCII nor a digit one hyphen, and none at either end.
func normal(to []byte, name string) []byte {
	gap := false
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			gap = len(to) > 0
			continue
		}
		if len(to)+2 > cap(to) {
			return to
		}
		if gap {
			to, gap = append(to, '-'), false
		}
		to = append(to, c)
	}
	return to
}

// Pass are the names that a configuration lets through. The zero value lets nothing through.
type Pass struct{ names []string }

// NewPass makes a Pass of names: those of the family, each as it will be sent. Other spellings of them do not pass.
func NewPass(names ...string) (Pass, error) {
	p := Pass{}
	for _, name := range names {
		key, err := Check(name)
		if err != nil {
			return Pass{}, err
		}
		if slices.Contains(p.names, key) {
			return Pass{}, fmt.Errorf("the header %s is there twice", key)
		}
		p.names = append(p.names, key)
	}
	return p, nil
}

// Check gives the canonical form of a name of the family that a configuration may name.
func Check(name string) (string, error) {
	if !httpguts.ValidHeaderFieldName(name) {
		return "", fmt.Errorf("%q is no name of a header", name)
	}
	if !Is(name) {
		return "", fmt.Errorf("%s is no identity header, and nothing is done about it", name)
	}
	return http.CanonicalHeaderKey(name), nil
}

// Names are those that pass, in canonical form.
func (p Pass) Names() []string { return slices.Clone(p.names) }

// Strip removes from h what is of the family and does not pass. It does for trailers, too.
func (p Pass) Strip(h http.Header) {
	for name := range h {
		if Is(name) && !slices.Contains(p.names, name) {
			delete(h, name)
		}
	}
}

// Same says whether two names are one to a program that folds spellings.
func Same(a, b string) bool {
	var ours, theirs [longest]byte
	return string(normal(ours[:0], a)) == string(normal(theirs[:0], b))
}

// ErrValue says that a value cannot stand in a header.
var ErrValue = errors.New("the value holds characters that no header may have")

// Set makes value the only one that h has under a name, whatever the spelling; an empty value leaves none. The value is sent
// as it is: UTF-8, commas included. One with control characters is refused, and then h has none either.
func Set(h http.Header, name, value string) error {
	var ours, theirs [longest]byte
	want := string(normal(ours[:0], name))
	for other := range h {
		if string(normal(theirs[:0], other)) == want {
			delete(h, other)
		}
	}
	switch {
	case value == "":
		return nil
	case !httpguts.ValidHeaderFieldValue(value):
		return ErrValue
	}
	h[http.CanonicalHeaderKey(name)] = []string{value}
	return nil
}

// Named says whether the tokens of a Connection header name a header, which then is for the next hop alone (RFC 9110, 7.6.1).
func Named(connection []string, name string) bool {
	return httpguts.HeaderValuesContainsToken(connection, name)
}
