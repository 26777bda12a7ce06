package wrap

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// fetch is a compiled Fetch.
type fetch struct {
	*step
	Fetch
	path     string   // its name, with that of the fan-out around it; for traces and metrics
	target   *target  // nil: url gives it
	url      *program // nil: target is it
	pages    *pages   // nil: one answer is the whole
	cache    *caching // nil: nothing is kept
	backend  *backend
	strategy session.Strategy
	// header are those of the backend and then of the fetch. fixed is all of them where nothing of the request goes
	// in: it is shared between requests and must be cloned before it is changed.
	header   []header
	own      []header // only the fetch's, which other origins get
	signed   bool     // a header says who the gateway is
	fixed    http.Header
	whole    bool // fixed is whole: see upstream.Call
	body     *program
	bodyType string
	failWhen *program
	timeout  time.Duration
	at       place           // in the configuration
	charset  charset.Options // what the configuration and the format say of the charset
	binary   bool            // the decoder takes bytes, not text
	// unlabelled says whether gzip is undone that no header names.
	unlabelled func(contentType string) bool
	metrics    *observe.FetchMetrics
	writers    sync.Pool // *decode.Writer
}

func (rt *route) compileFetch(f *Fetch, sc scope, deps Deps, at place) (*fetch, error) {
	out := &fetch{step: sc.step, path: sc.step.path(), at: at, Fetch: *f, timeout: time.Duration(f.Timeout)}
	if out.Method == "" {
		out.Method = http.MethodGet
	}
	if !slices.Contains(append(Methods(), http.MethodHead), out.Method) {
		return nil, at.field("method").errf("%q is no method of a fetch; it is one of %s%s", f.Method, strings.Join(Methods(), ", "), Suggest(f.Method, Methods()))
	}
	if f.Timeout < 0 {
		return nil, at.field("timeout").errf("the timeout must be more than nothing")
	}
	var err *ConfigError
	switch {
	case f.URL != "" && f.Target != "":
		return nil, at.field("target").errf("the fetch has a target and a url; one of them says where to")
	case f.URL != "":
		if out.url, err = rt.compileProgram("url", f.URL, sc.step, sc.plan.without(sc.step), at.field("url")); err != nil {
			return nil, err
		}
		out.url.fetch = out.path
	default:
		if out.target, err = sc.compileTarget(f.Target, at.field("target")); err != nil {
			return nil, err
		}
	}
	b, berr := rt.service.backendOf(f, out.target, deps, at.field("target"))
	if berr != nil {
		return nil, berr
	}
	out.backend, out.strategy = b, b.Auth
	if err := out.compileCharset(at); err != nil {
		return nil, err
	}
	if err := out.compileHeaders(sc, at); err != nil {
		return nil, err
	}
	if f.Decoder == nil {
		return nil, at.field("decode").errf("the fetch does not say how to decode the answer; add a line: decode json")
	}
	_, out.binary = f.Decoder.(decode.Binary)
	out.unlabelled = func(contentType string) bool { return decode.Unpacks(f.Decoder, contentType) }
	if f.FailWhen != "" {
		if out.failWhen, err = rt.compileProgram("fail_when", f.FailWhen, out.step, out.step.plan.without(out.step), at.field("fail_when")); err != nil {
			return nil, err
		}
		out.failWhen.fetch, out.tree = out.path, true
	}
	if err := rt.compileBody(out, at); err != nil {
		return nil, err
	}
	if err := rt.compileWriting(out, at); err != nil {
		return nil, err
	}
	if err := rt.compilePages(out, at); err != nil {
		return nil, err
	}
	if err := rt.compileCache(out, deps, at); err != nil {
		return nil, err
	}
	if deps.Metrics != nil {
		out.metrics = deps.Metrics.Fetch(rt.service.Name, rt.method+" "+rt.pattern, out.path, b.Name)
		rt.service.release = append(rt.service.release, out.metrics.Close)
	}
	return out, nil
}

func (f *fetch) compileHeaders(sc scope, at place) error {
	var own []header
	for i, h := range f.Header {
		compiled, err := sc.compileHeader(h, at.field("header/"+itoa(i)))
		if err != nil {
			return err
		}
		if slices.Contains(setHeaders(f.strategy), compiled.name) {
			return at.field("header/"+itoa(i)).errf("the backend's auth sets %s already", compiled.name)
		}
		if slices.ContainsFunc(f.backend.Identity, func(name string) bool { return identity.Same(name, compiled.name) }) {
			return at.field("header/"+itoa(i)).errf("the backend's identity sets %s already", compiled.name)
		}
		own = append(own, *compiled)
	}
	f.header, f.own = slices.Concat(f.backend.header, own), own
	f.signed = slices.ContainsFunc(f.header, func(h header) bool { return h.name == "Authorization" })
	for _, h := range f.backend.header { // compiled for no step
		from := func(kind sourceKind) bool {
			return slices.ContainsFunc(h.value, func(p part) bool { return p.from != nil && p.from.kind == kind })
		}
		f.step.caller, f.step.header = f.step.caller || from(fromCaller), f.step.header || from(fromHeader)
	}
	dynamic := func(h header) bool { return slices.ContainsFunc(h.value, func(p part) bool { return p.from != nil }) }
	if !slices.ContainsFunc(f.header, dynamic) {
		f.fixed, _ = f.headers(nil)
		_, anonymous := f.strategy.(session.None)
		if _, host := f.fixed["Host"]; anonymous && !host {
			f.fixed, f.whole = upstream.WholeHeader(f.fixed), true
		}
	}
	return nil
}

// headers renders the headers of one request. A later one of the same name wins over the backend's.
func (f *fetch) headers(fr *frame) (http.Header, *problem.Problem) {
	if f.fixed != nil {
		return f.fixed, nil
	}
	return renderHeaders(f.header, fr)
}

func renderHeaders(headers []header, fr *frame) (http.Header, *problem.Problem) {
	out := make(http.Header, len(headers)+1)
	for i := range headers {
		v, sent, prob := headers[i].render(fr)
		if prob != nil {
			return nil, prob
		}
		if sent {
			out[headers[i].name] = []string{v}
		}
	}
	return out, nil
}

// bodyTypes are the kinds of a body and their media types.
func bodyTypes() map[string]string {
	return map[string]string{
		"json": "application/json",
		"form": "application/x-www-form-urlencoded",
		"xml":  "application/xml",
		"text": "text/plain; charset=utf-8",
	}
}

func (rt *route) compileBody(f *fetch, at place) error {
	if f.Body == nil {
		return nil
	}
	at = at.field("body")
	mediaType, ok := bodyTypes()[f.Body.Kind]
	if !ok {
		kinds := []string{"json", "form", "xml", "text"}
		return at.errf("%q is no kind of body; it is one of %s%s", f.Body.Kind, strings.Join(kinds, ", "), Suggest(f.Body.Kind, kinds))
	}
	if f.Method == http.MethodGet || f.Method == http.MethodHead {
		return at.errf("a %s has no body; write the method: fetch POST %s", f.Method, f.Target)
	}
	p, err := rt.compileProgram("body", f.Body.JQ, f.step, f.step.plan.without(f.step), at)
	if err != nil {
		return err
	}
	p.fetch = f.path
	f.body, f.bodyType = p, mediaType
	return nil
}

// render makes the body of one request.
func (f *fetch) render(ctx context.Context, fr *frame) ([]byte, *problem.Problem) {
	if f.body == nil {
		return nil, nil
	}
	v, err := f.body.run(ctx, fr, nil)
	if err != nil {
		return nil, replyFailed("The body for the backend could not be made.", f.Name, err)
	}
	switch f.Body.Kind {
	case "form":
		fields, ok := v.(map[string]any)
		if !ok {
			return nil, replyFailed("The body for the backend is no object, as a form must be.", f.Name, nil)
		}
		return encodeForm(fields, f.Name)
	case "text":
		s, ok := v.(string)
		if !ok {
			return nil, replyFailed("The body for the backend is no string.", f.Name, nil)
		}
		return []byte(s), nil
	case "xml":
		out, err := reply.MarshalXML(v)
		if err != nil {
			return nil, replyFailed("The body for the backend could not be written as XML ("+strings.TrimPrefix(err.Error(), "xml: ")+").", f.Name, err)
		}
		return out, nil
	}
	out, err := reply.Marshal(v)
	if err != nil {
		return nil, replyFailed("The body for the backend could not be written.", f.Name, err)
	}
	return out, nil
}

// encodeForm writes an object as a form: strings as they are, null left out, lists as repeated fields, the rest as JSON.
func encodeForm(fields map[string]any, fetch string) ([]byte, *problem.Problem) {
	form := url.Values{}
	for name, v := range fields {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, item := range list {
			switch item := item.(type) {
			case nil:
			case string:
				form.Add(name, item)
			default:
				text, err := reply.Marshal(item)
				if err != nil {
					return nil, replyFailed("The body for the backend could not be written.", fetch, err)
				}
				form.Add(name, string(text))
			}
		}
	}
	return []byte(form.Encode()), nil
}

// idempotent says whether a second attempt does no harm (RFC 9110, 9.2.2).
// longest is how long all attempts take at most.
func (f *fetch) longest() time.Duration {
	one, attempts := cmp.Or(f.timeout, f.backend.config.Timeout, upstream.DefaultTimeout), 1
	if f.idempotent() {
		attempts += f.backend.config.Retries
	}
	return one * time.Duration(attempts)
}

func (f *fetch) idempotent() bool {
	return f.Method != http.MethodPost && f.Method != http.MethodPatch || f.Idempotent || f.IdempotencyKey
}
