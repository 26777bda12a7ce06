package control_test

import (
	"strings"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/queries/db"
)

// operations is a patch that begins with the caller's password.
func operations(all ...string) string {
	return `[{"op":"test","path":"/current_password","value":"` + password + `"},` + strings.Join(all, ",") + `]`
}

// houstonUsers are users as Houston has them.
func houstonUsers() []row {
	users := "/api/v1/users/"
	form := func(pairs ...string) *ask { return post(users).form(pairs...) }
	fields := func(names ...string) string {
		var all []string
		for _, n := range names {
			all = append(all, `"`+n+`":["<text>","..."]`)
		}
		return `{"status":422,"message":"The request was well-formed but was unable to be followed due to semantic errors.","messages":{` + strings.Join(all, ",") + `},"...":0}`
	}
	return []row{
		{"GET /users/ (users:read + admin): limit/offset list of {id, username, first_name, middle_name, last_name}, X-Total-Count", does(
			get(users+"?filter=username%3D'{user.username}'").bearer("{admin.oauth}").gives(200, `[{"id":{user.number},"username":"{user.username}","first_name":"<any>","middle_name":"<any>","last_name":"<any>"}]`).with("X-Total-Count", "1"),
			get(users+"?limit=1&offset=0&sort=-created").bearer("{internal.oauth}").gives(200, `[{"id":"<int>","...":0}]`).with("X-Total-Count", `\d+`).with("Link", ".*rel=\"next\".*"),
			get(users).bearer("{user.oauth}").gives(403, `{"status":403,"message":"You don't have the permission to access the requested resource.","...":0}`), get(users).gives(401))},
		{"limit 1..100 default 20, offset ≥ 0 default 0 (out of range 422)", does(act(func(s *scene) {
			s.t.Helper()
			for query, field := range map[string]string{"limit=0": "limit", "limit=101": "limit", "limit=-1": "limit", "limit=x": "limit", "limit=1.5": "limit", "offset=-1": "offset", "offset=x": "offset", "limit=99999999999999999999": "limit"} {
				get(users+"?"+query).bearer("{admin.oauth}").gives(422, fields(field)).do(s)
			}
			get(users+"?limit=100&offset=1000000").bearer("{admin.oauth}").gives(200, `[]`).with("X-Total-Count", `\d+`).do(s)
		}))},
		{"POST /users/: form; admins need no key; the key that is wrong is refused of them, too", does(fresh(),
			form("username", "{user.username}n", "email", "{new}", "password", strongOther).bearer("{user.oauth}").gives(403, `{"message":"CAPTCHA key is incorrect.","...":0}`),
			form("username", "{user.username}n", "email", "{new}", "password", strongOther, "recaptcha_key", "x").bearer("{admin.oauth}").gives(403),
			form("username", "{user.username}n", "email", "{new}", "password", strongOther).bearer("{admin.oauth}").gives(200, `{"id":"<int>","username":"{user.username}n","email":"{new}","is_active":false,"is_regular_user":false,"is_admin":false,"created":"<re:.*\\+00:00>","updated":"<re:.*\\+00:00>","...":0}`))},
		{"POST /users/: duplicate 409, of the address and of the name, whatever their case", does(fresh(),
			form("username", "{user.username}n", "email", "{user.email}", "password", strongOther, "recaptcha_key", "secret_key").gives(409, `{"status":409,"message":"<text>","...":0}`),
			act(func(s *scene) { s.vars["loud"] = strings.ToUpper(s.value("user.username")) }),
			form("username", "{loud}", "email", "{new}", "password", strongOther, "recaptcha_key", "secret_key").gives(409, `{"status":409,"message":"<text>","...":0}`))},
		{"POST /users/: bad e-mail 422; fields that are missing, and a weak password (ours), 422 with messages by field", does(fresh(),
			form("username", "{user.username}n", "email", "nothing", "password", strongOther, "recaptcha_key", "secret_key").gives(422, fields("email")),
			form("recaptcha_key", "secret_key").gives(422, fields("username", "email", "password")), post(users).gives(422, fields("username", "email", "password")),
			form("username", "{user.username}n", "email", "{new}", "password", "weak", "recaptcha_key", "secret_key").gives(422, `{"status":422,"messages":{"password":["<text>","..."]},"...":0}`))},
		{"POST /users/: who signs up is not active, and may not log on to anything", does(fresh(),
			form("username", "{user.username}n", "email", "{new}", "password", strongOther, "recaptcha_key", "secret_key").gives(200, `{"id":"<int:number>","is_active":false,"...":0}`),
			token().form("grant_type", "password", "client_id", "documentation", "username", "{user.username}n", "password", strongOther).gives(200, `{"access_token":"<jwt:access>","...":0}`), get(users+"me").bearer("{access}").gives(401),
			patch(users+"{number}").bearer("{admin.oauth}").json(operations(`{"op":"replace","path":"/is_active","value":true}`, `{"op":"replace","path":"/is_regular_user","value":true}`)).gives(200, `{"is_active":true,"is_regular_user":true,"...":0}`),
			eventually(get(users+"me").bearer("{access}").gives(200)))},
		{"GET /users/signup-form: {recaptcha_server_key}", does(get(users+"signup-form").gives(200, `{"recaptcha_server_key":"secret_key"}`))},
		{"GET /users/<int>: owner/supervisor/admin/internal; detailed; 404", does(
			get(users+"{user.number}").bearer("{internal.oauth}").gives(200, houstonUser), get(users+"{user.number}").bearer("{user.oauth}").gives(200, houstonUser), get(users+"{user.number}").bearer("{super.oauth}").gives(200, houstonUser),
			get(users+"{user.number}").bearer("{other.oauth}").gives(403, `{"status":403,"message":"You don't have the permission to access the requested resource.","...":0}`),
			get(users+"0").bearer("{admin.oauth}").gives(404, `{"status":404,"message":"<text>","...":0}`), get(users+"-1").bearer("{admin.oauth}").gives(404), get(users+"99999999999999999999").bearer("{admin.oauth}").gives(404), get(users+"x").bearer("{admin.oauth}").gives(404))},
		{"an address is no name on these paths, so that nobody may ask for one", does(get(users+"{other.email}").bearer("{user.oauth}").gives(404), get(users+"nobody@example.org").bearer("{user.oauth}").gives(404))},
		{"OPTIONS any: Allow = methods the caller may use on this object: anonymous /users/ POST; own user GET, PATCH; another's none; anonymous /users/1 401", does(
			options(users).nothing(204).with("Allow", "POST, OPTIONS"), options(users).bearer("{admin.oauth}").nothing(204).with("Allow", "GET, POST, OPTIONS"),
			options(users+"{user.number}").bearer("{user.oauth}").nothing(204).with("Allow", "GET, PATCH, OPTIONS"), options(users+"{other.number}").bearer("{user.oauth}").nothing(204).with("Allow", "OPTIONS"), options(users+"1").gives(401))},
		{"OPTIONS with Access-Control-Request-Method: 200 and Access-Control-Allow-Methods; no origin is allowed by it", does(
			options(users).header("Access-Control-Request-Method", "POST").nothing(200).with("Access-Control-Allow-Methods", "POST, OPTIONS").with("Access-Control-Allow-Origin", ""),
			options(users+"{user.number}").bearer("{user.oauth}").header("Access-Control-Request-Method", "PATCH").header("Origin", "https://app.example.org").nothing(200).with("Access-Control-Allow-Methods", "GET, PATCH, OPTIONS").with("Access-Control-Allow-Origin", ""))},
		{"GET /api/v1/swagger.json: public, Swagger 2.0; definition oauth2_password (flow password, tokenUrl /auth/oauth2/token); PERMISSIONS", does(
			get("/api/v1/swagger.json").gives(200, `{"swagger":"2.0","securityDefinitions":{"oauth2_password":{"type":"oauth2","flow":"password","tokenUrl":"<has:/auth/oauth2/token>","...":0},"...":0},"...":0}`).then(func(s *scene, a gateway.Answer) {
				if !strings.Contains(a.Body, "**PERMISSIONS") {
					s.t.Error("no permissions")
				}
			}))},
		{"GET /api/v1/: public, the page", does(get("/api/v1/").gives(200).with("Content-Type", "text/html.*"), get("/api/v1").gives(200))},
	}
}

// houstonPatches are those of JSON Patch.
func houstonPatches() []row {
	revise := func(body string) *ask {
		return patch("/api/v1/users/{user.number}").bearer("{user.oauth}").json(body)
	}
	set := func(path, value string) string { return `{"op":"replace","path":"` + path + `","value":` + value + `}` }
	whole := `{"status":422,"message":"The request was well-formed but was unable to be followed due to semantic errors.","messages":{"_schema":["<text>"]},"...":0}`
	same := get("/api/v1/users/{user.number}").bearer("{user.oauth}").gives(200, `{"first_name":"The","last_name":"user","...":0}`)
	begin := revise(operations(set("/first_name", `"The"`), set("/last_name", `"user"`))).gives(200)
	return []row{
		{"array of {op, path, value}; test, add, remove, replace", does(
			revise(operations(set("/first_name", `"Una"`), `{"op":"add","path":"/middle_name","value":"M."}`, `{"op":"test","path":"/first_name","value":"Una"}`)).gives(200, `{"first_name":"Una","middle_name":"M.","...":0}`),
			revise(operations(`{"op":"remove","path":"/middle_name"}`)).gives(200, `{"middle_name":"","...":0}`))},
		{"move and copy 422; here: all six operations of RFC 6902", does(begin,
			revise(operations(`{"op":"copy","from":"/first_name","path":"/middle_name"}`, `{"op":"move","from":"/last_name","path":"/first_name"}`)).gives(200, `{"first_name":"user","middle_name":"The","last_name":"","...":0}`),
			revise(operations(`{"op":"merge","path":"/first_name","value":"x"}`)).gives(422, whole))},
		{"path must be one of a fixed list, leading slash mandatory (422)", does(begin,
			revise(operations(set("/role", `"ADMIN"`))).gives(422, whole), revise(operations(set("first_name", `"x"`))).gives(422, whole), revise(operations(set("/created", `"x"`))).gives(422, whole), revise(operations(set("/id", `1`))).gives(422), revise(operations(set("", `{}`))).gives(422), same)},
		{"value required except for remove (422)", does(revise(operations(`{"op":"replace","path":"/first_name"}`)).gives(422, whole), revise(operations(`{"op":"add","path":"/first_name"}`)).gives(422, whole), revise(`[{"op":"test","path":"/current_password"}]`).gives(422, whole))},
		{"No nesting, no array index", does(revise(operations(set("/first_name/0", `"x"`))).gives(422, whole), revise(operations(set("/first_name/-", `"x"`))).gives(422, whole), revise(operations(set("/0", `"x"`))).gives(422, whole))},
		{"applied in order inside one transaction (all or nothing)", does(begin,
			revise(operations(set("/first_name", `"X"`), set("/email", `"{other.email}"`))).gives(409), same,
			revise(operations(set("/first_name", `"X"`), `{"op":"test","path":"/first_name","value":"Y"}`)).gives(409), same,
			revise(operations(set("/first_name", `"X"`), set("/email", `"nothing"`))).gives(422), same)},
		{"A test /current_password must come before any replace; wrong 403 Wrong password; the caller's or the target's", does(begin,
			revise(`[`+set("/first_name", `"X"`)+`]`).gives(409), revise(`[`+set("/first_name", `"X"`)+`,{"op":"test","path":"/current_password","value":"{user.password}"}]`).gives(409),
			revise(`[{"op":"test","path":"/current_password","value":"wrong"},`+set("/first_name", `"X"`)+`]`).gives(403, `{"status":403,"message":"Wrong password","...":0}`), same,
			patch("/api/v1/users/{user.number}").bearer("{admin.oauth}").json(operations(set("/first_name", `"By the admin"`))).gives(200, `{"first_name":"By the admin","...":0}`))},
		{"is_active, is_regular_user need Supervisor + password, else 403", does(
			revise(operations(set("/is_active", "false"))).gives(403), revise(operations(set("/is_regular_user", "false"))).gives(403),
			patch("/api/v1/users/{user.number}").bearer("{admin.oauth}").json(`[`+set("/is_active", "false")+`]`).gives(409),
			patch("/api/v1/users/{user.number}").bearer("{admin.oauth}").json(operations(set("/is_regular_user", "false"))).gives(200, `{"is_regular_user":false,"...":0}`))},
		{"is_admin needs Admin + password, else 403; here: a super administrator, as at Trends.Earth", does(
			revise(operations(set("/is_admin", "true"))).gives(403), patch("/api/v1/users/{user.number}").bearer("{admin.oauth}").json(operations(set("/is_admin", "true"))).gives(403),
			patch("/api/v1/users/{user.number}").bearer("{super.oauth}").json(operations(set("/is_admin", "true"))).gives(200, `{"is_admin":true,"...":0}`))},
		{"Unique violation 409", does(revise(operations(set("/email", `"{other.email}"`))).gives(409, `{"status":409,"message":"<text>","...":0}`))},
		{"Failed test on other fields, or no current_password first: 500 of an uncaught error; here: 409", does(
			revise(operations(`{"op":"test","path":"/first_name","value":"nobody"}`)).gives(409, `{"status":409,"detail":"<has:operation 1>","...":0}`), revise(`[`+set("/first_name", `"X"`)+`]`).gives(409))},
		{"add/remove on base class 500; here: they work", does(revise(operations(`{"op":"add","path":"/last_name","value":"L"}`)).gives(200, `{"last_name":"L","...":0}`), revise(operations(`{"op":"remove","path":"/last_name"}`)).gives(200, `{"last_name":"","...":0}`))},
		{"remove with optional value: where it is another, 409", does(begin,
			revise(operations(`{"op":"remove","path":"/last_name","value":"nobody"}`)).gives(409), same, revise(operations(`{"op":"remove","path":"/last_name","value":"user"}`)).gives(200, `{"last_name":"","...":0}`))},
		{"non-list body 422 \"PATCH input data must be a list of operations (JSON objects)\"; here: an object is a merge patch (RFC 7396), anything else that 422", does(
			revise(`5`).gives(422, `{"detail":"PATCH input data must be a list of operations (JSON objects)","messages":{"_schema":["PATCH input data must be a list of operations (JSON objects)"]},"...":0}`), revise(`"x"`).gives(422), revise(`[1]`).gives(422),
			revise(`{"current_password":"{user.password}","first_name":"Merged"}`).gives(200, `{"first_name":"Merged","...":0}`), revise(`{"first_name":"X"}`).gives(409))},
		{"NON_NULL_PATHS", does(revise(operations(set("/email", "null"))).gives(422), revise(operations(`{"op":"remove","path":"/email"}`)).gives(422), revise(operations(set("/is_active", "null"))).gives(403))},
		{"If-Match with an ETag: 412 where somebody was faster (ours)", does(
			get("/api/v1/users/{user.number}").bearer("{user.oauth}").gives(200).with("ETag", `"\d+(-[0-9a-f]{16})?"`).then(func(s *scene, a gateway.Answer) { s.vars["tag"] = a.Header.Get("ETag") }),
			change("user", func(u *db.User) { u.Country = "Peru" }),
			patch("/api/v1/users/{user.number}").bearer("{user.oauth}").json(operations(set("/first_name", `"X"`))).header("If-Match", "{tag}").gives(412, `{"status":412,"message":"<text>","...":0}`).with("ETag", `"\d+(-[0-9a-f]{16})?"`))},
		{"a patch bomb, deep nesting, duplicate names, NUL and invalid UTF-8: 413 and 400, and nothing is changed", does(begin,
			revise(operations(strings.TrimSuffix(strings.Repeat(set("/first_name", `"x"`)+",", 2000), ","))).gives(413), revise(strings.Repeat("[", 10_000)).gives(413).or(400),
			revise(operations(`{"op":"replace","op":"replace","path":"/first_name","value":"x"}`)).gives(400), revise(operations(set("/first_name", `"a\u0000b"`))).gives(400), revise(operations(set("/first_name", "\"\xff\""))).gives(400), same)},
	}
}

// once are creating requests that are sent twice.
func once() []row {
	sign := func(key string) *ask { return signUp("").header("Idempotency-Key", key) }
	return []row{
		{"Idempotency-Key: a user is made once, and the answer is the first one (ours)", does(fresh(),
			sign("{new}").gives(200, userAnswer).with("Idempotency-Replayed", ""), sign("{new}").gives(200, `{"data":{"id":"{new.id}","...":0}}`).with("Idempotency-Replayed", "true"))},
		{"Idempotency-Key: with another body 422", does(fresh(), sign("{new}").gives(200), signUp(`,"country":"Peru"`).header("Idempotency-Key", "{new}").gives(422, `{"status":422,"...":0}`))},
		{"Idempotency-Key: a key is its caller's", does(
			post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"x","scopes":"user:read"}`).header("Idempotency-Key", "one").gives(201, `{"data":{"id":"<uuid:first>","client_secret":"<text:secret>","...":0}}`),
			post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"x","scopes":"user:read"}`).header("Idempotency-Key", "one").gives(201, `{"data":{"id":"{first}","client_secret":"{secret}","...":0}}`).with("Idempotency-Replayed", "true"),
			post("/api/v1/oauth/clients").bearer("{other.access}").json(`{"name":"x","scopes":"user:read"}`).header("Idempotency-Key", "one").gives(201).with("Idempotency-Replayed", "").lacks("{first}", "{secret}"))},
		{"Idempotency-Key: one that is too long, or no ASCII: 400", does(fresh(), sign(strings.Repeat("k", 256)).gives(400), sign("ключ").gives(400), sign("{new}").gives(200))},
	}
}
