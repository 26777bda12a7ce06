package control_test

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// hashes is how many hashes of argon2id the gateway has made since it started, by its profile of memory.
func (w *world) hashes(t *testing.T) int {
	t.Helper()
	var profile string
	for range 2 { // what was allocated is told after the second collection
		profile = w.gateway.AdminText("/debug/pprof/heap?debug=1&gc=1")
	}
	total := 0
	record := regexp.MustCompile(`^\d+: \d+ \[(\d+): (\d+)\] @`)
	lines := strings.Split(profile, "\n")
	for i, line := range lines {
		found := record.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		n, _ := strconv.Atoi(found[1])
		bytes, _ := strconv.Atoi(found[2])
		if n == 0 || bytes/n < 1<<20 {
			continue
		}
		for _, frame := range lines[i+1:] {
			if !strings.HasPrefix(frame, "#") {
				break
			}
			if strings.Contains(frame, "argon2.") {
				total += n
				break
			}
		}
	}
	return total
}

// TestNothingSecretIsTold makes every credential that there is, also in queries and in requests that fail, and looks for them in
// logs, /services, the configuration, metrics, profiles and the store.
func TestNothingSecretIsTold(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		mail := startSink(t)
		o := e.options()
		o.Global += "\n\tdebug\n\tmetrics"
		o.Site = "\tlog\n" + o.Site
		o.Fairway += mail.option()
		w := start(t, e, o)
		w.mail = mail
		s := w.scene(t)
		told := everySecret(s)
		seen := map[string]string{
			"the log": w.gateway.Log(), "/services": w.gateway.Get("/services", "", "").Body, "/ready": w.gateway.Get("/ready", "", "").Body,
			"the configuration": w.gateway.AdminText("/config/"), "metrics": w.gateway.AdminText("/metrics"),
			"goroutines": w.gateway.AdminText("/debug/pprof/goroutine?debug=2"), "the heap's profile": w.gateway.AdminText("/debug/pprof/heap?debug=1"),
			"the command line": w.gateway.AdminText("/debug/pprof/cmdline"), "the store": e.dump(),
		}
		for name, secret := range told {
			if len(secret) < 16 {
				t.Fatalf("%s is %q", name, secret)
			}
		}
		for place, text := range seen {
			if len(text) < 2 {
				t.Errorf("%s is %q", place, text)
			}
			for _, name := range slices.Sorted(maps.Keys(told)) {
				for as, form := range spellings(told[name]) {
					if strings.Contains(text, form) {
						at := strings.Index(text, form)
						t.Errorf("%s has %s, %s: …%q…", place, name, as, text[max(0, at-420):min(len(text), at+20)])
					}
				}
			}
		}
		if !strings.Contains(seen["the log"], "password=REDACTED") {
			t.Error("the log has no line of a request with a password in its query")
		}
		if !strings.Contains(seen["the store"], "$argon2id$") {
			t.Error("the store has no hash: it was not looked at")
		}
	})
}

// TestMistypedPathIsNotLogged has a secret in the query of a path that is none of ours, also with the option debug, with which Caddy
// logs the whole request of every error that its error routes answer.
func TestMistypedPathIsNotLogged(t *testing.T) {
	t.Parallel()
	for name, global := range map[string]string{"access log": "", "debug": "\n\tdebug"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := sqlite(t)
			o := e.options()
			o.Global += global
			o.Site = "\tlog\n" + o.Site + "\n\terror /broken* 502"
			w := start(t, e, o)
			s := w.scene(t)
			get("/auth/oauth2/tokens?password={user.password}&client_secret=hush-hush&x=1").gives(404, `{"type":"about:blank","status":404,"...":0}`).do(s)
			if a := s.send(get("/broken?token=hush-hush").header("Authentication", "Bearer hush-hush")); a.Status != 502 || !strings.Contains(a.Body, `"status":502`) {
				t.Error(a)
			}
			errors := 0
			if global != "" {
				errors = 2
			}
			if !within(patience, func() bool {
				log := w.gateway.Log()
				return strings.Contains(log, `"uri":"/broken?token=REDACTED"`) && strings.Contains(log, `/auth/oauth2/tokens?password=REDACTED`) && strings.Count(log, `"logger":"http.log.error`) == errors
			}) {
				t.Error("lines of the log are missing")
			}
			log := w.gateway.Log()
			for _, want := range []string{`"uri":"/auth/oauth2/tokens?password=REDACTED&client_secret=REDACTED&x=1"`, `"uri":"/broken?token=REDACTED"`, `"Authentication":["REDACTED"]`, `"status":404`, `"status":502`} {
				if !strings.Contains(log, want) {
					t.Errorf("the log lacks %s", want)
				}
			}
			if strings.Contains(log, "hush-hush") || strings.Contains(log, s.value("user.password")) {
				t.Error("a secret is in the log")
			}
		})
	}
}

// TestAuthenticationIsNotLogged has old clients show their token to services and routes of a site that has no control API, and one
// that has no health either.
func TestAuthenticationIsNotLogged(t *testing.T) {
	t.Parallel()
	e := sqlite(t)
	w := start(t, e, e.options())
	s := w.scene(t)
	token := s.value("user.access")
	const site = `	log
	callers /files/* users
	respond /files/* "for {http.auth.user.id}"
	service /s {
		version 1.0.0
		repository https://github.com/example/s
		description "For users"
		callers users
		backend http://127.0.0.1:1 {
			retries 0
		}
		GET /x {
			fetch /x {
				fallback "1"
				decode json
			}
		}
	}`
	for name, health := range map[string]string{"with health": "\thealth\n", "without": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := e.options()
			o.Caddyfile = "{\n\tskip_install_trust\n\tdebug\n" + o.Global + "\n\tfairway {\n" + o.Fairway + "\n\t}\n}\n\n{$SITE_ADDRESS} {\n" + health + site + "\n}\n"
			other := *w
			other.gateway = gateway.Start(t, builder, o)
			s := other.scene(t)
			show := func(a *ask) *ask { return a.header("Authentication", "Bearer "+token) }
			for _, a := range []*ask{show(get("/files/x")), show(get("/s/x")), show(get("/s/x?token=hush-hush"))} {
				if got := s.send(a); got.Status != 200 {
					t.Errorf("%s: %s", a.target, got)
				}
			}
			for _, a := range []*ask{show(get("/files/x")).header("Authorization", "Bearer x"), show(get("/s/x")).header("Authorization", "Bearer x")} {
				if got := s.send(a); got.Status != 401 {
					t.Errorf("%s: %s", a.target, got)
				}
			}
			lines := func() (n int) {
				for line := range strings.Lines(s.gateway.Log()) {
					if strings.Contains(line, `"handled request"`) && strings.Contains(line, `"Authentication":["REDACTED"]`) {
						n++
					}
				}
				return n
			}
			if !within(patience, func() bool { return lines() == 5 }) {
				t.Errorf("%d lines of the access log", lines())
			}
			if log := s.gateway.Log(); strings.Contains(log, token) || strings.Contains(log, "hush-hush") {
				t.Error(log)
			}
		})
	}
}

// spellings are the ways in which a secret may be written.
func spellings(secret string) map[string]string {
	out := map[string]string{"as it is": secret, "in base64": base64.RawStdEncoding.EncodeToString([]byte(secret)), "escaped": strings.ReplaceAll(strings.ReplaceAll(secret, " ", "%20"), ":", "%3A")}
	if parts := strings.Split(secret, "."); len(parts) == 3 {
		out["as a signature"] = parts[2]
	}
	return out
}

// everySecret has each credential used rightly and wrongly, and gives them by their names.
func everySecret(s *scene) map[string]string {
	s.t.Helper()
	told := map[string]string{"the gateway's secret": s.secret, "the first administrator's password": adminPassword}
	for _, name := range []string{"user.password", "user.access", "user.refresh", "user.oauth", "user.oauth_refresh", "client.secret", "super.access"} {
		told[name] = s.value(name)
	}
	keep := func(name, from string) act { return func(s *scene) { told[name] = s.vars[from] } }
	const typo = "Mistyped but close: 7 irons"
	told["a mistyped password"] = typo
	for _, m := range does(
		logIn(adminEmail, adminPassword).gives(200, `{"access_token":"<jwt:first>","refresh_token":"<opaque:first_refresh>","...":0}`), keep("an access token", "first"), keep("a refresh token", "first_refresh"),
		logIn("{user.email}", typo).gives(401),
		get("/auth/oauth2/token?grant_type=password&client_id=documentation&username={user.username}&password={user.password}").gives(200, `{"access_token":"<jwt:access>","refresh_token":"<opaque:refresh>","...":0}`), keep("an access token by GET", "access"), keep("a refresh token by GET", "refresh"),
		get("/auth/oauth2/token?grant_type=password&client_id=documentation&username={user.username}&password="+strings.ReplaceAll(typo, " ", "%20")).gives(401),
		get("/auth/oauth2/token?grant_type=password&client_id=documentation&username={user.username}&p%61ssword={user.password}").gives(200),
		get("/auth/oauth2/token/?PASSWORD={user.password}&grant_type=password").gives(400),
		get("/auth?password={user.password}").gives(405),
		post("/auth/oauth2/revoke?client_id=documentation&token={user.oauth_refresh}").nothing(200),
		post("/auth/oauth2/introspect?client_id={client.id}&client_secret={client.secret}&token={user.access}").gives(200),
		get("/auth/oauth2/token?grant_type=client_credentials&client_id={client.id}&client_secret={client.secret}").gives(200, `{"access_token":"<jwt:access>","...":0}`), keep("a client's token", "access"),
		get("/api/v1/user/me/sessions?access_token={user.access}").gives(401),
		get("/api/v1/auth/oauth2_clients/?user_id=1").basic("{user.email}", "{user.password}").gives(422), get("/api/v1/auth/oauth2_clients/?user_id=1").basic("{user.email}", typo).gives(401),
		get(programTokens).header("Authentication", "Bearer {user.access}").gives(200),
		post("/auth/refresh?rotate=true").json(`{"refresh_token":"{user.refresh}"}`).gives(200, `{"refresh_token":"<opaque:refresh>","...":0}`), keep("a successor", "refresh"),
		post("/auth/refresh").json(`{"refresh_token":"fw_rt_no_such_token_`+"`"+`"}`).gives(401),
		post("/api/v1/oauth/clients").bearer("{super.access}").json(`{"name":"x","scopes":"user:read"}`).gives(201, `{"data":{"client_secret":"<text:secret>","...":0}}`), keep("a service client's secret", "secret"),
		post("/api/v1/auth/oauth2_clients").bearer("{super.access}").form("default_scopes", "users:read").gives(200, `{"client_secret":"<text:secret>","...":0}`), keep("an OAuth2 client's secret", "secret"),
		issue("super", usr).gives(201, issued), keep("a program's token", "token"), get(programTokens).bearer("{token}").gives(200), post(programTokens+"/query").bearer("{super.access}").json(`"{token}"`).gives(200),
		fresh(), signUp(`,"password":"`+strongOther+`"`).gives(200),
		post("/api/v1/user/{user.email}/recover-password").gives(200), mailed("{user.email}", 1, "link"), keep("a link", "link"),
		get("/reset-password?token={link}").gives(200),
		post("/api/v1/user/reset-password").json(`{"token":"{link}","password":"Reset by the link: 4 woods"}`).gives(200),
		post("/api/v1/user/reset-password").json(`{"token":"{link}","password":"Reset by the link: 4 woods"}`).gives(404),
		post("/api/v1/user/{new}/recover-password").header("X-Forwarded-For", "192.0.2.9").gives(200), mailed("{new}", 1, "link"), keep("an unused link", "link"),
	) {
		m.do(s)
	}
	told["a new user's password"], told["a password by a link"] = strongOther, "Reset by the link: 4 woods"
	return told
}
