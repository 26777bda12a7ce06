package decode

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Charset says in which encoding a body was read.
type Charset struct {
	Name   string // canonical name of the WHATWG Encoding Standard, in lower case: "windows-1252"
	Source string // what decided: "bom", "option", "header", "document" or "detection"
}

// TextOptions say what is known of a body's charset before it is read.
type TextOptions struct {
	// Option is a label that the configuration gives, checked by CheckCharset when it was loaded. Empty: none.
	Option string
	// Header is the charset parameter of Content-Type. Empty or unknown: the next rule decides.
	Header string
	// Document finds the label that the document itself declares in its first 1024 bytes, "" if none. May be nil.
	Document func(prefix []byte) string
	// Replace makes U+FFFD of bytes that the charset does not know, instead of an error.
	Replace bool
}

// CharsetError says that a body has bytes that its charset does not know.
type CharsetError struct {
	Charset string
	Offset  int64 // of the byte in the body as it was received after content decoding, from 0
	Byte    byte
}

func (e *CharsetError) Error() string {
	return fmt.Sprintf("byte 0x%02x at offset %d is not valid %s", e.Byte, e.Offset, e.Charset)
}

// documentPrefix is how much of a document may declare its charset, as in the HTML standard.
const documentPrefix = 1024

// Names of the encodings that are read without a table.
const (
	nameUTF8        = "utf-8"
	nameUTF16LE     = "utf-16le"
	nameUTF16BE     = "utf-16be"
	nameWindows1252 = "windows-1252"
	nameReplacement = "replacement"
)

// CheckCharset gives the canonical name of a WHATWG label ("latin1" is "windows-1252"). It refuses unknown labels
// and those that the standard knows only to forbid them, such as "iso-2022-kr".
func CheckCharset(label string) (canonical string, err error) {
	canonical, ok := lookup(label)
	if !ok {
		return "", fmt.Errorf("unknown charset %q; write a label of the WHATWG, like latin1, windows-1252 or utf-8", excerpt(label))
	}
	if canonical == nameReplacement {
		return "", fmt.Errorf("charset %q is not supported", excerpt(label))
	}
	return canonical, nil
}

// lookup is CheckCharset without its errors and, for the usual labels, without memory.
func lookup(label string) (canonical string, ok bool) {
	switch {
	case strings.EqualFold(label, "utf-8"):
		return nameUTF8, true
	case strings.EqualFold(label, "iso-8859-1"), strings.EqualFold(label, nameWindows1252):
		return nameWindows1252, true
	case len(label) > 64: // the longest label of the standard has 19 bytes
		return "", false
	}
	enc, err := htmlindex.Get(strings.Trim(label, asciiSpace))
	if err != nil {
		return "", false
	}
	if enc == encoding.Replacement {
		return nameReplacement, true
	}
	canonical, err = htmlindex.Name(enc)
	return canonical, err == nil
}

// Text gives body as UTF-8 without byte order mark, and the charset it was read in. The first of these rules that
// knows decides: byte order mark, Option, Header, Document, detection. Detection takes UTF-16 if the NUL bytes lie
// as in UTF-16, else UTF-8 if the body is valid, else windows-1252, but then without the five bytes that Windows leaves
// undefined: a body that has them is in some other encoding, or no text.
//
// A byte that the charset does not know is a *CharsetError; nothing is replaced. Control characters, NUL among
// them, stay. The text shares the memory of body if it is the same bytes.
func Text(body []byte, o TextOptions) (text []byte, cs Charset, err error) {
	cs, mark, err := choose(body, o)
	if err != nil {
		return nil, cs, err
	}
	text, at := transcode(body[mark:], cs.Name, cs.Source == "detection")
	if at >= 0 {
		at += mark
		return nil, cs, &CharsetError{Charset: cs.Name, Offset: int64(at), Byte: body[at]}
	}
	return text, cs, nil
}

// choose applies the rules in their order; mark is the length of the byte order mark.
func choose(body []byte, o TextOptions) (cs Charset, mark int, err error) {
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return Charset{nameUTF8, "bom"}, 3, nil
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		return Charset{nameUTF16LE, "bom"}, 2, nil
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		return Charset{nameUTF16BE, "bom"}, 2, nil
	}
	if o.Option != "" {
		name, err := CheckCharset(o.Option)
		return Charset{name, "option"}, 0, err
	}
	if o.Header != "" {
		if name, ok := lookup(o.Header); ok {
			return Charset{name, "header"}, 0, nil
		}
	}
	if o.Document != nil {
		if name, ok := lookup(o.Document(body[:min(len(body), documentPrefix)])); ok {
			// A declaration that could be read byte by byte is not in UTF-16, whatever it says.
			if name == nameUTF16LE || name == nameUTF16BE {
				name = nameUTF8
			}
			return Charset{name, "document"}, 0, nil
		}
	}
	return Charset{detect(body), "detection"}, 0, nil
}

func detect(body []byte) string {
	if name := detectUTF16(body); name != "" {
		return name
	}
	if utf8.Valid(body) {
		return nameUTF8
	}
	return nameWindows1252
}

// detectUTF16 knows UTF-16 text that is mostly Latin by its NUL bytes, which all lie on one side. Text in other
// scripts needs a byte order mark, a header or the option.
func detectUTF16(body []byte) string {
	sample := body[:min(len(body), 1024)&^1]
	units := len(sample) / 2
	if units < 2 || bytes.IndexByte(sample, 0) < 0 {
		return ""
	}
	var even, odd int
	for i := 0; i < len(sample); i += 2 {
		switch {
		case sample[i] == 0 && sample[i+1] != 0:
			even++
		case sample[i] != 0 && sample[i+1] == 0:
			odd++
		}
	}
	switch {
	case even == 0 && odd*10 >= units*7:
		return nameUTF16LE
	case odd == 0 && even*10 >= units*7:
		return nameUTF16BE
	}
	return ""
}

// decoderOf gives the encoding of a canonical name.
func decoderOf(name string) (encoding.Encoding, error) {
	// The standard decodes gbk with gb18030's decoder, which knows more.
	if name == "gbk" {
		return simplifiedchinese.GB18030, nil
	}
	return htmlindex.Get(name)
}
