package webhooks

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

const (
	// mostListed is how many an administrator is shown, and how many letters.
	mostListed = 1000
)

// Register has the operations of webhooks handled, and {webhook} looked up by a.
func (w *Webhooks) Register(a *api.API, t *typed.API) {
	a.Resolve("webhook", w.resolve)
	typed.Register(t, typed.Operation{ID: "webhook.list", Summary: "Webhooks", Description: "The caller's own; those of all for administrators, at most 1000."}, w.list)
	typed.Register(t, typed.Operation{
		ID: "webhook.create", Summary: "Has events go to an address", Description: "The answer has the secret, which is shown once: by it the receiver checks the signature of Standard Webhooks.",
		Bodies: map[string]any{"application/json": NewWebhook{}},
	}, w.create)
	typed.Register(t, typed.Operation{ID: "webhook.get", Summary: "A webhook", Description: "With how it fares."}, w.get)
	typed.Register(t, typed.Operation{
		ID: "webhook.change", Summary: "Changes a webhook", Description: "An object is laid over it, an array has the operations of RFC 6902. active: true has one go on that was disabled.",
		Bodies: map[string]any{"application/json": WebhookSettings{}, patch.MergeType: WebhookSettings{}, patch.OperationsType: []typed.PatchOperation{}},
	}, w.change)
	typed.Register(t, typed.Operation{ID: "webhook.delete", Summary: "Deletes a webhook", Description: "With what is on its way to it."}, w.remove)
	typed.Register(t, typed.Operation{ID: "webhook.dead", Summary: "What could not be sent to a webhook", Description: "The oldest first, at most 1000. It is kept for 30 days."}, w.dead)
	typed.Register(t, typed.Operation{ID: "webhook.retry", Summary: "Sends again what could not be sent", Description: "All of it, or some by their ids.", Bodies: map[string]any{"application/json": Retry{}}}, w.retry)
}

// NewWebhook is what a webhook is made of.
type NewWebhook struct {
	URL   string   `json:"url" required:"true" maxLength:"2000" doc:"Where events are sent, by POST" example:"https://example.org/events"`
	Types []string `json:"types,omitempty" maxItems:"50" doc:"Types of events, as fairway.execution.finished or fairway.execution.*. Default: all"`
	All   bool     `json:"all,omitempty" doc:"Events of all users, for administrators. Default: the caller's own"`
}

// WebhookSettings are what can be changed of a webhook.
type WebhookSettings struct {
	URL    string   `json:"url" maxLength:"2000" doc:"Where events are sent, by POST"`
	Types  []string `json:"types" maxItems:"50" doc:"Types of events; none: all"`
	All    bool     `json:"all" doc:"Events of all users, for administrators"`
	Active bool     `json:"active" doc:"Whether it gets events"`
}

// Retry is what is to be sent again.
type Retry struct {
	IDs []string `json:"ids,omitempty" maxItems:"1000" doc:"Those of what could not be sent. Default: all of it"`
}

// Webhook is a webhook as callers see it.
type Webhook struct {
	ID     string   `json:"id" format:"uuid"`
	UserID string   `json:"user_id" format:"uuid"`
	URL    string   `json:"url"`
	Types  []string `json:"types" doc:"Empty: all"`
	All    bool     `json:"all"`
	Active bool     `json:"active"`
	Reason string   `json:"reason" doc:"Why it gets no events"`
	// Secret is there in the answer of who made it alone.
	Secret    string `json:"secret,omitempty" doc:"Shown once, when it is made"`
	CreatedAt string `json:"created_at" format:"date-time"`
	UpdatedAt string `json:"updated_at" format:"date-time"`
	// State is there of one.
	State *WebhookState `json:"state,omitempty"`
}

// WebhookState is how a webhook fares.
type WebhookState struct {
	Waiting      int64   `json:"waiting" doc:"Events on their way to it"`
	Dead         int64   `json:"dead" doc:"Events that could not be sent"`
	Failures     int     `json:"failures" doc:"How many attempts failed since one did not"`
	FailingSince *string `json:"failing_since" format:"date-time"`
	PausedUntil  *string `json:"paused_until" format:"date-time" doc:"Until when nothing is sent to it"`
}

// DeadEvent is an event that could not be sent.
type DeadEvent struct {
	ID       string            `json:"id" format:"uuid" doc:"By which it is sent again"`
	Event    events.CloudEvent `json:"event"`
	Attempts int               `json:"attempts"`
	Reason   string            `json:"reason" doc:"Why the last attempt failed"`
	DeadAt   string            `json:"dead_at" format:"date-time"`
}

// Retried is how many are sent again.
type Retried struct {
	Retried int `json:"retried"`
}

type inPath struct {
	Webhook string `path:"webhook" format:"uuid" doc:"The id of a webhook"`
}

// resolve gives the webhook of an id.
func (w *Webhooks) resolve(ctx context.Context, value string, _ *callers.Caller) (api.Target, error) {
	id, err := uuid.Parse(value)
	if err != nil || len(value) != len(uuid.UUID{}.String()) {
		return api.Target{}, api.ErrNotFound
	}
	hook, err := w.store.Webhook(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return api.Target{}, api.ErrNotFound
	}
	if err != nil {
		return api.Target{}, err
	}
	return api.Target{Object: permit.Object{Owners: []string{hook.UserID.String()}}, Value: hook}, nil
}

func wrong(name, text string) error {
	return api.Failure{Status: http.StatusBadRequest, Detail: name + ": " + text, Messages: map[string][]string{name: {text}}}
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func moment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := instant(t)
	return &text
}

// show is a webhook as callers see it.
func show(hook db.Webhook) (Webhook, error) {
	types, err := typesOf(hook)
	if err != nil {
		return Webhook{}, err
	}
	return Webhook{
		ID: hook.ID.String(), UserID: hook.UserID.String(), URL: hook.Url, Types: append([]string{}, types...), All: hook.Everything, Active: hook.Disabled == "", Reason: hook.Disabled,
		CreatedAt: instant(hook.CreatedAt), UpdatedAt: instant(hook.UpdatedAt),
	}, nil
}

func (w *Webhooks) list(ctx context.Context, _ *struct{}) (*typed.Answer[[]Webhook], error) {
	c, user, err := api.UserIn(ctx)
	if err != nil {
		return nil, err
	}
	if c.IsAdmin() {
		user = uuid.Nil
	}
	all, err := w.store.Webhooks(ctx, user, mostListed)
	if err != nil {
		return nil, err
	}
	out := make([]Webhook, len(all))
	for i, hook := range all {
		if out[i], err = show(hook); err != nil {
			return nil, err
		}
	}
	return typed.Of(out), nil
}

func (w *Webhooks) create(ctx context.Context, in *struct {
	RawBody []byte
	Body    NewWebhook
},
) (*answer, error) {
	if err := only(in.RawBody, "url", "types", "all"); err != nil {
		return nil, err
	}
	c, user, err := api.UserIn(ctx)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	hook := db.Webhook{ID: id, UserID: user}
	if err := w.write(&hook, WebhookSettings{URL: in.Body.URL, Types: in.Body.Types, All: in.Body.All, Active: true}, []string{"url", "types", "all"}, c.IsAdmin()); err != nil {
		return nil, err
	}
	var secret string
	hook.Secret, secret = w.sealer.Fresh(id.String())
	made, err := w.store.CreateWebhook(ctx, api.By(api.RequestIn(ctx)), hook, w.cfg.Most)
	if errors.Is(err, queries.ErrTooManyWebhooks) {
		return nil, api.Failure{Status: http.StatusConflict, Detail: "You have as many webhooks as may be. Delete one that is not needed any more."}
	}
	if err != nil {
		return nil, failure(err)
	}
	out, err := show(made)
	out.Secret = secret
	return &answer{ETag: patch.Tag(made.Version), Body: typed.Data[Webhook]{Data: out}}, err
}

// answer is a webhook in the envelope.
type answer struct {
	ETag string `header:"ETag" doc:"For If-Match of a change"`
	Body typed.Data[Webhook]
}

func (w *Webhooks) get(ctx context.Context, _ *inPath) (*answer, error) {
	hook, err := api.Found[db.Webhook](ctx)
	if err != nil {
		return nil, err
	}
	return w.answer(ctx, hook)
}

// answer is a webhook with how it fares.
func (w *Webhooks) answer(ctx context.Context, hook db.Webhook) (*answer, error) {
	out, err := show(hook)
	if err != nil {
		return nil, err
	}
	lane := queries.LaneOfWebhook(hook.ID)
	var state WebhookState
	if state.Waiting, state.Dead, err = w.store.CountLane(ctx, lane); err != nil {
		return nil, err
	}
	fares, err := w.store.Lane(ctx, lane)
	state.Failures, state.FailingSince, state.PausedUntil = fares.Failures, moment(fares.Since), moment(fares.Paused)
	out.State = &state
	text, marshals := json.Marshal(out) //nolint:gosec // the secret is shown when it is made alone, and is not here
	return &answer{ETag: patch.TagOf(hook.Version, text), Body: typed.Data[Webhook]{Data: out}}, errors.Join(err, marshals)
}

func (w *Webhooks) remove(ctx context.Context, _ *inPath) (*typed.Answer[Webhook], error) {
	hook, err := api.Found[db.Webhook](ctx)
	if err != nil {
		return nil, err
	}
	if err := w.store.DeleteWebhook(ctx, api.By(api.RequestIn(ctx)), hook.ID); err != nil {
		return nil, failure(err)
	}
	out, err := show(hook)
	return typed.Of(out), err
}

func (w *Webhooks) dead(ctx context.Context, _ *inPath) (*typed.Answer[[]DeadEvent], error) {
	hook, err := api.Found[db.Webhook](ctx)
	if err != nil {
		return nil, err
	}
	letters, err := w.store.DeadOfLane(ctx, queries.LaneOfWebhook(hook.ID), mostListed)
	if err != nil {
		return nil, err
	}
	out := make([]DeadEvent, len(letters))
	for i, l := range letters {
		var of sent
		if err := json.Unmarshal(l.Payload, &of); err != nil {
			return nil, err
		}
		out[i] = DeadEvent{ID: l.ID.String(), Event: of.Event, Attempts: l.Attempts, Reason: l.Why, DeadAt: instant(l.Dead)}
	}
	return typed.Of(out), nil
}

func (w *Webhooks) retry(ctx context.Context, in *struct {
	inPath
	RawBody []byte
	Body    Retry
},
) (*typed.Answer[Retried], error) {
	if err := only(in.RawBody, "ids"); err != nil {
		return nil, err
	}
	hook, err := api.Found[db.Webhook](ctx)
	if err != nil {
		return nil, err
	}
	lane := queries.LaneOfWebhook(hook.ID)
	ids := make([]uuid.UUID, 0, len(in.Body.IDs))
	for _, text := range in.Body.IDs {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, wrong("ids", "they are ids of what could not be sent")
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		letters, err := w.store.DeadOfLane(ctx, lane, mostListed)
		if err != nil {
			return nil, err
		}
		for _, l := range letters {
			ids = append(ids, l.ID)
		}
	}
	var out Retried
	for _, id := range ids {
		ok, err := w.store.RetryOfLane(ctx, lane, id)
		if err != nil {
			return nil, err
		}
		if ok {
			out.Retried++
		}
	}
	return typed.Of(out), nil
}

// failure makes what a caller is told of an error.
func failure(err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows): // it was deleted a moment ago
		return api.ErrNotFound
	case errors.Is(err, queries.ErrConflict):
		return api.Failure{Status: http.StatusConflict, Detail: "It is being changed by others. Try again."}
	}
	if f, ok := accounts.Failure(err); ok {
		return f
	}
	return err
}
