package people_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries/db"
)

// row is a user as the store has him, without what every change changes.
func (w *world) row(t testing.TB, u db.User) db.User {
	t.Helper()
	got, err := w.store.Queries().GetUser(t.Context(), u.ID)
	must(t, err)
	return got
}

// TestMassAssignment sends members that a caller may not write, by every way to write a user.
func TestMassAssignment(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		ann := w.user(t, "ann", permit.User)
		before := w.row(t, ann)
		path := "/api/v1/users/" + fmt.Sprint(ann.Number)
		for name, value := range map[string]string{
			"id": `"00000000-0000-0000-0000-000000000000"`, "number": "1", "role": `"SUPERADMIN"`, "email": `"root@example.org"`, "email_key": `"x"`, "email_verified": "true", "email_verified_at": `"2026-01-01"`,
			"password_hash": `"x"`, "password_changed_at": `"2026-01-01"`, "is_active": "false", "is_regular_user": "false", "is_internal": "true", "is_admin": "true",
			"max_concurrent_executions": "1000", "version": "99", "deleted_at": `"2026-01-01"`, "created_at": `"2026-01-01"`, "profile": `{"max_concurrent_executions":7}`,
			"__proto__": `{"role":"ADMIN"}`, "username": `"root"`,
		} {
			for _, one := range []struct{ target, body string }{
				{"/api/v1/user/me", `{"` + name + `":` + value + `}`},
				{"/api/v1/user/me", `[{"op":"add","path":"/` + name + `","value":` + value + `}]`},
				{"/api/v1/user/" + ann.ID.String(), `{"` + name + `":` + value + `}`},
			} {
				if a := w.ask(t, "ann", "PATCH", one.target, one.body); a.status < 400 || a.status >= 500 {
					t.Errorf("%s %s: %d %s", one.target, one.body, a.status, a.body)
				}
			}
			if name == "email" {
				continue // it is his to write, for his password
			}
			for _, body := range []string{
				`{"current_password":"` + good + `","` + name + `":` + value + `}`,
				`[{"op":"test","path":"/current_password","value":"` + good + `"},{"op":"replace","path":"/` + name + `","value":` + value + `}]`,
			} {
				if a := w.ask(t, "ann", "PATCH", path, body); a.status < 400 || a.status >= 500 {
					t.Errorf("%s %s: %d %s", path, body, a.status, a.body)
				}
			}
		}
		if d := cmp.Diff(before, w.row(t, ann)); d != "" {
			t.Error(d)
		}
		w.want(t, 200, "", "POST", "/api/v1/users", `{"username":"eve","email":"eve@example.org","password":"`+good+`","recaptcha_key":"secret_key","is_active":true,"is_admin":true,"is_internal":true,"role":"SUPERADMIN"}`)
		eve, err := w.store.FindUser(t.Context(), "eve")
		must(t, err)
		if eve.Role != "USER" || eve.IsActive || eve.IsInternal || eve.IsRegularUser {
			t.Errorf("%+v", eve)
		}
	})
}

// TestIDOR has a stranger name another user in every path that takes one, in every way.
func TestIDOR(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		ann := w.user(t, "ann", permit.User)
		w.user(t, "ben", permit.User)
		before := w.row(t, ann)
		for _, name := range []string{ann.ID.String(), fmt.Sprint(ann.Number), "ann@example.org", "ANN@EXAMPLE.ORG", "0" + fmt.Sprint(ann.Number), "{" + ann.ID.String() + "}"} {
			name = url.PathEscape(name)
			for _, one := range []struct{ method, path, body string }{
				{"GET", "/api/v1/user/", ""},
				{"PATCH", "/api/v1/user/", `{"name":"X"}`},
				{"DELETE", "/api/v1/user/", ""},
				{"GET", "/api/v1/users/", ""},
				{"PATCH", "/api/v1/users/", `{"current_password":"` + good + `","first_name":"X"}`},
			} {
				if a := w.ask(t, "ben", one.method, one.path+name, one.body); a.status != 403 && a.status != 404 {
					t.Errorf("%s %s%s: %d %s", one.method, one.path, name, a.status, a.body)
				}
			}
		}
		if d := cmp.Diff(before, w.row(t, ann)); d != "" {
			t.Error(d)
		}
	})
}

// TestSQLInjection sends SQL by every parameter of every list, and by paths.
func TestSQLInjection(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		for _, sql := range []string{
			`'; drop table users; --`, `' or '1'='1`, `1) or (1=1`, `id; select 1`, `name) union select password_hash from users --`, `(select 1)`, `name='a' or 1=1`, `name like '%' escape ''`,
			`pg_sleep(10)`, `email"`, "email`", `\\'`, `x/**/y`, `$1`, `?1`,
		} {
			for _, list := range []string{"/api/v1/user", "/api/v1/users", "/api/v1/audit-log", "/api/v1/user/export"} {
				for _, parameter := range []string{"filter", "sort", "include", "exclude", "page", "per_page", "limit", "offset", "cursor"} {
					if a := w.ask(t, "root", "GET", list+"?"+url.Values{parameter: {sql}}.Encode(), ""); a.status >= 500 {
						t.Errorf("%s %s=%s: %d %s", list, parameter, sql, a.status, a.body)
					}
				}
			}
			for _, path := range []string{"/api/v1/user/", "/api/v1/users/"} {
				w.want(t, 404, "root", "GET", path+url.PathEscape(sql), "")
			}
			w.want(t, 404, "root", "POST", "/api/v1/user/"+url.PathEscape(sql)+"/restore", "")
		}
		w.want(t, 200, "root", "GET", "/api/v1/user/me", "")
	})
}
