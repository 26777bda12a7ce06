package markup

import (
	"bytes"
	"math"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// start reads a start tag, or one that is empty.
func (p *xmlParser) start() (xmlEvent, error) {
	kept := len(p.nodes)
	p.add(xmlNode{kind: xmlElement})
	name := p.pos + 1
	i, colon := p.name(name)
	nameEnd := i
	empty := false
	for {
		i = p.white(i)
		if i == len(p.buf) {
			p.nodes = p.nodes[:kept]
			return xmlNone, p.short("a tag")
		}
		c := p.buf[i]
		if c == '>' {
			i++
			break
		}
		if c == '/' && i+1 < len(p.buf) && p.buf[i+1] == '>' {
			i += 2
			empty = true
			break
		}
		next, err := p.attribute(i)
		if err != nil {
			p.nodes = p.nodes[:kept]
			return xmlNone, err
		}
		i = next
	}
	if p.ended && !p.plan.lenient {
		return xmlNone, p.fail(p.pos, "a second root element")
	}
	if err := p.push(kept, name, nameEnd, colon, i); err != nil {
		return xmlNone, err
	}
	p.pos = i
	if empty {
		return p.close(), nil
	}
	return xmlNone, nil
}

// name gives the end of a name, and where its local part begins.
func (p *xmlParser) name(i int) (end, local int) {
	from, colons := i, 0
	local = i
	for ; i < len(p.buf) && xmlNames[p.buf[i]] != 0; i++ {
		if p.buf[i] == ':' {
			colons++
			local = i + 1
		}
	}
	if colons != 1 || local == from+1 || local == i {
		local = from // not as a prefix is written
	}
	return i, local
}

func (p *xmlParser) white(i int) int {
	for i < len(p.buf) && (p.buf[i] == ' ' || xmlClass[p.buf[i]]&(xmlWhite|xmlCR) != 0) {
		i++
	}
	return i
}

// attribute reads one attribute and makes a node of it, whose places count from the start of the buffer.
func (p *xmlParser) attribute(i int) (next int, err error) {
	if xmlNames[p.buf[i]] != xmlNameStart {
		if p.plan.lenient && (p.buf[i] != '/' || i+1 < len(p.buf) || !p.more) {
			return i + 1, nil
		}
		if i+1 == len(p.buf) && p.buf[i] == '/' {
			return 0, p.short("a tag")
		}
		return 0, p.fail(i, "a character in a tag that begins no attribute")
	}
	n := xmlNode{kind: xmlAttr, from: uint32(i)} //nolint:gosec // push checks that places are small enough
	end, local := p.name(i)
	n.to, n.ns = uint32(end), uint32(local-i) //nolint:gosec // as above; ns is the length of the prefix until push
	i = p.white(end)
	if i == len(p.buf) {
		return 0, p.short("a tag")
	}
	if p.buf[i] != '=' {
		if !p.plan.lenient {
			return 0, p.fail(i, "an attribute without =; see the option lenient")
		}
		n.a, n.b = n.to, n.to
		p.add(n)
		return end, nil
	}
	i = p.white(i + 1)
	if i == len(p.buf) {
		return 0, p.short("a tag")
	}
	var stop uint8
	switch p.buf[i] {
	case '"':
		stop = xmlDouble
	case '\'':
		stop = xmlSingle
	default:
		if !p.plan.lenient {
			return 0, p.fail(i, "an attribute without quotes; see the option lenient")
		}
		return p.unquoted(n, i)
	}
	i++
	n.a = uint32(i) //nolint:gosec // as above
	for ; i < len(p.buf); i++ {
		c := xmlClass[p.buf[i]]
		if c&^(xmlDouble|xmlSingle) == 0 && c != stop {
			continue
		}
		if c == stop {
			n.b = uint32(i) //nolint:gosec // as above
			p.add(n)
			return i + 1, nil
		}
		if c&(xmlLess|xmlControl) != 0 && !p.plan.lenient {
			if c == xmlLess {
				return 0, p.fail(i, "a < in an attribute")
			}
			return 0, p.fail(i, "the control character 0x%02x", p.buf[i])
		}
		n.flags |= xmlCoded
	}
	return 0, p.short("a tag")
}

// unquoted reads a value that ends with white space or the tag.
func (p *xmlParser) unquoted(n xmlNode, i int) (next int, err error) {
	n.a = uint32(i) //nolint:gosec // push checks that places are small enough
	for i < len(p.buf) && p.buf[i] != '>' && p.buf[i] != ' ' && xmlClass[p.buf[i]]&(xmlWhite|xmlCR) == 0 {
		i++
	}
	if i == len(p.buf) {
		return 0, p.short("a tag")
	}
	n.b = uint32(i) //nolint:gosec // as above
	n.flags |= xmlCoded
	p.add(n)
	return i, nil
}

// push opens an element whose node is p.nodes[at], with its attributes behind it.
func (p *xmlParser) push(at, name, nameEnd, local, end int) error {
	plan := p.plan
	if len(p.open) >= decode.DefaultDepth {
		return &decode.LimitError{What: "depth", Limit: decode.DefaultDepth}
	}
	if end > math.MaxInt32 {
		return &decode.LimitError{What: "bytes", Limit: math.MaxInt32}
	}
	p.rooted, p.tagged = true, true
	o := xmlOpen{name: len(p.names), key: len(p.names), node: -1}
	p.names = append(p.names, p.buf[name:nameEnd]...)
	p.opened[nameHash(p.buf[name:nameEnd])]++
	if plan.strip {
		o.key += local - name
		name = local
	}
	p.open = append(p.open, o)
	if plan.strip {
		p.declare(at + 1)
	}
	hit := plan.hit == nil && len(p.open) == 1 || plan.hit != nil && plan.hit.named(p.key(len(p.open)-1)) && plan.hit.matches(p, 0)
	if p.building == 0 {
		if !hit && !plan.all || p.chosen && !plan.records || p.ended {
			p.nodes = p.nodes[:at]
			return nil
		}
		p.building = len(p.open)
		p.chosen = true
		p.origin = p.pos
		if p.whole {
			p.origin = 0
		}
	}
	p.open[len(p.open)-1].node = at
	n := &p.nodes[at]
	n.from, n.to = uint32(name-p.origin), uint32(nameEnd-p.origin) //nolint:gosec // checked above
	if plan.strip {
		n.ns = p.spaces.find(p.buf[p.pos+1 : max(p.pos+1, local-1)])
	}
	if hit && plan.hit != nil {
		n.flags |= xmlHit
	}
	p.attributes(at)
	if at > 0 {
		p.nodes[p.open[len(p.open)-2].node].flags |= xmlHasElements
	}
	key := p.key(len(p.open) - 1)
	for i := range plan.list {
		if plan.list[i].named(key) && plan.list[i].matches(p, 0) {
			p.nodes[at].flags |= xmlIsList
			break
		}
	}
	for i := range plan.content {
		if plan.content[i].named(key) && plan.content[i].matches(p, 0) {
			p.nodes[at].flags |= xmlInOrder
			break
		}
	}
	return nil
}

// attributes drops those that are not told, and makes the places of the others count from the origin.
func (p *xmlParser) attributes(at int) {
	plan := p.plan
	origin := uint32(p.origin) //nolint:gosec // push has checked it
	kept := at + 1
	for i := at + 1; i < len(p.nodes); i++ {
		n := p.nodes[i]
		prefix := p.buf[n.from : n.from+max(n.ns, 1)-1]
		local := p.buf[n.from+n.ns : n.to]
		declares := string(prefix) == "xmlns" || n.ns == 0 && string(local) == "xmlns"
		if declares && !plan.keepSpaces {
			continue
		}
		if len(prefix) > 0 && plan.strip {
			space := p.spaces.find(prefix)
			if space == xsiSpace() && string(local) == "nil" {
				if v := string(p.buf[n.a:n.b]); v == "true" || v == "1" {
					p.nodes[at].flags |= xmlNil
					continue
				}
			}
			if plan.noSOAP && isSOAPSpace(space) {
				continue
			}
			n.from += n.ns
		}
		if plan.noAttributes {
			continue
		}
		n.from, n.to, n.a, n.b, n.ns = n.from-origin, n.to-origin, n.a-origin, n.b-origin, 0
		p.nodes[kept] = n
		kept++
	}
	p.nodes = p.nodes[:kept]
	if kept > at+1 {
		p.nodes[at].flags |= xmlHasAttrs
	}
}

// endTag reads an end tag.
func (p *xmlParser) endTag() (xmlEvent, error) {
	from := p.pos + 2
	i, _ := p.name(from)
	name := p.buf[from:i]
	i = p.white(i)
	if i == len(p.buf) {
		return xmlNone, p.short("a tag")
	}
	if p.buf[i] != '>' || len(name) == 0 {
		if p.plan.lenient {
			return xmlNone, p.skip(2, ">", "a tag")
		}
		return xmlNone, p.fail(p.pos, "an end tag that is none")
	}
	top := len(p.open) - 1
	if top >= 0 && string(p.names[p.open[top].name:]) == string(name) {
		p.pos = i + 1
		return p.close(), nil
	}
	if !p.plan.lenient {
		if top < 0 {
			return xmlNone, p.fail(p.pos, "the end tag %q of no element", excerpt.Of(string(name)))
		}
		return xmlNone, p.fail(p.pos, "the end tag %q inside the element %q", excerpt.Cut(string(name), 20), excerpt.Cut(string(p.names[p.open[top].name:]), 20))
	}
	for j := top - 1; j >= 0 && p.opened[nameHash(name)] > 0; j-- {
		if bytes.Equal(p.names[p.open[j].name:p.open[j+1].name], name) {
			return p.close(), nil // and come again
		}
	}
	p.pos = i + 1
	return xmlNone, nil
}

// nameHash is an index of xmlParser.opened.
func nameHash(name []byte) uint8 {
	return uint8(len(name)) + 7*name[0] + 31*name[len(name)-1] //nolint:gosec // it may overflow
}

// close ends the element that was opened last.
func (p *xmlParser) close() xmlEvent {
	depth := len(p.open)
	o := p.open[depth-1]
	if o.node >= 0 {
		p.absent(o.node)
		p.nodes[o.node].a = uint32(len(p.nodes)) //nolint:gosec // there are fewer nodes than bytes
	}
	p.spaces.leave(depth)
	p.opened[nameHash(p.names[o.name:])]--
	p.open = p.open[:depth-1]
	p.names = p.names[:o.name]
	p.ended = depth == 1
	p.tagged = true
	if p.building != depth {
		return xmlNone
	}
	p.building = 0
	return xmlRecord
}

// absent adds nodes for the lists that the element, which is the last, should have and has not.
func (p *xmlParser) absent(node int) {
	for l := range p.plan.list {
		path := &p.plan.list[l]
		if len(path.names) < 2 || path.names[len(path.names)-1] == "*" || !path.matches(p, 1) {
			continue
		}
		if p.nodes[node].flags&xmlHasElements != 0 && p.has(node, path.names[len(path.names)-1]) {
			continue
		}
		p.add(xmlNode{kind: xmlAbsent, from: uint32(l)})
		p.nodes[node].flags |= xmlHasAbsent
	}
}

// has says whether an element that is still open has a child of a name.
func (p *xmlParser) has(node int, name string) bool {
	for i := node + 1; i < len(p.nodes); i = p.nodes[i].end(i) {
		n := &p.nodes[i]
		if n.kind == xmlElement && string(p.buf[p.origin+int(n.from):p.origin+int(n.to)]) == name {
			return true
		}
	}
	return false
}
