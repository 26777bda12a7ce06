package try

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"unicode/utf8"
)

// How much is shown.
const (
	shownBytes = 512
	shownLines = 40
	dumpBefore = 16 // bytes of a dump before the one that matters, and as many after
)

// why says in words what decided the charset.
func why(source string) string {
	switch source {
	case "bom":
		return "the body begins with a byte order mark"
	case "option":
		return "the configuration says so"
	case "header":
		return "the Content-Type says so"
	case "document":
		return "the document says so"
	case "detection":
		return "detected: nothing says what it is"
	}
	return source
}

// secretHeader says that a header carries credentials.
func secretHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Authorization", "Cookie", "Proxy-Authorization":
		return true
	}
	return false
}

// credentialsOf gives the credentials in a header, with and without their scheme.
func credentialsOf(h http.Header) []string {
	var out []string
	for name, values := range h {
		if !secretHeader(name) {
			continue
		}
		for _, v := range values {
			out = append(out, v)
			if _, token, ok := strings.Cut(v, " "); ok {
				out = append(out, token)
			}
		}
	}
	req := &http.Request{Header: h}
	if _, password, ok := req.BasicAuth(); ok {
		out = append(out, password)
	}
	for _, c := range req.Cookies() {
		if len(c.Value) >= leastCookie {
			out = append(out, c.Value)
		}
	}
	return out
}

// leastCookie is how long the value of a cookie is that nobody guesses; shorter ones would be found everywhere.
const leastCookie = 8

// block prints text under a word, its further lines indented alike, at most shownLines of them.
func block(w *bytes.Buffer, word, text string) {
	lines := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	left := 0
	if len(lines) > shownLines {
		lines, left = lines[:shownLines], len(lines)-shownLines
	}
	for i, line := range lines {
		if i > 0 {
			word = ""
		}
		fmt.Fprintf(w, "  %-9s %s\n", word, printable(strings.TrimSuffix(line, "\r")))
	}
	if left > 0 {
		fmt.Fprintf(w, "  %-9s … %d more lines\n", "", left)
	}
}

// printable replaces what could act on a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// start gives the first bytes of a text, whole characters.
func start(text string) string {
	if len(text) <= shownBytes {
		return text
	}
	n := shownBytes
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return fmt.Sprintf("%s\n… %d more bytes", text[:n], len(text)-n)
}

// hexdump shows the bytes around offset.
func hexdump(body []byte, offset int) string {
	offset = max(0, min(offset, len(body)))
	from := max(0, offset-dumpBefore) &^ 15
	to := min(len(body), offset+dumpBefore)
	var b strings.Builder
	fmt.Fprintf(&b, "around offset %d (0x%x)\n", offset, offset)
	for ; from < to; from += 16 {
		row := body[from:min(from+16, len(body))]
		fmt.Fprintf(&b, "%08x  %-47s  %s\n", from, spaced(row), strings.TrimRight(ascii(row), " "))
	}
	return b.String()
}

func spaced(row []byte) string {
	parts := make([]string, len(row))
	for i := range row {
		parts[i] = hex.EncodeToString(row[i : i+1])
	}
	return strings.Join(parts, " ")
}

func ascii(row []byte) string {
	out := bytes.Clone(row)
	for i, c := range out {
		if c < ' ' || c > '~' {
			out[i] = '.'
		}
	}
	return string(out)
}

// pretty indents JSON; what is none stays as it is.
func pretty(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// answer prints what the caller would get.
func answer(w *bytes.Buffer, rec *httptest.ResponseRecorder) {
	w.WriteString("answer\n")
	fmt.Fprintf(w, "  %-9s %d %s\n", "status", rec.Code, http.StatusText(rec.Code))
	if v := rec.Header().Get("Content-Type"); v != "" {
		fmt.Fprintf(w, "  %-9s %s\n", "type", v)
	}
	for _, name := range [...]string{"Allow", "Retry-After", "WWW-Authenticate", "Fairway-Partial"} {
		for _, v := range rec.Header().Values(name) {
			fmt.Fprintf(w, "  %-9s %s: %s\n", "header", name, printable(v))
		}
	}
	if rec.Body.Len() > 0 {
		// The answer is what a user came for: whole, and without what block cuts.
		word := "body"
		for line := range strings.Lines(pretty(rec.Body.Bytes())) {
			fmt.Fprintf(w, "  %-9s %s\n", word, printable(strings.TrimSuffix(line, "\n")))
			word = ""
		}
	}
}
