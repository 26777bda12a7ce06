package charset

import (
	"bytes"
	"unicode/utf8"
)

// jisState is what iso-2022-jp reads until the next escape sequence.
type jisState int

const (
	jisASCII    jisState = iota
	jisRoman             // ASCII with ¥ and ‾
	jisKatakana          // half-width
	jisKanji             // two bytes for each character
)

const jisEscape = 0x1b

// stepJIS reads one character or escape sequence of iso-2022-jp. Unlike the standard it takes two escape sequences in a row
// for no fault: so ends and begins what is made of parts.
func (c *converter) stepJIS(dst, src []byte, end bool) (out []byte, n int, ok bool) {
	b := src[0]
	switch {
	case b == jisEscape:
		n = c.escapeJIS(src, end)
		return dst, n, n != 1
	case b == 0x0e || b == 0x0f || b >= utf8.RuneSelf:
		return dst, 1, false
	}
	switch c.jis {
	case jisRoman:
		switch b {
		case '\\':
			return append(dst, "¥"...), 1, true
		case '~':
			return append(dst, "‾"...), 1, true
		}
		return append(dst, b), 1, true
	case jisKatakana:
		if b < 0x21 || b > 0x5f {
			return dst, 1, false
		}
		return utf8.AppendRune(dst, 0xff61+rune(b)-0x21), 1, true
	case jisKanji:
		return c.kanji(dst, src, end)
	case jisASCII:
	}
	for n < len(src) && src[n] < utf8.RuneSelf && src[n] != jisEscape && src[n] != 0x0e && src[n] != 0x0f {
		n++
	}
	return append(dst, src[:n]...), n, true
}

// escapeJIS takes an escape sequence, or the byte that would begin it. It gives 0 where more must come.
func (c *converter) escapeJIS(src []byte, end bool) (n int) {
	if len(src) < 3 && !end {
		return 0
	}
	if len(src) < 3 {
		return 1
	}
	state := jisSequence(src)
	if state < 0 {
		return 1
	}
	c.jis = state
	return 3
}

// jisSequence gives the state that an escape sequence begins, negative for none.
func jisSequence(src []byte) jisState {
	switch string(src[1:3]) {
	case "(B":
		return jisASCII
	case "(J":
		return jisRoman
	case "(I":
		return jisKatakana
	case "$@", "$B":
		return jisKanji
	}
	return -1
}

// kanji reads a character of two bytes, which stand in the table of euc-jp with their high bits set.
func (c *converter) kanji(dst, src []byte, end bool) (out []byte, n int, ok bool) {
	const high = 0x80
	switch {
	case src[0] < 0x21 || src[0] > 0x7e:
		return dst, 1, false
	case len(src) < 2:
		n, ok = short(src, end)
		return dst, n, ok
	case src[1] == jisEscape:
		return dst, 1, false
	case src[1] < 0x21 || src[1] > 0x7e:
		return dst, 2, false
	}
	pair, text := c.scratch[:2], c.scratch[2:]
	pair[0], pair[1] = src[0]|high, src[1]|high
	c.multi.Reset()
	size, _, _ := c.multi.Transform(text, pair, true)
	if size == 0 || bytes.Contains(text[:size], []byte(Replaced)) {
		return dst, 2, false
	}
	return append(dst, text[:size]...), 2, true
}
