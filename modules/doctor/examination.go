package doctor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/fairway"
)

// State is how something is.
type State string

// States, each worse than the one before.
const (
	OK      State = "ok"
	Warning State = "warning"
	Failure State = "failure"
)

// Finding is what was found out about one thing.
type Finding struct {
	// Check is what was looked at: "store", "backend /weather https://wx.example.org".
	Check string `json:"check"`
	State State  `json:"state"`
	// Found is what there is, Do what to do about it; empty: nothing.
	Found string `json:"found"`
	Do    string `json:"do,omitempty"`
}

func fine(check, found string, args ...any) Finding {
	return Finding{Check: check, State: OK, Found: fmt.Sprintf(found, args...)}
}

// Findings are all that were found, in the order of the page.
type Findings struct {
	// State is the worst of them.
	State  State     `json:"state"`
	Checks []Finding `json:"checks"`
}

// Text implements command.Report.
func (f *Findings) Text(w io.Writer) error {
	rows := make([][]string, len(f.Checks))
	var todo []Finding
	for i, one := range f.Checks {
		rows[i] = []string{string(one.State), one.Check, one.Found}
		if one.Do != "" {
			todo = append(todo, one)
		}
	}
	if err := command.Table(w, []string{"STATE", "CHECK", "FOUND"}, rows); err != nil {
		return err
	}
	for _, one := range todo {
		if err := command.Line(w, "%s: %s", one.Check, one.Do); err != nil {
			return err
		}
	}
	return nil
}

// atOnce is how many checks are made at once, each of which may wait for somebody.
const atOnce = 8

// check looks at one thing, or at some that belong together.
type check func(context.Context) []Finding

// examination is one look at a configuration and what it needs.
type examination struct {
	timeout time.Duration
	now     func() time.Time
	// raw is the configuration in Caddy's JSON, nil where it could not be made. broken says what is wrong with it.
	raw    []byte
	broken error
	// app is that of the configuration; nil: there is none to be had. provisioned says that it is more than what is written.
	app         *fairway.App
	provisioned bool
	// hide takes secrets out of what others say.
	hide *strings.Replacer
}

// run makes all checks, some at once.
func (e *examination) run(ctx context.Context) *Findings {
	all := []check{e.configuration}
	if e.app != nil {
		all = append(all, e.secret, e.store)
		for _, name := range e.app.DatabaseNames() {
			all = append(all, func(ctx context.Context) []Finding { return e.database(ctx, name) })
		}
		for _, b := range e.backends() {
			all = append(all, func(ctx context.Context) []Finding { return []Finding{e.backend(ctx, b)} })
		}
		all = append(all, e.certificates, e.mail, e.disks, e.blobs, e.isolation)
	}
	all = append(all, e.zones, e.limits)

	found := make([][]Finding, len(all))
	var running sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i, look := range all {
		running.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			// Those that ask somebody more than once have more than one.
			ctx, cancel := context.WithTimeout(ctx, e.timeout)
			defer cancel()
			found[i] = look(ctx)
		})
	}
	running.Wait()

	out := &Findings{State: OK, Checks: []Finding{}}
	for _, some := range found {
		for _, one := range some {
			one.Check, one.Found, one.Do = e.hide.Replace(one.Check), e.hide.Replace(one.Found), e.hide.Replace(one.Do)
			out.Checks = append(out.Checks, one)
			if one.State == Failure || one.State == Warning && out.State == OK {
				out.State = one.State
			}
		}
	}
	return out
}

// configuration says whether it can be loaded.
func (e *examination) configuration(context.Context) []Finding {
	if e.broken != nil {
		return []Finding{{"config", Failure, e.broken.Error(), "correct it; docs/caddyfile.md has every word, and `fairway validate` shows Caddy's warnings"}}
	}
	return []Finding{fine("config", "it can be loaded; services: %d", len(e.app.Services()))}
}
