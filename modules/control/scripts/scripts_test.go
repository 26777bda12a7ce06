package scripts_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/queries/db"
)

func TestUpload(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		one := w.made(t, "boss:", "Land Productivity 2_3_2")
		if one.Data.Slug != "land-productivity-2-3-2" || one.Data.Status != "PENDING" || one.Data.Version != 1 || one.Data.CPULimit != 5e8 || one.Data.UserID != w.Find(t, "boss").ID.String() {
			t.Errorf("%+v", one)
		}
		a := w.upload(t, "boss:", "POST", all, "s.tar.gz", named("land productivity 2.3.2"))
		if a.Status != 400 || !strings.Contains(a.Body, "Script with name land productivity 2.3.2 generates an existing script slug") {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		if n := w.blobs.Kept(t); n != 1 {
			t.Errorf("%d blobs are kept", n)
		}
		// Another version.
		var two script
		w.upload(t, "root:", "PATCH", all+"/land-productivity-2-3-2", "s.tar.gz", named("Another", `,"cpu_limit":600000000.0`)).JSON(t, &two)
		if two.Data.ID != one.Data.ID || two.Data.Name != one.Data.Name || two.Data.Version != 2 || two.Data.CPULimit != 6e8 {
			t.Errorf("%+v", two)
		}
		var versions struct {
			Data []struct {
				Version, Size int64
				SHA256        string
			}
			Total int
		}
		w.Want(t, "boss:", "GET", all+"/"+one.Data.ID+"/versions", "", 200).JSON(t, &versions)
		if len(versions.Data) != 2 || versions.Data[0].Version != 2 || len(versions.Data[0].SHA256) != 64 {
			t.Errorf("%+v", versions)
		}
		for target, want := range map[string]string{
			"/download": `attachment; filename="land-productivity-2-3-2.tar.gz"`, "/versions/1/download": `attachment; filename="land-productivity-2-3-2-1.tar.gz"`,
		} {
			a := w.Want(t, "boss:", "GET", all+"/"+one.Data.ID+target, "", 200)
			if a.Header.Get("Content-Disposition") != want || a.Header.Get("Content-Type") != "application/gzip" || !strings.Contains(untar(t, a.Body), "src/main.py") {
				t.Errorf("%s: %v", target, a.Header)
			}
		}
		for _, n := range []string{"0", "3", "-1", "x", "99999999999999999999"} {
			w.Want(t, "boss:", "GET", all+"/"+one.Data.ID+"/versions/"+n+"/download", "", 404)
		}
	})
}

// untar gives the names in a .tar.gz.
func untar(t testing.TB, content string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(content))
	must(t, err)
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return strings.Join(names, " ")
		}
		must(t, err)
		names = append(names, h.Name)
	}
}

// TestUploadsThatAreNone holds that each is refused with its reason, and that nothing of it stays.
func TestUploadsThatAreNone(t *testing.T) {
	t.Parallel()
	link := func(kind byte, name, to string) string {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		tw := tar.NewWriter(z)
		_ = tw.WriteHeader(&tar.Header{Typeflag: kind, Name: name, Linkname: to, Devmajor: 1, Devminor: 3}) // to memory
		_ = tw.Close()
		_ = z.Close()
		return out.String()
	}
	zipped := func(name string) string {
		var out bytes.Buffer
		zw := zip.NewWriter(&out)
		f, _ := zw.Create(name) // to memory
		_, _ = f.Write([]byte("x"))
		_ = zw.Close()
		return out.String()
	}
	ok := file{"configuration.json", `{"name":"x"}`}
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		for _, c := range []struct{ what, content, want string }{
			{"empty", "", "Invalid File: the file is empty"},
			{"text", "print(1)", "File must be a .tar.gz archive"},
			{"no configuration", archive(file{"src/main.py", ""}), "Invalid File: there is no configuration.json at the root"},
			{"no name", archive(file{"configuration.json", `{}`}), "Invalid File: configuration.json: name is missing"},
			{"nothing to run", archive(ok), "Invalid File: there is neither src/main.py nor a command"},
			{"zip slip", archive(ok, file{"../../etc/cron.d/x", ""}), "its path has .."},
			{"zip slip in a zip", zipped("../x"), "its path has .."},
			{"absolute", archive(ok, file{"/etc/passwd", ""}), "its path begins with /"},
			{"symlink", link(tar.TypeSymlink, "src", "/etc"), "it is a link"},
			{"hard link", link(tar.TypeLink, "x", "/etc/passwd"), "it is a link"},
			{"device", link(tar.TypeChar, "null", ""), "it is a device"},
			{"twice", archive(ok, ok), "it is there twice"},
			{"half", named("half")[:60], "Invalid File: "},
			{"too long", strings.Repeat("x", 10<<20+1), "File too large (max 10MB)"},
			{"much too long", strings.Repeat("x", 12<<20), "File too large (max 10MB)"},
			{"a slug of another use", named("Export"), "which paths have another use for"},
			{"a slug that is an id", named("019a0000-0000-7000-8000-000000000001"), "which paths have another use for"},
		} {
			for _, method := range []string{"POST"} {
				a := w.upload(t, "boss:", method, all, "s.tar.gz", c.content)
				if a.Status != 400 || !strings.Contains(a.Body, c.want) {
					t.Errorf("%s: %d %s", c.what, a.Status, a.Body)
				}
			}
		}
		body, kind := form("file", "s.tar.gz", named("x"))
		other, otherKind := form("data", "s.tar.gz", named("x"))
		for what, c := range map[string][2]string{
			"no form":          {"x", "text/plain"},
			"no type":          {body, ""},
			"another field":    {other, otherKind},
			"a field, no file": {"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"},
		} {
			if a := w.Send(t, "boss:", "POST", all, c[1], c[0]); a.Status != 400 || !strings.Contains(a.Body, "File Required") {
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		two := strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n", 2) + "--b--\r\n"
		many := strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n", 40) + "--b--\r\n"
		for what, c := range map[string][2]string{
			"two files": {two, "multipart/form-data; boundary=b"}, "many fields": {many, "multipart/form-data; boundary=b"}, "half a form": {body[:len(body)-20], kind},
		} {
			if a := w.Send(t, "boss:", "POST", all, c[1], c[0]); a.Status != 400 || !strings.Contains(a.Body, "Invalid File: ") {
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		if n := w.blobs.Kept(t); n != 0 {
			t.Errorf("%d blobs are kept", n)
		}
		w.blobs.Away = true
		if a := w.upload(t, "boss:", "POST", all, "s", named("x")); a.Status != 503 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
}

// TestOneFile holds that a script may be a file, which is called as it was.
func TestOneFile(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		var one script
		w.upload(t, "boss:", "POST", all, "Hello World.sh", "#!/bin/sh\necho hello\n").JSON(t, &one)
		if one.Data.Slug != "hello-world" {
			t.Errorf("%+v", one)
		}
		if names := untar(t, w.Want(t, "boss:", "GET", all+"/hello-world/download", "", 200).Body); names != "script configuration.json" {
			t.Error(names)
		}
	})
}

// TestWhoSees holds that what one may not see is not there, whatever is asked of it.
func TestWhoSees(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		one := w.made(t, "boss:", "One")
		path := all + "/one"
		hidden := func(who controltest.As) {
			t.Helper()
			for _, c := range [][2]string{{"GET", ""}, {"GET", "/download"}, {"GET", "/log"}, {"GET", "/versions"}, {"GET", "/versions/1/download"}, {"PATCH", ""}, {"PATCH", "/config"}, {"POST", "/publish"}, {"POST", "/unpublish"}} {
				for _, p := range []string{path, all + "/" + one.Data.ID} {
					w.Want(t, who, c[0], p+c[1], "", 404)
				}
			}
			if a := w.Want(t, who, "GET", all+"?page=1", "", 200); !strings.Contains(a.Body, `"total":0`) {
				t.Error(a.Body)
			}
		}
		seen := func(who controltest.As) {
			t.Helper()
			w.Want(t, who, "GET", path, "", 200)
			if a := w.Want(t, who, "GET", all+"?page=1", "", 200); !strings.Contains(a.Body, `"total":1`) {
				t.Error(a.Body)
			}
		}
		hidden("ann:")
		w.Want(t, "boss:", "POST", path+"/publish", "", 200)
		seen("ann:")
		w.Want(t, "ann:", "POST", path+"/unpublish", "", 404)
		w.Want(t, "ann:", "PATCH", path+"/config", `{"name":"Mine"}`, 403)
		w.Want(t, "ann:", "DELETE", path, "", 403)
		w.Want(t, "ann:", "GET", path+"/access", "", 403)
		w.Want(t, "boss:", "PUT", path+"/access/users", `{"users":["ben@example.org"]}`, 200)
		hidden("ann:")
		seen("ben:")
		w.Want(t, "boss:", "POST", path+"/access/roles/user", "", 200)
		seen("ann:")
		w.Want(t, "boss:", "DELETE", path+"/access/roles/USER", "", 200)
		hidden("ann:")
		w.Want(t, "boss:", "DELETE", path+"/access/users/"+w.Find(t, "ben").ID.String(), "", 200)
		hidden("ben:")
		a := w.Want(t, "boss:", "DELETE", path+"/access", "", 200)
		if !strings.Contains(a.Body, `{"data":{"restricted":false,"public":true,"allowed_roles":[],"allowed_users":[],"access_type":"public"}}`) {
			t.Error(a.Body)
		}
		seen("ann:")
		w.Want(t, "boss:", "POST", path+"/unpublish", "", 200)
		hidden("ann:")
		w.Want(t, "boss:", "DELETE", path, "", 200)
		w.Want(t, "boss:", "GET", path, "", 404)
		w.made(t, "boss:", "One")
	})
}

func TestAccessRefuses(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.made(t, "boss:", "One")
		path := all + "/one/access"
		for _, c := range []struct {
			method, target, body string
			status               int
		}{
			{"PUT", "/roles", `{"roles":["OWNER"]}`, 400},
			{"PUT", "/roles", `{"roles":"USER"}`, 400},
			{"PUT", "/roles", `{"roles":[1]}`, 400},
			{"PUT", "/roles", `{}`, 400},
			{"PUT", "/roles", `[]`, 400},
			{"PUT", "/users", `{"users":["nobody@example.org"]}`, 400},
			{"PUT", "/users", `{"users":["x\u0000"]}`, 400},
			{"PUT", "/users", `{"users":["019a0000-0000-7000-8000-000000000001"]}`, 400},
			{"POST", "/users/nobody@example.org", "", 404},
			{"DELETE", "/users/ann@example.org", "", 404},
			{"POST", "/roles/OWNER", "", 404},
			{"DELETE", "/roles/USER", "", 404},
			{"DELETE", "/roles/x", "", 404},
			{"PUT", "/roles", `{"roles":["user","ADMIN","USER"]}`, 200},
			{"PUT", "/roles", `{"roles":[]}`, 200},
			{"POST", "/users/ann@example.org", "", 200},
			{"POST", "/users/ann@example.org", "", 200},
		} {
			w.Want(t, "root:", c.method, path+c.target, c.body, c.status)
		}
		a := w.Want(t, "root:", "GET", path, "", 200)
		if !strings.Contains(a.Body, `{"restricted":true,"public":false,"allowed_roles":[],"allowed_users":["`+w.Find(t, "ann").ID.String()+`"],"access_type":"restricted"}`) {
			t.Error(a.Body)
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.made(t, "boss:", "One")
		path := all + "/one/config"
		for _, c := range []struct {
			body   string
			status int
			want   string
		}{
			{`{"name":" New Name ","description":"Long\nago","uses_gee":true,"status":"SUCCESS","slug":"two","user_id":"x"}`, 200, `"name":"New Name","slug":"one","description":"Long\nago"`},
			{`[{"op":"replace","path":"/name","value":"Newer"}]`, 200, `"name":"Newer"`},
			{`[{"op":"replace","path":"/slug","value":"x"}]`, 422, ""},
			{`{"name":""}`, 400, "name: It is missing."},
			{`{"name":"` + strings.Repeat("x", 121) + `"}`, 400, "120"},
			{`{"name":"a\nb"}`, 400, "control"},
			{`{"description":"` + strings.Repeat("x", 4001) + `"}`, 400, "4000"},
			{`{"description":"\u0000"}`, 400, ""},
			{`{"name":3}`, 422, ""},
			{`{"name":null}`, 422, ""},
			{`{}`, 200, `"name":"Newer"`},
		} {
			if a := w.Ask(t, "boss:", "PATCH", path, c.body); a.Status != c.status || !strings.Contains(a.Body, c.want) {
				t.Errorf("%s: %d %s", c.body, a.Status, a.Body)
			}
		}
		got := w.Want(t, "boss:", "GET", all+"/one", "", 200)
		if !strings.Contains(got.Body, `"status":"PENDING"`) || !strings.Contains(got.Body, `"uses_gee":true`) {
			t.Error(got.Body)
		}
		tag := got.Header.Get("ETag")
		if a := w.Send(t, "boss:", "GET", all+"/one", "", "", "If-None-Match", tag); a.Status != http.StatusNotModified {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		for _, want := range []int{200, 412} {
			if a := w.Send(t, "boss:", "PATCH", path, "application/json", `{"name":"Conditional"}`, "If-Match", tag); a.Status != want {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		}
	})
}

func TestLog(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.made(t, "boss:", "One")
		sc, err := w.Store.FindScript(t.Context(), "one")
		must(t, err)
		must(t, w.Store.AddScriptLogs(t.Context(), sc.ID, 1, "Build started.", "Build: 1", "Build successful."))
		var lines struct {
			Data []struct {
				ID   int64
				Text string
				At   string `json:"register_date"`
			}
		}
		path := all + "/one/log"
		w.Want(t, "boss:", "GET", path, "", 200).JSON(t, &lines)
		if len(lines.Data) != 3 || lines.Data[0].ID != 1 || lines.Data[2].Text != "Build successful." {
			t.Fatalf("%+v", lines)
		}
		at := lines.Data[0].At
		for query, want := range map[string]int{
			"last-id=1": 2, "last-id=3": 0, "start=2001-01-01": 3, "start=2999-01-01T05:00:00.123+00:00": 0, "start=2001-01-01T05:00:00.123+00:00": 3,
			"start=" + at: 0, "start=" + at + "%2B00:00": 0, "start=" + at + "+00:00": 0, "start=2001-01-01&last-id=2": 1,
		} {
			w.Want(t, "boss:", "GET", path+"?"+query, "", 200).JSON(t, &lines)
			if len(lines.Data) != want {
				t.Errorf("%s: %+v", query, lines)
			}
		}
		for _, query := range []string{"last-id=x", "last-id=-1", "start=yesterday", "start=" + at + "+25:00"} {
			w.Want(t, "boss:", "GET", path+"?"+query, "", 400)
		}
		if a := w.Want(t, "boss:", "GET", all+"/one?include=logs&exclude=name,slug", "", 200); !strings.Contains(a.Body, `"text":"Build: 1"`) || strings.Contains(a.Body, `"slug"`) {
			t.Error(a.Body)
		}
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		for _, name := range []string{"B", "a", "C"} {
			w.made(t, "boss:", name)
			w.Want(t, "boss:", "POST", all+"/"+strings.ToLower(name)+"/publish", "", 200)
		}
		for _, c := range []struct {
			who    controltest.As
			query  string
			status int
			want   string
			not    string
		}{
			{"ann:", "sort=name&page=1&per_page=1", 200, `"slug":"a"`, `"slug":"b"`},
			{"ann:", "sort=name desc", 200, `"slug":"c"`, `"total"`},
			{"ann:", "filter=name='b'", 200, `"name":"B"`, `"name":"C"`},
			{"ann:", "filter=status='pending',public=true&per_page=2", 200, `"total":3`, ""},
			{"ann:", "limit=1&cursor=*&sort=created_at", 200, `"data":[`, `"total"`},
			{"ann:", "filter=user_name like '%25boss%25'", 403, "for administrators", ""},
			{"ann:", "sort=user_email", 403, "for administrators", ""},
			{"boss:", "filter=user_name='boss'&sort=user_email,user_name desc&page=1", 200, `"total":3`, ""},
			{"boss:", "filter=user_email='BOSS@example.org'&page=1", 200, `"total":3`, ""},
			{"ann:", "include=user,user_name,user_email,user_id,access_control,environment,build_error,executions,logs", 200, `"user":{"id":`, `example.org`},
			{"boss:", "include=user_name,user_email,access_control", 200, `"user_email":"boss@example.org"`, `"environment"`},
			{"boss:", "include=secrets", 400, "include", ""},
			{"ann:", "exclude=description,id", 200, `"slug":"a"`, `"id"`},
			{"ann:", "exclude=password", 400, "exclude", ""},
			{"ann:", "filter=restricted=true&page=1", 200, `"total":0`, ""},
		} {
			a := w.Want(t, c.who, "GET", all+"?"+strings.NewReplacer(" ", "+", "'", "%27").Replace(c.query), "", c.status)
			if !strings.Contains(a.Body, c.want) || c.not != "" && strings.Contains(a.Body, c.not) {
				t.Errorf("%s: %s", c.query, a.Body)
			}
		}
		for query, want := range map[string]int{"": 4, "?date_from=2001-01-01&date_to=2999-12-31": 4, "?date_field=updated_at&date_to=2001-01-01": 1, "?filter=name%3D'a'": 2} {
			if a := w.Want(t, "boss:", "GET", all+"/export"+query, "", 200); strings.Count(a.Body, "\r\n") != want || !strings.HasPrefix(a.Header.Get("Content-Disposition"), `attachment; filename="scripts_export_`) {
				t.Errorf("%s: %s", query, a.Body)
			}
		}
		for _, query := range []string{"date_field=name", "date_from=x", "date_to=1", "page=1", "cursor=*"} {
			w.Want(t, "boss:", "GET", all+"/export?"+query, "", 400)
		}
		w.Want(t, "ann:", "GET", all+"/export", "", 403)
		rows, err := w.Store.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: "scripts", AtMost: 100})
		if err != nil || len(rows) != 4 || rows[0].Action != "script.export" {
			t.Errorf("%d %v", len(rows), err)
		}
	})
}
