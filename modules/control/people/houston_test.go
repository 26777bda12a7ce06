package people_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/permit"
)

func internal(n *accounts.NewUser) { n.Internal, n.NotRegular = true, true }

func TestHoustonUsersAreRead(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		w.user(t, "staff", permit.User, internal)
		ann := w.user(t, "ann", permit.User)
		w.user(t, "ben", permit.User)
		got := w.want(t, 200, "ann", "GET", "/api/v1/users/me", "").json(t)
		for _, name := range []string{"created", "updated"} {
			if at, _ := got[name].(string); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$`).MatchString(at) {
				t.Errorf("%s is %q", name, at)
			}
			delete(got, name)
		}
		want := map[string]any{
			"id": float64(ann.Number), "username": "ann", "first_name": "Ann", "middle_name": "", "last_name": "Doe", "email": "ann@example.org",
			"is_active": true, "is_regular_user": true, "is_admin": false,
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		for _, who := range []string{"ann", "staff", "root"} {
			for _, name := range []string{fmt.Sprint(ann.Number), ann.ID.String()} {
				if id := w.want(t, 200, who, "GET", "/api/v1/users/"+name+"/", "").json(t)["id"]; id != float64(ann.Number) {
					t.Errorf("%s is %v", name, id)
				}
			}
		}
		w.want(t, 403, "ben", "GET", "/api/v1/users/"+fmt.Sprint(ann.Number), "")
		w.want(t, 404, "root", "GET", "/api/v1/users/100500", "")
		// Who is logged in does not learn which addresses are registered.
		w.want(t, 404, "ben", "GET", "/api/v1/users/ann@example.org", "")
		w.want(t, 404, "ben", "OPTIONS", "/api/v1/users/ann@example.org", "")
		w.want(t, 404, "ben", "PATCH", "/api/v1/users/ann@example.org", "{}")
		w.want(t, 401, "", "GET", "/api/v1/users/1", "")
		w.want(t, 401, "ann", "GET", "/api/v1/users/me", "", "Scopes", "teams:read")
		for who, allow := range map[string]string{"ann": "GET, PATCH, OPTIONS", "ben": "OPTIONS"} {
			if got := w.want(t, 204, who, "OPTIONS", "/api/v1/users/"+ann.ID.String(), "").header.Get("Allow"); got != allow {
				t.Errorf("%s: %s", who, got)
			}
		}
	})
}

func TestHoustonList(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		for i := range 24 {
			w.user(t, fmt.Sprintf("u%02d", i), permit.User)
		}
		list := func(target string) (out []map[string]any, a reply) {
			a = w.want(t, 200, "root", "GET", target, "")
			must(t, json.Unmarshal([]byte(a.body), &out))
			return out, a
		}
		all, a := list("/api/v1/users/")
		if len(all) != 20 || a.header.Get("X-Total-Count") != "25" || len(all[0]) != 5 || all[0]["username"] != "root" {
			t.Errorf("%d %v %v", len(all), a.header, all[0])
		}
		all, a = list("/api/v1/users?limit=2&offset=2&sort=-username&filter=username!%3Droot")
		if len(all) != 2 || all[0]["username"] != "u21" || a.header.Get("X-Total-Count") != "24" {
			t.Errorf("%v %v", all, a.header)
		}
		for _, rel := range []string{`offset=0>; rel="first"`, `offset=0&sort`, `offset=4`, `rel="next"`, `offset=22`, `rel="last"`} {
			if !strings.Contains(strings.ReplaceAll(a.header.Get("Link"), "&sort=-username>", ">"), rel) && !strings.Contains(a.header.Get("Link"), rel) {
				t.Errorf("no %s in %s", rel, a.header.Get("Link"))
			}
		}
		for _, bad := range []string{"limit=0", "limit=101", "limit=x", "offset=-1"} {
			name, _, _ := strings.Cut(bad, "=")
			if messages := w.want(t, 422, "root", "GET", "/api/v1/users?"+bad, "").json(t)["messages"]; messages.(map[string]any)[name] == nil {
				t.Errorf("%v", messages)
			}
		}
		w.want(t, 403, "u00", "GET", "/api/v1/users", "")
	})
}

func TestHoustonSignUp(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		w.user(t, "ann", permit.User)
		key, _ := w.want(t, 200, "", "GET", "/api/v1/users/signup-form", "").json(t)["recaptcha_server_key"].(string)
		if key == "" {
			t.Error("no key")
		}
		form := func(name string, more ...string) string {
			return "username=" + name + "&email=" + name + "@example.org&password=Correct-Horse-1" + strings.Join(more, "")
		}
		withKey := "&recaptcha_key=" + key
		got := w.want(t, 200, "", "POST", "/api/v1/users/", form("eve", withKey)).json(t)
		if got["username"] != "eve" || got["is_active"] != false || got["is_admin"] != false || got["first_name"] != "" || got["email"] != "eve@example.org" {
			t.Errorf("%v", got)
		}
		w.want(t, 401, "eve", "GET", "/api/v1/users/me", "")
		w.want(t, 200, "", "POST", "/api/v1/users", `{"username":"kim","email":"kim@example.org","password":"Correct-Horse-1","recaptcha_key":"`+key+`","is_admin":true,"first_name":"Kim"}`)
		w.want(t, 200, "root", "POST", "/api/v1/users", form("lea"))
		multi := "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nmax\r\n--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nmax@example.org\r\n--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nCorrect-Horse-1\r\n--b--\r\n"
		w.want(t, 200, "root", "POST", "/api/v1/users", multi, "Content-Type", "multipart/form-data; boundary=b")
		for _, c := range []struct {
			who, body string
			status    int
			message   string
			field     string
		}{
			{"", form("zoe"), 403, "CAPTCHA key is incorrect.", ""},
			{"ann", form("zoe"), 403, "CAPTCHA key is incorrect.", ""},
			{"root", form("zoe", "&recaptcha_key=wrong"), 403, "CAPTCHA key is incorrect.", ""},
			{"", form("ann", withKey), 409, "", ""},
			{"", "username=ANN&email=zoe@example.org&password=Correct-Horse-1" + withKey, 409, "", ""},
			{"", "username=zoe&email=zoe&password=Correct-Horse-1" + withKey, 422, "", "email"},
			{"", "username=zoe&email=zoe@example.org&password=weak" + withKey, 422, "", "password"},
			{"", "email=zoe@example.org" + withKey, 422, "", "username"},
			{"", "username=zoe&username=zoe&email=zoe@example.org&password=Correct-Horse-1" + withKey, 422, "", "username"},
			{"", "username=%ff&email=zoe@example.org&password=Correct-Horse-1" + withKey, 422, "", "username"},
			{"", `{"username":7,"email":"zoe@example.org","password":"Correct-Horse-1"}`, 422, "", "username"},
			{"", `{"username":"zoe","username":"zoe"}`, 400, "", ""},
			{"", `[1]`, 400, "", ""},
		} {
			got := w.want(t, c.status, c.who, "POST", "/api/v1/users", c.body).json(t)
			messages, _ := got["messages"].(map[string]any)
			if c.message != "" && got["message"] != c.message || c.field != "" && messages[c.field] == nil {
				t.Errorf("%s: %v", c.body, got)
			}
		}
	})
}

func TestHoustonChange(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		w.user(t, "admin", permit.Admin)
		w.user(t, "staff", permit.User, internal)
		w.user(t, "reader", permit.User, func(n *accounts.NewUser) { n.NotRegular = true })
		ann := w.user(t, "ann", permit.User)
		w.user(t, "ben", permit.User)
		path := "/api/v1/users/" + fmt.Sprint(ann.Number)
		word := `{"op":"test","path":"/current_password","value":"` + good + `"}`
		set := func(path, value string) string {
			return `,{"op":"replace","path":"` + path + `","value":` + value + `}`
		}
		got := w.want(t, 200, "ann", "PATCH", path, "["+word+set("/first_name", `"Anna"`)+set("/middle_name", `"M."`)+"]").json(t)
		if got["first_name"] != "Anna" || got["middle_name"] != "M." {
			t.Errorf("%v", got)
		}
		if name := w.want(t, 200, "ann", "GET", "/api/v1/user/me", "").data(t)["name"]; name != "Anna M. Doe" {
			t.Errorf("the other representation has %v", name)
		}
		got = w.want(t, 200, "ann", "PATCH", path, `{"current_password":"`+good+`","last_name":"Roe","id":`+fmt.Sprint(ann.Number)+`}`, "Content-Type", "application/merge-patch+json").json(t)
		if got["last_name"] != "Roe" {
			t.Errorf("%v", got)
		}
		for _, c := range []struct {
			who, body string
			status    int
			message   string
		}{
			{"ann", `[{"op":"replace","path":"/first_name","value":"X"}]`, 409, ""},
			{"ann", `{"first_name":"X"}`, 409, ""},
			{"ann", `[{"op":"test","path":"/current_password","value":"wrong"}` + set("/first_name", `"X"`) + `]`, 403, "Wrong password"},
			{"ann", `[{"op":"test","path":"/current_password","value":null}` + set("/first_name", `"X"`) + `]`, 403, "Wrong password"},
			{"ann", "[" + word + `,{"op":"test","path":"/first_name","value":"Nobody"}` + set("/first_name", `"X"`) + "]", 409, ""},
			{"ann", "[" + word + set("/is_admin", "true") + "]", 403, ""},
			{"ann", "[" + word + set("/is_active", "false") + "]", 403, ""},
			{"ann", `{"current_password":"` + good + `","is_admin":true,"is_regular_user":false}`, 403, ""},
			{"admin", "[" + word + set("/is_admin", "true") + "]", 403, ""},
			{"staff", "[" + word + set("/password", `"Battery+Staple2"`) + "]", 403, ""},
			{"staff", "[" + word + set("/email", `"staff2@example.org"`) + "]", 403, ""},
			{"ann", "[" + word + set("/email", `"BEN@example.org"`) + "]", 409, ""},
			{"ann", "[" + word + set("/email", `"no address"`) + "]", 422, ""},
			{"ann", "[" + word + set("/password", `"weak"`) + "]", 422, ""},
			{"ann", "[" + word + set("/is_active", `"yes"`) + "]", 403, ""},
			{"root", "[" + word + set("/is_active", `"yes"`) + "]", 422, ""},
			{"ann", "[" + word + set("/role", `"ADMIN"`) + "]", 422, ""},
			{"ann", "[" + word + set("first_name", `"X"`) + "]", 422, ""},
			{"ann", "[" + word + set("/first_name/0", `"X"`) + "]", 422, ""},
			{"ann", `[{"op":"replace","path":"/first_name"}]`, 422, ""},
			{"ann", `[{"op":"eat","path":"/first_name","value":1}]`, 422, ""},
			{"ann", `{"role":"SUPERADMIN","current_password":"` + good + `"}`, 422, ""},
			{"ben", "[" + word + set("/first_name", `"X"`) + "]", 403, ""},
			{"", "[" + word + set("/first_name", `"X"`) + "]", 401, ""},
		} {
			got := w.want(t, c.status, c.who, "PATCH", path, c.body).json(t)
			if c.message != "" && got["message"] != c.message {
				t.Errorf("%s: %v", c.body, got)
			}
		}
		w.want(t, 403, "reader", "PATCH", "/api/v1/users/4", "["+word+set("/first_name", `"X"`)+"]")
		w.want(t, 403, "admin", "PATCH", "/api/v1/users/1", "["+word+set("/first_name", `"X"`)+"]")
		w.want(t, 422, "ann", "PATCH", path, `{"a":1}`, "Content-Type", "application/json-patch+json")
		if a := w.want(t, 415, "ann", "PATCH", path, `<a/>`, "Content-Type", "text/xml"); a.header.Get("Accept-Patch") == "" {
			t.Error("415 does not say what is accepted")
		}
		// What nobody was allowed to do has not been done.
		got = w.want(t, 200, "ann", "GET", path, "").json(t)
		if got["first_name"] != "Anna" || got["is_admin"] != false || got["is_active"] != true || got["email"] != "ann@example.org" {
			t.Errorf("%v", got)
		}

		w.want(t, 200, "staff", "PATCH", path, "["+word+set("/is_regular_user", "false")+"]")
		if got := w.want(t, 200, "root", "PATCH", path, "["+word+set("/is_admin", "true")+"]").json(t); got["is_admin"] != true {
			t.Errorf("%v", got)
		}
		if role := w.want(t, 200, "ann", "GET", "/api/v1/user/me", "").data(t)["role"]; role != "ADMIN" {
			t.Errorf("is_admin makes a role %v", role)
		}
		// The word may be the user's, too.
		w.want(t, 200, "root", "PATCH", path, "["+word+set("/password", `"`+other+`"`)+set("/is_admin", "false")+"]")
		w.want(t, 200, "root", "PATCH", path, `[{"op":"test","path":"/current_password","value":"`+other+`"}`+set("/email", `"anna@example.org"`)+"]")
		w.want(t, 401, "ann", "GET", "/api/v1/users/me", "")
		w.want(t, 200, "anna:"+other, "GET", "/api/v1/users/me", "")
		if n := len(w.audited(t, "user:"+ann.ID.String())); n != 7 {
			t.Errorf("%d lines of the audit log", n)
		}
	})
}

func TestHoustonIfMatch(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		ann := w.user(t, "ann", permit.User)
		path := "/api/v1/users/" + ann.ID.String()
		tag := w.want(t, 200, "ann", "GET", path, "").header.Get("ETag")
		var done sync.WaitGroup
		statuses := make([]int, 4)
		for i := range statuses {
			done.Go(func() {
				statuses[i] = w.ask(t, "ann", "PATCH", path, fmt.Sprintf(`{"current_password":%q,"first_name":"N%d"}`, good, i), "If-Match", tag).status
			})
		}
		done.Wait()
		count := map[int]int{}
		for _, s := range statuses {
			count[s]++
		}
		if d := cmp.Diff(map[int]int{200: 1, 412: 3}, count); d != "" {
			t.Error(d)
		}
	})
}

func TestAuditLog(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		ann := w.user(t, "ann", permit.User)
		for i := range 5 {
			w.want(t, 200, "ann", "PATCH", "/api/v1/user/me", fmt.Sprintf(`{"country":"c%d"}`, i))
		}
		list := func(target string) (out []map[string]any, a reply) {
			a = w.want(t, 200, "root", "GET", target, "")
			must(t, json.Unmarshal([]byte(a.body), &out))
			return out, a
		}
		subject := "user:" + ann.ID.String()
		all, a := list("/api/v1/audit-log?filter=subject%3D'" + subject + "',action%3Duser.change")
		if len(all) != 5 || a.header.Get("X-Total-Count") != "5" {
			t.Fatalf("%d: %s", len(all), a.body)
		}
		first := all[0]
		if d := cmp.Diff(map[string]any{"country": []any{"c3", "c4"}}, first["diff"]); d != "" || first["actor"] != subject || first["actor_user"] != ann.ID.String() || first["request_id"] != "r1" {
			t.Errorf("%s %v", d, first)
		}
		walked, next := 0, "/api/v1/audit-log?cursor=*&limit=2"
		for next != "" {
			page, a := list(next)
			walked += len(page)
			_, next, _ = strings.Cut(a.header.Get("Link"), "<")
			next, _, _ = strings.Cut(next, ">")
		}
		if walked != 7 {
			t.Errorf("a walk gives %d lines", walked)
		}
		if strings.Contains(a.body, "argon2") {
			t.Error("the log tells a hash")
		}
		w.want(t, 400, "root", "GET", "/api/v1/audit-log?filter=diff%3D1", "")
		w.want(t, 403, "ann", "GET", "/api/v1/audit-log", "")
		w.want(t, 403, "root", "GET", "/api/v1/audit-log", "", "Scopes", "users:read")
	})
}
