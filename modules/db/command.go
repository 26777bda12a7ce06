// Package db is the command `fairway db`: it migrates the store, or a database of a configuration that has migrations.
package db

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/queries"
)

// Exit codes of the command.
const (
	exitDone   = 0
	exitFailed = 1 // the database does not answer, or a migration failed
	exitUsage  = 2 // the command line or the configuration is at fault: nothing was done
)

// patience is how long the command waits for a database, or for another process that migrates it.
const patience = time.Minute

func init() { caddycmd.RegisterCommand(command()) }

func command() caddycmd.Command {
	return caddycmd.Command{
		Name:  "db",
		Usage: "up|down|status|version [<name>] [--config file] [--json]",
		Short: "Migrates the store, or a database with migrations",
		Long: `
Migrates a database of a configuration: without a name the store, which a gateway
also does when it starts; with one a database that has migrations:

    database scheduler postgres://... {
        migrations /etc/fairway/scheduler
    }

Its files are like 00001_tables.sql, with what to do below a line "-- +goose Up" and
what takes it back below "-- +goose Down". One process at a time migrates a database,
others wait for a minute.

The exit code is 0 when all went well, 1 when the database does not answer or a
migration failed, 2 when nothing was tried.`,
		CobraFunc: func(cmd *cobra.Command) {
			f := cmd.PersistentFlags()
			f.StringP("config", "c", "", "Configuration file (default: Caddyfile)")
			f.StringP("adapter", "a", "", "Name of the config adapter")
			f.Bool("json", false, "Print JSON")
			down := sub("down", "Takes back the last migration, with the data of what it made", takeBack)
			down.Flags().BoolP("yes", "y", false, "Do not ask")
			down.Flags().Int64("to", -1, "Take back all that are later than this version; 0: all (default: the last one)")
			cmd.AddCommand(
				sub("up", "Applies the migrations that are pending", apply), down,
				sub("status", "Lists the migrations and when they were applied", status),
				sub("version", "Prints the version of the schema", version),
			)
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				err := errors.New("db needs to know what to do: up, down, status or version")
				if len(args) > 0 {
					err = fmt.Errorf("db has no command %s: it knows up, down, status and version", args[0])
				}
				return exit(cmd, exitUsage, err)
			}
			cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return exit(cmd, exitUsage, err) })
		},
	}
}

// job is one call of the command.
type job struct {
	cmd    *cobra.Command
	schema *fairway.Schema
	m      *queries.Migrations
}

// sub makes a command of its own.
func sub(name, short string, do func(ctx context.Context, j *job) (report, error)) *cobra.Command {
	return &cobra.Command{
		Use: name + " [<name>]", Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := run(cmd, args, do)
			return exit(cmd, code, err)
		},
	}
}

func run(cmd *cobra.Command, args []string, do func(ctx context.Context, j *job) (report, error)) (int, error) {
	if len(args) > 1 {
		return exitUsage, fmt.Errorf("db %s takes one name of a database, or none for the store", cmd.Name())
	}
	flags := caddycmd.Flags{FlagSet: cmd.Flags()}
	config, err := caddyfiles.ReadConfig(flags.String("config"), flags.String("adapter"))
	if err != nil {
		return exitUsage, err
	}
	schema, err := fairway.SchemaOf(config, strings.Join(args, ""))
	if err != nil {
		return exitUsage, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	opening, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := schema.Open(opening)
	if err != nil {
		return exitFailed, err
	}
	defer m.Close()
	m.Wait(patience)
	out, err := do(ctx, &job{cmd: cmd, schema: schema, m: m})
	if out != nil {
		if printed := write(cmd.OutOrStdout(), out, flags.Bool("json")); err == nil {
			err = printed
		}
	}
	if errors.Is(err, errUndecided) {
		return exitUsage, err
	}
	if err != nil {
		return exitFailed, err
	}
	return exitDone, nil
}

// report is what a command has to say.
type report interface{ text(w io.Writer) error }

func write(w io.Writer, r report, asJSON bool) error {
	if !asJSON {
		return r.text(w)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// change is what up and down did.
type change struct {
	Database string   `json:"database"`
	Applied  []string `json:"applied,omitempty"`
	Reverted []string `json:"reverted,omitempty"`
	Version  int64    `json:"version"`
	Newest   int64    `json:"newest"`
}

func (c *change) text(w io.Writer) error {
	var b strings.Builder
	for _, name := range c.Applied {
		fmt.Fprintf(&b, "applied %s\n", name)
	}
	for _, name := range c.Reverted {
		fmt.Fprintf(&b, "took back %s\n", name)
	}
	fmt.Fprintf(&b, "%s is at version %d", c.Database, c.Version)
	if c.Newest != c.Version {
		fmt.Fprintf(&b, " of %d", c.Newest)
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}

// changed reports after a change, which may have failed on its way.
func (j *job) changed(ctx context.Context, c *change, err error) (report, error) {
	var at error
	c.Database = j.schema.Label
	if c.Version, c.Newest, at = j.m.Version(ctx); at != nil {
		return nil, errors.Join(err, at)
	}
	return c, err
}

func apply(ctx context.Context, j *job) (report, error) {
	names, err := j.m.Up(ctx)
	return j.changed(ctx, &change{Applied: names}, err)
}

func version(ctx context.Context, j *job) (report, error) { return j.changed(ctx, new(change), nil) }

// errUndecided says that nobody said yes.
var errUndecided = errors.New("nothing was taken back")

func takeBack(ctx context.Context, j *job) (report, error) {
	to, err := j.cmd.Flags().GetInt64("to")
	if err != nil {
		return nil, err
	}
	all, err := j.m.Status(ctx)
	if err != nil {
		return nil, err
	}
	var last []string
	for _, one := range all {
		switch {
		case one.Applied.IsZero():
		case to < 0:
			last = append(last[:0], one.Name)
		case one.Version > to:
			last = append(last, one.Name)
		}
	}
	if len(last) > 0 {
		if err := j.agreed(last); err != nil {
			return nil, err
		}
	}
	var names []string
	if to < 0 {
		names, err = j.m.Down(ctx)
	} else {
		names, err = j.m.DownTo(ctx, to)
	}
	return j.changed(ctx, &change{Reverted: names}, err)
}

// agreed asks whether data may be lost, or has been told.
func (j *job) agreed(names []string) error {
	yes, err := j.cmd.Flags().GetBool("yes")
	if err != nil || yes {
		return err
	}
	in, ok := j.cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return fmt.Errorf("%w: it deletes the data of %s; say --yes if that is meant", errUndecided, strings.Join(names, ", "))
	}
	fmt.Fprintf(j.cmd.ErrOrStderr(), "This takes back %s of %s, with its data. Write yes: ", strings.Join(names, ", "), j.schema.Label)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "yes" {
		return errUndecided
	}
	return nil
}

// list is what status prints.
type list struct {
	Database   string      `json:"database"`
	Migrations []migration `json:"migrations"`
}

type migration struct {
	Version int64      `json:"version"`
	Name    string     `json:"name"`
	Applied *time.Time `json:"applied"`
}

func (l *list) text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VERSION\tAPPLIED\tNAME")
	for _, m := range l.Migrations {
		applied := "pending"
		if m.Applied != nil {
			applied = m.Applied.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\n", m.Version, applied, m.Name)
	}
	return t.Flush()
}

func status(ctx context.Context, j *job) (report, error) {
	all, err := j.m.Status(ctx)
	if err != nil {
		return nil, err
	}
	out := &list{Database: j.schema.Label, Migrations: []migration{}}
	for _, one := range all {
		m := migration{Version: one.Version, Name: one.Name}
		if !one.Applied.IsZero() {
			at := one.Applied.Truncate(time.Second)
			m.Applied = &at
		}
		out.Migrations = append(out.Migrations, m)
	}
	return out, nil
}

// errFailed ends the process with 1. It is not printed: the reason was.
var errFailed = errors.New("failed")

// exit prints err, which Caddy would log as JSON, and gives what makes Caddy's main end with code.
func exit(cmd *cobra.Command, code int, err error) error {
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "fairway db: %v\n", err)
	}
	if code == exitFailed {
		return errFailed
	}
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}
