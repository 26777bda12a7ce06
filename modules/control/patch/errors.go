package patch

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// SyntaxError says that a body is no JSON (400), or JSON and no patch (422).
type SyntaxError struct {
	// Reason is a sentence without a full stop.
	Reason string
	status int
}

func (e *SyntaxError) Error() string { return e.Reason }

// Status is 400 or 422.
func (e *SyntaxError) Status() int { return e.status }

// OperationError says that one of the operations is none. It is a 422.
type OperationError struct {
	// Index is the operation's, from 0.
	Index int
	// Reason is a sentence without a full stop.
	Reason string
}

func (e *OperationError) Error() string { return fmt.Sprintf("operation %d: %s", e.Index, e.Reason) }

// Status is 422.
func (e *OperationError) Status() int { return http.StatusUnprocessableEntity }

// MediaTypeError says that a body is of another type than AcceptPatch has. It is a 415.
type MediaTypeError struct{}

func (e *MediaTypeError) Error() string {
	return "a patch is one of " + AcceptPatch + ", in UTF-8"
}

// Status is 415.
func (e *MediaTypeError) Status() int { return http.StatusUnsupportedMediaType }

// Header tells which types there are.
func (e *MediaTypeError) Header() http.Header { return http.Header{"Accept-Patch": {AcceptPatch}} }

// LimitError says that a patch is too large, or would do too much. It is a 413.
type LimitError struct {
	// What is too much: "the body".
	What string
	// Most is how many Units there may be.
	Most int
	Unit string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("a patch is too large: %s may have %d %s at most", e.What, e.Most, e.Unit)
}

// Status is 413.
func (e *LimitError) Status() int { return http.StatusRequestEntityTooLarge }

// PathError says that an operation is about a place that there is not, or that nobody may name. It is a 422.
type PathError struct {
	// Index is the operation's, from 0; -1: it is a merge patch.
	Index int
	// Path is the pointer, or the member of a merge patch, cut.
	Path string
	// Known are the members that there are, where the first one of Path is none.
	Known []string
	// Reason is a sentence without a full stop. May be empty.
	Reason string
}

func (e *PathError) Error() string {
	said := e.Reason
	if said == "" {
		said = "there is no " + quote(e.Path)
	}
	if len(e.Known) > 0 {
		said += "; there are " + strings.Join(e.Known, ", ")
	}
	if e.Index < 0 {
		return said
	}
	return fmt.Sprintf("operation %d: %s", e.Index, said)
}

// Status is 422.
func (e *PathError) Status() int { return http.StatusUnprocessableEntity }

// TestError says that something is not as an operation expects it. It is a 409.
type TestError struct {
	// Index is the operation's, from 0.
	Index int
	// Path is the pointer, cut.
	Path string
}

func (e *TestError) Error() string {
	return fmt.Sprintf("operation %d: %s is not what is expected", e.Index, quote(e.Path))
}

// Status is 409.
func (e *TestError) Status() int { return http.StatusConflict }

// ReadOnlyError says which members a caller may not write. It is a 403.
type ReadOnlyError struct {
	// Fields are their names, each once, in the order of the patch, those of a merge patch sorted.
	Fields []string
}

func (e *ReadOnlyError) Error() string {
	return "these fields cannot be written: " + strings.Join(e.Fields, ", ")
}

// Status is 403.
func (e *ReadOnlyError) Status() int { return http.StatusForbidden }

// GuardError says that a guard refused. It is a 403 where the guard's own error says nothing else.
type GuardError struct {
	// Index is the operation's, from 0; -1: it is a merge patch.
	Index int
	// Path is the pointer: "/current_password".
	Path string
	// Err is what the guard said.
	Err error
}

func (e *GuardError) Error() string { return e.Err.Error() }

// Unwrap gives the guard's error.
func (e *GuardError) Unwrap() error { return e.Err }

// Status is that of the guard's error, else 403.
func (e *GuardError) Status() int {
	if s, ok := e.Err.(interface{ Status() int }); ok {
		return s.Status()
	}
	return http.StatusForbidden
}

// UnguardedError says that something is written before a guard has held. It is a 409.
type UnguardedError struct {
	// Index is the operation's, from 0; -1: it is a merge patch.
	Index int
	// Guards are the pointers of which one has to be tested before.
	Guards []string
}

func (e *UnguardedError) Error() string {
	return "nothing is written before a test of " + strings.Join(e.Guards, " or ")
}

// Status is 409.
func (e *UnguardedError) Status() int { return http.StatusConflict }

// FieldError says that a member would become something that it cannot be. It is a 422.
type FieldError struct {
	// Field is the member's name.
	Field string
	// Reason is a sentence without a full stop.
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// Status is 422.
func (e *FieldError) Status() int { return http.StatusUnprocessableEntity }

// Messages gives the reason by member, as Houston's answers have it.
func (e *FieldError) Messages() map[string][]string { return map[string][]string{e.Field: {e.Reason}} }

// mostShown is how much of a caller's text an error shows, in bytes.
const mostShown = 40

// cut shortens what a caller wrote.
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
