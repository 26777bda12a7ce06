package fairway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/modules/control/answers"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// keeperEntry is the keeper of long answers in the usage pool.
type keeperEntry struct {
	*answers.Keeper
	release []func()
}

// Destruct gives up what is made, after a while. A reload does not wait for that.
func (k keeperEntry) Destruct() error {
	leave := func() {
		k.Close()
		for _, f := range k.release {
			f()
		}
	}
	if caddy.Exiting() {
		leave()
	} else {
		go leave() // ends after the drain
	}
	return nil
}

// LongAnswers gives who keeps long answers to a service that is being provisioned: the one of an earlier configuration, if nothing of the
// store, the secret and the settings has changed. Nothing is connected before App.Start or the first call.
func (a *App) LongAnswers(service string) (wrap.Executions, error) {
	if a.answers != nil {
		return a.answers, nil
	}
	if err := a.useStore(); err != nil {
		return nil, err
	}
	id, err := a.SecretID()
	if err != nil {
		return nil, err
	}
	words := a.Runner
	if words == nil {
		words = new(Runner)
	}
	cfg := answers.Config{
		Store: a.store.serving, Blobs: a.blobs.get, Keys: a.Keys, Lease: time.Duration(cmp.Or(words.Lease, caddy.Duration(answers.DefaultLease))),
		Drain: time.Duration(usualDrain), Logger: a.ctx.Slogger(),
	}
	if words.Drain != nil {
		cfg.Drain = time.Duration(*words.Drain)
	}
	settings, err := json.Marshal([]any{cfg.Lease, cfg.Drain, a.blobs.key()})
	if err != nil {
		return nil, err
	}
	v, err := a.take(fmt.Sprintf("answers %s %s %s", id, settings, a.store.dsn), func() (caddy.Destructor, error) {
		return keeperEntry{answers.New(cfg), []func(){hold(a.blobs.key()), hold(a.store.key())}}, nil
	})
	if err != nil {
		return nil, err
	}
	a.answers, a.answersOf = v.(keeperEntry).Keeper, service
	return a.answers, nil
}

// startAnswers has answers be made again of services of this configuration.
func (a *App) startAnswers() error {
	if a.answers == nil {
		return nil
	}
	if !a.executes {
		return fmt.Errorf("service %s: execute makes executions, which somebody must be able to see, and which have to be looked after: add the directive control to a site", a.answersOf)
	}
	by := map[string][]answers.Service{}
	for _, s := range a.Services() {
		if s.Executes() {
			by[s.Name] = append(by[s.Name], s)
		}
	}
	a.answers.Serve(func() map[string][]answers.Service { return by })
	return nil
}
