package charset

import (
	"bytes"
	"unicode/utf8"
)

// Text gives body as UTF-8 without byte order mark (files that were put together have several), and the charset it was read in. The first of these rules that
// knows decides: byte order mark, Option, Header, Document, detection. Detection takes UTF-16 if the NUL bytes lie
// as in UTF-16, else UTF-8 if the first character beyond ASCII is one of UTF-8, else windows-1252, but then without the five
// bytes that Windows leaves undefined: a body that has them is in some other encoding, or no text.
//
// A byte that the charset does not know is an *Error with its place, or U+FFFD where o.Replace says so. A U+FFFD that
// the body really has is none. Control characters, NUL among them, stay. The text shares the memory of body if it is
// the same bytes.
//
//	Text([]byte("Gr\xfc\xdfe"), Options{Header: "iso-8859-1"})  ->  "Grüße", {windows-1252 header}
func Text(body []byte, o Options) (text []byte, cs Choice, err error) {
	cs, mark, _, err := choose(body, o, true)
	if err != nil {
		return nil, cs, err
	}
	rest := body[mark:]
	switch {
	case (cs.Name == nameUTF8 || cs.Name == "") && utf8.Valid(rest):
		cs.Name = nameUTF8
		return rest, cs, nil
	case cs.Name != "" && cs.Name != nameUTF8 && isASCII(rest) && isCompatible(cs.Name, rest):
		return rest, cs, nil
	case len(rest) == 0:
		return rest, cs, nil
	}
	var c converter
	if err := c.start(cs.Name, cs.Source == ByDetection, o.Replace); err != nil {
		return nil, cs, err
	}
	text, _, bad := c.convert(make([]byte, 0, len(rest)+len(rest)/4+16), rest, true)
	if cs.Name == "" {
		cs.Name = c.name
	}
	if bad >= 0 {
		bad += mark
		return nil, cs, &Error{Charset: cs.Name, Offset: int64(bad), Byte: body[bad], Source: cs.Source}
	}
	if cap(text) > 2*len(text) {
		text = bytes.Clone(text) // what is kept is charged by its length
	}
	return text, cs, nil
}
