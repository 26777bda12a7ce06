// Package pages_test opens the pages of the running gateway in Chromium and uses them as people do. Pictures of them are kept where
// the environment says so:
//
//	FAIRWAY_SCREENSHOTS=/tmp/pictures go test ./pages
package pages_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// repository is the top of fairway's source, seen from here.
const repository = "../.."

// The first administrator.
const (
	adminEmail    = "first@example.org"
	adminPassword = "The first one at the 1st tee"
)

var builder = &build.Builder{Module: "..", Race: build.Race}

func TestMain(m *testing.M) { os.Exit(builder.Main(m)) }

// start runs a gateway with a control API and more.
func start(t *testing.T, site string) *gateway.Gateway {
	t.Helper()
	g := gateway.Start(t, builder, gateway.Options{
		Fairway: "\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\ttokens {\n\t\t\tscopes queues:read\n\t\t}",
		Env: []string{
			"DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "store.db"), "FAIRWAY_SECRET=" + gateway.NewSecret(),
			"FAIRWAY_ADMIN_EMAIL=" + adminEmail, "FAIRWAY_ADMIN_PASSWORD=" + adminPassword,
		},
		Site: "\tcontrol\n" + site,
	})
	// What a store has from the start is there once the API answers.
	if a := g.Get("/.well-known/jwks.json", "", ""); a.Status != http.StatusOK {
		t.Fatalf("the API does not answer: %s", a)
	}
	return g
}
