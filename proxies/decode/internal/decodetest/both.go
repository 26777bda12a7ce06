package decodetest

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// Both decodes body through both sinks, checks that they agree, and gives the JSON text.
func Both(t *testing.T, d decode.Decoder, body []byte) ([]byte, error) {
	t.Helper()
	before := bytes.Clone(body)
	w, tree := decode.NewWriter(nil, decode.Limits{}), decode.NewTree(decode.Limits{})
	err := d.Decode(t.Context(), &decode.Input{Body: body}, w)
	treeErr := d.Decode(t.Context(), &decode.Input{Body: body}, tree)
	if !bytes.Equal(before, body) {
		t.Fatal("the decoder changed its input")
	}
	if (err == nil) != (treeErr == nil) {
		t.Fatalf("writer: %v, tree: %v", err, treeErr)
	}
	if err != nil {
		return nil, err
	}
	if !w.Complete() || !tree.Complete() {
		t.Fatal("no error and no whole value")
	}
	text := w.Bytes()
	if diff := cmp.Diff(Parse(t, text), tree.Value()); diff != "" {
		t.Fatalf("the sinks disagree about %q (-writer +tree):\n%s", body, diff)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil || !bytes.Equal(compact.Bytes(), text) {
		t.Fatalf("not compact: %s", text)
	}
	return text, nil
}

// Parse reads the one JSON value of a text, with numbers as they are written.
func Parse(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Fatalf("more than one value: %s", text)
	}
	return v
}
