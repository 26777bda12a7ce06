package table

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// unescape gives raw itself if it has no escape, else its text behind what is in s.plain already.
func (s *xlsxScan) unescape(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '&') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw, nil
	}
	start := len(s.plain)
	for len(raw) > 0 {
		i := bytes.IndexAny(raw, "&\r")
		if i < 0 {
			s.plain = append(s.plain, raw...)
			break
		}
		s.plain = append(s.plain, raw[:i]...)
		if raw[i] == '\r' { // ends of lines are LF, by the rules of XML
			s.plain = append(s.plain, '\n')
			raw = bytes.TrimPrefix(raw[i+1:], []byte("\n"))
			continue
		}
		end := bytes.IndexByte(raw[i:min(len(raw), i+12)], ';')
		if end < 0 {
			return nil, errXLSX
		}
		r, ok := xlsxEntity(string(raw[i+1 : i+end]))
		if !ok {
			return nil, errXLSX
		}
		s.plain = utf8.AppendRune(s.plain, r)
		raw = raw[i+end+1:]
	}
	return s.plain[start:], nil
}

func xlsxEntity(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || n == 0 {
		return 0, false
	}
	return rune(n), true
}
