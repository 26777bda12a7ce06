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
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	p := poll{ctx: ctx}
	for l := (lines{text: string(in.Body)}); ; {
		line, _, ok := l.cut()
		if !ok {
			return out.EndArray()
		}
		if err := p.err(); err != nil {
			return err
		}
		if d.Trim {
			line = strings.Trim(line, asciiSpace)
		}
		if line == "" && d.SkipEmpty || d.Comment != "" && strings.HasPrefix(line, d.Comment) {
			continue
		}
		if err := out.String(line); err != nil {
			return err
		}
	}
}

var (
	_ Decoder = (*PlainText)(nil)
	_ Decoder = (*Lines)(nil)
)
