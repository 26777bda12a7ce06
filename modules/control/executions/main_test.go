package executions_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/scripts"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// engines are those of this package's tests.
var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

const (
	all  = "/api/v1/execution"
	base = all + "/"
)

// world is the API of scripts and executions over a store, with users whose passwords are their names.
type world struct {
	*controltest.Gateway
	blobs *controltest.Blobs
}

// both runs a test over a store of each engine that has users: root and boss, who are administrators, ann, ben and cid.
func both(t *testing.T, test func(t *testing.T, w *world), options ...func(*executions.Options)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := &world{blobs: controltest.NewBlobs(t)}
		w.Gateway = controltest.Open(t, dsn, func(g *controltest.Gateway) {
			o := executions.Options{Blobs: w.blobs.Open, Rates: []executions.Rate{}, Live: live.New(g.Store, live.Options{})}
			t.Cleanup(o.Live.Close)
			for _, set := range options {
				set(&o)
			}
			one, err := executions.New(g.Store, o)
			must(t, err)
			uploaded, err := scripts.New(g.Store, scripts.Options{Blobs: w.blobs.Open})
			must(t, err)
			ty := typed.New(g.API, "")
			uploaded.Register(g.API, ty)
			one.Register(g.API, ty)
		})
		w.People(t)
		test(t, w)
	})
}

// script makes a script of a user that has been built, with the JSON Schema of its parameters and its configuration.
func (w *world) script(t testing.TB, owner, slug, schema, configuration string) db.Script {
	t.Helper()
	s, err := w.Store.CreateScript(t.Context(), controltest.By(), queries.ScriptUpload{
		Slug: slug, Name: slug, User: w.Find(t, owner).ID,
		Version: queries.VersionUpload{BlobKey: "scripts/" + slug, BlobSHA256: make([]byte, 32), BlobSize: 1, Parameters: []byte(schema), Configuration: []byte(configuration)},
	})
	must(t, err)
	w.built(t, s.ID)
	return s
}

// built has the newest version of a script be built.
func (w *world) built(t testing.TB, script uuid.UUID) {
	t.Helper()
	for {
		b, ok, err := w.Store.ClaimBuild(t.Context(), uuid.New(), queries.DefaultLease)
		must(t, err)
		if !ok {
			t.Fatalf("%s waits for no builder", script)
		}
		must(t, w.Store.FinishBuild(t.Context(), b, queries.Built{OK: true}))
		if b.ScriptID == script {
			return
		}
	}
}

// ran makes an execution of a script for a user, as the store does.
func (w *world) ran(t testing.TB, owner string, script uuid.UUID) db.Execution {
	t.Helper()
	made, err := w.Store.CreateExecution(t.Context(), queries.Limits{}, queries.NewExecution{Script: script, Version: 1, User: w.Find(t, owner).ID, Params: []byte(`{"year":2026}`)})
	must(t, err)
	return made.Execution
}

// as is who asks.
func as(who string) controltest.As { return controltest.As(who) }

// execution is one as it is answered.
type execution struct {
	Data struct {
		ID, Status, Reason string
		Script             string  `json:"script_id"`
		User               string  `json:"user_id"`
		Start              string  `json:"start_date"`
		End                *string `json:"end_date"`
		Params, Results    json.RawMessage
		Progress, Priority int64
		Timeout            float64
		MaxAttempts        int64   `json:"max_attempts"`
		Version            int64   `json:"script_version"`
		RerunOf            *string `json:"rerun_of"`
		Plugin             bool    `json:"is_plugin_execution"`
		Deleted            bool
		ResultsSize        int64  `json:"results_size"`
		ResultsURL         string `json:"results_url"`
		Queue              *struct {
			Name          string
			Ahead, OfUser int64
		}
	}
}

// read reads an execution.
func read(t testing.TB, a controltest.Answer) (out execution) {
	t.Helper()
	a.JSON(t, &out)
	return out
}

// said is the sentence of a failure.
func said(t testing.TB, a controltest.Answer) string {
	t.Helper()
	var out struct{ Detail string }
	a.JSON(t, &out)
	return out.Detail
}

// token logs a user in.
func (w *world) token(t testing.TB, name string) controltest.As {
	t.Helper()
	var out struct {
		Token string `json:"access_token"`
	}
	w.Want(t, "", "POST", "/auth", fmt.Sprintf(`{"email":"%s@example.org","password":%q}`, name, name), 200).JSON(t, &out)
	return controltest.As(out.Token)
}

// path is that of an execution.
func path(e db.Execution, more string) string { return fmt.Sprint(base, e.ID, more) }
