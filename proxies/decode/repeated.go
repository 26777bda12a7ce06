package decode

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Values of the option Repeated: what becomes of a name that occurs more than once.
const (
	RepeatedError = "error" // the document is refused
	RepeatedFirst = "first" // the first value counts
	RepeatedLast  = "last"  // the last value counts, at the place of the first
	RepeatedList  = "list"  // every name has an array of its values, also one that occurs once
)

func checkRepeated(s string) error {
	switch s {
	case "", RepeatedError, RepeatedFirst, RepeatedLast, RepeatedList:
		return nil
	}
	return fmt.Errorf("repeated %q: want error, first, last or list", s)
}

func checkComment(s string) error {
	if strings.ContainsAny(s, "\r\n") {
		return fmt.Errorf("comment %q contains an end of line", s)
	}
	return nil
}

// members collects the members of an object whose names may repeat, in the order of their first occurrence.
type members struct {
	policy string
	all    []member
	index  map[string]int32 // of the first member with a name
}

type member struct {
	name, value string
	next        int32 // index of the next value of the same name; 0: none
	last        int32 // index of the last value of the same name, in the first; in the others -1
}

func (m *members) add(name, value string) error {
	if len(m.all) == math.MaxInt32 {
		return &LimitError{What: "members", Limit: math.MaxInt32}
	}
	if m.index == nil {
		m.index = make(map[string]int32)
	}
	at := int32(len(m.all)) //nolint:gosec // checked above
	first, known := m.index[name]
	if !known {
		m.index[name] = at
		m.push(member{name: name, value: value, last: at})
		return nil
	}
	switch m.policy {
	case RepeatedLast:
		m.all[first].value = value
	case RepeatedList:
		m.all[m.all[first].last].next = at
		m.all[first].last = at
		m.push(member{value: value, last: -1})
	}
	return nil
}

// push doubles what is too small; append grows large slices by a quarter only, which in sum takes more.
func (m *members) push(one member) {
	if len(m.all) == cap(m.all) {
		m.all = slices.Grow(m.all, max(16, len(m.all)))
	}
	m.all = append(m.all, one)
}

// tell tells what was collected as one object; scalar tells one value.
func (m *members) tell(p *poll, out Sink, scalar func(Sink, string) error) error {
	if err := out.BeginObject(); err != nil {
		return err
	}
	if err := m.tellMembers(p, out, scalar); err != nil {
		return err
	}
	return out.EndObject()
}

// tellMembers tells what was collected as members of an object that is open.
func (m *members) tellMembers(p *poll, out Sink, scalar func(Sink, string) error) error {
	for i := range m.all {
		if m.all[i].last < 0 {
			continue
		}
		if err := out.Key(m.all[i].name); err != nil {
			return err
		}
		if err := m.tellValue(i, p, out, scalar); err != nil {
			return err
		}
	}
	return nil
}

func (m *members) tellValue(i int, p *poll, out Sink, scalar func(Sink, string) error) error {
	if m.policy != RepeatedList {
		if err := p.err(); err != nil {
			return err
		}
		return scalar(out, m.all[i].value)
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	for {
		if err := p.err(); err != nil {
			return err
		}
		if err := scalar(out, m.all[i].value); err != nil {
			return err
		}
		if i = int(m.all[i].next); i == 0 {
			return out.EndArray()
		}
	}
}

func tellString(out Sink, s string) error { return out.String(s) }

// tellTyped tells the literals of JSON as what they are and everything else as a string.
func tellTyped(out Sink, s string) error {
	switch {
	case s == "null":
		return out.Null()
	case s == "true", s == "false":
		return out.Bool(s == "true")
	case len(s) <= MaxNumber && isNumber(s):
		return out.Number(s)
	}
	return out.String(s)
}
