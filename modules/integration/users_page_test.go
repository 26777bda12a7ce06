package integration_test

import (
	"net/http"
	"strings"
	"testing"
)

const usersPage = "docs/users.md"

// TestUsersPage executes the page with each engine, command after command.
func TestUsersPage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
		g := startGateway(t, withStore("\tcontrol"), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		if asked := runPage(t, g, usersPage); asked < 17 {
			t.Errorf("%d commands were executed", asked)
		}
		csv := g.ask(t, request{path: "/api/v1/user/export?sort=id", user: "root@example.org:correct horse battery"})
		if csv.status != http.StatusOK || strings.Count(csv.body, "\r\n") != 4 || !strings.HasPrefix(csv.header.Get("Content-Disposition"), `attachment; filename="users_export_`) {
			t.Errorf("%d %v %s", csv.status, csv.header, csv.body)
		}
	})
}
