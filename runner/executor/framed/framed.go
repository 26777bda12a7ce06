// Package framed is the file in which an executor keeps what a script writes until it is read: lines with their stream and time, in
// the order in which they came, readable from any record on while it grows.
//
// A record is a header of 12 bytes and the text:
//
//	0     the stream: 'o' standard output, 'e' standard error, 'n' notice
//	1     1 if the line goes on in the stream's next record, else 0
//	2-3   length of the text, little-endian
//	4-11  when it was read, in microseconds since 1970, little-endian
//
// It imports next to nothing, since the process that writes these files is to start fast.
package framed

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
)

const (
	headerSize = 12
	// MaxText is the length of the longest record: longer lines are several.
	MaxText = 16 << 10
)

// ErrCorrupt is what a reader says of bytes that no Writer wrote.
var ErrCorrupt = errors.New("the output's file is damaged")

// Frame is a record.
type Frame struct {
	Stream byte
	Part   bool
	Micros int64 // microseconds since 1970
	Text   []byte
}

// Append adds a record to a buffer. Text has at most MaxText bytes.
func Append(to []byte, frame Frame) []byte {
	part := byte(0)
	if frame.Part {
		part = 1
	}
	to = append(to, frame.Stream, part)
	to = binary.LittleEndian.AppendUint16(to, uint16(len(frame.Text))) //nolint:gosec // MaxText fits
	to = binary.LittleEndian.AppendUint64(to, uint64(frame.Micros))    //nolint:gosec // the same bits
	return append(to, frame.Text...)
}

// Next takes the record off the beginning of a buffer; size is how long it was, 0 if it is not all there yet.
func Next(from []byte) (frame Frame, size int, err error) {
	if len(from) < headerSize {
		return Frame{}, 0, nil
	}
	length := int(binary.LittleEndian.Uint16(from[2:]))
	if stream := from[0]; stream != 'o' && stream != 'e' && stream != 'n' || from[1] > 1 || length > MaxText {
		return Frame{}, 0, ErrCorrupt
	}
	if len(from) < headerSize+length {
		return Frame{}, 0, nil
	}
	return Frame{
		Stream: from[0],
		Part:   from[1] == 1,
		Micros: int64(binary.LittleEndian.Uint64(from[4:])), //nolint:gosec // the same bits
		Text:   from[headerSize : headerSize+length],
	}, headerSize + length, nil
}

// Splitter makes records of what is read from one stream: of each line one, and of what has no end yet one when told to.
type Splitter struct {
	Stream byte
	open   bool // the last record was a part
}

// Split adds the records of some bytes to a buffer. What follows the last line's end is a part at once, so that nobody waits for a
// prompt or a line that is printed in pieces.
func (s *Splitter) Split(to, read []byte, now time.Time) []byte {
	micros := now.UnixMicro()
	for len(read) > 0 {
		end := indexEnd(read)
		switch {
		case end >= 0 && end <= MaxText:
			to = Append(to, Frame{Stream: s.Stream, Micros: micros, Text: read[:end]})
			read, s.open = read[end+1:], false
		case end < 0 && len(read) <= MaxText:
			to = Append(to, Frame{Stream: s.Stream, Part: true, Micros: micros, Text: read})
			read, s.open = nil, true
		default:
			to = Append(to, Frame{Stream: s.Stream, Part: true, Micros: micros, Text: read[:MaxText]})
			read, s.open = read[MaxText:], true
		}
	}
	return to
}

// End adds the empty record that ends a line without an end, at the end of the stream.
func (s *Splitter) End(to []byte, now time.Time) []byte {
	if !s.open {
		return to
	}
	s.open = false
	return Append(to, Frame{Stream: s.Stream, Micros: now.UnixMicro()})
}

// indexEnd finds the first line's end no further than it matters.
func indexEnd(read []byte) int {
	for i, b := range read[:min(len(read), MaxText+1)] {
		if b == '\n' {
			return i
		}
	}
	return -1
}

// Reader reads records of a file that may grow.
type Reader struct {
	file   io.ReaderAt
	offset int64 // of the first byte that was not given
	buffer []byte
	start  int
}

// NewReader reads from an offset on, which is one that Offset told, or 0.
func NewReader(file io.ReaderAt, offset int64) *Reader { return &Reader{file: file, offset: offset} }

// Offset is behind the record that was given last.
func (r *Reader) Offset() int64 { return r.offset }

// Next gives the next record, or io.EOF if it is not, or not wholly, in the file yet: it may come later. The text is good until the
// next call.
func (r *Reader) Next() (Frame, error) {
	for {
		frame, size, err := Next(r.buffer[r.start:])
		if err != nil {
			return Frame{}, err
		}
		if size > 0 {
			r.start += size
			r.offset += int64(size)
			return frame, nil
		}
		if err := r.fill(); err != nil {
			return Frame{}, err
		}
	}
}

// fill reads what follows the buffer.
func (r *Reader) fill() error {
	const size = 4 * (headerSize + MaxText)
	rest := len(r.buffer) - r.start
	if r.buffer == nil {
		r.buffer = make([]byte, 0, size)
	}
	copy(r.buffer, r.buffer[r.start:])
	r.buffer, r.start = r.buffer[:rest], 0
	n, err := r.file.ReadAt(r.buffer[rest:size], r.offset+int64(rest))
	r.buffer = r.buffer[:rest+n]
	if n > 0 {
		return nil
	}
	return err
}
