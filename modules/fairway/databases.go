package fairway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/database/sqlpool"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// storeName is what the database without a name is called in metrics, logs and /ready.
const storeName = "store"

// Database is a database in a configuration.
type Database struct {
	// Name is what sql calls it: a letter or _, then letters, digits and _. Default: none, and it is the store of the gateway.
	Name string `json:"name,omitempty"`
	// DSN is sqlite:<path> or postgres://user@host:port/name?options. {env.X} and {file./path} are resolved when the
	// configuration is loaded, and a password must be one of them. Default, of the store only: the file fairway.db in
	// Caddy's data directory; that is the store, too, where DSN is one {env.X} that is not set.
	DSN string `json:"dsn,omitempty"`
	// Migrations is the folder with the migrations of a database with a name, files like 00001_tables.sql as goose has them,
	// which the command db applies and nothing else. Default: none. The store has its own.
	Migrations string `json:"migrations,omitempty"`
}

// label is the database's name for people.
func (d *Database) label() string {
	if d.Name == "" {
		return storeName
	}
	return d.Name
}

// checkDatabases says what is wrong with the databases as they are written, by the index of the one that is at fault.
func checkDatabases(all []Database) (int, error) {
	for i := range all {
		if slices.ContainsFunc(all[:i], func(o Database) bool { return o.Name == all[i].Name }) {
			return i, fmt.Errorf("there are two databases of the name %q", all[i].Name)
		}
		if err := all[i].check(); err != nil {
			return i, err
		}
	}
	return 0, nil
}

func (d *Database) check() error {
	switch {
	case d.Name == storeName:
		return fmt.Errorf("%s is what the database without a name is called; choose another name", storeName)
	case d.Name != "" && !wrap.IsName(d.Name):
		return fmt.Errorf("%q is no name for a database: use letters, digits and _", d.Name)
	case d.Name == "" && d.Migrations != "":
		return errors.New("the store has migrations of its own; give the database a name")
	case d.DSN == "" && d.Name != "":
		return fmt.Errorf("the database %s needs an address: sqlite:<path> or postgres://user@host/name", d.Name)
	case d.DSN == "", strings.HasPrefix(d.DSN, "{"): // it is looked at when it is resolved
		return nil
	}
	if secret(password(d.DSN)) {
		return errors.New("the password of a database must be {env.X} or {file./path}, so that it is in no configuration")
	}
	if strings.Contains(d.DSN, "{") && sqlpool.Dialect(d.DSN) != database.Any {
		return nil
	}
	cfg := sqlpool.Config{DSN: d.DSN}
	return cfg.Check()
}

// placeholders are the texts that are resolved.
func placeholders() *regexp.Regexp { return regexp.MustCompile(`\{(?:env\.|file\.)[^{}]*\}`) }

// secret says that a text has something beside placeholders in it.
func secret(s string) bool { return placeholders().ReplaceAllString(s, "") != "" }

// password gives what of the address of a server is a password, as it is written.
func password(dsn string) string {
	_, rest, ok := strings.Cut(dsn, "://")
	if !ok {
		return ""
	}
	user, _ := userinfo(rest)
	_, first, _ := strings.Cut(user, ":")
	out := []string{first}
	_, options, _ := strings.Cut(rest, "?")
	for option := range strings.SplitSeq(options, "&") {
		if name, value, _ := strings.Cut(option, "="); strings.HasSuffix(name, "password") {
			out = append(out, value)
		}
	}
	return strings.Join(out, "")
}

// userinfo splits what follows the scheme at the @ behind user and password. A placeholder may have slashes.
func userinfo(rest string) (user, after string) {
	masked := placeholders().ReplaceAllStringFunc(rest, func(m string) string { return strings.Repeat("x", len(m)) })
	end := len(masked)
	if i := strings.IndexAny(masked, "/?"); i >= 0 {
		end = i
	}
	i := strings.LastIndexByte(masked[:end], '@')
	if i < 0 {
		return "", rest
	}
	return rest[:i], rest[i:]
}

// resolve gives the address with its placeholders resolved; those in user and password are escaped as it wants them.
func (d *Database) resolve() (string, error) {
	if d.ofDefault() {
		return "sqlite:" + filepath.Join(caddy.AppDataDir(), "fairway.db"), nil
	}
	scheme, rest, ok := strings.Cut(d.DSN, "://")
	if !ok || strings.HasPrefix(d.DSN, "{") {
		return Resolve(d.DSN)
	}
	user, after := userinfo(rest)
	var failed error
	user = placeholders().ReplaceAllStringFunc(user, func(m string) string {
		v, err := Secret(m)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s %w", m, err))
		}
		return strings.ReplaceAll(url.QueryEscape(v), "+", "%20")
	})
	after, err := Resolve(after)
	return scheme + "://" + user + after, errors.Join(failed, err)
}

// ofDefault says that the store is the file in Caddy's data directory: nothing else is written, or only a variable that is
// not set, so that one configuration serves a machine of its own and a fleet.
func (d *Database) ofDefault() bool {
	if d.Name != "" || d.DSN == "" {
		return d.Name == ""
	}
	variable, ok := strings.CutPrefix(d.DSN, "{env.")
	variable, closed := strings.CutSuffix(variable, "}")
	return ok && closed && !strings.ContainsAny(variable, "{}") && os.Getenv(variable) == ""
}

// checkResolved says what is wrong with an address whose placeholders are resolved, without a word of it.
func (*Database) checkResolved(dsn string) error {
	cfg := sqlpool.Config{DSN: dsn}
	return cfg.Check()
}

// kept is a database in the usage pool.
type kept struct{ *sqlpool.Pool }

// Destruct closes the connections.
func (k kept) Destruct() error {
	k.Close()
	return nil
}

// openDatabases finds or makes the pools. Nothing is connected.
func (a *App) openDatabases() error {
	if i, err := checkDatabases(a.Databases); err != nil {
		return fmt.Errorf("database %s: %w", a.Databases[i].label(), err)
	}
	a.pools = make(named, len(a.Databases))
	for i := range a.Databases {
		d := &a.Databases[i]
		if d.Name == "" {
			if err := a.useStore(); err != nil {
				return err
			}
			continue
		}
		dsn, err := d.resolve()
		if err != nil {
			return fmt.Errorf("database %s: %w", d.label(), err)
		}
		v, err := a.take("database "+d.label()+" "+dsn, func() (caddy.Destructor, error) {
			p, err := sqlpool.Open(sqlpool.Config{Name: d.label(), DSN: dsn},
				sqlpool.Options{Metrics: a.process.metrics, Memory: a.process.memory, Logger: a.ctx.Slogger()})
			return kept{p}, err
		})
		if err != nil {
			return fmt.Errorf("database %s: %w", d.label(), err)
		}
		a.pools[d.label()] = v.(kept).Pool
	}
	return nil
}

// DatabaseHealth says of each database, by its name, whether it answers: "ok" or "failed". Lost says that the store does not.
func (a *App) DatabaseHealth(ctx context.Context) (states map[string]string, lost bool) {
	if len(a.pools) == 0 && a.store == nil {
		return nil, false
	}
	pings := make(map[string]func(context.Context) error, len(a.pools)+1)
	for name, p := range a.pools {
		pings[name] = p.Ping
	}
	if a.store != nil {
		pings[storeName] = a.store.ping
	}
	states = make(map[string]string, len(pings))
	var mu sync.Mutex
	var all sync.WaitGroup
	for name, ping := range pings {
		all.Go(func() {
			err := ping(ctx)
			mu.Lock()
			defer mu.Unlock()
			states[name] = "ok"
			if err != nil {
				states[name] = "failed"
				lost = lost || name == storeName
			}
		})
	}
	all.Wait()
	return states, lost
}

// named are the databases that sql may ask. The store is not among them.
type named map[string]*sqlpool.Pool

// Names implements wrap.Databases.
func (n named) Names() []string {
	return slices.Sorted(maps.Keys(n))
}

// Database implements wrap.Databases.
func (n named) Database(name string) wrap.Database { return n[name] }

// declared are databases that are only written down.
type declared []Database

// Declared gives the databases of the global option, as Caddy's adapter has it, for a service to be checked with.
func Declared(option any) (wrap.Databases, error) {
	app, ok := option.(httpcaddyfile.App)
	if !ok {
		return declared{}, nil
	}
	var cfg App
	if err := json.Unmarshal(app.Value, &cfg); err != nil {
		return nil, fmt.Errorf("the option fairway: %w", err)
	}
	return declared(cfg.Databases), nil
}

// Names implements wrap.Databases.
func (d declared) Names() []string {
	out := []string{}
	for _, one := range d {
		if one.Name != "" {
			out = append(out, one.Name)
		}
	}
	return out
}

// Database implements wrap.Databases.
func (d declared) Database(name string) wrap.Database {
	i := slices.IndexFunc(d, func(one Database) bool { return one.Name == name })
	return unopened{sqlpool.Dialect(d[i].DSN)}
}

// unopened is a database of which only the dialect is known.
type unopened struct{ dialect database.Dialect }

// Breaker implements wrap.Database.
func (unopened) Breaker() string { return "closed" }

// Dialect implements wrap.Database.
func (u unopened) Dialect() database.Dialect { return u.dialect }

// Run implements wrap.Database. Nobody calls it: a service that is checked answers nobody.
func (unopened) Run(context.Context, *database.Query) (*database.Result, error) {
	return nil, errors.New("the database is not open")
}

// Interface guards.
var (
	_ wrap.Databases = named(nil)
	_ wrap.Databases = declared(nil)
	_ wrap.Database  = (*sqlpool.Pool)(nil)
)
