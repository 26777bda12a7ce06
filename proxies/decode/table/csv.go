package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
)

// CSV decodes a table of RFC 4180, and of those who never read it, to an array with an object for each row. Lines end with CR,
// LF or both; blank lines are left out; a quote inside a field that does not begin with one is a character like any other.
// A first line "sep=;" says the delimiter and is no row.
//
//	Name;Price
//	"a;b";1,50  ->  [{"Name":"a;b","Price":"1,50"}]   with the delimiter semicolon
type CSV struct {
	// Delimiter is what separates fields, or "auto": the one of comma, semicolon, tab and pipe that the first lines have
	// most regularly. Default: what a line sep= says, else comma, or where the first line has none that of the other three
	// which it has most often.
	Delimiter string `json:"delimiter,omitempty"`
	// Quote is the character around fields, or "none". Default: ".
	Quote string `json:"quote,omitempty"`
	// LazyQuotes takes quotes inside a quoted field, and one that nothing closes, as characters. Default: they are errors.
	LazyQuotes bool `json:"lazy_quotes,omitempty"`
	// Escape is "backslash", which makes what stands behind one part of the field: quotes, delimiters, ends of lines, and \t, \n
	// and others that mean one; a field \N is null. Or "none". Default: "none".
	Escape string `json:"escape,omitempty"`
	// Header is "first", the first row has the names, "find", the first row that has all names of Typed does and those
	// above it are left out, or "none". Default: "first"; "none" where Columns are given without.
	Header string `json:"header,omitempty"`
	// Columns are the names, instead of those of the header. Default: the header's; without a header column_1, column_2 and so on.
	Columns []string `json:"columns,omitempty"`
	// Typed declares columns. Default: none, all values are strings.
	Typed []Column `json:"typed,omitempty"`
	// Only leaves out the columns that are not in Typed. Default false.
	Only bool `json:"only,omitempty"`
	// Ragged is what becomes of rows that are shorter or longer than the header: "error", "pad" (what is missing is null,
	// longer ones are errors), "fit" (padded or cut), "join" (padded, or the last column has the rest with its delimiters) or
	// "drop" (left out). Empty fields too many and columns too few that have
	// no name do not count. Default: "error".
	Ragged string `json:"ragged,omitempty"`
	// Skip is how many lines before the header are left out, as lines of text. Default 0.
	Skip int `json:"skip,omitempty"`
	// SkipRows is how many rows below the header are left out: units, rulers. Default 0.
	SkipRows int `json:"skip_rows,omitempty"`
	// SkipEmpty leaves out rows of which every field is empty. Default false.
	SkipEmpty bool `json:"skip_empty,omitempty"`
	// SkipLast is how many rows at the end are left out, at most 1000. Default 0.
	SkipLast int `json:"skip_last,omitempty"`
	// Comment is how lines begin that are left out. Default: none.
	Comment string `json:"comment,omitempty"`
	// Trim cuts white space around fields, before quotes too. Default false.
	Trim bool `json:"trim,omitempty"`
	// Null are texts that become null. Default: none.
	Null []string `json:"null,omitempty"`
	// Numbers makes numbers, true, false and null of values without quotes that are written as in JSON. Default false.
	Numbers bool `json:"numbers,omitempty"`
	// Arrays tells rows as arrays instead of objects. The header is then no row, but still checked. Default false.
	Arrays bool `json:"arrays,omitempty"`
}

// Values of the option Ragged.
const (
	RaggedError = "error"
	RaggedPad   = "pad"
	RaggedFit   = "fit"
	RaggedJoin  = "join"
	RaggedDrop  = "drop"
	RaggedKeep  = "keep"
)

const (
	csvFactor     = 80
	maxSkipLast   = 1000
	DelimiterAuto = "auto"
	csvNone       = "none"
	csvFirst      = "first"
	csvFind       = "find"
	csvEscape     = "backslash"
)

// Factor implements decode.Decoder.
func (d *CSV) Factor() float64 { return csvFactor }

// Check implements the check at load.
func (d *CSV) Check() error {
	if strings.ContainsAny(d.Delimiter, "\r\n\"") {
		return fmt.Errorf("delimiter %q: it may have no quote and no end of line", excerpt.Of(d.Delimiter))
	}
	if d.Quote != "" && d.Quote != csvNone && (len(d.Quote) != 1 || d.Quote[0] >= utf8.RuneSelf || strings.ContainsAny(d.Quote, "\r\n") || d.Quote == d.Delimiter) {
		return fmt.Errorf("quote %q: want one ASCII character other than the delimiter, or none", excerpt.Of(d.Quote))
	}
	if d.LazyQuotes && d.Quote == csvNone {
		return errors.New("lazy_quotes needs a quote")
	}
	if d.Escape != "" && d.Escape != csvEscape && d.Escape != csvNone {
		return fmt.Errorf("escape %q: want backslash or none", excerpt.Of(d.Escape))
	}
	if !slices.Contains([]string{"", csvFirst, csvFind, csvNone}, d.Header) {
		return fmt.Errorf("header %q: want first, find or none", excerpt.Of(d.Header))
	}
	if d.Header == csvFind && (len(d.Typed) == 0 || len(d.Columns) > 0) {
		return errors.New("header find needs the columns that the header has: column <name>, and no columns")
	}
	if !slices.Contains([]string{"", RaggedError, RaggedPad, RaggedFit, RaggedJoin, RaggedDrop, RaggedKeep}, d.Ragged) {
		return fmt.Errorf("ragged %q: want error, pad, fit, join, drop or keep", excerpt.Of(d.Ragged))
	}
	if d.Ragged == RaggedKeep && (!d.Arrays || len(d.Typed)+len(d.Columns) > 0) {
		return errors.New("ragged keep needs rows arrays, and no columns")
	}
	if d.Skip < 0 || d.SkipRows < 0 || d.SkipLast < 0 || d.SkipLast > maxSkipLast {
		return fmt.Errorf("skip, skip_rows and skip_last take numbers from 0, skip_last up to %d", maxSkipLast)
	}
	if err := linewise.CheckComment(d.Comment); err != nil {
		return err
	}
	if _, err := decode.NewHeader(d.Columns, false); err != nil {
		return fmt.Errorf("columns: %w", err)
	}
	if slices.Contains(d.Columns, "") {
		return errors.New("columns: a column needs a name")
	}
	if d.Only && len(d.Typed) == 0 {
		return errors.New("only needs columns: column <name>")
	}
	return checkColumns(d.Typed, d.Columns)
}

// checkColumns checks declared columns, against the names where those are known at load.
func checkColumns(typed []Column, names []string) error {
	var as []string
	for i := range typed {
		c := &typed[i]
		if err := c.check(); err != nil {
			return err
		}
		if len(names) > 0 && !slices.Contains(names, c.Name) {
			return fmt.Errorf("column %s is none of columns", c.Name)
		}
		if slices.ContainsFunc(typed[:i], func(o Column) bool { return o.Name == c.Name }) {
			return fmt.Errorf("column %s is there twice", c.Name)
		}
		if c.As != "" && slices.Contains(as, c.As) {
			return fmt.Errorf("two columns become %s", c.As)
		}
		as = append(as, c.As)
	}
	return nil
}

// Decode implements decode.Decoder.
func (d *CSV) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	return d.read(ctx, "csv", nil, in.Body, out)
}

// Stream implements decode.Streamer.
func (d *CSV) Stream(ctx context.Context, text io.Reader, _ *decode.Input, out decode.Sink) error {
	return d.read(ctx, "csv", text, nil, out)
}

func (d *CSV) read(ctx context.Context, format string, text io.Reader, body []byte, out decode.Sink) error {
	r := csvReader{format: format}
	r.start(ctx, text, body)
	return d.tell(&r, out)
}

func (d *CSV) tell(r *csvReader, out decode.Sink) error {
	if err := r.poll.Ctx.Err(); err != nil {
		return err
	}
	if err := d.open(r); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	t, err := d.table(r)
	if errors.Is(err, io.EOF) {
		return out.EndArray()
	}
	if err != nil {
		return err
	}
	t.held = make([]heldRow, 0, d.SkipLast)
	t.room = newRowRoom(t.head, int(r.base)+r.pos, out)
	for {
		err := r.next()
		if errors.Is(err, io.EOF) {
			return out.EndArray()
		}
		if err != nil {
			return err
		}
		if err := t.add(r, out); err != nil {
			return err
		}
	}
}

var (
	_ decode.Decoder  = (*CSV)(nil)
	_ decode.Streamer = (*CSV)(nil)
)
