package markup

import (
	"fmt"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/repeated"
)

// manyGroups is from how many names on a map finds one faster.
const manyGroups = 16

// elements tells the elements among children by name.
func (t *xmlTeller) elements(parent, from, to int) error {
	start := len(t.groups)
	if err := t.group(from, to); err != nil {
		return err
	}
	for g := start; g < len(t.groups); g++ {
		if err := t.tellGroup(parent, t.groups[g]); err != nil {
			return err
		}
	}
	t.groups = t.groups[:start]
	return nil
}

// group chains the elements of each name, by xmlNode.b.
func (t *xmlTeller) group(from, to int) error {
	start := len(t.groups)
	indexed := false
	for i := from; i < to; i = t.nodes[i].end(i) {
		n := &t.nodes[i]
		if n.kind != xmlElement {
			continue
		}
		if err := t.poll.Err(); err != nil {
			return err
		}
		name := t.name(i)
		at := -1
		switch last := len(t.groups) - 1; {
		case last >= start && t.name(int(t.groups[last].first)) == name:
			at = last
		case indexed:
			if g, ok := t.index[name]; ok {
				at = int(g)
			}
		default:
			for g := start; g < last; g++ {
				if t.name(int(t.groups[g].first)) == name {
					at = g
					break
				}
			}
		}
		if at >= 0 {
			g := &t.groups[at]
			if t.nodes[g.first].ns != n.ns {
				return t.fail(i, "two elements %q of different namespaces; tell them apart with namespaces prefix", excerpt.Of(name))
			}
			t.nodes[g.last].b = uint32(i) //nolint:gosec // an index of nodes
			g.last = int32(i)             //nolint:gosec // as above
			continue
		}
		t.groups = append(t.groups, xmlGroup{first: int32(i), last: int32(i)}) //nolint:gosec // as above
		if !indexed && len(t.groups)-start > manyGroups {
			t.makeIndex(start)
			indexed = true
		} else if indexed {
			t.index[name] = int32(len(t.groups) - 1) //nolint:gosec // as above
		}
	}
	return nil
}

func (t *xmlTeller) makeIndex(start int) {
	// Emptying a map takes time by the size it once had.
	const keptIndex = 1024
	if t.index == nil || len(t.index) > keptIndex {
		t.index = make(map[string]int32, 4*manyGroups)
	}
	clear(t.index)
	for g := start; g < len(t.groups); g++ {
		t.index[t.name(int(t.groups[g].first))] = int32(g) //nolint:gosec // an index of nodes
	}
}

func (t *xmlTeller) tellGroup(parent int, g xmlGroup) error {
	first := &t.nodes[g.first]
	name := t.name(int(g.first))
	if err := t.out.Key(name); err != nil {
		return err
	}
	one := int(g.first)
	switch {
	case t.plan.arrays, first.flags&xmlIsList != 0:
		return t.array(one)
	case first.b == 0, t.plan.repeated == repeated.First:
	case t.plan.repeated == repeated.Last:
		one = int(g.last)
	case t.plan.repeated == "array":
		return t.array(one)
	default:
		path := excerpt.Of(name)
		if p := excerpt.Of(t.name(parent)); len(p)+len(path) < 40 {
			path = p + "/" + path
		}
		return t.fail(int(first.b), "an element is there more than once: declare \"list %s\", or use arrays or repeated", path)
	}
	return t.element(one)
}

func (t *xmlTeller) array(i int) error {
	if err := t.out.BeginArray(); err != nil {
		return err
	}
	for {
		if err := t.element(i); err != nil {
			return err
		}
		if i = int(t.nodes[i].b); i == 0 {
			return t.out.EndArray()
		}
	}
}

func (t *xmlTeller) fail(node int, format string, args ...any) error {
	return &decode.SyntaxError{Format: t.plan.format, Offset: t.base + int64(t.nodes[node].from), Msg: fmt.Sprintf(format, args...)}
}
