package markup

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
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
	decodetest.Benchmark(b, d, xml4K())
}

// BenchmarkXMLTokens is what the standard library takes for reading the tokens of the same document alone.
func BenchmarkXMLTokens(b *testing.B) {
	text := xml4K()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d := xml.NewDecoder(strings.NewReader(text))
		d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
		for {
			if _, err := d.RawToken(); err != nil {
				break
			}
		}
	}
}

func BenchmarkXMLStream(b *testing.B) {
	d := &XML{XMLOptions: XMLOptions{Records: "order", List: []string{"order/item"}}}
	text := "<orders>" + strings.Repeat(strings.TrimSuffix(xml4K()[strings.Index(xml4K(), "  <order id"):], "</orders>\r\n"), 250) + "</orders>"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Stream(b.Context(), strings.NewReader(text), &decode.Input{}, nowhere{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	item := "<item><title>A usual title &amp; more</title><link>https://example.org/news/2024/05/a-usual-title</link><description><![CDATA[<p>Some text</p>]]></description><pubDate>Wed, 01 May 2024 10:00:00 GMT</pubDate><guid>https://example.org/?p=1</guid></item>\n"
	decodetest.Benchmark(b, new(Feed), "<rss version='2.0'><channel>"+strings.Repeat(item, 20)+"</channel></rss>")
}
