package listing

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Names of parameters.
const (
	filters = "filter"
	sorts   = "sort"
)

// Error says what is wrong with a parameter.
type Error struct {
	// Parameter is its name.
	Parameter string
	// Field is what it names, cut; "": it is about something else.
	Field string
	// Known are the names that there are for this caller, where Field is none.
	Known []string
	// Reason is a sentence without a full stop.
	Reason string
	// Forbidden says that Field is there, but not for this caller.
	Forbidden bool
	// OutOfRange says that it is a number too small or too large.
	OutOfRange bool
}

func (e *Error) Error() string {
	text := e.Parameter + ": " + e.Reason
	if len(e.Known) > 0 {
		text += "; there are " + strings.Join(e.Known, ", ")
	}
	return text
}

// Status is 400, 403 where a field is not for this caller, and 422 where a number is out of its range.
func (e *Error) Status() int {
	switch {
	case e.Forbidden:
		return http.StatusForbidden
	case e.OutOfRange:
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadRequest
}

// Messages gives the reason by parameter, as Houston's answers have it.
func (e *Error) Messages() map[string][]string { return map[string][]string{e.Parameter: {e.Reason}} }

func wrong(param, reason string) *Error { return &Error{Parameter: param, Reason: reason} }

// mostShown is how much of a caller's text an error shows, in bytes.
const mostShown = 40

func cut(text string) string {
	if len(text) <= mostShown {
		return text
	}
	end := mostShown
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

func quote(text string) string { return fmt.Sprintf("%q", cut(text)) }
