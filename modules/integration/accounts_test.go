package integration_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// controlGateway has the control API over a store.
func controlGateway(t *testing.T, dsn string, env ...string) *gateway {
	t.Helper()
	env = append(env, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
	return startGateway(t, controlSite(), env...)
}

// controlSite has the control API over the store of the environment.
func controlSite() string {
	return siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t}", "\thealth\n\tcontrol\n")
}

// send sends JSON, and gives the status and the answer.
func (g *gateway) send(t testing.TB, method, path, token, body string) (int, map[string]any) {
	t.Helper()
	header := http.Header{"Content-Type": {"application/json"}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	a := g.ask(t, request{method: method, path: path, header: header, body: body})
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("%s %s answers %d %q", method, path, a.status, a.body)
	}
	return a.status, got
}

// logsIn gives an access token; "": it is refused.
func (g *gateway) logsIn(t testing.TB, email, password string) string {
	t.Helper()
	status, got := g.send(t, http.MethodPost, "/auth", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	if status != http.StatusOK {
		return ""
	}
	token, _ := got["access_token"].(string)
	return token
}

// mailed gives the token of the link in a letter that one of some gateways has written to its log.
func mailed(t testing.TB, to, subject string, gateways ...*gateway) string {
	t.Helper()
	letter := regexp.MustCompile(`"recipient":"` + regexp.QuoteMeta(to) + `","subject":"` + subject + `".*reset-password\?token=([\w-]{43})`)
	var token string
	if err := waitFor(func() error {
		for _, g := range gateways {
			if found := letter.FindStringSubmatch(g.log.String()); found != nil {
				token = found[1]
				return nil
			}
		}
		return fmt.Errorf("no letter to %s", to)
	}); err != nil {
		t.Fatal(err)
	}
	return token
}

const (
	firstPassword  = "Correct-Horse-1"
	secondPassword = "Battery+Staple2"
)

// TestLifeOfAnAccount signs up, sets the first password by the link that is mailed, forgets it, recovers it, and changes it: with
// the running binary, whose log has the letters. All logins end each time, in a second gateway, too.
func TestLifeOfAnAccount(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		g := controlGateway(t, dsn, "FAIRWAY_ADMIN_EMAIL=boss@example.org", "FAIRWAY_ADMIN_PASSWORD="+firstPassword)
		// Whoever comes first to an empty store makes its administrator.
		if err := waitFor(func() error {
			if status, _ := g.send(t, http.MethodGet, "/api/v1/user/me", "", ""); status != http.StatusUnauthorized {
				return fmt.Errorf("it answers %d", status)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		other := controlGateway(t, dsn)
		status, made := g.send(t, http.MethodPost, "/api/v1/user", "", `{"email":"ann@example.org","name":"Ann Example","role":"SUPERADMIN"}`)
		data, _ := made["data"].(map[string]any)
		if status != http.StatusOK || data["role"] != "USER" || data["email_verified"] != false {
			t.Fatalf("%d %v", status, made)
		}
		if status, got := g.send(t, http.MethodPost, "/api/v1/user/", "", `{"email":"ANN@example.org","name":"Ann"}`); status != http.StatusBadRequest || got["detail"] != "Email address is already registered" {
			t.Errorf("%d %v", status, got)
		}
		reset := func(token, password string, want int) {
			t.Helper()
			if status, got := other.send(t, http.MethodPost, "/api/v1/user/reset-password", "", fmt.Sprintf(`{"token":%q,"password":%q}`, token, password)); status != want {
				t.Errorf("%d %v", status, got)
			}
		}
		ends := func(token string) {
			t.Helper()
			for _, one := range []*gateway{g, other} {
				if err := waitFor(func() error {
					if status, _ := one.send(t, http.MethodGet, "/api/v1/user/me/sessions", token, ""); status != http.StatusUnauthorized {
						return fmt.Errorf("a login that ended answers %d", status)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		}
		link := mailed(t, "ann@example.org", "Set your password", g, other)
		reset(link, "weak", http.StatusUnprocessableEntity)
		reset(link, firstPassword, http.StatusOK)
		reset(link, secondPassword, http.StatusNotFound)
		token := g.logsIn(t, "ann@example.org", firstPassword)
		if token == "" || g.logsIn(t, "ann@example.org", secondPassword) != "" {
			t.Fatal("the first password is not what it was set to")
		}

		for _, login := range []string{"ann@example.org", "nobody@example.org"} {
			if status, got := g.send(t, http.MethodPost, "/api/v1/user/"+login+"/recover-password", "", ""); login[0] == 'a' && status != http.StatusOK || login[0] == 'n' && status != http.StatusTooManyRequests {
				t.Errorf("%s: %d %v", login, status, got)
			}
		}
		link = mailed(t, "ann@example.org", "Set a new password", g, other)
		reset(link, secondPassword, http.StatusOK)
		ends(token)

		token = other.logsIn(t, "ann@example.org", secondPassword)
		change := func(token, path, body string, want int) {
			t.Helper()
			if status, got := g.send(t, http.MethodPatch, path, token, body); status != want {
				t.Errorf("%d %v", status, got)
			}
		}
		change(token, "/api/v1/user/me/change-password", fmt.Sprintf(`{"old_password":%q,"new_password":%q}`, firstPassword, firstPassword), http.StatusUnauthorized)
		change(token, "/api/v1/user/me/change-password", fmt.Sprintf(`{"old_password":%q,"new_password":%q}`, secondPassword, firstPassword), http.StatusOK)
		ends(token)
		boss := g.logsIn(t, "boss@example.org", firstPassword)
		token = other.logsIn(t, "ann@example.org", firstPassword)
		change(token, "/api/v1/user/boss@example.org/change-password", fmt.Sprintf(`{"new_password":%q}`, secondPassword), http.StatusForbidden)
		change(boss, "/api/v1/user/ann@example.org/change-password", fmt.Sprintf(`{"new_password":%q}`, secondPassword), http.StatusOK)
		ends(token)
		if other.logsIn(t, "ann@example.org", secondPassword) == "" {
			t.Error("the new password is wrong")
		}
		// The old one, which the other gateway has checked a moment ago, is right until that hears of it.
		if err := waitFor(func() error {
			if other.logsIn(t, "ann@example.org", firstPassword) != "" {
				return fmt.Errorf("the old password is right")
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		for _, one := range []*gateway{g, other} {
			for _, secret := range []string{firstPassword, secondPassword, token} {
				if strings.Contains(one.log.String(), secret) {
					t.Errorf("the log has %q", secret)
				}
			}
		}
	})
}

// TestFirstAdminIsPrintedOnce starts three gateways at once on an empty store, and one after them: one prints a password, once,
// with which its user logs in everywhere.
func TestFirstAdminIsPrintedOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		var all []*gateway
		for range 3 {
			all = append(all, launch(t, controlSite(), []string{"DATABASE_URL=" + dsn, "FAIRWAY_SECRET=" + someSecret}))
			t.Cleanup(all[len(all)-1].stop)
		}
		for _, g := range all {
			if err := g.waitUntilItAnswers(); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, controlGateway(t, dsn))
		if err := all[0].reload(strings.Replace(controlSite(), "\thealth\n", "\thealth\n\trespond /x x\n", 1)); err != nil {
			t.Fatal(err)
		}
		said := regexp.MustCompile(`e-mail: +(\S+)\n +password: (\S+)\n`)
		var found [][]string
		for _, g := range all {
			found = append(found, said.FindAllStringSubmatch(g.log.String(), -1)...)
		}
		if len(found) != 1 || found[0][1] != "admin@localhost" {
			t.Fatalf("it was printed %d times: %q", len(found), found)
		}
		for _, g := range all {
			if g.logsIn(t, found[0][1], found[0][2]) == "" {
				t.Error("the password is wrong")
			}
		}
	})
}

// TestFirstAdminIsRefused holds that a gateway that was told an impossible administrator says so and does not start.
func TestFirstAdminIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("weak\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"FAIRWAY_ADMIN_PASSWORD=weak", "FAIRWAY_ADMIN_PASSWORD: Password must be at least 12 characters long"},
		{"FAIRWAY_ADMIN_PASSWORD_FILE=" + file, "FAIRWAY_ADMIN_PASSWORD_FILE: Password must be at least 12 characters long"},
		{"FAIRWAY_ADMIN_PASSWORD_FILE=/nowhere", "FAIRWAY_ADMIN_PASSWORD_FILE: open /nowhere"},
	} {
		dsn := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
		g := launch(t, controlSite(), []string{"DATABASE_URL=" + dsn, "FAIRWAY_SECRET=" + someSecret, c[0]})
		<-g.ended
		if log := g.log.String(); g.err == nil || !strings.Contains(log, c[1]) {
			t.Errorf("%s: %v\n%s", c[0], g.err, log)
		}
	}
}
