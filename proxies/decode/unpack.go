package decode

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
