package decode

import (
	"fmt"
	"strings"
)

// lines goes through a text line by line. A line ends with LF or CRLF; an end of line at the very end of the text
// starts no further line.
type lines struct {
	text string // all of it
	next int
}

// cut gives the next line without its end, and its offset in the text.
func (l *lines) cut() (line string, offset int, ok bool) {
	offset = l.next
	if offset >= len(l.text) {
		return "", offset, false
	}
	n := strings.IndexByte(l.text[offset:], '\n')
	if n < 0 {
		l.next = len(l.text)
		return l.text[offset:], offset, true
	}
	l.next = offset + n + 1
	return strings.TrimSuffix(l.text[offset:offset+n], "\r"), offset, true
}

// checkComment is the check of an option that says what lines of comment begin with.
func checkComment(s string) error {
	if strings.ContainsAny(s, "\r\n") {
		return fmt.Errorf("comment %q contains an end of line", s)
	}
	return nil
}
