package lines

import (
	"context"
	"math"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/repeated"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

// pairChunk is how many pairs lie together.
const pairChunk = 512

// kvPairs are the pairs of a document with their sections.
type kvPairs struct {
	chunks   [][]kvPair // each of pairChunk pairs, so that none is copied
	n        int32      // pairs in chunks
	sections []string   // names in the order of their first occurrence; the first is none
	counts   []int32    // pairs of each section
	index    map[string]int32
}

type kvPair struct {
	name, value string
	section     int32
}

// A value is kept with a byte in front that says what it is, because what collects repeated names knows only texts.
const (
	kvPlain  = "p"
	kvQuoted = "q"
	kvNull   = "0"
)

// decodeRich decodes with the options that need whole lines to be looked at.
func (d *KV) decodeRich(ctx context.Context, text string, out decode.Sink) error {
	p := interrupt.Poll{Ctx: ctx}
	r := d.reader(p, text)
	if !d.Sections && d.streams() {
		if err := out.BeginObject(); err != nil {
			return err
		}
		for {
			e, ok, err := r.next()
			if err != nil {
				return err
			}
			if !ok {
				return out.EndObject()
			}
			if err := out.Key(e.name); err != nil {
				return err
			}
			if err := d.tellEntry(out, e.kind, e.value); err != nil {
				return err
			}
		}
	}
	pairs := kvPairs{sections: []string{""}, counts: []int32{0}, index: map[string]int32{}}
	section := int32(0)
	for {
		e, ok, err := r.next()
		if err != nil {
			return err
		}
		if !ok {
			return d.tellPairs(&pairs, &p, out)
		}
		if e.kind == 's' {
			section = pairs.section(e.name)
			continue
		}
		value := e.value
		if d.Numbers || d.Undelimited == KVNull {
			value = string(rune(e.kind)) + value
		}
		if err := pairs.add(kvPair{e.name, value, section}); err != nil {
			return err
		}
	}
}

// tellEntry tells a value by what it is.
func (d *KV) tellEntry(out decode.Sink, kind byte, value string) error {
	switch {
	case kind == kvNull[0]:
		return out.Null()
	case d.Numbers && kind == kvPlain[0]:
		return typed.Tell(out, value)
	}
	return out.String(value)
}

// scalar tells a value as it was collected.
func (d *KV) scalar() func(decode.Sink, string) error {
	if !d.Numbers && d.Undelimited != KVNull {
		return typed.TellString
	}
	return func(out decode.Sink, s string) error { return d.tellEntry(out, s[0], s[1:]) }
}

func (k *kvPairs) section(name string) int32 {
	if at, known := k.index[name]; known {
		return at
	}
	at := int32(len(k.sections)) //nolint:gosec // a section takes bytes of a body, which are fewer
	k.index[name] = at
	k.sections = append(k.sections, name)
	k.counts = append(k.counts, 0)
	return at
}

func (k *kvPairs) add(p kvPair) error {
	if k.n == math.MaxInt32 {
		return &decode.LimitError{What: "members", Limit: math.MaxInt32}
	}
	if k.n%pairChunk == 0 {
		size := 16
		if k.n > 0 {
			size = pairChunk
		}
		k.chunks = append(k.chunks, make([]kvPair, 0, size))
	}
	last := &k.chunks[len(k.chunks)-1]
	*last = append(*last, p)
	k.n++
	k.counts[p.section]++
	return nil
}

func (k *kvPairs) at(i int32) *kvPair { return &k.chunks[i/pairChunk][i%pairChunk] }

// grouped gives the places of the pairs, those of a section together and in their order.
func (k *kvPairs) grouped() []int32 {
	starts := make([]int32, len(k.counts))
	for i := 1; i < len(starts); i++ {
		starts[i] = starts[i-1] + k.counts[i-1]
	}
	order := make([]int32, k.n)
	for i := range k.n {
		s := k.at(i).section
		order[starts[s]] = i
		starts[s]++
	}
	return order
}

func (d *KV) tellPairs(k *kvPairs, p *interrupt.Poll, out decode.Sink) error {
	order := k.grouped()
	m := repeated.Members{Policy: d.Repeated}
	if err := out.BeginObject(); err != nil {
		return err
	}
	for i, name := range k.sections {
		own := order[:k.counts[i]]
		order = order[len(own):]
		if i > 0 {
			if err := out.Key(name); err != nil {
				return err
			}
			if err := out.BeginObject(); err != nil {
				return err
			}
		}
		if err := d.tellSection(k, own, &m, p, out); err != nil {
			return err
		}
		if i > 0 {
			if err := out.EndObject(); err != nil {
				return err
			}
		}
	}
	return out.EndObject()
}

func (d *KV) tellSection(k *kvPairs, own []int32, m *repeated.Members, p *interrupt.Poll, out decode.Sink) error {
	scalar := d.scalar()
	if d.streams() {
		for _, i := range own {
			if err := p.Err(); err != nil {
				return err
			}
			if err := out.Key(k.at(i).name); err != nil {
				return err
			}
			if err := scalar(out, k.at(i).value); err != nil {
				return err
			}
		}
		return nil
	}
	if len(own) == 0 {
		return p.Err()
	}
	m.Reset()
	for _, i := range own {
		if err := m.Add(k.at(i).name, k.at(i).value); err != nil {
			return err
		}
	}
	return m.TellMembers(p, out, scalar)
}
