// Package markup decodes documents of elements: XML, SOAP, HTML, and feeds in RSS and Atom.
package markup

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// XML decodes an XML document. The value is what is in its root element:
//
//   - an element with only text is a string; one with neither text, attributes nor elements is null (Empty)
//   - any other is an object: attributes as "@name" in their order, then its elements by name in the order of their first
//     occurrence, or its text as "#text" where there are only attributes beside it
//   - text and elements side by side are the array "#content", in order: strings, and objects of one element
//   - an element that List names is an array, whether it is there never, once or often; any other that occurs again beside
//     its like is an error that says what to declare, so that the shape never depends on how many there are
//
// CDATA is text; comments, processing instructions and the document type are left out; only the five entities of XML and
// numeric references are known. Nothing external is ever read, and no entity that the document itself declares is expanded.
//
//	<jobs at="7"><job><name>a</name><ok/></job></jobs>  ->  {"@at":"7","job":[{"name":"a","ok":null}]}   with List: job
//
// Paths in options are read from their end, like patterns of XSLT: "job" is every element job, "jobs/job" every job in a
// jobs, "/jobs/job" only one in the root element; * is any name. Names are those of the value, without prefix unless
// Namespaces says otherwise.
type XML struct {
	XMLOptions

	plan atomic.Pointer[xmlPlan]
}

// xmlFactor is what short elements with one attribute take, or elements that hold one another. See TestFactorXML.
const (
	xmlFactor      = 75
	xmlNamedFactor = 82 // where each record is an object of one name, too
)

// Check implements the check at load.
func (d *XML) Check() error {
	p, err := d.compile("xml")
	if err != nil {
		return err
	}
	d.plan.Store(p)
	return nil
}

// prepared gives the plan of Check, or makes it where Check was not called.
func (d *XML) prepared() (*xmlPlan, error) {
	if p := d.plan.Load(); p != nil {
		return p, nil
	}
	return d.compile("xml")
}

// Factor implements decode.Decoder.
func (d *XML) Factor() float64 { return d.factor() }

// DeclaredCharset implements decode.Declarer: the encoding of the prolog.
func (d *XML) DeclaredCharset(prefix []byte) string { return charset.OfXML(prefix) }

// Decode implements decode.Decoder.
func (d *XML) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	plan, err := d.prepared()
	if err != nil {
		return err
	}
	p := newXMLParser(plan, in.Body)
	return plan.tellAll(ctx, p, nil, string(in.Body), out)
}

// tellAll tells a document: all of it is in p, or src brings what comes later. Text is the whole of it where it is there.
func (plan *xmlPlan) tellAll(ctx context.Context, p *xmlParser, src *xmlSource, text string, out decode.Sink) error {
	if plan.records {
		if err := out.BeginArray(); err != nil {
			return err
		}
	}
	t := xmlTeller{plan: plan, out: out, poll: interrupt.Poll{Ctx: ctx}}
	found := false
	for {
		if err := t.poll.Err(); err != nil {
			return err
		}
		event, err := p.step()
		if err != nil {
			if !errors.Is(err, errXMLMore) {
				return err
			}
			if err := src.fill(ctx, p); err != nil {
				return err
			}
			continue
		}
		switch event {
		case xmlRecord:
			found = true
			if !p.whole && p.pos-p.origin > decode.MaxRecord {
				return &decode.LimitError{What: "bytes in a record", Limit: decode.MaxRecord}
			}
			t.open(p, text, src != nil)
			if err := t.root(0); err != nil {
				return err
			}
			p.forget()
		case xmlEnd:
			if plan.records {
				return out.EndArray()
			}
			if !found {
				return &decode.SyntaxError{Format: plan.format, Offset: p.base + int64(p.pos), Msg: "there is no element " + plan.hit.quoted()}
			}
			return nil
		case xmlNone:
		}
	}
}

var (
	_ decode.Decoder  = (*XML)(nil)
	_ decode.Declarer = (*XML)(nil)
	_ decode.Streamer = (*XML)(nil)
)

// CharsetSettled implements decode.Settler.
func (*XML) CharsetSettled(prefix []byte) bool { return charset.XMLSettled(prefix) }

var _ decode.Settler = (*XML)(nil)
