package table

import (
	"bytes"
	"errors"
	"io"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// xlsxScan reads the XML of a part piece by piece, in memory that does not grow with the part. A sheet has several tags for
// each cell, and encoding/xml makes a dozen objects of each; this makes none. It knows no namespaces: names
// are those behind the colon. A document type is refused, since the format forbids it.
type xlsxScan struct {
	r    io.Reader
	buf  []byte
	pos  int   // of the next byte in buf
	end  int   // of what is in buf
	base int64 // offset of buf in the part
	eof  bool

	// The piece that next has read; valid until it is called again.
	name  []byte     // of a tag
	text  []byte     // of a piece of text
	attrs []xlsxAttr // of a start tag

	open    []byte // names of the elements that are open, one behind the other
	lens    []int  // their lengths
	closing bool   // a tag that closes itself is still to be closed
	plain   []byte // room for texts without their escapes
}

type xlsxAttr struct{ name, value []byte }

// Kinds of pieces.
const (
	xlsxEOF = iota
	xlsxStart
	xlsxEnd
	xlsxText
)

// maxXLSXDepth is how deep elements may nest; a sheet has six levels.
const maxXLSXDepth = 256

// errXLSX is text that is not well-formed; its place is added by who knows the part.
var errXLSX = errors.New("not well-formed XML")

// newXLSXScan reads r through buf, which may be nil.
func newXLSXScan(r io.Reader, buf []byte) *xlsxScan {
	if buf == nil {
		buf = make([]byte, 32<<10)
	}
	return &xlsxScan{r: r, buf: buf}
}

// offset is where the scanner stands in the part.
func (s *xlsxScan) offset() int64 { return s.base + int64(s.pos) }

// fill reads more behind what is there. It fails with io.ErrUnexpectedEOF at the end of the part.
func (s *xlsxScan) fill() error {
	if s.eof {
		return io.ErrUnexpectedEOF
	}
	if s.end == len(s.buf) && s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.base += int64(s.pos)
		s.end -= s.pos
		s.pos = 0
	}
	if s.end-s.pos > decode.MaxRecord {
		return &decode.LimitError{What: "bytes in a piece of XML", Limit: decode.MaxRecord}
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if errors.Is(err, io.EOF) {
			s.eof, err = true, nil
			if n == 0 {
				return io.ErrUnexpectedEOF
			}
		}
		if n > 0 || err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// need sees to it that n bytes are there.
func (s *xlsxScan) need(n int) error {
	for s.end-s.pos < n {
		if err := s.fill(); err != nil {
			return err
		}
	}
	return nil
}

// find gives the distance of the next sep that is at least from bytes away.
func (s *xlsxScan) find(from int, sep string) (int, error) {
	if err := s.need(from); err != nil {
		return 0, err
	}
	for {
		window := s.buf[s.pos+from : s.end]
		if i := bytes.Index(window, []byte(sep)); i >= 0 {
			return from + i, nil
		}
		from += max(0, len(window)-len(sep)+1)
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// next reads the next piece. After the end of the part it gives xlsxEOF.
func (s *xlsxScan) next() (kind int, err error) {
	if s.closing {
		s.closing = false
		return xlsxEnd, s.pop(s.name)
	}
	for {
		if s.pos == s.end {
			if err := s.fill(); errors.Is(err, io.ErrUnexpectedEOF) && len(s.lens) == 0 {
				return xlsxEOF, nil
			} else if err != nil {
				return 0, err
			}
		}
		if s.buf[s.pos] != '<' {
			return xlsxText, s.readText()
		}
		if err := s.need(2); err != nil {
			return 0, err
		}
		switch s.buf[s.pos+1] {
		case '/':
			return xlsxEnd, s.readEnd()
		case '?':
			if err := s.skip("?>"); err != nil {
				return 0, err
			}
		case '!':
			cdata, err := s.declaration()
			if err != nil {
				return 0, err
			}
			if cdata {
				return xlsxText, nil
			}
		default:
			return xlsxStart, s.readStart()
		}
	}
}

func (s *xlsxScan) skip(until string) error {
	n, err := s.find(2, until)
	if err != nil {
		return err
	}
	s.pos += n + len(until)
	return nil
}

// declaration reads a comment, which is left out, or a CDATA section.
func (s *xlsxScan) declaration() (cdata bool, err error) {
	if err := s.need(4); err != nil {
		return false, err
	}
	if string(s.buf[s.pos:s.pos+4]) == "<!--" {
		s.pos += 2 // so that <!--> is no comment
		return false, s.skip("-->")
	}
	const start = "<![CDATA["
	if err := s.need(len(start)); err != nil {
		return false, err
	}
	if string(s.buf[s.pos:s.pos+len(start)]) != start {
		return false, errXLSX
	}
	n, err := s.find(len(start), "]]>")
	if err != nil {
		return false, err
	}
	s.text = s.buf[s.pos+len(start) : s.pos+n]
	s.pos += n + 3
	return true, nil
}

func (s *xlsxScan) readText() error {
	n, err := s.find(0, "<")
	if errors.Is(err, io.ErrUnexpectedEOF) && len(s.lens) == 0 {
		n = s.end - s.pos
	} else if err != nil {
		return err
	}
	raw := s.buf[s.pos : s.pos+n]
	s.pos += n
	s.plain = s.plain[:0]
	s.text, err = s.unescape(raw)
	return err
}

func (s *xlsxScan) readEnd() error {
	n, err := s.find(2, ">")
	if err != nil {
		return err
	}
	s.name = local(xlsxTrim(s.buf[s.pos+2 : s.pos+n]))
	s.pos += n + 1
	return s.pop(s.name)
}

func (s *xlsxScan) pop(name []byte) error {
	if len(s.lens) == 0 {
		return errXLSX
	}
	n := s.lens[len(s.lens)-1]
	if !bytes.Equal(s.open[len(s.open)-n:], name) {
		return errXLSX
	}
	s.open = s.open[:len(s.open)-n]
	s.lens = s.lens[:len(s.lens)-1]
	return nil
}

// local takes off the prefix of a name.
func local(name []byte) []byte {
	i := bytes.IndexByte(name, ':')
	if i <= 0 || i == len(name)-1 {
		return name
	}
	return name[i+1:]
}

// xlsxTrim takes white space off the end.
func xlsxTrim(b []byte) []byte {
	for len(b) > 0 && xlsxSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func xlsxSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// readStart reads a start tag with its attributes.
func (s *xlsxScan) readStart() error {
	n, err := s.tagEnd()
	if err != nil {
		return err
	}
	tag := s.buf[s.pos+1 : s.pos+n]
	s.pos += n + 1
	tag, s.closing = bytes.CutSuffix(tag, []byte("/"))
	i := 0
	for i < len(tag) && !xlsxSpace(tag[i]) {
		i++
	}
	s.name = local(tag[:i])
	if len(s.name) == 0 {
		return errXLSX
	}
	if len(s.lens) == maxXLSXDepth {
		return &decode.LimitError{What: "levels of XML", Limit: maxXLSXDepth}
	}
	s.open = append(s.open, s.name...)
	s.lens = append(s.lens, len(s.name))
	return s.readAttrs(tag[i:])
}

// tagEnd gives the distance of the > that ends a tag.
func (s *xlsxScan) tagEnd() (int, error) {
	var quote byte
	for i := 1; ; {
		window := s.buf[s.pos:s.end]
		for ; i < len(window); i++ {
			switch c := window[i]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '>':
				return i, nil
			}
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

func (s *xlsxScan) readAttrs(text []byte) error {
	s.attrs = s.attrs[:0]
	s.plain = s.plain[:0]
	for {
		for len(text) > 0 && xlsxSpace(text[0]) {
			text = text[1:]
		}
		if len(text) == 0 {
			return nil
		}
		eq := bytes.IndexByte(text, '=')
		if eq <= 0 {
			return errXLSX
		}
		name := local(xlsxTrim(text[:eq]))
		for text = text[eq+1:]; len(text) > 0 && xlsxSpace(text[0]); {
			text = text[1:]
		}
		if len(text) == 0 || text[0] != '"' && text[0] != '\'' {
			return errXLSX
		}
		end := bytes.IndexByte(text[1:], text[0])
		if end < 0 {
			return errXLSX
		}
		value, err := s.unescape(text[1 : 1+end])
		if err != nil {
			return err
		}
		s.attrs = append(s.attrs, xlsxAttr{name, value})
		text = text[end+2:]
	}
}

// attr gives the value of an attribute, nil if the tag has none.
func (s *xlsxScan) attr(name string) []byte {
	for i := range s.attrs {
		if string(s.attrs[i].name) == name {
			return s.attrs[i].value
		}
	}
	return nil
}
