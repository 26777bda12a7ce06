// Package pages_test opens the pages of the running gateway in Chromium and uses them as people do. Pictures of them are kept where
// the environment says so:
//
//	FAIRWAY_SCREENSHOTS=/tmp/pictures go test ./pages
package pages_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

var builder *build.Builder

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fairway-e2e-pages")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	builder = &build.Builder{Tools: "../tools", Repository: repository, Temporary: dir, Race: raceDetector}
	return m.Run()
}

// dependOnSources looks at every file of the gateway's source, because go test keeps a result until a file changes that the tests
// looked at.
var dependOnSources = sync.OnceValue(func() error {
	for _, dir := range []string{"caddy", "modules", "proxies", "queries", "go.mod", "go.sum"} {
		err := filepath.WalkDir(filepath.Join(repository, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.Contains(path, "/testdata/") {
				return err
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
})

// start runs a gateway with a control API and more.
func start(t *testing.T, site string) *gateway.Gateway {
	t.Helper()
	if err := dependOnSources(); err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	g := gateway.Start(t, builder, gateway.Options{
		Fairway: "\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\ttokens {\n\t\t\tscopes queues:read\n\t\t}",
		Env: []string{
			"DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "store.db"), "FAIRWAY_SECRET=" + base64.StdEncoding.EncodeToString(secret),
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
