package health

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage" // so that nothing is written into the home directory
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/requestid"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// site is a handler whose app has services of these configurations.
func site(t *testing.T, services ...string) *Handler {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	app := new(fairway.App)
	if err := app.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	for _, text := range services {
		cfg := new(wrap.Config)
		if err := json.Unmarshal([]byte(text), cfg); err != nil {
			t.Fatal(err)
		}
		for i := range cfg.Routes {
			for j := range cfg.Routes[i].Fetches {
				cfg.Routes[i].Fetches[j].Decoder = new(lines.PlainText)
			}
		}
		s, err := wrap.Compile(cfg, app.Deps(ctx))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		app.Announce(s)
	}
	return &Handler{app: app}
}

// asked is what comes of a request: an answer, or the error that goes to the site's error routes.
func asked(t *testing.T, h *Handler, r *http.Request, next caddyhttp.HandlerFunc) (*httptest.ResponseRecorder, error) {
	t.Helper()
	w := httptest.NewRecorder()
	r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
	return w, h.ServeHTTP(w, r, next)
}

// behind is a handler that must not be reached.
func behind(t *testing.T) caddyhttp.HandlerFunc {
	t.Helper()
	return func(http.ResponseWriter, *http.Request) error {
		t.Error("the request went on")
		return nil
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	h := site(t)
	for _, test := range []struct {
		method, path      string
		status            int
		mediaType, answer string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "OK"},
		{"HEAD", "/", 200, "text/html; charset=utf-8", "OK"}, // the server leaves the body out
		{"GET", "/?x=y", 200, "text/html; charset=utf-8", "OK"},
		{"OPTIONS", "/", 200, "", ""},
		{"POST", "/", 405, "application/problem+json", `"detail": "This path knows GET only."`},
		{"GET", "/ready", 200, "application/json", `{"status":"ready","checks":{"config":"ok"}}`},
		{"DELETE", "/ready", 405, "application/problem+json", `"status": 405`},
		{"GET", "/services", 200, "application/json", `{"services":[]}`},
		{"PUT", "/services", 405, "application/problem+json", `"status": 405`},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(test.method, test.path, nil)
			r.Header.Set(requestid.Header, "abc")
			w, err := asked(t, h, r, behind(t))
			if err != nil {
				t.Fatal(err)
			}
			loose := strings.NewReplacer(": ", ":", "\n", "")
			if w.Code != test.status || w.Header().Get("Content-Type") != test.mediaType || !strings.Contains(loose.Replace(w.Body.String()), loose.Replace(test.answer)) {
				t.Errorf("%d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			if w.Header().Get(requestid.Header) != "abc" {
				t.Errorf("the request id is %q", w.Header().Get(requestid.Header))
			}
			if refused := w.Code == http.StatusMethodNotAllowed || test.method == http.MethodOptions; (w.Header().Get("Allow") == allow) != refused {
				t.Errorf("Allow: %q", w.Header().Get("Allow"))
			}
			if w.Code == http.StatusOK && test.method != http.MethodOptions && w.Header().Get("Cache-Control") != "no-store" {
				t.Error("the answer may be stored")
			}
		})
	}
}

func TestOthers(t *testing.T) {
	t.Parallel()
	h := site(t)
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		next   caddyhttp.HandlerFunc
		status int // of the error; 0 is none
	}{
		"answered": {func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}, 0},
		"failed": {func(http.ResponseWriter, *http.Request) error { return caddyhttp.Error(http.StatusBadGateway, broken) }, 502},
		"nobody's": {func(_ http.ResponseWriter, r *http.Request) error {
			caddyhttp.SetVar(r.Context(), "unhandled", true)
			return nil
		}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := asked(t, h, httptest.NewRequest(http.MethodGet, "/other", nil), test.next)
			if len(w.Header().Get(requestid.Header)) != 32 {
				t.Errorf("the request id is %q", w.Header().Get(requestid.Header))
			}
			if test.status == 0 {
				if err != nil || w.Code != http.StatusNoContent {
					t.Errorf("%d, %v", w.Code, err)
				}
				return
			}
			he, ok := errors.AsType[caddyhttp.HandlerError](err)
			if !ok || he.StatusCode != test.status {
				t.Fatalf("the error is %v", err)
			}
			if _, ours := errors.AsType[*problem.Problem](err); ours != (test.status == http.StatusNotFound) {
				t.Errorf("a problem: %v", ours)
			}
		})
	}
}

const (
	words  = `"version":"1.2.3","repository":"https://example.org/source","description":"D"`
	routes = `"routes":[{"method":"GET","pattern":"/x/{id}","fetches":[{"target":"/y"}]},{"method":"POST","pattern":"/z","fetches":[{"target":"/z"}]}]`
)

func TestServices(t *testing.T) {
	t.Parallel()
	const twice = `"name":"shop",` + words + `,"backends":[{"addresses":["http://127.0.0.1:9","http://127.0.0.1:10"]}],` + routes
	h := site(t,
		`{"prefixes":["/shop"],`+twice+`}`,
		`{"prefixes":["/alpha"],`+words+`,"api_version":"2","backends":[{"name":"db","addresses":["http://127.0.0.1:9"]}],"routes":[{"method":"GET","pattern":"/","fetches":[{"backend":"db","target":"/secret-path"}]}]}`,
		`{"prefixes":["/old/shop"],`+twice+`}`,
	)
	w, err := asked(t, h, httptest.NewRequest(http.MethodGet, "/services", nil), behind(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"127.0.0.1", "secret-path"} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("everybody sees %s in %s", secret, w.Body)
		}
	}
	var got struct {
		Services []service `json:"services"`
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := []service{
		{
			Name: "alpha", Version: "1.2.3", Description: "D", Repository: "https://example.org/source", APIVersion: "2", Auth: "none",
			Prefixes: []string{"/alpha"}, Metadata: []string{"/alpha/metadata"}, Documents: []string{}, Routes: []string{"GET /"},
			Backends: []backend{{Name: "db", Breakers: []string{"closed"}}},
		},
		{
			Name: "shop", Version: "1.2.3", Description: "D", Repository: "https://example.org/source", APIVersion: "1.0", Auth: "none",
			Prefixes: []string{"/shop", "/old/shop"}, Metadata: []string{"/shop/metadata", "/old/shop/metadata"}, Documents: []string{}, Routes: []string{"GET /x/{id}", "POST /z"},
			Backends: []backend{{Breakers: []string{"closed", "closed"}}},
		},
	}
	if diff := cmp.Diff(want, got.Services); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestLifeCycle loads configurations of JSON as Caddy does, with mistakes and without.
func TestLifeCycle(t *testing.T) { //nolint:paralleltest // Caddy loads one configuration at a time
	const server = `{"admin":{"disabled":true,"config":{"persist":false}},"storage":{"module":"file_system","root":"ROOT"},"apps":{APP"http":{"servers":{"s":{"listen":["127.0.0.1:0"],"routes":[{"handle":[HANDLE]}]}}}}}`
	for name, test := range map[string]struct{ app, handle, err string }{
		"whole":               {"", `{"handler":"health"}`, ""},
		"with the app":        {`"fairway":{"memory":"64MiB"},`, `{"handler":"health"}`, ""},
		"an unknown field":    {"", `{"handler":"health","paths":["/"]}`, `unknown field "paths"`},
		"a misspelt handler":  {"", `{"handler":"healthy"}`, "http.handlers.healthy"},
		"a field of the app":  {`"fairway":{"memroy":"64MiB"},`, `{"handler":"health"}`, `unknown field "memroy"`},
		"no size":             {`"fairway":{"memory":"64 apples"},`, `{"handler":"health"}`, "64 apples"},
		"less than no memory": {`"fairway":{"memory":-5},`, `{"handler":"health"}`, "-5 is no size"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer("ROOT", t.TempDir(), "APP", test.app, "HANDLE", test.handle).Replace(server)
			var cfg caddy.Config
			if err := caddy.StrictUnmarshalJSON([]byte(text), &cfg); err != nil {
				t.Fatal(err)
			}
			err := caddy.Validate(&cfg)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("the error is %v, want %q", err, test.err)
			}
		})
	}
}
