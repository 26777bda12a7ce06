package lines

import (
	"strings"
	"unicode/utf8"
)

// Control characters of ECMA-48.
const (
	escape         = 0x1b
	bell           = 0x07
	backspace      = 0x08
	sequence       = 0x9b // begins a control sequence, as ESC [ does
	stringEnd      = 0x9c
	sequenceASCII  = '['
	stringBegins   = "]PX^_" // behind ESC, or 0x40 higher alone: titles of windows and the like, up to a bell or ESC \
	escapeBetween  = " !\"#$%&'()*+,-./"
	escapeLastFrom = 0x30
	escapeLastTo   = 0x7e
)

// stripControl leaves out of s what a terminal would not show: escape sequences and control characters but tabs and line
// ends. A backspace takes the character before it along, if that is on the same line.
func stripControl(s string) string {
	plain := func(r rune) bool {
		return r == '\t' || r == '\n' || r == '\r' || r == 0x85 || r >= ' ' && (r < 0x7f || r > 0x9f)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case plain(r):
			b = append(b, s[i:i+size]...)
		case r == backspace:
			if last, n := utf8.DecodeLastRune(b); last != '\n' && last != '\r' {
				b = b[:len(b)-n]
			}
		case r == escape:
			size += escapeLength(s[i+size:])
		case r == sequence:
			size += sequenceLength(s[i+size:])
		case r > 0x80 && r <= 0x9f && strings.IndexByte(stringBegins, byte(r-0x40)) >= 0:
			size += stringLength(s[i+size:])
		}
		i += size
	}
	return string(b)
}

// escapeLength gives how much of s belongs to the escape before it.
func escapeLength(s string) int {
	switch {
	case s == "":
		return 0
	case s[0] == sequenceASCII:
		return 1 + sequenceLength(s[1:])
	case strings.IndexByte(stringBegins, s[0]) >= 0:
		return 1 + stringLength(s[1:])
	}
	n := len(s) - len(strings.TrimLeft(s[:min(len(s), 8)], escapeBetween)) - (len(s) - min(len(s), 8))
	if n < len(s) && s[n] >= escapeLastFrom && s[n] <= escapeLastTo {
		n++
	}
	return n
}

// sequenceLength gives the length of parameters and last character of a control sequence.
func sequenceLength(s string) int {
	n := 0
	for n < len(s) && s[n] >= ' ' && s[n] < '@' {
		n++
	}
	if n < len(s) && s[n] >= '@' && s[n] <= escapeLastTo {
		n++
	}
	return n
}

// stringLength gives the length of a string that a bell or ESC \ ends, or, where nothing does, the line: a text that was cut
// off must not take along what follows, and no text may be looked through again and again.
func stringLength(s string) int {
	for i, r := range s {
		switch r {
		case bell:
			return i + 1
		case stringEnd:
			return i + utf8.RuneLen(r)
		case escape:
			if strings.HasPrefix(s[i+1:], `\`) {
				return i + 2
			}
			return i
		case '\n', '\r':
			return i
		}
	}
	return len(s)
}

// lineFeeds makes LF of CRLF, CR and NEL.
func lineFeeds(s string) string {
	if !strings.ContainsAny(s, "\r\u0085") {
		return s
	}
	return strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n").Replace(s)
}
