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

// siteService is a service for sites whose other answers are looked at.
func siteService(address string) string {
	return fmt.Sprintf(`
	service /s {
		version 1.0.0
		repository https://example.org/s
		description "A service in a site"
		backend %s {
			retries 0
		}
		GET /x {
			fetch /x {
				decode json
			}
		}
	}`, address)
}

// TestSiteErrors has Caddy's own handlers fail in a site with health: callers see one kind of document.
func TestSiteErrors(t *testing.T) {
	t.Parallel()
	g := startGateway(t, site(`
	health
	error /e404 404
	error /e405 "s3cret of Caddy" 405
	error /e500 "s3cret of Caddy" 500
	error /e418 418
	handle /proxy {
		reverse_proxy `+deadAddress(t)+`
	}
	handle /file* {
		file_server {
			root /not/there
		}
	}
	handle /fine {
		respond "fine"
	}
	`+siteService("http://127.0.0.1:1")))
	for path, want := range map[string]int{
		"/e404": 404, "/e405": 405, "/e500": 500, "/e418": 418, "/proxy": 502, "/file.txt": 404, "/nothing/here": 404, "/s/nothing": 404,
	} {
		a := g.ask(t, request{path: path + "?q=1", header: http.Header{"X-Request-Id": {"site-1"}}})
		d := a.wantProblem(t, want, "")
		if d.RequestID != "site-1" || a.header.Get("X-Request-ID") != "site-1" || d.Instance != path {
			t.Errorf("%s: request_id %q, header %q, instance %q", path, d.RequestID, a.header.Get("X-Request-ID"), d.Instance)
		}
		if strings.Contains(a.body, "s3cret") {
			t.Errorf("%s tells what Caddy's error says: %s", path, a.body)
		}
	}
	g.ask(t, request{method: http.MethodPost, path: "/"}).wantProblem(t, http.StatusMethodNotAllowed, "")
	if a := g.get(t, "/fine"); a.status != http.StatusOK || a.body != "fine" {
		t.Errorf("%d %q", a.status, a.body)
	}
}

// TestSiteOwnErrors has a site that writes its errors itself: those it names are its, the others are documents.
func TestSiteOwnErrors(t *testing.T) {
	t.Parallel()
	g := startGateway(t, site(`
	health
	error /e404 404
	error /e500 500
	handle_errors 404 {
		respond "mine {err.status_code}"
	}
	`+siteService("http://127.0.0.1:1")))
	for _, path := range []string{"/e404", "/nothing/here"} {
		if a := g.get(t, path); a.status != http.StatusNotFound || a.body != "mine 404" {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
	}
	g.get(t, "/e500").wantProblem(t, http.StatusInternalServerError, "")
	g.get(t, "/s/nothing").wantProblem(t, http.StatusNotFound, "")
}

// TestSiteWithoutHealth leaves Caddy's answers alone.
func TestSiteWithoutHealth(t *testing.T) {
	t.Parallel()
	g := startGateway(t, site("\terror /e404 404\n"+siteService("http://127.0.0.1:1")))
	a := g.get(t, "/e404")
	if a.status != http.StatusNotFound || a.body != "" || a.header.Get("X-Request-ID") != "" {
		t.Errorf("%d %q %v", a.status, a.body, a.header)
	}
	if a := g.get(t, "/s/nothing"); a.header.Get("X-Request-ID") == "" {
		t.Error("the service's answer has no request id")
	}
}

// TestSiteRequestID sends ids that are kept and ids that are not.
func TestSiteRequestID(t *testing.T) {
	t.Parallel()
	g := startGateway(t, site("\thealth\n\trespond /mine {vars.request_id}\n"+siteService("http://127.0.0.1:1")))
	for name, c := range map[string]struct {
		sent []string
		kept bool
	}{
		"none":     {nil, false},
		"harmless": {[]string{"a/b+c=d@e:f.g_h-1"}, true},
		"longest":  {[]string{strings.Repeat("x", 128)}, true},
		"too long": {[]string{strings.Repeat("x", 129)}, false},
		"two":      {[]string{"a", "b"}, false},
		"quote":    {[]string{`a"b`}, false},
		"markup":   {[]string{`<b>`}, false},
		"empty":    {[]string{""}, false},
	} {
		for _, path := range []string{"/", "/ready", "/services", "/mine", "/nothing", "/s/nothing", "/s/x"} {
			a := g.ask(t, request{path: path, header: http.Header{"X-Request-Id": c.sent}})
			ids := a.header.Values("X-Request-ID")
			if len(ids) != 1 {
				t.Errorf("%s, %s: ids %q", name, path, ids)
				continue
			}
			if c.kept != (len(c.sent) == 1 && ids[0] == c.sent[0]) || !c.kept && len(ids[0]) != 32 {
				t.Errorf("%s, %s: %q became %q", name, path, c.sent, ids[0])
			}
			if path == "/mine" && a.body != ids[0] {
				t.Errorf("%s: the site sees %q, the caller %q", name, a.body, ids[0])
			}
			if strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") && !strings.Contains(a.body, `"request_id":"`+ids[0]+`"`) {
				t.Errorf("%s, %s: the document has another id than %q: %s", name, path, ids[0], a.body)
			}
		}
	}
}

// object makes JSON by hand for Caddy's own configuration language.
type object = map[string]any

// jsonConfig is a configuration of one service in JSON, whose fetch may be spoilt.
func jsonConfig(t *testing.T, listen, admin, backend string, fetch object) []byte {
	t.Helper()
	service := object{
		"handler": "service", "prefixes": []string{"/j"}, "version": "1.0.0", "repository": "https://example.org/j",
		"description": "A service in JSON",
		"backends":    []object{{"addresses": []string{backend}}},
		"routes":      []object{{"method": "GET", "pattern": "/x/{id}", "fetches": []object{fetch}}},
	}
	raw, err := json.Marshal(object{
		"admin": object{"listen": admin},
		"apps": object{"http": object{"servers": object{"main": object{
			"listen": []string{listen}, "automatic_https": object{"disable": true},
			"routes": []object{{"handle": []object{service}}},
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestSiteInJSON loads Caddy's JSON through the admin endpoint of a running gateway.
func TestSiteInJSON(t *testing.T) {
	t.Parallel()
	backend := startFake(t, says(ok(js, `{"n":1.50}`)))
	g := startGateway(t, site(`respond /old "old"`))
	loadJSON := func(config []byte) (string, error) {
		file := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(file, config, 0o600); err != nil {
			t.Fatal(err)
		}
		return g.command("reload", "--config", file, "--address", g.admin)
	}
	good := object{"name": "one", "target": "/{id}", "decode": object{"format": "json"}}
	for name, c := range map[string]struct {
		fetch object
		says  []string
	}{
		"target":  {object{"name": "one", "target": "/{nope}", "decode": object{"format": "json"}}, []string{"service /j", "route GET /x/{id}", "fetch one", "nothing binds {nope}"}},
		"judge":   {object{"name": "one", "target": "/", "fail_when": "]", "decode": object{"format": "json"}}, []string{"service /j", "route GET /x/{id}", "fetch one", "unexpected token"}},
		"format":  {object{"name": "one", "target": "/", "decode": object{"format": "nope"}}, []string{"nope"}},
		"member":  {object{"name": "one", "target": "/", "tarket": "/", "decode": object{"format": "json"}}, []string{"tarket"}},
		"backend": {object{"name": "one", "target": "/", "backend": "nope", "decode": object{"format": "json"}}, []string{"service /j", "route GET /x/{id}", "fetch one", "nope"}},
	} {
		out, err := loadJSON(jsonConfig(t, g.addr, g.admin, backend.url, c.fetch))
		if err == nil {
			t.Errorf("%s: it is accepted", name)
		}
		for _, want := range c.says {
			if !strings.Contains(strings.ReplaceAll(out, `\"`, `"`), want) {
				t.Errorf("%s: the error does not say %q: %s", name, want, out)
			}
		}
		if a := g.get(t, "/old"); a.body != "old" {
			t.Errorf("%s: the old configuration does not go on: %d %q", name, a.status, a.body)
		}
	}
	if out, err := loadJSON(jsonConfig(t, g.addr, g.admin, backend.url, good)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	g.get(t, "/j/x/7").wantJSON(t, http.StatusOK, `{"one":{"n":1.50}}`)
	g.get(t, "/j/nothing").wantProblem(t, http.StatusNotFound, "")
}
