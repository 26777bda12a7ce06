package decode

import (
	"errors"
	"strings"
	"testing"
)

// checked is what every format is.
type checked interface {
	Decoder
	Check() error
}

// decodeTest gives the JSON that a decoder makes of a text, or where its error is.
type decodeTest struct {
	name string
	dec  checked
	in   string
	want string // JSON, in the document's order
	fail string // part of the error's text; then want is empty
	at   int64  // offset of the *SyntaxError; -1: another error
}

// runDecodeTests runs tests of a table.
func runDecodeTests(t *testing.T, tests []decodeTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := test.dec.Check(); err != nil {
				t.Fatal(err)
			}
			got, err := both(t, test.dec, []byte(test.in))
			if test.fail == "" {
				if err != nil || string(got) != test.want {
					t.Fatalf("got  %s (%v)\nwant %s", got, err, test.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.fail) {
				t.Fatalf("got %s and %v, want an error with %q", got, err, test.fail)
			}
			var syntax *SyntaxError
			if errors.As(err, &syntax) != (test.at >= 0) || syntax != nil && syntax.Offset != test.at {
				t.Fatalf("%#v: want it at %d", err, test.at)
			}
		})
	}
}
