// Package typed makes numbers, dates and truth values of texts that a configuration says are such.
package typed

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// Types of a text.
const (
	String  = "string"
	Integer = "integer"
	Number  = "number"
	Bool    = "bool"
	Date    = "date"
)

// ValueType says what a text is to become.
type ValueType struct {
	// Type is "string", "integer", "number" (exact; a leading +, leading zeros and a missing zero before the point are
	// made regular), "bool" (true, t, yes, y, on, 1 and false, f, no, n, off, 0 in any case) or "date". Default: "string".
	Type string `json:"type,omitempty"`
	// Layout is how a date is written, in Go's reference time. Dates become "2006-01-02", with a time of day RFC 3339, in UTC
	// where the layout has no zone. Needed for "date".
	Layout string `json:"layout,omitempty"`
}

// Check implements the check at load.
func (t *ValueType) Check() error {
	switch t.Type {
	case "", String, Integer, Number, Bool:
		if t.Layout != "" {
			return errors.New("only a date has a layout")
		}
		return nil
	case Date:
		if t.Layout == "" {
			return errors.New(`date needs a layout, such as "02.01.2006"`)
		}
		if time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC).Format(t.Layout) == t.Layout {
			return fmt.Errorf("the layout %q has no part of the reference time 2006-01-02 15:04:05", t.Layout)
		}
		return nil
	}
	return fmt.Errorf("type %q: want string, integer, number, bool or date", t.Type)
}

// timeOfDay has one of the digits of every hour, minute and second of a layout, which no part of a date has.
const timeOfDay = "345"

// Convert makes the value of a text.
func (t *ValueType) Convert(s string) (decode.Cell, error) {
	switch t.Type {
	case Integer, Number:
		n, ok := RegularNumber(s)
		if !ok || t.Type == Integer && strings.ContainsAny(n, ".eE") {
			return decode.Cell{}, fmt.Errorf("%q is no %s", excerpt.Of(s), t.Type)
		}
		return decode.Cell{Kind: decode.CellNumber, Text: n}, nil
	case Bool:
		lower := strings.ToLower(excerpt.Cut(s, 8))
		if slices.Contains([]string{"true", "t", "yes", "y", "on", "1"}, lower) {
			return decode.Cell{Kind: decode.CellBool, Text: "true"}, nil
		}
		if slices.Contains([]string{"false", "f", "no", "n", "off", "0"}, lower) {
			return decode.Cell{Kind: decode.CellBool, Text: "false"}, nil
		}
		return decode.Cell{}, fmt.Errorf("%q is no bool", excerpt.Of(s))
	case Date:
		when, err := time.Parse(t.Layout, s)
		if err != nil && strings.Contains(t.Layout, "PM") {
			when, err = time.Parse(t.Layout, strings.ToUpper(s)) // Go knows am and pm only as the layout has them
		}
		if err != nil {
			return decode.Cell{}, fmt.Errorf("%q is no date like %q", excerpt.Of(s), t.Layout)
		}
		if when.Equal(when.Truncate(24*time.Hour)) && !strings.ContainsAny(t.Layout, timeOfDay) && when.Location() == time.UTC {
			return decode.Cell{Kind: decode.CellString, Text: when.Format(time.DateOnly)}, nil
		}
		return decode.Cell{Kind: decode.CellString, Text: when.Format(time.RFC3339Nano)}, nil
	}
	return decode.Cell{Kind: decode.CellString, Text: s}, nil
}

// RegularNumber makes JSON's way of writing of a number: +007.50 is 7.50.
func RegularNumber(s string) (string, bool) {
	sign := ""
	s = strings.Replace(s, "−", "-", 1) // the minus of typography
	switch {
	case strings.HasPrefix(s, "-"):
		sign, s = "-", s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	for len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		s = s[1:]
	}
	if strings.HasPrefix(s, ".") {
		s = "0" + s
	}
	s = sign + s
	return s, len(s) <= decode.MaxNumber && decode.IsNumber(s)
}

// TellString tells any text as a string.
func TellString(out decode.Sink, s string) error { return out.String(s) }

// Tell tells the literals of JSON as what they are and everything else as a string.
func Tell(out decode.Sink, s string) error {
	switch {
	case s == "null":
		return out.Null()
	case s == "true", s == "false":
		return out.Bool(s == "true")
	case len(s) <= decode.MaxNumber && decode.IsNumber(s):
		return out.Number(s)
	}
	return out.String(s)
}
