package people_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/permit"
)

func TestTrendsUsersAreRead(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		ann := w.user(t, "ann", permit.User)
		got := w.want(t, 200, "ann", "GET", "/api/v1/user/me/", "")
		data := got.data(t)
		for name, want := range map[string]any{"id": ann.ID.String(), "email": "ann@example.org", "name": "Ann Doe", "first_name": "Ann", "last_name": "Doe", "role": "USER", "email_verified": false} {
			if data[name] != want {
				t.Errorf("%s is %v, want %v", name, data[name], want)
			}
		}
		if at, _ := data["created_at"].(string); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$`).MatchString(at) {
			t.Errorf("created_at is %q", at)
		}
		if got.header.Get("ETag") == "" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", got.header)
		}
		for _, name := range []string{ann.ID.String(), "ANN@example.org", fmt.Sprint(ann.Number)} {
			if id := w.want(t, 200, "root", "GET", "/api/v1/user/"+name, "").data(t)["id"]; id != ann.ID.String() {
				t.Errorf("%s is %v", name, id)
			}
		}
		w.want(t, 404, "root", "GET", "/api/v1/user/nobody@example.org", "")
		w.want(t, 404, "root", "GET", "/api/v1/user/%00%ff", "")
		w.want(t, 403, "ann", "GET", "/api/v1/user/"+ann.ID.String(), "")
		w.want(t, 401, "", "GET", "/api/v1/user/me", "")
		w.want(t, 403, "ann", "GET", "/api/v1/user/me", "", "Scopes", "teams:read")
	})
}

func TestTrendsList(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		for i := range 24 {
			w.user(t, fmt.Sprintf("u%02d", i), permit.User, func(n *accounts.NewUser) { n.Country = []string{"Česko", "Kenya"}[i%2] })
		}
		names := func(a reply) (out []string) {
			list, _ := a.json(t)["data"].([]any)
			for _, one := range list {
				u, _ := one.(map[string]any)
				email, _ := u["email"].(string)
				out = append(out, strings.TrimSuffix(email, "@example.org"))
			}
			return out
		}
		all := w.want(t, 200, "root", "GET", "/api/v1/user", "")
		if n := len(names(all)); n != 25 {
			t.Errorf("%d users", n)
		}
		if _, paged := all.json(t)["total"]; paged || all.header["Link"] != nil {
			t.Error("there are pages, for which nobody asked")
		}
		page := w.want(t, 200, "root", "GET", "/api/v1/user?sort=email+desc&page=2&per_page=3&filter=country%3D%27%C4%8CESKO%27&exclude=role,name&include=scripts", "")
		if d := cmp.Diff([]string{"u16", "u14", "u12"}, names(page)); d != "" {
			t.Error(d)
		}
		if got := page.json(t); got["page"] != 2.0 || got["per_page"] != 3.0 || got["total"] != 12.0 {
			t.Errorf("page %v, per_page %v, total %v", got["page"], got["per_page"], got["total"])
		}
		if strings.Contains(page.body, `"role"`) || !strings.Contains(page.body, `"country"`) || !strings.Contains(page.header.Get("Link"), `page=3`) {
			t.Errorf("%s %s", page.header.Get("Link"), page.body)
		}
		if got := w.want(t, 200, "root", "GET", "/api/v1/user?page=rubbish&per_page=1000", "").json(t); got["page"] != 1.0 || got["per_page"] != 100.0 {
			t.Errorf("rubbish is page %v of %v", got["page"], got["per_page"])
		}
		if d := cmp.Diff([]string{"root"}, names(w.want(t, 200, "root", "GET", "/api/v1/user?filter=(role%3Dsuperadmin+OR+email+like+'%25zz%25'),email_verified%3Dfalse", ""))); d != "" {
			t.Error(d)
		}
		if got := names(w.want(t, 200, "root", "GET", "/api/v1/user?filter=email_verified%3Dtrue", "")); len(got) > 0 {
			t.Errorf("%v are verified", got)
		}
		if said := w.want(t, 400, "root", "GET", "/api/v1/user?filter=password_hash%3D1", "").body; !strings.Contains(said, "there are id, email, name") {
			t.Error(said)
		}
		for _, bad := range []string{"filter=name'--", "sort=name;drop+table+users", "filter=name%3D'a'+or+1%3D1", "sort=name&sort=email", "exclude=password_hash", "include=secrets", "filter=%ff%3D1", "filter=name%3D%00"} {
			w.want(t, 400, "root", "GET", "/api/v1/user?"+bad, "")
		}
		if d := cmp.Diff([]string(nil), names(w.want(t, 200, "root", "GET", "/api/v1/user?filter=name%3D%27%27%27%3B+drop+table+users%3B--%27", ""))); d != "" {
			t.Error(d)
		}
		w.want(t, 403, "u00", "GET", "/api/v1/user", "")

		walked, next := 0, "/api/v1/user?cursor=*&limit=10&sort=name"
		for next != "" {
			a := w.want(t, 200, "root", "GET", next, "")
			walked += len(names(a))
			_, next, _ = strings.Cut(a.header.Get("Link"), "<")
			next, _, _ = strings.Cut(next, ">")
		}
		if walked != 25 {
			t.Errorf("a walk gives %d users", walked)
		}
	})
}

func TestExport(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		w.user(t, "ann", permit.User, func(n *accounts.NewUser) { n.Country = "=1+1" })
		a := w.want(t, 200, "root", "GET", "/api/v1/user/export?sort=email", "")
		if !regexp.MustCompile(`^attachment; filename="users_export_\d{8}_\d{6}\.csv"$`).MatchString(a.header.Get("Content-Disposition")) ||
			a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Errorf("%v", a.header)
		}
		text, bom := strings.CutPrefix(a.body, "\ufeff")
		lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || !bom || len(lines) != 3 || lines[0][1] != "email" || lines[1][1] != "ann@example.org" || lines[1][6] != "\t=1+1" || lines[2][5] != "SUPERADMIN" {
			t.Errorf("%v %q", err, lines)
		}
		if d := cmp.Diff([]string{"user.export"}, w.audited(t, "users")); d != "" {
			t.Error(d)
		}
		w.want(t, 400, "root", "GET", "/api/v1/user/export?filter=x%3D1", "")
		w.want(t, 403, "ann", "GET", "/api/v1/user/export", "")
	})
}

func TestDeletedAndRestored(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		w.user(t, "admin", permit.Admin)
		ann, ben := w.user(t, "ann", permit.User), w.user(t, "ben", permit.User)
		gef := w.user(t, "gef", permit.User, func(n *accounts.NewUser) { n.Email, n.Username = "gef@gef.com", "" })
		w.want(t, 403, "admin", "DELETE", "/api/v1/user/ann@example.org", "")
		w.want(t, 403, "admin", "DELETE", "/api/v1/user/me", "")
		w.want(t, 403, "root", "DELETE", "/api/v1/user/me", "")
		w.want(t, 403, "root", "DELETE", "/api/v1/user/"+gef.ID.String(), "")
		w.want(t, 412, "root", "DELETE", "/api/v1/user/ann@example.org", "", "If-Match", `"77"`)
		if id := w.want(t, 200, "root", "DELETE", "/api/v1/user/ann@example.org", "").data(t)["id"]; id != ann.ID.String() {
			t.Errorf("%v is deleted", id)
		}
		w.want(t, 404, "root", "GET", "/api/v1/user/"+ann.ID.String(), "")
		w.want(t, 404, "root", "DELETE", "/api/v1/user/"+ann.ID.String(), "")
		w.want(t, 401, "ann", "GET", "/api/v1/user/me", "")
		w.want(t, 403, "admin", "POST", "/api/v1/user/ann@example.org/restore", "")
		w.want(t, 404, "root", "POST", "/api/v1/user/ben@example.org/restore", "")
		if id := w.want(t, 200, "root", "POST", "/api/v1/user/Ann@example.org/restore", "").data(t)["id"]; id != ann.ID.String() {
			t.Errorf("%v is restored", id)
		}
		w.want(t, 200, "ann", "GET", "/api/v1/user/me", "")
		w.want(t, 200, "ben", "DELETE", "/api/v1/user/me", "")
		again := w.user(t, "ben", permit.User)
		if again.ID == ben.ID {
			t.Error("the same user")
		}
		w.want(t, 409, "root", "POST", "/api/v1/user/"+ben.ID.String()+"/restore", "")
		if d := cmp.Diff([]string{"user.restore", "user.delete", "user.create"}, w.audited(t, "user:"+ann.ID.String())); d != "" {
			t.Error(d)
		}
	})
}

func TestTrendsChange(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "root", permit.Superadmin)
		w.user(t, "admin", permit.Admin)
		ann := w.user(t, "ann", permit.User)
		me, path := "/api/v1/user/me", "/api/v1/user/"+ann.ID.String()
		got := w.want(t, 200, "ann", "PATCH", me, `{"name":"Anna  Maria Roe","country":"Kenya","role":"SUPERADMIN","sector":"x","email_subscription_news":true,"unknown":1}`).data(t)
		for name, want := range map[string]any{"first_name": "Anna", "last_name": "Maria Roe", "country": "Kenya", "role": "USER", "sector": "x", "email_subscription_news": true} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		got = w.want(t, 200, "ann", "PATCH", me, `[{"op":"test","path":"/country","value":"Kenya"},{"op":"replace","path":"/first_name","value":"Eva"},{"op":"remove","path":"/sector"}]`).data(t)
		if got["name"] != "Eva Maria Roe" || got["sector"] != nil || got["email_subscription_news"] != true {
			t.Errorf("%v", got)
		}
		for _, c := range []struct {
			who, target, body string
			status            int
			detail            string
		}{
			{"ann", me, `{}`, 400, "Not updated"},
			{"ann", me, `{"foo":1}`, 400, "Not updated"},
			{"ann", me, `{"password":"Battery+Staple2"}`, 400, "Not updated"},
			{"ann", me, `{"password":"Battery+Staple2","repeatPassword":"Battery+Staple3"}`, 400, "Not updated"},
			{"ann", me, `{"password":"weak","repeatPassword":"weak"}`, 422, ""},
			{"ann", me, `{"role":"SUPERADMIN"}`, 403, "these fields cannot be written: role"},
			{"ann", me, `{"name":"X","email":"root2@example.org","max_concurrent_executions":99}`, 403, "these fields cannot be written: email, max_concurrent_executions"},
			{"ann", me, `[{"op":"replace","path":"/role","value":"ADMIN"}]`, 403, "these fields cannot be written: role"},
			{"ann", me, `[{"op":"replace","path":"/updated_at","value":""}]`, 403, "these fields cannot be written: updated_at"},
			{"ann", me, `[{"op":"add","path":"/password_hash","value":""}]`, 422, ""},
			{"ann", me, `[{"op":"replace","path":"/name","value":"Z"},{"op":"test","path":"/country","value":"Mars"}]`, 409, ""},
			{"ann", me, `{"name":null}`, 422, ""},
			{"ann", me, `{"name":"  "}`, 400, "Name is required"},
			{"ann", me, `{"name":7}`, 422, ""},
			{"ann", me, `{"name":"A\u0000B"}`, 400, ""},
			{"ann", me, `{"name":"A","name":"B"}`, 400, ""},
			{"ann", me, `{"sector":"` + strings.Repeat("x", 1001) + `"}`, 400, "The field sector is too long"},
			{"ann", me, `7`, 415, ""},
			{"ann", path, `{"name":"X"}`, 403, ""},
			{"admin", path, `{"role":"ADMIN"}`, 403, ""},
			{"root", path, `{"role":"GOD"}`, 400, "role not valid"},
			{"root", path, `{"email":"x@example.org"}`, 403, "these fields cannot be written: email"},
			{"root", path, `{"max_concurrent_executions":-1}`, 400, ""},
			{"root", "/api/v1/user/nobody@example.org", `{"name":"X"}`, 404, ""},
		} {
			a := w.want(t, c.status, c.who, "PATCH", c.target, c.body)
			if said := a.json(t)["detail"]; c.detail != "" && said != c.detail {
				t.Errorf("%s: %v, want %s", c.body, said, c.detail)
			}
		}
		got = w.want(t, 200, "root", "PATCH", path, `{"role":"ADMIN","institution":"I","max_concurrent_executions":5}`).data(t)
		if got["role"] != "ADMIN" || got["institution"] != "I" || got["max_concurrent_executions"] != 5.0 || got["name"] != "Eva Maria Roe" {
			t.Errorf("%v", got)
		}
		if d := cmp.Diff([]string{"user.change", "user.change", "user.change", "user.create"}, w.audited(t, "user:"+ann.ID.String())); d != "" {
			t.Error(d)
		}
		tag := w.want(t, 200, "ann", "GET", me, "").header.Get("ETag")
		next := w.want(t, 200, "ann", "PATCH", me, `{"country":"A"}`, "If-Match", tag).header.Get("ETag")
		if a := w.want(t, 412, "ann", "PATCH", me, `{"country":"B"}`, "If-Match", tag); next == tag || a.header.Get("ETag") != next {
			t.Errorf("%s %s", tag, next)
		}
	})
}

// TestOldestPassword is the way in which the oldest clients set one.
func TestOldestPassword(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "ann", permit.User)
		body := `{"password":"` + other + `","repeatPassword":"` + other + `"}`
		w.want(t, 403, "ann", "PATCH", "/api/v1/user/me", body, "Scopes", "all", "Program", "yes")
		w.want(t, 200, "ann", "PATCH", "/api/v1/user/me", body)
		w.want(t, 401, "ann", "GET", "/api/v1/user/me", "")
		w.want(t, 200, "ann:"+other, "GET", "/api/v1/user/me", "")
	})
}

// TestHostileBodies are bodies that are large, deep, compressed too well, or not what they say.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.user(t, "ann", permit.User)
		zipped := func(text string) string {
			var out bytes.Buffer
			z := gzip.NewWriter(&out)
			_, _ = z.Write([]byte(text))
			must(t, z.Close())
			return out.String()
		}
		const me, houston, kind, coding = "/api/v1/user/me", "/api/v1/users/1", "Content-Type", "Content-Encoding"
		if got := w.want(t, 200, "ann", "PATCH", me, zipped(`{"country":"Kenya"}`), kind, "application/json", coding, "gzip").data(t); got["country"] != "Kenya" {
			t.Errorf("%v", got)
		}
		bomb := zipped(`{"country":"` + strings.Repeat("x", 20<<20) + `"}`)
		deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
		for _, target := range []string{me, houston} {
			w.want(t, 413, "ann", "PATCH", target, bomb, kind, "application/json", coding, "gzip")
			w.want(t, 413, "ann", "PATCH", target, `{"country":"`+strings.Repeat("x", 300<<10)+`"}`)
			w.want(t, 413, "ann", "PATCH", target, "["+strings.Repeat(`{"op":"test","path":"/name","value":1},`, 100)+`{"op":"test","path":"/name","value":1}]`)
			w.want(t, 400, "ann", "PATCH", target, "{\"country\":\"\xff\"}")
			w.want(t, 400, "ann", "PATCH", target, `{"country":"\ud800"}`)
			w.want(t, 415, "ann", "PATCH", target, "x", coding, "br")
			if a := w.ask(t, "ann", "PATCH", target, deep, kind, "application/json"); a.status < 400 || a.status >= 500 {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		w.want(t, 413, "", "POST", "/api/v1/users", bomb, coding, "gzip")
	})
}
