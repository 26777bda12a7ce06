package wrap

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/proxies/requestid"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// ServeHTTP answers every request; one that is not under a prefix is answered 404.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestid.Of(r.Header)
	if !s.Serve(w, r, id, nil) {
		w.Header()[requestid.Header] = []string{id}
		notFound().Write(w, r, id)
	}
}

// Serve answers r if its path is under a prefix of the service, and says whether it was. Id names the request in the
// answer, in errors and in the log. Trace may be nil.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, id string, trace *Trace) bool {
	return slices.ContainsFunc(s.prefixes, func(prefix string) bool { return s.ServeUnder(w, r, prefix, id, trace) })
}

// ServeUnder is Serve for one of the prefixes.
func (s *Service) ServeUnder(w http.ResponseWriter, r *http.Request, prefix, id string, trace *Trace) bool {
	rest, ok := cutPrefix(r.URL.EscapedPath(), prefix)
	if !ok {
		return false
	}
	w.Header()[requestid.Header] = []string{id}
	s.serve(w, r, rest, prefix, id, trace)
	return true
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request, rest, prefix, id string, trace *Trace) {
	if s.crossOrigin(w, r, rest) {
		return
	}
	if p := checkPath(rest); p != nil {
		p.Write(w, r, id)
		return
	}
	if s.document.Has(rest) {
		s.document.Write(w, r, id)
		return
	}
	if s.serveLong(w, r, rest, prefix, id) {
		return
	}
	rt, raw, output := s.suffixed(r.Method, rest)
	var allow []string
	ok := rt != nil
	if !ok {
		rt, raw, allow, ok = s.router.find(r.Method, rest, nil)
	}
	switch {
	case ok:
	case len(allow) == 0:
		notFound().Write(w, r, id)
		return
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allowHeader(allow))
		w.WriteHeader(http.StatusOK)
		return
	default:
		notAllowed(allowHeader(allow)).Write(w, r, id)
		return
	}
	if trace != nil && trace.Route != nil {
		trace.Route(rt.method, rt.pattern)
	}
	now := time.Now()
	x := &exchange{ctx: r.Context(), r: r, writer: w, id: id, route: rt, raw: raw, start: now, trace: trace, output: output, prefix: prefix}
	x.readings = s.newReadings(r.Header)
	x.root = frame{exchange: x, plan: rt.plan, deadline: now.Add(rt.budget)}
	status := x.answer(w) //nolint:contextcheck // the exchange holds the context of its request
	if rt.metrics != nil {
		rt.metrics.Observe(status, time.Since(now))
	}
	if x.streamed != nil && x.streamed.aborted && trace == nil {
		panic(http.ErrAbortHandler) // the only way to end an answer so that the caller sees that it is not whole
	}
}

func notFound() *problem.Problem {
	return &problem.Problem{Status: http.StatusNotFound, Detail: "There is nothing at this path."}
}

// answer runs the route and writes what it gives; it returns the status.
func (x *exchange) answer(w http.ResponseWriter) (status int) {
	defer func() {
		if !x.handed {
			x.release()
		}
	}()
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			if x.streamed != nil && x.streamed.begun {
				x.streamed.aborted = true
			}
			status = x.fail(w, problem.Of(fmt.Errorf("panic: %v\n%s", v, debug.Stack())))
		}
	}()
	if p := x.limited(rate.ByAddress); p != nil {
		return x.fail(w, p)
	}
	if p := x.identify(); p != nil {
		return x.fail(w, p)
	}
	if p := x.limited(rate.ByCaller); p != nil {
		return x.fail(w, p)
	}
	if p := x.negotiate(w.Header()); p != nil {
		return x.fail(w, p)
	}
	if x.route.each != nil {
		return x.stream(w)
	}
	if x.route.execute != nil && x.trace == nil {
		return x.answerLong(w)
	}
	body, status, p := x.make()
	return x.tell(w, body, status, p)
}

// tell writes what was made.
func (x *exchange) tell(w http.ResponseWriter, body []byte, status int, p *problem.Problem) int {
	if p == nil && status != http.StatusNoContent {
		p = x.promised(x.ctx, w.Header(), body)
	}
	if p != nil {
		return x.fail(w, p)
	}
	maps.Copy(w.Header(), x.header)
	x.readings.tell(w.Header())
	x.tellCache(w.Header())
	body = withParts(x.root.failures(), w.Header(), body)
	return x.write(w, status, body)
}

// release gives back the memory that the request holds.
func (x *exchange) release() {
	x.root.release()
	if x.charged > 0 {
		x.route.service.memory.Release(x.charged)
	}
}

// fail writes and logs p.
func (x *exchange) fail(w http.ResponseWriter, p *problem.Problem) int {
	x.told = p
	if p.Status == statusClientClosed && x.ctx.Err() != nil {
		return p.Status // nobody is there to read it
	}
	level := slog.LevelInfo
	switch {
	case p.Code == problem.BreakerOpen, p.Code == problem.MemorySpent, p.Code == problem.RateLimited:
		level = slog.LevelDebug // the change was logged; what follows from it, a thousand times a second, is a metric
	case p.Status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	}
	if log := x.route.service.log; log.Enabled(x.ctx, level) {
		log.LogAttrs(x.ctx, level, "request failed", x.attrs(p)...)
	}
	x.readings.tell(w.Header())
	for name := range x.header {
		delete(w.Header(), name)
	}
	p.Write(w, x.r, x.id)
	return p.Status
}

// attrs is what the log says of a failed request: names and numbers, no body, no credentials, no target. The request's id
// is added by the logger's handler, which finds it in the context.
func (x *exchange) attrs(p *problem.Problem) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("service", x.route.service.Name),
		slog.String("route", x.route.method+" "+x.route.pattern),
		slog.Int("status", p.Status),
		slog.String("problem", cmp.Or(p.Code, http.StatusText(p.Status))),
	}
	for name, value := range map[string]string{"backend": p.Backend, "fetch": p.Fetch, "parameter": p.Parameter} {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	if p.Cause != nil {
		attrs = append(attrs, slog.String("cause", p.Cause.Error()))
	}
	return attrs
}

// admitted is admit with the caller's credentials, before any backend hears of the request.
func (x *exchange) admitted() *problem.Problem {
	if p := x.admit(); p != nil {
		return p
	}
	if x.user == nil {
		x.caller = session.CallerOf(x.r)
	}
	if x.route.creds && !x.caller.Basic {
		return session.NoCredentials(x.route.service.Name)
	}
	if p := x.takeKey(); p != nil {
		return p
	}
	return x.takeBody()
}

// make gives the body and status of a good answer, or the problem.
func (x *exchange) make() ([]byte, int, *problem.Problem) {
	if p := x.admitted(); p != nil {
		return nil, 0, p
	}
	return x.produce()
}

// produce is make of a request that was admitted.
func (x *exchange) produce() ([]byte, int, *problem.Problem) {
	rt, fr := x.route, &x.root
	if p := fr.run(x.ctx); p != nil {
		return nil, 0, p
	}
	if rt.failWhen != nil {
		if err := rt.failWhen.judge(x.ctx, fr, fr.dot()); err != nil {
			return nil, 0, rt.judged(err)
		}
	}
	status, p := x.status()
	if p != nil {
		return nil, 0, p
	}
	if p := x.makeHeaders(); p != nil {
		return nil, 0, p
	}
	if rt.reply == nil {
		return append(fr.join(), '\n'), status, nil
	}
	v, err := rt.reply.run(x.ctx, fr, fr.dot())
	if err != nil {
		return nil, 0, replyFailed("The reply could not be made of what the backend answered.", "", err)
	}
	out, err := reply.Marshal(v)
	if err != nil {
		return nil, 0, replyFailed("The reply could not be written.", "", err)
	}
	return append(out, '\n'), status, nil
}

// status is the status of a good answer: what the program says, else 200.
func (x *exchange) status() (int, *problem.Problem) {
	if x.route.status == nil {
		return http.StatusOK, nil
	}
	v, err := x.route.status.run(x.ctx, &x.root, x.root.dot())
	if err != nil {
		return 0, replyFailed("The status of the reply could not be made of what the backend answered.", "", err)
	}
	status, ok := v.(int)
	if n, exact := v.(json.Number); exact {
		status, err = strconv.Atoi(string(n))
		ok = err == nil
	}
	if !ok || status < 200 || status > 599 || status == http.StatusResetContent || status == http.StatusNotModified {
		return 0, replyFailed("The program of the reply's status gave none of 200 to 599, or one that no answer can have here.", "", nil)
	}
	return status, nil
}

// judged makes a problem of what the route's own fail_when found.
func (rt *route) judged(err error) *problem.Problem {
	if len(rt.fetches) == 0 { // all are queries
		p := (&query{step: new(step)}).problem(err)
		if len(rt.plan.steps) == 1 {
			p.Fetch = rt.plan.steps[0].name
		}
		return p
	}
	only := rt.fetches[0]
	p := only.problem(only.backend, err)
	if len(rt.fetches) > 1 {
		p.Backend, p.Fetch = "", ""
	}
	return p
}

func replyFailed(detail, fetch string, err error) *problem.Problem {
	if limit := reply.Limited(err); limit != nil {
		detail += " The jq program " + limit.Msg + "."
	}
	return &problem.Problem{Code: problem.ReplyFailed, Status: http.StatusBadGateway, Detail: detail, Fetch: fetch, Cause: err}
}

// label is the backend's name as callers are told it.
func (b *backend) label() string {
	if b.implicit() {
		return ""
	}
	return b.Name
}

var _ http.Handler = (*Service)(nil)
