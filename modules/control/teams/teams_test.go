package teams_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/queries/db"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

func TestLife(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		made, path := w.made(t)
		if made.Title != "Rangers" || len(made.Members) != 1 || !made.Members[0].Leader || !strings.HasSuffix(made.Created, "+00:00") {
			t.Errorf("%+v", made)
		}
		row, err := w.Store.Queries().GetTeamByNumber(t.Context(), made.ID)
		must(t, err)
		cid := w.Find(t, "cid")
		for _, name := range []string{number(made.ID), row.ID.String(), strings.ToUpper(row.ID.String())} {
			var got team
			w.Want(t, "ann:", "GET", "/api/v1/teams/"+name+"/", "", 200).JSON(t, &got)
			if got.ID != made.ID || len(got.Members) != 2 || got.Members[0].Team != nil || got.Members[1].Leader || got.Updated == got.Created {
				t.Errorf("%+v", got)
			}
		}
		var added member
		w.Want(t, "ann:", "POST", path+"/members", `{"user_id":"`+cid.ID.String()+`","is_leader":true}`, 200).JSON(t, &added)
		if !added.Leader || added.User.ID != cid.Number || added.Team == nil || added.Team.ID != made.ID || added.Team.Title != "Rangers" {
			t.Errorf("%+v", added)
		}
		var changed team
		w.Want(t, "cid:", "PATCH", path, `[{"op":"test","path":"/title","value":"Rangers"},{"op":"replace","path":"/title","value":"Wardens"}]`, 200).JSON(t, &changed)
		if changed.Title != "Wardens" || len(changed.Members) != 3 {
			t.Errorf("%+v", changed)
		}
		if a := w.Want(t, "ann:", "DELETE", path+"/members/"+cid.ID.String(), "", 200); strings.TrimSpace(a.Body) != "null" {
			t.Errorf("%q", a.Body)
		}
		w.Want(t, "cid:", "GET", path, "", 403)
		if d := cmp.Diff([]string{"team.create", "team.add", "team.add", "team.change", "team.remove"}, w.audited(t, made.ID)); d != "" {
			t.Error(d)
		}
		if a := w.Want(t, "ann:", "DELETE", path+"/", "", 204); a.Body != "" {
			t.Errorf("%q", a.Body)
		}
		w.Want(t, "ann:", "GET", path, "", 404)
		w.Want(t, "ann:", "DELETE", path, "", 404)
	})
}

func TestWhoMay(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		_, path := w.made(t)
		ben := w.Find(t, "ben")
		w.alter(t, w.Find(t, "cid"), func(u *db.User) { u.IsRegularUser = false })
		_, err := w.Store.AddMember(t.Context(), controltest.By(), w.team(t, path), w.Find(t, "cid").ID, true, nil)
		must(t, err)
		allow := func(who, target, want string) {
			t.Helper()
			if got := w.Want(t, controltest.As(who), "OPTIONS", target, "", 204).Header.Get("Allow"); got != want {
				t.Errorf("%s by %q: %s", target, who, got)
			}
		}
		for who, want := range map[string][3]string{
			"ann:":   {"GET, PATCH, DELETE, OPTIONS", "GET, POST, OPTIONS", "DELETE, OPTIONS"},
			"ben:":   {"OPTIONS", "OPTIONS", "OPTIONS"},
			"cid:":   {"GET, OPTIONS", "GET, OPTIONS", "OPTIONS"}, // leads it, and may not write
			"root:":  {"GET, PATCH, DELETE, OPTIONS", "GET, POST, OPTIONS", "DELETE, OPTIONS"},
			"staff:": {"GET, PATCH, DELETE, OPTIONS", "GET, POST, OPTIONS", "DELETE, OPTIONS"},
		} {
			allow(who, path, want[0])
			allow(who, path+"/members/", want[1])
			allow(who, path+"/members/"+number(ben.Number), want[2])
			allow(who, "/api/v1/teams/", "GET, POST, OPTIONS")
		}
		w.Want(t, "", "OPTIONS", path, "", 401)
		w.Want(t, "ann:", "OPTIONS", "/api/v1/teams/999", "", 404)
		for _, one := range []struct{ method, target, body string }{
			{"GET", path, ""},
			{"PATCH", path, `{"title":"Thieves"}`},
			{"GET", path + "/members", ""},
			{"POST", path + "/members", `{"user_id":1}`},
			{"DELETE", path + "/members/" + number(ben.Number), ""},
			{"DELETE", path, ""},
		} {
			w.Want(t, "", one.method, one.target, one.body, 401)
			w.Want(t, "ben:", one.method, one.target, one.body, 403)
			if one.method != "GET" {
				w.Want(t, "cid:", one.method, one.target, one.body, 403)
			}
			w.Want(t, "ann:", one.method, strings.Replace(one.target, path, "/api/v1/teams/999", 1), one.body, 404)
			for _, bad := range []string{"0", "-1", "x", "1.0", "%00", "9223372036854775808", uuid.Nil.String(), "urn:uuid:" + ben.ID.String()} {
				w.Want(t, "ann:", one.method, strings.Replace(one.target, path, "/api/v1/teams/"+bad, 1), one.body, 404)
			}
		}
		w.Want(t, "root:", "PATCH", path, `{"title":"By root"}`, 200)
		w.Want(t, "staff:", "PATCH", path, `{"title":"By staff"}`, 200)
	})
}

// team gives the id of the team of a path.
func (w *world) team(t testing.TB, path string) uuid.UUID {
	t.Helper()
	n, err := strconv.ParseInt(path[strings.LastIndexByte(path, '/')+1:], 10, 64)
	must(t, err)
	row, err := w.Store.Queries().GetTeamByNumber(t.Context(), n)
	must(t, err)
	return row.ID
}

func TestBodies(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		_, path := w.made(t)
		ben, cid := w.Find(t, "ben"), w.Find(t, "cid")
		for _, c := range []struct {
			method, target, body string
			status               int
			field                string
		}{
			{"POST", "/api/v1/teams/", "title=", 409, ""},
			{"POST", "/api/v1/teams/", "title=ab", 409, ""},
			{"POST", "/api/v1/teams/", "title=+a+", 409, ""},
			{"POST", "/api/v1/teams/", `{"title":"ab"}`, 409, ""},
			{"POST", "/api/v1/teams/", `{"title":"日本"}`, 409, ""},
			{"POST", "/api/v1/teams/", `{"title":"日本語"}`, 200, ""},
			{"POST", "/api/v1/teams/", "title=abc", 200, ""},
			{"POST", "/api/v1/teams/", "titel=abc", 422, "title"},
			{"POST", "/api/v1/teams/", "title=abc&title=abd", 422, "title"},
			{"POST", "/api/v1/teams/", "title=%ff%fe%fd", 422, "title"},
			{"POST", "/api/v1/teams/", "title=a%00bc", 422, "title"},
			{"POST", "/api/v1/teams/", `{"title":7}`, 422, "title"},
			{"POST", "/api/v1/teams/", `{"title":null}`, 422, "title"},
			{"POST", "/api/v1/teams/", `{"title":"\ud800abc"}`, 422, "title"},
			{"POST", "/api/v1/teams/", `{"title":"abc","title":"abd"}`, 400, "title"},
			{"POST", "/api/v1/teams/", `["title"]`, 400, ""},
			{"POST", "/api/v1/teams/", "title=" + strings.Repeat("a", 257), 422, "title"},
			{"POST", "/api/v1/teams/", "title=" + strings.Repeat("a", 256), 200, ""},
			{"PATCH", path, `[{"op":"replace","path":"/title","value":""}]`, 409, ""},
			{"PATCH", path, `[{"op":"replace","path":"/title"}]`, 422, ""},
			{"PATCH", path, `[{"op":"replace","path":"title","value":"New"}]`, 422, ""},
			{"PATCH", path, `[{"op":"replace","path":"/id","value":7}]`, 422, ""},
			{"PATCH", path, `[{"op":"add","path":"/members/-","value":{}}]`, 422, ""},
			{"PATCH", path, `[{"op":"test","path":"/title","value":"Another"},{"op":"replace","path":"/title","value":"New"}]`, 409, ""},
			{"PATCH", path, `[{"op":"remove","path":"/title"}]`, 422, ""},
			{"PATCH", path, `[{"op":"replace","path":"/title","value":7}]`, 422, ""},
			{"PATCH", path, `{"title":null}`, 422, ""},
			{"PATCH", path, `{"title":"ab"}`, 409, ""},
			{"PATCH", path, `{"id":7}`, 403, ""},
			{"PATCH", path, `{"members":[]}`, 403, ""},
			{"PATCH", path, `{"leader":7}`, 422, ""},
			{"PATCH", path, `{}`, 200, ""},
			{"PATCH", path, `{"title":"Rovers"}`, 200, ""},
			{"PATCH", path, `{"title":`, 400, ""},
			{"POST", path + "/members/", "user_id=" + number(ben.Number), 409, ""},
			{"POST", path + "/members/", "user_id=100500", 404, ""},
			{"POST", path + "/members/", `{"user_id":"` + uuid.NewString() + `"}`, 404, ""},
			{"POST", path + "/members/", "user_id=x", 422, "user_id"},
			{"POST", path + "/members/", "user_id=", 422, "user_id"},
			{"POST", path + "/members/", "is_leader=true", 422, "user_id"},
			{"POST", path + "/members/", `{"user_id":1.5}`, 422, "user_id"},
			{"POST", path + "/members/", `{"user_id":-1}`, 422, "user_id"},
			{"POST", path + "/members/", `{"user_id":[1]}`, 422, "user_id"},
			{"POST", path + "/members/", "user_id=" + number(cid.Number) + "&is_leader=perhaps", 422, "is_leader"},
			{"POST", path + "/members/", "user_id=" + number(cid.Number) + "&is_leader=True", 200, ""},
			{"DELETE", path + "/members/x", "", 404, ""},
			{"DELETE", path + "/members/100500", "", 404, ""},
			{"DELETE", path + "/members/" + number(w.Find(t, "staff").Number), "", 404, ""},
		} {
			a := w.Want(t, "ann:", c.method, c.target, c.body, c.status)
			var said struct {
				Status   int
				Message  string
				Messages map[string][]string
			}
			if a.JSON(t, &said); c.status >= 400 && (said.Status != c.status || said.Message == "" || c.field != "" && said.Messages[c.field] == nil) {
				t.Errorf("%s: %s", c.body, a.Body)
			}
		}
		var multi bytes.Buffer
		form := multipart.NewWriter(&multi)
		must(t, form.WriteField("title", "By curl -F"))
		must(t, form.Close())
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/teams/", &multi)
		r.SetBasicAuth("ann@example.org", "ann")
		r.Header.Set("Content-Type", form.FormDataContentType())
		if a := w.Do(r); a.Status != 200 || !strings.Contains(a.Body, "By curl -F") {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		// What a client was shown it may send back.
		var shown map[string]any
		w.Want(t, "ann:", "GET", path, "", 200).JSON(t, &shown)
		shown["title"] = "Sent back"
		body, err := json.Marshal(shown)
		must(t, err)
		w.Want(t, "ann:", "PATCH", path, string(body), 200)
	})
}

func TestLists(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		_, path := w.made(t)
		for i := range 23 {
			w.Want(t, "ben:", "POST", "/api/v1/teams", fmt.Sprintf("title=Team+%02d", i), 200)
		}
		list := func(target string) (out []team, a controltest.Answer) {
			t.Helper()
			a = w.Want(t, "cid:", "GET", target, "", 200)
			a.JSON(t, &out)
			return out, a
		}
		all, a := list("/api/v1/teams/")
		if len(all) != 20 || a.Header.Get("X-Total-Count") != "24" || !strings.Contains(a.Header.Get("Link"), `rel="next"`) || strings.Contains(a.Body, "members") {
			t.Errorf("%d %v", len(all), a.Header)
		}
		all, a = list("/api/v1/teams?filter=title+like+%27team%25%27&sort=-title&limit=2&offset=1")
		if len(all) != 2 || all[0].Title != "Team 21" || a.Header.Get("X-Total-Count") != "23" {
			t.Errorf("%v %v", all, a.Header)
		}
		walked, next := map[int64]bool{}, "/api/v1/teams?cursor=*&limit=7&sort=title"
		for next != "" {
			page, a := list(next)
			for _, one := range page {
				walked[one.ID] = true
			}
			_, next, _ = strings.Cut(a.Header.Get("Link"), "<")
			next, _, _ = strings.Cut(next, ">")
		}
		if len(walked) != 24 {
			t.Errorf("a walk gives %d", len(walked))
		}
		w.Want(t, "cid:", "GET", "/api/v1/teams?limit=101", "", 422)
		w.Want(t, "cid:", "GET", "/api/v1/teams?filter=leader%3D1", "", 400)
		for i := range 3 {
			u := w.User(t, fmt.Sprintf("m%d", i), "USER")
			w.Want(t, "ann:", "POST", path+"/members/", "user_id="+number(u.Number), 200)
		}
		var members []member
		a = w.Want(t, "ann:", "GET", path+"/members/?limit=2&offset=1", "", 200)
		a.JSON(t, &members)
		if len(members) != 2 || members[0].Team == nil || members[0].User.ID != w.Find(t, "ben").Number || a.Header.Get("X-Total-Count") != "5" {
			t.Errorf("%+v %v", members, a.Header)
		}
		a = w.Want(t, "ann:", "GET", path+"/members/?filter=is_leader%3Dtrue", "", 200)
		members = nil
		if a.JSON(t, &members); len(members) != 1 || members[0].User.ID != w.Find(t, "ann").Number {
			t.Errorf("%+v", members)
		}
		seen := 0
		for next = path + "/members/?cursor=*&limit=2&sort=-is_leader,username"; next != ""; {
			a := w.Want(t, "ann:", "GET", next, "", 200)
			members = nil
			a.JSON(t, &members)
			seen += len(members)
			_, next, _ = strings.Cut(a.Header.Get("Link"), "<")
			next, _, _ = strings.Cut(next, ">")
		}
		if seen != 5 {
			t.Errorf("a walk gives %d members", seen)
		}
		w.Want(t, "ann:", "GET", path+"/members?limit=0", "", 422)
		for _, sql := range []string{`'; drop table teams; --`, `1) or (1=1`, `title="`, `id; select 1`} {
			for _, target := range []string{"/api/v1/teams", path + "/members"} {
				for _, parameter := range []string{"filter", "sort", "include", "exclude", "limit", "offset", "cursor", "page"} {
					r := httptest.NewRequestWithContext(t.Context(), "GET", target, nil)
					q := r.URL.Query()
					q.Set(parameter, sql)
					if a := w.send(t.Context(), "ann", "GET", target+"?"+q.Encode(), ""); a.Status >= 500 {
						t.Errorf("%s %s=%s: %d", target, parameter, sql, a.Status)
					}
				}
			}
		}
	})
}

func TestConditions(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		_, path := w.made(t)
		get := func(header ...string) controltest.Answer {
			return w.send(t.Context(), "ann", "GET", path, "", header...)
		}
		tag := get().Header.Get("ETag")
		if a := get("If-None-Match", `"x", `+tag); a.Status != 304 || a.Body != "" || a.Header.Get("ETag") != tag || a.Header.Get("Content-Type") != "" {
			t.Errorf("%+v", a)
		}
		// The names of members are shown, too; the team is as it was.
		w.alter(t, w.Find(t, "ben"), func(u *db.User) { u.FirstName = "Benjamin" })
		if a := get("If-None-Match", tag); a.Status != 200 || !strings.Contains(a.Body, "Benjamin") {
			t.Errorf("%+v", a)
		}
		patch := func(i int, tag string) controltest.Answer {
			return w.send(t.Context(), "ann", "PATCH", path, fmt.Sprintf(`{"title":"Team %d"}`, i), "If-Match", tag)
		}
		var done sync.WaitGroup
		statuses := make([]int, 5)
		for i := range statuses {
			done.Go(func() { statuses[i] = patch(i, tag).Status })
		}
		done.Wait()
		slices.Sort(statuses)
		if d := cmp.Diff([]int{200, 412, 412, 412, 412}, statuses); d != "" {
			t.Error(d)
		}
		a := patch(9, tag)
		if next := a.Header.Get("ETag"); a.Status != 412 || patch(9, next).Status != 200 {
			t.Errorf("%d %s", a.Status, next)
		}
		if a := w.send(t.Context(), "ann", "DELETE", path, "", "If-Match", tag); a.Status != 412 {
			t.Errorf("%d", a.Status)
		}
		before := get().Header.Get("ETag")
		w.Want(t, "ann:", "DELETE", path+"/members/"+number(w.Find(t, "ben").Number), "", 200)
		if a := w.send(t.Context(), "ann", "PATCH", path, `{"title":"Late"}`, "If-Match", before); a.Status != 412 {
			t.Errorf("who changed the members did not change the team: %d", a.Status)
		}
		if a := w.send(t.Context(), "ann", "DELETE", path, "", "If-Match", get().Header.Get("ETag")); a.Status != 204 {
			t.Errorf("%d", a.Status)
		}
	})
}

// TestTwoAtOnce has callers do the same at once.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		_, path := w.made(t)
		ann, cid := w.Find(t, "ann"), w.Find(t, "cid")
		race := func(one func(i int) controltest.Answer) []int {
			var done sync.WaitGroup
			statuses := make([]int, 4)
			for i := range statuses {
				done.Go(func() { statuses[i] = one(i).Status })
			}
			done.Wait()
			slices.Sort(statuses)
			return statuses
		}
		body := `{"is_leader":true,"user_id":` + number(cid.Number) + `}`
		got := race(func(int) controltest.Answer { return w.send(t.Context(), "ann", "POST", path+"/members", body) })
		if d := cmp.Diff([]int{200, 409, 409, 409}, got); d != "" {
			t.Error(d)
		}
		// The two leaders take each other out: one stays, and the other is no leader any more when he is asked.
		got = race(func(i int) controltest.Answer {
			if i%2 == 0 {
				return w.send(t.Context(), "ann", "DELETE", path+"/members/"+number(cid.Number), "")
			}
			return w.send(t.Context(), "cid", "DELETE", path+"/members/"+number(ann.Number), "")
		})
		if n := len(slices.DeleteFunc(slices.Clone(got), func(s int) bool { return s != 200 })); n != 1 {
			t.Errorf("%v", got)
		}
		n, err := w.Store.Queries().CountTeamMembers(t.Context(), w.team(t, path))
		must(t, err)
		if n.Leaders != 1 || n.Members != 2 {
			t.Errorf("%+v", n)
		}
		got = race(func(int) controltest.Answer { return w.send(t.Context(), "root", "DELETE", path, "") })
		if d := cmp.Diff([]int{204, 404, 404, 404}, got); d != "" {
			t.Error(d)
		}
	})
}

// TestLeaderIsGone is about a team whose leader leaves, or is deleted.
func TestLeaderIsGone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		_, path := w.made(t)
		ann, cid := w.Find(t, "ann"), w.Find(t, "cid")
		a := w.Want(t, "ann:", "DELETE", path+"/members/"+number(ann.Number), "", 409)
		if !strings.Contains(a.Body, "last leader") {
			t.Error(a.Body)
		}
		w.Want(t, "root:", "DELETE", path+"/members/"+number(ann.Number), "", 409)
		_, err := w.Store.DeleteUser(t.Context(), controltest.By(), ann.ID)
		must(t, err)
		var got team
		w.Want(t, "root:", "GET", path, "", 200).JSON(t, &got)
		if len(got.Members) != 1 || got.Members[0].Leader {
			t.Errorf("%+v", got)
		}
		// It is the administrators', until they let somebody lead it, or she comes back.
		w.Want(t, "ben:", "GET", path, "", 403)
		w.Want(t, "root:", "DELETE", path+"/members/"+number(ann.Number), "", 404)
		w.Want(t, "root:", "POST", path+"/members", `{"user_id":`+number(ann.Number)+`}`, 404)
		w.Want(t, "root:", "POST", path+"/members", `{"user_id":`+number(cid.Number)+`,"is_leader":true}`, 200)
		w.Want(t, "cid:", "PATCH", path, `{"title":"Heirs"}`, 200)
		w.Want(t, "cid:", "DELETE", path+"/members/"+number(cid.Number), "", 409)
		_, err = w.Store.RestoreUser(t.Context(), controltest.By(), ann.ID)
		must(t, err)
		w.Want(t, "ann:", "GET", path, "", 200)
		w.Want(t, "cid:", "DELETE", path+"/members/"+number(cid.Number), "", 200)
	})
}

// TestDocument holds what the API document says of teams.
func TestDocument(t *testing.T) {
	t.Parallel()
	doc := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db")).typed.OpenAPI()
	if _, err := json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	one := doc.Paths["/api/v1/teams/{team}"]
	if one.Get.Responses["304"] == nil || one.Delete.Responses["204"] == nil || one.Delete.Responses["200"] != nil {
		t.Errorf("%+v", one)
	}
	for _, op := range []*huma.Operation{one.Patch, one.Delete, doc.Paths["/api/v1/teams/{team}/members"].Post, doc.Paths["/api/v1/teams/{team}/members/{user}"].Delete} {
		if !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == "If-Match" }) {
			t.Errorf("%s has no If-Match", op.OperationID)
		}
	}
	for path, want := range map[string][]string{
		"/api/v1/teams":                {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"},
		"/api/v1/teams/{team}/members": {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"},
	} {
		op := doc.Paths[path]
		if d := cmp.Diff(want, slices.Sorted(maps.Keys(op.Post.RequestBody.Content))); d != "" || op.Get.Responses["200"].Headers["X-Total-Count"] == nil {
			t.Errorf("%s: %s", path, d)
		}
	}
}
