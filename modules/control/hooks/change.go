package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// mostParams is how long fixed parameters may be, in bytes.
const mostParams = 64 << 10

func wrong(name, text string) error {
	return api.Failure{Status: http.StatusBadRequest, Detail: name + ": " + text, Messages: map[string][]string{name: {text}}}
}

// members reads the object of a body, strictly.
func members(raw []byte) (map[string]json.RawMessage, error) {
	out, err := body.Object(raw)
	if bad, ok := errors.AsType[*body.Error](err); ok {
		return nil, api.Failure{Status: bad.Status, Detail: bad.Detail}
	}
	return out, err
}

// only refuses a body that has other members than those that are known.
func only(raw []byte, known ...string) error {
	all, err := members(raw)
	if err != nil {
		return err
	}
	for name := range all {
		if !slices.Contains(known, name) {
			return api.Failure{Status: http.StatusBadRequest, Detail: fmt.Sprintf("there is no member %.50q: there are %s", name, strings.Join(known, ", "))}
		}
	}
	return nil
}

func unprintable(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// rowOf is the row of a new hook, but for its script.
func rowOf(n NewHook) (db.Hook, error) {
	out := db.Hook{Name: n.Name, BodyInto: n.Into, Params: json.RawMessage("{}")}
	if unprintable(n.Name) {
		return out, wrong("name", "it is one line of text")
	}
	if unprintable(n.Into) {
		return out, wrong("into", "it is the name of a parameter")
	}
	if text := bytes.TrimSpace(n.Params); len(text) > 0 && !bytes.Equal(text, []byte("null")) {
		params, err := members(text)
		if err != nil || len(text) > mostParams {
			return out, wrong("params", fmt.Sprintf("they are an object of at most %d bytes, each member once", mostParams))
		}
		if err := queries.CheckJSON(text); err != nil {
			return out, wrong("params", err.Error())
		}
		if _, both := params[n.Into]; both && n.Into != "" {
			return out, wrong("into", "the parameter has a value in params already")
		}
		out.Params = text
	}
	return out, nil
}

func (h *Hooks) create(ctx context.Context, in *struct {
	RawBody []byte
	Body    NewHook
},
) (*typed.Answer[Hook], error) {
	if err := only(in.RawBody, "script", "name", "params", "into"); err != nil {
		return nil, err
	}
	user, _, err := me(ctx)
	if err != nil {
		return nil, err
	}
	row, err := rowOf(in.Body)
	if err != nil {
		return nil, err
	}
	sc, err := h.options.Starter.MayRun(ctx, user, in.Body.Script)
	if f, ok := errors.AsType[api.Failure](err); ok && f.Status == http.StatusNotFound {
		return nil, wrong("script", "it is not there, or not for you")
	}
	if err != nil {
		return nil, failure(err)
	}
	if row.ID, err = uuid.NewV7(); err != nil {
		return nil, err
	}
	if row.UserID, row.ScriptID = user, sc.ID; row.Name == "" {
		row.Name = sc.Slug
	}
	var secret string
	row.Secret, secret = h.sealer.Fresh(row.ID.String())
	made, err := h.store.CreateHook(ctx, api.By(api.RequestIn(ctx)), row, h.options.Most)
	if errors.Is(err, queries.ErrTooManyHooks) {
		return nil, api.Failure{Status: http.StatusConflict, Detail: "You have as many hooks as may be. Delete one that is not needed any more."}
	}
	if err != nil {
		return nil, failure(err)
	}
	out := h.show(made)
	out.Secret = secret
	return typed.Of(out), nil
}

func (h *Hooks) rotate(ctx context.Context, in *struct {
	inPath
	Now bool `query:"now" doc:"The secret before holds no more"`
},
) (*typed.Answer[Hook], error) {
	hook, err := api.Found[db.Hook](ctx)
	if err != nil {
		return nil, err
	}
	holds := overlap
	if in.Now {
		holds = 0
	}
	sealed, secret := h.sealer.Fresh(hook.ID.String())
	changed, err := h.store.RotateHook(ctx, api.By(api.RequestIn(ctx)), hook.ID, sealed, holds)
	if err != nil {
		return nil, failure(err)
	}
	out := h.show(changed)
	out.Secret = secret
	return typed.Of(out), nil
}

func (h *Hooks) get(ctx context.Context, _ *inPath) (*typed.Answer[Hook], error) {
	hook, err := api.Found[db.Hook](ctx)
	if err != nil {
		return nil, err
	}
	return typed.Of(h.show(hook)), nil
}

func (h *Hooks) remove(ctx context.Context, _ *inPath) (*typed.Answer[Hook], error) {
	hook, err := api.Found[db.Hook](ctx)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteHook(ctx, api.By(api.RequestIn(ctx)), hook.ID); err != nil {
		return nil, failure(err)
	}
	return typed.Of(h.show(hook)), nil
}

func (h *Hooks) list(ctx context.Context, _ *struct{}) (*typed.Answer[[]Hook], error) {
	_, shown, err := me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := h.store.Hooks(ctx, shown, mostListed)
	if err != nil {
		return nil, err
	}
	out := make([]Hook, len(all))
	for i, one := range all {
		out[i] = h.show(one)
	}
	return typed.Of(out), nil
}

func (h *Hooks) history(ctx context.Context, _ *inPath) (*typed.Answer[[]Arrival], error) {
	hook, err := api.Found[db.Hook](ctx)
	if err != nil {
		return nil, err
	}
	all, err := h.store.ArrivalsFrom(ctx, queries.OriginOfHook(hook.ID), mostListed)
	return answered(all, err)
}

func (h *Hooks) arrivals(ctx context.Context, _ *struct{}) (*typed.Answer[[]Arrival], error) {
	_, shown, err := me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := h.store.Arrivals(ctx, shown, mostListed)
	return answered(all, err)
}

func answered(all []db.Arrival, err error) (*typed.Answer[[]Arrival], error) {
	if err != nil {
		return nil, err
	}
	out := make([]Arrival, len(all))
	for i, a := range all {
		out[i] = Arrival{ID: a.ID.String(), At: instant(a.At), Origin: a.Origin, UserID: idText(a.UserID), Event: a.Event, Outcome: a.Outcome, Reason: a.Reason, ExecutionID: idText(a.ExecutionID)}
	}
	return typed.Of(out), nil
}
