package wrap

import (
	"net/url"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// target is a compiled fetch target: what goes on the request line, and where to.
type target struct {
	// origin of an absolute URL, without path; empty: the fetch's backend.
	origin string
	// static is the whole where nothing of it depends on the request.
	static string
	path   []part
	query  []pair
}

// pair is one name=value of a query. One whose value is a single placeholder is left out when the caller sent none.
type pair struct {
	name  string // escaped, with its "="
	value []part
	lone  *source
}

// header is a compiled Header of a fetch.
type header struct {
	name  string
	value []part
	lone  *source
}

// compileTarget reads /path?query, an absolute URL or {env.X}/path.
func (s scope) compileTarget(text string, at place) (*target, *ConfigError) {
	t := &target{}
	switch {
	case strings.Contains(text, "#"):
		return nil, at.errf("the target %q has a #: a fragment is never sent", text)
	case strings.HasPrefix(text, "//"):
		return nil, at.errf("the target %q must start with one /, or with http:// or https://", text)
	case strings.HasPrefix(text, "/"):
	case strings.HasPrefix(text, "{env.") || strings.HasPrefix(text, "{file."):
		end := strings.IndexByte(text, '}')
		if end < 0 {
			return nil, at.errf("%q has a brace without its other half", text)
		}
		base, err := s.resolve(text[1:end], at)
		if err != nil {
			return nil, err
		}
		text = strings.TrimSuffix(base, "/") + text[end+1:]
		if s.secret == nil {
			text = "http://unresolved.invalid" + text
		}
		fallthrough
	default:
		var err *ConfigError
		if t.origin, text, err = splitOrigin(text, at); err != nil {
			return nil, err
		}
	}
	path, query, _ := strings.Cut(text, "?")
	if path == "" {
		path = "/"
	}
	if _, err := url.PathUnescape(path); err != nil {
		return nil, at.errf("the target has an escape that is none in %q", path)
	}
	var err *ConfigError
	if t.path, err = s.parse(path, at, url.PathEscape); err != nil {
		return nil, err
	}
	for i, p := range t.path {
		if p.from == nil {
			t.path[i].text = escapeLiteral(p.text)
		}
	}
	if err := s.compileQuery(t, query, at); err != nil {
		return nil, err
	}
	return t, t.fold(at)
}

// splitOrigin takes scheme, host and port off an absolute URL; none of them may hold a placeholder.
func splitOrigin(text string, at place) (origin, rest string, err *ConfigError) {
	scheme, after, ok := strings.Cut(text, "://")
	if !ok || (scheme != "http" && scheme != "https") {
		return "", "", at.errf("the target %q must be /path, http://host/path, https://host/path or {env.X}/path", text)
	}
	host := after
	if i := strings.IndexAny(after, "/?"); i >= 0 {
		host, rest = after[:i], after[i:]
	}
	switch {
	case strings.ContainsAny(host, "{}"):
		return "", "", at.errf("the target %q has a placeholder in its host: a caller may not choose the server", text)
	case strings.Contains(host, "@"):
		return "", "", at.errf("the target has a user in its host; use the backend's auth")
	}
	u, perr := url.Parse(scheme + "://" + host)
	if perr != nil || u.Hostname() == "" {
		return "", "", at.errf("the target %q has no host that can be reached", text)
	}
	return scheme + "://" + host, rest, nil
}

func (s scope) compileQuery(t *target, query string, at place) *ConfigError {
	if query == "" {
		return nil
	}
	for text := range strings.SplitSeq(query, "&") {
		name, value, hasValue := strings.Cut(text, "=")
		if strings.ContainsAny(name, "{}") {
			return at.errf("the name of a query parameter in %q is a placeholder: a caller may not choose it", text)
		}
		if _, err := url.QueryUnescape(text); err != nil {
			return at.errf("the target has an escape that is none in %q", text)
		}
		parts, err := s.parse(value, at, url.QueryEscape)
		if err != nil {
			return err
		}
		for i, p := range parts {
			if p.from == nil {
				parts[i].text = escapeLiteral(p.text)
			}
		}
		p := pair{name: escapeLiteral(name), value: parts}
		if hasValue {
			p.name += "="
		}
		if len(parts) == 1 {
			p.lone = parts[0].from
		}
		t.query = append(t.query, p)
	}
	return nil
}

// escapeLiteral escapes what a request line cannot hold and leaves the writer's own escapes and delimiters alone.
func escapeLiteral(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// fold renders a target that nothing of the request goes into.
func (t *target) fold(at place) *ConfigError {
	placed := func(p part) bool { return p.from != nil }
	if slices.ContainsFunc(t.path, placed) {
		return nil
	}
	var b []byte
	for _, p := range t.path {
		b = append(b, p.text...)
	}
	if dotSegment(b) {
		return at.errf("the target has a segment that is only dots")
	}
	if slices.ContainsFunc(t.query, func(q pair) bool { return slices.ContainsFunc(q.value, placed) }) {
		return nil
	}
	t.static, _ = t.render(nil)
	return nil
}

// render gives the escaped path and query for one request.
func (t *target) render(fr *frame) (string, *problem.Problem) {
	if t.static != "" {
		return t.static, nil
	}
	b := make([]byte, 0, 128)
	for _, p := range t.path {
		if p.from == nil {
			b = append(b, p.text...)
			continue
		}
		v, prob := fr.pathValue(p.from)
		if prob != nil {
			return "", prob
		}
		b = append(b, v...)
	}
	if dotSegment(b) {
		return "", badPath("The path would have a segment that is only dots.")
	}
	sep := byte('?')
	for _, q := range t.query {
		if q.lone != nil {
			if _, there, prob := fr.value(q.lone); prob != nil {
				return "", prob
			} else if !there {
				continue
			}
		}
		b = append(append(b, sep), q.name...)
		sep = '&'
		for _, p := range q.value {
			if p.from == nil {
				b = append(b, p.text...)
				continue
			}
			v, _, prob := fr.value(p.from)
			if prob != nil {
				return "", prob
			}
			if bad := checkText(v); bad != "" {
				return "", p.from.bad("has " + bad)
			}
			b = append(b, url.QueryEscape(v)...)
		}
	}
	return string(b), nil
}

// pathValue is a value for a path: not empty, not dots, its slashes escaped unless it is the rest of a path.
func (fr *frame) pathValue(from *source) (string, *problem.Problem) {
	v, _, prob := fr.value(from)
	if prob != nil {
		return "", prob
	}
	if bad := checkText(v); bad != "" {
		return "", from.bad("has " + bad)
	}
	if v == "" {
		return "", from.bad("is missing or empty")
	}
	if !from.rest {
		if v == "." || v == ".." {
			return "", from.bad("is only dots")
		}
		return url.PathEscape(v), nil
	}
	segments := strings.Split(v, "/")
	for i, s := range segments {
		if s == "." || s == ".." {
			return "", from.bad("has a segment that is only dots")
		}
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/"), nil
}

// dotSegment says whether an escaped path has a segment "." or "..".
func dotSegment(path []byte) bool {
	for i := range path {
		if path[i] != '/' {
			continue
		}
		rest := path[i+1:]
		if len(rest) > 0 && rest[0] == '.' {
			rest = rest[1:]
			if len(rest) > 0 && rest[0] == '.' {
				rest = rest[1:]
			}
			if len(rest) == 0 || rest[0] == '/' {
				return true
			}
		}
	}
	return false
}

// render gives a header's value for one request, and whether it is to be sent at all.
func (h *header) render(fr *frame) (string, bool, *problem.Problem) {
	if h.lone != nil {
		if _, there, prob := fr.value(h.lone); prob != nil || !there {
			return "", false, prob
		}
	}
	var b strings.Builder
	for _, p := range h.value {
		if p.from == nil {
			b.WriteString(p.text)
			continue
		}
		v, _, prob := fr.value(p.from)
		if prob != nil {
			return "", false, prob
		}
		if bad := checkText(v); bad != "" {
			return "", false, p.from.bad("has " + bad)
		}
		b.WriteString(v)
	}
	return b.String(), true, nil
}
