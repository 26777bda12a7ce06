package control_test

import (
	"net/url"
	"strings"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/queries/db"
)

// named gives a user a name.
func named(name string) func(*db.User) { return func(u *db.User) { u.Name = name } }

// crew are three users whom a filter finds, since they are of a country that nobody else is of: Ann, ben and Éva.
func crew(s *scene) {
	s.t.Helper()
	country := strings.Replace(s.value("user.username"), "user_", "Land ", 1)
	s.vars["land"] = country
	for who, name := range map[string]string{"user": "Ann Example", "other": "ben example", "other2": "Éva O'Neil"} {
		change(who, func(u *db.User) { u.Name, u.Country = name, country })(s)
	}
}

// list asks for the crew of a scene, with a further condition, and with parameters.
func list(filter string, pairs ...string) *ask {
	query := "filter=" + url.QueryEscape("country='") + "{land}" + url.QueryEscape("'")
	if filter != "" {
		query += url.QueryEscape("," + filter)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		query += "&" + pairs[i] + "=" + url.QueryEscape(pairs[i+1])
	}
	return get("/api/v1/user?" + query).bearer("{admin.access}")
}

// these wants users by name, in their order, and nobody else.
func these(names ...string) string {
	var all []string
	for _, n := range names {
		all = append(all, `{"name":"`+n+`","...":0}`)
	}
	return `{"data":[` + strings.Join(all, ",") + `],"...":0}`
}

const (
	ann = "Ann Example"
	ben = "ben example"
	eva = "Éva O'Neil"
)

// queryLanguage is Trends.Earth's, for lists.
func queryLanguage() []row {
	bad := func(a *ask, says string) *ask {
		return a.gives(400, `{"status":400,"detail":"<has:`+says+`>","...":0}`)
	}
	bare := func(query string) *ask { return get("/api/v1/user?" + query).bearer("{admin.access}") }
	sorted := func(sort, filter string, names ...string) *ask {
		return list(filter, "sort", sort).gives(200, these(names...))
	}
	return []row{
		{"filter= comma = AND", does(act(crew), list("name='Ann Example'").gives(200, these(ann)), list("name='Ann Example',role='ADMIN'").gives(200, these()))},
		{"(a='x' OR b='y') groups", does(act(crew), sorted("name", "(name='Ann Example' OR name='ben example')", ann, ben), sorted("name", "(name='Ann Example' or (role=USER,name like 'b%'))", ann, ben))},
		{"operators = != > < >= <= like", does(act(crew),
			sorted("name", "name!='Ann Example'", ben, eva), sorted("name", "name>'ben'", ben, eva), sorted("name", "name<'ben'", ann), sorted("name", "name>='ben example'", ben, eva), sorted("name", "name<='ben example'", ann, ben),
			sorted("name", "created_at>=2020-01-01", ann, ben, eva), sorted("name", "created_at<2020-01-01"))},
		{"like = ILIKE", does(act(crew), sorted("name", "name like '%EXAMPLE'", ann, ben), sorted("name", "name like 'é_a%'", eva))},
		{"string = is case-insensitive", does(act(crew), list("name='ANN EXAMPLE'").gives(200, these(ann)), list("role=user", "sort", "name").gives(200, these(ann, ben, eva)), list("name='éVA o''neil'").gives(200, these(eva)))},
		{"a bare value may have blanks, as clients send it", does(act(crew), list("name=Ann Example").gives(200, these(ann)), sorted("name", "(name=Ann Example OR name=ben example)", ann, ben))},
		{"a quote inside of a value is taken as it is; here: it is doubled, and else a 400", does(act(crew), list("name like '%O''Neil'").gives(200, these(eva)), bad(list("name like '%O'Neil'"), "a comma is wanted"))},
		{"Unknown fields are silently ignored; here: 400 naming the field and those that there are", does(
			bad(bare("filter=bogus%3D1"), `there is no field \"bogus\"; there are id, email, name`), bad(bare("filter=password_hash%20like%20'%25'"), "there is no field"), bad(bare("sort=bogus"), `there is no field \"bogus\"; there are id, email`),
			bad(bare("include=bogus"), "bogus"), bad(bare("exclude=bogus"), "there are id, email"), bad(bare("filter=deleted_at%3Dnull"), "there is no field"))},
		{"sort=field asc|desc, field2 …", does(act(crew), sorted("name asc", "", ann, ben, eva), sorted("name DESC", "", eva, ben, ann), sorted("role, name desc", "", eva, ben, ann))},
		{"The -field prefix is silently ignored; here: it works", does(act(crew), sorted("-name", "", eva, ben, ann), sorted("role,-name", "", eva, ben, ann))},
		{"sort by every field that can be filtered, in both directions", does(act(crew), act(func(s *scene) {
			s.t.Helper()
			for _, f := range []string{"id", "email", "name", "first_name", "last_name", "role", "country", "institution", "created_at", "updated_at", "last_login_at", "last_activity_at", "email_verified_at", "is_plugin_user", "is_in_mailing_list"} {
				list("", "sort", f).gives(200, `{"data":[{"...":0},{"...":0},{"...":0}]}`).do(s)
				list("", "sort", "-"+f).gives(200, `{"data":[{"...":0},{"...":0},{"...":0}]}`).do(s)
			}
		}))},
		{"Filterable: user {id, email, name, role, country, institution, created_at, updated_at, last_login_at, last_activity_at, email_verified}", does(act(crew), act(func(s *scene) {
			s.t.Helper()
			for _, f := range []string{
				"id='{user.id}'", "email='{user.email}'", "name='Ann Example'", "name='Ann Example',role=USER", "name='Ann Example',institution=''", "name='Ann Example',created_at>2020-01-01",
				"name='Ann Example',updated_at>2020-01-01T00:00:00", "name='Ann Example',last_login_at=null", "name='Ann Example',last_activity_at=null", "name='Ann Example',email_verified=false",
			} {
				list(strings.NewReplacer("{user.id}", s.value("user.id"), "{user.email}", s.value("user.email")).Replace(f)).gives(200, these(ann)).do(s)
			}
		}))},
		{"Pagination only when page or per_page present; response then adds page, per_page, total beside data", does(act(crew),
			list("").gives(200, `{"data":[{"...":0},{"...":0},{"...":0}],"!page":0,"!per_page":0,"!total":0}`),
			list("", "page", "1").gives(200, `{"data":[{"...":0},{"...":0},{"...":0}],"page":1,"per_page":20,"total":3}`),
			list("", "per_page", "2", "sort", "name").gives(200, `{"data":[{"name":"Ann Example","...":0},{"name":"ben example","...":0}],"page":1,"per_page":2,"total":3}`),
			list("", "per_page", "2", "page", "2", "sort", "name").gives(200, `{"data":[{"name":"Éva O'Neil","...":0}],"page":2,"per_page":2,"total":3}`),
			list("", "page", "9").gives(200, `{"data":[],"page":9,"per_page":20,"total":3}`))},
		{"page ≥ 1, per_page 1..100, default 20, rubbish → default", does(act(crew),
			list("", "page", "0", "per_page", "0").gives(200, `{"data":[{"...":0}],"page":1,"per_page":1,"total":3}`), list("", "page", "-7").gives(200, `{"data":["<any>","<any>","<any>"],"page":1,"per_page":20,"total":3}`),
			list("", "per_page", "1000").gives(200, `{"data":["<any>","<any>","<any>"],"page":1,"per_page":100,"total":3}`), list("", "page", "x", "per_page", "y").gives(200, `{"data":["<any>","<any>","<any>"],"page":1,"per_page":20,"total":3}`))},
		{"limit and offset, too, with Link", does(act(crew),
			list("", "limit", "1", "offset", "1", "sort", "name").gives(200, `{"data":[{"name":"ben example","...":0}],"page":2,"per_page":1,"total":3}`).with("Link", `<.*offset=0.*>; rel="first", <.*offset=0.*>; rel="prev", <.*offset=2.*>; rel="next", <.*offset=2.*>; rel="last"`),
			bad(list("", "limit", "1", "page", "1"), "page"))},
		{"keyset cursor: a walk that a user who comes meanwhile does not move (ours)", does(act(crew),
			list("", "cursor", "*", "limit", "2", "sort", "name").gives(200, these(ann, ben)).then(next), change("other", named("aaron")),
			act(func(s *scene) {
				get(s.vars["next"]).bearer("{admin.access}").gives(200, these(eva)).with("Link", "").do(s)
			}),
			bad(list("", "cursor", "bogus"), "cursor"), bad(list("name!=x", "cursor", "*", "offset", "1"), "cursor"))},
		{"include, exclude comma lists: honoured in lists, and of one user", does(act(crew),
			list("name='Ann Example'", "exclude", "email, country,role").gives(200, `{"data":[{"id":"{user.id}","name":"Ann Example","!email":0,"!country":0,"!role":0,"...":0}]}`),
			get("/api/v1/user/{user.id}?exclude=email,country").bearer("{admin.access}").gives(200, `{"data":{"id":"{user.id}","!email":0,"!country":0,"...":0}}`),
			get("/api/v1/user/me?exclude=email").bearer("{user.access}").gives(200, `{"data":{"id":"{user.id}","!email":0,"...":0}}`),
			bad(get("/api/v1/user/me?exclude=password").bearer("{user.access}"), "password"))},
		{"include=scripts, google_groups, gee_credentials, openeo_credentials: known, and there are none here", does(
			get("/api/v1/user/{user.id}?include=scripts,google_groups").bearer("{admin.access}").gives(200, `{"data":{"id":"{user.id}","!google_groups":0,"...":0}}`), bare("include=gee_credentials,openeo_credentials&page=1&per_page=1").gives(200))},
		{"a parameter twice, or none of UTF-8: 400; one that nobody knows is ignored", does(
			bad(bare("filter=role%3DUSER&filter=role%3DADMIN"), "twice"), bare("filter=name%3D'%ff'").gives(400), bare("filter=name%3D'a%00b'").gives(400), bare("page=1&per_page=1&legacy=false").gives(200))},
		{"SQL in every parameter of a list changes nothing: 400, or nobody is found", does(act(crew), act(func(s *scene) {
			s.t.Helper()
			for _, text := range []string{"' or 1=1 --", "name='x' or 1=1", "name; drop table users", "(select 1)", "name=''' or ''1''=''1'", "1 union select password_hash from users", "name desc nulls last, (select 1)"} {
				for _, parameter := range []string{"filter", "sort", "include", "exclude", "cursor"} {
					bare(parameter+"="+url.QueryEscape(text)).gives(400).or(200).lacks("argon2", "syntax error").then(func(s *scene, a gateway.Answer) {
						if a.Status == 200 && match(`{"data":[]}`, a.Body, func(string, string) {}) != nil {
							s.t.Errorf("%s=%s: %.200s", parameter, text, a.Body)
						}
					}).do(s)
				}
			}
			list("").gives(200, `{"data":["<any>","<any>","<any>"]}`).do(s)
		}))},
	}
}

// next remembers where a list goes on.
func next(s *scene, a gateway.Answer) {
	s.t.Helper()
	link, _, ok := strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), `>; rel="next"`)
	if !ok {
		s.t.Fatalf("no next page: %v", a.Header)
	}
	s.vars["next"] = link
}
