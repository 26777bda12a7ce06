// Package controltest has a control API over a real store, for tests of what it serves.
package controltest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/tokens/stored"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Gateway is a control API of which a part is served, and what it stands on.
type Gateway struct {
	*api.API
	Store     *queries.Store
	Authority *tokens.Authority
	people    *people
}

// Open makes a Gateway over a store: register adds the handlers of what is served beside those of tokens. Its users' passwords
// are their names.
func Open(t testing.TB, dsn string, register func(*Gateway)) *Gateway {
	t.Helper()
	store := Store(t, dsn)
	g := &Gateway{Store: store, people: &people{store: store}}
	var err error
	g.Authority, err = tokens.New(t.Context(), stored.New(store), g.people, tokens.Config{
		Issuer: "https://gateway.example.org", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Run: stored.Runs(store),
	})
	Must(t, err)
	t.Cleanup(g.Authority.Close)
	address := func(r *http.Request) string { return r.RemoteAddr }
	g.API = api.New(permit.New(), callers.New(g.people.check, g.Authority, address, nil).WithScripts(), api.Options{RequestID: func(*http.Request) string { return "r1" }})
	for _, op := range g.Table().Operations() {
		g.HandleFunc(op.ID, http.NotFound)
	}
	for id, handle := range map[string]http.HandlerFunc{
		"auth.login": g.Authority.Auth, "auth.refresh": g.Authority.AuthRefresh, "auth.logout": g.Authority.Logout,
		"client.token": g.Authority.ServiceToken, "oauth2.token": g.Authority.Token, "oauth2.introspect": g.Authority.Introspect,
		"session.list": g.Authority.Sessions,
	} {
		g.Handle(id, handle)
	}
	for _, v := range []string{"user", "team", "session", "client", "token", "script", "execution", "schedule", "webhook", "hook"} {
		g.Resolve(v, func(context.Context, string, *callers.Caller) (api.Target, error) {
			return api.Target{}, api.ErrNotFound
		})
	}
	register(g)
	Must(t, g.Seal())
	return g
}

// people have passwords that are their names.
type people struct{ store *queries.Store }

func (p *people) find(ctx context.Context, login, password string) (db.User, bool, error) {
	u, err := p.store.FindUser(ctx, login)
	if errors.Is(err, sql.ErrNoRows) {
		return db.User{}, false, nil
	}
	return u, err == nil && u.Name == password, err
}

// Verify implements tokens.Passwords.
func (p *people) Verify(ctx context.Context, a tokens.Attempt) (string, bool, error) {
	u, ok, err := p.find(ctx, a.Login, a.Password)
	return u.ID.String(), ok, err
}

func (p *people) check(ctx context.Context, a passwords.Attempt) (tokens.User, error) {
	u, ok, err := p.find(ctx, a.User, a.Password)
	if err != nil || !ok {
		return tokens.User{}, errors.Join(err, passwords.ErrWrong)
	}
	return tokens.User{
		ID: u.ID.String(), Number: u.Number, Email: u.Email, Role: u.Role, Active: u.IsActive, Regular: u.IsRegularUser, Internal: u.IsInternal,
	}, nil
}

// By is who changes things in tests.
func By() queries.By { return queries.By{Actor: "test"} }

// User makes an active, regular user of a name, with the address <name>@example.org.
func (g *Gateway) User(t testing.TB, name string, role permit.Role) db.User {
	t.Helper()
	u, err := g.Store.CreateUser(t.Context(), By(), db.User{
		Email: name + "@example.org", Name: name, Role: string(role), IsActive: true, IsRegularUser: true,
	})
	Must(t, err)
	return u
}

// Find gives a user by his name.
func (g *Gateway) Find(t testing.TB, name string) db.User {
	t.Helper()
	u, err := g.Store.FindUser(t.Context(), name+"@example.org")
	Must(t, err)
	return u
}

// People makes root and boss, who are administrators, and the users ann, ben and cid.
func (g *Gateway) People(t testing.TB) {
	t.Helper()
	g.User(t, "root", permit.Superadmin)
	g.User(t, "boss", permit.Admin)
	for _, name := range []string{"ann", "ben", "cid"} {
		g.User(t, name, permit.User)
	}
}

// Role gives a user another role.
func (g *Gateway) Role(t testing.TB, id uuid.UUID, role permit.Role) {
	t.Helper()
	_, err := g.Store.ChangeUser(t.Context(), By(), id, func(u *db.User) error { u.Role = string(role); return nil })
	Must(t, err)
	g.Authority.Forget(tokens.Revocation{Kind: tokens.RevokedUser, ID: id.String()})
}

// As is who asks: nobody, "name:" with his password, or a token.
type As string

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// JSON reads the body.
func (a Answer) JSON(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), v); err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
}

// Ask sends a request. A body that begins with { [ or " is JSON, another a form.
func (g *Gateway) Ask(t testing.TB, who As, method, target, body string) Answer {
	t.Helper()
	kind := ""
	switch {
	case body == "":
	case strings.ContainsAny(body[:1], `{["`):
		kind = "application/json"
	default:
		kind = "application/x-www-form-urlencoded"
	}
	return g.Send(t, who, method, target, kind, body)
}

// Send sends a request with a body of a type, if it has one, and headers, which are pairs.
func (g *Gateway) Send(t testing.TB, who As, method, target, kind, body string, header ...string) Answer {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, reader)
	if name, ok := strings.CutSuffix(string(who), ":"); ok {
		r.SetBasicAuth(name+"@example.org", name)
	} else if who != "" {
		r.Header.Set("Authorization", "Bearer "+string(who))
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	return g.Do(r)
}

// Do has a request answered.
func (g *Gateway) Do(r *http.Request) Answer {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return Answer{Status: w.Code, Header: w.Header(), Body: w.Body.String()}
}

// Want asks, and holds the answer to a status.
func (g *Gateway) Want(t testing.TB, who As, method, target, body string, status int) Answer {
	t.Helper()
	a := g.Ask(t, who, method, target, body)
	if a.Status != status {
		t.Errorf("%s %s %s: %d %s, not %d", method, target, body, a.Status, a.Body, status)
	}
	return a
}
