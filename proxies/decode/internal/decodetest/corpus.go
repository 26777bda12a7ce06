package decodetest

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
)

var update = flag.Bool("update", false, "write what the decoders give into the corpus, to be read before it is committed")

// specimen is what stands beside a document of the corpus, in NAME.specimen; it may be absent.
type specimen struct {
	ContentType string          `json:"content_type"`
	Charset     string          `json:"charset"` // the option
	Replace     bool            `json:"replace"`
	URL         string          `json:"url"`
	Options     json.RawMessage `json:"options"` // of the decoder
}

// Corpus runs the documents in testdata/<format>: each file with its options in NAME.specimen and what it must give in
// NAME.want: the JSON text, or "error: " and its message. At least so many must be there. Every document is read into
// a Writer and into a Tree, and where the decoder streams, also in small pieces: all must give the same.
func Corpus(t *testing.T, format string, least int, fresh func() Checked) {
	t.Helper()
	dir := filepath.Join("testdata", format)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == ".want" || ext == ".specimen" {
			continue
		}
		found++
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			document(t, filepath.Join(dir, e.Name()), fresh())
		})
	}
	if found < least {
		t.Errorf("testdata/%s has %d documents, want %d", format, found, least)
	}
}

func document(t *testing.T, path string, dec Checked) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := SpecimenOf(t, path, dec)
	got := Told(t, dec, in, body)
	if *update {
		if err := os.WriteFile(path+".want", []byte(got+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path + ".want")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSuffix(string(want), "\n"), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// SpecimenOf reads the options of a document of the corpus into dec, and makes what goes with its body.
func SpecimenOf(t *testing.T, path string, dec Checked) *decode.Input {
	t.Helper()
	var sp specimen
	if raw, err := os.ReadFile(path + ".specimen"); err == nil {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&sp); err != nil {
			t.Fatalf("%s.specimen: %v", path, err)
		}
	}
	if len(sp.Options) > 0 {
		d := json.NewDecoder(bytes.NewReader(sp.Options))
		d.DisallowUnknownFields()
		if err := d.Decode(dec); err != nil {
			t.Fatalf("%s.specimen: options: %v", path, err)
		}
	}
	if err := dec.Check(); err != nil {
		t.Fatalf("%s.specimen: %v", path, err)
	}
	in := &decode.Input{ContentType: sp.ContentType}
	var label string
	in.MediaType, label = decode.ContentType(sp.ContentType)
	in.Charset = charset.Options{Option: sp.Charset, Header: label, Replace: sp.Replace}
	if d, ok := dec.(decode.Declarer); ok {
		in.Charset.Document = d.DeclaredCharset
	}
	if sp.URL != "" {
		var err error
		if in.URL, err = url.Parse(sp.URL); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// Told decodes body in every way there is and gives the JSON text, indented, or the error.
func Told(t *testing.T, dec decode.Decoder, in *decode.Input, body []byte) string {
	t.Helper()
	in.Body = body
	if _, binary := dec.(decode.Binary); !binary {
		text, _, err := charset.Text(body, in.Charset)
		if err != nil {
			return "error: " + err.Error()
		}
		in.Body = text
	}
	w := decode.NewWriter(nil, decode.Limits{})
	err := dec.Decode(t.Context(), in, w)
	tree := decode.NewTree(decode.Limits{})
	treeErr := dec.Decode(t.Context(), in, tree)
	if (err == nil) != (treeErr == nil) {
		t.Errorf("as text the error is %v, as a tree %v", err, treeErr)
	}
	streamed(t, dec, in, w, err)
	if err != nil {
		return "error: " + err.Error()
	}
	fromTree, err := json.Marshal(tree.Value())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Value(t, w.Bytes()), Value(t, fromTree)); diff != "" {
		t.Errorf("the text and the tree differ (-text +tree):\n%s", diff)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, w.Bytes(), "", "\t"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func streamed(t *testing.T, dec decode.Decoder, in *decode.Input, w *decode.Writer, whole error) {
	t.Helper()
	s, ok := dec.(decode.Streamer)
	if !ok {
		return
	}
	rest := *in
	rest.Body = nil
	again := decode.NewWriter(nil, decode.Limits{})
	err := s.Stream(t.Context(), iotest.OneByteReader(bytes.NewReader(in.Body)), &rest, again)
	if (err == nil) != (whole == nil) {
		t.Errorf("as a stream the error is %v, as a whole %v", err, whole)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(string(w.Bytes()), string(again.Bytes())); diff != "" {
		t.Errorf("as a stream (-whole +stream):\n%s", diff)
	}
}

// Value reads a JSON text, with numbers as they are written.
func Value(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
