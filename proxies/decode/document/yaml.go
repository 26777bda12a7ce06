package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/repeated"
)

// Values of the option Tags of YAML.
const (
	YAMLTagsDrop   = "drop"
	YAMLTagsError  = "error"
	YAMLTagsObject = "object"
)

// YAML decodes one YAML document, with the types of the core schema of YAML 1.2: true and null are words, yes and on are
// strings, 0x1f and 0o17 are numbers, only 007 is a string. Names keep their order, decimal numbers their digits. Anchors are written out wherever
// they are named, and merge keys << are done. Names that are no strings become their text. What !!binary marks is its text
// without white space, base64; what !!timestamp marks, or looks like a date, is a string.
//
//	base: &b {port: 80}      ->  {"base":{"port":80},"web":{"port":80,"tls":true}}
//	web:
//	  <<: *b
//	  tls: true
//
// A body without a document, names that occur twice in one object, .inf and .nan, and text that only happens to be YAML (a
// page of HTML, several lines of prose) are errors.
type YAML struct {
	// Documents makes an array of all documents of the body, of which there may be none. Default: one document is the value,
	// more are an error.
	Documents bool `json:"documents,omitempty"`
	// YAML11 reads values as programs of YAML 1.1 do: yes, no, on and off are booleans, 017 is octal, 0b11 binary, and
	// digits may have _ between them, 1e3 is a string. Default: the core schema of YAML 1.2.
	YAML11 bool `json:"yaml11,omitempty"`
	// NaN says what becomes of .nan, .inf and -.inf: "null", or "string", the word itself. Default: they are errors.
	NaN string `json:"nan,omitempty"`
	// Duplicates says what becomes of a name that occurs more than once in one object: "error" refuses the document,
	// "first" or "last" take that value, "list" makes an array of its values. Default: "error".
	Duplicates string `json:"duplicates,omitempty"`
	// Tags says what becomes of tags that YAML does not know, such as !Ref: "drop" gives the value as if there were none,
	// "error" refuses the document, "object" gives {"!Ref": value}. Default: "drop".
	Tags string `json:"tags,omitempty"`
}

// Factors are what trees of single characters with comments take. See TestFactorYAML and yamlBudget.
const (
	yamlFactor          = 135
	yamlCollectedFactor = 160
)

// Check implements the check at load.
func (d *YAML) Check() error {
	switch d.NaN {
	case "", NaNNull, NaNString:
	default:
		return fmt.Errorf("nan %q: want null or string", d.NaN)
	}
	switch d.Tags {
	case "", YAMLTagsDrop, YAMLTagsError, YAMLTagsObject:
	default:
		return fmt.Errorf("tags %q: want drop, error or object", d.Tags)
	}
	switch d.Duplicates {
	case "", repeated.Error, repeated.First, repeated.Last, repeated.List:
		return nil
	}
	return fmt.Errorf("duplicates %q: want error, first, last or list", d.Duplicates)
}

// Factor implements decode.Decoder.
func (d *YAML) Factor() float64 {
	if d.merges() {
		return yamlCollectedFactor
	}
	return yamlFactor
}

func (d *YAML) merges() bool { return d.Duplicates != "" && d.Duplicates != repeated.Error }

// Decode implements decode.Decoder.
func (d *YAML) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// JSON is YAML, and takes less memory as what it is. It also has \ud83d\ude00, which the library does not.
	if done, err := d.json(ctx, in, out); done || err != nil {
		return err
	}
	if text := bytes.TrimLeft(in.Body, ascii.Space); bytes.HasPrefix(text, []byte("<")) && !bytes.HasPrefix(text, []byte("<<:")) {
		return &decode.SyntaxError{Format: "yaml", Offset: int64(len(in.Body) - len(text)), Msg: "markup, where a document begins"}
	}
	b, err := newYAMLBudget(ctx, in.Body)
	if err != nil {
		return err
	}
	if d.merges() {
		out = &jsonMerge{out: out, policy: d.Duplicates, poll: &interrupt.Poll{Ctx: ctx}}
	}
	r := newYAMLReader(ctx, in.Body)
	if d.Documents {
		return d.all(r, b, out)
	}
	doc, err := r.document()
	if errors.Is(err, io.EOF) {
		return &decode.SyntaxError{Format: "yaml", Msg: "the body is empty"}
	}
	if err != nil {
		return err
	}
	if err := r.noProse(doc); err != nil {
		return err
	}
	switch next, err := r.document(); {
	case err == nil:
		return &decode.SyntaxError{Format: "yaml", Offset: int64(r.offset(next)), Msg: "there is more than one document; see the option documents"}
	case !errors.Is(err, io.EOF):
		return err
	}
	t := yamlTeller{o: d, out: out, budget: b, reader: r}
	return t.document(doc)
}

// all tells the documents as an array.
func (d *YAML) all(r *yamlReader, b *yamlBudget, out decode.Sink) error {
	if err := out.BeginArray(); err != nil {
		return err
	}
	for {
		doc, err := r.document()
		if errors.Is(err, io.EOF) {
			return out.EndArray()
		}
		if err != nil {
			return err
		}
		t := yamlTeller{o: d, out: out, budget: b, reader: r}
		if err := t.document(doc); err != nil {
			return err
		}
	}
}

// json tells the value of a body that is JSON, if it is.
func (d *YAML) json(ctx context.Context, in *decode.Input, out decode.Sink) (done bool, err error) {
	text := bytes.TrimLeft(in.Body, ascii.Space)
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false, nil
	}
	// A name twice, or a merge key, is for YAML.
	if bytes.Contains(text, []byte(`"<<"`)) || new(JSON).Decode(ctx, &decode.Input{Body: text}, new(decode.Trial)) != nil {
		return false, ctx.Err()
	}
	if !d.Documents {
		return true, new(JSON).Decode(ctx, &decode.Input{Body: text}, out)
	}
	if err := out.BeginArray(); err != nil {
		return true, err
	}
	if err := new(JSON).Decode(ctx, &decode.Input{Body: text}, out); err != nil {
		return true, err
	}
	return true, out.EndArray()
}

var _ decode.Decoder = (*YAML)(nil)
