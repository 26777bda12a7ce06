package logs

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// mostLine is how long a line may be, in bytes: longer ones are several. Older clients cut theirs at 9,000.
const mostLine = 8 << 10

// mostHeld is how much of a line may wait for whether a secret goes on.
const mostHeld = 64 << 10

// event is what a record of an output, or several, say.
type event struct {
	line     Line
	logged   bool // there is a line
	progress int  // 0 to 100, or -1
}

// assembler makes lines of records.
type assembler struct {
	at      Position
	streams [2]stream
}

// stream is standard output or standard error: the line that it is at.
type stream struct {
	redactor redactor
	text     []byte
	began    time.Time // of the text
	cut      bool      // the line's beginning was given as a line of its own
}

func newAssembler(at Position, secrets *Secrets) *assembler {
	a := &assembler{at: at}
	for i := range a.streams {
		a.streams[i].redactor.secrets = secrets
	}
	return a
}

// take takes the record that lies between two offsets, and tells what it says.
func (a *assembler) take(record executor.Record, from, to int64, tell func(event)) {
	if record.Stream == executor.Notice {
		a.at.Offset = max(a.at.Offset, to)
		tell(event{line: Line{Level: Warning, Time: record.Time, Text: valid(record.Text)}, logged: true, progress: -1})
		return
	}
	i := 0
	if record.Stream == executor.Stderr {
		i = 1
	}
	// After a start anew the output is read from the beginning of an unfinished line on; what was taken of the other stream
	// meanwhile is passed over.
	if from < a.at.Offset && (a.at.Open[i] < 0 || from < a.at.Open[i]) {
		return
	}
	s := &a.streams[i]
	if a.at.Open[i] < 0 {
		a.at.Open[i] = from
	}
	if len(s.text) == 0 && len(s.redactor.held) == 0 {
		s.began = record.Time
	}
	s.text = s.redactor.add(s.text, record.Text, !record.Part)
	switch {
	case !record.Part:
		s.end(i, tell)
		a.at.Open[i] = -1
	case len(s.text) >= mostLine && len(s.redactor.held) == 0, len(s.text) >= mostHeld:
		s.text = s.redactor.add(s.text, nil, true)
		s.piece(i, len(s.text), tell)
		s.cut = true
		a.at.Open[i] = -1
	}
	a.at.Offset = max(a.at.Offset, to)
}

// close gives unfinished lines as lines, at the end.
func (a *assembler) close(tell func(event)) {
	for i := range a.streams {
		s := &a.streams[i]
		if a.at.Open[i] < 0 {
			continue
		}
		s.text = s.redactor.add(s.text, nil, true)
		s.end(i, tell)
		a.at.Open[i] = -1
	}
}

// rest gives unfinished lines as lines that have waited since before.
func (a *assembler) rest(before time.Time, tell func(event)) {
	for i := range a.streams {
		s := &a.streams[i]
		if len(s.text) == 0 || s.began.After(before) || len(s.redactor.held) > 0 {
			continue
		}
		s.piece(i, len(s.text), tell)
		s.cut = true
		a.at.Open[i] = -1
	}
}

// end gives the line that is finished.
func (s *stream) end(i int, tell func(event)) {
	defer func() { s.text, s.cut = s.text[:0], false }()
	text := s.text
	if n := len(text); n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	if s.cut { // what a line says its beginning says
		if len(text) > 0 {
			s.piece(i, len(text), tell)
		}
		return
	}
	if len(text) > 2 && text[0] == ':' && text[1] == ':' {
		switch parsed := executor.ParseLine(string(text)); parsed.Kind {
		case executor.KindProgress:
			e := event{progress: parsed.Progress, logged: parsed.Text != ""}
			e.line = Line{Level: Info, Time: s.began, Text: valid([]byte(parsed.Text))}
			tell(e)
			return
		case executor.KindLog:
			level, _ := ParseLevel(parsed.Level)
			for piece := range pieces(valid([]byte(parsed.Text))) {
				tell(event{line: Line{Level: level, Time: s.began, Text: piece}, logged: true, progress: -1})
			}
			return
		case executor.KindText:
		}
	}
	s.piece(i, len(text), tell)
}

// piece gives the first n bytes of the text as lines and drops all of it.
func (s *stream) piece(i, n int, tell func(event)) {
	level := Info
	if i == 1 {
		level = Error
	}
	for text := range pieces(valid(s.text[:n])) {
		tell(event{line: Line{Level: level, Time: s.began, Text: text}, logged: true, progress: -1})
	}
	s.text = s.text[:0]
}

// pieces cuts a text into lines that are not too long, between runes. An empty text is one line.
func pieces(text string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for len(text) > mostLine {
			end := mostLine
			for !utf8.RuneStart(text[end]) {
				end--
			}
			if !yield(text[:end]) {
				return
			}
			text = text[end:]
		}
		yield(text)
	}
}

// valid makes UTF-8 without NUL of any bytes, since clients and databases want no others.
func valid(text []byte) string {
	s := string(text)
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}
