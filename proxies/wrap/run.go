package wrap

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// run fetches once, attempts and all, and keeps the value in the frame.
func (f *fetch) run(ctx context.Context, fr *frame) *problem.Problem {
	to, p := f.destination(ctx, fr)
	if p != nil {
		return p
	}
	if f.cache != nil && f.cache.store != nil && fr.trace == nil {
		return f.cached(ctx, fr, to)
	}
	return f.load(ctx, fr, to)
}

// load fetches from a destination, page by page where there are pages.
func (f *fetch) load(ctx context.Context, fr *frame, to destination) *problem.Problem {
	if f.pages != nil {
		return f.paginate(ctx, fr, to)
	}
	return f.ask(ctx, fr, to)
}

// ask makes the request to a destination; within a fan-out equal ones are made once.
func (f *fetch) ask(ctx context.Context, fr *frame, to destination) *problem.Problem {
	var call upstream.Call
	if p := f.prepare(ctx, fr, to, &call); p != nil {
		return p
	}
	if fr.shared == nil || f.Method != http.MethodGet && f.Method != http.MethodHead || f.judgedByItem() {
		return f.send(ctx, fr, to.backend, &call)
	}
	got, p := fr.shared.do(ctx, f.key(to.backend, &call), func() (*result, *problem.Problem) {
		p := f.send(ctx, fr, to.backend, &call)
		return &fr.results[f.index], p
	})
	got.answer = fr.results[f.index].answer // what others are waiting for belongs to who asked
	fr.results[f.index] = got
	return p
}

// prepare makes the request.
func (f *fetch) prepare(ctx context.Context, fr *frame, to destination, call *upstream.Call) *problem.Problem {
	header, prob := f.headers(fr)
	if to.backend != f.backend {
		header, prob = renderHeaders(f.own, fr)
	}
	if prob != nil {
		return prob
	}
	body, prob := f.render(ctx, fr)
	if prob != nil {
		return prob
	}
	header = f.withBody(fr, header)
	*call = upstream.Call{
		Method: f.Method, Target: to.target, Header: header, Body: body, Whole: f.whole && f.body == nil && !f.IdempotencyKey && to.backend == f.backend,
		Idempotent: f.idempotent(), Timeout: f.timeout, Deadline: f.until(fr),
		Strategy: to.strategy, Caller: fr.caller, Factor: f.factor(),
		Judge:      func(ctx context.Context, a *upstream.Answer) error { return f.judge(ctx, fr, a) },
		Unlabelled: f.unlabelled,
	}
	if each := fr.route.each; each != nil {
		call.Stream = func(ctx context.Context, s *upstream.Stream) error { return f.stream(ctx, fr, s) }
		call.StreamLimit = int64(each.Limit)
	}
	if fr.trace != nil && fr.trace.Fetch != nil {
		call.Trace = fr.trace.Fetch(f.path)
	}
	if fr.trace != nil && fr.trace.Transport != nil {
		if call.Transport = fr.trace.Transport(f.path); call.Transport != nil {
			call.Idempotent = false // it would answer the same again
			if _, logsIn := call.Strategy.(session.Bound); logsIn {
				call.Strategy = session.None{} // and knows no login
			}
		}
	}
	return nil
}

// judgedByItem says whether the verdict on an answer is another one for each item.
func (f *fetch) judgedByItem() bool {
	return f.failWhen != nil && slices.ContainsFunc(f.failWhen.bind, func(b binding) bool {
		return b.kind == bindItem || b.kind == bindFetch && !b.outer
	})
}

// key is everything that a request is made of, within one request of a caller.
func (f *fetch) key(to *backend, call *upstream.Call) string {
	var b strings.Builder
	b.WriteString(f.path + "\x00" + to.Name + "\x00" + call.Target + "\x00")
	_ = call.Header.Write(&b) // sorted; a Builder takes everything
	return b.String()
}

// send sends a request and keeps what it gives.
func (f *fetch) send(ctx context.Context, fr *frame, to *backend, call *upstream.Call) *problem.Problem {
	start := time.Now()
	ctx, span := observe.Start(ctx, "fairway.fetch",
		attribute.String("fairway.service", fr.route.service.Name),
		attribute.String("fairway.fetch", f.path),
		attribute.String("fairway.backend", to.label()))
	if span.IsRecording() { // the route as metrics call it
		span.SetAttributes(attribute.String("fairway.route", fr.route.method+" "+fr.route.pattern))
	}
	answer, err := to.pool.Do(ctx, call)
	outcome := observe.OK
	if err != nil {
		outcome = f.outcome(err)
	}
	observe.End(span, outcome)
	if f.metrics != nil {
		f.metrics.Observe(outcome, time.Since(start))
	}
	res := &fr.results[f.index]
	if res.answer = answer; err != nil {
		return f.problem(to, err) //nolint:contextcheck // what it decodes is an excerpt of 1 KiB
	}
	res.status, res.header, res.parts = answer.Status, answer.Header, nested(f.Name, answer.Header, answer.Body)
	if f.Meta {
		return f.describe(res, answer)
	}
	return nil
}

// factor is what a byte of the body takes in memory until the answer is written. A decoder's own factor is for a tree;
// the text that a Writer makes of the same body takes less than a quarter of that, and at least a copy that has grown.
func (f *fetch) factor() float64 {
	switch {
	case (f.tree || f.checked) && f.text:
		return f.Decoder.Factor() * 5 / 4
	case f.tree || f.checked:
		return f.Decoder.Factor()
	}
	return max(3, f.Decoder.Factor()/4)
}

func (f *fetch) outcome(err error) string {
	failure, ok := errors.AsType[*upstream.Failure](err)
	if !ok {
		return "unknown"
	}
	return failure.Kind.String()
}

// judge decodes an answer and says whether it is a success. It is the last part of an attempt.
func (f *fetch) judge(ctx context.Context, fr *frame, a *upstream.Answer) error {
	if len(a.Body) == 0 && (a.Status == http.StatusNoContent || a.Status == http.StatusResetContent) {
		return f.empty(fr)
	}
	in, err := f.input(ctx, fr, a)
	if err != nil {
		return f.undecodable(err)
	}
	err = f.decode(ctx, fr, a, in)
	if err != nil && in.Found != nil {
		f.noteReading(ctx, fr, a, *in.Found, len(a.Body))
	}
	if err != nil && len(a.Body) == 0 && ctx.Err() == nil {
		return f.empty(fr)
	}
	return err
}

// input makes of an answer what its decoder reads.
func (f *fetch) input(ctx context.Context, fr *frame, a *upstream.Answer) (*decode.Input, error) {
	in := f.described(a)
	in.Body = a.Body
	if f.binary {
		in.Found = new(decode.Found)
		return in, nil
	}
	text, charset, err := charset.Text(a.Body, in.Charset)
	f.noteReading(ctx, fr, a, decode.Found{Charset: charset}, len(a.Body))
	in.Body = text
	return in, err
}

// described is an Input without its body.
func (f *fetch) described(a *upstream.Answer) *decode.Input {
	in := &decode.Input{ContentType: a.Header.Get("Content-Type"), URL: a.URL}
	var label string
	in.MediaType, label = decode.ContentType(in.ContentType)
	in.Charset = f.charset
	in.Charset.Header = label
	return in
}

// empty judges an answer that says itself that it has no body.
func (f *fetch) empty(fr *frame) error {
	if f.Method == http.MethodGet {
		return &upstream.Failure{Kind: upstream.Empty, Detail: "The backend answered without a body where one was due."}
	}
	fr.results[f.index] = result{json: []byte("null")}
	return nil
}

func (f *fetch) decode(ctx context.Context, fr *frame, a *upstream.Answer, in *decode.Input) error {
	res := &fr.results[f.index]
	*res = result{}
	if f.text {
		w := f.writer(make([]byte, 0, len(in.Body)+64))
		defer f.keep(w)
		if err := f.Decoder.Decode(ctx, in, w); err != nil {
			return f.undecodable(err)
		}
		res.json = w.Bytes()
	}
	if f.tree {
		t := decode.NewTree(decode.Limits{})
		if err := f.Decoder.Decode(ctx, in, t); err != nil {
			return f.undecodable(err)
		}
		res.tree = t.Value()
	}
	if in.Found != nil {
		f.noteReading(ctx, fr, a, *in.Found, len(a.Body))
	}
	if fr.trace != nil && fr.trace.Decoded != nil {
		fr.trace.Decoded(f.path, res.json, res.tree)
	}
	if f.failWhen == nil {
		return nil
	}
	return f.failWhen.judge(ctx, fr, res.tree)
}

// writer gives a Writer that appends to dst.
func (f *fetch) writer(dst []byte) *decode.Writer {
	w, ok := f.writers.Get().(*decode.Writer)
	if !ok {
		return decode.NewWriter(dst, decode.Limits{})
	}
	w.Reset(dst, decode.Limits{})
	return w
}

// keep takes back a Writer, without the memory that it wrote into.
func (f *fetch) keep(w *decode.Writer) {
	w.Reset(nil, decode.Limits{})
	f.writers.Put(w)
}

func (f *fetch) undecodable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if fault, ok := errors.AsType[*decode.FaultError](err); ok { // the message is whole, and says what a fail_when would find
		return &upstream.Failure{Kind: upstream.Judged, Detail: said(fault), Err: err}
	}
	if f.metrics != nil {
		f.metrics.DecodeFailed(f.Format)
	}
	return &upstream.Failure{Kind: upstream.Undecodable, Err: err}
}

// judge runs a fail_when program: false and null are a success; true, a text or an object {status, detail} a failure.
func (p *program) judge(ctx context.Context, fr *frame, input any) error {
	v, err := p.run(ctx, fr, input)
	if reply.Limited(err) != nil { // the answer is not to blame, and another one would end the same way
		return unusable(replyFailed("fail_when could not judge the backend's answer.", p.fetch, err))
	}
	if err != nil {
		return &upstream.Failure{Kind: upstream.Judged, Detail: "fail_when could not judge the backend's answer.", Err: err}
	}
	failure := &upstream.Failure{Kind: upstream.Judged, Detail: "The backend's answer says that it failed."}
	switch v := v.(type) {
	case nil:
		return nil
	case bool:
		if !v {
			return nil
		}
	case string:
		failure.Detail = printable(v)
	case map[string]any:
		if text, ok := v["detail"].(string); ok {
			failure.Detail = printable(text)
		}
		if status, ok := v["status"].(int); ok && status >= 400 && status <= 599 {
			failure.Verdict = status
		}
	default:
		failure.Err = fmt.Errorf("fail_when gave %T; it must give true, false, null, a text or {status, detail}", v)
	}
	return failure
}
