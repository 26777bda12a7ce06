// Package lines decodes text and its lines: as they are, as pairs of name and value, or with patterns of regexp and grok.
package lines

import (
	"context"
	"io"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
)

// Lines decodes to an array of strings, one for each line. Lines end with LF or CRLF; the end of the last line makes
// no further, empty one. An empty body is an empty array.
//
//	"a\r\n\r\nb\n"  ->  ["a","","b"]
type Lines struct {
	// SkipEmpty leaves out lines without text. Default: they are empty strings.
	SkipEmpty bool `json:"skip_empty,omitempty"`
	// Comment leaves out lines that start with this text. Default: none is left out.
	Comment string `json:"comment,omitempty"`
	// Trim cuts ASCII white space off both ends of each line, before the other options look at it.
	// Default: lines stay as they are.
	Trim bool `json:"trim,omitempty"`
}

const linesFactor = 40

// Check implements the check at load.
func (d *Lines) Check() error { return linewise.CheckComment(d.Comment) }

// Factor implements decode.Decoder.
func (*Lines) Factor() float64 { return linesFactor }

// Decode implements decode.Decoder.
func (d *Lines) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	return d.tell(ctx, linewise.Whole(in.Body), out)
}

// Stream implements decode.Streamer.
func (d *Lines) Stream(ctx context.Context, text io.Reader, _ *decode.Input, out decode.Sink) error {
	return d.tell(ctx, linewise.Streamed(text), out)
}

func (d *Lines) tell(ctx context.Context, l *linewise.Reader, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	p := interrupt.Poll{Ctx: ctx}
	for {
		line, ok, err := l.Next()
		if err != nil {
			return err
		}
		if !ok {
			return out.EndArray()
		}
		if err := p.Err(); err != nil {
			return err
		}
		text := line.Text
		if d.Trim {
			text = strings.Trim(text, ascii.Space)
		}
		if text == "" && d.SkipEmpty || d.Comment != "" && strings.HasPrefix(text, d.Comment) {
			continue
		}
		if err := out.String(text); err != nil {
			return err
		}
	}
}

var _ decode.Streamer = (*Lines)(nil)
