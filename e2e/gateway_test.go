package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/peers"
)

// startGateway runs a fairway.
func startGateway(t testing.TB, o gateway.Options) *gateway.Gateway {
	t.Helper()
	return gateway.Start(t, builder, o)
}

// service is a service over a backend whose words of `auth` are given.
func service(backend, auth string) string {
	return `
	service /wrapped {
		version 1.0.0
		repository https://example.org/wrapped
		description "What is behind a proxy that asks for a login"

		backend ` + backend + ` {
			` + auth + `
			breaker 1000 1s
		}

		GET /who {
			fetch /who {
				decode json
			}
			reply ` + "`{ email: .email, user: .user }`" + `
		}
		GET /echo {
			fetch /echo {
				decode json
			}
		}
		GET /status/{code} {
			fetch /status/{code} {
				decode text
			}
			reply ` + "`{ text: . }`" + `
		}
		POST /things {
			body json
			fetch POST /things {
				body json ` + "`$body`" + `
				decode json
			}
			reply ` + "`{ method: .method, body: .body, email: .email }`" + `
		}
	}`
}

// oauth2Proxy is `auth oauth2_proxy` with words of its block.
func oauth2Proxy(words ...string) string {
	return "auth oauth2_proxy {\n\t\t\t\t" + strings.Join(words, "\n\t\t\t\t") + "\n\t\t\t}"
}

// guarded is a stack with a gateway before it.
type guarded struct {
	stack
	gateway *gateway.Gateway
}

// startGuarded starts a backend behind a proxy with Dex, and a gateway that logs in there with the form.
func startGuarded(t testing.TB, o peers.DexOptions, flags ...string) guarded {
	t.Helper()
	s := startStack(t, o, flags...)
	return guarded{stack: s, gateway: startGateway(t, gateway.Options{Site: s.site()})}
}

// site is a service that logs in at the stack with the form.
func (s stack) site(words ...string) string {
	return service(s.proxy.URL, oauth2Proxy(append([]string{"login_origins " + s.dex.Relay.URL}, words...)...))
}

// problem is what the gateway says of a failure.
type problem struct {
	Type   string `json:"type"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// wantProblem fails the test unless the answer is a problem document of this kind.
func wantProblem(t testing.TB, a gateway.Answer, status int, kind string) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil || a.Status != status || p.Type != "urn:fairway:problem:"+kind || p.Status != status {
		t.Errorf("%s, want %d %s", a, status, kind)
	}
	return p
}

// wantUser fails the test unless the answer is that the backend saw this user.
func wantUser(t testing.TB, a gateway.Answer, u peers.User) {
	t.Helper()
	// Who is known to the proxy by a file of passwords has a name there, and no address.
	var got struct{ Email, User string }
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != http.StatusOK || got.Email != u.Email && (got.Email != "" || got.User != u.Email) {
		t.Errorf("%s, want %s", a, u.Email)
	}
}

// who asks for /wrapped/who as a user.
func who(g *gateway.Gateway, u peers.User) gateway.Answer {
	return g.Get("/wrapped/who", u.Email, u.Password)
}

// secrets of users, and what the relays saw of cookies, tokens and codes, in every form in which they could be told.
func secrets(relays []*peers.Relay, users ...peers.User) map[string]string {
	all := map[string]string{}
	add := func(what, secret string) {
		if len(secret) < 8 {
			return
		}
		all[secret] = what
		all[url.QueryEscape(secret)] = what
		all[base64.StdEncoding.EncodeToString([]byte(secret))] = what + " in base64"
	}
	for _, u := range users {
		add("password of "+u.Email, u.Password)
		add("credentials of "+u.Email, u.Email+":"+u.Password)
	}
	for _, r := range relays {
		for _, s := range r.Seen() {
			for _, line := range s.Header.Values("Cookie") {
				for pair := range strings.SplitSeq(line, "; ") {
					_, value, _ := strings.Cut(pair, "=")
					add("cookie", value)
				}
			}
			for _, line := range s.Header.Values("Authorization") {
				_, value, _ := strings.Cut(line, " ")
				add("authorization", value)
			}
			if query, err := url.ParseQuery(s.Query); err == nil {
				add("code", query.Get("code"))
			}
		}
	}
	return all
}

// wantNoSecret fails the test if a text holds one of the secrets.
func wantNoSecret(t testing.TB, where, text string, secrets map[string]string) {
	t.Helper()
	for secret, what := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%s: %s is in it", where, what)
		}
	}
}

// wantNothingLeaked looks for secrets in all that a gateway lets out.
func wantNothingLeaked(t testing.TB, g *gateway.Gateway, secrets map[string]string) {
	t.Helper()
	wantNoSecret(t, "log", g.Log(), secrets)
	for _, path := range []string{"/metrics", "/config/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/debug/vars"} {
		wantNoSecret(t, path, g.AdminText(path), secrets)
	}
	wantNoSecret(t, "/services", g.Get("/services", "", "").Body, secrets)
	wantNoFileHas(t, g.Data, secrets)
}

// wantNoFileHas looks for secrets in the bytes of every file.
func wantNoFileHas(t testing.TB, dir string, secrets map[string]string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // below the test's directory
		if err == nil {
			wantNoSecret(t, path, string(content), secrets)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// collector takes spans by OTLP over HTTP and keeps their bytes.
type collector struct {
	url string
	mu  sync.Mutex
	raw strings.Builder
}

func startCollector(t testing.TB) *collector {
	t.Helper()
	c := &collector{}
	server := httptest.NewServer(c.take(t))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collector) take(t testing.TB) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
}

// env tells a gateway of the collector.
func (c *collector) env() []string {
	return []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.url, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_TRACES_EXPORTER=otlp", "OTEL_BSP_SCHEDULE_DELAY=100",
	}
}

func (c *collector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}
