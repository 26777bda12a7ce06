package charset

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// utf16Trigger is how many bytes say whether a text that nothing declares may be UTF-16.
	utf16Trigger = 4
	// utf16Sample is how many bytes then say whether it is.
	utf16Sample = 256
)

// choose applies the rules of Text in their order to a body, or where it is not at its end, to its beginning; mark is the
// length of the byte order mark. It is not ready where more of the body could decide otherwise. An empty name is UTF-8
// or windows-1252: the first character that is not ASCII tells.
func choose(body []byte, o Options, end bool) (cs Choice, mark int, ready bool, err error) {
	if cs, mark, ready = byteOrderMark(body, end); !ready || mark > 0 {
		return cs, mark, ready, nil
	}
	if o.Option != "" {
		name, err := Check(o.Option)
		return Choice{name, ByOption}, 0, true, err
	}
	if o.Header != "" {
		if name, ok := lookup(o.Header); ok {
			return Choice{name, ByHeader}, 0, true, nil
		}
	}
	if o.Document != nil {
		cs, ready := documentWord(body, o, end)
		if !ready || cs.Name != "" {
			return cs, 0, ready, nil
		}
	}
	name, ready := detectUTF16(body, end)
	return Choice{name, ByDetection}, 0, ready, nil
}

// utf8Mark is the byte order mark of UTF-8.
const utf8Mark = "\xef\xbb\xbf"

func byteOrderMark(body []byte, end bool) (cs Choice, mark int, ready bool) {
	const lowFirst, highFirst = "\xff\xfe", "\xfe\xff"
	if len(body) == 0 {
		return Choice{}, 0, end
	}
	var name, bom string
	switch body[0] {
	case utf8Mark[0]:
		name, bom = nameUTF8, utf8Mark
	case lowFirst[0]:
		name, bom = nameUTF16LE, lowFirst
	case highFirst[0]:
		name, bom = nameUTF16BE, highFirst
	default:
		return Choice{}, 0, true
	}
	n := min(len(body), len(bom))
	switch {
	case string(body[:n]) != bom[:n]:
		return Choice{}, 0, true
	case n < len(bom):
		return Choice{}, 0, end
	}
	if name == nameUTF8 {
		n, ready = furtherMarks(body, end)
		return Choice{name, ByMark}, n, ready
	}
	return Choice{name, ByMark}, n, true
}

// maxMarks is how many byte order marks of UTF-8 may begin a body: files that were put together have one each.
const maxMarks = 4

// furtherMarks gives the length of all byte order marks of UTF-8 that begin a body.
func furtherMarks(body []byte, end bool) (n int, ready bool) {
	for range maxMarks {
		rest := body[n:]
		if n > 0 && len(rest) < len(utf8Mark) && !end && utf8Mark[:len(rest)] == string(rest) {
			return 0, false
		}
		if !bytes.HasPrefix(rest, []byte(utf8Mark)) {
			break
		}
		n += len(utf8Mark)
	}
	return n, true
}

// documentWord asks the document for its own word.
func documentWord(body []byte, o Options, end bool) (cs Choice, ready bool) {
	prefix := body[:min(len(body), documentPrefix)]
	label := o.Document(prefix)
	if label == "" && !end && len(prefix) < documentPrefix && (o.Settled == nil || !o.Settled(prefix)) {
		return Choice{}, false
	}
	name, ok := lookup(label)
	if !ok {
		return Choice{}, true
	}
	// A declaration that could be read byte by byte is not in UTF-16, whatever it says.
	if name == nameUTF16LE || name == nameUTF16BE {
		name = nameUTF8
	}
	return Choice{name, ByDocument}, true
}

// detectUTF16 knows UTF-16 without a byte order mark by its NUL bytes, which all lie on one side; "" is some other text.
//
// The first four bytes say whether it may be: two characters of UTF-16 are control characters or no UTF-8, but in rare
// cases. So text that comes piece by piece is held up only where it must be. Text without so much as a line break, a blank
// or a digit has no NUL; it needs a byte order mark, a header or the option.
func detectUTF16(body []byte, end bool) (name string, ready bool) {
	if len(body) < utf16Trigger {
		return "", end
	}
	if !suspicious(body[:utf16Trigger]) {
		return "", true
	}
	if len(body) < utf16Sample && !end {
		return "", false
	}
	sample := body[:min(len(body), utf16Sample)&^1]
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
	case even == 0 && odd > 0 && isUTF16(sample, odd, 0):
		return nameUTF16LE, true
	case odd == 0 && even > 0 && isUTF16(sample, even, 1):
		return nameUTF16BE, true
	}
	return "", true
}

// suspicious says that bytes begin no text of UTF-8 or of an encoding that is ASCII in its lower half, as far as that can be
// said.
func suspicious(b []byte) bool {
	return slices.ContainsFunc(b, isControl) || !utf8.Valid(wholeUTF8(b))
}

// isControl says that a byte stands in no text of ASCII: it begins no line, sets no column, and is no escape.
func isControl(c byte) bool { return c < ' ' && c != jisEscape && (c < '\t' || c > '\r') }

// isUTF16 says whether a sample is text in UTF-16 whose lower bytes are those at low: mostly of the first 256 characters, of
// which latin counts those with a NUL byte, or such that are all printed.
func isUTF16(sample []byte, latin, low int) bool {
	units := len(sample) / 2
	if latin*10 >= units*7 {
		return true
	}
	if !slices.ContainsFunc(sample, func(c byte) bool { return c >= utf8.RuneSelf || c > 0 && isControl(c) }) {
		return false // it is ASCII with a NUL here and there
	}
	text := make([]uint16, 0, units)
	for i := 0; i < len(sample); i += 2 {
		text = append(text, uint16(sample[i+low])|uint16(sample[i+1-low])<<8)
	}
	if utf16.IsSurrogate(rune(text[units-1])) {
		text = text[:units-1] // half of a pair that the sample has cut
	}
	for _, r := range utf16.Decode(text) {
		if r == utf8.RuneError || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return false
		}
	}
	return true
}
