package executions

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/typed"
)

const (
	// mostWait is how long somebody may wait for events who does not stream them.
	mostWait = time.Minute
	// crowdedRetry is when who watches too much is told to come again.
	crowdedRetry = 5 * time.Second
	// reconnectAfter is when a reader comes again whose stream has ended, in milliseconds.
	reconnectAfter = "2000"
	eventStream    = "text/event-stream"
)

// following says which events are wanted, and how.
type following struct {
	InPath
	Behind string `header:"Last-Event-ID" doc:"The id of the last event that the caller has: what is behind it is wanted." example:"17.1204.40"`
	Also   string `query:"last_event_id" doc:"The same, for who cannot send the header." example:"17.1204.40"`
	Wait   string `query:"wait" doc:"For who does not stream: for how long to wait for events, at most a minute, as 30s or in seconds." example:"30s"`
	Accept string `header:"Accept" doc:"application/json: a list of events, at once or as soon as there is one. Else: a stream of them until the end."`
}

// registerEvents has the events of executions told.
func (x *Executions) registerEvents(t *typed.API) {
	typed.Register(t, typed.Operation{
		ID: "execution.events", Summary: "What happens to an execution, while it happens",
		Description: "Server-Sent Events: `status`, `progress`, `log` with lines, and `end`, behind which there are none. With `Accept: application/json`, or `wait`, a list of those that there are now.",
	}, x.events)
}

// cursor is behind what the caller has.
func (f *following) cursor() (live.Cursor, error) {
	c, err := live.ParseCursor(cmp.Or(f.Behind, f.Also))
	if err != nil {
		return c, refused("Last-Event-ID: " + err.Error())
	}
	return c, nil
}

// wait is for how long, and whether the caller streams.
func (f *following) wait() (wait time.Duration, streams bool, err error) {
	if f.Wait == "" {
		asks := strings.ToLower(f.Accept)
		return 0, !strings.Contains(asks, "application/json") || strings.Contains(asks, eventStream), nil
	}
	if wait, err = time.ParseDuration(f.Wait); err != nil {
		var seconds uint64
		seconds, err = strconv.ParseUint(f.Wait, 10, 16)
		wait = time.Duration(seconds) * time.Second
	}
	if err != nil || wait < 0 || wait > mostWait {
		return 0, false, refused("wait: it is a time up to a minute, as 30s")
	}
	return wait, false, nil
}

func (x *Executions) events(ctx context.Context, in *following) (*huma.StreamResponse, error) {
	e, err := found(ctx)
	if err != nil {
		return nil, err
	}
	at, err := in.cursor()
	if err != nil {
		return nil, err
	}
	wait, streams, err := in.wait()
	if err != nil {
		return nil, err
	}
	caller, err := api.CallerIn(ctx)
	if err != nil {
		return nil, err
	}
	w, err := x.options.Live.Watch(ctx, e.ID, caller.Name(), at)
	if err != nil {
		return nil, crowded(err)
	}
	if !streams {
		defer w.Close()
		return x.some(ctx, w, wait)
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer w.Close()
		r, out := humago.Unwrap(h)
		patient(out)
		if at.Ended { // by this browsers know that they need not come again
			out.WriteHeader(http.StatusNoContent)
			return
		}
		x.stream(r, out, w)
	}}, nil
}

// crowded is what is told of an error of a hub.
func crowded(err error) error {
	switch {
	case errors.Is(err, live.ErrTooMany):
		return api.Failure{Status: http.StatusTooManyRequests, Detail: "You follow too many executions at once.", Code: "RATE_LIMIT_EXCEEDED", RetryAfter: crowdedRetry}
	case errors.Is(err, live.ErrCrowded), errors.Is(err, live.ErrHubClosed):
		return api.Failure{Status: http.StatusServiceUnavailable, Detail: "Too many executions are followed at once.", RetryAfter: crowdedRetry}
	case errors.Is(err, live.ErrGone):
		return missing()
	}
	return err
}

// some answers with the events that there are, and waits for one where there is none.
func (x *Executions) some(ctx context.Context, w *live.Watch, wait time.Duration) (*huma.StreamResponse, error) {
	events, size := []live.Event{}, 0
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		got, more, err := w.Poll(ctx)
		if err != nil {
			return nil, crowded(err)
		}
		events = append(events, got...)
		for _, e := range got {
			size += len(e.Data)
		}
		if more && size < mostAnswer {
			continue
		}
		if len(events) > 0 || w.Cursor().Ended || !x.waited(ctx, w, timer.C) {
			break
		}
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		_, out := humago.Unwrap(h)
		patient(out)
		api.Answer(out, http.StatusOK, api.Data{Data: events})
	}}, nil
}

// patient gives the reader of an answer that has taken long time to take it: what a server says of all answers is over by now.
func patient(out http.ResponseWriter) {
	_ = http.NewResponseController(out).SetWriteDeadline(time.Now().Add(writeWait)) // tests cannot
}

// mostAnswer is how much is told at once to who does not stream, in bytes, and at most another page.
const mostAnswer = 1 << 20

// waited waits until there may be events. False: there is no more waiting.
func (x *Executions) waited(ctx context.Context, w *live.Watch, over <-chan time.Time) bool {
	select {
	case <-w.Changed():
		return true
	case <-over:
	case <-x.options.Ending:
	case <-ctx.Done():
	}
	return false
}

// stream writes events until there are none any more, the reader leaves, takes nothing, or may read no more, or the gateway ends.
func (x *Executions) stream(r *http.Request, out http.ResponseWriter, w *live.Watch) {
	control := http.NewResponseController(out)
	// Times that servers set for whole answers do not hold for this one. Tests cannot set any.
	_ = control.SetReadDeadline(time.Time{})
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	header := out.Header()
	header.Set("Content-Type", eventStream)
	header.Set("Cache-Control", "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	send := func(b []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeWait))
		_, err := out.Write(b)
		return err == nil && control.Flush() == nil
	}
	if !send([]byte("retry: " + reconnectAfter + "\n\n")) {
		return
	}
	ping, recheck := time.NewTicker(x.options.Ping), time.NewTicker(x.options.Recheck)
	defer ping.Stop()
	defer recheck.Stop()
	for {
		events, more, err := w.Poll(r.Context())
		if errors.Is(err, live.ErrGone) || r.Context().Err() != nil {
			return
		}
		// Any other error is the store's: it is asked again with the next ping.
		if len(events) > 0 {
			var b []byte
			for _, e := range events {
				b = live.AppendSSE(b, e)
			}
			if !send(b) || w.Cursor().Ended {
				return
			}
			ping.Reset(x.options.Ping)
		}
		if more {
			select {
			case <-x.options.Ending:
				return
			default:
				continue
			}
		}
		if !x.pause(r, w, send, ping.C, recheck.C) {
			return
		}
	}
}

// pause waits until there may be events. False: there is nobody to tell them to.
func (x *Executions) pause(r *http.Request, w *live.Watch, send func([]byte) bool, ping, recheck <-chan time.Time) bool {
	select {
	case <-w.Changed():
		return true
	case <-ping:
		return send([]byte(": ping\n\n"))
	case <-recheck:
		return !lost(api.Recheck(r))
	case <-x.options.Ending:
		return false
	case <-r.Context().Done():
		return false
	}
}

// lost says of what Recheck gave whether the caller has lost what he had: a store that does not answer takes nothing.
func lost(err error) bool {
	if err == nil {
		return false
	}
	status := api.StatusOf(err)
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusTooManyRequests
}
