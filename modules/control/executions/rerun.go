package executions

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// rerun repeats an execution for who asks for it.
func (x *Executions) rerun(ctx context.Context) (*made, error) {
	c, r, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	head, err := found(ctx)
	if err != nil {
		return nil, err
	}
	user, err := uuid.Parse(c.ID)
	if err != nil {
		return nil, missing()
	}
	w, err := wishesOf(r.Header, c.IsAdmin())
	if err != nil {
		return nil, err
	}
	if head.ScriptVersion == nil {
		return nil, ofGateway("Ask the service again")
	}
	number, err := versionOf(r.URL.Query()["version"], *head.ScriptVersion)
	if err != nil {
		return nil, err
	}
	key, sum := keyOf(w.key, "rerun", head.ID.String(), strconv.FormatInt(number, 10), w.text())
	if old, err := x.before(ctx, user, key, sum); old != nil || err != nil {
		return old, err
	}
	e, err := x.store.Execution(ctx, head.ID)
	if err != nil {
		return nil, failure(err)
	}
	if e.ScriptID == nil || e.ScriptVersion == nil {
		return nil, ofGateway("Ask the service again")
	}
	version, err := x.runnable(ctx, c, user, *e.ScriptID, number)
	if err != nil {
		return nil, err
	}
	if err := x.rated(ctx, r, c); err != nil {
		return nil, err
	}
	if number != *e.ScriptVersion {
		params, err := x.params(ctx, e)
		if err != nil {
			return nil, err
		}
		if err := x.check(ctx, params, version.Parameters); err != nil {
			return nil, err
		}
	}
	n := queries.Again(e)
	n.User, n.Version, n.Key, n.BodyHash = user, number, key, sum
	if n.Timeout = min(n.Timeout, x.options.Timeout); !c.IsAdmin() {
		n.Priority = min(n.Priority, 0)
	}
	if w.saysHow() {
		how, err := x.plan(ctx, version.Configuration, w)
		if err != nil {
			return nil, err
		}
		n.Queue, n.Priority, n.Timeout, n.MaxAttempts, n.RetryOn, n.RetryDelay = how.Queue, how.Priority, how.Timeout, how.MaxAttempts, how.RetryOn, how.RetryDelay
	}
	return x.create(ctx, n)
}

// ofGateway is what is told of an execution that is no script's.
func ofGateway(instead string) error {
	return api.Failure{Status: http.StatusConflict, Detail: "A gateway fetches this for a route of a service, and no script runs. " + instead + "."}
}

// versionOf reads the number of a version.
func versionOf(said []string, otherwise int64) (int64, error) {
	if len(said) == 0 {
		return otherwise, nil
	}
	var n int64
	if err := json.Unmarshal([]byte(said[0]), &n); err != nil || n < 1 || len(said) > 1 {
		return 0, refused("version: it is a whole number from 1")
	}
	return n, nil
}

// runnable gives a version of a script that a caller may still run.
func (x *Executions) runnable(ctx context.Context, c *callers.Caller, user, script uuid.UUID, number int64) (db.ScriptVersion, error) {
	gone := api.Failure{Status: http.StatusNotFound, Detail: "The script is not there any more, or not for you."}
	sc, err := x.store.FindScript(ctx, script.String())
	if errors.Is(err, sql.ErrNoRows) {
		return db.ScriptVersion{}, gone
	}
	if err != nil {
		return db.ScriptVersion{}, err
	}
	if !c.IsAdmin() {
		may, err := x.store.MaySee(ctx, sc, user, c.Role)
		if err == nil && !may {
			err = gone
		}
		if err != nil {
			return db.ScriptVersion{}, err
		}
	}
	version, err := x.store.ScriptVersion(ctx, script, number)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return version, refused(fmt.Sprintf("version: the script has no version %d", number))
	case err != nil:
		return version, err
	case version.Status != queries.BuildSuccess:
		return version, refused(fmt.Sprintf("Script with id %s is not BUILT", script))
	}
	return version, nil
}
