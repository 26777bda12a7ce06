package control_test

import (
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

const relengTokens = "/tokenauth/tokens"

// result is RelengAPI's envelope.
func result(of string) string { return `{"result":` + of + `,"request_id":"<text>"}` }

// relengSays is RelengAPI's error.
func relengSays(code int, text string) string {
	return `{"error":{"code":` + shown(code) + `,"name":"<text>","description":"<has:` + text + `>"},"request_id":"<text>","...":0}`
}

// in sets {soon} to a time as RelengAPI writes it.
func in(d time.Duration) act {
	return func(s *scene) { s.vars["soon"] = time.Now().Add(d).UTC().Format("2006-01-02T15:04:05+00:00") }
}

// issue makes a token as somebody.
func issue(who, body string) *ask {
	return post(relengTokens).bearer("{" + who + ".access}").json(body)
}

const (
	prm = `{"permissions":["tokens:read"],"description":"nightly"}`
	usr = `{"typ":"usr","permissions":["tokens:read","tokens:write"],"description":"mine"}`
	tmp = `{"typ":"tmp","permissions":["tokens:read"],"expires":"{soon}","metadata":{"build":7}}`
	// issued keeps id and token.
	issued = `{"result":{"id":"<int:id>","token":"<text:token>","...":0},"request_id":"<text>"}`
)

func releng() []row { return append(relengIssue(), append(relengRead(), relengUse()...)...) }

func relengIssue() []row {
	return []row{
		{"Token JSON: typ (default prm), id, permissions[], description, disabled, token (only on issue)", does(
			issue("admin", prm).gives(200, result(`{"typ":"prm","id":"<int>","permissions":["tokens:read"],"description":"nightly","disabled":false,"token":"<text>"}`)))},
		{"Token JSON of usr has user, the e-mail; supplied user ignored", does(
			issue("user", `{"typ":"usr","permissions":["tokens:read"],"description":"mine","user":"{other.email}"}`).gives(200,
				result(`{"typ":"usr","id":"<int>","permissions":["tokens:read"],"description":"mine","disabled":false,"user":"{user.email}","token":"<text>"}`)))},
		{"Token JSON of tmp has not_before, expires, metadata (object); here: a row, so an id too", does(
			in(time.Hour), issue("user", tmp).gives(200, result(`{"typ":"tmp","id":"<int>","not_before":"<offset>","expires":"{soon}","metadata":{"build":7},"permissions":["tokens:read"],"disabled":false,"token":"<text>"}`)))},
		{"JWS signed with SECRET_KEY; here: opaque, 256 random bits with a prefix, hashed at rest", does(
			issue("user", usr).gives(200, `{"result":{"token":"<re:fw_api_[A-Za-z0-9_-]{43,}>","...":0},"request_id":"<text>"}`))},
		{"Required on issue: prm/usr permissions + description", does(
			issue("admin", `{"description":"x"}`).gives(400, relengSays(400, "permissions")), issue("admin", `{"permissions":["tokens:read"]}`).gives(400, relengSays(400, "description")),
			issue("user", `{"typ":"usr","description":"x"}`).gives(400, relengSays(400, "permissions")), issue("user", `{"typ":"usr","permissions":["tokens:read"]}`).gives(400, relengSays(400, "description")))},
		{"Required on issue: tmp permissions + expires + metadata", does(
			in(time.Hour),
			issue("user", `{"typ":"tmp","expires":"{soon}","metadata":{}}`).gives(400, relengSays(400, "permissions")),
			issue("user", `{"typ":"tmp","permissions":["tokens:read"],"metadata":{}}`).gives(400, relengSays(400, "expires")),
			issue("user", `{"typ":"tmp","permissions":["tokens:read"],"expires":"{soon}"}`).gives(400, relengSays(400, "metadata")))},
		{"permission base.tokens.prm.issue, else 403; here: prm is for administrators", does(
			issue("user", prm).gives(403, relengSays(403, "")), issue("admin", prm).gives(200, issued))},
		{"permission base.tokens.usr.issue and tmp.issue, else 403; here: the scope tokens:write", does(
			issue("user", `{"typ":"usr","permissions":["tokens:read"],"description":"read only"}`).gives(200, issued),
			post(relengTokens).bearer("{token}").json(usr).gives(403, relengSays(403, "")),
			in(time.Hour), post(relengTokens).bearer("{token}").json(tmp).gives(403, relengSays(403, "")))},
		{"POST /tokens, anonymous: 403", does(post(relengTokens).json(usr).gives(403, relengSays(403, "")))},
		{"permissions must exist and be a subset of caller's, else 400 \"bad permissions\"", does(
			issue("user", `{"typ":"usr","permissions":["bogus.permission"],"description":"x"}`).gives(400, relengSays(400, "bad permissions")),
			issue("user", `{"typ":"usr","permissions":["mail:write"],"description":"x"}`).gives(400, relengSays(400, "bad permissions")),
			issue("user", usr).gives(200, issued),
			post(relengTokens).bearer("{token}").json(`{"typ":"usr","permissions":["auth:read"],"description":"x"}`).gives(400, relengSays(400, "bad permissions")))},
		{"disabled=true 400", does(
			issue("user", `{"typ":"usr","permissions":["tokens:read"],"description":"x","disabled":true}`).gives(400, relengSays(400, "disabled")))},
		{"tmp with not_before 400", does(
			in(time.Hour), issue("user", `{"typ":"tmp","permissions":["tokens:read"],"expires":"{soon}","not_before":"{soon}","metadata":{}}`).gives(400, relengSays(400, "")))},
		{"tmp, past expiry 400", does(in(-time.Hour), issue("user", tmp).gives(400, relengSays(400, "")))},
		{"tmp, too far 400 (RELENGAPI_TMP_TOKEN_MAX_LIFETIME, 86400 s)", does(
			in(25*time.Hour), issue("user", tmp).gives(400, relengSays(400, "")), in(23*time.Hour), issue("user", tmp).gives(200, issued))},
		{"usr without an e-mail identity 403: a program that is nobody gets none", does(
			issue("admin", `{"permissions":["tokens:write","tokens:read"],"description":"program"}`).gives(200, issued),
			post(relengTokens).bearer("{token}").json(usr).gives(403, relengSays(403, "")),
			in(time.Hour), post(relengTokens).bearer("{token}").json(tmp).gives(200, issued))},
		{"typ that there is not: 400", does(issue("user", `{"typ":"ucli","permissions":["tokens:read"],"description":"x"}`).gives(400, relengSays(400, "")))},
		{"Unknown query argument: 400 Unknown argument: \"invalid\" (5.2)", does(
			get(relengTokens+"?invalid=1").gives(400, `{"error":{"code":400,"name":"Bad Request","description":"Unknown argument: \"invalid\""},"...":0}`))},
	}
}

func relengRead() []row {
	return []row{
		{"GET /tokens[?typ=]: only tokens one may view", does(
			issue("user", usr).gives(200, issued), issue("other", usr).gives(200),
			get(relengTokens).bearer("{user.access}").gives(200, result(`[{"id":{id},"typ":"usr","user":"{user.email}","!token":0,"...":0}]`)),
			get(relengTokens+"?typ=usr").bearer("{user.access}").gives(200, result(`[{"id":{id},"...":0}]`)),
			get(relengTokens+"?typ=prm").bearer("{user.access}").gives(200, result(`[]`)))},
		{"GET /tokens: empty list, not 403, for the anonymous", does(get(relengTokens).gives(200, result(`[]`)))},
		{"GET /tokens/{id}", does(
			issue("user", usr).gives(200, issued),
			get(relengTokens+"/{id}").bearer("{user.access}").gives(200, result(`{"id":{id},"typ":"usr","permissions":["tokens:read","tokens:write"],"description":"mine","disabled":false,"user":"{user.email}"}`)).lacks("{token}"))},
		{"GET /tokens/{id}: 404 if missing or not viewable, the same", does(
			issue("user", usr).gives(200, issued),
			get(relengTokens+"/{id}").bearer("{other.access}").gives(404, relengSays(404, "")), get(relengTokens+"/999999999").bearer("{other.access}").gives(404, relengSays(404, "")),
			get(relengTokens+"/{id}").gives(404, relengSays(404, "")))},
		{"base.tokens.usr.view.all: administrators see all", does(
			issue("user", usr).gives(200, issued), get(relengTokens+"/{id}").bearer("{admin.access}").gives(200))},
		{"POST /tokens/query with a JSON string body", does(
			issue("user", usr).gives(200, issued),
			post(relengTokens+"/query").bearer("{user.access}").json(`"{token}"`).gives(200, result(`{"id":{id},"!token":0,"...":0}`)))},
		{"POST /tokens/query: 404 undecodable or unknown", does(
			post(relengTokens+"/query").bearer("{user.access}").json(`"nothing"`).gives(404, relengSays(404, "")), post(relengTokens+"/query").bearer("{user.access}").json(`"fw_api_nothing"`).gives(404, relengSays(404, "")))},
		{"POST /tokens/query: 403 not viewable", does(
			issue("user", usr).gives(200, issued), post(relengTokens+"/query").bearer("{other.access}").json(`"{token}"`).gives(403, relengSays(403, "")))},
		{"POST /tokens/query: tmp viewable by anyone (who is somebody)", does(
			in(time.Hour), issue("user", tmp).gives(200, issued), post(relengTokens+"/query").bearer("{other.access}").json(`"{token}"`).gives(200, result(`{"typ":"tmp","...":0}`)))},
		{"DELETE /tokens/{id}: 204, and the token has ended at once", does(
			issue("user", usr).gives(200, issued), get(relengTokens).bearer("{token}").gives(200),
			remove(relengTokens+"/{id}").bearer("{user.access}").nothing(204),
			get(relengTokens).bearer("{token}").gives(400, relengSays(400, "Invalid Authorization header")),
			get(relengTokens+"/{id}").bearer("{user.access}").gives(404))},
		{"DELETE /tokens/{id}: 403 if missing or not allowed (\"don't leak\")", does(
			issue("user", usr).gives(200, issued),
			remove(relengTokens+"/{id}").bearer("{other.access}").gives(403, relengSays(403, "")), remove(relengTokens+"/999999999").bearer("{other.access}").gives(403, relengSays(403, "")),
			get(relengTokens).bearer("{token}").gives(200))},
		{"tmp: revocable no; here: yes", does(
			in(time.Hour), issue("user", tmp).gives(200, issued), get(relengTokens).bearer("{token}").gives(200),
			remove(relengTokens+"/{id}").bearer("{user.access}").nothing(204), get(relengTokens).bearer("{token}").gives(400))},
		{"GET /auth/permissions (login required): [{name, doc}]", does(
			get("/auth/permissions").bearer("{user.access}").gives(200, result(`[{"name":"<text>","doc":"<text>"},"..."]`)), get("/auth/permissions").gives(403, relengSays(403, "")))},
		{"requiring an undocumented permission fails at import; here: every operation has its permission, GET /api/v1/permissions has each with its sentence", does(
			get("/api/v1/permissions").gives(200, `[{"name":"<text>","doc":"<text>"},"..."]`))},
	}
}

func relengUse() []row {
	sessions := func(value string) *ask { return get("/api/v1/user/me/sessions").header("Authorization", value) }
	return []row{
		{"Presenting: Authorization: Bearer T", does(
			issue("user", usr).gives(200, issued), get(relengTokens).bearer("{token}").gives(200, result(`[{"id":{id},"...":0}]`)))},
		{"Presenting: legacy Authentication accepted with a warning", does(
			issue("user", usr).gives(200, issued), get(relengTokens).header("Authentication", "Bearer {token}").gives(200, result(`[{"id":{id},"...":0}]`)))},
		{"Any malformed, non-Bearer, invalid or unknown token: 400 \"Invalid Authorization header\" (deliberately not anonymous, but not 401)", does(
			get(relengTokens).bearer("nothing").gives(400, relengSays(400, "Invalid Authorization header")), get(relengTokens).header("Authorization", "Bearer").gives(400, relengSays(400, "Invalid Authorization header")),
			get(relengTokens).header("Authorization", "Digest x").gives(400, relengSays(400, "Invalid Authorization header")), get(relengTokens).bearer("fw_api_unknown").gives(400, relengSays(400, "Invalid Authorization header")))},
		{"the same token elsewhere: 401, as that path's clients know it", does(sessions("Bearer fw_api_unknown").gives(401))},
		{"Login type external (trusts a header, default REMOTE_USER); here: no header of the caller's makes him anybody", does(
			get("/api/v1/user/me/sessions").header("Remote-User", "{admin.email}").header("X-Forwarded-User", "{admin.email}").header("REMOTE_USER", "{admin.email}").gives(401))},
		{"prm: permissions fixed, lifetime unlimited: it outlives who made it", does(
			issue("admin", prm).gives(200, issued), deleted("admin"), get(relengTokens).bearer("{token}").gives(200))},
		{"usr: ends with its user (user is gone)", does(
			issue("user", usr).gives(200, issued), get(relengTokens).bearer("{token}").gives(200), deleted("user"), eventually(get(relengTokens).bearer("{token}").gives(400)))},
		{"usr: disabled while its user is inactive, re-enabled when he returns; here: at once, not hourly", does(
			issue("user", usr).gives(200, issued), change("user", func(u *db.User) { u.IsActive = false }), eventually(get(relengTokens).bearer("{token}").gives(400)),
			change("user", func(u *db.User) { u.IsActive = true }), eventually(get(relengTokens).bearer("{token}").gives(200)))},
		{"usr: permissions exceed the user's current ones: disabled; here: those that he lost do not count, the rest do, and they come back with him", does(
			issue("admin", `{"typ":"usr","permissions":["mail:write"],"description":"mails"}`).gives(200, issued), get(relengTokens).bearer("{token}").gives(200),
			change("admin", func(u *db.User) { u.Role = "USER" }), eventually(get(relengTokens).bearer("{token}").gives(400)),
			change("admin", func(u *db.User) { u.Role = "ADMIN" }), eventually(get(relengTokens).bearer("{token}").gives(200)))},
		{"POST /api/v1/tokens: the same kind on our paths: scopes, expiry, last used", does(
			post("/api/v1/tokens").bearer("{user.access}").json(`{"scopes":["tokens:read"],"description":"ours"}`).gives(201, `{"id":"<uuid:id>","number":"<int>","typ":"usr","scopes":["tokens:read"],"description":"ours","metadata":"<any>","disabled":false,"user_id":"{user.id}","not_before":null,"expires_at":null,"created_at":"<offset>","last_used_at":null,"token":"<text:token>"}`),
			get("/api/v1/tokens/{id}").bearer("{token}").gives(200),
			eventually(get("/api/v1/tokens/{id}").bearer("{user.access}").gives(200, `{"last_used_at":"<offset>","!token":0,"...":0}`)),
			remove("/api/v1/tokens/{id}").bearer("{user.access}").gives(204), get("/api/v1/tokens").bearer("{token}").gives(401))},
		{"a program's token is no refresh token and ends no login", does(
			issue("user", usr).gives(200, issued), post("/auth/refresh").json(`{"refresh_token":"{token}"}`).gives(401),
			post("/auth/logout-all").bearer("{token}").gives(403), lives("{user.access}"))},
	}
}
