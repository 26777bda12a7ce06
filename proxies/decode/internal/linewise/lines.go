// Package linewise cuts a text into lines, whether it is there as a whole or comes.
package linewise

import (
	"fmt"
	"strings"
)

// Lines goes through a text line by line. A line ends with LF or CRLF; an end of line at the very end of the text
// starts no further line.
type Lines struct {
	Text string // all of it
	next int
}

// Cut gives the next line without its end, and its offset in the text.
func (l *Lines) Cut() (line string, offset int, ok bool) {
	offset = l.next
	if offset >= len(l.Text) {
		return "", offset, false
	}
	n := strings.IndexByte(l.Text[offset:], '\n')
	if n < 0 {
		l.next = len(l.Text)
		return l.Text[offset:], offset, true
	}
	l.next = offset + n + 1
	return strings.TrimSuffix(l.Text[offset:offset+n], "\r"), offset, true
}

// CheckComment is the check of an option that says what lines of comment begin with.
func CheckComment(s string) error {
	if strings.ContainsAny(s, "\r\n") {
		return fmt.Errorf("comment %q contains an end of line", s)
	}
	return nil
}
