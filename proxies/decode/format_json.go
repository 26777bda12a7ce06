package decode

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
)

// JSON decodes one JSON text, strictly as RFC 8259: names that occur twice, text that is not UTF-8, half surrogates
// and anything after the value are errors, and so is an empty body. Names keep their order, numbers their digits. What
// services put before JSON so that no browser runs it, )]}' or while(1); or for(;;);, is left out.
//
//	{"b": 1.10, "a": [null]}  ->  {"b":1.10,"a":[null]}
type JSON struct {
	// Items names the array that is the value, by the names of the objects around it, with dots between: "data.rows".
	// What stands beside it is left out; null there is an empty array. Default: the whole text is the value.
	Items string `json:"items,omitempty"`
}

// jsonFactor is what {"":{"":{"":0}}} takes; usual documents take a quarter of it. See TestFactor.
const jsonFactor = 75

// Check implements the check at load.
func (d *JSON) Check() error {
	if d.Items != "" && slices.Contains(strings.Split(d.Items, "."), "") {
		return errors.New("items: a name is empty; write data.rows")
	}
	return nil
}

// Factor implements Decoder.
func (*JSON) Factor() float64 { return jsonFactor }

// Decode implements Decoder.
func (d *JSON) Decode(ctx context.Context, in *Input, out Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := jsonReader{format: "json", poll: poll{ctx: ctx}}
	text := string(in.Body)
	n := jsonPrefix(text)
	r.open(in.Body[n:], text[n:], int64(n))
	if d.Items != "" {
		items := newJSONItems(d.Items, out)
		if err := r.value(items); err != nil {
			return err
		}
		if err := items.end(); err != nil {
			return err
		}
		return r.end()
	}
	if err := r.value(out); err != nil {
		return err
	}
	return r.end()
}

// Stream implements Streamer. A document that is no array is one record.
func (d *JSON) Stream(ctx context.Context, text io.Reader, _ *Input, out Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := jsonReader{format: "json", poll: poll{ctx: ctx}}
	w := &recordWindow{ctx: ctx, src: text}
	if err := w.skipPrefix(); err != nil {
		return err
	}
	items := newJSONItems(d.Items, out)
	r.openStream(w, items)
	if err := r.value(items); err != nil {
		return err
	}
	if err := items.end(); err != nil {
		return err
	}
	return r.end()
}

var _ Streamer = (*JSON)(nil)
