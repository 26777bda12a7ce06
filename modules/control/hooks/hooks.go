// Package hooks has others start scripts: by a webhook that comes in, signed as Standard Webhooks says. A hook is a user's, for a script that
// the user may run; whoever has its secret starts that as this user, and nothing else.
package hooks

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/modules/control/webhooks"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

const (
	// about is what secrets are sealed for.
	about = "hook"
	// usualMost is how many hooks a user has.
	usualMost = 20
	// mostListed is how many an administrator is shown, and how many arrivals.
	mostListed = 1000
	// mostBody is how long a message may be, in bytes.
	mostBody = 1 << 20
	// overlap is how long the secret before holds that was replaced.
	overlap = 24 * time.Hour
)

// Starter runs what events ask for. *executions.Executions does.
type Starter interface {
	Begin(ctx context.Context, o executions.Order) (queries.Created, error)
	Known(ctx context.Context, a queries.Arrival) (db.Execution, error)
	MayRun(ctx context.Context, user uuid.UUID, name string) (db.Script, error)
}

// Options are what Hooks work with.
type Options struct {
	// Keys of 32 bytes: the first seals secrets in the store, any opens them. Required.
	Keys [][]byte
	// Starter runs scripts. Required.
	Starter Starter
	// PublicURL is where the gateway is reached. Default: the addresses of hooks are paths.
	PublicURL string
	// Most is how many hooks a user has. Default 20.
	Most int
	// Logger is told of what fails that is no sender's fault. Default none.
	Logger *slog.Logger
}

// Hooks has the handlers of hooks. It is used concurrently.
type Hooks struct {
	store   *queries.Store
	options Options
	sealer  *webhooks.Sealer
}

// New makes Hooks over an open store.
func New(store *queries.Store, o Options) (*Hooks, error) {
	o.Most, o.Logger = cmp.Or(o.Most, usualMost), cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	sealer, err := webhooks.NewSealer(about, o.Keys)
	return &Hooks{store: store, options: o, sealer: sealer}, err
}

// Register has the operations of hooks handled, and {hook} looked up by a.
func (h *Hooks) Register(a *api.API, t *typed.API) {
	a.Resolve("hook", h.resolve)
	typed.Register(t, typed.Operation{ID: "hook.list", Summary: "Hooks", Description: "The caller's own; those of all for administrators, at most 1000."}, h.list)
	typed.Register(t, typed.Operation{
		ID: "hook.create", Summary: "Has others start a script", Description: "The answer has the secret, which is shown once: by it the sender signs, as Standard Webhooks says.",
		Bodies: map[string]any{"application/json": NewHook{}},
	}, h.create)
	typed.Register(t, typed.Operation{ID: "hook.get", Summary: "A hook"}, h.get)
	typed.Register(t, typed.Operation{ID: "hook.rotate", Summary: "Gives a hook another secret", Description: "The answer has it, this once. The one before holds for 24 hours still, or with now=true no more.", Empty: true}, h.rotate)
	typed.Register(t, typed.Operation{ID: "hook.delete", Summary: "Deletes a hook", Description: "What it has started goes on."}, h.remove)
	typed.Register(t, typed.Operation{ID: "hook.history", Summary: "What a hook has brought", Description: "The newest first, at most 1000, of 90 days."}, h.history)
	typed.Register(t, typed.Operation{ID: "arrival.list", Summary: "Events that arrived", Description: "And what became of each: those for the caller; those for all for administrators. The newest first, at most 1000, of 90 days."}, h.arrivals)
	typed.Register(t, typed.Operation{
		ID: "hook.deliver", Summary: "Starts the script of a hook", Status: http.StatusAccepted, MaxBody: mostBody, Empty: true, Bodies: map[string]any{"application/json": map[string]any{}},
		Description: "For who has the hook's secret. A message that is sent again is answered as before, and starts nothing.",
	}, h.deliver)
}

// NewHook is what a hook is made of.
type NewHook struct {
	Script string          `json:"script" required:"true" maxLength:"256" doc:"The id or the slug of what is run" example:"land-productivity"`
	Name   string          `json:"name,omitempty" maxLength:"256" doc:"For people. Default: the slug"`
	Params json.RawMessage `json:"params,omitempty" doc:"Parameters that no message changes"`
	Into   string          `json:"into,omitempty" maxLength:"256" doc:"The name of the parameter that a message becomes as a whole. Default: its members are the parameters" example:"event"`
}

// Hook is a hook as callers see it.
type Hook struct {
	ID       string          `json:"id" format:"uuid"`
	UserID   string          `json:"user_id" format:"uuid" doc:"As whom the script is run"`
	ScriptID string          `json:"script_id" format:"uuid"`
	Name     string          `json:"name"`
	Params   json.RawMessage `json:"params" doc:"Parameters that no message changes"`
	Into     string          `json:"into" doc:"The name of the parameter that a message becomes as a whole; empty: its members are the parameters"`
	URL      string          `json:"url" doc:"Where messages are sent, by POST"`
	// Secret is there in the answer of who made it alone.
	Secret string `json:"secret,omitempty" doc:"Shown once, when it is made"`
	// OldUntil is there as long as it is so.
	OldUntil  *string `json:"old_secret_until" format:"date-time" doc:"Until when the secret before holds, too"`
	CreatedAt string  `json:"created_at" format:"date-time"`
	UpdatedAt string  `json:"updated_at" format:"date-time"`
}

// Arrival is an event that arrived, and what became of it.
type Arrival struct {
	ID          string  `json:"id" format:"uuid"`
	At          string  `json:"at" format:"date-time"`
	Origin      string  `json:"origin" doc:"hook:<id>, or on:<name>"`
	UserID      *string `json:"user_id" format:"uuid" doc:"As whom it was to run"`
	Event       string  `json:"event" doc:"The webhook-id, or the source and the id of a CloudEvent"`
	Outcome     string  `json:"outcome" enum:"STARTED,REFUSED,SKIPPED"`
	Reason      string  `json:"reason" doc:"Why nothing was started"`
	ExecutionID *string `json:"execution_id" format:"uuid"`
}

type inPath struct {
	Hook string `path:"hook" format:"uuid" doc:"The id of a hook"`
}

// idOf reads an id as it is written.
func idOf(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(uuid.UUID{}.String()) {
		return uuid.Nil, api.ErrNotFound
	}
	return id, nil
}

// resolve gives the hook of an id.
func (h *Hooks) resolve(ctx context.Context, value string, _ *callers.Caller) (api.Target, error) {
	id, err := idOf(value)
	if err != nil {
		return api.Target{}, err
	}
	hook, err := h.store.Hook(ctx, id)
	if err != nil {
		return api.Target{}, failure(err)
	}
	return api.Target{Object: permit.Object{Owners: []string{hook.UserID.String()}}, Value: hook}, nil
}

// me is who calls, a user, and whose things are shown: uuid.Nil, those of all.
func me(ctx context.Context) (user, shown uuid.UUID, err error) {
	c, user, err := api.UserIn(ctx)
	if err != nil {
		return uuid.Nil, uuid.Nil, err
	}
	if c.IsAdmin() {
		return user, uuid.Nil, nil
	}
	return user, user, nil
}

// failure makes what a caller is told of an error.
func failure(err error) error {
	_, gone := errors.AsType[*queries.MissingError](err)
	switch {
	case gone || errors.Is(err, sql.ErrNoRows): // it was deleted a moment ago
		return api.ErrNotFound
	case errors.Is(err, queries.ErrConflict):
		return api.Failure{Status: http.StatusConflict, Detail: "It was changed meanwhile."}
	}
	return err
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func idText(id *uuid.UUID) *string {
	if id == nil {
		return nil
	}
	text := id.String()
	return &text
}

// show is a hook as callers see it.
func (h *Hooks) show(hook db.Hook) Hook {
	out := Hook{
		ID: hook.ID.String(), UserID: hook.UserID.String(), ScriptID: hook.ScriptID.String(), Name: hook.Name, Params: hook.Params, Into: hook.BodyInto,
		URL: h.options.PublicURL + "/api/v1/hook/" + hook.ID.String() + "/message", CreatedAt: instant(hook.CreatedAt), UpdatedAt: instant(hook.UpdatedAt),
	}
	if hook.OldUntil != nil && hook.OldUntil.After(h.store.Now()) {
		text := instant(*hook.OldUntil)
		out.OldUntil = &text
	}
	return out
}
