package integration_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/queries/db"
)

// usersSite has a service for users, one with scopes, and plain Caddy routes for users.
func usersSite(backend string) string {
	words := "\n\t\tversion 1.0.0\n\t\trepository https://example.org/s\n\t\tdescription \"For users\"\n"
	return strings.Replace(withStore(`
	control
	callers /plain/* users {
		name plain
		identity X-Forwarded-User X-Forwarded-Groups
	}
	callers /scoped/* users reports:read
	callers /kept/* users {
		keep_authorization
	}
	service /s {`+words+`
		callers users
		backend `+backend+` {
			identity X-Forwarded-User X-Forwarded-Email
		}
		GET /me {
			fetch /me {
				decode json
			}
			reply `+"`{ caller: $caller, header: . }`"+`
		}
		GET /mine/{part} {
			fetch /u/{caller.id}/{part}?e={caller.email} {
				decode json
			}
		}
	}
	service /reports {`+words+`
		callers users reports:read reports:write
		backend `+backend+`
		GET /x {
			fetch /x {
				decode json
			}
		}
	}
	service /scoped/s {`+words+`
		callers users reports:write
		backend `+backend+`
		GET /x {
			fetch /x {
				decode json
			}
			reply `+"`$caller.user`"+`
		}
	}
	respond /plain/who "{http.auth.user.id} {http.auth.user.user} {http.auth.user.email} {http.auth.user.name} {http.auth.user.role} {http.auth.user.number}"
	reverse_proxy `+backend), "secret {env.FAIRWAY_SECRET}", "secret {env.FAIRWAY_SECRET}\n\t\ttokens {\n\t\t\tscopes reports:read reports:write\n\t\t}", 1)
}

// startUsers starts a gateway over a store with Ann, who is an administrator, and Bob.
func startUsers(t *testing.T, dsn string) (g *gateway, r registry, ann, bob db.User) {
	t.Helper()
	r = openRegistry(t, dsn)
	ann, bob = r.user("ann", "secret", "ADMIN"), r.user("bob", "hunter2", "USER")
	echo := startBackend(t, func(w http.ResponseWriter, r *http.Request) {
		r.Header["Path"] = []string{r.URL.RequestURI()}
		for _, name := range []string{"Accept-Encoding", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Via", "X-Request-Id", "Content-Length"} {
			delete(r.Header, name)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(r.Header)
	})
	return startGateway(t, usersSite(echo.URL), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret), r, ann, bob
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// TestUsersCallServices has users, programs and nobody at services for users.
func TestUsersCallServices(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		g, r, ann, bob := startUsers(t, dsn)
		all, _ := r.token(ann, "all")
		both, _ := r.token(bob, "reports:read", "reports:write")
		half, _ := r.token(bob, "reports:read")
		robot, _ := r.token(db.User{}, "reports:write", "reports:read")
		revoked, row := r.token(bob, "all")
		if _, err := r.RevokeAPIToken(t.Context(), r.by(), row.ID); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			request
			status int
			code   string
		}{
			{"a password", request{path: "/s/me", user: "ann:secret"}, 200, ""},
			{"by the address", request{path: "/s/me", user: "ANN@example.org:secret"}, 200, ""},
			{"a token", request{path: "/s/me", header: bearer(half)}, 200, ""},
			{"as RelengAPI's clients", request{path: "/s/me", header: http.Header{"Authentication": {"Bearer " + half}}}, 200, ""},
			{"a password has every scope", request{path: "/reports/x", user: "bob:hunter2"}, 200, ""},
			{"scopes", request{path: "/reports/x", header: bearer(both)}, 200, ""},
			{"every scope", request{path: "/reports/x", header: bearer(all)}, 200, ""},
			{"a program that is nobody", request{path: "/reports/x", header: bearer(robot)}, 200, ""},
			{"one scope of two", request{path: "/reports/x", header: bearer(half)}, 403, "insufficient_scope"},
			{"nobody", request{path: "/s/me"}, 401, "no_credentials"},
			{"a wrong password", request{path: "/s/me", user: "ann:hunter2"}, 401, "bad_credentials"},
			{"somebody unknown", request{path: "/s/me", user: "eve:secret"}, 401, "bad_credentials"},
			{"a token that is none", request{path: "/s/me", header: bearer("abc")}, 401, "invalid_token"},
			{"a revoked token", request{path: "/s/me", header: bearer(revoked)}, 401, "invalid_token"},
			{"two headers", request{path: "/s/me", header: http.Header{"Authorization": {"Bearer " + half, "Bearer " + half}}}, 401, "invalid_token"},
			{"the metadata", request{path: "/reports/metadata"}, 200, ""},
		} {
			a := g.ask(t, c.request)
			if c.status == 200 {
				if a.status != 200 {
					t.Errorf("%s: %d %s", c.name, a.status, a.body)
				}
				continue
			}
			a.wantProblem(t, c.status, c.code)
			if len(a.header.Values("WWW-Authenticate")) == 0 {
				t.Errorf("%s: no challenge: %v", c.name, a.header)
			}
		}
		if got := strings.Join(g.get(t, "/s/me").header.Values("WWW-Authenticate"), " | "); got != `Bearer realm="fairway" | Basic realm="fairway", charset="UTF-8"` {
			t.Errorf("nobody is asked for %s", got)
		}
		g.get(t, "/s/metadata").wantJSON(t, 200, `{"api_version":"1.0","auth":"basic","description":"For users","name":"s","repository":"https://example.org/s","version":"1.0.0"}`)

		hostile := bearer(half)
		for _, name := range []string{"X-Forwarded-User", "x_forwarded_user", "X-Forwarded-Email", "Remote-User", "X-Forwarded-Access-Token"} {
			hostile[name] = []string{"root"}
		}
		g.ask(t, request{path: "/s/me", header: hostile}).wantJSON(t, 200, fmt.Sprintf(
			`{"caller":{"email":"bob@example.org","id":%q,"name":"Bob","number":%d,"role":"USER","scopes":["reports:read"],"user":"bob"},
			"header":{"Path":["/me"],"X-Forwarded-Email":["bob@example.org"],"X-Forwarded-User":["bob"]}}`, bob.ID, bob.Number))
		g.ask(t, request{path: "/s/mine/x", user: "ann:secret"}).wantJSON(t, 200, fmt.Sprintf(
			`{"Path":["/u/%s/x?e=ann%%40example.org"],"X-Forwarded-Email":["ann@example.org"],"X-Forwarded-User":["ann"]}`, ann.ID))
		for _, secret := range []string{half, all, revoked, "hunter2"} {
			if strings.Contains(g.log.String(), secret) {
				t.Error("credentials are in the log")
			}
		}
	})
}

// TestUsersCallPlainRoutes is the same in front of Caddy's own handlers.
func TestUsersCallPlainRoutes(t *testing.T) {
	t.Parallel()
	g, r, ann, bob := startUsers(t, "sqlite:"+filepath.Join(t.TempDir(), "some.db"))
	none, _ := r.token(bob)
	reads, _ := r.token(bob, "reports:read")
	g.get(t, "/plain/x").wantProblem(t, 401, "no_credentials")
	g.ask(t, request{path: "/plain/x", user: "bob:wrong"}).wantProblem(t, 401, "bad_credentials")
	a := g.ask(t, request{path: "/scoped/x", header: bearer(none)})
	a.wantProblem(t, 403, "insufficient_scope")
	if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="fairway", error="insufficient_scope", scope="reports:read"` {
		t.Errorf("the challenge is %s", got)
	}
	if got := g.ask(t, request{path: "/plain/who", user: "ann:secret"}).body; got != fmt.Sprintf("%s ann ann@example.org Ann ADMIN %d", ann.ID, ann.Number) {
		t.Errorf("Caddy knows %s", got)
	}
	hostile := bearer(none)
	for _, name := range []string{"X-Forwarded-User", "x_forwarded_user", "X.Forwarded.Groups", "Remote-User", "Authentication"} {
		hostile[name] = []string{"root"}
	}
	hostile.Set("Connection", "X-Forwarded-User")
	g.ask(t, request{path: "/plain/x", header: hostile}).wantJSON(t, 200, `{"Path":["/plain/x"],"X-Forwarded-Groups":["USER"],"X-Forwarded-User":["bob"]}`)
	g.ask(t, request{path: "/kept/x", header: bearer(none)}).wantJSON(t, 200, `{"Authorization":["Bearer `+none+`"],"Path":["/kept/x"]}`)
	g.get(t, "/open/x").wantJSON(t, 200, `{"Path":["/open/x"]}`)
	// A service behind knows the caller, though the credentials are gone, and has scopes of its own.
	g.ask(t, request{path: "/scoped/s/x", user: "ann:secret"}).wantJSON(t, 200, `"ann"`)
	g.ask(t, request{path: "/scoped/s/x", header: bearer(reads)}).wantProblem(t, 403, "insufficient_scope")

	metrics := (&gateway{t: t, url: "http://" + g.admin}).get(t, "/metrics").body
	for _, line := range []string{
		`fairway_callers_total{result="bad_credentials",service="plain"} 1`, `fairway_callers_total{result="no_credentials",service="plain"} 1`,
		`fairway_callers_total{result="password",service="plain"} 1`, `fairway_callers_total{result="token",service="plain"} 1`,
		`fairway_callers_total{result="insufficient_scope",service="callers"} 1`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics do not say %s", line)
		}
	}
}

// TestUsersWithoutStore has the store not answer: nobody is let in, and nobody is told that he is wrong.
func TestUsersWithoutStore(t *testing.T) {
	t.Parallel()
	dead := strings.Replace(deadAddress(t), "http://", "postgres://fairway@", 1) + "/fairway"
	g := startGateway(t, usersSite(deadAddress(t)), "DATABASE_URL="+dead, "FAIRWAY_SECRET="+someSecret)
	for _, path := range []string{"/s/me", "/plain/x"} {
		a := g.ask(t, request{path: path, user: "ann:secret"})
		a.wantProblem(t, 503, "store_unavailable")
		if a.header.Get("Retry-After") == "" || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %v", path, a.header)
		}
	}
	g.get(t, "/s/metadata").wantJSON(t, 200, `{"api_version":"1.0","auth":"basic","description":"For users","name":"s","repository":"https://example.org/s","version":"1.0.0"}`)
}

// TestUsersOnTwoGateways changes users and tokens, through one gateway and beside both, where the other remembers them as they
// were.
func TestUsersOnTwoGateways(t *testing.T) {
	t.Parallel()
	dsn, _ := makePostgres(t, "select 1")
	first, r, ann, bob := startUsers(t, dsn)
	text, err := os.ReadFile(first.config)
	if err != nil {
		t.Fatal(err)
	}
	second := startGateway(t, string(text), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
	carl, dora := r.user("carl", "c4rl", "USER"), r.user("dora", "d0ra", "ADMIN")
	token, row := r.token(bob, "all")
	ofCarl, _ := r.token(carl, "all")
	ofDora, _ := r.token(dora, "all")
	asJSON := http.Header{"Content-Type": {"application/json"}}
	login := first.ask(t, request{method: "POST", path: "/auth", header: asJSON, body: `{"email":"bob@example.org","password":"hunter2"}`})
	var session struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(login.body), &session); err != nil || session.Access == "" {
		t.Fatal(login.status, login.body)
	}
	me := func(g *gateway, q request) (int, string) {
		q.path = "/s/me"
		a, err := g.try(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return a.status, a.body
	}
	both := []*gateway{first, second}
	for _, g := range both { // which then remember
		for _, q := range []request{
			{user: "ann:secret"},
			{user: "carl:c4rl"},
			{user: "dora:d0ra"},
			{header: bearer(token)},
			{header: bearer(ofCarl)},
			{header: bearer(ofDora)},
			{header: bearer(session.Access)},
		} {
			for range 2 {
				if status, body := me(g, q); status != http.StatusOK {
					t.Fatal(status, body)
				}
			}
		}
	}
	out := bearer(session.Access)
	out.Set("Content-Type", "application/json")
	if a := first.ask(t, request{method: "POST", path: "/auth/logout", header: out, body: `{"refresh_token":"` + session.Refresh + `"}`}); a.status >= 300 {
		t.Fatal(a.status, a.body)
	}
	if _, err := r.RevokeAPIToken(t.Context(), r.by(), row.ID); err != nil {
		t.Fatal(err)
	}
	r.change(ann, func(u *db.User) { u.PasswordHash = r.hash("changed") })
	if _, err := r.DeleteUser(t.Context(), r.by(), carl.ID); err != nil {
		t.Fatal(err)
	}
	r.change(dora, func(u *db.User) { u.Role = "USER" })
	for name, c := range map[string]struct {
		request
		status int
		has    string
	}{
		"a login that was ended":       {request{header: bearer(session.Access)}, 401, "token_revoked"},
		"a revoked token":              {request{header: bearer(token)}, 401, "invalid_token"},
		"an old password":              {request{user: "ann:secret"}, 401, "bad_credentials"},
		"a deleted user by a password": {request{user: "carl:c4rl"}, 401, "bad_credentials"},
		"a deleted user by a token":    {request{header: bearer(ofCarl)}, 401, "invalid_token"},
		"a demoted user by a token":    {request{header: bearer(ofDora)}, 200, `"role":"USER"`},
		"a demoted user by a password": {request{user: "dora:d0ra"}, 200, `"role":"USER"`},
		"a password that was just set": {request{user: "ann:changed"}, 200, `"user":"ann"`},
	} {
		for i, g := range both {
			if err := waitFor(func() error {
				if status, body := me(g, c.request); status != c.status || !strings.Contains(body, c.has) {
					return fmt.Errorf("%d %s", status, body)
				}
				return nil
			}); err != nil {
				t.Errorf("%s at gateway %d: %v", name, i+1, err)
			}
		}
	}
}
