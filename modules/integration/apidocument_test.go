package integration_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestAPIDocumentPage serves the configuration of the page, and reads all that it lists.
func TestAPIDocumentPage(t *testing.T) {
	t.Parallel()
	var options, site string
	for _, f := range pageFences(t, "docs/api-document.md") {
		if f.language != "caddyfile" {
			continue
		}
		if out, err := validate(t, f.caddyfile(t)); err != nil {
			t.Errorf("%s:%d: %v\n%s", f.page, f.line, err, out)
		}
		if strings.HasPrefix(f.text, "fairway") {
			options = f.text
		} else {
			site = f.text
		}
	}
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		g := startGateway(t, siteWith(options, site), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		for path, holds := range map[string][]string{
			"/api/v1/":                      {"swagger-ui-bundle.js"},
			"/api/v1/assets/start.js":       {"documentation"},
			"/api/v1/assets/swagger-ui.css": {".swagger-ui"},
			"/api/v1/openapi.yaml":          {"openapi: 3.1.0", "/weather/places/{place}:"},
			"/api/v1/openapi.json":          {`"/weather/places/{place}"`, `"The weather of a place"`, `"celsius":7.5`, `"enum":["celsius","kelvin"]`, `"oauth2_password"`, `PERMISSIONS: Only active users`},
			"/api/v1/swagger.json":          {`"swagger":"2.0"`, `"/weather/places/{place}"`, `/auth/oauth2/token"`},
		} {
			a := g.ask(t, request{path: path})
			if a.status != http.StatusOK {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
			for _, part := range holds {
				if !strings.Contains(a.body, part) {
					t.Errorf("%s has no %s", path, part)
				}
			}
		}
		documented(t, g)
	})
}

// TestOpenAPICommand prints the documents of the same configuration without a server.
func TestOpenAPICommand(t *testing.T) {
	t.Parallel()
	if err := dependOnSources(); err != nil {
		t.Fatal(err)
	}
	var options, site string
	for _, f := range pageFences(t, "docs/api-document.md") {
		switch {
		case f.language != "caddyfile":
		case strings.HasPrefix(f.text, "fairway"):
			options = f.text
		default:
			site = f.text
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(config, []byte(siteWith(options, site)), 0o600); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(dir, "any.db")
	g := &gateway{t: t, env: append(isolated(dir), "SITE_ADDRESS=http://127.0.0.1:1", "DATABASE_URL=sqlite:"+store, "FAIRWAY_SECRET="+someSecret)}
	for _, c := range []struct {
		args       string
		holds, not string
	}{
		{"", `{"openapi":"3.1.0"`, "fairway openapi:"},
		{"", `"/api/v1/user/me"`, "fairway openapi:"},
		{"", `"/weather/places/{place}"`, "fairway openapi:"},
		{"--format 3.0 --service weather", `"openapi":"3.0.3"`, "/api/v1"},
		{"--format 2.0", `"swagger":"2.0"`, `"openapi"`},
		{"--format 4", `there is no format "4"`, "{"},
		{"--service nothing", `there is no service "nothing"`, "{"},
	} {
		out, err := g.command(append([]string{"openapi", "--config", config, "--adapter", "caddyfile"}, strings.Fields(c.args)...)...)
		if !strings.Contains(out, c.holds) || strings.Contains(out, c.not) || (err != nil) != (c.not == "{") {
			t.Errorf("openapi %s: %v %.300s", c.args, err, out)
		}
	}
	if _, err := os.Stat(store); err == nil {
		t.Error("the store was made")
	}
}

// documented asks every GET of the control API that has no variable, as nobody: the answer is one that the document has, in its
// media type.
func documented(t *testing.T, g *gateway) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Responses   map[string]struct {
				Content map[string]any
			}
		}
	}
	if err := json.Unmarshal([]byte(g.ask(t, request{path: "/api/v1/openapi.json"}).body), &doc); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for path, item := range doc.Paths {
		op, ok := item["get"]
		if !ok || strings.Contains(path, "{") {
			continue
		}
		asked++
		a := g.ask(t, request{path: path})
		said, ok := op.Responses[strconv.Itoa(a.status)]
		if !ok {
			t.Errorf("%s answers %d, which is not documented", path, a.status)
			continue
		}
		kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		if _, ok := said.Content[kind]; !ok && kind != "" {
			t.Errorf("%s answers %d as %s, which is not documented", path, a.status, kind)
		}
	}
	if asked < 10 {
		t.Errorf("%d operations were asked", asked)
	}
}
