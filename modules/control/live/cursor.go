package live

import (
	"errors"
	"strconv"
	"strings"
)

// Cursor says which events of an execution somebody has: all up to a move, up to a line of the log, and what was said last of
// progress. The zero Cursor is before all of them.
type Cursor struct {
	// Move and Line are ids, Progress 0 to 100.
	Move, Line, Progress int64
	// Ended: there were no more.
	Ended bool
}

const endOfCursor = "end"

// String writes what ParseCursor reads: "17.1204.40", "18.1207.100.end".
func (c Cursor) String() string {
	b := strconv.AppendInt(nil, c.Move, 10)
	b = strconv.AppendInt(append(b, '.'), c.Line, 10)
	b = strconv.AppendInt(append(b, '.'), c.Progress, 10)
	if c.Ended {
		b = append(b, "."+endOfCursor...)
	}
	return string(b)
}

var errCursor = errors.New("it is the id of an event, as 17.1204.40") //nolint:gochecknoglobals // a sentinel

// ParseCursor reads the id of an event. Nothing is before all events.
func ParseCursor(text string) (Cursor, error) {
	var c Cursor
	if text == "" {
		return c, nil
	}
	parts := strings.Split(text, ".")
	if len(parts) == 4 && parts[3] == endOfCursor {
		c.Ended, parts = true, parts[:3]
	}
	if len(parts) != 3 {
		return Cursor{}, errCursor
	}
	for i, into := range []*int64{&c.Move, &c.Line, &c.Progress} {
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != parts[i] {
			return Cursor{}, errCursor
		}
		*into = n
	}
	if c.Progress > 100 {
		return Cursor{}, errCursor
	}
	return c, nil
}
