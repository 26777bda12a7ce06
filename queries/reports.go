package queries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// ErrLogFull says that a log has as much as it may.
var ErrLogFull = errors.New("the log is as long as it may be") //nolint:gochecknoglobals // a sentinel

// Report is what a script says of its own attempt, as long as that runs. How it ended its runner says; who said StatusFailed and
// ends well has failed.
type Report struct {
	// Said is StatusRunning, StatusFinished or StatusFailed; what is said last counts. Default "": nothing.
	Said string
	// Progress is 0 to 100. Default nil: as it was.
	Progress *int
	// Results are JSON, or ResultsKey is where the blobs have them, and ResultsSize their bytes. They stay if the attempt leaves none
	// of its own, and are gone if another one is made. Default: as they were.
	Results     json.RawMessage
	ResultsKey  string
	ResultsSize int64
}

// Report keeps what a script says, as a whole, and gives the key of results that these replace, "" if there is none. The error is
// ErrFenced where the attempt does not run, or is another holder's.
func (s *Store) Report(ctx context.Context, h Holder, r Report) (replaced string, err error) {
	switch r.Said {
	case "", StatusRunning, StatusFinished, StatusFailed:
	default:
		return "", errors.New("a script says that it is RUNNING, FINISHED or FAILED")
	}
	if r.Results != nil {
		if err := CheckJSON(r.Results); err != nil {
			return "", fmt.Errorf("results: %w", err)
		}
	}
	if err := plain(r.ResultsKey); err != nil {
		return "", err
	}
	err = s.move(ctx, func(q db.Querier, now time.Time) error {
		replaced = ""
		if _, err := lockExecutions(ctx, q, []Holder{h}); err != nil {
			return err
		}
		n, err := q.SaySo(ctx, db.SaySoParams{ID: h.Execution, AttemptID: h.Attempt, Fence: h.Fence, Said: r.Said, Now: now})
		if err == nil && n == 0 {
			err = ErrFenced
		}
		if err == nil && (r.Results != nil || r.ResultsKey != "") {
			replaced, err = replaceResults(ctx, q, now, h.Execution, r)
		}
		if err == nil && r.Progress != nil { // while it is cancelled it has none
			_, err = q.SetProgress(ctx, db.SetProgressParams{Progress: int64(min(max(*r.Progress, 0), 100)), Now: now, ID: h.Execution, AttemptID: h.Attempt, Fence: h.Fence})
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return replaced, nil
}

func replaceResults(ctx context.Context, q db.Querier, now time.Time, execution uuid.UUID, r Report) (replaced string, err error) {
	was, err := q.GetExecution(ctx, execution)
	if err != nil {
		return "", err
	}
	_, err = q.SetResults(ctx, resultsOf(execution, now, r.Results, r.ResultsKey, r.ResultsSize))
	return was.ResultsKey, err
}

// lineCost is what a line costs beside its text, in bytes, so that empty ones fill a log, too.
const lineCost = 128

// AddLine adds a line of a level to the log of a running attempt's execution, and gives its number. The error is ErrFenced where the
// attempt does not run, or is another holder's, or ErrLogFull where the log would have more than most bytes.
func (s *Store) AddLine(ctx context.Context, h Holder, level, text string, most int64) (id int64, err error) {
	if err := plain(level, text); err != nil {
		return 0, err
	}
	err = s.move(ctx, func(q db.Querier, now time.Time) error {
		line, err := q.AddLineWithin(ctx, db.AddLineWithinParams{ID: h.Execution, Bytes: int64(len(text)) + lineCost, Most: most})
		if err != nil {
			return err
		}
		if err := running(ctx, q, h, now); err != nil {
			return err
		}
		if len(line) == 0 {
			return ErrLogFull
		}
		id = line[0]
		return addNotices(ctx, q, now, []notice{{h.Execution, id, level, text}})
	})
	return id, err
}

// running says ErrFenced of an attempt that does not run, or is not the holder's.
func running(ctx context.Context, q db.Querier, h Holder, now time.Time) error {
	a, err := q.GetAttempt(ctx, h.Attempt)
	if err != nil {
		return err
	}
	if a.ExecutionID != h.Execution || a.Fence != h.Fence || a.State != "RUNNING" || a.LeaseUntil == nil || !a.LeaseUntil.After(now) {
		return ErrFenced
	}
	return nil
}

// StatusLogAfter gives the moves of an execution behind the one of an id, in order, at most so many.
func (s *Store) StatusLogAfter(ctx context.Context, execution uuid.UUID, after int64, most int) ([]db.StatusLog, error) {
	return s.queries().ListStatusLogAfter(ctx, db.ListStatusLogAfterParams{ExecutionID: execution, After: after, AtMost: int64(most)})
}
