// Package repeated collects the members of an object whose names may occur more than once, and settles which count.
package repeated

import (
	"fmt"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// Values of the option Repeated: what becomes of a name that occurs more than once.
const (
	Error = "error" // the document is refused
	First = "first" // the first value counts
	Last  = "last"  // the last value counts, at the place of the first
	List  = "list"  // every name has an array of its values, also one that occurs once
)

// Check is the check of the option.
func Check(s string) error {
	switch s {
	case "", Error, First, Last, List:
		return nil
	}
	return fmt.Errorf("repeated %q: want error, first, last or list", s)
}

// Tell tells what was collected as one object; scalar tells one value.
func (m *Members) Tell(p *interrupt.Poll, out decode.Sink, scalar func(decode.Sink, string) error) error {
	if err := out.BeginObject(); err != nil {
		return err
	}
	if err := m.TellMembers(p, out, scalar); err != nil {
		return err
	}
	return out.EndObject()
}

// TellMembers tells what was collected as members of an object that is open.
func (m *Members) TellMembers(p *interrupt.Poll, out decode.Sink, scalar func(decode.Sink, string) error) error {
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

func (m *Members) tellValue(i int, p *interrupt.Poll, out decode.Sink, scalar func(decode.Sink, string) error) error {
	if m.Policy != List {
		if err := p.Err(); err != nil {
			return err
		}
		return scalar(out, m.at(i).value)
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	for {
		if err := p.Err(); err != nil {
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
