package decode

import "strings"

// Unpacker is a Binary that has something to say about bodies of gzip whose Content-Encoding does not name it.
type Unpacker interface {
	Binary
	// Unpacks says of a Content-Type whether such a body is to be undone.
	Unpacks(contentType string) bool
}

// Unpacks says whether a body of gzip is to be undone that no Content-Encoding names: it is no text, so always where text is
// wanted; where bytes are wanted it may be just what is, and the decoder says.
func Unpacks(d Decoder, contentType string) bool {
	if u, ok := d.(Unpacker); ok {
		return u.Unpacks(contentType)
	}
	_, binary := d.(Binary)
	return !binary
}

// Unpacks implements Unpacker: what is declared to be text, and is gzip, was compressed on its way.
func (*Auto) Unpacks(contentType string) bool {
	media, _ := ContentType(contentType)
	kind, sub, _ := strings.Cut(media, "/")
	if kind == "text" {
		return true
	}
	for _, word := range []string{"json", "xml", "csv", "yaml", "javascript", "ndjson", "x-www-form-urlencoded"} {
		if kind == "application" && strings.Contains(sub, word) {
			return true
		}
	}
	return false
}

// Unpacks implements Unpacker: a body in parts does not begin like gzip.
func (*Multipart) Unpacks(string) bool { return true }

// Unpacks implements Unpacker: a workbook does not begin like gzip.
func (*XLSX) Unpacks(string) bool { return true }

// Interface guards.
var (
	_ Unpacker = (*Auto)(nil)
	_ Unpacker = (*Multipart)(nil)
	_ Unpacker = (*XLSX)(nil)
)
