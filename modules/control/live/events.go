package live

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Names of events.
const (
	EventStatus   = "status"   // a Move
	EventLog      = "log"      // a list of LogLine
	EventProgress = "progress" // a Progress
	EventEnd      = "end"      // an End: there are no more
)

// Event is something that happened to an execution. Its data may be shared with others: change nothing of it.
type Event struct {
	// ID is the cursor behind the event.
	ID string `json:"id" required:"true" example:"17.1204.40"`
	// Name is one of the names above.
	Name string          `json:"event" required:"true" enum:"status,log,progress,end"`
	Data json.RawMessage `json:"data" required:"true"`
}

// Move is a change of status.
type Move struct {
	From     string    `json:"from"`
	To       string    `json:"to"`
	Reason   string    `json:"reason"`
	At       string    `json:"at"`
	Attempt  int64     `json:"attempt"`
	Position *Position `json:"position,omitempty"`
}

// Position is where an execution stood in its queue when the event was made, as long as it waits.
type Position struct {
	Ahead int64 `json:"ahead"`
	Own   int64 `json:"own"`
}

// Progress is how far an execution is.
type Progress struct {
	Progress int64 `json:"progress"`
}

// End is how an execution ended.
type End struct {
	Status string `json:"status"`
	Reason string `json:"reason"`
	At     string `json:"at"`
}

// happening is an event without what a single reader knows.
type happening struct {
	name       string
	data       json.RawMessage
	move, line int64 // of the cursor behind it
}

// What an event of lines has at most.
const (
	batchLines = 100
	batchBytes = 16 << 10
)

// arrange puts moves and lines, each in their order, into one by their times. All moves are before those lines that nobody has
// read yet, of which more says that there are some; the move to the end is behind all lines.
func arrange(at Cursor, moves []db.StatusLog, position *Position, lines []LogLine, more bool) ([]happening, error) {
	var out []happening
	flush := func(some []LogLine) error {
		if len(some) == 0 {
			return nil
		}
		at.Line = some[len(some)-1].ID
		return add(&out, EventLog, some, at)
	}
	from, size := 0, 0
	for i := range lines {
		l := &lines[i]
		for len(moves) > 0 && !queries.Ended(moves[0].StatusTo) && !moves[0].At.After(l.when) {
			if err := flush(lines[from:i]); err != nil {
				return nil, err
			}
			from, size = i, 0
			if err := moved(&out, &at, moves[0], nil); err != nil {
				return nil, err
			}
			moves = moves[1:]
		}
		if i-from >= batchLines || i > from && size+len(l.Text) > batchBytes {
			if err := flush(lines[from:i]); err != nil {
				return nil, err
			}
			from, size = i, 0
		}
		size += len(l.Text)
	}
	if err := flush(lines[from:]); err != nil || more {
		return out, err
	}
	for i, m := range moves {
		var p *Position
		if i == len(moves)-1 {
			p = position
		}
		if err := moved(&out, &at, m, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func moved(out *[]happening, at *Cursor, m db.StatusLog, p *Position) error {
	at.Move = m.ID
	return add(out, EventStatus, Move{From: m.StatusFrom, To: m.StatusTo, Reason: m.Reason, At: instant(m.At), Attempt: m.Attempt, Position: p}, *at)
}

func add(out *[]happening, name string, v any, at Cursor) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	*out = append(*out, happening{name: name, data: data, move: at.Move, line: at.Line})
	return nil
}

// AppendSSE writes an event as a stream of them has it.
func AppendSSE(b []byte, e Event) []byte {
	b = append(b, "id: "...)
	b = append(b, e.ID...)
	b = append(b, "\nevent: "...)
	b = append(b, e.Name...)
	// JSON of ours has no line ends; a line of an event ends with each of these.
	for line := range bytes.FieldsFuncSeq(e.Data, func(r rune) bool { return r == '\n' || r == '\r' }) {
		b = append(b, "\ndata: "...)
		b = append(b, line...)
	}
	return append(b, "\n\n"...)
}

// ended is the time of the end, as far as it is known.
func ended(s *db.ListStatesRow) time.Time {
	if s.EndedAt != nil {
		return *s.EndedAt
	}
	return s.UpdatedAt
}
