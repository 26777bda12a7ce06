package apitokens_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
)

const path = "/tokenauth/tokens"

// releng is a token as RelengAPI shows it.
type releng map[string]any

func result(t *testing.T, a controltest.Answer) releng {
	t.Helper()
	var out struct {
		Result    releng `json:"result"`
		RequestID string `json:"request_id"`
	}
	a.JSON(t, &out)
	if out.RequestID != "r1" {
		t.Errorf("the request is named %q", out.RequestID)
	}
	return out.Result
}

func (w *world) issue(t *testing.T, who controltest.As, body string) releng {
	t.Helper()
	return result(t, w.Want(t, who, http.MethodPost, path, body, 200))
}

func (r releng) token() controltest.As { s, _ := r["token"].(string); return controltest.As(s) }

func (r releng) path() string { return fmt.Sprintf("%s/%v", path, r["id"]) }

func in(d time.Duration) string { return time.Now().Add(d).UTC().Format("2006-01-02T15:04:05+00:00") }

// numbers are the ids of a list.
func (w *world) numbers(t *testing.T, who controltest.As, query string) []any {
	t.Helper()
	var out struct {
		Result []releng `json:"result"`
	}
	w.Want(t, who, http.MethodGet, path+query, "", 200).JSON(t, &out)
	ids := []any{}
	for _, one := range out.Result {
		if one["token"] != nil {
			t.Error("a list shows a token")
		}
		ids = append(ids, one["id"])
	}
	return ids
}

func said(t *testing.T, a controltest.Answer) (code float64, name, description string) {
	t.Helper()
	var out struct {
		Error struct {
			Code        float64 `json:"code"`
			Name        string  `json:"name"`
			Description string  `json:"description"`
		} `json:"error"`
		RequestID string `json:"request_id"`
	}
	a.JSON(t, &out)
	if out.RequestID != "r1" || int(out.Error.Code) != a.Status {
		t.Errorf("%+v under %d", out, a.Status)
	}
	return out.Error.Code, out.Error.Name, out.Error.Description
}

// TestRelengIssue holds what is shown of each type when it is made, and that it is shown once.
func TestRelengIssue(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		expires := in(time.Hour)
		prm := w.issue(t, "root:", `{"permissions":["users:read","jobs:run"],"description":"More"}`)
		usr := w.issue(t, "ann:", `{"typ":"usr","permissions":["users:read"],"description":"mine","user":"wrong@example.org","id":77,"token":"x"}`)
		tmp := w.issue(t, "ann:", `{"typ":"tmp","permissions":["jobs:run"],"expires":"`+expires+`","metadata":{"build":7,"b":"é"}}`)
		for _, c := range []struct {
			got, want releng
		}{
			{prm, releng{"typ": "prm", "permissions": []any{"users:read", "jobs:run"}, "description": "More", "disabled": false}},
			{usr, releng{"typ": "usr", "permissions": []any{"users:read"}, "description": "mine", "disabled": false, "user": "ann@example.org"}},
			{tmp, releng{"typ": "tmp", "permissions": []any{"jobs:run"}, "disabled": false, "expires": expires, "metadata": map[string]any{"build": 7., "b": "é"}}},
		} {
			if c.got.token() == "" || c.got["id"] == nil || (c.got["typ"] == "tmp") != (c.got["not_before"] != nil) {
				t.Errorf("%v", c.got)
			}
			shown := result(t, w.Want(t, "root:", http.MethodGet, c.got.path(), "", 200))
			if shown["token"] != nil {
				t.Error("it is shown twice")
			}
			for _, one := range []releng{c.got, shown} {
				rest := releng{}
				for k, v := range one {
					if !slices.Contains([]string{"id", "token", "not_before"}, k) {
						rest[k] = v
					}
				}
				if d := cmp.Diff(c.want, rest); d != "" {
					t.Error(d)
				}
			}
			queried := result(t, w.Want(t, "root:", http.MethodPost, path+"/query", `"`+string(c.got.token())+`"`, 200))
			if d := cmp.Diff(shown, queried); d != "" {
				t.Error(d)
			}
		}
		// A time without a zone is UTC.
		w.issue(t, "ann:", `{"typ":"tmp","permissions":["jobs:run"],"expires":"`+strings.TrimSuffix(expires, "+00:00")+`","metadata":{}}`)
	})
}

// TestRelengIssueIsRefused has one request for each rule.
func TestRelengIssueIsRefused(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		narrow := w.issue(t, "ann:", `{"typ":"usr","permissions":["tokens:write"],"description":"d"}`).token()
		noWrite := w.issue(t, "ann:", `{"typ":"usr","permissions":["users:read"],"description":"d"}`).token()
		program := w.issue(t, "root:", `{"permissions":["tokens:write","jobs:run"],"description":"d"}`).token()
		short := w.issue(t, "ann:", `{"typ":"tmp","permissions":["tokens:write"],"metadata":{},"expires":"`+in(time.Hour)+`"}`).token()
		tmp := func(more string) string { return `{"typ":"tmp","permissions":["jobs:run"]` + more + `}` }
		for name, c := range map[string]struct {
			who    controltest.As
			body   string
			status int
			says   string
		}{
			"nobody":                     {"", `{"permissions":["jobs:run"],"description":"d"}`, 403, ""},
			"permanent by a user":        {"ann:", `{"permissions":["jobs:run"],"description":"d"}`, 403, "do not have permission"},
			"permanent by a user, first": {"ann:", `{}`, 403, "do not have permission"},
			"without scope":              {noWrite, `{"typ":"usr","permissions":["users:read"],"description":"d"}`, 403, "Insufficient scope"},
			"user's by a program":        {program, `{"typ":"usr","permissions":["jobs:run"],"description":"d"}`, 403, "do not have permission"},
			"permanent by a program":     {program, `{"typ":"prm","permissions":["jobs:run"],"description":"d"}`, 403, "do not have permission"},
			"type":                       {"root:", `{"typ":"BOGUS"}`, 400, "prm, usr or tmp"},
			"no permissions":             {"root:", `{"description":"d"}`, 400, "missing permissions"},
			"no description":             {"root:", `{"permissions":["jobs:run"]}`, 400, "missing description"},
			"user's without description": {"ann:", `{"typ":"usr","permissions":["jobs:run"]}`, 400, "missing description"},
			"temporary without end":      {"ann:", tmp(`,"metadata":{}`), 400, "missing expires"},
			"temporary without metadata": {"ann:", tmp(`,"expires":"` + in(time.Hour) + `"`), 400, "missing metadata"},
			"metadata null":              {"ann:", tmp(`,"metadata":null,"expires":"` + in(time.Hour) + `"`), 400, "missing metadata"},
			"temporary with beginning":   {"ann:", tmp(`,"metadata":{},"not_before":"` + in(0) + `","expires":"` + in(time.Hour) + `"`), 400, "begins at once"},
			"past":                       {"ann:", tmp(`,"metadata":{},"expires":"` + in(-time.Hour) + `"`), 400, "expired already"},
			"too far":                    {"ann:", tmp(`,"metadata":{},"expires":"` + in(25*time.Hour) + `"`), 400, "24h0m0s at most"},
			"no time":                    {"ann:", tmp(`,"metadata":{},"expires":"tomorrow"`), 400, "expires"},
			"disabled":                   {"ann:", `{"typ":"usr","permissions":["jobs:run"],"description":"d","disabled":true}`, 400, "disabled"},
			"no such permission":         {"root:", `{"permissions":["bogus.permission"],"description":"d"}`, 400, "bad permissions"},
			"permission of another role": {"ann:", `{"typ":"usr","permissions":["mail:write"],"description":"d"}`, 400, "bad permissions"},
			"not the token's own":        {narrow, `{"typ":"usr","permissions":["tokens:write","users:read"],"description":"d"}`, 400, "bad permissions"},
			"all of a narrow one":        {narrow, `{"typ":"usr","permissions":["all"],"description":"d"}`, 400, "bad permissions"},
			"all and another":            {"ann:", `{"typ":"usr","permissions":["all","users:read"],"description":"d"}`, 400, "cannot be combined"},
			"none":                       {"ann:", `{"typ":"usr","permissions":[],"description":"d"}`, 400, "at least one"},
			"outliving its maker":        {short, `{"typ":"usr","permissions":["tokens:write"],"description":"d"}`, 400, "outlive"},
			"blank description":          {"ann:", `{"typ":"usr","permissions":["jobs:run"],"description":" "}`, 400, "description"},
			"NUL":                        {"ann:", `{"typ":"usr","permissions":["jobs:run"],"description":"a\u0000"}`, 400, "not text"},
			"NUL in metadata":            {"ann:", tmp(`,"metadata":{"a":["\u0000"]},"expires":"` + in(time.Hour) + `"`), 400, "NUL"},
			"NUL in a name":              {"ann:", tmp(`,"metadata":{"\u0000":1},"expires":"` + in(time.Hour) + `"`), 400, "NUL"},
			"huge number":                {"ann:", tmp(`,"metadata":{"a":1e400000},"expires":"` + in(time.Hour) + `"`), 400, "number"},
			"tiny number":                {"ann:", tmp(`,"metadata":{"a":1e-400000},"expires":"` + in(time.Hour) + `"`), 400, "number"},
			"deep":                       {"ann:", tmp(`,"metadata":{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `},"expires":"` + in(time.Hour) + `"`), 400, "deep"},
			"metadata are a list":        {"ann:", tmp(`,"metadata":[],"expires":"` + in(time.Hour) + `"`), 400, "object"},
			"long metadata":              {"ann:", tmp(`,"metadata":{"a":"` + strings.Repeat("x", 5000) + `"},"expires":"` + in(time.Hour) + `"`), 400, "longer"},
			"long":                       {"ann:", `{"typ":"usr","permissions":["jobs:run"],"description":"` + strings.Repeat("x", 70_000) + `"}`, 413, "longer"},
			"unknown member":             {"ann:", `{"typ":"usr","invalid":1}`, 400, `Unknown argument: "invalid"`},
			"wrong kind":                 {"ann:", `{"typ":"usr","permissions":"users:read","description":"d"}`, 400, "permissions"},
			"no JSON":                    {"ann:", `{`, 400, "not JSON"},
			"no body":                    {"ann:", ``, 400, "missing"},
			"year":                       {"ann:", `{"typ":"usr","permissions":["jobs:run"],"description":"d","not_before":"0000-01-01T00:00:00Z"}`, 400, "years"},
		} {
			a := w.Want(t, c.who, http.MethodPost, path, c.body, c.status)
			code, text, description := said(t, a)
			if int(code) != c.status || text != http.StatusText(c.status) || !strings.Contains(description, c.says) {
				t.Errorf("%s: %q %q", name, text, description)
			}
		}
		w.Want(t, "ann:", http.MethodPost, path+"?x=1", `{}`, 400)
	})
}

// TestRelengLists has everybody see what is his: the list is empty for who may see none, and 404 hides single ones.
func TestRelengLists(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		prm := w.issue(t, "root:", `{"permissions":["tokens:read"],"description":"d"}`)
		anns := w.issue(t, "ann:", `{"typ":"usr","permissions":["users:read"],"description":"d"}`)
		bens := w.issue(t, "ben:", `{"typ":"usr","permissions":["tokens:read"],"description":"d"}`)
		tmp := w.issue(t, "ann:", `{"typ":"tmp","permissions":["jobs:run"],"metadata":{},"expires":"`+in(time.Hour)+`"}`)
		for _, c := range []struct {
			who   controltest.As
			query string
			want  []any
		}{
			{"", "", []any{}},
			{"root:", "", []any{prm["id"], anns["id"], bens["id"]}},
			{"root:", "?typ=prm", []any{prm["id"]}},
			{"root:", "?typ=usr", []any{anns["id"], bens["id"]}},
			{"root:", "?typ=tmp", []any{tmp["id"]}},
			{"root:", "?typ=bogus", []any{}},
			{"ann:", "", []any{anns["id"]}},
			{"ann:", "?typ=prm", []any{}},
			{"ann:", "?typ=tmp", []any{tmp["id"]}},
			{bens.token(), "", []any{bens["id"]}},
			{anns.token(), "", []any{}}, // without the scope tokens:read
			{prm.token(), "", []any{}},
		} {
			if d := cmp.Diff(c.want, w.numbers(t, c.who, c.query)); d != "" {
				t.Errorf("%s %s: %s", c.who, c.query, d)
			}
		}
		_, _, description := said(t, w.Want(t, "root:", http.MethodGet, path+"?invalid=1", "", 400))
		if description != `Unknown argument: "invalid"` {
			t.Error(description)
		}
		for _, c := range []struct {
			who    controltest.As
			target string
			status int
		}{
			{"root:", anns.path(), 200},
			{"ann:", anns.path(), 200},
			{"ann:", tmp.path(), 200},
			{"ben:", anns.path(), 404},
			{"", anns.path(), 404},
			{anns.token(), anns.path(), 404},
			{"ann:", prm.path(), 404},
			{prm.token(), prm.path(), 404},
			{"ann:", path + "/999", 404},
			{"ann:", path + "/99999999999999999999", 404},
			{"ann:", path + "/x", 404},
			{"ann:", path + "/%00", 404},
		} {
			w.Want(t, c.who, http.MethodGet, c.target, "", c.status)
		}
		for _, c := range []struct {
			who    controltest.As
			body   string
			status int
		}{
			{"root:", string(prm.token()), 200},
			{"ann:", string(prm.token()), 403},
			{"ann:", string(bens.token()), 403},
			{"ann:", string(anns.token()), 200},
			{"ben:", string(tmp.token()), 200}, // whoever has it
			{prm.token(), string(tmp.token()), 200},
			{"ann:", "undecodable", 404},
			{"ann:", string(anns.token()) + "A", 404},
			{anns.token(), string(anns.token()), 403}, // without the scope
			{"", string(anns.token()), 403},
		} {
			w.Want(t, c.who, http.MethodPost, path+"/query", `"`+c.body+`"`, c.status)
		}
		for _, body := range []string{`null`, `{}`, `[]`, `"a" "b"`, ` `} {
			w.Want(t, "ann:", http.MethodPost, path+"/query", body, 400)
		}
	})
}

// TestRelengRevoke has a token end at once, and does not tell what there is from what is not the caller's.
func TestRelengRevoke(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		prm := w.issue(t, "root:", `{"permissions":["tokens:write","jobs:run"],"description":"d"}`)
		anns := w.issue(t, "ann:", `{"typ":"usr","permissions":["tokens:read"],"description":"d"}`)
		tmp := w.issue(t, prm.token(), `{"typ":"tmp","permissions":["jobs:run"],"metadata":{},"expires":"`+in(time.Hour)+`"}`)
		w.numbers(t, tmp.token(), "")
		missing := w.Want(t, "ben:", http.MethodDelete, path+"/999", "", 403).Body
		theirs := w.Want(t, "ben:", http.MethodDelete, anns.path(), "", 403).Body
		if strings.ReplaceAll(missing, "/999", "") != strings.ReplaceAll(theirs, fmt.Sprintf("/%v", anns["id"]), "") {
			t.Errorf("%s\n%s", missing, theirs)
		}
		w.Want(t, "", http.MethodDelete, anns.path(), "", 403)
		w.Want(t, anns.token(), http.MethodDelete, anns.path(), "", 403)
		w.Want(t, "ben:", http.MethodDelete, tmp.path(), "", 403)
		for _, one := range []releng{anns, tmp, prm} {
			w.numbers(t, one.token(), "")
			who := controltest.As("root:")
			if one["typ"] == "usr" {
				who = "ann:"
			}
			if a := w.Want(t, who, http.MethodDelete, one.path(), "", 204); a.Body != "" {
				t.Error(a.Body)
			}
			w.Want(t, who, http.MethodDelete, one.path(), "", 403)
			w.Want(t, who, http.MethodGet, one.path(), "", 404)
			w.Want(t, who, http.MethodPost, path+"/query", `"`+string(one.token())+`"`, 404)
			w.Want(t, one.token(), http.MethodGet, path, "", 400)
		}
	})
}

// TestRelengAuthorization has whatever is no token be a 400, in whichever header and on each path.
func TestRelengAuthorization(t *testing.T) {
	t.Parallel()
	w := open(t, "sqlite:"+t.TempDir()+"/store.db")
	token := w.issue(t, "ann:", `{"typ":"usr","permissions":["tokens:read"],"description":"d"}`).token()
	for _, value := range []string{
		"Bearer", "Bearer ", "Bearer a b", "Bearer not.a.token", "Bearer " + string(token) + "A", "bearer fw_api_x", "Digest x", string(token), "Basic x",
		"Basic YTpi", "Bearer " + strings.Repeat("a", 9000), "Bearer \x01",
	} {
		for _, header := range []string{"Authorization", "Authentication"} {
			for _, target := range []string{path, path + "/1", "/auth/permissions"} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
				r.Header[header] = []string{value}
				a := w.Do(r)
				_, _, description := said(t, a)
				if a.Status != 400 || description != "Invalid Authorization header" || a.Header.Get("WWW-Authenticate") != "" {
					t.Errorf("%s %s: %d %s", header, value, a.Status, a.Body)
				}
			}
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authentication", "Bearer "+string(token))
	if a := w.Do(r); a.Status != 200 || !strings.Contains(a.Body, "ann@example.org") {
		t.Errorf("%+v", a)
	}
	_, name, _ := said(t, w.Want(t, "root:", http.MethodPut, path, "", 405))
	if name != "Method Not Allowed" {
		t.Error(name)
	}
}

// TestPermissions lists what may be given, for both dialects.
func TestPermissions(t *testing.T) {
	t.Parallel()
	w := open(t, "sqlite:"+t.TempDir()+"/store.db")
	type permission struct{ Name, Doc string }
	var ours []permission
	w.Want(t, "", http.MethodGet, "/api/v1/permissions", "", 200).JSON(t, &ours)
	var theirs struct{ Result []permission }
	w.Want(t, "ann:", http.MethodGet, "/auth/permissions", "", 200).JSON(t, &theirs)
	w.Want(t, "", http.MethodGet, "/auth/permissions", "", 403)
	if d := cmp.Diff(ours, theirs.Result); d != "" || len(ours) != len(permit.Scopes())+1 {
		t.Errorf("%d: %s", len(ours), d)
	}
	if !slices.Contains(ours, permission{"tokens:read", "Read tokens"}) || !slices.Contains(ours, permission{"jobs:run", "Run jobs"}) {
		t.Error(ours)
	}
}
