package table

import (
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// xlsxTable makes rows of cells. The sheet is read twice: first to see which columns there are, so that all rows have the
// same and none of them need be kept.
type xlsxTable struct {
	*XLSX
	book *xlsxBook
	out  decode.Sink

	// What the first reading finds: the first row with a value, the columns with a value in that row or below it, and
	// those that merged cells cover.
	header  int
	columns []bool
	merges  []xlsxArea

	place []uint16 // of a column among those that are told, from 1; 0: it is not told
	width int
	names []string // nil until the header was read, or none is wanted

	number int // of the row that is being read
	row    []xlsxValue
	fill   []xlsxFill // by place
}

// xlsxFill is the value of merged cells in one column, down to a row.
type xlsxFill struct {
	value  xlsxValue
	bottom int
}

// measure looks at a cell in the first reading.
func (t *xlsxTable) measure(column, row int, kind, _, raw []byte) error {
	if t.book.empty(kind, raw) {
		return nil
	}
	if t.header == 0 {
		t.header = row
		t.columns = make([]bool, maxXLSXColumns+1)
	}
	t.columns[column] = true
	return nil
}

// merge notes merged cells in the first reading.
func (t *xlsxTable) merge(a xlsxArea) error {
	a.left, a.right = max(a.left, t.area.left), min(a.right, t.area.right)
	if a.left > a.right || a.bottom < t.area.top || a.top > t.area.bottom {
		return nil
	}
	// Each column of it is looked at later, so each is charged.
	if err := t.book.keep(64 + a.right - a.left); err != nil {
		return err
	}
	t.merges = append(t.merges, a)
	return nil
}

// plan says which columns are told, after the first reading.
func (t *xlsxTable) plan() error {
	for _, m := range t.merges {
		if t.columns[m.left] {
			for c := m.left; c <= m.right; c++ {
				t.columns[c] = true
			}
		}
	}
	first, last := 0, 0
	for c, used := range t.columns {
		if used && first == 0 {
			first = c
		}
		if used {
			last = c
		}
	}
	all := t.Header == xlsxHeaderNone
	if t.area.left > 1 || t.area.right < maxXLSXColumns {
		first, last, all = t.area.left, t.area.right, true
	}
	t.place = make([]uint16, maxXLSXColumns+1)
	for c := first; c <= last; c++ {
		if all || t.columns[c] {
			t.width++
			t.place[c] = uint16(t.width) //nolint:gosec // at most maxXLSXColumns
		}
	}
	if err := t.book.keep(100 * t.width); err != nil {
		return err
	}
	t.row = make([]xlsxValue, t.width)
	if t.Merged == xlsxMergedFill {
		t.fill = make([]xlsxFill, t.width)
	}
	return nil
}

// cell takes a cell in the second reading.
func (t *xlsxTable) cell(column, row int, kind, style, raw []byte) error {
	if t.place[column] == 0 || t.book.empty(kind, raw) {
		return nil
	}
	v, err := t.book.value(kind, style, raw)
	if err != nil {
		return err
	}
	if row != t.number {
		if err := t.flush(); err != nil {
			return err
		}
		t.number = row
	}
	t.row[t.place[column]-1] = v
	return nil
}

// flush tells the row that has been read.
func (t *xlsxTable) flush() error {
	if t.number == 0 {
		return nil
	}
	t.fillMerged()
	err := t.tellRow()
	clear(t.row)
	return err
}

// fillMerged gives the value of merged cells to all of them.
func (t *xlsxTable) fillMerged() {
	if t.Merged != xlsxMergedFill {
		return
	}
	for ; len(t.merges) > 0 && t.merges[0].top <= t.number; t.merges = t.merges[1:] {
		m := t.merges[0]
		if m.top < t.number || t.place[m.left] == 0 {
			continue // its first cell, which has the value, is not there
		}
		for c := m.left; c <= m.right; c++ {
			if at := t.place[c]; at > 0 {
				t.fill[at-1] = xlsxFill{t.row[t.place[m.left]-1], m.bottom}
			}
		}
	}
	for i := range t.row {
		if t.row[i].kind == xlsxNull && t.fill[i].bottom >= t.number {
			t.row[i] = t.fill[i].value
		}
	}
}

func (t *xlsxTable) tellRow() error {
	if t.names == nil && t.Header != xlsxHeaderNone {
		t.names = xlsxNames(t.row)
		return t.book.keep(96 * t.width)
	}
	if err := t.book.keep(t.cost()); err != nil {
		return err
	}
	if t.Header == xlsxHeaderNone {
		if err := t.out.BeginArray(); err != nil {
			return err
		}
		for _, v := range t.row {
			if err := v.tell(t.out); err != nil {
				return err
			}
		}
		return t.out.EndArray()
	}
	if err := t.out.BeginObject(); err != nil {
		return err
	}
	for i, v := range t.row {
		if err := t.out.Key(t.names[i]); err != nil {
			return err
		}
		if err := v.tell(t.out); err != nil {
			return err
		}
	}
	return t.out.EndObject()
}

// cost is how much memory a row takes as a tree.
func (t *xlsxTable) cost() int {
	const wideTable = 4096 // from here on decode.Tree moves the items of an array
	cost := 64 + 16*t.width
	if t.width >= wideTable {
		cost = 64 + 48*t.width // long arrays are put together of pieces
	}
	if t.Header != xlsxHeaderNone {
		// Maps have room for eight members, and double it when seven of eight are taken.
		room := 8
		for room > 8 && room*7/8 < t.width || room == 8 && t.width > 8 {
			room *= 2
		}
		cost = 128 + 34*room
	}
	for _, v := range t.row {
		if v.kind != xlsxNull {
			cost += 16
		}
		if v.took > 0 {
			cost += (len(v.text)+23)/16*16 + v.took
		}
	}
	return cost
}

// xlsxNames makes names of the header row that are not empty and differ.
func xlsxNames(row []xlsxValue) []string {
	names := make([]string, len(row))
	taken := make(map[string]bool, len(row))
	for i, v := range row {
		names[i] = xlsxHeading(v.text)
		taken[names[i]] = true
	}
	seen := make(map[string]int, len(row))
	for i, name := range names {
		if name == "" {
			name = "column_" + strconv.Itoa(i+1)
			if !taken[name] {
				names[i], taken[name] = name, true
				continue
			}
		}
		seen[name]++
		if seen[name] == 1 && names[i] == name {
			continue
		}
		n := max(seen[name], 2)
		for taken[name+"_"+strconv.Itoa(n)] {
			n++
		}
		seen[name] = n
		names[i] = name + "_" + strconv.Itoa(n)
		taken[names[i]] = true
	}
	return names
}

// empty says whether a cell has no value.
func (b *xlsxBook) empty(kind, raw []byte) bool {
	switch string(kind) {
	case "s":
		text, ok := b.strings.at(raw)
		return ok && text == ""
	case "str", "inlineStr":
		return len(raw) == 0
	case "e":
		return b.errors == xlsxErrorsNull
	}
	return strings.Trim(string(raw), ascii.Space) == ""
}
