package queries

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

func TestTeams(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		leader, member := create(t, s, aUser("l@x.org")), create(t, s, aUser("m@x.org"))
		team, err := s.CreateTeam(t.Context(), by(), "one", leader.ID)
		if err != nil {
			t.Fatal(err)
		}
		var taken atomic.Int64
		won := race(t, 20, func(int) (bool, error) {
			_, err := s.AddMember(t.Context(), by(), team.ID, member.ID, false, nil)
			if _, ok := errors.AsType[*TakenError](err); ok {
				taken.Add(1)
				return false, nil
			}
			return err == nil, err
		})
		if won != 1 || taken.Load() != 19 {
			t.Errorf("%d won, %d were told that it is taken", won, taken.Load())
		}
		members := func(want ...uuid.UUID) {
			t.Helper()
			rows, err := s.Queries().ListTeamMembers(t.Context(), team.ID)
			if err != nil {
				t.Fatal(err)
			}
			var got []uuid.UUID
			for _, r := range rows {
				got = append(got, r.UserID)
				if r.IsLeader != (r.UserID == leader.ID) {
					t.Errorf("%+v", r)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		members(leader.ID, member.ID)
		if _, err := s.DeleteUser(t.Context(), by(), member.ID); err != nil {
			t.Fatal(err)
		}
		members(leader.ID)
		_, err1 := s.AddMember(t.Context(), by(), team.ID, fresh(), false, nil)
		_, err2 := s.AddMember(t.Context(), by(), fresh(), leader.ID, false, nil)
		_, err3 := s.CreateTeam(t.Context(), by(), "two", member.ID) // deleted
		rename := func(_ context.Context, _ db.Querier, t *db.Team) error {
			t.Title = "new"
			return nil
		}
		_, err4 := s.ChangeTeam(t.Context(), by(), fresh(), rename)
		for i, err := range []error{err1, err2, err3, err4, s.DeleteTeam(t.Context(), by(), fresh(), nil), s.RemoveMember(t.Context(), by(), team.ID, fresh(), nil)} {
			if !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if _, err := s.RestoreUser(t.Context(), by(), member.ID); err != nil {
			t.Fatal(err)
		}
		members(leader.ID, member.ID)
		if err := s.RemoveMember(t.Context(), by(), team.ID, member.ID, nil); err != nil {
			t.Fatal(err)
		}
		members(leader.ID)
		for range 2 { // the second changes nothing
			if got, err := s.ChangeTeam(t.Context(), by(), team.ID, rename); err != nil || got.Title != "new" || got.Version != 4 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if err := s.DeleteTeam(t.Context(), by(), team.ID, nil); err != nil || count(t, s, "team_members") != 0 || count(t, s, "teams") != 0 {
			t.Error(err)
		}
		names, _ := actions(t, s, "team:"+team.ID.String())
		if diff := cmp.Diff([]string{"team.create", "team.add", "team.remove", "team.change", "team.delete"}, names); diff != "" {
			t.Error(diff)
		}
	})
}

// TestLeadersStay has two leaders take each other out of a team at once, again and again: one of them stays. Who was deleted leads
// nothing, and what a check refuses is not done.

func TestLeadersStay(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		leaders := []db.User{create(t, s, aUser("l@x.org")), create(t, s, aUser("m@x.org"))}
		for range 5 {
			team, err := s.CreateTeam(t.Context(), by(), "one", leaders[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.AddMember(t.Context(), by(), team.ID, leaders[1].ID, true, nil); err != nil {
				t.Fatal(err)
			}
			if won := race(t, 2, func(i int) (bool, error) {
				err := s.RemoveMember(t.Context(), by(), team.ID, leaders[i].ID, nil)
				if errors.Is(err, ErrLastLeader) {
					return false, nil
				}
				return err == nil, err
			}); won != 1 {
				t.Fatalf("%d left", won)
			}
			if n, err := s.Queries().CountTeamMembers(t.Context(), team.ID); err != nil || n.Members != 1 || n.Leaders != 1 {
				t.Fatalf("%+v, %v", n, err)
			}
		}
		team, err := s.CreateTeam(t.Context(), by(), "two", leaders[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddMember(t.Context(), by(), team.ID, leaders[1].ID, true, nil); err != nil {
			t.Fatal(err)
		}
		no := errors.New("no")
		refuse := func(_ context.Context, _ db.Querier, got db.Team) error {
			if got.ID != team.ID || got.Version != 2 {
				t.Errorf("%+v", got)
			}
			return no
		}
		_, err1 := s.AddMember(t.Context(), by(), team.ID, leaders[1].ID, true, refuse)
		_, err2 := s.ChangeTeam(t.Context(), by(), team.ID, func(context.Context, db.Querier, *db.Team) error { return no })
		for i, err := range []error{err1, err2, s.RemoveMember(t.Context(), by(), team.ID, leaders[1].ID, refuse), s.DeleteTeam(t.Context(), by(), team.ID, refuse)} {
			if !errors.Is(err, no) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if _, err := s.DeleteUser(t.Context(), by(), leaders[1].ID); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveMember(t.Context(), by(), team.ID, leaders[0].ID, nil); !errors.Is(err, ErrLastLeader) {
			t.Errorf("%v", err)
		}
	})
}

// TestTeamIsFull holds that a team has a bound, whoever adds at once.

func TestTeamIsFull(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		leader := create(t, s, aUser("l@x.org"))
		team, err := s.CreateTeam(t.Context(), by(), "one", leader.ID)
		if err != nil {
			t.Fatal(err)
		}
		users := make([]db.User, 4)
		for i := range users {
			users[i] = create(t, s, aUser(fmt.Sprintf("u%d@x.org", i)))
		}
		if err := s.InTx(t.Context(), func(q db.Querier) error {
			for i := range MostMembers - 2 {
				u := aUser(fmt.Sprintf("v%d@x.org", i))
				made, err := AddUser(t.Context(), q, by(), u)
				if err != nil {
					return err
				}
				if _, err := q.InsertTeamMember(t.Context(), db.InsertTeamMemberParams{TeamID: team.ID, UserID: made.ID}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if won := race(t, len(users), func(i int) (bool, error) {
			_, err := s.AddMember(t.Context(), by(), team.ID, users[i].ID, false, nil)
			if full, ok := errors.AsType[*LimitError](err); ok && full.Most == MostMembers {
				return false, nil
			}
			return err == nil, err
		}); won != 1 {
			t.Errorf("%d came in", won)
		}
		all, err := List(t.Context(), s, Members(), rows.Request{Limit: 2000})
		if err != nil || len(all) != MostMembers || !all[0].Leader || all[1].Leader || all[0].Number != leader.Number {
			t.Errorf("%d, %v", len(all), err)
		}
	})
}
