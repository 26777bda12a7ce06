package integration_test

import (
	"encoding/json"
	"net/http"
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
