package decodetest

import (
	"context"
	"errors"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// Endless is a context that ends when it is asked for the nth time.
type Endless struct {
	context.Context
	N     int // at which question it has ended
	asked int
}

// Err implements context.Context.
func (c *Endless) Err() error {
	c.asked++
	if c.asked < c.N {
		return nil
	}
	return context.Canceled
}

// EndTest is a text that takes long.
type EndTest struct {
	Dec Checked
	In  string
}

// RunEnds holds decoders to ending when the context ends, at once and after a while.
func RunEnds(t *testing.T, tests map[string]EndTest) {
	t.Helper()
	for name, test := range tests {
		if err := test.Dec.Check(); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 3} {
			err := test.Dec.Decode(&Endless{Context: t.Context(), N: n}, &decode.Input{Body: []byte(test.In)}, decode.NewTree(decode.Limits{}))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v at question %d", name, err, n)
			}
		}
	}
}
