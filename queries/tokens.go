package queries

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Family is a login with its first refresh token.
type Family struct {
	ID, User uuid.UUID
	// Client is the client that may use it; empty: none, and none may.
	Client string
	// Scopes are separated by blanks.
	Scopes string
	// Device is what the caller calls itself, at most 500 characters.
	Device string
	// Hash is that of the token, 32 bytes. Lasts is for how long that lives, FamilyLasts for how long any of the family may.
	Hash               []byte
	Lasts, FamilyLasts time.Duration
}

// Use is a refresh token that is shown.
type Use struct {
	// Hash is that of the token; Client who shows it: another's is RefreshUnknown.
	Hash   []byte
	Client string
	// Lasts is for how long it, or its successor, lives from now, but not longer than its family.
	Lasts time.Duration
	// Grace is for how long after it was replaced a token gives the same successor again.
	Grace time.Duration
}

// Rotation replaces a refresh token.
type Rotation struct {
	Use
	// NextHash is that of the successor; Next the successor, sealed by who wrote it.
	NextHash, Next []byte
}

// RefreshState says what a refresh token was when it was used.
type RefreshState int

const (
	// RefreshUnknown tokens never were, or are another client's, expired, or of a family that has ended.
	RefreshUnknown RefreshState = iota
	// RefreshFresh ones lived, and were used now.
	RefreshFresh
	// RefreshAgain ones were used a moment ago.
	RefreshAgain
	// RefreshReused ones were used before that: their family was ended now, or was already.
	RefreshReused
)

// keepTold is for how long it is told that something is to be checked again. Who has not listened for so long must forget all.
const keepTold = time.Hour

// StartFamily begins a login, which is remembered as the user's last; sql.ErrNoRows: there is no such living user.
func (s *Store) StartFamily(ctx context.Context, f Family) error {
	if err := plain(f.Client, f.Scopes, f.Device); err != nil {
		return err
	}
	return s.inTx(ctx, func(q db.Querier) error {
		if _, err := q.TouchLogin(ctx, f.User); err != nil {
			return err
		}
		n, err := q.InsertFamily(ctx, db.InsertFamilyParams{
			ID: f.ID, UserID: f.User, Client: f.Client, Scopes: f.Scopes, Device: f.Device, LifetimeMs: milliseconds(f.FamilyLasts),
		})
		if err == nil && n == 0 {
			err = sql.ErrNoRows
		}
		if err != nil {
			return err
		}
		_, err = q.InsertRefreshToken(ctx, db.InsertRefreshTokenParams{Hash: f.Hash, FamilyID: f.ID, LifetimeMs: milliseconds(f.Lasts)})
		return err
	})
}

// RotateRefresh replaces a token. A single statement decides: of those who try at once one is fresh, the others are given its
// successor, as it was sealed, as long as the grace lasts. After that the token is reused, and its family ends.
func (s *Store) RotateRefresh(ctx context.Context, r Rotation) (RefreshState, []byte, error) {
	err := s.inTx(ctx, func(q db.Querier) error {
		family, err := q.RotateRefreshToken(ctx, db.RotateRefreshTokenParams{Hash: r.Hash, Client: r.Client, SuccessorSealed: r.Next})
		if err != nil {
			return err
		}
		if _, err := q.InsertRefreshToken(ctx, db.InsertRefreshTokenParams{Hash: r.NextHash, FamilyID: family, Parent: r.Hash, LifetimeMs: milliseconds(r.Lasts)}); err != nil {
			return err
		}
		_, err = q.TouchFamily(ctx, family)
		return err
	})
	return s.used(ctx, r.Use, err)
}

// UseRefresh uses a token without replacing it, which has it live on. One that was replaced is as in RotateRefresh.
func (s *Store) UseRefresh(ctx context.Context, u Use) (RefreshState, []byte, error) {
	err := s.inTx(ctx, func(q db.Querier) error {
		family, err := q.ExtendRefreshToken(ctx, db.ExtendRefreshTokenParams{Hash: u.Hash, Client: u.Client, LifetimeMs: milliseconds(u.Lasts)})
		if err != nil {
			return err
		}
		_, err = q.TouchFamily(ctx, family)
		return err
	})
	return s.used(ctx, u, err)
}

// used says what a token is of which using it gave err.
func (s *Store) used(ctx context.Context, u Use, err error) (RefreshState, []byte, error) {
	if !errors.Is(err, sql.ErrNoRows) {
		if err != nil {
			return RefreshUnknown, nil, err
		}
		return RefreshFresh, nil, nil
	}
	next, err := s.queries().GetSuccessor(ctx, db.GetSuccessorParams{Hash: u.Hash, Client: u.Client, GraceMs: milliseconds(u.Grace)})
	if err == nil {
		return RefreshAgain, next, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return RefreshUnknown, nil, err
	}
	err = s.inTx(ctx, func(q db.Querier) error {
		family, err := q.EndReusedFamily(ctx, db.EndReusedFamilyParams{Hash: u.Hash, Client: u.Client, GraceMs: milliseconds(u.Grace)})
		if err != nil {
			return err
		}
		return tell(ctx, q, "family", family.String(), keepTold)
	})
	if err == nil {
		return RefreshReused, nil, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return RefreshUnknown, nil, err
	}
	n, err := s.queries().CountReused(ctx, db.CountReusedParams{Hash: u.Hash, Client: u.Client, GraceMs: milliseconds(u.Grace)})
	if n == 0 {
		return RefreshUnknown, nil, err
	}
	return RefreshReused, nil, err
}

// EndFamily ends a living family of a user. False: there is none such.
func (s *Store) EndFamily(ctx context.Context, user, family uuid.UUID) (ended bool, err error) {
	err = s.inTx(ctx, func(q db.Querier) error {
		n, err := q.EndFamily(ctx, db.EndFamilyParams{ID: family, UserID: user})
		if ended = n == 1; err != nil || !ended {
			return err
		}
		return tell(ctx, q, "family", family.String(), keepTold)
	})
	return ended && err == nil, err
}

// EndFamilies ends all living families of a user and says how many.
func (s *Store) EndFamilies(ctx context.Context, user uuid.UUID) (n int, err error) {
	err = s.inTx(ctx, func(q db.Querier) (err error) {
		// Two who end several rows at once would wait for each other.
		if _, err := q.LockUser(ctx, user); err != nil {
			return err
		}
		n, err = endFamilies(ctx, q, user)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

// endFamilies ends all of a user who is locked.
func endFamilies(ctx context.Context, q db.Querier, user uuid.UUID) (int, error) {
	ended, err := q.EndFamiliesOf(ctx, user)
	if err != nil {
		return 0, err
	}
	for _, id := range ended {
		if err := tell(ctx, q, "family", id.String(), keepTold); err != nil {
			return 0, err
		}
	}
	return len(ended), nil
}

// milliseconds is a duration as statements have it.
func milliseconds(d time.Duration) int64 { return min(max(0, d), longest).Milliseconds() }
