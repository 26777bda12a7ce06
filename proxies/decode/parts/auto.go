// Package parts decodes bodies of which it is not known beforehand what is in them, each part or the whole: multipart, what auto
// recognises, and bytes that are no text.
package parts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
)

// Auto decodes a body in the format that it is in, whatever the backend calls it, and says which that is in decode.Input.Found. The
// value is that of the format's decoder with its default options, only xml and soap make every element an array, since
// nobody can say which are lists, and csv finds its delimiter.
//
//	Content-Type: text/html, body {"a":1}               ->  {"a":1}, found as json
//	Content-Type: application/json, body <html>Sign in  ->  found as html
//
// A body is looked at for what cannot be anything else first: archives, pictures and other bytes, JSON, markup. Then comes what
// the backend declares, where the body agrees; then lines of equal columns, lines of names and values; the rest is text.
type Auto struct {
	// Formats are those that the body may be in; any other is a *decode.SyntaxError. Formats that are listed here are found without
	// being declared, too. Default: all that auto knows, of which form must be declared by the backend.
	Formats []string `json:"formats,omitempty"`

	table []autoFormat
}

// autoOverhead is what looking at a body takes beside its decoding: its text, and copies where it is tried.
const autoOverhead = 10

// AutoFormats are the names that Auto knows, in the order in which a body is held against them.
func AutoFormats() []string {
	var names []string
	for _, f := range autoFormats() {
		if !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}

// Check implements the check at load.
func (d *Auto) Check() error {
	known := AutoFormats()
	for i, name := range d.Formats {
		if !slices.Contains(known, name) {
			return fmt.Errorf("formats: auto does not know %q, it knows %s", name, strings.Join(known, ", "))
		}
		if slices.Contains(d.Formats[:i], name) {
			return fmt.Errorf("formats: %s is there twice", name)
		}
	}
	table := autoFormats()
	for _, f := range table {
		if c, ok := f.decoder.(interface{ Check() error }); ok {
			if err := c.Check(); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	d.table = table
	return nil
}

// Factor implements decode.Decoder: the largest of the formats that may be found.
func (d *Auto) Factor() float64 {
	factor := 0.0
	for _, f := range autoFormats() {
		if d.takes(f.name) {
			factor = max(factor, f.decoder.Factor())
		}
	}
	return factor + autoOverhead
}

// takes says whether a format is one of those that are wanted.
func (d *Auto) takes(name string) bool {
	return len(d.Formats) == 0 || slices.Contains(d.Formats, name)
}

// Binary implements decode.Binary: whether the body is text is among what is to be found.
func (*Auto) Binary() {}

// Decode implements decode.Decoder.
func (d *Auto) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.table == nil {
		checked := &Auto{Formats: d.Formats}
		if err := checked.Check(); err != nil {
			return err
		}
		d = checked
	}
	b := &autoBody{ctx: ctx, in: in, formats: d.Formats}
	f, err := d.find(b)
	if err != nil {
		return err
	}
	if in.Found != nil {
		in.Found.Format, in.Found.Charset = f.name, b.charset
	}
	if !d.takes(f.name) {
		return &decode.SyntaxError{Format: "auto", Msg: fmt.Sprintf("the body is %s, not %s", f.name, strings.Join(d.Formats, " or "))}
	}
	inner := *in
	inner.Found = nil
	if _, binary := f.decoder.(decode.Binary); !binary {
		inner.Body = b.text
	}
	if f.name == "binary" && b.declaresText() {
		inner.MediaType, inner.ContentType = "", "" // which is wrong
	}
	return f.decoder.Decode(ctx, &inner, out)
}

// find gives the format of a body.
func (d *Auto) find(b *autoBody) (*autoFormat, error) {
	if f := d.first(b, func(f *autoFormat) func(*autoBody) bool { return f.bytes }); f != nil {
		return f, b.ctx.Err()
	}
	if err := b.read(); err != nil {
		// What nothing declares to be text need not be text.
		var charset *charset.Error
		if errors.As(err, &charset) && b.charset.Source == "detection" && !strings.HasPrefix(b.in.MediaType, "text/") {
			return d.named("binary"), nil
		}
		return nil, err
	}
	if f := d.first(b, func(f *autoFormat) func(*autoBody) bool { return f.text }); f != nil {
		return f, b.ctx.Err()
	}
	if len(d.Formats) == 0 || d.takes("text") {
		return d.named("text"), b.ctx.Err()
	}
	// Nothing fits; one format that was to be expected can say best why it does not.
	if i := slices.IndexFunc(d.table, func(f autoFormat) bool { return d.takes(f.name) && b.declares(f.media) }); i >= 0 {
		return &d.table[i], b.ctx.Err()
	}
	return d.named("text"), b.ctx.Err()
}

// first gives the first format whose test a body passes. Formats that anything could be, and that are not wanted, are not
// asked. Where one that is not wanted is a kind of another that is, it is that.
func (d *Auto) first(b *autoBody, test func(*autoFormat) func(*autoBody) bool) *autoFormat {
	for i := range d.table {
		f := &d.table[i]
		is := test(f)
		if is == nil || f.vague && !d.takes(f.name) {
			continue
		}
		if f.declared && len(d.Formats) == 0 && !b.declares(f.media) {
			continue
		}
		if !is(b) {
			continue
		}
		if !d.takes(f.name) && f.kindOf != "" && d.takes(f.kindOf) {
			return d.named(f.kindOf)
		}
		return f
	}
	return nil
}

func (d *Auto) named(name string) *autoFormat {
	return &d.table[slices.IndexFunc(d.table, func(f autoFormat) bool { return f.name == name })]
}

var _ decode.Binary = (*Auto)(nil)

// Unpacks implements decode.Unpacker: what is declared to be text, and is gzip, was compressed on its way.
func (*Auto) Unpacks(contentType string) bool {
	media, _ := decode.ContentType(contentType)
	kind, sub, _ := strings.Cut(media, "/")
	if kind == "text" {
		return true
	}
	for _, word := range []string{"json", "xml", "csv", "yaml", "javascript", "ndjson", "x-www-form-urlencoded"} {
		if kind == "application" && strings.Contains(sub, word) {
			return true
		}
	}
	return false
}

var _ decode.Unpacker = (*Auto)(nil)
