package control_test

import (
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

const programTokens = "/api/v1/tokens"

// tokensSay is an error of these paths, without RelengAPI's envelope.
func tokensSay(code int, text string) string {
	return `{"type":"<text>","title":"<text>","status":` + shown(code) + `,"detail":"<has:` + text + `>","request_id":"<text>","!result":0,"!error":0,"...":0}`
}

// in sets {soon} to a time as these paths write it.
func in(d time.Duration) act {
	return func(s *scene) { s.vars["soon"] = time.Now().Add(d).UTC().Format("2006-01-02T15:04:05+00:00") }
}

// issue makes a token as somebody.
func issue(who, body string) *ask {
	return post(programTokens).bearer("{" + who + ".access}").json(body)
}

const (
	prm = `{"typ":"prm","scopes":["tokens:read"],"description":"nightly"}`
	usr = `{"scopes":["tokens:read","tokens:write"],"description":"mine"}`
	tmp = `{"typ":"tmp","scopes":["tokens:read"],"expires_at":"{soon}","metadata":{"build":7}}`
	// issued keeps id, number and token.
	issued = `{"id":"<uuid:id>","number":"<int:number>","token":"<text:token>","!result":0,"...":0}`
)

func releng() []row { return append(relengIssue(), append(relengRead(), relengUse()...)...) }

func relengIssue() []row {
	return []row{
		{"Token JSON: typ (default prm), id, permissions[], description, disabled, token (only on issue); here: typ is usr by default, permissions are scopes, every member is there", does(
			issue("admin", prm).gives(201, `{"id":"<uuid>","number":"<int>","typ":"prm","scopes":["tokens:read"],"description":"nightly","metadata":{},"disabled":false,"user_id":null,"not_before":null,"expires_at":null,"created_at":"<offset>","last_used_at":null,"token":"<text>"}`),
			issue("user", usr).gives(201, `{"typ":"usr","...":0}`))},
		{"Token JSON of usr has user, the e-mail; supplied user ignored; here: user_id, and a supplied one is refused", does(
			issue("user", usr).gives(201, `{"typ":"usr","user_id":"{user.id}","token":"<text>","...":0}`),
			issue("user", `{"scopes":["tokens:read"],"description":"mine","user_id":"{other.id}"}`).gives(400, tokensSay(400, "user_id")),
			issue("admin", `{"scopes":["tokens:read"],"description":"mine","user":"{other.email}"}`).gives(400, tokensSay(400, "user")))},
		{"Token JSON of tmp has not_before, expires, metadata (object); here: a row, so an id too, and begins when it is made", does(
			in(time.Hour), issue("user", tmp).gives(201, `{"id":"<uuid>","number":"<int>","typ":"tmp","scopes":["tokens:read"],"description":"","metadata":{"build":7},"disabled":false,"user_id":"{user.id}","not_before":null,"expires_at":"{soon}","created_at":"<offset>","last_used_at":null,"token":"<text>"}`))},
		{"JWS signed with SECRET_KEY; here: opaque, 256 random bits with a prefix, hashed at rest", does(
			issue("user", usr).gives(201, `{"token":"<re:fw_api_[A-Za-z0-9_-]{43,}>","...":0}`))},
		{"Required on issue: prm/usr permissions + description", does(
			issue("admin", `{"typ":"prm","description":"x"}`).gives(400, tokensSay(400, "scope")), issue("admin", `{"typ":"prm","scopes":["tokens:read"]}`).gives(400, tokensSay(400, "description")),
			issue("user", `{"description":"x"}`).gives(400, tokensSay(400, "scope")), issue("user", `{"scopes":["tokens:read"]}`).gives(400, tokensSay(400, "description")))},
		{"Required on issue: tmp permissions + expires + metadata", does(
			in(time.Hour),
			issue("user", `{"typ":"tmp","expires_at":"{soon}","metadata":{}}`).gives(400, tokensSay(400, "scope")),
			issue("user", `{"typ":"tmp","scopes":["tokens:read"],"metadata":{}}`).gives(400, tokensSay(400, "expires")),
			issue("user", `{"typ":"tmp","scopes":["tokens:read"],"expires_at":"{soon}"}`).gives(400, tokensSay(400, "metadata")))},
		{"permission base.tokens.prm.issue, else 403; here: prm is for administrators", does(
			issue("user", prm).gives(403, tokensSay(403, "")), issue("admin", prm).gives(201, issued))},
		{"permission base.tokens.usr.issue and tmp.issue, else 403; here: the scope tokens:write", does(
			issue("user", `{"scopes":["tokens:read"],"description":"read only"}`).gives(201, issued),
			post(programTokens).bearer("{token}").json(usr).gives(403, tokensSay(403, "tokens:write")),
			in(time.Hour), post(programTokens).bearer("{token}").json(tmp).gives(403, tokensSay(403, "tokens:write")))},
		{"POST /tokens, anonymous: 403; here: 401", does(post(programTokens).json(usr).gives(401, tokensSay(401, "")))},
		{"permissions must exist and be a subset of caller's, else 400 \"bad permissions\"", does(
			issue("user", `{"scopes":["bogus.permission"],"description":"x"}`).gives(400, tokensSay(400, "bad permissions")),
			issue("user", `{"scopes":["mail:write"],"description":"x"}`).gives(400, tokensSay(400, "bad permissions")),
			issue("user", usr).gives(201, issued),
			post(programTokens).bearer("{token}").json(`{"scopes":["auth:read"],"description":"x"}`).gives(400, tokensSay(400, "bad permissions")))},
		{"disabled=true 400", does(
			issue("user", `{"scopes":["tokens:read"],"description":"x","disabled":true}`).gives(400, tokensSay(400, "disabled")))},
		{"tmp with not_before 400", does(
			in(time.Hour), issue("user", `{"typ":"tmp","scopes":["tokens:read"],"expires_at":"{soon}","not_before":"{soon}","metadata":{}}`).gives(400, tokensSay(400, "begins at once")))},
		{"tmp, past expiry 400", does(in(-time.Hour), issue("user", tmp).gives(400, tokensSay(400, "expired")))},
		{"tmp, too far 400 (RELENGAPI_TMP_TOKEN_MAX_LIFETIME, 86400 s)", does(
			in(25*time.Hour), issue("user", tmp).gives(400, tokensSay(400, "at most")), in(23*time.Hour), issue("user", tmp).gives(201, issued))},
		{"usr without an e-mail identity 403: a program that is nobody gets none", does(
			issue("admin", `{"typ":"prm","scopes":["tokens:write","tokens:read"],"description":"program"}`).gives(201, issued),
			post(programTokens).bearer("{token}").json(usr).gives(403, tokensSay(403, "")), post(programTokens).bearer("{token}").json(prm).gives(403, tokensSay(403, "")),
			in(time.Hour), post(programTokens).bearer("{token}").json(tmp).gives(201, `{"typ":"tmp","user_id":null,"token":"<text:token>","...":0}`), get(programTokens).bearer("{token}").gives(200, `[]`))},
		{"typ that there is not: 400", does(issue("user", `{"typ":"ucli","scopes":["tokens:read"],"description":"x"}`).gives(400, tokensSay(400, "prm, usr or tmp")))},
		{"Unknown query argument: 400 Unknown argument: \"invalid\" (5.2)", does(
			get(programTokens+"?invalid=1").bearer("{user.access}").gives(400, tokensSay(400, `Unknown argument: \"invalid\"`)),
			post(programTokens+"?invalid=1").bearer("{user.access}").json(usr).gives(400, tokensSay(400, `Unknown argument: \"invalid\"`)))},
	}
}

func relengRead() []row {
	return []row{
		{"GET /tokens[?typ=]: only tokens one may view", does(
			issue("user", usr).gives(201, issued), issue("other", usr).gives(201),
			get(programTokens).bearer("{user.access}").gives(200, `[{"id":"{id}","typ":"usr","user_id":"{user.id}","!token":0,"...":0}]`),
			get(programTokens+"?typ=usr").bearer("{user.access}").gives(200, `[{"id":"{id}","...":0}]`),
			get(programTokens+"?typ=prm").bearer("{user.access}").gives(200, `[]`),
			in(time.Hour), issue("user", tmp).gives(201, issued), get(programTokens+"?typ=tmp").bearer("{user.access}").gives(200, `[{"id":"{id}","...":0}]`),
			get(programTokens+"?typ=ucli").bearer("{user.access}").gives(400, tokensSay(400, "prm, usr or tmp")))},
		{"GET /tokens: empty list, not 403, for who may see none; here: 401 for the anonymous, and the scope tokens:read", does(
			issue("admin", prm).gives(201, issued), get(programTokens).bearer("{token}").gives(200, `[]`),
			get(programTokens).gives(401, tokensSay(401, "")),
			issue("user", `{"scopes":["tokens:write"],"description":"write only"}`).gives(201, issued), get(programTokens).bearer("{token}").gives(403, tokensSay(403, "tokens:read")))},
		{"GET /tokens/{id}; here: by its number, too", does(
			issue("user", usr).gives(201, issued),
			get(programTokens+"/{id}").bearer("{user.access}").gives(200, `{"id":"{id}","number":{number},"typ":"usr","scopes":["tokens:read","tokens:write"],"description":"mine","metadata":{},"disabled":false,"user_id":"{user.id}","not_before":null,"expires_at":null,"created_at":"<offset>","last_used_at":null}`).lacks("{token}"),
			get(programTokens+"/{number}").bearer("{user.access}").gives(200, `{"id":"{id}","...":0}`).lacks("{token}"))},
		{"GET /tokens/{id}: 404 if missing or not viewable, the same", does(
			issue("user", usr).gives(201, issued),
			get(programTokens+"/{id}").bearer("{other.access}").gives(404, tokensSay(404, "")), get(programTokens+"/{number}").bearer("{other.access}").gives(404, tokensSay(404, "")),
			get(programTokens+"/999999999").bearer("{other.access}").gives(404, tokensSay(404, "")), get(programTokens+"/{id}").gives(401, tokensSay(401, "")))},
		{"base.tokens.usr.view.all and revoke.all: administrators see and revoke all", does(
			issue("user", usr).gives(201, issued), get(programTokens+"/{id}").bearer("{admin.access}").gives(200, `{"user_id":"{user.id}","...":0}`),
			remove(programTokens+"/{id}").bearer("{admin.access}").nothing(204), get(programTokens).bearer("{token}").gives(401))},
		{"base.tokens.prm.view and revoke: administrators, and nobody else", does(
			issue("admin", prm).gives(201, issued), get(programTokens+"/{id}").bearer("{user.access}").gives(404), remove(programTokens+"/{id}").bearer("{user.access}").gives(404),
			get(programTokens+"/{id}").bearer("{admin.access}").gives(200, `{"typ":"prm","...":0}`), remove(programTokens+"/{id}").bearer("{admin.access}").nothing(204))},
		{"POST /tokens/query with a JSON string body", does(
			issue("user", usr).gives(201, issued),
			post(programTokens+"/query").bearer("{user.access}").json(`"{token}"`).gives(200, `{"id":"{id}","!token":0,"...":0}`))},
		{"POST /tokens/query: 404 undecodable or unknown", does(
			post(programTokens+"/query").bearer("{user.access}").json(`"nothing"`).gives(404, tokensSay(404, "")), post(programTokens+"/query").bearer("{user.access}").json(`"fw_api_nothing"`).gives(404, tokensSay(404, "")))},
		{"POST /tokens/query: 403 not viewable; here: 404, as what there is not", does(
			issue("user", usr).gives(201, issued), post(programTokens+"/query").bearer("{other.access}").json(`"{token}"`).gives(404, tokensSay(404, "")))},
		{"POST /tokens/query: tmp viewable by anyone (who is somebody)", does(
			in(time.Hour), issue("user", tmp).gives(201, issued), post(programTokens+"/query").bearer("{other.access}").json(`"{token}"`).gives(200, `{"typ":"tmp","metadata":{"build":7},"!token":0,"...":0}`),
			post(programTokens+"/query").json(`"{token}"`).gives(401))},
		{"DELETE /tokens/{id}: 204, and the token has ended at once", does(
			issue("user", usr).gives(201, issued), get(programTokens).bearer("{token}").gives(200),
			remove(programTokens+"/{id}").bearer("{user.access}").nothing(204),
			get(programTokens).bearer("{token}").gives(401, tokensSay(401, "")),
			get(programTokens+"/{id}").bearer("{user.access}").gives(404))},
		{"DELETE /tokens/{id}: 403 if missing or not allowed (\"don't leak\"); here: 404 for both", does(
			issue("user", usr).gives(201, issued),
			remove(programTokens+"/{id}").bearer("{other.access}").gives(404, tokensSay(404, "")), remove(programTokens+"/999999999").bearer("{other.access}").gives(404, tokensSay(404, "")),
			get(programTokens).bearer("{token}").gives(200))},
		{"tmp: revocable no; here: yes", does(
			in(time.Hour), issue("user", tmp).gives(201, issued), get(programTokens).bearer("{token}").gives(200),
			remove(programTokens+"/{id}").bearer("{user.access}").nothing(204), get(programTokens).bearer("{token}").gives(401))},
		{"disabled, a token is not taken; it can be disabled, enabled and described anew, and nothing else of it", does(
			issue("user", usr).gives(201, issued),
			patch(programTokens+"/{id}").bearer("{user.access}").json(`{"disabled":true,"description":"lent"}`).gives(200, `{"id":"{id}","disabled":true,"description":"lent","!token":0,"...":0}`),
			get(programTokens).bearer("{token}").gives(401),
			patch(programTokens+"/{id}").bearer("{other.access}").json(`{"disabled":false}`).gives(404),
			patch(programTokens+"/{id}").bearer("{user.access}").json(`{"disabled":false}`).gives(200, `{"disabled":false,"description":"lent","...":0}`),
			get(programTokens).bearer("{token}").gives(200),
			patch(programTokens+"/{id}").bearer("{user.access}").json(`{"scopes":["all"]}`).gives(400, tokensSay(400, "scopes")))},
		{"GET /auth/permissions: [{name, doc}]; here: GET /api/v1/permissions, for everybody; requiring an undocumented permission fails at import; here: each operation has its permission, each scope its sentence", does(
			get("/api/v1/permissions").gives(200, `[{"name":"<text>","doc":"<text>"},"..."]`), get("/api/v1/permissions").bearer("{user.access}").gives(200, `[{"name":"<text>","doc":"<text>"},"..."]`))},
	}
}

func relengUse() []row {
	sessions := func(value string) *ask { return get("/api/v1/user/me/sessions").header("Authorization", value) }
	log := get("/api/v1/audit-log?limit=1").bearer("{token}")
	return []row{
		{"Presenting: Authorization: Bearer T", does(
			issue("user", usr).gives(201, issued), get(programTokens).bearer("{token}").gives(200, `[{"id":"{id}","...":0}]`))},
		{"Presenting: legacy Authentication accepted with a warning", does(
			issue("user", usr).gives(201, issued), get(programTokens).header("Authentication", "Bearer {token}").gives(200, `[{"id":"{id}","...":0}]`))},
		{"Any malformed, non-Bearer, invalid or unknown token: 400 \"Invalid Authorization header\" (deliberately not anonymous); here: 401", does(
			get(programTokens).bearer("nothing").gives(401, tokensSay(401, "")), get(programTokens).header("Authorization", "Bearer").gives(401, tokensSay(401, "")),
			get(programTokens).header("Authorization", "Digest x").gives(401, tokensSay(401, "")), get(programTokens).bearer("fw_api_unknown").gives(401, tokensSay(401, "")).with("WWW-Authenticate", `Bearer .*`))},
		{"the same token elsewhere: 401, as that path's clients know it", does(sessions("Bearer fw_api_unknown").gives(401))},
		{"Login type external (trusts a header, default REMOTE_USER); here: no header of the caller's makes him anybody", does(
			get("/api/v1/user/me/sessions").header("Remote-User", "{admin.email}").header("X-Forwarded-User", "{admin.email}").header("REMOTE_USER", "{admin.email}").gives(401))},
		{"prm: permissions fixed, lifetime unlimited: it outlives who made it", does(
			issue("admin", prm).gives(201, issued), deleted("admin"), get(programTokens).bearer("{token}").gives(200))},
		{"usr: ends with its user (user is gone)", does(
			issue("user", usr).gives(201, issued), get(programTokens).bearer("{token}").gives(200), deleted("user"), eventually(get(programTokens).bearer("{token}").gives(401)))},
		{"usr: disabled while its user is inactive, re-enabled when he returns; here: at once, not hourly", does(
			issue("user", usr).gives(201, issued), change("user", func(u *db.User) { u.IsActive = false }), eventually(get(programTokens).bearer("{token}").gives(401)),
			change("user", func(u *db.User) { u.IsActive = true }), eventually(get(programTokens).bearer("{token}").gives(200)))},
		{"usr: permissions exceed the user's current ones: disabled; here: those that he lost do not count, the rest do, and they come back with him", does(
			issue("admin", `{"scopes":["audit:read","tokens:read"],"description":"both"}`).gives(201, issued), log.gives(200),
			change("admin", func(u *db.User) { u.Role = "USER" }), eventually(log.gives(403)), get(programTokens).bearer("{token}").gives(200),
			change("admin", func(u *db.User) { u.Role = "ADMIN" }), eventually(log.gives(200)))},
		{"usr: permissions exceed the user's current ones: disabled; here: of which nothing is left, refused", does(
			issue("admin", `{"scopes":["audit:read"],"description":"one"}`).gives(201, issued), log.gives(200),
			change("admin", func(u *db.User) { u.Role = "USER" }), eventually(log.gives(401)),
			change("admin", func(u *db.User) { u.Role = "ADMIN" }), eventually(log.gives(200)))},
		{"last used", does(
			issue("user", usr).gives(201, issued), get(programTokens+"/{id}").bearer("{user.access}").gives(200, `{"last_used_at":null,"...":0}`),
			get(programTokens+"/{id}").bearer("{token}").gives(200),
			eventually(get(programTokens+"/{id}").bearer("{user.access}").gives(200, `{"last_used_at":"<offset>","!token":0,"...":0}`)))},
		{"a program's token is no refresh token and ends no login", does(
			issue("user", usr).gives(201, issued), post("/auth/refresh").json(`{"refresh_token":"{token}"}`).gives(401),
			post("/auth/logout-all").bearer("{token}").gives(403), lives("{user.access}"))},
	}
}

// relengWire is what RelengAPI has hold for every answer, on our paths and without its envelope.
func relengWire() []row {
	return []row{
		{"Success: {result, request_id}; Error: {error: {code, name, description}, request_id}; here: the value, and RFC 9457; HTTP status equals the member status", does(
			get(programTokens).bearer("{user.access}").gives(200, `["..."]`), get(programTokens+"?x=y").bearer("{user.access}").gives(400, tokensSay(400, "")))},
		{"Applies to every route (404/405 included)", does(
			put(programTokens).bearer("{user.access}").gives(405, tokensSay(405, "")), get(programTokens+"/999999").bearer("{user.access}").gives(404, tokensSay(404, "")))},
		{"the request id of the header named by REQUEST_ID_HEADER if present, in every JSON answer; here: X-Request-Id, in the same header and in errors", does(
			get(programTokens).bearer("{user.access}").header("X-Request-Id", "mine-1").gives(200, `["..."]`).with("X-Request-Id", "mine-1"),
			get(programTokens+"?x=y").bearer("{user.access}").header("X-Request-Id", "mine-2").gives(400, `{"request_id":"mine-2","...":0}`).with("X-Request-Id", "mine-2"))},
		{"Unknown query argument 400, bad type 400, missing body fields 400", does(
			get(programTokens+"/999999?invalid=1").bearer("{admin.access}").gives(404), post(programTokens+"/query?invalid=1").bearer("{user.access}").json(`"x"`).gives(400, tokensSay(400, `Unknown argument`)),
			post(programTokens).bearer("{user.access}").json(`{"scopes":"tokens:read","description":"x"}`).gives(400, tokensSay(400, "scopes")), post(programTokens).bearer("{user.access}").json(`{"typ":"usr"}`).gives(400, tokensSay(400, "")))},
		{"*/* or none: JSON; browsers get HTML; here: JSON, too", does(
			get(programTokens).bearer("{user.access}").header("Accept", "*/*").gives(200, `["..."]`), get(programTokens).bearer("{user.access}").header("Accept", "text/html").gives(200, `["..."]`))},
		{"Date-times ISO 8601 with offset; naive accepted, as UTC", does(
			in(time.Hour), issue("user", tmp).gives(201, `{"expires_at":"<offset>","created_at":"<offset>","...":0}`),
			issue("user", `{"scopes":["tokens:read"],"description":"x","expires_at":"2999-01-01T00:00:00"}`).gives(201, `{"expires_at":"2999-01-01T00:00:00+00:00","...":0}`))},
		{"the traceback in debug mode; here: never, a failure names the request id that the log has", does(post(programTokens).bearer("{user.access}").json(`{"typ":`).gives(400, tokensSay(400, "")).lacks("traceback"))},
	}
}
