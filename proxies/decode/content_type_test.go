package decode

import (
	"strings"
	"testing"
)

func TestContentType(t *testing.T) {
	t.Parallel()
	for header, want := range map[string][2]string{
		"":                                     {"", ""},
		"application/json":                     {"application/json", ""},
		"text/HTML; charset=ISO-8859-1":        {"text/html", "ISO-8859-1"},
		`text/html;charset="utf-8"`:            {"text/html", "utf-8"},
		"text/html;charset='utf-8'":            {"text/html", "utf-8"},
		" text/html ; Charset = utf-8 ":        {"text/html", "utf-8"},
		`a/b; title="x; charset=y"; charset=z`: {"a/b", "z"},
		`a/b; t="x\"; charset=y"; charset=z`:   {"a/b", "z"},
		"text/html; charset=a; charset=b":      {"text/html", "a"},
		"text/html; charset=utf-8, text/xml":   {"text/html", "utf-8"},
		"text/html, text/html; charset=utf-8":  {"text/html", "utf-8"},
		"text/html;;; charset=utf-8;":          {"text/html", "utf-8"},
		"text/html; charset=":                  {"text/html", ""},
		"text/html; charset":                   {"text/html", ""},
		"text/html; charsets=x":                {"text/html", ""},
		"; charset=utf-8":                      {"", "utf-8"},
		"charset=utf-8":                        {"", "utf-8"},
		"utf-8":                                {"", ""},
		`a/b; x="unclosed; charset=utf-8`:      {"a/b", ""},
	} {
		mediaType, charset := ContentType(header)
		if mediaType != want[0] || charset != want[1] {
			t.Errorf("%q: %q, %q; want %q", header, mediaType, charset, want)
		}
	}
}

func TestContentTypeAllocates(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { ContentType("text/plain; charset=utf-8") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzContentType(f *testing.F) {
	f.Add("text/html; charset=utf-8")
	f.Add(`a/b; title="x\"; charset=y"; charset='z'`)
	f.Add(";;,\"\\")
	f.Fuzz(func(t *testing.T, header string) {
		mediaType, charset := ContentType(header)
		if strings.ContainsAny(mediaType, ";,") && !strings.Contains(mediaType, `"`) {
			t.Fatalf("%q: media type %q", header, mediaType)
		}
		if !strings.Contains(header, charset) {
			t.Fatalf("%q: charset %q", header, charset)
		}
	})
}
