package digest

import (
	"crypto/md5" //nolint:gosec // what the other side asks for
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"net/http"
	"slices"
	"strings"
)

// challenge is what a server asks (RFC 7616, section 3.3).
type challenge struct {
	realm, nonce, opaque string
	hasOpaque            bool
	// algorithm is its name as the server wrote it, empty where it did not; sum is the hash and sess its variant "-sess".
	algorithm string
	sum       func() hash.Hash
	sess      bool
	strength  int
	// auth and authInt are the kinds of protection that are offered. Neither: RFC 2069, which has none.
	auth, authInt bool
	stale         bool
	userhash      bool
	utf8          bool
}

// longestParameter is how long a value of a challenge may be, in bytes: it is sent back with each request.
const longestParameter = 4 << 10

// strongest finds the challenge of the strongest algorithm in an answer's headers, the first where there are several; nil: there is
// none that can be answered.
func strongest(h http.Header) *challenge {
	var best *challenge
	for _, line := range h["Www-Authenticate"] {
		for _, one := range challenges(line) {
			if !strings.EqualFold(one.scheme, "digest") {
				continue
			}
			if c := newChallenge(one.parameters); c != nil && (best == nil || c.strength > best.strength) {
				best = c
			}
		}
	}
	return best
}

// newChallenge reads the parameters of a challenge; nil: it cannot be answered.
func newChallenge(parameters []parameter) *challenge {
	c := &challenge{sum: md5.New, strength: 1}
	var qop string
	offered := false
	seen := make(map[string]bool, len(parameters))
	for _, p := range parameters {
		name := strings.ToLower(p.name)
		if seen[name] || len(p.value) > longestParameter || strings.ContainsFunc(p.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil
		}
		seen[name] = true
		switch name {
		case "realm":
			c.realm = p.value
		case "nonce":
			c.nonce = p.value
		case "opaque":
			c.opaque, c.hasOpaque = p.value, true
		case "algorithm":
			c.algorithm = p.value
		case "qop":
			qop, offered = p.value, true
		case "stale":
			c.stale = strings.EqualFold(p.value, "true")
		case "userhash":
			c.userhash = strings.EqualFold(p.value, "true")
		case "charset":
			c.utf8 = strings.EqualFold(p.value, "utf-8")
		}
	}
	for word := range strings.FieldsFuncSeq(qop, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		c.auth = c.auth || strings.EqualFold(word, "auth")
		c.authInt = c.authInt || strings.EqualFold(word, "auth-int")
	}
	if !seen["realm"] || c.nonce == "" || offered && !c.auth && !c.authInt || !c.known() {
		return nil
	}
	return c
}

// known sets the hash of the algorithm's name.
func (c *challenge) known() bool {
	name := strings.ToLower(c.algorithm)
	name, c.sess = strings.CutSuffix(name, "-sess")
	switch name {
	case "", "md5":
		return c.algorithm == "" || name != ""
	case "sha-256":
		c.sum, c.strength = sha256.New, 2
	case "sha-512-256":
		c.sum, c.strength = sha512.New512_256, 3
	case "sha-512": // not of the RFC; some devices have it
		c.sum, c.strength = sha512.New, 3
	default:
		return false
	}
	return true
}

// scheme is one challenge of a header, and parameter one of its parameters, unquoted.
type (
	scheme struct {
		scheme     string
		parameters []parameter
	}
	parameter struct{ name, value string }
)

// challenges takes a header WWW-Authenticate apart (RFC 9110, section 11.6.1). Commas separate challenges as well as their
// parameters: what has no "=" behind its first word begins a challenge. What cannot be read ends the list, with the challenge in
// which it stands.
func challenges(line string) []scheme {
	var out []scheme
	for rest := line; ; {
		rest = strings.TrimLeft(rest, ", \t")
		if rest == "" {
			return out
		}
		name, after := token(rest)
		if name == "" {
			return out
		}
		if assigned := strings.TrimLeft(after, " \t"); strings.HasPrefix(assigned, "=") {
			value, behind, ok := valueOf(strings.TrimLeft(assigned[1:], " \t"))
			if !ok || len(out) == 0 {
				return out[:max(len(out)-1, 0)]
			}
			last := &out[len(out)-1]
			last.parameters = append(last.parameters, parameter{name, value})
			rest = behind
			continue
		}
		out = append(out, scheme{scheme: name})
		rest = token68(after)
	}
}

// valueOf reads the value of a parameter up to the comma behind it. Without quotes it may be more than a token: many servers send
// their nonces so, with slashes and equal signs.
func valueOf(s string) (value, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		value, rest, ok = quoted(s[1:])
	} else {
		end := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' || r == '"' })
		if end < 0 {
			end = len(s)
		}
		value, rest, ok = s[:end], s[end:], end > 0
	}
	next := strings.TrimLeft(rest, " \t")
	return value, rest, ok && (next == "" || next[0] == ',')
}

// quoted reads a quoted string behind its first quote.
func quoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// token reads the name of a scheme or parameter.
func token(s string) (value, rest string) {
	end := strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`",;=()<>@[]{}\?`, r)
	})
	if end < 0 {
		return s, ""
	}
	return s[:end], s[end:]
}

// token68 skips what other schemes have in the place of parameters: Negotiate abc==.
func token68(s string) string {
	trimmed := strings.TrimLeft(s, " \t")
	word, rest := token(trimmed)
	rest = strings.TrimLeft(rest, "=")
	if after := strings.TrimLeft(rest, " \t"); word != "" && (after == "" || after[0] == ',') {
		return after
	}
	return s
}

// protection is the word of qop that a challenge is answered with: the cheaper one. Empty: RFC 2069.
func (c *challenge) protection() string {
	switch {
	case c.auth:
		return "auth"
	case c.authInt:
		return "auth-int"
	}
	return ""
}

// nextNonce finds the nonce for the next request in an answer (RFC 7616, section 3.5); empty: there is none.
func nextNonce(h http.Header) string {
	for _, line := range h["Authentication-Info"] {
		list := challenges("Digest " + line) // the same list of parameters
		if len(list) != 1 {
			continue
		}
		i := slices.IndexFunc(list[0].parameters, func(p parameter) bool { return strings.EqualFold(p.name, "nextnonce") })
		if i >= 0 {
			nonce := list[0].parameters[i].value
			if nonce != "" && len(nonce) <= longestParameter && !strings.ContainsFunc(nonce, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return nonce
			}
		}
	}
	return ""
}
