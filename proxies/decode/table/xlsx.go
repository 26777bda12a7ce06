package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// XLSX decodes one sheet of a workbook of Excel, LibreOffice and others (Office Open XML) to an array of its rows, each an
// object with the names of the header row, in the order of the columns:
//
//	Item  | Sold       | Price         [{"Item":"Nut","Sold":"2024-03-15","Price":0.25},
//	Nut   | 15.03.2024 | 0.25 €    ->   {"Item":"Bolt","Sold":null,"Price":12.5}]
//	Bolt  |            | 12.50 €
//
// Numbers are those of the file, digit by digit, whatever their format shows; where the format is one of dates or times
// they are texts of ISO 8601: "2024-03-15", "2024-03-15T08:30:00", "08:30:00", and "PT36H15M0S" for elapsed time.
// Truth values are true and false, cells without text null. Of a formula counts the result that the file has.
//
// The first row with a value is the header. A column without heading is named column_3 after its place, a heading that
// is there already gets its number behind it: Price_2. Rows and columns without any value are left out.
//
// What is unpacked of an archive is limited by its size, to 60 times and 4 MiB, and the sheet is unpacked twice. Usual sheets
// unpack to ten times their size.
type XLSX struct {
	// Sheet is the name of the sheet, in whatever case. Default: the first that is visible.
	Sheet string `json:"sheet,omitempty"`
	// Header says where the names are: "first", in the first row; "none", nowhere, each row is then an array. Default: "first".
	Header string `json:"header,omitempty"`
	// Skip leaves out that many rows at the top, empty ones included. Default: 0 rows.
	Skip int `json:"skip,omitempty"`
	// Range takes the cells of a rectangle only: "B2:F20", columns "B:F", or rows "2:20". All of its columns are then there,
	// with values or without. Default: all cells.
	Range string `json:"range,omitempty"`
	// Merged says what becomes of merged cells: "first", only the first has the value; "fill", each of them. Default: "first".
	Merged string `json:"merged,omitempty"`
	// Errors says what becomes of cells like #N/A: "text", a string; "null"; "fail", the document is refused. Default: "text".
	Errors string `json:"errors,omitempty"`

	area xlsxArea
}

// Values of XLSX's options.
const (
	xlsxHeaderFirst = "first"
	xlsxHeaderNone  = "none"
	xlsxMergedFirst = "first"
	xlsxMergedFill  = "fill"
	xlsxErrorsText  = "text"
	xlsxErrorsNull  = "null"
	xlsxErrorsFail  = "fail"
)

// xlsxFactor is what is enforced while decoding, beside a fixed part of less than a MiB.
const xlsxFactor = 80

// Check implements the check at load.
func (d *XLSX) Check() error {
	d.area = wholeSheet()
	if d.Range != "" {
		var ok bool
		if d.area, ok = parseXLSXArea(d.Range); !ok {
			return fmt.Errorf("range %q: want cells like B2:F20, columns like B:F or rows like 2:20", d.Range)
		}
	}
	if d.Skip < 0 || d.Skip >= maxXLSXRows {
		return errors.New("skip: want a number of rows")
	}
	if d.area.top+d.Skip > d.area.bottom {
		return errors.New("skip leaves no row of the range")
	}
	d.area.top += d.Skip
	for _, o := range []struct {
		name, value string
		known       []string
	}{
		{"header", d.Header, []string{xlsxHeaderFirst, xlsxHeaderNone}},
		{"merged", d.Merged, []string{xlsxMergedFirst, xlsxMergedFill}},
		{"errors", d.Errors, []string{xlsxErrorsText, xlsxErrorsNull, xlsxErrorsFail}},
	} {
		if o.value != "" && !slices.Contains(o.known, o.value) {
			return fmt.Errorf("%s %q: want %s", o.name, o.value, strings.Join(o.known, " or "))
		}
	}
	return nil
}

// Factor implements decode.Decoder.
func (*XLSX) Factor() float64 { return xlsxFactor }

// Binary implements decode.Binary.
func (*XLSX) Binary() {}

// Decode implements decode.Decoder.
func (d *XLSX) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := openXLSX(ctx, in.Body)
	if err != nil {
		return err
	}
	book, sheet, err := d.open(f)
	if err != nil {
		return err
	}
	if d.area == (xlsxArea{}) {
		d := *d
		if err := d.Check(); err != nil {
			return err
		}
		return d.tell(book, sheet, out)
	}
	return d.tell(book, sheet, out)
}

// open reads everything but the sheet and gives the name of the sheet's part.
func (d *XLSX) open(f *xlsxFile) (*xlsxBook, string, error) {
	root, err := f.relations("")
	if err != nil {
		return nil, "", err
	}
	main := "xl/workbook.xml"
	if i := slices.IndexFunc(root, func(r xlsxRel) bool { return r.kind == "officeDocument" }); i >= 0 {
		main = root[i].target
	}
	if err := f.isWorkbook(main); err != nil {
		return nil, "", err
	}
	b := &xlsxBook{xlsxFile: f, errors: d.Errors}
	sheets, err := b.sheets(main)
	if err != nil {
		return nil, "", err
	}
	rels, err := f.relations(main)
	if err != nil {
		return nil, "", err
	}
	sheet, err := d.choose(sheets, rels, path.Dir(main))
	if err != nil {
		return nil, "", err
	}
	target := func(kind, usual string) string {
		if i := slices.IndexFunc(rels, func(r xlsxRel) bool { return r.kind == kind }); i >= 0 {
			return rels[i].target
		}
		return path.Join(path.Dir(main), usual)
	}
	if b.formats, err = f.styles(target("styles", "styles.xml")); err != nil {
		return nil, "", err
	}
	if b.strings, err = f.sharedStrings(target("sharedStrings", "sharedStrings.xml")); err != nil {
		return nil, "", err
	}
	return b, sheet, nil
}

// isWorkbook says what an archive without workbook is instead, where that is known.
func (f *xlsxFile) isWorkbook(main string) error {
	has := func(name string) bool { return f.files[strings.ToLower(strings.TrimPrefix(name, "/"))] != nil }
	switch {
	case strings.HasSuffix(main, ".bin"), has("xl/workbook.bin"):
		return xlsxError("a workbook of the binary format .xlsb")
	case has(main) && !strings.HasPrefix(path.Base(main), "document") && !strings.HasPrefix(path.Base(main), "presentation"):
		return nil
	case has("content.xml"):
		return xlsxError("a document of the format OpenDocument, not xlsx")
	}
	return xlsxError("the archive is no workbook")
}

// xlsxSheetName is a sheet as the workbook lists it.
type xlsxSheetName struct {
	name, rel string
	hidden    bool
}

// sheets reads the workbook's list.
func (b *xlsxBook) sheets(main string) (sheets []xlsxSheetName, err error) {
	_, err = b.part(main, func(s *xlsxScan) error {
		for {
			kind, err := s.next()
			if err != nil || kind == xlsxEOF {
				return err
			}
			if kind != xlsxStart {
				continue
			}
			switch string(s.name) {
			case "workbookPr":
				v := string(s.attr("date1904"))
				b.from1904 = v == "1" || v == "true" || v == "on"
			case "sheet":
				if err := b.keep(len(s.attr("name")) + 128); err != nil {
					return err
				}
				state := string(s.attr("state"))
				sheets = append(sheets, xlsxSheetName{string(s.attr("name")), string(s.attr("id")), state != "" && state != "visible"})
			}
		}
	})
	return sheets, err
}

// choose gives the part of the sheet that is wanted.
func (d *XLSX) choose(sheets []xlsxSheetName, rels []xlsxRel, dir string) (string, error) {
	byID := make(map[string]*xlsxRel, len(rels))
	for i := range rels {
		byID[rels[i].id] = &rels[i]
	}
	for pass := range 2 {
		for i, s := range sheets {
			rel := byID[s.rel]
			if rel != nil && rel.kind != "worksheet" {
				continue
			}
			switch {
			case d.Sheet != "" && pass == 0 && s.name != d.Sheet, d.Sheet != "" && !strings.EqualFold(s.name, d.Sheet):
				continue
			case d.Sheet == "" && pass == 0 && s.hidden:
				continue
			}
			if rel == nil {
				return fmt.Sprintf("%s/worksheets/sheet%d.xml", dir, i+1), nil
			}
			return rel.target, nil
		}
	}
	if d.Sheet == "" {
		return "", xlsxError("the workbook has no sheet of cells")
	}
	names := make([]string, len(sheets))
	for i := range sheets {
		names[i] = sheets[i].name
	}
	return "", xlsxError(fmt.Sprintf("the workbook has no sheet %q, but %s", excerpt.Of(d.Sheet), listed(names)))
}

// tell tells the rows of a sheet.
func (d *XLSX) tell(b *xlsxBook, sheet string, out decode.Sink) error {
	t := xlsxTable{XLSX: d, book: b, out: out}
	x := &xlsxSheet{xlsxBook: b, name: sheet, area: d.area, cell: t.measure}
	if d.Merged == xlsxMergedFill {
		x.merged = t.merge
	}
	if err := x.read(); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	if t.header > 0 {
		if err := t.plan(); err != nil {
			return err
		}
		slices.SortStableFunc(t.merges, func(a, b xlsxArea) int { return cmp.Compare(a.top, b.top) })
		x.cell, x.merged = t.cell, nil
		if err := x.read(); err != nil {
			return err
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	return out.EndArray()
}

var _ decode.Binary = (*XLSX)(nil)

// Unpacks implements decode.Unpacker: a workbook does not begin like gzip.
func (*XLSX) Unpacks(string) bool { return true }

var _ decode.Unpacker = (*XLSX)(nil)
