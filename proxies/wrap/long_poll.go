package wrap

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/session"
)

const (
	statusRunning   = "RUNNING"
	statusCancelled = "CANCELLED"
	// longMethods are those of the addresses of long answers.
	longMethods = "DELETE, GET, HEAD, OPTIONS"
	// eachLook is how often it is looked at most whether there is an answer.
	eachLook = 100 * time.Millisecond
)

// longID gives the id of a long answer's path, the prefix taken off.
func longID(rest string) (string, bool) {
	id, ok := strings.CutPrefix(rest, longPath+"/")
	if !ok || len(id) != 36 || strings.ContainsFunc(id, func(c rune) bool { return !strings.ContainsRune("0123456789abcdef-", c) }) {
		return "", false
	}
	return id, true
}

// serveLong answers who comes back for an answer; false: the path is not of one.
func (s *Service) serveLong(w http.ResponseWriter, r *http.Request, rest, prefix, requestID string) bool {
	if !s.executes {
		return false
	}
	id, ok := longID(rest)
	if !ok {
		return false
	}
	x := &exchange{ctx: r.Context(), r: r, writer: w, id: requestID, route: &route{service: s, method: r.Method, pattern: longPath + "/{id}"}, start: time.Now(), prefix: prefix}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
	case http.MethodOptions:
		w.Header().Set("Allow", longMethods)
		w.WriteHeader(http.StatusOK)
		return true
	default:
		notAllowed(longMethods).Write(w, r, requestID)
		return true
	}
	if p := x.comeBack(w, id); p != nil { //nolint:contextcheck // the exchange holds the context of its request
		x.fail(w, p)
	}
	return true
}

// comeBack answers who comes back.
func (x *exchange) comeBack(w http.ResponseWriter, id string) *problem.Problem {
	if p := x.limited(rate.ByAddress); p != nil {
		return p
	}
	if p := x.identify(); p != nil {
		return p
	}
	if p := x.limited(rate.ByCaller); p != nil {
		return p
	}
	if x.user == nil {
		x.caller = session.CallerOf(x.r)
	}
	s := x.route.service
	if s.executions == nil {
		return notFound()
	}
	seeker := LongSeeker{ID: id, Token: x.r.URL.Query().Get("token"), Service: s.Name, Callers: x.owners()}
	state, p := x.look(w, seeker)
	if p != nil {
		return p
	}
	w.Header()["Cache-Control"] = []string{"private, no-store"}
	at := address(x.prefix, state.ID, seeker.Token)
	if x.r.Method == http.MethodDelete {
		if p := s.executions.Cancel(x.ctx, state, x.user); p != nil {
			return p
		}
		if state.Ended {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		state.Status = "CANCELLING"
	}
	if wantsStream(x.r) {
		return x.streamLong(w, seeker, state)
	}
	if !state.Ended {
		writePending(w, x.r, at, state)
		return nil
	}
	if state.Answer == nil {
		return unanswered(state)
	}
	return x.writeKept(w, state.Answer)
}

// look finds a long answer, and waits for it for as long as the seeker prefers to.
func (x *exchange) look(w http.ResponseWriter, seeker LongSeeker) (*LongState, *problem.Problem) {
	s, prefer := x.route.service, preferencesOf(x.r.Header)
	executions, until := s.executions, x.start
	if x.r.Method != http.MethodDelete && prefer.wait > 0 && !wantsStream(x.r) {
		leave, ok := s.follow()
		if !ok {
			return nil, crowded()
		}
		defer leave()
		until = until.Add(min(prefer.wait, mostWait))
		prefer.async = false
		prefer.applied(w.Header(), false)
	}
	for {
		changed := executions.Changed()
		state, p := executions.Find(x.ctx, seeker)
		switch {
		case p != nil:
			return nil, p
		case state == nil:
			return nil, notFound()
		case state.Ended || !sleep(x.ctx, until, until, changed, s.ending):
			return state, nil
		}
	}
}

// sleep waits for a change, and a moment, no longer than a time; false: it is late, or the gateway ends.
func sleep(ctx context.Context, until, most time.Time, changed, ending <-chan struct{}) bool {
	left := time.Until(until)
	if left <= 0 {
		return false
	}
	late, soon := time.NewTimer(min(left, time.Until(most))), time.NewTimer(min(left, eachLook))
	defer late.Stop()
	defer soon.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-ending:
		return false
	case <-late.C:
		return true // it is looked once more
	case <-changed:
	}
	select {
	case <-ctx.Done():
		return false
	case <-ending:
		return false
	case <-soon.C:
		return true
	}
}

// writePending tells who asks where to come back, and when.
func writePending(w http.ResponseWriter, r *http.Request, at string, state *LongState) {
	body, err := json.Marshal(map[string]string{"id": state.ID, "status": state.Status, "location": at})
	if err != nil { // of texts
		body = []byte("{}")
	}
	h := w.Header()
	h["Location"] = []string{at}
	h["Retry-After"] = []string{retryIn(time.Since(state.Began))}
	h["Cache-Control"] = []string{"private, no-store"}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body) + 1)}
	w.WriteHeader(http.StatusAccepted)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // a caller who has gone is nobody's failure
	}
}

// unanswered is the problem of an execution that has ended without an answer.
func unanswered(state *LongState) *problem.Problem {
	if state.Status == statusCancelled {
		return &problem.Problem{Code: problem.Cancelled, Status: http.StatusGone, Detail: "The execution was cancelled, and gives no answer."}
	}
	return &problem.Problem{
		Code: problem.GatewayLost, Status: http.StatusBadGateway,
		Detail: "The gateway that made the answer has ended before it had it, and no other could make it. Ask again, if the request does no harm when it is made twice.",
	}
}

// writeKept writes an answer as it was made.
func (x *exchange) writeKept(w http.ResponseWriter, a *KeptAnswer) *problem.Problem {
	h := w.Header()
	own := h["X-Request-Id"]
	tag := a.Header["Etag"]
	fresh := x.r.Method != http.MethodDelete && len(tag) == 1 && matches(x.r.Header["If-None-Match"], tag[0])
	var body io.ReadCloser = http.NoBody
	if !fresh && x.r.Method == http.MethodGet && a.Status != http.StatusNoContent {
		var err error
		if body, err = a.Open(x.ctx); err != nil {
			return &problem.Problem{Code: problem.StoreUnavailable, Status: http.StatusServiceUnavailable, Detail: "The answer cannot be reached now.", RetryAfter: 2 * time.Second, Cause: err}
		}
	}
	defer func() { _ = body.Close() }() // it was read
	maps.Copy(h, a.Header)
	h["X-Request-Id"], h["Cache-Control"] = own, []string{"private, no-store"}
	if fresh {
		for _, name := range []string{"Content-Type", "Content-Length"} {
			delete(h, name)
		}
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if a.Status != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.FormatInt(a.Size, 10)}
	}
	w.WriteHeader(a.Status)
	if n, err := io.Copy(w, body); err != nil && n < a.Size && x.ctx.Err() == nil {
		panic(http.ErrAbortHandler) // nobody takes a part for the whole
	}
	return nil
}
