// Package decodetest tests decoders: tables of bodies, corpora of documents, streams in pieces, measured memory, any bytes.
package decodetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// Checked is what every format is.
type Checked interface {
	decode.Decoder
	Check() error
}

// Test gives the JSON that a decoder makes of a text, or where its error is.
type Test struct {
	Name string
	Dec  Checked
	In   string
	Want string // JSON, in the document's order
	Fail string // part of the error's text; then want is empty
	At   int64  // offset of the *decode.SyntaxError; -1: another error
}

// Run runs tests of a table.
func Run(t *testing.T, tests []Test) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.Name, func(t *testing.T) {
			// Check writes into the decoder, which several tests may share, so it comes before they run at once.
			if err := test.Dec.Check(); err != nil {
				t.Fatal(err)
			}
			t.Parallel()
			got, err := Both(t, test.Dec, []byte(test.In))
			if test.Fail == "" {
				if err != nil || string(got) != test.Want {
					t.Fatalf("got  %s (%v)\nwant %s", got, err, test.Want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.Fail) {
				t.Fatalf("got %s and %v, want an error with %q", got, err, test.Fail)
			}
			var syntax *decode.SyntaxError
			if errors.As(err, &syntax) != (test.At >= 0) || syntax != nil && syntax.Offset != test.At {
				t.Fatalf("%#v: want it at %d", err, test.At)
			}
		})
	}
}
