package queries

import (
	_ "embed"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed role.sql
var roleSQL string

// RunnerRole is SQL for PostgreSQL that makes a role, if it is not there, and lets it do what runners do, and nothing else: it sees no password, no
// token, no secret and no letter. The owner of the store's tables runs it, after a gateway has made them, and again after each new version.
func RunnerRole(name string) string {
	quoted := pgx.Identifier{name}.Sanitize()
	literal := "'" + strings.ReplaceAll(name, "'", "''") + "'"
	return strings.NewReplacer(":role_name", literal, ":role", quoted).Replace(roleSQL)
}
