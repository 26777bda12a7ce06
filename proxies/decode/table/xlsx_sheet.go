package table

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// Limits of a sheet, those of Excel.
const (
	maxXLSXColumns = 16384
	maxXLSXRows    = 1 << 20
)

// xlsxArea is a rectangle of cells, from 1, its borders included.
type xlsxArea struct{ left, top, right, bottom int }

// wholeSheet is the area of all cells.
func wholeSheet() xlsxArea { return xlsxArea{1, 1, maxXLSXColumns, maxXLSXRows} }

// parseXLSXArea reads "B2:F20", "B:F", "2:20" or "B2".
func parseXLSXArea(s string) (xlsxArea, bool) {
	first, second, two := strings.Cut(strings.ReplaceAll(s, "$", ""), ":")
	left, top, ok := xlsxRef([]byte(first))
	if !ok {
		return xlsxArea{}, false
	}
	right, bottom := left, top
	if two {
		if right, bottom, ok = xlsxRef([]byte(second)); !ok {
			return xlsxArea{}, false
		}
	}
	// Both ends must say the same of columns and rows.
	if (left == 0) != (right == 0) || (top == 0) != (bottom == 0) || left > right || top > bottom {
		return xlsxArea{}, false
	}
	a := xlsxArea{left, top, right, bottom}
	if left == 0 {
		a.left, a.right = 1, maxXLSXColumns
	}
	if top == 0 {
		a.top, a.bottom = 1, maxXLSXRows
	}
	return a, true
}

// xlsxRef reads the place of a cell: "AB12" is 28, 12. One of the two may be missing and is then 0.
func xlsxRef(s []byte) (column, row int, ok bool) {
	i := 0
	for ; i < len(s) && i < 4; i++ {
		c := s[i] | 0x20
		if c < 'a' || c > 'z' {
			break
		}
		column = column*26 + int(c-'a') + 1
	}
	if column > maxXLSXColumns || len(s) == 0 {
		return 0, 0, false
	}
	if i == len(s) {
		return column, 0, true
	}
	n, err := strconv.ParseUint(string(s[i:]), 10, 31)
	if err != nil || n < 1 || n > maxXLSXRows {
		return 0, 0, false
	}
	return column, int(n), true
}

// xlsxSheet reads the cells of a sheet.
type xlsxSheet struct {
	*xlsxBook
	name string // of its part
	area xlsxArea
	// cell is called for each cell with a value that lies in the area, row by row; column and row are from 1.
	cell func(column, row int, kind, style, raw []byte) error
	// merged is called for each group of merged cells, after all cells. May be nil: then nobody asks.
	merged func(xlsxArea) error

	raw []byte
}

// read goes through the sheet once.
func (x *xlsxSheet) read() error {
	found, err := x.part(x.name, func(s *xlsxScan) error {
		p := interrupt.Poll{Ctx: x.ctx}
		row := 0
		for {
			if err := p.Err(); err != nil {
				return err
			}
			kind, err := s.next()
			if err != nil || kind == xlsxEOF {
				return err
			}
			switch {
			case kind == xlsxEnd && string(s.name) == "sheetData" && x.merged == nil:
				return nil
			case kind != xlsxStart:
			case string(s.name) == "row":
				if row, err = x.row(s, row); err != nil {
					return err
				}
			case string(s.name) == "mergeCell" && x.merged != nil:
				if area, ok := parseXLSXArea(string(s.attr("ref"))); ok {
					if err := x.merged(area); err != nil {
						return err
					}
				}
			}
		}
	})
	if err == nil && !found {
		return xlsxError("the sheet's part is not in the archive")
	}
	return err
}

// row reads a row that has begun and gives its number.
func (x *xlsxSheet) row(s *xlsxScan, before int) (int, error) {
	row := before + 1
	if r := s.attr("r"); r != nil {
		n, err := strconv.Atoi(string(r))
		if err != nil || n <= before {
			return 0, xlsxError("the rows are out of order")
		}
		row = n
	}
	if row > maxXLSXRows {
		return 0, &decode.LimitError{What: "rows", Limit: maxXLSXRows}
	}
	column := 0
	for depth := 1; depth > 0; {
		kind, err := s.next()
		if err != nil {
			return 0, err
		}
		switch kind {
		case xlsxEOF:
			return 0, errXLSX
		case xlsxEnd:
			depth--
		case xlsxStart:
			if string(s.name) != "c" {
				depth++
				continue
			}
			if column, err = x.readCell(s, column, row); err != nil {
				return 0, err
			}
		}
	}
	return row, nil
}

// readCell reads a cell that has begun and gives its column.
func (x *xlsxSheet) readCell(s *xlsxScan, before, row int) (int, error) {
	column := before + 1
	if ref := s.attr("r"); ref != nil {
		c, _, ok := xlsxRef(ref)
		if !ok || c == 0 {
			return 0, xlsxError("a cell without a place")
		}
		column = c
	}
	if column > maxXLSXColumns {
		return 0, &decode.LimitError{What: "columns", Limit: maxXLSXColumns}
	}
	// The attributes are gone with the next piece.
	x.raw = append(append(x.raw[:0], s.attr("t")...), s.attr("s")...)
	nKind, nStyle := len(s.attr("t")), len(s.attr("s"))
	for depth := 1; depth > 0; {
		kind, err := s.next()
		if err != nil {
			return 0, err
		}
		switch kind {
		case xlsxEOF:
			return 0, errXLSX
		case xlsxEnd:
			depth--
		case xlsxStart:
			depth++
			switch string(s.name) {
			case "v":
				if err = x.readValue(s); err != nil {
					return 0, err
				}
				depth--
			case "is":
				if x.raw, err = s.richText(x.raw); err != nil {
					return 0, err
				}
				depth--
			}
		}
		if len(x.raw) > decode.MaxRecord {
			return 0, &decode.LimitError{What: "bytes in a cell", Limit: decode.MaxRecord}
		}
	}
	cellKind, style, raw := x.raw[:nKind], x.raw[nKind:nKind+nStyle], x.raw[nKind+nStyle:]
	if len(raw) == 0 || column < x.area.left || column > x.area.right || row < x.area.top || row > x.area.bottom {
		return column, nil
	}
	return column, x.cell(column, row, cellKind, style, raw)
}

// readValue reads the text of a value that has begun, up to its end.
func (x *xlsxSheet) readValue(s *xlsxScan) error {
	for depth := 1; depth > 0; {
		kind, err := s.next()
		if err != nil {
			return err
		}
		switch kind {
		case xlsxEOF:
			return errXLSX
		case xlsxStart:
			depth++
		case xlsxEnd:
			depth--
		case xlsxText:
			if bytes.Contains(s.text, []byte("_x")) {
				x.raw = appendXLSXText(x.raw, s.text)
				continue
			}
			x.raw = append(x.raw, s.text...)
		}
	}
	return nil
}
