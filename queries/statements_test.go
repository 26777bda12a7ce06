package queries

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// step is a statement that is run, and what it gives. One without a name is for the others.
type step struct {
	name string
	run  func(ctx context.Context, q db.Querier) (any, error)
	want any
}

// statements runs each of the Querier once, in an order in which all find something.
func statements() []step {
	return slices.Concat(sessionSteps(), userSteps(), linkSteps(), clientSteps(), familySteps(), apiTokenSteps(), keySteps(), outboxSteps(), rateSteps(), onceSteps(), refusalSteps(), scriptSteps(), executionSteps(), longAnswerSteps(), scheduleSteps(), userClientSteps(), eventSteps(), webhookSteps(), arrivalSteps(), removalSteps())
}

func sessionSteps() []step {
	return []step{
		{"InsertSession", func(ctx context.Context, q db.Querier) (any, error) {
			return q.InsertSession(ctx, db.InsertSessionParams{SessionIndex: index(7), Generation: 1, Sealed: []byte("a"), LifetimeMs: 1000})
		}, int64(1)},
		{"UpdateSession", func(ctx context.Context, q db.Querier) (any, error) {
			return q.UpdateSession(ctx, db.UpdateSessionParams{SessionIndex: index(7), OldGeneration: 1, Generation: 1, Revision: 1, Sealed: []byte("b"), LifetimeMs: 60_000})
		}, int64(1)},
		{"GetSession", func(ctx context.Context, q db.Querier) (any, error) {
			row, err := q.GetSession(ctx, index(7))
			if row.LeftMs > 60_000 || row.LeftMs < 1000 {
				err = errors.Join(err, errors.New("it has another time left than it was given"))
			}
			row.LeftMs = 0
			return row, err
		}, db.GetSessionRow{Generation: 1, Revision: 1, Sealed: []byte("b")}},
		{"DeleteSession", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteSession(ctx, db.DeleteSessionParams{SessionIndex: index(7), Generation: 1, Revision: 1})
		}, int64(1)},
		{"DeleteExpiredSessions", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteExpiredSessions(ctx, 10) }, int64(0)},
		{"TakeLease", func(ctx context.Context, q db.Querier) (any, error) {
			fence, err := q.TakeLease(ctx, db.TakeLeaseParams{Name: "n", Holder: "h", LifetimeMs: 5000})
			return fence > 0, err
		}, true},
		{"ReleaseLease", func(ctx context.Context, q db.Querier) (any, error) {
			return q.ReleaseLease(ctx, db.ReleaseLeaseParams{Name: "n", Holder: "h"})
		}, int64(1)},
		{"DeleteExpiredLeases", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteExpiredLeases(ctx, db.DeleteExpiredLeasesParams{KeepMs: -1000, AtMost: 10})
		}, int64(1)},
	}
}

// fresh is an id of its own.
func fresh() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func userSteps() []step {
	id, team, name := fresh(), fresh(), "U"
	var number, teamNumber int64
	p := db.InsertUserParams{
		ID: id, Email: "A@x.org", EmailKey: "a@x.org", Username: &name, UsernameKey: &name, Profile: []byte(`{"a": 1}`), Role: "USER",
		PasswordHash: "$2b$04$x", PasswordParameters: "$2b$04",
	}
	email := func(u db.User, err error) (any, error) { return u.Email, err }
	title := func(t db.Team, err error) (any, error) { return t.Title, err }
	member := func(m db.TeamMember, err error) (any, error) {
		return m.IsLeader && m.TeamID == team && m.UserID == id, err
	}
	return []step{
		{"InsertUser", func(ctx context.Context, q db.Querier) (any, error) {
			u, err := q.InsertUser(ctx, p)
			number = u.Number
			return []any{u.Email, *u.Username, string(u.Profile), u.Version, u.ID == id}, err
		}, []any{"A@x.org", "U", `{"a": 1}`, int64(1), true}},
		{"GetUser", func(ctx context.Context, q db.Querier) (any, error) { return email(q.GetUser(ctx, id)) }, "A@x.org"},
		{"GetUserByNumber", func(ctx context.Context, q db.Querier) (any, error) { return email(q.GetUserByNumber(ctx, number)) }, "A@x.org"},
		{"GetUserByEmail", func(ctx context.Context, q db.Querier) (any, error) { return email(q.GetUserByEmail(ctx, "a@x.org")) }, "A@x.org"},
		{"GetUserByUsername", func(ctx context.Context, q db.Querier) (any, error) { return email(q.GetUserByUsername(ctx, &name)) }, "A@x.org"},
		{"LockUser", func(ctx context.Context, q db.Querier) (any, error) { return email(q.LockUser(ctx, id)) }, "A@x.org"},
		{"ListUsers", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListUsers(ctx, db.ListUsersParams{After: number - 1, AtMost: 10})
			return len(all), err
		}, 1},
		{"CountUsers", func(ctx context.Context, q db.Querier) (any, error) { return q.CountUsers(ctx) }, int64(1)},
		{"ListPasswordParameters", func(ctx context.Context, q db.Querier) (any, error) { return q.ListPasswordParameters(ctx) }, []string{"$2b$04"}},
		{"RehashPassword", func(ctx context.Context, q db.Querier) (any, error) {
			return q.RehashPassword(ctx, db.RehashPasswordParams{ID: id, OldHash: "$2b$04$x", PasswordHash: "$2b$05$y", PasswordParameters: "$2b$05"})
		}, int64(1)},
		{"TouchLogin", func(ctx context.Context, q db.Querier) (any, error) { return q.TouchLogin(ctx, id) }, int64(1)},
		{"TouchActivity", func(ctx context.Context, q db.Querier) (any, error) {
			return q.TouchActivity(ctx, db.TouchActivityParams{ID: id, EveryMs: 60_000})
		}, int64(0)},
		{"UpdateUser", func(ctx context.Context, q db.Querier) (any, error) {
			u, err := q.UpdateUser(ctx, db.UpdateUserParams{ID: id, Version: 1, Email: "b@x.org", EmailKey: "b@x.org", Profile: []byte("{}"), Role: "ADMIN"})
			return []any{u.Email, u.Username == nil, u.Role, u.Version, u.LastLoginAt != nil}, err
		}, []any{"b@x.org", true, "ADMIN", int64(2), true}},
		{"InsertTeam", func(ctx context.Context, q db.Querier) (any, error) {
			t, err := q.InsertTeam(ctx, db.InsertTeamParams{ID: team, Title: "T"})
			teamNumber = t.Number
			return t.Title, err
		}, "T"},
		{"GetTeam", func(ctx context.Context, q db.Querier) (any, error) { return title(q.GetTeam(ctx, team)) }, "T"},
		{"GetTeamByNumber", func(ctx context.Context, q db.Querier) (any, error) { return title(q.GetTeamByNumber(ctx, teamNumber)) }, "T"},
		{"LockTeam", func(ctx context.Context, q db.Querier) (any, error) { return title(q.LockTeam(ctx, team)) }, "T"},
		{"UpdateTeam", func(ctx context.Context, q db.Querier) (any, error) {
			return title(q.UpdateTeam(ctx, db.UpdateTeamParams{ID: team, Title: "V"}))
		}, "V"},
		{"ListTeams", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListTeams(ctx, db.ListTeamsParams{AtMost: 10})
			return len(all), err
		}, 1},
		{"CountTeams", func(ctx context.Context, q db.Querier) (any, error) { return q.CountTeams(ctx) }, int64(1)},
		{"InsertTeamMember", func(ctx context.Context, q db.Querier) (any, error) {
			return member(q.InsertTeamMember(ctx, db.InsertTeamMemberParams{TeamID: team, UserID: id, IsLeader: true}))
		}, true},
		{"CountTeamMembers", func(ctx context.Context, q db.Querier) (any, error) { return q.CountTeamMembers(ctx, team) }, db.CountTeamMembersRow{Members: 1, Leaders: 1}},
		{"TouchTeam", func(ctx context.Context, q db.Querier) (any, error) {
			t, err := q.TouchTeam(ctx, team)
			return t.Version, err
		}, int64(3)},
		{"GetTeamMember", func(ctx context.Context, q db.Querier) (any, error) {
			return member(q.GetTeamMember(ctx, db.GetTeamMemberParams{TeamID: team, UserID: id}))
		}, true},
		{"ListTeamMembers", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListTeamMembers(ctx, team)
			return len(all), err
		}, 1},
		{"ListTeamsOfUser", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListTeamsOfUser(ctx, id)
			return len(all), err
		}, 1},
		{"DeleteTeamMember", func(ctx context.Context, q db.Querier) (any, error) {
			return member(q.DeleteTeamMember(ctx, db.DeleteTeamMemberParams{TeamID: team, UserID: id}))
		}, true},
		{"DeleteTeam", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteTeam(ctx, team) }, int64(1)},
		{"DeleteUser", func(ctx context.Context, q db.Querier) (any, error) { return email(q.DeleteUser(ctx, id)) }, "b@x.org"},
		{"RestoreUser", func(ctx context.Context, q db.Querier) (any, error) {
			u, err := q.RestoreUser(ctx, id)
			if err == nil {
				_, err = q.DeleteUser(ctx, id) // for who comes next
			}
			return u.DeletedAt == nil, err
		}, true},
		{"InsertAudit", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.InsertAudit(ctx, db.InsertAuditParams{ID: fresh(), Actor: "test", ActorUser: &id, Action: "a", Subject: team.String(), Diff: []byte("{}")})
		}, nil},
		{"ListAudit", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListAudit(ctx, db.ListAuditParams{AtMost: 1})
			return len(all), err
		}, 1},
		{"ListAuditOf", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListAuditOf(ctx, db.ListAuditOfParams{Subject: team.String(), AtMost: 10})
			return []any{len(all), *all[0].ActorUser == id}, err
		}, []any{1, true}},
	}
}

// TestStatements runs every statement on both engines, by itself and in a transaction, with the same results.
func TestStatements(t *testing.T) {
	t.Parallel()
	var declared, run []string
	for m := range reflect.TypeFor[db.Querier]().Methods() {
		declared = append(declared, m.Name)
	}
	for _, s := range statements() {
		if s.name != "" {
			run = append(run, s.name)
		}
	}
	slices.Sort(run)
	if diff := cmp.Diff(declared, run); diff != "" {
		t.Fatalf("the Querier and what is run differ (-has +run):\n%s", diff)
	}
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		do := func(q db.Querier) error {
			for _, one := range statements() {
				got, err := one.run(t.Context(), q)
				if err != nil {
					t.Errorf("%s: %v", one.name, err)
					return err
				}
				if diff := cmp.Diff(one.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", one.name, diff)
				}
			}
			return nil
		}
		if err := do(s.Queries()); err != nil {
			t.Error(err)
		}
		if err := s.InTx(t.Context(), do); err != nil {
			t.Error(err)
		}
	})
}
