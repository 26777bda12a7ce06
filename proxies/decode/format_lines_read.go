package decode

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// lineWindow is how many bytes a stream of lines is read in at once.
const lineWindow = 32 << 10

// lineReader goes through a text line by line, whether it is there as a whole or comes.
type lineReader struct {
	whole lines
	body  []byte
	src   *bufio.Reader // nil: whole is the text
	at    int64         // where the next line of src begins
	long  []byte        // what is there of a line that is longer than the window
}

// oneLine is a line without its end.
type oneLine struct {
	text   string
	bytes  []byte // the same, valid until the next line
	offset int64  // in the text
}

// wholeLines reads a text that is there.
func wholeLines(body []byte) *lineReader {
	return &lineReader{whole: lines{text: string(body)}, body: body}
}

// streamedLines reads a text that comes.
func streamedLines(text io.Reader) *lineReader {
	return &lineReader{src: bufio.NewReaderSize(text, lineWindow)}
}

// next gives the next line; a line of a stream that is longer than MaxRecord is a *LimitError.
func (l *lineReader) next() (line oneLine, ok bool, err error) {
	if l.src == nil {
		text, offset, ok := l.whole.cut()
		return oneLine{text, l.body[offset : offset+len(text)], int64(offset)}, ok, nil
	}
	raw, err := l.raw()
	if err != nil || len(raw) == 0 {
		return oneLine{}, false, err
	}
	line = oneLine{offset: l.at, bytes: raw}
	l.at += int64(len(raw))
	if n := len(raw) - 1; raw[n] == '\n' {
		line.bytes = raw[:n]
		if n > 0 && raw[n-1] == '\r' {
			line.bytes = raw[:n-1]
		}
	}
	line.text = string(line.bytes)
	return line, true, nil
}

// raw gives a line with its end; none at the end of the text.
func (l *lineReader) raw() ([]byte, error) {
	if cap(l.long) > 4*lineWindow {
		l.long = nil
	}
	l.long = l.long[:0]
	for {
		part, err := l.src.ReadSlice('\n')
		if len(l.long)+len(part) > MaxRecord+len("\r\n") {
			return nil, &LimitError{What: "bytes in a record", Limit: MaxRecord}
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

// blank says whether a line has nothing but white space.
func (l oneLine) blank() bool { return strings.Trim(l.text, asciiSpace) == "" }
