package charset

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// wholeUTF8 takes off a character that is cut at the end.
func wholeUTF8(b []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if !utf8.RuneStart(b[len(b)-n]) {
			continue
		}
		if !utf8.FullRune(b[len(b)-n:]) {
			return b[:len(b)-n]
		}
		break
	}
	return b
}

// stepUTF8 takes for one fault as many bytes as could begin a character, as the standard does.
func stepUTF8(dst, src []byte, end bool) (out []byte, n int, ok bool) {
	if n := asciiLength(src); n > 0 {
		return append(dst, src[:n]...), n, true
	}
	r, size := utf8.DecodeRune(src)
	if r != utf8.RuneError || size > 1 {
		return append(dst, src[:size]...), size, true
	}
	if !end && !utf8.FullRune(src) {
		return dst, 0, true
	}
	size = 1
	for size < min(len(src), utf8.UTFMax-1) && !utf8.FullRune(src[:size+1]) {
		size++
	}
	return dst, size, false
}

// stepUTF16 takes a half of a pair that stands alone for one fault, and everything behind the last whole unit.
func stepUTF16(dst, src []byte, order binary.ByteOrder, end bool) (out []byte, n int, ok bool) {
	for ; len(src)-n >= 2; n += 2 {
		r := rune(order.Uint16(src[n:]))
		if utf16.IsSurrogate(r) {
			break
		}
		dst = utf8.AppendRune(dst, r)
	}
	rest := src[n:]
	switch {
	case n > 0:
		return dst, n, true
	case !end && len(rest) < 2:
		return dst, 0, true
	case len(rest) < 2:
		return dst, len(rest), false
	}
	first := rune(order.Uint16(rest))
	const low = 0xdc00
	switch {
	case first >= low:
		return dst, 2, false
	case len(rest) < 4 && !end:
		return dst, 0, true
	case len(rest) < 4:
		return dst, len(rest), false
	}
	// DecodeRune gives U+FFFD for halves that do not belong together, and for nothing else.
	r := utf16.DecodeRune(first, rune(order.Uint16(rest[2:])))
	if r == utf8.RuneError {
		return dst, 2, false
	}
	return utf8.AppendRune(dst, r), 4, true
}
