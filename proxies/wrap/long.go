package wrap

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/requestid"
)

// longPath is below the prefixes where long answers are fetched.
const longPath = "/execution"

// beginTimeout is how long the store may take to make an execution.
const beginTimeout = 10 * time.Second

// mostAgainBytes is how long a request may be that another gateway may make again.
const mostAgainBytes = 1 << 20

// long is an exchange whose answer may take longer than its caller waits: it is made beside the request.
type long struct {
	*exchange
	cancel context.CancelFunc
	done   chan struct{} // closed when what follows was made
	body   []byte
	status int
	failed *problem.Problem
	// sent is the body of the request, where it may be made again.
	sent *bytes.Buffer
	// query and target are of the request, as it may be made again.
	uri string
}

// answerLong is answer for a route whose answers may become executions.
func (x *exchange) answerLong(w http.ResponseWriter) int {
	l := &long{exchange: x, done: make(chan struct{})}
	l.remember()
	if p := x.admitted(); p != nil {
		return x.fail(w, p)
	}
	caller := x.r.Context()
	x.ctx, l.cancel = context.WithCancel(context.WithoutCancel(caller))
	x.root.deadline = x.start.Add(x.route.execute.timeout)
	hangUp := context.AfterFunc(caller, l.cancel)
	x.route.service.hold()
	go l.make() // ends with x.ctx, and is waited for here or by see
	if answered := l.wait(w, hangUp); !answered {
		return http.StatusAccepted
	}
	defer x.route.service.unhold()
	defer l.cancel()
	defer hangUp()
	<-l.done
	return x.tell(w, l.body, l.status, l.failed)
}

// remember keeps what it takes to make the request again.
func (l *long) remember() {
	l.uri = l.r.URL.RequestURI()
	if l.route.execute.again && !noBody(l.r) {
		l.sent = new(bytes.Buffer)
		l.r.Body = &remembered{ReadCloser: l.r.Body, to: l.sent}
	}
}

// remembered is a body of which what was read is kept, as far as it is not too long.
type remembered struct {
	io.ReadCloser
	to *bytes.Buffer
}

// Read implements io.Reader.
func (r *remembered) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.to.Len() <= mostAgainBytes {
		r.to.Write(p[:n])
	}
	return n, err //nolint:wrapcheck // it is the reader's
}

// make makes the answer.
func (l *long) make() {
	defer close(l.done)
	defer recovered(&l.failed, func() string { return "route " + l.route.method + " " + l.route.pattern })
	l.body, l.status, l.failed = l.produce()
}

// wait waits for the answer; false: the caller was told to come back.
func (l *long) wait(w http.ResponseWriter, hangUp func() bool) (answered bool) {
	e, prefer := l.route.execute, preferencesOf(l.r.Header)
	patience := prefer.patience(e.after) // nothing: the caller does not want to wait, even for what is there at once
	if patience > 0 && !l.over(patience) {
		prefer.applied(w.Header(), false)
		return true
	}
	if !hangUp() { // the caller has left, and x.ctx has ended
		return true
	}
	run, p := l.begin()
	switch {
	case p == nil:
		prefer.applied(w.Header(), true)
		l.handed = true
		l.accept(w, run)
		go l.see(run)
		return false
	case p.Code != problem.StoreUnavailable:
		l.giveUp(p)
		return true
	}
	// As if the route had no such word, but that the caller may not be seen to leave.
	again := context.AfterFunc(l.r.Context(), l.cancel)
	defer again()
	if l.over(l.route.budget - time.Since(l.start)) {
		l.giveUp(&problem.Problem{Code: problem.BackendTimeout, Status: http.StatusGatewayTimeout, Detail: "No complete answer came in the time that the request may take."})
	}
	return true
}

// over says whether a time is over before there is an answer.
func (l *long) over(after time.Duration) bool {
	timer := time.NewTimer(max(after, 0))
	defer timer.Stop()
	select {
	case <-l.done:
		return false
	case <-timer.C:
		return true
	}
}

// giveUp ends what is made of it, and has the caller be told so.
func (l *long) giveUp(p *problem.Problem) {
	l.cancel()
	<-l.done
	l.body, l.status, l.failed = nil, 0, p
}

// begin makes an execution of it.
func (l *long) begin() (LongRun, *problem.Problem) {
	rt, e := l.route, l.route.execute
	s := rt.service
	if s.executions == nil {
		return nil, &problem.Problem{Code: problem.StoreUnavailable, Status: http.StatusServiceUnavailable}
	}
	ctx, cancel := context.WithTimeout(l.ctx, beginTimeout)
	defer cancel()
	ctx, span := observe.Start(ctx, "fairway.execute", attribute.String("fairway.service", s.Name))
	run, p := s.executions.Begin(ctx, LongRequest{
		Service: s.Name, Route: rt.method + " " + rt.pattern, Params: longParams(l.r), Prefix: l.prefix, Caller: l.owner(), Counted: l.countedAs(), User: l.user,
		Secret: !s.users, Again: l.asked(), Attempts: mostAgain, Timeout: e.timeout - time.Since(l.start), Keep: e.keep, AtOnce: e.atOnce, PerCaller: e.perCaller,
	})
	outcome, counted := observe.OK, "begun"
	if p != nil {
		outcome, counted = p.Code, p.Code
	}
	observe.End(span, outcome)
	if rt.metrics != nil {
		rt.metrics.Long(counted)
	}
	return run, p
}

// owner is what only the caller has.
func (x *exchange) owner() string {
	if x.user != nil || x.route.execute.personal {
		return strings.Join(x.whose(), "\x00")
	}
	return ""
}

// owners are what a caller may have been, who comes back.
func (x *exchange) owners() []string {
	if x.user != nil {
		return []string{strings.Join(x.whose(), "\x00")}
	}
	return []string{"", strings.Join(x.whose(), "\x00")}
}

// countedAs is the name under which a caller's executions are counted.
func (x *exchange) countedAs() string {
	if x.user != nil {
		return x.user.Key
	}
	return x.route.service.addressOf(x.r)
}

// accept tells the caller where to come back.
func (l *long) accept(w http.ResponseWriter, run LongRun) {
	writePending(w, l.r, address(l.prefix, run.ID(), run.Token()), &LongState{ID: run.ID(), Status: statusRunning, Began: l.start})
}

// address is where a long answer is fetched.
func address(prefix, id, token string) string {
	at := strings.TrimSuffix(prefix, "/") + longPath + "/" + id
	if token != "" {
		at += "?token=" + url.QueryEscape(token)
	}
	return at
}

// see brings an execution to its end.
func (l *long) see(run LongRun) {
	defer l.route.service.unhold()
	defer l.release()
	defer l.cancel()
	stop := context.AfterFunc(run.Context(), l.cancel)
	defer stop()
	<-l.done
	l.end(run)
}

// end keeps the answer. What the request said of its own connection, or asked of an answer that it has, does not count for who comes back.
func (l *long) end(run LongRun) {
	var ended LongAnswer
	rec := &recorded{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil {
			p := problem.Of(fmt.Errorf("panic: %v", v))
			rec = &recorded{header: http.Header{}}
			p.Write(rec, l.r, l.id)
			ended.Problem = p
		}
		ended.Status, ended.Header, ended.Body, ended.Keep = rec.status, rec.header, rec.body, l.route.execute.keep
		run.End(ended)
	}()
	l.r = l.r.Clone(l.ctx)
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "Range"} {
		l.r.Header.Del(name)
	}
	l.writer, l.told = rec, nil
	status := l.tell(rec, l.body, l.status, l.failed)
	ended.Problem = l.told
	if m := l.route.metrics; m != nil {
		m.Long(outcomeOf(l.ctx, ended.Problem))
	}
	if l.route.service.log.Enabled(l.ctx, slog.LevelDebug) {
		l.route.service.log.DebugContext(l.ctx, "a long answer is there", slog.String("execution", run.ID()), slog.Int("status", status))
	}
}

// outcomeOf is how a long answer ended, for metrics.
func outcomeOf(ctx context.Context, p *problem.Problem) string {
	switch {
	case p == nil:
		return "answered"
	case ctx.Err() != nil:
		return "stopped"
	}
	return "failed"
}

// asking is what it takes to make a request again.
type asking struct {
	Method string
	URI    string
	Prefix string
	Output string
	Header http.Header
	Body   []byte
}

// asked is the request, for another gateway; nil: none may make it again.
func (l *long) asked() []byte {
	if !l.route.execute.again || l.sent != nil && l.sent.Len() > mostAgainBytes {
		return nil
	}
	a := asking{Method: l.r.Method, URI: l.uri, Prefix: l.prefix, Output: l.output, Header: http.Header{}}
	if l.sent != nil {
		a.Body = l.sent.Bytes()
		a.Header["Content-Type"] = l.r.Header["Content-Type"]
	}
	for _, p := range l.route.params { // they are checked again
		if p.In == inHeader {
			name := http.CanonicalHeaderKey(p.Name)
			if v := l.r.Header[name]; len(v) > 0 && !credential(name) {
				a.Header[name] = v
			}
		}
	}
	if l.key != "" {
		a.Header[keyHeader] = []string{l.key}
	}
	text, err := json.Marshal(a)
	if err != nil || len(text) > 2*mostAgainBytes {
		return nil
	}
	return text
}

// AskAgain makes a request again that another gateway could not end, and ends its execution. False: the service has no such route any more,
// or it may not be asked again.
func (s *Service) AskAgain(route string, asked []byte, run LongRun) bool {
	var a asking
	if json.Unmarshal(asked, &a) != nil {
		return false
	}
	u, err := url.ParseRequestURI(a.URI)
	if err != nil {
		return false
	}
	rest, ok := cutPrefix(u.EscapedPath(), a.Prefix)
	if !ok {
		return false
	}
	if a.Method == http.MethodHead {
		a.Method = http.MethodGet
	}
	rt, raw, _ := s.suffixed(a.Method, rest)
	if rt == nil {
		rt, raw, _, ok = s.router.find(a.Method, rest, nil)
	}
	if !ok || rt == nil || rt.method+" "+rt.pattern != route || rt.execute == nil || !rt.execute.again {
		return false
	}
	ctx, cancel := context.WithCancel(run.Context())
	r, err := http.NewRequestWithContext(ctx, a.Method, u.String(), bytes.NewReader(a.Body))
	if err != nil {
		cancel()
		return false
	}
	r.Header, r.RequestURI = a.Header, a.URI
	if r.Header == nil {
		r.Header = http.Header{}
	}
	now := time.Now()
	x := &exchange{ctx: ctx, r: r, writer: &recorded{header: http.Header{}}, id: requestid.New(), route: rt, raw: raw, start: now, output: a.Output, prefix: a.Prefix}
	x.root = frame{exchange: x, plan: rt.plan, deadline: now.Add(rt.execute.timeout)}
	l := &long{exchange: x, cancel: cancel, done: make(chan struct{})}
	s.hold()
	go func() { // ends with the run's context
		if l.failed = x.admitted(); l.failed != nil {
			close(l.done)
			return
		}
		l.make()
	}()
	go l.see(run)
	return true
}

// credential says whether a header is one of which no gateway keeps the value.
func credential(name string) bool {
	switch name {
	case "Authorization", "Proxy-Authorization", "Cookie":
		return true
	}
	return false
}

// recorded is an answer that nobody reads yet.
type recorded struct {
	header http.Header
	status int
	body   []byte
}

// Header implements http.ResponseWriter.
func (r *recorded) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorded) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements http.ResponseWriter. What is written first is kept as it is.
func (r *recorded) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.body == nil {
		r.body = slices.Clip(p)
	} else {
		r.body = append(r.body, p...)
	}
	return len(p), nil
}

// retryIn is when it is worth to come back for what has taken so long already.
func retryIn(took time.Duration) string {
	return strconv.Itoa(int(min(max(took/4, time.Second), 30*time.Second) / time.Second))
}

var _ http.ResponseWriter = (*recorded)(nil)
