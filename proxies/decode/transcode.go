package decode

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

// transcode gives b, which is in the named encoding, as UTF-8. If a byte cannot be decoded, at is its offset,
// else at is negative. guess says that nothing declares the encoding; fromCharmap then takes less.
func transcode(b []byte, name string, guess bool) (text []byte, at int) {
	switch name {
	case nameUTF8:
		return validUTF8(b)
	case nameUTF16LE:
		return fromUTF16(b, binary.LittleEndian)
	case nameUTF16BE:
		return fromUTF16(b, binary.BigEndian)
	case nameReplacement:
		if len(b) == 0 {
			return b, -1
		}
		return nil, 0
	}
	// All others are ASCII in their lower half, iso-2022-jp except after an escape sequence.
	if isASCII(b) && (name != "iso-2022-jp" || !bytes.ContainsRune(b, 0x1b)) {
		return b, -1
	}
	if name == nameWindows1252 {
		return fromCharmap(b, charmap.Windows1252, guess)
	}
	enc, err := decoderOf(name)
	if err != nil {
		return nil, 0
	}
	if cm, ok := enc.(*charmap.Charmap); ok {
		return fromCharmap(b, cm, guess)
	}
	return fromMultibyte(b, name, enc.NewDecoder().Transformer)
}

func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func validUTF8(b []byte) (text []byte, at int) {
	if utf8.Valid(b) {
		return b, -1
	}
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return nil, i
		}
		i += size
	}
	return b, -1
}

func fromUTF16(b []byte, order binary.ByteOrder) (text []byte, at int) {
	text = make([]byte, 0, len(b)/2+len(b)/8+4)
	i := 0
	for ; i+1 < len(b); i += 2 {
		r := rune(order.Uint16(b[i:]))
		if !utf16.IsSurrogate(r) {
			text = utf8.AppendRune(text, r)
			continue
		}
		if i+3 >= len(b) {
			return nil, i
		}
		// DecodeRune gives U+FFFD for halves that do not belong together, and for nothing else.
		r = utf16.DecodeRune(r, rune(order.Uint16(b[i+2:])))
		if r == utf8.RuneError {
			return nil, i
		}
		text = utf8.AppendRune(text, r)
		i += 2
	}
	if i < len(b) {
		return nil, i
	}
	return text, -1
}

// fromCharmap reads an encoding of one byte for each character. The WHATWG standard gives bytes from 0x80 to 0x9f that
// have no character the control character of the same number, which the tables of x/text leave out. Where the
// encoding is only a guess, such a byte says that the guess is wrong.
func fromCharmap(b []byte, cm *charmap.Charmap, guess bool) (text []byte, at int) {
	text = make([]byte, 0, len(b)+len(b)/4+8)
	for i, c := range b {
		if c < utf8.RuneSelf {
			text = append(text, c)
			continue
		}
		r := cm.DecodeByte(c)
		if r == utf8.RuneError {
			if guess || c > 0x9f {
				return nil, i
			}
			r = rune(c)
		}
		text = utf8.AppendRune(text, r)
	}
	return text, -1
}

// replaced is what the decoders of x/text put where they cannot decode.
const replaced = "\uFFFD"

// fromMultibyte runs a decoder of x/text, which replaces what it does not know. A replacement in the result is
// looked for once more in steps of one character, which finds its place and tells it from a U+FFFD that the
// body really has.
func fromMultibyte(b []byte, name string, dec transform.Transformer) (text []byte, at int) {
	if name != "iso-2022-jp" {
		text, _, err := transform.Append(dec, make([]byte, 0, len(b)+len(b)/2+16), b)
		if err == nil && !bytes.Contains(text, []byte(replaced)) {
			return text, -1
		}
	}
	return stepwise(b, name, dec)
}

func stepwise(b []byte, name string, dec transform.Transformer) (text []byte, at int) {
	dec.Reset()
	text = make([]byte, 0, len(b)+len(b)/2)
	var char [16]byte
	for i := 0; i < len(b); {
		nDst, nSrc := 0, 0
		for n := 1; n <= 4 && i+n <= len(b); n++ {
			// At the end of what is given the decoder asks for more, except at the end of the body.
			nDst, nSrc, _ = dec.Transform(char[:], b[i:i+n], i+n == len(b))
			if nSrc > 0 {
				break
			}
		}
		if nSrc == 0 {
			return nil, i
		}
		got, from := char[:nDst], b[i:i+nSrc]
		if bytes.Contains(got, []byte(replaced)) && !(name == "gb18030" || name == "gbk") {
			return nil, i
		}
		if bytes.Contains(got, []byte(replaced)) && !bytes.Equal(from, []byte("\x84\x31\xa4\x37")) {
			return nil, i
		}
		// The decoder takes any second byte of a pair and gives another row's character for a wrong one.
		if name == "iso-2022-jp" && nSrc == 2 && !inJISRow(from) {
			return nil, i
		}
		text = append(text, got...)
		i += nSrc
	}
	return slices.Clip(text), -1
}

func inJISRow(pair []byte) bool {
	for _, c := range pair {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return true
}
