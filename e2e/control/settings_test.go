package control_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestSettingsOfTokens has what the option tokens can say.
func TestSettingsOfTokens(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		o := e.options()
		o.Fairway += "\n\t\ttokens {\n\t\t\tissuer https://gateway.example.org\n\t\t\taccess 2s\n\t\t\trefresh 3s\n\t\t\tpassword_grant off\n\t\t\tquery_secrets off\n\t\t}"
		w := start(t, e, o)
		for says, moves := range map[string][]move{
			"JWT failures: 401 {status, detail: Token has expired, error: token_expired}": does(
				logIn("{user.email}", "{user.password}").gives(200, `{"access_token":"<jwt:access>","expires_in":2,"...":0}`),
				eventually(whole("{access}").gives(401, refused("Token has expired", "token_expired")))),
			"a refresh token that nobody uses ends": does(
				logIn("{user.email}", "{user.password}").gives(200, `{"refresh_token":"<opaque:refresh>","...":0}`),
				// Each use would prolong it, so another login is waited for.
				eventually(post("/auth").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200, `{"access_token":"<jwt:access>","...":0}`)),
				eventually(whole("{access}").gives(401)), logIn("{user.email}", "{user.password}").gives(200, `{"access_token":"<jwt:access>","...":0}`), eventually(whole("{access}").gives(401)),
				post("/auth/refresh").json(`{"refresh_token":"{refresh}"}`).gives(401, trendsSays("Invalid or expired refresh token"))),
			"Password grant can be switched off": does(
				token().form("grant_type", "password", "client_id", "documentation", "username", "{user.username}", "password", "{user.password}").gives(400, oauthSays("unsupported_grant_type")),
				logIn("{user.email}", "{user.password}").gives(200)),
			"a password in the query is accepted, off by one option": does(
				post("/auth/oauth2/revoke?client_id={client.id}&client_secret={client.secret}&token=x").gives(400, oauthSays("invalid_request")),
				get("/auth/oauth2/token?grant_type=client_credentials&client_id={client.id}&client_secret={client.secret}").gives(400, oauthSays("invalid_request")),
				token("grant_type", "client_credentials").basic("{client.id}", "{client.secret}").gives(200)),
		} {
			t.Run(says, func(t *testing.T) {
				t.Parallel()
				s := w.scene(t)
				for _, m := range moves {
					m.do(s)
				}
			})
		}
	})
}

// TestFirstAdministrator is made, where nothing is said of him, with a password that is printed once.
func TestFirstAdministrator(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		o := e.options()
		o.Env = o.Env[:2]
		w := start(t, e, o)
		printed := regexp.MustCompile(`(?s)e-mail: +(\S+)\n +password: (\S+)\n`)
		found := printed.FindAllStringSubmatch(w.gateway.Log(), -1)
		if len(found) != 1 {
			t.Fatalf("it was printed %d times", len(found))
		}
		s := w.scene(t)
		logIn(found[0][1], found[0][2]).gives(200, `{"access_token":"<jwt:access>","...":0}`).do(s)
		post("/api/v1/user").bearer("{access}").json(`{"email":"next@example.org","name":"Next","role":"SUPERADMIN"}`).gives(200, `{"data":{"role":"SUPERADMIN","...":0}}`).do(s)
		// The public client is there, and has no secret.
		s.value("user.oauth")
		w.gateway.Stop()
		w.gateway.Run()
		if n := len(printed.FindAllString(w.gateway.Log(), -1)); n != 1 {
			t.Errorf("it was printed %d times", n)
		}
		if n := strings.Count(w.gateway.Log(), found[0][2]); n != 1 {
			t.Errorf("the password is there %d times", n)
		}
		logIn(found[0][1], found[0][2]).gives(200).do(s)
	})
}

// TestFirstAdministratorOfEnvironment is who FAIRWAY_ADMIN_EMAIL and FAIRWAY_ADMIN_PASSWORD say.
func TestFirstAdministratorOfEnvironment(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		w := start(t, e, e.options())
		s := w.scene(t)
		logIn(adminEmail, adminPassword).gives(200, `{"access_token":"<jwt:access>","...":0}`).do(s)
		post("/api/v1/user").bearer("{access}").json(`{"email":"next@example.org","name":"Next","role":"ADMIN"}`).gives(200).do(s)
		if strings.Contains(w.gateway.Log(), adminPassword) {
			t.Error("the log has the password")
		}
	})
}

// TestMailWithoutServer has letters in the log, which is said at the start.
func TestMailWithoutServer(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		w := start(t, e, e.options())
		s := w.scene(t)
		if log := w.gateway.Log(); !strings.Contains(log, `"level":"warn"`) || !regexp.MustCompile(`(?i)letters?[^\n]*log|mail[^\n]*log`).MatchString(log) {
			t.Errorf("nothing is said of mail at the start:\n%s", log)
		}
		post("/api/v1/user/{user.email}/recover-password").gives(200).do(s)
		link := regexp.MustCompile(`/reset-password\?token=([\w-]+)`)
		await(s, 50*time.Millisecond, func() error {
			found := link.FindStringSubmatch(w.gateway.Log())
			if found == nil {
				return errNotYet
			}
			s.vars["link"] = found[1]
			return nil
		})
		post("/api/v1/user/reset-password").json(`{"token":"{link}","password":"` + strongOther + `"}`).gives(200).do(s)
	})
}

// TestMailServerIsDead loses no letter while the server of mail is dead, also where the gateway is killed meanwhile.
func TestMailServerIsDead(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		mail := startSink(t)
		mail.setDown(true)
		o := e.options()
		o.Fairway += mail.option()
		w := start(t, e, o)
		w.mail = mail
		s := w.scene(t)
		post("/api/v1/user/{user.email}/recover-password").gives(200).do(s)
		w.gateway.Kill()
		mail.setDown(false)
		w.gateway.Run()
		// A letter that was being sent is somebody's until its lease ends, and one that failed is tried again after a minute.
		for range 3 {
			if len(mail.of(s.value("user.email"))) > 0 {
				break
			}
			_ = within(patience, func() bool { return len(mail.of(s.value("user.email"))) > 0 })
		}
		if len(mail.of(s.value("user.email"))) == 0 {
			t.Error("the letter is lost")
		}
	})
}

// TestUnknownUsersCostTheSame counts the hashes that a login makes, whoever it is for: a hash takes 1 MiB here, and the profile of
// memory has every allocation of that size (of one in 10^13, to be exact, it has not).
func TestUnknownUsersCostTheSame(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		o := e.options()
		o.Env = append(o.Env, "GODEBUG=memprofilerate=32768")
		w := start(t, e, o)
		s := w.scene(t)
		s.value("user.id")
		s.value("inactive.id")
		deleted("other")(s)
		fresh()(s)
		post("/api/v1/user").json(`{"email":"{new}","name":"No password"}`).gives(200).do(s)
		cost := func(what string, a *ask) int {
			before := w.hashes(t)
			a.do(s)
			n := w.hashes(t) - before
			t.Logf("%s: %d hashes", what, n)
			return n
		}
		if n := cost("a right password", logIn("{user.email}", "{user.password}").gives(200)); n != 1 {
			t.Errorf("a right password costs %d hashes: they cannot be counted so", n)
		}
		for kind, ask := range map[string]func(login string) *ask{
			"/auth": func(login string) *ask { return wrongPassword(login).gives(401) },
			"token endpoint": func(login string) *ask {
				return token().form("grant_type", "password", "client_id", "documentation", "username", login, "password", "Not it 1").gives(401)
			},
			"Basic": func(login string) *ask {
				return get("/api/v1/auth/oauth2_clients/?user_id=1").basic(login, "Not it 2").gives(401)
			},
		} {
			known := cost(kind+", a wrong password", ask("{user.email}"))
			for _, login := range []string{"nobody@example.org", "nobody", "{other.email}", "{inactive.email}", "{new}"} {
				if n := cost(kind+", "+login, ask(login)); n != known || n == 0 {
					t.Errorf("%s: %s costs %d hashes, a known user %d", kind, login, n, known)
				}
			}
		}
	})
}
