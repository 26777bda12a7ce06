package decode

import (
	"context"
	"io"
	"strings"
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
func (d *Lines) Check() error { return checkComment(d.Comment) }

// Factor implements Decoder.
func (*Lines) Factor() float64 { return linesFactor }

// Decode implements Decoder.
func (d *Lines) Decode(ctx context.Context, in *Input, out Sink) error {
	return d.tell(ctx, wholeLines(in.Body), out)
}

// Stream implements Streamer.
func (d *Lines) Stream(ctx context.Context, text io.Reader, _ *Input, out Sink) error {
	return d.tell(ctx, streamedLines(text), out)
}

func (d *Lines) tell(ctx context.Context, l *lineReader, out Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	p := poll{ctx: ctx}
	for {
		line, ok, err := l.next()
		if err != nil {
			return err
		}
		if !ok {
			return out.EndArray()
		}
		if err := p.err(); err != nil {
			return err
		}
		text := line.text
		if d.Trim {
			text = strings.Trim(text, asciiSpace)
		}
		if text == "" && d.SkipEmpty || d.Comment != "" && strings.HasPrefix(text, d.Comment) {
			continue
		}
		if err := out.String(text); err != nil {
			return err
		}
	}
}

var _ Streamer = (*Lines)(nil)
