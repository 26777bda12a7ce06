package tokens

import (
	"net/http"
	"strings"
)

// Bearer gives the token of a request's Authorization. The error is a *RefusedError: Missing where there is no Authorization,
// or one of another scheme, Invalid where it is no token, too long, or there are several.
func Bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", refused(Missing)
	case len(values) > 1:
		return "", refused(Invalid)
	}
	scheme, rest, spaced := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refused(Missing)
	}
	token := strings.Trim(rest, " ")
	if !spaced || len(token) > longestToken || !token68(token) {
		return "", refused(Invalid)
	}
	return token, nil
}

// token68 is what RFC 9110 allows as a token.
func token68(s string) bool {
	s = strings.TrimRight(s, "=")
	if s == "" {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return true
}
