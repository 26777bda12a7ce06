package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// yamlReader gives the documents of a text, one after the other.
type yamlReader struct {
	dec  *yaml.Decoder
	line *yamlLines
}

func newYAMLReader(ctx context.Context, text []byte) *yamlReader {
	l := &yamlLines{ctx: ctx, text: versionOne(text)}
	return &yamlReader{dec: yaml.NewDecoder(l), line: l}
}

// document gives the next document, io.EOF behind the last.
func (r *yamlReader) document() (doc *yaml.Node, err error) {
	defer func() {
		// The library panics where it did not think of something; then the document is odd enough.
		if p := recover(); p != nil {
			doc, err = nil, r.syntax("a document that cannot be read")
		}
	}()
	doc = new(yaml.Node)
	err = r.dec.Decode(doc)
	switch {
	case err == nil:
		return doc, nil
	case r.line.ctx.Err() != nil:
		return nil, r.line.ctx.Err()
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	}
	return nil, r.wrong(err)
}

// wrong makes one of our errors of one of the library's. Its line is often that where the outermost list or object begins.
func (r *yamlReader) wrong(err error) error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(msg, "line ") {
		_, msg, _ = strings.Cut(msg, ": ")
	}
	if strings.HasPrefix(msg, "exceeded max depth") {
		return &decode.LimitError{What: "depth", Limit: yamlDepth}
	}
	if name, ok := strings.CutPrefix(msg, "unknown anchor '"); ok {
		msg = fmt.Sprintf("there is no anchor %q", excerpt.Of(strings.TrimSuffix(name, "' referenced")))
	}
	return r.syntax(excerpt.Cut(msg, 100))
}

// syntax is an error at the line that was read last, or the one before: the library looks ahead by a few characters.
func (r *yamlReader) syntax(msg string) error {
	if r.line.number > 0 {
		msg = fmt.Sprintf("near line %d: %s", r.line.number, msg)
	}
	return &decode.SyntaxError{Format: "yaml", Offset: r.line.start, Msg: msg}
}

// at is an error at a value.
func (r *yamlReader) at(n *yaml.Node, msg string) error {
	return &decode.SyntaxError{Format: "yaml", Offset: int64(r.offset(n)), Msg: fmt.Sprintf("line %d: %s", n.Line, msg)}
}

// offset is where the line of a value begins.
func (r *yamlReader) offset(n *yaml.Node) int {
	start := 0
	for range n.Line - 1 {
		i := bytes.IndexByte(r.line.text[start:], '\n')
		if i < 0 {
			break
		}
		start += i + 1
	}
	return start
}

// noProse refuses what is text and no data: one plain scalar of several lines.
func (r *yamlReader) noProse(doc *yaml.Node) error {
	if len(doc.Content) != 1 || bytes.HasPrefix(r.line.text, []byte("---")) || bytes.HasPrefix(r.line.text, []byte("%")) {
		return nil
	}
	n := doc.Content[0]
	if n.Kind != yaml.ScalarNode || n.Style != 0 || !strings.Contains(n.Value, " ") {
		return nil
	}
	text := bytes.Trim(r.line.text[r.offset(n):r.line.next], ascii.Space)
	text = bytes.TrimRight(bytes.TrimSuffix(text, []byte("\n...")), ascii.Space)
	if !bytes.ContainsAny(text, "\n\r") {
		return nil
	}
	return &decode.SyntaxError{Format: "yaml", Msg: "the body is lines of text, neither a list nor an object"}
}

// yamlDepth is how deep the library lets lists and objects nest.
const yamlDepth = 10_000

// yamlLines is a reader that gives one line at a time, so that it is known how far the library has come.
type yamlLines struct {
	ctx    context.Context //nolint:containedctx // lives as long as one Decode
	text   []byte
	next   int
	start  int64 // of the line given last
	number int   // of it, from 1
	inside bool  // what comes next is the rest of a line
}

// Read implements io.Reader.
func (l *yamlLines) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	if l.next == len(l.text) {
		return 0, io.EOF
	}
	rest := l.text[l.next:]
	if len(rest) > len(p) {
		rest = rest[:len(p)]
	}
	if !l.inside {
		l.start = int64(l.next)
		l.number++
	}
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i+1]
	}
	l.inside = !bytes.HasSuffix(rest, []byte("\n"))
	n := copy(p, rest)
	l.next += n
	return n, nil
}

// versionOne makes %YAML 1.1 of the directive of any 1.x, which is what the library knows. The text is copied if it has to
// be changed.
func versionOne(text []byte) []byte {
	directive := []byte("%YAML 1.")
	copied := false
	begins := true // a document may begin here
	for at := 0; at < len(text); {
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line := bytes.TrimRight(text[at:end], ascii.Space)
		switch {
		case begins && bytes.HasPrefix(line, directive) && len(line) > len(directive):
			if !copied {
				text, copied = bytes.Clone(text), true
			}
			text[at+len(directive)] = '1'
		case len(line) == 0 || line[0] == '#' || begins && line[0] == '%':
		default:
			begins = bytes.Equal(line, []byte("..."))
		}
		at = end
	}
	return text
}
