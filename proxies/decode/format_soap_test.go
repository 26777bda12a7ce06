package decode

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	soap11Head = `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header><x/></soap:Header><soap:Body>`
	soap11Tail = `</soap:Body></soap:Envelope>`
)

func TestSOAP(t *testing.T) {
	t.Parallel()
	s := func(o XMLOptions) *SOAP { return &SOAP{XMLOptions: o} }
	of := func(body string) string { return soap11Head + body + soap11Tail }
	runDecodeTests(t, []decodeTest{
		{name: "1.1", dec: s(XMLOptions{}), in: of(`<m:R xmlns:m="u"><m:Price xsi:type="xsd:decimal" cur="EUR">1.90</m:Price><m:Note xsi:nil="true"/></m:R>`), want: `{"Price":{"@cur":"EUR","#text":"1.90"},"Note":null}`},
		{name: "1.2", dec: s(XMLOptions{}), in: `<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><R xmlns="">1</R></Body></Envelope>`, want: `"1"`},
		{name: "prefixes", dec: s(XMLOptions{Namespaces: "prefix", Root: "keep"}), in: of(`<m:R xmlns:m="u"><m:a/></m:R>`), want: `{"m:R":{"m:a":null}}`},
		{name: "empty body", dec: s(XMLOptions{}), in: of(" "), want: `null`},
		{name: "root", dec: s(XMLOptions{Root: "keep"}), in: of(`<R/>`), want: `{"R":null}`},
		{name: "list", dec: s(XMLOptions{List: []string{"Items/Item"}}), in: of(`<R><Items><Item>1</Item></Items></R>`), want: `{"Items":{"Item":["1"]}}`},
		{name: "select", dec: s(XMLOptions{Select: "x"}), in: of(`<R><x>1</x></R>`), want: `"1"`},
		{name: "select nothing", dec: s(XMLOptions{Select: "y"}), in: of(`<R><x>1</x></R>`), fail: `there is no element "y"`, at: int64(len(of(`<R><x>1</x></R>`)))},
		{name: "records", dec: s(XMLOptions{Records: "x"}), in: of(`<R><x>1</x><y><x><x>2</x></x></y></R>`), want: `["1",{"x":"2"}]`},
		{name: "records of none", dec: s(XMLOptions{Records: "x"}), in: of(``), want: `[]`},
		{name: "XML", dec: s(XMLOptions{}), in: `<a/>`, fail: "soap: the document is no SOAP envelope", at: 1},
		{name: "no body", dec: s(XMLOptions{}), in: `<Envelope><Header/></Envelope>`, fail: "soap: the SOAP envelope has no Body", at: 1},
		{name: "cut", dec: s(XMLOptions{}), in: soap11Head, fail: `the text ends inside the element "Body"`, at: int64(len(soap11Head))},
		{name: "empty", dec: s(XMLOptions{}), in: ``, fail: "soap: the body is empty", at: 0},
	})
}

func TestSOAPFault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   string
		want FaultError
	}{
		"1.1":        {soap11Head + `<soap:Fault><faultcode>soap:Client</faultcode><faultstring xml:lang="de"> Kein Z&#228;hler </faultstring><detail><x/></detail></soap:Fault>` + soap11Tail, FaultError{"soap:Client", "Kein Zähler"}},
		"1.2":        {`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault><e:Code><e:Value>e:Receiver</e:Value><e:Subcode><e:Value>x</e:Value></e:Subcode></e:Code><e:Reason><e:Text xml:lang="en">Broken</e:Text><e:Text>x</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>`, FaultError{"e:Receiver", "Broken"}},
		"nothing":    {soap11Head + `<soap:Fault/>` + soap11Tail, FaultError{}},
		"long":       {soap11Head + `<soap:Fault><faultstring>` + strings.Repeat("é", 1000) + `</faultstring></soap:Fault>` + soap11Tail, FaultError{"", strings.Repeat("é", 512)}},
		"bad entity": {soap11Head + `<soap:Fault><faultcode>a</faultcode><faultstring>&x;</faultstring></soap:Fault>` + soap11Tail, FaultError{"a", ""}},
	}
	for name, tt := range tests {
		err := new(SOAP).Decode(t.Context(), &Input{Body: []byte(tt.in)}, NewTree(Limits{}))
		fault, ok := errors.AsType[*FaultError](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(&tt.want, fault); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if tt.want.Reason != "" && strings.Contains(err.Error(), tt.want.Reason) {
			t.Errorf("%s: the error shows the backend's text: %v", name, err)
		}
	}
	if f := FaultOf(tests["1.1"].in[:len(soap11Head)+90]); f == nil || !strings.HasPrefix(f.Reason, "Kein") {
		t.Errorf("cut: %v", f)
	}
	for _, text := range []string{"", "Fault", "<Fault/>", soap11Head + "<Fine>Fault</Fine>"} {
		if f := FaultOf(text); f != nil {
			t.Errorf("%q: %v", text, f)
		}
	}
}
