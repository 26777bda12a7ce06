package accounts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// letter is one that was enqueued.
type letter struct {
	Kind, To, Path string
}

func (l letter) token(t *testing.T) string {
	t.Helper()
	_, token, ok := strings.Cut(l.Path, "/reset-password?token=")
	if !ok || len(token) != 43 {
		t.Fatalf("the letter leads to %q", l.Path)
	}
	return token
}

// world is accounts over a store, with what the tests look at.
type world struct {
	*accounts.Accounts
	store     *queries.Store
	directory *accounts.Directory
	passwords *passwords.Checker[accounts.Account]
	starter   accounts.Starter
	hashes    atomic.Int64

	mu      sync.Mutex
	changed []string
}

// enqueue writes letters into the outbox as they are.
func enqueue(kind string) func(ctx context.Context, q db.Querier, to, path string, expires time.Time) error {
	return func(ctx context.Context, q db.Querier, to, path string, _ time.Time) error {
		payload, err := json.Marshal(letter{kind, to, path})
		if err != nil {
			return err
		}
		_, err = queries.Enqueue(ctx, q, queries.Letter{Topic: "mail", Payload: payload})
		return err
	}
}

func newWorld(t testing.TB, dsn string, change ...func(*accounts.Config)) *world {
	t.Helper()
	w := &world{store: controltest.Store(t, dsn)}
	w.directory = accounts.NewDirectory(w.store, accounts.DirectoryConfig{})
	w.directory.Heard(nil)
	var err error
	w.passwords, err = passwords.New(w.directory, passwords.Config{
		Scheme: cheap(), Hashing: func(passwords.Scheme) func() { w.hashes.Add(1); return nil },
	})
	must(t, err)
	cfg := accounts.Config{
		Store: w.store, Directory: w.directory, Passwords: w.passwords, Table: permit.New(), Key: bytes.Repeat([]byte("k"), 32),
		Letters: accounts.Letters{Created: enqueue("created"), Recover: enqueue("recover")},
		Changed: func(user string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.changed = append(w.changed, user)
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	w.Accounts, err = accounts.New(cfg)
	must(t, err)
	w.starter = accounts.Starter{Store: w.store, Passwords: w.passwords}
	return w
}

// letters gives those that wait, and takes them.
func (w *world) letters(t testing.TB) []letter {
	t.Helper()
	claims, err := w.store.ClaimLetters(t.Context(), "mail", "test", 100, time.Hour)
	must(t, err)
	out := make([]letter, len(claims))
	for i, c := range claims {
		must(t, json.Unmarshal(c.Payload, &out[i]))
		_, err := w.store.FinishLetter(t.Context(), c)
		must(t, err)
	}
	return out
}

// logsIn says whether a password is right.
func (w *world) logsIn(t testing.TB, user, password string) bool {
	t.Helper()
	_, err := w.passwords.Check(t.Context(), passwords.Attempt{User: user, Password: password})
	return err == nil
}

// family begins a login of a user.
func (w *world) family(t testing.TB, user uuid.UUID) uuid.UUID {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	hash := append(id[:], id[:]...)
	must(t, w.store.StartFamily(t.Context(), queries.Family{ID: id, User: user, Hash: hash, Lasts: time.Hour, FamilyLasts: time.Hour}))
	return id
}

// logins counts the living ones of a user.
func (w *world) logins(t testing.TB, user uuid.UUID) int {
	t.Helper()
	all, err := w.store.Queries().ListFamilies(t.Context(), user)
	must(t, err)
	return len(all)
}

// person is who calls in tests.
func person(u db.User) accounts.Who {
	return accounts.Who{
		By:     queries.By{Actor: "user:" + u.ID.String(), User: &u.ID},
		Caller: permit.Caller{User: u.ID.String(), Role: permit.Role(u.Role), Active: u.IsActive, Scopes: []string{permit.All}},
		From:   netip.MustParseAddr("192.0.2.1"),
	}
}

func nobodyFrom(address string) accounts.Who {
	return accounts.Who{By: queries.By{Actor: "anonymous"}, From: netip.MustParseAddr(address)}
}

const (
	good  = "Correct-Horse-1"
	other = "Battery+Staple2"
)

// ofRole makes a user with a good password.
func (w *world) ofRole(t testing.TB, role permit.Role, email string) db.User {
	t.Helper()
	u, err := w.Create(t.Context(), accounts.Operator("test"), accounts.NewUser{Email: email, Name: "A B", Role: string(role), Password: good})
	must(t, err)
	return u
}

// anyone identifies callers by a header.
type anyone struct{ w *world }

func (a anyone) Identify(r *http.Request) (*callers.Caller, error) {
	email := r.Header.Get("Caller")
	if email == "" {
		return nil, nil
	}
	if email == "wrong" {
		return nil, &callers.RefusedError{Reason: tokens.Invalid}
	}
	account, _, ok, err := a.w.directory.Find(r.Context(), email)
	if err != nil || !ok {
		return nil, err
	}
	scopes := []string{permit.All}
	if s := r.Header.Get("Scope"); s != "" {
		scopes = strings.Fields(s)
	}
	return &callers.Caller{User: account.User, Scopes: scopes}, nil
}

// serve gives the operations of accounts over HTTP.
func (w *world) serve(t testing.TB) http.Handler {
	t.Helper()
	var others []string
	table := permit.New()
	for _, op := range table.Operations() {
		switch op.ID {
		case "user.create", "user.me.password", "user.password", "user.recover", "user.reset", "user.reset.page", "user.reset.form":
		default:
			others = append(others, op.ID)
		}
	}
	a := api.New(table.Without(others...), anyone{w}, api.Options{})
	w.Register(a)
	must(t, a.Seal())
	return a
}

// do sends a request with JSON.
func do(t testing.TB, h http.Handler, method, path, caller, content string, header ...string) (int, map[string]any, http.Header) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(content))
	r.Header.Set("Content-Type", "application/json")
	if caller != "" {
		r.Header.Set("Caller", caller)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	var got map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s %s answers %q: %v", method, path, rec.Body.String(), err)
	}
	return rec.Code, got, rec.Header()
}

// failing is a letter that cannot be written.
func failing(err error) func(context.Context, db.Querier, string, string, time.Time) error {
	return func(context.Context, db.Querier, string, string, time.Time) error { return err }
}
