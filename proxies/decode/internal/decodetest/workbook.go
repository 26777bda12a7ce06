package decodetest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// Workbook makes an archive of one sheet; sheet is what stands in its root element, texts are the shared strings.
func Workbook(tb testing.TB, sheet string, texts ...string) []byte {
	tb.Helper()
	const rel = `http://schemas.openxmlformats.org/officeDocument/2006/relationships/`
	var si strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&si, "<si>%s</si>", text)
	}
	return Zipped(tb, []string{
		"_rels/.rels", `<Relationships><Relationship Id="1" Type="` + rel + `officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" sheetId="1" r:id="1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="1" Type="` + rel + `worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/styles.xml", `<styleSheet><numFmts><numFmt numFmtId="200" formatCode="[h]:mm"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="200"/></cellXfs></styleSheet>`,
		"xl/sharedStrings.xml", `<sst>` + si.String() + `</sst>`,
		"xl/worksheets/sheet1.xml", `<worksheet>` + sheet + `</worksheet>`,
	})
}

// Zipped makes an archive of names and texts.
func Zipped(tb testing.TB, files []string) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}
