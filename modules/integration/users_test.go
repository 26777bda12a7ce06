package integration_test

import (
	"context"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// registry is a store that a test writes into beside the gateways that use it.
type registry struct {
	*queries.Store
	t testing.TB
}

func openRegistry(t testing.TB, dsn string) registry {
	t.Helper()
	s, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return registry{s, t}
}

func (registry) by() queries.By { return queries.By{Actor: "command"} }

// hash is what is stored of a password. Its scheme is a cheap one, which the first right use replaces.
func (r registry) hash(password string) string {
	r.t.Helper()
	c, err := passwords.New(nobody{}, passwords.Config{Scheme: passwords.Scheme{Algorithm: passwords.Argon2id, Passes: 1, MemoryKiB: 64, Lanes: 1}})
	if err != nil {
		r.t.Fatal(err)
	}
	hash, err := c.Hash(r.t.Context(), passwords.Attempt{}.From, password)
	if err != nil {
		r.t.Fatal(err)
	}
	return hash
}

// nobody has an account.
type nobody struct{}

func (nobody) Find(context.Context, string) (string, string, bool, error) { return "", "", false, nil }

func (nobody) ReplaceHash(context.Context, string, string, string) (bool, error) { return false, nil }

func (nobody) Schemes(context.Context) ([]string, error) { return nil, nil }

// user makes a user with the address <name>@example.org.
func (r registry) user(name, password, role string) db.User {
	r.t.Helper()
	u, err := r.CreateUser(r.t.Context(), r.by(), db.User{
		Email: name + "@example.org", Username: &name, Name: strings.ToUpper(name[:1]) + name[1:], Role: role, IsActive: true, IsRegularUser: true,
		PasswordHash: r.hash(password),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

// change changes a user.
func (r registry) change(u db.User, change func(*db.User)) {
	r.t.Helper()
	if _, err := r.ChangeUser(r.t.Context(), r.by(), u.ID, func(u *db.User) error {
		change(u)
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
}

// token makes a token of a program that acts as u, or as nobody where that is the zero User.
func (r registry) token(u db.User, scopes ...string) (token string, row db.ApiToken) {
	r.t.Helper()
	token, hash := tokens.NewAPIToken()
	row = db.ApiToken{Hash: hash, Kind: "permanent", Scopes: strings.Join(scopes, " ")}
	if u.Email != "" {
		row.Kind, row.UserID = "user", &u.ID
	}
	row, err := r.CreateAPIToken(r.t.Context(), r.by(), row)
	if err != nil {
		r.t.Fatal(err)
	}
	return token, row
}
