package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

// Event is something that happened to an execution.
type Event struct {
	// Kind is KindStatus, KindProgress or KindLog.
	Kind string
	// Status is that of KindStatus.
	Status string
	// Progress is that of KindProgress, 0 to 100.
	Progress int
	// Line is that of KindLog.
	Line ExecutionLine
}

// Kinds of events.
const (
	KindStatus   = "status"
	KindProgress = "progress"
	KindLog      = "log"
	kindEnd      = "end"
)

// Following says how something is followed.
type Following struct {
	// Last is the line behind which the log begins. Default: it begins at the beginning.
	Last int64
	// Since has older lines left out. Default: none are.
	Since time.Time
	// Poll is how often is asked where there is no stream. Default 2s.
	Poll time.Duration
	// Silence is how long a stream may say nothing. Default 60s: a gateway says something every 15 seconds.
	Silence time.Duration
	// Back is the first pause after a failure; the next is twice as long, up to 30 seconds. Default 500ms.
	Back time.Duration
	// Patience is how long a gateway that does not answer is waited for. Default 10m.
	Patience time.Duration
}

func (f Following) complete() Following {
	instead := func(d *time.Duration, usual time.Duration) {
		if *d <= 0 {
			*d = usual
		}
	}
	instead(&f.Poll, 2*time.Second)
	instead(&f.Silence, time.Minute)
	instead(&f.Back, 500*time.Millisecond)
	instead(&f.Patience, 10*time.Minute)
	return f
}

// Follow tells what happens to an execution until it has ended: its log line by line, each once, its states and its progress as they
// change. It reads the gateway's stream of events, again where that breaks, and asks now and then where there is none. It gives the
// execution at its end. An error of tell ends it.
func (c *Client) Follow(ctx context.Context, id string, how Following, tell func(Event) error) (*Execution, error) {
	f := &follower{waiting: newWaiting(how), client: c, id: id, tell: tell, last: how.Last, progress: -1, streams: true}
	for {
		var ended bool
		var err error
		if f.streams {
			ended, err = f.stream(ctx)
		} else {
			ended, err = f.poll(ctx)
		}
		if err == nil && ended {
			return c.Execution(ctx, id, "")
		}
		if err != nil && !f.passes(ctx, err) {
			return nil, err
		}
		if err := f.rest(ctx, err, f.streams); err != nil {
			return nil, err
		}
	}
}

// FollowBuild waits until the newest version of a script has been built or could not be, tells the lines of the log that come behind one, and
// gives the script then.
func (c *Client) FollowBuild(ctx context.Context, name string, how Following, tell func(ScriptLine) error) (*Script, error) {
	w, last := newWaiting(how), how.Last
	for {
		sc, err := c.Script(ctx, name, "build_error")
		var lines []ScriptLine
		if err == nil { // lines that were written before the end are there when the end is told
			lines, err = c.ScriptLog(ctx, name, last, how.Since)
		}
		for _, line := range lines {
			last = max(last, line.ID)
			if err := tell(line); err != nil {
				return nil, err
			}
		}
		switch {
		case err != nil && !w.passes(ctx, err):
			return nil, err
		case err == nil && sc.Built() && len(lines) == 0:
			return sc, nil
		case err == nil:
			w.works()
		}
		if err == nil && sc.Built() {
			continue // there may be more lines than come at once
		}
		if err := w.rest(ctx, err, false); err != nil {
			return nil, err
		}
	}
}

// waiting is how somebody waits for a gateway.
type waiting struct {
	how   Following
	pause time.Duration
	heard time.Time
}

func newWaiting(how Following) waiting {
	how = how.complete()
	return waiting{how: how, pause: how.Back, heard: time.Now()}
}

// follower is one who follows.
type follower struct {
	waiting

	client *Client
	id     string
	tell   func(Event) error

	last     int64  // line
	event    string // what the stream called its last event
	status   string
	progress int

	streams bool
	broken  int // streams in a row that said nothing
}

// tellError is one of who is told.
type tellError struct{ err error }

func (e *tellError) Error() string { return e.err.Error() }
func (e *tellError) Unwrap() error { return e.err }

// passes says whether something may go on after an error.
func (w *waiting) passes(ctx context.Context, err error) bool {
	if ctx.Err() != nil || time.Since(w.heard) > w.how.Patience {
		return false
	}
	if _, is := errors.AsType[*tellError](err); is {
		return false
	}
	if no, is := errors.AsType[*Error](err); is {
		return no.Status == http.StatusTooManyRequests || no.Status >= 500
	}
	_, is := errors.AsType[*ReachError](err)
	return is
}

// rest waits before the next try: a pause that grows if there was an error, or a stream is opened again.
func (w *waiting) rest(ctx context.Context, err error, again bool) error {
	pause := w.how.Poll
	if err != nil || again {
		pause = w.pause
		w.pause = min(2*w.pause, 30*time.Second)
	}
	if no, is := errors.AsType[*Error](err); is {
		pause = max(pause, min(no.RetryAfter, w.how.Patience))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// works notes that the gateway answers.
func (w *waiting) works() { w.pause, w.heard = w.how.Back, time.Now() }

// see tells what was not told.
func (f *follower) see(e Event) error {
	switch e.Kind {
	case KindStatus:
		if e.Status == "" || e.Status == f.status {
			return nil
		}
		f.status = e.Status
	case KindProgress:
		if e.Progress == f.progress {
			return nil
		}
		f.progress = e.Progress
	case KindLog:
		if e.Line.ID <= f.last {
			return nil
		}
		f.last = e.Line.ID
		if at := Time(e.Line.At); !f.how.Since.IsZero() && at.Before(f.how.Since) {
			return nil
		}
	}
	if err := f.tell(e); err != nil {
		return &tellError{err}
	}
	return nil
}

// poll asks for all that is new.
func (f *follower) poll(ctx context.Context) (ended bool, err error) {
	e, err := f.client.Execution(ctx, f.id, "params,results")
	if err != nil {
		return false, err
	}
	f.works()
	// Lines that were written before the end are there when the end is told.
	if err := f.lines(ctx); err != nil {
		return false, err
	}
	return Ended(e.Status), errors.Join(
		f.see(Event{Kind: KindProgress, Progress: int(e.Progress)}),
		f.see(Event{Kind: KindStatus, Status: e.Status}),
	)
}

// lines asks for the lines of the log behind the last one.
func (f *follower) lines(ctx context.Context) error {
	for {
		lines, err := f.client.ExecutionLog(ctx, f.id, f.last, f.how.Since)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if err := f.see(Event{Kind: KindLog, Line: line}); err != nil {
				return err
			}
		}
		if len(lines) == 0 {
			return nil
		}
	}
}

// stream reads the gateway's events until the stream breaks, or tells the end.
func (f *follower) stream(ctx context.Context) (ended bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(f.how.Silence, func() { cancel(errSilent) })
	defer silent.Stop()
	header := http.Header{"Accept": {"text/event-stream"}, "Cache-Control": {"no-cache"}}
	if f.event != "" {
		header.Set("Last-Event-ID", f.event)
	}
	resp, err := f.client.send(ctx, request{method: http.MethodGet, path: executions + "/" + named(f.id) + "/events", header: header})
	if no, is := errors.AsType[*Error](err); is && (no.Status == http.StatusMethodNotAllowed || no.Status == http.StatusNotAcceptable || no.Status == http.StatusNotImplemented || no.Status == http.StatusNotFound) {
		f.streams = false // an execution that is not there is not there for poll either
		return f.poll(ctx)
	}
	if err != nil {
		return false, f.failed(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent { // there is nothing behind the last event
		return true, f.lines(ctx)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		f.streams = false
		return f.poll(ctx)
	}
	return f.events(ctx, &watched{r: resp.Body, heard: func() { silent.Reset(f.how.Silence) }})
}

var errSilent = errors.New("it says nothing any more")

// failed is the error of a stream, which is not that of the silence's context.
func (f *follower) failed(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		err = &ReachError{Origin: f.client.origin, Err: errSilent}
	}
	// A proxy that keeps streams back is in the way of all of them.
	if f.broken++; f.broken >= 3 {
		f.streams = false
	}
	return err
}

// events reads those of a stream.
func (f *follower) events(ctx context.Context, r io.Reader) (ended bool, err error) {
	stream := newStream(r)
	for {
		e, err := stream.next()
		if err != nil {
			if errors.Is(err, errLong) {
				f.streams = false
				return false, nil
			}
			return false, f.failed(ctx, &ReachError{Origin: f.client.origin, Err: err})
		}
		f.works()
		f.broken = 0
		ended, err := f.happened(e)
		if err != nil {
			return false, err
		}
		f.event = e.id
		if ended {
			return true, f.lines(ctx) // there are none, unless the stream left some out
		}
	}
}

// happened tells of one event.
func (f *follower) happened(e sent) (ended bool, err error) {
	var data struct {
		To       string  `json:"to"`     // of status
		Status   string  `json:"status"` // of end
		Progress float64 `json:"progress"`
	}
	var lines []ExecutionLine
	switch e.name {
	case KindLog:
		err = json.Unmarshal(e.data, &lines)
	case KindStatus, KindProgress, kindEnd:
		err = json.Unmarshal(e.data, &data)
	default: // those of later versions
	}
	if err != nil {
		return false, fmt.Errorf("%s sends an event %s that cannot be read: %w", f.client.origin, e.name, err)
	}
	switch e.name {
	case KindLog:
		for _, line := range lines {
			if err := f.see(Event{Kind: KindLog, Line: line}); err != nil {
				return false, err
			}
		}
	case KindProgress:
		err = f.see(Event{Kind: KindProgress, Progress: int(data.Progress)})
	case KindStatus:
		err = f.see(Event{Kind: KindStatus, Status: data.To})
	case kindEnd:
		// An execution that has ended is at 100, however it did.
		return true, errors.Join(f.see(Event{Kind: KindProgress, Progress: 100}), f.see(Event{Kind: KindStatus, Status: data.Status}))
	}
	return false, err
}
