package problem

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body, contentType, want string // want empty: nil
	}{
		"nothing":            {"", "text/plain", ""},
		"blank":              {" \r\n\t ", "text/plain", ""},
		"text":               {"No such job\r\n", "text/plain", "No such job"},
		"control characters": {"a\x01b\x1b[31mc\x7f\td\ne\u0085f", "text/plain", "ab[31mc\td\nef"},
		"latin-1":            {"Gr\xfc\xdfe", "text/plain; charset=iso-8859-1", "Grüße"},
		"latin-1 unlabelled": {"Gr\xfc\xdfe", "", "Grüße"},
		"latin-1 as UTF-8":   {"Gr\xfc\xdfe", "text/plain; charset=utf-8", "Gr\uFFFD\uFFFDe"},
		"utf-16":             {"\xff\xfeG\x00r\x00\xfc\x00", "text/plain", "Grü"},
		"unknown charset":    {"Grüße", "text/plain; charset=klingon", "Grüße"},
		"odd type":           {"x", ";;;", "x"},
		"picture":            {"\x89PNG", "image/png", ""},
		"binary":             {"abc\x00def", "text/plain", ""},
		"json":               {`{"error": "no"}`, "application/json", `{"error": "no"}`},
		"xml stays":          {"<e>no</e>", "application/xml", "<e>no</e>"},
		"html": {
			"<!DOCTYPE html><html><head><title>404 Not Found</title><style>p{color:red}</style><script>var x='<p>no</p>'</script></head>" +
				"<body><h1>Not  Found</h1><p>The job &lt;a&gt; is\n not here.<br>Ask <b>us</b></p><!-- secret --></body></html>",
			"text/html", "404 Not Found\nNot Found\nThe job <a> is\nnot here.\nAsk us",
		},
		"html unlabelled":      {"\n <HTML><body>no</body>", "", "no"},
		"html only of tags":    {"<html><body><img src=x></body></html>", "text/html", ""},
		"script without end":   {"<p>no</p><script>var password='x'", "text/html", "no"},
		"nested template":      {"<template>a<template>b</template>c</template>d", "text/html", "d"},
		"markup in noscript":   {"<noscript><b>x</b></noscript>y", "text/html", "y"},
		"broken tag":           {"a<b", "text/html", "a"},
		"java":                 {"boom\njava.lang.Error: x\n\tat a.b.C.d(C.java:1)\n\tat e.F(F.java)", "text/plain", "boom\njava.lang.Error: x"},
		"java in html":         {"<pre>java.lang.Error: x\n\tat a.b.C.d(C.java:1)\n</pre><p>Apache", "text/html", "java.lang.Error: x"},
		"java in json":         {`{"trace":"java.lang.Error: x\n\tat a.b.C(C.java:1)"}`, "application/json", `{"trace":"java.lang.Error: x`},
		"java in one line":     {"x at a.b.C.d(C.java:12) y", "text/plain", "x"},
		"no trace":             {"look at home (or there)", "text/plain", "look at home (or there)"},
		"python":               {"Oops\nTraceback (most recent call last):\n  File \"x\"", "text/plain", "Oops"},
		"go":                   {"panic: no\n\ngoroutine 1 [running]:\nmain.main()", "text/plain", "panic: no"},
		"php":                  {"Fatal error: no\nStack trace:\n#0 /x.php(1): y()", "text/plain", "Fatal error: no"},
		"php without title":    {"Fatal error: no\n#0 /x.php(1): y()", "text/plain", "Fatal error: no"},
		"javascript":           {"Error: no\n    at Object.<anonymous> (/app/x.js:1:2)", "text/plain", "Error: no"},
		"only a trace":         {"Traceback (most recent call last):", "text/plain", ""},
		"authorization":        {"GET /\nAuthorization: Basic dTpw\nAccept: x", "", "GET /\nAuthorization: [redacted]\nAccept: x"},
		"authorization, json":  {`{"Authorization": "Basic dTpw", "Accept": "x"}`, "", `{"Authorization": [redacted], "Accept": "x"}`},
		"authorization, list":  {`{"Authorization":["Basic dTpw"]}`, "", `{"Authorization":[redacted]`},
		"authorization, php":   {`[HTTP_AUTHORIZATION] => Basic dTpw`, "", `[HTTP_AUTHORIZATION] => [redacted]`},
		"authorization, table": {"<tr><td>Authorization</td><td>Basic dTpwYXNz1=</td></tr>", "text/html", "Authorization Basic [redacted]"},
		"cookies":              {"Cookie: a=b; c=d\nSet-Cookie: e=f", "", "Cookie: [redacted]\nSet-Cookie: [redacted]"},
		"bearer":               {"bad Bearer abc123DEF", "", "bad Bearer [redacted]"},
		"a word":               {"Basic authentication needed", "", "Basic authentication needed"},
		"userinfo":             {"cannot get https://u:p@ss@h/x", "", "cannot get https://[redacted]@h/x"},
		"userinfo, slash":      {"postgres://u:p/w@h/x", "", "postgres://[redacted]@h/x"},
		"userinfo, json":       {`{"u":"https:\/\/u:p@h"}`, "", `{"u":"https:\/\/[redacted]@h"}`},
		"no userinfo":          {"see https://h/@me", "", "see https://h/@me"},
		"query":                {"GET /?user=u&password=hunter2&x=1", "", "GET /?user=u&password=[redacted]&x=1"},
		"names":                {"client_secret=a access_token: b DB_PASSWORD='c d' api-key = e", "", "client_secret=[redacted] access_token: [redacted] DB_PASSWORD=[redacted] api-key = [redacted]"},
		"json in json":         {`{"m":"{\"token\":\"abc\"}"}`, "", `{"m":"{\"token\":[redacted]}"}`},
		"split by a control":   {"pass\x01word=hunter2", "", "password=[redacted]"},
		"web token":            {"got eyJhbGciOiJIUzI1.eyJzdWIi.c2ln!", "", "got [redacted]!"},
		"private key":          {"-----BEGIN RSA PRIVATE KEY-----\nabc", "", hidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Excerpt([]byte(c.body), c.contentType)
			if c.want == "" {
				if got != nil {
					t.Fatalf("got %q, want nil", *got)
				}
				return
			}
			if got == nil {
				t.Fatal("got nil")
			}
			if diff := cmp.Diff(c.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExcerptIsBounded(t *testing.T) {
	t.Parallel()
	t.Run("rune border", func(t *testing.T) {
		t.Parallel()
		got := Excerpt([]byte("a"+strings.Repeat("é", 4000)), "text/plain")
		if got == nil || len(*got) != 1023 || !utf8.ValidString(*got) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("prefix only", func(t *testing.T) {
		t.Parallel()
		body := append(bytes.Repeat([]byte(" "), excerptRead), "text"...)
		if got := Excerpt(body, "text/plain"); got != nil {
			t.Errorf("read past the prefix: %q", *got)
		}
	})
	t.Run("rune split by the prefix", func(t *testing.T) {
		t.Parallel()
		body := append(bytes.Repeat([]byte(" "), excerptRead-3), "é€"...)
		if got := Excerpt(body, "text/plain"); got == nil || *got != "é" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("secret split by the work border", func(t *testing.T) {
		t.Parallel()
		start := "https://user:hunter2"
		body := "Cookie: " + strings.Repeat("c", excerptWork-len("Cookie: ")-len(start)-1) + "\n" + start + "rest@host"
		got := Excerpt([]byte(body), "text/plain")
		if got == nil || strings.Contains(*got, "hunter2") {
			t.Errorf("got %v", got)
		}
	})
}

func FuzzExcerpt(f *testing.F) {
	f.Add([]byte("<html><script>x</script>Authorization: Basic dTpw"), "text/html")
	f.Add([]byte("\xff\xfea\x00"), "text/plain; charset=utf-16")
	f.Add([]byte("at a.b(C.java:1) https://a:b@c"), "")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		got := Excerpt(body, contentType)
		if got == nil {
			return
		}
		if *got == "" || len(*got) > excerptSize || !utf8.ValidString(*got) {
			t.Fatalf("bad excerpt %q", *got)
		}
		for _, r := range *got {
			if unicode.IsControl(r) && r != '\n' && r != '\t' {
				t.Fatalf("control character %q", r)
			}
		}
	})
}
