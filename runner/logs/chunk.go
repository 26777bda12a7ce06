// Package logs brings what a script writes from the executor's file to the store: as lines with a level and a time, in chunks, in
// order, each once, with secrets left out.
//
// What a script prints is read from a file with an offset, so a store that is slow holds up nobody but the reading. Each chunk says
// behind which byte of the file it ends, and a runner that is started anew goes on there.
package logs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Level is how grave a line is.
type Level byte

// Levels, in the words of Level.String.
const (
	Debug Level = iota
	Info
	Warning
	Error
	Critical
)

// String is DEBUG, INFO, WARNING, ERROR or CRITICAL.
func (l Level) String() string {
	switch l {
	case Debug:
		return "DEBUG"
	case Warning:
		return "WARNING"
	case Error:
		return "ERROR"
	case Critical:
		return "CRITICAL"
	case Info:
	}
	return "INFO"
}

// ParseLevel reads what String writes, and WARN and FATAL, as older runners say.
func ParseLevel(word string) (Level, bool) {
	switch word {
	case "DEBUG":
		return Debug, true
	case "INFO":
		return Info, true
	case "WARNING", "WARN":
		return Warning, true
	case "ERROR":
		return Error, true
	case "CRITICAL", "FATAL":
		return Critical, true
	}
	return Info, false
}

// Line is a line of a log.
type Line struct {
	Level Level
	// Time is when it was written, with microseconds.
	Time time.Time
	// Text is UTF-8 without a NUL. It may have lines inside.
	Text string
}

// Position is how far into an executor's output something is.
type Position struct {
	// Offset is behind the last record that was taken.
	Offset int64
	// Open are where the unfinished lines of standard output and standard error begin; -1: there is none.
	Open [2]int64
}

// Start is the beginning of an output.
func Start() Position { return Position{Open: [2]int64{-1, -1}} }

// from is where to read on.
func (p Position) from() int64 {
	from := p.Offset
	for _, open := range p.Open {
		if open >= 0 {
			from = min(from, open)
		}
	}
	return from
}

// version is the first byte of every chunk.
const version = 1

// ErrCorrupt is what is said of bytes that are no chunk.
var ErrCorrupt = errors.New("a chunk of a log is damaged")

// Pack makes a chunk of lines, which end at a position of the output; lines that come from elsewhere have the one before. Its bytes are a version, the position, and of each line its level, the
// microseconds since the one before, its length and its text, numbers as varints.
func Pack(at Position, lines []Line) []byte {
	size := 48
	for i := range lines {
		size += len(lines[i].Text) + 8
	}
	data := append(make([]byte, 0, size), version)
	data = binary.AppendVarint(data, at.Offset)
	data = binary.AppendVarint(data, at.Open[0])
	data = binary.AppendVarint(data, at.Open[1])
	var before int64
	for i := range lines {
		data = appendLine(data, &lines[i], &before)
	}
	return data
}

func appendLine(data []byte, line *Line, before *int64) []byte {
	micros := line.Time.UnixMicro()
	data = append(data, byte(line.Level))
	data = binary.AppendVarint(data, micros-*before)
	*before = micros
	data = binary.AppendUvarint(data, uint64(len(line.Text)))
	return append(data, line.Text...)
}

// Unpack gives the lines of a chunk and where it ends. Texts are copies.
func Unpack(data []byte) ([]Line, Position, error) {
	r := unpacking{data: data}
	if r.byte() != version {
		return nil, Position{}, fmt.Errorf("%w: it is of another version", ErrCorrupt)
	}
	at := Position{Offset: r.varint(), Open: [2]int64{r.varint(), r.varint()}}
	var lines []Line
	var micros int64
	for !r.bad && len(r.data) > 0 {
		level := Level(r.byte())
		micros += r.varint()
		text := r.text()
		if level > Critical {
			r.bad = true
		}
		lines = append(lines, Line{Level: level, Time: time.UnixMicro(micros).UTC(), Text: text})
	}
	if r.bad {
		return nil, Position{}, ErrCorrupt
	}
	return lines, at, nil
}

// unpacking takes values off the front of a chunk, until one is not there.
type unpacking struct {
	data []byte
	bad  bool
}

func (u *unpacking) byte() byte {
	if len(u.data) == 0 {
		u.bad = true
		return 0
	}
	b := u.data[0]
	u.data = u.data[1:]
	return b
}

func (u *unpacking) varint() int64 {
	v, n := binary.Varint(u.data)
	if n <= 0 {
		u.bad = true
		return 0
	}
	u.data = u.data[n:]
	return v
}

func (u *unpacking) text() string {
	length, n := binary.Uvarint(u.data)
	if n <= 0 || length > uint64(len(u.data)-n) { //nolint:gosec // what is left is not negative
		u.bad = true
		return ""
	}
	end := n + int(length) //nolint:gosec // no more than there is
	s := string(u.data[n:end])
	u.data = u.data[end:]
	return s
}
