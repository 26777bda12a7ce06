package rows

import (
	"strconv"
	"strings"
	"time"
)

// Dialect is the SQL of an engine.
type Dialect int

// Engines.
const (
	PostgreSQL Dialect = iota + 1
	SQLite
)

// Statement is SQL with the values of its parameters. Only this package makes one.
type Statement struct {
	text string
	args []any
}

// Text gives the SQL, of which nothing came from a caller.
func (s Statement) Text() string { return s.text }

// Args gives the values of the parameters $1 or ?1 and so on. Change nothing of them.
func (s Statement) Args() []any { return s.args }

// writer writes SQL. It takes text of the source, and values, which it binds.
type writer struct {
	dialect Dialect
	text    strings.Builder
	args    []any
}

func (w *writer) statement() Statement { return Statement{text: w.text.String(), args: w.args} }

func (w *writer) write(s source) { w.text.WriteString(string(s)) }

func (w *writer) bind(value any) {
	w.args = append(w.args, value)
	if w.dialect == SQLite {
		w.write("?")
	} else {
		w.write("$")
	}
	w.text.WriteString(strconv.Itoa(len(w.args)))
}

// fold writes a call of Fold around something.
func (w *writer) fold(inner func()) {
	w.write(FoldFunction + "(")
	inner()
	w.write(")")
}

// bytes has text be compared by its bytes, where the database would do it as people of a country do.
func (w *writer) bytes() {
	if w.dialect == PostgreSQL {
		w.write(` collate "C"`)
	}
}

// sortable writes a column as it is compared and sorted.
func (w *writer) sortable(c Column) {
	switch c.kind {
	case Text:
		w.fold(func() { w.write(c.sql) })
		w.bytes()
	case Key, Word:
		w.write(c.sql)
		w.bytes()
	case ID, Integer, Bool, Time:
		w.write(c.sql)
	}
}

func (w *writer) order(o Order) {
	w.sortable(o.Column)
	if o.Descending {
		w.write(" desc")
	}
	// PostgreSQL does it by itself, and finds an index sooner where nothing is said.
	if w.dialect == SQLite && o.Column.null {
		if o.Descending {
			w.write(" nulls first")
		} else {
			w.write(" nulls last")
		}
	}
}

// from writes where rows come from.
func (w *writer) from(table, always source, where Condition) {
	w.write(" from ")
	w.write(table)
	w.write(" where ")
	if always != "" {
		w.write("(")
		w.write(always)
		w.write(") and ")
	}
	w.condition(where)
}

func (w *writer) condition(c Condition) {
	switch {
	case c.compare != nil:
		w.compare(*c.compare)
	case c.null != nil:
		w.write(c.null.column.sql)
		if c.null.is {
			w.write(" is null")
		} else {
			w.write(" is not null")
		}
	case c.exists != nil:
		w.write("exists (select 1 from ")
		w.write(c.exists.from)
		w.write(" and ")
		w.condition(c.exists.where)
		w.write(")")
	default:
		w.conditions(c.list, c.any)
	}
}

func (w *writer) conditions(list []Condition, one bool) {
	if len(list) == 0 {
		if one {
			w.write("1 = 0")
		} else {
			w.write("1 = 1")
		}
		return
	}
	w.write("(")
	for i, c := range list {
		if i > 0 {
			if one {
				w.write(" or ")
			} else {
				w.write(" and ")
			}
		}
		w.condition(c)
	}
	w.write(")")
}

func (w *writer) compare(c comparison) {
	switch {
	case c.column.kind == Time && w.dialect == SQLite:
		w.compareTimeText(c)
	case c.op == Like:
		w.like(c)
	case c.column.kind == Key && c.op == Equal:
		// Which bytes are equal no country decides: so it is the index that keeps keys apart, of whatever collation, which finds one.
		w.write(c.column.sql)
		w.write(c.op.sql())
		w.value(Key, c.value)
	default:
		w.sortable(c.column)
		w.write(c.op.sql())
		w.value(c.column.kind, c.value)
	}
}

// value binds what a column of a kind is compared with.
func (w *writer) value(k Kind, value any) {
	switch v := value.(type) {
	case string:
		switch k {
		case Text:
			w.fold(func() { w.bind(v) })
			return
		case Key:
			w.bind(Fold(v))
			return
		case Word, ID, Integer, Bool, Time:
		}
	case time.Time:
		w.bind(v.UTC().Truncate(time.Microsecond))
		return
	}
	w.bind(value)
}

// like compares by Fold, words too.
func (w *writer) like(c comparison) {
	if c.column.kind == Key {
		w.write(c.column.sql)
	} else {
		w.fold(func() { w.write(c.column.sql) })
	}
	w.write(c.op.sql())
	if text, _ := c.value.(string); c.column.kind == Key {
		w.bind(Fold(text))
	} else {
		w.fold(func() { w.bind(text) })
	}
	w.write(` escape '\'`)
}

// compareTimeText compares a time with text. SQLite keeps times as texts that are ordered as the times are, but for the zeros at
// the end of their fractions, which are there or not: "12:00:00+00:00" is "12:00:00.000+00:00". Without them a text is before all
// that mean the same time, with nine digits it is behind them. A column that is sorted by has its times from the database or from
// the gateway, always: of those of the same moment, one with zeros would be behind one without, whatever the next column says.
func (w *writer) compareTimeText(c comparison) {
	t, _ := c.value.(time.Time)
	t = t.UTC().Truncate(time.Microsecond)
	first, last := t.Format("2006-01-02 15:04:05.999999999-07:00"), t.Format("2006-01-02 15:04:05.000000000-07:00")
	w.write(c.column.sql)
	switch c.op {
	case Equal, Unequal:
		if c.op == Unequal {
			w.write(" not")
		}
		w.write(" between ")
		w.bind(first)
		w.write(" and ")
		w.bind(last)
		return
	case Greater, LessOrEqual:
		first = last
	case Less, GreaterOrEqual, Like:
	}
	w.write(c.op.sql())
	w.bind(first)
}
