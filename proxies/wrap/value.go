package wrap

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
)

// value gives the text of a placeholder, and whether there is one: sent by the caller, a declared default, or inside what
// another fetch gave.
func (fr *frame) value(from *source) (text string, there bool, p *problem.Problem) {
	switch from.kind {
	case fromPath:
		if from.rest {
			return fr.raw[from.index], true, nil
		}
		return fr.path[from.index], true, nil
	case fromCaller:
		return fr.caller.User, fr.caller.Basic, nil
	case fromFetch, fromItem:
		return fr.fetched(from)
	case fromQuery, fromHeader:
		if i := from.index; i >= 0 { // declared: checked, with its default
			p := fr.route.params[i]
			_, sent := fr.sent(p)
			return fr.texts[i], sent || p.Default != nil, nil
		}
	}
	if from.kind == fromHeader {
		v := fr.r.Header.Values(from.name)
		if len(v) == 0 {
			return "", false, nil
		}
		return v[0], true, nil
	}
	v, ok := fr.query[from.name]
	if !ok {
		return "", false, nil
	}
	return v[0], true, nil
}

// fetched gives the text of a scalar inside what another fetch gave. Null is none.
func (fr *frame) fetched(from *source) (string, bool, *problem.Problem) {
	v := fr.item
	if from.kind == fromFetch {
		if from.outer {
			fr = fr.outer
		}
		res := &fr.results[from.index]
		if res.failed != nil && res.tree == nil {
			return "", false, &problem.Problem{
				Code: problem.DependencyFailed, Status: res.failed.Status, RetryAfter: res.failed.RetryAfter,
				Detail: "It needs {" + from.name + "}, and the fetch " + fr.plan.steps[from.index].name + " failed.",
			}
		}
		v = res.tree
	}
	for _, name := range from.inside {
		v = member(v, name)
	}
	switch v := v.(type) {
	case nil:
		return "", false, nil
	case string:
		return v, true, nil
	case json.Number:
		return string(v), true, nil
	case map[string]any, []any:
		return "", false, from.bad("is an object or array, and only text, a number or a bool can stand there")
	}
	text, err := reply.Marshal(v)
	if err != nil {
		return "", false, from.bad("cannot be written")
	}
	return string(text), true, nil
}

// member gives what an object or array has under a name or index; null where it has nothing.
func member(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		return v[name]
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v) {
			return v[i]
		}
	}
	return nil
}

// bad is the problem of a value that cannot stand where the placeholder is.
func (s *source) bad(msg string) *problem.Problem {
	name, _, _ := strings.Cut(s.name, ".")
	whose := "which the fetch " + name + " gave"
	switch s.kind {
	case fromFetch:
	case fromItem:
		whose = "of the list of each"
	default:
		return badParameter(s.name, s.place(), msg)
	}
	return &problem.Problem{Code: problem.BadValue, Status: http.StatusBadGateway, Detail: "The value {" + s.name + "}, " + whose + ", " + msg + "."}
}

// place is the word for where a caller sends the value.
func (s *source) place() string {
	switch s.kind {
	case fromQuery:
		return inQuery
	case fromHeader:
		return inHeader
	case fromCaller:
		return "caller"
	case fromPath, fromFetch, fromItem:
	}
	return inPath
}
