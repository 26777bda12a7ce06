package table

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// xlsxStrings are the texts that cells refer to by number, one behind the other.
type xlsxStrings struct {
	text string
	ends []uint32
}

// at gives a text by its number as it is written in a cell.
func (x *xlsxStrings) at(number []byte) (string, bool) {
	n, err := strconv.ParseUint(string(bytes.TrimSpace(number)), 10, 31)
	if err != nil || n >= uint64(len(x.ends)) {
		return "", false
	}
	start := uint32(0)
	if n > 0 {
		start = x.ends[n-1]
	}
	return x.text[start:x.ends[n]], true
}

// sharedStrings reads the part with the texts.
func (f *xlsxFile) sharedStrings(name string) (*xlsxStrings, error) {
	x := new(xlsxStrings)
	var text []byte
	_, err := f.part(name, func(s *xlsxScan) error {
		for {
			kind, err := s.next()
			if err != nil || kind == xlsxEOF {
				return err
			}
			if kind != xlsxStart || string(s.name) != "si" {
				continue
			}
			before := len(text)
			if text, err = s.richText(text); err != nil {
				return err
			}
			// Text and ends grow by copying, and a string is made of the text.
			if err := f.keep(6*(len(text)-before) + 24); err != nil {
				return err
			}
			if uint64(len(text)) > 1<<32-1 {
				return &decode.LimitError{What: "bytes of text", Limit: 1<<32 - 1}
			}
			x.ends = append(x.ends, uint32(len(text))) //nolint:gosec // checked above
		}
	})
	x.text = string(text)
	return x, err
}

// richText appends the text of an element that has begun, of all its runs, without the readings of Japanese words. It reads
// up to the element's end.
func (s *xlsxScan) richText(to []byte) ([]byte, error) {
	depth, phonetic, inText := 1, 0, 0
	for depth > 0 {
		kind, err := s.next()
		if err != nil {
			return to, err
		}
		switch kind {
		case xlsxStart:
			depth++
			switch string(s.name) {
			case "rPh":
				phonetic = depth
			case "t":
				inText = depth
			}
		case xlsxEnd:
			if depth == phonetic {
				phonetic = 0
			}
			if depth == inText {
				inText = 0
			}
			depth--
		case xlsxText:
			if inText > 0 && phonetic == 0 {
				to = appendXLSXText(to, s.text)
			}
		case xlsxEOF:
			return to, errXLSX
		}
	}
	return to, nil
}

// appendXLSXText appends text and undoes the escapes _xHHHH_ for characters that XML cannot have.
func appendXLSXText(to, text []byte) []byte {
	for {
		i := bytes.Index(text, []byte("_x"))
		if i < 0 {
			return append(to, text...)
		}
		to = append(to, text[:i]...)
		text = text[i:]
		unit, ok := xlsxEscape(text)
		if !ok {
			to = append(to, text[:2]...)
			text = text[2:]
			continue
		}
		text = text[7:]
		if utf16.IsSurrogate(unit) {
			low, ok := xlsxEscape(text)
			if unit = utf16.DecodeRune(unit, low); ok && unit != utf8.RuneError {
				text = text[7:]
			}
		}
		to = utf8.AppendRune(to, unit)
	}
}

func xlsxEscape(text []byte) (rune, bool) {
	if len(text) < 7 || text[0] != '_' || text[1] != 'x' || text[6] != '_' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}

// xlsxHeading is a text of the header without the line breaks that cells there often have.
func xlsxHeading(text string) string { return strings.Join(strings.Fields(text), " ") }
