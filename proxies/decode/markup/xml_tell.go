package markup

import (
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// xmlTeller tells nodes to a sink.
type xmlTeller struct {
	plan     *xmlPlan
	out      decode.Sink
	poll     interrupt.Poll
	nodes    []xmlNode
	text     string
	base     int64 // where text begins in the document
	groups   []xmlGroup
	index    map[string]int32
	attrs    [64]string // names with @ that were made before
	buf      []byte
	entities *xmlEntities // that the document declares; nil: none
	objects  int          // that were told for elements of a few bytes
	told     int64        // bytes of text that were told
}

// xmlGroup are the children of one name.
type xmlGroup struct{ first, last int32 }

// open takes the nodes of a parser. Text is the whole document, or it is cut out of a stream.
func (t *xmlTeller) open(p *xmlParser, text string, stream bool) {
	t.nodes, t.text, t.base = p.nodes, text, 0
	if t.entities = p.entities; t.entities != nil {
		t.entities.read = p.base + int64(p.pos)
	}
	if stream {
		t.text, t.base = string(p.buf[p.origin:p.pos]), p.base+int64(p.origin)
	}
	t.told += int64(p.pos - p.origin - int(p.nodes[0].from))
	t.groups = t.groups[:0]
}

// root tells what was chosen.
func (t *xmlTeller) root(i int) error {
	if !t.plan.keepRoot {
		return t.element(i)
	}
	return t.named(i)
}

// named tells an object with the name of an element and its value.
func (t *xmlTeller) named(i int) error {
	if err := t.object(); err != nil {
		return err
	}
	if err := t.out.Key(t.name(i)); err != nil {
		return err
	}
	if err := t.element(i); err != nil {
		return err
	}
	return t.out.EndObject()
}

// object begins an object that the text does not pay for: an element of four bytes would take hundreds.
func (t *xmlTeller) object() error {
	const dense, few = 8, 2000
	t.objects++
	if limit := few + int(t.told/dense); t.objects > limit {
		return &decode.LimitError{What: "objects for its length", Limit: limit}
	}
	return t.out.BeginObject()
}

func (t *xmlTeller) name(i int) string { return t.text[t.nodes[i].from:t.nodes[i].to] }

// children is the first node of an element behind its attributes, and the end.
func (t *xmlTeller) children(i int) (from, to int) {
	from, to = i+1, int(t.nodes[i].a)
	for from < to && t.nodes[from].kind == xmlAttr {
		from++
	}
	return from, to
}

// element tells the value of an element.
func (t *xmlTeller) element(i int) error {
	if err := t.poll.Err(); err != nil {
		return err
	}
	plan := t.plan
	flags := t.nodes[i].flags
	from, to := t.children(i)
	mixed := flags&xmlHasText != 0 && flags&xmlHasElements != 0
	inOrder := flags&xmlInOrder != 0 || mixed && !plan.mixedText
	if inOrder {
		flags |= xmlInOrder
	}
	null := flags&xmlNil != 0 && flags&(xmlHasText|xmlHasElements) == 0
	if null && flags&(xmlHasAttrs|xmlHasAbsent|xmlInOrder) == 0 {
		return t.out.Null()
	}
	if flags&(xmlHasAttrs|xmlHasAbsent|xmlInOrder) == 0 && (mixed || flags&xmlHasElements == 0) {
		return t.alone(from, to)
	}
	if err := t.begin(flags); err != nil {
		return err
	}
	if err := t.attributes(i+1, from); err != nil {
		return err
	}
	switch {
	case inOrder:
		if err := t.content(from, to); err != nil {
			return err
		}
	case mixed || flags&xmlHasElements == 0:
		s, err := t.joined(from, to)
		if err != nil {
			return err
		}
		if err := t.inner(s, null); err != nil {
			return err
		}
	default:
		if err := t.elements(i, from, to); err != nil {
			return err
		}
	}
	if flags&xmlHasAbsent != 0 && !inOrder {
		if err := t.absent(from, to); err != nil {
			return err
		}
	}
	return t.out.EndObject()
}

// inner tells the text of an element that is an object; null is told as such.
func (t *xmlTeller) inner(s string, null bool) error {
	if s == "" && !null {
		return nil
	}
	if err := t.out.Key("#text"); err != nil {
		return err
	}
	if null {
		return t.out.Null()
	}
	return t.plan.scalar(t.out, s)
}

// begin begins the object of an element; only one that has nothing of its own in it is counted.
func (t *xmlTeller) begin(flags xmlFlags) error {
	if flags&(xmlHasAbsent|xmlInOrder) != 0 {
		return t.object()
	}
	return t.out.BeginObject()
}

// alone tells an element that has only text, or nothing.
func (t *xmlTeller) alone(from, to int) error {
	s, err := t.joined(from, to)
	switch {
	case err != nil:
		return err
	case s != "":
		return t.plan.scalar(t.out, s)
	}
	switch t.plan.empty {
	case "string":
		return t.out.String("")
	case "object":
		if err := t.out.BeginObject(); err != nil {
			return err
		}
		return t.out.EndObject()
	}
	return t.out.Null()
}

func (t *xmlTeller) attributes(from, to int) error {
	for ; from < to; from++ {
		n := &t.nodes[from]
		if err := t.out.Key(t.attribute(t.name(from))); err != nil {
			return err
		}
		value := t.text[n.a:n.b]
		if n.flags&xmlCoded != 0 {
			var err error
			if value, err = t.decoded(value, xmlAttr, n.a); err != nil {
				return err
			}
		}
		if err := t.plan.scalar(t.out, value); err != nil {
			return err
		}
	}
	return nil
}

// attribute gives the name with @ before it; the same names come again and again.
func (t *xmlTeller) attribute(name string) string {
	h := uint(len(name))
	if name != "" {
		h += 7*uint(name[0]) + 31*uint(name[len(name)-1])
	}
	known := &t.attrs[h%uint(len(t.attrs))]
	if *known == "" || (*known)[1:] != name {
		*known = "@" + name
	}
	return *known
}

func (t *xmlTeller) decoded(text string, kind xmlKind, at uint32) (string, error) {
	var err error
	if t.buf, err = t.appendText(t.buf[:0], text, kind, t.base+int64(at)); err != nil {
		return "", err
	}
	return string(t.buf), nil
}

// joined gives all text of nodes, also of the elements among them, without white space at its ends.
func (t *xmlTeller) joined(from, to int) (string, error) {
	s, err := t.between(from, to)
	if t.plan.preserve {
		return s, err
	}
	return strings.Trim(s, ascii.Space), err
}

// between gives all text of nodes as it is.
func (t *xmlTeller) between(from, to int) (string, error) {
	one := -1
	for i := from; i < to; i++ {
		if k := t.nodes[i].kind; k != xmlText && k != xmlCData {
			continue
		}
		if one >= 0 || t.nodes[i].flags&xmlCoded != 0 {
			return t.pieces(from, to)
		}
		one = i
	}
	if one < 0 {
		return "", nil
	}
	return t.name(one), nil
}

func (t *xmlTeller) pieces(from, to int) (string, error) {
	t.buf = t.buf[:0]
	for i := from; i < to; i++ {
		k := t.nodes[i].kind
		if k != xmlText && k != xmlCData {
			continue
		}
		if err := t.poll.Err(); err != nil {
			return "", err
		}
		var err error
		if t.buf, err = t.appendText(t.buf, t.name(i), k, t.base+int64(t.nodes[i].from)); err != nil {
			return "", err
		}
	}
	return string(t.buf), nil
}

// content tells children in order. White space between them stays, since it may part words; at both ends it is cut off
// as elsewhere.
func (t *xmlTeller) content(from, to int) error {
	if err := t.out.Key("#content"); err != nil {
		return err
	}
	if err := t.out.BeginArray(); err != nil {
		return err
	}
	first := true
	for i := from; i < to; {
		if t.nodes[i].kind == xmlElement {
			if err := t.named(i); err != nil {
				return err
			}
			i, first = t.nodes[i].end(i), false
			continue
		}
		end, blank := i, true
		for end < to && t.nodes[end].kind != xmlElement {
			blank = blank && t.nodes[end].flags&xmlBlank != 0
			end++
		}
		s, err := t.run(i, end, first, end == to, blank)
		if err != nil {
			return err
		}
		if s != "" {
			if err := t.plan.scalar(t.out, s); err != nil {
				return err
			}
		}
		i, first = end, false
	}
	return t.out.EndArray()
}

// run gives the text between two elements. Where there is an end of line in white space, it only is how the document
// is laid out.
func (t *xmlTeller) run(from, to int, first, last, blank bool) (string, error) {
	s, err := t.between(from, to)
	if err != nil || t.plan.preserve {
		return s, err
	}
	if blank && strings.Contains(s, "\n") {
		return "", nil
	}
	if first {
		s = strings.TrimLeft(s, ascii.Space)
	}
	if last {
		s = strings.TrimRight(s, ascii.Space)
	}
	return s, nil
}

func (t *xmlTeller) absent(from, to int) error {
	for i := from; i < to; i = t.nodes[i].end(i) {
		if t.nodes[i].kind != xmlAbsent {
			continue
		}
		t.objects++ // for the limit: an array of nothing is half as large
		names := t.plan.list[t.nodes[i].from].names
		if err := t.out.Key(names[len(names)-1]); err != nil {
			return err
		}
		if err := t.out.BeginArray(); err != nil {
			return err
		}
		if err := t.out.EndArray(); err != nil {
			return err
		}
	}
	return nil
}
