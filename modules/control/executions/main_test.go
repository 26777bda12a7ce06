package executions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/scripts"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/blobs"
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
	blobs *blobs.Blobs
	dir   string
	// away says that the blobs cannot be reached.
	away bool
}

// both runs a test over a store of each engine that has users: root and boss, who are administrators, ann, ben and cid.
func both(t *testing.T, test func(t *testing.T, w *world), options ...func(*executions.Options)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := &world{dir: t.TempDir()}
		var err error
		w.blobs, err = blobs.Open(t.Context(), "", w.dir)
		must(t, err)
		t.Cleanup(func() { _ = w.blobs.Close() })
		open := func(context.Context) (*blobs.Blobs, error) {
			if w.away {
				return nil, errors.New("they are away")
			}
			return w.blobs, nil
		}
		w.Gateway = controltest.Open(t, dsn, func(g *controltest.Gateway) {
			o := executions.Options{Blobs: open, Rates: []executions.Rate{}, Live: live.New(g.Store, live.Options{})}
			t.Cleanup(o.Live.Close)
			for _, set := range options {
				set(&o)
			}
			one, err := executions.New(g.Store, o)
			must(t, err)
			uploaded, err := scripts.New(g.Store, scripts.Options{Blobs: open})
			must(t, err)
			ty := typed.New(g.API, "")
			uploaded.Register(g.API, ty)
			one.Register(g.API, ty)
		})
		w.User(t, "root", permit.Superadmin)
		w.User(t, "boss", permit.Admin)
		for _, name := range []string{"ann", "ben", "cid"} {
			w.User(t, name, permit.User)
		}
		test(t, w)
	})
}

// find gives a user by his name.
func (w *world) find(t testing.TB, name string) db.User {
	t.Helper()
	u, err := w.Store.FindUser(t.Context(), name+"@example.org")
	must(t, err)
	return u
}

// script makes a script of a user that has been built, with the JSON Schema of its parameters and its configuration.
func (w *world) script(t testing.TB, owner, slug, schema, configuration string) db.Script {
	t.Helper()
	s, err := w.Store.CreateScript(t.Context(), controltest.By(), queries.ScriptUpload{
		Slug: slug, Name: slug, User: w.find(t, owner).ID,
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
	made, err := w.Store.CreateExecution(t.Context(), queries.Limits{}, queries.NewExecution{Script: script, Version: 1, User: w.find(t, owner).ID, Params: []byte(`{"year":2026}`)})
	must(t, err)
	return made.Execution
}

// as is who asks.
func as(who string) controltest.As { return controltest.As(who) }

// send sends a body of a type, as it is, with headers.
func (w *world) send(t testing.TB, who controltest.As, method, target, kind, body string, header ...string) controltest.Answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if name, ok := strings.CutSuffix(string(who), ":"); ok {
		r.SetBasicAuth(name+"@example.org", name)
	} else if who != "" {
		r.Header.Set("Authorization", "Bearer "+string(who))
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	return w.Do(r)
}

// kept counts what lies among the blobs.
func (w *world) kept(t testing.TB) (n int) {
	t.Helper()
	must(t, filepath.WalkDir(w.dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	}))
	return n
}

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
