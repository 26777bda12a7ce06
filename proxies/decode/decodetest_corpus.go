package decode

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

// corpus runs the documents in testdata/<format>: each file with its options in NAME.specimen and what it must give in
// NAME.want: the JSON text, or "error: " and its message. At least so many must be there. Every document is read into
// a Writer and into a Tree, and where the decoder streams, also in small pieces: all must give the same.
func corpus(t *testing.T, format string, least int, fresh func() checked) {
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

func document(t *testing.T, path string, dec checked) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := specimenOf(t, path, dec)
	got := told(t, dec, in, body)
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

// specimenOf reads the options of a document of the corpus into dec, and makes what goes with its body.
func specimenOf(t *testing.T, path string, dec checked) *Input {
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
	in := &Input{ContentType: sp.ContentType}
	var label string
	in.MediaType, label = ContentType(sp.ContentType)
	in.Charset = TextOptions{Option: sp.Charset, Header: label, Replace: sp.Replace}
	if d, ok := dec.(Declarer); ok {
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

// told decodes body in every way there is and gives the JSON text, indented, or the error.
func told(t *testing.T, dec Decoder, in *Input, body []byte) string {
	t.Helper()
	in.Body = body
	if _, binary := dec.(Binary); !binary {
		text, _, err := Text(body, in.Charset)
		if err != nil {
			return "error: " + err.Error()
		}
		in.Body = text
	}
	w := NewWriter(nil, Limits{})
	err := dec.Decode(t.Context(), in, w)
	tree := NewTree(Limits{})
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
	if diff := cmp.Diff(value(t, w.Bytes()), value(t, fromTree)); diff != "" {
		t.Errorf("the text and the tree differ (-text +tree):\n%s", diff)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, w.Bytes(), "", "\t"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func streamed(t *testing.T, dec Decoder, in *Input, w *Writer, whole error) {
	t.Helper()
	s, ok := dec.(Streamer)
	if !ok {
		return
	}
	rest := *in
	rest.Body = nil
	again := NewWriter(nil, Limits{})
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

// value reads a JSON text, with numbers as they are written.
func value(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
