// Package sidecar is the command `fairway runner`: a process that runs executions and does nothing else, beside gateways that share a
// store.
package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/queries/db"
)

func init() { caddycmd.RegisterCommand(group()) }

func group() caddycmd.Command {
	c := command.Group("runner", "[list|drain <name>] [--config file] [--slots n] [--listen address] ...", "Runs executions of scripts, and nothing else", `
Takes executions from the store of gateways, which is PostgreSQL, and runs them on
this machine. It needs no gateway beside it, and its role in the database may do little:
"fairway db role" makes one.

It reads the option fairway of the same Caddyfile as the gateway: database, blobs, runner.
Each can be said by a variable instead, and by an option, which counts first:

    FAIRWAY_DATABASE  --database   postgres://...
    FAIRWAY_BLOBS     --blobs      s3://... or file:///...
    FAIRWAY_NAME      --name       what people call it
    FAIRWAY_SLOTS     --slots      how many executions at once
    FAIRWAY_QUEUES    --queues     default,large
    FAIRWAY_LEASE     --lease      60s
    FAIRWAY_DRAIN     --drain      30s
    FAIRWAY_API       --api        told to scripts as API_URL
    FAIRWAY_EXECUTOR  --executor   process, or JSON: {"executor":"process","level":"strict"}
    FAIRWAY_LISTEN    --listen     127.0.0.1:9090, for /, /ready and /metrics; default: nowhere

On SIGTERM or SIGINT it takes nothing more, and what runs may go on for drain. After
that, or on the second signal, it goes on by itself, for the runner of this name that
is started next on this machine.

The exit code is 0 after a signal, 1 when it could not be started, 2 when the
configuration is at fault.`,
		command.Sub("list", "Lists the runners of the store", list),
		command.Sub("drain <name>", "Has a runner take nothing more until it is started anew", drain),
	)
	setup := c.CobraFunc
	c.CobraFunc = func(cmd *cobra.Command) {
		setup(cmd)
		for _, o := range options() {
			cmd.Flags().String(o.name, "", o.help)
		}
		wrong := cmd.RunE
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return wrong(cmd, args)
			}
			return command.Exit(cmd, start(cmd))
		}
	}
	return c
}

// start runs a runner until it is told to end.
func start(cmd *cobra.Command) error {
	flags := caddycmd.Flags{FlagSet: cmd.Flags()}
	config, listen, err := configuration(flags.String("config"), flags.String("adapter"), flags.String, os.Getenv)
	if err != nil {
		return &command.Error{Code: command.Usage, Err: err}
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Stop(signals)
	caddy.ConfigAutosavePath = os.DevNull // nothing of it is to be found later
	if err := caddy.Load(config, true); err != nil {
		return err
	}
	log, leave := caddy.Log(), fairway.Leaving()
	log.Info("the runner was started, alone in its process")
	if listen != "" {
		log.Info("health and metrics are served at " + listen)
	}
	<-signals
	log.Info("the runner ends: it takes nothing more; another signal has it not wait for what runs")
	ended := make(chan error, 1)
	go func() { ended <- caddy.Stop() }() // ends when the runner has
	for {
		select {
		case err := <-ended:
			return err
		case <-signals:
			log.Info("the runner does not wait for what runs")
			leave()
		}
	}
}

// runners are those of a store.
type runners []shown

// shown is a runner as it is printed.
type shown struct {
	Name    string          `json:"name"`
	ID      string          `json:"id"`
	State   string          `json:"state"`
	Host    string          `json:"host"`
	Version string          `json:"version"`
	Queues  json.RawMessage `json:"queues"`
	Slots   int64           `json:"slots"`
}

// Text implements command.Report.
func (r runners) Text(w io.Writer) error {
	rows := make([][]string, len(r))
	for i, one := range r {
		rows[i] = []string{one.Name, one.State, one.Host, strconv.FormatInt(one.Slots, 10), string(one.Queues), one.ID}
	}
	return command.Table(w, []string{"NAME", "STATE", "HOST", "SLOTS", "QUEUES", "ID"}, rows)
}

const mostListed = 1000

func here(ctx context.Context, c *command.Call) ([]db.Runner, error) {
	store, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	return store.RunnersHere(ctx, mostListed)
}

func list(ctx context.Context, c *command.Call) (command.Report, error) {
	all, err := here(ctx, c)
	if err != nil {
		return nil, err
	}
	out := make(runners, len(all))
	for i, r := range all {
		out[i] = shown{Name: r.Name, ID: r.ID.String(), State: r.State, Host: r.Host, Version: r.Version, Queues: r.Queues, Slots: r.Slots}
	}
	return out, nil
}

// drained is what drain did.
type drained struct {
	Drained []string `json:"drained"`
}

// Text implements command.Report.
func (d drained) Text(w io.Writer) error {
	return command.Line(w, "%d runners take nothing more", len(d.Drained))
}

func drain(ctx context.Context, c *command.Call) (command.Report, error) {
	all, err := here(ctx, c)
	if err != nil {
		return nil, err
	}
	store, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	var out drained
	known := false
	var errs []error
	for _, r := range all {
		if r.Name != c.Args[0] && r.ID.String() != c.Args[0] {
			continue
		}
		known = true
		did, err := store.DrainRunner(ctx, r.ID)
		if err != nil {
			errs = append(errs, err)
		} else if did {
			out.Drained = append(out.Drained, r.ID.String())
		}
	}
	if !known {
		return nil, command.Missingf("there is no runner %s", c.Args[0])
	}
	return out, errors.Join(errs...)
}
