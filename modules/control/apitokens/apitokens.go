// Package apitokens has the tokens of programs: one kind of thing with a type, a life, scopes, and a user or none.
//
//	prm   permanent: nobody's, with its scopes alone, until it is revoked; administrators make it
//	usr   a user's: it acts as him, and is worth what its scopes and his role both allow
//	tmp   temporary: as its maker, for a day at most
//
// All of them are rows, temporary ones too, so that all can be revoked.
package apitokens

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/scopes"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Type is what a token is.
type Type string

// Types.
const (
	Permanent Type = "prm"
	User      Type = "usr"
	Temporary Type = "tmp"
)

// kind is what a row calls a type; "": there is none such.
func (t Type) kind() string {
	switch t {
	case Permanent:
		return "permanent"
	case User:
		return "user"
	case Temporary:
		return "temporary"
	}
	return ""
}

// TypeOf gives the type of a row.
func TypeOf(row *db.ApiToken) Type {
	for _, t := range []Type{Permanent, User, Temporary} {
		if t.kind() == row.Kind {
			return t
		}
	}
	return ""
}

// Options are what Tokens may have beside a store.
type Options struct {
	// Longest is how long a temporary token lasts at most. Default 24 hours.
	Longest time.Duration
	// Forget has the tokens of this gateway know at once of what was revoked. Default nobody: they hear of it within a second.
	Forget func(...tokens.Revocation)
}

// Tokens makes tokens, changes and revokes them, and has the handlers of their paths. It is used concurrently.
type Tokens struct {
	store   *queries.Store
	book    *scopes.Book
	options Options
}

// New makes Tokens over an open store.
func New(store *queries.Store, book *scopes.Book, o Options) *Tokens {
	o.Longest = cmp.Or(o.Longest, 24*time.Hour)
	if o.Forget == nil {
		o.Forget = func(...tokens.Revocation) {}
	}
	return &Tokens{store: store, book: book, options: o}
}

// Request is a token that is to be made.
type Request struct {
	Type Type
	// Scopes are at least one, all of which there are.
	Scopes []string
	// Description says what it is for: required but for temporary tokens, at most 1000 bytes.
	Description string
	// Metadata is a JSON object that is kept with it, at most 4 KiB; required for temporary tokens, others may have none.
	Metadata json.RawMessage
	// NotBefore and Expires bound its life; nil: they do not. A temporary token begins at once and ends within Options.Longest.
	NotBefore, Expires *time.Time
	// User is whose it is. Required for a user's, optional for temporary ones; a permanent one is nobody's.
	User *uuid.UUID
}

// RuleError says what is wrong with a Request, in a sentence for who made it.
type RuleError struct {
	// Field is the member that is at fault, by the name it has in Request, in lower case.
	Field, Text string
}

func (e *RuleError) Error() string { return e.Text }

func wrong(field, format string, args ...any) error {
	return &RuleError{Field: field, Text: fmt.Sprintf(format, args...)}
}

// Made is a token that was made.
type Made struct {
	Row db.ApiToken
	// Token is shown once: the store has its hash alone.
	Token string
}

// Create makes a token. The error is a *RuleError where the request is at fault; sql.ErrNoRows: there is no such user. What the
// maker himself may is not asked: that is for the handlers.
func (t *Tokens) Create(ctx context.Context, by queries.By, r Request) (Made, error) {
	if err := t.check(&r); err != nil {
		return Made{}, err
	}
	if r.User != nil {
		switch u, err := t.store.Queries().GetUser(ctx, *r.User); {
		case err != nil:
			return Made{}, err
		case u.DeletedAt != nil:
			return Made{}, sql.ErrNoRows
		}
	}
	token, hash := tokens.NewAPIToken()
	row, err := t.store.CreateAPIToken(ctx, by, db.ApiToken{
		Hash: hash, Kind: r.Type.kind(), UserID: r.User, Scopes: strings.Join(r.Scopes, " "), Description: r.Description,
		Metadata: r.Metadata, NotBefore: r.NotBefore, ExpiresAt: r.Expires,
	})
	if err != nil {
		return Made{}, err
	}
	return Made{Row: row, Token: token}, nil
}

// Filter says which tokens are listed.
type Filter struct {
	// Type is that of all; "": any.
	Type Type
	// User is whose they are; nil: anybody's, and nobody's.
	User *uuid.UUID
}

// mostListed is how many tokens are listed.
const mostListed = 10_000

// List gives the tokens that have not ended, the oldest first, at most 10,000.
func (t *Tokens) List(ctx context.Context, f Filter) ([]db.ApiToken, error) {
	if f.Type != "" && f.Type.kind() == "" {
		return nil, nil
	}
	return t.store.Queries().ListAPITokens(ctx, db.ListAPITokensParams{
		AnyUser: f.User == nil, UserID: f.User, AnyKind: f.Type == "", Kind: f.Type.kind(), AtMost: mostListed,
	})
}

// Find gives the token of an id: a UUID, or a number. sql.ErrNoRows: there is none, or it was revoked.
func (t *Tokens) Find(ctx context.Context, id string) (db.ApiToken, error) {
	var row db.ApiToken
	number, err := numberOf(id)
	if err == nil {
		row, err = t.store.Queries().GetAPITokenByNumber(ctx, number)
	} else if key, bad := uuid.Parse(id); bad != nil || len(id) != canonical {
		return db.ApiToken{}, sql.ErrNoRows
	} else {
		row, err = t.store.Queries().GetAPIToken(ctx, key)
	}
	return living(row, err)
}

// canonical is how long the text of a UUID is that we write.
const canonical = 36

// FindByToken gives the token that somebody shows. sql.ErrNoRows: there is none, it was revoked, or it has expired.
func (t *Tokens) FindByToken(ctx context.Context, token string) (db.ApiToken, error) {
	hash, ok := tokens.APITokenHash(token)
	if !ok {
		return db.ApiToken{}, sql.ErrNoRows
	}
	row, err := living(t.store.Queries().GetAPITokenByHash(ctx, hash))
	if err == nil && row.ExpiresAt != nil && !row.ExpiresAt.After(time.Now()) {
		err = sql.ErrNoRows
	}
	if err != nil {
		return db.ApiToken{}, err
	}
	return row, nil
}

func living(row db.ApiToken, err error) (db.ApiToken, error) {
	if err == nil && row.RevokedAt != nil {
		err = sql.ErrNoRows
	}
	if err != nil {
		return db.ApiToken{}, err
	}
	return row, nil
}

// Change is what of a token changes; nil: it stays.
type Change struct {
	Disabled    *bool
	Description *string
}

// Change disables or enables a token, or describes it anew. The error is a *RuleError where the change is at fault; sql.ErrNoRows:
// there is none, or it was revoked.
func (t *Tokens) Change(ctx context.Context, by queries.By, id uuid.UUID, c Change) (db.ApiToken, error) {
	if c.Description != nil {
		if err := checkDescription(*c.Description); err != nil {
			return db.ApiToken{}, err
		}
	}
	row, err := t.store.ChangeAPIToken(ctx, by, id, func(row *db.ApiToken) error {
		if c.Disabled != nil {
			row.Disabled = *c.Disabled
		}
		if c.Description != nil {
			row.Description = *c.Description
		}
		return nil
	})
	if err != nil {
		return db.ApiToken{}, err
	}
	t.forget(id)
	return row, nil
}

// Revoke ends a token for good; sql.ErrNoRows: there is none, or it has ended.
func (t *Tokens) Revoke(ctx context.Context, by queries.By, id uuid.UUID) error {
	if _, err := t.store.RevokeAPIToken(ctx, by, id); err != nil {
		return err
	}
	t.forget(id)
	return nil
}

func (t *Tokens) forget(id uuid.UUID) {
	t.options.Forget(tokens.Revocation{Kind: tokens.RevokedToken, ID: id.String()})
}
