package control_test

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"regexp"
	"strings"

	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// trendsWire is what holds for every answer of Trends.Earth's.
func trendsWire() []row {
	me := "/api/v1/user/me"
	packed := func(a *ask, text string) move {
		return act(func(s *scene) {
			s.t.Helper()
			s.vars["packed"] = gzipped(s.t, s.fill(text, func(v string) string { return v }))
			b := *a
			b.body = "{packed}"
			(&b).header("Content-Encoding", "gzip").do(s)
		})
	}
	// The media type has a parameter, so that nothing is escaped in what is packed.
	as := func(a *ask, kind string) *ask { return a.header("Content-Type", kind+"; charset=utf-8") }
	return []row{
		{"error {status, detail} with the same HTTP status: 403, 404, 405", does(
			get("/api/v1/user").bearer("{user.access}").gives(403, `{"status":403,"detail":"<text>","...":0}`),
			get("/api/v1/user/nobody@example.org").bearer("{admin.access}").gives(404, `{"status":404,"detail":"<text>","...":0}`),
			put(me).bearer("{user.access}").gives(405, `{"status":405,"detail":"Method Not Allowed","...":0}`).with("Allow", "GET, PATCH, DELETE, OPTIONS"))},
		{"Trailing slash optional: users, sessions, clients, export, the document, in both representations", does(
			get(me+"/").bearer("{user.access}").gives(200), get("/api/v1/user/").bearer("{admin.access}").gives(200), get("/api/v1/user/{user.id}/").bearer("{admin.access}").gives(200),
			get("/api/v1/user/export/").bearer("{admin.access}").gives(200), get("/api/v1/user/me/sessions/").bearer("{user.access}").gives(200), get("/api/v1/oauth/clients/").bearer("{user.access}").gives(200),
			patch(me+"/").bearer("{user.access}").json(`{"country":"Peru"}`).gives(200), get("/api/v1/users").bearer("{admin.oauth}").gives(200), get("/api/v1/users/me/").bearer("{user.oauth}").gives(200),
			get("/api/v1/users/signup-form/").gives(200), get("/api/v1/openapi.json/").gives(200), get("/api/v1/audit-log/").bearer("{admin.access}").gives(200))},
		{"The e-mail gef@gef.com passes every admin check; here: an address is no role, and nobody is an administrator by it", does(act(func(s *scene) {
			s.t.Helper()
			// Rows share the store: who came first has the address.
			post("/api/v1/user").json(`{"email":"gef@gef.com","name":"Gef","password":"` + strongOther + `"}`).gives(200).or(400).do(s)
		}), logIn("gef@gef.com", strongOther).gives(200, `{"access_token":"<jwt:access>","...":0}`),
			get("/api/v1/user").bearer("{access}").gives(403), patch("/api/v1/user/{user.id}").bearer("{access}").json(`{"role":"ADMIN"}`).gives(403))},
		{"DELETE /user/<u>: 403 for gef@gef.com; here: for whom the configuration protects, whoever asks, by whatever name, and by himself", does(act(func(s *scene) {
			s.t.Helper()
			post("/api/v1/user").json(`{"email":"gef@gef.com","name":"Gef","password":"` + strongOther + `"}`).gives(200).or(400).do(s)
		}), logIn("gef@gef.com", strongOther).gives(200, `{"access_token":"<jwt:access>","...":0}`), get(me).bearer("{access}").gives(200, `{"data":{"id":"<uuid:gef>","...":0}}`),
			remove("/api/v1/user/gef@gef.com").bearer("{super.access}").gives(403, `{"status":403,"detail":"<text>","...":0}`), remove("/api/v1/user/GEF@gef.com/").bearer("{super.access}").gives(403),
			remove("/api/v1/user/{gef}").bearer("{super.access}").gives(403), remove(me).bearer("{access}").gives(403), get(me).bearer("{access}").gives(200))},
		{"Content-Encoding: gzip is inflated, of whatever has a body: /auth, /email, clients, tokens, the OAuth2 endpoints, patches of both representations", does(
			packed(as(post("/auth"), "application/json").gives(200, `{"access_token":"<jwt>","...":0}`), `{"email":"{user.email}","password":"{user.password}"}`),
			packed(as(post("/api/v1/email").bearer("{admin.access}"), "application/json").gives(200), `{"recipients":["{user.email}"],"subject":"x","html":"x"}`),
			packed(as(post("/api/v1/oauth/clients").bearer("{user.access}"), "application/json").gives(201), `{"name":"x","scopes":"user:read"}`),
			packed(as(post("/auth/oauth2/token"), "application/x-www-form-urlencoded").gives(200), `grant_type=password&client_id=documentation&username={user.username}&password=Fairway-e2e%3A+9+irons+%26+1+putter`),
			packed(as(patch(me).bearer("{user.access}"), "application/json").gives(200, `{"data":{"country":"Fiji","...":0}}`), `{"country":"Fiji"}`),
			packed(as(patch("/api/v1/users/{user.number}").bearer("{user.oauth}"), "application/json").gives(200, `{"middle_name":"Q.","...":0}`), `[{"op":"test","path":"/current_password","value":"{user.password}"},{"op":"add","path":"/middle_name","value":"Q."}]`),
			packed(as(post(programTokens).bearer("{user.access}"), "application/json").gives(201), `{"scopes":["tokens:read"],"description":"d"}`))},
		{"a body that is inflated to more than 5 MB: 413 {status:413, detail}, before anything is done, for anybody and for users", does(
			packed(as(post("/auth"), "application/json").gives(413, `{"status":413,"detail":"<text>","...":0}`), `{"email":"`+strings.Repeat("a", 6<<20)+`"}`),
			packed(as(patch(me).bearer("{user.access}"), "application/json").gives(413, `{"status":413,"detail":"<text>","...":0}`), `{"country":"`+strings.Repeat("a", 6<<20)+`"}`))},
		{"an inflated body that is too large, or no gzip, at the endpoints of OAuth2: 400 invalid_request, as RFC 6749 has it (ours)", does(
			packed(as(token(), "application/x-www-form-urlencoded").gives(400, oauthSays("invalid_request")), "grant_type="+strings.Repeat("a", 6<<20)),
			token().form("grant_type", "password").header("Content-Encoding", "gzip").gives(400, oauthSays("invalid_request")))},
		{"a body that is no gzip goes on as it is; here: 400; another coding: 415 with Accept-Encoding", does(
			patch(me).bearer("{user.access}").json(`{"country":"Fiji"}`).header("Content-Encoding", "gzip").gives(400),
			patch(me).bearer("{user.access}").json(`{"country":"Fiji"}`).header("Content-Encoding", "br").gives(415).with("Accept-Encoding", "gzip"))},
		{"MAX_CONTENT_LENGTH 50 MB; here: what an operation takes is less, 413", does(
			patch(me).bearer("{user.access}").json(`{"country":"`+strings.Repeat("a", 300<<10)+`"}`).gives(413, `{"status":413,"...":0}`))},
		{"security headers added", does(
			get(me).bearer("{user.access}").gives(200).with("X-Content-Type-Options", "nosniff").with("X-Frame-Options", "DENY").with("Referrer-Policy", "no-referrer").with("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
			get(me).gives(401).with("X-Content-Type-Options", "nosniff").with("X-Frame-Options", "DENY"),
			get("/api/v1/").gives(200).with("Content-Security-Policy", ".*script-src 'self'.*frame-ancestors 'none'.*"))},
		{"GET /api-health: always 200 {status, timestamp, database, version: 1.0}; deployment is hidden, as in prod", does(
			get("/api-health").gives(200, `{"status":"ok","timestamp":"<naive>","database":"healthy","version":"1.0"}`), get("/api-health/").gives(200), post("/api-health").gives(405))},
		{"GET /ping", does(get("/ping").gives(200, `{"status":"ok","timestamp":"<naive>","message":"pong"}`))},
		{"GET /swagger.json: OpenAPI 3.0.3", does(get("/swagger.json").gives(200, `{"openapi":"3.0.3","paths":{"/api/v1/user/me":{"...":0},"...":0},"...":0}`))},
		{"GET /api/docs/: the page", does(get("/api/docs/").gives(200).with("Content-Type", "text/html.*"))},
		{"GET /debug/routes (dev only); here: never", does(get("/debug/routes").bearer("{super.access}").gives(404))},
		{"Not offered: news, bulk e-mail, boundaries, Earth Engine, openEO, Google groups, swarm, stats, client statistics, unsubscribing: 404, also for administrators", does(act(func(s *scene) {
			s.t.Helper()
			for _, path := range []string{
				"news", "admin/news", "bulk-email", "data/boundaries", "data/boundaries/list", "user/me/gee-credentials", "user/{user.id}/gee-credentials", "user/me/gee-oauth/initiate", "user/me/openeo-credentials",
				"user/me/google-groups", "google-groups/info", "status/swarm", "status/cluster", "stats/dashboard", "stats/cache", "admin/client-stats", "unsubscribe",
			} {
				get("/api/v1/" + path).bearer("{super.access}").gives(404).do(s)
			}
		}))},
		{"Dates: naive ISO 8601 UTC with microseconds, no Z, wherever there is one", does(
			logIn("{user.email}", "{user.password}").gives(200),
			get(me).bearer("{user.access}").gives(200, `{"data":{"created_at":"<naive>","updated_at":"<naive>","last_login_at":"<naive>","last_activity_at":"<naive>","...":0}}`),
			get("/api/v1/user/me/sessions").bearer("{user.access}").gives(200, `{"data":[{"created_at":"<naive>","expires_at":"<naive>","...":0},"..."]}`))},
	}
}

// compressedSite has answers compressed, as the shipped Caddyfile does.
func compressedSite() string { return "\tencode\n\tcontrol" }

// compressed is that gateway.
func compressed() []row {
	return []row{
		{"Responses are compressed, for who asks for it", does(
			get("/api/v1/user/me").bearer("{user.access}").header("Accept-Encoding", "gzip").gives(200).with("Content-Encoding", "gzip").with("Vary", ".*Accept-Encoding.*").then(func(s *scene, a gateway.Answer) {
				z, err := gzip.NewReader(strings.NewReader(a.Body))
				if err != nil {
					s.t.Fatal(err)
				}
				text, err := io.ReadAll(z)
				if err != nil || match(`{"data":{"id":"`+s.value("user.id")+`","...":0}}`, string(text), func(string, string) {}) != nil {
					s.t.Errorf("%v: %s", err, text)
				}
			}))},
		{"the entity tag of a compressed answer is good for If-Match", does(
			get("/api/v1/user/me").bearer("{user.access}").header("Accept-Encoding", "gzip").gives(200).then(func(s *scene, a gateway.Answer) { s.vars["tag"] = a.Header.Get("ETag") }),
			patch("/api/v1/user/me").bearer("{user.access}").json(`{"country":"Nepal"}`).header("If-Match", "{tag}").gives(200),
			patch("/api/v1/user/me").bearer("{user.access}").json(`{"country":"Nepal"}`).header("If-Match", "{tag}").gives(412, `{"status":412,"...":0}`).with("ETag", `"\d+(-[0-9a-f]{16})?"`))},
	}
}

// exports are CSV files.
func exports() []row {
	export := func(query string) *ask {
		return get("/api/v1/user/export?filter=email%3D'{user.email}'" + query).bearer("{admin.access}")
	}
	lines := func(n int) func(*scene, gateway.Answer) {
		return func(s *scene, a gateway.Answer) {
			s.t.Helper()
			text, marked := strings.CutPrefix(a.Body, "\ufeff")
			all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			if err != nil || !marked || len(all) != 1+n {
				s.t.Errorf("a mark: %t, %d lines, %v: %.300q", marked, len(all), err, a.Body)
			}
		}
	}
	return []row{
		{"GET /user/export, ADMIN+: CSV, UTF-8 BOM, Cache-Control: no-store, file name <table>_export_<timestamp>.csv", does(
			export("").gives(200).with("Content-Type", "text/csv; charset=utf-8").with("Cache-Control", "no-store").with("Content-Disposition", `attachment; filename="users_export_\d{8}_\d{6}\.csv"`).then(lines(1)),
			get("/api/v1/user/export").bearer("{user.access}").gives(403), get("/api/v1/user/export").gives(401))},
		{"formula-injection guard", does(
			change("user", named("=cmd|' /C calc'!A0")), export("").gives(200).then(func(s *scene, a gateway.Answer) {
				if !regexp.MustCompile(`,"?\t=cmd`).MatchString(a.Body) || strings.Contains(a.Body, ",=cmd") {
					s.t.Errorf("%q", a.Body)
				}
			}))},
		{"date_field=created_at|updated_at, date_from, date_to; 400 for what is no date and no such field", does(
			export("&date_from=2020-01-01&date_to=2200-01-01").gives(200).then(lines(1)), export("&date_from=2200-01-01").gives(200).then(lines(0)),
			export("&date_field=updated_at&date_to=2020-01-01").gives(200).then(lines(0)), export("&date_from=yesterday").gives(400, `{"status":400,"detail":"<has:date_from>","...":0}`),
			export("&date_field=role").gives(400, `{"detail":"<has:created_at, updated_at>","...":0}`))},
		{"each export audit-logged, with what was asked for", does(
			export("&sort=-email").gives(200),
			get("/api/v1/audit-log?filter=actor_user%3D'{admin.id}',action%3Duser.export").bearer("{admin.access}").gives(200, `[{"action":"user.export","actor":"user:{admin.id}","subject":"users","diff":{"sort":"-email","filter":"<has:{user.email}>"},"...":0}]`))},
		{"the same filter and sort as the list; an unknown field is a 400, and nothing is exported", does(
			get("/api/v1/user/export?filter=password_hash%3Dx").bearer("{admin.access}").gives(400, `{"detail":"<has:there are id, email>","...":0}`), get("/api/v1/user/export?sort=bogus").bearer("{admin.access}").gives(400),
			export("").lacks("password", "argon2").gives(200))},
		{"deleted users are in no export", does(act(func(s *scene) { s.value("user.id") }), deleted("user"), export("").gives(200).then(lines(0)))},
	}
}
