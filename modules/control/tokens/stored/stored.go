// Package stored keeps what tokens need in the store that gateways share.
package stored

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// touchEvery is how often it is written at most that a client or a program's token was used.
const touchEvery = time.Minute

// Store is a tokens.Store over the database. Ids of users and families are UUIDs, scopes are separated by blanks.
type Store struct{ store *queries.Store }

// New makes a Store of an open one.
func New(s *queries.Store) *Store { return &Store{store: s} }

// found tells that there is no row from an error.
func found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func idText(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

// SigningKeys implements tokens.KeyStore.
func (s *Store) SigningKeys(ctx context.Context) ([]tokens.StoredKey, error) {
	rows, err := s.store.Queries().ListSigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	out := make([]tokens.StoredKey, len(rows))
	for i, r := range rows {
		out[i] = tokens.StoredKey{
			ID: r.Kid, Public: r.PublicKey, Sealed: r.Sealed,
			Signs: now.Add(time.Duration(r.SignsInMs) * time.Millisecond), Retires: now.Add(time.Duration(r.RetiresInMs) * time.Millisecond),
		}
	}
	return out, nil
}

// AddSigningKey implements tokens.KeyStore.
func (s *Store) AddSigningKey(ctx context.Context, k tokens.NewKey, newest string) (bool, error) {
	return s.store.AddSigningKey(ctx, signingKey(k), newest)
}

func signingKey(k tokens.NewKey) queries.SigningKey {
	return queries.SigningKey{KID: k.ID, Public: k.Public, Sealed: k.Sealed, SignsIn: k.SignsIn, RetiresIn: k.RetiresIn}
}

// Client implements tokens.Store.
func (s *Store) Client(ctx context.Context, id string) (tokens.Client, bool, error) {
	row, err := s.store.Queries().GetLivingClient(ctx, id)
	if ok, err := found(err); !ok {
		return tokens.Client{}, false, err
	}
	c := tokens.Client{
		ID: row.ClientID, Confidential: row.Confidential, SecretHash: row.SecretHash, Owner: idText(row.OwnerID), Scopes: strings.Fields(row.Scopes),
	}
	if row.Grants != "" {
		c.Grants = strings.Fields(row.Grants)
	}
	return c, true, nil
}

// ClientUsed implements tokens.Store. It writes at most once a minute.
func (s *Store) ClientUsed(ctx context.Context, id string) error {
	_, err := s.store.Queries().TouchClient(ctx, db.TouchClientParams{ClientID: id, EveryMs: touchEvery.Milliseconds()})
	return err
}

// APIToken implements tokens.APITokenStore.
func (s *Store) APIToken(ctx context.Context, hash []byte) (tokens.APIToken, bool, error) {
	row, err := s.store.Queries().GetLivingAPIToken(ctx, hash)
	if ok, err := found(err); !ok {
		return tokens.APIToken{}, false, err
	}
	return tokens.APIToken{
		ID: row.ID.String(), User: idText(row.UserID), Scopes: strings.Fields(row.Scopes), Created: row.CreatedAt, Expires: value(row.ExpiresAt),
	}, true, nil
}

// APITokenUsed implements tokens.APITokenStore. It writes at most once a minute.
func (s *Store) APITokenUsed(ctx context.Context, id string) error {
	token, err := uuid.Parse(id)
	if err != nil {
		return fmt.Errorf("the id of a token: %w", err)
	}
	_, err = s.store.Queries().TouchAPIToken(ctx, db.TouchAPITokenParams{ID: token, EveryMs: touchEvery.Milliseconds()})
	return err
}

// RevokeAccess implements tokens.Store.
func (s *Store) RevokeAccess(ctx context.Context, id string, lasts time.Duration) error {
	return s.store.RevokeAccess(ctx, id, lasts)
}

// Standing implements tokens.Store.
func (s *Store) Standing(ctx context.Context, of tokens.Subject) (tokens.Standing, error) {
	gone := tokens.Standing{Revoked: true}
	user, err := uuid.Parse(of.User)
	if err != nil {
		return gone, nil //nolint:nilerr // nobody has that id
	}
	family := uuid.Nil
	if of.Family != "" {
		if family, err = uuid.Parse(of.Family); err != nil {
			return gone, nil //nolint:nilerr // nor this one
		}
	}
	row, err := s.store.Queries().GetStanding(ctx, db.GetStandingParams{Access: of.Access, FamilyID: family, ClientID: of.Client, UserID: user})
	ok, err := found(err)
	switch {
	case err != nil:
		return tokens.Standing{}, err
	case !ok, row.AccessRevoked, of.Family != "" && !row.FamilyLives, of.Client != "" && !row.ClientLives:
		return gone, nil
	}
	return tokens.Standing{User: tokens.User{
		ID: row.ID.String(), Number: row.Number, Email: row.Email, Username: value(row.Username), Name: row.Name, Role: row.Role,
		Active: row.IsActive, Regular: row.IsRegularUser, Internal: row.IsInternal,
	}}, nil
}

// RevocationNumber implements tokens.Store.
func (s *Store) RevocationNumber(ctx context.Context) (int64, error) {
	return s.store.RevocationNumber(ctx)
}

// Revocations implements tokens.Store.
func (s *Store) Revocations(ctx context.Context, after int64, most int) ([]tokens.Revocation, error) {
	rows, err := s.store.Revocations(ctx, after, most)
	if err != nil {
		return nil, err
	}
	out := make([]tokens.Revocation, len(rows))
	for i, r := range rows {
		out[i] = tokens.Revocation{Number: r.Number, Kind: r.Kind, ID: r.Subject}
	}
	return out, nil
}

// RevocationsWanted implements tokens.Waker: with PostgreSQL at once, else each second.
func (s *Store) RevocationsWanted(ctx context.Context) <-chan struct{} {
	return s.store.RevocationsWanted(ctx)
}

var (
	_ tokens.Store = (*Store)(nil)
	_ tokens.Waker = (*Store)(nil)
)
