package accounts

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// DocumentationClient is the id of the public OAuth2 client that pages of documentation log in with.
const DocumentationClient = "documentation"

// ErrSeeded says that a store has users, or had some, so that nobody may be put into it whose password everybody knows.
var ErrSeeded = errors.New("the store has users: the ones of development are for an empty one")

// EnsureDocumentation makes the public client "documentation": it has no secret, so that client_credentials are refused, and the
// scopes there are. One that is there, also one that was revoked, is left alone.
func (s Starter) EnsureDocumentation(ctx context.Context) error {
	_, err := s.Store.CreateClient(ctx, queries.By{Actor: "start"}, documentation(), 0)
	if taken, ok := errors.AsType[*queries.TakenError](err); ok && taken.Field == "client_id" {
		return nil
	}
	return err
}

func documentation() db.OauthClient {
	return db.OauthClient{
		ClientID: DocumentationClient, Name: "Documentation of the API", Scopes: strings.Join(scopes(), " "), Grants: "password refresh_token",
	}
}

// scopes are all there are, but the one that is every other.
func scopes() []string {
	var out []string
	for _, scope := range permit.Scopes() {
		if scope.Name != permit.All {
			out = append(out, scope.Name)
		}
	}
	return out
}

// developmentSecret is that of the client "documentation" in the founding document of Houston.
const developmentSecret = "KQ()SWK)SQK)QWSKQW(SKQ)S(QWSQW(SJ*HQ&HQW*SQ*^SSQWSGQSG" //nolint:gosec // everybody knows it

// SeedDevelopment makes the users whose passwords everybody knows: root with q, a SUPERADMIN, user with w, and internal with q,
// who is internal; and the client "documentation" with its known secret, by which it acts as root. The error is ErrSeeded where
// the store has users, or had some. by is for the audit log.
func (s Starter) SeedDevelopment(ctx context.Context, by queries.By) error {
	seeds := []struct {
		name, password string
		role           permit.Role
		internal       bool
	}{
		{"root", "q", permit.Superadmin, false},
		{"user", "w", permit.User, false},
		{"internal", "q", permit.User, true},
	}
	rows := make([]db.User, len(seeds))
	for i, one := range seeds {
		hash, err := s.Passwords.Hash(ctx, netip.Addr{}, one.password)
		if err != nil {
			return err
		}
		rows[i] = db.User{
			Email: one.name + "@localhost", Username: &seeds[i].name, Name: one.name, Role: string(one.role), IsActive: true, IsRegularUser: !one.internal, IsInternal: one.internal,
			IsPluginUser: true, PasswordHash: hash, PasswordChangedAt: now(),
		}
	}
	return s.Store.InTx(ctx, func(q db.Querier) error {
		fresh, err := s.fresh(ctx, q)
		if err != nil {
			return err
		}
		if !fresh {
			return ErrSeeded
		}
		for i, row := range rows {
			if rows[i], err = queries.AddUser(ctx, q, by, row); err != nil {
				return err
			}
		}
		c := documentation()
		c.SecretHash, c.OwnerID, c.Grants = tokens.HashSecret(developmentSecret), &rows[0].ID, c.Grants+" client_credentials"
		_, err = queries.AddClient(ctx, q, by, c, 0)
		return err
	})
}
