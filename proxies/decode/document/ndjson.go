package document

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
)

// Values of the option BadLines of NDJSON.
const (
	NDJSONFail = "fail"
	NDJSONSkip = "skip"
)

// NDJSON decodes lines of JSON to an array. Each line is one value, as strict as JSON; blank lines are left out. A bad
// line is a *decode.SyntaxError with its place in the body. An empty body is an empty array.
//
//	{"a":1}
//	[2]      ->  [{"a":1},[2]]
type NDJSON struct {
	// BadLines says what becomes of a line that is not one JSON value, or has a name twice: "fail" refuses the document,
	// "skip" leaves the line out. Default: "fail".
	BadLines string `json:"bad_lines,omitempty"`
}

const ndjsonFactor = jsonFactor

// Check implements the check at load.
func (d *NDJSON) Check() error {
	switch d.BadLines {
	case "", NDJSONFail, NDJSONSkip:
		return nil
	}
	return fmt.Errorf("bad_lines %q: want fail or skip", d.BadLines)
}

// Factor implements decode.Decoder.
func (*NDJSON) Factor() float64 { return ndjsonFactor }

// Decode implements decode.Decoder.
func (d *NDJSON) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	return d.tell(ctx, linewise.Whole(in.Body), out)
}

// Stream implements decode.Streamer.
func (d *NDJSON) Stream(ctx context.Context, text io.Reader, _ *decode.Input, out decode.Sink) error {
	return d.tell(ctx, linewise.Streamed(text), out)
}

// recordSeparator stands before each text of a JSON text sequence (RFC 7464).
const recordSeparator = "\x1e"

func (d *NDJSON) tell(ctx context.Context, l *linewise.Reader, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	r := jsonReader{format: "ndjson", poll: interrupt.Poll{Ctx: ctx}}
	var try decode.Writer // of a line that may be bad: what was told cannot be taken back
	var tried []byte
	for {
		line, ok, err := l.Next()
		if err != nil {
			return err
		}
		if !ok {
			return out.EndArray()
		}
		if strings.HasPrefix(line.Text, recordSeparator) {
			line.Text, line.Bytes, line.Offset = line.Text[1:], line.Bytes[1:], line.Offset+1
		}
		if line.Blank() {
			if err := r.poll.Err(); err != nil {
				return err
			}
			continue
		}
		if d.BadLines == NDJSONSkip {
			try.Reset(tried[:0], decode.Limits{})
			err := r.line(line, &try)
			tried = try.Buffer()
			if badLine(err) {
				continue
			}
			if err != nil {
				return err
			}
		}
		if err := r.line(line, out); err != nil {
			return err
		}
	}
}

// line tells the one value of a line.
func (r *jsonReader) line(line linewise.Line, out decode.Sink) error {
	r.text, r.base = line.Text, line.Offset
	return r.document(out)
}

// badLine says whether an error is one of a line and not of the whole, as the end of the context is.
func badLine(err error) bool {
	if _, ok := errors.AsType[*decode.SyntaxError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*decode.LimitError](err); ok {
		return true
	}
	_, ok := errors.AsType[*decode.DuplicateError](err)
	return ok
}

var _ decode.Streamer = (*NDJSON)(nil)
