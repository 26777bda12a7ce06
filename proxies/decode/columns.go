package decode

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Column declares a column of a table of text. A declared column must be there.
type Column struct {
	// Name is the column's name in the document.
	Name string `json:"name"`
	// As is its name in the value. Default: Name.
	As string `json:"as,omitempty"`
	HTMLType
	// Decimal is "point" or "comma": what stands before a number's fraction. The other one, blanks and apostrophes between
	// its digits are left out. Default: "point", and nothing is left out.
	Decimal string `json:"decimal,omitempty"`
	// Null are texts that become null. Default: those of the whole table; an empty text too where the type is no string.
	Null []string `json:"null,omitempty"`
}

func (c *Column) check() error {
	if c.Name == "" {
		return errors.New("a column needs a name")
	}
	if err := c.HTMLType.check(); err != nil {
		return fmt.Errorf("column %s: %w", c.Name, err)
	}
	switch c.Decimal {
	case "":
	case "point", "comma":
		if c.Type != HTMLNumber && c.Type != HTMLInteger {
			return fmt.Errorf("column %s: decimal is for numbers only", c.Name)
		}
	default:
		return fmt.Errorf("column %s: decimal %q: want point or comma", c.Name, excerpt(c.Decimal))
	}
	return nil
}

// value makes the cell of a text.
func (c *Column) value(s string, null []string) (cell, error) {
	if c.Null != nil {
		null = c.Null
	}
	if slices.Contains(null, s) {
		return cell{kind: cellNull}, nil
	}
	if c.Type == "" || c.Type == HTMLString {
		return cell{cellString, s}, nil
	}
	s = strings.Trim(s, asciiSpace)
	if s == "" || slices.Contains(null, s) {
		return cell{kind: cellNull}, nil
	}
	if c.Decimal != "" {
		s = ungrouped(s, c.Decimal == "comma")
	}
	v, err := c.convert(s)
	return cell(v), err
}

// ungrouped takes out of a number what groups its digits and gives it a point: 1.234,56 is 1234.56.
func ungrouped(s string, comma bool) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case ' ', '\u00a0', '\u202f', '\'', '\u2019':
		case ',':
			if comma {
				b.WriteByte('.')
			}
		case '.':
			if !comma {
				b.WriteByte('.')
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// columnNames makes the names of a table's columns regular: white space around them goes, an empty one is column_3, one
// that was there already gets a number: name_2.
func columnNames(raw []string) []string {
	names := make([]string, len(raw))
	taken := make(map[string]int, len(raw))
	for i, name := range raw {
		names[i] = strings.Trim(name, asciiSpace+"\u00a0\ufeff")
		if names[i] == "" {
			names[i] = "column_" + strconv.Itoa(i+1)
		}
		taken[names[i]]++
	}
	seen := make(map[string]int, len(raw))
	for i, name := range names {
		n := seen[name]
		if n == 0 {
			seen[name] = 1
			continue
		}
		for {
			n++
			next := name + "_" + strconv.Itoa(n)
			if taken[next] == 0 {
				names[i] = next
				taken[next], seen[next] = 1, 1
				break
			}
		}
		seen[name] = n
	}
	return names
}

// plainValue makes numbers, true, false and null of what is written as in JSON.
func plainValue(s string) cell {
	switch s {
	case "true", "false":
		return cell{cellBool, s}
	case "null":
		return cell{kind: cellNull}
	}
	if len(s) <= MaxNumber && isNumber(s) {
		return cell{cellNumber, s}
	}
	return cell{cellString, s}
}
