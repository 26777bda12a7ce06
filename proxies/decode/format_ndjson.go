package decode

import (
	"context"
	"strings"
)

// NDJSON decodes lines of JSON to an array. Each line is one value, as strict as JSON; blank lines are left out. A bad
// line is a *SyntaxError with its place in the body. An empty body is an empty array.
//
//	{"a":1}
//	[2]      ->  [{"a":1},[2]]
type NDJSON struct{}

const ndjsonFactor = jsonFactor

// Check implements the check at load; NDJSON has no options.
func (*NDJSON) Check() error { return nil }

// Factor implements Decoder.
func (*NDJSON) Factor() float64 { return ndjsonFactor }

// Decode implements Decoder.
func (*NDJSON) Decode(ctx context.Context, in *Input, out Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	text := string(in.Body)
	r := jsonReader{format: "ndjson", text: text, poll: poll{ctx: ctx}}
	for l := (lines{text: text}); ; {
		line, offset, ok := l.cut()
		if !ok {
			return out.EndArray()
		}
		if strings.Trim(line, asciiSpace) == "" {
			if err := r.poll.err(); err != nil {
				return err
			}
			continue
		}
		r.open(in.Body[offset:offset+len(line)], offset)
		if err := r.value(out); err != nil {
			return err
		}
		if err := r.end(); err != nil {
			return err
		}
	}
}

var _ Decoder = (*NDJSON)(nil)
