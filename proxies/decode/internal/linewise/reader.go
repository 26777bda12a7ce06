package linewise

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// Window is how many bytes a stream of lines is read in at once.
const Window = 32 << 10

// Reader goes through a text line by line, whether it is there as a whole or comes.
type Reader struct {
	whole Lines
	body  []byte
	src   *bufio.Reader // nil: whole is the text
	at    int64         // where the next line of src begins
	long  []byte        // what is there of a line that is longer than the window
}

// Line is a line without its end.
type Line struct {
	Text   string // without the end
	Bytes  []byte // the same, valid until the next line
	Offset int64  // in the text
}

// Whole reads a text that is there.
func Whole(body []byte) *Reader {
	return &Reader{whole: Lines{Text: string(body)}, body: body}
}

// Streamed reads a text that comes.
func Streamed(text io.Reader) *Reader {
	return &Reader{src: bufio.NewReaderSize(text, Window)}
}

// Next gives the next line; a line of a stream that is longer than decode.MaxRecord is a *decode.LimitError.
func (l *Reader) Next() (line Line, ok bool, err error) {
	if l.src == nil {
		text, offset, ok := l.whole.Cut()
		return Line{text, l.body[offset : offset+len(text)], int64(offset)}, ok, nil
	}
	raw, err := l.raw()
	if err != nil || len(raw) == 0 {
		return Line{}, false, err
	}
	line = Line{Offset: l.at, Bytes: raw}
	l.at += int64(len(raw))
	if n := len(raw) - 1; raw[n] == '\n' {
		line.Bytes = raw[:n]
		if n > 0 && raw[n-1] == '\r' {
			line.Bytes = raw[:n-1]
		}
	}
	line.Text = string(line.Bytes)
	return line, true, nil
}

// raw gives a line with its end; none at the end of the text.
func (l *Reader) raw() ([]byte, error) {
	if cap(l.long) > 4*Window {
		l.long = nil
	}
	l.long = l.long[:0]
	for {
		part, err := l.src.ReadSlice('\n')
		if len(l.long)+len(part) > decode.MaxRecord+len("\r\n") {
			return nil, &decode.LimitError{What: "bytes in a record", Limit: decode.MaxRecord}
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = append(l.long, part...)
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case len(l.long) == 0:
			return part, nil
		}
		l.long = append(l.long, part...)
		return l.long, nil
	}
}

// Blank says whether a line has nothing but white space.
func (l Line) Blank() bool { return strings.Trim(l.Text, ascii.Space) == "" }
