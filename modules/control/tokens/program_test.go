package tokens_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// TestTokensOfPrograms are taken as they are, with the rights of their user as it is now, or with their scopes alone.
func TestTokensOfPrograms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t, tokens.Config{})
		defer g.Close()
		put := func(id, user string, lasts time.Duration) string {
			token, hash := tokens.NewAPIToken()
			one := tokens.APIToken{ID: id, User: user, Scopes: []string{"users:read"}, Created: time.Now()}
			if lasts != 0 {
				one.Expires = time.Now().Add(lasts)
			}
			must(t, g.store.PutAPIToken(t.Context(), one, hash))
			return token
		}
		permanent, users, short := put("permanent", "", 0), put("user's", root, 0), put("short", walter, 30*time.Second)
		if a := g.taken(t, permanent); !a.ByAPIToken || a.ID != "permanent" || a.User.ID != "" || !a.Has("users:read") || a.Has("users:write") {
			t.Errorf("%+v", a)
		}
		if a := g.taken(t, users); a.User.Role != "ADMIN" || !a.ByAPIToken || a.ByClient {
			t.Errorf("%+v", a)
		}
		before := g.store.Asked("APITokenUsed")
		for range 10 {
			g.taken(t, short)
		}
		if n := g.store.Asked("APITokenUsed") - before; n != 1 {
			t.Errorf("that it was used was written %d times", n)
		}
		time.Sleep(31 * time.Second)
		g.refused(t, short, tokens.Invalid)
		must(t, g.store.PutUser(t.Context(), tokens.User{ID: root, Role: "USER", Active: true}))
		time.Sleep(tick)
		if a := g.taken(t, users); a.User.Role != "USER" {
			t.Errorf("%+v", a)
		}
		must(t, g.store.DeleteUser(t.Context(), root))
		must(t, g.store.RevokeAPIToken(t.Context(), "permanent"))
		time.Sleep(tick)
		g.refused(t, users, tokens.Invalid)
		g.refused(t, permanent, tokens.Invalid)
	})
}

// TestTokensOfDemotedUsers lose what the role has lost, and of which nothing is left are not taken; they come back with the role.
func TestTokensOfDemotedUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t, tokens.Config{})
		defer g.Close()
		put := func(id string, scopes ...string) string {
			token, hash := tokens.NewAPIToken()
			must(t, g.store.PutAPIToken(t.Context(), tokens.APIToken{ID: id, User: root, Scopes: scopes, Created: time.Now()}, hash))
			return token
		}
		both, admins, login := put("both", "mail:write", "users:read"), put("admins", "mail:write"), g.auth(t).text("access_token")
		as := func(role string) {
			must(t, g.store.PutUser(t.Context(), tokens.User{ID: root, Email: "root@localhost", Username: "root", Role: role, Active: true}))
			time.Sleep(tick)
		}
		for range 2 {
			if a := g.taken(t, both); !a.Has("mail:write") || !a.Has("users:read") {
				t.Errorf("%+v", a)
			}
			g.taken(t, admins)
			as("USER")
			if a := g.taken(t, both); a.Has("mail:write") || !a.Has("users:read") {
				t.Errorf("%+v", a)
			}
			if a := g.taken(t, login); !a.Has("all") || a.User.Role != "USER" {
				t.Errorf("%+v", a)
			}
			g.refused(t, admins, tokens.Revoked)
			as("ADMIN")
		}
	})
}

// TestTokensOfProgramsAreNoLogins: they end none, are not refreshed, and nobody but their user is asked about them.
func TestTokensOfProgramsAreNoLogins(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	token, hash := tokens.NewAPIToken()
	must(t, g.store.PutAPIToken(t.Context(), tokens.APIToken{ID: "one", User: root, Scopes: []string{"users:read"}}, hash))
	for _, s := range []sent{
		{method: "POST", path: "/auth/logout"},
		{method: "POST", path: "/auth/logout-all"},
		{path: "/api/v1/user/me/sessions"},
		{method: "DELETE", path: "/api/v1/user/me/sessions"},
		{method: "DELETE", path: "/api/v1/user/me/sessions/x"},
	} {
		s.bearer = token
		g.want(t, s, 401, "invalid_token")
	}
	g.want(t, refreshing(token, "documentation:"), 401, "invalid_grant")
	if a := g.want(t, sent{path: introspectPath, form: []string{"token=" + token}, user: "robot:robot's secret"}, 200, ""); a.values["active"] != false {
		t.Errorf("%s", a.body)
	}
	g.want(t, sent{path: revokePath, form: []string{"token=" + token, "client_id=documentation"}}, 200, "")
	g.taken(t, token)
	for _, wrong := range []string{token + "A", token[:len(token)-1], "fw_rt_" + token[len("fw_api_"):], "FW_API_" + token[len("fw_api_"):]} {
		g.refused(t, wrong, tokens.Invalid)
	}
}
