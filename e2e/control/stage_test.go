package control_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// cast is who asks for an operation, and for what.
type cast struct {
	operation permit.Operation
	standing  permit.Standing
	caller    uuid.UUID // uuid.Nil: no user
	target    string
	token     string // "": nobody's
	// refused: the token is not good.
	refused bool
}

func (c cast) ask() *ask {
	a := &ask{method: c.operation.Method, target: c.target}
	if c.token != "" {
		a.bearer(c.token)
	}
	return a
}

// stage makes a caller of a standing, with a token, and what the path of an operation names, as the standing has it: its own, another's,
// of a role.
func (s *scene) stage(op permit.Operation, who permit.Standing) cast {
	s.t.Helper()
	who.Caller.Scopes = scopesOf(op, who.Caller)
	c := cast{operation: op, standing: who}
	// No token is left where its user is not active, or has no use for its scopes.
	c.refused = who.Caller.User != "" && (!who.Caller.Active || len(permit.New().Rights(who.Caller)) == 0)
	var caller *uuid.UUID
	if who.Caller.User != "" {
		made := s.insert(db.User{
			Role: string(who.Caller.Role), IsActive: who.Caller.Active, IsRegularUser: who.Caller.Regular, IsInternal: who.Caller.Internal,
		})
		caller, c.caller = &made.ID, made.ID
	}
	switch {
	case caller != nil && aboutLogins(op):
		c.token = s.insertLogin(*caller, strings.Join(c.standing.Caller.Scopes, " "))
	case caller != nil || who.Caller.Program:
		c.token, _ = s.insertToken(caller, strings.Join(c.standing.Caller.Scopes, " "))
	}
	owner := caller
	if caller == nil || !slices.Contains(who.Object.Owners, who.Caller.User) {
		made := s.insert(db.User{Role: string(cmpOr(who.Object.Role, permit.User)), IsActive: true, IsRegularUser: true})
		owner = &made.ID
		if op.ID == "user.restore" {
			deletedUser(s, made.ID)
		}
	}
	c.target = s.target(op, *owner, func(script uuid.UUID) {
		if !who.Object.Shared {
			return
		}
		_, err := s.store.ChangeAccess(context.Background(), queries.By{Actor: "test"}, script, func(a *queries.Access) error {
			a.Restricted, a.Users = true, append(a.Users, *caller)
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}, func(team uuid.UUID) {
		if who.Name != memberOfTeam {
			return
		}
		if _, err := s.store.AddMember(context.Background(), queries.By{Actor: "test"}, team, *caller, false, nil); err != nil {
			s.t.Fatal(err)
		}
	})
	return c
}

// aboutLogins says that an operation is about the login by which it is asked for; tokens of programs are of none.
func aboutLogins(op permit.Operation) bool {
	return strings.HasPrefix(op.ID, "session.") || strings.HasPrefix(op.ID, "auth.logout")
}

// insertLogin logs a user in by a client of its own, which has the scopes.
func (s *scene) insertLogin(user uuid.UUID, scopes string) string {
	s.t.Helper()
	u, err := s.store.Queries().GetUser(context.Background(), user)
	if err != nil {
		s.t.Fatal(err)
	}
	client := strings.ToLower(rand.Text())
	if _, err := s.store.CreateClient(context.Background(), queries.By{Actor: "test"}, db.OauthClient{ClientID: client, Name: "a test", Scopes: scopes}, 0); err != nil {
		s.t.Fatal(err)
	}
	token().form("grant_type", "password", "client_id", client, "username", u.Email, "password", password).gives(200, `{"access_token":"<jwt:login>","...":0}`).do(s)
	return s.vars["login"]
}

func cmpOr(r, other permit.Role) permit.Role {
	if r == permit.Nobody {
		return other
	}
	return r
}

// scopesOf are those of a caller; one without any has a scope that the operation has no use for, since there are no tokens without.
func scopesOf(op permit.Operation, c permit.Caller) []string {
	if len(c.Scopes) > 0 || c.User == "" && !c.Program {
		return c.Scopes
	}
	others := []string{"tokens:read", "users:read", "teams:read"}
	return []string{others[slices.IndexFunc(others, func(scope string) bool { return !slices.Contains(op.Scopes, scope) })]}
}

// insert has a user be in the store, without a password.
func (s *scene) insert(u db.User) db.User {
	s.t.Helper()
	name := strings.ToLower(rand.Text())
	u.Email, u.Username, u.Name, u.PasswordHash = name+"@example.org", &name, "The "+name, s.hash
	made, err := s.store.CreateUser(context.Background(), queries.By{Actor: "test"}, u)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

func deletedUser(s *scene, id uuid.UUID) {
	s.t.Helper()
	if _, err := s.store.DeleteUser(context.Background(), queries.By{Actor: "test"}, id); err != nil {
		s.t.Fatal(err)
	}
}

// insertToken has a token of a user, or of nobody, be in the store.
func (s *scene) insertToken(user *uuid.UUID, scopes string) (token string, made db.ApiToken) {
	s.t.Helper()
	token, hash := tokens.NewAPIToken()
	kind := "user"
	if user == nil {
		kind = "permanent"
	}
	made, err := s.store.CreateAPIToken(context.Background(), queries.By{Actor: "test"}, db.ApiToken{Hash: hash, Kind: kind, UserID: user, Scopes: scopes, Description: "a test"})
	if err != nil {
		s.t.Fatal(err)
	}
	return token, made
}

// target is the path of an operation, with what its variables name: things of an owner's. A new variable needs a line here.
func (s *scene) target(op permit.Operation, owner uuid.UUID, script, team func(uuid.UUID)) string {
	s.t.Helper()
	ctx, by := context.Background(), queries.By{Actor: "test"}
	var teamID uuid.UUID
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllStringFunc(op.Path, func(name string) string {
		switch name {
		case "{user}":
			if teamID == uuid.Nil {
				return owner.String()
			}
			member := s.insert(db.User{Role: "USER", IsActive: true})
			_, err := s.store.AddMember(ctx, by, teamID, member.ID, false, nil)
			must(err)
			return member.ID.String()
		case "{session}":
			family, hash := uuid.New(), []byte(rand.Text() + rand.Text())[:32]
			must(s.store.StartFamily(ctx, queries.Family{ID: family, User: owner, Scopes: "all", Device: "a test", Hash: hash, Lasts: time.Hour, FamilyLasts: time.Hour}))
			return family.String()
		case "{client}":
			id := strings.ToLower(rand.Text())
			made, err := s.store.CreateClient(ctx, by, db.OauthClient{ClientID: id, Name: "a test", Confidential: true, SecretHash: tokens.HashSecret(id), Scopes: "user:read", OwnerID: &owner}, 0)
			must(err)
			return made.ID.String()
		case "{token}":
			_, made := s.insertToken(&owner, "users:read")
			return made.ID.String()
		case "{team}":
			made, err := s.store.CreateTeam(ctx, by, "Team "+rand.Text(), owner)
			must(err)
			teamID = made.ID
			team(teamID)
			return teamID.String()
		case "{script}":
			made := s.insertScript(owner)
			if strings.HasPrefix(op.ID, "script.access.") { // what is taken away has to be there
				_, err := s.store.ChangeAccess(ctx, by, made, func(a *queries.Access) error {
					a.Restricted, a.Users, a.Roles = true, []uuid.UUID{owner}, []string{"ADMIN"}
					return nil
				})
				must(err)
			}
			script(made)
			return made.String()
		case "{execution}":
			made, err := s.store.CreateExecution(ctx, queries.Limits{}, queries.NewExecution{Script: s.insertScript(owner), Version: 1, User: owner, Queue: "nobody"})
			must(err)
			if op.ID == "execution.delete" || op.ID == "execution.events" { // one that has ended can be deleted, and has no more events
				_, err := s.store.Cancel(ctx, by, made.ID, "a test")
				must(err)
			}
			return made.ID.String()
		case "{schedule}":
			due := time.Now().Add(time.Hour)
			plan := `{"queue":"nobody","max_attempts":1,"timeout":1000000000}`
			made, err := s.store.CreateSchedule(ctx, by, db.Schedule{
				UserID: owner, ScriptID: s.insertScript(owner), Name: "a test", Params: []byte("{}"), Cron: "@yearly", Zone: "UTC", Skipped: "later", Repeated: "first",
				CatchUp: queries.CatchUpNone, CatchUpMost: 1, Overlap: queries.OverlapSkip, Wishes: []byte("{}"), Plan: []byte(plan), PlanVersion: 1, DueAt: &due,
			}, 0)
			must(err)
			return made.ID.String()
		case "{webhook}":
			made, err := s.store.CreateWebhook(ctx, by, db.Webhook{ID: uuid.New(), UserID: owner, Url: "https://example.org/events", Types: "[]", Secret: []byte("none")}, 1000)
			must(err)
			return made.ID.String()
		case "{hook}":
			made, err := s.store.CreateHook(ctx, by, db.Hook{ID: uuid.New(), UserID: owner, ScriptID: s.insertScript(owner), Name: "a test", Params: []byte("{}"), Secret: []byte("none")}, 1000)
			must(err)
			return made.ID.String()
		case "{version}":
			return "1"
		case "{role}":
			return "ADMIN"
		case "{identifier}":
			return "user:" + owner.String()
		case "{file}":
			return "start.js"
		}
		s.t.Fatalf("%s: what does %s name? Say it here.", op.ID, name)
		return ""
	})
}

// insertScript has a script of a user be in the store, and its bundle in the gateway's directory.
func (s *scene) insertScript(owner uuid.UUID) uuid.UUID {
	s.t.Helper()
	slug := strings.ToLower(rand.Text())
	file := filepath.Join(s.gateway.Data, "caddy", "blobs", "scripts", slug+".tar.gz")
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, []byte("a bundle"), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	made, err := s.store.CreateScript(context.Background(), queries.By{Actor: "test"}, queries.ScriptUpload{
		Slug: slug, Name: slug, User: owner, Version: queries.VersionUpload{BlobKey: "scripts/" + slug + ".tar.gz", BlobSHA256: make([]byte, 32), BlobSize: 8},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.ID
}
