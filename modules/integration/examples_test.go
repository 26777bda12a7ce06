package integration_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is a file of docs/examples with its backend's real address, which must stand in it once, exchanged for
// that of a fake.
func example(t testing.TB, name, address, fake string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs", "examples", name, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	line := "backend " + address
	if n := strings.Count(string(raw), line); n != 1 {
		t.Fatalf("%q stands %d times in the example %s, want once", line, n, name)
	}
	return strings.Replace(string(raw), line, "backend "+fake, 1)
}

// needsUser answers 401 as oauth2-proxy's and Jenkins' own servers do, and 403 to everybody but these users.
func needsUser(users map[string]string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name, password, ok := r.BasicAuth()
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if want, ok := users[name]; !ok || want != password {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<html><body><h1>Forbidden</h1><p>Sign in first.</p></body></html>")
			return
		}
		h(w, r)
	}
}

// reports answers what the job "broken" and its like need: failures by status.
func reports(w http.ResponseWriter, word string) bool {
	switch word {
	case "missing":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "no such thing")
	case "broken":
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "<html><body>Traceback: out of cheese</body></html>")
	case "login":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>login</html>")
	default:
		return false
	}
	return true
}

// wantFailures asks an example for the things that reports answers with. Each has a gateway of its own: together they
// would open the breaker.
func wantFailures(t *testing.T, caddyfile string, path func(word string) string, user string, json bool) {
	t.Helper()
	t.Run("404", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, caddyfile)
		d := g.ask(t, request{path: path("missing"), user: user}).wantProblem(t, http.StatusNotFound, "backend_status")
		if d.Reason != "Not Found" || d.BackendStatus != http.StatusNotFound || d.ErrorContent == nil || *d.ErrorContent != "no such thing" {
			t.Errorf("the backend's answer is not told: %+v", d)
		}
	})
	t.Run("500", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, caddyfile)
		d := g.ask(t, request{path: path("broken"), user: user}).wantProblem(t, http.StatusBadGateway, "backend_status")
		if d.Reason != "Internal Server Error" || d.BackendStatus != http.StatusInternalServerError {
			t.Errorf("the backend's answer is not told: %+v", d)
		}
		if d.ErrorContent == nil || strings.TrimSpace(*d.ErrorContent) != "Traceback: out of cheese" {
			t.Errorf("error_content %v, want the text without its markup", d.ErrorContent)
		}
	})
	if json {
		t.Run("login page", func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, caddyfile)
			g.ask(t, request{path: path("login"), user: user}).wantProblem(t, http.StatusBadGateway, "undecodable")
		})
	}
	if user == "" {
		return
	}
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, caddyfile)
		a := g.get(t, path("good"))
		a.wantProblem(t, http.StatusUnauthorized, "no_credentials")
		if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic realm=") {
			t.Errorf("WWW-Authenticate %q", got)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, caddyfile)
		name, _, _ := strings.Cut(user, ":")
		a := g.ask(t, request{path: path("good"), user: name + ":wr0ng-passw0rd"})
		d := a.wantProblem(t, http.StatusForbidden, "backend_status")
		if d.ErrorContent == nil || strings.Contains(*d.ErrorContent, "<") {
			t.Errorf("error_content %v, want text without markup", d.ErrorContent)
		}
		g.wantNothingLeaked(t, a, "wr0ng-passw0rd")
	})
}

// TestToy is case A: plain text becomes JSON, and path parameters a query.
func TestToy(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, needsUser(map[string]string{"bob": "s3cret-toy", "me": "secret"}, func(w http.ResponseWriter, r *http.Request) {
		job := r.URL.Query().Get("job")
		if reports(w, job) {
			return
		}
		switch r.URL.Query().Get("metric") {
		case "latin1":
			w.Header().Set("Content-Type", "text/plain; charset=iso-8859-1")
			_, _ = io.WriteString(w, "caf\xe9")
		case "unnamed":
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "d\xe9j\xe0 vu, na\xefve caf\xe9")
		case "utf8":
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "größe")
		case "echo":
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, job)
		default:
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "42")
		}
	}))
	caddyfile := example(t, "toy", "https://myservice.lsst.codes", backend.url)
	g := startGateway(t, caddyfile)
	const user = "bob:s3cret-toy"

	vectors := []struct{ path, want string }{
		{"/mymicroservice/buildmyapp/time", `{"jobname":"buildmyapp","metric":"time","value":"42"}`},
		{"/buildmyapp/time", `{"jobname":"buildmyapp","metric":"time","value":"42"}`},
		{"/buildmyapp/latin1", `{"jobname":"buildmyapp","metric":"latin1","value":"café"}`},
		{"/buildmyapp/unnamed", `{"jobname":"buildmyapp","metric":"unnamed","value":"déjà vu, naïve café"}`},
		{"/buildmyapp/utf8", `{"jobname":"buildmyapp","metric":"utf8","value":"größe"}`},
		{"/a%2Fb%26c=d/echo", `{"jobname":"a/b&c=d","metric":"echo","value":"a/b&c=d"}`},
		{"/gr%C3%B6%C3%9Fe%20x/echo", `{"jobname":"größe x","metric":"echo","value":"größe x"}`},
	}
	for _, v := range vectors {
		t.Run(v.path, func(t *testing.T) {
			t.Parallel()
			g.ask(t, request{path: v.path, user: user}).wantJSON(t, http.StatusOK, v.want)
		})
	}
	t.Run("failures", func(t *testing.T) {
		t.Parallel()
		wantFailures(t, caddyfile, func(word string) string { return "/mymicroservice/" + word + "/time" }, user, false)
	})
	t.Run("target", func(t *testing.T) {
		t.Parallel()
		g.ask(t, request{path: "/spelling/time", user: user})
		if want := "GET /api?metric=time&job=spelling"; !slices.Contains(backend.asked(), want) {
			t.Errorf("the backend was asked %q, want %q among them", backend.asked(), want)
		}
	})
	wantReadme(t, g, "toy")
	wantMetadata(t, g, []string{"", "/mymicroservice"}, "1.0", map[string]string{
		"name": "uservice-mymicroservice", "version": "1.0.0", "description": "My delightful microservice",
		"repository": "https://github.com/sqre-lsst/uservice-mymicroservice", "auth": "basic",
	})
}

// TestBuildStatus is case C: JSON passed through, with each caller's own credentials.
func TestBuildStatus(t *testing.T) {
	t.Parallel()
	// Order of keys, spelling of numbers and a key that sorts first at the end: all of it must arrive.
	const build = `{"_class":"hudson.model.FreeStyleProject","name":"NAME","color":"blue","number":12345678901234567890,` +
		`"score":1.50,"ratio":1e2,"healthReport":[],"nil":null,"größe":"ü","a":{"z":1,"a":2}}`
	users := map[string]string{"alice": "s3cret-alice", "bob": "s3cret-bob", "me": "secret"}
	backend := startRecorder(t, needsUser(users, func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		word := strings.TrimSuffix(strings.TrimPrefix(r.URL.EscapedPath(), "/job/"), "/api/json")
		if reports(w, word) {
			return
		}
		if word == "nosuch" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8") // as the old service said
		if word == "whoami" {
			_ = json.NewEncoder(w).Encode(map[string]string{"user": name, "password": password})
			return
		}
		if word == "stack-os-matrix" {
			_, _ = io.WriteString(w, `{"_class":"hudson.model.FreeStyleProject","name":"stack-os-matrix","color":"blue","lastBuild":{"number":23456},"healthReport":[{"score":100}]}`)
			return
		}
		plain, _ := url.PathUnescape(word)
		_, _ = io.WriteString(w, strings.Replace(build, "NAME", plain, 1))
	}))
	caddyfile := example(t, "buildstatus", "https://ci.lsst.codes", backend.url)
	g := startGateway(t, caddyfile)
	const user = "bob:s3cret-bob"

	for _, prefix := range []string{"/buildstatus", "/bldstatus", ""} {
		t.Run("verbatim"+prefix, func(t *testing.T) {
			t.Parallel()
			a := g.ask(t, request{path: prefix + "/mybuild", user: user})
			want := strings.Replace(build, "NAME", "mybuild", 1)
			a.wantJSON(t, http.StatusOK, want)
			wantSameText(t, want, a.body)
		})
	}
	t.Run("escaped", func(t *testing.T) {
		t.Parallel()
		a := g.ask(t, request{path: "/buildstatus/folder%2Fjob%3Fx=1%23y", user: user})
		a.wantJSON(t, http.StatusOK, strings.Replace(build, "NAME", "folder/job?x=1#y", 1))
		if want := "GET /job/folder%2Fjob%3Fx=1%23y/api/json"; !slices.Contains(backend.asked(), want) {
			t.Errorf("the backend was asked %q, want %q among them", backend.asked(), want)
		}
		// Caddy takes this path to lie outside of the prefix, and nobody else has it.
		g.ask(t, request{path: "/buildstatus/..%2F..%2Fcredentials", user: user}).wantProblem(t, http.StatusNotFound, "")
	})
	t.Run("failures", func(t *testing.T) {
		t.Parallel()
		wantFailures(t, caddyfile, func(word string) string { return "/buildstatus/" + word }, user, true)
	})
	t.Run("two callers", func(t *testing.T) {
		t.Parallel()
		wantNeverMixed(t, g, "/buildstatus/whoami", map[string]string{"alice": users["alice"], "bob": users["bob"]})
	})
	wantReadme(t, g, "buildstatus")
	wantMetadata(t, g, []string{"", "/buildstatus", "/bldstatus"}, "1.0", map[string]string{
		"name": "uservice-buildstatus", "version": "0.0.3", "description": "API wrapper for build status",
		"repository": "https://github.com/lsst-sqre/uservice-buildstatus", "auth": "basic",
	})
}

// wantNeverMixed asks for the same thing as all users at once: each must be told of itself.
func wantNeverMixed(t *testing.T, g *gateway, path string, users map[string]string) {
	t.Helper()
	const rounds = 50
	var group sync.WaitGroup
	for name, password := range users {
		for range rounds {
			group.Go(func() {
				a, err := g.try(t.Context(), request{path: path, user: name + ":" + password})
				var got map[string]string
				if err == nil {
					err = json.Unmarshal([]byte(a.body), &got)
				}
				if want := map[string]string{"user": name, "password": password}; err != nil || !maps.Equal(got, want) {
					t.Errorf("%s got %d %s (%v), want %v", name, a.status, a.body, err, want)
				}
			})
		}
	}
	group.Wait()
	for _, password := range users {
		if strings.Contains(g.log.String(), password) {
			t.Errorf("the log holds the password %q", password)
		}
	}
}

// wantSameText checks that two JSON texts differ in white space only.
func wantSameText(t testing.TB, want, got string) {
	t.Helper()
	compact := func(s string) string {
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(s)); err != nil {
			t.Errorf("not JSON: %v\n%s", err, s)
		}
		return b.String()
	}
	if diff := cmp.Diff(compact(want), compact(got)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

// TestStatus is case D: the smallest wrapper.
func TestStatus(t *testing.T) {
	t.Parallel()
	const status = `{"status": "green", "uptime": 99.950, "updated": "2017-03-14T15:09:26Z"}`
	backend := startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); ok || r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusTeapot) // nobody's credentials belong here
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, status)
	})
	g := startGateway(t, example(t, "status", "https://status.lsst.codes", backend.url))
	for _, path := range []string{"/status", "/status/", "/status.json"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for _, user := range []string{"", "bob:s3cret-d"} {
				a := g.ask(t, request{path: path, user: user})
				a.wantJSON(t, http.StatusOK, status)
				wantSameText(t, status, a.body)
			}
		})
	}
	t.Run("elsewhere", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/status/x", "/statusx", "/status.jsonx", "/nosuch"} {
			g.get(t, path).wantProblem(t, http.StatusNotFound, "")
		}
	})
	t.Run("target", func(t *testing.T) {
		t.Parallel()
		g.get(t, "/status")
		if want := "GET /status.json"; !slices.Contains(backend.asked(), want) {
			t.Errorf("the backend was asked %q, want %q among them", backend.asked(), want)
		}
	})
	wantReadme(t, g, "status")
	wantMetadata(t, g, []string{"/status", "/status.json"}, "1.0", map[string]string{
		"name": "uservice-status", "version": "0.0.2", "description": "API wrapper for status.lsst.codes",
		"repository": "https://github.com/lsst-sqre/sqre-uservice-status", "auth": "none",
	})
}

// TestStatusReflectsFailure is the other half of case D: what the backend does not answer with 200.
func TestStatusReflectsFailure(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) { reports(w, "missing") })
	g := startGateway(t, example(t, "status", "https://status.lsst.codes", backend.url))
	d := g.get(t, "/status").wantProblem(t, http.StatusNotFound, "backend_status")
	if d.Reason != "Not Found" || d.ErrorContent == nil || *d.ErrorContent != "no such thing" {
		t.Errorf("the backend's answer is not told: %+v", d)
	}
}
