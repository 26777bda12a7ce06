// Package clients has the OAuth2 clients of users: programs that act as their owner, with the scopes that they were given.
//
// They are one kind of row with two faces: service clients as Trends.Earth has them (JSON, te_cid_…, for client_credentials
// alone), and clients as Houston has them (a form, for every grant).
package clients

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/scopes"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Options are what Clients may have beside a store.
type Options struct {
	// Most is how many living clients a user has at most. Default 10.
	Most int
	// Forget has the tokens of this gateway know at once of what was revoked. Default nobody: they hear of it within a second.
	Forget func(...tokens.Revocation)
}

// Clients makes clients and revokes them, and has the handlers of their paths. It is used concurrently.
type Clients struct {
	store   *queries.Store
	book    *scopes.Book
	options Options
}

// New makes Clients over an open store.
func New(store *queries.Store, book *scopes.Book, o Options) *Clients {
	if o.Most == 0 {
		o.Most = 10
	}
	if o.Forget == nil {
		o.Forget = func(...tokens.Revocation) {}
	}
	return &Clients{store: store, book: book, options: o}
}

// Request is a client that is to be made.
type Request struct {
	// Name is what people call it, 1 to 120 characters.
	Name string
	// ID is its client_id, at most 256 bytes without blanks. Default one like te_cid_ with 32 hexadecimal digits, or of 40
	// letters and digits for a client of Houston's.
	ID string
	// Scopes are at least one, all of which there are.
	Scopes []string
	// Grants are those that it may use: client_credentials, password, refresh_token; nil: all.
	Grants []string
	// RedirectURIs are kept for the grants that need them. They are absolute, without fragment.
	RedirectURIs []string
	// Owner is as whom it acts with client_credentials; nil: as nobody, so it may not use that grant.
	Owner *uuid.UUID
	// Expires is when it ends; nil: never.
	Expires *time.Time
	// Public clients need their secret for client_credentials alone.
	Public bool
	// NoSecret makes a public client that has none.
	NoSecret bool
	// Houston makes id and secret as Houston does, of letters and digits without a prefix.
	Houston bool
	// Most is how many living clients the owner may have with this one; 0: as many as he likes.
	Most int
}

// RuleError says what is wrong with a Request, in a sentence for who made it.
type RuleError struct {
	// Field is the member that is at fault: name, id, scopes, grants, redirect_uris, expires, secret.
	Field, Text string
}

func (e *RuleError) Error() string { return e.Text }

func wrong(field, format string, args ...any) error {
	return &RuleError{Field: field, Text: fmt.Sprintf(format, args...)}
}

// Made is a client that was made.
type Made struct {
	Row db.OauthClient
	// Secret is shown once: the store has its hash alone. Empty: it has none.
	Secret string
}

// Bounds, in characters and bytes.
const (
	longestName    = 120
	longestID      = 256
	longestURI     = 2000
	mostURIs       = 20
	shownOfSecret  = 8
	idPrefix       = "te_cid_"
	secretPrefix   = "te_cs_"
	houstonID      = 40
	houstonSecret  = 50
	trendsIDBytes  = 16
	trendsKeyBytes = 32
)

// Create makes a client. The error is a *RuleError where the request is at fault, a *queries.LimitError where its owner has as
// many as he may, a *queries.TakenError where another has its id; sql.ErrNoRows: there is no such owner. What the maker himself
// may is not asked: that is for the handlers.
func (c *Clients) Create(ctx context.Context, by queries.By, r Request) (Made, error) {
	if err := c.check(&r); err != nil {
		return Made{}, err
	}
	row := db.OauthClient{
		ClientID: r.ID, Name: r.Name, Confidential: !r.Public, Scopes: strings.Join(r.Scopes, " "), Grants: strings.Join(r.Grants, " "),
		RedirectUris: strings.Join(r.RedirectURIs, " "), OwnerID: r.Owner, ExpiresAt: r.Expires,
	}
	id, secret := idPrefix+hexText(trendsIDBytes), secretPrefix+hexText(trendsKeyBytes)
	if r.Houston {
		id, secret = letters(houstonID), letters(houstonSecret)
	}
	if row.ClientID == "" {
		row.ClientID = id
	}
	if r.NoSecret {
		secret = ""
	} else {
		row.SecretHash = tokens.HashSecret(secret)
		row.SecretPrefix = strings.TrimPrefix(secret, secretPrefix)[:shownOfSecret]
	}
	made, err := c.store.CreateClient(ctx, by, row, r.Most)
	if err != nil {
		return Made{}, err
	}
	return Made{Row: made, Secret: secret}, nil
}

// hexText is text of so many random bytes.
func hexText(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// letters is text of so many random letters and digits.
func letters(n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	out := make([]byte, 0, n)
	raw := make([]byte, 2*n)
	for len(out) < n {
		_, _ = rand.Read(raw) // never fails
		for _, b := range raw {
			// What is above would make the first letters likelier.
			if int(b) < 256/len(alphabet)*len(alphabet) && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}

func (c *Clients) check(r *Request) error {
	r.Scopes = scopes.Once(r.Scopes)
	switch {
	case strings.TrimSpace(r.Name) == "":
		return wrong("name", "A client has a name.")
	case utf8.RuneCountInString(r.Name) > longestName:
		return wrong("name", "The name is longer than %d characters.", longestName)
	case !plain(r.Name):
		return wrong("name", "The name is not text.")
	case len(r.ID) > longestID || strings.ContainsAny(r.ID, " \t\r\n:") || !plain(r.ID):
		return wrong("id", "The client's id has at most %d bytes, without blanks and colons.", longestID)
	case len(r.Scopes) == 0:
		return wrong("scopes", "A client has at least one scope.")
	case r.NoSecret && !r.Public:
		return wrong("secret", "Only a public client may have no secret.")
	case r.Expires != nil && (!r.Expires.After(time.Now()) || r.Expires.Year() > 9999):
		return wrong("expires", "It would have expired already, or never.")
	case len(r.RedirectURIs) > mostURIs:
		return wrong("redirect_uris", "There are more than %d redirect URIs.", mostURIs)
	}
	if err := c.book.Check(r.Scopes); err != nil {
		return wrong("scopes", "%s", err.Error())
	}
	for _, g := range r.Grants {
		if g != "client_credentials" && g != "password" && g != "refresh_token" {
			return wrong("grants", "The grants are client_credentials, password and refresh_token.")
		}
	}
	for _, text := range r.RedirectURIs {
		u, err := url.Parse(text)
		if err != nil || !plain(text) || len(text) > longestURI || !u.IsAbs() || u.Fragment != "" || strings.ContainsAny(text, " \t\r\n") ||
			strings.EqualFold(u.Scheme, "javascript") || strings.EqualFold(u.Scheme, "data") {
			return wrong("redirect_uris", "Redirect URIs are absolute, without blanks and fragment.")
		}
	}
	return nil
}

// plain is text that both engines keep.
func plain(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// mostListed is how many clients are listed.
const mostListed = 10_000

// List gives the clients that were not revoked, of an owner or, nil, of all, the oldest first, at most 10,000.
func (c *Clients) List(ctx context.Context, owner *uuid.UUID) ([]db.OauthClient, error) {
	var rows []db.OauthClient
	var err error
	if owner != nil {
		rows, err = c.store.Queries().ListClientsOf(ctx, owner)
	} else {
		rows, err = c.store.Queries().ListClients(ctx, db.ListClientsParams{AtMost: mostListed})
	}
	if err != nil {
		return nil, err
	}
	out := make([]db.OauthClient, 0, len(rows))
	for i := range rows {
		if rows[i].RevokedAt == nil {
			out = append(out, rows[i])
		}
	}
	return out, nil
}

// Find gives the client of an id: that of its row, or its client_id. sql.ErrNoRows: there is none, or it was revoked.
func (c *Clients) Find(ctx context.Context, id string) (db.OauthClient, error) {
	if !plain(id) || len(id) > longestID {
		return db.OauthClient{}, sql.ErrNoRows
	}
	row, err := c.store.Queries().GetLivingClient(ctx, id)
	if !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	key, bad := uuid.Parse(id)
	if bad != nil || len(id) != canonical {
		return db.OauthClient{}, err
	}
	row, err = c.store.Queries().GetClient(ctx, key)
	if err == nil && row.RevokedAt != nil {
		err = sql.ErrNoRows
	}
	if err != nil {
		return db.OauthClient{}, err
	}
	return row, nil
}

// canonical is how long the text of a UUID is that we write.
const canonical = 36

// Revoke ends a client, and with it all tokens that it was given; sql.ErrNoRows: there is none, or it has ended.
func (c *Clients) Revoke(ctx context.Context, by queries.By, id uuid.UUID) (db.OauthClient, error) {
	row, err := c.store.RevokeClient(ctx, by, id)
	if err != nil {
		return db.OauthClient{}, err
	}
	c.options.Forget(tokens.Revocation{Kind: tokens.RevokedClient, ID: row.ClientID})
	return row, nil
}
