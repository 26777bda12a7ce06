package fairway

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

func init() { httpcaddyfile.RegisterGlobalOption("fairway", parseOption) }

// parseOption reads the global option:
//
//	fairway {
//		memory <size>
//		cache  <size>
//		database [<name>] <dsn> {
//			migrations <folder>
//		}
//		secret   {env.NEW} [{env.OLD} ...]
//		tokens   { ... }
//		mail     [smtp://<host>] { ... }
//		users    { ... }
//		blobs    file:///<directory> | s3://<bucket>
//		runner   [embedded | off] { ... }
//		executions { ... }
//		events   { ... }
//	}
func parseOption(d *caddyfile.Dispenser, existing any) (any, error) {
	app := new(App)
	d.Next() // the option's name
	if existing != nil {
		return nil, d.Err("the option fairway is there twice")
	}
	if d.NextArg() {
		return nil, d.Err("the option fairway takes nothing on its line; write: fairway { memory 512MiB }")
	}
	for d.NextBlock(0) {
		switch word := d.Val(); word {
		case "memory":
			if err := size(d, &app.Memory); err != nil {
				return nil, err
			}
		case "cache":
			if err := size(d, &app.Cache); err != nil {
				return nil, err
			}
		case "secret":
			if err := parseSecretWord(d, app); err != nil {
				return nil, err
			}
		case "mail":
			if err := parseMail(d, app); err != nil {
				return nil, err
			}
		case "blobs":
			if err := parseBlobs(d, app); err != nil {
				return nil, err
			}
		case "tokens":
			if err := parseTokens(d, app); err != nil {
				return nil, err
			}
		case "users":
			if err := parseUsers(d, app); err != nil {
				return nil, err
			}
		case "runner":
			if err := parseRunner(d, app); err != nil {
				return nil, err
			}
		case "executions":
			if err := parseExecutions(d, app); err != nil {
				return nil, err
			}
		case "events":
			if err := parseEvents(d, app); err != nil {
				return nil, err
			}
		case "database":
			if err := parseDatabase(d, app); err != nil {
				return nil, err
			}
		default:
			return nil, d.Errf("the option fairway has no word %s%s", word, wrap.Suggest(word, []string{"memory", "cache", "database", "secret", "tokens", "mail", "users", "blobs", "runner", "executions", "events"}))
		}
	}
	if at := app.storeAt; at != nil && app.Secret == "" {
		return nil, fmt.Errorf("%w, at %s:%d", errNoSecret(), at.File, at.Line)
	}
	return httpcaddyfile.App{Name: "fairway", Value: caddyconfig.JSON(app, nil)}, nil
}

// parseDatabase reads: database [<name>] [<dsn>] { migrations <folder> }.
func parseDatabase(d *caddyfile.Dispenser, app *App) error {
	const usage = "database jobs sqlite:/var/lib/jobs.db"
	args := d.RemainingArgs()
	var db Database
	switch len(args) {
	case 0:
	case 1:
		db.DSN = args[0]
		if wrap.IsName(db.DSN) {
			return d.Errf("the database %s needs an address: %s", db.DSN, usage)
		}
	case 2:
		db.Name, db.DSN = args[0], args[1]
		if db.DSN == "" {
			return d.Errf("the database %s needs an address: %s", db.Name, usage)
		}
	default:
		return d.Errf("database takes a name and an address: %s", usage)
	}
	if db.Name == "" && queries.IsPostgres(db.DSN) {
		at := d.Token()
		app.storeAt = &at
	}
	app.Databases = append(app.Databases, db)
	if _, err := checkDatabases(app.Databases); err != nil {
		return d.WrapErr(err)
	}
	return parseMigrations(d, &app.Databases[len(app.Databases)-1])
}

// parseMigrations reads the block of a database: migrations <folder>.
func parseMigrations(d *caddyfile.Dispenser, db *Database) error {
	for d.NextBlock(1) {
		if d.Val() != "migrations" {
			return d.Errf("database has no word %s%s", d.Val(), wrap.Suggest(d.Val(), []string{"migrations"}))
		}
		args := d.RemainingArgs()
		switch {
		case len(args) != 1 || args[0] == "":
			return d.Err("migrations takes one folder: migrations /etc/fairway/migrations")
		case db.Migrations != "":
			return d.Err("migrations is there twice")
		}
		db.Migrations = args[0]
		if err := db.check(); err != nil {
			return d.WrapErr(err)
		}
		if d.NextBlock(2) {
			return d.Err("migrations takes no block")
		}
	}
	return nil
}

// parseSecretWord reads: secret {env.X} | {file./path}, and old ones behind it.
func parseSecretWord(d *caddyfile.Dispenser, app *App) error {
	const usage = "secret {env.FAIRWAY_SECRET}"
	if app.Secret != "" {
		return d.Err("secret is there twice")
	}
	args := d.RemainingArgs()
	if len(args) == 0 || slices.Contains(args, "") {
		return d.Errf("secret takes a placeholder, and those of old secrets: %s", usage)
	}
	app.Secret, app.OldSecrets = args[0], args[1:]
	if err := app.checkSecrets(); err != nil {
		return d.WrapErr(err)
	}
	if d.NextBlock(1) {
		return d.Errf("secret takes no block; write: %s", usage)
	}
	return nil
}

// size reads a word with one size into to.
func size(d *caddyfile.Dispenser, to *wrap.Size) error {
	word := d.Val()
	if *to != 0 {
		return d.Errf("%s is there twice", word)
	}
	args := d.RemainingArgs()
	if len(args) != 1 {
		return d.Errf("%s takes one size: %s 512MiB", word, word)
	}
	v, err := wrap.ParseSize(args[0])
	if err != nil {
		return d.Err(err.Error())
	}
	*to = v
	if d.NextBlock(1) {
		return d.Errf("%s takes no block; write: %s 512MiB", word, word)
	}
	return nil
}
