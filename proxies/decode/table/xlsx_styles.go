package table

import (
	"strconv"
	"strings"
)

// xlsxFormat is what a number format makes of a number.
type xlsxFormat uint8

const (
	xlsxNumber xlsxFormat = iota
	xlsxDate
	xlsxTime
	xlsxDateTime
	xlsxElapsed
)

// styles reads what the formats of cells are, by the number that cells give.
func (f *xlsxFile) styles(name string) ([]xlsxFormat, error) {
	var cells []xlsxFormat
	own := map[string]xlsxFormat{}
	_, err := f.part(name, func(s *xlsxScan) error {
		inCells := false
		for {
			kind, err := s.next()
			if err != nil || kind == xlsxEOF {
				return err
			}
			element := string(s.name)
			switch {
			case element == "cellXfs":
				inCells = kind == xlsxStart
			case kind != xlsxStart:
			case element == "numFmt":
				if err := f.keep(96); err != nil {
					return err
				}
				own[string(s.attr("numFmtId"))] = xlsxFormatOf(string(s.attr("formatCode")))
			case element == "xf" && inCells:
				if err := f.keep(4); err != nil {
					return err
				}
				id := string(s.attr("numFmtId"))
				format, ok := own[id]
				if !ok {
					format = xlsxBuiltIn(id)
				}
				cells = append(cells, format)
			}
		}
	})
	return cells, err
}

// xlsxBuiltIn is what the formats that have numbers only are, those of East Asian languages included.
func xlsxBuiltIn(id string) xlsxFormat {
	n, err := strconv.Atoi(id)
	switch {
	case err != nil:
		return xlsxNumber
	case n >= 14 && n <= 17, n >= 27 && n <= 31, n >= 34 && n <= 36, n >= 50 && n <= 58:
		return xlsxDate
	case n >= 18 && n <= 21, n == 32, n == 33, n == 45, n == 47:
		return xlsxTime
	case n == 22:
		return xlsxDateTime
	case n == 46:
		return xlsxElapsed
	}
	return xlsxNumber
}

// xlsxFormatOf reads a format code: "dd/mm/yyyy hh:mm" is a date with time, "[h]:mm" elapsed time, `0.00" days"` a number.
// Only the part for positive numbers counts.
func xlsxFormatOf(code string) xlsxFormat {
	if strings.EqualFold(code, "general") {
		return xlsxNumber
	}
	var date, month, clock bool
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case ';':
			i = len(code)
		case '"':
			i += 1 + strings.IndexByte(code[i+1:]+`"`, '"')
		case '\\', '_', '*':
			i++
		case '[':
			inner := code[i+1 : i+1+strings.IndexByte(code[i+1:]+"]", ']')]
			if strings.Trim(strings.ToLower(inner), "hms") == "" && inner != "" {
				return xlsxElapsed
			}
			i += 1 + len(inner)
		case 'y', 'Y', 'd', 'D', 'b', 'B', 'g':
			date = true
		case 'e', 'E':
			// Behind a digit it is the exponent of a number, else the year of an era.
			date = date || i == 0 || strings.IndexByte("0#?.", code[i-1]) < 0
		case 'm', 'M':
			month = true
		case 'h', 'H', 's', 'S':
			clock = true
		case 'A', 'a':
			if len(code)-i >= 5 && strings.EqualFold(code[i:i+5], "am/pm") {
				clock = true
				i += 4
			}
		}
	}
	switch {
	case date && clock:
		return xlsxDateTime
	case date, month && !clock:
		return xlsxDate
	case clock:
		return xlsxTime
	}
	return xlsxNumber
}
