// Package requestid names a request, so that an answer, a log line, a span and an error can be found by one another.
package requestid

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
)

// Header carries the id in both directions.
const Header = "X-Request-Id"

// maxLength is the longest id that is taken from a caller, in bytes.
const maxLength = 128

// Of gives the caller's id where it is harmless (1 to 128 letters, digits and -_.:+/=@), else a new one.
func Of(h http.Header) string {
	if v := h[Header]; len(v) == 1 && harmless(v[0]) {
		return v[0]
	}
	return New()
}

// New makes an id of 128 random bits in hexadecimal. It names, it does not protect: it need not be hard to guess.
func New() string {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:8], rand.Uint64()) //nolint:gosec // see above
	binary.LittleEndian.PutUint64(raw[8:], rand.Uint64()) //nolint:gosec // see above
	return hex.EncodeToString(raw[:])
}

func harmless(s string) bool {
	if s == "" || len(s) > maxLength {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '+', c == '/', c == '=', c == '@':
		default:
			return false
		}
	}
	return true
}
