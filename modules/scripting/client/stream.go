package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// watched tells when something comes.
type watched struct {
	r     io.Reader
	heard func()
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if n > 0 {
		w.heard()
	}
	return n, err
}

// sent is one event of a stream.
type sent struct {
	id, name string
	data     []byte
}

// mostEvent is how long an event may be, in bytes.
const mostEvent = 8 << 20

var errLong = errors.New("an event is too long")

// stream reads events as the standard of HTML has them.
type stream struct {
	lines *bufio.Scanner
	id    string
	first bool
}

func newStream(r io.Reader) *stream {
	s := &stream{lines: bufio.NewScanner(r), first: true}
	s.lines.Buffer(make([]byte, 0, 4096), mostEvent)
	s.lines.Split(splitLines)
	return s
}

// splitLines ends lines at \n, \r\n and \r. One that ends in \r may have its \n to come, which is no line of its own then: it is waited for
// no longer than there is more, since an event would be late by one.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0 && atEOF && len(data) > 0:
		return len(data), data, nil
	case i < 0:
		return 0, nil, nil
	case data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n':
		return i + 2, data[:i], nil
	case data[i] == '\r' && i+1 == len(data) && !atEOF:
		return 0, nil, nil
	}
	return i + 1, data[:i], nil
}

// next waits for an event. It is io.ErrUnexpectedEOF when the stream has ended: what is not ended by an empty line is no event.
func (s *stream) next() (sent, error) {
	var e sent
	var data bytes.Buffer
	some := false
	for s.lines.Scan() {
		line := s.lines.Bytes()
		if s.first {
			line, s.first = bytes.TrimPrefix(line, []byte("\ufeff")), false
		}
		if len(line) == 0 {
			if !some {
				e = sent{}
				continue
			}
			e.id, e.data = s.id, bytes.TrimSuffix(data.Bytes(), []byte("\n"))
			if e.name == "" {
				e.name = "message"
			}
			return e, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			e.name = string(value)
		case "data":
			some = true
			data.Write(value)
			data.WriteByte('\n')
		case "id":
			if bytes.IndexByte(value, 0) < 0 && len(value) <= 200 {
				s.id = string(value)
			}
		}
		if data.Len() > mostEvent {
			return sent{}, errLong
		}
	}
	if errors.Is(s.lines.Err(), bufio.ErrTooLong) {
		return sent{}, errLong
	}
	if err := s.lines.Err(); err != nil {
		return sent{}, err
	}
	return sent{}, io.ErrUnexpectedEOF
}
