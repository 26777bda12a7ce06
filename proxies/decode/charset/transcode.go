package charset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/transform"
)

// Replaced stands for bytes that are no character: what decoders of x/text put there, and what Options.Replace does.
const Replaced = "\uFFFD"

// convertBlock is how many bytes are tried at once. One bad byte costs no more than going through a block one by one.
const convertBlock = 1 << 10

// scratchSize is how many bytes the text of one character may have, twice over.
const scratchSize = 16

// charsetKind is how a charset is read.
type charsetKind int

const (
	kindGuess charsetKind = iota // ASCII so far; the first character beyond tells UTF-8 from windows-1252
	kindUTF8
	kindUTF16
	kindSingle // one byte for each character
	kindMulti  // one to four bytes
	kindJIS    // iso-2022-jp, which has escape sequences
	kindNone   // replacement: nothing is a character
)

// converter makes UTF-8 of the bytes of one charset, by the decoders of the WHATWG Encoding Standard. It is fed piece by
// piece; what it gives does not depend on where the pieces are cut.
type converter struct {
	name    string // "" while it is kindGuess
	kind    charsetKind
	guess   bool // nothing declares the charset: windows-1252 is then without the bytes that Windows leaves undefined
	replace bool
	order   binary.ByteOrder
	single  *charmap.Charmap
	multi   transform.Transformer
	scratch []byte // for one character of multi
	jis     jisState
	told    bool // kindNone: its one fault was told
}

// start makes c a converter of a charset, by its canonical name; "" is to be found out.
func (c *converter) start(name string, guess, replace bool) error {
	*c = converter{name: name, guess: guess, replace: replace}
	switch name {
	case "":
	case nameUTF8:
		c.kind = kindUTF8
	case nameUTF16LE:
		c.kind, c.order = kindUTF16, binary.LittleEndian
	case nameUTF16BE:
		c.kind, c.order = kindUTF16, binary.BigEndian
	case nameReplacement:
		c.kind = kindNone
	case nameWindows1252:
		c.kind, c.single = kindSingle, charmap.Windows1252
	case nameISO2022JP:
		c.kind, c.multi, c.scratch = kindJIS, japanese.EUCJP.NewDecoder().Transformer, make([]byte, scratchSize)
	case nameISO88598I: // is iso-8859-8 with another direction of writing
		c.kind, c.single = kindSingle, charmap.ISO8859_8
	case nameGBK: // has gb18030's decoder
		c.kind, c.multi, c.scratch = kindMulti, multibyteDecoder(nameGB18030), make([]byte, scratchSize)
	default:
		enc, err := htmlindex.Get(name)
		if err != nil {
			return err
		}
		if cm, ok := enc.(*charmap.Charmap); ok {
			c.kind, c.single = kindSingle, cm
			return nil
		}
		c.kind, c.multi, c.scratch = kindMulti, enc.NewDecoder().Transformer, make([]byte, scratchSize)
	}
	return nil
}

// convert appends the text of src to dst and says how many bytes of src it has used. What it leaves is the beginning of a
// character that is to come again with more behind it; where src is the end of the body it leaves nothing. A byte that
// cannot be decoded ends it, if it is not replaced: its offset in src is bad then, else bad is negative.
func (c *converter) convert(dst, src []byte, end bool) (out []byte, n, bad int) {
	for n < len(src) {
		if c.kind == kindGuess {
			if dst, n = c.settle(dst, src, n, end); c.kind == kindGuess {
				return dst, n, -1
			}
			continue
		}
		limit := min(n+convertBlock, len(src))
		var k int
		if dst, k = c.block(dst, src[n:limit]); k > 0 {
			n += k
			continue
		}
		for n < limit {
			var ok bool
			if dst, k, ok = c.step(dst, src[n:], end); k == 0 {
				return dst, n, -1
			}
			if !ok && !c.replace {
				return dst, n, n
			}
			if !ok {
				dst = append(dst, Replaced...)
			}
			n += k
		}
	}
	return dst, n, -1
}

// settle takes ASCII, and decides by the first character beyond.
func (c *converter) settle(dst, src []byte, n int, end bool) (out []byte, used int) {
	at := n + asciiLength(src[n:])
	dst = append(dst, src[n:at]...)
	if at == len(src) || !end && !utf8.FullRune(src[at:]) {
		return dst, at
	}
	c.name, c.kind, c.single = nameWindows1252, kindSingle, charmap.Windows1252
	if _, size := utf8.DecodeRune(src[at:]); size > 1 {
		c.name, c.kind = nameUTF8, kindUTF8
	}
	return dst, at
}

// block converts as much of src as has nothing doubtful at all, or nothing.
func (c *converter) block(dst, src []byte) (out []byte, n int) {
	switch c.kind {
	case kindUTF8:
		whole := wholeUTF8(src)
		if !utf8.Valid(whole) {
			return dst, 0
		}
		return append(dst, whole...), len(whole)
	case kindSingle, kindMulti:
		if n := asciiLength(src); n == len(src) || n >= 64 {
			return append(dst, src[:n]...), n
		}
	case kindGuess, kindUTF16, kindJIS, kindNone:
		return dst, 0
	}
	if c.kind == kindSingle {
		return c.singles(dst, src)
	}
	// The table of x/text for gb18030 takes what is none for some characters.
	if c.name == nameGB18030 || c.name == nameGBK {
		return dst, 0
	}
	before := len(dst)
	dst, n, err := appendTransformed(c.multi, dst, src)
	if err != nil || bytes.Contains(dst[before:], []byte(Replaced)) {
		return dst[:before], 0
	}
	return dst, n
}

// singles converts a block of a charset with one byte for each character.
func (c *converter) singles(dst, src []byte) (out []byte, n int) {
	before := len(dst)
	for _, b := range src {
		if b < utf8.RuneSelf {
			dst = append(dst, b)
			continue
		}
		r := c.singleRune(b)
		if r == utf8.RuneError {
			return dst[:before], 0
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, len(src)
}

// singleRune is U+FFFD where there is none. The standard gives bytes from 0x80 to 0x9f that have no character the control
// character of the same number, which the tables of x/text leave out. Where the charset is only a guess, such a byte says
// that the guess is wrong.
func (c *converter) singleRune(b byte) rune {
	r := c.single.DecodeByte(b)
	if r == utf8.RuneError && b <= 0x9f && !c.guess {
		r = rune(b)
	}
	return r
}

// step converts one character at the beginning of src, or a few. It gives 0 where more of src must come. Where it is not
// ok, the n bytes are no character.
func (c *converter) step(dst, src []byte, end bool) (out []byte, n int, ok bool) {
	switch c.kind {
	case kindUTF8:
		return stepUTF8(dst, src, end)
	case kindUTF16:
		return stepUTF16(dst, src, c.order, end)
	case kindSingle:
		r := rune(src[0])
		if r >= utf8.RuneSelf {
			r = c.singleRune(src[0])
		}
		if r == utf8.RuneError {
			return dst, 1, false
		}
		return utf8.AppendRune(dst, r), 1, true
	case kindMulti:
		return c.stepMulti(dst, src, end)
	case kindJIS:
		return c.stepJIS(dst, src, end)
	case kindGuess, kindNone:
	}
	told := c.told
	c.told = true
	return dst, len(src), told
}

// appendTransformed runs a decoder of x/text over src up to a character that is cut off.
func appendTransformed(t transform.Transformer, dst, src []byte) (out []byte, n int, err error) {
	t.Reset()
	for {
		dst = grown(dst, 2*(len(src)-n)+16)
		nDst, nSrc, err := t.Transform(dst[len(dst):cap(dst)], src[n:], false)
		dst, n = dst[:len(dst)+nDst], n+nSrc
		switch {
		case err == nil || errors.Is(err, transform.ErrShortSrc):
			return dst, n, nil
		case !errors.Is(err, transform.ErrShortDst):
			return dst, n, err
		}
	}
}

// grown gives b with room for n more bytes.
func grown(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	more := make([]byte, len(b), 2*cap(b)+n)
	copy(more, b)
	return more
}

// asciiLength is how many bytes b begins with that are ASCII.
func asciiLength(b []byte) int {
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		if binary.LittleEndian.Uint64(b[n:])&0x8080808080808080 != 0 {
			break
		}
	}
	for n < len(b) && b[n] < utf8.RuneSelf {
		n++
	}
	return n
}

func isASCII(b []byte) bool { return asciiLength(b) == len(b) }

// isCompatible says that a text of ASCII is the same bytes in a charset.
func isCompatible(name string, b []byte) bool {
	switch name {
	case nameUTF16LE, nameUTF16BE, nameReplacement:
		return false
	case nameISO2022JP:
		return !bytes.ContainsAny(b, "\x0e\x0f\x1b")
	}
	return true
}
