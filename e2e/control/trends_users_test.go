package control_test

import (
	"strings"

	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// userAnswer is a user as Trends.Earth has it, with the members of all its versions.
const userAnswer = `{"data":{"id":"<uuid:new.id>","email":"{new}","created_at":"<naive>","updated_at":"<naive>","role":"USER","name":"Nora New","first_name":"Nora","last_name":"New",
	"country":"<any>","institution":"<any>","is_plugin_user":true,"is_in_mailing_list":false,"email_verified":false,"email_verified_at":null,"last_login_at":null,"last_activity_at":null,
	"email_notifications_enabled":true,"!password":0,"!deleted":0,"!password_hash":0,"...":0}}`

// strongOther is another good password.
const strongOther = "Another good one: 18 holes"

// fresh names an address that nobody has.
func fresh() act {
	return func(s *scene) { s.vars["new"] = strings.Replace(s.value("user.email"), "user.", "new.", 1) }
}

func signUp(more string) *ask {
	return post("/api/v1/user").json(`{"email":"{new}","name":"Nora New"` + more + `}`)
}

func logIn(email, with string) *ask {
	return post("/auth").json(`{"email":"` + email + `","password":"` + with + `"}`)
}

func trendsUsers() []row {
	return append(trendsSignUp(), append(trendsChange(), trendsRecover()...)...)
}

func trendsSignUp() []row {
	taken := trendsSays("Email address is already registered")
	return []row{
		{"POST /user, public: 200 user (creates answer 200, never 201)", does(fresh(), signUp("").gives(200, userAnswer))},
		{"POST /user: country, institution, profile fields, email_subscription_*", does(fresh(),
			signUp(`,"country":"Kenya","institution":"CI","role_title":"analyst","sector":"other","sector_other":"golf","gender_identity":"x","gender_identity_description":"y","gee_license_acknowledged":true,"purpose_of_use":"research","purpose_of_use_other":"z","email_notifications_enabled":false,"email_subscription_news":true,"email_subscription_engagement":true,"email_subscription_system_updates":true`).
				gives(200, `{"data":{"country":"Kenya","institution":"CI","role_title":"analyst","sector":"other","sector_other":"golf","gender_identity":"x","gender_identity_description":"y","gee_license_acknowledged":true,"purpose_of_use":"research","purpose_of_use_other":"z","email_notifications_enabled":false,"email_subscription_news":true,"email_subscription_engagement":true,"email_subscription_system_updates":true,"...":0}}`))},
		{"1.9: is_plugin_user default true, is_in_mailing_list default false; as sent", does(fresh(),
			signUp(`,"is_plugin_user":false,"is_in_mailing_list":true`).gives(200, `{"data":{"is_plugin_user":false,"is_in_mailing_list":true,"...":0}}`))},
		{"1.9: name given: split on blanks", does(fresh(),
			post("/api/v1/user").json(`{"email":"{new}","name":"Ada King Lovelace"}`).gives(200, `{"data":{"name":"Ada King Lovelace","first_name":"Ada","last_name":"King Lovelace","...":0}}`))},
		{"1.9: name absent: first + \" \" + last (bug: last_name prints first_name; here: right)", does(fresh(),
			post("/api/v1/user").json(`{"email":"{new}","first_name":"Ada","last_name":"Lovelace"}`).gives(200, `{"data":{"name":"Ada Lovelace","first_name":"Ada","last_name":"Lovelace","...":0}}`))},
		{"POST /user: 400 Email is required", does(
			post("/api/v1/user").json(`{"name":"x"}`).gives(400, trendsSays("Email is required")), post("/api/v1/user").json(`{}`).gives(400, trendsSays("Email is required")))},
		{"POST /user: 400 Email not valid", does(
			post("/api/v1/user").json(`{"email":"nothing","name":"x"}`).gives(400, trendsSays("Email not valid")), post("/api/v1/user").json(`{"email":"a b@example.org","name":"x"}`).gives(400, trendsSays("Email not valid")))},
		{"POST /user: 400 Name is required", does(fresh(), post("/api/v1/user").json(`{"email":"{new}"}`).gives(400, trendsSays("Name is required")))},
		{"POST /user: 400 role not valid", does(fresh(), post("/api/v1/user").bearer("{super.access}").json(`{"email":"{new}","name":"x","role":"KING"}`).gives(400, trendsSays("role not valid")))},
		{"POST /user, duplicate: 400 \"Email address is already registered\", whatever its case", does(
			post("/api/v1/user").json(`{"email":"{user.email}","name":"x"}`).gives(400, taken),
			act(func(s *scene) { s.vars["loud"] = strings.ToUpper(s.value("user.email")) }), post("/api/v1/user").json(`{"email":"{loud}","name":"x"}`).gives(400, taken))},
		{"POST /user, the address of a deleted user is free again (1.9's unique index broke re-use)", does(
			act(func(s *scene) { s.value("user.id") }), deleted("user"), post("/api/v1/user").json(`{"email":"{user.email}","name":"x"}`).gives(200))},
		{"anonymous always USER", does(fresh(), signUp(`,"role":"ADMIN"`).gives(200, `{"data":{"role":"USER","...":0}}`))},
		{"403 if USER asks for ADMIN", does(fresh(), signUp(`,"role":"ADMIN"`).bearer("{user.access}").gives(403, `{"status":403,"detail":"<text>","...":0}`))},
		{"ADMIN/SUPERADMIN only by superadmin (403)", does(fresh(),
			signUp(`,"role":"ADMIN"`).bearer("{admin.access}").gives(403), signUp(`,"role":"SUPERADMIN"`).bearer("{admin.access}").gives(403),
			signUp(`,"role":"ADMIN"`).bearer("{super.access}").gives(200, `{"data":{"role":"ADMIN","...":0}}`))},
		{"a user is mailed API_PUBLIC_URL/reset-password?token= (seed: a 6-character password in plain text; here: never a password)", does(fresh(),
			signUp("").gives(200, userAnswer), mailed("{new}", 1, "link"),
			post("/api/v1/user/reset-password").json(`{"token":"{link}","password":"`+strongOther+`"}`).gives(200, `{"data":{"message":"<text>"}}`),
			logIn("{new}", strongOther).gives(200))},
		{"password: optional at the seed, ignored in the newest; here: taken where it is sent, then nothing is mailed", does(fresh(),
			signUp(`,"password":"`+strongOther+`"`).gives(200, userAnswer), logIn("{new}", strongOther).gives(200), act(func(s *scene) {
				s.t.Helper()
				if n := len(s.mail.of(s.vars["new"])); n != 0 {
					s.t.Errorf("%d letters", n)
				}
			}))},
		{"password of a new user, weak: 422", does(fresh(), signUp(`,"password":"q"`).gives(422, `{"status":422,"...":0}`), logIn("{new}", "q").gives(401))},
		{"a user without a password cannot log in", does(fresh(), signUp("").gives(200), logIn("{new}", "x").gives(401), logIn("{new}", "").gives(400))},
		{"sign-up is rate-limited: 100/h from an address", does(fresh(), act(func(s *scene) {
			s.t.Helper()
			for range 100 {
				post("/api/v1/user").json(`{"email":"{user.email}","name":"x"}`).gives(400, taken).do(s)
			}
		}), signUp("").gives(429, `{"status":429,"detail":"Rate limit exceeded. Please try again later.","error_code":"RATE_LIMIT_EXCEEDED","retry_after":"<int>","...":0}`).with("Retry-After", `\d+`),
			signUp("").bearer("{admin.access}").gives(200))},
		{"Content-Encoding: gzip of a request (1.2) is inflated", does(fresh(), act(func(s *scene) {
			s.t.Helper()
			s.vars["packed"] = gzipped(s.t, `{"email":"`+s.vars["new"]+`","name":"Nora New"}`)
		}), (&ask{method: "POST", target: "/api/v1/user", body: "{packed}"}).header("Content-Type", "application/json; charset=utf-8").header("Content-Encoding", "gzip").gives(200, userAnswer))},
	}
}

func trendsChange() []row {
	change := func(old, next string) *ask {
		return patch("/api/v1/user/me/change-password").bearer("{user.access}").json(`{"old_password":"` + old + `","new_password":"` + next + `"}`)
	}
	weak := func(next string) *ask {
		return change("{user.password}", next).gives(422, `{"status":422,"detail":"<text>","...":0}`)
	}
	return []row{
		{"PATCH /user/me/change-password, old_password, new_password: 200; revokes all sessions", does(
			lives("{user.access}"), change("{user.password}", strongOther).gives(200),
			dead("{user.access}"), post("/auth/refresh").json(`{"refresh_token":"{user.refresh}"}`).gives(401),
			logIn("{user.email}", "{user.password}").gives(401), logIn("{user.email}", strongOther).gives(200))},
		{"PATCH /user/me/change-password: 401 wrong", does(
			change("wrong", strongOther).gives(401), lives("{user.access}"), logIn("{user.email}", "{user.password}").gives(200))},
		{"PATCH /user/me/change-password: 422 weak", does(weak("short"), lives("{user.access}"))},
		{"Password rule: 12..128 characters", does(weak("Aa1!aaaaaaa"), weak("Aa1!"+strings.Repeat("a", 125)), change("{user.password}", "Aa1!"+strings.Repeat("a", 124)).gives(200))},
		{"Password rule: upper, lower, digit, special", does(
			weak("lower only 1 of them"), weak("UPPER ONLY 1 OF THEM"), weak("No digit at all in it"), weak("Nospecialcharacter1"))},
		{"PATCH /user/me/change-password: 400 without its fields, 401 without a token", does(
			patch("/api/v1/user/me/change-password").bearer("{user.access}").json(`{}`).gives(400), patch("/api/v1/user/me/change-password").json(`{"old_password":"x","new_password":"y"}`).gives(401))},
		{"PATCH /user/<id>/change-password, ADMIN+: new_password", does(
			patch("/api/v1/user/{user.id}/change-password").bearer("{admin.access}").json(`{"new_password":"`+strongOther+`"}`).gives(200), logIn("{user.email}", strongOther).gives(200))},
		{"PATCH /user/<id>/change-password: 403 for users", does(
			patch("/api/v1/user/{other.id}/change-password").bearer("{user.access}").json(`{"new_password":"`+strongOther+`"}`).gives(403, `{"status":403,"...":0}`))},
		{"PATCH /user/<id>/change-password: ADMIN may not touch a SUPERADMIN", does(
			patch("/api/v1/user/{super.id}/change-password").bearer("{admin.access}").json(`{"new_password":"`+strongOther+`"}`).gives(403, `{"status":403,"...":0}`),
			logIn("{super.email}", "{super.password}").gives(200))},
		{"PATCH /user/<id>/change-password of nobody: 404", does(
			patch("/api/v1/user/018f0000-0000-7000-8000-000000000000/change-password").bearer("{admin.access}").json(`{"new_password":"` + strongOther + `"}`).gives(404))},
	}
}

func trendsRecover() []row {
	ok := `{"data":{"message":"<text>"}}`
	recover := func(of string) *ask { return post("/api/v1/user/" + of + "/recover-password") }
	reset := func(token, password string) *ask {
		return post("/api/v1/user/reset-password").json(`{"token":"` + token + `","password":"` + password + `"}`)
	}
	return []row{
		{"POST /user/<id|email>/recover-password, public: by e-mail, always 200 {data:{message:…}}; a single-use link, never a password", does(
			recover("{user.email}").gives(200, ok), mailed("{user.email}", 1, "link"),
			logIn("{user.email}", "{user.password}").gives(200), // the old one still is
			reset("{link}", strongOther).gives(200, ok),
			logIn("{user.email}", strongOther).gives(200), logIn("{user.email}", "{user.password}").gives(401),
			reset("{link}", "And yet another: 3 putts").gives(404, `{"status":404,"...":0}`))},
		{"POST /user/<uuid>/recover-password: by id", does(recover("{user.id}").gives(200, ok), mailed("{user.email}", 1, "link"))},
		{"recover-password (seed): 200 user object, a random 20-char password is set and e-mailed, 404; here: neither object, nor password, nor 404", does(
			act(func(s *scene) { s.value("user.email") }), recover("{user.email}").gives(200, ok).then(func(s *scene, a gateway.Answer) {
				s.t.Helper()
				s.vars["nobody"] = "nobody." + s.value("user.email")
				s.address = "192.0.2.77"
				b := s.send(recover("{nobody}"))
				if strip(a) != strip(b) {
					s.t.Errorf("known and unknown differ:\n%s\n%s", strip(a), strip(b))
				}
				s.address = "192.0.2.78"
				if c := s.send(recover("018f0000-0000-7000-8000-000000000000")); strip(a) != strip(c) {
					s.t.Errorf("known and unknown differ:\n%s\n%s", strip(a), strip(c))
				}
			}).lacks("{user.email}"))},
		{"recover-password ends no session, reset-password all", does(
			lives("{user.access}"), recover("{user.email}").gives(200, ok), mailed("{user.email}", 1, "link"), lives("{user.access}"),
			reset("{link}", strongOther).gives(200), dead("{user.access}"))},
		{"recover-password: 3/h, 1/min", does(
			recover("{user.email}").gives(200, ok),
			recover("{user.email}").gives(429, `{"status":429,"error_code":"RATE_LIMIT_EXCEEDED","retry_after":"<int>","...":0}`).with("Retry-After", `\d+`),
			act(func(s *scene) { s.address = "192.0.2.79" }), recover("{user.email}").gives(429), mailed("{user.email}", 1, "link"))},
		{"POST /user/reset-password, public, token, password: 200; 404 bad token", does(
			reset("nothing", strongOther).gives(404, `{"status":404,"...":0}`), reset(strings.Repeat("A", 43), strongOther).gives(404))},
		{"POST /user/reset-password: 422 weak, and the link is still good", does(
			recover("{user.email}").gives(200), mailed("{user.email}", 1, "link"), reset("{link}", "weak").gives(422, `{"status":422,"...":0}`), reset("{link}", strongOther).gives(200))},
		{"POST /user/reset-password: 400 without its fields", does(
			post("/api/v1/user/reset-password").json(`{}`).gives(400), post("/api/v1/user/reset-password").json(`{"token":"x"}`).gives(400))},
		{"a link ends when the password is changed otherwise", does(
			recover("{user.email}").gives(200), mailed("{user.email}", 1, "link"),
			patch("/api/v1/user/{user.id}/change-password").bearer("{admin.access}").json(`{"new_password":"`+strongOther+`"}`).gives(200),
			reset("{link}", "And yet another: 3 putts").gives(404))},
		{"a link of a deleted user is good for nothing", does(
			recover("{user.email}").gives(200), mailed("{user.email}", 1, "link"), deleted("user"), reset("{link}", strongOther).gives(404))},
		{"a link that was mailed verifies the address: email_verified(_at)", does(fresh(),
			signUp("").gives(200), mailed("{new}", 1, "link"), reset("{link}", strongOther).gives(200),
			logIn("{new}", strongOther).gives(200, `{"access_token":"<jwt:access>","...":0}`),
			patch("/api/v1/user/me/change-password").bearer("{access}").json(`{"old_password":"`+strongOther+`","new_password":"{user.password}"}`).gives(200, `{"data":{"email_verified":true,"email_verified_at":"<naive>","last_login_at":"<naive>","...":0}}`))},
	}
}
