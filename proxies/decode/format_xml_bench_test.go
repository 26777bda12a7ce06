package decode

import (
	"fmt"
	"strings"
	"testing"
)

// xml4K is a document of 4 KiB as a service of an older kind answers it.
func xml4K() string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\r\n<orders xmlns=\"urn:example:orders\" generated=\"2024-05-01T10:00:00\">\r\n")
	for i := 0; b.Len() < 4000; i++ {
		fmt.Fprintf(&b, "  <order id=\"%d\" state=\"open\">\r\n    <customer>M\u00fcller &amp; S\u00f6hne</customer>\r\n    <total currency=\"EUR\">%d.50</total>\r\n    <note/>\r\n    <item><sku>A-%d</sku><count>3</count></item>\r\n    <item><sku>B-%d</sku><count>1</count></item>\r\n  </order>\r\n", i, 10*i, i, i)
	}
	b.WriteString("</orders>\r\n")
	return b.String()
}

func BenchmarkXML(b *testing.B) {
	d := &XML{XMLOptions: XMLOptions{List: []string{"order", "order/item"}}}
	if err := d.Check(); err != nil {
		b.Fatal(err)
	}
	benchmarkSinks(b, d, xml4K())
}
