package queries

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Scripts are the living scripts, for List.
func Scripts() *rows.Table[db.Script] {
	return rows.NewTable[db.Script]("scripts", rows.NewColumn("id", rows.ID)).Where("deleted_at is null")
}

// VisibleTo holds for the scripts that a user of a role may see who is no administrator: their own, those that are public and not
// restricted, and those that they or everybody of their role were given.
func VisibleTo(user uuid.UUID, role string) (rows.Condition, error) {
	var err error
	is := func(c rows.Column, value any) rows.Condition {
		made, e := rows.Compare(c, rows.Equal, value)
		if e != nil {
			err = e
		}
		return made
	}
	seen := rows.Any(
		is(rows.NewColumn("user_id", rows.ID), user),
		rows.All(is(rows.NewColumn("public", rows.Bool), true), is(rows.NewColumn("restricted", rows.Bool), false)),
		rows.Exists("script_users a where a.script_id = scripts.id", is(rows.NewColumn("a.user_id", rows.ID), user)),
		rows.Exists("script_roles a where a.script_id = scripts.id", is(rows.NewColumn("a.role", rows.Word), role)),
	)
	return seen, err
}

// MaySee says of a script what VisibleTo says of all.
func (s *Store) MaySee(ctx context.Context, sc db.Script, user uuid.UUID, role string) (bool, error) {
	if sc.UserID == user || sc.Public && !sc.Restricted {
		return true, nil
	}
	n, err := s.queries().CountScriptGrants(ctx, db.CountScriptGrantsParams{ScriptID: sc.ID, UserID: user, Role: role})
	return n > 0, err
}

const executionsOf = "executions e left join scripts s on s.id = e.script_id left join users u on u.id = e.user_id"

// Executions are those that are not deleted, e, with their scripts, s, and users, u, by whose columns they may be sorted out, for List.
func Executions() *rows.Table[db.Execution] {
	return rows.NewTable[db.Execution](executionsOf, rows.NewColumn("e.id", rows.ID)).Of("e").Where("e.deleted_at is null")
}

// ExecutionHead is what there is of an execution but for what may be long.
type ExecutionHead struct {
	ID                uuid.UUID  `db:"id"`
	ScriptID          *uuid.UUID `db:"script_id"`
	ScriptVersion     *int64     `db:"script_version"`
	UserID            *uuid.UUID `db:"user_id"`
	Status            string     `db:"status"`
	Reason            string     `db:"reason"`
	Progress          int64      `db:"progress"`
	ParamsKey         string     `db:"params_key"`
	ResultsKey        string     `db:"results_key"`
	ResultsSize       int64      `db:"results_size"`
	Queue             string     `db:"queue"`
	Priority          int64      `db:"priority"`
	Attempt           int64      `db:"attempt"`
	MaxAttempts       int64      `db:"max_attempts"`
	TimeoutMs         int64      `db:"timeout_ms"`
	IsPluginExecution bool       `db:"is_plugin_execution"`
	RerunOf           *uuid.UUID `db:"rerun_of"`
	LastLog           int64      `db:"last_log"`
	LogBytes          int64      `db:"log_bytes"`
	CreatedAt         time.Time  `db:"created_at"`
	QueuedAt          time.Time  `db:"queued_at"`
	DispatchedAt      *time.Time `db:"dispatched_at"`
	StartedAt         *time.Time `db:"started_at"`
	EndedAt           *time.Time `db:"ended_at"`
	UpdatedAt         time.Time  `db:"updated_at"`
	// Executor is gateway where a gateway fetches it for a Route of a Service, at AnswerAt its user finds what it gave; else empty.
	Executor string `db:"executor"`
	Service  string `db:"service"`
	Route    string `db:"route"`
	AnswerAt string `db:"answer_at"`
}

// ExecutionHeads are Executions without parameters and results, which may be long.
func ExecutionHeads() *rows.Table[ExecutionHead] {
	return rows.NewTable[ExecutionHead](executionsOf, rows.NewColumn("e.id", rows.ID)).Of("e").Where("e.deleted_at is null")
}

// StatusMoves are the moves of all executions, for List.
func StatusMoves() *rows.Table[db.StatusLog] {
	return rows.NewTable[db.StatusLog]("status_log", rows.NewColumn("id", rows.Integer))
}

// Runners are all runners, those that have gone lately as well, for List.
func Runners() *rows.Table[db.Runner] {
	return rows.NewTable[db.Runner]("runners", rows.NewColumn("id", rows.ID))
}

// ScriptVersion gives a version of a script; sql.ErrNoRows: there is none.
func (s *Store) ScriptVersion(ctx context.Context, script uuid.UUID, number int64) (db.ScriptVersion, error) {
	return s.queries().GetScriptVersion(ctx, db.GetScriptVersionParams{ScriptID: script, Number: number})
}

// ScriptVersions gives the versions of a script, the newest first, at most so many.
func (s *Store) ScriptVersions(ctx context.Context, script uuid.UUID, most int) ([]db.ScriptVersion, error) {
	return s.queries().ListScriptVersions(ctx, db.ListScriptVersionsParams{ScriptID: script, AtMost: int64(most)})
}

// Access says who may use a script, beside its owner and administrators.
type Access struct {
	// Restricted: nobody else but those below. If not, and it is public, everybody.
	Restricted, Public bool
	// Roles are those everybody of whom may, sorted; Users those who may, by id.
	Roles []string
	Users []uuid.UUID
}

// ScriptAccess says who may use a script; sql.ErrNoRows: there is no such script.
func (s *Store) ScriptAccess(ctx context.Context, id uuid.UUID) (Access, error) {
	sc, err := s.queries().GetScript(ctx, id)
	if err != nil {
		return Access{}, err
	}
	return accessOf(ctx, s.queries(), sc)
}

func accessOf(ctx context.Context, q db.Querier, sc db.Script) (Access, error) {
	roles, err := q.ListScriptRoles(ctx, sc.ID)
	if err != nil {
		return Access{}, err
	}
	users, err := q.ListScriptUsers(ctx, sc.ID)
	return Access{Restricted: sc.Restricted, Public: sc.Public, Roles: roles, Users: users}, err
}

// ChangeAccess has change write into who may use a script, which nobody else changes meanwhile. sql.ErrNoRows: there is no such script;
// a *MissingError: there is no such user. change must not use the store.
func (s *Store) ChangeAccess(ctx context.Context, by By, id uuid.UUID, change func(*Access) error) (Access, error) {
	var made Access
	_, err := s.alterScript(ctx, by, "script.change", id, func(q db.Querier, now time.Time, sc *db.Script) error {
		a, err := accessOf(ctx, q, *sc)
		if err != nil {
			return err
		}
		old := Access{a.Restricted, a.Public, slices.Clone(a.Roles), slices.Clone(a.Users)}
		if err := change(&a); err != nil {
			return err
		}
		sc.Restricted, sc.Public = a.Restricted, a.Public
		if err := writeAccess(ctx, q, now, id, a); err != nil {
			return err
		}
		if made, err = accessOf(ctx, q, *sc); err != nil {
			return err
		}
		diff, err := json.Marshal(map[string][]Access{"access": {old, made}})
		if err != nil {
			return err
		}
		return audit(ctx, q, by, "script.access", "script:"+id.String(), diff)
	})
	if err != nil {
		return Access{}, err
	}
	return made, nil
}

func writeAccess(ctx context.Context, q db.Querier, now time.Time, id uuid.UUID, a Access) error {
	if _, err := q.DeleteScriptRoles(ctx, id); err != nil {
		return err
	}
	if _, err := q.DeleteScriptUsers(ctx, id); err != nil {
		return err
	}
	for _, r := range a.Roles {
		if _, err := q.InsertScriptRole(ctx, db.InsertScriptRoleParams{ScriptID: id, Role: r, Now: now}); err != nil {
			return err
		}
	}
	for _, u := range a.Users {
		if _, err := q.GetLimit(ctx, u); err != nil { // of the living ones
			if errors.Is(err, sql.ErrNoRows) {
				err = &MissingError{Err: err}
			}
			return err
		}
		if _, err := q.InsertScriptUser(ctx, db.InsertScriptUserParams{ScriptID: id, UserID: u, Now: now}); err != nil {
			return err
		}
	}
	return nil
}
