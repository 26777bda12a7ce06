package integration_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// TestTokensAcrossGateways: what one gateway has made the other takes, and what one has disabled or revoked the other soon refuses,
// though it has just taken it.
func TestTokensAcrossGateways(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "ann@example.org", "correct horse battery", "ADMIN")
		env := []string{"DATABASE_URL=" + dsn, "FAIRWAY_SECRET=" + someSecret}
		one, two := startGateway(t, withStore("\tcontrol"), env...), startGateway(t, withStore("\tcontrol"), env...)
		as := func(g *gateway, token, method, path, body string) answer {
			t.Helper()
			r := request{method: method, path: path, body: body, header: http.Header{}}
			if token == "" {
				r.user = "ann@example.org:correct horse battery"
			} else {
				r.header.Set("Authorization", "Bearer "+token)
			}
			return g.ask(t, r)
		}
		member := func(a answer, names ...string) string {
			t.Helper()
			var v any
			if err := json.Unmarshal([]byte(a.body), &v); err != nil {
				t.Fatal(a.body)
			}
			for _, name := range names {
				object, _ := v.(map[string]any)
				v = object[name]
			}
			s, _ := v.(string)
			if s == "" {
				t.Fatal(a.body)
			}
			return s
		}
		ends := func(token, path string, status int, end func() answer) {
			t.Helper()
			if got := as(two, token, http.MethodGet, path, ""); got.status != http.StatusOK {
				t.Fatalf("%s: %d %s", path, got.status, got.body)
			}
			if got := end(); got.status >= 300 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			for deadline := time.Now().Add(patience); as(two, token, http.MethodGet, path, "").status != status; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s: the other gateway never hears of it", path)
				}
			}
		}
		made := as(one, "", http.MethodPost, "/api/v1/tokens", `{"scopes":["tokens:read"],"description":"d"}`)
		ends(member(made, "token"), "/api/v1/tokens", http.StatusUnauthorized, func() answer {
			return as(one, "", http.MethodPatch, "/api/v1/tokens/"+member(made, "id"), `{"disabled":true}`)
		})
		temporary := as(one, "", http.MethodPost, "/api/v1/tokens", `{"typ":"tmp","scopes":["tokens:read"],"metadata":{},"expires_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
		ends(member(temporary, "token"), "/api/v1/tokens", http.StatusUnauthorized, func() answer {
			return as(one, "", http.MethodDelete, "/api/v1/tokens/2", "")
		})
		client := as(one, "", http.MethodPost, "/api/v1/oauth/clients", `{"name":"n","scopes":"auth:read"}`)
		access := as(two, "", http.MethodPost, "/api/v1/oauth/token", `{"grant_type":"client_credentials","client_id":"`+member(client, "data", "client_id")+`","client_secret":"`+member(client, "data", "client_secret")+`"}`)
		ends(member(access, "access_token"), "/api/v1/oauth/clients", http.StatusUnauthorized, func() answer {
			return as(one, "", http.MethodDelete, "/api/v1/oauth/clients/"+member(client, "data", "id"), "")
		})
	})
}

// TestScopesOfServices: a scope that the options name can be given to a token, which a service then takes, and no other.
func TestScopesOfServices(t *testing.T) {
	t.Parallel()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
	newUser(t, dsn, "ann@example.org", "correct horse battery", "USER")
	file := siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\ttokens {\n\t\t\tscopes reports:read jobs:run\n\t\t}\n\t}",
		"\tcontrol\n\tcallers /reports/* users reports:read\n\trespond /reports/* \"the report\"")
	g := startGateway(t, file, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
	ask := func(scope string) answer {
		t.Helper()
		return g.ask(t, request{method: http.MethodPost, path: "/api/v1/tokens", user: "ann@example.org:correct horse battery", body: `{"scopes":["` + scope + `"],"description":"d"}`})
	}
	for scope, status := range map[string]int{"reports:read": http.StatusOK, "jobs:run": http.StatusForbidden, "all": http.StatusOK} {
		var made struct{ Token string }
		if err := json.Unmarshal([]byte(ask(scope).body), &made); err != nil || made.Token == "" {
			t.Fatal(made, err)
		}
		if got := g.ask(t, request{path: "/reports/june", header: http.Header{"Authorization": {"Bearer " + made.Token}}}); got.status != status {
			t.Errorf("%s: %d %s", scope, got.status, got.body)
		}
	}
	if got := ask("reports:write"); got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
}
