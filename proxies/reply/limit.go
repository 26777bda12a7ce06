package reply

import (
	"errors"
	"time"
)

// Limits of one run of a program.
const (
	// Longest is how long it may run; a context that ends earlier, or has an earlier deadline, ends it then.
	Longest = 5 * time.Second
	// Memory is what it may keep, in bytes, beside allowance times what its input and its variables take.
	Memory = 64 << 20
	// Deepest is how deep a value may be nested.
	Deepest = 10_000
	// FarthestIndex is the largest index of an array that a program may name.
	FarthestIndex = 4 << 20
)

// allowance is how many times its input a program may keep beside Memory: it may build a new tree of all of it.
const allowance = 4

// LimitError is a program that was ended, or a step of it that was not made, because it wants too much. Its text holds nothing
// of the values.
type LimitError struct {
	// Msg goes on a sentence that begins with "the program".
	Msg string
}

func (e *LimitError) Error() string { return "the program " + e.Msg }

// Limited gives the LimitError in err, or nil.
func Limited(err error) *LimitError {
	limit, _ := errors.AsType[*LimitError](err)
	return limit
}

func errTime() error   { return &LimitError{Msg: "ran for longer than it may"} }
func errMemory() error { return &LimitError{Msg: "keeps more in memory than it may"} }
func errDeep() error   { return &LimitError{Msg: "made a value that is nested too deep"} }
func errValue() error  { return &LimitError{Msg: "was about to make a value larger than it may"} }
func errWork() error {
	return &LimitError{Msg: "was about to compare or search more than it may in one step"}
}

func errIndex() error {
	return &LimitError{Msg: "names an index of an array beyond the largest allowed"}
}
