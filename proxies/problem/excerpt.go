package problem

import (
	"bytes"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode/utf32"
)

// How much Excerpt reads, works on and gives, in bytes.
const (
	excerptRead = 64 << 10
	excerptWork = 16 << 10
	excerptSize = 1 << 10
)

// Excerpt gives at most 1 KiB of a backend's text for the member error_content: valid UTF-8, without markup, control
// characters, credentials and stack traces; nil when nothing is left, as of a picture. It reads no more than 64 KiB
// of body and keeps nothing of it. contentType is the backend's header as it came, and may be empty or wrong.
func Excerpt(body []byte, contentType string) *string {
	cut := len(body) > excerptRead
	if cut {
		body = body[:excerptRead]
	}
	mediaType, params, _ := mime.ParseMediaType(contentType)
	if len(body) == 0 || binary(mediaType) {
		return nil
	}
	text := decoded(body, params["charset"])
	if strings.Contains(text, "\x00") {
		return nil
	}
	if markup(mediaType, text) {
		text = stripped(text)
	}
	text = strings.TrimSpace(printable(text))
	if len(text) > excerptWork {
		text, cut = border(text, excerptWork), true
	}
	text = redacted(text, cut)
	text = strings.TrimSpace(untraced(text))
	if len(text) > excerptSize {
		text = strings.TrimSpace(border(text, excerptSize))
	}
	if text == "" {
		return nil
	}
	return &text
}

// binary says that a body of this type is nothing to read.
func binary(mediaType string) bool {
	major, minor, _ := strings.Cut(mediaType, "/")
	switch major {
	case "image":
		return minor != "svg+xml"
	case "audio", "video", "font", "model":
		return true
	case "application":
		switch minor {
		case "octet-stream", "pdf", "zip", "gzip", "x-gzip", "x-tar", "zstd", "wasm", "x-7z-compressed", "vnd.ms-excel":
			return true
		}
		return strings.HasPrefix(minor, "vnd.openxmlformats")
	}
	return false
}

// decoded gives body as valid UTF-8. A wrong label must not cost the text: what is no UTF-8 is windows-1252 at last.
func decoded(body []byte, label string) string {
	var from encoding.Encoding
	switch {
	case bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")):
		body = body[3:]
	case bytes.HasPrefix(body, []byte("\xFF\xFE\x00\x00")):
		from = utf32.UTF32(utf32.LittleEndian, utf32.ExpectBOM)
	case bytes.HasPrefix(body, []byte("\xFF\xFE")):
		from, _ = charset.Lookup("utf-16le")
		body = body[2:]
	case bytes.HasPrefix(body, []byte("\xFE\xFF")):
		from, _ = charset.Lookup("utf-16be")
		body = body[2:]
	case label != "":
		from, _ = charset.Lookup(label)
	}
	if from == nil || from == encoding.Nop {
		if whole := wholeRunes(body); utf8.Valid(whole) {
			return string(whole)
		}
		from = charmap.Windows1252
	}
	text, err := from.NewDecoder().Bytes(body)
	if err != nil {
		return strings.ToValidUTF8(string(body), "\uFFFD")
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}

// wholeRunes cuts a rune off that the end of the prefix split.
func wholeRunes(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			return b
		}
	}
	return b
}

// printable drops control characters other than line feed and tab.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// border cuts s to at most n bytes between two runes.
func border(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
