package queries

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// TimeoutGrace is how long a runner has to end what ran for as long as it may, before the attempt is taken from it.
const TimeoutGrace = 2 * time.Minute

// Reasons of attempts that were taken from their runners.
const (
	reasonLost    = "its runner was not heard of any more"
	reasonTimeout = "it ran for longer than it may, and its runner did not end it"
)

// SweepAttempts ends attempts whose runners were not heard of for a lease, or which run longer than they may and TimeoutGrace more:
// their executions are tried again, where they may be, or fail, and their logs say so. Runners of what runs longer than it may are
// told to end it. At most so many at once; any number of gateways and runners call it, now and then. It gives what was ended.
func (s *Store) SweepAttempts(ctx context.Context, most int) ([]Swept, error) {
	now := s.clock.Now()
	if _, err := s.queries().StopLateAttempts(ctx, &now); err != nil {
		return nil, err
	}
	late := now.Add(-TimeoutGrace)
	found, err := s.queries().ListOverdueAttempts(ctx, db.ListOverdueAttemptsParams{Now: &now, Late: &late, AtMost: int64(most)})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	attempts, executions := make([]uuid.UUID, len(found)), make([]uuid.UUID, len(found))
	for i, f := range found {
		attempts[i], executions[i] = f.ID, f.ExecutionID
	}
	var out []Swept
	err = s.move(ctx, func(q db.Querier, now time.Time) (err error) {
		out, err = s.sweepAttempts(ctx, q, now, attempts, executions)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Swept is an attempt that was taken from its runner.
type Swept struct {
	Attempt, Execution uuid.UUID
	Number             int64
	Outcome            Outcome
	// Status is what became of the execution.
	Status string
}

func (s *Store) sweepAttempts(ctx context.Context, q db.Querier, now time.Time, attempts, executions []uuid.UUID) ([]Swept, error) {
	rows, err := q.LockFreeExecutions(ctx, idList(executions))
	if err != nil {
		return nil, err
	}
	locked := make(map[uuid.UUID]db.LockExecutionsRow, len(rows))
	for _, r := range rows {
		locked[r.ID] = db.LockExecutionsRow(r)
	}
	mine := make([]uuid.UUID, 0, len(attempts))
	for i, a := range attempts {
		if _, ok := locked[executions[i]]; ok { // the others are being changed by somebody
			mine = append(mine, a)
		}
	}
	late := now.Add(-TimeoutGrace)
	ended, err := q.EndOverdueAttempts(ctx, db.EndOverdueAttemptsParams{Now: &now, Late: &late, Lost: reasonLost, GatewayLost: ReasonGatewayLost, Timeout: reasonTimeout, Ids: idList(mine)})
	if err != nil {
		return nil, err
	}
	out, moves := make([]Swept, len(ended)), make([]movement, len(ended))
	for i, a := range ended {
		moves[i] = next(locked[a.ExecutionID], Outcome(a.Outcome), a.StartedAt != nil, a.Reason)
		out[i] = Swept{Attempt: a.ID, Execution: a.ExecutionID, Number: a.Number, Outcome: Outcome(a.Outcome), Status: moves[i].Status}
	}
	_, err = s.moveAll(ctx, q, now, moves)
	return out, err
}
