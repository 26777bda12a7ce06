package charset

import (
	"errors"
	"io"
	"slices"
	"unicode/utf8"
)

const (
	// textPiece is how many bytes of a body a Reader reads at once.
	textPiece = 16 << 10
	// emptyReads is how often in a row a body may give nothing.
	emptyReads = 100
)

// Reader is Text for a body that is read while it comes: the same rules, the same text, the same errors, wherever the
// body is cut into pieces. It gives on what has come as soon as the charset is known, for which it waits for four bytes
// where nothing declares the charset, and for more only where these look like UTF-16 or the document may declare it.
//
// Errors of the body come behind the text of what came before. A Reader is for one goroutine.
type Reader struct {
	body    io.Reader
	options Options
	charset Choice
	decided bool
	conv    converter
	raw     []byte // of the body, not yet converted
	fresh   bool   // raw has something that was not tried
	offset  int64  // of raw in the body
	text    []byte // converted, of which the first given bytes were read
	given   int
	end     error // of the body
	err     error // of the reader
}

// NewReader makes a reader of the text of body. It reads nothing by itself.
func NewReader(body io.Reader, o Options) *Reader {
	return &Reader{body: body, options: o}
}

// Charset is what has been decided so far. Until the first character that is not ASCII, a text of which nothing declares the
// charset counts as UTF-8. Before the first byte it is zero.
func (t *Reader) Charset() Choice {
	cs := t.charset
	if t.decided && cs.Name == "" {
		cs.Name = t.conv.name
	}
	if t.decided && cs.Name == "" {
		cs.Name = nameUTF8
	}
	return cs
}

// Read implements io.Reader. Bytes that are not of the charset are an *Error.
func (t *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for t.given == len(t.text) {
		if t.err != nil {
			return 0, t.err
		}
		t.text, t.given = t.text[:0], 0
		if !t.fresh {
			if n := t.direct(p); n > 0 {
				return n, nil
			}
		}
		if !t.fresh {
			t.fill()
		}
		t.convert()
	}
	n := copy(p, t.text[t.given:])
	t.given += n
	return n, nil
}

// direct reads text that is UTF-8 already right into p. What is none it leaves to be converted.
func (t *Reader) direct(p []byte) int {
	plain := t.conv.kind == kindUTF8 || t.conv.kind == kindGuess
	if !t.decided || !plain || len(p) < 2*utf8.UTFMax+len(t.raw) {
		return 0
	}
	kept := copy(p, t.raw)
	got := p[:kept+t.read(p[kept:])]
	t.fresh = true
	whole := wholeUTF8(got)
	if t.conv.kind == kindGuess {
		whole = got[:asciiLength(got)]
	}
	if !utf8.Valid(whole) {
		whole = nil
	}
	t.raw = append(t.raw[:0], got[len(whole):]...)
	t.offset += int64(len(whole))
	return len(whole)
}

func (t *Reader) fill() {
	t.raw = slices.Grow(t.raw, textPiece)
	n := len(t.raw)
	t.raw = t.raw[:n+t.read(t.raw[n:n+textPiece])]
	t.fresh = true
}

// read reads until something comes. It keeps the body's error.
func (t *Reader) read(p []byte) int {
	for range emptyReads {
		n, err := t.body.Read(p)
		t.end = err
		if n > 0 || err != nil {
			return n
		}
	}
	t.end = io.ErrNoProgress
	return 0
}

// convert makes text of what has come, as far as that can be done.
func (t *Reader) convert() {
	t.fresh = false
	end := errors.Is(t.end, io.EOF)
	if !t.decided && !t.decide(end) {
		if t.err == nil {
			t.err = t.end
		}
		return
	}
	var n, bad int
	t.text, n, bad = t.conv.convert(t.text, t.raw, end)
	t.offset += int64(n)
	t.raw = t.raw[:copy(t.raw, t.raw[n:])]
	switch {
	case bad >= 0:
		t.err = &Error{Charset: t.Charset().Name, Offset: t.offset, Byte: t.raw[0], Source: t.charset.Source}
	case t.end != nil:
		t.err = t.end
	}
}

// decide finds out the charset, if enough has come.
func (t *Reader) decide(end bool) bool {
	cs, mark, ready, err := choose(t.raw, t.options, end)
	if !ready {
		return false
	}
	t.charset = cs
	if err == nil {
		err = t.conv.start(cs.Name, cs.Source == ByDetection, t.options.Replace)
	}
	if err != nil {
		t.err = err
		return false
	}
	t.decided = true
	t.offset = int64(mark)
	t.raw = t.raw[:copy(t.raw, t.raw[mark:])]
	return true
}

var _ io.Reader = (*Reader)(nil)
