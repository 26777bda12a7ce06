package wrap

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/decode/parts"
)

// TestDebug asks how bodies were read.
func TestDebug(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write([]byte(`{"a":"` + strings.Repeat("x", 100) + `"}`))
	zip.Close()
	backend := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/latin"):
			w.Header().Set("Content-Type", "text/plain; charset=ISO-8859-1")
			_, _ = io.WriteString(w, "caf\xe9\n")
		case strings.HasPrefix(r.URL.Path, "/packed"):
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		case strings.HasPrefix(r.URL.Path, "/silent"): // packed, and does not say so
			_, _ = w.Write(packed.Bytes())
		case strings.HasPrefix(r.URL.Path, "/bad"):
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, "caf\xe9\n")
		}
	}
	fetches := func(f ...Fetch) Route {
		return Route{Method: "GET", Pattern: f[0].Target, Fetches: f}
	}
	one := func(name, target, format string, d decode.Decoder) Fetch {
		return Fetch{Name: name, Target: target, Backend: "main", Decoder: d, Format: format}
	}
	routes := func(string) []Route {
		return []Route{
			fetches(one("", "/latin", "lines", new(lines.Lines))), fetches(one("", "/packed", "json", new(document.JSON))),
			fetches(one("", "/silent", "json", new(document.JSON))), fetches(one("", "/packed/auto", "auto", new(parts.Auto))),
			fetches(one("", "/silent/bytes", "binary", new(parts.Bytes))), fetches(one("", "/bad", "text", new(lines.PlainText))),
			fetches(one("_b", "/latin/both", "lines", new(lines.Lines)), one("a", "/packed", "json", new(document.JSON))),
			streams("/latin/each", ""),
		}
	}
	on := served(t, backend, nil, routes)
	on.(*Service).debug = true //nolint:forcetypeassert // served makes one
	off := served(t, backend, nil, routes)
	for path, want := range map[string]string{
		"/latin":        "*;format=lines;charset=windows-1252;by=content-type;bytes=5",
		"/packed":       "*;format=json;charset=utf-8;by=detection;encoding=gzip;bytes=108",
		"/silent":       "*;format=json;charset=utf-8;by=detection;encoding=gzip;bytes=108",
		"/packed/auto":  "*;format=auto;found=json;charset=utf-8;by=detection;encoding=gzip;bytes=108",
		"/silent/bytes": "*;format=binary;bytes=" + itoa(packed.Len()),
		"/bad":          "*;format=text;charset=utf-8;by=content-type;bytes=5",
		"/latin/both":   `"_b";format=lines;charset=windows-1252;by=content-type;bytes=5, a;format=json;charset=utf-8;by=detection;encoding=gzip;bytes=108`,
		"/latin/each":   "rows;format=lines;charset=windows-1252;by=content-type",
	} {
		for _, asks := range []string{"decode", "timing, Decode"} {
			if got := asked(on, "GET", "/s"+path, "Fairway-Debug", asks).Header().Get("Fairway-Decode"); got != want {
				t.Errorf("%s: %s\nwant %s", path, got, want)
			}
		}
		if got := asked(on, "GET", "/s"+path).Header()["Fairway-Decode"]; got != nil {
			t.Errorf("%s, unasked: %s", path, got)
		}
		if got := asked(on, "GET", "/s"+path, "Fairway-Debug", "decoder").Header()["Fairway-Decode"]; got != nil {
			t.Errorf("%s, asked for something else: %s", path, got)
		}
		if got := asked(off, "GET", "/s"+path, "Fairway-Debug", "decode").Header()["Fairway-Decode"]; got != nil {
			t.Errorf("%s, not allowed: %s", path, got)
		}
	}
}
