package apitokens_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
)

func (k token) path() string { return ours + "/" + k.ID }

func in(d time.Duration) string { return time.Now().Add(d).UTC().Format("2006-01-02T15:04:05+00:00") }

// detail is what a refusal says.
func detail(t *testing.T, a controltest.Answer) string {
	t.Helper()
	var out struct {
		Status    int    `json:"status"`
		Title     string `json:"title"`
		Detail    string `json:"detail"`
		RequestID string `json:"request_id"`
	}
	a.JSON(t, &out)
	if out.RequestID != "r1" || out.Status != a.Status || out.Title != http.StatusText(a.Status) {
		t.Errorf("%+v under %d", out, a.Status)
	}
	return out.Detail
}

// TestCreate holds what is shown of each type when it is made, and that it is shown once.
func TestCreate(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		ann, err := w.Store.FindUser(t.Context(), "ann@example.org")
		if err != nil {
			t.Fatal(err)
		}
		anns, expires := ann.ID.String(), in(time.Hour)
		for _, c := range []struct {
			who  controltest.As
			body string
			want token
		}{
			{"root:", `{"typ":"prm","scopes":["users:read","jobs:run"],"description":"More"}`, token{Typ: "prm", Scopes: []string{"users:read", "jobs:run"}, Description: "More", Metadata: []byte("{}")}},
			{"ann:", `{"typ":"usr","scopes":["users:read"],"description":"mine"}`, token{Typ: "usr", Scopes: []string{"users:read"}, Description: "mine", User: &anns, Metadata: []byte("{}")}},
			{
				"ann:", `{"typ":"tmp","scopes":["jobs:run"],"expires_at":"` + expires + `","metadata":{"build":7}}`,
				token{Typ: "tmp", Scopes: []string{"jobs:run"}, User: &anns, Expires: &expires, Metadata: []byte(`{"build":7}`)},
			},
		} {
			made := w.create(t, c.who, c.body)
			if made.Token == "" || made.ID == "" || made.Created == nil || made.Number == 0 {
				t.Errorf("%+v", made)
			}
			var shown, queried token
			w.Want(t, "root:", http.MethodGet, made.path(), "", 200).JSON(t, &shown)
			w.Want(t, "root:", http.MethodPost, ours+"/query", `"`+string(made.Token)+`"`, 200).JSON(t, &queried)
			if shown.Token != "" {
				t.Error("it is shown twice")
			}
			if d := cmp.Diff(shown, queried); d != "" {
				t.Error(d)
			}
			for _, one := range []token{made, shown} {
				one.Metadata = []byte(strings.ReplaceAll(string(one.Metadata), " ", "")) // as an engine writes them
				if d := cmp.Diff(c.want, one, cmpopts.IgnoreFields(token{}, "ID", "Number", "Created", "Token")); d != "" {
					t.Error(d)
				}
			}
		}
		// A time without a zone is UTC.
		naive := w.create(t, "ann:", `{"typ":"tmp","scopes":["jobs:run"],"expires_at":"`+strings.TrimSuffix(expires, "+00:00")+`","metadata":{}}`)
		if naive.Expires == nil || *naive.Expires != expires {
			t.Errorf("%+v", naive)
		}
	})
}

// TestCreateIsRefused has one request for each rule.
func TestCreateIsRefused(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		narrow := w.create(t, "ann:", `{"scopes":["tokens:write"],"description":"d"}`).Token
		noWrite := w.create(t, "ann:", `{"scopes":["users:read"],"description":"d"}`).Token
		program := w.create(t, "root:", `{"typ":"prm","scopes":["tokens:write","jobs:run"],"description":"d"}`).Token
		short := w.create(t, "ann:", `{"typ":"tmp","scopes":["tokens:write"],"metadata":{},"expires_at":"`+in(time.Hour)+`"}`).Token
		tmp := func(more string) string { return `{"typ":"tmp","scopes":["jobs:run"]` + more + `}` }
		usr := func(scopes, more string) string {
			return `{"typ":"usr","scopes":` + scopes + `,"description":"d"` + more + `}`
		}
		for name, c := range map[string]struct {
			who    controltest.As
			body   string
			status int
			says   string
		}{
			"nobody":                     {"", usr(`["jobs:run"]`, ""), 401, ""},
			"permanent by a user":        {"ann:", `{"typ":"prm","scopes":["jobs:run"],"description":"d"}`, 403, "do not have permission"},
			"permanent by a user, first": {"ann:", `{"typ":"prm"}`, 403, "do not have permission"},
			"without scope":              {noWrite, usr(`["users:read"]`, ""), 403, "Insufficient scope"},
			"user's by a program":        {program, usr(`["jobs:run"]`, ""), 403, "do not have permission"},
			"user's by default":          {program, `{"scopes":["jobs:run"],"description":"d"}`, 403, "do not have permission"},
			"permanent by a program":     {program, `{"typ":"prm","scopes":["jobs:run"],"description":"d"}`, 403, "do not have permission"},
			"type":                       {"root:", `{"typ":"BOGUS"}`, 400, "prm, usr or tmp"},
			"no scopes":                  {"root:", `{"typ":"prm","description":"d"}`, 400, "at least one scope"},
			"no description":             {"root:", `{"typ":"prm","scopes":["jobs:run"]}`, 400, "has a description"},
			"user's without scopes":      {"ann:", `{"description":"d"}`, 400, "at least one scope"},
			"user's without description": {"ann:", `{"scopes":["jobs:run"]}`, 400, "has a description"},
			"temporary without scopes":   {"ann:", `{"typ":"tmp","metadata":{},"expires_at":"` + in(time.Hour) + `"}`, 400, "at least one scope"},
			"temporary without end":      {"ann:", tmp(`,"metadata":{}`), 400, "tmp expires"},
			"temporary without metadata": {"ann:", tmp(`,"expires_at":"` + in(time.Hour) + `"`), 400, "has metadata"},
			"metadata null":              {"ann:", tmp(`,"metadata":null,"expires_at":"` + in(time.Hour) + `"`), 400, "has metadata"},
			"temporary with beginning":   {"ann:", tmp(`,"metadata":{},"not_before":"` + in(0) + `","expires_at":"` + in(time.Hour) + `"`), 400, "begins at once"},
			"past":                       {"ann:", tmp(`,"metadata":{},"expires_at":"` + in(-time.Hour) + `"`), 400, "expired already"},
			"too far":                    {"ann:", tmp(`,"metadata":{},"expires_at":"` + in(25*time.Hour) + `"`), 400, "24h0m0s at most"},
			"no time":                    {"ann:", tmp(`,"metadata":{},"expires_at":"tomorrow"`), 400, "expires_at"},
			"ends before it begins":      {"ann:", usr(`["jobs:run"]`, `,"not_before":"`+in(2*time.Hour)+`","expires_at":"`+in(time.Hour)+`"`), 400, "before it begins"},
			"disabled":                   {"ann:", usr(`["jobs:run"]`, `,"disabled":true`), 400, "disabled"},
			"no such scope":              {"root:", `{"typ":"prm","scopes":["bogus.permission"],"description":"d"}`, 400, "bad permissions"},
			"scope of another role":      {"ann:", usr(`["mail:write"]`, ""), 400, "bad permissions"},
			"not the token's own":        {narrow, usr(`["tokens:write","users:read"]`, ""), 400, "bad permissions"},
			"not the program's own":      {program, `{"typ":"tmp","scopes":["users:read"],"metadata":{},"expires_at":"` + in(time.Hour) + `"}`, 400, "bad permissions"},
			"all of a narrow one":        {narrow, usr(`["all"]`, ""), 400, "bad permissions"},
			"all and another":            {"ann:", usr(`["all","users:read"]`, ""), 400, "cannot be combined"},
			"none":                       {"ann:", usr(`[]`, ""), 400, "at least one"},
			"outliving its maker":        {short, usr(`["tokens:write"]`, ""), 400, "outlive"},
			"blank description":          {"ann:", `{"scopes":["jobs:run"],"description":" "}`, 400, "description"},
			"NUL":                        {"ann:", `{"scopes":["jobs:run"],"description":"a\u0000"}`, 400, "not text"},
			"NUL in metadata":            {"ann:", tmp(`,"metadata":{"a":["\u0000"]},"expires_at":"` + in(time.Hour) + `"`), 400, "NUL"},
			"NUL in a name":              {"ann:", tmp(`,"metadata":{"\u0000":1},"expires_at":"` + in(time.Hour) + `"`), 400, "NUL"},
			"huge number":                {"ann:", tmp(`,"metadata":{"a":1e400000},"expires_at":"` + in(time.Hour) + `"`), 400, "number"},
			"tiny number":                {"ann:", tmp(`,"metadata":{"a":1e-400000},"expires_at":"` + in(time.Hour) + `"`), 400, "number"},
			"deep":                       {"ann:", tmp(`,"metadata":{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `},"expires_at":"` + in(time.Hour) + `"`), 400, "deep"},
			"metadata are a list":        {"ann:", tmp(`,"metadata":[],"expires_at":"` + in(time.Hour) + `"`), 400, "object"},
			"long metadata":              {"ann:", tmp(`,"metadata":{"a":"` + strings.Repeat("x", 5000) + `"},"expires_at":"` + in(time.Hour) + `"`), 400, "longer"},
			"long":                       {"ann:", `{"scopes":["jobs:run"],"description":"` + strings.Repeat("x", 70_000) + `"}`, 413, "longer"},
			"unknown member":             {"ann:", `{"invalid":1}`, 400, `Unknown argument: "invalid"`},
			"for another user":           {"root:", usr(`["jobs:run"]`, `,"user_id":"00000000-0000-0000-0000-000000000001"`), 400, `Unknown argument: "user_id"`},
			"a token of one's own":       {"root:", usr(`["jobs:run"]`, `,"token":"fw_api_x"`), 400, `Unknown argument: "token"`},
			"wrong kind":                 {"ann:", usr(`"users:read"`, ""), 400, "scopes"},
			"no JSON":                    {"ann:", `{`, 400, "not JSON"},
			"no body":                    {"ann:", ``, 400, "missing"},
			"year":                       {"ann:", usr(`["jobs:run"]`, `,"not_before":"0000-01-01T00:00:00Z"`), 400, "years"},
		} {
			a := w.Want(t, c.who, http.MethodPost, ours, c.body, c.status)
			if said := detail(t, a); !strings.Contains(said, c.says) {
				t.Errorf("%s: %q", name, said)
			}
		}
		w.create(t, program, tmp(`,"metadata":{},"expires_at":"`+in(time.Hour)+`"`))
	})
}

// TestUnknownArguments are refused by every operation, so that no slip in the name of a filter shows more than was asked for.
func TestUnknownArguments(t *testing.T) {
	t.Parallel()
	w := open(t, "sqlite:"+t.TempDir()+"/store.db")
	made := w.create(t, "ann:", `{"scopes":["users:read"],"description":"d"}`)
	for target, methods := range map[string][]string{ours: {"GET", "POST"}, ours + "/query": {"POST"}, made.path(): {"GET", "PATCH", "DELETE"}} {
		for _, method := range methods {
			if said := detail(t, w.Want(t, "ann:", method, target+"?invalid=1", "", 400)); said != `Unknown argument: "invalid"` {
				t.Errorf("%s %s: %s", method, target, said)
			}
		}
	}
	w.Want(t, "ann:", http.MethodGet, made.path()+"?typ=usr", "", 400)
	w.Want(t, "ann:", http.MethodGet, made.path(), "", 200)
}

// TestOthersTokens are not there for who may not see them, but for temporary ones, which who has them may see.
func TestOthersTokens(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		prm := w.create(t, "root:", `{"typ":"prm","scopes":["tokens:read"],"description":"d"}`)
		anns := w.create(t, "ann:", `{"scopes":["users:read"],"description":"d"}`)
		bens := w.create(t, "ben:", `{"scopes":["tokens:read"],"description":"d"}`)
		tmp := w.create(t, "ann:", `{"typ":"tmp","scopes":["jobs:run"],"metadata":{},"expires_at":"`+in(time.Hour)+`"}`)
		for _, c := range []struct {
			who    controltest.As
			target string
			status int
		}{
			{"root:", anns.path(), 200},
			{"ann:", anns.path(), 200},
			{"ann:", ours + "/" + strconv.FormatInt(anns.Number, 10), 200},
			{"ann:", tmp.path(), 200},
			{"ben:", anns.path(), 404},
			{"ben:", ours + "/" + strconv.FormatInt(anns.Number, 10), 404},
			{"", anns.path(), 401},
			{anns.Token, anns.path(), 403}, // without the scope tokens:read
			{"ann:", prm.path(), 404},
			{prm.Token, prm.path(), 404},
			{"ann:", ours + "/999", 404},
			{"ann:", ours + "/99999999999999999999", 404},
			{"ann:", ours + "/x", 404},
			{"ann:", ours + "/%00", 404},
		} {
			w.Want(t, c.who, http.MethodGet, c.target, "", c.status)
		}
		for _, c := range []struct {
			who    controltest.As
			body   string
			status int
		}{
			{"root:", string(prm.Token), 200},
			{"ann:", string(prm.Token), 404},
			{"ann:", string(bens.Token), 404},
			{"ann:", string(anns.Token), 200},
			{"ben:", string(tmp.Token), 200}, // whoever has it
			{prm.Token, string(tmp.Token), 200},
			{"ann:", "undecodable", 404},
			{"ann:", string(anns.Token) + "A", 404},
			{anns.Token, string(anns.Token), 403}, // without the scope
			{"", string(anns.Token), 401},
		} {
			w.Want(t, c.who, http.MethodPost, ours+"/query", `"`+c.body+`"`, c.status)
		}
		for _, body := range []string{`null`, `{}`, `[]`, `"a" "b"`, ` `} {
			w.Want(t, "ann:", http.MethodPost, ours+"/query", body, 400)
		}
	})
}

// TestRevoke has tokens of each type end at once, and does not tell what there is not from what is not the caller's.
func TestRevoke(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		prm := w.create(t, "root:", `{"typ":"prm","scopes":["tokens:read","tokens:write"],"description":"d"}`)
		anns := w.create(t, "ann:", `{"scopes":["tokens:read"],"description":"d"}`)
		tmp := w.create(t, prm.Token, `{"typ":"tmp","scopes":["tokens:read"],"metadata":{},"expires_at":"`+in(time.Hour)+`"}`)
		missing := w.Want(t, "ben:", http.MethodDelete, ours+"/999", "", 404).Body
		theirs := w.Want(t, "ben:", http.MethodDelete, anns.path(), "", 404).Body
		if strings.ReplaceAll(missing, "/999", "") != strings.ReplaceAll(theirs, "/"+anns.ID, "") {
			t.Errorf("%s\n%s", missing, theirs)
		}
		w.Want(t, "", http.MethodDelete, anns.path(), "", 401)
		w.Want(t, anns.Token, http.MethodDelete, anns.path(), "", 403)
		w.Want(t, "ben:", http.MethodDelete, tmp.path(), "", 404)
		for _, one := range []token{anns, tmp, prm} {
			w.Want(t, one.Token, http.MethodGet, ours, "", 200)
			who := controltest.As("root:")
			if one.Typ == "usr" {
				who = "ann:"
			}
			if a := w.Want(t, who, http.MethodDelete, one.path(), "", 204); a.Body != "" {
				t.Error(a.Body)
			}
			w.Want(t, who, http.MethodDelete, one.path(), "", 404)
			w.Want(t, who, http.MethodGet, one.path(), "", 404)
			w.Want(t, who, http.MethodPost, ours+"/query", `"`+string(one.Token)+`"`, 404)
			w.Want(t, one.Token, http.MethodGet, ours, "", 401)
		}
	})
}

// TestAuthorization has nobody with what is no token be taken for anonymous, in whichever header and on each path.
func TestAuthorization(t *testing.T) {
	t.Parallel()
	w := open(t, "sqlite:"+t.TempDir()+"/store.db")
	made := w.create(t, "ann:", `{"scopes":["tokens:read"],"description":"d"}`)
	for _, value := range []string{
		"Bearer", "Bearer ", "Bearer a b", "Bearer not.a.token", "Bearer " + string(made.Token) + "A", "bearer fw_api_x", "Digest x", string(made.Token), "Basic x",
		"Basic YTpi", "Bearer " + strings.Repeat("a", 9000), "Bearer \x01",
	} {
		for _, header := range []string{"Authorization", "Authentication"} {
			for _, target := range []string{ours, made.path()} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
				r.Header[header] = []string{value}
				if a := w.Do(r); a.Status != 401 || a.Header.Get("WWW-Authenticate") == "" || detail(t, a) == "" {
					t.Errorf("%s %s: %d %s", header, value, a.Status, a.Body)
				}
			}
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, ours, nil)
	r.Header.Set("Authentication", "Bearer "+string(made.Token))
	if a := w.Do(r); a.Status != 200 || !strings.Contains(a.Body, made.ID) {
		t.Errorf("%+v", a)
	}
	detail(t, w.Want(t, "root:", http.MethodPut, ours, "", 405))
}

// TestPermissions lists what may be given, for everybody.
func TestPermissions(t *testing.T) {
	t.Parallel()
	w := open(t, "sqlite:"+t.TempDir()+"/store.db")
	type permission struct{ Name, Doc string }
	var all []permission
	w.Want(t, "", http.MethodGet, "/api/v1/permissions", "", 200).JSON(t, &all)
	if len(all) != len(permit.Scopes())+1 || !slices.Contains(all, permission{"tokens:read", "Read tokens"}) || !slices.Contains(all, permission{"jobs:run", "Run jobs"}) {
		t.Error(all)
	}
}
