package hooks

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"unicode"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/modules/control/webhooks"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// mostEvent is how long the id of a message may be, in bytes.
const mostEvent = 256

// Delivered is what the sender of a message is told, each time the same.
type Delivered struct {
	ExecutionID string `json:"execution_id" format:"uuid"`
}

// delivered is the answer to a message.
type delivered struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true: the message came before"`
	Body     typed.Data[Delivered]
}

// deliver starts the script of a hook.
func (h *Hooks) deliver(ctx context.Context, in *struct {
	Hook      string `path:"hook" doc:"The id of a hook"`
	ID        string `header:"Webhook-Id" doc:"Names the message, which is taken once, in at most 256 characters without a dot"`
	Timestamp string `header:"Webhook-Timestamp" doc:"When it was signed, in seconds since 1970: five minutes from now at most"`
	Signature string `header:"Webhook-Signature" doc:"v1, and the HMAC-SHA256 of id.timestamp.body by the secret in base64; several with spaces between them"`
	RawBody   []byte
},
) (*delivered, error) {
	r := api.RequestIn(ctx)
	if r.Header.Get("Content-Encoding") != "" {
		return nil, api.Failure{Status: http.StatusUnsupportedMediaType, Detail: "What is signed is the body as it is sent: send it without Content-Encoding."}
	}
	hook, err := h.genuine(ctx, in.Hook, in.ID, in.Timestamp, in.Signature, in.RawBody)
	if err != nil {
		return nil, err
	}
	arrival := queries.Arrival{Origin: queries.OriginOfHook(hook.ID), User: hook.UserID, Event: in.ID}
	old, err := h.options.Starter.Known(ctx, arrival)
	if err == nil {
		return tell(queries.Created{Execution: old, Existing: true}), nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	params, err := paramsOf(hook, r.Header.Get("Content-Type"), in.RawBody)
	var made queries.Created
	if err == nil {
		made, err = h.options.Starter.Begin(ctx, executions.Order{Arrival: arrival, Script: hook.ScriptID.String(), Params: params, Request: r})
	}
	if err != nil {
		return nil, h.refuse(ctx, arrival, err)
	}
	return tell(made), nil
}

func tell(e queries.Created) *delivered {
	out := &delivered{Body: typed.Data[Delivered]{Data: Delivered{ExecutionID: e.ID.String()}}}
	if e.Existing {
		out.Replayed = "true"
	}
	return out
}

// genuine gives the hook that a message is for, if it was signed by one of its secrets a moment ago. Who shows no signature is not told whether
// there is such a hook.
func (h *Hooks) genuine(ctx context.Context, name, event, timestamp, signatures string, body []byte) (db.Hook, error) {
	no := api.Failure{Status: http.StatusUnauthorized, Detail: "The signature is not right, or too old."}
	id, err := idOf(name)
	if err != nil || event == "" || len(event) > mostEvent || strings.ContainsFunc(event, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		return db.Hook{}, no
	}
	hook, err := h.store.Hook(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return db.Hook{}, no
	}
	if err != nil {
		return db.Hook{}, err
	}
	now := h.store.Now()
	secrets := [][]byte{hook.Secret}
	if hook.OldUntil != nil && hook.OldUntil.After(now) {
		secrets = append(secrets, hook.OldSecret)
	}
	for _, sealed := range secrets {
		key, err := h.sealer.Open(hook.ID.String(), sealed)
		if err != nil {
			return db.Hook{}, fmt.Errorf("hook %s: %w", hook.ID, err)
		}
		if webhooks.Verify(key, event, timestamp, signatures, body, now) == nil {
			return hook, nil
		}
	}
	return db.Hook{}, no
}

// paramsOf are what the script of a hook is run with: the message's members, or the message as one parameter, and what the hook says, which
// wins. Of a CloudEvent the message is its data.
func paramsOf(hook db.Hook, kind string, text []byte) (json.RawMessage, error) {
	kind, _, _ = strings.Cut(kind, ";")
	if strings.EqualFold(strings.TrimSpace(kind), events.ContentType) {
		e, err := members(text)
		if err != nil {
			return nil, err
		}
		if text = e["data"]; text == nil {
			text = []byte("{}")
		}
	}
	fixed, err := members(hook.Params)
	if err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{}
	switch {
	case hook.BodyInto != "":
		if !json.Valid(text) {
			return nil, api.Failure{Status: http.StatusBadRequest, Detail: "The body must be JSON"}
		}
		if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
			if _, err := members(text); err != nil { // each once
				return nil, err
			}
		}
		out[hook.BodyInto] = text
	case len(bytes.TrimSpace(text)) > 0:
		if out, err = members(text); err != nil {
			return nil, err
		}
	}
	maps.Copy(out, fixed)
	return json.Marshal(out)
}

// refuse writes down why a message starts nothing, where it never will.
func (h *Hooks) refuse(ctx context.Context, a queries.Arrival, err error) error {
	why, never := executions.Never(err)
	if !never {
		return err
	}
	if failed := h.store.RefuseArrival(ctx, a, queries.ArrivalRefused, why); failed != nil {
		return failed
	}
	return err
}

// Interface guard.
var _ Starter = (*executions.Executions)(nil)
