package integration_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestRetentionOfExecutions: executions stay as long as the configuration says nothing of them; when it does, what ended before that is gone after a reload, and
// its parameters from the place of the blobs.
func TestRetentionOfExecutions(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
		newTrend(t, dsn)
		const key = "params/old.json"
		now, place := time.Now(), t.TempDir()
		blob := filepath.Join(place, filepath.FromSlash(key))
		if err := errors.Join(os.Mkdir(filepath.Dir(blob), 0o700), os.WriteFile(blob, []byte("{}"), 0o600)); err != nil {
			t.Fatal(err)
		}
		cancelled := func(ago time.Duration, key string) uuid.UUID {
			t.Helper()
			store, err := queries.Open(t.Context(), queries.Config{DSN: dsn, Clock: func() time.Time { return now.Add(-ago) }})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			root, err := store.FindUser(t.Context(), "root@example.org")
			if err != nil {
				t.Fatal(err)
			}
			sc, err := store.Queries().GetScriptBySlug(t.Context(), "trend")
			if err != nil {
				t.Fatal(err)
			}
			e, err := store.CreateExecution(t.Context(), queries.Limits{}, queries.NewExecution{Script: sc.ID, Version: 1, User: root.ID, ParamsKey: key})
			if err == nil {
				_, err = store.Cancel(t.Context(), queries.By{Actor: "test"}, e.ID, "enough")
			}
			if err != nil {
				t.Fatal(err)
			}
			return e.ID
		}
		old, young := cancelled(72*time.Hour, key), cancelled(time.Hour, "")
		store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		there := func(id uuid.UUID) bool {
			t.Helper()
			var e db.Execution
			e, err := store.Queries().GetExecution(t.Context(), id)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				t.Fatal(err)
			}
			return e.ID == id
		}
		words := func(retention string) string {
			return runs(fmt.Sprintf("\t\trunner off\n\t\tblobs file://%s\n\t\texecutions {\n\t\t\t%s\n\t\t}", place, retention))
		}
		g := startGateway(t, words("retention 90d"), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		g.waitReady(t, `"ok"`)
		if err := g.reload(words("retention {\n\t\t\t\texecutions 48h\n\t\t\t}")); err != nil {
			t.Fatal(err)
		}
		if err := waitFor(func() error {
			if there(old) {
				return errors.New("it is there")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := waitFor(func() error {
			if _, err := os.Stat(blob); !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("the blob is there: %w", err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !there(young) {
			t.Error("what has just ended is gone")
		}
	})
}
