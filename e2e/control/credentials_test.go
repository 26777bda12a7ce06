package control_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestCredentialsThatAreNone asks for every operation of the table with tokens that were good, or never: revoked, expired, of a
// deleted user. Nobody is taken for anonymous: also what anonymous callers may see is refused, or answered to them as to anonymous ones.
func TestCredentialsThatAreNone(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		o := e.options()
		expired := expiredLogin(t, e, o)
		w := start(t, e, o)
		served, _ := servedOperations(t, w)
		bad := badCredentials(w.scene(t))
		bad["a login that has expired"] = "Bearer " + expired
		for name, value := range bad {
			// The store was written to by another hand, of which gateways hear soon.
			eventually(get("/api/v1/user/me").header("Authorization", value).gives(401))(w.scene(t))
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := w.scene(t)
				owner := s.insert(db.User{Role: "USER", IsActive: true})
				for _, op := range served {
					a := &ask{method: op.Method, target: s.target(op, owner.ID, func(uuid.UUID) {}, func(uuid.UUID) {})}
					got := s.send(a.header("Authorization", value))
					if slices.Equal(op.Permissions, []string{permit.Anybody}) {
						if got.Status >= http.StatusInternalServerError || got.Status == http.StatusForbidden {
							t.Errorf("%s: %s", op.ID, got)
						}
						continue
					}
					if got.Status != http.StatusUnauthorized {
						t.Errorf("%s: not 401\n  answer: %s", op.ID, got)
					}
				}
			})
		}
	})
}

// badCredentials are headers that say who somebody was, or would be.
func badCredentials(s *scene) map[string]string {
	s.t.Helper()
	ctx, by := context.Background(), queries.By{Actor: "test"}
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	super := func() uuid.UUID { return s.insert(db.User{Role: "SUPERADMIN", IsActive: true}).ID }
	past, future := time.Now().Add(-time.Minute), time.Now().Add(24*time.Hour)
	with := func(change func(*db.ApiToken)) string {
		token, hash := tokens.NewAPIToken()
		owner := super()
		row := db.ApiToken{Hash: hash, Kind: "user", UserID: &owner, Scopes: "all", Description: "a test"}
		change(&row)
		_, err := s.store.CreateAPIToken(ctx, by, row)
		must(err)
		return "Bearer " + token
	}
	unknown, _ := tokens.NewAPIToken()
	out := map[string]string{
		"a token that is disabled": with(func(row *db.ApiToken) { row.Disabled = true }),
		"a token of later":         with(func(row *db.ApiToken) { row.NotBefore = &future }),
		"a token that has expired": with(func(row *db.ApiToken) { row.ExpiresAt = &past }),
		"a token of nobody":        "Bearer " + unknown,
		"no token":                 "Bearer " + rand.Text(),
		"an empty token":           "Bearer ",
		"another scheme":           "Digest username=\"admin\"",
		"Basic that is none":       "Basic " + base64.StdEncoding.EncodeToString([]byte("nobody")),
	}
	id := super()
	token, row := s.insertToken(&id, "all")
	_, err := s.store.RevokeAPIToken(ctx, by, row.ID)
	must(err)
	out["a token that was revoked"] = "Bearer " + token
	id = super()
	token, _ = s.insertToken(&id, "all")
	deletedUser(s, id)
	out["a token of a deleted user"] = "Bearer " + token
	id = super()
	login := s.insertLogin(id, "all")
	post("/auth/logout").bearer(login).gives(200).do(s)
	out["a login that was ended"] = "Bearer " + login
	id = super()
	login = s.insertLogin(id, "all")
	deletedUser(s, id)
	out["a login of a deleted user"] = "Bearer " + login
	return out
}

// expiredLogin is one that a gateway with short tokens gave, over the same store.
func expiredLogin(t *testing.T, e engine, o gateway.Options) string {
	t.Helper()
	o.Fairway += "\n\t\ttokens {\n\t\t\taccess 1s\n\t\t}"
	s := start(t, e, o).scene(t)
	return s.insertLogin(s.insert(db.User{Role: "SUPERADMIN", IsActive: true}).ID, "all")
}
