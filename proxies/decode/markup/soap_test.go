package markup

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

const (
	soap11Head = `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header><x/></soap:Header><soap:Body>`
	soap11Tail = `</soap:Body></soap:Envelope>`
)

func TestSOAP(t *testing.T) {
	t.Parallel()
	s := func(o XMLOptions) *SOAP { return &SOAP{XMLOptions: o} }
	of := func(body string) string { return soap11Head + body + soap11Tail }
	decodetest.Run(t, []decodetest.Test{
		{Name: "1.1", Dec: s(XMLOptions{}), In: of(`<m:R xmlns:m="u"><m:Price xsi:type="xsd:decimal" cur="EUR">1.90</m:Price><m:Note xsi:nil="true"/></m:R>`), Want: `{"Price":{"@cur":"EUR","#text":"1.90"},"Note":null}`},
		{Name: "1.2", Dec: s(XMLOptions{}), In: `<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><R xmlns="">1</R></Body></Envelope>`, Want: `"1"`},
		{Name: "prefixes", Dec: s(XMLOptions{Namespaces: "prefix", Root: "keep"}), In: of(`<m:R xmlns:m="u"><m:a/></m:R>`), Want: `{"m:R":{"m:a":null}}`},
		{Name: "empty body", Dec: s(XMLOptions{}), In: of(" "), Want: `null`},
		{Name: "root", Dec: s(XMLOptions{Root: "keep"}), In: of(`<R/>`), Want: `{"R":null}`},
		{Name: "list", Dec: s(XMLOptions{List: []string{"Items/Item"}}), In: of(`<R><Items><Item>1</Item></Items></R>`), Want: `{"Items":{"Item":["1"]}}`},
		{Name: "select", Dec: s(XMLOptions{Select: "x"}), In: of(`<R><x>1</x></R>`), Want: `"1"`},
		{Name: "select nothing", Dec: s(XMLOptions{Select: "y"}), In: of(`<R><x>1</x></R>`), Fail: `there is no element "y"`, At: int64(len(of(`<R><x>1</x></R>`)))},
		{Name: "records", Dec: s(XMLOptions{Records: "x"}), In: of(`<R><x>1</x><y><x><x>2</x></x></y></R>`), Want: `["1",{"x":"2"}]`},
		{Name: "records of none", Dec: s(XMLOptions{Records: "x"}), In: of(``), Want: `[]`},
		{Name: "XML", Dec: s(XMLOptions{}), In: `<a/>`, Fail: "soap: the document is no SOAP envelope", At: 1},
		{Name: "no body", Dec: s(XMLOptions{}), In: `<Envelope><Header/></Envelope>`, Fail: "soap: the SOAP envelope has no Body", At: 1},
		{Name: "cut", Dec: s(XMLOptions{}), In: soap11Head, Fail: `the text ends inside the element "Body"`, At: int64(len(soap11Head))},
		{Name: "empty", Dec: s(XMLOptions{}), In: ``, Fail: "soap: the body is empty", At: 0},
	})
}

func TestSOAPFault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   string
		want decode.FaultError
	}{
		"1.1":        {soap11Head + `<soap:Fault><faultcode>soap:Client</faultcode><faultstring xml:lang="de"> Kein Z&#228;hler </faultstring><detail><x/></detail></soap:Fault>` + soap11Tail, decode.FaultError{Code: "soap:Client", Reason: "Kein Zähler"}},
		"1.2":        {`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault><e:Code><e:Value>e:Receiver</e:Value><e:Subcode><e:Value>x</e:Value></e:Subcode></e:Code><e:Reason><e:Text xml:lang="en">Broken</e:Text><e:Text>x</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>`, decode.FaultError{Code: "e:Receiver", Reason: "Broken"}},
		"nothing":    {soap11Head + `<soap:Fault/>` + soap11Tail, decode.FaultError{}},
		"long":       {soap11Head + `<soap:Fault><faultstring>` + strings.Repeat("é", 1000) + `</faultstring></soap:Fault>` + soap11Tail, decode.FaultError{Code: "", Reason: strings.Repeat("é", 512)}},
		"bad entity": {soap11Head + `<soap:Fault><faultcode>a</faultcode><faultstring>&x;</faultstring></soap:Fault>` + soap11Tail, decode.FaultError{Code: "a", Reason: ""}},
	}
	for name, tt := range tests {
		err := new(SOAP).Decode(t.Context(), &decode.Input{Body: []byte(tt.in)}, decode.NewTree(decode.Limits{}))
		fault, ok := errors.AsType[*decode.FaultError](err)
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
