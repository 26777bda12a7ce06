package markup

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// errXMLMore says that the text ends inside a piece of it, and that more may come.
var errXMLMore = errors.New("more text is needed")

type xmlOpen struct {
	name, key int // where the name, as written and as told, begins in xmlParser.names
	node      int // -1: it is not built
}

// xmlParser makes nodes of text, a piece at a time. It checks no more of the document than it must to find its structure:
// it is not for telling whether a document is valid. A piece that is not all there changes nothing.
type xmlParser struct {
	plan     *xmlPlan
	buf      []byte
	pos      int
	base     int64 // where buf begins in the text
	origin   int   // where in buf the nodes' places begin
	more     bool  // the text goes on after buf
	nodes    []xmlNode
	open     []xmlOpen
	names    []byte      // of the open elements
	opened   [256]uint16 // how many are open, by a hash of their names
	building int         // how many elements were open with the one that is being built; 0: none is
	chosen   bool        // the one element that is to be told was found
	rooted   bool        // the root element has begun
	ended    bool        // it has ended
	begun    bool        // where the document begins was looked for
	tagged   bool        // the last node of the element that is open is no text
	cut      bool        // the text ended before the root element
	spaces   xmlSpaces
	entities *xmlEntities // that the document declares; nil: none
	whole    bool         // buf is the whole text, and places count from its start
}

func newXMLParser(plan *xmlPlan, body []byte) *xmlParser {
	p := &xmlParser{plan: plan, buf: body, whole: true}
	if !plan.records {
		// Every element and every text has a < of its own; most elements have two of them.
		n := min(bytes.Count(body, []byte("<")), len(body)/4)
		if len(body) > 64<<10 {
			n *= 2 // what is large is not to be made twice
		} else {
			n += n/4 + 8
		}
		p.nodes = make([]xmlNode, 0, n)
	}
	return p
}

// key is the name, as it is told, of an element that is open.
func (p *xmlParser) key(i int) []byte {
	end := len(p.names)
	if i+1 < len(p.open) {
		end = p.open[i+1].name
	}
	return p.names[p.open[i].key:end]
}

// forget lets go of what was told.
func (p *xmlParser) forget() {
	if cap(p.nodes) > decode.MaxRecord/16 && p.more {
		p.nodes = nil
	}
	p.nodes = p.nodes[:0]
}

func (p *xmlParser) fail(at int, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if len(p.open) > 0 && strings.EqualFold(string(p.key(0)), "html") {
		msg += ", in a page of HTML" // a login, or an error that somebody else answers
	}
	return &decode.SyntaxError{Format: p.plan.format, Offset: p.base + int64(at), Msg: msg}
}

// short is the error where the text ends inside something.
func (p *xmlParser) short(what string) error {
	if p.more {
		return errXMLMore
	}
	return p.fail(len(p.buf), "the text ends inside %s", what)
}

// step reads one piece of the text: a tag, a run of text, a comment.
func (p *xmlParser) step() (xmlEvent, error) {
	if p.plan.lenient && !p.begun {
		if err := p.begin(); err != nil {
			return xmlNone, err
		}
	}
	if p.pos == len(p.buf) {
		if p.more {
			return xmlNone, errXMLMore
		}
		return p.finish()
	}
	if p.ended && p.plan.lenient {
		p.pos = len(p.buf)
		return xmlNone, nil
	}
	if p.buf[p.pos] != '<' {
		return xmlNone, p.text(p.pos)
	}
	if p.pos+1 == len(p.buf) {
		if p.more {
			return xmlNone, errXMLMore
		}
		if p.plan.lenient {
			return xmlNone, p.text(p.pos + 1)
		}
		return xmlNone, p.short("a tag")
	}
	switch c := p.buf[p.pos+1]; {
	case xmlNames[c] == xmlNameStart:
		return p.start()
	case c == '/':
		return p.endTag()
	case c == '?':
		return xmlNone, p.skip(2, "?>", "a processing instruction")
	case c == '!':
		return xmlNone, p.declaration()
	case p.plan.lenient:
		return xmlNone, p.text(p.pos + 1)
	}
	return xmlNone, p.fail(p.pos, "a < that begins no tag")
}

// begin goes to the prolog of a document that has warnings before it, which may be markup of their own.
func (p *xmlParser) begin() error {
	const within = 4096
	if p.more && len(p.buf) < within {
		return errXMLMore
	}
	p.begun = true
	head := p.buf[:min(len(p.buf), within)]
	if i := bytes.Index(head, []byte("<?xml ")); i > 0 && !bytes.Contains(head[:i], []byte("<!")) {
		p.pos = i
	}
	return nil
}

// finish ends the document; a lenient parser ends its elements first, one at a time.
func (p *xmlParser) finish() (xmlEvent, error) {
	switch {
	case len(p.open) > 0 && p.plan.lenient:
		p.cut = true
		return p.close(), nil
	case len(p.open) > 0:
		return xmlNone, p.fail(p.pos, "the text ends inside the element %q", excerpt.Of(string(p.key(len(p.open)-1))))
	case !p.rooted && p.base+int64(p.pos) == 0:
		return xmlNone, p.fail(0, "the body is empty")
	case !p.rooted:
		return xmlNone, p.fail(p.pos, "there is no element")
	}
	return xmlEnd, nil
}

// skip goes on behind the next end.
func (p *xmlParser) skip(after int, end, what string) error {
	i := bytes.Index(p.buf[min(p.pos+after, len(p.buf)):], []byte(end))
	if i < 0 {
		if p.plan.lenient && !p.more {
			p.pos = len(p.buf)
			return nil
		}
		return p.short(what)
	}
	p.pos += after + i + len(end)
	return nil
}

// declaration reads what begins with <!.
func (p *xmlParser) declaration() error {
	rest := p.buf[p.pos:]
	const comment, cdata, doctype = "<!--", "<![CDATA[", "<!DOCTYPE"
	switch {
	case hasPrefix(rest, comment):
		return p.skip(len(comment), "-->", "a comment")
	case hasPrefix(rest, cdata):
		return p.cdata(len(cdata))
	case hasPrefixFold(rest, doctype):
		if p.rooted && !p.plan.lenient {
			return p.fail(p.pos, "a document type that is not before the root element")
		}
		return p.doctype()
	case p.more && len(rest) < len(doctype):
		return errXMLMore
	case p.plan.lenient:
		return p.skip(2, ">", "a declaration")
	}
	return p.fail(p.pos, "a <! that begins neither a comment nor CDATA")
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}

func (p *xmlParser) cdata(mark int) error {
	if len(p.open) == 0 && !p.plan.lenient {
		return p.fail(p.pos, "CDATA outside of the root element")
	}
	from := p.pos + mark
	i := bytes.Index(p.buf[from:], []byte("]]>"))
	next := from + i + len("]]>")
	if i < 0 {
		if p.more || !p.plan.lenient {
			return p.short("CDATA")
		}
		i, next = len(p.buf)-from, len(p.buf)
	}
	flags, err := p.look(from, from+i)
	if err != nil {
		return err
	}
	if p.building > 0 && i > 0 {
		if err := p.put(xmlCData, from, from+i, flags); err != nil {
			return err
		}
	}
	p.pos = next
	return nil
}

// look finds what CDATA has in it.
func (p *xmlParser) look(from, to int) (xmlFlags, error) {
	flags := xmlBlank
	for i := from; i < to; i++ {
		c := xmlClass[p.buf[i]]
		if c&(xmlControl|xmlCR) != 0 {
			if c&xmlControl != 0 && !p.plan.lenient {
				return 0, p.fail(i, "the control character 0x%02x", p.buf[i])
			}
			flags |= xmlCoded
		}
		if c&(xmlWhite|xmlCR) == 0 && p.buf[i] != ' ' {
			flags &^= xmlBlank
		}
	}
	return flags, nil
}

// text reads up to the next tag; before scan there is none.
func (p *xmlParser) text(scan int) error {
	buf := p.buf
	i := p.pos
	var flags xmlFlags
	for i < len(buf) && (buf[i] == ' ' || xmlClass[buf[i]]&(xmlWhite|xmlCR) != 0) {
		i++
	}
	blank := i
	i = max(i, scan)
	for ; i < len(buf); i++ {
		c := xmlClass[buf[i]]
		if c&(xmlLess|xmlAnd|xmlControl|xmlCR) == 0 {
			continue
		}
		if c == xmlLess {
			if !p.plan.lenient {
				break
			}
			if i+1 == len(buf) {
				if p.more {
					break
				}
				continue
			}
			if n := buf[i+1]; xmlNames[n] == xmlNameStart || n == '/' || n == '?' || n == '!' {
				break
			}
			continue
		}
		if c == xmlControl && !p.plan.lenient {
			return p.fail(i, "the control character 0x%02x", buf[i])
		}
		flags |= xmlCoded
	}
	if i == len(buf) && p.more && p.building > 0 {
		return errXMLMore
	}
	if i <= blank {
		flags = xmlBlank | xmlCoded
	}
	if p.more && i+1 >= len(buf) && p.plan.lenient {
		// Whether a < at the end begins a tag is not known yet.
		return errXMLMore
	}
	switch {
	case p.building > 0 && flags&xmlBlank != 0 && p.layout(i):
	case p.building > 0:
		if err := p.put(xmlText, p.pos, i, flags); err != nil {
			return err
		}
	case len(p.open) == 0 && flags&xmlBlank == 0 && !p.plan.lenient:
		if err := p.outside(i); err != nil {
			return err
		}
	}
	p.pos = i
	return nil
}

// layout says whether white space up to the next < only is how the document is laid out, between two tags. It would not
// be told; without a node for it, documents take less.
func (p *xmlParser) layout(end int) bool {
	if !p.tagged || p.plan.preserve || p.plan.mixedText || end+1 >= len(p.buf) || bytes.IndexByte(p.buf[p.pos:end], '\n') < 0 {
		return false
	}
	return p.buf[end+1] == '/' || xmlNames[p.buf[end+1]] == xmlNameStart
}

// outside refuses text around the root element, except a byte order mark before it.
func (p *xmlParser) outside(end int) error {
	const mark = "\ufeff"
	if p.base+int64(p.pos) == 0 {
		if p.more && end < len(mark) {
			return errXMLMore
		}
		if hasPrefix(p.buf, mark) && len(bytes.TrimLeft(p.buf[len(mark):end], " \t\r\n")) == 0 {
			return nil
		}
	}
	at := p.pos
	for at < end && (p.buf[at] == ' ' || xmlClass[p.buf[at]]&(xmlWhite|xmlCR) != 0) {
		at++
	}
	if p.rooted {
		return p.fail(at, "more text after the root element")
	}
	return p.fail(at, "text before the root element")
}

// add doubles what is too small; append grows large slices by a quarter only, which in sum takes more.
func (p *xmlParser) add(n xmlNode) {
	if len(p.nodes) == cap(p.nodes) {
		p.nodes = slices.Grow(p.nodes, max(16, len(p.nodes)))
	}
	p.nodes = append(p.nodes, n)
}

// put adds a node of text.
func (p *xmlParser) put(kind xmlKind, from, to int, flags xmlFlags) error {
	if to-p.origin > math.MaxInt32 {
		return &decode.LimitError{What: "bytes", Limit: math.MaxInt32}
	}
	p.tagged = false
	if flags&xmlBlank == 0 {
		p.nodes[p.open[len(p.open)-1].node].flags |= xmlHasText
	}
	p.add(xmlNode{kind: kind, flags: flags, from: uint32(from - p.origin), to: uint32(to - p.origin)}) //nolint:gosec // checked above
	return nil
}
