package parts

import (
	"bytes"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

const (
	// maxBoundary is longer than the 70 bytes that RFC 2046 allows.
	maxBoundary = 200
	// maxPartHeader is how many bytes the header of a part may have, maxPartFields how many fields.
	maxPartHeader = 16 << 10
	maxPartFields = 100
)

// boundaryParam gives the boundary that a Content-Type declares, "" if none that can be one.
func boundaryParam(contentType string) string {
	b := headerParam(contentType, "boundary")
	if len(b) > maxBoundary || strings.ContainsAny(b, "\r\n") {
		return ""
	}
	return b
}

// partSplitter goes through the parts of a body.
type partSplitter struct {
	body []byte
	dash []byte // two dashes and the boundary
	next int    // behind the line of the last delimiter
	last bool   // that was the one that ends the body
	lf   bool   // lines of delimiters end with LF alone, as the first does
}

// splitParts finds the first delimiter of a body.
func splitParts(body []byte, boundary string) (*partSplitter, error) {
	s := &partSplitter{body: body}
	if boundary != "" {
		s.dash = []byte("--" + boundary)
		if d := s.delimiter(0); d.found {
			s.next, s.last = d.end, d.last
			s.lf = !bytes.HasSuffix(body[:d.end], []byte("\r\n"))
			return s, nil
		}
	}
	if s.dash = firstDashes(body); s.dash != nil {
		if d := s.delimiter(0); d.found {
			s.next, s.last = d.end, d.last
			s.lf = !bytes.HasSuffix(body[:d.end], []byte("\r\n"))
			return s, nil
		}
	}
	msg := "no line is a boundary"
	if len(bytes.TrimSpace(body)) == 0 {
		msg = "the body is empty"
	}
	return nil, &decode.SyntaxError{Format: "multipart", Msg: msg}
}

// firstDashes gives the first line that can be a delimiter: two dashes and something behind them that is no dash alone.
func firstDashes(body []byte) []byte {
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		body = rest
		line = bytes.TrimRight(line, ascii.Space)
		if len(line) > 2 && len(line) <= maxBoundary+2 && line[0] == '-' && line[1] == '-' && line[2] != ' ' && len(bytes.Trim(line, "-")) > 0 {
			return line
		}
	}
	return nil
}

type delimiter struct {
	found      bool
	start, end int // of its line, the end of line included
	last       bool
}

// delimiter finds the next line that is one, at or behind from.
func (s *partSplitter) delimiter(from int) delimiter {
	for {
		i := bytes.Index(s.body[from:], s.dash)
		if i < 0 {
			return delimiter{}
		}
		start := from + i
		from = start + 1
		if start > 0 && s.body[start-1] != '\n' {
			continue
		}
		rest := s.body[start+len(s.dash):]
		inner, last := bytes.CutPrefix(rest, []byte("--"))
		for _, closing := range []bool{true, false} {
			text := rest
			if closing {
				if !last {
					continue
				}
				text = inner
			}
			if end, ok := lineEnd(text); ok {
				return delimiter{true, start, len(s.body) - len(text) + end, closing}
			}
		}
	}
}

// lineEnd says where a line ends that has nothing but blanks.
func lineEnd(text []byte) (end int, ok bool) {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
		i++
	}
	rest := text[i:]
	switch {
	case len(rest) == 0:
		return i, true
	case rest[0] == '\n':
		return i + 1, true
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return i + 2, true
	}
	return 0, false
}

// part reads the next part, into the memory of the one before.
func (s *partSplitter) part(p *part) (ok bool, err error) {
	if s.last {
		return false, nil
	}
	d := s.delimiter(s.next)
	if !d.found {
		return false, &decode.SyntaxError{Format: "multipart", Offset: int64(len(s.body)), Msg: "the body ends before its last boundary"}
	}
	if d.last && d.start == s.next { // as some write it that have no parts
		s.last = true
		return false, nil
	}
	*p = part{offset: s.next, header: p.header[:0]}
	text, err := p.readHeader(s.body[s.next:d.start])
	if err != nil {
		return false, err
	}
	// The end of line before a delimiter belongs to the delimiter.
	p.raw = bytes.TrimSuffix(text, []byte("\n"))
	if !s.lf {
		p.raw = bytes.TrimSuffix(p.raw, []byte("\r"))
	}
	s.next, s.last = d.end, d.last
	return true, nil
}
