package wrap

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// maxPath is the longest escaped path in bytes that is looked at; what is longer is answered 414.
const maxPath = 16 << 10

// cutPrefix takes a literal prefix off an escaped path, also where the caller has escaped letters of the prefix.
// It says false where the path is not under the prefix at a segment's border.
func cutPrefix(escaped, prefix string) (rest string, ok bool) {
	if prefix == "/" {
		return escaped, true
	}
	if rest, ok := strings.CutPrefix(escaped, prefix); ok {
		return rest, rest == "" || rest[0] == '/'
	}
	if !strings.Contains(escaped, "%") {
		return "", false
	}
	rest = escaped
	for want := range strings.SplitSeq(prefix[1:], "/") {
		if rest == "" || rest[0] != '/' {
			return "", false
		}
		segment := rest[1:]
		if i := strings.IndexByte(segment, '/'); i >= 0 {
			segment, rest = segment[:i], segment[i:]
		} else {
			rest = ""
		}
		if got, err := url.PathUnescape(segment); err != nil || got != want {
			return "", false
		}
	}
	return rest, true
}

// checkPath refuses what no backend should ever see in a path: segments "." and "..", control characters, bytes
// that are no UTF-8; escaped or not.
func checkPath(escaped string) *problem.Problem {
	if len(escaped) > maxPath {
		return &problem.Problem{Status: http.StatusRequestURITooLong, Detail: "The path is too long."}
	}
	plain := true
	for i := range len(escaped) {
		if c := escaped[i]; c == '%' || c <= ' ' || c >= 0x7f || (c == '.' && (i == 0 || escaped[i-1] == '/')) {
			plain = false
			break
		}
	}
	if plain {
		return nil
	}
	for segment := range strings.SplitSeq(escaped, "/") {
		s, err := url.PathUnescape(segment)
		if err != nil {
			return badPath("The path has an escape that is none.")
		}
		if p := checkText(s); p != "" {
			return badPath("The path has a segment with " + p + ".")
		}
		if s == "." || s == ".." {
			return badPath("The path has a segment that is only dots.")
		}
	}
	return nil
}

func badPath(detail string) *problem.Problem {
	return &problem.Problem{Code: problem.BadPath, Status: http.StatusBadRequest, Detail: detail}
}

// checkText names what is wrong with a text that goes to a backend, or gives the empty string.
func checkText(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f {
			return "a control character"
		}
	}
	if !utf8.ValidString(s) {
		return "bytes that are not UTF-8"
	}
	return ""
}
