package integration_test

import (
	"net/http"
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
