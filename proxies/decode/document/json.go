// Package document decodes formats that have values of their own, objects, lists and scalars: JSON, NDJSON, YAML and forms.
package document

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/repeated"
)

// Values of the options NaN and Surrogates of JSON.
const (
	NaNNull           = "null"
	NaNString         = "string"
	SurrogatesReplace = "replace"
)

// JSON decodes one JSON text, strictly as RFC 8259: names that occur twice, text that is not UTF-8, half surrogates
// and anything after the value are errors, and so is an empty body. Names keep their order, numbers their digits. What
// services put before JSON so that no browser runs it, )]}' or while(1); or for(;;);, is left out. Each option allows
// one kind of what is no JSON.
//
//	{"b": 1.10, "a": [null]}  ->  {"b":1.10,"a":[null]}
type JSON struct {
	// Items names the array that is the value, by the names of the objects around it, with dots between: "data.rows".
	// What stands beside it is left out; null there is an empty array. Default: the whole text is the value.
	Items string `json:"items,omitempty"`
	// JSONP takes the value out of a call, callback({...}); or of a variable that is set, var x = {...}; with or without one. Default: a call is an error.
	JSONP bool `json:"jsonp,omitempty"`
	// NaN says what becomes of NaN, Infinity and inf, with or without a sign: "null", or "string", the word itself.
	// Default: they are errors.
	NaN string `json:"nan,omitempty"`
	// SingleQuotes also reads names and strings between single quotes. Default: those are errors.
	SingleQuotes bool `json:"single_quotes,omitempty"`
	// Comments leaves out // to the end of the line and /* */; with Python # too. Default: comments are errors.
	Comments bool `json:"comments,omitempty"`
	// TrailingCommas allows one comma before the end of an object or array. Default: it is an error.
	TrailingCommas bool `json:"trailing_commas,omitempty"`
	// UnquotedKeys also reads names of letters, digits, _, $ and - without quotes. Default: those are errors.
	UnquotedKeys bool `json:"unquoted_keys,omitempty"`
	// Duplicates says what becomes of a name that occurs more than once in one object: "error" refuses the document,
	// "first" or "last" take that value, "list" makes an array of its values. Default: "error".
	Duplicates string `json:"duplicates,omitempty"`
	// Python reads None, True and False, and \x and two digits in strings. Default: those are errors.
	Python bool `json:"python,omitempty"`
	// Surrogates "replace" makes � of half a surrogate, such as \ud83d alone. Default: that is an error.
	Surrogates string `json:"surrogates,omitempty"`
	// Control allows control characters in strings, line ends too, and NUL behind the value. Default: those are errors.
	Control bool `json:"control,omitempty"`
}

// Factors are what {"":{"":{"":0}}} takes; usual documents take a quarter of it. See TestFactor. What may have names twice is
// collected before it is told.
const (
	jsonFactor          = 75
	jsonCollectedFactor = 80
)

// Check implements the check at load.
func (d *JSON) Check() error {
	if d.Items != "" && slices.Contains(strings.Split(d.Items, "."), "") {
		return errors.New("items: a name is empty; write data.rows")
	}
	switch d.NaN {
	case "", NaNNull, NaNString:
	default:
		return fmt.Errorf("nan %q: want null or string", d.NaN)
	}
	switch d.Surrogates {
	case "", SurrogatesReplace:
	default:
		return fmt.Errorf("surrogates %q: want replace", d.Surrogates)
	}
	switch d.Duplicates {
	case "", repeated.Error, repeated.First, repeated.Last, repeated.List:
		return nil
	}
	return fmt.Errorf("duplicates %q: want error, first, last or list", d.Duplicates)
}

// Factor implements decode.Decoder.
func (d *JSON) Factor() float64 {
	if d.merges() {
		return jsonCollectedFactor
	}
	return jsonFactor
}

func (d *JSON) merges() bool { return d.Duplicates != "" && d.Duplicates != repeated.Error }

// dirty says whether a text may be something else than JSON, which is read by other means.
func (d *JSON) dirty() bool {
	return d.JSONP || d.NaN != "" || d.SingleQuotes || d.Comments || d.TrailingCommas || d.UnquotedKeys || d.Python || d.Surrogates != "" || d.Control
}

// Decode implements decode.Decoder.
func (d *JSON) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	return seeDuplicates(d.decode(ctx, in, out))
}

func (d *JSON) decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n := jsonPrefix(in.Body)
	if d.dirty() {
		r := &dirtReader{o: d, buf: in.Body[n:], base: int64(n), poll: interrupt.Poll{Ctx: ctx}}
		return d.pick(ctx, out, func(out decode.Sink, _ *jsonItems) error {
			r.out = out
			return r.document()
		})
	}
	r := jsonReader{format: "json", text: string(in.Body[n:]), base: int64(n), poll: interrupt.Poll{Ctx: ctx}}
	if d.Items != "" || d.merges() {
		return d.pick(ctx, out, func(out decode.Sink, _ *jsonItems) error { return r.document(out) })
	}
	return r.document(out)
}

// Stream implements decode.Streamer. A document that is no array is one record.
func (d *JSON) Stream(ctx context.Context, text io.Reader, _ *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &recordWindow{ctx: ctx, src: text}
	if err := w.skipPrefix(); err != nil {
		return err
	}
	return seeDuplicates(d.pick(ctx, out, func(out decode.Sink, items *jsonItems) error {
		if d.dirty() {
			r := &dirtReader{o: d, src: w.rest(), base: w.read, from: w.read, poll: interrupt.Poll{Ctx: ctx}, out: out, items: items}
			return r.document()
		}
		r := jsonReader{format: "json", poll: interrupt.Poll{Ctx: ctx}}
		r.openStream(w, items)
		return r.document(out)
	}))
}

// pick hands on what Items names, with Duplicates settled.
func (d *JSON) pick(ctx context.Context, out decode.Sink, read func(decode.Sink, *jsonItems) error) error {
	if d.merges() {
		out = &jsonMerge{out: out, policy: d.Duplicates, poll: &interrupt.Poll{Ctx: ctx}}
	}
	items := newJSONItems(d.Items, out)
	if err := read(items, items); err != nil {
		return err
	}
	return items.end()
}

var _ decode.Streamer = (*JSON)(nil)
