package decode

import (
	"fmt"
)

// Values of the option Repeated: what becomes of a name that occurs more than once.
const (
	RepeatedError = "error" // the document is refused
	RepeatedFirst = "first" // the first value counts
	RepeatedLast  = "last"  // the last value counts, at the place of the first
	RepeatedList  = "list"  // every name has an array of its values, also one that occurs once
)

// checkRepeated is the check of the option.
func checkRepeated(s string) error {
	switch s {
	case "", RepeatedError, RepeatedFirst, RepeatedLast, RepeatedList:
		return nil
	}
	return fmt.Errorf("repeated %q: want error, first, last or list", s)
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
	for i := range m.n {
		if m.at(i).last < 0 {
			continue
		}
		if err := out.Key(m.at(i).name); err != nil {
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
		return scalar(out, m.at(i).value)
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	for {
		if err := p.err(); err != nil {
			return err
		}
		if err := scalar(out, m.at(i).value); err != nil {
			return err
		}
		if i = int(m.at(i).next); i == 0 {
			return out.EndArray()
		}
	}
}
