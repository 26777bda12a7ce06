package decode

import (
	"fmt"
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
	names  []string
	first  []int // index in values
	last   []int
	values []member
	index  map[string]int
}

type member struct {
	value string
	next  int // index of the next value of the same name; 0: none
}

func (m *members) add(name, value string) {
	if m.index == nil {
		m.index = make(map[string]int)
	}
	i, known := m.index[name]
	if !known {
		i = len(m.names)
		m.index[name] = i
		m.names = append(m.names, name)
		m.first = append(m.first, len(m.values))
		m.last = append(m.last, len(m.values))
		m.values = append(m.values, member{value: value})
		return
	}
	switch m.policy {
	case RepeatedLast:
		m.values[m.first[i]].value = value
	case RepeatedList:
		m.values[m.last[i]].next = len(m.values)
		m.last[i] = len(m.values)
		m.values = append(m.values, member{value: value})
	}
}

// tell tells what was collected as one object; scalar tells one value.
func (m *members) tell(p *poll, out Sink, scalar func(Sink, string) error) error {
	if err := out.BeginObject(); err != nil {
		return err
	}
	for i, name := range m.names {
		if err := out.Key(name); err != nil {
			return err
		}
		if err := m.tellValue(i, p, out, scalar); err != nil {
			return err
		}
	}
	return out.EndObject()
}

func (m *members) tellValue(i int, p *poll, out Sink, scalar func(Sink, string) error) error {
	if m.policy != RepeatedList {
		if err := p.err(); err != nil {
			return err
		}
		return scalar(out, m.values[m.first[i]].value)
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	for at := m.first[i]; ; at = m.values[at].next {
		if err := p.err(); err != nil {
			return err
		}
		if err := scalar(out, m.values[at].value); err != nil {
			return err
		}
		if m.values[at].next == 0 {
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
