package queries

import (
	"encoding/json"

	"github.com/fairway-gateway/fairway/queries/rows"
)

// ListedHead is an execution without what may be long, with what it runs and whose it is.
type ListedHead struct {
	ExecutionHead
	ScriptName   string `db:"script_name"`
	ScriptSlug   string `db:"script_slug"`
	UserName     string `db:"user_name"`
	UserEmail    string `db:"user_email"`
	UserEmailKey string `db:"user_email_key"`
}

// ListedExecution is an execution with what it runs and whose it is.
type ListedExecution struct {
	ListedHead
	Params  json.RawMessage `db:"params"`
	Results json.RawMessage `db:"results"`
}

const listedExecutions = "(select executions.*, coalesce(scripts.name, '') as script_name, coalesce(scripts.slug, '') as script_slug, coalesce(users.name, '') as user_name, coalesce(users.email, '') as user_email, coalesce(users.email_key, '') as user_email_key from executions left join scripts on scripts.id = executions.script_id left join users on users.id = executions.user_id) e"

// ListedExecutions are those that are not deleted, for List.
func ListedExecutions() *rows.Table[ListedExecution] {
	return rows.NewTable[ListedExecution](listedExecutions, rows.NewColumn("id", rows.ID)).Where("deleted_at is null")
}

// ListedHeads are ListedExecutions without what may be long.
func ListedHeads() *rows.Table[ListedHead] {
	return rows.NewTable[ListedHead](listedExecutions, rows.NewColumn("id", rows.ID)).Where("deleted_at is null")
}
