// Package db is the command `fairway db`: it migrates the store, or a database of a configuration that has migrations.
package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/queries"
)

func init() { caddycmd.RegisterCommand(group()) }

func group() caddycmd.Command {
	down := sub("down", "Takes back the last migration, with the data of what it made", takeBack)
	down.Flags().BoolP("yes", "y", false, "Do not ask")
	down.Flags().Int64("to", -1, "Take back all that are later than this version; 0: all (default: the last one)")
	return command.Group("db", "up|down|status|version|backup|restore|seed|role [<name>] [--config file] [--json]", "Migrates the store, or a database with migrations", `
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
		sub("up", "Applies the migrations that are pending", apply), down,
		sub("status", "Lists the migrations and when they were applied", status),
		sub("version", "Prints the version of the schema", version),
		backupCommand(), restoreCommand(),
		seedCommand(),
		command.Sub("role <name>", "Prints SQL that makes a role for runners, which may do nothing else", role),
	)
}

// statements are SQL.
type statements struct {
	SQL string `json:"sql"`
}

// Text implements command.Report.
func (s statements) Text(w io.Writer) error {
	_, err := io.WriteString(w, s.SQL)
	return err
}

// role needs no database: it prints what the owner of the store is to run.
func role(_ context.Context, c *command.Call) (command.Report, error) {
	const longest = 63 // PostgreSQL cuts longer names
	name := c.Args[0]
	if name == "" || len(name) > longest || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '$' }) || strings.HasPrefix(name, "pg_") {
		return nil, command.Usagef("%q is no name for a role", name)
	}
	return statements{queries.RunnerRole(name)}, nil
}

// job is one call of the command.
type job struct {
	*command.Call
	schema *fairway.Schema
	m      *queries.Migrations
}

// sub makes a command that works on one database.
func sub(name, short string, do func(ctx context.Context, j *job) (command.Report, error)) *cobra.Command {
	return command.Sub(name+" [<name>]", short, func(ctx context.Context, c *command.Call) (command.Report, error) {
		schema, err := c.App.Schema(strings.Join(c.Args, ""))
		if err != nil {
			return nil, &command.Error{Code: command.Usage, Err: err}
		}
		opening, cancel := context.WithTimeout(ctx, command.Patience)
		defer cancel()
		m, err := schema.Open(opening)
		if err != nil {
			return nil, err
		}
		defer m.Close()
		m.Wait(command.Patience)
		return do(ctx, &job{Call: c, schema: schema, m: m})
	})
}

// change is what up and down did.
type change struct {
	Database string   `json:"database"`
	Applied  []string `json:"applied,omitempty"`
	Reverted []string `json:"reverted,omitempty"`
	Version  int64    `json:"version"`
	Newest   int64    `json:"newest"`
}

func (c *change) Text(w io.Writer) error {
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
func (j *job) changed(ctx context.Context, c *change, err error) (command.Report, error) {
	var at error
	c.Database = j.schema.Label
	if c.Version, c.Newest, at = j.m.Version(ctx); at != nil {
		return nil, errors.Join(err, at)
	}
	return c, err
}

func apply(ctx context.Context, j *job) (command.Report, error) {
	names, err := j.m.Up(ctx)
	return j.changed(ctx, &change{Applied: names}, err)
}

func version(ctx context.Context, j *job) (command.Report, error) {
	return j.changed(ctx, new(change), nil)
}

func takeBack(ctx context.Context, j *job) (command.Report, error) {
	to, err := j.Flags().GetInt64("to")
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
		names := strings.Join(last, ", ")
		if err := agree(j.Call, fmt.Sprintf("deletes the data of %s", names), "nothing was taken back"); err != nil {
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

func (l *list) Text(w io.Writer) error {
	rows := make([][]string, len(l.Migrations))
	for i, m := range l.Migrations {
		applied := "pending"
		if m.Applied != nil {
			applied = command.Time(m.Applied)
		}
		rows[i] = []string{strconv.FormatInt(m.Version, 10), applied, m.Name}
	}
	return command.Table(w, []string{"VERSION", "APPLIED", "NAME"}, rows)
}

func status(ctx context.Context, j *job) (command.Report, error) {
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
