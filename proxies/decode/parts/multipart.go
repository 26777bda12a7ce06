package parts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// Multipart decodes a body of the media types multipart/* to an array with an object for each part, in their order:
//
//	[{"name":"meta","filename":null,"content_type":"application/json","kind":"json","value":{"id":7}},
//	 {"name":"file","filename":"a.png","content_type":"image/png","kind":"base64","value":"iVBORw0..."}]
//
// Name and filename come from Content-Disposition, content_type is the media type without parameters; each is null where
// the part does not say it. What value is, says kind:
//
//   - "json": the value of a part of a JSON media type;
//   - "text": a string, for text/*, XML, forms and the like, read in the part's charset; also for a part that names no
//     type and is text;
//   - "base64": a string, for everything else;
//   - "parts": an array, for a part that is a multipart itself.
//
// Transfer encodings (base64, quoted-printable) are undone. The boundary is that of the backend's Content-Type; where it
// is missing or does not occur in the body, the first line that begins with "--" has it. Text before the first and
// after the last boundary does not count. A body that ends without its last boundary is a *decode.SyntaxError.
type Multipart struct {
	// Part takes one part only, whose value is then the whole value. It is the part's name, else its file name, else its
	// Content-ID without brackets, else its media type; parts inside parts count too. None or more than one of the kind
	// that fits first is an error. Default: the array of all parts.
	Part string `json:"part,omitempty"`
	// Decoder decodes the one part that Part takes, checked by who made it. Default: nil, as its kind says.
	Decoder decode.Decoder `json:"-"`
	// Headers adds "headers" to each part, an object of all its header fields, names in lower case; the values of a
	// field that is repeated are joined by ", ". Default: they are not told.
	Headers bool `json:"headers,omitempty"`
	// JSONText leaves parts of a JSON media type as text. Default: they are decoded.
	JSONText bool `json:"json_text,omitempty"`
	// MaxParts is how many parts a body may have, those inside parts included. More than the default take more memory
	// for each byte, since a part can be as short as its boundary. Default: 1000 parts.
	MaxParts int `json:"max_parts,omitempty"`
}

const (
	// multipartFactor is that of JSON in a part, copies of its text included. Parts without anything take more, but up to
	// the default number of them not as much as a MiB.
	multipartFactor = 80
	// multipartShortFactor is that of any number of parts without anything.
	multipartShortFactor = 100
	defaultMaxParts      = 1000
	maxPartsNested       = 8 // levels inside the outermost; each reads its part once more
)

// Kinds of a part's value.
const (
	partText   = "text"
	partJSON   = "json"
	partBase64 = "base64"
	partParts  = "parts"
)

// Check implements the check at load.
func (d *Multipart) Check() error {
	switch {
	case d.MaxParts < 0:
		return errors.New("max_parts is less than nothing")
	case d.Part == "" && d.Decoder != nil:
		return errors.New("a format for one part needs the name of the part")
	case d.Part != "" && d.Headers:
		return errors.New("part and headers exclude each other: the value of one part has no headers")
	case d.Decoder != nil && d.JSONText:
		return errors.New("a part with a format of its own and json_text exclude each other")
	}
	return nil
}

// Factor implements decode.Decoder.
func (d *Multipart) Factor() float64 {
	factor := float64(multipartFactor)
	if d.MaxParts > defaultMaxParts {
		factor = multipartShortFactor
	}
	if d.Decoder != nil {
		return max(factor, d.Decoder.Factor()+2)
	}
	return factor
}

// Binary implements decode.Binary: parts may be bytes, and each has a charset of its own.
func (*Multipart) Binary() {}

// Decode implements decode.Decoder.
func (d *Multipart) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	r := multipartReader{Multipart: d, ctx: ctx, in: in, left: d.MaxParts}
	if r.left == 0 {
		r.left = defaultMaxParts
	}
	boundary := boundaryParam(in.ContentType)
	if d.Part == "" {
		return r.all(in.Body, boundary, 1, out)
	}
	if err := r.find(in.Body, boundary, 1); err != nil {
		return err
	}
	if r.matches != 1 {
		msg := fmt.Sprintf("there is no part %q", excerpt.Of(d.Part))
		if r.matches > 1 {
			msg = fmt.Sprintf("there are %d parts %q", r.matches, excerpt.Of(d.Part))
		}
		return &decode.SyntaxError{Format: "multipart", Offset: int64(len(in.Body)), Msg: msg}
	}
	return r.one(&r.found, out)
}

// multipartReader reads one body.
type multipartReader struct {
	*Multipart
	ctx  context.Context //nolint:containedctx // lives as long as one Decode
	in   *decode.Input
	left int // parts that may still come
	seen int // parts that have come

	found   part // the best match so far
	rank    int  // how it matched; smaller is better
	matches int  // how many match as well
}

// all tells the parts of a body as an array.
func (r *multipartReader) all(body []byte, boundary string, level int, out decode.Sink) error {
	if err := out.BeginArray(); err != nil {
		return err
	}
	err := r.each(body, boundary, level, func(p *part) error { return r.tell(p, level, out) })
	if err != nil {
		return err
	}
	return out.EndArray()
}

// each reads the parts of a body and gives them to use, one after the other.
func (r *multipartReader) each(body []byte, boundary string, level int, use func(*part) error) error {
	if level > maxPartsNested+1 {
		return &decode.LimitError{What: "levels of parts", Limit: maxPartsNested}
	}
	s, err := splitParts(body, boundary)
	if err != nil && r.seen > 0 {
		return partError(r.seen, err)
	}
	if err != nil {
		return err
	}
	for p := new(part); ; {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		ok, err := s.part(p)
		if err != nil {
			return partError(r.seen+1, err)
		}
		if !ok {
			return nil
		}
		r.seen++
		p.number = r.seen
		if r.left--; r.left < 0 {
			return &decode.LimitError{What: "parts", Limit: max(r.MaxParts, r.seen-1)}
		}
		r.name(p)
		if err := use(p); err != nil {
			return err
		}
	}
}

// partError says in which part an error of the text is. Errors of the sink and of the context pass unchanged.
func partError(number int, err error) error {
	var syntax *decode.SyntaxError
	var charset *charset.Error
	if errors.As(err, &syntax) || errors.As(err, &charset) {
		return fmt.Errorf("part %d: %w", number, err)
	}
	return err
}

// find looks for the one part that is wanted.
func (r *multipartReader) find(body []byte, boundary string, level int) error {
	return r.each(body, boundary, level, func(p *part) error {
		if p.multipart() {
			inner, err := p.content()
			if err != nil {
				return partError(p.number, err)
			}
			return r.find(inner, boundaryParam(p.contentType), level+1)
		}
		rank := p.matches(r.Part)
		switch {
		case rank == 0 || r.matches > 0 && rank > r.rank:
		case r.matches > 0 && rank == r.rank:
			r.matches++
		default:
			r.found, r.rank, r.matches = *p, rank, 1
			r.found.header = slices.Clone(p.header)
		}
		return nil
	})
}

// one tells the value of the one part that is wanted.
func (r *multipartReader) one(p *part, out decode.Sink) error {
	content, err := p.content()
	if err != nil {
		return partError(p.number, err)
	}
	if r.Decoder == nil {
		return r.value(p, content, func(string, decode.Sink) error { return nil }, out)
	}
	in := &decode.Input{Body: content, MediaType: p.mediaType, ContentType: p.contentType, URL: r.in.URL, Charset: r.charset(p), Found: r.in.Found}
	in.Charset.Document = nil
	if dec, ok := r.Decoder.(decode.Declarer); ok {
		in.Charset.Document = dec.DeclaredCharset
	}
	if _, bytes := r.Decoder.(decode.Binary); !bytes {
		if in.Body, _, err = charset.Text(content, in.Charset); err != nil {
			return partError(p.number, err)
		}
	}
	return partError(p.number, r.Decoder.Decode(r.ctx, in, out))
}

// tell tells one part as an object.
func (r *multipartReader) tell(p *part, level int, out decode.Sink) error {
	if err := out.BeginObject(); err != nil {
		return err
	}
	for _, m := range []struct{ name, value string }{{"name", p.name}, {"filename", p.filename}, {"content_type", p.mediaType}} {
		if err := out.Key(m.name); err != nil {
			return err
		}
		if err := tellOrNull(out, m.value); err != nil {
			return err
		}
	}
	if r.Headers {
		if err := r.tellHeaders(p, out); err != nil {
			return err
		}
	}
	content, err := p.content()
	if err != nil {
		return partError(p.number, err)
	}
	if p.multipart() {
		if err := tellKind(partParts, out); err != nil {
			return err
		}
		if err := r.all(content, boundaryParam(p.contentType), level+1, out); err != nil {
			return err
		}
		return out.EndObject()
	}
	if err := r.value(p, content, tellKind, out); err != nil {
		return err
	}
	return out.EndObject()
}

func tellKind(kind string, out decode.Sink) error {
	if err := tellMember(out, "kind", kind); err != nil {
		return err
	}
	return out.Key("value")
}

func tellOrNull(out decode.Sink, s string) error {
	if s == "" {
		return out.Null()
	}
	return out.String(s)
}

func (r *multipartReader) tellHeaders(p *part, out decode.Sink) error {
	if err := out.Key("headers"); err != nil {
		return err
	}
	if err := out.BeginObject(); err != nil {
		return err
	}
	for i, f := range p.header {
		same := func(other partField) bool { return other.name == f.name }
		if slices.ContainsFunc(p.header[:i], same) {
			continue
		}
		var values []string
		for _, other := range p.header[i:] {
			if same(other) {
				values = append(values, other.value)
			}
		}
		if err := tellMember(out, f.name, r.readable(strings.Join(values, ", "))); err != nil {
			return err
		}
	}
	return out.EndObject()
}

// value tells the value of a part that has no parts, after begin was told its kind.
func (r *multipartReader) value(p *part, content []byte, begin func(kind string, out decode.Sink) error, out decode.Sink) error {
	kind := p.kind(r.JSONText)
	var text []byte
	if kind != partBase64 {
		var err error
		text, _, err = charset.Text(content, r.charset(p))
		switch {
		case p.mediaType == "" && (err != nil || !looksLikeText(text)):
			kind = partBase64
		case err != nil:
			return partError(p.number, err)
		}
	}
	if err := begin(kind, out); err != nil {
		return err
	}
	switch kind {
	case partBase64:
		encoded, err := base64Text(r.ctx, content)
		if err != nil {
			return err
		}
		return out.String(encoded)
	case partJSON:
		return partError(p.number, new(document.JSON).Decode(r.ctx, &decode.Input{Body: text, MediaType: p.mediaType, ContentType: p.contentType}, out))
	}
	return out.String(string(text))
}

// charset is what is known of a part's charset. A parameter of the whole body stands in for that of a part.
func (r *multipartReader) charset(p *part) charset.Options {
	o := charset.Options{Option: r.in.Charset.Option, Header: p.charset, Document: p.declares(), Replace: r.in.Charset.Replace}
	if o.Header == "" {
		o.Header = r.in.Charset.Header
	}
	return o
}

var _ decode.Binary = (*Multipart)(nil)

// Unpacks implements decode.Unpacker: a body in parts does not begin like gzip.
func (*Multipart) Unpacks(string) bool { return true }

var _ decode.Unpacker = (*Multipart)(nil)
