package wrap

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// router finds the route of a method and path. It follows net/http's ServeMux (most specific wins) except that it
// never redirects, that a pattern ending in "/" matches that path only, and that it works on a path whose prefix is
// taken off. ServeMux itself judges at load whether patterns conflict.
type router[T any] struct {
	root node[T]
}

// node is one segment. Literals win over one wildcard, that over the rest of the path.
type node[T any] struct {
	literals map[string]*node[T]
	single   *node[T]
	leaf     *leaf[T] // the path ends here
	rest     *leaf[T] // {name...} takes what follows
}

// leaf holds what stands at a pattern, by method.
type leaf[T any] struct {
	byMethod map[string]T
}

// segment is one part of a pattern between slashes.
type segment struct {
	text     string // the literal, unescaped, or the wildcard's name
	wildcard bool
	rest     bool
}

// parsePattern splits a pattern such as /a/{b}/{c...}. The error says what a user should write instead.
func parsePattern(pattern string) ([]segment, error) {
	if !strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("the pattern %q must start with /", pattern)
	}
	if i := strings.IndexAny(pattern, "?#"); i >= 0 {
		return nil, fmt.Errorf("the pattern %q has a %q: query parameters are not part of a pattern, use param or {query.x}", pattern, pattern[i:i+1])
	}
	var out []segment
	seen := map[string]bool{}
	parts := strings.Split(pattern[1:], "/")
	for i, part := range parts {
		last := i == len(parts)-1
		s, err := parseSegment(pattern, part, last)
		if err != nil {
			return nil, err
		}
		if s.wildcard {
			if seen[s.text] {
				return nil, fmt.Errorf("the pattern %q has {%s} twice", pattern, s.text)
			}
			seen[s.text] = true
		}
		out = append(out, s)
	}
	return out, nil
}

func parseSegment(pattern, part string, last bool) (segment, error) {
	if part == "{$}" {
		if !last {
			return segment{}, fmt.Errorf("in the pattern %q {$} must stand at the end", pattern)
		}
		return segment{text: ""}, nil
	}
	if !strings.ContainsAny(part, "{}") {
		if part == "" && !last {
			return segment{}, fmt.Errorf("the pattern %q has an empty segment", pattern)
		}
		lit, err := url.PathUnescape(part)
		if err != nil {
			return segment{}, fmt.Errorf("the pattern %q has an escape that is none", pattern)
		}
		if bad := checkText(lit); bad != "" {
			return segment{}, fmt.Errorf("the pattern %q has %s", pattern, bad)
		}
		if lit == "." || lit == ".." {
			return segment{}, fmt.Errorf("the pattern %q has a segment that is only dots", pattern)
		}
		return segment{text: lit}, nil
	}
	name, ok := strings.CutPrefix(part, "{")
	if ok {
		name, ok = strings.CutSuffix(name, "}")
	}
	if !ok || strings.ContainsAny(name, "{}") {
		return segment{}, fmt.Errorf("the pattern %q mixes text and a parameter in the segment %q; a parameter is a whole segment", pattern, part)
	}
	name, rest := strings.CutSuffix(name, "...")
	if before, _, found := strings.Cut(name, ":"); found {
		return segment{}, fmt.Errorf("in the pattern %q write {%s} and a line: param %s string pattern <re>", pattern, before, before)
	}
	if !IsName(name) {
		return segment{}, fmt.Errorf("in the pattern %q %q is no name for a parameter: use letters, digits and _", pattern, name)
	}
	if rest && !last {
		return segment{}, fmt.Errorf("in the pattern %q {%s...} must stand at the end", pattern, name)
	}
	return segment{text: name, wildcard: true, rest: rest}, nil
}

// IsName says whether s can be a jq variable: [A-Za-z_][A-Za-z0-9_]*.
func IsName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func (rt *router[T]) add(method string, segments []segment, v T) {
	n := &rt.root
	for _, s := range segments {
		if s.rest {
			put(&n.rest, method, v)
			return
		}
		n = n.child(s)
	}
	put(&n.leaf, method, v)
}

func (n *node[T]) child(s segment) *node[T] {
	if s.wildcard {
		if n.single == nil {
			n.single = new(node[T])
		}
		return n.single
	}
	if n.literals == nil {
		n.literals = map[string]*node[T]{}
	}
	c := n.literals[s.text]
	if c == nil {
		c = new(node[T])
		n.literals[s.text] = c
	}
	return c
}

func put[T any](l **leaf[T], method string, v T) {
	if *l == nil {
		*l = &leaf[T]{byMethod: map[string]T{}}
	}
	(*l).byMethod[method] = v
}

// find gives the route of method and the values of the pattern's wildcards, in order, escaped as they came. Where
// only other methods fit, allow lists them.
func (rt *router[T]) find(method, escaped string, values []string) (v T, vals []string, allow []string, ok bool) {
	f := finder[T]{method: method, values: values}
	if escaped == "" {
		escaped = "/"
	}
	f.walk(&rt.root, escaped[1:], false)
	return f.found, f.values, f.allow, f.ok
}

type finder[T any] struct {
	method string
	values []string
	allow  []string
	found  T
	ok     bool
}

// walk takes the segments of path, the part after a slash; done says that the path has ended before it.
func (f *finder[T]) walk(n *node[T], path string, done bool) bool {
	if done {
		return f.take(n.leaf)
	}
	segment, next, more := strings.Cut(path, "/")
	if n.literals != nil {
		lit := segment
		if strings.Contains(lit, "%") {
			lit, _ = url.PathUnescape(lit) // checked by checkPath
		}
		if c := n.literals[lit]; c != nil && f.walk(c, next, !more) {
			return true
		}
	}
	mark := len(f.values)
	if n.single != nil && segment != "" {
		f.values = append(f.values, segment)
		if f.walk(n.single, next, !more) {
			return true
		}
		f.values = f.values[:mark]
	}
	if n.rest != nil {
		f.values = append(f.values, path)
		if f.take(n.rest) {
			return true
		}
		f.values = f.values[:mark]
	}
	return false
}

func (f *finder[T]) take(l *leaf[T]) bool {
	if l == nil {
		return false
	}
	v, ok := l.byMethod[f.method]
	if !ok && f.method == http.MethodHead {
		v, ok = l.byMethod[http.MethodGet]
	}
	if ok {
		f.found, f.ok = v, true
		return true
	}
	for m := range l.byMethod {
		f.allow = append(f.allow, m)
	}
	return false
}

// allowHeader is the value of Allow for methods, with what GET and every resource bring along.
func allowHeader(methods []string) string {
	all := append([]string{http.MethodOptions}, methods...)
	if slices.Contains(methods, http.MethodGet) {
		all = append(all, http.MethodHead)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// conflict says whether ServeMux refuses b beside a.
func conflict(methodA, a, methodB, b string) (reason string) {
	defer func() {
		if p := recover(); p != nil {
			reason = fmt.Sprint(p)
		}
	}()
	mux := http.NewServeMux()
	mux.Handle(methodA+" "+muxPattern(a), http.NotFoundHandler())
	mux.Handle(methodB+" "+muxPattern(b), http.NotFoundHandler())
	return ""
}

// muxPattern writes a pattern of ours as ServeMux means it.
func muxPattern(p string) string {
	if strings.HasSuffix(p, "/") {
		return p + "{$}"
	}
	return p
}
