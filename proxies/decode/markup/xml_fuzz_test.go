package markup

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func xmlSeeds() []string {
	return []string{
		"", "<a/>", "<a b='1'>x<c/>y<!-- z --><![CDATA[<&]]></a>", "<?xml version='1.0'?>\r\n<!DOCTYPE a [<!ENTITY b 'c&d;'><!ENTITY d \"x&#38;e;\"><!ENTITY e SYSTEM 'f'>]><a b='&b;'>&amp;&#x20ac;&b;</a>", "<p:a xmlns:p='u' p:b='c'><d xmlns='v'/><q:d/></p:a>",
		"<r><a>1</a><b/><a>2</a></r>", "<a>R&D <b x=1 y>< </c>", "<a xsi:nil='true'/>", "\ufeff<a>&nbsp;</a>", "<a><b><c></b></a>", "<a>\xff</a>", "<a\r\nb='\t&#9;'\n/>", "<a>]]></a>", "<Envelope><Body><Fault><faultstring>x", "<é a:b:c=''/>", "<r><r/></r>",
		"<feed><entry><title type='xhtml'><div>x</div></title></entry></feed>", "<rss><channel><item><guid>1</guid><pubDate>x</pubDate></item></channel></rss>", `{"version":"https://jsonfeed.org/version/1","items":[{"id":"1"}]}`,
	}
}

func xmlVariants() []XMLOptions {
	return []XMLOptions{
		{},
		{Repeated: "array"},
		{Arrays: true, Numbers: true},
		{Lenient: true, Repeated: "first", Mixed: "text"},
		{Records: "r"},
		{Records: "//*/*", Root: "keep", Lenient: true},
		{Select: "b"},
		{List: []string{"a", "r/b", "/r/c"}, Content: []string{"c", "a/*"}, Repeated: "last"},
		{Namespaces: "keep", Repeated: "array", Space: "preserve"},
		{Namespaces: "prefix", Entities: "html", Empty: "object", Lenient: true, Repeated: "array"},
		{Attributes: "data", Empty: "string"},
	}
}

// FuzzXML holds the sinks to each other, streams to the whole, and the value to that of encoding/xml.
func FuzzXML(f *testing.F) {
	variants := xmlVariants()
	for _, s := range xmlSeeds() {
		for i := range variants {
			f.Add([]byte(s), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		d := xmlWith(variants[int(which)%len(variants)])
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
		text, err := decodetest.Both(t, d, body)
		if err == nil && !utf8.Valid(text) {
			t.Fatalf("%q is not UTF-8", text)
		}
		xmlAgrees(t, d, body)
		agreesWithStandard(t, body)
	})
}

func FuzzSOAP(f *testing.F) {
	decodetest.Fuzz(f, append(xmlSeeds(), soap11Head+"<r><r><a/></r></r>"+soap11Tail, soap11Head+"<Fault><faultcode>x</faultcode></Fault>"+soap11Tail),
		new(SOAP), &SOAP{XMLOptions: XMLOptions{Lenient: true, Repeated: "array"}}, &SOAP{XMLOptions: XMLOptions{Records: "r"}}, &SOAP{XMLOptions: XMLOptions{Select: "a", Root: "keep", Namespaces: "prefix"}})
}

func FuzzFeed(f *testing.F) { decodetest.Fuzz(f, xmlSeeds(), new(Feed)) }

// plainElement is a document as both of us must see it, text of elements with elements left out.
type plainElement struct {
	Name  string
	Attrs []string
	Text  string
	In    []plainElement
}

// errOther says that encoding/xml reads something that we rightly read otherwise.
var errOther = errors.New("not to be compared")

func standardElements(body []byte) (*plainElement, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var stack []*plainElement
	var root *plainElement
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &plainElement{Name: rawName(token.Name)}
			for _, a := range token.Attr {
				e.Attrs = append(e.Attrs, rawName(a.Name)+"="+a.Value)
			}
			if root == nil {
				root = e
			}
			stack = append(stack, e)
		case xml.EndElement:
			if len(stack) == 0 || stack[len(stack)-1].Name != rawName(token.Name) {
				return nil, errOther
			}
			e := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if len(stack) > 0 {
				stack[len(stack)-1].In = append(stack[len(stack)-1].In, *e)
			}
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(token)
			}
		}
	}
	if root == nil || len(stack) > 0 {
		return nil, errOther
	}
	return root, nil
}

func rawName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// ourElements makes a plainElement of the value of an element.
func ourElements(name string, v any) plainElement {
	e := plainElement{Name: name}
	object, ok := v.(map[string]any)
	if !ok {
		e.Text, _ = v.(string)
		return e
	}
	content, ok := object["#content"].([]any)
	if !ok {
		return e
	}
	for _, part := range content {
		if s, ok := part.(string); ok {
			e.Text += s
			continue
		}
		for name, v := range part.(map[string]any) {
			e.In = append(e.In, ourElements(name, v))
		}
	}
	return e
}

// agreesWithStandard holds what both read to be the same: elements, their order and their text.
func agreesWithStandard(t *testing.T, body []byte) {
	t.Helper()
	if bytes.ContainsAny(body, "\x00") || !utf8.Valid(body) {
		return
	}
	d := xmlWith(XMLOptions{Content: []string{"*"}, Namespaces: "keep", Space: "preserve", Root: "keep"})
	w := decode.NewWriter(nil, decode.Limits{})
	ourErr := d.Decode(t.Context(), &decode.Input{Body: body}, w)
	want, err := standardElements(body)
	if ourErr != nil || err != nil {
		return
	}
	var v map[string]any
	if err := json.Unmarshal(w.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	var attrs func(e *plainElement)
	attrs = func(e *plainElement) { // they are compared by TestXMLAgainstPython
		e.Attrs = nil
		for i := range e.In {
			attrs(&e.In[i])
		}
	}
	attrs(want)
	for name, value := range v {
		if diff := cmp.Diff(*want, ourElements(name, value)); diff != "" {
			t.Fatalf("%q (-encoding/xml +ours):\n%s", body, diff)
		}
	}
}

func TestXMLAgainstStandard(t *testing.T) {
	t.Parallel()
	for _, s := range xmlSeeds() {
		agreesWithStandard(t, []byte(s))
	}
	if _, err := standardElements([]byte(xml4K())); err != nil {
		t.Fatal(err)
	}
	agreesWithStandard(t, []byte(strings.ReplaceAll(xml4K(), "xmlns=", "x=")))
}
