package queries

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// LimitError says that there are as many of something as there may be.
type LimitError struct{ Most int }

func (e *LimitError) Error() string { return fmt.Sprintf("there are %d already", e.Most) }

// CreateClient makes an OAuth2 client: a zero ID becomes a new one. The error is a *TakenError where its ClientID is another's,
// and a *LimitError where its owner has most living ones; 0: there is no such limit. sql.ErrNoRows: there is no such owner.
func (s *Store) CreateClient(ctx context.Context, by By, c db.OauthClient, most int) (db.OauthClient, error) {
	var made db.OauthClient
	err := s.inTx(ctx, func(q db.Querier) (err error) {
		made, err = AddClient(ctx, q, by, c, most)
		return err
	})
	if err != nil {
		return db.OauthClient{}, err
	}
	return made, nil
}

// AddClient is CreateClient with q, so in its transaction.
func AddClient(ctx context.Context, q db.Querier, by By, c db.OauthClient, most int) (db.OauthClient, error) {
	if err := plain(c.ClientID, c.Name, c.SecretPrefix, c.Scopes, c.Grants, c.RedirectUris); err != nil {
		return db.OauthClient{}, err
	}
	if c.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return db.OauthClient{}, err
		}
		c.ID = id
	}
	if c.SecretHash == nil {
		c.SecretHash = []byte{}
	}
	if err := room(ctx, q, c.OwnerID, most); err != nil {
		return db.OauthClient{}, err
	}
	made, err := q.InsertClient(ctx, db.InsertClientParams{
		ID: c.ID, ClientID: c.ClientID, Name: c.Name, Confidential: c.Confidential, SecretHash: c.SecretHash, SecretPrefix: c.SecretPrefix,
		Scopes: c.Scopes, Grants: c.Grants, RedirectUris: c.RedirectUris, OwnerID: c.OwnerID, ExpiresAt: c.ExpiresAt,
	})
	if err != nil {
		return db.OauthClient{}, taken(err)
	}
	diff, err := diffOf(db.OauthClient{SecretHash: []byte{}}, made)
	if err != nil {
		return db.OauthClient{}, err
	}
	return made, audit(ctx, q, by, "client.create", "client:"+made.ID.String(), diff)
}

// room locks an owner, so that of those who make clients at once none goes past the limit.
func room(ctx context.Context, q db.Querier, owner *uuid.UUID, most int) error {
	if owner == nil {
		return nil
	}
	if _, err := q.LockUser(ctx, *owner); err != nil {
		return err
	}
	n, err := q.CountLivingClientsOf(ctx, owner)
	if err == nil && most > 0 && n >= int64(most) {
		err = &LimitError{Most: most}
	}
	return err
}

// RevokeClient ends a client and tells that; sql.ErrNoRows: there is none, or it has ended.
func (s *Store) RevokeClient(ctx context.Context, by By, id uuid.UUID) (db.OauthClient, error) {
	var c db.OauthClient
	err := s.inTx(ctx, func(q db.Querier) (err error) {
		if c, err = q.RevokeClient(ctx, id); err != nil {
			return err
		}
		if err := audit(ctx, q, by, "client.revoke", "client:"+id.String(), json.RawMessage("{}")); err != nil {
			return err
		}
		return tell(ctx, q, "client", c.ClientID, keepTold)
	})
	if err != nil {
		return db.OauthClient{}, err
	}
	return c, nil
}

// CreateAPIToken makes a token: a zero ID becomes a new one, empty Metadata {}. Its kind is permanent, user or temporary.
func (s *Store) CreateAPIToken(ctx context.Context, by By, t db.ApiToken) (db.ApiToken, error) {
	if err := plain(t.Scopes, t.Description, string(t.Metadata)); err != nil {
		return db.ApiToken{}, err
	}
	if t.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return db.ApiToken{}, err
		}
		t.ID = id
	}
	if len(t.Metadata) == 0 {
		t.Metadata = json.RawMessage("{}")
	}
	return s.changeToken(ctx, by, "token.create", func(q db.Querier) (db.ApiToken, error) {
		return q.InsertAPIToken(ctx, db.InsertAPITokenParams{
			ID: t.ID, Hash: t.Hash, Kind: t.Kind, UserID: t.UserID, Scopes: t.Scopes, Description: t.Description,
			Metadata: t.Metadata, Disabled: t.Disabled, NotBefore: t.NotBefore, ExpiresAt: t.ExpiresAt,
		})
	})
}

// ChangeAPIToken has change write whether a token is disabled, and its description; sql.ErrNoRows: there is none, or it was
// revoked. An error of change is given back, and nothing is written. What does not differ is not written either.
func (s *Store) ChangeAPIToken(ctx context.Context, by By, id uuid.UUID, change func(*db.ApiToken) error) (db.ApiToken, error) {
	var next db.ApiToken
	err := s.inTx(ctx, func(q db.Querier) error {
		old, err := q.LockAPIToken(ctx, id)
		if err != nil {
			return err
		}
		next = old
		if err := change(&next); err != nil {
			return err
		}
		if err := plain(next.Description); err != nil {
			return err
		}
		if next.Disabled == old.Disabled && next.Description == old.Description {
			next = old
			return nil
		}
		if next, err = q.UpdateAPIToken(ctx, db.UpdateAPITokenParams{ID: id, Disabled: next.Disabled, Description: next.Description}); err != nil {
			return err
		}
		diff, err := diffOf(old, next)
		if err != nil {
			return err
		}
		action := "token.change"
		if old.Disabled != next.Disabled {
			action = "token.enable"
			if next.Disabled {
				action = "token.disable"
			}
		}
		if err := audit(ctx, q, by, action, "token:"+id.String(), diff); err != nil {
			return err
		}
		return tell(ctx, q, "token", id.String(), keepTold)
	})
	if err != nil {
		return db.ApiToken{}, err
	}
	return next, nil
}

// DisableAPIToken has a token not be taken until it is enabled again; sql.ErrNoRows: there is none, or it was revoked.
func (s *Store) DisableAPIToken(ctx context.Context, by By, id uuid.UUID, disabled bool) (db.ApiToken, error) {
	return s.ChangeAPIToken(ctx, by, id, func(t *db.ApiToken) error {
		t.Disabled = disabled
		return nil
	})
}

// RevokeAPIToken ends a token for good; sql.ErrNoRows: there is none, or it has ended.
func (s *Store) RevokeAPIToken(ctx context.Context, by By, id uuid.UUID) (db.ApiToken, error) {
	return s.changeToken(ctx, by, "token.revoke", func(q db.Querier) (db.ApiToken, error) { return q.RevokeAPIToken(ctx, id) })
}

func (s *Store) changeToken(ctx context.Context, by By, action string, change func(db.Querier) (db.ApiToken, error)) (db.ApiToken, error) {
	var t db.ApiToken
	err := s.inTx(ctx, func(q db.Querier) (err error) {
		if t, err = change(q); err != nil {
			return err
		}
		diff, err := json.Marshal(map[string]any{"kind": t.Kind, "scopes": t.Scopes})
		if err != nil {
			return err
		}
		if err := audit(ctx, q, by, action, "token:"+t.ID.String(), diff); err != nil {
			return err
		}
		return tell(ctx, q, "token", t.ID.String(), keepTold)
	})
	if err != nil {
		return db.ApiToken{}, taken(err)
	}
	return t, nil
}
