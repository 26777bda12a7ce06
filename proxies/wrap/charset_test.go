package wrap

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode/lines"
)

// TestCharsetErrors asks for bodies with bytes that are not of their charset, whole and as streams.
func TestCharsetErrors(t *testing.T) {
	t.Parallel()
	h := served(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=shift_jis")
		_, _ = io.WriteString(w, "\x93\xfa\n"+strings.Repeat("x", 5000)+"\xfd\n")
	}, nil, func(string) []Route {
		whole := func(path, errors string) Route {
			return Route{Method: "GET", Pattern: path, Fetches: []Fetch{
				{Target: path, Backend: "main", Decoder: new(lines.Lines), Format: "lines", CharsetErrors: errors},
			}}
		}
		stream := streams("/stream", "")
		stream.Fetches[0].CharsetErrors = CharsetErrorsReplace
		return []Route{whole("/fail", ""), whole("/replace", CharsetErrorsReplace), stream}
	})
	want := `["日","` + strings.Repeat("x", 5000) + "\ufffd\"]\n"
	for path, want := range map[string]string{"/replace": want, "/stream": want} {
		if w := asked(h, "GET", "/s"+path); w.Code != 200 || strings.TrimSpace(w.Body.String()) != strings.TrimSpace(want) {
			t.Errorf("%s: %d %.300s", path, w.Code, w.Body)
		}
	}
	w := asked(h, "GET", "/s/fail")
	if w.Code != 502 || !strings.Contains(w.Body.String(), "byte 0xfd at offset 5003 is not valid shift_jis") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestCharsetIsDescribed: the documentation of a route knows how its bodies are read.
func TestCharsetIsDescribed(t *testing.T) {
	t.Parallel()
	latin := gets("a", "/x")
	latin.Charset, latin.CharsetErrors = "latin1", CharsetErrorsReplace
	s, err := Compile(&Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
		Backends: []Backend{{Name: "main", Addresses: []string{"http://127.0.0.1:1"}, Charset: "koi8-r"}},
		Routes: []Route{{Method: "GET", Pattern: "/x", Fetches: []Fetch{
			latin, gets("b", "/y"), {Name: "nodes", Each: &FanOut{List: "[]", Fetches: []Fetch{gets("info", "/z")}}},
		}}},
	}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	want := []FetchDescription{
		{Name: "a", Backend: "main", Format: "json", Charset: "windows-1252", Replaced: true},
		{Name: "b", Backend: "main", Format: "json", Charset: "koi8-r"},
		{Name: "nodes.info", Backend: "main", Format: "json", Charset: "koi8-r"},
	}
	if diff := cmp.Diff(want, s.Describe().Routes[0].Fetches); diff != "" {
		t.Error(diff)
	}
}
