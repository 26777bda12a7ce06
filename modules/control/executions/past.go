package executions

import (
	"context"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// mostMoves is how many statuses of an execution are told.
const mostMoves = 1000

// StatusMove is one status that an execution went into.
type StatusMove struct {
	ID      int64  `json:"id" required:"true"`
	From    string `json:"status_from" required:"true" doc:"Empty where it begins"`
	To      string `json:"status_to" required:"true" example:"RUNNING"`
	Reason  string `json:"reason" required:"true" doc:"For people"`
	Attempt int64  `json:"attempt" required:"true" doc:"0 before the first"`
	At      string `json:"timestamp" required:"true" example:"2026-01-31T12:30:00.000000"`
}

func (x *Executions) history(ctx context.Context, _ *InPath) (*typed.Answer[[]StatusMove], error) {
	e, err := found(ctx)
	if err != nil {
		return nil, err
	}
	all, err := x.store.StatusLog(ctx, e.ID, mostMoves)
	if err != nil {
		return nil, err
	}
	out := make([]StatusMove, len(all))
	for i, m := range all {
		out[i] = StatusMove{ID: m.ID, From: m.StatusFrom, To: m.StatusTo, Reason: m.Reason, Attempt: m.Attempt, At: instant(m.At)}
	}
	return typed.Of(out), nil
}

// ExecutionAttempt is one try of an execution.
type ExecutionAttempt struct {
	ID        string  `json:"id" required:"true"`
	Number    int64   `json:"number" required:"true" doc:"From 1"`
	State     string  `json:"state" required:"true" enum:"QUEUED,STARTING,RUNNING,ENDED"`
	Outcome   *string `json:"outcome" required:"true" enum:"SUCCEEDED,FAILED,CANCELLED,TIMEOUT,OOM,LOST,REFUSED" doc:"null as long as it has not ended"`
	Reason    string  `json:"reason" required:"true" doc:"For people"`
	ExitCode  *int64  `json:"exit_code" required:"true" doc:"Of its process"`
	Queue     string  `json:"queue" required:"true"`
	Runner    *string `json:"runner" required:"true" doc:"The name of the runner that has it, or had"`
	Created   string  `json:"created_at" required:"true"`
	Available string  `json:"available_at" required:"true" doc:"From when on a runner may take it"`
	Claimed   *string `json:"claimed_at" required:"true"`
	Started   *string `json:"started_at" required:"true"`
	Heartbeat *string `json:"heartbeat_at" required:"true" doc:"When its runner was heard of last"`
	Ended     *string `json:"ended_at" required:"true"`
}

func (x *Executions) attempts(ctx context.Context, _ *InPath) (*typed.Answer[[]ExecutionAttempt], error) {
	e, err := found(ctx)
	if err != nil {
		return nil, err
	}
	all, err := x.store.Attempts(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	names := map[uuid.UUID]*string{}
	out := make([]ExecutionAttempt, len(all))
	for i, a := range all {
		out[i] = ExecutionAttempt{
			ID: a.ID.String(), Number: a.Number, State: a.State, Reason: a.Reason, ExitCode: a.ExitCode, Queue: a.Queue, Created: instant(a.CreatedAt),
			Available: instant(a.AvailableAt), Claimed: moment(a.ClaimedAt), Started: moment(a.StartedAt), Heartbeat: moment(a.HeartbeatAt), Ended: moment(a.EndedAt),
		}
		if a.Outcome != "" {
			out[i].Outcome = &all[i].Outcome
		}
		if a.RunnerID == nil || *a.RunnerID == uuid.Nil {
			continue
		}
		if out[i].Runner, err = x.runner(ctx, *a.RunnerID, names); err != nil {
			return nil, err
		}
	}
	return typed.Of(out), nil
}

// runner is the name of a runner, nil: it is not known any more.
func (x *Executions) runner(ctx context.Context, id uuid.UUID, known map[uuid.UUID]*string) (*string, error) {
	if name, ok := known[id]; ok {
		return name, nil
	}
	this, err := rows.Compare(rows.NewColumn("id", rows.ID), rows.Equal, id)
	if err != nil {
		return nil, err
	}
	all, err := queries.List(ctx, x.store, queries.Runners(), rows.Request{Where: this, Limit: 1})
	if err != nil {
		return nil, err
	}
	known[id] = nil
	if len(all) > 0 {
		known[id] = &all[0].Name
	}
	return known[id], nil
}
