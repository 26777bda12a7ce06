package decodetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// Pieces reads at most n bytes at once.
type Pieces struct {
	R io.Reader
	N int
}

// Read implements io.Reader.
func (p *Pieces) Read(b []byte) (int, error) { return p.R.Read(b[:min(len(b), p.N)]) }

// StreamAgrees holds a stream in pieces to what the whole text gives.
func StreamAgrees(t *testing.T, d decode.Streamer, body []byte) {
	t.Helper()
	w := decode.NewWriter(nil, decode.Limits{})
	err := d.Decode(t.Context(), &decode.Input{Body: body}, w)
	for _, n := range []int{1, 7, 1 << 20} {
		again := decode.NewWriter(nil, decode.Limits{})
		streamErr := d.Stream(t.Context(), &Pieces{bytes.NewReader(body), n}, &decode.Input{}, again)
		// What was told before an error is for nobody but a stream's caller.
		whole, streamed := string(w.Bytes()), string(again.Bytes())
		same := whole == streamed || err != nil && strings.HasPrefix(streamed, whole)
		if !same || (err == nil) != (streamErr == nil) {
			t.Fatalf("%#v in pieces of %d: %s (%v)\nas a whole: %s (%v)\nof %q", d, n, streamed, streamErr, whole, err, body)
		}
		if syntax, ok := errors.AsType[*decode.SyntaxError](err); ok {
			if other, ok := errors.AsType[*decode.SyntaxError](streamErr); !ok || *other != *syntax {
				t.Fatalf("%#v in pieces of %d: %v\nas a whole: %v\nof %q", d, n, streamErr, err, body)
			}
		}
	}
}

// TellsAtOnce holds a decoder to reading no further than the end of a record before it tells it: one in head, three times the
// piece, and the tail; as many records as wanted in all.
func TellsAtOnce(t *testing.T, dec decode.Streamer, head, piece, tail string, want int) {
	t.Helper()
	n := 0
	records := decode.NewRecords(decode.RecordsOptions{Text: true, Each: func([]byte, any) error { n++; return nil }})
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- dec.Stream(t.Context(), pr, &decode.Input{}, records) }()
	write := func(s string) {
		if _, err := io.WriteString(pw, s); err != nil {
			t.Error(err)
		}
	}
	write(head)
	for i := range 3 {
		write(piece)
		write(" ") // is read when the piece has been told
		if n < i+1 {
			t.Errorf("%d records are told of %d", n, i+2)
		}
	}
	write(tail)
	if err := pw.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil || n != want {
		t.Errorf("%d records, %v", n, err)
	}
}

// GivesErrorsUnchanged holds a decoder to giving errors of the text and of the context as they are.
func GivesErrorsUnchanged(t *testing.T, d decode.Streamer) {
	t.Helper()
	for _, head := range []string{"", "{\"a\":[1", "{\"a\":[\"x"} {
		broken := io.MultiReader(strings.NewReader(head), iotest.ErrReader(io.ErrUnexpectedEOF))
		if err := d.Stream(t.Context(), broken, &decode.Input{}, decode.NewWriter(nil, decode.Limits{})); err != io.ErrUnexpectedEOF { //nolint:errorlint // unchanged
			t.Errorf("%T %s: %v", d, head, err)
		}
	}
	err := d.Stream(&Endless{Context: t.Context(), N: 3}, strings.NewReader("["+strings.Repeat("0,\n", 50_000)), &decode.Input{}, decode.NewWriter(nil, decode.Limits{}))
	if fmt.Sprint(err) != "context canceled" && !ofText(err) {
		t.Errorf("%T: %v", d, err)
	}
}

func ofText(err error) bool {
	_, syntax := errors.AsType[*decode.SyntaxError](err)
	_, limit := errors.AsType[*decode.LimitError](err)
	return syntax || limit
}
