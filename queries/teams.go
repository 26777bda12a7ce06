package queries

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

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

// RenameTeam gives a team another title; sql.ErrNoRows: there is none.
func (s *Store) RenameTeam(ctx context.Context, by By, id uuid.UUID, title string) (db.Team, error) {
	if err := plain(title); err != nil {
		return db.Team{}, err
	}
	var t db.Team
	err := s.inTx(ctx, func(q db.Querier) error {
		old, err := q.LockTeam(ctx, id)
		if err != nil {
			return err
		}
		if t, err = q.UpdateTeam(ctx, db.UpdateTeamParams{ID: id, Title: title}); err != nil {
			return err
		}
		return auditTeam(ctx, q, by, "team.change", id, map[string]any{"title": []string{old.Title, title}})
	})
	if err != nil {
		return db.Team{}, err
	}
	return t, nil
}

// DeleteTeam deletes a team and its memberships; sql.ErrNoRows: there is none.
func (s *Store) DeleteTeam(ctx context.Context, by By, id uuid.UUID) error {
	return s.inTx(ctx, func(q db.Querier) error {
		n, err := q.DeleteTeam(ctx, id)
		if err == nil && n == 0 {
			err = sql.ErrNoRows
		}
		if err != nil {
			return err
		}
		return auditTeam(ctx, q, by, "team.delete", id, map[string]any{})
	})
}

// AddMember makes a living user a member of a team; sql.ErrNoRows: there is no such team or user. The error is a *TakenError
// where the user is one already.
func (s *Store) AddMember(ctx context.Context, by By, team, user uuid.UUID, leader bool) (db.TeamMember, error) {
	var m db.TeamMember
	err := s.inTx(ctx, func(q db.Querier) (err error) {
		if m, err = q.InsertTeamMember(ctx, db.InsertTeamMemberParams{TeamID: team, UserID: user, IsLeader: leader}); err != nil {
			return err
		}
		return auditTeam(ctx, q, by, "team.add", team, map[string]any{"user": user, "leader": leader})
	})
	if err != nil {
		return db.TeamMember{}, taken(err)
	}
	return m, nil
}

// RemoveMember ends a membership; sql.ErrNoRows: there is none.
func (s *Store) RemoveMember(ctx context.Context, by By, team, user uuid.UUID) error {
	return s.inTx(ctx, func(q db.Querier) error {
		if _, err := q.DeleteTeamMember(ctx, db.DeleteTeamMemberParams{TeamID: team, UserID: user}); err != nil {
			return err
		}
		return auditTeam(ctx, q, by, "team.remove", team, map[string]any{"user": user})
	})
}

func auditTeam(ctx context.Context, q db.Querier, by By, action string, id uuid.UUID, diff map[string]any) error {
	text, err := json.Marshal(diff)
	if err != nil {
		return err
	}
	return audit(ctx, q, by, action, "team:"+id.String(), text)
}
