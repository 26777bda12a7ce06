package wrap

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

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
		text, there := fr.named(from.name)
		return text, there, nil
	case fromFetch, fromItem, fromBody:
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
	v, p := fr.scalarOf(from)
	switch v := v.(type) {
	case nil:
		return "", false, p
	case string:
		return v, true, nil
	case json.Number:
		return string(v), true, nil
	}
	text, err := reply.Marshal(v)
	if err != nil {
		return "", false, from.bad("cannot be written")
	}
	return string(text), true, nil
}

// scalar gives the value of a placeholder as a parameter of SQL: nil, string, bool or json.Number. What a caller sends has
// the type that is declared for it, else it is text.
func (fr *frame) scalar(from *source) (any, *problem.Problem) {
	var v any
	switch from.kind {
	case fromFetch, fromItem, fromBody:
		var p *problem.Problem
		if v, p = fr.scalarOf(from); p != nil {
			return nil, p
		}
	case fromPath: // unescaped, the rest of a path too
		v = fr.path[from.index]
		if i := fr.declared(from); i >= 0 {
			v = fr.params[i]
		}
	case fromQuery, fromHeader, fromCaller:
		text, there, p := fr.value(from)
		if p != nil || !there {
			return nil, p
		}
		v = text
		switch {
		case from.kind == fromCaller && from.name == "number":
			v = json.Number(text)
		case from.kind != fromCaller && from.index >= 0:
			v = fr.params[from.index]
		}
	}
	switch n := v.(type) {
	case nil, bool, json.Number:
		return v, nil
	case string:
		if !utf8.ValidString(n) || strings.Contains(n, "\x00") {
			return nil, from.bad("is no text that a database takes")
		}
		return n, nil
	}
	text, err := reply.Marshal(v)
	if err != nil {
		return nil, from.bad("cannot be written")
	}
	return json.Number(text), nil
}

// declared is the index of the declared parameter of a path parameter, or -1.
func (fr *frame) declared(from *source) int {
	return slices.IndexFunc(fr.route.params, func(p *param) bool { return p.In == inPath && p.Name == from.name })
}

// scalarOf gives a scalar inside what another fetch gave, or inside an item.
func (fr *frame) scalarOf(from *source) (any, *problem.Problem) {
	v := fr.item
	if from.kind == fromBody {
		v = fr.body
	}
	if from.kind == fromFetch {
		if from.outer {
			fr = fr.outer
		}
		res := &fr.results[from.index]
		if res.failed != nil && res.tree == nil {
			return nil, &problem.Problem{
				Code: problem.DependencyFailed, Status: res.failed.Status, RetryAfter: res.failed.RetryAfter,
				Detail: "It needs {" + from.name + "}, and the fetch " + fr.plan.steps[from.index].name + " failed.",
			}
		}
		v = res.tree
	}
	for _, name := range from.inside {
		v = member(v, name)
	}
	switch v.(type) {
	case map[string]any, []any:
		return nil, from.bad("is an object or array, and only text, a number or a bool can stand there")
	}
	return v, nil
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
	case fromBody:
		return badBody(http.StatusBadRequest, "The value {"+s.name+"} of the body "+msg+".")
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
	case fromPath, fromFetch, fromItem, fromBody:
	}
	return inPath
}
