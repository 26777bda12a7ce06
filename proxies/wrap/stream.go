package wrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// What becomes of a streamed answer that fails when its beginning is with the caller.
const (
	OnErrorAbort  = "abort"  // the connection, or the HTTP/2 stream, ends without its end
	OnErrorRecord = "record" // NDJSON gets a last line {"problem": {...}}
)

// streamFormats are the formats of ours that can tell records while their text comes. A test holds them to it.
func streamFormats() string {
	return "csv, tsv, fixed, ndjson, lines, json, regexp with mode lines and xml with records"
}

func (rt *route) compileEach(r *Route, at place) error {
	if r.Each == nil {
		return nil
	}
	e := r.Each
	at = at.field("each")
	ways := []string{OnErrorAbort, OnErrorRecord}
	f, single := rt.plan.steps[0].work.(*fetch)
	if !single || len(rt.plan.steps) != 1 {
		return at.errf("reply each takes the records of one fetch, and the route has %d, or an each or sql", len(rt.plan.steps))
	}
	_, streams := f.Decoder.(decode.Streamer)
	if d, ok := f.Decoder.(interface{ Streams() bool }); ok { // by its options
		streams = streams && d.Streams()
	}
	switch {
	case !streams:
		return at.errf("reply each needs records, and decode %s gives one value; those that give records are %s", f.Format, streamFormats())
	case r.FailWhen != "" || f.FailWhen != "":
		return at.errf("fail_when judges a whole answer, and with reply each nobody ever has it: call error(\"...\") in the program of reply each")
	case f.cache != nil:
		return at.errf("reply each keeps nothing: leave cache and stale out")
	case f.pages != nil:
		return at.errf("reply each takes the records of one answer, and paginate asks for several")
	case f.Optional || f.Fallback != "" || r.Status != "":
		return at.errf("optional, fallback and reply status are about a whole answer, and with reply each nobody ever has it")
	case e.OnError != "" && !slices.Contains(ways, e.OnError):
		return at.errf("on_error is abort or record, not %q%s", e.OnError, Suggest(e.OnError, ways))
	case e.OnError == OnErrorRecord && !slices.Contains(rt.outputs, OutputNDJSON):
		return at.errf("on_error record writes a last line of NDJSON; add a line: output ndjson")
	case e.Limit < 0:
		return at.errf("a number below 0 has no meaning here")
	}
	rt.each = e
	return nil
}

// stream is an answer that is written record by record, while the backend's comes.
type stream struct {
	x       *exchange
	w       http.ResponseWriter
	out     *flusher
	rows    rows
	values  []any // of the program's variables, the same for all records
	line    []byte
	begin   func() // tells the attempt
	reading func() // notes how the body is read
	begun   bool
	aborted bool
}

// errEnough ends a stream of whose body nothing is wanted.
var errEnough = errors.New("the header is enough")

// stream answers with the records of the route's fetch. It gives the status, and the problem's where the answer ended
// with one midway.
func (x *exchange) stream(w http.ResponseWriter) int {
	if p := x.admitted(); p != nil {
		return x.fail(w, p)
	}
	s := &stream{x: x, w: w, rows: newRows(x.output, x.route.columns), out: newFlusher(w)}
	defer s.out.stop()
	if p := x.route.reply; p != nil {
		for _, b := range p.bind {
			s.values = append(s.values, x.root.bound(b))
		}
	}
	x.streamed = s
	p := x.root.run(x.ctx)
	if p != nil && !s.begun {
		return x.fail(w, p)
	}
	return s.end(p)
}

// stream reads an answer record by record. It is the last part of an attempt.
func (f *fetch) stream(ctx context.Context, x *frame, body *upstream.Stream) error {
	s := x.streamed
	s.begin = body.Begin
	a := body.Answer
	if a.Status == http.StatusNoContent || a.Status == http.StatusResetContent {
		return f.empty(x)
	}
	in := f.described(a)
	text := charset.NewReader(body, in.Charset)
	s.reading = func() { // what is known when the header is written
		x.readings.note(f, reading{format: f.Format, charset: text.Charset(), encoding: a.Encoding, bytes: -1})
	}
	factor := f.factor()
	sink := decode.NewRecords(decode.RecordsOptions{
		Text: x.route.reply == nil, Tree: x.route.reply != nil,
		Each: func(text []byte, tree any) error { return s.record(ctx, text, tree) },
		Grow: func(n int) error { return body.Charge(int64(float64(n) * factor)) },
	})
	streamer, _ := f.Decoder.(decode.Streamer) // checked by compileEach
	err := streamer.Stream(ctx, text, in, sink)
	f.noteReading(ctx, x, a, decode.Found{Charset: text.Charset()}, -1)
	switch {
	case err == nil || errors.Is(err, errEnough):
		return nil
	case isFailure(err) || body.Err() != nil:
		return err
	}
	return f.undecodable(err)
}

func isFailure(err error) bool {
	_, ok := errors.AsType[*upstream.Failure](err)
	return ok
}

// unusable is the failure of an attempt whose answer was good.
func unusable(p *problem.Problem) error { return &upstream.Failure{Kind: upstream.Unusable, Err: p} }

// record answers with one record, or with what the program makes of it.
func (s *stream) record(ctx context.Context, text []byte, tree any) error {
	program := s.x.route.reply
	if program == nil {
		if err := s.row(ctx, text); err != nil {
			return err
		}
		return s.start()
	}
	err := program.Each(ctx, tree, func(v any) error {
		out, err := reply.Marshal(v)
		if err != nil {
			return unusable(replyFailed("A record could not be written.", "", err))
		}
		return s.row(ctx, out)
	}, s.values...)
	if err == nil {
		return s.start()
	}
	if isFailure(err) || errors.Is(err, errEnough) || ctx.Err() != nil {
		return err
	}
	return unusable(replyFailed("The reply could not be made of a record.", "", err))
}

// row writes one row.
func (s *stream) row(ctx context.Context, text []byte) error {
	if p := s.x.promised(ctx, nil, text); p != nil {
		return unusable(p)
	}
	line, err := s.rows.row(s.line[:0], text)
	if s.line = line; err != nil {
		return unusable(replyFailed("A record cannot be written as "+s.x.output+": "+err.Error()+".", "", err))
	}
	if err := s.start(); err != nil {
		return err
	}
	return s.write(s.line)
}

func (s *stream) write(b []byte) error {
	if err := s.out.write(b); err != nil {
		return &upstream.Failure{Kind: upstream.Cancelled, Err: err}
	}
	return nil
}

// start writes the header. From here on nothing is tried again.
func (s *stream) start() error {
	if s.begun {
		return nil
	}
	s.begun = true
	if s.begin != nil {
		s.begin()
	}
	if s.reading != nil {
		s.reading()
		s.x.readings.tell(s.w.Header())
	}
	s.w.Header()["Content-Type"] = []string{mediaType(s.x.output)}
	if s.x.r.Method == http.MethodHead {
		s.w.WriteHeader(http.StatusOK)
		return errEnough
	}
	// A caller who does not read may not keep the backend's connection for ever.
	_ = s.out.control.SetWriteDeadline(s.x.root.deadline) // where it is not supported, the server's own counts
	s.w.WriteHeader(http.StatusOK)
	return nil
}

// end writes the end of the answer, or makes it one that the caller can see to have none.
func (s *stream) end(p *problem.Problem) int {
	if p == nil {
		if s.start() != nil || s.x.r.Method == http.MethodHead {
			return http.StatusOK
		}
		if s.write(s.rows.end(nil)) != nil || s.out.flush() != nil {
			s.aborted = true
			return statusClientClosed
		}
		_ = s.out.control.SetWriteDeadline(time.Time{})
		return http.StatusOK
	}
	if s.x.r.Method == http.MethodHead {
		return p.Status
	}
	if p.Status != statusClientClosed {
		s.x.route.service.log.LogAttrs(s.x.ctx, slog.LevelWarn, "answer ended midway", s.x.attrs(p)...)
	}
	if s.x.route.each.OnError == OnErrorRecord && s.x.output == OutputNDJSON {
		doc := p.JSON(s.x.r.URL.EscapedPath(), s.x.id)
		line := fmt.Appendf(nil, "{\"problem\":%s}\n", doc[:len(doc)-1])
		if s.write(line) == nil && s.out.flush() == nil {
			_ = s.out.control.SetWriteDeadline(time.Time{})
			return p.Status
		}
	}
	_ = s.out.flush()
	s.aborted = true
	return p.Status
}
