package markup

import "bytes"

// xmlSpaces are the namespaces in scope. A namespace is known by a hash of its name: that two are taken for one only
// keeps an error from being found.
type xmlSpaces struct {
	byPrefix map[string]int // index in bound, plus 1
	bound    []xmlBinding
}

type xmlBinding struct {
	prefix string
	space  uint32
	depth  int
	before int // what byPrefix had
}

// declare takes the declarations among the attributes from a node on, whose places count from the start of the buffer.
func (p *xmlParser) declare(from int) {
	for i := from; i < len(p.nodes); i++ {
		n := &p.nodes[i]
		name := p.buf[n.from:n.to]
		const mark = "xmlns"
		if !hasPrefix(name, mark) {
			continue
		}
		switch {
		case len(name) == len(mark):
			p.spaces.bind("", p.space(n), len(p.open))
		case int(n.ns) == len(mark)+1:
			p.spaces.bind(string(name[len(mark)+1:]), p.space(n), len(p.open))
		}
	}
}

// space is the name of a namespace, which entities may stand for, as in drawings that Illustrator saves. One that cannot be
// read stays as it is written: whether that is an error is seen where it is told.
func (p *xmlParser) space(n *xmlNode) []byte {
	written := p.buf[n.a:n.b]
	if p.entities == nil || bytes.IndexByte(written, '&') < 0 {
		return written
	}
	p.entities.read = p.base + int64(p.pos)
	t := xmlTeller{plan: p.plan, entities: p.entities}
	name, err := t.appendText(nil, string(written), xmlAttr, 0)
	if err != nil {
		return written
	}
	return name
}

func (s *xmlSpaces) bind(prefix string, name []byte, depth int) {
	if s.byPrefix == nil {
		s.byPrefix = make(map[string]int)
	}
	b := xmlBinding{prefix: prefix, depth: depth, before: s.byPrefix[prefix]}
	if len(name) > 0 {
		b.space = spaceOf(name)
	}
	s.bound = append(s.bound, b)
	s.byPrefix[prefix] = len(s.bound)
}

// leave forgets what was declared at a depth.
func (s *xmlSpaces) leave(depth int) {
	for n := len(s.bound); n > 0 && s.bound[n-1].depth == depth; n-- {
		b := s.bound[n-1]
		s.bound = s.bound[:n-1]
		if b.before == 0 {
			delete(s.byPrefix, b.prefix)
			continue
		}
		s.byPrefix[b.prefix] = b.before
	}
}

// find gives the namespace of a prefix. One that was not declared stands for itself, as many a hand-made document has it.
func (s *xmlSpaces) find(prefix []byte) uint32 {
	if len(s.bound) == 0 && len(prefix) == 0 {
		return 0
	}
	if i := s.byPrefix[string(prefix)]; i > 0 {
		return s.bound[i-1].space
	}
	if len(prefix) == 0 {
		return 0
	}
	return spaceOf(prefix)
}

// spaceOf is the FNV-1a hash of a namespace's name.
func spaceOf[T []byte | string](name T) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h
}

func xsiSpace() uint32 { return spaceOf("http://www.w3.org/2001/XMLSchema-instance") }

// isSOAPSpace says whether a namespace tells of the message and not of what is in it.
func isSOAPSpace(space uint32) bool {
	for _, name := range []string{
		"http://www.w3.org/2001/XMLSchema-instance", "http://www.w3.org/1999/XMLSchema-instance", "http://www.w3.org/2000/10/XMLSchema-instance",
		soap11, soap12, "http://schemas.xmlsoap.org/soap/encoding/", "http://www.w3.org/2003/05/soap-encoding", "xsi",
	} {
		if spaceOf(name) == space {
			return true
		}
	}
	return false
}

// Namespaces of SOAP envelopes.
const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

// Classes of bytes in xmlClass.
const (
	xmlLess    = 1 << iota // <
	xmlAnd                 // &
	xmlControl             // not allowed
	xmlWhite               // tab and line feed; a space is none, so that text is read fast
	xmlCR
	xmlDouble // "
	xmlSingle // '
)

// Classes of bytes in xmlNames.
const (
	xmlNamePart  = 2
	xmlNameStart = 3
)

const zeros32 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// xmlClass has the class of each byte where it is text.
const xmlClass = "\x04\x04\x04\x04\x04\x04\x04\x04\x04\x08\x08\x04\x04\x10\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04" +
	"\x00\x00\x20\x00\x00\x00\x02\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00" +
	zeros32 + zeros32 + zeros32 + zeros32 + zeros32 + zeros32

const (
	threes26 = "\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03"
	threes32 = threes26 + "\x03\x03\x03\x03\x03\x03"
)

// xmlNames has the class of each byte where it is a name. All characters beyond ASCII may be in names.
const xmlNames = zeros32 +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x02\x00\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x03\x00\x00\x00\x00\x00" +
	"\x00" + threes26 + "\x00\x00\x00\x00\x03" + "\x00" + threes26 + "\x00\x00\x00\x00\x00" +
	threes32 + threes32 + threes32 + threes32
