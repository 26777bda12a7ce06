package integration_test

import (
	"fmt"
	"net/http"
	"testing"
)

const scriptsPage = "docs/scripts.md"

// TestScriptsPage executes the page with each engine, command after command.
func TestScriptsPage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
		g := startGateway(t, withoutRunner(withStore("\tcontrol")), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		for _, one := range [][3]string{{"Ann", "ann", "Correct-Horse-1"}} {
			if a := g.ask(t, request{
				method: http.MethodPost, path: "/api/v1/user", user: "root@example.org:correct horse battery", header: http.Header{"Content-Type": {"application/json"}},
				body: fmt.Sprintf(`{"first_name":%q,"last_name":"Example","email":"%s@example.org","password":%q}`, one[0], one[1], one[2]),
			}); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		if asked := runPage(t, g, scriptsPage); asked < 12 {
			t.Errorf("%d commands were executed", asked)
		}
	})
}
