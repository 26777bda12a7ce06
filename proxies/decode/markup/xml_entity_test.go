package markup

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestXMLEntities(t *testing.T) {
	t.Parallel()
	dtd := func(declarations, rest string) string { return "<!DOCTYPE r [" + declarations + "]>" + rest }
	lenient := xmlWith(XMLOptions{Lenient: true})
	decodetest.Run(t, []decodetest.Test{
		{Name: "text and attribute", Dec: new(XML), In: dtd(`<!ENTITY o "http://x/#">`, `<r a="&o;T">&o;U</r>`), Want: `{"@a":"http://x/#T","#text":"http://x/#U"}`},
		{Name: "in one another, declared later", Dec: new(XML), In: dtd(`<!ENTITY a 'x&b;y'><!ENTITY b "&#66;&amp;&lt;">`, `<r>&a;</r>`), Want: `"xB&<y"`},
		{Name: "the first counts", Dec: new(XML), In: dtd(`<!ENTITY a "1"><!ENTITY a "2"><!ENTITY a SYSTEM "x">`, `<r>&a;</r>`), Want: `"1"`},
		{Name: "two steps", Dec: new(XML), In: dtd(`<!ENTITY a "&#38;#60;&#38;amp;">`, `<r>&a;</r>`), Want: `"<&"`},
		{Name: "half a reference", Dec: new(XML), In: dtd(`<!ENTITY a "&#38;">`, `<r>&a;lt;</r>`), Fail: "begins no reference", At: 37},
		{Name: "the five are not declared anew", Dec: new(XML), In: dtd(`<!ENTITY lt "x">`, `<r>&lt;</r>`), Want: `"<"`},
		{Name: "before those of HTML", Dec: xmlWith(XMLOptions{Entities: "html"}), In: dtd(`<!ENTITY eacute "E">`, `<r>&eacute;&uuml;</r>`), Want: `"Eü"`},
		{Name: "ends of lines", Dec: xmlWith(XMLOptions{Space: "preserve"}), In: dtd("<!ENTITY a 'x\r\ny\tz&#13;&#10;'>", "<r b='&a;'>&a;</r>"), Want: `{"@b":"x y z  ","#text":"x\ny\tz\r\n"}`},
		{Name: "what is no declaration", Dec: new(XML), In: dtd("<!-- <!ENTITY a '1'> --><?p <!ENTITY a '2'>?><!ELEMENT r ANY><!ATTLIST r x CDATA '<!ENTITY a \"3\">'>\n<!ENTITY\n a\n'4' >", "<r>&a;</r>"), Want: `"4"`},
		{Name: "CDATA", Dec: new(XML), In: dtd("<!ENTITY a 'x'>", "<r><![CDATA[&a;]]></r>"), Want: `"&a;"`},
		{Name: "markup", Dec: new(XML), In: dtd("<!ENTITY a '<b/>'>", "<r>&a;</r>"), Fail: "stands for markup", At: 36},
		{Name: "markup of numeric references", Dec: new(XML), In: dtd("<!ENTITY a '&#60;b/>'>", "<r>&a;</r>"), Fail: "stands for markup", At: 40},
		{Name: "itself", Dec: new(XML), In: dtd("<!ENTITY a '&a;'>", "<r>&a;</r>"), Fail: "stands for itself", At: 35},
		{Name: "itself by another", Dec: new(XML), In: dtd("<!ENTITY a 'x&b;'><!ENTITY b 'y&a;'>", "<r b='&b;'/>"), Fail: "stands for itself", At: 57},
		{Name: "external", Dec: new(XML), In: dtd("<!ENTITY a SYSTEM 'file:///etc/passwd'>", "<r>&a;</r>"), Fail: "outside of the document", At: 57},
		{Name: "external by another", Dec: new(XML), In: dtd("<!ENTITY a PUBLIC '-' 'x'><!ENTITY b '&a;'>", "<r>&b;</r>"), Fail: "outside of the document", At: 61},
		{Name: "unused ones are no error", Dec: new(XML), In: dtd("<!ENTITY a SYSTEM 'x'><!ENTITY b '&b;'><!ENTITY c '<'><!ENTITY d '&'><!ENTITY e '%x;'><!ENTITY % f '<'>", "<r>x</r>"), Want: `"x"`},
		{Name: "per cent", Dec: new(XML), In: dtd("<!ENTITY b '100%'>", "<r>&b;</r>"), Want: `"100%"`},
		{Name: "lenient", Dec: lenient, In: dtd("<!ENTITY a 'x'><!ENTITY x SYSTEM 'y'><!ENTITY m '<b>'><!ENTITY l '&k;'><!ENTITY k '&l;'>", "<r>&a; &x; &m; &l; &k;</r>"), Want: `"x &x; &m; &l; &k;"`},
		{Name: "namespaces of entities", Dec: new(XML), In: dtd("<!ENTITY u 'urn:u'>", "<r xmlns:p='&u;' xmlns:q='urn:u'><p:a>1</p:a><q:b>2</q:b></r>"), Want: `{"a":"1","b":"2"}`},
		{Name: "nil in a namespace of an entity", Dec: new(XML), In: dtd("<!ENTITY u 'http://www.w3.org/2001/XMLSchema-instance'>", "<r xmlns:p='&u;' p:nil='true'/>"), Want: `null`},
		{Name: "records", Dec: xmlWith(XMLOptions{Records: "v"}), In: dtd("<!ENTITY a 'x'>", "<r><v>&a;</v><v>&a;&a;</v></r>"), Want: `["x","xx"]`},
		{Name: "soap", Dec: new(SOAP), In: dtd("<!ENTITY a 'x'>", "<Envelope><Body><m>&a;</m></Body></Envelope>"), Want: `"x"`},
	})
}

// xmlLaughs are entities of which each is ten times the one before.
func xmlLaughs(n int) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE r [<!ENTITY l0 'lol'>")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "<!ENTITY l%d '%s'>", i, strings.Repeat(fmt.Sprintf("&l%d;", i-1), 10))
	}
	fmt.Fprintf(&b, "]><r>&l%d;</r>", n)
	return b.String()
}

func xmlChain(n int) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE r [<!ENTITY e0 'x'>")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "<!ENTITY e%d '&e%d;'>", i, i-1)
	}
	return b.String()
}

// xmlEntityBombs are documents that are small beside what they stand for, of about the size of all others.
func xmlEntityBombs() []string {
	long := "<!DOCTYPE r [<!ENTITY a '" + strings.Repeat("long ", xmlSize/10) + "'>]><r>"
	var many strings.Builder
	many.WriteString("<!DOCTYPE r [")
	for i := 0; many.Len() < xmlSize; i++ {
		fmt.Fprintf(&many, "<!ENTITY e%x ''>", i)
	}
	eight := "<!DOCTYPE r [<!ENTITY a '" + strings.Repeat("12345678", 10) + "'>]><r>" // as much as is allowed, in small elements
	return []string{
		xmlFill("<!DOCTYPE r [<!ENTITY a '"+strings.Repeat("long &amp; ", xmlSize/20)+"&bad;'>]><r>", "&a;", "</r>"), xmlFill("<!DOCTYPE r [<!ENTITY e ''><!ENTITY a '"+strings.Repeat("&e;", xmlSize/6)+"'>]><r>", "&a;", "</r>"),
		strings.Replace(xmlLaughs(9), "<r>", "<r>"+strings.Repeat("x", xmlSize), 1), xmlFill(long, "&a;", "</r>"), xmlFill(long, "<a>&a;</a>", "</r>"), many.String() + "]><r/>", xmlFill("<!DOCTYPE r [<!ENTITY a ''>]><r>", "&a;", "</r>"),
		xmlFill("<!DOCTYPE r [<!ENTITY a ''><!ENTITY b '", "&a;", "'>]><r>&b;</r>"), xmlFill("<!DOCTYPE r [<!ENTITY a '", "%", "'>]><r>&a;</r>"), xmlFill("<!DOCTYPE r [<!ENTITY a '", "&", "'>]><r>&a;</r>"),
		xmlFill(eight, "<a>&a;</a>", "</r>"), xmlFill(eight, "<a b='&a;'/>", "</r>"), xmlFill(strings.Replace(eight, "<r>", "<r><x>", 1), "&a;      ", "</x></r>"), xmlFill(eight, "<a b=''><c/>&a;</a>          ", "</r>"),
		xmlFill("<!DOCTYPE r [<!ENTITY "+strings.Repeat("n", 90)+" 'x'>]><r>", "&", "</r>"), xmlChain(10_000) + "]><r>&e9999;</r>", xmlFill("<!DOCTYPE r [", "<!ENTITY a '&a;'>", "]><r>&a;</r>"), xmlFill("<!DOCTYPE r [", "<!ENTITY ", "]><r/>"), xmlFill("<!DOCTYPE r [<!ENTITY a ''>", "<!ENTITY ''", "]><r/>"),
	}
}

func TestXMLEntityLimits(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"billion laughs": xmlLaughs(9), "in an attribute": strings.Replace(xmlLaughs(9), "<r>&l9;</r>", "<r a='&l9;'/>", 1), "quadratic": "<!DOCTYPE r [<!ENTITY a '" + strings.Repeat("a", 50_000) + "'>]><r>" + strings.Repeat("&a;", 1000) + "</r>",
		"records": "<!DOCTYPE r [<!ENTITY a '" + strings.Repeat("a", 50_000) + "'>]><r>" + strings.Repeat("<v>&a;</v>", 1000) + "</r>",
	} {
		for _, o := range []XMLOptions{{Repeated: "array"}, {Lenient: true, Repeated: "array"}, {Records: "r", Repeated: "array"}, {Records: "v", List: []string{"v"}}} {
			d := xmlWith(o)
			if o.Records == "v" && name != "records" {
				continue
			}
			err := d.Decode(t.Context(), &decode.Input{Body: []byte(body)}, decode.NewWriter(nil, decode.Limits{}))
			if _, ok := errors.AsType[*decode.LimitError](err); !ok {
				t.Errorf("%s, %+v: %v", name, o, err)
			}
			xmlAgrees(t, d, []byte(body))
		}
	}
	// What is within the limits is read: 64 KiB in any document.
	for body, want := range map[string]int{
		strings.Replace(xmlLaughs(3), "lol", strings.Repeat("x", 15), 1): 15_000, xmlChain(1000) + "]><r>&e999;</r>": 1,
		"<!DOCTYPE r [<!ENTITY a '1234567'>]><r>" + strings.Repeat("&a;", 100_000) + "</r>": 700_000,
	} {
		w := decode.NewWriter(nil, decode.Limits{})
		if err := new(XML).Decode(t.Context(), &decode.Input{Body: []byte(body)}, w); err != nil || len(w.Bytes()) != want+2 {
			t.Errorf("%.60q: %d bytes, %v", body, len(w.Bytes()), err)
		}
	}
}

func TestFactorXMLEntities(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	bodies := xmlEntityBombs()
	for name, o := range map[string]XMLOptions{"xml": {Repeated: "array"}, "xml lenient": {Lenient: true, Repeated: "array"}, "xml content": {Content: []string{"*"}}, "xml records": {Records: "a", Root: "keep"}} {
		decodetest.CheckFactor(t, name, xmlWith(o), bodies)
	}
}
