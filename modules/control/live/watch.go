package live

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/fairway-gateway/fairway/queries"
)

// Watch is one who watches an execution. It belongs to one goroutine.
type Watch struct {
	hub    *Hub
	feed   *feed
	caller string
	cursor Cursor

	drained int64 // the version up to which everything was read, 0: nothing was
	changed <-chan struct{}
	closing sync.Once
}

// Close ends the watching.
func (w *Watch) Close() { w.closing.Do(func() { w.hub.leave(w.feed, w.caller) }) }

// Cursor is behind what Poll gave last.
func (w *Watch) Cursor() Cursor { return w.cursor }

// Changed is closed when something has happened since the last Poll.
func (w *Watch) Changed() <-chan struct{} { return w.changed }

// Poll gives the events behind those that it gave, without waiting for any; more says that there are others behind them. The error
// ErrGone says that the execution is not there any more; others are the store's, and may be over the next time.
func (w *Watch) Poll(ctx context.Context) (events []Event, more bool, err error) {
	state, version, changed := w.feed.now()
	w.changed = changed
	if state == nil {
		return nil, false, ErrGone
	}
	if w.drained < version {
		p, err := w.feed.behind(ctx, w.cursor, version)
		if err != nil {
			return nil, false, err
		}
		if len(p.events) > 0 {
			events = make([]Event, len(p.events))
			for i, h := range p.events {
				w.cursor.Move, w.cursor.Line = h.move, h.line
				events[i] = Event{ID: w.cursor.String(), Name: h.name, Data: h.data}
			}
			return events, true, nil
		}
		w.drained = version
	}
	if state.Progress != w.cursor.Progress {
		w.cursor.Progress = state.Progress
		if events, err = w.also(events, EventProgress, Progress{state.Progress}); err != nil {
			return nil, false, err
		}
	}
	if queries.Ended(state.Status) && !w.cursor.Ended {
		w.cursor.Ended = true
		events, err = w.also(events, EventEnd, End{Status: state.Status, Reason: state.Reason, At: instant(ended(state))})
	}
	return events, false, err
}

func (w *Watch) also(events []Event, name string, v any) ([]Event, error) {
	data, err := json.Marshal(v)
	return append(events, Event{ID: w.cursor.String(), Name: name, Data: data}), err
}
