// Package terminal shows what scripts say: lines of a log, and how far something is. What scripts say is made harmless, since a
// terminal obeys what it is shown.
package terminal

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text of others harmless on a terminal: escape sequences are left out whole, and every other character that is not to be
// seen becomes U+FFFD, but for ends of lines and tabs. Marks by which text runs the other way are among them.
func Clean(text string) string {
	if plain(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for len(text) > 0 {
		if n := sequence(text); n > 0 {
			text = text[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r == '\r' && strings.HasPrefix(text[n:], "\n"):
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteRune(unicode.ReplacementChar)
		}
		text = text[n:]
	}
	return b.String()
}

func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// longest is how long a sequence may be, in bytes. A longer one is shown as the text that it is, but for its beginning.
const longest = 256

// sequence is how long the escape sequence is that text begins with; 0: it begins with none, or with one that has no end.
func sequence(text string) int {
	rest, is := strings.CutPrefix(text[:min(len(text), longest)], "\x1b")
	if !is || rest == "" {
		return 0
	}
	const head = 1
	switch c := rest[0]; {
	case c == '[': // CSI: parameters, intermediates, and a final byte
		for i := 1; i < len(rest); i++ {
			switch b := rest[i]; {
			case b >= 0x40 && b <= 0x7e:
				return head + i + 1
			case b < 0x20 || b > 0x7e:
				return 0
			}
		}
		return 0
	case strings.IndexByte("]PX^_", c) >= 0: // OSC and other strings, to BEL or ST, within the line
		for i := 1; i < len(rest) && rest[i] != '\n'; i++ {
			if rest[i] == '\a' {
				return head + i + 1
			}
			if strings.HasPrefix(rest[i:], "\x1b\\") {
				return head + i + 2
			}
		}
		return 0
	case c >= ' ' && c <= '/': // with intermediates
		for i := 1; i < len(rest); i++ {
			if b := rest[i]; b >= 0x30 && b <= 0x7e {
				return head + i + 1
			} else if b < ' ' || b > '/' {
				return 0
			}
		}
		return 0
	case c >= 0x30 && c <= 0x7e:
		return head + 1
	}
	return 0
}

// Line is Clean for what has to stay one line.
func Line(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, Clean(text)))
}

// Cut is a line of at most so many characters.
func Cut(text string, most int) string {
	r := []rune(Line(text))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:max(most-1, 0)]) + "…"
}

// Writer cleans what is written to a terminal, whose lines may come in pieces.
type Writer struct {
	To   interface{ Write([]byte) (int, error) }
	held []byte
}

// mostHeld is how long a line may be before it is shown without its end, in bytes.
const mostHeld = 64 << 10

// Write implements io.Writer.
func (w *Writer) Write(b []byte) (int, error) {
	before := len(w.held)
	w.held = append(w.held, b...)
	end := bytes.LastIndexByte(b, '\n') + 1
	if end > 0 {
		end += before
	}
	if end == 0 && len(w.held) > mostHeld {
		end = len(w.held)
	}
	if end == 0 {
		return len(b), nil
	}
	if _, err := w.To.Write([]byte(Clean(string(w.held[:end])))); err != nil {
		return 0, err
	}
	w.held = append(w.held[:0], w.held[end:]...)
	return len(b), nil
}

// Close shows what has no end.
func (w *Writer) Close() error {
	if len(w.held) == 0 {
		return nil
	}
	_, err := w.To.Write([]byte(Clean(string(w.held)) + "\n"))
	w.held = nil
	return err
}
