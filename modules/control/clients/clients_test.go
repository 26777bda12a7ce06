package clients_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/apitokens"
	"github.com/fairway-gateway/fairway/modules/control/clients"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/scopes"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// world is a gateway with root, who is an administrator, and the users ann and ben.
type world struct {
	*controltest.Gateway
	clients *clients.Clients
	tokens  *apitokens.Tokens
	ann     db.User
}

func open(t testing.TB, dsn string) *world {
	t.Helper()
	w := &world{}
	w.Gateway = controltest.Open(t, dsn, func(g *controltest.Gateway) {
		book := scopes.New(permit.New())
		w.clients = clients.New(g.Store, book, clients.Options{Forget: g.Authority.Forget})
		w.clients.Register(g.API)
		w.tokens = apitokens.New(g.Store, book, apitokens.Options{Forget: g.Authority.Forget})
	})
	w.User(t, "root", permit.Admin)
	w.ann = w.User(t, "ann", permit.User)
	w.User(t, "ben", permit.User)
	return w
}

func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		test(t, open(t, dsn))
	})
}

const (
	trends  = "/api/v1/oauth/clients"
	houston = "/api/v1/auth/oauth2_clients"
)

// service is a client as Trends.Earth shows it.
type service struct {
	ID           string  `json:"id"`
	Name         string  `json:"name"`
	ClientID     string  `json:"client_id"`
	SecretPrefix string  `json:"secret_prefix"`
	Scopes       string  `json:"scopes"`
	User         string  `json:"user_id"`
	Created      string  `json:"created_at"`
	LastUsed     *string `json:"last_used_at"`
	Expires      *string `json:"expires_at"`
	Revoked      bool    `json:"revoked"`
	Secret       string  `json:"client_secret"`
}

func (w *world) create(t *testing.T, who controltest.As, body string) service {
	t.Helper()
	var out struct{ Data service }
	w.Want(t, who, http.MethodPost, trends, body, 201).JSON(t, &out)
	return out.Data
}

func (w *world) list(t *testing.T, who controltest.As) []service {
	t.Helper()
	var out struct{ Data []service }
	w.Want(t, who, http.MethodGet, trends, "", 200).JSON(t, &out)
	return out.Data
}

// token asks for one as a service client does, "" where it is refused.
func (w *world) token(t *testing.T, c service) controltest.As {
	t.Helper()
	a := w.Ask(t, "", http.MethodPost, "/api/v1/oauth/token", fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q}`, c.ClientID, c.Secret))
	var out struct {
		Token  string `json:"access_token"`
		Type   string `json:"token_type"`
		Lasts  int    `json:"expires_in"`
		Reason string `json:"error"`
	}
	a.JSON(t, &out)
	if a.Status != 200 {
		if a.Status != 401 || out.Reason != "invalid_client" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		return ""
	}
	if out.Type != "bearer" || out.Lasts != 1800 {
		t.Error(a.Body)
	}
	return controltest.As(out.Token)
}

// TestServiceClients is the life of one: made, listed, used, revoked.
func TestServiceClients(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		first := w.create(t, "ann:", `{"name":"nightly","scopes":"user:read auth:read","expires_in_days":7}`)
		if !regexp.MustCompile(`^te_cid_[0-9a-f]{32}$`).MatchString(first.ClientID) || !regexp.MustCompile(`^te_cs_[0-9a-f]{64}$`).MatchString(first.Secret) ||
			first.SecretPrefix != first.Secret[6:14] || first.Name != "nightly" || first.Scopes != "user:read auth:read" || first.User != w.ann.ID.String() ||
			first.LastUsed != nil || first.Expires == nil || first.Revoked {
			t.Errorf("%+v", first)
		}
		if at, err := time.Parse("2006-01-02T15:04:05.000000", *first.Expires); err != nil || time.Until(at).Round(time.Hour) != 7*24*time.Hour {
			t.Error(*first.Expires, err)
		}
		second := w.create(t, "ann:", `{"name":"other","scopes":["users:read"],"expires_in_days":"3","unknown":1}`)
		whole := w.create(t, "ann:", `{"name":"whole"}`)
		if whole.Scopes != "all" || whole.Expires != nil {
			t.Errorf("%+v", whole)
		}
		var ids []string
		for _, one := range w.list(t, "ann:") {
			if one.Secret != "" {
				t.Error("a secret is shown twice")
			}
			ids = append(ids, one.ID)
		}
		if d := cmp.Diff([]string{whole.ID, second.ID, first.ID}, ids); d != "" {
			t.Error(d)
		}
		if n := len(w.list(t, "ben:")); n != 0 {
			t.Errorf("ben has %d", n)
		}
		access := w.token(t, first)
		if len(w.list(t, access)) != 3 {
			t.Error("it does not act as its owner")
		}
		if a := w.Want(t, access, http.MethodPost, trends, `{"name":"x"}`, 403); !strings.Contains(a.Body, "Insufficient scope. Required: auth:write") {
			t.Error(a.Body)
		}
		if w.list(t, "ann:")[2].LastUsed == nil {
			t.Error("it was not used")
		}
		w.Want(t, "ben:", http.MethodDelete, trends+"/"+first.ID, "", 404)
		w.Want(t, "", http.MethodDelete, trends+"/"+first.ID, "", 401)
		w.Want(t, access, http.MethodDelete, trends+"/"+first.ID, "", 403)
		var ended struct{ Data service }
		w.Want(t, "ann:", http.MethodDelete, trends+"/"+first.ID, "", 200).JSON(t, &ended)
		if !ended.Data.Revoked || ended.Data.ClientID != first.ClientID {
			t.Errorf("%+v", ended)
		}
		w.Want(t, "ann:", http.MethodDelete, trends+"/"+first.ID, "", 404)
		if a := w.Want(t, access, http.MethodGet, trends, "", 401); !strings.Contains(a.Body, "Token has been revoked") {
			t.Error(a.Body)
		}
		if w.token(t, first) != "" {
			t.Error("a client that was revoked gets a token")
		}
		// It is for client_credentials alone: nobody logs in by it.
		a := w.Want(t, "", http.MethodPost, "/auth/oauth2/token", "grant_type=password&username=ann@example.org&password=ann&client_id="+whole.ClientID+"&client_secret="+whole.Secret, 401)
		if !strings.Contains(a.Body, "unauthorized_client") {
			t.Error(a.Body)
		}
		// By its client_id, and by an administrator.
		w.Want(t, "root:", http.MethodDelete, trends+"/"+second.ClientID, "", 200)
		if left := w.list(t, "ann:"); len(left) != 1 || left[0].ID != whole.ID {
			t.Errorf("%+v", left)
		}
		rows, err := w.Store.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: "client:" + second.ID, AtMost: 10})
		if err != nil || len(rows) != 2 || rows[1].RequestID != "r1" || rows[1].Actor != "user:"+w.ann.ID.String() || strings.Contains(string(rows[1].Diff), second.Secret) {
			t.Errorf("%+v, %v", rows, err)
		}
	})
}

// TestServiceClientsAreRefused has a request for each rule.
func TestServiceClientsAreRefused(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		narrow := w.token(t, w.create(t, "ann:", `{"name":"n","scopes":"auth:write"}`))
		for name, c := range map[string]struct {
			who    controltest.As
			body   string
			status int
			says   string
		}{
			"nobody":         {"", `{"name":"x"}`, 401, "Authorization token required"},
			"no name":        {"ann:", `{"scopes":"user:read"}`, 400, "Missing required field: name"},
			"empty name":     {"ann:", `{"name":""}`, 400, "Missing required field: name"},
			"long name":      {"ann:", `{"name":"` + strings.Repeat("é", 121) + `"}`, 400, "120"},
			"NUL":            {"ann:", `{"name":"a\u0000"}`, 400, "not text"},
			"days":           {"ann:", `{"name":"x","expires_in_days":0}`, 400, "expires_in_days must be a positive integer"},
			"days negative":  {"ann:", `{"name":"x","expires_in_days":-1}`, 400, "positive integer"},
			"days not whole": {"ann:", `{"name":"x","expires_in_days":1.5}`, 400, "positive integer"},
			"days too many":  {"ann:", `{"name":"x","expires_in_days":99999999}`, 400, "positive integer"},
			"days no number": {"ann:", `{"name":"x","expires_in_days":{}}`, 400, "positive integer"},
			"unknown scope":  {"ann:", `{"name":"x","scopes":"user:read nonsense"}`, 400, `nonsense`},
			"all and more":   {"ann:", `{"name":"x","scopes":"all user:read"}`, 400, "cannot be combined"},
			"not his own":    {narrow, `{"name":"x","scopes":"user:read"}`, 403, "Insufficient scope. Required: user:read"},
			"all":            {narrow, `{"name":"x","scopes":"all"}`, 403, "Insufficient scope. Required: all"},
			"another role's": {"ann:", `{"name":"x","scopes":"mail:write"}`, 403, "Insufficient scope. Required: mail:write"},
			"scopes no text": {"ann:", `{"name":"x","scopes":7}`, 400, "scopes"},
			"no JSON":        {"ann:", `{`, 400, "not JSON"},
			"no body":        {"ann:", ``, 400, "missing"},
			"long":           {"ann:", `{"name":"` + strings.Repeat("x", 70_000) + `"}`, 413, "longer"},
		} {
			a := w.Want(t, c.who, http.MethodPost, trends, c.body, c.status)
			var said struct {
				Detail string
				Status int
			}
			a.JSON(t, &said)
			if !strings.Contains(said.Detail, c.says) || said.Status != c.status {
				t.Errorf("%s: %s", name, a.Body)
			}
		}
		// Without scopes a client has those of who makes it.
		if made := w.create(t, narrow, `{"name":"x"}`); made.Scopes != "auth:write" {
			t.Errorf("%+v", made)
		}
		for _, id := range []string{uuid.NewString(), "nobody", "%00", strings.Repeat("a", 300), "{" + w.ann.ID.String() + "}"} {
			w.Want(t, "root:", http.MethodDelete, trends+"/"+url.PathEscape(id), "", 404)
		}
	})
}

// TestTenClients has a user have ten that live, whoever made them how.
func TestTenClients(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		var last service
		for i := range 10 {
			last = w.create(t, "ann:", fmt.Sprintf(`{"name":"c%d","scopes":"user:read"}`, i))
		}
		if a := w.Want(t, "ann:", http.MethodPost, trends, `{"name":"one more"}`, 400); !strings.Contains(a.Body, "Maximum of 10 active service clients reached. Revoke an existing client first.") {
			t.Error(a.Body)
		}
		w.Want(t, "ann:", http.MethodPost, houston, "default_scopes=users:read", 409)
		w.create(t, "ben:", `{"name":"his"}`)
		w.Want(t, "ann:", http.MethodDelete, trends+"/"+last.ID, "", 200)
		w.create(t, "ann:", `{"name":"another"}`)
		// Commands have no such limit.
		if _, err := w.clients.Create(t.Context(), controltest.By(), clients.Request{Name: "x", Scopes: []string{"all"}, Owner: &w.ann.ID}); err != nil {
			t.Error(err)
		}
	})
}

// TestLosingItsOwner has the tokens of a client be worth what its owner is.
func TestLosingItsOwner(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		root, err := w.Store.FindUser(t.Context(), "root@example.org")
		if err != nil {
			t.Fatal(err)
		}
		access := w.token(t, w.create(t, "root:", `{"name":"x","scopes":"mail:write auth:read"}`))
		has := func() string {
			a, err := w.Authority.Check(t.Context(), string(access))
			if err != nil {
				return err.Error()
			}
			return strings.Join(a.Scopes, " ")
		}
		if got := has(); got != "mail:write auth:read" {
			t.Error(got)
		}
		w.Role(t, root.ID, permit.User)
		if got := has(); got != "auth:read" {
			t.Error(got)
		}
	})
}

// TestEndingWithItsMaker has a client that a token makes which ends end with it.
func TestEndingWithItsMaker(t *testing.T) {
	t.Parallel()
	w := open(t, "sqlite:"+t.TempDir()+"/store.db")
	ends := time.Now().Add(time.Hour)
	made, err := w.tokens.Create(t.Context(), controltest.By(), apitokens.Request{
		Type: apitokens.Temporary, Scopes: []string{"auth:write"}, Metadata: []byte("{}"), Expires: &ends, User: &w.ann.ID,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"name":"x"}`, `{"name":"x","expires_in_days":3}`} {
		if c := w.create(t, controltest.As(made.Token), body); c.Expires == nil || !strings.HasPrefix(*c.Expires, ends.UTC().Format("2006-01-02T15:04:05")) {
			t.Errorf("%+v", c)
		}
	}
}

// public is a client as Houston shows it.
type public struct {
	User         int64    `json:"user_id"`
	ClientID     string   `json:"client_id"`
	Secret       string   `json:"client_secret"`
	Type         string   `json:"client_type"`
	Scopes       []string `json:"default_scopes"`
	RedirectURIs []string `json:"redirect_uris"`
}

// TestHouston makes clients of forms, and lists them.
func TestHouston(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		var made public
		w.Want(t, "ann:", http.MethodPost, houston+"/", "default_scopes=users:read&default_scopes=auth:write&redirect_uris=https://a.example.org/x&redirect_uris=http://localhost:8080", 200).JSON(t, &made)
		want := public{
			User: w.ann.Number, ClientID: made.ClientID, Secret: made.Secret, Type: "public",
			Scopes: []string{"users:read", "auth:write"}, RedirectURIs: []string{"https://a.example.org/x", "http://localhost:8080"},
		}
		letters := regexp.MustCompile(`^[a-zA-Z0-9]+$`)
		if d := cmp.Diff(want, made); d != "" || len(made.ClientID) != 40 || len(made.Secret) != 50 || !letters.MatchString(made.ClientID+made.Secret) {
			t.Error(d, made)
		}
		for _, body := range []string{"default_scopes[]=users:read", "default_scopes=all&client_type=confidential"} {
			w.Want(t, "ann:", http.MethodPost, houston, body, 200)
		}
		multipart := httptest.NewRequestWithContext(t.Context(), http.MethodPost, houston, strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"default_scopes\"\r\n\r\nteams:read\r\n--b--\r\n"))
		multipart.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		multipart.SetBasicAuth("ann@example.org", "ann")
		if a := w.Do(multipart); a.Status != 200 || !strings.Contains(a.Body, `["teams:read"]`) {
			t.Error(a)
		}
		me := fmt.Sprintf("%s?user_id=%d", houston, w.ann.Number)
		for query, n := range map[string]int{"": 4, "&limit=2": 2, "&offset=3": 1, "&limit=2&offset=4": 0} {
			var all []public
			a := w.Want(t, "ann:", http.MethodGet, me+query, "", 200)
			a.JSON(t, &all)
			if len(all) != n || a.Header.Get("X-Total-Count") != "" || strings.Contains(a.Body, "client_secret") {
				t.Errorf("%s: %s", query, a.Body)
			}
		}
		// It is good for every grant, the password of its user first.
		a := w.Want(t, "", http.MethodPost, "/auth/oauth2/token", "grant_type=password&client_id="+made.ClientID+"&username=ann@example.org&password=ann", 200)
		var got struct {
			Token string `json:"access_token"`
			Scope string
		}
		a.JSON(t, &got)
		if got.Scope != "users:read auth:write" {
			t.Error(a.Body)
		}
		w.Want(t, controltest.As(got.Token), http.MethodPost, houston, "default_scopes=users:read", 200)
		for name, c := range map[string]struct {
			who            controltest.As
			method, target string
			body           string
			status         int
			field, says    string
		}{
			"nobody":            {"", "GET", me, "", 401, "", ""},
			"without scope":     {controltest.As(got.Token), "GET", me, "", 401, "", ""},
			"no user":           {"ann:", "GET", houston, "", 422, "user_id", "Missing data for required field."},
			"no number":         {"ann:", "GET", houston + "?user_id=x", "", 422, "user_id", "Not a valid integer."},
			"empty":             {"ann:", "GET", houston + "?user_id=", "", 422, "user_id", "Not a valid integer."},
			"another user":      {"ann:", "GET", fmt.Sprintf("%s?user_id=%d", houston, w.ann.Number+1), "", 422, "user_id", "It is only allowed to query your own OAuth2 clients."},
			"administrator":     {"root:", "GET", me, "", 422, "user_id", "It is only allowed to query your own OAuth2 clients."},
			"limit":             {"ann:", "GET", me + "&limit=101", "", 422, "limit", "Must be between 1 and 100."},
			"limit 0":           {"ann:", "GET", me + "&limit=0", "", 422, "limit", "Must be between 1 and 100."},
			"offset":            {"ann:", "GET", me + "&offset=-1", "", 422, "offset", "Must be at least 0."},
			"no scopes":         {"ann:", "POST", houston, "redirect_uris=https://a.example.org", 422, "default_scopes", "Missing data for required field."},
			"no body":           {"ann:", "POST", houston, "", 422, "default_scopes", "Missing data for required field."},
			"unknown scope":     {"ann:", "POST", houston, "default_scopes=users:read&default_scopes=nonsense", 422, "default_scopes", `Unknown scope: "nonsense".`},
			"all and more":      {"ann:", "POST", houston, "default_scopes=users:read&default_scopes=all", 422, "default_scopes", "cannot be combined"},
			"script":            {"ann:", "POST", houston, "default_scopes=users:read&redirect_uris=javascript:alert(1)", 422, "redirect_uris", "absolute"},
			"relative":          {"ann:", "POST", houston, "default_scopes=users:read&redirect_uris=/x", 422, "redirect_uris", "absolute"},
			"fragment":          {"ann:", "POST", houston, "default_scopes=users:read&redirect_uris=https://a.example.org/%23x", 422, "redirect_uris", "absolute"},
			"type":              {"ann:", "POST", houston, "default_scopes=users:read&client_type=secret", 422, "client_type", "Not a valid choice"},
			"no form":           {"ann:", "POST", houston, "%zz=1", 422, "", ""},
			"JSON":              {"ann:", "POST", houston, `{"default_scopes":["users:read"]}`, 422, "", ""},
			"another's scope":   {controltest.As(got.Token), "POST", houston, "default_scopes=teams:read", 403, "", ""},
			"NUL":               {"ann:", "POST", houston, "default_scopes=users:read%00", 422, "default_scopes", "Unknown scope"},
			"NUL in an address": {"ann:", "POST", houston, "default_scopes=users:read&redirect_uris=https://a.example.org/%00", 422, "redirect_uris", "absolute"},
		} {
			a := w.Want(t, c.who, c.method, c.target, c.body, c.status)
			var said struct {
				Messages map[string][]string
				Message  string
			}
			a.JSON(t, &said)
			if c.field != "" && (len(said.Messages[c.field]) != 1 || !strings.Contains(said.Messages[c.field][0], c.says)) || said.Message == "" {
				t.Errorf("%s: %s", name, a.Body)
			}
		}
	})
}

// TestCommands is what the commands do.
func TestCommands(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) { //nolint:thelper // a test
		made, err := w.clients.Create(t.Context(), controltest.By(), clients.Request{ID: "documentation", Name: "d", Scopes: []string{"users:read"}, Public: true, NoSecret: true})
		if err != nil || made.Secret != "" {
			t.Fatal(made, err)
		}
		w.Want(t, "", http.MethodPost, "/auth/oauth2/token", "grant_type=password&client_id=documentation&username=ann@example.org&password=ann", 200)
		w.Want(t, "", http.MethodPost, "/auth/oauth2/token", "grant_type=client_credentials&client_id=documentation", 401)
		_, err = w.clients.Create(t.Context(), controltest.By(), clients.Request{ID: "documentation", Name: "d", Scopes: []string{"users:read"}})
		if _, ok := errors.AsType[*queries.TakenError](err); !ok {
			t.Error(err)
		}
		past := time.Now().Add(-time.Second)
		for name, r := range map[string]clients.Request{
			"no name":   {Scopes: []string{"all"}},
			"no scope":  {Name: "x"},
			"blank id":  {Name: "x", Scopes: []string{"all"}, ID: "a b"},
			"grant":     {Name: "x", Scopes: []string{"all"}, Grants: []string{"implicit"}},
			"no secret": {Name: "x", Scopes: []string{"all"}, NoSecret: true},
			"past":      {Name: "x", Scopes: []string{"all"}, Expires: &past},
		} {
			_, err := w.clients.Create(t.Context(), controltest.By(), r)
			if _, ok := errors.AsType[*clients.RuleError](err); !ok {
				t.Errorf("%s: %v", name, err)
			}
		}
		all, err := w.clients.List(t.Context(), nil)
		if err != nil || len(all) != 1 {
			t.Error(len(all), err)
		}
		for _, id := range []string{"documentation", made.Row.ID.String()} {
			if got, err := w.clients.Find(t.Context(), id); err != nil || got.ID != made.Row.ID {
				t.Error(got, err)
			}
		}
		if _, err := w.clients.Revoke(t.Context(), controltest.By(), made.Row.ID); err != nil {
			t.Error(err)
		}
		if all, err = w.clients.List(t.Context(), nil); err != nil || len(all) != 0 {
			t.Error(len(all), err)
		}
	})
}

// FuzzBodies has no body of a request fail otherwise than by a status of the caller's.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{
		`{"name":"x","scopes":["user:read"],"expires_in_days":"3"}`, "default_scopes=users:read&redirect_uris=https://a.example.org", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n",
		`{`, "%", "\xff", `{"name":1e999}`, `{"scopes":"\u0000"}`,
	} {
		f.Add(s, "application/x-www-form-urlencoded")
		f.Add(s, "multipart/form-data; boundary=b")
	}
	w := open(f, "sqlite:"+f.TempDir()+"/store.db")
	f.Fuzz(func(t *testing.T, body, kind string) {
		for _, target := range []string{trends, houston} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
			r.Header.Set("Content-Type", kind)
			r.SetBasicAuth("ann@example.org", "ann")
			if a := w.Do(r); a.Status >= 500 {
				t.Fatalf("%s %q: %d %s", target, body, a.Status, a.Body)
			}
		}
	})
}
