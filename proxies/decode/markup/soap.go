package markup

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/repeated"
)

// SOAP decodes a SOAP message, 1.1 or 1.2: the value is what is in the first element of the Body, as XML tells it. An
// empty Body is null. A Fault is a *decode.FaultError. The options are those of XML, only Attributes is "data" by default. Root
// "keep" adds the name of the first element. Paths that begin with / begin at the Envelope.
//
//	<soap:Envelope …><soap:Body><m:GetPriceResponse><m:Price>1.90</m:Price>…  ->  {"Price":"1.90"}
type SOAP struct {
	XMLOptions

	plan atomic.Pointer[xmlPlan]
}

// maxReason is how many bytes of a fault's reason are kept.
const maxReason = 1 << 10

// Check implements the check at load.
func (d *SOAP) Check() error {
	p, err := d.soapPlan()
	if err != nil {
		return err
	}
	d.plan.Store(p)
	return nil
}

func (d *SOAP) soapPlan() (*xmlPlan, error) {
	if p := d.plan.Load(); p != nil {
		return p, nil
	}
	options := d.XMLOptions
	if options.Attributes == "" {
		options.Attributes = "data"
	}
	p, err := options.compile("soap")
	if err != nil {
		return nil, err
	}
	p.all = true
	return p, nil
}

// Factor implements decode.Decoder.
func (d *SOAP) Factor() float64 { return d.factor() }

// DeclaredCharset implements decode.Declarer: the encoding of the prolog.
func (d *SOAP) DeclaredCharset(prefix []byte) string { return charset.OfXML(prefix) }

// Decode implements decode.Decoder. A Fault is a *decode.FaultError.
func (d *SOAP) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	plan, err := d.soapPlan()
	if err != nil {
		return err
	}
	p := newXMLParser(plan, in.Body)
	t := xmlTeller{plan: plan, out: out, poll: interrupt.Poll{Ctx: ctx}}
	for {
		if err := t.poll.Err(); err != nil {
			return err
		}
		event, err := p.step()
		if err != nil {
			return err
		}
		if event == xmlEnd {
			break
		}
	}
	t.open(p, string(in.Body), false)
	return t.message()
}

// FaultOf finds the Fault in the beginning of a SOAP message; nil if there is none.
func FaultOf(text string) *decode.FaultError {
	if !strings.Contains(text, "Fault") {
		return nil
	}
	d := SOAP{XMLOptions: XMLOptions{Lenient: true, Repeated: repeated.First}}
	fault, _ := errors.AsType[*decode.FaultError](d.Decode(context.Background(), &decode.Input{Body: []byte(text)}, decode.NewTree(decode.Limits{})))
	return fault
}

// message tells what is in the Body of the envelope.
func (t *xmlTeller) message() error {
	if t.local(0) != "Envelope" {
		return &decode.SyntaxError{Format: t.plan.format, Offset: int64(t.nodes[0].from), Msg: "the document is no SOAP envelope"}
	}
	body := t.child(0, "Body")
	if body < 0 {
		return &decode.SyntaxError{Format: t.plan.format, Offset: int64(t.nodes[0].from), Msg: "the SOAP envelope has no Body"}
	}
	first := t.child(body, "")
	if first >= 0 && t.local(first) == "Fault" {
		return t.fault(first)
	}
	if first < 0 {
		first = len(t.nodes)
	}
	end := len(t.nodes)
	if first < end {
		end = t.nodes[first].end(first)
	}
	switch {
	case t.plan.records:
		return t.records(first, end)
	case t.plan.hit != nil:
		for i := first; i < end; i++ {
			if t.nodes[i].flags&xmlHit != 0 {
				return t.root(i)
			}
		}
		return &decode.SyntaxError{Format: t.plan.format, Offset: int64(len(t.text)), Msg: "there is no element " + t.plan.hit.quoted()}
	case first == end:
		return t.out.Null()
	}
	return t.root(first)
}

func (t *xmlTeller) records(from, to int) error {
	if err := t.out.BeginArray(); err != nil {
		return err
	}
	for i := from; i < to; {
		if t.nodes[i].flags&xmlHit == 0 {
			i++
			continue
		}
		if err := t.root(i); err != nil {
			return err
		}
		i = t.nodes[i].end(i)
	}
	return t.out.EndArray()
}

// local is the name of an element without prefix.
func (t *xmlTeller) local(i int) string {
	name := t.name(i)
	return name[strings.LastIndexByte(name, ':')+1:]
}

// child finds the first element in an element, of a name or of any; negative if there is none.
func (t *xmlTeller) child(i int, name string) int {
	from, to := t.children(i)
	for ; from < to; from = t.nodes[from].end(from) {
		if t.nodes[from].kind == xmlElement && (name == "" || t.local(from) == name) {
			return from
		}
	}
	return -1
}

// fault makes the error of a Fault: of 1.1 faultcode and faultstring, of 1.2 Code/Value and Reason/Text.
func (t *xmlTeller) fault(i int) error {
	e := new(decode.FaultError)
	for _, path := range [][]string{{"faultcode"}, {"Code", "Value"}} {
		if s := t.textAt(i, path); s != "" {
			e.Code = excerpt.Cut(s, maxReason)
			break
		}
	}
	for _, path := range [][]string{{"faultstring"}, {"Reason", "Text"}, {"Reason"}} {
		if s := t.textAt(i, path); s != "" {
			e.Reason = excerpt.Cut(s, maxReason)
			break
		}
	}
	return e
}

// textAt gives the text of the element that a path of names leads to; "" where there is none that can be read.
func (t *xmlTeller) textAt(i int, path []string) string {
	for _, name := range path {
		if i = t.child(i, name); i < 0 {
			return ""
		}
	}
	s, err := t.joined(t.children(i))
	if err != nil {
		return ""
	}
	return s
}

var (
	_ decode.Decoder  = (*SOAP)(nil)
	_ decode.Declarer = (*SOAP)(nil)
)
