package queries

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// ErrLastLeader says that nobody would lead a team.
var ErrLastLeader = errors.New("the last leader of a team cannot leave it")

// TeamCheck says, in the transaction of a change, whether a team may be changed as it is then. Its error ends the change, and is
// given back. Nil: it may.
type TeamCheck func(ctx context.Context, q db.Querier, t db.Team) error

// Members are the living members of teams, for List.
func Members() *rows.Table[Member] {
	return rows.NewTable[Member]("team_members m join users u on u.id = m.user_id", rows.NewColumn("u.number", rows.Integer)).Where("u.deleted_at is null")
}

// Member is a user as a member of a team.
type Member struct {
	Number      int64   `db:"number"`
	Username    *string `db:"username"`
	UsernameKey *string `db:"username_key"`
	FirstName   string  `db:"first_name"`
	MiddleName  string  `db:"middle_name"`
	LastName    string  `db:"last_name"`
	Leader      bool    `db:"is_leader"`
}

// MostMembers is how many members a team has.
const MostMembers = 1000

// CreateTeam makes a team with a leader; sql.ErrNoRows: there is no such living user.
func (s *Store) CreateTeam(ctx context.Context, by By, title string, leader uuid.UUID) (db.Team, error) {
	if err := plain(title); err != nil {
		return db.Team{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return db.Team{}, err
	}
	var t db.Team
	err = s.inTx(ctx, func(q db.Querier) (err error) {
		if t, err = q.InsertTeam(ctx, db.InsertTeamParams{ID: id, Title: title}); err != nil {
			return err
		}
		if _, err := q.InsertTeamMember(ctx, db.InsertTeamMemberParams{TeamID: id, UserID: leader, IsLeader: true}); err != nil {
			return err
		}
		return auditTeam(ctx, q, by, "team.create", id, map[string]any{"title": title, "leader": leader})
	})
	if err != nil {
		return db.Team{}, err
	}
	return t, nil
}

// ChangeTeam has change write another title into a team, which nobody else changes meanwhile; sql.ErrNoRows: there is none. An
// error of change is given back. Where the title stays, nothing is written.
func (s *Store) ChangeTeam(ctx context.Context, by By, id uuid.UUID, change func(ctx context.Context, q db.Querier, t *db.Team) error) (db.Team, error) {
	var t db.Team
	err := s.inTx(ctx, func(q db.Querier) error {
		old, err := q.LockTeam(ctx, id)
		if err != nil {
			return err
		}
		t = old
		if err := change(ctx, q, &t); err != nil {
			return err
		}
		if t.Title == old.Title {
			return nil
		}
		if err := plain(t.Title); err != nil {
			return err
		}
		if t, err = q.UpdateTeam(ctx, db.UpdateTeamParams{ID: id, Title: t.Title}); err != nil {
			return err
		}
		return auditTeam(ctx, q, by, "team.change", id, map[string]any{"title": []string{old.Title, t.Title}})
	})
	if err != nil {
		return db.Team{}, err
	}
	return t, nil
}

// DeleteTeam deletes a team and its memberships, if may lets it; sql.ErrNoRows: there is none.
func (s *Store) DeleteTeam(ctx context.Context, by By, id uuid.UUID, may TeamCheck) error {
	return s.inTx(ctx, func(q db.Querier) error {
		t, err := lockTeam(ctx, q, id, may)
		if err != nil {
			return err
		}
		n, err := q.DeleteTeam(ctx, id)
		if err == nil && n == 0 {
			err = sql.ErrNoRows
		}
		if err != nil {
			return err
		}
		return auditTeam(ctx, q, by, "team.delete", id, map[string]any{"title": t.Title})
	})
}

// AddMember makes a living user a member of a team, if may lets it; sql.ErrNoRows: there is no such team or user. The error is a
// *TakenError where the user is one already, and a *LimitError where the team has MostMembers.
func (s *Store) AddMember(ctx context.Context, by By, team, user uuid.UUID, leader bool, may TeamCheck) (db.TeamMember, error) {
	var m db.TeamMember
	err := s.inTx(ctx, func(q db.Querier) (err error) {
		if _, err := lockTeam(ctx, q, team, may); err != nil {
			return err
		}
		if m, err = q.InsertTeamMember(ctx, db.InsertTeamMemberParams{TeamID: team, UserID: user, IsLeader: leader}); err != nil {
			return err
		}
		switch n, err := q.CountTeamMembers(ctx, team); {
		case err != nil:
			return err
		case n.Members > MostMembers:
			return &LimitError{Most: MostMembers}
		}
		if _, err := q.TouchTeam(ctx, team); err != nil {
			return err
		}
		return auditTeam(ctx, q, by, "team.add", team, map[string]any{"user": user, "leader": leader})
	})
	if err != nil {
		return db.TeamMember{}, taken(err)
	}
	return m, nil
}

// RemoveMember ends a membership, if may lets it; sql.ErrNoRows: there is none. The error is ErrLastLeader where nobody who lives
// would lead the team.
func (s *Store) RemoveMember(ctx context.Context, by By, team, user uuid.UUID, may TeamCheck) error {
	return s.inTx(ctx, func(q db.Querier) error {
		if _, err := lockTeam(ctx, q, team, may); err != nil {
			return err
		}
		m, err := q.DeleteTeamMember(ctx, db.DeleteTeamMemberParams{TeamID: team, UserID: user})
		if err != nil {
			return err
		}
		switch n, err := q.CountTeamMembers(ctx, team); {
		case err != nil:
			return err
		case m.IsLeader && n.Leaders == 0:
			return ErrLastLeader
		}
		if _, err := q.TouchTeam(ctx, team); err != nil {
			return err
		}
		return auditTeam(ctx, q, by, "team.remove", team, map[string]any{"user": user, "leader": m.IsLeader})
	})
}

// lockTeam has nobody else change a team until the transaction ends.
func lockTeam(ctx context.Context, q db.Querier, id uuid.UUID, may TeamCheck) (db.Team, error) {
	t, err := q.LockTeam(ctx, id)
	if err == nil && may != nil {
		err = may(ctx, q, t)
	}
	return t, err
}

func auditTeam(ctx context.Context, q db.Querier, by By, action string, id uuid.UUID, diff map[string]any) error {
	text, err := json.Marshal(diff)
	if err != nil {
		return fmt.Errorf("the diff of a team: %w", err)
	}
	return audit(ctx, q, by, action, "team:"+id.String(), text)
}
