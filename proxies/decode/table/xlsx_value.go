package table

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// xlsxValue is the value of a cell.
type xlsxValue struct {
	kind xlsxKind
	text string // of texts and numbers; "true" or "false"
	took int    // memory beside the text that making it took; 0: the text is shared
}

type xlsxKind uint8

const (
	xlsxNull xlsxKind = iota
	xlsxString
	xlsxLiteral // a number of JSON
	xlsxBool
)

func (v xlsxValue) tell(out decode.Sink) error {
	switch v.kind {
	case xlsxString:
		return out.String(v.text)
	case xlsxLiteral:
		return out.Number(v.text)
	case xlsxBool:
		return out.Bool(v.text == "true")
	case xlsxNull:
	}
	return out.Null()
}

// xlsxBook is what is needed to read the cells of a workbook.
type xlsxBook struct {
	*xlsxFile
	strings  *xlsxStrings
	formats  []xlsxFormat
	from1904 bool
	errors   string
}

// value makes a value of a cell: kind and style are the attributes t and s, raw the text of its value.
func (b *xlsxBook) value(kind, style, raw []byte) (xlsxValue, error) {
	if len(raw) == 0 {
		return xlsxValue{}, nil
	}
	switch string(kind) {
	case "s":
		text, ok := b.strings.at(raw)
		if !ok {
			return xlsxValue{}, xlsxError("a cell refers to a text that is not there")
		}
		if text == "" {
			return xlsxValue{}, nil
		}
		return xlsxValue{kind: xlsxString, text: text}, nil
	case "str", "inlineStr":
		return xlsxValue{kind: xlsxString, text: string(raw), took: 32}, nil
	case "b":
		switch string(bytes.TrimSpace(raw)) {
		case "1", "true":
			return xlsxValue{kind: xlsxBool, text: "true"}, nil
		case "0", "false":
			return xlsxValue{kind: xlsxBool, text: "false"}, nil
		}
	case "e":
		return b.errorValue(raw)
	case "d":
		return xlsxValue{kind: xlsxString, text: string(bytes.TrimSpace(raw)), took: 32}, nil
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return xlsxValue{}, nil
	}
	literal := string(raw)
	if format := b.format(style); format != xlsxNumber {
		if text := xlsxMoment(literal, format, b.from1904); text != "" {
			return xlsxValue{kind: xlsxString, text: text, took: 192}, nil
		}
	}
	if decode.IsNumber(literal) {
		return xlsxValue{kind: xlsxLiteral, text: literal, took: 32}, nil
	}
	// Other programs write +1 or .5; what is no number at all stays a text.
	if f, err := strconv.ParseFloat(literal, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return xlsxValue{kind: xlsxLiteral, text: strconv.FormatFloat(f, 'g', -1, 64), took: 32}, nil
	}
	return xlsxValue{kind: xlsxString, text: literal, took: 32}, nil
}

func (b *xlsxBook) errorValue(raw []byte) (xlsxValue, error) {
	switch b.errors {
	case xlsxErrorsNull:
		return xlsxValue{}, nil
	case xlsxErrorsFail:
		return xlsxValue{}, xlsxError("a cell has the error " + excerpt.Of(string(raw)))
	}
	return xlsxValue{kind: xlsxString, text: string(raw), took: 32}, nil
}

func (b *xlsxBook) format(style []byte) xlsxFormat {
	if len(style) == 0 {
		return xlsxNumber
	}
	n, err := strconv.Atoi(string(style))
	if err != nil || n < 0 || n >= len(b.formats) {
		return xlsxNumber
	}
	return b.formats[n]
}

// xlsxMoment writes the number of days as ISO 8601 has it: a date, a time of day, both, or a duration. It gives "" for
// numbers that are none of these; the sheet then shows nonsense, too.
func xlsxMoment(literal string, format xlsxFormat, from1904 bool) string {
	const lastDay = 2958465 // 9999-12-31
	const msPerDay = 24 * 60 * 60 * 1000
	days, err := strconv.ParseFloat(literal, 64)
	if err != nil || !(days >= 0 && days < lastDay+1) {
		return ""
	}
	ms := int64(math.Round(days * msPerDay))
	hours, minutes, seconds, rest := ms/3600000, ms/60000%60, ms/1000%60, ms%1000
	fraction := ""
	if rest != 0 {
		fraction = strings.TrimRight(fmt.Sprintf(".%03d", rest), "0")
	}
	if format == xlsxElapsed {
		return fmt.Sprintf("PT%dH%dM%d%sS", hours, minutes, seconds, fraction)
	}
	day := ms / msPerDay
	clock := fmt.Sprintf("%02d:%02d:%02d%s", hours%24, minutes, seconds, fraction)
	whole := ms%msPerDay == 0
	if day == 0 && !from1904 {
		if format == xlsxDate && whole {
			return ""
		}
		return clock
	}
	if format == xlsxTime && day == 0 {
		return clock
	}
	start := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case from1904:
		start = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case day < 60:
		start = start.AddDate(0, 0, 1)
	case day == 60: // 1900-02-29, which there was not
		return ""
	}
	moment := start.AddDate(0, 0, int(day))
	if moment.Year() > 9999 {
		return ""
	}
	if format == xlsxDate && whole {
		return moment.Format(time.DateOnly)
	}
	return moment.Format(time.DateOnly) + "T" + clock
}
