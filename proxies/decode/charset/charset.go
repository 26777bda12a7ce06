// Package charset makes UTF-8 of the bytes of a body, whole or while it comes, and finds out which charset they are in: by
// byte order mark, configuration, header, what the document says, or the bytes themselves.
package charset

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// Choice says in which encoding a body was read.
type Choice struct {
	Name   string // canonical name of the WHATWG Encoding Standard, in lower case: "windows-1252"
	Source string // what decided: "bom", "option", "header", "document" or "detection"
}

// Options say what is known of a body's charset before it is read.
type Options struct {
	// Option is a label that the configuration gives, checked by Check when it was loaded. Empty: none.
	Option string
	// Header is the charset parameter of Content-Type. Empty or unknown: the next rule decides.
	Header string
	// Document finds the label that the document itself declares in its first 1024 bytes, "" if none. May be nil.
	Document func(prefix []byte) string
	// Settled says of a prefix for which Document finds nothing whether more of the document can change that; for text that
	// is read while it comes. Nil: anything may, up to 1024 bytes.
	Settled func(prefix []byte) bool
	// Replace makes U+FFFD of bytes that the charset does not know, as the decoders of the standard do, instead of an error.
	Replace bool
}

// Error says that a body has bytes that its charset does not know.
type Error struct {
	Charset string
	Offset  int64 // of the byte in the body as it was received after content decoding, from 0
	Byte    byte
	Source  string // what decided about the charset, as in Choice; may be empty
}

func (e *Error) Error() string {
	if e.Charset == nameReplacement {
		return "the declared charset is one that the WHATWG forbids, like iso-2022-kr or hz-gb-2312"
	}
	msg := fmt.Sprintf("byte 0x%02x at offset %d is not valid %s", e.Byte, e.Offset, e.Charset)
	if e.Source == ByDetection {
		msg += ", which is a guess; see the option charset"
	}
	return msg
}

// documentPrefix is how much of a document may declare its charset, as in the HTML standard.
const documentPrefix = 1024

// Names of encodings that have rules of their own.
const (
	nameUTF8        = "utf-8"
	nameUTF16LE     = "utf-16le"
	nameUTF16BE     = "utf-16be"
	nameWindows1252 = "windows-1252"
	nameReplacement = "replacement"
	nameBig5        = "big5"
	nameEUCJP       = "euc-jp"
	nameEUCKR       = "euc-kr"
	nameGBK         = "gbk"
	nameGB18030     = "gb18030"
	nameISO2022JP   = "iso-2022-jp"
	nameISO88598I   = "iso-8859-8-i"
	nameShiftJIS    = "shift_jis"
)

// What may decide about a charset.
const (
	ByMark      = "bom"
	ByOption    = "option"
	ByHeader    = "header"
	ByDocument  = "document"
	ByDetection = "detection"
)

// Check gives the canonical name of a WHATWG label ("latin1" is "windows-1252"). It refuses unknown labels
// and those that the standard knows only to forbid them, such as "iso-2022-kr".
func Check(label string) (canonical string, err error) {
	canonical, ok := lookup(label)
	if !ok {
		return "", fmt.Errorf("unknown charset %q; write a label of the WHATWG, like latin1, windows-1252 or utf-8", excerpt.Of(label))
	}
	if canonical == nameReplacement {
		return "", fmt.Errorf("charset %q is not supported", excerpt.Of(label))
	}
	return canonical, nil
}

// lookup is Check without its errors and, for the usual labels, without memory.
func lookup(label string) (canonical string, ok bool) {
	switch {
	case strings.EqualFold(label, "utf-8"):
		return nameUTF8, true
	case strings.EqualFold(label, "iso-8859-1"), strings.EqualFold(label, nameWindows1252):
		return nameWindows1252, true
	case len(label) > 64: // the longest label of the standard has 19 bytes
		return "", false
	}
	enc, err := htmlindex.Get(strings.Trim(label, ascii.Space))
	if err != nil {
		return "", false
	}
	if enc == encoding.Replacement {
		return nameReplacement, true
	}
	canonical, err = htmlindex.Name(enc)
	return canonical, err == nil
}
