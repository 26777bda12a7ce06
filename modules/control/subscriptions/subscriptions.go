// Package subscriptions has events start executions, as the word `on` of a Caddyfile says: each event that arrives is one execution of a
// script, however often it arrives, or is written down as refused.
package subscriptions

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/queries"
)

// mostDeep is how many executions may start each other by events, one after the other.
const mostDeep = 8

// Config is what a subscription does.
type Config struct {
	// Name is how the store knows it: subscriptions of all gateways that have the same name are one. Required.
	Name string
	// Script is the slug or the id of what is run. Required.
	Script string
	// As is the address of the user whose the executions are. Required.
	As string
	// Params is a jq program that makes an object of the event. Default: its data.
	Params string
	// Types are those of the events that start something. Default: all.
	Types events.Filter
}

// Starter runs what events ask for. *executions.Executions does.
type Starter interface {
	Begin(ctx context.Context, o executions.Order) (queries.Created, error)
}

// Deps is what a subscription works with.
type Deps struct {
	// Store has users and what became of events. Required.
	Store *queries.Store
	// Starter runs scripts. Required.
	Starter Starter
	// Logger is told of what is refused. Default none.
	Logger *slog.Logger
}

// Subscription takes events. It is used concurrently.
type Subscription struct {
	cfg    Config
	deps   Deps
	params *reply.Program
}

// New makes a subscription. The error is a mistake in the program.
func New(cfg Config, d Deps) (*Subscription, error) {
	s := &Subscription{cfg: cfg, deps: d}
	s.deps.Logger = cmp.Or(d.Logger, slog.New(slog.DiscardHandler)).With(slog.String("on", cfg.Name))
	if cfg.Params != "" {
		var err error
		if s.params, err = reply.Compile(cfg.Params, nil); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// origin is that of what a subscription brings.
func (s *Subscription) origin() string { return "on:" + s.cfg.Name }

// Take has an event start an execution. An error is one after which it is to be taken again: of what never will start anything it is written
// down why, and there is none.
func (s *Subscription) Take(ctx context.Context, e events.CloudEvent) error {
	if !s.cfg.Types.HasType(e.Type) {
		return nil
	}
	a := queries.Arrival{Origin: s.origin(), Event: e.Name()}
	if id, ok := strings.CutPrefix(e.Subject, "execution/"); ok {
		if execution, err := uuid.Parse(id); err == nil {
			if a.Path, err = s.deps.Store.PathOf(ctx, execution); err != nil {
				return err
			}
		}
	}
	switch {
	case strings.Contains(a.Path, "<"+s.origin()+">"):
		return s.deps.Store.RefuseArrival(ctx, a, queries.ArrivalSkipped, "it is about an execution that this has started itself")
	case strings.Count(a.Path, "<") >= mostDeep:
		return s.deps.Store.RefuseArrival(ctx, a, queries.ArrivalSkipped, fmt.Sprintf("%d executions have started each other by events", mostDeep))
	}
	user, err := s.deps.Store.FindUser(ctx, s.cfg.As)
	if errors.Is(err, sql.ErrNoRows) {
		return s.refuse(ctx, a, "there is no user "+s.cfg.As)
	}
	if err != nil {
		return err
	}
	a.User = user.ID
	params, err := s.paramsOf(ctx, e)
	if err != nil {
		return s.refuse(ctx, a, err.Error())
	}
	_, err = s.deps.Starter.Begin(ctx, executions.Order{Arrival: a, Script: s.cfg.Script, Params: params})
	if why, never := executions.Never(err); never {
		return s.refuse(ctx, a, why)
	}
	return err
}

// Refuse writes down why a message starts nothing, of which it is not known what event it is, or which was given up.
func (s *Subscription) Refuse(ctx context.Context, event, why string) error {
	return s.refuse(ctx, queries.Arrival{Origin: s.origin(), Event: event}, why)
}

func (s *Subscription) refuse(ctx context.Context, a queries.Arrival, why string) error {
	s.deps.Logger.WarnContext(ctx, "an event starts nothing", slog.String("event", a.Event), slog.String("why", why))
	return s.deps.Store.RefuseArrival(ctx, a, queries.ArrivalRefused, why)
}

// paramsOf is what the script is run with.
func (s *Subscription) paramsOf(ctx context.Context, e events.CloudEvent) (json.RawMessage, error) {
	if s.params == nil {
		if len(e.Data) == 0 {
			return json.RawMessage("{}"), nil
		}
		return e.Data, nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var input any
	if err := d.Decode(&input); err != nil {
		return nil, err
	}
	out, err := s.params.Run(ctx, input)
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	if _, object := out.(map[string]any); !object {
		return nil, errors.New("params: the program gave no object")
	}
	return json.Marshal(out)
}

// Tell has events of the store start executions, for a Relay. source is that of the events.
func (s *Subscription) Tell(source string) func(context.Context, []queries.Event) (events.Also, error) {
	return func(ctx context.Context, all []queries.Event) (events.Also, error) {
		for _, e := range all {
			if err := s.Take(ctx, events.Of(e, source)); err != nil {
				return nil, fmt.Errorf("on %s: %w", s.cfg.Name, err)
			}
		}
		return nil, nil
	}
}
