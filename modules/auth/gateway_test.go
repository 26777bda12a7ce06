package auth_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	_ "github.com/caddyserver/caddy/v2/modules/logging"

	_ "github.com/fairway-gateway/fairway/modules/decoders"
	"github.com/fairway-gateway/fairway/modules/fairway"
	_ "github.com/fairway-gateway/fairway/modules/service"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// gateway loads a service whose backend has these lines, and gives it. Nothing listens. At the end of the test it is made sure
// that no log, of any level, has a secret.
func gateway(t *testing.T, backend, routes string) *wrap.Service {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	t.Cleanup(func() {
		raw, err := os.ReadFile(log)
		if err != nil || len(raw) == 0 {
			t.Errorf("the log has %d bytes, %v", len(raw), err)
		}
		for line := range strings.Lines(string(raw)) {
			if strings.Contains(line, "hunter") || strings.Contains(line, "Bearer ") || strings.Contains(line, "Digest ") {
				t.Errorf("the log tells a secret: %s", line)
			}
		}
	})
	text := "{\n\tadmin off\n\tlog {\n\t\toutput file " + log + "\n\t\tlevel DEBUG\n\t}\n}\nhttp://gateway.test {\n\tservice /s {\n\t\tversion 1.0.0\n\t\trepository https://example.org/source\n\t\tdescription \"A service\"\n" +
		backend + "\n" + routes + "\n\t}\n}\n"
	raw, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	var cfg caddy.Config
	if err := json.Unmarshal(raw, &cfg); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ctx.App("fairway")
	if err != nil {
		t.Fatal(err)
	}
	services := v.(*fairway.App).Services()
	if len(services) != 1 {
		t.Fatalf("there are %d services", len(services))
	}
	t.Cleanup(services[0].Close)
	return services[0]
}

// call asks the service and gives status and body.
func call(t *testing.T, s *wrap.Service, method, path, body, user, password string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, "/s"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	w := httptest.NewRecorder()
	if !s.Serve(w, r, "abc", nil) {
		t.Fatal("the request is not the service's")
	}
	return w.Code, strings.TrimSpace(w.Body.String())
}

// route is a route that fetches a path.
func route(path string) string {
	return "\t\tGET " + path + " {\n\t\t\tfetch " + path + " {\n\t\t\t\tdecode json\n\t\t\t}\n\t\t}"
}
