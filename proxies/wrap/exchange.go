package wrap

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// exchange is one request of a caller on its way through a route. Its fields are set before the fetches start and only
// read by them; what they give is in the frame.
type exchange struct {
	ctx      context.Context
	r        *http.Request
	id       string
	route    *route
	raw      []string // path parameters, escaped as they came
	path     []string // and unescaped
	params   []any    // jq values of the declared and path parameters, see route.params
	texts    []string // and their texts; the default where none was sent
	query    url.Values
	caller   session.Caller
	user     *identity.User // of the store, where only its users may call
	body     any            // of a route that takes one
	charged  int64          // bytes of the memory budget, for the body
	key      string         // of a route that sends one, see Fetch.IdempotencyKey
	writer   http.ResponseWriter
	header   http.Header // of a good answer, beside what every one has
	start    time.Time
	root     frame
	trace    *Trace
	output   string // what is answered; empty: not chosen yet
	readings *readings
	verdict  rate.Verdict     // of the limits
	streamed *stream          // of a route that answers record by record
	prefix   string           // of the service, under which the request came
	told     *problem.Problem // what the caller was told that went wrong
	handed   bool             // the answer is made without the request, which releases nothing
}

// admit reads and checks what the caller sent, before any backend hears of it.
func (x *exchange) admit() *problem.Problem {
	x.path = x.raw
	for i, raw := range x.raw {
		if strings.Contains(raw, "%") {
			if &x.path[0] == &x.raw[0] {
				x.path = slices.Clone(x.raw)
			}
			x.path[i], _ = url.PathUnescape(raw) // checked by checkPath
		}
	}
	if x.r.URL.RawQuery != "" {
		query, err := url.ParseQuery(x.r.URL.RawQuery)
		if err != nil {
			return badParameter("", inQuery, "string cannot be read: it has a semicolon or an escape that is none")
		}
		x.query = query
	}
	if x.route.strict {
		if p := x.refuseUndeclared(); p != nil {
			return p
		}
	}
	return x.bindParams()
}

func (x *exchange) refuseUndeclared() *problem.Problem {
	for name := range x.query {
		declared := slices.ContainsFunc(x.route.params, func(p *param) bool { return p.In == inQuery && p.Name == name })
		if !declared {
			return badParameter(printable(name), inQuery, "is not known to this route")
		}
	}
	return nil
}

// printable is a caller's word as it may stand in a sentence.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

func (x *exchange) bindParams() *problem.Problem {
	n := len(x.route.params)
	if n == 0 {
		return nil
	}
	x.params, x.texts = make([]any, n), make([]string, n)
	for i, p := range x.route.params {
		text, sent := x.sent(p)
		switch {
		case p.In == inQuery && len(x.query[p.Name]) > 1:
			return badParameter(p.Name, p.In, "is there twice")
		case !sent && p.Required:
			return badParameter(p.Name, p.In, "is missing")
		case !sent:
			x.params[i], x.texts[i] = p.dflt, p.dfltRaw
			continue
		}
		v, msg := p.parse(text)
		if msg != "" {
			return badParameter(p.Name, p.In, msg)
		}
		x.params[i], x.texts[i] = v, text
	}
	return nil
}

// sent gives what the caller sent for p.
func (x *exchange) sent(p *param) (string, bool) {
	switch p.In {
	case inPath:
		return x.path[slices.Index(x.route.names, p.Name)], true
	case inHeader:
		v := x.r.Header.Values(p.Name)
		if len(v) == 0 {
			return "", false
		}
		return v[0], true
	}
	v, ok := x.query[p.Name]
	if !ok {
		return "", false
	}
	return v[0], true
}

// queryValue is $query: declared parameters with their types and defaults, others as text, of each name the first.
func (x *exchange) queryValue() map[string]any {
	out := make(map[string]any, len(x.query))
	for name, v := range x.query {
		out[name] = strings.ToValidUTF8(v[0], "\uFFFD")
	}
	for i, p := range x.route.params {
		if p.In == inQuery {
			out[p.Name] = x.params[i]
		}
	}
	return out
}
