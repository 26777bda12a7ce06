package fairway

import (
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

// Keep is for how long the store keeps what is no log. A time below 0 is without end.
type Keep struct {
	// Executions are those that ended, by when that was: they are removed then, with their logs, moves, parameters and results. Default without end, at
	// least 24h.
	Executions caddy.Duration `json:"executions,omitempty"`
	// Moves are when executions moved from which status to which, by when these were made. Default 365 days, at least an hour.
	Moves caddy.Duration `json:"moves,omitempty"`
	// Events are the changes that are published: what nobody has published until then is not. Default 7 days, at least an hour.
	Events caddy.Duration `json:"events,omitempty"`
	// MostEvents is how many events are kept, the newest, however young the others are. Default 5000000, at least 10000.
	MostEvents int64 `json:"most_events,omitempty"`
	// Audit is the audit log. Default without end, at least 24h.
	Audit caddy.Duration `json:"audit,omitempty"`
}

const (
	// forever is a time without end.
	forever = caddy.Duration(-1)
	// leastRetention is how long logs, moves and events are kept, leastKept executions and the audit log: within a day all has ended that somebody may
	// still do for an execution.
	leastRetention = caddy.Duration(time.Hour)
	leastKept      = caddy.Duration(24 * time.Hour)
	leastEvents    = 10_000
)

func (e *Executions) checkRetention() error {
	k := e.Keep
	if k == nil {
		k = new(Keep)
	}
	for _, t := range []struct {
		word   string
		is     caddy.Duration
		least  caddy.Duration
		atText string
	}{
		{"logs", e.Retention, leastRetention, "1h"},
		{"executions", k.Executions, leastKept, "24h"},
		{"moves", k.Moves, leastRetention, "1h"},
		{"events", k.Events, leastRetention, "1h"},
		{"lines of audit", k.Audit, leastKept, "24h"},
	} {
		if t.is > 0 && t.is < t.least {
			return fmt.Errorf("retention: %s are kept for at least %s", t.word, t.atText)
		}
	}
	if k.MostEvents != 0 && k.MostEvents < leastEvents {
		return fmt.Errorf("retention: most_events is at least %d", leastEvents)
	}
	return nil
}

// retention says for how long the store keeps what.
func (e *Executions) retention() queries.Retention {
	keep := queries.DefaultRetention()
	if e == nil {
		return keep
	}
	set := func(is caddy.Duration, all ...*time.Duration) {
		if is != 0 {
			for _, to := range all {
				*to = max(0, time.Duration(is))
			}
		}
	}
	set(e.Retention, &keep.Logs, &keep.Firings, &keep.Arrivals)
	if k := e.Keep; k != nil {
		set(k.Executions, &keep.Executions)
		set(k.Moves, &keep.StatusLog)
		set(k.Events, &keep.Events)
		set(k.Audit, &keep.Audit)
		if k.MostEvents != 0 {
			keep.MostEvents = k.MostEvents
		}
	}
	return keep
}

// parseRetention reads:
//
//	retention <duration> | forever
//
// which says it of logs, or
//
//	retention {
//		logs        <duration> | forever
//		executions  <duration> | forever
//		moves       <duration> | forever
//		events      <duration> | forever
//		most_events <n>
//		audit       <duration> | forever
//	}
func parseRetention(d *caddyfile.Dispenser, e *Executions) error {
	if e.Retention != 0 || e.Keep != nil {
		return d.Err("retention is there twice")
	}
	if d.CountRemainingArgs() > 0 {
		return parseKept(d, &e.Retention)
	}
	k := new(Keep)
	times := map[string]*caddy.Duration{"logs": &e.Retention, "executions": &k.Executions, "moves": &k.Moves, "events": &k.Events, "audit": &k.Audit}
	words := 0
	for ; d.NextBlock(2); words++ {
		word := d.Val()
		to, ok := times[word]
		var err error
		switch {
		case ok:
			err = parseKept(d, to)
		case word == "most_events":
			err = parseMostEvents(d, k)
		default:
			err = d.Errf("retention has no word %s%s", word, wrap.Suggest(word, []string{"logs", "executions", "moves", "events", "most_events", "audit"}))
		}
		if err != nil {
			return err
		}
		if err := (&Executions{Retention: e.Retention, Keep: k}).checkRetention(); err != nil {
			return d.WrapErr(err)
		}
		if d.NextBlock(3) {
			return d.Errf("%s takes no block", word)
		}
	}
	if words == 0 {
		return d.Err("retention takes a length of time, like 90d, or forever; or a block: retention { executions 365d }")
	}
	if *k != (Keep{}) {
		e.Keep = k
	}
	return nil
}

// parseKept reads a word with a length of time, or forever, into to.
func parseKept(d *caddyfile.Dispenser, to *caddy.Duration) error {
	if *to == 0 && d.CountRemainingArgs() == 1 && d.NextArg() {
		if d.Val() == "forever" {
			*to = forever
			return nil
		}
		d.Prev()
	}
	return parseDuration(d, to)
}

func parseMostEvents(d *caddyfile.Dispenser, k *Keep) error {
	if k.MostEvents != 0 {
		return d.Err("most_events is there twice")
	}
	args := d.RemainingArgs()
	if len(args) != 1 {
		return d.Err("most_events takes one number")
	}
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil || n < leastEvents {
		return d.Errf("most_events takes a number from %d, and not %q", leastEvents, args[0])
	}
	k.MostEvents = n
	return nil
}
