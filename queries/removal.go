package queries

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// removeRows is how many executions one transaction removes: whoever wants one of these rows waits as long as that takes.
const removeRows = 500

// removeEnded removes executions that ended before a time, with all that the store has of them, batch by batch. Any number of gateways may do so
// at once: none waits for what another one has. It ends early when Keep says something else, since what was said before may have been a mistake.
func (s *Store) removeEnded(ctx context.Context, before time.Time) (removed int64, err error) {
	told := s.retention.Load()
	since := time.Time{} // what is before is gone: who reads it again reads what autovacuum has not seen yet
	for ctx.Err() == nil && s.retention.Load() == told {
		var n int
		err := s.inTx(ctx, func(q db.Querier) (err error) {
			n, since, err = removeBatch(ctx, q, s.clock.Now(), since, before)
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("removing executions: %w", err)
		}
		removed += int64(n)
		if n < removeRows {
			break
		}
	}
	return removed, ctx.Err()
}

// removeBatch removes the first that ended from since on and before a time, and gives how many these were and when the last one ended.
func removeBatch(ctx context.Context, q db.Querier, now, since, before time.Time) (int, time.Time, error) {
	found, err := q.LockRemovable(ctx, db.LockRemovableParams{Since: &since, Before: &before, AtMost: removeRows})
	if err != nil || len(found) == 0 {
		return 0, since, err
	}
	ids, keys := make([]uuid.UUID, len(found)), []string{}
	for i, e := range found {
		ids[i] = e.ID
		for _, key := range []string{e.ParamsKey, e.ResultsKey} {
			if key != "" {
				keys = append(keys, key)
			}
		}
	}
	order := func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
	first, last, list := slices.MinFunc(ids, order), slices.MaxFunc(ids, order), idList(ids)
	if _, err := q.DeleteAttemptsOf(ctx, list); err != nil {
		return 0, since, err
	}
	if _, err := q.DeleteLogChunksOf(ctx, db.DeleteLogChunksOfParams{First: first, Last: last, Ids: list}); err != nil {
		return 0, since, err
	}
	if _, err := q.DeleteStatusLogOf(ctx, db.DeleteStatusLogOfParams{First: first, Last: last, Ids: list}); err != nil {
		return 0, since, err
	}
	if len(keys) > 0 {
		slices.Sort(keys) // two gateways that have the same ones do not wait for each other in a circle
		batch, err := batchOf(keys)
		if err != nil {
			return 0, since, err
		}
		if err := q.InsertBlobRemovals(ctx, db.InsertBlobRemovalsParams{Keys: batch, Now: now}); err != nil {
			return 0, since, err
		}
	}
	n, err := q.RemoveExecutions(ctx, list)
	if err == nil && n != int64(len(ids)) {
		err = fmt.Errorf("%d of %d executions that are locked are there", n, len(ids))
	}
	return len(ids), *found[len(found)-1].EndedAt, err
}

// BlobsToRemove gives keys of blobs that only executions had which are removed, after one, at most so many, in order. Whoever removes the blobs says so
// by BlobsRemoved. What somebody has repeated still has its parameters.
func (s *Store) BlobsToRemove(ctx context.Context, after string, most int) ([]string, error) {
	return s.queries().ListBlobRemovals(ctx, db.ListBlobRemovalsParams{After: after, AtMost: int64(most)})
}

// BlobsRemoved forgets blobs that are not there any more.
func (s *Store) BlobsRemoved(ctx context.Context, keys []string) error {
	batch, err := batchOf(keys)
	if err != nil {
		return err
	}
	_, err = s.queries().DeleteBlobRemovals(ctx, batch)
	return err
}
