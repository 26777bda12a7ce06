// Package fleet runs gateways and runners over one PostgreSQL, behind a balancer, as docs/scaling.md has them.
package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/internal/pgtest"
)

// The administrator of every fleet.
const (
	AdminEmail    = "root@example.org"
	AdminPassword = "Correct-horse-4-battery"
)

// Options say how a fleet is started.
type Options struct {
	Gateways, Runners int
	// Docs is docs/scaling.md.
	Docs string
	// Graceful gateways tell that they leave before they do, as the page has it. Others end at once, so that tests do.
	Graceful bool
	// Standby has PostgreSQL be two servers, of which the second follows the first and has what that says to be committed.
	Standby bool
	// Pooler is what a pgbouncer of PoolerConnections gives a connection for, session or transaction; empty: there is none.
	Pooler            string
	PoolerConnections int
	// Pooled says that runners are behind it, too, and not gateways alone.
	Pooled bool
	// Databases are further lines of the option fairway, made when the servers run.
	Databases func(f *Fleet) string
	// Services are further ones of the gateways.
	Services string
}

// Fleet is running until the test ends.
type Fleet struct {
	Gateways []*gateway.Gateway
	Runners  []*gateway.Runner
	// Balancer stands before the gateways.
	Balancer *gateway.Gateway
	// Backend is what the services wrap, Login where the gateways get a token for it.
	Backend *Backend
	Login   *Login
	Server  *pgtest.Server
	// Standby is its standby; nil: there is none.
	Standby *pgtest.Server
	// DSN is the address of the store.
	DSN string
}

// Start starts all of it, the gateways at once. It is left out where there is no PostgreSQL.
func Start(t *testing.T, b *build.Builder, o Options) *Fleet {
	t.Helper()
	f := &Fleet{Server: pgtest.For(t), Login: startLogin(t)}
	f.Backend = startBackend(t, f.Login)
	f.DSN = f.Server.DSN("postgres")
	if o.Standby {
		f.Standby = f.Server.Standby(t, true)
		f.DSN = pgtest.DSNOf("postgres", f.Server, f.Standby)
	}
	env := environment(f.DSN)
	behind := env
	if o.Pooler != "" {
		behind = append(slices.Clone(env), "DATABASE_URL="+f.Server.Pooler(t, o.Pooler, o.PoolerConnections).DSN("postgres")) // the last one counts
	}
	databases := ""
	if o.Databases != nil {
		databases = o.Databases(f)
	}
	blobs := filepath.Join(t.TempDir(), "blobs")
	block := func(name, more string) string {
		return "\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\tblobs file://" + blobs + "\n\t\trunner off {\n\t\t\tname " + name + "\n\t\t\tslots 8\n\t\t\tlease 30s\n" + more + "\n\t\t}"
	}
	global, balancer := snippets(t, o.Docs)
	if !o.Graceful {
		global = regexp.MustCompile(`shutdown_delay \w+`).ReplaceAllString(global, "shutdown_delay 0s")
	}
	f.Gateways = startGateways(t, b, o.Gateways, gateway.Options{
		Global: global, Fairway: block("gateway", "") + databases, Env: behind, Site: "\tcontrol\n" + f.Services() + o.Services, Stays: true,
	})
	if !o.Pooled {
		behind = env
	}
	home := scriptsHome(t)
	for i := range o.Runners {
		f.Runners = append(f.Runners, gateway.StartRunner(t, b, block(fmt.Sprintf("r%d", i+1), fmt.Sprintf("\t\t\texecutor process {\n\t\t\t\tdirectory %s/%d\n\t\t\t}", home, i+1)), behind))
	}
	if t.Failed() {
		t.FailNow()
	}
	// A machine that has more to do than it can is not to look like gateways that are dead.
	balancer = regexp.MustCompile(`health_timeout \w+`).ReplaceAllLiteralString(balancer, "health_timeout 1m")
	addresses := make([]string, len(f.Gateways))
	for i, g := range f.Gateways {
		addresses[i] = strings.TrimPrefix(g.URL, "http://")
	}
	balancer = regexp.MustCompile(`reverse_proxy [^{]*`).ReplaceAllLiteralString(balancer, "reverse_proxy "+strings.Join(addresses, " ")+" ")
	f.Balancer = gateway.Start(t, b, gateway.Options{Stays: true, Caddyfile: "{\n\tskip_install_trust\n}\n" + strings.Replace(balancer, "api.example.org {", "{$SITE_ADDRESS} {", 1)})
	return f
}

// startGateways starts so many at the same time.
func startGateways(t *testing.T, b *build.Builder, n int, o gateway.Options) []*gateway.Gateway {
	t.Helper()
	all := make([]*gateway.Gateway, n)
	ended := make(chan struct{})
	for i := range all {
		go func() { // joined below, whatever becomes of it
			defer func() { ended <- struct{}{} }()
			all[i] = gateway.Start(t, b, o)
		}()
	}
	for range all {
		<-ended
	}
	for _, g := range all {
		if g == nil {
			t.FailNow()
		}
	}
	return all
}

// environment is what gateways and runners of a store are told.
func environment(dsn string) []string {
	return []string{
		"DATABASE_URL=" + dsn, "FAIRWAY_SECRET=" + gateway.NewSecret(),
		"FAIRWAY_ADMIN_EMAIL=" + AdminEmail, "FAIRWAY_ADMIN_PASSWORD=" + AdminPassword, "CLIENT_SECRET=" + clientSecret,
	}
}

// scriptsHome is a directory that users of scripts can enter.
func scriptsHome(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fairway-fleet")
	if err == nil {
		err = os.Chmod(dir, 0o711) //nolint:gosec // see above
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// snippets are what docs/scaling.md writes into a gateway's global options beside `fairway`, and its file of a balancer.
func snippets(t *testing.T, docs string) (global, balancer string) {
	t.Helper()
	text, err := os.ReadFile(docs) //nolint:gosec // of this repository
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllStringSubmatch(string(text), 2)
	if len(found) < 2 {
		t.Fatal("docs/scaling.md has no two Caddyfiles")
	}
	global, _, ok := strings.Cut(strings.TrimPrefix(found[0][1], "{\n"), "\tfairway {")
	if !ok || !strings.Contains(global, "shutdown_delay") || !strings.Contains(found[1][1], "reverse_proxy ") {
		t.Fatal("docs/scaling.md has other Caddyfiles than a gateway's and a balancer's")
	}
	return global, found[1][1]
}

// SQL asks the store something and gives the rows as psql writes them.
func (f *Fleet) SQL(t *testing.T, statement string) string {
	t.Helper()
	rows, err := f.Server.Ask(statement)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Promote has the standby lead, which is Server from then on. It has none of its own.
func (f *Fleet) Promote(t *testing.T) {
	t.Helper()
	if err := f.Standby.Promote(); err != nil {
		t.Fatal(err)
	}
	f.Server, f.Standby = f.Standby, nil
}
