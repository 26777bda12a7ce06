package queries

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// arrivalSteps make a hook of a user, which brings something.
func arrivalSteps() []step {
	id, user, script, execution := fresh(), fresh(), fresh(), fresh()
	origin := OriginOfHook(id)
	now := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	one := func(all []db.Hook, err error) (any, error) {
		for _, h := range all {
			if h.ID == id {
				return []any{h.Name, string(h.Params), h.BodyInto, string(h.Secret), h.OldUntil == nil, h.Version, h.CreatedAt.Equal(now)}, err
			}
		}
		return nil, errors.Join(err, errors.New("it is not there"))
	}
	fresh := []any{"n", `{"a" :1.0}`, "event", "s", true, int64(1), true}
	arrived := func(all []db.Arrival, err error) (any, error) {
		for _, a := range all {
			if a.Origin == origin {
				return []any{*a.UserID == user, a.Event, a.Outcome, a.Reason, *a.ExecutionID == execution, a.Path, a.At.Equal(now)}, err
			}
		}
		return nil, errors.Join(err, errors.New("it is not there"))
	}
	first := []any{true, "e1", "STARTED", "", true, "<x>", true}
	return []step{
		insertOwner(user),
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			_, err := q.InsertScript(ctx, db.InsertScriptParams{ID: script, Slug: script.String(), Name: "n", UserID: user, Now: now})
			return nil, err
		}, nil},
		{"InsertHook", func(ctx context.Context, q db.Querier) (any, error) {
			n := db.InsertHookParams{ID: id, UserID: user, ScriptID: script, Name: "n", Params: []byte(`{"a" :1.0}`), BodyInto: "event", Secret: []byte("s"), Now: now, Most: 1}
			made, err := q.InsertHook(ctx, n)
			n.ID = uuid.New()
			more, also := q.InsertHook(ctx, n)
			return []int64{made, more}, errors.Join(err, also)
		}, []int64{1, 0}},
		{"GetHook", func(ctx context.Context, q db.Querier) (any, error) {
			h, err := q.GetHook(ctx, id)
			return one([]db.Hook{h}, err)
		}, fresh},
		{"ListHooks", func(ctx context.Context, q db.Querier) (any, error) { return one(q.ListHooks(ctx, 100)) }, fresh},
		{"ListHooksOf", func(ctx context.Context, q db.Querier) (any, error) { return one(q.ListHooksOf(ctx, user)) }, fresh},
		{"RotateHook", func(ctx context.Context, q db.Querier) (any, error) {
			n, err := q.RotateHook(ctx, db.RotateHookParams{ID: id, Version: 1, Secret: []byte("t"), OldSecret: []byte("s"), OldUntil: &now, Now: now})
			h, also := q.GetHook(ctx, id)
			return []any{n, string(h.Secret), string(h.OldSecret), h.OldUntil.Equal(now), h.Version}, errors.Join(err, also)
		}, []any{int64(1), "t", "s", true, int64(2)}},
		{"InsertArrival", func(ctx context.Context, q db.Querier) (any, error) {
			id, err := uuid.NewV7()
			if err != nil {
				return nil, err
			}
			return nil, q.InsertArrival(ctx, db.InsertArrivalParams{ID: id, At: now, Origin: origin, UserID: &user, Event: "e1", Outcome: ArrivalStarted, ExecutionID: &execution, Path: "<x>"})
		}, nil},
		{"ListArrivals", func(ctx context.Context, q db.Querier) (any, error) { return arrived(q.ListArrivals(ctx, 100)) }, first},
		{"ListArrivalsOf", func(ctx context.Context, q db.Querier) (any, error) {
			return arrived(q.ListArrivalsOf(ctx, db.ListArrivalsOfParams{UserID: &user, AtMost: 1}))
		}, first},
		{"ListArrivalsFrom", func(ctx context.Context, q db.Querier) (any, error) {
			return arrived(q.ListArrivalsFrom(ctx, db.ListArrivalsFromParams{Origin: origin, AtMost: 1}))
		}, first},
		{"ListPathsOf", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListPathsOf(ctx, &execution)
			if err != nil || len(all) != 1 {
				return all, err
			}
			return all[0].Path, nil
		}, "<x>"},
		{"DeleteHook", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteHook(ctx, id) }, int64(1)},
		deleteOwner(user),
	}
}
