package people_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/people"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// engines are those of this package's tests.
var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// world is the API of users over a store.
type world struct {
	*api.API
	store    *queries.Store
	accounts *accounts.Accounts
	typed    *typed.API
}

const (
	good  = "Correct-Horse-1"
	other = "Battery+Staple2"
)

// both runs a test over an empty store of each engine.
func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		test(t, newWorld(t, dsn))
	})
}

func newWorld(t testing.TB, dsn string) *world {
	t.Helper()
	store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
	must(t, err)
	t.Cleanup(store.Close)
	directory := accounts.NewDirectory(store, accounts.DirectoryConfig{Protected: []string{"gef@gef.com"}})
	checker, err := passwords.New(directory, passwords.Config{Scheme: passwords.Scheme{Algorithm: passwords.Argon2id, Passes: 1, MemoryKiB: 64, Lanes: 1}})
	must(t, err)
	none := func(context.Context, db.Querier, string, string, time.Time) error { return nil }
	w := &world{store: store}
	w.accounts, err = accounts.New(accounts.Config{
		Store: store, Directory: directory, Passwords: checker, Table: permit.New(), Key: bytes.Repeat([]byte("k"), 32),
		Letters: accounts.Letters{Created: none, Recover: none},
	})
	must(t, err)
	served := []string{"audit.list"}
	for _, op := range permit.New().Operations() {
		if strings.HasPrefix(op.ID, "user.") || strings.HasPrefix(op.ID, "users.") {
			served = append(served, op.ID)
		}
	}
	served = slices.DeleteFunc(served, func(id string) bool { return id == "user.me.clients" })
	var others []string
	for _, op := range permit.New().Operations() {
		if !slices.Contains(served, op.ID) {
			others = append(others, op.ID)
		}
	}
	who := identifier{callers.New(callers.ByChecker(checker, func(a accounts.Account) tokens.User { return a.User }), nil, func(r *http.Request) string { return r.RemoteAddr }, nil)}
	w.API = api.New(permit.New().Without(others...), who, api.Options{RequestID: func(*http.Request) string { return "r1" }})
	w.accounts.Register(w.API)
	p, err := people.New(store, w.accounts, w.Table(), people.Options{})
	must(t, err)
	w.typed = typed.New(w.API, "")
	p.Register(w.typed)
	must(t, w.Seal())
	return w
}

// identifier has a test say what scopes a caller has, and that he is a program.
type identifier struct{ *callers.Callers }

func (i identifier) Identify(r *http.Request) (*callers.Caller, error) {
	c, err := i.Callers.Identify(r)
	if scopes := r.Header.Get("Scopes"); c != nil && scopes != "" {
		c = &callers.Caller{User: c.User, Scopes: strings.Fields(scopes), Token: &tokens.Access{ByClient: r.Header.Get("Program") != ""}}
	}
	return c, err
}

// user makes one with the address <name>@example.org, the name to log in <name>, and a good password.
func (w *world) user(t testing.TB, name string, role permit.Role, change ...func(*accounts.NewUser)) db.User {
	t.Helper()
	n := accounts.NewUser{Email: name + "@example.org", Username: name, Name: strings.ToUpper(name[:1]) + name[1:] + " Doe", Role: string(role), Password: good}
	for _, c := range change {
		c(&n)
	}
	u, err := w.accounts.Create(t.Context(), accounts.Operator("test"), n)
	must(t, err)
	return u
}

// reply is what was answered.
type reply struct {
	status int
	header http.Header
	body   string
}

// json reads the body.
func (a reply) json(t testing.TB) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return out
}

// data reads the body's envelope.
func (a reply) data(t testing.TB) map[string]any {
	t.Helper()
	out, ok := a.json(t)["data"].(map[string]any)
	if !ok {
		t.Fatalf("no data: %s", a.body)
	}
	return out
}

// ask sends a request as a user of a name, "": as nobody. Headers are pairs; a body that begins with { or [ is JSON.
func (w *world) ask(t testing.TB, who, method, target, content string, header ...string) reply {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(content))
	if content != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if strings.ContainsAny(content[:1], "{[") {
			r.Header.Set("Content-Type", "application/json")
		}
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	if who != "" {
		name, password, ok := strings.Cut(who, ":")
		if !ok {
			password = good
		}
		r.SetBasicAuth(name+"@example.org", password)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return reply{rec.Code, rec.Header(), rec.Body.String()}
}

// want is ask, and holds the status.
func (w *world) want(t testing.TB, status int, who, method, target, content string, header ...string) reply {
	t.Helper()
	a := w.ask(t, who, method, target, content, header...)
	if a.status != status {
		t.Errorf("%s %s %s as %q: %d, want %d: %s", method, target, content, who, a.status, status, a.body[:min(len(a.body), 400)])
	}
	return a
}

// audited gives the actions of the audit log about a subject, the newest first.
func (w *world) audited(t testing.TB, subject string) []string {
	t.Helper()
	all, err := w.store.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: subject, AtMost: 100})
	must(t, err)
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.Action
	}
	return out
}
