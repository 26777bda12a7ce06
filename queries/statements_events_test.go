package queries

import (
	"context"
	"errors"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// eventSteps tell one event, and have one letter wait in a lane.
func eventSteps() []step {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	name, lane, letter := "r-"+fresh().String(), "l-"+fresh().String(), fresh()
	var newest int64
	return []step{
		{"InsertEvent", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.InsertEvent(ctx, db.InsertEventParams{At: now, Type: "t", Subject: name, Data: `{"a":1}`})
		}, nil},
		{"GetNewestEvent", func(ctx context.Context, q db.Querier) (any, error) {
			var err error
			newest, err = q.GetNewestEvent(ctx)
			return newest > 0, err
		}, true},
		{"GetSnapshot", func(ctx context.Context, q db.Querier) (any, error) {
			s, err := q.GetSnapshot(ctx)
			return s.Low > 0 && s.High >= 0, err
		}, true},
		{"BeginEventCursor", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.BeginEventCursor(ctx, db.BeginEventCursorParams{Name: name, AfterID: newest - 1, Now: now})
		}, nil},
		{"ListEvents", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListEvents(ctx, db.ListEventsParams{Gaps: "[]", AfterID: newest - 1, AtMost: 1})
			if err != nil || len(all) != 1 {
				return nil, errors.Join(err, errors.New("there is none"))
			}
			return []any{all[0].ID == newest, all[0].At.Equal(now), all[0].Type, all[0].Subject == name, all[0].Data}, nil
		}, []any{true, true, "t", true, `{"a":1}`}},
		{"MoveEventCursor", func(ctx context.Context, q db.Querier) (any, error) {
			return q.MoveEventCursor(ctx, db.MoveEventCursorParams{Name: name, AfterID: newest, Gaps: "[[1,2,3]]", Fence: 4, Now: now})
		}, int64(1)},
		{"GetEventCursor", func(ctx context.Context, q db.Querier) (any, error) {
			c, err := q.GetEventCursor(ctx, name)
			return []any{c.AfterID == newest, c.Gaps, c.Fence}, err
		}, []any{true, "[[1,2,3]]", int64(4)}},
		{"ListEventCursors", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListEventCursors(ctx)
			return len(all), err
		}, 1},
		{"DeleteEventCursor", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteEventCursor(ctx, name) }, int64(1)},
		{"DeleteSurplusEvents", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteSurplusEvents(ctx, db.DeleteSurplusEventsParams{Keep: 1 << 40, AtMost: 10})
		}, int64(0)},
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			return q.InsertOutbox(ctx, db.InsertOutboxParams{ID: letter, Topic: lane, Payload: []byte("1"), Lane: lane, Line: lane, Position: 1})
		}, int64(1)},
		{"PauseLane", func(ctx context.Context, q db.Querier) (any, error) {
			l, err := q.PauseLane(ctx, db.PauseLaneParams{Lane: lane, PauseMs: 60_000})
			return []any{l.Failures, l.FailingAt != nil}, err
		}, []any{int64(1), true}},
		{"GetLane", func(ctx context.Context, q db.Querier) (any, error) {
			l, err := q.GetLane(ctx, lane)
			return []any{l.Failures, l.PausedUntil.After(time.Now())}, err
		}, []any{int64(1), true}},
		{"DeleteLane", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteLane(ctx, lane) }, int64(1)},
		{"CountOutboxLane", func(ctx context.Context, q db.Querier) (any, error) { return q.CountOutboxLane(ctx, lane) }, db.CountOutboxLaneRow{Waiting: 1}},
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ClaimOutbox(ctx, db.ClaimOutboxParams{Topic: lane, Holder: "h", AtMost: 9, LeaseMs: 60_000})
			if err != nil || len(all) != 1 {
				return nil, errors.Join(err, errors.New("it is not claimed"))
			}
			return q.FailOutbox(ctx, db.FailOutboxParams{ID: letter, Holder: "h", Attempts: 1, LastError: "no", Most: 1})
		}, int64(1)},
		{"ListDeadOutboxLane", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListDeadOutboxLane(ctx, db.ListDeadOutboxLaneParams{Lane: lane, AtMost: 9})
			return len(all), err
		}, 1},
		{"ReviveOutboxLane", func(ctx context.Context, q db.Querier) (any, error) {
			return q.ReviveOutboxLane(ctx, db.ReviveOutboxLaneParams{ID: letter, Lane: lane})
		}, int64(1)},
		{"DeleteOutboxLane", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteOutboxLane(ctx, lane) }, int64(1)},
	}
}
