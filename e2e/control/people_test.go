package control_test

import (
	"fmt"
	"strings"

	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// houstonUser is a user as Houston shows it in full.
const houstonUser = `{"id":{user.number},"username":"{user.username}","email":"{user.email}","first_name":"<any>","middle_name":"<any>","last_name":"<any>","is_active":true,"is_regular_user":true,"is_admin":false,"created":"<re:.*\\+00:00>","updated":"<re:.*\\+00:00>"}`

// people are the users themselves, over HTTP.
func people() []row {
	me, user, users := "/api/v1/user/me", "/api/v1/user/", "/api/v1/users/"
	word := `{"op":"test","path":"/current_password","value":"{user.password}"}`
	wrong := `{"status":403,"message":"Wrong password","...":0}`
	return []row{
		{"GET /user/me: the envelope, and naive dates of six digits", does(
			get(me).bearer("{user.access}").gives(200, `{"data":{"id":"{user.id}","email":"{user.email}","created_at":"<naive>","updated_at":"<naive>","role":"USER","...":0}}`),
			get(me).gives(401))},
		{"GET /user/<id|email>: administrators; 403, 404", does(
			get(user+"{user.id}").bearer("{admin.access}").gives(200, `{"data":{"id":"{user.id}","...":0}}`),
			get(user+"{user.email}").bearer("{admin.access}").gives(200, `{"data":{"id":"{user.id}","...":0}}`),
			get(user+"{user.id}").bearer("{user.access}").gives(403), get(user+"nobody@example.org").bearer("{admin.access}").gives(404))},
		{"GET /user: pages only where they are asked for; filter and sort; an unknown field is a 400 with those that there are", does(
			get("/api/v1/user?filter=email%3D'{user.email}'").bearer("{admin.access}").gives(200, `{"data":[{"id":"{user.id}","...":0}]}`),
			get("/api/v1/user?filter=email%3D'{user.email}'&page=1&per_page=5").bearer("{admin.access}").gives(200, `{"data":[{"id":"{user.id}","...":0}],"page":1,"per_page":5,"total":1}`),
			get("/api/v1/user?filter=password%3D1").bearer("{admin.access}").gives(400), get("/api/v1/user").bearer("{user.access}").gives(403))},
		{"PATCH /user/me: name, country, institution; the role is stripped; 400 Not updated", does(
			patch(me).bearer("{user.access}").json(`{"name":"Una User","country":"Kenya","role":"SUPERADMIN"}`).gives(200, `{"data":{"name":"Una User","first_name":"Una","last_name":"User","country":"Kenya","role":"USER","...":0}}`),
			patch(me).bearer("{user.access}").json(`{}`).gives(400, trendsSays("Not updated")))},
		{"PATCH /user/me: password and repeatPassword", does(
			patch(me).bearer("{user.access}").json(`{"password":"`+strongOther+`","repeatPassword":"different"}`).gives(400, trendsSays("Not updated")),
			patch(me).bearer("{user.access}").json(`{"password":"`+strongOther+`","repeatPassword":"`+strongOther+`"}`).gives(200),
			logIn("{user.email}", strongOther).gives(200))},
		{"PATCH /user/<id>: super administrators; role not valid", does(
			patch(user+"{user.id}").bearer("{admin.access}").json(`{"role":"ADMIN"}`).gives(403),
			patch(user+"{user.id}").bearer("{super.access}").json(`{"role":"GOD"}`).gives(400, trendsSays("role not valid")),
			patch(user+"{user.id}").bearer("{super.access}").json(`{"role":"ADMIN"}`).gives(200, `{"data":{"role":"ADMIN","...":0}}`))},
		{"DELETE /user/me, /user/<id>: soft, and restored; administrators cannot delete themselves", does(
			remove(me).bearer("{admin.access}").gives(403), remove(me).bearer("{user.access}").gives(200, `{"data":{"id":"{user.id}","...":0}}`),
			get(me).bearer("{user.access}").gives(401), get(user+"{user.id}").bearer("{super.access}").gives(404),
			post(user+"{user.id}/restore").bearer("{super.access}").gives(200, `{"data":{"id":"{user.id}","...":0}}`), get(user+"{user.id}").bearer("{super.access}").gives(200))},
		{"GET /users/<int>: owner, administrators, internal users; UUIDs are taken, too", does(
			get(users+"{user.number}").bearer("{user.oauth}").gives(200, houstonUser), get(users+"{user.id}/").bearer("{admin.oauth}").gives(200, houstonUser),
			get(users+"{user.number}").bearer("{other.oauth}").gives(403), get(users+"999999999").bearer("{admin.oauth}").gives(404), get(users+"1").gives(401))},
		{"GET /users/: limit 1..100, offset; X-Total-Count; 422 out of range", does(
			get("/api/v1/users/?limit=1&filter=email%3D'{user.email}'").bearer("{admin.oauth}").gives(200, `[{"id":{user.number},"username":"{user.username}","first_name":"<any>","middle_name":"<any>","last_name":"<any>"}]`).with("X-Total-Count", "1"),
			get("/api/v1/users/?limit=101").bearer("{admin.oauth}").gives(422, `{"status":422,"messages":{"limit":["<any>"]},"...":0}`), get("/api/v1/users/").bearer("{user.oauth}").gives(403))},
		{"PATCH /users/<int>: test /current_password first; 403 Wrong password; all or nothing", does(
			patch(users+"{user.number}").bearer("{user.oauth}").json("["+word+`,{"op":"replace","path":"/first_name","value":"Una"}]`).gives(200, `{"first_name":"Una","...":0}`),
			patch(users+"{user.number}").bearer("{user.oauth}").json(`[{"op":"test","path":"/current_password","value":"wrong"},{"op":"replace","path":"/first_name","value":"X"}]`).gives(403, wrong),
			patch(users+"{user.number}").bearer("{user.oauth}").json(`[{"op":"replace","path":"/first_name","value":"X"}]`).gives(409),
			patch(users+"{user.number}").bearer("{user.oauth}").json("["+word+`,{"op":"replace","path":"/first_name","value":"X"},{"op":"replace","path":"/role","value":"ADMIN"}]`).gives(422),
			patch(users+"{user.number}").bearer("{user.oauth}").json("["+word+`,{"op":"replace","path":"/is_admin","value":true}]`).gives(403),
			patch(users+"{user.number}").bearer("{user.oauth}").json(`{}`).gives(200, `{"first_name":"Una","is_admin":false,"...":0}`))},
		{"POST /users/: a form; 403 CAPTCHA key is incorrect; 200 detailed and not active; 409", does(
			fresh(), post(users).form("username", "{new}x", "email", "{new}", "password", strongOther).gives(403, `{"message":"CAPTCHA key is incorrect.","...":0}`),
			post(users).form("username", "{user.username}x", "email", "{new}", "password", strongOther, "recaptcha_key", "secret_key").gives(200, `{"email":"{new}","is_active":false,"is_admin":false,"...":0}`),
			post(users).form("username", "{user.username}x", "email", "x{new}", "password", strongOther, "recaptcha_key", "secret_key").gives(409))},
		{"GET /user/me/clients: client versions seen, by X-TE-Client: one entry for each type, of the version that was seen last", does(
			get(me).bearer("{user.access}").header("X-TE-Client", "type=qgis_plugin; version=2.2.4; qgis_version=3.34.0; os=Windows; lang=en").gives(200),
			get(me).bearer("{user.access}").header("X-TE-Client", "type=qgis_plugin; version=2.2.5; qgis_version=3.36.1; os=Windows; lang=fr; commit=abc").gives(200),
			get(me+"/clients/").bearer("{user.access}").header("X-TE-Client", "type=cli; version=1.0.0").
				gives(200, `{"data":[{"id":"<uuid>","user_id":"{user.id}","client_type":"cli","client_version":"1.0.0","os":null,"qgis_version":null,"language":null,"extra_metadata":null,"last_seen_at":"<naive>","created_at":"<naive>"},{"id":"<uuid>","user_id":"{user.id}","client_type":"qgis_plugin","client_version":"2.2.5","os":"Windows","qgis_version":"3.36.1","language":"fr","extra_metadata":{"commit":"abc"},"last_seen_at":"<naive>","created_at":"<naive>"}]}`),
			get(me+"/clients").bearer("{other.access}").gives(200, `{"data":[{"client_type":"go-http-client","...":0}]}`).lacks("{user.id}"), get(me+"/clients").gives(401))},
		{"GET /user/me/clients: otherwise by User-Agent; what is hostile is not kept; at most 20", does(
			get(me).bearer("{user.access}").header("User-Agent", "python-requests/2.31.0").gives(200), get(me).bearer("{user.access}").header("User-Agent", "<script>/1").gives(200),
			get(me+"/clients").bearer("{user.access}").header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0").
				gives(200, `{"data":[{"client_type":"firefox","client_version":"127.0","os":"Linux","...":0},{"client_type":"python-requests","client_version":"2.31.0","...":0}]}`),
			act(func(s *scene) {
				for i := range 40 {
					get(me).bearer("{user.access}").header("X-TE-Client", fmt.Sprintf("type=p%d", i)).gives(200).do(s)
				}
			}), get(me+"/clients").bearer("{user.access}").gives(200).then(func(s *scene, a gateway.Answer) {
				if n := strings.Count(a.Body, `"client_type"`); n < 3 || n > 20 {
					s.t.Errorf("%d programs", n)
				}
			}))},
		{"last_activity_at: of who calls without a login, too", does(
			get(me).basic("{user.email}", "{user.password}").gives(200, `{"data":{"last_login_at":null,"last_activity_at":"<naive>","...":0}}`))},
		{"PATCH by RFC 6902, all six operations, in both representations; all or nothing", does(
			patch(me).bearer("{user.access}").json(`[{"op":"test","path":"/country","value":""},{"op":"add","path":"/country","value":"Chad"},{"op":"copy","from":"/country","path":"/institution"},{"op":"replace","path":"/first_name","value":"Una"},{"op":"remove","path":"/country"}]`).gives(200, `{"data":{"country":"","institution":"Chad","first_name":"Una","...":0}}`),
			patch(me).bearer("{user.access}").json(`[{"op":"move","from":"/institution","path":"/country"}]`).gives(200, `{"data":{"country":"Chad","institution":"","...":0}}`),
			patch(me).bearer("{user.access}").json(`[{"op":"replace","path":"/country","value":"Mali"},{"op":"test","path":"/first_name","value":"Nobody"}]`).gives(409), get(me).bearer("{user.access}").gives(200, `{"data":{"country":"Chad","...":0}}`),
			patch(users+"{user.number}").bearer("{user.oauth}").json("["+word+`,{"op":"copy","from":"/first_name","path":"/middle_name"},{"op":"move","from":"/middle_name","path":"/last_name"},{"op":"add","path":"/middle_name","value":"M"}]`).gives(200, `{"first_name":"Una","middle_name":"M","last_name":"Una","...":0}`))},
		{"PATCH: the value of remove must be what is there (Houston)", does(
			patch(users+"{user.number}").bearer("{user.oauth}").json("["+word+`,{"op":"replace","path":"/last_name","value":"Doe"}]`).gives(200),
			patch(users+"{user.number}").bearer("{user.oauth}").json("["+word+`,{"op":"remove","path":"/last_name","value":"Roe"}]`).gives(409),
			patch(users+"{user.number}").bearer("{user.oauth}").json("["+word+`,{"op":"remove","path":"/last_name","value":"Doe"}]`).gives(200, `{"last_name":"","...":0}`))},
		{"PATCH by RFC 7396 in both representations; fields that a caller may not write: 403 naming them", does(
			patch(me).bearer("{user.access}").json(`{"country":"Peru","email":"x@example.org","max_concurrent_executions":7}`).gives(403, `{"detail":"<re:.*email, max_concurrent_executions.*>","...":0}`),
			patch(users+"{user.number}").bearer("{user.oauth}").json(`{"current_password":"{user.password}","last_name":null,"first_name":"Ula"}`).gives(200, `{"first_name":"Ula","last_name":"","...":0}`),
			patch(users+"{user.number}").bearer("{user.oauth}").json(`{"current_password":"{user.password}","is_admin":true,"is_active":false}`).gives(403, `{"detail":"<re:.*is_active, is_admin.*>","...":0}`))},
		{"PATCH: If-Match with ETag gives 412, with the tag that there is now", does(
			act(func(s *scene) { s.vars["tag"] = s.send(get(me).bearer("{user.access}")).Header.Get("ETag") }),
			atOnce(patch(me).bearer("{user.access}").header("If-Match", "{tag}").json(`{"country":"Togo"}`), 200, 412, 412),
			patch(users+"{user.number}").bearer("{user.oauth}").header("If-Match", "{tag}").json(`[]`).gives(412).with("ETag", `".+"`), patch(user+"{user.id}").bearer("{super.access}").header("If-Match", "{tag}").json(`{"country":"Niger"}`).gives(412))},
		{"GET /user, /users: page links; cursors; CSV export", does(
			get("/api/v1/user?per_page=1&filter=role%3DUSER").bearer("{admin.access}").gives(200).with("Link", `.*rel="next".*`), get(users+"?limit=1").bearer("{admin.oauth}").gives(200).with("Link", `.*offset=1.*rel="next".*`),
			get(users+"?limit=1&cursor=*").bearer("{admin.oauth}").gives(200).with("Link", `<.*cursor=.*>; rel="next"`),
			get("/api/v1/user/export?filter=email%3D'{user.email}'").bearer("{admin.access}").gives(200).with("Content-Type", "text/csv.*").with("Content-Disposition", `attachment; filename="users_export_.*\.csv"`).with("Cache-Control", "no-store"),
			get("/api/v1/user/export").bearer("{user.access}").gives(403))},
		{"users are found by id or address, whatever its case; a slash says nothing", does(
			get(user+"{user.id}/").bearer("{admin.access}").gives(200), get(user+"{user.email}/").bearer("{admin.access}").gives(200, `{"data":{"id":"{user.id}","...":0}}`), get(me+"/").bearer("{user.access}").gives(200), get(users+"me/").bearer("{user.oauth}").gives(200, houstonUser))},
		{"OPTIONS of one's own user and of another's", does(
			options(users+"{user.number}").bearer("{user.oauth}").nothing(204).with("Allow", "GET, PATCH, OPTIONS"), options(users+"{user.number}").bearer("{other.oauth}").nothing(204).with("Allow", "OPTIONS"),
			options(users).nothing(204).with("Allow", "POST, OPTIONS"), options(users+"{user.number}").gives(401))},
	}
}
