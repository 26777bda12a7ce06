package wrap

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

// DefaultBodyLimit is how long the body of a request may be, in bytes, where a route does not say otherwise.
const DefaultBodyLimit = 1 << 20

// bodyName is what programs and placeholders call the body of a request.
const bodyName = "body"

// mostFaults is how many faults of a body a caller is told.
const mostFaults = 10

// requestBody is a compiled RequestBody.
type requestBody struct {
	RequestBody
	decoder decode.Decoder
	schema  *promise // nil: any shape
}

func (rt *route) compileRequestBody(r *Route, at place) error {
	b := r.Body
	if b == nil {
		return nil
	}
	at = at.field("body")
	kinds := []string{"json", "form"}
	switch {
	case rt.method == http.MethodGet:
		return at.errf("a GET has no body; a route that takes one is POST, PUT, PATCH or DELETE")
	case !slices.Contains(kinds, b.Kind):
		return at.errf("%q is no kind of body that a route takes; it is json or form%s", b.Kind, Suggest(b.Kind, kinds))
	case b.Limit < 0:
		return at.field("limit").errf("the limit must be more than nothing")
	case len(b.List) > 0 && b.Kind != "form":
		return at.field("list").errf("list is for forms; in JSON a list is one")
	case slices.Contains(rt.names, bodyName):
		return at.errf("{body} is a parameter of the path; in a route that takes a body, $body is that")
	case slices.ContainsFunc(r.Fetches, func(f Fetch) bool { return f.Name == bodyName }):
		return at.errf("a fetch is called body; in a route that takes a body, $body is that")
	}
	out := &requestBody{RequestBody: *b, decoder: new(document.JSON)}
	if b.Kind == "form" {
		out.decoder = &document.Form{Repeated: "list"}
	}
	if out.Limit == 0 {
		out.Limit = DefaultBodyLimit
	}
	for i, t := range out.Types {
		if mediaType, _ := decode.ContentType(t); mediaType != t || strings.Count(t, "/") != 1 {
			return at.field("types/"+itoa(i)).errf("%q is no media type, written in small letters: application/json", t)
		}
	}
	if b.Schema != "" {
		out.schema = new(promise)
		if err := out.schema.load(b.Schema); err != nil {
			return at.field("schema").errf("schema: %v", err)
		}
	}
	rt.body = out
	return nil
}

// takes says whether a media type is one that the route takes.
func (b *requestBody) takes(mediaType string) bool {
	switch {
	case len(b.Types) > 0:
		return slices.Contains(b.Types, mediaType)
	case b.Kind == "form":
		return mediaType == "application/x-www-form-urlencoded"
	}
	return mediaType == "application/json" || strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}

// types names them for a caller.
func (b *requestBody) types() string {
	switch {
	case len(b.Types) > 0:
		return strings.Join(b.Types, ", ")
	case b.Kind == "form":
		return "application/x-www-form-urlencoded"
	}
	return "application/json"
}

func badBody(status int, detail string) *problem.Problem {
	return &problem.Problem{Code: problem.BadBody, Status: status, Detail: detail}
}

// takeBody reads the body of the request, where the route takes one, and refuses it where it takes none: what a caller sends
// is not dropped without a word.
func (x *exchange) takeBody() *problem.Problem {
	b := x.route.body
	if b == nil {
		if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead && !x.bodyless() {
			return badBody(http.StatusUnsupportedMediaType, "This path takes no body.")
		}
		return nil
	}
	if x.r.ContentLength == 0 || x.r.Body == nil || x.r.Body == http.NoBody {
		return x.noBody()
	}
	if p := x.describedBody(b); p != nil {
		return p
	}
	charge := int64(b.Limit)
	if n := x.r.ContentLength; n > charge {
		return x.tooLarge(b)
	} else if n > 0 {
		charge = n
	}
	if memory := x.route.service.memory; memory != nil {
		charge = int64(float64(charge) * b.decoder.Factor())
		if !memory.Acquire(charge) {
			return &problem.Problem{
				Code: problem.MemorySpent, Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
				Detail: "The gateway is reading as much as its memory allows; try again soon.",
			}
		}
		x.charged = charge
	}
	raw, err := x.readBody(int64(b.Limit))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return badBody(http.StatusRequestTimeout, "The body did not come in time.")
	case err != nil && x.ctx.Err() != nil:
		return &problem.Problem{Status: statusClientClosed, Detail: "The caller hung up."}
	case err != nil:
		return badBody(http.StatusBadRequest, "The body ended before its end.")
	case len(raw) == 0:
		return x.noBody()
	case int64(len(raw)) > int64(b.Limit):
		return x.tooLarge(b)
	}
	return x.decodeBody(b, raw)
}

// bodyless says that the request has no body. Where its length is not known that takes the first byte.
func (x *exchange) bodyless() bool {
	if x.r.ContentLength >= 0 || x.r.Body == nil {
		return x.r.ContentLength <= 0
	}
	first, err := x.readBody(0)
	return len(first) == 0 && err == nil
}

func (x *exchange) noBody() *problem.Problem {
	switch {
	case x.route.body.Optional:
		return nil
	case x.route.body.Kind == "form":
		return x.decodeBody(x.route.body, nil)
	}
	return badBody(http.StatusBadRequest, "The body is missing.")
}

func (x *exchange) tooLarge(b *requestBody) *problem.Problem {
	return badBody(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is longer than %d bytes, which is as much as this path takes.", b.Limit))
}

// describedBody looks at what the header says of the body.
func (x *exchange) describedBody(b *requestBody) *problem.Problem {
	if encoding := x.r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		p := badBody(http.StatusUnsupportedMediaType, "This path takes no body with a content encoding.")
		p.Header = http.Header{"Accept-Encoding": {"identity"}}
		return p
	}
	if mediaType, _ := decode.ContentType(x.r.Header.Get("Content-Type")); !b.takes(mediaType) {
		p := badBody(http.StatusUnsupportedMediaType, "The body must be "+b.types()+", and its header Content-Type must say so.")
		p.Header = http.Header{"Accept": {b.types()}}
		return p
	}
	return nil
}

// readBody reads within the time of the request, to the end or one byte more than the limit.
func (x *exchange) readBody(limit int64) ([]byte, error) {
	conn := http.NewResponseController(x.writer)
	bounded := conn.SetReadDeadline(x.root.deadline) == nil // else the server's own time limits count
	raw, err := io.ReadAll(io.LimitReader(x.r.Body, limit+1))
	if bounded && err == nil && int64(len(raw)) <= limit { // else the server would wait for the rest of it
		_ = conn.SetReadDeadline(time.Time{})
	}
	return raw, err
}

// decodeBody makes the value of the body.
func (x *exchange) decodeBody(b *requestBody, raw []byte) *problem.Problem {
	in := &decode.Input{ContentType: x.r.Header.Get("Content-Type")}
	in.MediaType, in.Charset.Option = decode.ContentType(in.ContentType)
	if in.Charset.Option == "" {
		in.Charset.Option = "utf-8"
	}
	unreadable := func(err error) *problem.Problem {
		p := badBody(http.StatusBadRequest, "The body cannot be read as "+b.Kind+why(err)+".")
		p.Cause = err
		return p
	}
	text, _, err := charset.Text(raw, in.Charset)
	if err != nil {
		return unreadable(err)
	}
	in.Body = text
	tree := decode.NewTree(decode.Limits{})
	if err := b.decoder.Decode(x.ctx, in, tree); err != nil {
		return unreadable(err)
	}
	x.body = tree.Value()
	if b.Kind == "form" {
		if p := x.formBody(b); p != nil {
			return p
		}
	}
	return x.checkBody(b)
}

// formBody makes texts of the fields of a form but those that are lists.
func (x *exchange) formBody(b *requestBody) *problem.Problem {
	fields, _ := x.body.(map[string]any)
	out := make(map[string]any, len(fields)+len(b.List))
	for _, name := range b.List {
		out[name] = []any{}
	}
	for name, v := range fields {
		values, _ := v.([]any)
		switch {
		case slices.Contains(b.List, name):
			out[name] = v
		case len(values) != 1:
			return badBody(http.StatusBadRequest, "The field "+printable(name)+" is there twice.")
		default:
			out[name] = values[0]
		}
	}
	x.body = out
	return nil
}

// checkBody holds the body to its schema.
func (x *exchange) checkBody(b *requestBody) *problem.Problem {
	if b.schema == nil {
		return nil
	}
	faults, err := b.schema.faults(x.body)
	switch {
	case err != nil:
		return problem.Of(err)
	case len(faults) == 0:
		return nil
	}
	slices.SortStableFunc(faults, func(a, b problem.Fault) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Detail, b.Detail))
	})
	p := badBody(http.StatusUnprocessableEntity, "The body is not of the shape that this path takes: "+faults[0].String()+".")
	p.Faults = faults[:min(len(faults), mostFaults)]
	return p
}

// faults lists where a value breaks the schema.
func (p *promise) faults(v any) ([]problem.Fault, error) {
	if pointer, ok := hugeNumber(v, ""); ok {
		return []problem.Fault{{Pointer: newDrift(pointer, "").pointer, Detail: "breaks the rule number"}}, nil
	}
	err := p.schema.Validate(v)
	if broken, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return faultsOf(broken, nil), nil
	}
	return nil, err
}

// faultsOf lists the innermost faults, one more than are told at most.
func faultsOf(broken *jsonschema.ValidationError, faults []problem.Fault) []problem.Fault {
	if len(faults) > mostFaults {
		return faults
	}
	for _, cause := range broken.Causes {
		faults = faultsOf(cause, faults)
	}
	if len(broken.Causes) > 0 {
		return faults
	}
	var pointer strings.Builder
	for _, name := range broken.InstanceLocation {
		pointer.WriteString("/" + escapePointer(name))
	}
	rule := "false"
	if path := broken.ErrorKind.KeywordPath(); len(path) > 0 {
		rule = path[0]
	}
	fault := problem.Fault{Pointer: newDrift(pointer.String(), rule).pointer, Detail: "breaks the rule " + rule}
	switch k := broken.ErrorKind.(type) {
	case *kind.Required:
		fault.Detail = "is without " + strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		fault.Detail = "has the unknown member " + printable(k.Properties[0])
	case *kind.Type:
		fault.Detail = "is not of the type " + strings.Join(k.Want, " or ")
	}
	return append(faults, fault)
}
