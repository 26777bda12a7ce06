package stored

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
)

// StartFamily implements tokens.FamilyStore.
func (s *Store) StartFamily(ctx context.Context, f tokens.NewFamily) error {
	id, err := uuid.Parse(f.ID)
	if err != nil {
		return fmt.Errorf("the id of a login: %w", err)
	}
	user, err := uuid.Parse(f.User)
	if err != nil {
		return fmt.Errorf("the id of a user: %w", err)
	}
	err = s.store.StartFamily(ctx, queries.Family{
		ID: id, User: user, Client: f.Client, Scopes: strings.Join(f.Scopes, " "), Device: f.Device,
		Hash: f.Hash, Lasts: f.Lasts, FamilyLasts: f.FamilyLasts,
	})
	if errors.Is(err, sql.ErrNoRows) {
		return tokens.ErrNoUser
	}
	return err
}

// Refresh implements tokens.FamilyStore.
func (s *Store) Refresh(ctx context.Context, hash []byte) (tokens.Refresh, bool, error) {
	row, err := s.store.Queries().GetRefreshToken(ctx, hash)
	if ok, err := found(err); !ok {
		return tokens.Refresh{}, false, err
	}
	return tokens.Refresh{Family: row.FamilyID.String(), User: row.UserID.String(), Client: row.Client, Scopes: strings.Fields(row.Scopes)}, true, nil
}

// UseRefresh implements tokens.FamilyStore.
func (s *Store) UseRefresh(ctx context.Context, u tokens.Use) (tokens.Outcome, error) {
	return outcome(s.store.UseRefresh(ctx, queries.Use(u)))
}

// RotateRefresh implements tokens.FamilyStore.
func (s *Store) RotateRefresh(ctx context.Context, r tokens.Rotation) (tokens.Outcome, error) {
	return outcome(s.store.RotateRefresh(ctx, queries.Rotation{Use: queries.Use(r.Use), NextHash: r.NextHash, Next: r.Next}))
}

func outcome(state queries.RefreshState, next []byte, err error) (tokens.Outcome, error) {
	if err != nil {
		return tokens.Outcome{}, err
	}
	switch state {
	case queries.RefreshFresh:
		return tokens.Outcome{State: tokens.Fresh}, nil
	case queries.RefreshAgain:
		return tokens.Outcome{State: tokens.Again, Next: next}, nil
	case queries.RefreshReused:
		return tokens.Outcome{State: tokens.Reused}, nil
	default:
		return tokens.Outcome{State: tokens.Unknown}, nil
	}
}

// Sessions implements tokens.FamilyStore.
func (s *Store) Sessions(ctx context.Context, user string) ([]tokens.Session, error) {
	id, err := uuid.Parse(user)
	if err != nil {
		return nil, fmt.Errorf("the id of a user: %w", err)
	}
	rows, err := s.store.Queries().ListFamilies(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]tokens.Session, len(rows))
	for i, r := range rows {
		out[i] = tokens.Session{ID: r.ID.String(), Device: r.Device, Created: r.CreatedAt, LastUsed: value(r.LastUsedAt), Expires: r.ExpiresAt}
	}
	return out, nil
}

// RevokeFamily implements tokens.FamilyStore.
func (s *Store) RevokeFamily(ctx context.Context, user, family string) (bool, error) {
	who, err := uuid.Parse(user)
	if err != nil {
		return false, fmt.Errorf("the id of a user: %w", err)
	}
	id, err := uuid.Parse(family)
	if err != nil {
		return false, nil //nolint:nilerr // a caller asks for it, and there is none such
	}
	return s.store.EndFamily(ctx, who, id)
}

// RevokeFamilies implements tokens.FamilyStore.
func (s *Store) RevokeFamilies(ctx context.Context, user string) (int, error) {
	id, err := uuid.Parse(user)
	if err != nil {
		return 0, fmt.Errorf("the id of a user: %w", err)
	}
	return s.store.EndFamilies(ctx, id)
}
