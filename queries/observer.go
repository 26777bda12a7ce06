package queries

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Observer is told what this process did to executions, once it is committed. It is called concurrently, and must not wait.
type Observer interface {
	// Moved tells that n executions moved to a status: StatusPending are those that were made, StatusReady also those that are tried
	// again.
	Moved(status string, n int)
	// Ended tells how an attempt ended, and how long it ran, as far as its runner said; below 0: it did not run, or nobody knows.
	Ended(outcome string, ran time.Duration)
	// Logged tells how many lines logs have more, and how many bytes as they are kept.
	Logged(lines, bytes int64)
}

// counted is a transaction that remembers what is to be told of it. Only that of one try that was committed is.
type counted struct {
	db.Querier
	moved        map[string]int
	ended        []end
	lines, bytes int64
	ready        bool // there are attempts that wait for a runner
}

// end is how an attempt ended.
type end struct {
	outcome string
	ran     time.Duration
}

// unknown is how long something ran of which nobody knows that.
const unknown time.Duration = -1

// counting gives a transaction that remembers.
func (s *Store) counting(q db.Querier) db.Querier {
	return &counted{Querier: q, moved: map[string]int{}}
}

// committed tells what a transaction did.
func (s *Store) committed(q db.Querier) {
	c, ok := q.(*counted)
	if !ok {
		return
	}
	if c.ready {
		s.watchers.ring(true)
	}
	if s.observer == nil {
		return
	}
	for status, n := range c.moved {
		s.observer.Moved(status, n)
	}
	for _, e := range c.ended {
		s.observer.Ended(e.outcome, e.ran)
	}
	if c.lines > 0 {
		s.observer.Logged(c.lines, c.bytes)
	}
}

// countReady remembers that there are attempts that wait.
func countReady(q db.Querier) {
	if c, ok := q.(*counted); ok {
		c.ready = true
	}
}

// countMoves remembers moves, whose statement has only a batch of them.
func countMoves(q db.Querier, moves []movement) {
	if c, ok := q.(*counted); ok {
		for i := range moves {
			c.moved[moves[i].Status]++
		}
	}
}

// countEnd remembers the end of an attempt of which its holder said it.
func countEnd(q db.Querier, o Outcome, now time.Time, started *time.Time) {
	c, ok := q.(*counted)
	if !ok {
		return
	}
	ran := unknown
	if started != nil {
		ran = max(0, now.Sub(*started))
	}
	c.ended = append(c.ended, end{string(o), ran})
}

// InsertExecution implements db.Querier.
func (c *counted) InsertExecution(ctx context.Context, p db.InsertExecutionParams) (db.Execution, error) {
	row, err := c.Querier.InsertExecution(ctx, p)
	if err == nil {
		c.moved[StatusPending]++
		if row.Status == StatusReady {
			c.moved[StatusReady]++
		}
	}
	return row, err
}

// InsertScheduledExecutions implements db.Querier.
func (c *counted) InsertScheduledExecutions(ctx context.Context, p db.InsertScheduledExecutionsParams) ([]uuid.UUID, error) {
	made, err := c.Querier.InsertScheduledExecutions(ctx, p)
	if err == nil && len(made) > 0 {
		c.moved[StatusPending] += len(made)
	}
	return made, err
}

// EndQueuedAttempt implements db.Querier.
func (c *counted) EndQueuedAttempt(ctx context.Context, p db.EndQueuedAttemptParams) (int64, error) {
	n, err := c.Querier.EndQueuedAttempt(ctx, p)
	c.end(p.Outcome, n)
	return n, err
}

// EndHeldAttempt implements db.Querier.
func (c *counted) EndHeldAttempt(ctx context.Context, p db.EndHeldAttemptParams) (int64, error) {
	n, err := c.Querier.EndHeldAttempt(ctx, p)
	c.end(p.Outcome, n)
	return n, err
}

// EndOverdueAttempts implements db.Querier.
func (c *counted) EndOverdueAttempts(ctx context.Context, p db.EndOverdueAttemptsParams) ([]db.EndOverdueAttemptsRow, error) {
	rows, err := c.Querier.EndOverdueAttempts(ctx, p)
	for i := range rows {
		c.end(rows[i].Outcome, 1)
	}
	return rows, err
}

func (c *counted) end(outcome string, n int64) {
	for range n {
		c.ended = append(c.ended, end{outcome, unknown})
	}
}

// AddLogLines implements db.Querier.
func (c *counted) AddLogLines(ctx context.Context, p db.AddLogLinesParams) (int64, error) {
	last, err := c.Querier.AddLogLines(ctx, p)
	if err == nil {
		c.lines, c.bytes = c.lines+p.Lines, c.bytes+p.Bytes
	}
	return last, err
}

// AddLineWithin implements db.Querier.
func (c *counted) AddLineWithin(ctx context.Context, p db.AddLineWithinParams) ([]int64, error) {
	line, err := c.Querier.AddLineWithin(ctx, p)
	if len(line) > 0 {
		c.lines, c.bytes = c.lines+1, c.bytes+p.Bytes-lineCost
	}
	return line, err
}

// Interface guard.
var _ db.Querier = (*counted)(nil)
