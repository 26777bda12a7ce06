package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/peers"
)

// startFarm starts the build farm of the documentation, behind a proxy with Dex.
func startFarm(t *testing.T) (*peers.OAuth2Proxy, *peers.Dex) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /queues/main.txt", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprint(w, "QUEUE=main\nWAITING=3\nRUNNING=2\n") // the client's loss
	})
	mux.HandleFunc("POST /queues/main", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "JOB=%s\nBY=%s\n", r.PostFormValue("job"), r.Header.Get("X-Forwarded-Email")) // as above
	})
	farm := httptest.NewServer(mux)
	t.Cleanup(farm.Close)
	proxy := peers.ReserveProxy(t)
	dex := peers.StartDex(t, builder, peers.DexOptions{Redirects: []string{proxy.Callback()}})
	proxy.StartAtDex(t, builder, dex, farm.URL)
	return proxy, dex
}

// The addresses of the documentation.
const (
	farmAddress  = "https://farm.example.org"
	loginAddress = "https://login.example.org"
)

// TestExampleBehindProxy runs the example and every curl line of its README.
func TestExampleBehindProxy(t *testing.T) {
	t.Parallel()
	proxy, dex := startFarm(t)
	const dir = repository + "/docs/examples/behindproxy"
	raw, err := os.ReadFile(dir + "/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{farmAddress, loginAddress} {
		if n := strings.Count(string(raw), address); n != 1 {
			t.Errorf("%s stands %d times in the example, want once", address, n)
		}
	}
	g := startGateway(t, gateway.Options{Caddyfile: strings.NewReplacer(farmAddress, proxy.URL, loginAddress, dex.Relay.URL).Replace(string(raw))})
	wantShown(t, g, dir+"/README.md")
}

// TestPageLoggingIn adapts every block of the page, and runs the service that it begins with for the curl lines at its end.
func TestPageLoggingIn(t *testing.T) {
	t.Parallel()
	proxy, dex := startFarm(t)
	const page = repository + "/docs/logging-in.md"
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	replace := strings.NewReplacer(farmAddress, proxy.URL, loginAddress, dex.Relay.URL)
	env := []string{"CLIENT_SECRET=secret", "FARM_USER=user", "FARM_PASSWORD=password", "FAIRWAY_SECRET=" + gateway.NewSecret(), "DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "store.db")}
	blocks := 0
	var served *gateway.Gateway
	for _, m := range regexp.MustCompile("(?s)<!-- in ([a-z, ]+) -->\n```caddyfile\n(.*?)\n```").FindAllStringSubmatch(string(raw), -1) {
		blocks++
		text := replace.Replace(m[2])
		o := gateway.Options{Env: env}
		switch m[1] {
		case "site, served":
			o.Site = text
		case "site":
			o.Site = text
		case "backend":
			o.Site = service(proxy.URL, text)
		case "options":
			o.Global = text
			o.Site = service(proxy.URL, "")
		default:
			t.Errorf("a block is in %q", m[1])
			continue
		}
		if g := startGateway(t, o); m[1] == "site, served" {
			served = g
		}
	}
	if n := strings.Count(string(raw), "```caddyfile"); n != blocks || served == nil {
		t.Fatalf("%d of %d blocks say where they belong", blocks, n)
	}
	wantShown(t, served, page)
}

// shownCall is a curl line of a page.
var shownCall = regexp.MustCompile(`^\$ curl -k (?:-u ([^: ]+):(\S+) )?(?:-X (\S+) )?(?:-H '([^:']+): ([^']+)' )?(?:-d '([^']*)' )?https://localhost:8443(/\S*)$`)

// wantShown runs the curl lines of a page and compares what comes with what stands there, but for what is never the same.
func wantShown(t *testing.T, g *gateway.Gateway, page string) {
	t.Helper()
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	lines, calls := strings.Split(string(raw), "\n"), 0
	for i, line := range lines {
		if !strings.HasPrefix(line, "$ ") {
			continue
		}
		m := shownCall.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("a line of %s is not tried: %s", page, line)
			continue
		}
		calls++
		var shown []string
		for _, l := range lines[i+1:] {
			if l == "" || l == "```" || strings.HasPrefix(l, "$ ") {
				break
			}
			shown = append(shown, l)
		}
		method := m[3]
		if method == "" {
			method = http.MethodGet
		}
		req := g.Request(method, m[7], m[1], m[2], strings.NewReader(m[6]))
		if m[4] != "" {
			req.Header.Set(m[4], m[5])
		}
		a, err := g.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Join(shown, "\n"); !same(want, a.Body) {
			t.Errorf("%s\nshown: %s\ngot:   %s", line, want, a.Body)
		}
	}
	if calls == 0 {
		t.Errorf("%s has no curl line", page)
	}
}

// same compares JSON without what is never the same.
func same(a, b string) bool {
	var v, w map[string]any
	if json.Unmarshal([]byte(a), &v) != nil || json.Unmarshal([]byte(b), &w) != nil {
		return strings.TrimSpace(a) == strings.TrimSpace(b)
	}
	for _, m := range []map[string]any{v, w} {
		delete(m, "request_id")
	}
	return reflect.DeepEqual(v, w)
}
