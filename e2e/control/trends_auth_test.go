package control_test

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/queries/db"
)

// loginAnswer is what /auth and /auth/refresh answer.
const loginAnswer = `{"access_token":"<jwt:access>","token":"<jwt:token>","refresh_token":"<opaque:refresh>","user_id":"{user.id}","expires_in":3600}`

// trendsSays is an error with a sentence, where older clients read it and where newer ones do.
func trendsSays(sentence string) string {
	return `{"msg":"` + sentence + `","message":"` + sentence + `","detail":"` + sentence + `","...":0}`
}

// refused is an error about a token.
func refused(sentence, word string) string {
	return `{"status":401,"detail":"` + sentence + `","error":"` + word + `","msg":"` + sentence + `","...":0}`
}

// whole asks something that every user may, with a token.
func whole(token string) *ask { return get("/api/v1/user/me/sessions").bearer(token) }

// lives says that a token is taken, dead that it is not.
func lives(token string) *ask { return whole(token).gives(200) }

func dead(token string) *ask {
	return whole(token).gives(401, refused("Token has been revoked", "token_revoked"))
}

// wrongPassword is a login that fails.
func wrongPassword(email string) *ask {
	return post("/auth").json(`{"email":"` + email + `","password":"Not the password 1"}`)
}

func trendsAuth() []row {
	return append(trendsLogin(), append(trendsRefresh(), trendsSessions()...)...)
}

func trendsLogin() []row {
	return []row{
		{"POST /auth, JSON email, password: 200 {access_token, refresh_token, user_id, expires_in:3600}", does(
			post("/auth").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200, loginAnswer).with("Cache-Control", "no-store"),
			lives("{access}"))},
		{"/auth response key: access_token in the VIZZ era, token at the seed; answer with both", does(
			post("/auth").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200, loginAnswer),
			lives("{token}"), lives("{access}"), act(func(s *scene) {
				s.t.Helper()
				if s.vars["token"] != s.vars["access"] {
					s.t.Error("token and access_token differ")
				}
			}))},
		{"POST /auth answers without the envelope data", does(
			post("/auth").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200, `{"!data":0,"...":0}`))},
		{"e-mail unique case-insensitively: login by the address in any case", does(
			act(func(s *scene) { s.vars["shouted"] = strings.ToUpper(s.value("user.email")) }),
			post("/auth").json(`{"email":"{shouted}","password":"{user.password}"}`).gives(200, loginAnswer))},
		{"POST /auth: 400 {msg: Email and password are required}, for none of them", does(
			post("/auth").json(`{}`).gives(400, trendsSays("Email and password are required")))},
		{"POST /auth: 400 {msg: Email and password are required}, without a body", does(
			post("/auth").gives(400, trendsSays("Email and password are required")))},
		{"POST /auth: 400 {msg: Email and password are required}, for one of them", does(
			post("/auth").json(`{"email":"{user.email}"}`).gives(400, trendsSays("Email and password are required")),
			post("/auth").json(`{"password":"{user.password}"}`).gives(400, trendsSays("Email and password are required")))},
		{"POST /auth: 400 {msg: Email and password are required}, for empty ones, and null", does(
			post("/auth").json(`{"email":"","password":""}`).gives(400, trendsSays("Email and password are required")),
			post("/auth").json(`{"email":"{user.email}","password":null}`).gives(400, trendsSays("Email and password are required")))},
		{"POST /auth: 400 {msg}, for a body that is no JSON object", does(
			post("/auth").json(`[]`).gives(400, `{"msg":"<text>","...":0}`),
			post("/auth").json(`{"email":`).gives(400, `{"msg":"<text>","...":0}`),
			post("/auth").json(`{"email":["{user.email}"],"password":{}}`).gives(400, `{"msg":"<text>","...":0}`))},
		{"POST /auth: 401 {msg: Bad username or password}, for a wrong password (seed: 500; here as intended)", does(
			wrongPassword("{user.email}").gives(401, trendsSays("Bad username or password")))},
		{"POST /auth: 401 {msg: Bad username or password}, for an unknown address, and nothing differs", does(
			wrongPassword("nobody.{user.email}").gives(401, trendsSays("Bad username or password")).then(func(s *scene, a gateway.Answer) {
				s.t.Helper()
				b := s.send(wrongPassword("{user.email}"))
				if strip(a) != strip(b) {
					s.t.Errorf("known and unknown differ:\n%s\n%s", strip(a), strip(b))
				}
			}))},
		{"POST /auth of a deleted user: 401 as of an unknown one", does(
			lives("{user.access}"), deleted("user"),
			post("/auth").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(401, trendsSays("Bad username or password")))},
		{"password in the query of /auth: never (Trends.Earth reads JSON alone)", does(
			post("/auth?email={user.email}&password={user.password}").gives(400, trendsSays("Email and password are required")))},
		{"locked 401 {message, error_code: account_locked, …}; here: never a hard lock, a growing delay as 429 with Retry-After and error_code RATE_LIMIT_EXCEEDED", does(
			act(func(s *scene) {
				s.t.Helper()
				for range 5 {
					wrongPassword("{user.email}").gives(401).do(s)
				}
				for range 6 { // on a slow machine the first delays are over before the next attempt
					wrongPassword("{user.email}").gives(401).or(429).do(s)
				}
			}),
			wrongPassword("{user.email}").gives(429, `{"error_code":"RATE_LIMIT_EXCEEDED","retry_after":"<int>","detail":"Rate limit exceeded. Please try again later.","...":0}`).with("Retry-After", `[1-9]\d*`))},
		{"lock-out until password reset after 20; here: who knows the password gets in after at most a minute, from elsewhere at once", does(
			act(func(s *scene) {
				s.t.Helper()
				for i := range 22 {
					s.address = fmt.Sprint("192.0.2.", i+1)
					wrongPassword("{user.email}").gives(401, trendsSays("Bad username or password")).do(s)
				}
			}),
			act(func(s *scene) { s.address = "192.0.2.100" }),
			post("/auth").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200, loginAnswer))},
		{"Trailing slash optional (strict_slashes=False)", does(
			post("/auth/").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200, loginAnswer),
			get("/api/v1/user/me/sessions/").bearer("{user.access}").gives(200))},
		{"405 Method Not Allowed {status, detail}, with Allow", does(
			get("/auth").gives(405, `{"status":405,"detail":"Method Not Allowed","...":0}`).with("Allow", "POST, OPTIONS"),
			put("/auth/refresh").json(`{}`).gives(405, `{"status":405,"detail":"Method Not Allowed","...":0}`).with("Allow", "POST, OPTIONS"))},
		{"404 Not Found {status, detail}: the one error document of the site", does(
			get("/api/v1/nothing").gives(404, `{"status":404,"title":"Not Found","...":0}`))},
		{"JWT: HS256, 24 h, then 1 h; here: EdDSA with kid, 1 h, subject = user id, and nothing of the user beside", does(
			lives("{user.access}"), act(func(s *scene) {
				s.t.Helper()
				parts := strings.Split(s.value("user.access"), ".")
				header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
				claims, err2 := base64.RawURLEncoding.DecodeString(parts[1])
				if err1 != nil || err2 != nil {
					s.t.Fatal(err1, err2)
				}
				keep := func(name, v string) { s.vars[name] = v }
				if err := match(`{"alg":"EdDSA","kid":"<text:kid>","typ":"at+jwt"}`, string(header), keep); err != nil {
					s.t.Error(err)
				}
				want := `{"iss":"fairway","aud":"fairway","sub":"` + s.value("user.id") + `","scope":"all","iat":"<int:iat>","exp":"<int:exp>","jti":"<text>","sid":"<uuid>"}`
				if err := match(want, string(claims), keep); err != nil {
					s.t.Error(err)
				}
				iat, _ := strconv.Atoi(s.vars["iat"])
				if exp, _ := strconv.Atoi(s.vars["exp"]); exp-iat != 3600 {
					s.t.Errorf("it lasts for %d s", exp-iat)
				}
			}),
			get("/.well-known/jwks.json").gives(200, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"<text>","x":"<text>"},"..."]}`).then(func(s *scene, a gateway.Answer) {
				s.t.Helper()
				if !strings.Contains(a.Body, s.vars["kid"]) {
					s.t.Errorf("the key %s is not among %s", s.vars["kid"], a.Body)
				}
			}).lacks(`"d":`))},
		{"JWT failures: 401 {status, detail: Authorization token required, error: authorization_required}", does(
			get("/api/v1/user/me/sessions").gives(401, refused("Authorization token required", "authorization_required")).with("WWW-Authenticate", ".*Bearer.*"))},
		{"JWT failures: 401 {status, detail: Invalid token, error: invalid_token}", does(
			whole("abc").gives(401, refused("Invalid token", "invalid_token")).with("WWW-Authenticate", `.*error="invalid_token".*`),
			whole("{user.access}x").gives(401, refused("Invalid token", "invalid_token")))},
		{"JWT failures: 401 {status, detail: Token has been revoked, error: token_revoked}", does(
			post("/auth/logout").bearer("{user.access}").gives(200), dead("{user.access}"))},
		{"JWT header only: a token in the query is none", does(
			get("/api/v1/user/me/sessions?token={user.access}&access_token={user.access}").gives(401, refused("Authorization token required", "authorization_required")))},
		{"rate limits default 1000/h + 100/min; here: those of the configuration, where it has none there are none", does(
			get("/.well-known/jwks.json").gives(200).with("X-RateLimit-Limit", "").with("RateLimit", ""))},
		{"rate limits, auth 60/min + 600/h: of wrong passwords from an address, whoever they are for", does(logged("super"), act(func(s *scene) {
			s.t.Helper()
			// One is forgotten every six seconds.
			for i := range 200 {
				s.vars["guess"] = fmt.Sprintf("guess%d.%s", i, s.value("user.email"))
				if a := s.send(wrongPassword("{guess}")); a.Status != 401 {
					if i < 60 {
						s.t.Errorf("attempt %d: %s", i, a)
					}
					s.judge(wrongPassword("{guess}").gives(429, `{"error_code":"RATE_LIMIT_EXCEEDED","...":0}`), a)
					return
				}
			}
			s.t.Error("200 attempts are let through")
		}), events("type=AUTH&ip={address}", `{"data":[{"rate_limit_type":"AUTH","limit_key":"<re:auth:[0-9a-f]{16}:{address}>","ip_address":"{address}","endpoint":"/auth","method":"POST","user_id":null,"...":0},"..."],"...":0}`))},
		{"a token of an inactive user: 401", does(
			lives("{user.access}"), change("user", func(u *db.User) { u.IsActive = false }), eventually(whole("{user.access}").gives(401)))},
	}
}

// strip is an answer without what is another one in each.
func strip(a gateway.Answer) string {
	keep := a.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
		keep.Del(name)
	}
	body, id := a.Body, a.Header.Get("X-Request-Id")
	if id != "" {
		body = strings.ReplaceAll(body, id, "")
	}
	return fmt.Sprint(a.Status, keep, body)
}

func trendsRefresh() []row {
	body := `{"refresh_token":"{user.refresh}"}`
	return []row{
		{"POST /auth/refresh {refresh_token}: 200 same shape; it keeps the refresh token", does(
			post("/auth/refresh").json(body).gives(200, loginAnswer),
			act(func(s *scene) {
				s.t.Helper()
				if s.vars["refresh"] != s.vars["user.refresh"] {
					s.t.Error("the refresh token is another one")
				}
				if s.vars["access"] == s.vars["user.access"] {
					s.t.Error("the access token is the old one")
				}
			}),
			lives("{access}"), lives("{user.access}"),
			post("/auth/refresh").json(body).gives(200, loginAnswer))},
		{"?rotate=true opt-in rotation", does(
			post("/auth/refresh?rotate=true").json(body).gives(200, loginAnswer),
			act(func(s *scene) {
				s.t.Helper()
				if s.vars["refresh"] == s.vars["user.refresh"] {
					s.t.Error("the refresh token is the old one")
				}
			}),
			post("/auth/refresh").json(`{"refresh_token":"{refresh}"}`).gives(200, loginAnswer), lives("{access}"))},
		{"unknown query ignored (?legacy=false from the plugin)", does(
			post("/auth/refresh?legacy=false&x=%20").json(body).gives(200, loginAnswer))},
		{"POST /auth/refresh: 400 {msg} without a refresh token", does(
			post("/auth/refresh").json(`{}`).gives(400, trendsSays("Refresh token is required")),
			post("/auth/refresh").gives(400, trendsSays("Refresh token is required")))},
		{"POST /auth/refresh: 401 {msg} for one that is none", does(
			post("/auth/refresh").json(`{"refresh_token":"nothing"}`).gives(401, trendsSays("Invalid or expired refresh token")),
			post("/auth/refresh").json(`{"refresh_token":"{user.refresh}x"}`).gives(401, trendsSays("Invalid or expired refresh token")))},
		{"an access token is no refresh token, and the reverse", does(
			post("/auth/refresh").json(`{"refresh_token":"{user.access}"}`).gives(401, trendsSays("Invalid or expired refresh token")),
			whole("{user.refresh}").gives(401, refused("Invalid token", "invalid_token")))},
		{"Refresh token: 32 bytes url-safe", does(act(func(s *scene) {
			s.t.Helper()
			text := s.value("user.refresh")
			text = text[strings.LastIndexByte(text, '_')+1:]
			if len(text) < 43 && len(s.value("user.refresh")) < 43 {
				s.t.Errorf("%d characters", len(text))
			}
		}))},
	}
}

func trendsSessions() []row {
	return []row{
		{"POST /auth/logout, JWT: 200 {msg: Successfully logged out}; the jti is blocked", does(
			lives("{user.access}"),
			post("/auth/logout").bearer("{user.access}").gives(200, `{"msg":"Successfully logged out"}`),
			dead("{user.access}"))},
		{"POST /auth/logout, optional {refresh_token}: it ends", does(
			post("/auth/logout").bearer("{user.access}").json(`{"refresh_token":"{user.refresh}"}`).gives(200, `{"msg":"Successfully logged out"}`),
			post("/auth/refresh").json(`{"refresh_token":"{user.refresh}"}`).gives(401, trendsSays("Invalid or expired refresh token")))},
		{"POST /auth/logout with the refresh token of somebody else: that one lives on", does(
			post("/auth/logout").bearer("{user.access}").json(`{"refresh_token":"{other.refresh}"}`).gives(200),
			post("/auth/refresh").json(`{"refresh_token":"{other.refresh}"}`).gives(200))},
		{"POST /auth/logout: 401 without a token", does(
			post("/auth/logout").gives(401, refused("Authorization token required", "authorization_required")))},
		{"POST /auth/logout twice: 401 token_revoked", does(
			post("/auth/logout").bearer("{user.access}").gives(200),
			post("/auth/logout").bearer("{user.access}").gives(401, refused("Token has been revoked", "token_revoked")))},
		{"POST /auth/logout-all, JWT: 200 {msg: Successfully logged out from N devices}", does(
			lives("{user.access}"),
			post("/auth").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200, loginAnswer),
			post("/auth/logout-all").bearer("{user.access}").gives(200, `{"msg":"Successfully logged out from 2 devices"}`),
			dead("{access}"), dead("{user.access}"),
			post("/auth/refresh").json(`{"refresh_token":"{refresh}"}`).gives(401),
			post("/auth/refresh").json(`{"refresh_token":"{user.refresh}"}`).gives(401))},
		{"POST /auth/logout-all ends nobody else's", does(
			lives("{other.access}"), post("/auth/logout-all").bearer("{user.access}").gives(200), lives("{other.access}"))},
		{"POST /auth/logout-all: 401 without a token", does(post("/auth/logout-all").gives(401))},
		{"GET /api/v1/user/me/sessions, JWT: 200 data array of refresh sessions (device_info \"IP: x | UA: y\")", does(
			post("/auth").header("User-Agent", "QGIS/3.40").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200, loginAnswer),
			act(func(s *scene) { s.vars["device"] = "IP: " + s.address + " | UA: QGIS/3.40" }),
			whole("{access}").gives(200, `{"data":[{"id":"<uuid>","device_info":"{device}","created_at":"<naive>","expires_at":"<naive>","last_used_at":"<any>","is_revoked":false}]}`).lacks("{refresh}"))},
		{"GET /api/v1/user/me/sessions has the caller's alone", does(
			lives("{other.access}"), whole("{user.access}").gives(200, `{"data":[{"id":"<uuid>","...":0}]}`))},
		{"DELETE /user/me/sessions: 200 {message}", does(
			remove("/api/v1/user/me/sessions").bearer("{user.access}").gives(200, `{"message":"<has:1 session>","...":0}`),
			dead("{user.access}"))},
		{"DELETE /user/me/sessions/<id>: 200 {message}, that one alone", does(
			whole("{user.access}").gives(200, `{"data":[{"id":"<uuid:first>","...":0}]}`),
			post("/auth").json(`{"email":"{user.email}","password":"{user.password}"}`).gives(200, loginAnswer),
			remove("/api/v1/user/me/sessions/{first}").bearer("{access}").gives(200, `{"message":"<text>","...":0}`),
			dead("{user.access}"), lives("{access}"),
			post("/auth/refresh").json(`{"refresh_token":"{user.refresh}"}`).gives(401))},
		{"DELETE /user/me/sessions/<id>: 404 Session not found", does(
			remove("/api/v1/user/me/sessions/018f0000-0000-7000-8000-000000000000").bearer("{user.access}").gives(404, trendsSays("Session not found")),
			remove("/api/v1/user/me/sessions/nothing").bearer("{user.access}").gives(404, trendsSays("Session not found")))},
		{"DELETE /user/me/sessions/<id> of somebody else: 404 Session not found, and it lives on", does(
			whole("{other.access}").gives(200, `{"data":[{"id":"<uuid:theirs>","...":0}]}`),
			remove("/api/v1/user/me/sessions/{theirs}").bearer("{user.access}").gives(404, trendsSays("Session not found")),
			lives("{other.access}"))},
	}
}
