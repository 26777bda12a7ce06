package control_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/permit"
)

// documented is what the API document says of an operation that callers send.
type documented struct {
	permit.Operation `json:"-"`
	Parameters       []struct {
		In, Name string
	} `json:"parameters"`
	RequestBody *struct {
		Required bool                       `json:"required"`
		Content  map[string]json.RawMessage `json:"content"`
	} `json:"requestBody"`
}

// query gives the names of parameters of the query.
func (d *documented) query() (names []string) {
	for _, p := range d.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	return names
}

// json gives the media types of its body that are JSON.
func (d *documented) json() (kinds []string) {
	if d.RequestBody == nil {
		return nil
	}
	for kind := range d.RequestBody.Content {
		if strings.HasSuffix(kind, "json") {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// document gives each operation of the table that a gateway serves, as its API document has it.
func document(t *testing.T, w *world) (out []documented) {
	t.Helper()
	served, _ := servedOperations(t, w)
	var all struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(w.gateway.Get("/api/v1/openapi.json", "", "").Body), &all); err != nil {
		t.Fatal(err)
	}
	for _, op := range served {
		d := documented{Operation: op}
		if err := json.Unmarshal(all.Paths[op.Path][strings.ToLower(op.Method)], &d); err != nil {
			t.Fatalf("%s: %v", op.ID, err)
		}
		out = append(out, d)
	}
	return out
}

// TestHostileCallers sends to every operation of the table, as its API document has it, what somebody sends who means ill.
func TestHostileCallers(t *testing.T) {
	t.Parallel()
	all := map[string]hostility{
		"SQL injection": sqlInjection(), "NUL and invalid UTF-8 in paths": hostilePaths(), "hostile JSON": hostileJSON(), "mass assignment": massAssignment(), "IDOR": idor(),
	}
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		w := start(t, e, e.options())
		operations := document(t, w)
		for name, one := range all {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := 0
				for _, d := range operations {
					if !one.concerns(&d) {
						continue
					}
					n++
					t.Run(d.ID, func(t *testing.T) {
						t.Parallel()
						one.run(t, w.scene(t), &d)
					})
				}
				if n == 0 {
					t.Error("no operation is concerned, which cannot be")
				}
			})
		}
	})
}

// hostility is something that is sent to the operations that it concerns.
type hostility struct {
	concerns func(d *documented) bool
	run      func(t *testing.T, s *scene, d *documented)
}

// boss is a super administrator, who may, and asks about what is his own.
func (s *scene) boss(d *documented) cast {
	s.t.Helper()
	return s.stage(d.Operation, standing("super administrator, himself"))
}

// refusedWell says that an answer is a refusal, told as all are.
func (s *scene) refusedWell(what string, a *ask, status ...int) {
	s.t.Helper()
	if len(status) == 0 {
		status = []int{400, 404, 405, 406, 409, 411, 413, 414, 415, 416, 422, 431}
	}
	got, err := s.gateway.Do(s.request(s.gateway, a))
	if err != nil && len(a.body) > 256<<10 {
		return // the server hung up while it was still being sent: it reads no more than this of what nobody wanted
	}
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
	complain := func(format string, args ...any) {
		s.t.Helper()
		s.t.Errorf("%s: "+format+"\n  answer: %s", slices.Concat([]any{what}, args, []any{got})...)
	}
	if got.Status >= http.StatusInternalServerError || !slices.Contains(status, got.Status) {
		complain("%d", got.Status)
	}
	if kind := got.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") { // a page for people
		s.always(a, got, complain)
	}
}

// injections are pieces of SQL for every place that an engine could read it in.
func injections() []string {
	return []string{
		`'; drop table users; --`, `' or '1'='1`, `1) or (1=1`, `id; select 1`, `name) union select password_hash from users --`, `(select 1)`, `name='a' or 1=1`,
		`name like '%' escape ''`, `1=1`, `pg_sleep(10)`, `email"`, "email`", `\\'`, `x/**/y`, `$1`, `?1`, `email asc, (select 1)`, `-1`, `1e9`, `0x10`,
	}
}

// lists are parameters that lists have, in both older systems and in ours.
func lists() []string {
	return []string{"filter", "sort", "include", "exclude", "page", "per_page", "limit", "offset", "cursor"}
}

// sqlInjection sends SQL by every parameter of every operation, those of its path and those of lists included. What is filtered
// and sorted by must be refused; what is nobody's must not be found.
func sqlInjection() hostility {
	return hostility{func(d *documented) bool { return d.Method == http.MethodGet || strings.Contains(d.Path, "{") }, func(t *testing.T, s *scene, d *documented) {
		t.Helper()
		c := s.boss(d)
		names := d.query()
		if d.Method == http.MethodGet {
			names = append(names, lists()...)
		}
		slices.Sort(names)
		users, err := s.store.Queries().CountUsers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range injections() {
			for _, name := range slices.Compact(names) {
				a := &ask{method: d.Method, target: c.target + "?" + url.Values{name: {sql}}.Encode()}
				if a.bearer(c.token); slices.Contains(d.query(), name) && (name == "filter" || name == "sort") {
					s.refusedWell(name+"="+sql, a, http.StatusBadRequest, http.StatusUnprocessableEntity)
					continue
				}
				if got := s.send(a); got.Status >= http.StatusInternalServerError {
					t.Errorf("%s=%s: %s", name, sql, got)
				}
			}
			s.notFound(d, c, sql)
		}
		if n, err := s.store.Queries().CountUsers(t.Context()); err != nil || n < users {
			t.Errorf("there were %d users, and are %d: %v", users, n, err)
		}
	}}
}

// notFound has a value name nothing in an operation's path.
func (s *scene) notFound(d *documented, c cast, value string) {
	s.t.Helper()
	path := inPath(d.Path, value)
	if path == d.Path || d.ID == "user.recover" { // which tells nobody who is a user
		return
	}
	status := []int{http.StatusNotFound, http.StatusBadRequest, http.StatusUnprocessableEntity}
	if d.ID == "hook.deliver" { // who shows no signature is not told whether there is such a hook
		status = []int{http.StatusUnauthorized, http.StatusNotFound}
	}
	a := &ask{method: d.Method, target: path}
	s.refusedWell(strconv.Quote(path[:min(len(path), 200)]), a.bearer(c.token), status...)
}

// inPath puts a value in the place of the first variable of a path, and of the others.
func inPath(path, value string) string {
	for strings.Contains(path, "{") {
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + url.PathEscape(value) + after
	}
	return path
}

// hostilePaths sends NUL, bytes that are no UTF-8, and much, by every variable of every path and by every parameter.
func hostilePaths() hostility {
	return hostility{func(d *documented) bool { return strings.Contains(d.Path, "{") || len(d.query()) > 0 }, func(t *testing.T, s *scene, d *documented) {
		t.Helper()
		c := s.boss(d)
		for _, value := range []string{"\x00", "a\x00b", "\xff", "\xc0\xaf", "\xed\xa0\x80", "a\xff@example.org", strings.Repeat("a", 5000), strings.Repeat("9", 400), "-9223372036854775809", "..", "a/b", "%2e%2e", "\u202e", "\r\nX-Evil: 1"} {
			s.notFound(d, c, value)
			for _, name := range d.query() {
				a := &ask{method: d.Method, target: c.target + "?" + url.Values{name: {value}}.Encode()}
				if got := s.send(a.bearer(c.token)); got.Status >= http.StatusInternalServerError || got.Header.Get("X-Evil") != "" {
					t.Errorf("%s=%.60q: %s", name, value, got)
				}
			}
		}
	}}
}

// hostileBodies are what no operation makes something of, by name.
func hostileBodies() map[string]string {
	deep := func(open, end string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(end, n) }
	many := func(member string, n int) string {
		return "{" + strings.TrimSuffix(strings.Repeat(member+",", n), ",") + "}"
	}
	out := map[string]string{
		"oversized: a text of 2 MiB":         `{"email":"` + strings.Repeat("a", 2<<20) + `"}`,
		"oversized: blanks":                  strings.Repeat(" ", 2<<20) + `{}`,
		"oversized: a number of 2 MiB":       `{"email":` + strings.Repeat("9", 2<<20) + `}`,
		"oversized: a name of 2 MiB":         `{"` + strings.Repeat("a", 2<<20) + `":1}`,
		"deeply nested arrays":               `{"email":` + deep("[", "]", 100_000) + `}`,
		"deeply nested objects":              deep(`{"email":`, "}", 100_000),
		"deeply nested, within limits":       `{"email":` + deep("[", "]", 5000) + `}`,
		"deeply nested, and not ended":       strings.Repeat(`[`, 200_000),
		"duplicate keys":                     `{"email":"a@example.org","email":"b@example.org"}`,
		"duplicate keys, one escaped":        `{"email":"a@example.org","\u0065mail":"b@example.org"}`,
		"duplicate keys, below":              `{"email":{"a":1,"a":2}}`,
		"duplicate keys, 10,000 of them":     many(`"email":1`, 10_000),
		"invalid UTF-8 in a text":            "{\"email\":\"\xff\"}",
		"invalid UTF-8 in a name":            "{\"\xff\":1}",
		"invalid UTF-8: half a character":    "{\"email\":\"\xe2\x82",
		"invalid UTF-8: a surrogate":         "{\"email\":\"\xed\xa0\x80\"}",
		"NUL, as it is":                      "{\"email\":\"\x00\"}",
		"NUL between members":                "{\x00}",
		"half a document":                    `{"email":"a@exa`,
		"two documents":                      `{}{}`,
		"a comma too many":                   `{"email":"a",}`,
		"NaN":                                `{"email":NaN}`,
		"nothing that is JSON":               `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`,
		"a text":                             `"email"`,
		"a number":                           `1e999999999`,
		"UTF-16":                             "\xff\xfe{\x00}\x00",
		"patch bomb: 100,000 operations":     "[" + strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"/name","value":"x"},`, 100_000), ",") + "]",
		"patch bomb: copies that double":     `[{"op":"add","path":"/name","value":["x","x"]}` + strings.Repeat(`,{"op":"copy","from":"/name","path":"/name/-"}`, 60) + `]`,
		"patch bomb: a document into itself": `[{"op":"move","from":"","path":"/name"},{"op":"copy","from":"","path":"/name"}]`,
		"patch bomb: a pointer of 1 MiB":     `[{"op":"add","path":"` + strings.Repeat("/a", 1<<19) + `","value":1}]`,
		"patch bomb: a far index":            `[{"op":"add","path":"/name","value":[]},{"op":"add","path":"/name/9223372036854775807","value":1}]`,
		"patch bomb: a deep value":           `[{"op":"add","path":"/name","value":` + deep("[", "]", 50_000) + `}]`,
		"patch bomb: members twice":          `[{"op":"test","path":"/name","op":"add","value":"x"}]`,
	}
	return out
}

// hostileJSON sends every body that no operation makes something of to every operation that takes JSON, by each of its media types.
func hostileJSON() hostility {
	bodies, bomb := hostileBodies(), bomb() // once: compressing 64 MiB under the race detector takes seconds
	// Of who shows no signature a hook reads nothing.
	return hostility{func(d *documented) bool { return len(d.json()) > 0 && d.ID != "hook.deliver" }, func(t *testing.T, s *scene, d *documented) {
		t.Helper()
		c := s.boss(d)
		for _, kind := range d.json() {
			for name, body := range bodies {
				a := &ask{method: d.Method, target: c.target, body: body}
				s.refusedWell(kind+", "+name, a.header("Content-Type", kind).bearer(c.token))
			}
			a := &ask{method: d.Method, target: c.target, body: bomb}
			s.refusedWell("a gzip bomb", a.header("Content-Type", kind).header("Content-Encoding", "gzip").bearer(c.token))
		}
	}}
}

// bomb is 64 MiB of JSON in 64 KiB of gzip.
func bomb() string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	zeros := bytes.Repeat([]byte(" "), 1<<20)
	for range 64 {
		_, _ = w.Write(zeros) // it is memory
	}
	_ = w.Close()
	return b.String()
}

// massAssignment sends members that a user may not write by every operation that takes JSON and that he may ask for about himself, as
// an object and as a patch: what he is stays.
func massAssignment() hostility {
	members := map[string]string{
		"id": `"00000000-0000-0000-0000-000000000000"`, "number": "1", "role": `"SUPERADMIN"`, "is_admin": "true", "is_internal": "true", "is_regular_user": "true", "is_active": "true",
		"is_superuser": "true", "static_roles": "65535", "email_verified": "true", "password_hash": `"x"`, "password": `"x"`, "max_concurrent_executions": "1000", "version": "99", "deleted_at": "null",
		"created_at": `"2001-01-01T00:00:00"`, "scopes": `"all"`, "owner_id": `"00000000-0000-0000-0000-000000000000"`, "user_id": "1", "__proto__": `{"role":"ADMIN"}`, "profile": `{"role":"ADMIN"}`,
	}
	return hostility{func(d *documented) bool { return len(d.json()) > 0 }, func(t *testing.T, s *scene, d *documented) {
		t.Helper()
		who := standing("owner, not regular")
		c := s.stage(d.Operation, who)
		before := s.whoHas(c)
		var all []string
		for name, value := range members {
			all = append(all, `"`+name+`":`+value)
		}
		slices.Sort(all)
		for _, kind := range d.json() {
			bodies := []string{"{" + strings.Join(all, ",") + "}"}
			for name, value := range members {
				bodies = append(bodies, `{"`+name+`":`+value+`}`,
					`[{"op":"add","path":"/`+name+`","value":`+value+`}]`, `[{"op":"test","path":"/current_password","value":"`+password+`"},{"op":"replace","path":"/`+name+`","value":`+value+`}]`)
			}
			for _, body := range bodies {
				a := &ask{method: d.Method, target: c.target, body: body}
				if got := s.send(a.header("Content-Type", kind).bearer(c.token)); got.Status >= http.StatusInternalServerError {
					t.Errorf("%s %.200s: %s", kind, body, got)
				}
			}
		}
		if after := s.whoHas(c); after != before {
			t.Errorf("he was %+v, and is %+v", before, after)
		}
	}}
}

// rights are what somebody is, as the store has it.
type rights struct {
	ID, Role, Hash, Email     string
	Number                    int64
	Active, Regular, Internal bool
}

// whoHas tells what the caller of a cast is.
func (s *scene) whoHas(c cast) rights {
	s.t.Helper()
	u, err := s.store.Queries().GetUser(s.t.Context(), c.caller)
	if err != nil {
		s.t.Fatal(err)
	}
	return rights{ID: u.ID.String(), Role: u.Role, Hash: u.PasswordHash, Email: u.Email, Number: u.Number, Active: u.IsActive, Regular: u.IsRegularUser, Internal: u.IsInternal}
}

// idor has a stranger, and the member of a team, name others' things in every path that takes a name, in every spelling of it.
func idor() hostility {
	return hostility{func(d *documented) bool {
		return strings.Contains(d.Path, "{") && !slices.Equal(d.Permissions, []string{permit.Anybody})
	}, func(t *testing.T, s *scene, d *documented) {
		t.Helper()
		asked := 0
		for _, who := range standings(d.Operation) {
			if who.Name != "stranger" && who.Name != memberOfTeam {
				continue
			}
			asked++
			c := s.stage(d.Operation, who)
			for _, target := range spelledIDs(c.target) {
				a := &ask{method: d.Method, target: target}
				s.refusedWell(who.Name+" "+target, a.bearer(c.token), http.StatusForbidden, http.StatusNotFound, http.StatusBadRequest)
			}
		}
		if asked == 0 {
			t.Error("nobody is a stranger")
		}
	}}
}

// spelledIDs are the spellings of the ids in a path.
func spelledIDs(target string) (out []string) {
	parts := strings.Split(target, "/")
	for i, part := range parts {
		id, err := uuid.Parse(strings.TrimPrefix(part, "user:"))
		if err != nil {
			continue
		}
		plain := id.String()
		for _, text := range []string{plain, strings.ToUpper(plain), "{" + plain + "}", "urn:uuid:" + plain, strings.ReplaceAll(plain, "-", ""), plain + "/", " " + plain, plain + "\x00", "%" + plain} {
			other := slices.Clone(parts)
			other[i] = strings.Replace(url.PathEscape(text), "%2F", "/", 1)
			out = append(out, strings.Join(other, "/"))
		}
	}
	return out
}
