package fairway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/control/endings"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/webhooks"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

// Events says where events are published, see package events.
type Events struct {
	// Source is that of the CloudEvents, a URI or the path of one. Default /fairway.
	Source string `json:"source,omitempty"`
	// PublishersRaw are where events are published. Default: within the process.
	PublishersRaw []json.RawMessage `json:"publish,omitempty" caddy:"namespace=fairway.publishers inline_key=publisher"`

	// On has events start executions. Default: none does.
	On []*On `json:"on,omitempty"`

	// Webhooks is what holds for webhooks. Default: the defaults of its words.
	Webhooks *Webhooks `json:"webhooks,omitempty"`

	publishers []Publisher
}

// Publisher is a guest module of the namespace fairway.publishers.
type Publisher interface {
	// Publication says what is published, and where.
	Published() *Publication
	// Open gives what publishes; that its server does not answer is no error. Whoever opens it closes it.
	Open(PublisherDeps) (message.Publisher, error)
	// AtOnce is how many events of different subjects may be published at once.
	AtOnce() int
}

// PublisherDeps is what a publisher is made with.
type PublisherDeps struct {
	// Process is the publisher within the process.
	Process message.Publisher
	Logger  *slog.Logger
}

// Publication is what all publishers have.
type Publication struct {
	// Name is how the store remembers how far it is; a publisher of a name that there was not before begins with what changes from then on.
	// Default: the name of the module.
	Name string `json:"name,omitempty"`
	// Topic is where events go; {type} in it is the type of the event. Default fairway.events.
	Topic string `json:"topic,omitempty"`
	// Types are the types that are published, as fairway.execution.finished or fairway.execution.*. Default: all.
	Types events.Filter `json:"types,omitempty"`
}

// Check says what is wrong with it.
func (p *Publication) Check() error {
	if p.Name != "" && !queueName().MatchString(p.Name) || len(p.Name) > 64 {
		return fmt.Errorf("%q is no name for a publisher: use lower-case letters and digits, with - or _ between them", p.Name)
	}
	if slices.Contains(reserved(), p.Name) {
		return fmt.Errorf("the name %s is taken by the gateway itself: give the publisher another", p.Name)
	}
	if p.Topic != "" {
		if err := events.CheckTopic(p.Topic); err != nil {
			return err
		}
	}
	return p.Types.Check()
}

// reserved are names of who reads events within the gateway.
func reserved() []string { return []string{webhooks.Reader, endings.Reader} }

// Words are the words of it.
func (p *Publication) Words(more map[string]caddyfiles.Word) map[string]caddyfiles.Word {
	out := map[string]caddyfiles.Word{
		"name":  p.word("name audit", func(v string) { p.Name = v }),
		"topic": p.word("topic fairway.{type}", func(v string) { p.Topic = v }),
		"types": {Parse: p.parseTypes},
	}
	maps.Copy(out, more)
	return out
}

func (p *Publication) word(usage string, set func(string)) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		set(t.Text)
		if err := p.Check(); err != nil || t.Text == "" {
			return caddyfiles.Errorf(t, "%w", errors.Join(err, emptyIs(n, t.Text, usage)))
		}
		return nil
	}}
}

func emptyIs(n caddyfiles.Node, text, usage string) error {
	if text != "" {
		return nil
	}
	return fmt.Errorf("%s is empty; write: %s", n.Word.Text, usage)
}

func (p *Publication) parseTypes(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) == 0 {
		return n.Errorf("types takes types of events: types fairway.execution.finished fairway.execution.failed")
	}
	for _, t := range n.Args {
		p.Types = append(p.Types, t.Text)
		if err := p.Types.Check(); err != nil {
			return caddyfiles.Errorf(t, "%w%s", err, wrap.Suggest(t.Text, events.Types()))
		}
	}
	return nil
}

// publisherNamespace is where publishers are.
const publisherNamespace = "fairway.publishers"

// parseEvents reads:
//
//	events {
//		source  <uri>
//		publish in_process | nats://<host>:<port> | amqp://<host>:<port> { ... }
//		webhooks { ... }
//		on <topic> run <script> { ... }
//	}
func parseEvents(d *caddyfile.Dispenser, app *App) error {
	n, err := caddyfiles.Read(d.NewFromNextSegment())
	if err != nil {
		return err
	}
	if app.Events != nil {
		return n.Errorf("events is there twice")
	}
	if len(n.Args) > 0 {
		return caddyfiles.Errorf(n.Args[0], "events takes nothing on its line; write: events { publish in_process }")
	}
	e := new(Events)
	app.Events = e
	return caddyfiles.Words{Owner: "events", Known: map[string]caddyfiles.Word{
		"source":   {Parse: e.parseSource},
		"publish":  {Parse: e.parsePublish, Many: true},
		"webhooks": {Parse: e.parseWebhooks},
		"on":       {Parse: e.parseOn, Many: true},
	}}.Parse(n)
}

func (e *Events) parseSource(n caddyfiles.Node) error {
	t, err := n.One("source https://api.example.org")
	if err != nil {
		return err
	}
	e.Source = t.Text
	if err := checkSource(e.Source); err != nil {
		return caddyfiles.Errorf(t, "%w", err)
	}
	return nil
}

// parsePublish reads a line whose address says by its scheme which module reads it.
func (e *Events) parsePublish(n caddyfiles.Node) error {
	known := caddyfiles.Modules(publisherNamespace)
	if len(n.Args) != 1 {
		return n.Errorf("publish takes one address: publish nats://nats.example.org:4222, or publish in_process")
	}
	name, _, _ := strings.Cut(n.Args[0].Text, "://")
	if of := map[string]string{"tls": "nats", "amqps": "amqp"}[name]; of != "" {
		name = of
	}
	if !slices.Contains(known, name) {
		return caddyfiles.Errorf(n.Args[0], "there is no publisher %q; there is %s%s", name, strings.Join(known, ", "), wrap.Suggest(name, known))
	}
	d := caddyfile.NewDispenser(n.Segment)
	d.Next()
	d.Next()
	module, err := caddyfile.UnmarshalModule(d, publisherNamespace+"."+name)
	if err != nil {
		return err //nolint:wrapcheck // it has its place
	}
	p, ok := module.(Publisher)
	if !ok {
		return n.Errorf("%s is no publisher", name)
	}
	e.publishers = append(e.publishers, p)
	if err := e.checkNames(); err != nil {
		return n.Errorf("%w", err)
	}
	e.PublishersRaw = append(e.PublishersRaw, caddyconfig.JSONModuleObject(module, "publisher", name, nil))
	return nil
}

// checkNames says which two publishers are one for the store.
func (e *Events) checkNames() error {
	seen := map[string]bool{}
	for _, p := range e.publishers {
		name := nameOf(p)
		if seen[name] {
			return fmt.Errorf("two publishers have the name %s: give one of them another by the word name", name)
		}
		seen[name] = true
	}
	return nil
}

// nameOf is the name of a publisher.
func nameOf(p Publisher) string {
	if n := p.Published().Name; n != "" {
		return n
	}
	if m, ok := p.(caddy.Module); ok {
		return m.CaddyModule().ID.Name()
	}
	return "events"
}

func checkSource(source string) error {
	if len(source) > 200 || strings.ContainsFunc(source, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>"{}|\^`+"`", r) }) {
		return errors.New("source is a URI or the path of one, like https://api.example.org or /fairway")
	}
	return nil
}

// relays are the publishers of one configuration in the usage pool.
type relays struct {
	all  []*relay
	once sync.Once
	stop context.CancelFunc
	done sync.WaitGroup
}

// relay tells events to one publisher.
type relay struct {
	store *store
	cfg   events.RelayConfig
	to    message.Publisher
}

// Destruct ends them.
func (r *relays) Destruct() error {
	r.once.Do(func() {}) // it is not started any more
	if r.stop != nil {
		r.stop()
	}
	r.done.Wait()
	var failed error
	for _, one := range r.all {
		failed = errors.Join(failed, one.to.Close())
	}
	return failed
}

// provisionEvents finds or makes the publishers of a configuration.
func (a *App) provisionEvents() error {
	if a.Events == nil || a.alone() {
		return nil
	}
	if err := errors.Join(checkSource(a.Events.Source), a.Events.Webhooks.check()); err != nil {
		return err
	}
	if err := a.useStore(); err != nil {
		return err
	}
	if a.Events.PublishersRaw == nil {
		a.Events.PublishersRaw = []json.RawMessage{json.RawMessage(`{"publisher":"in_process"}`)}
	}
	words, err := json.Marshal(a.Events) // while it has them: what is loaded is taken out
	if err != nil {
		return err
	}
	resolved, err := Resolve(string(words)) // what files have is replaced in its place
	if err != nil {
		return err
	}
	a.eventsDigest = digest(resolved)
	if err := a.provisionSubscriptions(); err != nil {
		return err
	}
	loaded, err := a.ctx.LoadModule(a.Events, "PublishersRaw")
	if err != nil {
		return err
	}
	a.Events.publishers = nil
	for _, v := range loaded.([]any) {
		p, ok := v.(Publisher)
		if !ok {
			return fmt.Errorf("%T is no publisher", v)
		}
		a.Events.publishers = append(a.Events.publishers, p)
	}
	if err := a.Events.checkNames(); err != nil {
		return err
	}
	v, err := a.take("events "+a.eventsDigest+" "+a.store.dsn, a.openRelays)
	if err != nil {
		return err
	}
	a.relays = v.(*relays)
	return nil
}

func (a *App) openRelays() (caddy.Destructor, error) {
	out := new(relays)
	for _, p := range a.Events.publishers {
		words := p.Published()
		name := nameOf(p)
		to, err := p.Open(PublisherDeps{Process: a.process.bus, Logger: a.ctx.Slogger()})
		if err != nil {
			for _, before := range out.all {
				err = errors.Join(err, before.to.Close())
			}
			return nil, fmt.Errorf("publish %s: %w", name, err)
		}
		source, topic := a.Events.Source, words.Topic
		if source == "" {
			source = events.DefaultSource
		}
		if topic == "" {
			topic = events.DefaultTopic
		}
		out.all = append(out.all, &relay{store: a.store, to: to, cfg: events.RelayConfig{
			Name: name, Tell: events.Publish(to, source, topic, p.AtOnce()), Types: words.Types, Metrics: a.process.metrics, Logger: a.ctx.Slogger(),
		}})
	}
	return out, nil
}

// start has events be published, once.
func (r *relays) start() {
	r.once.Do(func() {
		ctx, stop := context.WithCancel(context.Background())
		r.stop = stop
		for _, one := range r.all {
			r.done.Go(func() { one.run(ctx) })
		}
	})
}

// run publishes events until ctx ends; the store may be there later.
func (r *relay) run(ctx context.Context) {
	for wait := storeRetry; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		var w *events.Relay
		s, err := r.store.get(ctx)
		if err == nil {
			if w, err = events.NewRelay(s, r.cfg); err != nil {
				r.cfg.Logger.ErrorContext(ctx, "events are not published", slog.Any("error", err))
				return
			}
			w.Run(ctx)
			continue // the store has ended, or ctx
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// Subscribe gives what is published within this process, from now on, until ctx ends. Only one gateway of a store publishes at a time, and
// what is published waits for each message's Ack.
func (a *App) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	return a.process.bus.Subscribe(ctx, topic)
}

// Interface guard.
var _ events.Store = (*queries.Store)(nil)
