package fairway

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/control/realm"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

// Executions is what holds for all executions of the store. All gateways and runners that share one have the same.
type Executions struct {
	// PerUser is how many of a user's run at once who is no administrator and for whom nobody has said another number. 0: any
	// number. Default 3.
	PerUser *int `json:"per_user,omitempty"`
	// Global is how many run at once, of all users. Default 0, any number: the slots of the runners are what bounds them.
	Global *int `json:"global,omitempty"`
	// Waiting is how many of a user's may wait. 0: any number. Default 100.
	Waiting *int `json:"waiting,omitempty"`
	// Timeout is how long an attempt may run whose execution does not say it. Default 24h, at least a second.
	Timeout caddy.Duration `json:"timeout,omitempty"`
	// Retention is for how long logs of executions are kept, by when these were made, and what became of the times of schedules and of events that
	// arrived. Below 0: without end. Default 90 days, at least an hour.
	Retention caddy.Duration `json:"retention,omitempty"`
	// Keep is for how long all else is kept.
	Keep *Keep `json:"keep,omitempty"`
}

const (
	usualPerUser = 3
	usualWaiting = 100
	// mostExecutions is the largest number that a limit may be.
	mostExecutions = 1_000_000
	leastTimeout   = caddy.Duration(time.Second)
)

func (e *Executions) check() error {
	if e == nil {
		return nil
	}
	for _, l := range []struct {
		word string
		is   *int
	}{{"per_user", e.PerUser}, {"global", e.Global}, {"waiting", e.Waiting}} {
		if l.is != nil && (*l.is < 0 || *l.is > mostExecutions) {
			return fmt.Errorf("%s is from 1 to 1000000, or unlimited", l.word)
		}
	}
	if e.Timeout != 0 && e.Timeout < leastTimeout {
		return errors.New("timeout is at least 1s")
	}
	return e.checkRetention()
}

// executionsConfig is what who makes executions is told.
func (a *App) executionsConfig() realm.Executions {
	out := a.Executions.config()
	out.APIURL = a.api
	return out
}

// config is what who makes executions is told.
func (e *Executions) config() realm.Executions {
	out := realm.Executions{Limits: queries.Limits{PerUser: usualPerUser, Waiting: usualWaiting}, Timeout: queries.DefaultTimeout}
	if e == nil {
		return out
	}
	for _, l := range []struct {
		to *int
		is *int
	}{{&out.Limits.PerUser, e.PerUser}, {&out.Limits.Global, e.Global}, {&out.Limits.Waiting, e.Waiting}} {
		if l.is != nil {
			*l.to = *l.is
		}
	}
	if e.Timeout != 0 {
		out.Timeout = time.Duration(e.Timeout)
	}
	return out
}

// parseExecutions reads:
//
//	executions {
//		per_user  <n> | unlimited
//		global    <n> | unlimited
//		waiting   <n> | unlimited
//		timeout   <duration>
//		retention <duration> | forever
//		retention { ... }
//	}
func parseExecutions(d *caddyfile.Dispenser, app *App) error {
	if app.Executions != nil {
		return d.Err("executions is there twice")
	}
	e := new(Executions)
	app.Executions = e
	if d.NextArg() {
		return d.Err("executions takes nothing on its line; write: executions { per_user 3 }")
	}
	numbers := map[string]**int{"per_user": &e.PerUser, "global": &e.Global, "waiting": &e.Waiting}
	times := map[string]*caddy.Duration{"timeout": &e.Timeout}
	for d.NextBlock(1) {
		word := d.Val()
		var err error
		if to, ok := numbers[word]; ok {
			err = parseNumber(d, to)
		} else if to, ok := times[word]; ok {
			err = parseDuration(d, to)
		} else if word == "retention" {
			err = parseRetention(d, e)
		} else {
			err = d.Errf("executions has no word %s%s", word, wrap.Suggest(word, []string{"per_user", "global", "waiting", "timeout", "retention"}))
		}
		if err != nil {
			return err
		}
		if err := e.check(); err != nil {
			return d.WrapErr(err)
		}
		if d.NextBlock(2) {
			return d.Errf("%s takes no block", word)
		}
	}
	return nil
}

// parseNumber reads a word with one number from 1, or unlimited, into to.
func parseNumber(d *caddyfile.Dispenser, to **int) error {
	word := d.Val()
	if *to != nil {
		return d.Errf("%s is there twice", word)
	}
	args := d.RemainingArgs()
	if len(args) != 1 {
		return d.Errf("%s takes one number, or unlimited", word)
	}
	n := new(int)
	if args[0] != "unlimited" {
		var err error
		if *n, err = strconv.Atoi(args[0]); err != nil || *n < 1 {
			return d.Errf("%s takes a number from 1, or unlimited, and not %q", word, args[0])
		}
	}
	*to = n
	return nil
}

// parseDuration reads a word with one length of time into to.
func parseDuration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	word := d.Val()
	if *to != 0 {
		return d.Errf("%s is there twice", word)
	}
	args := d.RemainingArgs()
	if len(args) != 1 {
		return d.Errf("%s takes one length of time, like 30s, 12h or 90d", word)
	}
	v, err := caddy.ParseDuration(args[0])
	if err != nil || v <= 0 {
		return d.Errf("%s takes a length of time, like 30s, 12h or 90d, and not %q", word, args[0])
	}
	*to = caddy.Duration(v)
	return nil
}
