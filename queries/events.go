package queries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Event says that something changed: an execution's status, a script, a user. Triggers write it in the transaction of the change.
type Event struct {
	// ID grows with the changes of one subject; of different subjects a later change may have a smaller one.
	ID int64
	// At is when it changed.
	At time.Time
	// Type is like execution.finished, Subject like execution/<id>.
	Type, Subject string
	// Data is a JSON object without parameters, results and secrets.
	Data json.RawMessage
}

// Events are what a reader of events has not told yet, and how far it is once it has.
type Events struct {
	// All are in the order of their ids; those of one subject are in the order of its changes.
	All []Event
	// Moved: the reader is further than it was, even where there are no events.
	Moved bool
	name  string
	after int64
	gaps  []gap
}

// gap are ids that were not there when later ones were: their transactions may not be committed yet. Those that are below Ended
// have begun before it was noticed; once all of them have ended, what is not there then never comes.
type gap struct{ First, Last, Ended int64 }

// MarshalJSON makes [first, last, ended] of it, which statements read.
func (g gap) MarshalJSON() ([]byte, error) { return json.Marshal([3]int64{g.First, g.Last, g.Ended}) }

// UnmarshalJSON reads that.
func (g *gap) UnmarshalJSON(text []byte) error {
	var all [3]int64
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	g.First, g.Last, g.Ended = all[0], all[1], all[2]
	return nil
}

// mostGaps is how many a reader remembers. It has more if a transaction is open for days while thousands are rolled back.
const mostGaps = 5000

// BeginEvents has a reader be there, if it is not: it reads what changes from now on.
func (s *Store) BeginEvents(ctx context.Context, reader string) error {
	if err := plain(reader); err != nil {
		return err
	}
	newest, err := s.queries().GetNewestEvent(ctx)
	if err != nil {
		return err
	}
	return s.queries().BeginEventCursor(ctx, db.BeginEventCursorParams{Name: reader, AfterID: newest, Now: s.clock.Now()})
}

// Events gives at most so many events that a reader has not told yet. sql.ErrNoRows: it was not begun. What was read and not moved
// past is read again.
func (s *Store) Events(ctx context.Context, reader string, most int) (Events, error) {
	q := s.queries()
	c, err := q.GetEventCursor(ctx, reader)
	if err != nil {
		return Events{}, err
	}
	out := Events{name: reader, after: c.AfterID}
	if err := json.Unmarshal([]byte(c.Gaps), &out.gaps); err != nil {
		return Events{}, fmt.Errorf("the gaps of %s: %w", reader, err)
	}
	var ended int64
	if len(out.gaps) > 0 { // before the events are looked for: what had ended then is seen by who looks afterwards
		snapshot, err := q.GetSnapshot(ctx)
		if err != nil {
			return Events{}, err
		}
		ended = snapshot.Low
	}
	found, err := q.ListEvents(ctx, db.ListEventsParams{Gaps: c.Gaps, AfterID: c.AfterID, AtMost: int64(most)})
	if err != nil {
		return Events{}, err
	}
	out.All = make([]Event, len(found))
	for i, e := range found {
		out.All[i] = Event{ID: e.ID, At: e.At.UTC(), Type: e.Type, Subject: e.Subject, Data: json.RawMessage(e.Data)}
	}
	if out.pass(ended, len(found) == most) {
		snapshot, err := q.GetSnapshot(ctx)
		if err != nil {
			return Events{}, err
		}
		out.close(snapshot.High)
	}
	return out, nil
}

// pass has the reader be behind its events. ended: transactions below it had ended before these were read; full: there may be more
// events than were read. True: there are gaps that nobody has seen before.
func (e *Events) pass(ended int64, full bool) bool {
	read := int64(-1) // up to which id all was looked at, where not all was
	if full && len(e.All) > 0 {
		read = e.All[len(e.All)-1].ID
	}
	i := 0 // of the events: both are in order
	var left []gap
	for _, g := range e.gaps {
		for i < len(e.All) && e.All[i].ID < g.First {
			i++
		}
		first := g.First
		for ; i < len(e.All) && e.All[i].ID <= g.Last; i++ {
			left = appendGap(left, gap{first, e.All[i].ID - 1, g.Ended}, ended, read)
			first = e.All[i].ID + 1
		}
		left = appendGap(left, gap{first, g.Last, g.Ended}, ended, read)
	}
	e.Moved = len(e.All) > 0 || len(left) != len(e.gaps)
	fresh := false
	for _, one := range e.All {
		if one.ID <= e.after {
			continue
		}
		if one.ID > e.after+1 {
			left, fresh = append(left, gap{First: e.after + 1, Last: one.ID - 1}), true
		}
		e.after = one.ID
	}
	e.gaps = left
	return fresh
}

// appendGap appends what may still come: whose transactions have ended was there to be read, if it was looked at.
func appendGap(all []gap, g gap, ended, read int64) []gap {
	if g.Ended <= ended {
		if read < 0 {
			return all
		}
		g.First = max(g.First, read+1)
	}
	if g.First > g.Last {
		return all
	}
	return append(all, g)
}

// close has new gaps end with transactions below high; 0: there are none.
func (e *Events) close(high int64) {
	kept := e.gaps[:0]
	for _, g := range e.gaps {
		if g.Ended == 0 {
			g.Ended = high
		}
		if g.Ended > 0 {
			kept = append(kept, g)
		}
	}
	e.gaps = kept[max(0, len(kept)-mostGaps):]
}

// PassEvents has a reader be behind events, by a lease's fence, in one transaction with what also does (nil: nothing). False: somebody
// with a later fence has passed some, and nothing was done.
func (s *Store) PassEvents(ctx context.Context, e Events, fence int64, also func(db.Querier) error) (passed bool, err error) {
	gaps, err := json.Marshal(e.gaps)
	if err != nil {
		return false, err
	}
	if e.gaps == nil {
		gaps = []byte("[]")
	}
	err = s.inTx(ctx, func(q db.Querier) error {
		n, err := q.MoveEventCursor(ctx, db.MoveEventCursorParams{Name: e.name, AfterID: e.after, Gaps: string(gaps), Fence: fence, Now: s.clock.Now()})
		if passed = n == 1; err != nil || !passed || also == nil {
			return err
		}
		return also(q)
	})
	return passed && err == nil, err
}

// EndEvents has a reader be forgotten. Nothing happens where there is none.
func (s *Store) EndEvents(ctx context.Context, reader string) error {
	_, err := s.queries().DeleteEventCursor(ctx, reader)
	return err
}

// EventsBehind says how many events there are about that a reader has not told.
func (s *Store) EventsBehind(ctx context.Context, reader string) (int64, error) {
	newest, err := s.queries().GetNewestEvent(ctx)
	if err != nil {
		return 0, err
	}
	c, err := s.queries().GetEventCursor(ctx, reader)
	return max(0, newest-c.AfterID), err
}

// Tell writes an event with q, so in its transaction, of what no trigger writes one.
func Tell(ctx context.Context, q db.Querier, e Event) error {
	if err := plain(e.Type, e.Subject, string(e.Data)); err != nil {
		return err
	}
	if !json.Valid(e.Data) {
		return errors.New("the data of an event is no JSON")
	}
	return q.InsertEvent(ctx, db.InsertEventParams{At: e.At, Type: e.Type, Subject: e.Subject, Data: string(e.Data)})
}
