package queries

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// LogChunk is some lines of an attempt's log.
type LogChunk struct {
	// Seq counts the chunks of an attempt, from 1.
	Seq int64
	// Lines are how many it has, First and Last the times of the first and the last.
	Lines       int
	First, Last time.Time
	// Data has them, in a form that is not the store's matter.
	Data []byte
}

// SequenceError says that chunks are not those that come next.
type SequenceError struct {
	// Last is the number of the last one that is kept.
	Last int64
}

func (e *SequenceError) Error() string {
	return "the log goes on behind chunk " + strconv.FormatInt(e.Last, 10)
}

// AppendLog keeps chunks of an attempt's log, which follow each other, in order, all or none. Those that it has are kept already, so
// that whoever did not hear an answer sends them again. Their lines are numbered within the execution. The error is ErrFenced where
// the attempt is not the holder's any more, or a *SequenceError where one is left out.
func (s *Store) AppendLog(ctx context.Context, h Holder, chunks []LogChunk) error {
	for {
		err := s.appendLog(ctx, h, chunks)
		at, ok := errors.AsType[*SequenceError](err)
		if !ok {
			return err
		}
		// Either all are new, or some are there.
		rest := slices.IndexFunc(chunks, func(c LogChunk) bool { return c.Seq > at.Last })
		if rest < 0 {
			return nil
		}
		if rest == 0 || chunks[rest].Seq != at.Last+1 {
			return err
		}
		chunks = chunks[rest:]
	}
}

func (s *Store) appendLog(ctx context.Context, h Holder, chunks []LogChunk) error {
	if len(chunks) == 0 {
		return nil
	}
	for i, c := range chunks {
		if c.Lines < 1 || c.Seq != chunks[0].Seq+int64(i) {
			return errors.New("chunks have lines, and follow each other")
		}
	}
	err := s.again(ctx, func() error { return s.engine.appendChunks(ctx, s.clock.Now(), h, chunks) })
	if errors.Is(err, errNotNext) {
		return whyNot(ctx, s.queries(), h)
	}
	if err != nil {
		return err
	}
	if s.observer != nil {
		s.observer.Logged(extent(chunks))
	}
	s.changed()
	return nil
}

// extent says how many lines chunks have, and how many bytes.
func extent(chunks []LogChunk) (lines, bytes int64) {
	for _, c := range chunks {
		lines, bytes = lines+int64(c.Lines), bytes+int64(len(c.Data))
	}
	return lines, bytes
}

// whyNot says why chunks of an attempt's log are not kept.
func whyNot(ctx context.Context, q db.Querier, h Holder) error {
	is, err := q.ListLogSeq(ctx, db.ListLogSeqParams{ID: h.Attempt, ExecutionID: h.Execution, Fence: h.Fence})
	switch {
	case err != nil:
		return err
	case len(is) == 0:
		return ErrFenced
	}
	return &SequenceError{Last: is[0].LogSeq}
}

// AddNotice adds a line of a level to the log of an execution, whatever its status, and gives its number; sql.ErrNoRows: there is no
// such execution.
func (s *Store) AddNotice(ctx context.Context, execution uuid.UUID, level, text string) (id int64, err error) {
	err = plain(level, text)
	if err != nil {
		return 0, err
	}
	err = s.move(ctx, func(q db.Querier, now time.Time) error {
		if id, err = q.AddLogLines(ctx, db.AddLogLinesParams{ID: execution, Lines: 1, Bytes: int64(len(text))}); err != nil {
			return err
		}
		return addNotices(ctx, q, now, []notice{{execution, id, level, text}})
	})
	return id, err
}

// notice is a line of the store's own in a log. Its fields are those that InsertNotices reads.
type notice struct {
	Execution uuid.UUID `json:"execution_id"`
	Line      int64     `json:"line"`
	Level     string    `json:"level"`
	Text      string    `json:"notice"`
}

func addNotices(ctx context.Context, q db.Querier, now time.Time, all []notice) error {
	if len(all) == 0 {
		return nil
	}
	batch, err := batchOf(all)
	if err != nil {
		return err
	}
	return q.InsertNotices(ctx, db.InsertNoticesParams{Now: now, Batch: batch})
}

// ReadLog gives the chunks of an execution that have lines with numbers above after and later than since, in order, at most so many
// chunks: their first lines may be neither. A chunk without Data is one line, Notice. A zero since is before all.
func (s *Store) ReadLog(ctx context.Context, execution uuid.UUID, after int64, since time.Time, most int) ([]db.LogChunk, error) {
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	return s.queries().ListLogChunks(ctx, db.ListLogChunksParams{ExecutionID: execution, LastID: after, Since: since, AtMost: int64(most)})
}

// tailChunks is how many chunks are read at once for the end of a log.
const tailChunks = 16

// TailLog gives the chunks that have the last lines of an execution, so many or more, in order.
func (s *Store) TailLog(ctx context.Context, execution uuid.UUID, lines int) ([]db.LogChunk, error) {
	var out []db.LogChunk
	for before := int64(1) << 62; lines > 0; {
		some, err := s.queries().ListLogChunksBackward(ctx, db.ListLogChunksBackwardParams{ExecutionID: execution, Before: before, AtMost: tailChunks})
		if err != nil {
			return nil, err
		}
		for _, c := range some {
			out, before = append(out, c), c.LastID
			if lines -= int(c.LastID - c.FirstID + 1); lines <= 0 {
				break
			}
		}
		if len(some) < tailChunks {
			break
		}
	}
	slices.Reverse(out)
	return out, nil
}

// StatusLog gives the moves of an execution, in order, at most so many.
func (s *Store) StatusLog(ctx context.Context, execution uuid.UUID, most int) ([]db.StatusLog, error) {
	return s.queries().ListStatusLog(ctx, db.ListStatusLogParams{ExecutionID: execution, AtMost: int64(most)})
}

// States says where executions are: those of ids that are not deleted, in any order.
func (s *Store) States(ctx context.Context, ids []uuid.UUID) ([]db.ListStatesRow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return s.queries().ListStates(ctx, idList(ids))
}

// Ended gives those of executions that are of scripts, have ended, and whose owner is there and may log in; one owner's are together.
func (s *Store) Ended(ctx context.Context, ids []uuid.UUID) ([]db.ListEndedExecutionsRow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return s.queries().ListEndedExecutions(ctx, idList(ids))
}
