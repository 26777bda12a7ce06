package control_test

import (
	"slices"
	"sync"
)

// atOnce sends the same request several times at once, and holds the statuses to those that must come, sorted.
func atOnce(a *ask, want ...int) act {
	return func(s *scene) {
		s.t.Helper()
		got := make([]int, len(want))
		var done sync.WaitGroup
		for i := range want {
			req := s.request(s.gateway, a)
			done.Go(func() {
				answer, err := s.gateway.Do(req)
				if err == nil {
					got[i] = answer.Status
				}
			})
		}
		done.Wait()
		if slices.Sort(got); !slices.Equal(got, want) {
			s.t.Errorf("%s %s %d times at once: %v, not %v", a.method, a.target, len(want), got, want)
		}
	}
}

// teams are Houston's.
func teams() []row {
	const all = "/api/v1/teams/"
	const brief = `{"id":"<any>","username":"<any>","first_name":"<any>","middle_name":"<any>","last_name":"<any>"}`
	one, members := all+"{team}", all+"{team}/members/"
	made := post(all).bearer("{user.oauth}").form("title", "Test Team Title").gives(200, `{"id":"<int:team>","title":"Test Team Title","...":0}`)
	joins := post(members).bearer("{user.oauth}").form("user_id", "{other.number}").gives(200)
	member := `{"team":{"id":{team},"title":"Test Team Title"},"user":{"id":{other.number},"username":"{other.username}","...":0},"is_leader":false}`
	narrow := func(scope string) *ask {
		return post("/auth/oauth2/token").form("grant_type", "password", "client_id", "documentation", "username", "{user.username}", "password", "{user.password}", "scope", scope).
			gives(200, `{"access_token":"<jwt:narrow>","...":0}`)
	}
	too := `{"status":409,"message":"<text>","...":0}`
	return []row{
		{"POST /teams/ (form title): 200 with id, title, members, created, updated; the creator is leader", does(
			post(all).bearer("{user.oauth}").form("title", "Test Team Title").gives(200, `{"id":"<int:team>","title":"Test Team Title","members":[{"user":{"id":{user.number},"username":"{user.username}","...":0},"is_leader":true}],"created":"<offset>","updated":"<offset>"}`).with("ETag", `".+"`),
			get(one).bearer("{user.oauth}").gives(200, `{"id":{team},"title":"Test Team Title","members":[{"user":`+brief+`,"is_leader":true}],"created":"<re:.*\\+00:00>","updated":"<re:.*\\+00:00>"}`))},
		{"POST /teams/: multipart and JSON, with and without the slash", does(
			post(all).bearer("{user.oauth}").multipart("title", "By curl").gives(200, `{"title":"By curl","...":0}`),
			post("/api/v1/teams").bearer("{user.oauth}").json(`{"title":"By JSON"}`).gives(200, `{"title":"By JSON","...":0}`))},
		{"POST /teams/: title of less than 3 characters 409; none 422", does(
			post(all).bearer("{user.oauth}").form("title", "").gives(409, too), post(all).bearer("{user.oauth}").form("title", "ab").gives(409, too), post(all).bearer("{user.oauth}").json(`{"title":"ab"}`).gives(409, too),
			post(all).bearer("{user.oauth}").form("name", "abc").gives(422, `{"status":422,"messages":{"title":["<text>"]},"...":0}`))},
		{"POST /teams/: once for each Idempotency-Key", does(
			post(all).bearer("{user.oauth}").header("Idempotency-Key", "team").json(`{"title":"Once only"}`).gives(200, `{"id":"<int:team>","...":0}`),
			post(all).bearer("{user.oauth}").header("Idempotency-Key", "team").json(`{"title":"Once only"}`).gives(200, `{"id":{team},"...":0}`).with("Idempotency-Replayed", "true"),
			post(all).bearer("{user.oauth}").header("Idempotency-Key", "team").json(`{"title":"Another"}`).gives(422))},
		{"GET /teams/: everybody who is logged in; a bare list of id and title, limit and offset, X-Total-Count and Link, filter, sort", does(
			post(all).bearer("{user.oauth}").form("title", "A of {user.id}").gives(200), post(all).bearer("{user.oauth}").form("title", "B of {user.id}").gives(200),
			get(all+"?limit=1&sort=-title&filter=title+like+'%25{user.id}'").bearer("{other.oauth}").gives(200, `[{"id":"<int>","title":"B of {user.id}"}]`).with("X-Total-Count", "2").with("Link", `.*offset=1.*rel="next".*`),
			get(all+"?limit=5&offset=1&sort=-title&filter=title+like+'%25{user.id}'").bearer("{other.oauth}").gives(200, `[{"id":"<int>","title":"A of {user.id}"}]`),
			get(all+"?limit=1&cursor=*&filter=title+like+'%25{user.id}'").bearer("{other.oauth}").gives(200, `[{"id":"<int>","title":"A of {user.id}"}]`).with("Link", `<.*cursor=.*>; rel="next"`),
			get(all+"?limit=101").bearer("{other.oauth}").gives(422, `{"status":422,"messages":{"limit":["<any>"]},"...":0}`), get(all+"?filter=leader%3D1").bearer("{other.oauth}").gives(400),
			get(all).gives(401))},
		{"GET/PATCH/DELETE /teams/<id>: the leader, administrators and internal users; members and strangers 403; 404, 401", does(
			made, joins, get(one).bearer("{admin.oauth}").gives(200), get(one).bearer("{internal.oauth}").gives(200),
			get(one).bearer("{other.oauth}").gives(403, `{"status":403,"message":"You don't have the permission to access the requested resource.","...":0}`), patch(one).bearer("{other.oauth}").json(`{"title":"Theirs"}`).gives(403),
			remove(one).bearer("{other.oauth}").gives(403), get(members).bearer("{other.oauth}").gives(403), post(members).bearer("{other.oauth}").form("user_id", "{admin.number}").gives(403),
			remove(members+"{user.number}").bearer("{other.oauth}").gives(403), get(one).bearer("{other2.oauth}").gives(403), get(one).gives(401), get(all+"999999999").bearer("{user.oauth}").gives(404), get(all+"x").bearer("{user.oauth}").gives(404),
			patch(one).bearer("{admin.oauth}").json(`{"title":"The admin's"}`).gives(200))},
		{"GET /teams/<id>: UUIDs are taken, too", does(made,
			get("/api/v1/audit-log?filter=action%3Dteam.create,actor_user%3D'{user.id}'").bearer("{admin.access}").gives(200, `[{"subject":"<text:subject>","...":0}]`),
			act(func(s *scene) { s.vars["uuid"] = s.value("subject")[len("team:"):] }), get(all+"{uuid}").bearer("{user.oauth}").gives(200, `{"id":{team},"...":0}`), get(all+"{uuid}/members").bearer("{user.oauth}").gives(200))},
		{"teams:read and teams:write: any listed scope; without it 401", does(made, narrow("teams:read"),
			get(one).bearer("{narrow}").gives(200), get(members).bearer("{narrow}").gives(200), patch(one).bearer("{narrow}").json(`{"title":"New"}`).gives(401), post(all).bearer("{narrow}").form("title", "New").gives(401),
			narrow("teams:write"), get(one).bearer("{narrow}").gives(401, `{"status":401,"message":"<text>","...":0}`), get(all).bearer("{narrow}").gives(401), patch(one).bearer("{narrow}").json(`{"title":"New"}`).gives(200),
			narrow("users:read"), get(all).bearer("{narrow}").gives(401))},
		{"a leader who is no regular user may read and not write", does(
			post(all).bearer("{irregular.oauth}").form("title", "Read only").gives(200, `{"id":"<int:team>","...":0}`), get(one).bearer("{irregular.oauth}").gives(200),
			patch(one).bearer("{irregular.oauth}").json(`{"title":"New"}`).gives(403), remove(one).bearer("{irregular.oauth}").gives(403), options(one).bearer("{irregular.oauth}").nothing(204).with("Allow", "GET, OPTIONS"))},
		{"OPTIONS /teams/1: leader {GET, PATCH, DELETE, OPTIONS}; others {OPTIONS}; anonymous 401", does(made,
			options(one).bearer("{user.oauth}").nothing(204).with("Allow", "GET, PATCH, DELETE, OPTIONS"), options(one).bearer("{other.oauth}").nothing(204).with("Allow", "OPTIONS"), options(one).gives(401),
			options(all).bearer("{user.oauth}").nothing(204).with("Allow", "GET, POST, OPTIONS"), options(members).bearer("{user.oauth}").nothing(204).with("Allow", "GET, POST, OPTIONS"),
			options(members+"1").bearer("{user.oauth}").nothing(204).with("Allow", "DELETE, OPTIONS"), options(all+"999999999").bearer("{user.oauth}").gives(404))},
		{"PATCH /teams/<id>: only /title, by RFC 6902; 409 too short, 422 without a value or a slash", does(made,
			patch(one).bearer("{user.oauth}").json(`[{"op":"replace","path":"/title","value":"Another Title"}]`).gives(200, `{"id":{team},"title":"Another Title","...":0}`),
			patch(one).bearer("{user.oauth}").json(`[{"op":"replace","path":"/title","value":""}]`).gives(409, too),
			patch(one).bearer("{user.oauth}").json(`[{"op":"replace","path":"/title"}]`).gives(422), patch(one).bearer("{user.oauth}").json(`[{"op":"replace","path":"title","value":"X Y Z"}]`).gives(422),
			patch(one).bearer("{user.oauth}").json(`[{"op":"replace","path":"/title","value":"X Y Z"},{"op":"replace","path":"/id","value":1}]`).gives(422),
			patch(one).bearer("{user.oauth}").json(`[{"op":"test","path":"/title","value":"No"},{"op":"replace","path":"/title","value":"X Y Z"}]`).gives(409),
			patch(one).bearer("{user.oauth}").header("Content-Type", "application/json-patch+json").json(`{"title":"X Y Z"}`).gives(415).or(422, 400),
			get(one).bearer("{user.oauth}").gives(200, `{"title":"Another Title","...":0}`))},
		{"PATCH /teams/<id> by RFC 7396: what else differs is a 403 that names it", does(made,
			patch(one).bearer("{user.oauth}").json(`{"id":{team},"title":"Merged"}`).gives(200, `{"title":"Merged","...":0}`),
			patch(one).bearer("{user.oauth}").json(`{"id":1000000,"members":[],"title":"Mass"}`).gives(403, `{"detail":"<re:.*id, members.*>","...":0}`),
			get(one).bearer("{user.oauth}").gives(200, `{"id":{team},"title":"Merged","members":["<any>"],"...":0}`))},
		{"ETag: If-None-Match 304, If-Match 412; who is a member counts as well", does(made,
			act(func(s *scene) { s.vars["tag"] = s.send(get(one).bearer("{user.oauth}")).Header.Get("ETag") }),
			get(one).bearer("{user.oauth}").header("If-None-Match", "{tag}").nothing(304).with("ETag", "{tag}"), get(one).bearer("{user.oauth}").header("If-None-Match", `"other"`).gives(200),
			joins, get(one).bearer("{user.oauth}").header("If-None-Match", "{tag}").gives(200), patch(one).bearer("{user.oauth}").header("If-Match", "{tag}").json(`{"title":"Late"}`).gives(412).with("ETag", `".+"`),
			remove(one).bearer("{user.oauth}").header("If-Match", "{tag}").gives(412),
			act(func(s *scene) { s.vars["tag"] = s.send(get(one).bearer("{user.oauth}")).Header.Get("ETag") }),
			atOnce(patch(one).bearer("{user.oauth}").header("If-Match", "{tag}").json(`{"title":"In time"}`), 200, 412, 412), remove(one).bearer("{user.oauth}").header("If-Match", "*").nothing(204))},
		{"If-None-Match of users: 304", does(
			act(func(s *scene) {
				s.vars["tag"] = s.send(get("/api/v1/user/me").bearer("{user.access}")).Header.Get("ETag")
			}),
			get("/api/v1/user/me").bearer("{user.access}").header("If-None-Match", "{tag}").nothing(304), get("/api/v1/users/me").bearer("{user.access}").header("If-None-Match", "{tag}").nothing(304),
			get("/api/v1/users/{user.number}").bearer("{user.access}").header("If-None-Match", "{tag}").nothing(304), get("/api/v1/user/{user.id}").bearer("{admin.access}").header("If-None-Match", "{tag}").nothing(304),
			patch("/api/v1/user/me").bearer("{user.access}").json(`{"country":"Chad"}`).gives(200), get("/api/v1/user/me").bearer("{user.access}").header("If-None-Match", "{tag}").gives(200))},
		{"DELETE /teams/<id>: 204, then 404", does(made, joins, remove(one).bearer("{user.oauth}").nothing(204), get(one).bearer("{user.oauth}").gives(404), remove(one).bearer("{user.oauth}").gives(404))},
		{"GET/POST /teams/<id>/members/: list of {team, user, is_leader}; form user_id, is_leader; here: UUIDs and JSON, too", does(made,
			post(members).bearer("{user.oauth}").form("user_id", "{other.number}").gives(200, member),
			post(members).bearer("{user.oauth}").json(`{"user_id":"{other2.id}","is_leader":true}`).gives(200, `{"user":{"id":{other2.number},"...":0},"is_leader":true,"...":0}`),
			get(members+"?filter=id%3D{other.number}").bearer("{user.oauth}").gives(200, "["+member+"]").with("X-Total-Count", "1"),
			get(members+"?limit=2").bearer("{user.oauth}").gives(200, `["<any>","<any>"]`).with("X-Total-Count", "3").with("Link", ".*next.*"), get(one).bearer("{other2.oauth}").gives(200))},
		{"POST members: unknown user 404, duplicate 409, no number 422", does(made, joins,
			post(members).bearer("{user.oauth}").form("user_id", "{other.number}").gives(409, too), post(members).bearer("{user.oauth}").form("user_id", "999999999").gives(404, `{"status":404,"message":"User with id 999999999 does not exist","...":0}`),
			post(members).bearer("{user.oauth}").form("user_id", "x").gives(422, `{"messages":{"user_id":["<text>"]},"...":0}`), post(members).bearer("{user.oauth}").form("is_leader", "true").gives(422))},
		{"POST members by two at once: one of them adds", does(made, atOnce(post(members).bearer("{user.oauth}").form("user_id", "{other.number}"), 200, 409, 409, 409))},
		{"DELETE /teams/<id>/members/<uid>: 200 with null; 404 where there is none", does(made, joins,
			remove(members+"{other.number}").bearer("{user.oauth}").gives(200, "null"), remove(members+"{other.number}").bearer("{user.oauth}").gives(404), joins, remove(members+"{other.id}/").bearer("{user.oauth}").gives(200, "null"))},
		{"the last leader cannot leave; a leader who is deleted leaves the team to administrators, and has it back when he is restored", does(made, joins,
			remove(members+"{user.number}").bearer("{user.oauth}").gives(409, too), deleted("user"),
			get(one).bearer("{admin.oauth}").gives(200, `{"members":[{"user":{"id":{other.number},"...":0},"is_leader":false}],"...":0}`), get(one).bearer("{other.oauth}").gives(403),
			post("/api/v1/user/{user.id}/restore").bearer("{super.access}").gives(200), get(one).bearer("{super.oauth}").gives(200, `{"members":["<any>","<any>"],"...":0}`))},
		{"audit log of each change of a team", does(made, joins, patch(one).bearer("{user.oauth}").json(`{"title":"Audited"}`).gives(200),
			remove(members+"{other.number}").bearer("{user.oauth}").gives(200), remove(one).bearer("{user.oauth}").nothing(204),
			get("/api/v1/audit-log?filter=actor_user%3D'{user.id}',action+like+'team.%25'&sort=at,id").bearer("{admin.access}").
				gives(200, `[{"action":"team.create","actor":"user:{user.id}","request_id":"<text>","...":0},{"action":"team.add","diff":{"user":"{other.id}","leader":false},"...":0},{"action":"team.change","diff":{"title":["Test Team Title","Audited"]},"...":0},{"action":"team.remove","...":0},{"action":"team.delete","...":0}]`))},
		{"IDOR on every id of teams, SQL in every parameter", does(made,
			get(all+"0{team}").bearer("{other.oauth}").gives(403).or(404), get(all+"{team}%20").bearer("{other.oauth}").gives(404), get(all+"-1").bearer("{user.oauth}").gives(404), get(all+"%00").bearer("{user.oauth}").gives(404).or(400),
			get(all+"1'%20or%20'1'='1").bearer("{user.oauth}").gives(404), get(all+"?filter=title%3D'x'%20or%201%3D1").bearer("{user.oauth}").gives(400), get(all+"?sort=(select%201)").bearer("{user.oauth}").gives(400),
			get(members+"?filter=id%3D1)%20or%20(1%3D1").bearer("{user.oauth}").gives(400), remove(members+"1'--").bearer("{user.oauth}").gives(404))},
	}
}
