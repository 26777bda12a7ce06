package lines

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// unescapedDelimiter finds the first delimiter of a line before which no backslash stands.
func (r *kvReader) unescapedDelimiter(text string) (at, width int) {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			i++
			continue
		}
		for _, d := range r.delimiters {
			if len(d) > width && strings.HasPrefix(text[i:], d) {
				width = len(d)
			}
		}
		if width > 0 {
			return i, width
		}
	}
	return -1, 0
}

// unescaped undoes the escapes of Java properties, but for what was quoted.
func unescaped(s string, quoted bool, offset int) (string, error) {
	if quoted || strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b = append(b, '\t')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 'f':
			b = append(b, '\f')
		case 'u':
			c, ok := codeUnit(s[i+1:])
			if !ok {
				return "", &decode.SyntaxError{Format: "kv", Offset: int64(offset), Msg: "an escape \\u without four hexadecimal digits"}
			}
			i += 4
			if utf16.IsSurrogate(c) && strings.HasPrefix(s[i+1:], `\u`) {
				if low, ok := codeUnit(s[i+3:]); ok && utf16.DecodeRune(c, low) != utf8.RuneError {
					c = utf16.DecodeRune(c, low)
					i += 6
				}
			}
			b = utf8.AppendRune(b, c)
		default:
			b = append(b, s[i])
		}
	}
	return string(b), nil
}

func codeUnit(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil
}
