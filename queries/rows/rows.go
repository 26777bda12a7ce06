// Package rows says which rows of a table are wanted and in which order, and makes SQL of it for PostgreSQL and SQLite, with the
// same answer. It is for lists whose conditions come from a caller:
//
//	email := rows.NewColumn("email_key", rows.Key)
//	users := rows.NewTable[db.User]("users", rows.NewColumn("number", rows.Integer)).Where("deleted_at is null")
//	c, err := rows.Compare(email, rows.Like, "%@example.org")
//	all, err := queries.List(ctx, store, users, rows.Request{Where: c, Order: []rows.Order{{Column: email}}, Limit: 100})
//
// No text of a caller can become SQL. What names columns and tables is of a type that only this package can name, so that
// elsewhere nothing but a constant in the source is one; values are bound, always; and a Statement is made here alone.
//
// Rules that hold on both engines: texts are compared and sorted without regard to case, by Fold, and then by their bytes. NULL
// sorts as if it were larger than every value, so it is last ascending and first descending; it is equal and unequal to nothing.
package rows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
)

// source is text of the program: outside of this package only an untyped constant can be one.
type source string

// Kind is what a column holds, and how it is compared.
type Kind int

// Kinds, with the type in Go of values that are compared with them.
const (
	Text    Kind = iota + 1 // string; by Fold
	Key                     // string; the column has what Fold made of another one
	Word                    // string; one of a few words, as it is
	ID                      // uuid.UUID
	Integer                 // int64
	Bool                    // bool
	Time                    // time.Time, to the microsecond
)

// Fold is the form of a text in which case does not count: composed and in lower case.
func Fold(text string) string { return strings.ToLower(norm.NFC.String(text)) }

// FoldFunction is the name of Fold in SQL. A migration makes it in PostgreSQL; SQLite is given ours.
const FoldFunction = "fairway_fold"

// Column is a column of a table. The zero Column is none.
type Column struct {
	sql  source
	kind Kind
	null bool
}

// NewColumn names a column, qualified where there are several tables: "u.email_key".
func NewColumn(name source, k Kind) Column { return Column{sql: name, kind: k} }

// Nullable says that it can be NULL.
func (c Column) Nullable() Column {
	c.null = true
	return c
}

// Kind gives what it holds.
func (c Column) Kind() Kind { return c.kind }

// IsNullable says whether it can be NULL.
func (c Column) IsNullable() bool { return c.null }

// tag is its name in the table, which is the tag db of a field.
func (c Column) tag() string {
	name := string(c.sql)
	return name[strings.LastIndexByte(name, '.')+1:]
}

// Op compares.
type Op int

// Comparisons. Like has % for any text, _ for any character, and \ before one of the three that means itself; it is of texts only.
const (
	Equal Op = iota + 1
	Unequal
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	Like
)

func (o Op) sql() source {
	switch o {
	case Equal:
		return " = "
	case Unequal:
		return " <> "
	case Less:
		return " < "
	case LessOrEqual:
		return " <= "
	case Greater:
		return " > "
	case GreaterOrEqual:
		return " >= "
	case Like:
		return " like "
	}
	return ""
}

// Condition is what must hold for a row. The zero Condition holds for every one.
type Condition struct {
	// One of the four.
	compare *comparison
	null    *nullity
	exists  *existence
	list    []Condition
	any     bool // the list's: one of it has to hold, not all
}

type comparison struct {
	column Column
	op     Op
	value  any
}

type nullity struct {
	column Column
	is     bool
}

// All holds where all of the conditions do.
func All(list ...Condition) Condition { return Condition{list: list} }

// Any holds where one of the conditions does; of an empty list none does.
func Any(list ...Condition) Condition { return Condition{list: list, any: true} }

// Null holds where a column is NULL, or, with is false, where it is not.
func Null(c Column, is bool) Condition { return Condition{null: &nullity{c, is}} }

type existence struct {
	from  source
	where Condition
}

// Exists holds where a table has a row that belongs to this one and for which all of the conditions hold. from says both:
//
//	rows.Exists("script_users a where a.script_id = scripts.id", given)
func Exists(from source, where ...Condition) Condition {
	return Condition{exists: &existence{from: from, where: All(where...)}}
}

// MostWildcards is how many % and _ a pattern may have: with many of them a match can take very long.
const MostWildcards = 10

// Compare holds where a column has a value that compares so. The error says that the value is none of the column's kind, or no
// text of the store: UTF-8 without NUL.
func Compare(c Column, o Op, value any) (Condition, error) {
	if o.sql() == "" {
		return Condition{}, errors.New("there is no such comparison")
	}
	if err := c.takes(value); err != nil {
		return Condition{}, err
	}
	text, isText := value.(string)
	switch {
	case o == Like && !isText:
		return Condition{}, errors.New("like is for texts")
	case o == Like:
		if err := checkPattern(text); err != nil {
			return Condition{}, err
		}
	case c.kind == Bool && o != Equal && o != Unequal:
		return Condition{}, errors.New("true and false have no order")
	}
	return Condition{compare: &comparison{column: c, op: o, value: value}}, nil
}

// takes says whether a value is of the column's kind.
func (c Column) takes(value any) error {
	ok := false
	switch c.kind {
	case Text, Key, Word:
		var text string
		if text, ok = value.(string); ok && (!utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
			return errors.New("text is UTF-8 without NUL")
		}
	case ID:
		_, ok = value.(uuid.UUID)
	case Integer:
		_, ok = value.(int64)
	case Bool:
		_, ok = value.(bool)
	case Time:
		var t time.Time
		if t, ok = value.(time.Time); ok && (t.Year() < 1 || t.Year() > 9999) {
			return errors.New("years are 1 to 9999")
		}
	}
	if !ok {
		return fmt.Errorf("a %T is no value of this column", value)
	}
	return nil
}

// checkPattern refuses what one of the engines would, and what takes long.
func checkPattern(pattern string) error {
	wildcards, escaped := 0, false
	for _, r := range pattern {
		switch {
		case escaped:
			if !strings.ContainsRune(`%_\`, r) {
				return errors.New(`a pattern has \ only before %, _ and \`)
			}
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%' || r == '_':
			wildcards++
		}
	}
	if escaped {
		return errors.New(`a pattern has \ only before %, _ and \`)
	}
	if wildcards > MostWildcards {
		return fmt.Errorf("a pattern has at most %d times %% or _", MostWildcards)
	}
	return nil
}

// Order is one column by which rows are sorted.
type Order struct {
	Column     Column
	Descending bool
}

// Request is which rows of a table are wanted.
type Request struct {
	// Where must hold. Default: nothing has to.
	Where Condition
	// Order sorts them. The table's key comes last by itself, in the direction of what is before it, where it is not among them: so
	// the order is one, and an index that ends with the key gives it forwards and backwards.
	Order []Order
	// After are the values of the columns of Order and of the key, in a row behind which the rows begin: Table.Values gives them.
	// nil is NULL. Default: they begin with the first.
	After []any
	// Limit is how many rows there are at most. It must be above 0.
	Limit int
	// Offset is how many are left out before, 0 with After.
	Offset int
}

// sorted are the orders, with the key.
func (r *Request) sorted(key Column) []Order {
	if slices.ContainsFunc(r.Order, func(o Order) bool { return o.Column.sql == key.sql }) {
		return r.Order
	}
	last := Order{Column: key}
	if n := len(r.Order); n > 0 {
		last.Descending = r.Order[n-1].Descending
	}
	return append(slices.Clone(r.Order), last)
}

// Check says whether a request of a table with this key can be made a statement: whether After has a value for each column of the
// order, of the column's kind.
func (r *Request) Check(key Column) error {
	if r.Limit <= 0 || r.Offset < 0 || r.After != nil && r.Offset > 0 {
		return errors.New("a request has a limit above 0, and an offset or a row after which it begins")
	}
	_, err := afterRow(r.sorted(key), r.After)
	return err
}
