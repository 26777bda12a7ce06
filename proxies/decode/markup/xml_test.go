package markup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func xmlWith(o XMLOptions) *XML { return &XML{XMLOptions: o} }

func TestXML(t *testing.T) {
	t.Parallel()
	x := func(name string, o XMLOptions, in, want string) decodetest.Test {
		return decodetest.Test{Name: name, Dec: xmlWith(o), In: in, Want: want}
	}
	refused := func(name string, o XMLOptions, in, fail string, at int64) decodetest.Test {
		return decodetest.Test{Name: name, Dec: xmlWith(o), In: in, Fail: fail, At: at}
	}
	var none XMLOptions
	lenient := XMLOptions{Lenient: true}
	list := func(paths ...string) XMLOptions { return XMLOptions{List: paths} }
	decodetest.Run(t, []decodetest.Test{
		x("text", none, "<a> x y\n</a>", `"x y"`),
		x("empty", none, "<a/>", `null`),
		x("white", none, "<a>\n</a>", `null`),
		x("empty string", XMLOptions{Empty: "string"}, "<a><b/><c></c></a>", `{"b":"","c":""}`),
		x("empty object", XMLOptions{Empty: "object"}, "<a><b/></a>", `{"b":{}}`),
		x("attributes", none, `<a x="1" y='"'><b/></a>`, `{"@x":"1","@y":"\"","b":null}`),
		x("attributes and text", none, `<a x="1">t</a>`, `{"@x":"1","#text":"t"}`),
		x("attributes only", none, `<a x=""> </a>`, `{"@x":""}`),
		x("no attributes", XMLOptions{Attributes: "none"}, `<a x="1">t<!-- --></a>`, `"t"`),
		x("order", none, "<a><z>1</z><b>2</b></a>", `{"z":"1","b":"2"}`),
		x("list", list("b"), "<a><b>1</b></a>", `{"b":["1"]}`),
		x("list of many", list("b"), "<a><b>1</b><c/><b>2</b><b/></a>", `{"b":["1","2",null],"c":null}`),
		x("list with parent", list("a/b"), "<a><c/></a>", `{"c":null,"b":[]}`),
		x("list of an empty element", list("a/b"), "<r><a/></r>", `{"a":{"b":[]}}`),
		x("list with parent and text", list("a/b"), "<r><a>none</a></r>", `{"a":{"#text":"none","b":[]}}`),
		x("list with parent elsewhere", list("a/b"), "<r><c><b>1</b></c><a><b>1</b></a></r>", `{"c":{"b":"1"},"a":{"b":["1"]}}`),
		x("list from the root", list("/r/b"), "<r><b>1</b><c><r><b>1</b></r></c></r>", `{"b":["1"],"c":{"r":{"b":"1"}}}`),
		x("list anywhere", list("//b"), "<r><b><b>1</b></b></r>", `{"b":[{"b":["1"]}]}`),
		x("list of any", list("r/*"), "<r><b><b>1</b></b></r>", `{"b":[{"b":"1"}]}`),
		x("arrays", XMLOptions{Arrays: true}, `<r x="1"><a><b>1</b></a></r>`, `{"@x":"1","a":[{"b":["1"]}]}`),
		refused("repeated", none, "<r><a><b/><b/></a></r>", `xml: an element is there more than once: declare "list a/b"`, 11),
		refused("repeated apart", none, "<r><b/><c/><b/></r>", `declare "list r/b"`, 12),
		x("first", XMLOptions{Repeated: "first"}, "<r><b>1</b><c/><b>2</b></r>", `{"b":"1","c":null}`),
		x("last", XMLOptions{Repeated: "last"}, "<r><b>1</b><c/><b>2</b></r>", `{"b":"2","c":null}`),
		x("array", XMLOptions{Repeated: "array"}, "<r><b>1</b><c/><b>2</b></r>", `{"b":["1","2"],"c":null}`),
		x("many names", XMLOptions{Repeated: "array"}, manyNames(), `{"n0":["0","0"],"n1":["1","1"],"n2":["2","2"],"n3":["3","3"],"n4":["4","4"],"n5":["5","5"],"n6":["6","6"],"n7":["7","7"],"n8":["8","8"],"n9":["9","9"],"n10":["10","10"],"n11":["11","11"],"n12":["12","12"],"n13":["13","13"],"n14":["14","14"],"n15":["15","15"],"n16":["16","16"],"n17":["17","17"],"n18":["18","18"],"n19":["19","19"]}`),
		x("mixed", none, "<p>\n a <b>c</b> <i>d</i>, e<br/>\n</p>", `{"#content":["a ",{"b":"c"}," ",{"i":"d"},", e",{"br":null}]}`),
		x("mixed with attributes", none, `<p x="1">a<b y="2">c</b></p>`, `{"@x":"1","#content":["a",{"b":{"@y":"2","#text":"c"}}]}`),
		x("mixed as text", XMLOptions{Mixed: "text"}, "<r><p>a <b>c<i>d</i></b>\n</p><q x='1'>e<f/></q></r>", `{"p":"a cd","q":{"@x":"1","#text":"e"}}`),
		x("content", XMLOptions{Content: []string{"p"}}, "<r><p>a</p></r>", `{"p":{"#content":["a"]}}`),
		x("content empty", XMLOptions{Content: []string{"p"}}, "<r><p/></r>", `{"p":{"#content":[]}}`),
		x("content of elements", XMLOptions{Content: []string{"p"}}, "<p>\n<b/>\n<c/><b/></p>", `{"#content":[{"b":null},{"c":null},{"b":null}]}`),
		x("CDATA", none, "<a>x &lt; <![CDATA[<b> &amp; ]] > \r\n]]> y</a>", `"x < <b> &amp; ]] > \n y"`),
		x("CDATA alone", none, "<a>\n<![CDATA[ <b/> ]]>\n</a>", `"<b/>"`),
		x("comments", none, "<!-- a --><a>x<!-- <b> -->y<?php echo '>' ?>z</a><!-- -->\n<?x?>", `"xyz"`),
		x("references", none, "<a b='&lt;&#10;&apos;'>&amp;amp;&#x20ac;&#8364;&quot;</a>", `{"@b":"<\n'","#text":"&amp;€€\""}`),
		x("ends of line", none, "<a b='x\r\ny\tz\r'>1\r\n2\r3\n4</a>", `{"@b":"x y z ","#text":"1\n2\n3\n4"}`),
		x("HTML entities", XMLOptions{Entities: "html"}, "<a>&nbsp;&euro;&AMP;</a>", "\"\u00a0€&\""),
		refused("an entity of HTML", none, "<a>x&nbsp;</a>", "an entity that is not known", 4),
		x("entities of the document", none, `<!DOCTYPE a [ <!-- <!ENTITY x "no"> --> <!ENTITY x 'y&amp;&#x20ac;"' ><!ENTITY x "second"><!ENTITY n "[&x;&x;]">]><a b="&n;">&n;&lt;</a>`, `{"@b":"[y&€\"y&€\"]","#text":"[y&€\"y&€\"]<"}`),
		x("entities before HTML's", XMLOptions{Entities: "html"}, `<!DOCTYPE a [<!ENTITY nbsp "own">]><a>&nbsp;&euro;</a>`, `"own€"`),
		x("white space of an entity", none, "<!DOCTYPE a [<!ENTITY x 'p\tq\nr'>]><a b='&x;'>&x;</a>", `{"@b":"p q r","#text":"p\tq\nr"}`),
		x("entities that nobody refers to", none, `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y PUBLIC "p" 'http://x.test/'><!ENTITY % z "<!ENTITY a 'b'>"><!ENTITY m "<b/>"><!ENTITY c "&c;">]><a>1</a>`, `"1"`),
		refused("an external entity", none, `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, "stands outside of the document", 57),
		refused("an entity of the document type", none, `<!DOCTYPE a [<!ENTITY % x "y">]><a>&x;</a>`, "an entity that is not known", 35),
		refused("markup in an entity", none, `<!DOCTYPE a [<!ENTITY x "<b/>">]><a>&x;</a>`, "stands for markup", 36),
		refused("markup in an entity, by number", none, `<!DOCTYPE a [<!ENTITY x "&#60;b/>">]><a>&x;</a>`, "stands for markup", 40),
		refused("an entity that is itself", none, `<!DOCTYPE a [<!ENTITY x "&y;"><!ENTITY y "&x;">]><a>&x;</a>`, "stands for itself", 52),
		refused("an entity of nothing", none, `<!DOCTYPE a [<!ENTITY x "&y;">]><a>&x;</a>`, "refers to one that is not known", 35),
		refused("an entity with a &", none, `<!DOCTYPE a [<!ENTITY x "a & b">]><a>&x;</a>`, "begins no reference", 37),
		refused("a cut entity", none, `<!DOCTYPE a [<!ENTITY x "y`, "the text ends inside the document type", 26),
		refused("a lone &", none, "<a>R&D</a>", "a & that begins no reference", 4),
		refused("a lone & in an attribute", none, "<a b='x?a=1&b=2'/>", "a & that begins no reference", 11),
		refused("reference to NUL", none, "<a>&#0;</a>", "a numeric reference to no character", 3),
		refused("reference beyond Unicode", none, "<a>&#x110000;</a>", "a numeric reference to no character", 3),
		refused("reference to a surrogate", none, "<a>&#xd800;</a>", "a numeric reference to no character", 3),
		x("document type", none, "\ufeff\n <?xml version='1.0' encoding='utf-16'?><!DOCTYPE a SYSTEM 'x>y' [ <!-- ]> --> <!ELEMENT a ANY> <?p ]> ?> ]>\n<a>1</a>\n", `"1"`),
		x("xsi:nil", none, `<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b xsi:nil="true"/><c xsi:nil="1" x="2"/><d xsi:nil="false"/></a>`, `{"b":null,"c":{"@x":"2","#text":null},"d":{"@nil":"false"}}`),
		x("strip", none, `<p:a xmlns:p="u" xmlns="v" p:x="1"><b/><p:c/></p:a>`, `{"@x":"1","b":null,"c":null}`),
		x("prefix", XMLOptions{Namespaces: "prefix", Root: "keep"}, `<p:a xmlns:p="u" p:x="1"><b/><p:b/></p:a>`, `{"p:a":{"@p:x":"1","b":null,"p:b":null}}`),
		x("keep", XMLOptions{Namespaces: "keep"}, `<p:a xmlns:p="u" xmlns="v"><p:b/></p:a>`, `{"@xmlns:p":"u","@xmlns":"v","p:b":null}`),
		x("undeclared prefix", none, `<p:a><p:b q:c="1"/></p:a>`, `{"b":{"@c":"1"}}`),
		x("same namespace, two prefixes", list("c"), `<a xmlns:p="u" xmlns:q="u"><p:c/><q:c/><c xmlns="u"/></a>`, `{"c":[null,null,null]}`),
		refused("two namespaces", list("c"), `<a xmlns:p="u" xmlns:q="v"><p:c/><q:c/></a>`, `two elements "c" of different namespaces`, 36),
		refused("two namespaces, one prefix", list("c"), `<a><c xmlns="u"/><c/></a>`, `two elements "c" of different namespaces`, 18),
		refused("two attributes", none, `<a p:c="1" q:c="2"/>`, `"@c" occurs twice`, -1),
		x("data attributes", XMLOptions{Attributes: "data"}, `<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x" b="1"/>`, `{"@b":"1"}`),
		x("root", XMLOptions{Root: "keep"}, "<a>1</a>", `{"a":"1"}`),
		x("select", XMLOptions{Select: "b/c"}, "<a><c>0</c><b><c>1</c><c>2</c></b></a>", `"1"`),
		x("select and root", XMLOptions{Select: "c", Root: "keep"}, "<a><b><c><c>1</c></c></b></a>", `{"c":{"c":"1"}}`),
		refused("select nothing", XMLOptions{Select: "a/d"}, "<a><b/></a>", `xml: there is no element "a/d"`, 11),
		refused("error behind what was selected", XMLOptions{Select: "b"}, "<a><b/></c>", `the end tag "c" inside the element "a"`, 7),
		x("records", XMLOptions{Records: "b"}, "<a>x<b>1</b><c><b y='2'><b>3</b></b></c></a>", `["1",{"@y":"2","b":"3"}]`),
		x("no records", XMLOptions{Records: "b"}, "<a/>", `[]`),
		x("records and root", XMLOptions{Records: "a/*", Root: "keep"}, "<a><b>1</b><c/></a>", `[{"b":"1"},{"c":null}]`),
		x("root as record", XMLOptions{Records: "a"}, "<a>1</a>", `["1"]`),
		x("numbers", XMLOptions{Numbers: true}, "<a b='1.50' c='007'><d>-1e5</d><e>true</e><f>null</f><g/></a>", `{"@b":1.50,"@c":"007","d":-1e5,"e":true,"f":null,"g":null}`),
		x("preserve", XMLOptions{Space: "preserve"}, "<r>\n<a> x </a>\n<b> </b><c>\n a <d/>\n</c></r>", `{"a":" x ","b":" ","c":{"#content":["\n a ",{"d":null},"\n"]}}`),
		x("deep names", none, "<été><日本>1</日本></été>", `{"日本":"1"}`),

		refused("nothing", none, "", "xml: the body is empty", 0),
		refused("white space", none, " \n", "there is no element", 2),
		refused("text", none, "ERROR 7", "text before the root element", 0),
		refused("text before", none, "\nWarning: x\n<a/>", "text before the root element", 1),
		refused("JSON", none, `{"a":1}`, "text before the root element", 0),
		refused("text behind", none, "<a/>\n x", "more text after the root element", 6),
		refused("two roots", none, "<a/><b/>", "a second root element", 4),
		refused("cut", none, "<a><b>x", `the text ends inside the element "b"`, 7),
		refused("cut tag", none, "<a><b x='", "the text ends inside a tag", 9),
		refused("cut comment", none, "<a><!-- x ->", "the text ends inside a comment", 12),
		refused("cut CDATA", none, "<a><![CDATA[x]]", "the text ends inside CDATA", 15),
		refused("cut document type", none, "<!DOCTYPE a [ <!-- ", "the text ends inside the document type", 19),
		refused("wrong end tag", none, "<a><b></a></b>", `the end tag "a" inside the element "b"`, 6),
		refused("end tag of none", none, "<a/></b>", `the end tag "b" of no element`, 4),
		refused("no tag", none, "<a>1 < 2</a>", "a < that begins no tag", 5),
		refused("control character", none, "<a>\x01</a>", "the control character 0x01", 3),
		refused("NUL in CDATA", none, "<a><![CDATA[\x00]]></a>", "the control character 0x00", 12),
		refused("control character in an attribute", none, "<a b='\x1b'/>", "the control character 0x1b", 6),
		refused("attribute without quotes", none, "<a b=c/>", "an attribute without quotes", 5),
		refused("attribute without value", none, "<a b/>", "an attribute without =", 4),
		refused("a login", none, "<!DOCTYPE html><HTML><body><input name=u>", "an attribute without quotes; see the option lenient, in a page of HTML", 39),
		refused("attribute twice", none, "<a b='1' b='2'/>", `"@b" occurs twice`, -1),
		refused("< in an attribute", none, "<a b='<'/>", "a < in an attribute", 6),
		refused("a digit as name", none, "<a><1/></a>", "a < that begins no tag", 3),
		refused("HTML", none, "<!doctype html><html><br><p>x</html>", `the end tag "html" inside the element "p"`, 29),
		refused("depth", none, strings.Repeat("<a>", 600), "more than 512 depth", -1),
		refused("declaration", none, "<a><!ELEMENT></a>", "a <! that begins neither", 3),

		x("lenient: &", lenient, "<a b='x?a=1&b=2'>R&D &nbsp; &foo; &#0; AT&T;</a>", "{\"@b\":\"x?a=1&b=2\",\"#text\":\"R&D \u00a0 &foo; &#0; AT&T;\"}"),
		x("lenient: <", lenient, "<a>1 < 2 <", `"1 < 2 <"`),
		x("lenient: control characters", lenient, "<a b='\x00x'>\x01y<![CDATA[\x02z]]></a>", `{"@b":"x","#text":"yz"}`),
		x("lenient: attributes", lenient, "<a b=c d e='f'g=\"h\"/>", `{"@b":"c","@d":"","@e":"f","@g":"h"}`),
		x("lenient: missing end tags", lenient, "<a><b><c>1</b><d>2", `{"b":{"c":"1"},"d":"2"}`),
		x("lenient: end tag of none", lenient, "<a></x>1</a>", `"1"`),
		x("lenient: around", lenient, "Warning: x\n<a>1</a>\n\x00<b", `"1"`),
		x("lenient: cut", lenient, "<a><b>1</b><!-- x", `{"b":"1"}`),
		refused("lenient: nothing", lenient, "no element", "there is no element", 10),
	})
}

func manyNames() string {
	var b strings.Builder
	for range 2 {
		for i := range 20 {
			n := "n" + itoa(i)
			b.WriteString("<" + n + ">" + itoa(i) + "</" + n + ">")
		}
	}
	return "<r>" + b.String() + "</r>"
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + itoa(i%10)
}

func TestXMLCheck(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]XMLOptions{
		`repeated "list": want error, first, last or array`:  {Repeated: "list"},
		`mixed "x": want content or text`:                    {Mixed: "x"},
		`attributes "x": want all, data or none`:             {Attributes: "x"},
		`empty "x": want null, string or object`:             {Empty: "x"},
		`namespaces "x": want strip, prefix or keep`:         {Namespaces: "x"},
		`"p:a/b": names have no prefix unless namespaces is`: {List: []string{"p:a/b"}},
		`"p:c": names have no prefix unless namespaces is`:   {Records: "p:c", Namespaces: "strip"},
		`entities "x": want xml or html`:                     {Entities: "x"},
		`root "x": want keep or drop`:                        {Root: "x"},
		`space "x": want trim or preserve`:                   {Space: "x"},
		"select and records exclude each other":              {Select: "a", Records: "b"},
		`list "a//b": a path is names with one /`:            {List: []string{"a//b"}},
		`list "a/": a path is names with one /`:              {List: []string{"a/"}},
		`list "": a path is names with one /`:                {List: []string{""}},
		`list "a" is there twice`:                            {List: []string{"a", "a"}},
		`content "a/@b": a path leads to an element`:         {Content: []string{"a/@b"}},
		`select "a[1]": a path has no conditions`:            {Select: "a[1]"},
		`records "a b": "a b" is no name of an element`:      {Records: "a b"},
	} {
		if err := xmlWith(o).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if err := (&SOAP{XMLOptions: o}).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("soap: got %v, want %s", err, want)
		}
		if err := xmlWith(o).Decode(t.Context(), &decode.Input{Body: []byte("<a/>")}, decode.NewTree(decode.Limits{})); err == nil {
			t.Errorf("%v decodes", o)
		}
	}
}

func TestXMLContextEnds(t *testing.T) {
	t.Parallel()
	many := func(s string) []byte { return []byte("<r>" + strings.Repeat(s, 20_000) + "</r>") }
	for name, test := range map[string]struct {
		dec decode.Decoder
		in  []byte
	}{
		"xml":     {xmlWith(XMLOptions{Arrays: true}), many("<a/>")},
		"text":    {new(XML), many("x<!-- -->")},
		"records": {xmlWith(XMLOptions{Records: "a"}), many("<a/>")},
		"soap":    {new(SOAP), many("<a/>")},
		"feed":    {new(Feed), many("<a/>")},
	} {
		for _, n := range []int{1, 3} {
			err := test.dec.Decode(&decodetest.Endless{Context: t.Context(), N: n}, &decode.Input{Body: test.in}, decode.NewTree(decode.Limits{}))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v at question %d", name, err, n)
			}
		}
	}
	err := xmlWith(XMLOptions{Records: "a"}).Stream(&decodetest.Endless{Context: t.Context(), N: 3}, strings.NewReader(string(many("<a/>"))), &decode.Input{}, decode.NewTree(decode.Limits{}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stream: %v", err)
	}
}

// TestXMLEntitiesAreBounded: a few lines may not become gigabytes, by depth or by number.
func TestXMLEntitiesAreBounded(t *testing.T) {
	t.Parallel()
	var laughs strings.Builder
	laughs.WriteString(`<!DOCTYPE a [<!ENTITY l0 "lol">`)
	for i := range 12 {
		fmt.Fprintf(&laughs, `<!ENTITY l%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&l%d;", i), 10))
	}
	laughs.WriteString("]><a>&l12;</a>")
	quadratic := `<!DOCTYPE a [<!ENTITY x "` + strings.Repeat("x", 100_000) + `">]><a>` + strings.Repeat("&x;", 100_000) + "</a>"
	for name, text := range map[string]string{"depth": laughs.String(), "number": quadratic} {
		err := new(XML).Decode(t.Context(), &decode.Input{Body: []byte(text)}, decode.NewWriter(nil, decode.Limits{}))
		if limit, ok := errors.AsType[*decode.LimitError](err); !ok || !strings.Contains(limit.What, "entities") {
			t.Errorf("%s: %v", name, err)
		}
	}
	fine := `<!DOCTYPE a [<!ENTITY owl "http://www.w3.org/2002/07/owl#">]><a>` + strings.Repeat("<b>&owl;Thing</b>", 5000) + "</a>"
	if err := (&XML{XMLOptions: XMLOptions{List: []string{"a/b"}}}).Decode(t.Context(), &decode.Input{Body: []byte(fine)}, decode.NewWriter(nil, decode.Limits{})); err != nil {
		t.Errorf("an ontology: %v", err)
	}
}
