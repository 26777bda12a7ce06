package apitokens_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/apitokens"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries/db"
)

const ours = "/api/v1/tokens"

// token is one as our paths show it.
type token struct {
	ID          string          `json:"id"`
	Number      int64           `json:"number"`
	Typ         string          `json:"typ"`
	Scopes      []string        `json:"scopes"`
	Description string          `json:"description"`
	Metadata    json.RawMessage `json:"metadata"`
	Disabled    bool            `json:"disabled"`
	User        *string         `json:"user_id"`
	NotBefore   *string         `json:"not_before"`
	Expires     *string         `json:"expires_at"`
	Created     *string         `json:"created_at"`
	LastUsed    *string         `json:"last_used_at"`
	Token       controltest.As  `json:"token"`
}

func (w *world) create(t *testing.T, who controltest.As, body string) token {
	t.Helper()
	a := w.Want(t, who, http.MethodPost, ours, body, 201)
	var out token
	a.JSON(t, &out)
	if a.Header.Get("Location") != ours+"/"+out.ID || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.Header)
	}
	return out
}

// TestLife makes a token, shows, queries, changes and revokes it.
func TestLife(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		ann, err := w.Store.FindUser(t.Context(), "ann@example.org")
		if err != nil {
			t.Fatal(err)
		}
		expires := in(time.Hour)
		made := w.create(t, "ann:", `{"scopes":["tokens:read","tokens:write","tokens:read"],"description":"deploys","expires_at":"`+expires+`","metadata":{"a":1.50}}`)
		id := ann.ID.String()
		want := token{
			ID: made.ID, Number: made.Number, Typ: "usr", Scopes: []string{"tokens:read", "tokens:write"}, Description: "deploys", Metadata: made.Metadata,
			User: &id, Expires: &expires, Created: made.Created, Token: made.Token,
		}
		if d := cmp.Diff(want, made); d != "" || made.Token == "" || made.Created == nil || !strings.Contains(string(made.Metadata), "1.5") {
			t.Error(d, string(made.Metadata))
		}
		get := func(who controltest.As, status int) token {
			t.Helper()
			var out token
			w.Want(t, who, http.MethodGet, ours+"/"+made.ID, "", status).JSON(t, &out)
			return out
		}
		if get("ann:", 200).LastUsed != nil {
			t.Error("it was used")
		}
		get(made.Token, 200)
		if one := get("ann:", 200); one.LastUsed == nil || one.Token != "" {
			t.Errorf("%+v", one)
		}
		get("root:", 200)
		get("ben:", 404)
		get("", 401)
		var queried token
		w.Want(t, "ann:", http.MethodPost, ours+"/query", `"`+string(made.Token)+`"`, 200).JSON(t, &queried)
		if queried.ID != made.ID {
			t.Errorf("%+v", queried)
		}
		w.Want(t, "ben:", http.MethodPost, ours+"/query", `"`+string(made.Token)+`"`, 404)
		w.Want(t, "", http.MethodPost, ours+"/query", `"x"`, 401)

		for _, body := range []string{`{}`, `{"disabled":1}`, `{"scopes":["all"]}`, `{"description":""}`, `[]`, ``} {
			w.Want(t, "ann:", http.MethodPatch, ours+"/"+made.ID, body, 400)
		}
		w.Want(t, "ben:", http.MethodPatch, ours+"/"+made.ID, `{"disabled":true}`, 404)
		var changed token
		w.Want(t, "ann:", http.MethodPatch, ours+"/"+made.ID, `{"disabled":true,"description":"none"}`, 200).JSON(t, &changed)
		if !changed.Disabled || changed.Description != "none" {
			t.Errorf("%+v", changed)
		}
		get(made.Token, 401)
		w.Want(t, "ann:", http.MethodPatch, ours+"/"+made.ID, `{"disabled":false}`, 200)
		get(made.Token, 200)

		w.Want(t, "ben:", http.MethodDelete, ours+"/"+made.ID, "", 404)
		w.Want(t, "ann:", http.MethodDelete, ours+"/"+made.ID, "", 204)
		w.Want(t, "ann:", http.MethodDelete, ours+"/"+made.ID, "", 404)
		w.Want(t, "ann:", http.MethodPatch, ours+"/"+made.ID, `{"disabled":false}`, 404)
		get(made.Token, 401)
		rows, err := w.Store.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: "token:" + made.ID, AtMost: 10})
		if err != nil || len(rows) != 4 {
			t.Fatal(len(rows), err)
		}
		for _, r := range rows {
			if r.Actor != "user:"+id || r.RequestID != "r1" || r.ActorUser == nil || *r.ActorUser != ann.ID {
				t.Errorf("%+v", r)
			}
		}
	})
}

// TestLists has everybody see his own, and who may see all all.
func TestLists(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		anns := w.create(t, "ann:", `{"scopes":["tokens:read"],"description":"d"}`)
		bens := w.create(t, "ben:", `{"scopes":["users:read"],"description":"d"}`)
		prm := w.create(t, "root:", `{"typ":"prm","scopes":["users:read"],"description":"d"}`)
		tmp := w.create(t, "ann:", `{"typ":"tmp","scopes":["jobs:run"],"metadata":{},"expires_at":"`+in(time.Minute)+`"}`)
		reader := w.create(t, "root:", `{"typ":"prm","scopes":["tokens:read"],"description":"d"}`)
		for _, c := range []struct {
			who   controltest.As
			query string
			want  []string
		}{
			{"root:", "", []string{anns.ID, bens.ID, prm.ID, tmp.ID, reader.ID}},
			{"root:", "?typ=prm", []string{prm.ID, reader.ID}},
			{"root:", "?typ=usr", []string{anns.ID, bens.ID}},
			{"root:", "?typ=tmp", []string{tmp.ID}},
			{"ann:", "", []string{anns.ID, tmp.ID}},
			{"ann:", "?typ=usr", []string{anns.ID}},
			{anns.Token, "", []string{anns.ID, tmp.ID}},
			{"ann:", "?typ=tmp", []string{tmp.ID}},
			{"ben:", "?typ=prm", []string{}},
			{reader.Token, "", []string{}}, // a program has none
		} {
			var list []token
			w.Want(t, c.who, http.MethodGet, ours+c.query, "", 200).JSON(t, &list)
			got := []string{}
			for _, one := range list {
				if one.Token != "" {
					t.Error("a list shows a token")
				}
				got = append(got, one.ID)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s %s: %s", c.who, c.query, d)
			}
		}
		w.Want(t, "ann:", http.MethodGet, ours+"?typ=bogus", "", 400)
		w.Want(t, "", http.MethodGet, ours, "", 401)
		w.Want(t, bens.Token, http.MethodGet, ours, "", 403)
		w.Want(t, prm.Token, http.MethodGet, ours, "", 403)
		w.Want(t, "ann:", http.MethodPost, ours, `{"typ":"prm","scopes":["users:read"],"description":"d"}`, 403)
		w.Want(t, "ann:", http.MethodPost, ours, `{"scopes":["users:read"],"description":"d","permissions":[]}`, 400)
		// Its number names it, too.
		w.Want(t, "ann:", http.MethodGet, ours+"/"+strings.TrimPrefix(numberOf(anns), "/"), "", 200)
	})
}

func numberOf(t token) string { b, _ := json.Marshal(t.Number); return "/" + string(b) }

// TestTokensOfDemotedUsers: what a token may is what its user still may, at once, and what was lost comes back.
func TestTokensOfDemotedUsers(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		chief := w.User(t, "chief", permit.Admin)
		both := w.create(t, "chief:", `{"scopes":["audit:read","tokens:read"],"description":"d"}`)
		admins := w.create(t, "chief:", `{"scopes":["audit:read"],"description":"d"}`)
		all := w.create(t, "chief:", `{"scopes":["all"],"description":"d"}`)
		anns := w.create(t, "ann:", `{"scopes":["users:read"],"description":"d"}`)
		scopes := func(one token) string {
			access, err := w.Authority.Check(t.Context(), string(one.Token))
			if err != nil {
				return err.Error()
			}
			return strings.Join(access.Scopes, " ")
		}
		check := func(a, b, c string) {
			t.Helper()
			if d := cmp.Diff([]string{a, b, c}, []string{scopes(both), scopes(admins), scopes(all)}); d != "" {
				t.Error(d)
			}
		}
		check("audit:read tokens:read", "audit:read", "all")
		w.Want(t, all.Token, http.MethodGet, ours+"/"+anns.ID, "", 200)
		w.Role(t, chief.ID, permit.User)
		check("tokens:read", "Token has been revoked", "all")
		w.Want(t, all.Token, http.MethodGet, ours+"/"+anns.ID, "", 404)
		w.Role(t, chief.ID, permit.Admin)
		check("audit:read tokens:read", "audit:read", "all")
		if _, err := w.Store.DeleteUser(t.Context(), controltest.By(), chief.ID); err != nil {
			t.Fatal(err)
		}
		controltest.Eventually(t, "the token of who is gone is refused", func() bool { return scopes(all) == "Invalid token" })
		check("Invalid token", "Invalid token", "Invalid token")
	})
}

// TestCommands is what the commands do: no caller is asked, the rules hold.
func TestCommands(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		ann, err := w.Store.FindUser(t.Context(), "ann@example.org")
		if err != nil {
			t.Fatal(err)
		}
		made, err := w.tokens.Create(t.Context(), controltest.By(), apitokens.Request{Type: apitokens.User, Scopes: []string{"mail:write", "users:read"}, Description: "d", User: &ann.ID})
		if err != nil {
			t.Fatal(err)
		}
		// Her role has no use for one of them.
		if access, err := w.Authority.Check(t.Context(), made.Token); err != nil || !access.Has("users:read") || access.Has("mail:write") {
			t.Errorf("%+v, %v", access, err)
		}
		nobody := uuid.New()
		for name, r := range map[string]apitokens.Request{
			"nobody's":      {Type: apitokens.User, Scopes: []string{"all"}, Description: "d"},
			"of whom not":   {Type: apitokens.User, Scopes: []string{"all"}, Description: "d", User: &nobody},
			"of somebody":   {Type: apitokens.Permanent, Scopes: []string{"all"}, Description: "d", User: &ann.ID},
			"scope":         {Type: apitokens.Permanent, Scopes: []string{"nothing"}, Description: "d"},
			"no type":       {Scopes: []string{"all"}, Description: "d"},
			"no scope":      {Type: apitokens.Permanent, Description: "d"},
			"long":          {Type: apitokens.Permanent, Scopes: []string{"all"}, Description: strings.Repeat("x", 1001)},
			"no metadata":   {Type: apitokens.Temporary, Scopes: []string{"all"}},
			"wrong metdata": {Type: apitokens.Permanent, Scopes: []string{"all"}, Description: "d", Metadata: []byte("7")},
		} {
			if _, err := w.tokens.Create(t.Context(), controltest.By(), r); err == nil {
				t.Errorf("%s: it is made", name)
			}
		}
		if _, err := w.Store.DeleteUser(t.Context(), controltest.By(), ann.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.tokens.Create(t.Context(), controltest.By(), apitokens.Request{Type: apitokens.User, Scopes: []string{"all"}, Description: "d", User: &ann.ID}); err == nil {
			t.Error("a user who was deleted gets a token")
		}
	})
}

// FuzzBodies has no body of a request fail otherwise than by a status of the caller's.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{
		`{"typ":"tmp","scopes":["jobs:run"],"expires_at":"2099-01-01T00:00:00","metadata":{"a":[1e5,-0.0,"\u00e9\ud800",null,true]}}`,
		`{"typ":"usr","scopes":["users:read"],"permissions":["users:read"],"description":"d"}`, `"fw_api_x"`, `{`, `null`, `{"a":1}`, "\xff", `{"metadata":{"a":1e-999}}`,
	} {
		f.Add(s)
	}
	w := open(f, "sqlite:"+f.TempDir()+"/store.db")
	f.Fuzz(func(t *testing.T, body string) {
		for _, target := range []string{ours, ours + "/query"} {
			if a := w.Ask(t, "root:", http.MethodPost, target, body); a.Status >= 500 {
				t.Fatalf("%s %q: %d %s", target, body, a.Status, a.Body)
			}
		}
	})
}
