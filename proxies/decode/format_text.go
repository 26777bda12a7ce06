package decode

import (
	"context"
	"strings"
)

// PlainText decodes the whole text to one string.
//
//	" 42 \r\n"  ->  "42"
type PlainText struct {
	// Keep keeps white space and line ends around the text. Default: ASCII white space there is cut off.
	Keep bool `json:"keep,omitempty"`
}

const textFactor = 2

// Check implements the check at load; every combination of options is good.
func (*PlainText) Check() error { return nil }

// Factor implements Decoder.
func (*PlainText) Factor() float64 { return textFactor }

// Decode implements Decoder. An empty body is an empty string.
func (d *PlainText) Decode(ctx context.Context, in *Input, out Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text := string(in.Body)
	if !d.Keep {
		text = strings.Trim(text, asciiSpace)
	}
	return out.String(text)
}

var _ Decoder = (*PlainText)(nil)
