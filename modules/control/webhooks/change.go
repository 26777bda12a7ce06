package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// rules are those of a patch of settings.
func rules() patch.Rules {
	r := patch.Rules{Fields: map[string]patch.Field{}}
	for _, name := range []string{"url", "types", "all", "active"} {
		r.Fields[name] = patch.Field{NotNull: true}
	}
	return r
}

// write has a row be what a caller wants. What is not otherwise than it was is not looked at: it may have been allowed then.
func (w *Webhooks) write(hook *db.Webhook, c WebhookSettings, changed []string, admin bool) error {
	if slices.Contains(changed, "url") {
		if err := w.checkURL(c.URL); err != nil {
			return wrong("url", err.Error())
		}
	}
	if err := events.Filter(c.Types).Check(); err != nil && slices.Contains(changed, "types") {
		return wrong("types", err.Error())
	}
	if c.All && slices.Contains(changed, "all") && !admin {
		return api.Failure{Status: http.StatusForbidden, Detail: "Only administrators are sent the events of all."}
	}
	text, err := json.Marshal(append([]string{}, c.Types...))
	if err != nil {
		return err
	}
	hook.Url, hook.Types, hook.Everything = c.URL, string(text), c.All
	switch {
	case c.Active:
		hook.Disabled = ""
	case hook.Disabled == "":
		hook.Disabled = "it was switched off"
	}
	return nil
}

// conditional is a change that is bound to what the webhook is.
type conditional struct {
	inPath
	IfMatch string `header:"If-Match" doc:"The ETag that the webhook must still have"`
}

// matches says whether a webhook is as the caller believes.
func matches(ctx context.Context, hook db.Webhook) error {
	return patch.IfMatch(patch.Tag(hook.Version), api.RequestIn(ctx).Header.Values("If-Match")...)
}

// mostTries is how often a change is made anew when somebody was faster.
const mostTries = 5

// errAsItWas says that a patch changes nothing.
var errAsItWas = errors.New("it is as it was") //nolint:gochecknoglobals // a sentinel

func (w *Webhooks) change(ctx context.Context, in *struct {
	conditional
	RawBody []byte
},
) (*answer, error) {
	hook, err := api.Found[db.Webhook](ctx)
	if err != nil {
		return nil, err
	}
	c, _, err := api.UserIn(ctx)
	if err != nil {
		return nil, err
	}
	p, err := patch.Parse(api.RequestIn(ctx).Header.Get("Content-Type"), in.RawBody, patch.Limits{})
	if err != nil {
		return nil, failure(err)
	}
	for try := 1; ; try++ {
		var as db.Webhook
		row, err := w.store.ChangeWebhook(ctx, api.By(api.RequestIn(ctx)), hook.ID, func(row *db.Webhook) error {
			if err := matches(ctx, *row); err != nil {
				return err
			}
			types, err := typesOf(*row)
			if err != nil {
				return err
			}
			was := WebhookSettings{URL: row.Url, Types: append([]string{}, types...), All: row.Everything, Active: row.Disabled == ""}
			to, changed, err := patch.To(ctx, p, was, rules())
			if err != nil {
				return err
			}
			if as = *row; len(changed) == 0 {
				return errAsItWas
			}
			return w.write(row, to, changed, c.IsAdmin())
		})
		switch {
		case errors.Is(err, errAsItWas):
			return w.answer(ctx, as)
		case errors.Is(err, queries.ErrConflict) && try < mostTries:
			continue
		case err != nil:
			return nil, failure(err)
		}
		return w.answer(ctx, row)
	}
}
