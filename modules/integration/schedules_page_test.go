package integration_test

import "testing"

// TestSchedulesPage executes the page with each engine, command after command.
func TestSchedulesPage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
		newUser(t, dsn, "ann@example.org", "Correct-Horse-1", "USER")
		newTrend(t, dsn)
		g := startGateway(t, withoutRunner(withStore("\tcontrol")), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		if asked := runPage(t, g, "docs/schedules.md"); asked < 7 {
			t.Errorf("%d commands were executed", asked)
		}
	})
}
