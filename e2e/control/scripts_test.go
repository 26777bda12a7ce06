package control_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// entry is a file of an archive, or what there can be beside files.
type entry struct {
	name, text string
	kind       byte // of a tar; 0: a file
	link       string
}

// tarred is a .tar.gz.
func tarred(entries ...entry) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.text)), Mode: 0o644}
		if e.kind != 0 {
			h.Typeflag, h.Linkname = e.kind, e.link
		}
		_ = w.WriteHeader(h) // it is memory
		_, _ = w.Write([]byte(e.text))
	}
	_ = w.Close() // it is memory
	_ = z.Close()
	return out.String()
}

// zipped is a .zip.
func zipped(entries ...entry) string {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		f, _ := w.Create(e.name) // it is memory
		_, _ = f.Write([]byte(e.text))
	}
	_ = w.Close()
	return out.String()
}

// ofTrends are the files of a script of Trends.Earth, whose configuration has more members.
func ofTrends(name, more string) []entry {
	text, _ := json.Marshal(name) // it is a text
	return []entry{
		{name: "configuration.json", text: `{"name":` + string(text) + more + `}`},
		{name: "requirements.txt", text: "numpy\n"},
		{name: "src/__init__.py"},
		{name: "src/main.py", text: "def run(params, logger):\n    return params\n"},
	}
}

// packed has {archive} be what pack makes of the files of a script that is called by a name of the row's own, {title}, with the slug {slug}.
func packed(pack func(...entry) string, more string, also ...entry) act {
	return func(s *scene) {
		s.t.Helper()
		if s.vars["title"] == "" {
			random := strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
			s.vars["title"], s.vars["slug"] = "Land Productivity "+random+" 2_3_2", "land-productivity-"+random+"-2-3-2"
		}
		s.vars["archive"] = pack(append(ofTrends(s.vars["title"], more), also...)...)
	}
}

// sends has {archive} be a content.
func sends(content string) act { return func(s *scene) { s.vars["archive"] = content } }

// explicit has {name} be a token of a user of the scopes, by their names.
func explicit(name, who, scopes string) act {
	return func(s *scene) {
		s.t.Helper()
		id := uuid.MustParse(s.value(who + ".id"))
		s.vars[name], _ = s.insertToken(&id, scopes)
	}
}

// buildLogs has a build write lines into the script's log.
func buildLogs(lines ...string) act {
	return func(s *scene) {
		s.t.Helper()
		if err := s.store.AddScriptLogs(context.Background(), uuid.MustParse(s.value("script")), 1, lines...); err != nil {
			s.t.Fatal(err)
		}
	}
}

// holds says that an answer is a .tar.gz with files of these names, in their order.
func holds(names ...string) func(*scene, gateway.Answer) {
	return func(s *scene, a gateway.Answer) {
		s.t.Helper()
		z, err := gzip.NewReader(strings.NewReader(a.Body))
		if err != nil {
			s.t.Fatal(err)
		}
		var got []string
		for r := tar.NewReader(z); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				s.t.Fatal(err)
			}
			got = append(got, h.Name)
		}
		if strings.Join(got, " ") != strings.Join(names, " ") {
			s.t.Errorf("%v, not %v", got, names)
		}
	}
}

// scriptRows are scripts over HTTP.
func scriptRows() []row {
	const all = "/api/v1/script"
	const one, bySlug = all + "/{script}", all + "/{slug}"
	whole := `{"data":{"id":"<text:script>","name":"{title}","slug":"{slug}","description":"","created_at":"<re:[0-9-]+T[0-9:]+\\.[0-9]{6}>","updated_at":"<re:[0-9-]+T[0-9:]+\\.[0-9]{6}>","user_id":"{admin.id}","status":"PENDING",` +
		`"public":false,"restricted":false,"version":1,"cpu_reservation":100000000,"cpu_limit":500000000,"memory_reservation":100000000,"memory_limit":1000000000,"uses_gee":false}}`
	up := func(a *ask, who string) *ask { return a.bearer("{"+who+".access}").multipart("@file", "{archive}") }
	upload := func(who string) *ask { return up(post(all), who).gives(200, `{"data":{"id":"<text:script>","...":0}}`) }
	made := packed(tarred, "")
	by := func(who string, a *ask) *ask { return a.bearer("{" + who + ".access}") }
	bad := func(text string) string {
		return `{"status":400,"msg":"<has:` + text + `>","detail":"<has:` + text + `>","...":0}`
	}
	file := func(name, text string) entry { return entry{name: name, text: text} }
	rows := []row{
		{"POST /script: multipart file, .tar.gz; 200 data with all members and the defaults of resources; slug = slugify(name)", does(made, up(post(all), "admin").gives(200, whole),
			by("admin", get(one)).gives(200, `{"data":{"id":"{script}","slug":"{slug}","...":0}}`).with("ETag", `".+"`), by("admin", get(bySlug)).gives(200, `{"data":{"id":"{script}","...":0}}`), by("super", get(bySlug+"/")).gives(200))},
		{"POST /script: ADMIN+ (seed: any user); here: or a token with the scope script:write by its name, which only administrators give away", does(made,
			up(post(all), "user").gives(403), up(post(all), "internal").gives(403), post(all).multipart("@file", "{archive}").gives(401),
			explicit("bound", "admin", "user:read"), post(all).bearer("{bound}").multipart("@file", "{archive}").gives(403, `{"detail":"Insufficient scope. Required: script:write","...":0}`),
			explicit("may", "user", "script:write"), post(all).bearer("{may}").multipart("@file", "{archive}").gives(200, `{"data":{"id":"<text:script>","user_id":"{user.id}","...":0}}`),
			post("/api/v1/tokens").bearer("{user.access}").json(`{"typ":"usr","description":"mine","scopes":["script:write"]}`).gives(400, `{"detail":"<has:not yours to give>","...":0}`),
			post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"mine","scopes":["script:write"]}`).gives(403), post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"mine","scopes":["script:read"]}`).gives(201),
			post("/api/v1/tokens").bearer("{admin.access}").json(`{"typ":"usr","description":"mine","scopes":["script:write"]}`).gives(200).or(201))},
		{"POST /script: 400 File Required", does(sends("x"), post(all).bearer("{admin.access}").multipart("@data", "x").gives(400, bad("File Required")), post(all).bearer("{admin.access}").multipart("file", "x").gives(400, bad("File Required")),
			post(all).bearer("{admin.access}").gives(400, bad("File Required")), post(all).bearer("{admin.access}").json(`{"file":"x"}`).gives(400, bad("File Required")))},
		{"POST /script: 400 File must be a .tar.gz archive; here: .zip, and one file that begins with #!, too", does(sends("print(1)"), up(post(all), "admin").gives(400, bad("File must be a .tar.gz archive")),
			packed(zipped, ""), up(post(all), "admin").gives(200), by("admin", get(bySlug+"/download")).gives(200).then(holds("configuration.json", "requirements.txt", "src/__init__.py", "src/main.py")))},
		{"POST /script: 400 File too large (max 10MB), also of what is not told how long it is", does(sends(strings.Repeat("x", 10<<20+1)), up(post(all), "admin").gives(400, bad("File too large (max 10MB)")))},
		{"POST /script: 400 Invalid File, with the reason; configuration.json at the root, name required", does(
			sends(tarred(file("src/main.py", ""))), up(post(all), "admin").gives(400, bad("Invalid File: there is no configuration.json at the root")),
			sends(tarred(file("x/configuration.json", `{"name":"x"}`), file("src/main.py", ""))), up(post(all), "admin").gives(400, bad("Invalid File: there is no configuration.json at the root")),
			sends(tarred(file("configuration.json", `{}`), file("src/main.py", ""))), up(post(all), "admin").gives(400, bad("Invalid File: configuration.json: name is missing")),
			sends(tarred(file("configuration.json", `{"name":"x"}`))), up(post(all), "admin").gives(400, bad("Invalid File: there is neither src/main.py nor a command")))},
		{"POST /script: 400 Script with name X generates an existing script slug; a deleted one's is free", does(made, upload("admin"), up(post(all), "super").gives(400, bad("generates an existing script slug")),
			by("admin", remove(one)).gives(200, `{"data":{"id":"{script}","...":0}}`), upload("admin"))},
		{"POST /script: once for each Idempotency-Key, also of more than 5 MiB", does(packed(tarred, "", file("data.bin", noise(6<<20))), up(post(all).header("Idempotency-Key", "s1"), "admin").gives(200, `{"data":{"id":"<text:script>","...":0}}`))},
		{"numbers of configuration.json may be floats; memory and processors, environment, uses_gee", does(
			packed(tarred, `,"cpu_reservation":200000000.0,"cpu_limit":600000000.0,"memory_reservation":1e8,"memory_limit":2000000000,"environment":"trends.earth-environment","environment_version":"0.1.6","compute_type":"gee","uses_gee":true,"id":"x"`),
			up(post(all), "admin").gives(200, `{"data":{"id":"<text:script>","cpu_reservation":200000000,"cpu_limit":600000000,"memory_reservation":100000000,"memory_limit":2000000000,"uses_gee":true,"!environment":0,"...":0}}`),
			by("admin", get(one+"?include=environment")).gives(200, `{"data":{"environment":"trends.earth-environment","environment_version":"0.1.6","...":0}}`))},
		{"GET /script: ADMIN all, others own and public; paged only with page or per_page: page, per_page, total", does(made, upload("admin"),
			by("user", get(all+"?filter=slug%3D'{slug}'")).gives(200, `{"data":[]}`), by("super", get(all+"?filter=slug%3D'{slug}'")).gives(200, `{"data":[{"id":"{script}","...":0}]}`), get(all).gives(401),
			by("admin", post(one+"/publish")).gives(200), by("user", get(all+"?filter=slug%3D'{slug}'&page=1&per_page=500")).gives(200, `{"data":[{"id":"{script}","public":true,"...":0}],"page":1,"per_page":100,"total":1}`),
			by("user", get(all+"?filter=slug%3D'{slug}'&cursor=*")).gives(200, `{"data":[{"id":"{script}","...":0}],"...":0}`))},
		{"GET /script: filter and sort by name, slug, status, public, restricted, dates, environment; by the user for administrators, others 403; here: unknown fields 400", does(made, upload("admin"),
			by("admin", get(all+"?filter=name%3D'{title}',status%3DPENDING,public%3Dfalse,restricted%3Dfalse,created_at%3E2020-01-01,updated_at%3E2020-01-01,environment%3D'',(environment_version%3D''+OR+id%3D'{script}')&sort=name+desc,created_at,-slug")).gives(200, `{"data":[{"id":"{script}","...":0}]}`),
			by("admin", get(all+"?filter=user_email%3D'{admin.email}',user_name%3D'{admin.name}',user_id%3D'{admin.id}'&sort=user_name,user_email")).gives(200, `{"data":["<any>"]}`),
			by("user", get(all+"?filter=user_email%3D'x'")).gives(403), by("user", get(all+"?sort=user_name")).gives(403), by("user", get(all+"?filter=user_id%3D'{user.id}'")).gives(403), by("admin", get(all+"?filter=secret%3D1")).gives(400))},
		{"include=logs,user,user_name,user_email,executions,environment,access_control,build_error; user_name, user_email and access_control are silently dropped for others; exclude", does(made, upload("admin"), buildLogs("Build started."), by("admin", post(one+"/publish")).gives(200),
			by("admin", get(one+"?include=logs,user,user_name,user_email,executions,environment,access_control,build_error")).gives(200,
				`{"data":{"logs":[{"id":1,"text":"Build started.","register_date":"<text>","script_id":"{script}"}],"user":{"id":"{admin.id}","name":"{admin.name}","email":"{admin.email}"},"user_name":"{admin.name}","user_email":"{admin.email}","executions":[],`+
					`"environment":"","access_control":{"restricted":false,"public":true,"allowed_roles":[],"allowed_users":[],"access_type":"public"},"build_error":"","...":0}}`),
			by("user", get(one+"?include=logs,user,user_name,user_email,access_control")).gives(200, `{"data":{"logs":["<any>"],"user":{"id":"{admin.id}","name":"{admin.name}"},"!user_name":0,"!user_email":0,"!access_control":0,"...":0}}`).lacks("@example.org"),
			by("user", get(all+"?filter=slug%3D'{slug}'&include=logs&exclude=name,description")).gives(200, `{"data":[{"logs":["<any>"],"!name":0,"!description":0,"...":0}]}`), by("user", get(one+"?include=secrets")).gives(400))},
		{"GET /script/<id|slug>: 404 when absent or when it is not to be seen, never 403; here: also private ones that are not restricted", does(made, upload("admin"),
			by("user", get(one)).gives(404, `{"status":404,"...":0}`), by("user", get(bySlug)).gives(404), by("internal", get(one)).gives(404), by("admin", get(all+"/nothing")).gives(404), by("admin", get(all+"/019a0000-0000-7000-8000-000000000001")).gives(404),
			by("user", options(one)).gives(404), get(one).gives(401), by("admin", post(one+"/publish")).gives(200), by("user", get(one)).gives(200), by("user", get(bySlug)).gives(200), by("user", options(one)).nothing(204).with("Allow", "GET, OPTIONS"))},
		{"what is not to be seen is not there for any operation", does(made, upload("admin"),
			up(patch(one), "user").gives(404), by("user", patch(one+"/config").json(`{"name":"Mine"}`)).gives(404), by("user", post(one+"/publish")).gives(404), by("user", post(one+"/unpublish")).gives(404), by("user", get(one+"/download")).gives(404),
			by("user", get(one+"/log")).gives(404), by("user", get(one+"/versions")).gives(404), by("user", get(one+"/versions/1/download")).gives(404), by("user", remove(one)).gives(403), by("user", get(one+"/access")).gives(403))},
		{"PATCH /script/<id|slug>: owner or ADMIN+; 403 Operation not allowed to others; another version, PENDING again, kept beside the others; here: name and slug stay", does(made, upload("admin"), by("admin", post(one+"/publish")).gives(200),
			packed(tarred, `,"cpu_limit":700000000`), up(patch(bySlug), "user").gives(403), up(patch(bySlug), "super").gives(200, `{"data":{"id":"{script}","slug":"{slug}","version":2,"status":"PENDING","cpu_limit":700000000,"user_id":"{admin.id}","...":0}}`),
			sends("x"), up(patch(one), "admin").gives(400, bad("File must be a .tar.gz archive")), by("admin", patch(one)).gives(400, bad("File Required")),
			by("user", get(one+"/versions")).gives(200, `{"data":[{"version":2,"status":"PENDING","build_error":"","size":"<int>","sha256":"<re:[0-9a-f]{64}>","created_at":"<text>","user_id":"{super.id}","built_at":null},{"version":1,"user_id":"{admin.id}","...":0}]}`),
			by("user", get(one+"/versions?per_page=1")).gives(200, `{"data":[{"version":2,"...":0}],"page":1,"per_page":1,"total":2}`),
			by("user", get(one+"/versions/1/download")).gives(200).with("Content-Disposition", `attachment; filename="land-productivity-[0-9a-f]+-2-3-2-1\.tar\.gz"`), by("user", get(one+"/versions/3/download")).gives(404))},
		{"PATCH /script/<id>/config: owner or ADMIN+; name, description, uses_gee; the rest stays", does(made, upload("admin"),
			by("admin", patch(one+"/config").json(`{"name":"New Name","description":"Says\nmore","uses_gee":true,"status":"SUCCESS","slug":"x","public":true}`)).
				gives(200, `{"data":{"id":"{script}","name":"New Name","slug":"{slug}","description":"Says\nmore","uses_gee":true,"status":"PENDING","public":false,"...":0}}`),
			by("super", patch(one+"/config").json(`[{"op":"replace","path":"/name","value":"Newer"}]`)).gives(200, `{"data":{"name":"Newer","...":0}}`), by("admin", patch(one+"/config").json(`{"name":""}`)).gives(400),
			by("admin", post(one+"/publish")).gives(200), by("user", patch(one+"/config").json(`{"name":"Mine"}`)).gives(403))},
		{"PATCH config by If-Match: 412 where it was changed meanwhile; GET by If-None-Match: 304", does(made, upload("admin"), act(func(s *scene) { s.vars["tag"] = s.send(by("admin", get(one))).Header.Get("ETag") }),
			by("admin", get(one)).header("If-None-Match", "{tag}").nothing(304), by("admin", patch(one+"/config").json(`{"name":"A"}`)).header("If-Match", "{tag}").gives(200), by("admin", patch(one+"/config").json(`{"name":"B"}`)).header("If-Match", "{tag}").gives(412))},
		{"POST publish, unpublish: owner or ADMIN+, 200 script, public flipped; 404 for other people's scripts; here: owners by the slug, too", does(made, explicit("may", "user", "script:write"),
			post(all).bearer("{may}").multipart("@file", "{archive}").gives(200, `{"data":{"id":"<text:script>","...":0}}`), by("user", post(bySlug+"/publish")).gives(200, `{"data":{"public":true,"...":0}}`), by("user", post(one+"/publish")).gives(200, `{"data":{"public":true,"...":0}}`),
			by("other", post(one+"/unpublish")).gives(404), by("admin", post(one+"/unpublish")).gives(200, `{"data":{"public":false,"...":0}}`), by("other", get(one)).gives(404))},
		{"GET download: as GET; tar.gz attachment <slug>.tar.gz", does(made, upload("admin"), by("admin", get(one+"/download")).gives(200).with("Content-Type", "application/gzip").with("Content-Disposition", `attachment; filename="land-productivity-[0-9a-f]+-2-3-2\.tar\.gz"`).
			then(holds("configuration.json", "requirements.txt", "src/__init__.py", "src/main.py")), by("user", get(one+"/download")).gives(404))},
		{"GET log: data [{id,text,register_date,script_id}], in their order; start=<iso>, last-id=<int> strictly greater; here: only of what one may see", does(made, upload("admin"), buildLogs("Build started.", "Build: 1/2"), buildLogs("Build successful."),
			by("admin", get(one+"/log")).gives(200, `{"data":[{"id":1,"text":"Build started.","register_date":"<re:[0-9-]+T[0-9:]+\\.[0-9]{6}>","script_id":"{script}"},{"id":2,"text":"Build: 1/2","...":0},{"id":3,"register_date":"<text:last>","...":0}]}`),
			by("admin", get(bySlug+"/log?last-id=1")).gives(200, `{"data":[{"id":2,"...":0},{"id":3,"...":0}]}`), by("admin", get(one+"/log?last-id=3")).gives(200, `{"data":[]}`), by("admin", get(one+"/log?start=2001-01-01")).gives(200, `{"data":["<any>","<any>","<any>"]}`),
			by("admin", get(one+"/log?start={last}")).gives(200, `{"data":[]}`), by("admin", get(one+"/log?last-id=x")).gives(400), by("admin", get(one+"/log?start=yesterday")).gives(400), get(one+"/log").gives(401))},
		{"GET log: start with a plus that was not escaped, as the CLI sends it, is that time and not midnight", does(made, upload("admin"), buildLogs("Build started."), by("admin", get(one+"/log")).gives(200, `{"data":[{"register_date":"<text:last>","...":0}]}`),
			act(func(s *scene) {
				by("admin", get(one+"/log?start="+s.value("last")+"+00:00")).gives(200, `{"data":[]}`).do(s)
				by("admin", get(one+"/log?start="+s.value("last")[:10]+"T00:00:00.123+00:00")).gives(200, `{"data":["<any>"]}`).do(s)
			}))},
		{"DELETE: ADMIN+, 200 deleted script, then 404; here: it stays in the store, for its executions", does(made, upload("admin"), by("super", remove(one)).gives(200, `{"data":{"id":"{script}","slug":"{slug}","...":0}}`), by("super", get(one)).gives(404), by("super", get(bySlug)).gives(404),
			by("super", remove(one)).gives(404), by("super", get(all+"?filter=id%3D'{script}'")).gives(200, `{"data":[]}`), by("super", get(one+"/download")).gives(404))},
		{"GET export: ADMIN+; date_field created_at or updated_at, date_from, date_to; CSV", does(made, upload("admin"), by("admin", get(all+"/export?date_field=updated_at&date_from=2020-01-01&filter=id%3D'{script}'")).gives(200).with("Content-Type", "text/csv.*").
			with("Content-Disposition", `attachment; filename="scripts_export_[0-9_]+\.csv"`).then(func(s *scene, a gateway.Answer) {
			if strings.Count(a.Body, "\r\n") != 2 || !strings.Contains(a.Body, s.value("script")) {
				s.t.Errorf("%s", a.Body)
			}
		}), by("admin", get(all+"/export?date_to=2020-01-01")).gives(200).lacks("land-productivity"), by("user", get(all+"/export")).gives(403), by("admin", get(all+"/export?date_field=name")).gives(400), by("admin", get(all+"/export?date_from=x")).gives(400))},
		{"GET access: ADMIN+; {restricted,public,allowed_roles,allowed_users,access_type owner_only|public|restricted}", does(made, upload("admin"),
			by("super", get(one+"/access")).gives(200, `{"data":{"restricted":false,"public":false,"allowed_roles":[],"allowed_users":[],"access_type":"owner_only"}}`), by("admin", post(one+"/publish")).gives(200), by("admin", get(one+"/access")).gives(200, `{"data":{"access_type":"public","...":0}}`),
			by("user", get(one+"/access")).gives(403))},
		{"PUT access/users, POST and DELETE access/users/<uid>: only those users see it, public or not", does(made, upload("admin"), by("admin", post(one+"/publish")).gives(200),
			by("admin", put(one+"/access/users").json(`{"users":["{user.id}"]}`)).gives(200, `{"data":{"restricted":true,"public":true,"allowed_roles":[],"allowed_users":["{user.id}"],"access_type":"restricted"}}`), by("user", get(one)).gives(200), by("other", get(one)).gives(404),
			by("admin", post(one+"/access/users/{other.id}")).gives(200, `{"data":{"allowed_users":["<any>","<any>"],"...":0}}`), by("other", get(all+"?filter=id%3D'{script}'")).gives(200, `{"data":["<any>"]}`),
			by("admin", remove(one+"/access/users/{user.id}")).gives(200, `{"data":{"restricted":true,"allowed_users":["{other.id}"],"...":0}}`), by("user", get(one)).gives(404), by("admin", remove(one+"/access/users/{user.id}")).gives(404),
			by("admin", put(one+"/access/users").json(`{"users":["nobody@example.org"]}`)).gives(400), by("admin", post(one+"/access/users/019a0000-0000-7000-8000-000000000001")).gives(404), by("user", post(one+"/access/users/{user.id}")).gives(403))},
		{"PUT access/roles, POST and DELETE access/roles/<role>, DELETE access", does(made, upload("super"),
			by("admin", put(one+"/access/roles").json(`{"roles":["USER"]}`)).gives(200, `{"data":{"restricted":true,"allowed_roles":["USER"],"access_type":"restricted","...":0}}`), by("user", get(one)).gives(200), by("user", get(one+"/download")).gives(200), by("user", patch(one+"/config").json(`{}`)).gives(403),
			by("admin", remove(one+"/access/roles/USER")).gives(200, `{"data":{"restricted":true,"allowed_roles":[],"...":0}}`), by("user", get(one)).gives(404), by("admin", post(one+"/access/roles/user")).gives(200), by("user", get(one)).gives(200),
			by("admin", put(one+"/access/roles").json(`{"roles":["OWNER"]}`)).gives(400), by("admin", post(one+"/access/roles/OWNER")).gives(404),
			by("admin", remove(one+"/access")).gives(200, `{"data":{"restricted":false,"public":false,"allowed_roles":[],"allowed_users":[],"access_type":"owner_only"}}`), by("user", get(one)).gives(404))},
		{"audit log of each change of a script", does(made, upload("admin"), by("admin", patch(one+"/config").json(`{"name":"Audited"}`)).gives(200), by("admin", post(one+"/publish")).gives(200), by("admin", put(one+"/access/roles").json(`{"roles":["USER"]}`)).gives(200), made, up(patch(one), "admin").gives(200), by("admin", remove(one)).gives(200),
			by("admin", get("/api/v1/audit-log?filter=subject%3D'script:{script}'&sort=at,id")).gives(200, `[{"action":"script.create","actor":"user:{admin.id}","...":0},{"action":"script.change","...":0},{"action":"script.publish","...":0},{"action":"script.access","...":0},{"action":"script.change","...":0},{"action":"script.upload","...":0},{"action":"script.delete","...":0}]`))},
	}
	for says, archive := range hostileArchives() {
		rows = append(rows, row{"archive attack, refused with its reason: " + says, does(sends(archive), up(post(all), "admin").gives(400, bad(strings.SplitN(says, ": ", 2)[1])))})
	}
	return sortedRows(rows)
}

// hostileArchives are by what they are, and the reason that must be told.
func hostileArchives() map[string]string {
	good := ofTrends("Hostile", "")
	with := func(e entry) string { return tarred(append([]entry{good[0]}, e)...) }
	bomb := tarred(append(good, entry{name: "zeros", text: strings.Repeat("\x00", 110<<20)})...)
	many := filesOf(2001)
	return map[string]string{
		"a path upwards: its path has ..":                               with(entry{name: "src/../../../etc/cron.d/x"}),
		"a path upwards in a zip: its path has ..":                      zipped(append(good, entry{name: "../x"})...),
		"an absolute path: its path begins with /":                      with(entry{name: "/etc/passwd"}),
		"a path of Windows: directories are parted by /":                with(entry{name: `..\x`}),
		"a path with NUL: control characters":                           zipped(append(good, entry{name: "a\x00b"})...),
		"a symbolic link: it is a link":                                 with(entry{name: "src", kind: tar.TypeSymlink, link: "/etc"}),
		"a hard link: it is a link":                                     with(entry{name: "x", kind: tar.TypeLink, link: "/etc/shadow"}),
		"a device: it is a device":                                      with(entry{name: "x", kind: tar.TypeChar}),
		"a pipe: pipe":                                                  with(entry{name: "x", kind: tar.TypeFifo}),
		"a bomb: the files have more than":                              bomb,
		"too many files: there are more than 2000 files":                tarred(many...),
		"a file twice: it is there twice":                               with(good[0]),
		"a file that is a directory: it is a file and a directory":      with(entry{name: "configuration.json/x"}),
		"half an archive: the archive ends too early":                   tarred(good...)[:80],
		"members twice or no JSON: configuration.json":                  tarred(entry{name: "configuration.json", text: `{"name":`}),
		"a schema that refers to a file: parameters is no JSON Schema":  tarred(ofTrends("Hostile", `,"parameters":{"$ref":"file:///etc/passwd"}`)...),
		"a name of nothing: name has neither a letter nor a digit":      tarred(ofTrends("---", "")...),
		"a name that is a path of ours: which paths have another use":   tarred(ofTrends("Export", "")...),
		"a name that is an id of another: which paths have another use": tarred(ofTrends("019a0000-0000-7000-8000-000000000001", "")...),
	}
}

// filesOf are so many files.
func filesOf(n int) []entry {
	out := ofTrends("Hostile", "")
	for i := range n {
		out = append(out, entry{name: "f" + strconv.Itoa(i)})
	}
	return out
}

// noise is so many bytes that cannot be compressed, always the same.
func noise(n int) string {
	out := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(out) // it never fails
	return string(out)
}

// sortedRows have those that come of a map in the same order always.
func sortedRows(rows []row) []row {
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.says, b.says) })
	return rows
}
