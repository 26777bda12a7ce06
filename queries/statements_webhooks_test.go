package queries

import (
	"context"
	"errors"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// webhookSteps make a webhook of a user, change it and delete it.
func webhookSteps() []step {
	id, user := fresh(), fresh()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	one := func(all []db.Webhook, err error) (any, error) {
		for _, w := range all {
			if w.ID == id {
				return []any{w.Url, w.Types, w.Everything, w.Disabled, w.Version, w.CreatedAt.Equal(now)}, err
			}
		}
		return nil, errors.Join(err, errors.New("it is not there"))
	}
	fresh := []any{"https://x.org", "[]", true, "", int64(1), true}
	return []step{
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			u, err := q.InsertUser(ctx, db.InsertUserParams{ID: user, Email: user.String(), EmailKey: user.String(), Profile: []byte("{}"), Role: "ADMIN", IsActive: true})
			return u.ID == user, err
		}, true},
		{"InsertWebhook", func(ctx context.Context, q db.Querier) (any, error) {
			return q.InsertWebhook(ctx, db.InsertWebhookParams{ID: id, UserID: user, Url: "https://x.org", Types: "[]", Secret: []byte("s"), Everything: true, Now: now, Most: 1})
		}, int64(1)},
		{"GetWebhook", func(ctx context.Context, q db.Querier) (any, error) {
			w, err := q.GetWebhook(ctx, id)
			return one([]db.Webhook{w}, err)
		}, fresh},
		{"ListWebhooks", func(ctx context.Context, q db.Querier) (any, error) { return one(q.ListWebhooks(ctx, 100)) }, fresh},
		{"ListWebhooksOf", func(ctx context.Context, q db.Querier) (any, error) { return one(q.ListWebhooksOf(ctx, user)) }, fresh},
		{"ListLivingWebhooks", func(ctx context.Context, q db.Querier) (any, error) { return one(q.ListLivingWebhooks(ctx)) }, fresh},
		{"UpdateWebhook", func(ctx context.Context, q db.Querier) (any, error) {
			return q.UpdateWebhook(ctx, db.UpdateWebhookParams{ID: id, Version: 1, Url: "https://y.org", Types: "[]", Now: now})
		}, int64(1)},
		{"DisableWebhook", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DisableWebhook(ctx, db.DisableWebhookParams{ID: id, Disabled: "no", Now: now})
		}, int64(1)},
		{"DeleteWebhook", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteWebhook(ctx, id) }, int64(1)},
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			u, err := q.DeleteUser(ctx, user)
			return u.ID == user, err
		}, true},
	}
}
