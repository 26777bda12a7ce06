package decode

import (
	"context"
	"errors"
	"testing"
)

// endless is a context that ends when it is asked for the nth time.
type endless struct {
	context.Context
	n     int // at which question it has ended
	asked int
}

// Err implements context.Context.
func (c *endless) Err() error {
	c.asked++
	if c.asked < c.n {
		return nil
	}
	return context.Canceled
}

// endTest is a text that takes long.
type endTest struct {
	dec checked
	in  string
}

// runEndTests holds decoders to ending when the context ends, at once and after a while.
func runEndTests(t *testing.T, tests map[string]endTest) {
	t.Helper()
	for name, test := range tests {
		if err := test.dec.Check(); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 3} {
			err := test.dec.Decode(&endless{Context: t.Context(), n: n}, &Input{Body: []byte(test.in)}, NewTree(Limits{}))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v at question %d", name, err, n)
			}
		}
	}
}
