package queries

import (
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// ListedScript is a script with whose it is.
type ListedScript struct {
	db.Script
	UserName     string `db:"user_name"`
	UserEmail    string `db:"user_email"`
	UserEmailKey string `db:"user_email_key"`
}

// ListedScripts are Scripts with whose they are, for List.
func ListedScripts() *rows.Table[ListedScript] {
	return rows.NewTable[ListedScript](
		"(select scripts.*, users.name as user_name, users.email as user_email, users.email_key as user_email_key from scripts join users on users.id = scripts.user_id) scripts",
		rows.NewColumn("id", rows.ID),
	).Where("deleted_at is null")
}

// ScriptNamed holds for the script with a name: its id, written as UUIDs are, or else its slug.
func ScriptNamed(name string) (rows.Condition, error) {
	if id, err := uuid.Parse(name); err == nil && len(name) == uuidLength {
		return rows.Compare(rows.NewColumn("id", rows.ID), rows.Equal, id)
	}
	return rows.Compare(rows.NewColumn("slug", rows.Word), rows.Equal, name)
}

// uuidLength is how long a UUID is as it is written, in characters.
const uuidLength = 36

// VersionRows are the versions of all scripts, for List.
func VersionRows() *rows.Table[db.ScriptVersion] {
	return rows.NewTable[db.ScriptVersion]("script_versions", rows.NewColumn("number", rows.Integer))
}

// VersionsOf holds for the versions of a script.
func VersionsOf(script uuid.UUID) (rows.Condition, error) {
	return rows.Compare(rows.NewColumn("script_id", rows.ID), rows.Equal, script)
}

// ScriptExecution is what of an execution is told beside its script.
type ScriptExecution struct {
	ID        uuid.UUID  `db:"id"`
	ScriptID  uuid.UUID  `db:"script_id"`
	UserID    uuid.UUID  `db:"user_id"`
	Status    string     `db:"status"`
	Progress  int64      `db:"progress"`
	CreatedAt time.Time  `db:"created_at"`
	StartedAt *time.Time `db:"started_at"`
	EndedAt   *time.Time `db:"ended_at"`
}

// ScriptExecutions are the living executions of all scripts, for List.
func ScriptExecutions() *rows.Table[ScriptExecution] {
	return rows.NewTable[ScriptExecution]("executions", rows.NewColumn("id", rows.ID)).Where("deleted_at is null")
}
