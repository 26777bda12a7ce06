package wrap

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// etagBytes are how many bytes of the hash stand in an entity tag.
const etagBytes = 16

// etag is the strong entity tag of a body (RFC 9110, 8.8.3): its hash.
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	var out [2*etagBytes + 2]byte
	out[0], out[len(out)-1] = '"', '"'
	hex.Encode(out[1:], sum[:etagBytes])
	return string(out[:])
}

// matches says whether one of the tags of a header If-None-Match is tag, by the weak comparison that RFC 9110 has for
// it, or is "*".
func matches(values []string, tag string) bool {
	for _, rest := range values {
		for {
			rest = strings.TrimLeft(rest, " \t,")
			if rest == "" {
				break
			}
			if rest[0] == '*' {
				return true
			}
			rest = strings.TrimPrefix(rest, "W/")
			if rest == "" || rest[0] != '"' {
				break // no tag: what follows cannot be told apart
			}
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				break
			}
			if rest[:end+2] == tag {
				return true
			}
			rest = rest[end+2:]
		}
	}
	return false
}

// tagged sets the entity tag of a body that answers r, and says whether the caller has it already.
func tagged(h http.Header, r *http.Request, body []byte) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	tag := etag(body)
	h["Etag"] = []string{tag}
	return matches(r.Header["If-None-Match"], tag)
}
