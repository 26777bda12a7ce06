package executions

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/idempotency"
	"github.com/fairway-gateway/fairway/modules/control/programs"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

const (
	// mostBody is how long parameters may be, in bytes.
	mostBody = 5 << 20
	// mostKept is how long parameters and results may be that the store keeps, in bytes; longer ones become blobs.
	mostKept = 64 << 10
	// fullRetry is after what time somebody is told to come back for whom too much waits.
	fullRetry = 30 * time.Second
	// blobRetry is after what time who needs a blob that cannot be reached is told to come back.
	blobRetry = 2 * time.Second
	// plugin is the kind of program whose executions are the plugin's.
	plugin = "qgis_plugin"
)

// How are the headers by which who runs a script says how.
type How struct {
	Key      string `header:"Idempotency-Key" doc:"A text of the caller's: who asks again with the same one and the same request is given the execution that there is" example:"6f1c1a54"`
	Queue    string `header:"Fairway-Queue" doc:"Whose runners run it, where the script does not say that by its labels"`
	Priority string `header:"Fairway-Priority" doc:"-1000 to 1000; what has more comes first. Above 0 for administrators."`
	Timeout  string `header:"Fairway-Timeout" doc:"How long an attempt may run, 90s, 2h, or seconds: less than the script and the gateway say"`
	Retries  string `header:"Fairway-Retries" doc:"How often it is tried again if it fails, or its runner is lost: 0 to 10"`
}

// registerRuns has the operations handled that make executions.
func (x *Executions) registerRuns(t *typed.API) {
	about := "What it is run with is the query and the object of the body, which wins; the JSON Schema of the script says what that must be. "
	typed.Register(t, typed.Operation{
		ID: "execution.run", Summary: "Runs a script", Description: about, MaxBody: mostBody, Empty: true, Bodies: map[string]any{"application/json": map[string]any{}},
	}, func(ctx context.Context, in *struct {
		ScriptInPath
		How
		RawBody []byte
	},
	) (*made, error) {
		return x.run(ctx, in.RawBody)
	})
	typed.Register(t, typed.Operation{ID: "execution.run.get", Summary: "Runs a script with a query", Description: about + "With a Bearer token alone: a page of another site could have a browser send the password that it remembers."}, func(ctx context.Context, _ *struct {
		ScriptInPath
		How
	},
	) (*made, error) {
		return x.run(ctx, nil)
	})
	typed.Register(t, typed.Operation{
		ID: "execution.rerun", Summary: "Runs an execution again", Description: "The same version with the same parameters, for who asks for it; run as before, or as the headers say.",
	}, func(ctx context.Context, _ *struct {
		InPath
		How
		Version string `query:"version" doc:"Another version of the script, by its number" example:"2"`
	},
	) (*made, error) {
		return x.rerun(ctx)
	})
}

// ScriptInPath is what the path names.
type ScriptInPath struct {
	Script string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
}

// made is an execution that was asked for.
type made struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true: it was there before, by its Idempotency-Key"`
	Body     typed.Data[shownExecution]
}

func (x *Executions) run(ctx context.Context, body []byte) (*made, error) {
	c, r, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := harmless(r, c); err != nil {
		return nil, err
	}
	sc, ok := api.TargetIn(ctx).Value.(queries.ListedScript)
	if !ok {
		return nil, api.ErrNotFound
	}
	user, err := uuid.Parse(c.ID)
	if err != nil {
		return nil, api.ErrNotFound
	}
	w, err := wishesOf(r.Header, c.IsAdmin())
	if err != nil {
		return nil, err
	}
	key, sum := keyOf(w.key, "run", sc.ID.String(), r.URL.Query().Encode(), w.text(), string(body))
	if old, err := x.before(ctx, user, key, sum); old != nil || err != nil {
		return old, err
	}
	if sc.Status != queries.BuildSuccess {
		return nil, refused(fmt.Sprintf("Script with id %s is not BUILT", sc.ID))
	}
	version, err := x.store.ScriptVersion(ctx, sc.ID, sc.CurrentVersion)
	if err != nil {
		return nil, scriptFailure(err)
	}
	if err := x.rated(ctx, r, c); err != nil {
		return nil, err
	}
	params, err := parameters(r.URL.RawQuery, body, version.Parameters)
	if err != nil {
		return nil, err
	}
	if err := x.check(ctx, params, version.Parameters); err != nil {
		return nil, err
	}
	n, err := x.plan(ctx, version.Configuration, w)
	if err != nil {
		return nil, err
	}
	kind, _ := programs.Parse(r.Header.Get(programs.Header), "")
	n.Script, n.Version, n.User, n.Params, n.IsPlugin, n.Key, n.BodyHash = sc.ID, version.Number, user, params, kind.Type == plugin, key, sum
	return x.create(ctx, n)
}

// harmless refuses what would run a script without somebody's will: HEAD, which asks what GET would, and GET with a password, which a
// page of another site can have a browser send that remembers it.
func harmless(r *http.Request, c *callers.Caller) error {
	switch {
	case r.Method == http.MethodHead:
		return api.Failure{Status: http.StatusMethodNotAllowed, Detail: "Method Not Allowed", Header: http.Header{"Allow": {"GET, POST"}}}
	case r.Method == http.MethodGet && c.Token == nil:
		return api.Failure{Status: http.StatusForbidden, Detail: "GET runs a script with a Bearer token alone. Use POST with a password."}
	}
	return nil
}

// keyOf is what the store has of an idempotency key, and of what is asked for with it; nil: there is none.
func keyOf(key string, asked ...string) (name, sum []byte) {
	if key == "" {
		return nil, nil
	}
	of := func(parts ...string) []byte {
		h := sha256.New()
		for _, p := range parts {
			_, _ = fmt.Fprintf(h, "%d\x00%s", len(p), p) // to a hash
		}
		return h.Sum(nil)
	}
	return of("fairway execution", key), of(asked...)
}

// before gives the execution that was made with a key; nil: there is none.
func (x *Executions) before(ctx context.Context, user uuid.UUID, key, sum []byte) (*made, error) {
	if key == nil {
		return nil, nil
	}
	old, err := x.store.Queries().GetExecutionByKey(ctx, db.GetExecutionByKeyParams{UserID: &user, IdempotencyKey: key})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case string(old.BodyHash) != string(sum):
		return nil, &idempotency.MismatchError{}
	}
	return answerMade(queries.Created{Execution: old, Existing: true})
}

func answerMade(e queries.Created) (*made, error) {
	if e.DeletedAt != nil {
		return nil, api.Failure{Status: http.StatusConflict, Detail: "The execution of this Idempotency-Key was deleted."}
	}
	out := &made{Body: typed.Data[shownExecution]{Data: shownExecution{execution: show(listed(e.Execution))}}}
	if e.Existing {
		out.Replayed = "true"
	}
	return out, nil
}

// create makes an execution that a caller asks for.
func (x *Executions) create(ctx context.Context, n queries.NewExecution) (*made, error) {
	e, err := x.keep(ctx, n)
	if err != nil {
		return nil, err
	}
	return answerMade(e)
}

// keep makes an execution, within the limits.
func (x *Executions) keep(ctx context.Context, n queries.NewExecution) (_ queries.Created, err error) {
	if n.ID, err = uuid.NewV7(); err != nil {
		return queries.Created{}, err
	}
	written := false
	if params := n.Params; n.ParamsKey == "" && len(params) > mostKept {
		n.Params, n.ParamsKey, written = nil, "params/"+n.ID.String()+".json", true
		if err := x.write(ctx, n.ParamsKey, params); err != nil {
			return queries.Created{}, err
		}
	}
	e, err := x.store.CreateExecution(ctx, x.options.Limits, n)
	if written && (e.Existing || certain(err)) {
		x.forget(ctx, n.ParamsKey)
	}
	switch {
	case errors.Is(err, queries.ErrQueueFull):
		err = api.Failure{Status: http.StatusTooManyRequests, Type: problem.RateLimited, Detail: "As many executions of yours wait as may. Come back when some have ended.", RetryAfter: fullRetry}
	case errors.Is(err, queries.ErrKeyReused):
		err = &idempotency.MismatchError{}
	case err != nil:
		err = scriptFailure(err)
	}
	return e, err
}

// certain says of an error that nothing was made: of others it is not known, and what it would need stays.
func certain(err error) bool {
	_, missing := errors.AsType[*queries.MissingError](err)
	return missing || errors.Is(err, queries.ErrQueueFull) || errors.Is(err, queries.ErrKeyReused) || errors.Is(err, sql.ErrNoRows)
}

// scriptFailure is what a caller is told of a script that was deleted a moment ago.
func scriptFailure(err error) error {
	if _, missing := errors.AsType[*queries.MissingError](err); missing || errors.Is(err, sql.ErrNoRows) {
		return api.ErrNotFound
	}
	return failure(err)
}
