package markup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

const xmlSize = 256 << 10

// xmlFill is a document of many of one item.
func xmlFill(before, item, after string) string {
	return before + strings.Repeat(item, (xmlSize-len(before)-len(after))/len(item)) + after
}

// xmlNumbered is a document of items that differ.
func xmlNumbered(before, format, after string) string {
	var b strings.Builder
	b.WriteString(before)
	for i := 0; b.Len() < xmlSize; i++ {
		b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprintf("%x", i)))
	}
	b.WriteString(after)
	return b.String()
}

func xmlHostile() []string {
	nested := strings.Repeat("<a>", 500) + strings.Repeat("</a>", 500)
	return []string{
		xmlFill("<r>", "<a/>", "</r>"), xmlFill("<r>", "<a/>x", "</r>"), xmlFill("<r>x", "<a/>", "</r>"), xmlFill("<r>", "<a b=''/>", "</r>"), xmlFill("<r>", "<a><b/></a>", "</r>"),
		xmlFill("<r>", "<a><b/><c/></a>", "</r>"), xmlFill("<r>", nested, "</r>"), xmlFill("<r>", "&lt;", "</r>"), xmlFill("<r>", "<![CDATA[x]]>", "</r>"), xmlFill("<r>", "\r\n", "</r>"),
		xmlFill("<r>", "<!---->", "</r>"), xmlFill("<r>", "x<!---->", "</r>"), xmlFill("<r>", "long ", "</r>"), xmlFill("<r>", "<a> </a>", "</r>"), xmlFill("<r>", "<a>x</a>", "</r>"), xmlFill("<r>", "<a b='' c='' d='' e='' f='' g='' h='' i='' j=''/>", "</r>"),
		xmlNumbered("<r>", "<a#/>", "</r>"), xmlNumbered("<r>", "<a# b#=''/>", "</r>"), xmlNumbered("<r ", "a#='' ", "/>"), xmlNumbered("<r>", "<a xmlns:p#='u#'/>", "</r>"), xmlNumbered("<r ", "xmlns:p#='u' ", ">"+strings.Repeat("<p1:a/>", 10000)+"</r>"),
		xmlNumbered("<r>", "<a#/><a#/>", "</r>"), xmlNumbered("<r>", "<x><a/><b/><c/><d/><e/><f/><g/><h/><i/><j/><k/><l/><m/><n/><o/><p/><q/><r/></x>", "</r>"), xmlFill("<r>", "&", ""), xmlFill("<r>", "<", ""), xmlFill("<r>", "</x>", ""), xmlFill("<r>", "<a>", ""), xmlFill("<r>"+strings.Repeat("<b>", 400), "</a>", ""),
		xmlFill("<!DOCTYPE r [", "<!-- -->", "]><r/>"), xmlFill("<!DOCTYPE r [", "<", ""), xmlFill("<!DOCTYPE r [", "'", ""), xmlFill("<r>", "<a>1</a><b>2</b>", "</r>"), xmlFill("<r a='", "\t", "'/>"), xmlFill("<r>", "<![CDATA[", ""), xmlFill("<r>", "<!--", ""), xmlFill("<r ", "=", ""), xmlFill("<r ", "'", ""),
		xmlFill("<r>", "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;", "</r>"), xmlFill("<r>x", "<a><b/>x</a>", "</r>"), strings.Repeat(xml4K(), 1),
	}
}

func TestFactorXML(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	bodies := xmlHostile()
	for name, o := range map[string]XMLOptions{
		"xml": {}, "xml arrays": {Arrays: true}, "xml repeated": {Repeated: "array", Empty: "object"}, "xml records": {Records: "r/*", Root: "keep"}, "xml content": {Content: []string{"*"}}, "xml lists": {List: []string{"r/a", "a/b", "a/c"}},
		"xml lenient": {Lenient: true, Repeated: "array"}, "xml text": {Mixed: "text", Arrays: true}, "xml keep": {Namespaces: "keep", Repeated: "array"},
	} {
		decodetest.CheckFactor(t, name, xmlWith(o), bodies)
	}
	for i := range bodies {
		bodies[i] = "<Envelope><Body>" + bodies[i] + "</Body></Envelope>"
	}
	decodetest.CheckFactor(t, "soap", &SOAP{XMLOptions: XMLOptions{Arrays: true}}, bodies)
}

// TestXMLTime finds what takes time by the square of its length: that takes minutes, all else well under a second.
func TestXMLTime(t *testing.T) {
	t.Parallel()
	if decodetest.RaceDetector {
		t.Skip("time is measured without the race detector")
	}
	for _, o := range []XMLOptions{{Repeated: "array"}, {Arrays: true}, {Lenient: true, Repeated: "array"}, {Lenient: true, Mixed: "text"}, {Records: "a"}, {List: []string{"a/b", "r/a", "r/*"}, Content: []string{"a"}}} {
		for _, body := range slices.Concat(xmlHostile(), xmlEntityBombs()) {
			body = strings.Replace(body, "</r>", body[min(3, len(body)):], 1)
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			start := time.Now()
			err := xmlWith(o).Decode(ctx, &decode.Input{Body: []byte(body)}, decode.NewWriter(nil, decode.Limits{}))
			if ctx.Err() != nil {
				t.Errorf("%.60q: %v", body, err)
			}
			if took := time.Since(start); took > 100*time.Millisecond {
				t.Logf("%.60q took %v with %+v", body, took, o)
			}
			stop()
		}
	}
}

func TestFactorFeed(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	rss := func(item string) string { return xmlFill("<rss><channel>", item, "</channel></rss>") }
	decodetest.CheckFactor(t, "rss", new(Feed), []string{
		rss("<item/>"), rss("<item></item>"), rss("<item><title>x</title></item>"), rss("<item><category/></item>"), rss("<item><category>x</category></item>"), xmlFill("<rss><channel><item>", "<category>x</category>", "</item></channel></rss>"),
		xmlFill("<rss><channel><item>", "<enclosure/>", "</item></channel></rss>"), xmlFill("<rss><channel><item>", "<dc:date>1</dc:date>", "</item></channel></rss>"), xmlFill("<rss><channel><item><title>", "<b/>", "</title></item></channel></rss>"),
		xmlFill("<feed>", "<entry/>", "</feed>"), xmlFill("<feed><entry>", "<author/>", "</entry></feed>"), xmlFill("<feed><entry>", "<link/>", "</entry></feed>"), xmlFill("<feed><entry>", "<content/>", "</entry></feed>"), xmlFill("<feed><entry><content type='html'>", "&lt;b>", "</content></entry></feed>"), xmlFill("<feed><entry><content type='xhtml'>", "<b>", "</content></entry></feed>"),
		rss("<item><title>A usual title</title><link>https://example.org/news/2024/05/a-usual-title</link><description>Some text &amp;c.</description><pubDate>Wed, 01 May 2024 10:00:00 GMT</pubDate></item>"),
		xmlFill(`{"version":"https://jsonfeed.org/version/1","items":[{}`, `,{}`, "]}"), xmlFill(`{"version":"https://jsonfeed.org/version/1","items":[{"tags":[""`, `,""`, "]}]}"), xmlFill(`{"version":"https://jsonfeed.org/version/1","x":[0`, `,0`, "]}"),
		xmlFill("<x>", "<item/>", "</x>"), rss("<foo:bar/>"), rss("<a/>"), xmlFill("<rss><channel>", "&lt;", "</channel></rss>"),
	})
}
