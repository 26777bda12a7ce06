package wrap

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

const (
	// eventStream is the media type of Server-Sent Events.
	eventStream = "text/event-stream"
	// mostFollowers is how many wait at once for long answers of a service, at its streams or since they prefer to.
	mostFollowers = 1000
	// pingEvery is after what time without an event a stream says that it is there; streamFor is how long one lasts, after which its
	// reader comes again and shows who he is.
	pingEvery = 15 * time.Second
	streamFor = 10 * time.Minute
	// writeWait is how long a reader may take to take something.
	writeWait = 30 * time.Second
	// mostEvent is how long a body is that is an event, in bytes; others are fetched.
	mostEvent = 1 << 20
)

// wantsStream says whether somebody who comes back wants to hear when there is an answer.
func wantsStream(r *http.Request) bool {
	return r.Method == http.MethodGet && slices.ContainsFunc(acceptRanges(r.Header["Accept"]), func(a acceptRange) bool { return a.mediaType == eventStream && a.quality > 0 })
}

// follow takes a place among those who wait; false: there is none.
func (s *Service) follow() (leave func(), ok bool) {
	if s.followers.Add(1) > mostFollowers {
		s.followers.Add(-1)
		return nil, false
	}
	return func() { s.followers.Add(-1) }, true
}

func crowded() *problem.Problem {
	return &problem.Problem{Code: problem.Busy, Status: http.StatusServiceUnavailable, Detail: "Too many wait for long answers at once.", RetryAfter: 5 * time.Second}
}

// streamLong tells the status of a long answer as often as it changes, and then the answer, as Server-Sent Events. State is what there
// is now.
func (x *exchange) streamLong(w http.ResponseWriter, seeker LongSeeker, state *LongState) *problem.Problem {
	s := x.route.service
	leave, ok := s.follow()
	if !ok {
		return crowded()
	}
	defer leave()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // those of whole answers do not hold here; tests cannot set any
	h := w.Header()
	h["Content-Type"], h["Cache-Control"], h["X-Accel-Buffering"] = []string{eventStream}, []string{"no-store, no-transform"}, []string{"no"}
	send := func(text []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeWait))
		_, err := w.Write(text)
		return err == nil && control.Flush() == nil
	}
	until, told := x.start.Add(streamFor), ""
	for {
		if state.Status != told {
			told = state.Status
			if !send(x.statusEvent(seeker, state)) {
				return nil
			}
		}
		if state.Ended {
			if body, ok := x.answerEvent(state); ok {
				send(body)
			}
			return nil
		}
		changed := s.executions.Changed()
		again := sleep(x.ctx, until, time.Now().Add(pingEvery), changed, s.ending)
		if !again || time.Now().After(until) {
			return nil
		}
		next, p := s.executions.Find(x.ctx, seeker)
		switch {
		case p != nil: // the store's: it is asked again
			if !send([]byte(":\n\n")) {
				return nil
			}
		case next == nil:
			return nil
		default:
			if next.Status == told && !send([]byte(":\n\n")) {
				return nil
			}
			state = next
		}
	}
}

// statusEvent tells how a long answer is.
func (x *exchange) statusEvent(seeker LongSeeker, state *LongState) []byte {
	of := map[string]any{"id": state.ID, "status": state.Status, "location": address(x.prefix, state.ID, seeker.Token)}
	if state.Ended {
		of["answer"] = unanswered(state).Status
		if state.Answer != nil {
			of["answer"] = state.Answer.Status
		}
	}
	text, err := json.Marshal(of)
	if err != nil { // of texts and numbers
		text = []byte("{}")
	}
	return event("status", text)
}

// answerEvent is the answer, or the problem that there is none; false: it is too long, or cannot be read now, and is to be fetched.
func (x *exchange) answerEvent(state *LongState) ([]byte, bool) {
	if state.Answer == nil {
		return event("answer", bytes.TrimRight(unanswered(state).JSON(x.r.URL.EscapedPath(), x.id), "\n")), true
	}
	if state.Answer.Size > mostEvent {
		return nil, false
	}
	from, err := state.Answer.Open(x.ctx)
	if err != nil {
		return nil, false
	}
	defer func() { _ = from.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(from, mostEvent))
	if err != nil {
		return nil, false
	}
	return event("answer", bytes.TrimRight(body, "\n")), true
}

// event writes one whose reader puts its lines together again.
func event(name string, data []byte) []byte {
	text := strings.NewReplacer("\r\n", "\ndata: ", "\n", "\ndata: ", "\r", "\ndata: ").Replace(string(data))
	return []byte("event: " + name + "\ndata: " + text + "\n\n")
}
