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
		var made []string
		for range 2 {
			a := g.ask(t, request{
				method: http.MethodPost, path: "/api/v1/user", body: `{"email":"cid@example.org","name":"Cid"}`,
				header: http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"c1"}},
			})
			made = append(made, a.body)
			if a.status != http.StatusOK || made[0] != a.body || (a.header.Get("Idempotency-Replayed") == "true") != (len(made) == 2) {
				t.Errorf("%d %v %s", a.status, a.header, a.body)
			}
		}
		csv := g.ask(t, request{path: "/api/v1/user/export?sort=id", user: "root@example.org:correct horse battery"})
		if csv.status != http.StatusOK || strings.Count(csv.body, "\r\n") != 5 || !strings.HasPrefix(csv.header.Get("Content-Disposition"), `attachment; filename="users_export_`) {
			t.Errorf("%d %v %s", csv.status, csv.header, csv.body)
		}
	})
}
