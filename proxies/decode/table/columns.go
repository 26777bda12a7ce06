// Package table decodes tables: CSV, TSV, text of fixed columns, and workbooks of Excel. Each row is an object with the names of
// the columns, or an array.
package table

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

// Column declares a column of a table of text. A declared column must be there.
type Column struct {
	// Name is the column's name in the document.
	Name string `json:"name"`
	// As is its name in the value. Default: Name.
	As string `json:"as,omitempty"`
	typed.ValueType
	// Decimal is "point" or "comma": what stands before a number's fraction. The other one, blanks and apostrophes between
	// groups of digits are left out, and a minus may stand at the end. Default: "point", and nothing is left out.
	Decimal string `json:"decimal,omitempty"`
	// Null are texts that become null. Default: those of the whole table; an empty text too where the type is no string.
	Null []string `json:"null,omitempty"`
}

func (c *Column) check() error {
	if c.Name == "" {
		return errors.New("a column needs a name")
	}
	if err := c.ValueType.Check(); err != nil {
		return fmt.Errorf("column %s: %w", c.Name, err)
	}
	switch c.Decimal {
	case "":
	case "point", "comma":
		if c.Type != typed.Number && c.Type != typed.Integer {
			return fmt.Errorf("column %s: decimal is for numbers only", c.Name)
		}
	default:
		return fmt.Errorf("column %s: decimal %q: want point or comma", c.Name, excerpt.Of(c.Decimal))
	}
	return nil
}

// value makes the cell of a text.
func (c *Column) value(s string, null []string) (decode.Cell, error) {
	if c.Null != nil {
		null = c.Null
	}
	if slices.Contains(null, s) {
		return decode.Cell{Kind: decode.CellNull}, nil
	}
	if c.Type == "" || c.Type == typed.String {
		return decode.Cell{Kind: decode.CellString, Text: s}, nil
	}
	s = strings.Trim(s, ascii.Space)
	if s == "" || slices.Contains(null, s) {
		return decode.Cell{Kind: decode.CellNull}, nil
	}
	if c.Decimal != "" {
		n, ok := ungrouped(s, c.Decimal == "comma")
		if !ok {
			return decode.Cell{}, fmt.Errorf("%q is no %s with decimal %s", excerpt.Of(s), c.Type, c.Decimal)
		}
		s = n
	}
	return c.Convert(s)
}

// ungrouped takes out of a number what groups its digits and gives it a point: 1.234,56 is 1234.56. A minus at the end, as
// mainframes and SAP write it, goes to the front. Digits that are grouped in another way are not ok: 1.5 with a decimal comma.
func ungrouped(s string, comma bool) (string, bool) {
	point, other := ".", ","
	if comma {
		point, other = other, point
	}
	whole, fraction, _ := strings.Cut(s, point)
	if len(s) > decode.MaxNumber || strings.Contains(fraction, point) {
		return "", false
	}
	minus := ""
	if rest, ok := strings.CutSuffix(s, "-"); ok {
		minus = "-"
		whole, fraction, _ = strings.Cut(strings.TrimRight(rest, ascii.Space), point)
	}
	groups := strings.Split(strings.NewReplacer(" ", other, "\u00a0", other, "\u202f", other, "'", other, "\u2019", other).Replace(whole), other)
	for i, group := range groups {
		// Groups have three digits, in India two but for the last.
		if len(groups) > 1 && (i == len(groups)-1 && len(group) != 3 || i > 0 && len(group) != 2 && len(group) != 3 || group == "") {
			return "", false
		}
	}
	s = minus + strings.Join(groups, "")
	if fraction != "" {
		s += "." + fraction
	}
	return s, true
}

// columnNames makes the names of a table's columns regular: white space around them goes, an empty one is column_3, one
// that was there already gets a number: name_2.
func columnNames(raw []string) []string {
	names := make([]string, len(raw))
	seen := make(map[string]int32, len(raw)) // how often; 0: it is yet to come
	for i, name := range raw {
		names[i] = strings.Trim(name, ascii.Space+"\u00a0\ufeff")
		if names[i] == "" {
			names[i] = "column_" + strconv.Itoa(i+1)
		}
		seen[names[i]] = 0
	}
	for i, name := range names {
		n := seen[name] + 1
		for ; n > 1; n++ {
			next := name + "_" + strconv.Itoa(int(n))
			if _, taken := seen[next]; !taken {
				names[i], seen[next] = next, 1
				break
			}
		}
		seen[name] = n
	}
	return names
}

// plainValue makes numbers, true, false and null of what is written as in JSON.
func plainValue(s string) decode.Cell {
	switch s {
	case "true", "false":
		return decode.Cell{Kind: decode.CellBool, Text: s}
	case "null":
		return decode.Cell{Kind: decode.CellNull}
	}
	if len(s) <= decode.MaxNumber && decode.IsNumber(s) {
		return decode.Cell{Kind: decode.CellNumber, Text: s}
	}
	return decode.Cell{Kind: decode.CellString, Text: s}
}
