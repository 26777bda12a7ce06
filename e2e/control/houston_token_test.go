package control_test

import (
	"strings"
)

const (
	// grantAnswer is a token of a user, clientAnswer one of a client.
	grantAnswer  = `{"access_token":"<jwt:access>","token_type":"Bearer","expires_in":3600,"refresh_token":"<opaque:refresh>","scope":"<houston>"}`
	clientAnswer = `{"access_token":"<jwt:access>","token_type":"Bearer","expires_in":3600,"scope":"` + houstonScopes + `"}`
)

func oauthSays(code string) string { return `{"error":"` + code + `","...":0}` }

// token asks the token endpoint, with parameters in the query where there are any.
func token(query ...string) *ask {
	if len(query) == 0 {
		return post("/auth/oauth2/token")
	}
	return post("/auth/oauth2/token?" + encoded(query))
}

func houstonToken() []row {
	return append(houstonParameters(), append(houstonGrants(), append(houstonErrors(), houstonRevoke()...)...)...)
}

func houstonParameters() []row {
	user := []string{"username", "{user.username}", "password", "{user.password}"}
	grant := []string{"grant_type", "password"}
	client := []string{"client_id", "documentation"}
	all := func(lists ...[]string) (out []string) {
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	return []row{
		{"/auth/oauth2/token GET and POST: GET, all in the query", does(
			get("/auth/oauth2/token?"+encoded(all(grant, client, user))).gives(200, grantAnswer))},
		{"/auth/oauth2/token, parameters in the query of a POST (the seed's first line has none of a body)", does(
			token(all(grant, client, user)...).gives(200, grantAnswer))},
		{"parameters in an urlencoded form", does(token().form(all(grant, client, user)...).gives(200, grantAnswer))},
		{"parameters in a multipart form", does(token().multipart(all(grant, client, user)...).gives(200, grantAnswer))},
		{"seed 003's curl lines use -F with grant_type in the query string: merge query and multipart", does(
			token(grant...).multipart(all(client, user)...).gives(200, grantAnswer))},
		{"client id as Basic documentation: (empty secret), merged with query and multipart", does(
			token(grant...).basic("documentation", "").multipart(user...).gives(200, grantAnswer))},
		{"merge query + form (urlencoded) + Basic", does(
			token(grant...).basic("documentation", "").form(user...).gives(200, grantAnswer))},
		{"Client credentials: parameters first, then Basic: a malformed Basic header beside body credentials does no harm", does(
			post("/auth/oauth2/revoke").header("Authorization", "Basic b'ZG9jdW1lbnRhdGlvbjo='").form("client_id", "documentation", "token", "{user.oauth}").nothing(200))},
		{"Basic encoded as RFC 6749 2.3.1 has it (form-decode both halves), and as curl does", does(
			token("grant_type", "client_credentials").basic("{client.id}", "{client.secret}").gives(200, clientAnswer))},
		{"refuse two different identities in one request (goes beyond FROL); here: the one of the parameters counts, and its secret is asked for", does(
			token("grant_type", "client_credentials").basic("{client.id}", "{client.secret}").form("client_id", "{otherclient.id}").gives(401, oauthSays("invalid_client")))},
		{"duplicate parameters: 400 invalid_request (RFC 6749 3.2), in one place or in two", does(
			token("grant_type", "password", "grant_type", "password").form(all(client, user)...).gives(400, oauthSays("invalid_request")),
			token(grant...).form(all(grant, client, user)...).gives(400, oauthSays("invalid_request")))},
		{"a parameter sent as a file: 400 invalid_request", does(
			token(grant...).multipart(all(client, []string{"username", "{user.username}", "@password", "{user.password}"})...).gives(400, oauthSays("invalid_request")))},
		{"a body that is no form: 400 invalid_request", does(
			token(grant...).header("Content-Type", "text/plain").gives(400, oauthSays("invalid_request")),
			token().json(`{"grant_type":"password","client_id":"documentation","username":"{user.username}","password":"{user.password}"}`).gives(400, oauthSays("invalid_request")))},
		{"login by e-mail, as Houston moved to, or by username", does(
			token().form(all(grant, client, []string{"username", "{user.email}", "password", "{user.password}"})...).gives(200, grantAnswer))},
	}
}

func houstonGrants() []row {
	password := []string{"grant_type", "password", "username", "{user.username}", "password", "{user.password}"}
	with := func(more ...string) []string { return append(append([]string(nil), password...), more...) }
	return []row{
		{"Token JSON {access_token, token_type: Bearer, expires_in:3600, refresh_token?, scope: \"a b\"}, Cache-Control: no-store, Pragma: no-cache", does(
			token().form(with("client_id", "documentation")...).gives(200, grantAnswer).with("Cache-Control", "no-store").with("Pragma", "no-cache"))},
		{"opaque 30-character tokens; here: the access token is a JWT, the refresh token opaque", does(
			token().form(with("client_id", "documentation")...).gives(200, grantAnswer))},
		{"password: client must exist", does(
			token().form(with("client_id", "nobody")...).gives(401, oauthSays("invalid_client")))},
		{"password: public clients give id alone", does(
			token().form(with("client_id", "documentation")...).gives(200, grantAnswer))},
		{"password: public clients give Basic id:", does(
			token().basic("documentation", "").form(password...).gives(200, grantAnswer))},
		{"password: secret only for confidential: right, by parameter and by Basic", does(
			token().form(with("client_id", "{client.id}", "client_secret", "{client.secret}")...).gives(200, grantAnswer),
			token().basic("{client.id}", "{client.secret}").form(password...).gives(200, grantAnswer))},
		{"password: secret only for confidential: without it, and with a wrong one, 401 invalid_client", does(
			token().form(with("client_id", "{client.id}")...).gives(401, oauthSays("invalid_client")),
			token().form(with("client_id", "{client.id}", "client_secret", "wrong")...).gives(401, oauthSays("invalid_client")),
			token().basic("{client.id}", "").form(password...).gives(401, oauthSays("invalid_client")))},
		{"refresh_token: new access + new refresh, of the same login", does(
			token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(200, grantAnswer),
			act(func(s *scene) {
				s.t.Helper()
				if s.vars["refresh"] == s.vars["user.oauth_refresh"] || s.vars["access"] == s.vars["user.oauth"] {
					s.t.Error("they are the old ones")
				}
			}), lives("{access}"))},
		{"refresh_token: old refresh stays valid; here: the just-used token returns the same successor for 30 s to the same client", does(
			token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(200, grantAnswer),
			act(func(s *scene) { s.vars["successor"] = s.vars["refresh"] }),
			token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(200, strings.Replace(grantAnswer, "<opaque:refresh>", "{successor}", 1)))},
		{"refresh_token: after those 30 s reuse revokes the family (beyond FROL)", does(
			token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(200, grantAnswer),
			lives("{access}"),
			seldom(token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(401, oauthSays("invalid_grant"))),
			token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{refresh}").gives(401, oauthSays("invalid_grant")),
			eventually(dead("{access}")))},
		{"refresh_token of the just-used one by another client: 401, and no successor", does(
			token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(200, grantAnswer),
			token().form("grant_type", "refresh_token", "client_id", "{client.id}", "client_secret", "{client.secret}", "refresh_token", "{user.oauth_refresh}").gives(401, oauthSays("invalid_grant")),
			token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{refresh}").gives(200, grantAnswer))},
		{"refresh_token: client check as for password", does(
			token().form("grant_type", "refresh_token", "refresh_token", "{user.oauth_refresh}").gives(401, oauthSays("invalid_client")),
			token().form("grant_type", "refresh_token", "client_id", "{client.id}", "client_secret", "wrong", "refresh_token", "{user.oauth_refresh}").gives(401, oauthSays("invalid_client")))},
		{"client_credentials: secret always; acts as the client's owner; scope = client.default_scopes; access only, no refresh_token", does(
			token().form("grant_type", "client_credentials", "client_id", "{client.id}", "client_secret", "{client.secret}").gives(200, clientAnswer),
			lives("{access}"), whole("{access}").gives(200, `{"data":"<array>"}`))},
		{"client_credentials: secret always: public clients have none, 401", does(
			token().form("grant_type", "client_credentials", "client_id", "documentation").gives(401, oauthSays("invalid_client")),
			token().basic("documentation", "").form("grant_type", "client_credentials").gives(401, oauthSays("invalid_client")))},
		{"authorization_code; here: not offered, 400 unsupported_grant_type", does(
			token().form("grant_type", "authorization_code", "client_id", "documentation", "code", "x").gives(400, oauthSays("unsupported_grant_type")))},
		{"Scope absent: all of the client's default scopes", does(
			token().form(with("client_id", "documentation")...).gives(200, grantAnswer))},
		{"Scope empty, or with repeated blanks, is accepted (issue #131)", does(
			token().form(with("client_id", "documentation", "scope", "")...).gives(200, grantAnswer),
			token().form(with("client_id", "documentation", "scope", "  users:read   users:write ")...).gives(200, `{"scope":"users:read users:write","...":0}`))},
		{"Scope must be a subset of the client's default scopes: else 401 invalid_scope", does(
			token().form(with("client_id", "documentation", "scope", "users:read everything")...).gives(401, oauthSays("invalid_scope")),
			token().form(with("client_id", "documentation", "scope", "all")...).gives(401, oauthSays("invalid_scope")))},
		{"An inactive user still gets a token and fails on resources", does(
			token().form("grant_type", "password", "client_id", "documentation", "username", "{inactive.username}", "password", "{inactive.password}").gives(200, grantAnswer),
			whole("{access}").gives(401))},
	}
}

func houstonErrors() []row {
	client := []string{"client_id", "documentation"}
	with := func(more ...string) []string { return append(append([]string(nil), client...), more...) }
	return []row{
		{"nothing sent: 400 unsupported_grant_type", does(
			token().gives(400, oauthSays("unsupported_grant_type")), get("/auth/oauth2/token").gives(400, oauthSays("unsupported_grant_type")))},
		{"/auth/oauth2/authorize GET/POST (authorization-code; its own comment says broken); here: not offered, 404", does(get("/auth/oauth2/authorize?client_id=documentation").gives(404), post("/auth/oauth2/authorize").gives(404))},
		{"unknown grant: 400 unsupported_grant_type", does(
			token().form(with("grant_type", "magic")...).gives(400, oauthSays("unsupported_grant_type")))},
		{"missing username: 400 invalid_request (\"Request is missing username parameter.\")", does(
			token().form(with("grant_type", "password", "password", "{user.password}")...).gives(400, `{"error":"invalid_request","error_description":"Request is missing username parameter."}`))},
		{"missing password: 400 invalid_request (\"Request is missing password parameter.\")", does(
			token().form(with("grant_type", "password", "username", "{user.username}")...).gives(400, `{"error":"invalid_request","error_description":"Request is missing password parameter."}`))},
		{"missing refresh_token: 400 invalid_request", does(
			token().form(with("grant_type", "refresh_token")...).gives(400, `{"error":"invalid_request","error_description":"Request is missing refresh_token parameter."}`))},
		{"missing client: 401 invalid_client", does(
			token().form("grant_type", "password", "username", "{user.username}", "password", "{user.password}").gives(401, oauthSays("invalid_client")).with("WWW-Authenticate", "Basic .*"))},
		{"unknown client: 401 invalid_client", does(
			token().form("client_id", "nobody", "grant_type", "password", "username", "{user.username}", "password", "{user.password}").gives(401, oauthSays("invalid_client")))},
		{"wrong password: 401 invalid_grant (\"Invalid credentials given.\")", does(
			token().form(with("grant_type", "password", "username", "{user.username}", "password", "wrong")...).gives(401, `{"error":"invalid_grant","error_description":"Invalid credentials given."}`))},
		{"unknown user: the same answer as a wrong password", does(
			token().form(with("grant_type", "password", "username", "nobody", "password", "wrong")...).gives(401, `{"error":"invalid_grant","error_description":"Invalid credentials given."}`))},
		{"wrong refresh token: 401 invalid_grant (\"Invalid credentials given.\")", does(
			token().form(with("grant_type", "refresh_token", "refresh_token", "nothing")...).gives(401, `{"error":"invalid_grant","error_description":"Invalid credentials given."}`))},
		{"access token as refresh token: 401 invalid_grant", does(
			token().form(with("grant_type", "refresh_token", "refresh_token", "{user.oauth}")...).gives(401, oauthSays("invalid_grant")))},
		{"Cache-Control: no-store on errors of the token endpoint, too", does(
			token().gives(400).with("Cache-Control", "no-store").with("Pragma", "no-cache"))},
	}
}

func houstonRevoke() []row {
	revoke := func(pairs ...string) *ask { return post("/auth/oauth2/revoke").form(pairs...) }
	introspect := func(token string) *ask {
		return post("/auth/oauth2/introspect").basic("{client.id}", "{client.secret}").form("token", token)
	}
	byClient := token().form("grant_type", "password", "client_id", "{client.id}", "client_secret", "{client.secret}", "username", "{user.username}", "password", "{user.password}").gives(200, grantAnswer)
	return []row{
		{"revoke: 200 with empty body, and the access token has ended", does(
			lives("{user.oauth}"), revoke("client_id", "documentation", "token", "{user.oauth}").nothing(200), dead("{user.oauth}"))},
		{"revoke of a refresh token ends its login", does(
			revoke("client_id", "documentation", "token", "{user.oauth_refresh}").nothing(200), dead("{user.oauth}"),
			token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(401, oauthSays("invalid_grant")))},
		{"revoke: 200 with empty body whether or not the token exists", does(
			revoke("client_id", "documentation", "token", "nothing").nothing(200))},
		{"revoke: missing token 400", does(revoke("client_id", "documentation").gives(400, oauthSays("invalid_request")))},
		{"revoke: bad client 401", does(
			revoke("client_id", "nobody", "token", "{user.oauth}").gives(401, oauthSays("invalid_client")), revoke("token", "{user.oauth}").gives(401, oauthSays("invalid_client")), lives("{user.oauth}"))},
		{"revoke: token_type_hint access_token | refresh_token, which only hints", does(
			revoke("client_id", "documentation", "token", "{user.oauth}", "token_type_hint", "refresh_token").nothing(200), dead("{user.oauth}"),
			revoke("client_id", "documentation", "token", "{user.oauth_refresh}", "token_type_hint", "access_token").nothing(200),
			token().form("grant_type", "refresh_token", "client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(401, oauthSays("invalid_grant")))},
		{"revoke does not check that the token belongs to the client; here: it does (7009 with client ownership), and says 200", does(
			byClient, revoke("client_id", "documentation", "token", "{access}").nothing(200), lives("{access}"),
			revoke("client_id", "documentation", "token", "{refresh}").nothing(200), lives("{access}"))},
		{"revoke: POST only", does(get("/auth/oauth2/revoke?token=x&client_id=documentation").gives(405).with("Allow", "POST, OPTIONS"))},
		{"introspection (7662, beyond FROL): active with scope, client_id, username, sub, exp, iat", does(
			byClient, introspect("{access}").gives(200, `{"active":true,"scope":"`+houstonScopes+`","client_id":"{client.id}","username":"{user.username}","token_type":"Bearer","exp":"<int>","iat":"<int>","sub":"{user.id}","aud":"fairway","iss":"fairway","jti":"<text>"}`))},
		{"introspection: {active: false} of anything else: nothing, another client's, a revoked one, a refresh token", does(
			byClient, introspect("nothing").gives(200, `{"active":false}`), introspect("{user.oauth}").gives(200, `{"active":false}`), introspect("{refresh}").gives(200, `{"active":false}`),
			revoke("client_id", "{client.id}", "client_secret", "{client.secret}", "token", "{access}").nothing(200), introspect("{access}").gives(200, `{"active":false}`))},
		{"introspection needs client authentication: public clients may not ask", does(
			post("/auth/oauth2/introspect").form("client_id", "documentation", "token", "{user.oauth}").gives(401, oauthSays("invalid_client")),
			post("/auth/oauth2/introspect").form("token", "{user.oauth}").gives(401, oauthSays("invalid_client")))},
	}
}
