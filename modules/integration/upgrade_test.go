package integration_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpgradeOfGateway takes a store back to an earlier schema, and starts a gateway of this version on it: who was there can log in, a token is
// taken, and the API shows both.
func TestUpgradeOfGateway(t *testing.T) {
	t.Parallel()
	newest := len(storeMigrations())
	for _, version := range []int{3, newest - 1} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, dsn string) {
				t.Helper()
				s := commandShell(t, dsn)
				s.wantCall(t, 0, "user 1, ann@example.org, was added as ADMIN\n", goodPassword, "user", "add", "ann@example.org", "--role", "ADMIN")
				token := s.call(t, "", "token", "create", "--user", "ann@example.org", "--scope", "users:read", "--description", "of before")
				_, secret, ok := strings.Cut(strings.TrimSpace(token.out), "\n")
				if !ok {
					t.Fatal(token.out, token.err)
				}
				if out, code := s.run(t, fmt.Sprintf("down --yes --to %d", version)); code != 0 {
					t.Fatal(out)
				}
				found, _ := s.doctor(t, 0)
				for _, one := range found.Checks {
					if one.Check == "store" && (one.State != "warning" || !strings.Contains(one.Do, "fairway db up")) {
						t.Errorf("the store is %s: %s", one.State, one.Do)
					}
				}
				g := s.controlled(t, "{env.FAIRWAY_SECRET}")
				login(t, g, "ann@example.org", goodPassword)
				if a := g.ask(t, request{path: "/api/v1/users/1", header: http.Header{"Authorization": {"Bearer " + secret}}}); a.status != http.StatusOK || !strings.Contains(a.body, "ann@example.org") {
					t.Errorf("with the token of before it is %d: %s", a.status, a.body)
				}
				s.want(t, "version", fmt.Sprintf("store is at version %d\n", newest))
			})
		})
	}
}

// TestCompatibility takes what earlier versions took, see testdata/compat/README.md: their Caddyfiles, and their JSON.
func TestCompatibility(t *testing.T) { //nolint:paralleltest // Caddy loads one configuration at a time, and the environment is set
	goldenEnv(t)
	files, err := filepath.Glob("testdata/compat/*/*.caddyfiletest")
	if err != nil || len(files) < 190 {
		t.Fatalf("there are %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimPrefix(file, "testdata/compat/"), func(t *testing.T) {
			whole, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, config, ok := strings.Cut(string(whole), "\n----------\n")
			if !ok || !json.Valid([]byte(config)) {
				t.Fatal("it is no Caddyfile with its JSON")
			}
			if _, _, err := adapt(t, text+"\n"); err != nil {
				t.Errorf("this Caddyfile is not taken any more: %v", err)
			}
			load(t, []byte(config))
		})
	}
}
