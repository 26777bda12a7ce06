package fairway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// Modes of a runner.
const (
	// RunnerEmbedded has the gateway run executions itself.
	RunnerEmbedded = "embedded"
	// RunnerOff leaves them to others.
	RunnerOff = "off"
	// RunnerAlone is that of `fairway runner`, and of no Caddyfile: the process is a runner and nothing else, whose role in the database may do little.
	RunnerAlone = "alone"
)

// Runner says how executions are run: by the gateway itself, or by `fairway runner`, which reads the same.
type Runner struct {
	// Mode is RunnerEmbedded or RunnerOff. Default: embedded where the store is SQLite and there is the control API, else off.
	Mode string `json:"mode,omitempty"`
	// Name is for people. Default: the name of the machine.
	Name string `json:"name,omitempty"`
	// Slots are how many executions it runs at once. Default 4.
	Slots int `json:"slots,omitempty"`
	// Queues are those whose executions it takes, of the first one first. Default "default".
	Queues []string `json:"queues,omitempty"`
	// Lease is for how long an attempt is its own after it was heard of. Default 60s, from 10s to 1h.
	Lease caddy.Duration `json:"lease,omitempty"`
	// Drain is for how long what runs may go on when it ends. After that it is left to whoever is the runner next. Default 30s.
	Drain *caddy.Duration `json:"drain,omitempty"`
	// API is told to scripts as API_URL; {env.X} in it is replaced. Default none.
	API string `json:"api,omitempty"`
	// ExecutorRaw is how a run is isolated. Default: process, with its defaults.
	ExecutorRaw json.RawMessage `json:"executor,omitempty" caddy:"namespace=fairway.executors inline_key=executor"`
}

// Executor is a guest module of the namespace fairway.executors.
type Executor interface {
	// Home is the directory where it wants to keep what it has to; empty: where runners keep theirs. It is asked before Open.
	Home() string
	// Open makes the executor. An error that is an *executor.LevelError says why this machine cannot keep what it promises.
	Open(place Place) (executor.Executor, error)
}

// Place is where an executor is.
type Place struct {
	// Directory is its own, and no other runner's. What runs is found there by the runner that is there next.
	Directory string
	// Hidden are files and directories that scripts must not be able to read: the data of the gateway, its configuration, sockets.
	Hidden []string
	// Blobs gives the place where gateways put results that scripts hand over.
	Blobs func(context.Context) (*blobs.Blobs, error) `json:"-"`
}

const (
	usualSlots = 4
	mostSlots  = 10_000
	mostQueues = 100
	usualLease = caddy.Duration(time.Minute)
	leastLease = caddy.Duration(10 * time.Second)
	mostLease  = caddy.Duration(time.Hour)
	usualDrain = caddy.Duration(30 * time.Second)
	mostDrain  = caddy.Duration(24 * time.Hour)
)

// runnerName is what runners may be called: it becomes a file's name.
func runnerName() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) }

// queueName is what queues may be called.
func queueName() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]+([_-][a-z0-9]+)*$`) }

func (r *Runner) check() error {
	if r == nil {
		return nil
	}
	switch {
	case r.Mode != "" && r.Mode != RunnerEmbedded && r.Mode != RunnerOff && r.Mode != RunnerAlone:
		return fmt.Errorf("a runner is embedded or off, and not %q", r.Mode)
	case r.Name != "" && !runnerName().MatchString(r.Name):
		return fmt.Errorf("%q is no name for a runner: use at most 64 letters, digits, dots, hyphens and underscores", r.Name)
	case r.Slots < 0 || r.Slots > mostSlots:
		return fmt.Errorf("slots are from 1 to %d", mostSlots)
	case r.Lease != 0 && (r.Lease < leastLease || r.Lease > mostLease):
		return errors.New("lease is from 10s to 1h")
	case r.Drain != nil && (*r.Drain < 0 || *r.Drain > mostDrain):
		return errors.New("drain is at most 24h")
	case len(r.Queues) > mostQueues:
		return fmt.Errorf("there are at most %d queues", mostQueues)
	}
	for i, q := range r.Queues {
		if len(q) > 64 || !queueName().MatchString(q) {
			return fmt.Errorf("%q is no name for a queue: use lower-case letters and digits, with - or _ between them", q)
		}
		if slices.Contains(r.Queues[:i], q) {
			return fmt.Errorf("the queue %s is there twice", q)
		}
	}
	return nil
}

// checkAPI says what is wrong with the address that scripts are told, placeholders replaced.
func checkAPI(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("api is where scripts reach the control API, like https://api.example.org")
	}
	return nil
}

// parseRunner reads:
//
//	runner [embedded | off] {
//		name     <name>
//		slots    <n>
//		queues   <name>...
//		lease    <duration>
//		drain    <duration>
//		api      <url>
//		executor <name> { ... }
//	}
func parseRunner(d *caddyfile.Dispenser, app *App) error {
	n, err := caddyfiles.Read(d.NewFromNextSegment())
	if err != nil {
		return err
	}
	if app.Runner != nil {
		return n.Errorf("runner is there twice")
	}
	r := new(Runner)
	app.Runner = r
	if len(n.Args) > 1 {
		return caddyfiles.Errorf(n.Args[1], "runner takes one word on its line, embedded or off; the others stand in its block")
	}
	if len(n.Args) == 1 {
		r.Mode = n.Args[0].Text
		if r.Mode != RunnerEmbedded && r.Mode != RunnerOff {
			return caddyfiles.Errorf(n.Args[0], "a runner is embedded or off, and not %q%s", r.Mode, wrap.Suggest(r.Mode, []string{RunnerEmbedded, RunnerOff}))
		}
	}
	return caddyfiles.Words{Owner: "runner", Known: map[string]caddyfiles.Word{
		"name":     r.word("name builder-1", func(v string) error { r.Name = v; return nil }),
		"api":      r.word("api https://api.example.org", r.setAPI),
		"slots":    r.word("slots 4", r.setSlots),
		"queues":   {Parse: r.parseQueues},
		"lease":    r.word("lease 60s", func(v string) (err error) { r.Lease, err = duration(v); return err }),
		"drain":    r.word("drain 30s", r.setDrain),
		"executor": {Parse: r.parseExecutor},
	}}.Parse(n)
}

// word reads a word with one value.
func (r *Runner) word(usage string, set func(string) error) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		if t.Text == "" {
			return n.Errorf("%s is empty; write: %s", n.Word.Text, usage)
		}
		if err := errors.Join(set(t.Text), r.check()); err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
		return nil
	}}
}

func (r *Runner) setSlots(v string) (err error) {
	if r.Slots, err = strconv.Atoi(v); err != nil || r.Slots < 1 {
		return fmt.Errorf("slots takes a number from 1, and not %q", v)
	}
	return nil
}

func (r *Runner) setDrain(v string) error {
	if v == "0" || v == "0s" {
		r.Drain = new(caddy.Duration)
		return nil
	}
	of, err := duration(v)
	r.Drain = &of
	return err
}

func (r *Runner) setAPI(v string) error {
	r.API = v
	if placeholders().MatchString(v) {
		return nil
	}
	return checkAPI(v)
}

// duration reads a length of time.
func duration(v string) (caddy.Duration, error) {
	of, err := caddy.ParseDuration(v)
	if err != nil || of <= 0 {
		return 0, fmt.Errorf("%q is no length of time, like 30s, 12h or 90d", v)
	}
	return caddy.Duration(of), nil
}

func (r *Runner) parseQueues(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) == 0 {
		return n.Errorf("queues takes names: queues default large")
	}
	for _, t := range n.Args {
		r.Queues = append(r.Queues, t.Text)
		if err := r.check(); err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
	}
	return nil
}

// parseExecutor reads a line of which the module that it names reads the rest.
func (r *Runner) parseExecutor(n caddyfiles.Node) (err error) {
	_, r.ExecutorRaw, _, err = caddyfiles.Guest[Executor](n, executorNamespace, "executor", caddyfiles.Modules(executorNamespace))
	return err
}

// executorNamespace is where executors are.
const executorNamespace = "fairway.executors"
