package control_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestDatabaseCommands has RelengAPI's and Houston's words for databases (5.6, 4.7): upgrade, downgrade, current, history, by names.
func TestDatabaseCommands(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		own := t.TempDir()
		for name, text := range map[string]string{
			"00001_tables.sql": "-- +goose Up\ncreate table holes (number integer primary key);\n-- +goose Down\ndrop table holes;\n",
			"00002_pars.sql":   "-- +goose Up\nalter table holes add par integer;\n-- +goose Down\nalter table holes drop par;\n",
		} {
			if err := os.WriteFile(filepath.Join(own, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o := e.options()
		o.Fairway += "\n\t\tdatabase scheduler sqlite:" + filepath.Join(own, "scheduler.db") + " {\n\t\t\tmigrations " + own + "\n\t\t}"
		db := func(want int, args ...string) (version, newest int) {
			t.Helper()
			out, errs, code := command(t, o, "", append([]string{"db"}, append(args, "--json")...)...)
			if code != want {
				t.Fatalf("db %v: %d %s%s", args, code, out, errs)
			}
			var got struct{ Version, Newest int }
			if code == 0 {
				if err := json.Unmarshal([]byte(out), &got); err != nil {
					t.Fatalf("db %v: %v\n%s", args, err, out)
				}
			}
			return got.Version, got.Newest
		}
		// Alembic's upgrade, by processes that start at once.
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if out, errs, code := command(t, o, "", "db", "up"); code != 0 {
					t.Errorf("db up: %d %s%s", code, out, errs)
				}
			})
		}
		all.Wait()
		version, newest := db(0, "version")
		if version == 0 || version != newest {
			t.Errorf("version %d of %d", version, newest)
		}
		if out, _, code := command(t, o, "", "db", "status"); code != 0 || strings.Count(out, ".sql") != newest {
			t.Errorf("db status: %d %s", code, out)
		}
		// Downgrade asks, and goes back by one.
		db(2, "down")
		db(0, "down", "--yes")
		if version, _ := db(0, "version"); version != newest-1 {
			t.Errorf("version %d after down", version)
		}
		db(0, "up")
		// A database of one's own, by its name.
		if version, newest := db(0, "up", "scheduler"); version != 2 || newest != 2 {
			t.Errorf("scheduler is at version %d of %d", version, newest)
		}
		db(0, "down", "scheduler", "--yes")
		if version, _ := db(0, "version", "scheduler"); version != 1 {
			t.Errorf("scheduler is at version %d", version)
		}
		db(2, "up", "nothing")
		s := start(t, e, o).scene(t)
		s.value("user.access")
	})
}

// TestNoDatabaseConfigured has a store nevertheless: a file of SQLite in the data directory (RelengAPI: SQLite files per name), which
// is there after a restart.
func TestNoDatabaseConfigured(t *testing.T) {
	t.Parallel()
	o := gateway.Options{Site: "\tcontrol", Env: []string{"FAIRWAY_ADMIN_EMAIL=" + adminEmail, "FAIRWAY_ADMIN_PASSWORD=" + adminPassword}}
	g := gateway.Start(t, builder, o)
	s := &scene{world: &world{gateway: g}, t: t, vars: map[string]string{}, address: "192.0.2.1"}
	logIn(adminEmail, adminPassword).gives(200, `{"access_token":"<jwt:access>","refresh_token":"<opaque:refresh>","...":0}`).do(s)
	var found []string
	for _, pattern := range []string{"*/*.db", "*/*/*.db"} {
		some, _ := filepath.Glob(filepath.Join(g.Data, pattern)) // the pattern is one
		found = append(found, some...)
	}
	if len(found) != 1 {
		t.Errorf("files: %v", found)
	}
	for _, file := range found {
		if i, err := os.Stat(file); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, i, err)
		}
	}
	g.Stop()
	g.Run()
	lives("{access}").do(s)
	post("/auth/refresh").json(`{"refresh_token":"{refresh}"}`).gives(200).do(s)
}

// audited waits for nothing: the line of the audit log is there when the change is.
func audited(subject, action, actor string) act {
	return func(s *scene) {
		s.t.Helper()
		fill := func(text string) string { return s.fill(text, func(v string) string { return v }) }
		lines, err := s.store.Queries().ListAuditOf(context.Background(), db.ListAuditOfParams{Subject: fill(subject), AtMost: 10})
		i := slices.IndexFunc(lines, func(l db.AuditLog) bool { return l.Action == action })
		if err != nil || i < 0 {
			s.t.Fatalf("%s of %s: %v, %v", action, fill(subject), lines, err)
		}
		l := lines[i]
		if l.Actor != fill(actor) || l.RequestID != s.vars["request"] || len(l.Diff) < 2 {
			s.t.Errorf("%s by %s in %s: %s", l.Action, l.Actor, l.RequestID, l.Diff)
		}
		for _, secret := range []string{"argon2id$v", password, strongOther} {
			if strings.Contains(string(l.Diff), secret) {
				s.t.Errorf("the audit log has %s: %s", secret, l.Diff)
			}
		}
	}
}

// audit is the audit log of every change: actor, request id, diff.
func audit() []row {
	named := func(a *ask) *ask { return a.header("X-Request-Id", "{request}") }
	begin := act(func(s *scene) { s.vars["request"] = "audit-" + s.value("user.username") })
	return []row{
		{"a sign-up", does(begin, fresh(), named(signUp("")).gives(200, userAnswer), audited("user:{new.id}", "user.create", "anonymous"))},
		{"a user whom an administrator makes", does(begin, fresh(), named(signUp("")).bearer("{admin.access}").gives(200, userAnswer), audited("user:{new.id}", "user.create", "user:{admin.id}"))},
		{"a change of a password", does(begin, named(patch("/api/v1/user/me/change-password").bearer("{user.access}").json(`{"old_password":"{user.password}","new_password":"`+strongOther+`"}`)).gives(200), audited("user:{user.id}", "user.change", "user:{user.id}"))},
		{"a password that an administrator sets", does(begin, named(patch("/api/v1/user/{user.id}/change-password").bearer("{admin.access}").json(`{"new_password":"`+strongOther+`"}`)).gives(200), audited("user:{user.id}", "user.change", "user:{admin.id}"))},
		{"a client, made and revoked", does(begin,
			named(post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"x","scopes":"user:read"}`)).gives(201, `{"data":{"id":"<uuid:id>","...":0}}`), audited("client:{id}", "client.create", "user:{user.id}"),
			named(remove("/api/v1/oauth/clients/{id}").bearer("{user.access}")).gives(200), audited("client:{id}", "client.revoke", "user:{user.id}"))},
		{"a program's token, made and revoked", does(begin,
			named(post("/api/v1/tokens").bearer("{user.access}").json(`{"scopes":["tokens:read"],"description":"x"}`)).gives(201, `{"id":"<uuid:id>","...":0}`), audited("token:{id}", "token.create", "user:{user.id}"),
			named(remove("/api/v1/tokens/{id}").bearer("{user.access}")).gives(204), audited("token:{id}", "token.revoke", "user:{user.id}"))},
	}
}

// roles are the rules about objects, as far as clients, tokens and passwords have them (Houston 4.3, Trends.Earth 1.4).
func roles() []row {
	client := post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"x","scopes":"user:read"}`).gives(201, `{"data":{"id":"<uuid:id>","...":0}}`)
	return []row{
		{"OwnerRole: the owner", does(client, remove("/api/v1/oauth/clients/{id}").bearer("{user.access}").gives(200))},
		{"OwnerRole: or admin", does(client, remove("/api/v1/oauth/clients/{id}").bearer("{admin.access}").gives(200))},
		{"OwnerRole: or internal", does(client, remove("/api/v1/oauth/clients/{id}").bearer("{internal.access}").gives(200))},
		{"OwnerRole: nobody else", does(client, remove("/api/v1/oauth/clients/{id}").bearer("{other.access}").gives(404), remove("/api/v1/oauth/clients/{id}").bearer("{irregular.access}").gives(404))},
		{"AdminRole: ADMIN and SUPERADMIN, not internal", does(
			post("/email").bearer("{internal.access}").json(`{}`).gives(403), post("/email").bearer("{admin.access}").json(`{}`).gives(400), post("/email").bearer("{super.access}").json(`{}`).gives(400))},
		{"ActiveUserRole: 401 if not", does(get("/api/v1/users/me").bearer("{inactive.oauth}").gives(401))},
		{"Roles SUPERADMIN, ADMIN, USER: superadmins alone see limits", does(
			get("/api/v1/rate-limit/status").bearer("{super.access}").gives(200), get("/api/v1/rate-limit/status").bearer("{admin.access}").gives(403), get("/api/v1/rate-limit/status").bearer("{user.access}").gives(403))},
		{"ADMIN may not touch a SUPERADMIN, a SUPERADMIN may touch another", does(
			patch("/api/v1/user/{super2.id}/change-password").bearer("{admin.access}").json(`{"new_password":"`+strongOther+`"}`).gives(403), patch("/api/v1/user/{super2.id}/change-password").bearer("{super.access}").json(`{"new_password":"`+strongOther+`"}`).gives(200))},
	}
}
