package control_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// scene is where a row is played: the gateway of an engine, and users, clients and logins of the row's own, which are made when
// they are named first:
//
//	{user.email}    of one: email, username, name, id, number, password
//	{user.access}   a login by /auth: access, refresh
//	{user.oauth}    a login by the client documentation: oauth, oauth_refresh
//	{client.id}     a confidential client of {user}: id, secret
//	{service.id}    the same as Trends.Earth has it
//
// Users are user, other, admin, super, and those that are inactive, internal and irregular, nobody's clients are documentation.
type scene struct {
	*world
	t       testing.TB
	vars    map[string]string
	address string
}

func (w *world) scene(t testing.TB) *scene {
	t.Helper()
	// Whoever fails often is made to wait, by address: each row has its own.
	address := fmt.Sprintf("10.%d.%d.%d", rand.IntN(256), rand.IntN(256), 1+rand.IntN(254)) //nolint:gosec // no secret
	return &scene{world: w, t: t, vars: map[string]string{"documentation": "documentation"}, address: address}
}

var braces = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{[a-z][a-z0-9_]*(\.[a-z0-9_]+)?\}`) })

// fill puts values in the place of their names.
func (s *scene) fill(text string, escape func(string) string) string {
	s.t.Helper()
	if !strings.Contains(text, "{") {
		return text
	}
	return braces().ReplaceAllStringFunc(text, func(name string) string { return escape(s.value(name[1 : len(name)-1])) })
}

// value gives the value of a name, which it makes if it can.
func (s *scene) value(name string) string {
	s.t.Helper()
	if v, ok := s.vars[name]; ok {
		return v
	}
	who, what, _ := strings.Cut(name, ".")
	switch {
	case what == "access" || what == "refresh":
		s.login(who)
	case what == "oauth" || what == "oauth_refresh":
		s.grant(who)
	case who == "client" || who == "service" || who == "otherclient":
		s.makeClient(who)
	case who == "gateway" && what == "url":
		return s.gateway.URL
	default:
		s.makeUser(who)
	}
	v, ok := s.vars[name]
	if !ok {
		s.t.Fatalf("the scene knows no {%s}", name)
	}
	return v
}

func (s *scene) login(who string) {
	s.t.Helper()
	post("/auth").json(`{"email":"{`+who+`.email}","password":"{`+who+`.password}"}`).
		gives(200, `{"access_token":"<jwt:`+who+`.access>","refresh_token":"<opaque:`+who+`.refresh>","...":0}`).do(s)
}

func (s *scene) grant(who string) {
	s.t.Helper()
	post("/auth/oauth2/token").form("grant_type", "password", "client_id", "documentation", "username", "{"+who+".username}", "password", "{"+who+".password}").
		gives(200, `{"access_token":"<jwt:`+who+`.oauth>","refresh_token":"<opaque:`+who+`.oauth_refresh>","...":0}`).do(s)
}

// makeUser makes one of the users.
func (s *scene) makeUser(who string) {
	s.t.Helper()
	u := db.User{Role: "USER", IsActive: true, IsRegularUser: true, IsPluginUser: true, PasswordHash: s.hash}
	switch strings.TrimRight(who, "0123456789") {
	case "user", "other":
	case "admin":
		u.Role = "ADMIN"
	case "super":
		u.Role = "SUPERADMIN"
	case "inactive":
		u.IsActive = false
	case "internal":
		u.IsInternal = true
	case "irregular":
		u.IsRegularUser = false
	default:
		s.t.Fatalf("the scene knows no {%s}", who)
	}
	random := strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	username := who + "_" + random
	u.Email, u.Username, u.Name = who+"."+random+"@example.org", &username, "The "+who
	made, err := s.store.CreateUser(context.Background(), queries.By{Actor: "test"}, u)
	if err != nil {
		s.t.Fatal(err)
	}
	for what, v := range map[string]string{
		"email": u.Email, "username": username, "name": u.Name, "password": password, "id": made.ID.String(), "number": shown(made.Number),
	} {
		s.vars[who+"."+what] = v
	}
}

// change has an operator change a user.
func change(who string, with func(*db.User)) act {
	return func(s *scene) {
		s.t.Helper()
		_, err := s.store.ChangeUser(context.Background(), queries.By{Actor: "test"}, uuid.MustParse(s.value(who+".id")), func(u *db.User) error {
			with(u)
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// deleted has an operator delete a user.
func deleted(who string) act {
	return func(s *scene) {
		s.t.Helper()
		if _, err := s.store.DeleteUser(context.Background(), queries.By{Actor: "test"}, uuid.MustParse(s.value(who+".id"))); err != nil {
			s.t.Fatal(err)
		}
	}
}

// makeClient makes a confidential client of the user, or of the other one.
func (s *scene) makeClient(who string) {
	s.t.Helper()
	owner := "user"
	if who == "otherclient" {
		owner = "other"
	}
	id, random := uuid.MustParse(s.value(owner+".id")), strings.ReplaceAll(uuid.NewString(), "-", "")
	clientID, secret, scopes := random+random[:8], random+random, houstonScopes
	if who == "service" {
		clientID, secret, scopes = "te_cid_"+random, "te_cs_"+random, "user:read"
	}
	_, err := s.store.CreateClient(context.Background(), queries.By{Actor: "test"}, db.OauthClient{
		ClientID: clientID, Name: "a test", Confidential: true, SecretHash: tokens.HashSecret(secret), Scopes: scopes, OwnerID: &id,
	}, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.vars[who+".id"], s.vars[who+".secret"] = clientID, secret
}

// houstonScopes are those of the client documentation.
const houstonScopes = "auth:read auth:write users:read users:write teams:read teams:write"
