package queries

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// removalSteps remove an execution that ended at a time at which no other did.
func removalSteps() []step {
	id := fresh()
	now := time.Date(2001, 1, 2, 3, 4, 5, 678901000, time.UTC)
	later := now.Add(time.Minute)
	key := "params/" + id.String() + ".json"
	keys, _ := batchOf([]string{key})
	list := idList([]uuid.UUID{id})
	return []step{
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			if _, err := q.InsertExecution(ctx, db.InsertExecutionParams{ID: id, Status: StatusPending, Params: []byte("{}"), ParamsKey: key, Queue: "@s", MaxAttempts: 1, TimeoutMs: 1, Now: now, Executor: "gateway"}); err != nil {
				return nil, err
			}
			for _, m := range []movement{{Was: "PENDING", Status: "READY", Again: 1}, {Was: "READY", Status: "FAILED", Ends: 1}} {
				text, err := batchOf(map[string]any{id.String(): m})
				if err != nil {
					return nil, err
				}
				if _, err := q.MoveExecutions(ctx, db.MoveExecutionsParams{Now: now, Batch: text}); err != nil {
					return nil, err
				}
			}
			text, err := batchOf([]map[string]any{{"id": fresh(), "execution_id": id, "available_at": sqlTime(now)}})
			if err != nil {
				return nil, err
			}
			if _, err := q.InsertAttempts(ctx, db.InsertAttemptsParams{Now: now, Batch: text}); err != nil {
				return nil, err
			}
			return nil, q.InsertLogChunk(ctx, db.InsertLogChunkParams{ExecutionID: id, Attempt: 1, Seq: 1, FirstID: 1, LastID: 1, FirstAt: now, LastAt: now, Data: []byte("x"), Now: now})
		}, nil},
		{"HoldExecution", func(ctx context.Context, q db.Querier) (any, error) {
			got, err := q.HoldExecution(ctx, id)
			return got == id, err
		}, true},
		{"LockRemovable", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.LockRemovable(ctx, db.LockRemovableParams{Since: &now, Before: &later, AtMost: 10})
			if err != nil || len(all) != 1 {
				return all, err
			}
			none, err := q.LockRemovable(ctx, db.LockRemovableParams{Since: &time.Time{}, Before: &now, AtMost: 10})
			return []any{all[0].ID == id, all[0].EndedAt.Equal(now), all[0].ParamsKey == key, all[0].ResultsKey, len(none)}, err
		}, []any{true, true, true, "", 0}},
		{"InsertBlobRemovals", func(ctx context.Context, q db.Querier) (any, error) {
			for range 2 {
				if err := q.InsertBlobRemovals(ctx, db.InsertBlobRemovalsParams{Keys: keys, Now: now}); err != nil {
					return nil, err
				}
			}
			all, err := q.ListBlobRemovals(ctx, db.ListBlobRemovalsParams{AtMost: 10})
			return len(all), err // the execution has it still
		}, 0},
		{"DeleteAttemptsOf", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteAttemptsOf(ctx, list) }, int64(1)},
		{"DeleteLogChunksOf", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteLogChunksOf(ctx, db.DeleteLogChunksOfParams{First: id, Last: id, Ids: list})
		}, int64(1)},
		{"DeleteStatusLogOf", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteStatusLogOf(ctx, db.DeleteStatusLogOfParams{First: id, Last: id, Ids: list})
		}, int64(3)},
		{"RemoveExecutions", func(ctx context.Context, q db.Querier) (any, error) { return q.RemoveExecutions(ctx, list) }, int64(1)},
		{"ListBlobRemovals", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListBlobRemovals(ctx, db.ListBlobRemovalsParams{AtMost: 10})
			if err != nil {
				return nil, err
			}
			after, err := q.ListBlobRemovals(ctx, db.ListBlobRemovalsParams{After: key, AtMost: 10})
			return []any{len(all) == 1 && all[0] == key, len(after)}, err
		}, []any{true, 0}},
		{"DeleteBlobRemovals", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteBlobRemovals(ctx, keys) }, int64(1)},
	}
}
