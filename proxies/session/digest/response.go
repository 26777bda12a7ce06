package digest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// use is one use of a nonce.
type use struct {
	*challenge

	// first is the nonce of the challenge, where that of now is a later one: the key of "-sess" is made of it once.
	first, nonce, cnonce string
	count                uint32
}

var errName = errors.New("the user's name cannot be sent: the server does not take UTF-8, and it holds a control character")

// authorize gives the header Authorization of a request.
func (u *use) authorize(req *http.Request, user, password string) (string, error) {
	if u.utf8 && utf8.ValidString(user) && utf8.ValidString(password) {
		user, password = norm.NFC.String(user), norm.NFC.String(password)
	}
	uri := target(req)
	h := u.sum()
	a2 := req.Method + ":" + uri
	if u.protection() == "auth-int" {
		body, err := bodySum(h, req)
		if err != nil {
			return "", err
		}
		a2 += ":" + body
	}
	key := digest(h, user+":"+u.realm+":"+password)
	if u.sess {
		key = digest(h, key+":"+u.first+":"+u.cnonce)
	}
	var b strings.Builder
	b.WriteString("Digest ")
	if err := u.name(&b, h, user); err != nil {
		return "", err
	}
	b.WriteString(", realm=" + quote(u.realm) + ", nonce=" + quote(u.nonce) + ", uri=" + quote(uri))
	if u.algorithm != "" {
		b.WriteString(", algorithm=" + u.algorithm)
	}
	if qop := u.protection(); qop != "" {
		count := fmt.Sprintf("%08x", u.count)
		response := digest(h, key+":"+u.nonce+":"+count+":"+u.cnonce+":"+qop+":"+digest(h, a2))
		b.WriteString(`, response="` + response + `", qop=` + qop + ", nc=" + count + `, cnonce="` + u.cnonce + `"`)
	} else {
		b.WriteString(`, response="` + digest(h, key+":"+u.nonce+":"+digest(h, a2)) + `"`)
		if u.sess {
			b.WriteString(`, cnonce="` + u.cnonce + `"`)
		}
	}
	if u.hasOpaque {
		b.WriteString(", opaque=" + quote(u.opaque))
	}
	return b.String(), nil
}

// name writes the user's name, in the spelling that it needs (RFC 7616, section 3.4).
func (u *use) name(b *strings.Builder, h hash.Hash, user string) error {
	plain := !strings.ContainsFunc(user, func(r rune) bool { return r < ' ' || r >= 0x7f })
	switch {
	case u.userhash:
		b.WriteString(`username="` + digest(h, user+":"+u.realm) + `", userhash=true`)
	case plain:
		b.WriteString("username=" + quote(user))
	case u.utf8 && utf8.ValidString(user):
		b.WriteString("username*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(user), "+", "%20"))
	case strings.ContainsFunc(user, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errName
	default: // the bytes as they are, which is what servers without the parameter charset compare
		b.WriteString("username=" + quote(user))
	}
	return nil
}

// target is what the server sees in the request line. A forward proxy is sent the whole URL, of which it passes on the path.
func target(req *http.Request) string {
	uri := req.URL.RequestURI()
	if _, rest, ok := strings.Cut(uri, "://"); ok && !strings.HasPrefix(uri, "/") {
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			return rest[i:]
		}
		return "/"
	}
	return uri
}

// bodySum is the digest of a body, for auth-int.
func bodySum(h hash.Hash, req *http.Request) (string, error) {
	h.Reset()
	if req.Body != nil && req.Body != http.NoBody && !empty(req) {
		if req.GetBody == nil {
			return "", errBody
		}
		body, err := req.GetBody()
		if err != nil {
			return "", err
		}
		defer body.Close()
		if _, err := io.Copy(h, body); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

var errBody = errors.New("the server wants a digest of the body, which cannot be had before it is sent")

func digest(h hash.Hash, text string) string {
	h.Reset()
	_, _ = io.WriteString(h, text) // a hash takes everything
	return hex.EncodeToString(h.Sum(nil))
}

// quote makes a quoted string.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
