// Package webhooks has events go to addresses that users gave, signed as Standard Webhooks says, at least once and those of one subject in
// order; and has these addresses over HTTP.
//
// A relay writes a letter into the store's outbox for each event and each webhook that wants it, in the transaction in which it passes the
// event; a worker has the letters leave. Addresses are callers' to choose, so they are connected to only outside of private networks,
// redirects are not followed, and nothing of an answer is kept but its status.
package webhooks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/modules/control/outbox"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Topic is that of the letters, Reader the name of who reads events for them.
const (
	Topic  = "webhook"
	Reader = "webhooks"
)

const (
	// mostURL is how many bytes an address may have.
	mostURL = 2000
	// mostWaiting is how many letters may wait for one webhook before it is disabled.
	mostWaiting = 10_000
)

// Config is what webhooks are, in all gateways of a store alike.
type Config struct {
	// Allowed are addresses of private networks, of the link or of this machine that webhooks may have all the same; where there are some,
	// they may also be http. Default: none, and https.
	Allowed []netip.Prefix
	// Source is that of the events. Default events.DefaultSource.
	Source string
	// GiveUp is after how long without an answer that is good a webhook is disabled. Default 72h.
	GiveUp time.Duration
	// Timeout is how long one answer may take. Default 15s.
	Timeout time.Duration
	// Most is how many webhooks a user has. Default 20.
	Most int
	// Pause is for how long nothing goes to a webhook after a failure; the time doubles with each, up to Longest. Defaults 5s and 10m.
	Pause, Longest time.Duration
	// Resolver finds the addresses of names. Default: the system's.
	Resolver *net.Resolver `json:"-"`
	// Outbox has the times of the worker, for tests. Topic, Handle, Metrics and Logger are ours.
	Outbox outbox.Config `json:"-"`
	// Every is how often events are looked for. Default 1s.
	Every time.Duration
}

// Deps is what webhooks work with.
type Deps struct {
	// Store has all. No default.
	Store *queries.Store
	// Keys of 32 bytes: the first seals secrets in the store, any opens them. No default.
	Keys [][]byte
	// Mail tells the owner of a webhook that is disabled. Default: nobody does.
	Mail Mailer
	// Metrics counts. Default: nobody does.
	Metrics *observe.Metrics
	// Logger is told of what fails. Default none.
	Logger *slog.Logger
}

// Mailer sends letters. *mail.Mailer does.
type Mailer interface {
	Send(ctx context.Context, by queries.By, m mail.Message) (id string, recipients int, err error)
}

// Webhooks has events leave. It is used concurrently.
type Webhooks struct {
	cfg    Config
	store  *queries.Store
	sealer *Sealer
	mail   Mailer
	client *http.Client
	worker *outbox.Worker
	relay  *events.Relay
	log    *slog.Logger
}

// New makes Webhooks, which do nothing before Run.
func New(cfg Config, d Deps) (*Webhooks, error) {
	if d.Store == nil {
		return nil, errors.New("webhooks need a store")
	}
	cfg.Source = cmp.Or(cfg.Source, events.DefaultSource)
	cfg.GiveUp = cmp.Or(cfg.GiveUp, 72*time.Hour)
	cfg.Timeout = cmp.Or(cfg.Timeout, 15*time.Second)
	cfg.Most = cmp.Or(cfg.Most, 20)
	cfg.Pause = cmp.Or(cfg.Pause, 5*time.Second)
	cfg.Longest = cmp.Or(cfg.Longest, 10*time.Minute)
	w := &Webhooks{cfg: cfg, store: d.Store, mail: d.Mail, client: newClient(cfg), log: cmp.Or(d.Logger, slog.New(slog.DiscardHandler))}
	var err error
	if w.sealer, err = NewSealer("webhook", d.Keys); err != nil {
		return nil, err
	}
	box := cfg.Outbox
	box.Topic, box.Handle, box.Metrics, box.Logger = Topic, w.handle, d.Metrics, w.log
	box.Parallel, box.Attempts = cmp.Or(box.Parallel, 16), cmp.Or(box.Attempts, 16)
	box.First, box.Timeout = cmp.Or(box.First, 5*time.Second), cfg.Timeout+15*time.Second
	if w.worker, err = outbox.New(d.Store, box); err != nil {
		return nil, err
	}
	w.relay, err = events.NewRelay(d.Store, events.RelayConfig{Name: Reader, Tell: w.tell, Every: cfg.Every, Metrics: d.Metrics, Logger: w.log})
	return w, err
}

// Run has events leave until ctx ends.
func (w *Webhooks) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.relay.Run(ctx)
	}()
	w.worker.Run(ctx)
	<-done
}

// sent is what a letter has.
type sent struct {
	Webhook uuid.UUID         `json:"webhook"`
	Event   events.CloudEvent `json:"event"`
}

// tell writes a letter for each event and each webhook that wants it.
func (w *Webhooks) tell(ctx context.Context, all []queries.Event) (events.Also, error) {
	hooks, err := w.store.LivingWebhooks(ctx)
	if err != nil || len(hooks) == 0 {
		return nil, err
	}
	var letters []queries.Letter
	for i := range hooks {
		wanted, err := w.lettersOf(&hooks[i], all)
		if err != nil {
			return nil, err
		}
		if len(wanted) == 0 {
			continue
		}
		waiting, _, err := w.store.CountLane(ctx, queries.LaneOfWebhook(hooks[i].ID))
		if err != nil {
			return nil, err
		}
		if waiting+int64(len(wanted)) > mostWaiting {
			w.disable(ctx, hooks[i], "more than 10000 events wait for it")
			continue
		}
		letters = append(letters, wanted...)
	}
	if len(letters) == 0 {
		return nil, nil
	}
	return func(q db.Querier) error {
		for _, l := range letters {
			if _, err := queries.Enqueue(ctx, q, l); err != nil {
				return fmt.Errorf("an event for a webhook: %w", err)
			}
		}
		return nil
	}, nil
}

// lettersOf are those for one webhook.
func (w *Webhooks) lettersOf(hook *db.Webhook, all []queries.Event) (out []queries.Letter, err error) {
	types, err := typesOf(*hook)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if !types.Has(e) || !hook.Everything && ownerOf(e) != hook.UserID {
			continue
		}
		payload, err := json.Marshal(sent{Webhook: hook.ID, Event: events.Of(e, w.cfg.Source)})
		if err != nil {
			return nil, fmt.Errorf("an event for a webhook: %w", err)
		}
		lane := queries.LaneOfWebhook(hook.ID)
		out = append(out, queries.Letter{Topic: Topic, Payload: payload, Lane: lane, Line: lane + " " + e.Subject, Position: e.ID})
	}
	return out, nil
}

// ownerOf is the user whose event it is.
func ownerOf(e queries.Event) uuid.UUID {
	var of struct {
		User uuid.UUID `json:"user_id"`
	}
	if json.Unmarshal(e.Data, &of) != nil {
		return uuid.Nil
	}
	return of.User
}

func typesOf(hook db.Webhook) (events.Filter, error) {
	var types events.Filter
	if err := json.Unmarshal([]byte(hook.Types), &types); err != nil {
		return nil, fmt.Errorf("the types of a webhook: %w", err)
	}
	return types, nil
}

// disable has a webhook get nothing more, and tells its owner.
func (w *Webhooks) disable(ctx context.Context, hook db.Webhook, why string) {
	did, err := w.store.DisableWebhook(ctx, queries.By{Actor: "gateway"}, hook.ID, why)
	if err != nil {
		w.log.WarnContext(ctx, "a webhook could not be disabled", slog.String("webhook", hook.ID.String()), slog.Any("error", err))
	}
	if err != nil || !did {
		return
	}
	w.log.WarnContext(ctx, "a webhook is disabled", slog.String("webhook", hook.ID.String()), slog.String("why", why))
	if w.mail == nil {
		return
	}
	owner, err := w.store.Queries().GetUser(ctx, hook.UserID)
	if err == nil {
		_, _, err = w.mail.Send(ctx, queries.By{Actor: "gateway"}, mail.Message{
			Recipients: []string{owner.Email}, Subject: "A webhook of yours is disabled",
			Text: "The webhook " + hook.ID.String() + " gets no events any more: " + why + ".\n\nWhat could not be sent is kept for 30 days. When it works again, set its member active to true, and have it be sent again.\n",
		})
	}
	if err != nil {
		w.log.WarnContext(ctx, "nobody could be told of a webhook that is disabled", slog.Any("error", err))
	}
}

// checkURL says what is wrong with an address.
func (w *Webhooks) checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > mostURL || u.Host == "" || u.Opaque != "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("it is no address like https://example.org/events")
	case u.Scheme != "https" && (u.Scheme != "http" || len(w.cfg.Allowed) == 0):
		return errors.New("it has to be https")
	case u.User != nil:
		return errors.New("it must have no user and no password: who sends is shown by the signature")
	case u.Fragment != "":
		return errors.New("it must have no part after #")
	}
	return nil
}
