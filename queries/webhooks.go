package queries

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// ErrTooManyWebhooks says that a user has as many webhooks as may be.
var ErrTooManyWebhooks = errors.New("there are as many webhooks as may be")

// LaneOfWebhook is the lane of the letters that go to a webhook.
func LaneOfWebhook(id uuid.UUID) string { return "webhook:" + id.String() }

// CreateWebhook makes a webhook of a living user, who has less than most; its id and times are made. Its secret is sealed by who calls.
func (s *Store) CreateWebhook(ctx context.Context, by By, w db.Webhook, most int) (db.Webhook, error) {
	if err := plain(w.Url, w.Types); err != nil {
		return db.Webhook{}, err
	}
	w.CreatedAt, w.Version = s.clock.Now(), 1
	w.UpdatedAt = w.CreatedAt
	err := s.inTx(ctx, func(q db.Querier) error {
		if _, err := q.LockUser(ctx, w.UserID); err != nil { // whoever makes another for the user waits
			return err
		}
		n, err := q.InsertWebhook(ctx, db.InsertWebhookParams{
			ID: w.ID, UserID: w.UserID, Url: w.Url, Types: w.Types, Secret: w.Secret, Everything: w.Everything, Now: w.CreatedAt, Most: int64(most),
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrTooManyWebhooks
		}
		return Record(ctx, q, by, "webhook.create", "webhook:"+w.ID.String(), json.RawMessage("{}"))
	})
	return w, err
}

// Webhook gives one; sql.ErrNoRows: there is none.
func (s *Store) Webhook(ctx context.Context, id uuid.UUID) (db.Webhook, error) {
	return s.queries().GetWebhook(ctx, id)
}

// Webhooks gives those of a user, or with uuid.Nil those of all, at most so many.
func (s *Store) Webhooks(ctx context.Context, user uuid.UUID, most int) ([]db.Webhook, error) {
	if user == uuid.Nil {
		return s.queries().ListWebhooks(ctx, int64(most))
	}
	return s.queries().ListWebhooksOf(ctx, user)
}

// LivingWebhooks gives those that get events.
func (s *Store) LivingWebhooks(ctx context.Context) ([]db.Webhook, error) {
	return s.queries().ListLivingWebhooks(ctx)
}

// ChangeWebhook writes what f makes of a webhook as it is. One that is not disabled any more begins anew. sql.ErrNoRows: there is none.
func (s *Store) ChangeWebhook(ctx context.Context, by By, id uuid.UUID, f func(*db.Webhook) error) (db.Webhook, error) {
	var w db.Webhook
	err := s.inTx(ctx, func(q db.Querier) error {
		var err error
		if w, err = q.GetWebhook(ctx, id); err != nil {
			return err
		}
		before := w
		if err := f(&w); err != nil {
			return err
		}
		if err := plain(w.Url, w.Types, w.Disabled); err != nil {
			return err
		}
		w.UpdatedAt = s.clock.Now()
		n, err := q.UpdateWebhook(ctx, db.UpdateWebhookParams{ID: id, Version: before.Version, Url: w.Url, Types: w.Types, Everything: w.Everything, Disabled: w.Disabled, Now: w.UpdatedAt})
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrConflict
		}
		w.Version++
		if before.Disabled != "" && w.Disabled == "" {
			if _, err := q.DeleteLane(ctx, LaneOfWebhook(id)); err != nil {
				return err
			}
		}
		return Record(ctx, q, by, "webhook.change", "webhook:"+id.String(), json.RawMessage("{}"))
	})
	return w, err
}

// ErrConflict says that somebody else has changed it meanwhile.
var ErrConflict = errors.New("it was changed meanwhile")

// DisableWebhook has a webhook get no more events. why is for people. False: it is disabled already, or gone.
func (s *Store) DisableWebhook(ctx context.Context, by By, id uuid.UUID, why string) (did bool, err error) {
	why = shorten(why)
	err = s.inTx(ctx, func(q db.Querier) error {
		n, err := q.DisableWebhook(ctx, db.DisableWebhookParams{ID: id, Disabled: why, Now: s.clock.Now()})
		if did = n == 1; err != nil || !did {
			return err
		}
		return Record(ctx, q, by, "webhook.disable", "webhook:"+id.String(), json.RawMessage("{}"))
	})
	return did && err == nil, err
}

// DeleteWebhook deletes a webhook with what is on its way to it. sql.ErrNoRows: there is none.
func (s *Store) DeleteWebhook(ctx context.Context, by By, id uuid.UUID) error {
	return s.inTx(ctx, func(q db.Querier) error {
		n, err := q.DeleteWebhook(ctx, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return sql.ErrNoRows
		}
		if err := DropLane(ctx, q, LaneOfWebhook(id)); err != nil {
			return err
		}
		return Record(ctx, q, by, "webhook.delete", "webhook:"+id.String(), json.RawMessage("{}"))
	})
}
