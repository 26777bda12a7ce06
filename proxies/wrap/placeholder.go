package wrap

import (
	"net/http"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/identity"
)

// source is where a placeholder's value comes from.
type source struct {
	kind  sourceKind
	name  string
	index int  // of the path parameter, the step, or the declared query or header parameter; -1: not declared
	rest  bool // {name...}: slashes stay
	// inside are the names of members and indexes of arrays that lead to a value inside what a fetch gave.
	inside []string
	outer  bool // the fetch stands around the fan-out
}

type sourceKind int

const (
	fromPath sourceKind = iota + 1
	fromQuery
	fromHeader
	fromCaller
	fromFetch
	fromItem
	fromBody
)

// part is a piece of a template: text that is escaped for its place already, or a source.
type part struct {
	text string
	from *source
}

// scope is what the placeholders of a route may name.
type scope struct {
	names    []string // path parameters, in the pattern's order
	rest     string   // the one that is {name...}
	declared []*param
	body     bool // the route takes one
	users    bool // only users of the store may call
	plan     *plan
	step     *step // whose placeholders they are
	secret   Secrets
}

// Secrets resolves {env.X} and {file./path}. It is nil while a configuration is only checked.
type Secrets func(placeholder string) (string, error)

// callerFields are the x of {caller.x}.
func (s scope) callerFields() []string {
	if s.users {
		return identity.Fields()
	}
	return []string{"user"}
}

// parse splits text at its placeholders. Escape makes text and secrets fit the place; it may be nil.
func (s scope) parse(text string, at place, escape func(string) string) ([]part, *ConfigError) {
	var parts []part
	literal := func(t string) {
		if t == "" {
			return
		}
		if n := len(parts); n > 0 && parts[n-1].from == nil {
			parts[n-1].text += t
			return
		}
		parts = append(parts, part{text: t})
	}
	for rest := text; rest != ""; {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			literal(rest)
			break
		}
		literal(rest[:open])
		end := strings.IndexByte(rest, '}')
		if rest[open] == '}' || end < 0 || strings.Contains(rest[open+1:end], "{") {
			return nil, at.errf("%q has a brace without its other half", text)
		}
		name := rest[open+1 : end]
		rest = rest[end+1:]
		if isSecret(name) {
			value, err := s.resolve(name, at)
			if err != nil {
				return nil, err
			}
			if escape != nil {
				value = escape(value)
			}
			literal(value)
			continue
		}
		from, err := s.source(name, at)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{from: from})
	}
	return parts, nil
}

func isSecret(name string) bool {
	return strings.HasPrefix(name, "env.") || strings.HasPrefix(name, "file.")
}

// resolve gives a secret's value, or the empty string while the configuration is only checked.
func (s scope) resolve(name string, at place) (string, *ConfigError) {
	if path, ok := strings.CutPrefix(name, "file."); ok && !strings.HasPrefix(path, "/") {
		return "", at.errf("{%s} needs an absolute path: {file./run/secrets/name}", name)
	}
	if s.secret == nil {
		return "", nil
	}
	value, err := s.secret("{" + name + "}")
	if err != nil {
		return "", at.errf("{%s}: %v", name, err)
	}
	return value, nil
}

func (s scope) source(name string, at place) (*source, *ConfigError) {
	if strings.HasPrefix(name, "http.") {
		return nil, at.errf("{%s} is Caddy's placeholder; a service knows path parameters, {query.x}, {header.X} and {caller.x}", name)
	}
	kind, field, dotted := strings.Cut(name, ".")
	bare, rest := strings.CutSuffix(name, "...")
	if other := s.plan.find(kind); !rest && (other != nil || s.plan.owner != nil && kind == itemName) {
		return s.fetched(name, other, at)
	}
	if s.body && !rest && kind == bodyName {
		return s.inBody(name, at)
	}
	if rest || !dotted {
		i := slices.Index(s.names, bare)
		switch {
		case i < 0:
			return nil, at.errf("nothing binds {%s}%s", bare, Suggest(bare, slices.Concat(s.names, s.plan.names())))
		case rest && s.rest != bare:
			return nil, at.errf("{%s...} is not what the pattern calls it; write {%s}", bare, bare)
		}
		return &source{kind: fromPath, name: bare, index: i, rest: rest}, nil
	}
	if field == "" {
		return nil, at.errf("{%s} names nothing", name)
	}
	switch kind {
	case "query":
		return &source{kind: fromQuery, name: field, index: s.declaration(inQuery, field)}, nil
	case "header":
		switch h := http.CanonicalHeaderKey(field); h {
		case "Authorization", "Cookie", "Proxy-Authorization":
			return nil, at.errf("{%s} would hand the caller's credentials on; the backend's auth does that", name)
		default:
			if s.step != nil {
				s.step.header = true
			}
			return &source{kind: fromHeader, name: h, index: s.declaration(inHeader, h)}, nil
		}
	case "caller":
		known := s.callerFields()
		switch {
		case slices.Contains(known, field):
		case slices.Contains(identity.Fields(), field):
			return nil, at.errf("{%s} is known of users alone, and here anyone may call; add a line to the service: callers users", name)
		default:
			return nil, at.errf("{%s} is unknown: a caller has %s%s", name, strings.Join(known, ", "), Suggest(field, known))
		}
		if s.step != nil {
			s.step.caller = true
		}
		return &source{kind: fromCaller, name: field}, nil
	}
	return nil, at.errf("{%s} is unknown%s", name, Suggest(kind, slices.Concat([]string{"query", "header", "caller", "env", "file"}, s.names, s.plan.names())))
}

// fetched is a value inside what another step gives, which this one then waits for, or inside the item: nil.
func (s scope) fetched(name string, other *step, at place) (*source, *ConfigError) {
	if s.step == nil {
		return nil, at.errf("{%s}: a backend's header has nothing of a fetch in it; put the header into the fetch", name)
	}
	inside := strings.Split(name, ".")[1:]
	if slices.Contains(inside, "") {
		return nil, at.errf("{%s} names nothing", name)
	}
	if other == nil {
		return &source{kind: fromItem, name: name, inside: inside}, nil
	}
	s.step.need(other)
	return &source{kind: fromFetch, name: name, index: other.index, inside: inside, outer: other.plan != s.plan}, nil
}

// inBody is a value inside the body of the request.
func (s scope) inBody(name string, at place) (*source, *ConfigError) {
	inside := strings.Split(name, ".")[1:]
	if slices.Contains(inside, "") {
		return nil, at.errf("{%s} names nothing", name)
	}
	return &source{kind: fromBody, name: name, inside: inside}, nil
}

// declaration is the index of the declared parameter, or -1.
func (s scope) declaration(in, name string) int {
	return slices.IndexFunc(s.declared, func(p *param) bool {
		return p.In == in && (p.Name == name || in == inHeader && http.CanonicalHeaderKey(p.Name) == name)
	})
}
