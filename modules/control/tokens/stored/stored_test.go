package stored_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/tokens/stored"
	"github.com/fairway-gateway/fairway/modules/control/tokens/tokenstest"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// both runs a test with each engine.
func both(t *testing.T, test func(t *testing.T, dsn func(testing.TB) string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, engines.SQLite)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, engines.Postgres)
	})
}

// world is a store with what the tests need of the tables around it.
type world struct {
	*stored.Store
	of *queries.Store
}

func (w world) PutUser(ctx context.Context, u tokens.User) error {
	write := func(row *db.User) error {
		row.Email, row.Username, row.Name, row.Role = u.Email, &u.Username, u.Name, u.Role
		row.IsActive, row.IsRegularUser, row.IsInternal = u.Active, u.Regular, u.Internal
		return nil
	}
	id, err := uuid.Parse(u.ID)
	if err != nil {
		return err
	}
	if _, err := w.of.ChangeUser(ctx, controltest.By(), id, write); !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	row := db.User{ID: id}
	_ = write(&row)
	_, err = w.of.CreateUser(ctx, controltest.By(), row)
	return err
}

func (w world) DeleteUser(ctx context.Context, id string) error {
	_, err := w.of.DeleteUser(ctx, controltest.By(), uuid.MustParse(id))
	return err
}

func (w world) PutClient(ctx context.Context, c tokens.Client) error {
	row := db.OauthClient{
		ClientID: c.ID, Confidential: c.Confidential, SecretHash: c.SecretHash, Scopes: strings.Join(c.Scopes, " "), Grants: strings.Join(c.Grants, " "),
	}
	if c.Owner != "" {
		owner := uuid.MustParse(c.Owner)
		row.OwnerID = &owner
	}
	_, err := w.of.CreateClient(ctx, controltest.By(), row, 0)
	return err
}

func (w world) RevokeClient(ctx context.Context, id string) error {
	row, err := w.of.Queries().GetLivingClient(ctx, id)
	if err != nil {
		return err
	}
	_, err = w.of.RevokeClient(ctx, controltest.By(), row.ID)
	return err
}

func (w world) PutAPIToken(ctx context.Context, t tokens.APIToken, hash []byte) error {
	row := db.ApiToken{ID: uuid.MustParse(t.ID), Hash: hash, Kind: "permanent", Scopes: strings.Join(t.Scopes, " ")}
	if t.User != "" {
		user := uuid.MustParse(t.User)
		row.Kind, row.UserID = "user", &user
	}
	if !t.Expires.IsZero() {
		row.ExpiresAt = &t.Expires
	}
	_, err := w.of.CreateAPIToken(ctx, controltest.By(), row)
	return err
}

func (w world) RevokeAPIToken(ctx context.Context, id string) error {
	_, err := w.of.RevokeAPIToken(ctx, controltest.By(), uuid.MustParse(id))
	return err
}

// TestConformance holds both engines to what tokens need of a store.
func TestConformance(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn func(testing.TB) string) {
		t.Helper()
		tokenstest.Conformance(t, func(t *testing.T) tokenstest.World {
			t.Helper()
			s := controltest.Store(t, dsn(t))
			return world{Store: stored.New(s), of: s}
		})
	})
}

const root = "0198a000-0000-7000-8000-000000000001"

// all lets everybody in as root.
type all struct{}

func (all) Verify(context.Context, tokens.Attempt) (string, bool, error) { return root, true, nil }

// gateway is an authority over a store of its own.
func gateway(t *testing.T, dsn string) *client {
	t.Helper()
	return gatewayWith(t, dsn, secret("s"))
}

func secret(letter string) []byte { return []byte(strings.Repeat(letter, 32)) }

func gatewayWith(t *testing.T, dsn string, secrets ...[]byte) *client {
	t.Helper()
	s := controltest.Store(t, dsn)
	a, err := tokens.New(t.Context(), stored.New(s), all{}, tokens.Config{Issuer: "https://gateway.example.org", Secrets: secrets})
	must(t, err)
	t.Cleanup(a.Close)
	return newClient(a, world{Store: stored.New(s), of: s})
}

// TestTwoGateways: keys, tokens, refreshes, and revocations hold across two gateways over one store.
func TestTwoGateways(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn func(testing.TB) string) {
		t.Helper()
		address := dsn(t)
		one, two := gateway(t, address), gateway(t, address)
		must(t, one.PutUser(t.Context(), tokens.User{ID: root, Email: "root@localhost", Username: "root", Role: "ADMIN", Active: true}))
		in := one.auth(t)
		for _, g := range []*client{one, two} {
			if a, err := g.Check(t.Context(), in.Access); err != nil || a.User.Role != "ADMIN" || a.User.Username != "root" || a.User.Number == 0 {
				t.Fatalf("%+v, %v", a, err)
			}
		}
		// Of 50 who refresh at once, through both, all get one successor.
		next := make([]string, 50)
		var wait sync.WaitGroup
		for i := range next {
			wait.Go(func() { next[i] = []*client{one, two}[i%2].refresh(t, in.Refresh).Refresh })
		}
		wait.Wait()
		for _, n := range next {
			if n == "" || n != next[0] || n == in.Refresh {
				t.Fatalf("the successors are %q and %q", n, next[0])
			}
		}
		must(t, one.PutUser(t.Context(), tokens.User{ID: root, Email: "root@localhost", Username: "root", Role: "USER", Active: true}))
		controltest.Eventually(t, "the other has the role", func() bool {
			a, err := two.Check(t.Context(), in.Access)
			return err == nil && a.User.Role == "USER"
		})
		two.logout(t, in.Access)
		controltest.Eventually(t, "the other refuses the token", func() bool {
			_, err := one.Check(t.Context(), in.Access)
			no, ok := errors.AsType[*tokens.RefusedError](err)
			return ok && no.Reason == tokens.Revoked
		})
	})
}
