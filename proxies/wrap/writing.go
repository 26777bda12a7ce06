package wrap

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// keyHeader names a request, so that a backend takes attempts for one.
const keyHeader = "Idempotency-Key"

// longestKey is how long the key of a caller may be, in bytes.
const longestKey = 255

func (rt *route) compileWriting(f *fetch, at place) error {
	safe := f.Method != http.MethodPost && f.Method != http.MethodPatch
	kept := f.Fetch.Cache != nil || f.Fetch.Stale != 0 || f.Fetch.Refresh != nil
	own := func(h header) bool { return h.name == keyHeader }
	switch {
	case f.Idempotent && safe:
		return at.field("idempotent").errf("a %s is tried again in any case; idempotent is for POST and PATCH", f.Method)
	case f.IdempotencyKey && safe:
		return at.field("idempotency_key").errf("idempotency_key is for POST and PATCH; a %s may be made twice", f.Method)
	case f.IdempotencyKey && kept:
		return at.field("idempotency_key").errf("a request with a key of its own has no value that could be kept; leave cache and stale out")
	case f.IdempotencyKey && slices.ContainsFunc(f.header, own):
		return at.field("idempotency_key").errf("the header %s is set already", keyHeader)
	case f.Meta && kept:
		return at.field("meta").errf("meta is of one answer, and is not kept; leave cache, stale and refresh out")
	case f.Meta && f.Fetch.Pages != nil:
		return at.field("meta").errf("meta is of one answer, and paginate asks for several")
	}
	if f.IdempotencyKey {
		rt.keyed++
		if f.plan.owner != nil {
			rt.keyed++
		}
	}
	return nil
}

// takeKey reads the caller's key, or makes one, for a route that sends it.
func (x *exchange) takeKey() *problem.Problem {
	if x.route.keyed == 0 {
		return nil
	}
	sent := x.r.Header[keyHeader]
	if len(sent) == 0 {
		x.key = rand.Text()
		return nil
	}
	if len(sent) > 1 || sent[0] == "" || len(sent[0]) > longestKey || strings.ContainsFunc(sent[0], func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return badParameter(keyHeader, inHeader, "must be there once, with 1 to 255 visible characters")
	}
	x.key = sent[0]
	return nil
}

// keyFor is the key of a request: that of the caller where the route sends it with one request, else one made of it.
func (f *fetch) keyFor(fr *frame) string {
	if fr.route.keyed == 1 {
		return fr.key
	}
	sum := sha256.Sum256([]byte(fr.key + "\x00" + f.path + "\x00" + itoa(fr.number)))
	return hex.EncodeToString(sum[:16])
}

// withBody adds what the header says of the body, and the key.
func (f *fetch) withBody(fr *frame, h http.Header) http.Header {
	if f.body == nil && !f.IdempotencyKey {
		return h
	}
	h = h.Clone()
	if f.body != nil && h.Get("Content-Type") == "" {
		h.Set("Content-Type", f.bodyType)
	}
	if f.IdempotencyKey {
		h.Set(keyHeader, f.keyFor(fr))
	}
	return h
}

// hiddenHeaders are those of an answer that belong to the backend's session. Like identity headers, they are not shown to programs.
func hiddenHeaders() []string {
	return []string{"Set-Cookie", "Set-Cookie2", "Www-Authenticate", "Proxy-Authenticate", "Authentication-Info", "Proxy-Authentication-Info"}
}

// describe makes {status, headers, value} of a value.
func (f *fetch) describe(res *result, a *upstream.Answer) *problem.Problem {
	headers := make(map[string]any, len(a.Header))
	for name, values := range a.Header {
		if !slices.Contains(hiddenHeaders(), name) && !identity.Is(name) {
			headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
		}
	}
	if f.tree {
		res.tree = map[string]any{"status": a.Status, "headers": headers, "value": res.tree}
	}
	if f.text {
		told, err := reply.Marshal(headers)
		if err != nil {
			return replyFailed("The headers of the backend's answer could not be written.", f.Name, err)
		}
		out := append(strconv.AppendInt([]byte(`{"status":`), int64(a.Status), 10), `,"headers":`...)
		out = append(append(append(out, told...), `,"value":`...), res.json...)
		res.json = append(out, '}')
	}
	return nil
}

// replyHeader is a compiled ReplyHeader.
type replyHeader struct {
	name    string
	program *program
}

// ownHeaders are those of an answer that the gateway makes itself.
func ownHeaders() []string {
	return []string{
		"Content-Type", "Content-Encoding", "Content-Range", "Etag", "Vary", "Date", "Server", "X-Request-Id", "Set-Cookie", "Retry-After",
		"Age", "Cache-Status", "Allow", "Www-Authenticate", partialHeader, driftHeader,
	}
}

func (rt *route) compileReplyHeaders(r *Route, at place) error {
	for i, h := range r.Header {
		at := at.field("header/" + itoa(i))
		name, err := canonicalHeader(h.Name, at)
		switch {
		case err != nil:
			return err
		case slices.Contains(ownHeaders(), name) || strings.HasPrefix(name, "Fairway-"):
			return at.errf("the header %s of answers is made by the gateway", name)
		case r.Each != nil:
			return at.errf("reply header needs the fetched values before the answer begins; with reply each they come afterwards")
		case slices.ContainsFunc(rt.header, func(other replyHeader) bool { return other.name == name }):
			return at.errf("the header %s is there twice", name)
		}
		p, err := rt.compileProgram("reply header", h.JQ, nil, rt.plan.steps, at)
		if err != nil {
			return err
		}
		rt.header = append(rt.header, replyHeader{name: name, program: p})
	}
	return nil
}

// makeHeaders makes the headers of a good answer.
func (x *exchange) makeHeaders() *problem.Problem {
	for _, h := range x.route.header {
		v, err := h.program.run(x.ctx, &x.root, x.root.dot())
		if err != nil {
			return replyFailed("The header "+h.name+" of the reply could not be made of what the backend answered.", "", err)
		}
		if v == nil {
			continue
		}
		text, ok := headerText(v)
		if !ok || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			return replyFailed("The program of the header "+h.name+" gave no text of visible characters of ASCII, number or bool.", "", nil)
		}
		if x.header == nil {
			x.header = make(http.Header, len(x.route.header))
		}
		x.header[h.name] = []string{strings.TrimSpace(text)}
	}
	return nil
}

// headerText is a text, number or bool as it stands in a header.
func headerText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case map[string]any, []any:
		return "", false
	}
	out, err := reply.Marshal(v)
	return string(out), err == nil
}

// writes says whether the step is there for what it does, and not only for its value.
func (s *step) writes() bool {
	switch work := s.work.(type) {
	case *fetch:
		return work.Method != http.MethodGet && work.Method != http.MethodHead
	case *fanOut:
		return slices.ContainsFunc(work.plan.steps, (*step).writes)
	}
	return false
}
