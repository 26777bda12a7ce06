package fairway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/modules/control/realm"
	"github.com/fairway-gateway/fairway/modules/control/subscriptions"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// On has events start executions of a script.
type On struct {
	// Topic is where they arrive: a topic of From, or where there is none a type of events of the store, as fairway.execution.finished or
	// fairway.execution.*. Required.
	Topic string `json:"topic"`
	// Script is the slug or the id of what is run. Required.
	Script string `json:"script"`
	// As is the e-mail address of the user whose the executions are. Required.
	As string `json:"as"`
	// Name is how the store, and From, remember how far it is. One that there was not before begins with what arrives from then on. Default:
	// the script.
	Name string `json:"name,omitempty"`
	// Params is a jq program that makes the parameters, an object, of the event. Default: its data.
	Params string `json:"params,omitempty"`
	// Types are the types of events that count, where there is From. Default: all.
	Types events.Filter `json:"types,omitempty"`
	// FromRaw is from where they arrive. Default: they are those of the store.
	FromRaw json.RawMessage `json:"from,omitempty" caddy:"namespace=fairway.event_sources inline_key=source"`

	from EventSource
}

// EventSource is a guest module of the namespace fairway.event_sources.
type EventSource interface {
	// CheckTopic says what is wrong with a topic.
	CheckTopic(topic string) error
	// Receive has take be given what arrives at a topic, and refuse what was given up, until ctx ends. All who have the name share it.
	Receive(ctx context.Context, topic, name string, by Receiver, log *slog.Logger) error
}

// Receiver takes what arrives. *subscriptions.Subscription is one.
type Receiver interface {
	// Take takes an event; an error: it is to be taken again.
	Take(ctx context.Context, e events.CloudEvent) error
	// Refuse writes down why a message, which its place names, starts nothing.
	Refuse(ctx context.Context, event, why string) error
}

// sourceNamespace is where sources of events are.
const sourceNamespace = "fairway.event_sources"

// parseOn reads:
//
//	on <topic> run <script> {
//		as     <user>
//		from   nats://<host>:<port> { ... }
//		name   <name>
//		params <jq>
//		types  <type>...
//	}
func (e *Events) parseOn(n caddyfiles.Node) error {
	const usage = "on fairway.execution.failed run notify { as ann@example.org }"
	if len(n.Args) != 3 || n.Args[1].Text != "run" || n.Args[0].Text == "" || n.Args[2].Text == "" {
		return n.Errorf("on takes a topic, the word run, and a script; write: %s", usage)
	}
	on := &On{Topic: n.Args[0].Text, Script: n.Args[2].Text}
	one := func(usage string, set func(string) error) caddyfiles.Word {
		return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
			t, err := n.One(usage)
			if err != nil {
				return err
			}
			if t.Text == "" {
				return n.Errorf("%s is empty; write: %s", n.Word.Text, usage)
			}
			if err := set(t.Text); err != nil {
				return caddyfiles.Errorf(t, "%w", err)
			}
			return nil
		}}
	}
	err := caddyfiles.Words{Owner: "on", Known: map[string]caddyfiles.Word{
		"as":     one("as ann@example.org", func(v string) error { on.As = v; return on.checkUser() }),
		"name":   one("name landsat", func(v string) error { on.Name = v; return on.checkName() }),
		"params": one("params `{ scene: .data.scene }`", func(v string) error { on.Params = v; return on.checkParams() }),
		"from":   {Parse: on.parseFrom},
		"types": {Parse: func(n caddyfiles.Node) error {
			if n.HasBlock || len(n.Args) == 0 {
				return n.Errorf("types takes types of events: types org.example.scene.*")
			}
			for _, t := range n.Args {
				on.Types = append(on.Types, t.Text)
			}
			return nil
		}},
	}}.Parse(n)
	if err != nil {
		return err
	}
	if on.As == "" {
		return n.Errorf("on has to say whose the executions are, by the word as; write: %s", usage)
	}
	if err := on.check(); err != nil {
		return caddyfiles.Errorf(n.Args[0], "%w%s", err, on.suggest())
	}
	e.On = append(e.On, on)
	if err := e.checkSubscriptions(); err != nil {
		return n.Errorf("%w", err)
	}
	return nil
}

// parseFrom reads a line whose address says by its scheme which module reads it.
func (o *On) parseFrom(n caddyfiles.Node) error {
	known := caddyfiles.Modules(sourceNamespace)
	if len(n.Args) != 1 {
		return n.Errorf("from takes one address: from nats://nats.example.org:4222")
	}
	name, _, _ := strings.Cut(n.Args[0].Text, "://")
	if name == "tls" {
		name = "nats"
	}
	if !slices.Contains(known, name) {
		return caddyfiles.Errorf(n.Args[0], "events arrive from no %q; there is %s%s", name, strings.Join(known, ", "), wrap.Suggest(name, known))
	}
	d := caddyfile.NewDispenser(n.Segment)
	d.Next()
	d.Next()
	module, err := caddyfile.UnmarshalModule(d, sourceNamespace+"."+name)
	if err != nil {
		return err //nolint:wrapcheck // it has its place
	}
	from, ok := module.(EventSource)
	if !ok {
		return n.Errorf("%s is no source of events", name)
	}
	o.from, o.FromRaw = from, caddyconfig.JSONModuleObject(module, "source", name, nil)
	return nil
}

// name is how the store knows it.
func (o *On) name() string {
	if o.Name != "" {
		return o.Name
	}
	return strings.ToLower(o.Script)
}

func (o *On) checkName() error {
	if name := o.name(); !queueName().MatchString(name) || len(name) > 64 {
		return fmt.Errorf("%q is no name: use lower-case letters and digits, with - or _ between them, or give another by the word name", name)
	}
	return nil
}

func (o *On) checkUser() error {
	if _, err := mail.CheckAddress(o.As); err != nil {
		return fmt.Errorf("%q is no e-mail address of a user", o.As)
	}
	return nil
}

func (o *On) checkParams() error {
	if o.Params == "" {
		return nil
	}
	_, err := reply.Compile(o.Params, nil)
	return err //nolint:wrapcheck // it says what it is
}

// check says what is wrong with it.
func (o *On) check() error {
	if o.Script == "" || len(o.Script) > 256 {
		return errors.New("on names a script")
	}
	if err := errors.Join(o.checkUser(), o.checkName(), o.checkParams()); err != nil {
		return err
	}
	if o.from != nil {
		return o.from.CheckTopic(o.Topic)
	}
	if len(o.Types) > 0 {
		return errors.New("the topic says the type where events are those of the store: types is for those from elsewhere")
	}
	return events.Filter{o.Topic}.Check()
}

// suggest is what may have been meant by a topic.
func (o *On) suggest() string {
	if o.from != nil {
		return ""
	}
	return wrap.Suggest(o.Topic, events.Types())
}

// checkSubscriptions says which two are one for the store.
func (e *Events) checkSubscriptions() error {
	seen := map[string]bool{}
	for _, o := range e.On {
		if seen[o.name()] {
			return fmt.Errorf("two of on have the name %s: give one of them another by the word name", o.name())
		}
		seen[o.name()] = true
	}
	return nil
}

// subscribed are the subscriptions of one configuration in the usage pool.
type subscribed struct {
	all   []On
	realm *realm.Realm
	more  events.RelayConfig
	// source is that of the store's events.
	source string
	held   []func()
	once   sync.Once
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// Destruct ends them.
func (s *subscribed) Destruct() error {
	s.once.Do(func() {}) // it is not started any more
	if s.stop != nil {
		s.stop()
	}
	s.done.Wait()
	for _, release := range s.held {
		release()
	}
	return nil
}

// provisionSubscriptions loads from where events arrive.
func (a *App) provisionSubscriptions() error {
	for _, o := range a.Events.On {
		if o.FromRaw != nil {
			v, err := a.ctx.LoadModule(o, "FromRaw")
			if err != nil {
				return err
			}
			from, ok := v.(EventSource)
			if !ok {
				return fmt.Errorf("%T is no source of events", v)
			}
			o.from = from
		}
		if err := o.check(); err != nil {
			return fmt.Errorf("on %s run %s: %w", o.Topic, o.Script, err)
		}
	}
	return a.Events.checkSubscriptions()
}

// startSubscriptions has events start executions. The realm is there.
func (a *App) startSubscriptions() error {
	if a.Events == nil || len(a.Events.On) == 0 || a.alone() {
		return nil
	}
	if !a.executes || a.realm == nil {
		return fmt.Errorf("on %s run %s makes executions, which somebody must be able to see: add the directive control to a site", a.Events.On[0].Topic, a.Events.On[0].Script)
	}
	v, err := a.take("on "+a.eventsDigest+" "+a.realmKey, func() (caddy.Destructor, error) {
		out := &subscribed{realm: a.realm, source: a.Events.Source, more: events.RelayConfig{Metrics: a.process.metrics, Logger: a.ctx.Slogger()}, held: []func(){hold(a.realmKey), hold(a.store.key())}}
		for _, o := range a.Events.On {
			out.all = append(out.all, *o)
		}
		if out.source == "" {
			out.source = events.DefaultSource
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	v.(*subscribed).start()
	return nil
}

// start has events be taken, once.
func (s *subscribed) start() {
	s.once.Do(func() {
		ctx, stop := context.WithCancel(context.Background())
		s.stop = stop
		for _, o := range s.all {
			s.done.Go(func() { s.run(ctx, o) })
		}
	})
}

// run takes events until ctx ends; the store may be there later.
func (s *subscribed) run(ctx context.Context, o On) {
	var parts *realm.Parts
	for parts == nil {
		var err error
		if parts, err = s.realm.Open(ctx); err != nil && !pauseFor(ctx, storeRetry) {
			return
		}
	}
	log := s.more.Logger
	sub, err := subscriptions.New(subscriptions.Config{Name: o.name(), Script: o.Script, As: o.As, Params: o.Params, Types: o.Types}, subscriptions.Deps{Store: parts.Store, Starter: parts.Starter, Logger: log})
	if err == nil && o.from != nil {
		err = o.from.Receive(ctx, o.Topic, o.name(), sub, log)
	} else if err == nil {
		var relay *events.Relay
		cfg := s.more
		cfg.Name, cfg.Tell, cfg.Types = "on "+o.name(), sub.Tell(s.source), events.Filter{o.Topic}
		if relay, err = events.NewRelay(parts.Store, cfg); err == nil {
			relay.Run(ctx)
		}
	}
	if err != nil && ctx.Err() == nil {
		log.ErrorContext(ctx, "events start nothing", slog.String("on", o.name()), slog.Any("error", err))
	}
}

// pauseFor waits; false: ctx has ended.
func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
