package control_test

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"

	"github.com/fairway-gateway/fairway/queries/db"
)

func again401(with ...string) *ask {
	return token().form(append([]string{"grant_type", "refresh_token"}, with...)...)
}

// scopeWidening is about refresh tokens and clients that ask for more than they have.
func scopeWidening() []row {
	narrow := token("scope", "users:read").form("grant_type", "password", "client_id", "documentation", "username", "{user.username}", "password", "{user.password}").
		gives(200, `{"access_token":"<jwt:access>","refresh_token":"<opaque:refresh>","scope":"users:read","...":0}`)
	of := []string{"client_id", "documentation", "refresh_token", "{refresh}"}
	return []row{
		{"refresh with another scope: 401 invalid_scope, and the token is not used up", does(narrow,
			again401(append(of, "scope", "users:write")...).gives(401, oauthSays("invalid_scope")),
			again401(of...).gives(200, `{"scope":"users:read","...":0}`))},
		{"refresh with one scope more", does(narrow, again401(append(of, "scope", "users:read auth:read")...).gives(401, oauthSays("invalid_scope")))},
		{"refresh with all", does(narrow, again401(append(of, "scope", "all")...).gives(401, oauthSays("invalid_scope")))},
		{"refresh without a scope gives no more than there was", does(narrow, again401(of...).gives(200, `{"access_token":"<jwt:access>","scope":"users:read","...":0}`), whole("{access}").gives(403))},
		{"narrowed at a refresh, the next has the scopes of the login again, and no more", does(
			again401("client_id", "documentation", "refresh_token", "{user.oauth_refresh}", "scope", "users:read").gives(200, `{"refresh_token":"<opaque:refresh>","scope":"users:read","...":0}`),
			again401(append(of, "scope", "users:read everything")...).gives(401, oauthSays("invalid_scope")),
			again401(of...).gives(200, `{"scope":"<houston>","...":0}`))},
		{"/auth/refresh takes no refresh token of an OAuth2 client, and gives none all", does(narrow, post("/auth/refresh").json(`{"refresh_token":"{refresh}"}`).gives(401))},
		{"client_credentials with a scope that the client has not", does(
			token("grant_type", "client_credentials", "scope", "mail:write").basic("{client.id}", "{client.secret}").gives(401, oauthSays("invalid_scope")))},
	}
}

// clientSwap is about tokens of one client that another shows.
func clientSwap() []row {
	given := token().form("grant_type", "password", "client_id", "{client.id}", "client_secret", "{client.secret}", "username", "{user.username}", "password", "{user.password}").
		gives(200, `{"access_token":"<jwt:access>","refresh_token":"<opaque:refresh>","...":0}`)
	return []row{
		{"refresh by another client, with its own secret: 401 invalid_grant, and the token is not used up", does(given,
			again401("client_id", "{otherclient.id}", "client_secret", "{otherclient.secret}", "refresh_token", "{refresh}").gives(401, oauthSays("invalid_grant")),
			again401("client_id", "{client.id}", "client_secret", "{client.secret}", "refresh_token", "{refresh}").gives(200))},
		{"refresh by a public client", does(given, again401("client_id", "documentation", "refresh_token", "{refresh}").gives(401, oauthSays("invalid_grant")))},
		{"refresh without the client's secret", does(given, again401("client_id", "{client.id}", "refresh_token", "{refresh}").gives(401, oauthSays("invalid_client")))},
		{"refresh with the secret of another", does(given, again401("client_id", "{client.id}", "client_secret", "{otherclient.secret}", "refresh_token", "{refresh}").gives(401, oauthSays("invalid_client")))},
		{"refresh by nobody: /auth/refresh", does(given, post("/auth/refresh").json(`{"refresh_token":"{refresh}"}`).gives(401))},
		{"a refresh token of /auth by a client", does(again401("client_id", "documentation", "refresh_token", "{user.refresh}").gives(401, oauthSays("invalid_grant")))},
		{"revoke and introspect by another client", does(given,
			post("/auth/oauth2/revoke").form("client_id", "{otherclient.id}", "client_secret", "{otherclient.secret}", "token", "{refresh}").nothing(200), lives("{access}"),
			post("/auth/oauth2/introspect").form("client_id", "{otherclient.id}", "client_secret", "{otherclient.secret}", "token", "{access}").gives(200, `{"active":false}`))},
	}
}

// deletedOrDemoted is about tokens of users who are not what they were.
func deletedOrDemoted() []row {
	mail := post("/email").bearer("{admin.access}").json(`{"recipients":["{user.email}"],"subject":"x","html":"x"}`)
	byClient := token("grant_type", "client_credentials").basic("{client.id}", "{client.secret}").gives(200, `{"access_token":"<jwt:access>","...":0}`)
	byPassword := get("/api/v1/auth/oauth2_clients/?user_id={user.number}").basic("{user.email}", "{user.password}")
	return []row{
		{"token of a deleted user", does(lives("{user.access}"), lives("{user.oauth}"), deleted("user"),
			eventually(whole("{user.access}").gives(401)), eventually(whole("{user.oauth}").gives(401)))},
		{"refresh token of a deleted user: at once", does(lives("{user.access}"), lives("{user.oauth}"), deleted("user"),
			post("/auth/refresh").json(`{"refresh_token":"{user.refresh}"}`).gives(401), again401("client_id", "documentation", "refresh_token", "{user.oauth_refresh}").gives(401, oauthSays("invalid_grant")))},
		{"password of a deleted user, remembered or not", does(
			byPassword.gives(200), byPassword.gives(200), deleted("user"), eventually(byPassword.gives(401)))},
		{"a client of a deleted user: its tokens are refused, and it gets no other", does(byClient, lives("{access}"), deleted("user"), eventually(whole("{access}").gives(401)),
			token("grant_type", "client_credentials").basic("{client.id}", "{client.secret}").gives(401, oauthSays("unauthorized_client")))},
		{"token of a demoted user: what his role gave is gone", does(mail.gives(200), change("admin", func(u *db.User) { u.Role = "USER" }), eventually(mail.gives(403)), lives("{admin.access}"))},
		{"refresh of a demoted user gives a token that may not either", does(mail.gives(200), change("admin", func(u *db.User) { u.Role = "USER" }),
			post("/auth/refresh").json(`{"refresh_token":"{admin.refresh}"}`).gives(200, `{"access_token":"<jwt:next>","...":0}`),
			eventually(post("/email").bearer("{next}").json(`{"recipients":["{user.email}"],"subject":"x","html":"x"}`).gives(403)))},
		{"token of a user who was made inactive, and is active again", does(lives("{user.access}"), change("user", func(u *db.User) { u.IsActive = false }), eventually(whole("{user.access}").gives(401)),
			change("user", func(u *db.User) { u.IsActive = true }), eventually(whole("{user.access}").gives(200)))},
	}
}

// bcrypted has the user have a password of bcrypt's, as from an older system.
func bcrypted(with string) act {
	return func(s *scene) {
		s.t.Helper()
		hash, err := bcrypt.GenerateFromPassword([]byte(with), bcrypt.MinCost)
		if err != nil {
			s.t.Fatal(err)
		}
		change("user", func(u *db.User) { u.PasswordHash = string(hash) })(s)
	}
}

// bcrypt72 is about what bcrypt does not look at.
func bcrypt72() []row {
	exact := strings.Repeat("Fairway 1 hole! ", 5)[:72]
	scheme := func(prefix string) act {
		return func(s *scene) {
			s.t.Helper()
			u, err := s.store.Queries().GetUser(context.Background(), uuid.MustParse(s.value("user.id")))
			if err != nil || !strings.HasPrefix(u.PasswordHash, prefix) {
				s.t.Errorf("the hash is %.12s…, %v", u.PasswordHash, err)
			}
		}
	}
	return []row{
		{"a password of 72 bytes logs in, and is hashed anew by argon2id", does(bcrypted(exact), scheme("$2"), logIn("{user.email}", exact).gives(200), scheme("$argon2id$"), logIn("{user.email}", exact).gives(200))},
		{"72 bytes and one more are another password: bcrypt", does(bcrypted(exact), logIn("{user.email}", exact+"x").gives(401), scheme("$2"))},
		{"72 bytes and 400 more are another password: bcrypt", does(bcrypted(exact), logIn("{user.email}", exact+strings.Repeat("x", 400)).gives(401), logIn("{user.email}", exact).gives(200))},
		{"72 bytes and one more are another password: after it was hashed anew", does(bcrypted(exact), logIn("{user.email}", exact).gives(200), logIn("{user.email}", exact+"x").gives(401))},
		{"by HTTP Basic and at the token endpoint the same", does(bcrypted(exact),
			get("/api/v1/user/me/sessions").basic("{user.email}", exact+"x").gives(401),
			token().form("grant_type", "password", "client_id", "documentation", "username", "{user.username}", "password", exact+"x").gives(401, oauthSays("invalid_grant")))},
		{"a new password of 100 bytes counts to its end", does(
			patch("/api/v1/user/{user.id}/change-password").bearer("{admin.access}").json(`{"new_password":"`+exact+strings.Repeat("y", 28)+`"}`).gives(200),
			logIn("{user.email}", exact+strings.Repeat("y", 27)+"z").gives(401), logIn("{user.email}", exact+strings.Repeat("y", 28)).gives(200))},
	}
}

// oversized is about credentials that are too long: they are refused before anything is made of them.
func oversized() []row {
	long := func(n int) string { return strings.Repeat("a", n) }
	sessions := get("/api/v1/user/me/sessions")
	basic := func(user, password string) *ask { return get("/api/v1/user/me/sessions").basic(user, password) }
	return []row{
		{"/auth: a password of 1025 bytes, of 60,000", does(logIn("{user.email}", long(1025)).gives(401), logIn("{user.email}", long(60_000)).gives(400))},
		{"/auth: an address of 257 bytes, of 60,000", does(logIn(long(257), "x").gives(401), logIn(long(60_000), "x").gives(400))},
		{"/auth: a body of 1 MiB", does(logIn("{user.email}", long(1<<20)).gives(400))},
		{"token endpoint: a password of 1025 bytes, of 9,000", does(
			token().form("grant_type", "password", "client_id", "documentation", "username", "{user.username}", "password", long(1025)).gives(401, oauthSays("invalid_grant")),
			token().form("grant_type", "password", "client_id", "documentation", "username", "{user.username}", "password", long(9000)).gives(400, oauthSays("invalid_request")))},
		{"token endpoint: a body of 1 MiB", does(token().form("grant_type", "password", "client_id", "documentation", "username", "x", "password", long(1<<20)).gives(400, oauthSays("invalid_request")))},
		{"token endpoint: 1,000 parts", does(token().multipart(strings.Fields(strings.Repeat("a b ", 1000))...).gives(400, oauthSays("invalid_request")))},
		{"token endpoint: a client's id of 10,000 bytes, by parameter and by Basic", does(
			token().form("grant_type", "client_credentials", "client_id", long(10_000), "client_secret", "x").gives(400, oauthSays("invalid_request")), token("grant_type", "client_credentials").basic(long(10_000), "x").gives(401, oauthSays("invalid_client")))},
		{"token endpoint: a refresh token of 9,000 bytes", does(again401("client_id", "documentation", "refresh_token", long(9000)).gives(400, oauthSays("invalid_request")))},
		{"token endpoint: a scope of 9,000 bytes", does(token().form("grant_type", "password", "client_id", "documentation", "username", "{user.username}", "password", "{user.password}", "scope", long(9000)).gives(400, oauthSays("invalid_request")))},
		{"Basic: a user of 257 bytes, a password of 1025, both of 10,000", does(basic(long(257), "x").gives(401), basic("{user.email}", long(1025)).gives(401), basic(long(3000), long(3000)).gives(401))},
		{"Basic: 100,000 bytes: 431 of the server itself", does(basic("{user.email}", long(100_000)).gives(431))},
		{"Bearer: a token of 8 KiB and one: 401; of 100,000 bytes: 431 of the server itself", does(whole(long(8193)).gives(401), whole(long(100_000)).gives(431))},
		{"Bearer: a token of three parts, each of 2,000 bytes", does(whole(long(2000) + "." + long(2000) + "." + long(2000)).gives(401))},
		{"two Authorization headers", does(sessions.header("Authorization", "Bearer {user.access}").header("Authorization", "Bearer {user.access}").gives(401))},
		{"sign-up: an address of 10,000 bytes, a name of 10,000", does(fresh(),
			post("/api/v1/user").json(`{"email":"`+long(10_000)+`@example.org","name":"x"}`).gives(400), post("/api/v1/user").json(`{"email":"{new}","name":"`+long(10_000)+`"}`).gives(400))},
		{"recover-password: an address of 5,000 bytes", does(post("/api/v1/user/" + long(5000) + "/recover-password").gives(200))},
		{"reset-password: a token of 10,000 bytes, a password of 2,000", does(
			post("/api/v1/user/reset-password").json(`{"token":"`+long(10_000)+`","password":"`+strongOther+`"}`).gives(404),
			patch("/api/v1/user/{user.id}/change-password").bearer("{admin.access}").json(`{"new_password":"Aa1!`+long(2000)+`"}`).gives(422))},
	}
}

// raw is a body of bytes, whatever they are.
func raw(a *ask, kind, body string) *ask {
	a.body = body
	return a.header("Content-Type", kind)
}

// hostile is about NUL and bytes that are no UTF-8: refused like anything wrong, on both engines alike.
func hostile() []row {
	form := "application/x-www-form-urlencoded; charset=utf-8"
	sessions := func(user string) *ask {
		return get("/api/v1/user/me/sessions").header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user)))
	}
	return []row{
		{"NUL in JSON: address, password", does(logIn(`a\u0000@example.org`, "x").gives(400).or(401), logIn("{user.email}", `a\u0000`).gives(400).or(401))},
		{"invalid UTF-8 in JSON: address, password", does(
			raw(post("/auth"), "application/json; charset=utf-8", "{\"email\":\"\xff@example.org\",\"password\":\"x\"}").gives(400), raw(post("/auth"), "application/json; charset=utf-8", "{\"email\":\"a@example.org\",\"password\":\"\xff\"}").gives(400))},
		{"half of a surrogate pair in JSON", does(logIn("{user.email}", `\ud800`).gives(400).or(401))},
		{"NUL in a form", does(
			raw(token(), form, "grant_type=password&client_id=documentation&username=a%00&password=x").gives(400, oauthSays("invalid_request")), raw(token(), form, "grant_type=password&client_id=documentation&username=a&password=x%00").gives(400, oauthSays("invalid_request")),
			raw(token(), form, "grant_type=client_credentials&client_id=a%00&client_secret=x").gives(400, oauthSays("invalid_request")), raw(token(), form, "grant_type=refresh_token&client_id=documentation&refresh_token=%00").gives(400, oauthSays("invalid_request")))},
		{"invalid UTF-8 in a form", does(
			raw(token(), form, "grant_type=password&client_id=documentation&username=%ff&password=x").gives(400, oauthSays("invalid_request")), raw(token(), form, "grant_type=password&client_id=documentation&username=a&password=%ff%fe").gives(400, oauthSays("invalid_request")))},
		{"NUL and invalid UTF-8 in the query", does(
			get("/auth/oauth2/token?grant_type=password&client_id=documentation&username=a%00&password=x").gives(400, oauthSays("invalid_request")), get("/auth/oauth2/token?grant_type=password&client_id=%ff&username=a&password=x").gives(400, oauthSays("invalid_request")))},
		{"NUL and invalid UTF-8 in a multipart form", does(
			token("grant_type", "password").multipart("client_id", "documentation", "username", "a\x00", "password", "x").gives(400, oauthSays("invalid_request")), token("grant_type", "password").multipart("client_id", "documentation", "username", "\xff", "password", "x").gives(400, oauthSays("invalid_request")))},
		{"NUL and invalid UTF-8 in Basic", does(sessions("a\x00:x").gives(401), sessions("a:x\x00").gives(401), sessions("\xff:x").gives(401), sessions("a:\xff").gives(401))},
		{"Basic without a colon, and what is no base64", does(sessions("nobody").gives(401), get("/api/v1/user/me/sessions").header("Authorization", "Basic %%%").gives(401), get("/api/v1/user/me/sessions").header("Authorization", "Basic").gives(401))},
		{"NUL and invalid UTF-8 in Basic of a client", does(
			token("grant_type", "client_credentials").basic("a\x01", "x").gives(401, oauthSays("invalid_client")),
			token("grant_type", "client_credentials").header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("a\x00:x"))).gives(401, oauthSays("invalid_client")), token("grant_type", "client_credentials").header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("\xff:x"))).gives(401, oauthSays("invalid_client")))},
		{"NUL and invalid UTF-8 in the path", does(
			post("/api/v1/user/a%00/recover-password").gives(200).or(400, 404), act(func(s *scene) { s.address = "192.0.2.80" }),
			post("/api/v1/user/%ff/recover-password").gives(200).or(400, 404), remove("/api/v1/user/me/sessions/%00").bearer("{user.access}").gives(404).or(400),
			remove("/api/v1/oauth/clients/%00").bearer("{user.access}").gives(404).or(400), get(programTokens+"/%00").bearer("{user.access}").gives(404).or(400))},
		{"NUL and invalid UTF-8 in what is kept: names of users, clients, tokens", does(fresh(),
			post("/api/v1/user").json(`{"email":"{new}","name":"a\u0000"}`).gives(400), raw(post("/api/v1/user"), "application/json; charset=utf-8", "{\"email\":\"a@example.org\",\"name\":\"\xff\"}").gives(400),
			post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"a\u0000","scopes":"user:read"}`).gives(400), issue("user", `{"scopes":["tokens:read"],"description":"a\u0000"}`).gives(400))},
		{"a user agent that is no UTF-8 stops no login", does(
			post("/auth").header("User-Agent", "\xff\xfe").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200), whole("{user.access}").gives(200))},
	}
}
