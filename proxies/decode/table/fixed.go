package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// Fixed decodes tables whose columns stand at fixed places of each line to an array with an object for each row: files of
// mainframes, output of databases and commands. Places are counted in characters. White space around values is cut off, blank lines
// are left out. By default a line of dashes says where the columns are, and the line above it has their names:
//
//	ID NAME       ->  [{"ID":"7","NAME":"disk full"}]
//	-- ---------
//	 7 disk full
type Fixed struct {
	// Layout is where the columns are: "ruler", as a line of dashes says, that has two columns at least; "header", they begin where the
	// words of the first line do. Default: "ruler", where neither Widths nor Typed say it.
	Layout string `json:"layout,omitempty"`
	// Widths are those of the columns, in characters; 0 as the last is all the rest. Default: none.
	Widths []int `json:"widths,omitempty"`
	// Columns are the names, instead of those of the header. Default: the header's.
	Columns []string `json:"columns,omitempty"`
	// Typed declares columns. Where one has a place all must have, and there are no others. Default: none.
	Typed []FixedColumn `json:"typed,omitempty"`
	// Header says of Widths and places whether there is a line of names, "first", or "none". Default: "first" of Widths without
	// Columns, else "none".
	Header string `json:"header,omitempty"`
	// Gap is how many blanks stand at least between two names of the layout header. Default 1.
	Gap int `json:"gap,omitempty"`
	// Only leaves out the columns that are not in Typed. Default false.
	Only bool `json:"only,omitempty"`
	// Skip is how many lines before the header are left out. Default 0.
	Skip int `json:"skip,omitempty"`
	// SkipRows is how many rows below the header are left out. Default 0.
	SkipRows int `json:"skip_rows,omitempty"`
	// SkipLast is how many rows at the end are left out, at most 1000. Default 0.
	SkipLast int `json:"skip_last,omitempty"`
	// Comment is how lines begin that are left out. Default: none.
	Comment string `json:"comment,omitempty"`
	// Record is how lines begin that are rows; others are left out. Default: all are.
	Record string `json:"record,omitempty"`
	// Until is how the line begins that ends the table, "blank" a blank one below a row. Default: the end of the text.
	Until string `json:"until,omitempty"`
	// Trim is where white space of values is cut off: "both", "right" or "none". Default: "both".
	Trim string `json:"trim,omitempty"`
	// Wide counts characters as terminals do: those of East Asia as two, combining ones not. Default false.
	Wide bool `json:"wide,omitempty"`
	// Tabs puts blanks for tabs, up to the next multiple of so many characters, at most 32. Default 0: a tab is a character.
	Tabs int `json:"tabs,omitempty"`
	// Null are texts that become null. Default: none.
	Null []string `json:"null,omitempty"`
	// Numbers makes numbers, true, false and null of values that are written as in JSON. Default false.
	Numbers bool `json:"numbers,omitempty"`
	// Arrays tells rows as arrays instead of objects. Default false.
	Arrays bool `json:"arrays,omitempty"`
}

// FixedColumn declares a column, and may say where it is.
type FixedColumn struct {
	Column
	// From and To are the first and last character, from 1. To 0 is the end of the line. Default: as Layout or Widths say.
	From int `json:"from,omitempty"`
	To   int `json:"to,omitempty"`
}

const (
	fixedFactor  = 80
	fixedRuler   = "ruler"
	fixedHeader  = "header"
	fixedBlank   = "blank"
	maxFixedLine = decode.MaxRecord // characters, up to which columns may be
)

// Factor implements decode.Decoder.
func (d *Fixed) Factor() float64 { return fixedFactor }

// placed says whether columns have places.
func (d *Fixed) placed() bool {
	return slices.ContainsFunc(d.Typed, func(c FixedColumn) bool { return c.From != 0 || c.To != 0 })
}

// layout gives what says where the columns are; "" if options do.
func (d *Fixed) layout() string {
	if d.Layout == "" && len(d.Widths) == 0 && !d.placed() {
		return fixedRuler
	}
	return d.Layout
}

// Check implements the check at load.
func (d *Fixed) Check() error {
	ways := 0
	for _, is := range []bool{d.Layout != "", len(d.Widths) > 0, d.placed()} {
		if is {
			ways++
		}
	}
	switch {
	case d.Layout != "" && d.Layout != fixedRuler && d.Layout != fixedHeader:
		return fmt.Errorf("layout %q: want ruler or header", excerpt.Of(d.Layout))
	case ways > 1:
		return errors.New("layout, widths and columns with places exclude each other")
	case d.layout() != "" && d.Header != "":
		return errors.New("header is for widths and columns with places")
	case d.Header != "" && d.Header != csvFirst && d.Header != csvNone:
		return fmt.Errorf("header %q: want first or none", excerpt.Of(d.Header))
	case d.Gap != 0 && d.Layout != fixedHeader:
		return errors.New("gap is for the layout header")
	case d.Gap < 0 || d.Tabs < 0 || d.Tabs > 32:
		return errors.New("gap takes a number from 1, tabs one from 1 to 32")
	case !slices.Contains([]string{"", "both", "right", csvNone}, d.Trim):
		return fmt.Errorf("trim %q: want both, right or none", excerpt.Of(d.Trim))
	case strings.ContainsAny(d.Until+d.Record, "\r\n"):
		return errors.New("until and record take what is on one line")
	}
	if err := d.checkPlaces(); err != nil {
		return err
	}
	return d.table(d.Columns).Check()
}

func (d *Fixed) checkPlaces() error {
	sum := 0
	for i, w := range d.Widths {
		if w < 0 || w == 0 && i < len(d.Widths)-1 || w > maxFixedLine {
			return fmt.Errorf("widths: want numbers of characters from 1 to %d, only the last may be all the rest", maxFixedLine)
		}
		if sum += w; sum > maxFixedLine {
			return fmt.Errorf("widths: together more than %d characters", maxFixedLine)
		}
	}
	if len(d.Widths) > 0 && len(d.Columns) > 0 && len(d.Widths) != len(d.Columns) {
		return fmt.Errorf("there are %d widths and %d columns", len(d.Widths), len(d.Columns))
	}
	if !d.placed() {
		return nil
	}
	if len(d.Columns) > 0 || d.Only {
		return errors.New("columns with places have names, and there are no others: columns and only are for other layouts")
	}
	for _, c := range d.Typed {
		if c.From < 1 || c.To != 0 && c.To < c.From || max(c.From, c.To) > maxFixedLine {
			return fmt.Errorf("column %s: want a place such as 11-20 or 21-, up to %d", c.Name, maxFixedLine)
		}
	}
	return nil
}

// table gives the options of a table of CSV with these columns.
func (d *Fixed) table(names []string) *CSV {
	c := &CSV{
		Columns: names, Only: d.Only, Skip: d.Skip, SkipRows: d.SkipRows, SkipLast: d.SkipLast, Comment: d.Comment, Null: d.Null, Numbers: d.Numbers, Arrays: d.Arrays,
	}
	for i := range d.Typed {
		c.Typed = append(c.Typed, d.Typed[i].Column)
	}
	return c
}

// Decode implements decode.Decoder.
func (d *Fixed) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	return d.read(ctx, nil, in.Body, out)
}

// Stream implements decode.Streamer.
func (d *Fixed) Stream(ctx context.Context, text io.Reader, _ *decode.Input, out decode.Sink) error {
	return d.read(ctx, text, nil, out)
}

func (d *Fixed) read(ctx context.Context, src io.Reader, body []byte, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f := fixedTable{d: d, r: csvReader{format: "fixed", lines: true, quote: -1, comment: []byte(d.Comment)}}
	f.r.start(ctx, src, body)
	line, err := f.r.firstLine()
	if err != nil {
		return err
	}
	if isPage(line) {
		return f.r.syntax(f.r.pos, notTable)
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	for range d.Skip {
		if err := f.r.skipLine(); err != nil {
			return err
		}
	}
	if err = f.open(out); err == nil {
		err = f.rows(out)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return out.EndArray()
}

var (
	_ decode.Decoder  = (*Fixed)(nil)
	_ decode.Streamer = (*Fixed)(nil)
)
