// Package endings writes to owners of executions that have ended, where they want it: a letter goes into the outbox in the transaction in
// which the event of the end is passed, so there is one of each end, whatever dies meanwhile.
package endings

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Reader is the name of who reads events for letters.
const Reader = "mail"

const (
	// stale is how long after its end nobody is told of an execution any more: a gateway may have been without a mail server for days.
	stale = 24 * time.Hour
	// mostWaiting is how many letters may wait before no more of these are written.
	mostWaiting = 10_000
)

// Mailer writes letters, with q. *mail.Mailer does.
type Mailer interface {
	Ended(ctx context.Context, q db.Querier, to string, all []mail.Ended) error
}

// Deps is what Endings work with.
type Deps struct {
	// Store has the events. Required.
	Store *queries.Store
	// Mail writes the letters. Required.
	Mail Mailer
	// Metrics counts. Default: nobody does.
	Metrics *observe.Metrics
	// Logger is told of what fails. Default none.
	Logger *slog.Logger
	// Every is how often ends are looked for of which nobody has told. Default 1s.
	Every time.Duration
}

// Endings tells owners of ends, in one gateway at a time.
type Endings struct {
	store *queries.Store
	mail  Mailer
	relay *events.Relay
	log   *slog.Logger
}

// New makes Endings, which do nothing before Run.
func New(d Deps) (*Endings, error) {
	if d.Store == nil || d.Mail == nil {
		return nil, errors.New("letters about ends need a store and a mailer")
	}
	e := &Endings{store: d.Store, mail: d.Mail, log: cmp.Or(d.Logger, slog.New(slog.DiscardHandler))}
	var err error
	e.relay, err = events.NewRelay(d.Store, events.RelayConfig{
		Name: Reader, Tell: e.tell, Types: events.Filter{"fairway.execution.finished", "fairway.execution.failed", "fairway.execution.cancelled"},
		Every: d.Every, Metrics: d.Metrics, Logger: e.log,
	})
	return e, err
}

// Run tells owners until ctx ends.
func (e *Endings) Run(ctx context.Context) { e.relay.Run(ctx) }

// letter is for one owner.
type letter struct {
	to  string
	all []mail.Ended
}

// tell writes one letter to each owner of what has ended, whatever that is: who runs a thousand things at once gets no thousand letters.
func (e *Endings) tell(ctx context.Context, all []queries.Event) (events.Also, error) {
	ids := make([]uuid.UUID, 0, len(all))
	for _, one := range all {
		_, text, _ := strings.Cut(one.Subject, "/")
		if id, err := uuid.Parse(text); err == nil && e.store.Now().Sub(one.At) < stale {
			ids = append(ids, id)
		}
	}
	rows, err := e.store.Ended(ctx, ids)
	if err != nil {
		return nil, err
	}
	letters := lettersOf(rows)
	if len(letters) == 0 {
		return nil, nil
	}
	waiting, _, err := e.store.CountLetters(ctx, mail.Topic)
	if err != nil {
		return nil, err
	}
	if waiting+int64(len(letters)) > mostWaiting {
		e.log.WarnContext(ctx, "owners are not told of executions that have ended: too many letters wait", slog.Int("letters", len(letters)), slog.Int64("waiting", waiting))
		return nil, nil
	}
	return func(q db.Querier) error {
		for _, l := range letters {
			if err := e.mail.Ended(ctx, q, l.to, l.all); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// lettersOf are those of ends, of which one owner's are together.
func lettersOf(rows []db.ListEndedExecutionsRow) (out []letter) {
	var of uuid.UUID
	for _, r := range rows {
		if !wanted(r.Profile) || r.EndedAt == nil {
			continue
		}
		if len(out) == 0 || r.UserID != of {
			of, out = r.UserID, append(out, letter{to: r.Email})
		}
		began := r.CreatedAt
		if r.StartedAt != nil {
			began = *r.StartedAt
		}
		last := &out[len(out)-1]
		last.all = append(last.all, mail.Ended{ID: r.ID.String(), Script: r.Slug, Status: r.Status, At: r.EndedAt.UTC(), Took: max(0, r.EndedAt.Sub(began)).Round(time.Second)})
	}
	return out
}

// wanted says whether a user's profile is that of one who wants to be told, as accounts.Trends reads it.
func wanted(profile json.RawMessage) bool {
	said := struct {
		Notifications bool `json:"email_notifications_enabled"`
	}{true}
	return json.Unmarshal(profile, &said) != nil || said.Notifications
}
