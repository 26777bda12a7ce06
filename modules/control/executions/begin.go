package executions

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Order is a script that is to be run for a user who does not call: an event asks for it.
type Order struct {
	// Arrival is the event, and whose the execution is. Of one origin each event makes one execution of a user's, however often it arrives.
	queries.Arrival
	// Script is the id or the slug of what is run: its newest version that is built.
	Script string
	// Params are an object.
	Params json.RawMessage
	// Request is by whom it came, for the rates of the user. Default: they do not count.
	Request *http.Request
}

// lookedBack is how many versions of a script are looked at for one that is built.
const lookedBack = 20

// Known gives the execution that an event has made before; sql.ErrNoRows: it has made none.
func (x *Executions) Known(ctx context.Context, a queries.Arrival) (db.Execution, error) {
	key, _ := keyOfEvent(a)
	return x.store.Queries().GetExecutionByKey(ctx, db.GetExecutionByKeyParams{UserID: &a.User, IdempotencyKey: key})
}

// Begin runs what an event asks for, or gives what it has made before. The execution, that the event arrived, and that it is not to be taken
// again are one transaction. An error that is an api.Failure of 400 to 499, but 429, will be the same the next time.
func (x *Executions) Begin(ctx context.Context, o Order) (queries.Created, error) {
	old, err := x.Known(ctx, o.Arrival)
	if !errors.Is(err, sql.ErrNoRows) {
		return queries.Created{Execution: old, Existing: true}, err
	}
	user, err := x.store.Queries().GetUser(ctx, o.User)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (user.DeletedAt != nil || !user.IsActive) {
		return queries.Created{}, api.Failure{Status: http.StatusForbidden, Detail: "Its user is not there any more, or may not log in."}
	}
	if err != nil {
		return queries.Created{}, err
	}
	sc, version, err := x.begins(ctx, user, o.Script)
	if err != nil {
		return queries.Created{}, err
	}
	if o.Request != nil {
		who := &callers.Caller{User: tokens.User{ID: user.ID.String(), Email: user.Email, Role: user.Role}}
		if err := x.rated(ctx, o.Request, who); err != nil {
			return queries.Created{}, err
		}
	}
	given, err := object(o.Params)
	if err != nil {
		return queries.Created{}, err
	}
	params, err := compact(given)
	if err != nil {
		return queries.Created{}, err
	}
	if err := queries.CheckJSON(params); err != nil {
		return queries.Created{}, refused("the parameters: " + err.Error())
	}
	if err := x.check(ctx, params, version.Parameters); err != nil {
		return queries.Created{}, err
	}
	n, err := x.plan(ctx, version.Configuration, wishes{retries: -1})
	if err != nil {
		return queries.Created{}, err
	}
	n.Script, n.Version, n.User, n.Params, n.Arrival = sc.ID, version.Number, user.ID, params, &o.Arrival
	n.Key, n.BodyHash = keyOfEvent(o.Arrival)
	return x.keep(ctx, n)
}

// keyOfEvent is that of the one execution of an event. What else comes with its id is the same event.
func keyOfEvent(a queries.Arrival) (key, sum []byte) {
	sum, key = keyOf("event", "fairway arrival", a.Origin, a.Event)
	return key, sum
}

// begins gives a script that a user may run, and its newest version that is built.
func (x *Executions) begins(ctx context.Context, user db.User, name string) (db.Script, db.ScriptVersion, error) {
	gone := api.Failure{Status: http.StatusNotFound, Detail: "The script is not there, or not for its user."}
	sc, err := x.store.FindScript(ctx, name)
	if errors.Is(err, sql.ErrNoRows) {
		err = gone
	}
	if err == nil && user.Role == "USER" {
		var may bool
		if may, err = x.store.MaySee(ctx, sc, user.ID, user.Role); err == nil && !may {
			err = gone
		}
	}
	if err != nil {
		return sc, db.ScriptVersion{}, err
	}
	for number := sc.CurrentVersion; number > max(0, sc.CurrentVersion-lookedBack); number-- {
		version, err := x.store.ScriptVersion(ctx, sc.ID, number)
		if err != nil || version.Status == queries.BuildSuccess {
			return sc, version, err
		}
	}
	return sc, db.ScriptVersion{}, api.Failure{Status: http.StatusConflict, Detail: fmt.Sprintf("Script with id %s is not BUILT", sc.ID)}
}

// MayRun says whether a user may run a script, and gives it: of an id or a slug. The error may be an api.Failure.
func (x *Executions) MayRun(ctx context.Context, user uuid.UUID, name string) (db.Script, error) {
	of, err := x.store.Queries().GetUser(ctx, user)
	if err != nil {
		return db.Script{}, err
	}
	sc, _, err := x.begins(ctx, of, name)
	if f, ok := errors.AsType[api.Failure](err); ok && f.Status == http.StatusConflict { // it may be built later
		err = nil
	}
	return sc, err
}

// Never says of an error of Begin that it will be the same the next time, and why.
func Never(err error) (why string, never bool) {
	f, ok := errors.AsType[api.Failure](err)
	if !ok || f.Status == http.StatusTooManyRequests || f.Status >= http.StatusInternalServerError {
		return "", false
	}
	return f.Detail, true
}
