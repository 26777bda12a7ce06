package control_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// callersSite has services for users, and a plain Caddy route for them. The backend says what it was told.
func callersSite(t *testing.T) string {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{
			"authorization": r.Header.Get("Authorization") + r.Header.Get("Authentication"), "user": r.Header.Get("X-Forwarded-User"), "email": r.Header.Get("X-Forwarded-Email"),
		})
	}))
	t.Cleanup(backend.Close)
	head := "\t\tversion 1.0.0\n\t\trepository https://github.com/example/reports\n\t\tdescription \"Reports\"\n"
	return `	control {
		rate 30/h by address
		rate 6/h by caller
		cors https://app.example.org
	}
	service /reports {
` + head + `		callers users reports:read
		backend ` + backend.URL + ` {
			identity X-Forwarded-User X-Forwarded-Email
		}
		GET /who {
			fetch /who {
				decode json
			}
			reply ` + "`{ told: ., caller: ($caller | {id, number, user, email, name, role, scopes}) }`" + `
		}
	}
	service /users {
` + head + `		callers users
		cors https://app.example.org
		backend ` + backend.URL + `
		GET /who {
			rate 3/h by caller
			fetch /who {
				decode json
			}
		}
		GET /any {
			rate 4/h by address
			fetch /who {
				decode json
			}
		}
	}
	callers /files/* users {
		identity X-Forwarded-User
	}
	respond /files/* "{http.auth.user.id} {header.X-Forwarded-User} <{header.Authorization}>"`
}

// serviceSays is an error of a service.
func serviceSays(status int, code string) string {
	return `{"type":"urn:fairway:problem:` + code + `","status":` + shown(status) + `,"status_code":` + shown(status) + `,"detail":"<text>","...":0}`
}

func callersOfServices() []row {
	who := get("/reports/who")
	files := get("/files/june.pdf")
	caller := func(scopes string) string {
		return `{"told":{"authorization":"","user":"{user.username}","email":"{user.email}"},"caller":{"id":"{user.id}","number":{user.number},"user":"{user.username}","email":"{user.email}","name":"{user.name}","role":"USER","scopes":` + scopes + `}}`
	}
	programs := func(scope string) *ask {
		return issue("user", `{"scopes":["`+scope+`"],"description":"d"}`).gives(201, issued)
	}
	return []row{
		{"callers users on any service: Basic, by username and by e-mail; $caller in jq; identity to the backend by option, password never", does(
			get("/reports/who").basic("{user.username}", "{user.password}").gives(200, caller(`["all"]`)), get("/reports/who").basic("{user.email}", "{user.password}").gives(200, caller(`["all"]`)))},
		{"callers users: Bearer of /auth and of OAuth2", does(get("/users/who").bearer("{user.access}").gives(200, `{"authorization":"","user":"","email":""}`), get("/users/who").bearer("{user.oauth}").gives(200))},
		{"callers users [scope …]: a token with the scope", does(programs("reports:read"), get("/reports/who").bearer("{token}").gives(200, caller(`["reports:read"]`)))},
		{"callers users [scope …]: a token without the scope: 403 insufficient_scope", does(programs("tokens:read"),
			get("/reports/who").bearer("{token}").gives(403, serviceSays(403, "insufficient_scope")).with("WWW-Authenticate", `Bearer .*error="insufficient_scope".*scope="reports:read".*`), get("/users/who").bearer("{token}").gives(200))},
		{"callers users: 401 no_credentials, with both challenges", does(
			who.gives(401, serviceSays(401, "no_credentials")).with("WWW-Authenticate", `Bearer realm="fairway", Basic realm="fairway".*`))},
		{"callers users: 401 bad_credentials", does(get("/reports/who").basic("{user.email}", "wrong").gives(401, serviceSays(401, "bad_credentials")).with("WWW-Authenticate", "Basic .*"))},
		{"callers users: 401 invalid_token, token_revoked", does(
			get("/reports/who").bearer("nothing").gives(401, serviceSays(401, "invalid_token")),
			get("/users/who").bearer("{user.access}").gives(200), post("/auth/logout").bearer("{user.access}").gives(200), get("/users/who").bearer("{user.access}").gives(401, serviceSays(401, "token_revoked")))},
		{"callers users: an inactive user", does(get("/users/who").basic("{inactive.email}", "{inactive.password}").gives(401), get("/users/who").bearer("{inactive.oauth}").gives(401, serviceSays(401, "user_inactive")))},
		{"callers users: attempts are throttled: 429 with Retry-After", does(act(func(s *scene) {
			s.t.Helper()
			for range 5 {
				get("/reports/who").basic("{user.email}", "wrong").gives(401).do(s)
			}
		}), get("/reports/who").basic("{user.email}", "wrong").gives(429, serviceSays(429, "too_many_attempts")).with("Retry-After", `\d+`))},
		{"callers users: the metadata stays open, and says basic", does(get("/reports/metadata").gives(200, `{"auth":"basic","...":0}`))},
		{"the same as a http.authentication.providers module for plain Caddy routes", does(
			files.gives(401, serviceSays(401, "no_credentials")),
			get("/files/june.pdf").bearer("{user.access}").gives(200).lacks("Bearer"), get("/files/june.pdf").basic("{user.email}", "wrong").gives(401, serviceSays(401, "bad_credentials")),
			get("/files/june.pdf").bearer("{user.access}").header("X-Forwarded-User", "somebody").gives(200).lacks("somebody"))},
		{"a demoted user: $caller has the role of now", does(
			get("/reports/who").bearer("{admin.access}").gives(200, `{"caller":{"role":"ADMIN","...":0},"...":0}`), change("admin", func(u *db.User) { u.Role = "USER" }),
			act(func(s *scene) {
				s.t.Helper()

				await(s, 20*time.Millisecond, func() error {
					return match(`{"caller":{"role":"USER","...":0},"...":0}`, s.send(get("/reports/who").bearer("{admin.access}")).Body, func(string, string) {})
				})
			}))},
	}
}

// logged has people logged in from elsewhere, before the scene's address is used up.
func logged(names ...string) act {
	return func(s *scene) {
		s.t.Helper()
		was := s.address
		s.address = "192.0.2.91"
		for _, who := range names {
			s.value(who + ".access")
		}
		s.address = was
	}
}

// events asks as an administrator for what limits have refused, until the answer is as it is to be: it is written after a second.
func events(query, pattern string) act {
	return func(s *scene) {
		s.t.Helper()
		s.vars["address"] = s.address
		await(s, 100*time.Millisecond, func() error {
			a := s.send(get("/api/v1/rate-limit/events?" + query).bearer("{super.access}"))
			if a.Status != http.StatusOK {
				return fmt.Errorf("%s: %s", query, a)
			}
			return match(s.fill(pattern, func(v string) string { return v }), a.Body, func(string, string) {})
		})
	}
}

func limitsOfServices() []row {
	limited := `{"status":429,"detail":"Rate limit exceeded. Please try again later.","error_code":"RATE_LIMIT_EXCEEDED","retry_after":"<int>","...":0}`
	spend := func(n int, a *ask) act {
		return func(s *scene) {
			s.t.Helper()
			for range n {
				a.do(s)
			}
		}
	}
	refused := get("/users/who").bearer("{user.access}").gives(429, serviceSays(429, "rate_limited")).with("Retry-After", `[1-9]\d*`).with("X-RateLimit-Limit", "3").with("X-RateLimit-Remaining", "0").with("RateLimit", ".+").with("RateLimit-Policy", ".+")
	return []row{
		{"429 {status:429, detail: Rate limit exceeded. Please try again later., error_code: RATE_LIMIT_EXCEEDED, retry_after}, headers Retry-After, X-RateLimit-*", does(
			spend(6, whole("{user.access}").gives(200).with("X-RateLimit-Remaining", `\d+`)), whole("{user.access}").gives(429, limited).with("Retry-After", `\d+`).with("X-RateLimit-Remaining", "0"))},
		{"key user:<id>: two tokens of one user are one caller, another user is not", does(
			spend(6, whole("{user.access}").gives(200)), whole("{user.oauth}").gives(429, limited), whole("{other.access}").gives(200))},
		{"key ip:<addr>: an address is counted whoever it is", does(spend(30, post("/auth").gives(400)), post("/auth").gives(429, limited), act(func(s *scene) { s.address = "192.0.2.90" }), post("/auth").gives(400))},
		{"rate <n>/<unit> by caller in a route, RateLimit headers", does(spend(3, get("/users/who").bearer("{user.access}").gives(200).with("RateLimit", `.*r=\d+.*`)), refused, get("/users/who").bearer("{other.access}").gives(200), get("/users/any").bearer("{user.access}").gives(200))},
		{"rate by address in a route, asked before anybody is identified", does(spend(4, get("/users/any").gives(401)), get("/users/any").gives(429, serviceSays(429, "rate_limited")))},
		{"GET /rate-limit/status (SUPERADMIN): {message, data}", does(get("/api/v1/rate-limit/status").bearer("{super.access}").gives(200, `{"message":"<text>","data":{"limits":[{"...":0},"..."],"...":0}}`))},
		{"GET /rate-limit/status: 403 {msg: Superadmin access required}", does(get("/api/v1/rate-limit/status").bearer("{admin.access}").gives(403, `{"status":403,"msg":"<text>","...":0}`), get("/api/v1/rate-limit/status").gives(401))},
		{"POST /rate-limit/reset/<identifier>: {message}", does(spend(3, get("/users/who").bearer("{user.access}").gives(200)), refused,
			post("/api/v1/rate-limit/reset/user:{user.id}").bearer("{super.access}").gives(200, `{"message":"<text>","...":0}`), eventually(get("/users/who").bearer("{user.access}").gives(200)))},
		{"POST /rate-limit/reset/<identifier>: 404 {error} of one that was never counted", does(post("/api/v1/rate-limit/reset/user:018f0000-0000-7000-8000-000000000000").bearer("{super.access}").gives(404, `{"status":404,"...":0}`))},
		{"POST /rate-limit/reset/<identifier>: 403 for admins", does(post("/api/v1/rate-limit/reset/user:{user.id}").bearer("{admin.access}").gives(403))},
		{"admins exempt: no limit of the control API by caller, with a token or a password", does(spend(9, whole("{admin.access}").gives(200)), spend(9, get("/api/v1/user/me/sessions").basic("{super.email}", "{super.password}").gives(200)))},
		{"admins exempt: none by address either, with a token", does(logged("admin", "user"), spend(40, whole("{admin.access}").gives(200)), whole("{user.access}").gives(429, limited))},
		{"admins exempt, except on always limited endpoints: what anybody may do", does(logged("super"), spend(30, post("/auth").bearer("{super.access}").gives(400)), post("/auth").bearer("{super.access}").gives(429, limited))},
		{"GET /rate-limit/events: 401, and 403 for users", does(get("/api/v1/rate-limit/events").gives(401), get("/api/v1/rate-limit/events").bearer("{user.access}").gives(403, `{"status":403,"msg":"<text>","...":0}`))},
		{"GET /rate-limit/events (ADMIN+): data, total, page, per_page, total_pages; user_id, type USER", does(
			spend(6, whole("{user.access}").gives(200)), spend(5, whole("{user.access}").gives(429)),
			events("type=USER&user_id={user.id}", `{"data":[{"id":"<uuid>","occurred_at":"<naive>","first_occurred_at":"<naive>","expires_at":"<naive>","is_active":true,"count":5,"rate_limit_type":"USER","user_id":"{user.id}","user_email":"{user.email}","user_role":"USER",
				"scope":"control","endpoint":"/api/v1/user/me/sessions","method":"GET","limit_definition":"6/h by caller","limit_count":6,"time_window_seconds":3600,"retry_after_seconds":"<int>","limit_key":"user:{user.id}","ip_address":"{address}","user_agent":"<text>"}],
				"total":1,"page":1,"per_page":100,"total_pages":1}`))},
		{"GET /rate-limit/events: ip, type IP, since, since_hours, since_days, status, sort, filter, page, per_page", does(
			logged("super"), spend(30, post("/auth").gives(400)), spend(2, post("/auth").gives(429)), spend(1, get("/.well-known/jwks.json").gives(429)),
			events("ip={address}&type=IP&since_hours=1&since_days=1&since=2026-01-01&status=active&sort=count+desc&filter=limit_count=30,endpoint+like+'/%25'&page=2&per_page=1",
				`{"data":[{"rate_limit_type":"IP","user_id":null,"count":1,"endpoint":"/.well-known/jwks.json","limit_key":"ip:{address}","...":0}],"total":2,"page":2,"per_page":1,"total_pages":2}`),
			events("ip={address}&since=2999-01-01", `{"data":[],"total":0,"page":1,"per_page":100,"total_pages":0}`), events("ip={address}&status=expired", `{"data":[],"...":0}`),
			events("ip={address}&per_page=501", `{"per_page":500,"...":0}`))},
		{"GET /rate-limit/events: of services, by route, without what was in the path", does(
			spend(3, get("/users/who").bearer("{user.access}").gives(200)), refused, events("user_id={user.id}", `{"data":[{"scope":"service users route GET /who","endpoint":"/users/who","limit_definition":"3/h by caller","count":1,"...":0}],"...":0}`))},
		{"GET /rate-limit/events: a reset ends what is active", does(
			spend(3, get("/users/who").bearer("{user.access}").gives(200)), refused, events("user_id={user.id}&status=active", `{"total":1,"...":0}`),
			post("/api/v1/rate-limit/reset/user:{user.id}").bearer("{super.access}").gives(200), events("user_id={user.id}&status=active", `{"total":0,"...":0}`), events("user_id={user.id}&status=expired", `{"total":1,"...":0}`))},
		{"GET /rate-limit/events: wrong parameters are named, SQL is none", does(
			get("/api/v1/rate-limit/events?type=x").bearer("{super.access}").gives(400), get("/api/v1/rate-limit/events?since=x").bearer("{super.access}").gives(400), get("/api/v1/rate-limit/events?since_hours=-1").bearer("{super.access}").gives(400),
			get("/api/v1/rate-limit/events?user_id=1%27%20or%20%271%27=%271").bearer("{super.access}").gives(400), get("/api/v1/rate-limit/events?ip=1%27%3Bdrop%20table%20refusals").bearer("{super.access}").gives(400),
			get("/api/v1/rate-limit/events?sort=key_hash").bearer("{super.access}").gives(400), get("/api/v1/rate-limit/events?filter=key_hash=1").bearer("{super.access}").gives(400), get("/api/v1/rate-limit/events?status=x").bearer("{super.access}").gives(400))},
		{"a flood of refusals is one event, whose count has them all", does(
			logged("super"), spend(30, post("/auth").gives(400)), spend(400, post("/auth").gives(429)), events("ip={address}", `{"data":[{"count":400,"...":0}],"total":1,"...":0}`))},
		{"cors <origin>… in control: OPTIONS with Access-Control-Request-Method 200 and Access-Control-Allow-Methods; here: 204", does(
			options("/auth").header("Origin", "https://app.example.org").header("Access-Control-Request-Method", "POST").nothing(204).with("Access-Control-Allow-Origin", "https://app.example.org").with("Access-Control-Allow-Methods", ".*POST.*"),
			post("/auth").header("Origin", "https://app.example.org").gives(400).with("Access-Control-Allow-Origin", "https://app.example.org").with("Vary", ".*Origin.*"))},
		{"cors <origin>… in control: another origin is told nothing", does(
			post("/auth").header("Origin", "https://evil.example").gives(400).with("Access-Control-Allow-Origin", ""), options("/auth").header("Origin", "https://evil.example").header("Access-Control-Request-Method", "POST").gives(204).with("Access-Control-Allow-Origin", ""))},
		{"cors <origin>… in a service", does(
			options("/users/who").header("Origin", "https://app.example.org").header("Access-Control-Request-Method", "GET").header("Access-Control-Request-Headers", "authorization").nothing(204).with("Access-Control-Allow-Origin", "https://app.example.org").with("Access-Control-Allow-Headers", "(?i).*authorization.*"),
			get("/users/who").header("Origin", "https://app.example.org").bearer("{user.access}").gives(200).with("Access-Control-Allow-Origin", "https://app.example.org"))},
	}
}
