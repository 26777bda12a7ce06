package listing

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/queries/rows"
)

// filter reads a filter.
type filter struct {
	resource *Resource
	admin    bool
	rest     string // what is not read yet
	count    int    // comparisons
}

// condition reads filter; "" holds for every row.
func (r *Resource) condition(text string, admin bool) (rows.Condition, error) {
	f := &filter{resource: r, admin: admin, rest: text}
	var all []rows.Condition
	for parted := true; ; {
		for f.blanks(); f.take(","); f.blanks() {
			parted = true // one too many says nothing
		}
		if f.rest == "" {
			break
		}
		if !parted && !f.word("AND") {
			if f.word("OR") {
				return rows.Condition{}, wrong(filters, "OR is in parentheses only: (a=1 OR b=2)")
			}
			return rows.Condition{}, f.expected("a comma")
		}
		c, err := f.one(0)
		if err != nil {
			return rows.Condition{}, err
		}
		all, parted = append(all, c), false
	}
	return rows.All(all...), nil
}

// one reads a comparison or a group.
func (f *filter) one(nesting int) (rows.Condition, error) {
	f.blanks()
	if !f.take("(") {
		return f.comparison()
	}
	if nesting == MostNesting {
		return rows.Condition{}, wrong(filters, fmt.Sprintf("parentheses are at most %d deep", MostNesting))
	}
	var some []rows.Condition // of which one must hold
	var all []rows.Condition
	for {
		c, err := f.one(nesting + 1)
		if err != nil {
			return rows.Condition{}, err
		}
		all = append(all, c)
		f.blanks()
		switch {
		case f.take(")"):
			return rows.Any(append(some, rows.All(all...))...), nil
		case f.word("OR"):
			some, all = append(some, rows.All(all...)), nil
		case f.take(","), f.word("AND"):
		default:
			return rows.Condition{}, f.expected("OR, AND or )")
		}
	}
}

// comparison reads a field, an operator and a value.
func (f *filter) comparison() (rows.Condition, error) {
	if f.count++; f.count > MostConditions {
		return rows.Condition{}, wrong(filters, fmt.Sprintf("there are at most %d comparisons", MostConditions))
	}
	name := f.rest[:len(f.rest)-len(strings.TrimLeft(f.rest, nameLetters))]
	if name == "" {
		return rows.Condition{}, f.expected("the name of a field")
	}
	f.rest = f.rest[len(name):]
	field, err := f.resource.field(filters, name, f.admin)
	if err != nil {
		return rows.Condition{}, err
	}
	f.blanks()
	op, ok := f.operator()
	if !ok {
		return rows.Condition{}, f.expected("one of = != < <= > >= and like")
	}
	f.blanks()
	text, quoted, err := f.value(field)
	if err != nil {
		return rows.Condition{}, err
	}
	if !quoted && strings.EqualFold(text, "null") && field.Column.IsNullable() {
		if op != rows.Equal && op != rows.Unequal {
			return rows.Condition{}, wrong(filters, "null is compared by = and != only")
		}
		return rows.Null(field.Column, op == rows.Equal), nil
	}
	value, err := field.value(text, op)
	if err == nil {
		var c rows.Condition
		if c, err = rows.Compare(field.Column, op, value); err == nil {
			return c, nil
		}
	}
	return rows.Condition{}, &Error{Parameter: filters, Field: field.Name, Reason: field.Name + ": " + err.Error()}
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

// blanks reads blanks.
func (f *filter) blanks() { f.rest = strings.TrimLeft(f.rest, " \t\r\n") }

// take reads a text if it is next.
func (f *filter) take(text string) (ok bool) {
	f.rest, ok = strings.CutPrefix(f.rest, text)
	return ok
}

// word reads a word, in any case, if it is next and ends there.
func (f *filter) word(w string) bool {
	if len(f.rest) < len(w) || !strings.EqualFold(f.rest[:len(w)], w) {
		return false
	}
	if after := f.rest[len(w):]; after != "" && strings.ContainsRune(nameLetters, rune(after[0])) {
		return false
	}
	f.rest = f.rest[len(w):]
	return true
}

func (f *filter) operator() (rows.Op, bool) {
	if f.word("like") {
		return rows.Like, true
	}
	for _, one := range []struct {
		text string
		op   rows.Op
	}{{"!=", rows.Unequal}, {"<=", rows.LessOrEqual}, {">=", rows.GreaterOrEqual}, {"=", rows.Equal}, {"<", rows.Less}, {">", rows.Greater}} {
		if f.take(one.text) {
			return one.op, true
		}
	}
	return 0, false
}

// value reads a value, and says whether it is in quotes.
func (f *filter) value(field *Field) (text string, quoted bool, err error) {
	for _, q := range []string{"'", `"`} {
		if f.take(q) {
			text, err = f.quoted(q)
			return text, true, err
		}
	}
	end := strings.IndexAny(f.rest, ",() \t\r\n'\"")
	if end < 0 {
		end = len(f.rest)
	}
	// A zone whose + was not escaped has become a blank.
	if z := f.rest[end:]; field.Column.Kind() == rows.Time && strings.ContainsRune(f.rest[:end], ':') && isZone(z) {
		end += len(" 00:00")
	} else if field.Column.Kind() == rows.Time && !strings.ContainsRune(f.rest[:end], ':') && isClock(z) {
		end += 1 + strings.IndexFunc(z[1:]+",", func(r rune) bool { return !strings.ContainsRune("0123456789:.+-Z", r) })
	}
	if end == 0 || strings.ContainsRune("=<>!", rune(f.rest[0])) {
		return "", false, f.expected("a value; an empty one is ''")
	}
	if k := field.Column.Kind(); k == rows.Text || k == rows.Key {
		end = words(f.rest, end)
	}
	text, f.rest = f.rest[:end], f.rest[end:]
	return text, false, check(text)
}

// words is where a bare text ends that may have blanks in it, as older clients write names: before a comma, a parenthesis, and AND
// and OR. Where what comes has an operator or a quote in it, a comma is missing rather, and it ends at the first blank.
func words(s string, end int) int {
	to := end + strings.IndexAny(s[end:]+",", ",()")
	first := end
	for end < to {
		next := to - len(strings.TrimLeft(s[end:to], " \t\r\n"))
		last := next + strings.IndexAny(s[next:to]+" ", " \t\r\n")
		switch word := s[next:last]; {
		case word == "", strings.EqualFold(word, "AND"), strings.EqualFold(word, "OR"):
			return end
		case strings.ContainsAny(word, "=<>!'\""):
			return first
		}
		end = last
	}
	return end
}

// isZone says that " 05:30" is next, and ends there.
func isZone(s string) bool {
	return isClock(s) && (len(s) == len(" 05:30") || strings.ContainsRune(",) \t\r\n", rune(s[len(" 05:30")])))
}

// isClock says that a blank and hours and minutes are next.
func isClock(s string) bool {
	if len(s) < len(" 05:30") || s[0] != ' ' || s[3] != ':' {
		return false
	}
	for _, i := range []int{1, 2, 4, 5} {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// quoted reads what is between quotes, of which two mean one.
func (f *filter) quoted(q string) (string, error) {
	var b strings.Builder
	for {
		before, after, closed := strings.Cut(f.rest, q)
		if !closed {
			return "", wrong(filters, "a value has no "+q+" at its end")
		}
		b.WriteString(before)
		f.rest = after
		if !f.take(q) {
			return b.String(), check(b.String())
		}
		b.WriteString(q)
	}
}

// check refuses values that are long, or no text.
func check(text string) error {
	if len(text) > MostValue {
		return wrong(filters, fmt.Sprintf("a value has at most %d bytes", MostValue))
	}
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return wrong(filters, "text is UTF-8 without NUL")
	}
	return nil
}

// expected says what should be next.
func (f *filter) expected(what string) error {
	if f.rest == "" {
		return wrong(filters, what+" is missing at the end")
	}
	return wrong(filters, what+" is wanted before "+quote(f.rest))
}
