package live

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/logs"
)

// LogLine is a line of an execution's log, as Trends.Earth shows it.
type LogLine struct {
	ID        int64  `json:"id" required:"true" doc:"Grows within an execution"`
	Text      string `json:"text" required:"true" example:"Reading tiles"`
	Level     string `json:"level" required:"true" enum:"DEBUG,INFO,WARNING,ERROR,CRITICAL"`
	At        string `json:"register_date" required:"true" example:"2026-01-31T12:30:00.000000"`
	Execution string `json:"execution_id" required:"true" format:"uuid"`
	// when is At before it was written.
	when time.Time
}

// When is when it was written.
func (l *LogLine) When() time.Time { return l.when }

// instant is a time as Python writes it without a zone, which is UTC.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }

// LogStore has the logs of executions. *queries.Store is one.
type LogStore interface {
	// ReadLog gives chunks in order that have lines behind one, later than a time.
	ReadLog(ctx context.Context, execution uuid.UUID, after int64, since time.Time, most int) ([]db.LogChunk, error)
}

// Part says which lines of a log are wanted.
type Part struct {
	// After is the id behind which they are; Since the time after which, the zero time: any.
	After int64
	Since time.Time
	// Lines and Bytes of text are how many at most; one line there is always.
	Lines, Bytes int
}

// fewChunks is how many chunks, each of at most 64 KiB, are read first; then twice as many each time, up to mostChunks.
const fewChunks, mostChunks = 2, 64

// Lines reads lines of an execution's log. more says that there may be lines behind them.
func Lines(ctx context.Context, store LogStore, execution uuid.UUID, p Part) (out []LogLine, more bool, err error) {
	out = []LogLine{}
	name, size := execution.String(), 0
	for n := fewChunks; ; n = min(2*n, mostChunks) {
		chunks, err := store.ReadLog(ctx, execution, p.After, p.Since, n)
		if err != nil {
			return nil, false, err
		}
		for i := range chunks {
			c := &chunks[i]
			lines, err := unpack(c)
			if err != nil {
				return nil, false, err
			}
			for j, l := range lines {
				id := c.FirstID + int64(j)
				if id <= p.After || !p.Since.IsZero() && !l.Time.After(p.Since) {
					continue
				}
				if len(out) >= p.Lines || len(out) > 0 && size+len(l.Text) > p.Bytes {
					return out, true, nil
				}
				size += len(l.Text)
				out = append(out, LogLine{ID: id, Text: l.Text, Level: l.Level.String(), At: instant(l.Time), Execution: name, when: l.Time})
			}
			p.After = c.LastID
		}
		if len(chunks) < n {
			return out, false, nil
		}
	}
}

// unpack gives the lines of a chunk.
func unpack(c *db.LogChunk) ([]logs.Line, error) {
	if len(c.Data) == 0 {
		level, _ := logs.ParseLevel(c.Level)
		return []logs.Line{{Level: level, Time: c.FirstAt, Text: c.Notice}}, nil
	}
	lines, _, err := logs.Unpack(c.Data)
	if err == nil && int64(len(lines)) != c.LastID-c.FirstID+1 {
		err = logs.ErrCorrupt
	}
	if err != nil {
		return nil, fmt.Errorf("the log of execution %s behind line %d: %w", c.ExecutionID, c.FirstID-1, err)
	}
	return lines, nil
}
