package queries

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/internal/trips"
)

// What happens between somebody's wish and the first line of the log is done with PostgreSQL in as few trips there as may be: a trip takes longer than most
// statements. SQLite is in this process, so it does the same statement by statement.

// errNotNext ends a transaction whose chunks are not kept.
var errNotNext = errors.New("the attempt is another's, or another chunk comes next") //nolint:gochecknoglobals // a sentinel

// appendChunks implements engine.
func (e *server) appendChunks(ctx context.Context, now time.Time, h Holder, chunks []LogChunk) error {
	if len(chunks) == 1 {
		return appendChunk(ctx, trips.New(e.pool), now, h, &chunks[0])
	}
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		q := trips.New(tx)
		for i := range chunks {
			if err := appendChunk(ctx, q, now, h, &chunks[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func appendChunk(ctx context.Context, q *trips.Queries, now time.Time, h Holder, c *LogChunk) error {
	n, err := q.AppendLogChunk(ctx, trips.AppendLogChunkParams{
		ExecutionID: h.Execution, ID: h.Attempt, Fence: h.Fence, Seq: c.Seq, Lines: int64(c.Lines), Bytes: int64(len(c.Data)),
		FirstAt: c.First, LastAt: c.Last, Data: c.Data, Now: now,
	})
	if err == nil && n == 0 {
		err = errNotNext
	}
	return err
}

// appendChunks implements engine.
func (e *file) appendChunks(ctx context.Context, now time.Time, h Holder, chunks []LogChunk) error {
	lines, size := extent(chunks)
	return e.inTx(ctx, func(q db.Querier) error {
		last, err := q.AddLogLines(ctx, db.AddLogLinesParams{ID: h.Execution, Lines: lines, Bytes: size})
		if err != nil {
			return err
		}
		before := chunks[0].Seq - 1
		number, err := q.AdvanceLog(ctx, db.AdvanceLogParams{ID: h.Attempt, ExecutionID: h.Execution, Fence: h.Fence, Before: before, Last: before + int64(len(chunks))})
		if err != nil {
			return err
		}
		if len(number) == 0 {
			return errNotNext
		}
		line := last - lines
		for _, c := range chunks {
			if err := q.InsertLogChunk(ctx, db.InsertLogChunkParams{
				ExecutionID: h.Execution, Attempt: number[0], Seq: c.Seq, FirstID: line + 1, LastID: line + int64(c.Lines),
				FirstAt: c.First, LastAt: c.Last, Data: c.Data, Now: now,
			}); err != nil {
				return err
			}
			line += int64(c.Lines)
		}
		return nil
	})
}

// tripsOf gives the short ways of a transaction; nil: it has none.
func tripsOf(q db.Querier) *trips.Queries {
	if tx, ok := Postgres(q); ok {
		return trips.New(tx)
	}
	return nil
}

// claimWork is claimSome of queues of which runners hear.
func claimWork(ctx context.Context, q *trips.Queries, now time.Time, r ClaimRequest) ([]Claimed, error) {
	lease, deadline := now.Add(r.Lease), now.Add(r.StartWithin)
	var out []Claimed
	for _, queue := range r.Queues {
		if len(out) >= r.Most {
			break
		}
		rows, err := q.ClaimWork(ctx, trips.ClaimWorkParams{Queue: queue, AtMost: int64(r.Most - len(out)), RunnerID: &r.Runner, LeaseUntil: &lease, DeadlineAt: &deadline, Now: now})
		if err != nil {
			return nil, err
		}
		for i := range rows {
			row := &rows[i]
			out = append(out, Claimed{
				Holder: Holder{Attempt: row.AttemptID, Execution: row.ID, Fence: row.Fence}, Number: row.Number, LogSeq: row.LogSeq,
				Timeout: time.Duration(row.TimeoutMs) * time.Millisecond, Lease: lease,
				Work: db.ListWorkRow{
					ID: row.ID, UserID: row.UserID, ScriptID: row.ScriptID, ScriptVersion: row.ScriptVersion, Params: row.Params, ParamsKey: row.ParamsKey, Priority: row.Priority, MaxAttempts: row.MaxAttempts,
					IsPluginExecution: row.IsPluginExecution, CreatedAt: row.CreatedAt, Slug: row.Slug, BlobKey: row.BlobKey, BlobSha256: row.BlobSha256, BlobSize: row.BlobSize, BuiltKey: row.BuiltKey,
					Configuration: row.Configuration, CpuReservation: row.CpuReservation, CpuLimit: row.CpuLimit, MemoryReservation: row.MemoryReservation, MemoryLimit: row.MemoryLimit,
					Environment: row.Environment, EnvironmentVersion: row.EnvironmentVersion, ComputeType: row.ComputeType, UsesGee: row.UsesGee,
				},
			})
		}
	}
	return out, nil
}

// beginClaimed starts what this transaction has claimed and nobody else has locked, and says what.
func beginClaimed(ctx context.Context, q db.Querier, short *trips.Queries, now time.Time, lease time.Duration, starts []StartRequest) (map[uuid.UUID]bool, error) {
	batch, ids := make(map[uuid.UUID]map[string]any, len(starts)), make([]uuid.UUID, len(starts))
	for i, start := range starts {
		batch[start.Attempt], ids[i] = startBatch(now, start), start.Execution
	}
	text, err := batchOf(batch)
	if err != nil {
		return nil, err
	}
	until := now.Add(lease)
	rows, err := short.BeginAttempts(ctx, trips.BeginAttemptsParams{Batch: text, Ids: idList(ids), Now: &now, LeaseUntil: &until})
	if err != nil {
		return nil, err
	}
	begun, moves := make(map[uuid.UUID]bool, len(rows)), []movement(nil)
	for _, row := range rows {
		begun[row.ID] = true
		if row.Status == StatusReady {
			moves = append(moves, movement{Status: StatusRunning})
		}
	}
	countMoves(q, moves)
	return begun, nil
}
