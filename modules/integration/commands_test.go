package integration_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib" // to ask the store
)

// called is what came of a command.
type called struct {
	out, err string
	code     int
}

// call runs a command of the binary, with its standard input.
func (s dbShell) call(t *testing.T, in string, args ...string) called {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.env, strings.NewReader(in)
	return ran(t, cmd)
}

func ran(t *testing.T, cmd *exec.Cmd) called {
	t.Helper()
	var out, failed strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &failed
	err := cmd.Run()
	var c called
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		c.code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	c.out, c.err = out.String(), failed.String()
	return c
}

// printed takes out of what a command printed what is of the day, or of chance. Columns keep their width by it.
func printed(text string) string {
	for _, r := range [][2]string{
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, "T"},
		{`fw_api_[A-Za-z0-9_-]{43}`, "TOKEN"},
		{`te_cid_[0-9a-f]{32}`, "CLIENT"},
		{`te_cs_[0-9a-f]{64}`, "SECRET"},
		{`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`, "ID"},
		{`the key [A-Za-z0-9_-]{22} `, "the key KID "},
		{`"key":"[A-Za-z0-9_-]{22}"`, `"key":"KID"`},
		{`/\S*/fairway\.(key|db)`, `/fairway.$1`},
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	return text
}

// want runs a command, and holds it to its code and what it prints: on standard output where that is 0, else on the other.
func (s dbShell) wantCall(t *testing.T, code int, want, in string, args ...string) called {
	t.Helper()
	got := s.call(t, in, args...)
	text, other := got.out, got.err
	if code != 0 {
		text, other = got.err, got.out
	}
	if diff := cmp.Diff(want, printed(text)); diff != "" || got.code != code || other != "" {
		t.Errorf("fairway %s ends with %d, want %d, and says beside it %q (-want +got):\n%s", strings.Join(args, " "), got.code, code, other, diff)
	}
	if n := strings.Count(got.err, "\n"); n > 1 {
		t.Errorf("fairway %s says %d lines of errors", strings.Join(args, " "), n)
	}
	return got
}

const (
	goodPassword    = "Correct-Horse-9"
	anotherPassword = "Battery-Staple-7"
)

// commandShell has a store and a secret, which gateways may share.
func commandShell(t *testing.T, dsn string) dbShell {
	t.Helper()
	s := newDBShell(t, "\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}", "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
	if out, code := s.run(t, "up"); code != 0 {
		t.Fatal(out)
	}
	return s
}

// TestUserCommands adds, lists, changes, deletes and restores users.
func TestUserCommands(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := commandShell(t, dsn)
		in := goodPassword + "\n"
		s.wantCall(t, 0, "NUMBER  EMAIL  USERNAME  ROLE  ACTIVE  CREATED  LAST LOGIN\n", "", "user", "list")
		s.wantCall(t, 0, `{"users":[]}`+"\n", "", "user", "list", "--json")
		s.wantCall(t, 0, "user 1, ann@example.org, was added as USER\n", in, "user", "add", "ann@example.org")
		s.wantCall(t, 0, `{"number":2,"id":"ID","email":"Ben@example.org","username":"ben","name":"Ben B.","role":"ADMIN","active":false,"regular":false,"internal":true,"created_at":"T","last_login_at":null}`+"\n",
			in, "user", "add", "Ben@example.org", "--username", "ben", "--name", "Ben B.", "--role", "admin", "--active=false", "--regular=false", "--internal", "--json")
		s.wantCall(t, 0, "user 3, 1@example.org, was added as USER\n", in, "user", "add", "1@example.org", "--username", "1")
		s.wantCall(t, 0, "NUMBER  EMAIL            USERNAME  ROLE   ACTIVE  CREATED               LAST LOGIN\n"+
			"1       ann@example.org  -         USER   yes     T  -\n"+
			"2       Ben@example.org  ben       ADMIN  no      T  -\n"+
			"3       1@example.org    1         USER   yes     T  -\n", "", "user", "list")

		s.wantCall(t, 0, "user 2, Ben@example.org, is SUPERADMIN now\n", "", "user", "role", "BEN", "SUPERADMIN")
		s.wantCall(t, 0, "user 2, Ben@example.org, may log in\n", "", "user", "activate", "ben@EXAMPLE.org")
		s.wantCall(t, 0, "user 1, ann@example.org, may not log in any more\n", "", "user", "deactivate", "1") // not whose name is 1
		s.wantCall(t, 0, "user 1, ann@example.org, has another password; all logins have ended\n", anotherPassword, "user", "passwd", "ann@example.org")
		s.wantCall(t, 0, "user 1, ann@example.org, was deleted; fairway user restore 1 brings the user back\n", "", "user", "delete", "ann@example.org")
		s.wantCall(t, 3, "fairway user: there is no user ann@example.org\n", "", "user", "role", "ann@example.org", "ADMIN")
		s.wantCall(t, 3, "fairway user: there is no user 1\n", "", "user", "delete", "1")
		s.wantCall(t, 2, "fairway user: a deleted user is named by number or id: others may have the address now\n", "", "user", "restore", "ann@example.org")
		s.wantCall(t, 3, "fairway user: the user 2 is not deleted\n", "", "user", "restore", "2")
		s.wantCall(t, 0, "user 4, ANN@example.org, was added as USER\n", in, "user", "add", "ANN@example.org")
		s.wantCall(t, 1, "fairway user: the email is taken\n", "", "user", "restore", "1")
		s.wantCall(t, 0, "user 4, ANN@example.org, was deleted; fairway user restore 4 brings the user back\n", "", "user", "delete", "4")
		s.wantCall(t, 0, "user 1, ann@example.org, is back\n", "", "user", "restore", "1")

		s.wantCall(t, 1, "fairway user: the email is taken\n", in, "user", "add", "BEN@example.org")
		s.wantCall(t, 1, "fairway user: the username is taken\n", in, "user", "add", "c@example.org", "--username", "Ben")
		s.wantCall(t, 2, "fairway user: Email not valid\n", in, "user", "add", "nobody")
		s.wantCall(t, 2, "fairway user: A username has neither @ nor :\n", in, "user", "add", "c@example.org", "--username", "ben@example.org")
		s.wantCall(t, 2, "fairway user: a role is USER, ADMIN, or SUPERADMIN, not ROOT\n", in, "user", "add", "c@example.org", "--role", "ROOT")
		s.wantCall(t, 2, "fairway user: Password must be at least 12 characters long\n", "Short-1\n", "user", "passwd", "ben")
		s.wantCall(t, 2, "fairway user: user add takes <email>, not 0 arguments\n", "", "user", "add")
		s.wantCall(t, 3, "fairway user: there is no user 99999999999999999999\n", in, "user", "passwd", "99999999999999999999")
		s.wantCall(t, 3, "fairway user: there is no user a\ufffdb\n", in, "user", "passwd", "a\x1bb")
		s.wantCall(t, 2, "fairway user: unknown flag: --password\n", "", "user", "add", "c@example.org", "--password", goodPassword)
		s.wantCall(t, 2, "fairway user: user has no command fly: it knows add, list, passwd, role, activate, deactivate, delete and restore\n", "", "user", "fly")
		s.wantCall(t, 2, "fairway user: --config: open nowhere: no such file or directory\n", "", "user", "list", "--config", "nowhere")
		s.auditedAs(t, dsn)
	})
}

// auditedAs holds that each change is in the audit log as that of the user of the system who made it.
func (dbShell) auditedAs(t *testing.T, dsn string) {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	const ask = "select action || ' ' || count(*) from audit_log where actor = 'command:%s' group by action order by action"
	want := "user.change 4\nuser.create 4\nuser.delete 2\nuser.restore 1\n"
	if got := askStore(t, dsn, fmt.Sprintf(ask, me.Username)); got != want {
		t.Error(cmp.Diff(want, got))
	}
	if got := askStore(t, dsn, "select count(*) from audit_log where actor not like 'command:%'"); got != "0\n" {
		t.Errorf("others did %s", got)
	}
}

// TestUserAddRace holds that of those who add one address at once one does, and the others are told.
func TestUserAddRace(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := commandShell(t, dsn)
		const many = 8
		outcomes := make([]called, many)
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				address := "ann@example.org"
				if i%2 == 1 {
					address = "ANN@Example.org"
				}
				outcomes[i] = s.call(t, goodPassword, "user", "add", address)
			})
		}
		all.Wait()
		codes := map[int]int{}
		for _, c := range outcomes {
			codes[c.code]++
			if c.code == 1 && c.err != "fairway user: the email is taken\n" {
				t.Errorf("%q", c.err)
			}
		}
		if codes[0] != 1 || codes[1] != many-1 {
			t.Errorf("exit codes: %v", codes)
		}
		if got := askStore(t, dsn, "select count(*) from users"); got != "1\n" {
			t.Errorf("there are %s", got)
		}
	})
}

// TestPasswordSources has passwords come from a file, from standard input, and from nowhere.
func TestPasswordSources(t *testing.T) {
	t.Parallel()
	s := newDBShell(t, "\t\tdatabase")
	s.write(t, "password", goodPassword+"\r\nmore\n")
	s.write(t, "empty", "\n")
	got := s.call(t, "", "user", "add", "ann@example.org", "--password-file", "password")
	if got.code != 0 || !regexp.MustCompile(`^fairway user: the store is new: \S+/fairway\.db\n$`).MatchString(got.err) {
		t.Errorf("%+v", got)
	}
	s.wantCall(t, 2, "fairway user: standard input has not a password in its first line\n", "", "user", "passwd", "ann@example.org")
	s.wantCall(t, 2, "fairway user: empty has not a password in its first line\n", goodPassword, "user", "passwd", "ann@example.org", "--password-file", "empty")
	s.wantCall(t, 2, "fairway user: --password-file: open nowhere: no such file or directory\n", goodPassword, "user", "passwd", "ann@example.org", "--password-file", "nowhere")
	config, err := os.ReadFile(filepath.Join(s.dir, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	s.wantCall(t, 2, "fairway user: the configuration comes from standard input, so the password cannot: use --password-file\n", string(config), "user", "passwd", "ann@example.org", "--config", "-")
	s.wantCall(t, 0, "user 1, ann@example.org, has another password; all logins have ended\n", string(config), "user", "passwd", "ann@example.org", "--config", "-", "--password-file", "password")
	// The configuration may be JSON, too.
	adapted := s.call(t, "", "adapt")
	s.write(t, "config.json", adapted.out)
	s.wantCall(t, 0, "user 1, ann@example.org, is ADMIN now\n", "", "user", "role", "1", "ADMIN", "--config", "config.json")
	g := startGateway(t, siteWith("\tfairway {\n\t\tdatabase sqlite:"+filepath.Join(storeFolder(s), "fairway.db")+"\n\t}", "\thealth\n\tcontrol\n"))
	login(t, g, "ann@example.org", goodPassword)
}

// storeFolder is Caddy's data directory of a shell.
func storeFolder(s dbShell) string {
	for _, v := range s.env {
		if dir, ok := strings.CutPrefix(v, "XDG_DATA_HOME="); ok {
			return filepath.Join(dir, "caddy")
		}
	}
	return ""
}

// tokensOf is what /auth answers.
type tokensOf struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// login logs in by /auth; the test ends where that fails.
func login(t *testing.T, g *gateway, email, password string) tokensOf {
	t.Helper()
	out, status := tryLogin(t, g, "/auth", map[string]string{"email": email, "password": password})
	if status != http.StatusOK {
		t.Fatalf("%s cannot log in: %d", email, status)
	}
	return out
}

func tryLogin(t *testing.T, g *gateway, path string, body map[string]string) (out tokensOf, status int) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Post(g.url+path, "application/json", strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_ = json.NewDecoder(resp.Body).Decode(&out)
	return out, resp.StatusCode
}

// asks gives the status of an operation that any user may do, with a token.
func asks(t *testing.T, g *gateway, bearer string) int {
	t.Helper()
	return asksPath(t, g, bearer, "/api/v1/user/me/sessions")
}

func asksPath(t *testing.T, g *gateway, bearer, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// soon holds that something becomes true, as gateways hear of what a command did.
func soon(t *testing.T, what string, done func() bool) {
	t.Helper()
	if err := waitFor(func() error {
		if done() {
			return nil
		}
		return errors.New("not yet")
	}); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// controlled starts a gateway over the store of a shell.
func (s dbShell) controlled(t *testing.T, secrets string, env ...string) *gateway {
	t.Helper()
	var ofStore []string
	for _, v := range s.env {
		if strings.HasPrefix(v, "DATABASE_URL=") || strings.HasPrefix(v, "FAIRWAY_") {
			ofStore = append(ofStore, v)
		}
	}
	return startGateway(t, siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret "+secrets+"\n\t}", "\thealth\n\tcontrol\n"), append(ofStore, env...)...)
}

// TestCommandsBesideGateways works on users, tokens and clients while two gateways run, which hear of it.
func TestCommandsBesideGateways(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := commandShell(t, dsn)
		s.wantCall(t, 0, "user 1, ann@example.org, was added as ADMIN\n", goodPassword, "user", "add", "ann@example.org", "--role", "ADMIN")
		one, two := s.controlled(t, "{env.FAIRWAY_SECRET}"), s.controlled(t, "{env.FAIRWAY_SECRET}")
		both := []*gateway{one, two}

		in := login(t, one, "ann@example.org", goodPassword)
		for _, g := range both {
			if got := asks(t, g, in.Access); got != http.StatusOK {
				t.Errorf("a token is answered with %d", got)
			}
		}
		s.wantCall(t, 0, "user 1, ann@example.org, has another password; all logins have ended\n", anotherPassword, "user", "passwd", "ann@example.org")
		for _, g := range both {
			soon(t, "another password ends all logins", func() bool { return asks(t, g, in.Access) == http.StatusUnauthorized })
			if _, status := tryLogin(t, g, "/auth/refresh", map[string]string{"refresh_token": in.Refresh}); status == http.StatusOK {
				t.Error("a refresh token is taken after another password was set")
			}
			soon(t, "the old password is refused", func() bool {
				_, status := tryLogin(t, g, "/auth", map[string]string{"email": "ann@example.org", "password": goodPassword})
				return status == http.StatusUnauthorized
			})
		}
		in = login(t, two, "ann@example.org", anotherPassword)

		s.wantCall(t, 0, "user 1, ann@example.org, may not log in any more\n", "", "user", "deactivate", "1")
		soon(t, "who is not active is refused", func() bool { return asks(t, one, in.Access) == http.StatusUnauthorized })
		s.wantCall(t, 0, "user 1, ann@example.org, may log in\n", "", "user", "activate", "1")
		soon(t, "who is active again is let in", func() bool { return asks(t, one, in.Access) == http.StatusOK })

		made := s.call(t, "", "token", "create", "--user", "ann@example.org", "--scope", "tokens:read", "--description", "nightly", "--json")
		var token struct {
			Token  string `json:"token"`
			Number int    `json:"number"`
		}
		if err := json.Unmarshal([]byte(made.out), &token); err != nil || made.code != 0 || token.Number != 1 {
			t.Fatalf("%+v, %v", made, err)
		}
		for _, g := range both {
			if got := asksPath(t, g, token.Token, "/api/v1/tokens"); got != http.StatusOK {
				t.Errorf("a token that was made is answered with %d", got)
			}
		}
		s.wantCall(t, 0, "token 1 was revoked\n", token.Token+"\n", "token", "revoke", "-")
		for _, g := range both {
			soon(t, "a token that was revoked is refused", func() bool { return asksPath(t, g, token.Token, "/api/v1/tokens") == http.StatusUnauthorized })
		}

		added := s.call(t, "", "client", "add", "robot", "--owner", "ann@example.org", "--scope", "auth:read", "--grant", "client_credentials", "--json")
		var robot struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		}
		if err := json.Unmarshal([]byte(added.out), &robot); err != nil || added.code != 0 {
			t.Fatalf("%+v, %v", added, err)
		}
		granted := func(g *gateway) (tokensOf, int) {
			resp, err := client.PostForm(g.url+"/auth/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {robot.ID}, "client_secret": {robot.Secret}})
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var out tokensOf
			_ = json.NewDecoder(resp.Body).Decode(&out)
			return out, resp.StatusCode
		}
		as, status := granted(two)
		if status != http.StatusOK || asks(t, one, as.Access) != http.StatusOK {
			t.Errorf("a client that was made is answered with %d", status)
		}
		s.wantCall(t, 0, "client "+printed(robot.ID)+" was revoked\n", "", "client", "revoke", robot.ID)
		soon(t, "a client's tokens end with it", func() bool { return asks(t, one, as.Access) == http.StatusUnauthorized })
		if _, status := granted(one); status != http.StatusUnauthorized {
			t.Errorf("a client that was revoked is answered with %d", status)
		}
		s.wantCall(t, 3, "fairway client: there is no client nobody\n", "", "client", "revoke", "nobody")

		s.wantCall(t, 0, "user 1, ann@example.org, was deleted; fairway user restore 1 brings the user back\n", "", "user", "delete", "1")
		soon(t, "who was deleted is refused", func() bool { return asks(t, two, in.Access) == http.StatusUnauthorized })
	})
}

// TestTokenAndClientCommands holds what the two print, and refuse.
func TestTokenAndClientCommands(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := commandShell(t, dsn)
		s.wantCall(t, 0, "user 1, ann@example.org, was added as USER\n", goodPassword, "user", "add", "ann@example.org")
		s.wantCall(t, 0, "token 1, permanent, with users:read teams:read, was made; it is shown this once:\nTOKEN\n", "", "token", "create", "--scope", "users:read,teams:read", "--description", "nightly")
		s.wantCall(t, 0, "token 2, temporary of ann@example.org, with users:read, was made; it is shown this once:\nTOKEN\n", "", "token", "create", "--type", "temporary", "--user", "1", "--scope", "users:read", "--expires", "1h")
		s.wantCall(t, 0, `{"number":3,"id":"ID","token":"TOKEN","type":"user","user":"ann@example.org","scopes":["all"],"description":"x","metadata":{"a":1},"disabled":false,"not_before":"T","expires_at":"T","created_at":"T","last_used_at":null}`+"\n",
			"", "token", "create", "--user", "ann@example.org", "--scope", "all", "--description", "x", "--metadata", `{"a": 1}`, "--not-before", "1h", "--expires", "2040-01-01T00:00:00+01:00", "--json")
		s.wantCall(t, 0, "NUMBER  TYPE       USER             SCOPES                 DESCRIPTION  DISABLED  EXPIRES               CREATED               LAST USED\n"+
			"1       permanent  -                users:read teams:read  nightly      no        -                     T  -\n"+
			"2       temporary  ann@example.org  users:read             -            no        T  "+"T  -\n"+
			"3       user       ann@example.org  all                    x            no        T  "+"T  -\n", "", "token", "list")
		listed := s.call(t, "", "token", "list", "--type", "user", "--user", "ann@example.org", "--json")
		if strings.Count(listed.out, `"number"`) != 1 || strings.Contains(listed.out, "fw_api_") || listed.code != 0 {
			t.Errorf("%+v", listed)
		}
		s.wantCall(t, 0, "token 1 was revoked\n", "", "token", "revoke", "1")
		s.wantCall(t, 3, "fairway token: there is no token 1\n", "", "token", "revoke", "1")
		s.wantCall(t, 3, "fairway token: there is no token like that\n", "fw_api_nothing\n", "token", "revoke", "-")
		s.wantCall(t, 3, "fairway token: there is no user nobody\n", "", "token", "create", "--user", "nobody", "--scope", "all", "--description", "x")
		s.wantCall(t, 2, "fairway token: A token has at least one scope.\n", "", "token", "create", "--description", "x")
		s.wantCall(t, 2, "fairway token: Unknown scope: \"users:fly\".\n", "", "token", "create", "--scope", "users:fly", "--description", "x")
		s.wantCall(t, 2, "fairway token: a type is permanent, user, or temporary, not prm\n", "", "token", "create", "--type", "prm")
		s.wantCall(t, 2, "fairway token: --expires takes how long from now, like 30d, or a time like T, not soon\n", "", "token", "create", "--expires", "soon")

		s.wantCall(t, 0, "client CLIENT was made; its secret is shown this once:\nSECRET\n", "", "client", "add", "robot", "--owner", "1", "--scope", "users:read")
		s.wantCall(t, 0, "client pages was made; it has no secret\n", "", "client", "add", "Pages", "--id", "pages", "--public", "--no-secret", "--scope", "users:read,users:write", "--grant", "password,refresh_token")
		s.wantCall(t, 0, "CLIENT ID                                NAME   OWNER            PUBLIC  SCOPES                  GRANTS                                     EXPIRES  CREATED               LAST USED\n"+
			"CLIENT  robot  ann@example.org  no      users:read              client_credentials password refresh_token  -        T  -\n"+
			"pages                                    Pages  -                yes     users:read users:write  password refresh_token                     -        T  -\n", "", "client", "list")
		s.wantCall(t, 0, `{"clients":[{"id":"ID","client_id":"CLIENT","name":"robot","public":false,"owner":"ann@example.org","scopes":["users:read"],"grants":["client_credentials","password","refresh_token"],"redirect_uris":[],"created_at":"T","expires_at":null,"last_used_at":null}]}`+"\n",
			"", "client", "list", "--owner", "ann@example.org", "--json")
		s.wantCall(t, 1, "fairway client: the client_id is taken\n", "", "client", "add", "Other", "--id", "pages", "--scope", "users:read")
		s.wantCall(t, 2, "fairway client: Only a public client may have no secret.\n", "", "client", "add", "Other", "--no-secret", "--scope", "users:read")
		s.wantCall(t, 0, "client pages was revoked\n", "", "client", "revoke", "pages")
	})
}

// TestCommandsKnowScopesOfServices gives away a scope that the configuration names.
func TestCommandsKnowScopesOfServices(t *testing.T) {
	t.Parallel()
	s := newDBShell(t, "\t\ttokens {\n\t\t\tscopes reports:read\n\t\t}")
	if out, code := s.run(t, "up"); code != 0 {
		t.Fatal(out)
	}
	s.wantCall(t, 0, "token 1, permanent, with reports:read, was made; it is shown this once:\nTOKEN\n", "", "token", "create", "--scope", "reports:read", "--description", "nightly")
	s.wantCall(t, 0, "client pages was made; it has no secret\n", "", "client", "add", "Pages", "--id", "pages", "--public", "--no-secret", "--scope", "reports:read")
	s.wantCall(t, 2, "fairway token: Unknown scope: \"reports:write\".\n", "", "token", "create", "--scope", "reports:write", "--description", "x")
}

// TestSecretsRotate replaces the secret of a gateway whose users are logged in, and takes the old one out.
func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := commandShell(t, dsn)
		s.wantCall(t, 0, "user 1, ann@example.org, was added as USER\n", goodPassword, "user", "add", "ann@example.org")
		old := s.controlled(t, "{env.FAIRWAY_SECRET}")
		in := login(t, old, "ann@example.org", goodPassword)
		rename := "FAIRWAY_SECRET=" + olderSecret // the new one
		before := "FAIRWAY_OLD_SECRET=" + someSecret
		during := s.controlled(t, "{env.FAIRWAY_SECRET} {env.FAIRWAY_OLD_SECRET}", rename, before)
		if got := asks(t, during, in.Access); got != http.StatusOK {
			t.Errorf("with both secrets a token is answered with %d", got)
		}
		file, err := os.ReadFile(filepath.Join(s.dir, "Caddyfile"))
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, "Caddyfile", strings.Replace(string(file), "secret {env.FAIRWAY_SECRET}", "secret {env.FAIRWAY_SECRET} {env.FAIRWAY_OLD_SECRET}", 1))
		s.env = append(s.env, rename, before)
		s.wantCall(t, 0, "the key KID signs tokens from T on\nwhat older keys signed is valid until T at most\nkeys that were sealed anew with {env.FAIRWAY_SECRET}: 1\n"+
			"left to do: take {env.FAIRWAY_OLD_SECRET} out of the configuration of every gateway; sessions with backends that it sealed are then logged in anew, of which there are none 8 hours after {env.FAIRWAY_SECRET} came first\n",
			"", "secrets", "rotate")

		after := s.controlled(t, "{env.FAIRWAY_SECRET}", rename)
		for name, g := range map[string]*gateway{"old": old, "during": during, "after": after} {
			if got := asks(t, g, in.Access); got != http.StatusOK {
				t.Errorf("%s: a token of before is answered with %d", name, got)
			}
		}
		next, status := tryLogin(t, after, "/auth/refresh", map[string]string{"refresh_token": in.Refresh})
		if status != http.StatusOK || asks(t, after, next.Access) != http.StatusOK || asks(t, old, next.Access) != http.StatusOK {
			t.Errorf("a refresh token of before is answered with %d", status)
		}
		if log := after.log.String(); strings.Contains(log, "cannot be opened") {
			t.Errorf("the old secret is missed:\n%s", log)
		}

		s.write(t, "Caddyfile", string(file))
		s.wantCall(t, 0, `{"key":"KID","signs_at":"T","others_end_at":"T","sealed":0,"shut":[],"left":[]}`+"\n", "", "secrets", "rotate", "--revoke", "--json")
		soon(t, "what older keys signed ends", func() bool { return asks(t, after, in.Access) == http.StatusUnauthorized })
		if again, status := tryLogin(t, after, "/auth/refresh", map[string]string{"refresh_token": in.Refresh}); status != http.StatusOK || asks(t, after, again.Access) != http.StatusOK {
			t.Errorf("a login does not go on: %d", status)
		}
	})
}

// TestSecretsOfNobody holds that a command makes no secret of its own, by which it would seal what no gateway opens.
func TestSecretsOfNobody(t *testing.T) {
	t.Parallel()
	s := newDBShell(t, "\t\tdatabase")
	s.wantCall(t, 2, "fairway secrets: there is no /fairway.key: call this as the user whose gateway it is\n", "", "secrets", "rotate")
	if _, err := os.Stat(filepath.Join(storeFolder(s), "fairway.key")); err == nil {
		t.Error("there is a secret now")
	}
	s.wantCall(t, 2, "fairway secrets: secrets needs to know what to do: rotate\n", "", "secrets")
}

// TestSeed makes the users of development, once.
func TestSeed(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := commandShell(t, dsn)
		s.wantCall(t, 2, "fairway db: db seed makes users whose passwords everybody knows; say --development if that is meant\n", "", "db", "seed")
		s.wantCall(t, 0, "made the users: root, user, internal\nmade the clients: documentation\n", "", "db", "seed", "--development")
		s.wantCall(t, 1, "fairway db: the store has users: the ones of development are for an empty one\n", "", "db", "seed", "--development")
		g := s.controlled(t, "{env.FAIRWAY_SECRET}")
		for name, password := range map[string]string{"root": "q", "user": "w", "internal": "q"} {
			login(t, g, name, password)
		}
	})
}

// TestCompletion asks as shells do.
func TestCompletion(t *testing.T) {
	t.Parallel()
	s := newDBShell(t, "\t\tdatabase")
	for line, want := range map[string]string{
		"user role ann ":        "USER\nADMIN\nSUPERADMIN\n:4\n",
		"user role ":            ":4\n",
		"user add x --role ":    "USER\nADMIN\nSUPERADMIN\n:4\n",
		"token create --type ":  "permanent\nuser\ntemporary\n:4\n",
		"client add x --grant ": "client_credentials\npassword\nrefresh_token\n:4\n",
		"secrets rotate --re":   "--revoke\tHave all that older keys signed be invalid at once, because one may have been stolen\n:4\n",
	} {
		got := s.call(t, "", append([]string{"__complete"}, strings.Split(line, " ")...)...)
		if diff := cmp.Diff(want, got.out); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

// askStore gives rows of one column of a store, each with a line break.
func askStore(t *testing.T, dsn, statement string) string {
	t.Helper()
	driver, address := "pgx", dsn
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, address = "sqlite", path
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestCommandsPage runs what the page of commands shows.
func TestCommandsPage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := commandShell(t, dsn)
		s.env[0] = "PATH=" + filepath.Dir(binary) + string(filepath.ListSeparator) + os.Getenv("PATH")
		steps := 0
		for _, f := range pageFences(t, filepath.Join("docs", "commands.md")) {
			if f.hint != "run by modules/integration/commands_test.go" {
				continue
			}
			for _, block := range strings.Split("\n"+f.text, "\n$ ")[1:] {
				steps++
				line, shown, _ := strings.Cut(block, "\n")
				cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
				cmd.Dir, cmd.Env = s.dir, s.env
				got := ran(t, cmd)
				want := ""
				if shown != "" {
					want = printed(strings.TrimSuffix(shown, "\n") + "\n")
				}
				if diff := cmp.Diff(want, printed(got.out)); diff != "" || got.code != 0 || got.err != "" {
					t.Errorf("%s ends with %d, and says %q (-want +got):\n%s", line, got.code, got.err, diff)
				}
			}
		}
		if steps < 8 {
			t.Errorf("the page has %d steps", steps)
		}
	})
}
