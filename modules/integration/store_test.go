package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const storeReady = `{"status":"ready","checks":{"config":"ok","databases":{"store":"ok"}}}`

func withStore(body string) string {
	return siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t}", "\thealth\n"+body)
}

// TestGatewaysShareStore starts gateways at once on an empty database.
func TestGatewaysShareStore(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		gateways := make([]*gateway, 3)
		var all sync.WaitGroup
		for i := range gateways {
			all.Go(func() {
				gateways[i] = startGateway(t, withStore(""), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
		for _, g := range gateways {
			g.get(t, "/ready").wantJSON(t, http.StatusOK, storeReady)
		}
	})
}

// TestStoreThatCannotBe holds that a store which can never be opened is an error of the configuration that names it, and
// that the running one goes on.
func TestStoreThatCannotBe(t *testing.T) {
	t.Parallel()
	good := "sqlite:" + filepath.Join(t.TempDir(), "good.db")
	foreign := makeSQLite(t, filepath.Join(t.TempDir(), "foreign.db"), "create table sessions (mine text); insert into sessions values ('precious')")
	g := startGateway(t, withStore("respond /which one"), "DATABASE_URL="+good, "FAIRWAY_SECRET="+someSecret, "SHORT=s3cret")
	for name, c := range map[string]struct{ caddyfile, says string }{
		"tables of somebody else": {strings.Replace(withStore("respond /which two"), "{env.DATABASE_URL}", foreign, 1), "migrating the schema"},
		"a secret that is short":  {strings.Replace(withStore("respond /which two"), "{env.FAIRWAY_SECRET}", "{env.SHORT}", 1), "{env.SHORT} is not a secret of 32 bytes"},
		"a secret that is none":   {strings.Replace(withStore("respond /which two"), "{env.FAIRWAY_SECRET}", "{env.NONE}", 1), "{env.NONE} is not set or empty"},
	} {
		err := g.reload(c.caddyfile)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
		g.get(t, "/ready").wantJSON(t, http.StatusOK, storeReady)
		if got := g.get(t, "/which").body; got != "one" {
			t.Errorf("%s: the configuration is %s", name, got)
		}
	}
	if err := g.reload(withStore("respond /which three")); err != nil {
		t.Error(err)
	}
	g.get(t, "/ready").wantJSON(t, http.StatusOK, storeReady)
	if log := g.log.String(); strings.Contains(log, "s3cret") || strings.Contains(log, someSecret) {
		t.Error("the log tells a secret")
	}
}

// TestValidateMakesNothing holds that a configuration that is only looked at leaves no secret and no store behind, and that one
// that is started makes them.
func TestValidateMakesNothing(t *testing.T) {
	t.Parallel()
	file := siteWith("", "\thealth\n\tservice /s {\n\t\tversion 1.0.0\n\t\trepository https://example.org/r\n\t\tdescription \"x\"\n"+
		"\t\tbackend http://127.0.0.1:1 {\n\t\t\tauth oauth2_proxy\n\t\t}\n\t\tGET /x {\n\t\t\tfetch /x {\n\t\t\t\tdecode text\n\t\t\t}\n\t\t}\n\t}\n")
	g := startGateway(t, file)
	made := func(home string) (out []string) {
		t.Helper()
		for _, name := range []string{"fairway.key", "fairway.db"} {
			if _, err := os.Stat(filepath.Join(home, "data", "caddy", name)); err == nil {
				out = append(out, name)
			}
		}
		return out
	}
	// The site may answer before all is started.
	if err := waitFor(func() error {
		if got := made(filepath.Dir(g.config)); len(got) != 2 {
			return fmt.Errorf("a gateway that was started made %v", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	home := t.TempDir()
	elsewhere := gateway{t: t, config: g.config, env: append(isolated(home), "SITE_ADDRESS=http://127.0.0.1:1")}
	if out, err := elsewhere.command("validate", "--config", g.config, "--adapter", "caddyfile"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if got := made(home); got != nil {
		t.Errorf("to validate made %v", got)
	}
}
