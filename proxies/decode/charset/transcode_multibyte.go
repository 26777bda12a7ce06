package charset

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"
)

// multibyteDecoder gives the decoder of x/text, whose tables are used here, but neither its way through the bytes nor what it
// takes for one fault.
func multibyteDecoder(name string) transform.Transformer {
	enc, err := htmlindex.Get(name)
	if err != nil {
		return transform.Discard // not reached: the names are constants
	}
	return enc.NewDecoder().Transformer
}

// stepMulti reads one character of big5, euc-jp, euc-kr, gbk, gb18030 or shift_jis.
func (c *converter) stepMulti(dst, src []byte, end bool) (out []byte, n int, ok bool) {
	if n := asciiLength(src); n > 0 {
		return append(dst, src[:n]...), n, true
	}
	n, ok = c.character(src, end)
	if n == 0 || !ok {
		return dst, n, ok
	}
	char := src[:n]
	if r := extraRune(c.name, char); r != 0 {
		return utf8.AppendRune(dst, r), n, true
	}
	c.multi.Reset()
	size, _, _ := c.multi.Transform(c.scratch, char, true)
	if text := c.scratch[:size]; size > 0 && !bytes.Contains(text, []byte(Replaced)) {
		return append(dst, text...), n, true
	}
	// A second byte that is ASCII may be a character of its own, so it is not taken with the first.
	if n < 4 && char[n-1] < utf8.RuneSelf {
		n--
	}
	return dst, n, false
}

// character says how many bytes the character at the beginning of src has, which is no ASCII. It gives 0 where more of src must
// come. Where it is not ok, the n bytes are no character; where it is, they may still be none.
func (c *converter) character(src []byte, end bool) (n int, ok bool) {
	lead, alone := src[0], false
	switch c.name {
	case nameGBK, nameGB18030:
		alone = lead == 0x80
	case nameShiftJIS:
		if lead == 0xa0 || lead > 0xfc {
			return 1, false
		}
		alone = lead == 0x80 || lead > 0xa0 && lead < 0xe0
	case nameEUCJP:
		if lead != 0x8e && lead != 0x8f && lead < 0xa1 {
			return 1, false
		}
	}
	switch {
	case alone:
		return 1, true
	case lead == 0x80 || lead == 0xff:
		return 1, false
	case len(src) < 2:
		return short(src, end)
	}
	second := src[1]
	switch c.name {
	case nameGBK, nameGB18030:
		if second >= '0' && second <= '9' {
			return fourBytes(src, end)
		}
	case nameEUCJP:
		if lead == 0x8f && second >= 0xa1 && second <= 0xfe {
			if len(src) < 3 {
				return short(src, end)
			}
			if third := src[2]; third < 0xa1 || third > 0xfe {
				return afterFault(2, third), false
			}
			return 3, true
		}
	}
	if !isSecond(c.name, lead, second) {
		return afterFault(1, second), false
	}
	return 2, true
}

// short is what the beginning of a character is: nothing yet, or at the end one fault.
func short(src []byte, end bool) (n int, ok bool) {
	if !end {
		return 0, true
	}
	return len(src), false
}

// afterFault adds a byte to a fault unless it may be a character of its own.
func afterFault(n int, last byte) int {
	if last < utf8.RuneSelf {
		return n
	}
	return n + 1
}

// fourBytes is for gb18030's characters of four.
func fourBytes(src []byte, end bool) (n int, ok bool) {
	switch {
	case len(src) < 3:
		return short(src, end)
	case src[2] < 0x81 || src[2] > 0xfe:
		return 1, false
	case len(src) < 4:
		return short(src, end)
	case src[3] < '0' || src[3] > '9':
		return 1, false
	}
	return 4, true
}

// isSecond says whether a byte may be the second of two.
func isSecond(name string, lead, second byte) bool {
	switch name {
	case nameBig5:
		return second >= 0x40 && second <= 0x7e || second >= 0xa1 && second <= 0xfe
	case nameEUCKR:
		return second >= 0x41 && second <= 0xfe
	case nameEUCJP:
		if lead == 0x8e {
			return second >= 0xa1 && second <= 0xdf
		}
		return lead != 0x8f && second >= 0xa1 && second <= 0xfe
	case nameShiftJIS:
		return second >= 0x40 && second <= 0xfc && second != 0x7f
	}
	return second >= 0x40 && second <= 0xfe && second != 0x7f
}

// extraRune gives the characters that the standard knows and the tables of x/text do not: those for private use, and those that
// GB 18030 of 2022 has moved. 0 is none.
func extraRune(name string, char []byte) rune {
	switch {
	case name == nameShiftJIS && len(char) == 2 && char[0] >= 0xf0 && char[0] <= 0xf9:
		second := rune(char[1]) - 0x40
		if char[1] > 0x7f {
			second--
		}
		return 0xe000 + (rune(char[0])-0xf0)*188 + second
	case name != nameGB18030 && name != nameGBK:
		return 0
	case len(char) == 2:
		second := int(char[1]) - 0x40
		if char[1] > 0x7f {
			second--
		}
		return extraGB18030((int(char[0])-0x81)*190 + second)
	case bytes.Equal(char, []byte("\x81\x35\xf4\x37")):
		return 0xe7c7
	case bytes.Equal(char, []byte("\x84\x31\xa4\x37")): // which is no fault
		return utf8.RuneError
	}
	return 0
}

// extraGB18030 is extraRune for an index of the standard's table gb18030.
func extraGB18030(index int) rune {
	for _, run := range [...]struct {
		index  int
		first  rune
		length int
	}{
		{6080, 0xe4c6, 96},
		{6270, 0xe526, 96},
		{6376, 0xe766, 6},
		{6433, 0xe76d, 1},
		{6444, 0xe76e, 2},
		{6458, 0xe770, 2},
		{6460, 0xe586, 95},
		{6650, 0xe5e6, 96},
		{6829, 0xe772, 11},
		{6840, 0xe646, 96},
		{7022, 0xe77d, 8},
		{7030, 0xe6a6, 96},
		{7150, 0xe785, 8},
		{7182, 0xfe10, 1},
		{7183, 0xfe12, 1},
		{7184, 0xfe11, 1},
		{7185, 0xfe13, 4},
		{7201, 0xfe17, 2},
		{7208, 0xfe19, 1},
		{7211, 0xe797, 9},
		{7220, 0xe706, 96},
		{7349, 0xe7a0, 15},
		{7397, 0xe7af, 13},
		{7495, 0xe7bc, 11},
		{7533, 0x1e3f, 1},
		{7538, 0xe7c9, 4},
		{7579, 0xe7cd, 21},
		{7624, 0xe7e2, 1},
		{7627, 0xe7e3, 1},
		{7629, 0xe7e4, 3},
		{7686, 0xe7f4, 13},
		{7775, 0xe801, 15},
		{7886, 0xe000, 94},
		{8076, 0xe05e, 94},
		{8266, 0xe0bc, 94},
		{8456, 0xe11a, 94},
		{8646, 0xe178, 94},
		{8836, 0xe1d6, 94},
		{16525, 0xe810, 5},
		{22706, 0xe234, 94},
		{22896, 0xe292, 94},
		{23086, 0xe2f0, 94},
		{23276, 0xe34e, 94},
		{23466, 0xe3ac, 94},
		{23656, 0xe40a, 94},
		{23767, 0xe816, 3},
		{23775, 0x9fb4, 1},
		{23783, 0x9fb5, 1},
		{23788, 0x9fb6, 2},
		{23794, 0xe831, 1},
		{23795, 0x9fb8, 1},
		{23804, 0xe83b, 1},
		{23812, 0x9fb9, 1},
		{23829, 0x9fba, 1},
		{23830, 0xe855, 1},
		{23845, 0x9fbb, 1},
		{23846, 0xe468, 94},
	} {
		if index < run.index {
			return 0
		}
		if index < run.index+run.length {
			return run.first + rune(index-run.index) //nolint:gosec // less than length
		}
	}
	return 0
}
