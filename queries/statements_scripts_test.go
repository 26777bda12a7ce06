package queries

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// insertOwner writes the user whose scripts and executions statements are about.
func insertOwner(id uuid.UUID) step {
	return step{run: func(ctx context.Context, q db.Querier) (any, error) {
		_, err := q.InsertUser(ctx, db.InsertUserParams{ID: id, Email: id.String(), EmailKey: id.String(), Profile: []byte("{}"), Role: "USER"})
		return nil, err
	}}
}

// deleteOwner has users be as many as before.
func deleteOwner(id uuid.UUID) step {
	return step{run: func(ctx context.Context, q db.Querier) (any, error) {
		_, err := q.DeleteUser(ctx, id)
		return nil, err
	}}
}

func scriptSteps() []step {
	user, id, builder := fresh(), fresh(), fresh()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	later := now.Add(time.Minute)
	slug := "s-" + id.String()
	status := func(sc db.Script, err error) (any, error) { return []any{sc.Slug == slug, sc.Status, sc.Version}, err }
	version := func(v db.ScriptVersion, err error) (any, error) {
		return []any{v.Number, v.Status, string(v.Configuration)}, err
	}
	return []step{
		insertOwner(user),
		{"InsertScript", func(ctx context.Context, q db.Querier) (any, error) {
			return status(q.InsertScript(ctx, db.InsertScriptParams{ID: id, Slug: slug, Name: "n", UserID: user, Now: now}))
		}, []any{true, "PENDING", int64(1)}},
		{"InsertScriptVersion", func(ctx context.Context, q db.Querier) (any, error) {
			return version(q.InsertScriptVersion(ctx, db.InsertScriptVersionParams{
				ScriptID: id, Number: 1, BlobKey: "k", BlobSha256: index(1), Configuration: []byte(`{"a" :1.0}`), Parameters: []byte("null"), CreatedBy: user, Now: now,
			}))
		}, []any{int64(1), "PENDING", `{"a" :1.0}`}},
		{"GetScript", func(ctx context.Context, q db.Querier) (any, error) { return status(q.GetScript(ctx, id)) }, []any{true, "PENDING", int64(1)}},
		{"GetScriptBySlug", func(ctx context.Context, q db.Querier) (any, error) { return status(q.GetScriptBySlug(ctx, slug)) }, []any{true, "PENDING", int64(1)}},
		{"LockScript", func(ctx context.Context, q db.Querier) (any, error) { return status(q.LockScript(ctx, id)) }, []any{true, "PENDING", int64(1)}},
		{"ClaimBuild", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ClaimBuild(ctx, db.ClaimBuildParams{Builder: &builder, LeaseUntil: &later, Now: &now})
			return []any{len(all), all[0].ScriptID == id, all[0].Fence, all[0].LeaseUntil.Equal(later)}, err
		}, []any{1, true, int64(1), true}},
		{"RenewBuild", func(ctx context.Context, q db.Querier) (any, error) {
			return q.RenewBuild(ctx, db.RenewBuildParams{ScriptID: id, Number: 1, Fence: 1, LeaseUntil: &later})
		}, int64(1)},
		{"FinishBuild", func(ctx context.Context, q db.Querier) (any, error) {
			return version(q.FinishBuild(ctx, db.FinishBuildParams{ScriptID: id, Number: 1, Fence: 1, Status: "SUCCESS", Now: &now}))
		}, []any{int64(1), "SUCCESS", `{"a" :1.0}`}},
		{"SetScriptStatus", func(ctx context.Context, q db.Querier) (any, error) {
			return q.SetScriptStatus(ctx, db.SetScriptStatusParams{ID: id, Number: 1, Status: "SUCCESS", Now: now})
		}, int64(1)},
		{"GetScriptVersion", func(ctx context.Context, q db.Querier) (any, error) {
			return version(q.GetScriptVersion(ctx, db.GetScriptVersionParams{ScriptID: id, Number: 1}))
		}, []any{int64(1), "SUCCESS", `{"a" :1.0}`}},
		{"ListScriptVersions", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListScriptVersions(ctx, db.ListScriptVersionsParams{ScriptID: id, AtMost: 5})
			return len(all), err
		}, 1},
		{"UpdateScript", func(ctx context.Context, q db.Querier) (any, error) {
			return status(q.UpdateScript(ctx, db.UpdateScriptParams{ID: id, Version: 2, Slug: slug, Name: "m", UserID: user, Status: "SUCCESS", CurrentVersion: 1, Public: true, PublishedAt: &now, Now: now}))
		}, []any{true, "SUCCESS", int64(3)}},
		{"TakeScriptLogs", func(ctx context.Context, q db.Querier) (any, error) {
			return q.TakeScriptLogs(ctx, db.TakeScriptLogsParams{ID: id, Count: 2})
		}, int64(2)},
		{"InsertScriptLogs", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.InsertScriptLogs(ctx, db.InsertScriptLogsParams{ScriptID: id, Number: 1, Batch: `[{"id": 1, "text": "a\"ä", "at": "2026-01-02 03:04:05.678901+00:00"}, {"id": 2, "text": "12", "at": "2026-01-02 03:04:06+00:00"}]`})
		}, nil},
		{"ListScriptLogs", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListScriptLogs(ctx, db.ListScriptLogsParams{ScriptID: id, Since: now.Add(-time.Microsecond), AtMost: 1})
			return []any{len(all), all[0].ID, all[0].Text, all[0].RegisterDate.Equal(now)}, err
		}, []any{1, int64(1), `a"ä`, true}},
		{"ListScriptLogsBackward", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListScriptLogsBackward(ctx, db.ListScriptLogsBackwardParams{ScriptID: id, AtMost: 5})
			return []any{len(all), all[0].ID, all[0].Text}, err
		}, []any{2, int64(2), "12"}},
		{"InsertScriptUser", func(ctx context.Context, q db.Querier) (any, error) {
			return q.InsertScriptUser(ctx, db.InsertScriptUserParams{ScriptID: id, UserID: user, Now: now})
		}, int64(1)},
		{"InsertScriptRole", func(ctx context.Context, q db.Querier) (any, error) {
			return q.InsertScriptRole(ctx, db.InsertScriptRoleParams{ScriptID: id, Role: "USER", Now: now})
		}, int64(1)},
		{"CountScriptGrants", func(ctx context.Context, q db.Querier) (any, error) {
			return q.CountScriptGrants(ctx, db.CountScriptGrantsParams{ScriptID: id, UserID: user, Role: "USER"})
		}, int64(2)},
		{"ListScriptUsers", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListScriptUsers(ctx, id)
			return len(all) == 1 && all[0] == user, err
		}, true},
		{"ListScriptRoles", func(ctx context.Context, q db.Querier) (any, error) { return q.ListScriptRoles(ctx, id) }, []string{"USER"}},
		{"DeleteScriptUser", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteScriptUser(ctx, db.DeleteScriptUserParams{ScriptID: id, UserID: user})
		}, int64(1)},
		{"DeleteScriptRole", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteScriptRole(ctx, db.DeleteScriptRoleParams{ScriptID: id, Role: "USER"})
		}, int64(1)},
		{"DeleteScriptUsers", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteScriptUsers(ctx, id) }, int64(0)},
		{"DeleteScriptRoles", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteScriptRoles(ctx, id) }, int64(0)},
		{"DeleteScript", func(ctx context.Context, q db.Querier) (any, error) {
			return status(q.DeleteScript(ctx, db.DeleteScriptParams{ID: id, Now: now}))
		}, []any{true, "SUCCESS", int64(4)}},
		deleteOwner(user),
	}
}
