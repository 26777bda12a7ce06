package rows

import (
	"errors"
	"fmt"
	"reflect"
)

// Table is where rows of a type come from. It does not change, and is used concurrently.
type Table[T any] struct {
	from, where source
	key         Column
	columns     []source
	fields      [][]int // of T, by column
}

// NewTable makes a table, or a join, of the columns that the tags db of T and of what is embedded in it name; key is one that no
// two rows share and that is not NULL.
// It panics where T is no struct with tags db, or has not the key: that is a mistake in the source.
//
//	rows.NewTable[db.Team]("teams", rows.NewColumn("number", rows.Integer))
func NewTable[T any](from source, key Column) *Table[T] {
	t := &Table[T]{from: from, key: key}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if tag := f.Tag.Get("db"); tag != "" {
			t.columns, t.fields = append(t.columns, source(tag)), append(t.fields, f.Index)
		}
	}
	if t.field(key) == nil {
		panic("rows of " + string(from) + " have no " + key.tag())
	}
	return t
}

// Of qualifies the columns, where names of a join would be ambiguous.
func (t *Table[T]) Of(alias source) *Table[T] {
	out := *t
	out.columns = make([]source, len(t.columns))
	for i, c := range t.columns {
		out.columns[i] = alias + "." + c
	}
	return &out
}

// Where says what holds for all rows of the table, beside what is asked for. It has no parameters.
func (t *Table[T]) Where(condition source) *Table[T] {
	out := *t
	out.where = condition
	return &out
}

// field finds the field of T that has a column, nil: none.
func (t *Table[T]) field(c Column) []int {
	for i := range t.columns {
		if (Column{sql: t.columns[i]}).tag() == c.tag() {
			return t.fields[i]
		}
	}
	return nil
}

// Into gives where the columns of a row are to be written, in their order.
func (t *Table[T]) Into(row *T) []any {
	v, out := reflect.ValueOf(row).Elem(), make([]any, len(t.fields))
	for i, f := range t.fields {
		out[i] = v.FieldByIndex(f).Addr().Interface()
	}
	return out
}

// Values gives what of a row says where it stands in the order of a request, for After of the next one.
func (t *Table[T]) Values(row T, r Request) ([]any, error) {
	v := reflect.ValueOf(row)
	orders := r.sorted(t.key)
	out := make([]any, len(orders))
	for i, o := range orders {
		f := t.field(o.Column)
		if f == nil {
			return nil, fmt.Errorf("rows have no %s, by which they are sorted", o.Column.tag())
		}
		value := v.FieldByIndex(f)
		if value.Kind() == reflect.Pointer {
			if value.IsNil() {
				continue
			}
			value = value.Elem()
		}
		out[i] = value.Interface()
		if err := o.Column.takes(out[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Column.tag(), err)
		}
	}
	return out, nil
}

// Select makes the statement that gives the rows of a request, in the columns of Into.
func (t *Table[T]) Select(d Dialect, r Request) (Statement, error) {
	if err := r.Check(t.key); err != nil {
		return Statement{}, err
	}
	w := &writer{dialect: d}
	w.write("select ")
	for i, c := range t.columns {
		if i > 0 {
			w.write(", ")
		}
		w.write(c)
	}
	orders := r.sorted(t.key)
	where := r.Where
	if r.After != nil {
		after, err := afterRow(orders, r.After)
		if err != nil {
			return Statement{}, err
		}
		where = All(where, after)
	}
	w.from(t.from, t.where, where)
	w.write(" order by ")
	for i, o := range orders {
		if i > 0 {
			w.write(", ")
		}
		w.order(o)
	}
	w.write(" limit ")
	w.bind(int64(r.Limit))
	if r.Offset > 0 {
		w.write(" offset ")
		w.bind(int64(r.Offset))
	}
	return w.statement(), nil
}

// Count makes the statement that counts the rows for which a condition holds.
func (t *Table[T]) Count(d Dialect, where Condition) Statement {
	w := &writer{dialect: d}
	w.write("select count(*)")
	w.from(t.from, t.where, where)
	return w.statement()
}

// afterRow holds for rows that come behind one in an order.
func afterRow(orders []Order, values []any) (Condition, error) {
	if values == nil {
		return Condition{}, nil
	}
	if len(values) != len(orders) {
		return Condition{}, errors.New("a row after which a request begins has a value for each column of its order")
	}
	// (a > 1) or (a = 1 and b > 2) or …
	var alternatives, equal []Condition
	for i, o := range orders {
		if values[i] == nil && !o.Column.null {
			return Condition{}, fmt.Errorf("%s is never NULL", o.Column.tag())
		}
		behind, ok, err := behind(o, values[i])
		if err != nil {
			return Condition{}, err
		}
		if ok {
			alternatives = append(alternatives, All(append(append([]Condition{}, equal...), behind)...))
		}
		same := Null(o.Column, true)
		if values[i] != nil {
			if same, err = Compare(o.Column, Equal, values[i]); err != nil {
				return Condition{}, err
			}
		}
		equal = append(equal, same)
	}
	first, err := notBefore(orders[0], values[0])
	if err != nil {
		return Condition{}, err
	}
	return All(first, Any(alternatives...)), nil
}

// behind holds for rows whose column sorts behind a value. False: there can be none.
func behind(o Order, value any) (Condition, bool, error) {
	if value == nil {
		// NULL is the largest.
		return Null(o.Column, false), o.Descending, nil
	}
	op := Greater
	if o.Descending {
		op = Less
	}
	c, err := compareAny(o.Column, op, value)
	if err == nil && o.Column.null && !o.Descending {
		c = Any(c, Null(o.Column, true))
	}
	return c, true, err
}

// notBefore follows from the rest. It is there for the planners, which find the beginning in an index by it.
func notBefore(o Order, value any) (Condition, error) {
	if value == nil || o.Column.null && !o.Descending {
		return Condition{}, nil
	}
	if o.Descending {
		return compareAny(o.Column, LessOrEqual, value)
	}
	return compareAny(o.Column, GreaterOrEqual, value)
}

// compareAny is Compare, for every kind: here truth values have an order, too.
func compareAny(c Column, o Op, value any) (Condition, error) {
	if err := c.takes(value); err != nil {
		return Condition{}, err
	}
	return Condition{compare: &comparison{column: c, op: o, value: value}}, nil
}
