//go:build unix

package auth_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
	"github.com/google/go-cmp/cmp"

	_ "github.com/fairway-gateway/fairway/modules/decoders"
	_ "github.com/fairway-gateway/fairway/modules/service"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// TestApacheDigest asks mod_auth_digest, whose nonces last, or are for one request each.
func TestApacheDigest(t *testing.T) {
	a := startApache(t)
	t.Setenv("FAIRWAY_TEST_PASSWORD", apachePassword)
	post := "\t\tPOST /digest/echo {\n\t\t\tbody json\n\t\t\tfetch POST /digest/echo {\n\t\t\t\tbody json `$body`\n\t\t\t\tdecode json\n\t\t\t}\n\t\t}"
	own := gateway(t, "backend "+a.http+" {\n auth digest\n}", route("/digest/data.json")+"\n"+route("/once/data.json")+"\n"+post)
	fixed := gateway(t, "backend "+a.http+" {\n auth digest ann {env.FAIRWAY_TEST_PASSWORD}\n}", route("/digest/data.json"))
	var logged []string
	for _, c := range []struct {
		name           string
		service        *wrap.Service
		user, password string
		status         int
		logged         []string // what Apache saw: method, status, user
	}{
		{"the first", own, apacheUser, apachePassword, 200, []string{"GET 401 -", "GET 200 ann"}},
		{"again", own, apacheUser, apachePassword, 200, []string{"GET 200 ann"}},
		{"wrong password", own, apacheUser, "hunter3", 401, []string{"GET 401 -", "GET 401 ann"}},
		{"the right one still", own, apacheUser, apachePassword, 200, []string{"GET 200 ann"}},
		{"nobody", own, "bob", "pw", 401, []string{"GET 401 -", "GET 401 bob"}},
		{"none", own, "", "", 401, nil},
		{"odd name", own, apacheOther, apachePassword, 200, []string{"GET 401 -", `GET 200 j\"\xc3\xbc rgen`}},
		{"a name with a line", own, "ann\r\nX-Admin: 1", "pw", 401, []string{"GET 401 -"}},
		{"service account", fixed, "", "", 200, []string{"GET 401 -", "GET 200 ann"}},
	} {
		status, body := call(t, c.service, http.MethodGet, "/digest/data.json", "", c.user, c.password)
		if status != c.status || status == 200 != (body == `{"of":"Apache"}`) || strings.Contains(body, "hunter") {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
		logged = append(logged, c.logged...)
		if diff := cmp.Diff(logged, a.requests(t, "/digest/data.json", len(logged))); diff != "" {
			t.Fatalf("%s: %s", c.name, diff)
		}
	}
	for range 2 {
		if status, body := call(t, own, http.MethodPost, "/digest/echo", `{"n":1}`, apacheUser, apachePassword); status != 200 || body != `{"n":1}` {
			t.Errorf("a body: %d %s", status, body)
		}
	}
	for range 4 {
		if status, body := call(t, own, http.MethodGet, "/once/data.json", "", apacheUser, apachePassword); status != 200 {
			t.Errorf("nonces for one request: %d %s", status, body)
		}
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for _, path := range []string{"/digest/data.json", "/once/data.json"} {
				if status, body := call(t, own, http.MethodGet, path, "", apacheUser, apachePassword); status != 200 {
					t.Errorf("many at once: %s %d %s", path, status, body)
				}
			}
		})
	}
	all.Wait()
}

// TestApacheForm logs in at mod_auth_form, and again when the session has ended.
func TestApacheForm(t *testing.T) {
	a := startApache(t)
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("FAIRWAY_TEST_PASSWORD", apachePassword)
	own := gateway(t, "backend "+a.http+" {\n auth form /login.html\n}", route("/form/data.json"))
	fixed := gateway(t, "backend "+a.http+" {\n auth form /login.html {\n account ann {env.FAIRWAY_TEST_PASSWORD}\n challenge redirect /login.html\n}\n}", route("/form/data.json"))
	for _, c := range []struct {
		name           string
		service        *wrap.Service
		user, password string
		status         int
		logins         int // so far
	}{
		{"the first", own, apacheUser, apachePassword, 200, 1},
		{"again", own, apacheUser, apachePassword, 200, 1},
		{"wrong password", own, apacheUser, "hunter3", 401, 2},
		{"the wrong one again", own, apacheUser, "hunter3", 401, 2},
		{"the right one still", own, apacheUser, apachePassword, 200, 2},
		{"nobody", own, "bob", "pw", 401, 3},
		{"none", own, "", "", 401, 3},
		{"service account, as which ann has logged in", fixed, "", "", 200, 3},
	} {
		status, body := call(t, c.service, http.MethodGet, "/form/data.json", "", c.user, c.password)
		if status != c.status || status == 200 != (body == `{"of":"Apache"}`) || strings.Contains(body, "hunter") {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
		if logins := a.requests(t, "/dologin", c.logins); len(logins) != c.logins {
			t.Errorf("%s: %q", c.name, logins)
		}
	}
	// The password changes, so that what the session says does not hold any more.
	a.passwd(t, "another")
	if status, body := call(t, own, http.MethodGet, "/form/data.json", "", apacheUser, apachePassword); status != 401 || !strings.Contains(body, "bad_credentials") {
		t.Errorf("after the password changed: %d %s", status, body)
	}
	if status, body := call(t, own, http.MethodGet, "/form/data.json", "", apacheUser, "another"); status != 200 {
		t.Errorf("with the changed password: %d %s", status, body)
	}
	if status, body := call(t, fixed, http.MethodGet, "/form/data.json", "", "", ""); status != 502 || !strings.Contains(body, "bad_credentials") {
		t.Errorf("the service account after its password changed: %d %s", status, body)
	}
}

// TestApacheCertificate asks a server that demands a client certificate, before and after it was renewed.
func TestApacheCertificate(t *testing.T) {
	a := startApache(t)
	a.sign(t, "gateway")
	a.sign(t, "somebody")
	ca := "\n tls {\n ca " + filepath.Join(a.dir, "ca.pem") + "\n}\n}"
	routes := route("/data.json") + "\n" + route("/gateway/data.json")
	known := gateway(t, "backend "+a.tls+" {\n auth mtls "+a.files("gateway")+ca, routes)
	for _, path := range []string{"/data.json", "/gateway/data.json"} {
		if status, body := call(t, known, http.MethodGet, path, "", "", ""); status != 200 || body != `{"of":"Apache"}` {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	other := gateway(t, "backend "+a.tls+" {\n auth mtls "+a.files("somebody")+ca, routes)
	if status, body := call(t, other, http.MethodGet, "/gateway/data.json", "", "", ""); status != 502 || !strings.Contains(body, `"backend_status":403`) {
		t.Errorf("another certificate: %d %s", status, body)
	}
	nobody := gateway(t, "backend "+a.tls+" {"+ca, routes)
	if status, body := call(t, nobody, http.MethodGet, "/data.json", "", "", ""); status != 502 {
		t.Errorf("no certificate: %d %s", status, body)
	}
	// The pair is renewed in its place, with another name, and the configuration is loaded again.
	for _, ext := range []string{".pem", ".key"} {
		raw, err := os.ReadFile(filepath.Join(a.dir, "gateway"+ext))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(a.dir, "somebody"+ext), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	renewed := gateway(t, "backend "+a.tls+" {\n auth mtls "+a.files("somebody")+ca, routes)
	if status, body := call(t, renewed, http.MethodGet, "/gateway/data.json", "", "", ""); status != 200 {
		t.Errorf("after it was renewed: %d %s", status, body)
	}
}
