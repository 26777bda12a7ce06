package integration_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
)

const executionsPage = "docs/executions.md"

// TestExecutionsPage executes the page with each engine, command after command.
func TestExecutionsPage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
		for _, name := range []string{"ann", "ben"} {
			newUser(t, dsn, name+"@example.org", "Correct-Horse-1", "USER")
		}
		newTrend(t, dsn)
		g := startGateway(t, withoutRunner(withStore("\tcontrol")), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		if asked := runPage(t, g, executionsPage); asked < 12 {
			t.Errorf("%d commands were executed", asked)
		}
	})
}

// withoutRunner is a configuration whose gateway runs and builds nothing.
func withoutRunner(text string) string {
	return strings.Replace(text, "\t\tsecret", "\t\trunner off\n\t\tsecret", 1)
}

// newTrend makes the script of the page, which is public and built.
func newTrend(t *testing.T, dsn string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
	must(err)
	defer store.Close()
	var said json.RawMessage
	for _, f := range pageFences(t, executionsPage) {
		if f.language == "json" {
			said = json.RawMessage(f.text)
		}
	}
	var c struct{ Parameters json.RawMessage }
	must(json.Unmarshal(said, &c))
	root, err := store.FindUser(t.Context(), "root@example.org")
	must(err)
	by := queries.By{Actor: "test"}
	made, err := store.CreateScript(t.Context(), by, queries.ScriptUpload{Slug: "trend", Name: "trend", User: root.ID, Version: queries.VersionUpload{
		BlobKey: "scripts/trend", BlobSHA256: make([]byte, 32), BlobSize: 1, Configuration: said, Parameters: c.Parameters,
	}})
	must(err)
	_, err = store.PublishScript(t.Context(), by, made.ID, true)
	must(err)
	b, _, err := store.ClaimBuild(t.Context(), uuid.New(), queries.DefaultLease)
	must(err)
	must(store.FinishBuild(t.Context(), b, queries.Built{OK: true}))
}
