package schedules_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/schedules"
	"github.com/fairway-gateway/fairway/modules/control/schedules/firing"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// world is the API of schedules over a store, with users whose passwords are their names: boss, who is an administrator, ann and ben.
type world struct {
	*controltest.Gateway
	planner *executions.Executions
}

func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := &world{}
		w.Gateway = controltest.Open(t, dsn, func(g *controltest.Gateway) {
			var err error
			hub := live.New(g.Store, live.Options{})
			t.Cleanup(hub.Close)
			w.planner, err = executions.New(g.Store, executions.Options{Live: hub, Blobs: func(context.Context) (*blobs.Blobs, error) { return nil, context.Canceled }})
			must(t, err)
			one, err := schedules.New(g.Store, schedules.Options{Planner: w.planner, Most: 5})
			must(t, err)
			one.Register(g.API, typed.New(g.API, ""))
		})
		w.User(t, "boss", permit.Admin)
		for _, name := range []string{"ann", "ben"} {
			w.User(t, name, permit.User)
		}
		test(t, w)
	})
}

// script makes a public one that is built, with a schema.
func (w *world) script(t testing.TB, slug, schema string) db.Script {
	t.Helper()
	sc, err := w.Store.CreateScript(t.Context(), controltest.By(), queries.ScriptUpload{Slug: slug, Name: slug, User: w.Find(t, "boss").ID, Version: w.version(schema)})
	must(t, err)
	w.build(t)
	_, err = w.Store.PublishScript(t.Context(), controltest.By(), sc.ID, true)
	must(t, err)
	return sc
}

func (w *world) version(schema string) queries.VersionUpload {
	return queries.VersionUpload{BlobKey: "k", BlobSHA256: make([]byte, 32), Parameters: []byte(schema), Configuration: []byte(`{"name":"x","timeout":"10m","retries":2}`)}
}

func (w *world) build(t testing.TB) {
	t.Helper()
	b, ok, err := w.Store.ClaimBuild(t.Context(), uuid.New(), time.Hour)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	must(t, w.Store.FinishBuild(t.Context(), b, queries.Built{OK: true}))
}

// fire fires what is due.
func (w *world) fire(t testing.TB) {
	t.Helper()
	must(t, firing.New(firing.Config{Store: w.Store, Planner: w.planner}).Step(t.Context()))
}

const (
	all    = "/api/v1/schedule"
	schema = `{"type":"object","properties":{"year":{"type":"integer"}},"required":["year"]}`
)

// schedule is one as it is answered.
type schedule struct {
	Data schedules.Schedule
}

// made makes a schedule.
func (w *world) made(t testing.TB, who controltest.As, body string) schedules.Schedule {
	t.Helper()
	var out schedule
	w.Want(t, who, "POST", all, body, 200).JSON(t, &out)
	return out.Data
}

func uuidOf(t testing.TB, text string) uuid.UUID {
	t.Helper()
	id, err := uuid.Parse(text)
	must(t, err)
	return id
}

// rowDue has a schedule be due at a time.
func rowDue(at time.Time) func(time.Time, *db.Schedule) error {
	return func(_ time.Time, n *db.Schedule) error {
		n.DueAt = &at
		return nil
	}
}

// auditOf holds for what the audit log has of a subject.
func auditOf(t testing.TB, subject string) rows.Condition {
	t.Helper()
	c, err := rows.Compare(rows.NewColumn("subject", rows.Text), rows.Equal, subject)
	must(t, err)
	return c
}
