package queries

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// ErrTooManyHooks says that a user has as many hooks as may be.
var ErrTooManyHooks = errors.New("there are as many hooks as may be")

// OriginOfHook is that of what a hook brings.
func OriginOfHook(id uuid.UUID) string { return "hook:" + id.String() }

// CreateHook makes a hook of a living user, who has less than most; its times are made. Its secret is sealed by who calls. The error may be
// a *MissingError where the script is gone.
func (s *Store) CreateHook(ctx context.Context, by By, h db.Hook, most int) (db.Hook, error) {
	if err := plain(h.Name, h.BodyInto); err != nil {
		return db.Hook{}, err
	}
	if err := CheckJSON(h.Params); err != nil {
		return db.Hook{}, fmt.Errorf("params: %w", err)
	}
	h.CreatedAt, h.Version = s.clock.Now(), 1
	h.UpdatedAt = h.CreatedAt
	err := s.inTx(ctx, func(q db.Querier) error {
		if _, err := q.LockUser(ctx, h.UserID); err != nil { // whoever makes another for the user waits
			return err
		}
		n, err := q.InsertHook(ctx, db.InsertHookParams{
			ID: h.ID, UserID: h.UserID, ScriptID: h.ScriptID, Name: h.Name, Params: h.Params, BodyInto: h.BodyInto, Secret: h.Secret, Now: h.CreatedAt, Most: int64(most),
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrTooManyHooks
		}
		return Record(ctx, q, by, "hook.create", OriginOfHook(h.ID), json.RawMessage(`{"script":"`+h.ScriptID.String()+`"}`))
	})
	return h, missing(err)
}

// Hook gives one; sql.ErrNoRows: there is none.
func (s *Store) Hook(ctx context.Context, id uuid.UUID) (db.Hook, error) {
	return s.queries().GetHook(ctx, id)
}

// Hooks gives those of a user, or with uuid.Nil those of all, at most so many.
func (s *Store) Hooks(ctx context.Context, user uuid.UUID, most int) ([]db.Hook, error) {
	if user == uuid.Nil {
		return s.queries().ListHooks(ctx, int64(most))
	}
	return s.queries().ListHooksOf(ctx, user)
}

// RotateHook gives a hook another secret. The one that it had holds for so long still; 0: no more. sql.ErrNoRows: there is no such hook.
func (s *Store) RotateHook(ctx context.Context, by By, id uuid.UUID, secret []byte, holds time.Duration) (db.Hook, error) {
	var h db.Hook
	err := s.inTx(ctx, func(q db.Querier) error {
		var err error
		if h, err = q.GetHook(ctx, id); err != nil {
			return err
		}
		before := h
		h.UpdatedAt, h.Secret, h.OldSecret, h.OldUntil = s.clock.Now(), secret, nil, nil
		if holds > 0 {
			until := h.UpdatedAt.Add(holds)
			h.OldSecret, h.OldUntil = before.Secret, &until
		}
		n, err := q.RotateHook(ctx, db.RotateHookParams{ID: id, Version: before.Version, Secret: secret, OldSecret: h.OldSecret, OldUntil: h.OldUntil, Now: h.UpdatedAt})
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrConflict
		}
		h.Version++
		return Record(ctx, q, by, "hook.rotate", OriginOfHook(id), json.RawMessage("{}"))
	})
	return h, err
}

// DeleteHook deletes a hook. sql.ErrNoRows: there is none.
func (s *Store) DeleteHook(ctx context.Context, by By, id uuid.UUID) error {
	return s.inTx(ctx, func(q db.Querier) error {
		n, err := q.DeleteHook(ctx, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return sql.ErrNoRows
		}
		return Record(ctx, q, by, "hook.delete", OriginOfHook(id), json.RawMessage("{}"))
	})
}
