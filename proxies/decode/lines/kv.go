package lines

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/repeated"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

// KV decodes lines of "name: value" or "name=value" to an object of strings, in the order of the document. White space
// around name and value is cut off, blank lines and comments are left out. A value may be empty, a name may not. A
// line without delimiter is a *decode.SyntaxError. A body without any line is an empty object.
//
//	# node 7          ->  {"state":"up","load":"0.5"}
//	state: up
//	load = 0.5
//
// With Sections, INI files:
//
//	user = app        ->  {"user":"app","db":{"host":"db1"}}
//	[db]
//	host = db1
type KV struct {
	// Delimiter ends the name. Default: ":" or "=", whichever comes first on the line.
	Delimiter string `json:"delimiter,omitempty"`
	// Delimiters are several that end the name, whichever comes first on the line, the longest of those that begin at one
	// place. Excludes Delimiter. Default: none.
	Delimiters []string `json:"delimiters,omitempty"`
	// Comment starts a line that is left out, after white space or at once. Default: "#", with Sections ";" too.
	Comment string `json:"comment,omitempty"`
	// Comments are several of them. Excludes Comment. Default: none.
	Comments []string `json:"comments,omitempty"`
	// NoComment reads lines that start with Comment as any other.
	NoComment bool `json:"no_comment,omitempty"`
	// InlineComments also leaves out comments behind values, after white space. Default: they belong to the value.
	InlineComments bool `json:"inline_comments,omitempty"`
	// Sections makes objects of what follows a line [name]; a section that occurs again goes on. Pairs before the first
	// section are members beside them. Default: such a line is as any other.
	Sections bool `json:"sections,omitempty"`
	// Quotes takes the quotes off names and values that stand in "..." or '...'; inside of the first kind \" \\ \n \r \t
	// are escapes. With Numbers, what was quoted is a string. Default: quotes belong to the value.
	Quotes bool `json:"quotes,omitempty"`
	// Continuation says which lines go on with the value of the line before: "backslash", those after a line that ends
	// with one, which is taken away with the white space that begins the next; "indent", those that begin with white space, which
	// becomes one space; "fold", those, too, but their first character is taken away, as in LDIF, vCard and manifests of
	// Java. Default: none.
	Continuation string `json:"continuation,omitempty"`
	// Escapes undoes those of Java properties in names and values: \t \n \r \f, \u and four hexadecimal digits; a backslash
	// before any other character, also a delimiter, makes it one like any other. Default: a backslash is a character.
	Escapes bool `json:"escapes,omitempty"`
	// Export takes the word export, as shells write it, off names. Default: it belongs to the name.
	Export bool `json:"export,omitempty"`
	// Undelimited says what becomes of a line without delimiter: "error", "skip", or "null", a name without a
	// value. Default: "error".
	Undelimited string `json:"undelimited,omitempty"`
	// Repeated says what becomes of a name that occurs again: "error" refuses the document, "first" or "last" take
	// that value, "list" makes every value an array of strings, also of names that occur once. Default: "error".
	Repeated string `json:"repeated,omitempty"`
	// Records "blank" makes an array of objects, one of the lines up to a blank one; those without any pair are left out.
	// Excludes Sections. Default: the whole body is one object.
	Records string `json:"records,omitempty"`
	// Numbers makes numbers, true, false and null of values that are written as in JSON: 007 and 1. stay strings.
	// Default: all values are strings.
	Numbers bool `json:"numbers,omitempty"`
}

// Factors are those of the shortest names that differ; collected members take memory before they are told.
const (
	kvFactor          = 50
	kvCollectedFactor = 75
	kvSectionsFactor  = 80
	kvRecordsFactor   = 80
)

// Check implements the check at load.
func (d *KV) Check() error {
	if d.Delimiter != "" && len(d.Delimiters) > 0 {
		return errors.New("delimiter and delimiters exclude each other")
	}
	for _, one := range append([]string{d.Delimiter}, d.Delimiters...) {
		if strings.ContainsAny(one, "\r\n") {
			return errors.New("delimiter contains an end of line")
		}
	}
	if d.NoComment && (d.Comment != "" || len(d.Comments) > 0) {
		return errors.New("comment and no_comment exclude each other")
	}
	if d.Comment != "" && len(d.Comments) > 0 {
		return errors.New("comment and comments exclude each other")
	}
	for _, one := range append([]string{d.Comment}, d.Comments...) {
		if err := linewise.CheckComment(one); err != nil {
			return err
		}
	}
	if slices.Contains(d.Delimiters, "") {
		return errors.New("delimiters: one is empty")
	}
	if slices.Contains(d.Comments, "") {
		return errors.New("comments: one is empty")
	}
	if d.InlineComments && d.NoComment {
		return errors.New("inline_comments needs comments")
	}
	if d.Records != "" && d.Records != KVBlank {
		return fmt.Errorf("records %q: want blank", d.Records)
	}
	if d.Records != "" && d.Sections {
		return errors.New("records and sections exclude each other")
	}
	switch d.Continuation {
	case "", KVBackslash, KVIndent, KVFold:
	default:
		return fmt.Errorf("continuation %q: want backslash, indent or fold", d.Continuation)
	}
	switch d.Undelimited {
	case "", KVError, KVSkip, KVNull:
	default:
		return fmt.Errorf("undelimited %q: want error, skip or null", d.Undelimited)
	}
	return repeated.Check(d.Repeated)
}

// Factor implements decode.Decoder.
func (d *KV) Factor() float64 {
	if d.Records != "" {
		return kvRecordsFactor
	}
	if d.Sections && d.streams() {
		return kvSectionsFactor
	}
	if d.streams() {
		return kvFactor
	}
	return kvCollectedFactor
}

// streams says whether the sink refuses names that repeat, so that nothing need be collected.
func (d *KV) streams() bool { return d.Repeated == "" || d.Repeated == repeated.Error }

// Decode implements decode.Decoder.
func (d *KV) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if d.Records == KVBlank {
		return hinted(d.tellRecords(ctx, string(in.Body), out))
	}
	return hinted(d.tell(ctx, string(in.Body), out))
}

func (d *KV) tell(ctx context.Context, text string, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.rich() {
		return d.decodeRich(ctx, text, out)
	}
	l := linewise.Lines{Text: text}
	p := interrupt.Poll{Ctx: ctx}
	scalar := typed.TellString
	if d.Numbers {
		scalar = typed.Tell
	}
	if !d.streams() {
		m := repeated.Members{Policy: d.Repeated}
		for {
			name, value, ok, err := d.pair(&l, &p)
			if err != nil {
				return err
			}
			if !ok {
				return m.Tell(&p, out, scalar)
			}
			if err := m.Add(name, value); err != nil {
				return err
			}
		}
	}
	if err := out.BeginObject(); err != nil {
		return err
	}
	for {
		name, value, ok, err := d.pair(&l, &p)
		if err != nil {
			return err
		}
		if !ok {
			return out.EndObject()
		}
		if err := out.Key(name); err != nil {
			return err
		}
		if err := scalar(out, value); err != nil {
			return err
		}
	}
}

// pair gives the next name and its value.
func (d *KV) pair(l *linewise.Lines, p *interrupt.Poll) (name, value string, ok bool, err error) {
	comment := d.Comment
	if comment == "" {
		comment = "#"
	}
	for {
		line, offset, ok := l.Cut()
		if !ok {
			return "", "", false, nil
		}
		if err := p.Err(); err != nil {
			return "", "", false, err
		}
		// The end is not trimmed yet: the delimiter may be white space, with nothing after it.
		text := strings.TrimLeft(line, ascii.Space)
		if text == "" || !d.NoComment && strings.HasPrefix(text, comment) {
			continue
		}
		at, width := d.delimiter(text)
		if at < 0 {
			return "", "", false, d.undelimited(line, offset)
		}
		name = strings.Trim(text[:at], ascii.Space)
		if name == "" {
			return "", "", false, &decode.SyntaxError{Format: "kv", Offset: int64(offset), Msg: "a line without a name"}
		}
		return name, strings.Trim(text[at+width:], ascii.Space), true, nil
	}
}

func (d *KV) delimiter(line string) (at, width int) {
	if d.Delimiter != "" {
		return strings.Index(line, d.Delimiter), len(d.Delimiter)
	}
	for i := range len(line) {
		if line[i] == ':' || line[i] == '=' {
			return i, 1
		}
	}
	return -1, 0
}

var _ decode.Decoder = (*KV)(nil)
