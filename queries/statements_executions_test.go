package queries

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// longAnswerSteps are about an execution that a gateway runs, whose user is nobody.
func longAnswerSteps() []step {
	id, other, attempt := fresh(), fresh(), fresh()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	later := now.Add(time.Minute)
	queue := "@s GET /" + id.String()
	names, _ := batchOf([]string{"x", queue})
	return []step{
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			for _, id := range []uuid.UUID{id, other} {
				if _, err := q.InsertExecution(ctx, db.InsertExecutionParams{ID: id, Status: StatusPending, Params: []byte("{}"), Queue: queue, MaxAttempts: 1, TimeoutMs: 1, Now: now, Executor: "gateway", Service: "s", Route: "GET /"}); err != nil {
					return nil, err
				}
			}
			text, err := batchOf(map[string]any{id.String(): movement{Was: "PENDING", Status: "READY", Again: 1}, other.String(): movement{Was: "PENDING", Status: "CANCELLED", Ends: 1}})
			if err != nil {
				return nil, err
			}
			if _, err := q.MoveExecutions(ctx, db.MoveExecutionsParams{Now: now, Batch: text}); err != nil {
				return nil, err
			}
			text, err = batchOf([]map[string]any{{"id": attempt, "execution_id": id, "available_at": sqlTime(now)}})
			if err != nil {
				return nil, err
			}
			_, err = q.InsertAttempts(ctx, db.InsertAttemptsParams{Now: now, Batch: text})
			return nil, err
		}, nil},
		{"InsertLongAnswer", func(ctx context.Context, q db.Querier) (any, error) {
			for _, id := range []uuid.UUID{id, other} {
				if err := q.InsertLongAnswer(ctx, db.InsertLongAnswerParams{ExecutionID: id, Caller: index(1), TokenHash: index(2), Request: []byte("r"), Now: now}); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}, nil},
		{"GetLongRequest", func(ctx context.Context, q db.Querier) (any, error) {
			r, err := q.GetLongRequest(ctx, id)
			return []any{string(r.Request), r.Service, r.Route, r.UserID == nil}, err
		}, []any{"r", "s", "GET /", true}},
		{"ListWaitingLongAnswers", func(ctx context.Context, q db.Querier) (any, error) {
			return q.ListWaitingLongAnswers(ctx, db.ListWaitingLongAnswersParams{Queues: names, Now: now})
		}, []string{queue}},
		{"ListUnheldLongAnswers", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListUnheldLongAnswers(ctx, db.ListUnheldLongAnswersParams{Since: now, AtMost: 10})
			return slices.Contains(all, id), err
		}, true},
		{"EndLongAnswers", func(ctx context.Context, q db.Querier) (any, error) { return q.EndLongAnswers(ctx, &later) }, int64(1)},
		{"KeepLongAnswer", func(ctx context.Context, q db.Querier) (any, error) {
			status := int64(200)
			return q.KeepLongAnswer(ctx, db.KeepLongAnswerParams{ExecutionID: id, Status: &status, Header: []byte("{}"), Body: []byte("b"), BodyKey: "k", BodySize: 1, ExpiresAt: &later})
		}, int64(1)},
		{"GetLongAnswer", func(ctx context.Context, q db.Querier) (any, error) {
			a, err := q.GetLongAnswer(ctx, id)
			return []any{*a.Status, string(a.Body), a.BodyKey, a.ExecutionStatus, a.ExpiresAt.Equal(later)}, err
		}, []any{int64(200), "b", "k", "READY", true}},
		{"ListOverLongAnswers", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListOverLongAnswers(ctx, db.ListOverLongAnswersParams{Now: &later, AtMost: 10})
			return len(all) >= 2, err
		}, true},
		{"DeleteLongAnswer", func(ctx context.Context, q db.Querier) (any, error) {
			early, err := q.DeleteLongAnswer(ctx, db.DeleteLongAnswerParams{ExecutionID: id, Now: &now})
			if err != nil || early != 0 {
				return early, err
			}
			return q.DeleteLongAnswer(ctx, db.DeleteLongAnswerParams{ExecutionID: id, Now: &later})
		}, int64(1)},
	}
}

// executionSteps moves four executions: one finishes, one is lost, one is cancelled before it ran, and one waits.
func executionSteps() []step {
	user, script, runner := fresh(), fresh(), fresh()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	later, before := now.Add(time.Minute), now.Add(-time.Hour)
	ids, attempts := []uuid.UUID{fresh(), fresh(), fresh(), fresh()}, []uuid.UUID{fresh(), fresh(), fresh(), fresh()}
	token := slices.Concat(script[:], script[:])
	name, queue := "e-"+script.String(), "q-"+script.String()
	insert := func(i int) db.InsertExecutionParams {
		return db.InsertExecutionParams{
			ID: ids[i], Status: StatusPending, ScriptID: &script, ScriptVersion: new(int64(1)), UserID: &user, Params: []byte(`{"a" :1.0}`), Queue: queue, Priority: int64(i), MaxAttempts: 1, TimeoutMs: 1000, Now: now,
			IdempotencyKey: index(byte(i)), BodyHash: index(1),
		}
	}
	count := func(n int, err error) (any, error) { return n, err }
	move := func(was, status string, again, ends int, of ...int) func(context.Context, db.Querier) (any, error) {
		return func(ctx context.Context, q db.Querier) (any, error) {
			batch := map[string]any{}
			for _, i := range of {
				batch[ids[i].String()] = movement{Was: was, Status: status, Reason: `it "is"`, Again: again, Ends: ends}
			}
			text, err := batchOf(batch)
			if err != nil {
				return nil, err
			}
			moved, err := q.MoveExecutions(ctx, db.MoveExecutionsParams{Now: now, Batch: text})
			return count(len(moved), err)
		}
	}
	byAttempt := func(i int, of string) string { return fmt.Sprintf(`{"%s": {%s}}`, attempts[i], of) }
	return []step{
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			_, err := q.InsertUser(ctx, db.InsertUserParams{ID: user, Email: user.String(), EmailKey: user.String(), Profile: []byte("{}"), Role: "USER", IsActive: true})
			return nil, err
		}, nil},
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			if _, err := q.InsertScript(ctx, db.InsertScriptParams{ID: script, Slug: name, Name: "n", UserID: user, Now: now}); err != nil {
				return nil, err
			}
			_, err := q.InsertScriptVersion(ctx, db.InsertScriptVersionParams{ScriptID: script, Number: 1, BlobKey: "k", BlobSha256: index(1), Configuration: []byte("null"), Parameters: []byte("null"), CreatedBy: user, Now: before})
			if err != nil {
				return nil, err
			}
			if _, err := q.ClaimBuild(ctx, db.ClaimBuildParams{Builder: &runner, LeaseUntil: &later, Now: &now}); err != nil {
				return nil, err
			}
			_, err = q.FinishBuild(ctx, db.FinishBuildParams{ScriptID: script, Number: 1, Fence: 1, Status: "SUCCESS", Now: &now})
			return nil, err
		}, nil},
		{"InsertExecution", func(ctx context.Context, q db.Querier) (any, error) {
			for i := range ids {
				e, err := q.InsertExecution(ctx, insert(i))
				if err != nil || string(e.Params) != `{"a" :1.0}` || string(e.Results) != "null" || !e.CreatedAt.Equal(now) {
					return e, err
				}
			}
			return nil, nil
		}, nil},
		{"GetExecution", func(ctx context.Context, q db.Querier) (any, error) {
			e, err := q.GetExecution(ctx, ids[0])
			return e.Status, err
		}, "PENDING"},
		{"GetExecutionByKey", func(ctx context.Context, q db.Querier) (any, error) {
			e, err := q.GetExecutionByKey(ctx, db.GetExecutionByKeyParams{UserID: &user, IdempotencyKey: index(1)})
			return e.ID == ids[1], err
		}, true},
		{"LockAdmission", func(ctx context.Context, q db.Querier) (any, error) { return nil, q.LockAdmission(ctx, 7) }, nil},
		{"SetLimit", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.SetLimit(ctx, db.SetLimitParams{UserID: user, AtMost: 4, Now: now})
		}, nil},
		{"GetLimit", func(ctx context.Context, q db.Querier) (any, error) { return q.GetLimit(ctx, user) }, db.GetLimitRow{Role: "USER", AtMost: 4}},
		{"DeleteLimit", func(ctx context.Context, q db.Querier) (any, error) { return nil, q.DeleteLimit(ctx, user) }, nil},
		{"ListWaitingUsers", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListWaitingUsers(ctx)
			found := 0
			for _, u := range all {
				if u.ID == user && u.AtMost == -1 && u.Role == "USER" {
					found++
				}
			}
			return count(found, err)
		}, 1},
		{"CountWaitingOf", func(ctx context.Context, q db.Querier) (any, error) { return q.CountWaitingOf(ctx, &user) }, int64(4)},
		{"ListWaitingOf", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListWaitingOf(ctx, db.ListWaitingOfParams{UserID: &user, AtMost: 1})
			return len(all) == 1 && all[0].ID == ids[3], err
		}, true},
		{"ListLivingOf", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListLivingOf(ctx, &user)
			return count(len(all), err)
		}, 4},
		{"CountAheadOfExecution", func(ctx context.Context, q db.Querier) (any, error) {
			n, err := q.CountAheadOfExecution(ctx, db.CountAheadOfExecutionParams{Priority: 1, QueuedAt: now, ID: ids[1], AtMost: 100})
			return n >= 2, err
		}, true},
		{"CountAheadOfExecutionOfUser", func(ctx context.Context, q db.Querier) (any, error) {
			return q.CountAheadOfExecutionOfUser(ctx, db.CountAheadOfExecutionOfUserParams{UserID: &user, Priority: 1, QueuedAt: now, ID: ids[1], AtMost: 100})
		}, int64(2)},
		{"LockExecutions", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.LockExecutions(ctx, idList(ids))
			return count(len(all), err)
		}, 4},
		{"LockFreeExecutions", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.LockFreeExecutions(ctx, idList(ids))
			return count(len(all), err)
		}, 4},
		{"MoveExecutions", move("PENDING", "READY", 1, 0, 0, 1, 2), 3},
		{"", move("RUNNING", "FINISHED", 0, 1, 0), 0},
		{"InsertAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all := []map[string]any{}
			for i := range 3 {
				all = append(all, map[string]any{"id": attempts[i], "execution_id": ids[i], "available_at": sqlTime(now)})
			}
			text, err := batchOf(all)
			if err != nil {
				return nil, err
			}
			made, err := q.InsertAttempts(ctx, db.InsertAttemptsParams{Now: now, Batch: text})
			return []any{len(made), made[0].Number, made[0].Queue == queue, made[0].AvailableAt.Equal(now)}, err
		}, []any{3, int64(1), true, true}},
		{"CountActive", func(ctx context.Context, q db.Querier) (any, error) {
			n, err := q.CountActive(ctx)
			return n >= 3, err
		}, true},
		{"CountActiveOf", func(ctx context.Context, q db.Querier) (any, error) { return q.CountActiveOf(ctx, &user) }, int64(3)},
		{"CountAheadOfAttempt", func(ctx context.Context, q db.Querier) (any, error) {
			return q.CountAheadOfAttempt(ctx, db.CountAheadOfAttemptParams{Queue: queue, Priority: 0, AvailableAt: now, ID: attempts[0], AtMost: 10})
		}, int64(2)},
		{"CountQueued", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.CountQueued(ctx)
			for _, c := range all {
				if c.Queue == queue {
					return c.Waiting, err
				}
			}
			return nil, err
		}, int64(3)},
		{"ListQueuedSince", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListQueuedSince(ctx, db.ListQueuedSinceParams{Since: now, AtMost: 100})
			return len(all) >= 3, err
		}, true},
		{"ClaimAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ClaimAttempts(ctx, db.ClaimAttemptsParams{Queue: queue, AtMost: 1, RunnerID: &runner, LeaseUntil: &later, DeadlineAt: &later, Now: &now})
			return []any{len(all), all[0].ID == attempts[2], all[0].Fence, all[0].TimeoutMs}, err
		}, []any{1, true, int64(1), int64(1000)}},
		{"ClaimTheseAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ClaimTheseAttempts(ctx, db.ClaimTheseAttemptsParams{Ids: idList([]uuid.UUID{attempts[0], attempts[2], fresh()}), RunnerID: &runner, LeaseUntil: &later, DeadlineAt: &later, Now: &now})
			return []any{len(all), all[0].ID == attempts[0]}, err
		}, []any{1, true}},
		{"ListWork", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListWork(ctx, idList(ids[:2]))
			return []any{len(all), all[0].Slug == name, all[0].BlobKey, string(all[0].Params)}, err
		}, []any{2, true, "k", `{"a" :1.0}`}},
		{"ListHeldBy", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListHeldBy(ctx, &runner)
			return count(len(all), err)
		}, 2},
		{"StartAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			started, err := q.StartAttempts(ctx, db.StartAttemptsParams{Now: &now, LeaseUntil: &later, Batch: byAttempt(0, `"fence": 1, "deadline_at": "`+sqlTime(later)+`", "handle": "h", "token_hash": "`+hex.EncodeToString(token)+`"`)})
			return len(started) == 1 && started[0] == attempts[0], err
		}, true},
		{"", move("READY", "RUNNING", 0, 0, 0), 1},
		{"GetAttempt", func(ctx context.Context, q db.Querier) (any, error) {
			a, err := q.GetAttempt(ctx, attempts[0])
			return []any{a.State, a.Handle, a.DeadlineAt.Equal(later), *a.RunnerID == runner}, err
		}, []any{"RUNNING", "h", true, true}},
		{"GetAttemptByToken", func(ctx context.Context, q db.Querier) (any, error) {
			a, err := q.GetAttemptByToken(ctx, db.GetAttemptByTokenParams{TokenHash: token, Now: &now})
			return a.ID == attempts[0], err
		}, true},
		{"GiveToPod", func(ctx context.Context, q db.Querier) (any, error) {
			give := func(pod string, fence int64) int64 {
				n, err := q.GiveToPod(ctx, db.GiveToPodParams{ID: attempts[0], Fence: fence, Pod: pod})
				if err != nil {
					return -1
				}
				return n
			}
			return []any{give("a", 1), give("b", 1), give("a", 1), give("a", 2)}, nil
		}, []any{int64(1), int64(0), int64(1), int64(0)}},
		{"SetHandle", func(ctx context.Context, q db.Querier) (any, error) {
			return q.SetHandle(ctx, db.SetHandleParams{ID: attempts[0], Fence: 1, Handle: "i"})
		}, int64(1)},
		{"SaySo", func(ctx context.Context, q db.Querier) (any, error) {
			first, err := q.SaySo(ctx, db.SaySoParams{ID: ids[0], AttemptID: attempts[0], Fence: 1, Said: "FINISHED", Now: now})
			second, also := q.SaySo(ctx, db.SaySoParams{ID: ids[0], AttemptID: attempts[0], Fence: 1, Said: "", Now: now})
			stale, too := q.SaySo(ctx, db.SaySoParams{ID: ids[0], AttemptID: attempts[0], Fence: 9, Said: "FAILED", Now: now})
			e, read := q.GetExecution(ctx, ids[0])
			return []any{first, second, stale, e.Said}, errors.Join(err, also, too, read)
		}, []any{int64(1), int64(1), int64(0), "FINISHED"}},
		{"SetProgress", func(ctx context.Context, q db.Querier) (any, error) {
			return q.SetProgress(ctx, db.SetProgressParams{ID: ids[0], AttemptID: attempts[0], Fence: 1, Progress: 7, Now: now})
		}, int64(1)},
		{"RenewAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.RenewAttempts(ctx, db.RenewAttemptsParams{LeaseUntil: &later, Now: &now, Batch: fmt.Sprintf(`[{"id": "%s", "fence": 1}, {"id": "%s", "fence": 2}]`, attempts[0], attempts[2])})
			return len(all) == 1 && all[0].ID == attempts[0], err
		}, true},
		{"ListHeldAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListHeldAttempts(ctx, fmt.Sprintf(`[{"id": "%s", "fence": 1}, {"id": "%s", "fence": 2}]`, attempts[0], attempts[2]))
			return len(all) == 1 && all[0].ID == attempts[0], err
		}, true},
		{"AdoptAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.AdoptAttempts(ctx, db.AdoptAttemptsParams{LeaseUntil: &later, Now: &now, Ids: idList(attempts[:1]), RunnerID: &runner})
			return []any{len(all), all[0].Fence, all[0].Handle}, err
		}, []any{1, int64(2), "i"}},
		{"StopLateAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			n, err := q.StopLateAttempts(ctx, &before)
			return n, err
		}, int64(0)},
		{"StopAttempt", func(ctx context.Context, q db.Querier) (any, error) { return q.StopAttempt(ctx, ids[0]) }, int64(1)},
		{"PatchProgress", func(ctx context.Context, q db.Querier) (any, error) {
			return q.PatchProgress(ctx, db.PatchProgressParams{ID: ids[0], Progress: 8, Now: now})
		}, int64(1)},
		{"AddLogLines", func(ctx context.Context, q db.Querier) (any, error) {
			return q.AddLogLines(ctx, db.AddLogLinesParams{ID: ids[0], Lines: 3, Bytes: 7})
		}, int64(3)},
		{"AdvanceLog", func(ctx context.Context, q db.Querier) (any, error) {
			return q.AdvanceLog(ctx, db.AdvanceLogParams{ID: attempts[0], ExecutionID: ids[0], Fence: 2, Before: 0, Last: 1})
		}, []int64{1}},
		{"ListLogSeq", func(ctx context.Context, q db.Querier) (any, error) {
			return q.ListLogSeq(ctx, db.ListLogSeqParams{ID: attempts[0], ExecutionID: ids[0], Fence: 2})
		}, []db.ListLogSeqRow{{Number: 1, LogSeq: 1}}},
		{"InsertLogChunk", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.InsertLogChunk(ctx, db.InsertLogChunkParams{ExecutionID: ids[0], Attempt: 1, Seq: 1, FirstID: 1, LastID: 2, FirstAt: now, LastAt: now, Data: []byte{0, 1}, Now: now})
		}, nil},
		{"InsertNotices", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.InsertNotices(ctx, db.InsertNoticesParams{Now: later, Batch: fmt.Sprintf(`[{"execution_id": "%s", "line": 3, "level": "INFO", "notice": "n\"ä"}]`, ids[0])})
		}, nil},
		{"ListLogChunks", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListLogChunks(ctx, db.ListLogChunksParams{ExecutionID: ids[0], LastID: 1, Since: before, AtMost: 5})
			return []any{len(all), string(all[0].Data), all[0].LastAt.Equal(now), all[1].FirstID, all[1].Notice, len(all[1].Data)}, err
		}, []any{2, "\x00\x01", true, int64(3), `n"ä`, 0}},
		{"ListLogChunksBackward", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListLogChunksBackward(ctx, db.ListLogChunksBackwardParams{ExecutionID: ids[0], Before: 3, AtMost: 5})
			return []any{len(all), all[0].LastID}, err
		}, []any{1, int64(2)}},
		{"ListLastChunk", func(ctx context.Context, q db.Querier) (any, error) {
			return q.ListLastChunk(ctx, db.ListLastChunkParams{ExecutionID: ids[0], Attempt: 1, Seq: 1})
		}, [][]byte{{0, 1}}},
		{"ListStates", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListStates(ctx, idList(ids[:1]))
			return []any{len(all), all[0].Status, all[0].Progress, all[0].LastLog}, err
		}, []any{1, "RUNNING", int64(8), int64(3)}},
		{"AddLineWithin", func(ctx context.Context, q db.Querier) (any, error) {
			full, err := q.AddLineWithin(ctx, db.AddLineWithinParams{ID: ids[0], Bytes: 10, Most: 16})
			got, also := q.AddLineWithin(ctx, db.AddLineWithinParams{ID: ids[0], Bytes: 0, Most: 7})
			return []any{len(full), got}, errors.Join(err, also)
		}, []any{0, []int64{4}}},
		{"SetResults", func(ctx context.Context, q db.Querier) (any, error) {
			return q.SetResults(ctx, db.SetResultsParams{ID: ids[0], Now: now, Results: []byte(`{"b" :1.0}`), ResultsSize: 10})
		}, int64(1)},
		{"EndAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.EndAttempts(ctx, db.EndAttemptsParams{Now: &now, Batch: byAttempt(0, `"fence": 2, "outcome": "SUCCEEDED", "reason": "", "exit_code": 0`)})
			return []any{len(all), all[0].ExecutionID == ids[0], all[0].StartedAt.Equal(now)}, err
		}, []any{1, true, true}},
		{"", move("RUNNING", "FINISHED", 0, 1, 0), 1},
		{"ListEndedAttempt", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListEndedAttempt(ctx, db.ListEndedAttemptParams{ID: attempts[0], Fence: 2, Outcome: "SUCCEEDED"})
			return count(len(all), err)
		}, 1},
		{"ListAttemptsEnded", func(ctx context.Context, q db.Querier) (any, error) {
			early, err := q.ListAttemptsEnded(ctx, db.ListAttemptsEndedParams{Ids: idList(attempts), Before: &now})
			if err != nil {
				return nil, err
			}
			ended, err := q.ListAttemptsEnded(ctx, db.ListAttemptsEndedParams{Ids: idList(attempts), Before: &later})
			return len(early) == 0 && len(ended) == 1 && ended[0] == attempts[0], err
		}, true},
		{"ListAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListAttempts(ctx, ids[0])
			return []any{len(all), all[0].Outcome, *all[0].ExitCode, all[0].LeaseUntil == nil}, err
		}, []any{1, "SUCCEEDED", int64(0), true}},
		{"ListEndedExecutions", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListEndedExecutions(ctx, idList(ids))
			if err != nil || len(all) != 1 {
				return all, err
			}
			e := all[0]
			return []any{e.ID == ids[0], e.Status, e.UserID == user, string(e.Profile), e.StartedAt.Equal(now), e.EndedAt != nil}, nil
		}, []any{true, "FINISHED", true, "{}", true, true}},
		{"DeleteExecution", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteExecution(ctx, db.DeleteExecutionParams{ID: ids[0], Now: &now})
		}, int64(1)},
		{"ListOverdueAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListOverdueAttempts(ctx, db.ListOverdueAttemptsParams{Now: &later, Late: &before, AtMost: 10})
			return len(all) == 1 && all[0].ID == attempts[2], err
		}, true},
		{"EndOverdueAttempts", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.EndOverdueAttempts(ctx, db.EndOverdueAttemptsParams{Now: &later, Late: &before, Lost: "lost", Timeout: "late", Ids: idList(attempts)})
			return []any{len(all), all[0].ID == attempts[2], all[0].Outcome, all[0].Reason, all[0].StartedAt == nil}, err
		}, []any{1, true, "LOST", "lost", true}},
		{"EndHeldAttempt", func(ctx context.Context, q db.Querier) (any, error) {
			return q.EndHeldAttempt(ctx, db.EndHeldAttemptParams{ExecutionID: ids[2], Outcome: "FAILED", Now: &now})
		}, int64(0)},
		{"EndQueuedAttempt", func(ctx context.Context, q db.Querier) (any, error) {
			return q.EndQueuedAttempt(ctx, db.EndQueuedAttemptParams{ExecutionID: ids[1], Outcome: "CANCELLED", Reason: "r", Now: &now})
		}, int64(1)},
		{"", move("READY", "CANCELLING", 0, 0, 1), 1},
		{"ListStatusLog", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListStatusLog(ctx, db.ListStatusLogParams{ExecutionID: ids[1], AtMost: 2})
			return []any{len(all), all[1].StatusFrom, all[1].StatusTo, all[1].Reason, all[1].Attempt, all[1].At.Equal(now)}, err
		}, []any{2, "PENDING", "READY", `it "is"`, int64(1), true}},
		{"", move("CANCELLING", "CANCELLED", 0, 1, 1), 1},
		{"", move("READY", "FAILED", 0, 1, 2), 1},
		{"", move("PENDING", "CANCELLED", 0, 1, 3), 1},
		{"ListStatusLogAfter", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListStatusLogAfter(ctx, db.ListStatusLogAfterParams{ExecutionID: ids[1], AtMost: 2})
			if err != nil || len(all) != 2 {
				return all, err
			}
			next, err := q.ListStatusLogAfter(ctx, db.ListStatusLogAfterParams{ExecutionID: ids[1], After: all[1].ID, AtMost: 1})
			return []any{all[1].StatusTo == next[0].StatusFrom, next[0].ID > all[1].ID}, err
		}, []any{true, true}},
		{"UpsertRunner", func(ctx context.Context, q db.Querier) (any, error) {
			r, err := q.UpsertRunner(ctx, db.UpsertRunnerParams{ID: runner, Name: "n", Queues: []byte(`["a"]`), Slots: 3, Now: now, LeaseUntil: later})
			return []any{r.State, string(r.Queues), r.LeaseUntil.Equal(later)}, err
		}, []any{"READY", `["a"]`, true}},
		{"RenewRunner", func(ctx context.Context, q db.Querier) (any, error) {
			return q.RenewRunner(ctx, db.RenewRunnerParams{ID: runner, Now: now, LeaseUntil: later})
		}, []string{"READY"}},
		{"DrainRunner", func(ctx context.Context, q db.Querier) (any, error) { return q.DrainRunner(ctx, runner) }, int64(1)},
		{"ListRunners", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListRunners(ctx, 100)
			return len(all) == 1 && all[0].State == "DRAINING", err
		}, true},
		{"EndLostRunners", func(ctx context.Context, q db.Querier) (any, error) {
			return q.EndLostRunners(ctx, db.EndLostRunnersParams{Now: &now, Late: now})
		}, []db.EndLostRunnersRow{}},
		{"EndRunner", func(ctx context.Context, q db.Querier) (any, error) {
			return q.EndRunner(ctx, db.EndRunnerParams{ID: runner, Now: &now})
		}, int64(1)},
		{"DeleteGoneRunners", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteGoneRunners(ctx, db.DeleteGoneRunnersParams{Before: &later, AtMost: 100})
		}, int64(1)},
		deleteOwner(user),
	}
}
