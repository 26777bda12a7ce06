package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/coding"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

const (
	excerptBody = 64 << 10 // bytes read of a body that is only shown
	drained     = 4 << 10  // bytes read of a body that nobody wants, to keep its connection
	reasonSize  = 128      // bytes kept of a reason phrase
	wireSlack   = 64 << 10 // bytes that an encoded body may be longer than the limit
)

// judge reads the whole body of an answer of success and has the call judge it.
func (b *Backend) judge(parent, ctx context.Context, call *Call, n int, e *endpoint, resp *http.Response) (answer *Answer, f *Failure) {
	limit := b.cfg.Limit
	if resp.ContentLength > limit && call.Method != http.MethodHead && resp.Header.Get("Content-Encoding") == "" {
		return nil, &Failure{Kind: TooLarge, Status: resp.StatusCode, Reason: reason(resp), Err: errTooLarge}
	}
	l := b.memory.lease()
	defer func() {
		if answer == nil {
			l.end()
		}
	}()
	unlabelled := call.Unlabelled != nil && call.Unlabelled(resp.Header.Get("Content-Type"))
	err := l.body(resp, limit, call.Factor, unlabelled)
	a := l.fill(resp, n, e)
	if err != nil {
		return nil, bodyFailure(parent, ctx, a, err)
	}
	if call.Trace != nil && call.Trace.Received != nil {
		call.Trace.Received(n, a)
	}
	if call.Judge == nil {
		return a, nil
	}
	if err := call.Judge(ctx, a); err != nil {
		return nil, judged(parent, ctx, a, err)
	}
	return a, nil
}

// refusal completes f, the failure that an answer's status is, with what the answer says. The body is read as far
// as it is shown and as the budget allows; that it is cut or slow changes nothing about the status.
func (b *Backend) refusal(parent context.Context, call *Call, n int, e *endpoint, resp *http.Response, f *Failure) *Failure {
	l := b.memory.lease()
	defer l.end()
	err := l.body(resp, min(excerptBody, b.cfg.Limit), 1, true)
	if err != nil && gone(parent) {
		return &Failure{Kind: Cancelled, Err: err}
	}
	a := l.fill(resp, n, e)
	if call.Trace != nil && call.Trace.Received != nil {
		call.Trace.Received(n, a)
	}
	f.Status, f.Reason, f.Excerpt = a.Status, a.Reason, excerpt(a)
	return f
}

// fill makes the lease's answer.
func (l *lease) fill(resp *http.Response, n int, e *endpoint) *Answer {
	a := &l.answer
	a.Status, a.Reason, a.Header = resp.StatusCode, reason(resp), resp.Header
	a.Body, a.Address, a.Attempts = l.buffer.bytes, e.address, n
	if resp.Request != nil {
		a.URL = resp.Request.URL
	}
	return a
}

// errEncoding marks what the content encoding is at fault for, and not the connection.
var errEncoding = errors.New("the body is not in its content encoding")

// body reads the body, undoing its content encoding, and gzip that is unlabelled if that is wanted. limit is for what comes
// out; what goes in may be little more.
func (l *lease) body(resp *http.Response, limit int64, factor float64, unlabelled bool) error {
	encodings := resp.Header["Content-Encoding"]
	if len(encodings) == 0 {
		err := l.read(resp.Body, limit, factor)
		if err != nil || !unlabelled || !coding.IsGzip(l.buffer.bytes) {
			return err
		}
		// Nearly no body is, so none is looked at before it is read.
		encoded := l.buffer
		l.buffer = l.memory.buffer()
		defer l.memory.keep(encoded)
		return l.undo(bytes.NewReader(encoded.bytes), coding.Options{Unlabelled: true}, limit, factor)
	}
	w := &wire{r: resp.Body, left: limit + limit/1000 + wireSlack}
	err := l.undo(w, coding.Options{Encoding: strings.Join(encodings, ","), Unlabelled: unlabelled}, limit, factor)
	if w.err != nil && errors.Is(err, errEncoding) {
		err = w.err
	}
	// They are of the body as it was sent.
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	return err
}

// undo reads a body that is encoded.
func (l *lease) undo(from io.Reader, o coding.Options, limit int64, factor float64) error {
	var charged int64 // for decoders, which are gone when the body is read
	defer func() { l.memory.Release(charged) }()
	o.Limit = limit
	o.Charge = func(n int64) bool {
		if !l.memory.Acquire(n) {
			return false
		}
		charged += n
		return true
	}
	r, err := coding.New(from, o)
	if err != nil {
		return errors.Join(errEncoding, err)
	}
	err = l.read(r, limit, factor)
	l.answer.Encoding = r.Undone()
	return encodingFault(err)
}

// encodingFault says of an error of reading an encoded body what it is.
func encodingFault(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, errTooLarge), errors.Is(err, errMemory):
		return err
	case errors.Is(err, coding.ErrTooLong):
		return errors.Join(errTooLarge, err)
	case errors.Is(err, coding.ErrMemory):
		return errors.Join(errMemory, err)
	}
	return errors.Join(errEncoding, err)
}

// wire is an encoded body. It remembers its own error, to tell a cut body from one that is not in its encoding.
type wire struct {
	r    io.Reader
	left int64
	err  error
}

func (w *wire) Read(p []byte) (int, error) {
	if w.left <= 0 {
		w.err = errTooLarge
		return 0, w.err
	}
	n, err := w.r.Read(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err //nolint:wrapcheck // a reader is transparent
}

func bodyFailure(parent, ctx context.Context, a *Answer, err error) *Failure {
	f := &Failure{Status: a.Status, Reason: a.Reason, Err: err}
	switch {
	case errors.Is(err, errMemory):
		f.Kind = MemorySpent
	case errors.Is(err, errTooLarge):
		f.Kind = TooLarge
	case gone(parent):
		f.Kind = Cancelled
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded): // the connection's clock may be the first to ring
		f.Kind = Timeout
	case errors.Is(err, errEncoding):
		f.Kind = Undecodable
	default:
		f.Kind = Cut
	}
	return f
}

// judged makes the failure of what Judge said. A caller who hung up ends a judge too.
func judged(parent, ctx context.Context, a *Answer, err error) *Failure {
	if gone(parent) {
		return &Failure{Kind: Cancelled, Status: a.Status, Reason: a.Reason, Err: err}
	}
	f := &Failure{Kind: Undecodable, Err: err}
	if own, ok := errors.AsType[*Failure](err); ok {
		*f = *own
	} else if ctx.Err() != nil {
		f.Kind = Timeout
	}
	if f.Kind == 0 {
		f.Kind = Judged
	}
	if f.Status == 0 {
		f.Status, f.Reason = a.Status, a.Reason
	}
	if f.Excerpt == "" {
		f.Excerpt = excerpt(a)
	}
	return f
}

func excerpt(a *Answer) string {
	if text := problem.Excerpt(a.Body, a.Header.Get("Content-Type")); text != nil {
		return *text
	}
	return ""
}

// reason gives the phrase of the status line as text that can go into JSON, or the standard one.
func reason(resp *http.Response) string {
	_, phrase, _ := strings.Cut(resp.Status, " ")
	if phrase == "" {
		return http.StatusText(resp.StatusCode)
	}
	for i := range len(phrase) {
		if c := phrase[i]; c < ' ' || c >= 0x7f {
			return cleaned(phrase)
		}
	}
	return phrase[:min(len(phrase), reasonSize)]
}

// cleaned takes what is no UTF-8 for latin-1, which HTTP was once.
func cleaned(phrase string) string {
	var out strings.Builder
	latin := !utf8.ValidString(phrase)
	add := func(r rune) {
		if !unicode.IsControl(r) && out.Len()+utf8.RuneLen(r) <= reasonSize {
			out.WriteRune(r)
		}
	}
	if latin {
		for i := range len(phrase) {
			add(rune(phrase[i]))
		}
		return out.String()
	}
	for _, r := range phrase {
		add(r)
	}
	return out.String()
}

// RetryAfter reads a header Retry-After: seconds or a date; 0 when there is none or it makes no sense.
func RetryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// drain reads the little that may be left, so that the connection can be used again, and closes.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, drained)
	body.Close()
}
