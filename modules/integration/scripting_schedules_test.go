package integration_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSchedulesFromTheCommandLine makes a schedule, looks at it, changes, runs, pauses and resumes it, and deletes it.
func TestSchedulesFromTheCommandLine(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
	g := startScriptGateway(t, dsn)
	newUser(t, dsn, "bob@example.org", goodPassword, "USER")
	s, bob := userShell(t, "FAIRWAY_URL="+g.url), userShell(t, "FAIRWAY_URL="+g.url)
	s.wantSaid(t, 4, "fairway schedule: not logged in to "+g.url+": fairway login --url "+g.url, "schedule", "list")
	for who, shell := range map[string]dbShell{"ann@example.org": s, "bob@example.org": bob} {
		if c := shell.call(t, goodPassword+"\n", "login", "--email", who); c.code != 0 {
			t.Fatal(c)
		}
	}
	s.write(t, "greet.sh", "#!/bin/sh\necho hello\n")
	if c := s.call(t, "", "script", "publish", "greet.sh"); c.code != 0 {
		t.Fatal(c)
	}
	s.wantSaid(t, 0, `{"schedules":[]}`, "schedule", "list", "--json")
	s.wantSaid(t, 2, "fairway schedule: when it runs one of --cron, --every and --at says", "schedule", "create", "greet")
	s.wantSaid(t, 2, "fairway schedule: it is one of --cron, --every and --at, not --cron and --every", "schedule", "create", "greet", "--cron", "@daily", "--every", "1h")
	s.wantSaid(t, 2, "fairway schedule: cron: it names a day that never comes (400, request R)", "schedule", "create", "greet", "--cron", "0 0 30 2 *")
	s.wantSaid(t, 3, "fairway schedule: There is nothing of that name (404, request R)", "schedule", "create", "nothing", "--cron", "@daily")

	c := s.call(t, "", "schedule", "create", "greet", "n=1", "who=Ada", "--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--overlap", "queue", "--alert-failures", "3", "--paused", "--json")
	var made struct {
		ID, Name, Script, Cron, Zone, Overlap string
		Params                                map[string]any
		Paused                                bool
		Failures                              int `json:"alert_failures"`
	}
	if err := json.Unmarshal([]byte(c.out), &made); err != nil || c.code != 0 || made.Name == "" || made.Script != "greet" || made.Cron != "30 2 * * *" || made.Zone != "Europe/Berlin" || made.Overlap != "queue" ||
		!made.Paused || made.Failures != 3 || made.Params["n"] != 1.0 || made.Params["who"] != "Ada" {
		t.Fatalf("%v %+v", err, c)
	}
	if c := s.call(t, "", "schedule", "resume", made.ID); c.code != 0 || !strings.Contains(c.out, "schedule "+made.ID+" was resumed, due next at 20") {
		t.Errorf("%+v", c)
	}
	if c := s.call(t, "", "schedule", "change", made.ID, "who=null", "n=2", "--every", "6h", "--name", "often"); c.code != 0 || !strings.Contains(c.out, "schedule "+made.ID+" was changed, due next at 20") {
		t.Errorf("%+v", c)
	}
	if c := s.call(t, "", "schedule", "show", made.ID); c.code != 0 || !regexp.MustCompile(`(?m)^name: +often$`).MatchString(c.out) || !strings.Contains(c.out, `{"n":2}`) || !strings.Contains(c.out, "every 6h") {
		t.Errorf("%+v", c)
	}
	if c := s.call(t, "", "schedule", "list", "--script", "greet"); c.code != 0 || !strings.Contains(c.out, made.ID) || !strings.Contains(c.out, "every 6h") {
		t.Errorf("%+v", c)
	}
	if c := s.call(t, "", "schedule", "next", made.ID, "--count", "3"); c.code != 0 || strings.Count(c.out, "\n") != 3 {
		t.Errorf("%+v", c)
	}
	s.wantSaid(t, 2, "fairway schedule: --count is 1 to 100", "schedule", "next", made.ID, "--count", "0")
	if c := s.call(t, "", "schedule", "run", made.ID, "--follow"); c.code != 0 || !strings.Contains(c.err, "hello") {
		t.Errorf("%+v", c)
	}
	var history struct {
		History []struct{ Outcome, Status string }
	}
	c = s.call(t, "", "schedule", "history", made.ID, "--json")
	if err := json.Unmarshal([]byte(c.out), &history); err != nil || len(history.History) != 1 || history.History[0].Outcome != "FIRED" || history.History[0].Status != "FINISHED" {
		t.Errorf("%v %+v", err, c)
	}
	if c := s.call(t, "", "schedule", "history", made.ID); c.code != 0 || !strings.Contains(c.out, "somebody ran it") {
		t.Errorf("%+v", c)
	}
	s.wantSaid(t, 2, "fairway schedule: what is to be otherwise options say: --name, --cron, --overlap, …", "schedule", "change", made.ID)
	s.wantSaid(t, 0, "schedule ID was paused, it is not due", "schedule", "pause", made.ID)
	for _, what := range []string{"show", "pause", "resume", "delete", "run", "next", "history"} {
		if c := bob.call(t, "", "schedule", what, made.ID); c.code != 3 {
			t.Errorf("somebody else's: %s %+v", what, c)
		}
	}
	s.wantSaid(t, 0, "schedule ID was deleted", "schedule", "delete", made.ID)
	s.wantSaid(t, 3, "fairway schedule: There is nothing of that name (404, request R)", "schedule", "show", made.ID)
	if c := s.call(t, "", "__complete", "schedule", "create", "--overlap", ""); c.code != 0 || !strings.Contains(c.out, "replace") {
		t.Errorf("%+v", c)
	}
}
