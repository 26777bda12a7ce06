package lines

import (
	"context"
	"fmt"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// LineEndsLF is the value of the option LineEnds of PlainText.
const LineEndsLF = "lf"

// PlainText decodes the whole text to one string.
//
//	" 42 \r\n"  ->  "42"
type PlainText struct {
	// Keep keeps white space and line ends around the text. Default: ASCII white space there is cut off.
	Keep bool `json:"keep,omitempty"`
	// StripControl leaves out escape sequences of terminals, such as colours, and control characters but tabs and line
	// ends; a backspace takes the character before it along. Default: they stay.
	StripControl bool `json:"strip_control,omitempty"`
	// LineEnds "lf" makes LF of CRLF, CR and NEL. Default: line ends stay as they are.
	LineEnds string `json:"line_ends,omitempty"`
}

const (
	textFactor        = 2
	textChangedFactor = 4
)

// Check implements the check at load.
func (d *PlainText) Check() error {
	if d.LineEnds != "" && d.LineEnds != LineEndsLF {
		return fmt.Errorf("line_ends %q: want lf", d.LineEnds)
	}
	return nil
}

// Factor implements decode.Decoder.
func (d *PlainText) Factor() float64 {
	if d.StripControl || d.LineEnds != "" {
		return textChangedFactor
	}
	return textFactor
}

// Decode implements decode.Decoder. An empty body is an empty string.
func (d *PlainText) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text := string(in.Body)
	if d.StripControl {
		text = stripControl(text)
	}
	if d.LineEnds != "" {
		text = lineFeeds(text)
	}
	if !d.Keep {
		text = strings.Trim(text, ascii.Space)
	}
	return out.String(text)
}

var _ decode.Decoder = (*PlainText)(nil)
