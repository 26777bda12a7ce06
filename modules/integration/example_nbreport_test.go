package integration_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// startGitHub runs a fake of GitHub's list of organizations, in pages by Link. Tokens are the organizations' names by user:
// "bob" has the token "ghp-bob".
func startGitHub(t testing.TB, orgs map[string][]string) *recorder {
	t.Helper()
	return startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		name, token, _ := r.BasicAuth()
		list, known := orgs[name]
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		switch {
		case !known || token != "ghp-"+name:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"message":"Bad credentials"}`)
			return
		case r.URL.Path != "/user/orgs" || r.Header.Get("Accept") != "application/vnd.github.v3+json":
			w.WriteHeader(http.StatusNotFound)
			return
		}
		page := 1
		_, _ = fmt.Sscanf(r.URL.Query().Get("page"), "%d", &page)
		if page < len(list) {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s/user/orgs?per_page=100&page=%d>; rel="next", <http://%[1]s/user/orgs?page=%d>; rel="last"`, r.Host, page+1, len(list)))
		}
		_ = json.NewEncoder(w).Encode([]map[string]any{{"login": list[page-1], "id": page}})
	})
}

// docsKeeper is a fake of LSST the Docs that takes commands: a token is to be had for name and password, and needed for all else.
type docsKeeper struct {
	*recorder
	mu       sync.Mutex
	commands []string // path and body of each
	made     map[string]string
	refuse   int    // the status of commands, where it is not 0
	location string // instead of the right one
}

func startDocsKeeper(t testing.TB) *docsKeeper {
	t.Helper()
	k := &docsKeeper{made: map[string]string{}}
	k.recorder = startRecorder(t, k.answer)
	return k
}

func (k *docsKeeper) answer(w http.ResponseWriter, r *http.Request) {
	name, password, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		if name != "nbreport" || password != "s3cret-keeper" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"token":"ltdtoken"}`)
		return
	}
	if name != "ltdtoken" || password != "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, _ := io.ReadAll(r.Body)
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.Method == http.MethodGet {
		text, ok := k.made[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, text)
		return
	}
	k.commands = append(k.commands, r.URL.EscapedPath()+" "+string(body))
	if k.refuse != 0 {
		w.WriteHeader(k.refuse)
		_, _ = io.WriteString(w, `{"error":"refused"}`)
		return
	}
	path, self := "/products/testr-000", "http://"+r.Host
	if r.URL.Path == "/products/testr-000/editions/" {
		path = "/editions/1"
		k.made[path] = `{"slug":"1","self_url":"` + self + path + `","published_url":"https://testr-000.lsst.io/v/1","build_url":null}`
	} else {
		k.made[path] = `{"slug":"testr-000","self_url":"` + self + path + `","published_url":"https://testr-000.lsst.io","title":"Demo report"}`
	}
	location := self + path
	if k.location != "" {
		location = k.location
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{}`)
}

// wantCommands checks what was commanded, and forgets it.
func (k *docsKeeper) wantCommands(t testing.TB, want ...string) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if diff := cmp.Diff(want, k.commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	k.commands = nil
}

// TestNBReport is case H: commands that create, and follow to what was created.
func TestNBReport(t *testing.T) {
	t.Parallel()
	github := startGitHub(t, map[string][]string{"bob": {"octo", "lsst"}, "eve": {"octo", "lsst-fans", "LSST"}, "me": {"lsst"}, "you": {"octo"}})
	start := func(t *testing.T) (*gateway, *docsKeeper) {
		t.Helper()
		k := startDocsKeeper(t)
		schemas, err := filepath.Abs(filepath.Join(root, "docs", "examples", "nbreport"))
		if err != nil {
			t.Fatal(err)
		}
		return startGateway(t, exampleAt(t, "nbreport", "https://api.github.com", github.url, "https://keeper.lsst.codes", k.url),
			"KEEPER_USER=nbreport", "KEEPER_PASSWORD=s3cret-keeper", "SCHEMAS="+schemas), k
	}
	post := func(path, user, body string) request {
		return request{method: http.MethodPost, path: "/nbreport" + path, user: user, body: body, header: http.Header{"Content-Type": {"application/json"}}}
	}
	const (
		bob     = "bob:ghp-bob"
		report  = `{"handle": "TESTR-000", "title": "Demo report", "git_repo": "https://github.com/lsst-sqre/nbreport"}`
		product = `/products/ {"bucket_name":"lsst-the-docs","doc_repo":"https://github.com/lsst-sqre/nbreport","main_mode":"manual",` +
			`"root_domain":"lsst.io","root_fastly_domain":"n.global-ssl.fastly.net","slug":"testr-000","title":"Demo report"}`
	)

	t.Run("create", func(t *testing.T) {
		t.Parallel()
		g, k := start(t)
		a := g.ask(t, post("/reports/", bob, report))
		a.wantJSON(t, http.StatusCreated, `{"product":"testr-000","published_url":"https://testr-000.lsst.io","product_url":"`+k.url+`/products/testr-000"}`)
		g.wantNothingLeaked(t, a, "ltdtoken", "s3cret-keeper", "ghp-bob", "bHRkdG9rZW46")
		k.wantCommands(t, product)
		a = g.ask(t, request{method: http.MethodPost, path: "/nbreport/reports/testr-000/instances/", user: bob})
		a.wantJSON(t, http.StatusCreated, `{"instance_id":"1","published_url":"https://testr-000.lsst.io/v/1","ltd_edition_url":"`+k.url+`/editions/1"}`)
		k.wantCommands(t, `/products/testr-000/editions/ {"autoincrement":true,"mode":"manual"}`)
		g.ask(t, request{method: http.MethodPost, path: "/nbreport/login", user: bob}).wantJSON(t, http.StatusOK, `{}`)
		g.ask(t, request{method: http.MethodPost, path: "/nbreport/reports/a%2Fb/instances/", user: bob})
		k.wantCommands(t, `/products/a%2Fb/editions/ {"autoincrement":true,"mode":"manual"}`)
	})
	t.Run("README", func(t *testing.T) {
		t.Parallel()
		g, k := start(t)
		wantReadme(t, g, "nbreport", "https://keeper.lsst.codes", k.url)
		wantMetadata(t, g, []string{"/nbreport"}, "1.0", map[string]string{
			"name": "uservice-nbreport", "version": "0.1.0", "description": "Publication service for LSST notebook-based reports",
			"repository": "https://github.com/lsst-sqre/sqre-uservice-nbreport", "auth": "basic",
		})
	})
	t.Run("who may not", func(t *testing.T) {
		t.Parallel()
		g, k := start(t)
		for _, path := range []string{"/reports/", "/reports/testr-000/instances/", "/login"} {
			body := ""
			if path == "/reports/" {
				body = report
			}
			d := g.ask(t, post(path, "eve:ghp-eve", body)).wantProblem(t, http.StatusForbidden, "backend_failed")
			if !strings.Contains(d.Detail, "lsst") {
				t.Errorf("detail %q", d.Detail)
			}
			wrong := g.ask(t, post(path, "bob:wr0ng", body))
			wrong.wantProblem(t, http.StatusUnauthorized, "backend_status")
			if got := wrong.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic realm=") {
				t.Errorf("WWW-Authenticate %q", got)
			}
			g.ask(t, post(path, "", body)).wantProblem(t, http.StatusUnauthorized, "no_credentials")
		}
		k.wantCommands(t)
		if asked := k.asked(); slices.ContainsFunc(asked, func(line string) bool { return line != "GET /token" }) {
			t.Errorf("keeper was asked %q", asked)
		}
	})
	t.Run("what is missing", func(t *testing.T) {
		t.Parallel()
		g, k := start(t)
		for body, status := range map[string]int{
			``: http.StatusBadRequest, `{"handle": "x", "title": "y"`: http.StatusBadRequest, `{}`: http.StatusUnprocessableEntity,
			`[]`: http.StatusUnprocessableEntity, `{"handle": "x", "title": "y"}`: http.StatusUnprocessableEntity,
			`{"handle": 1, "title": "y", "git_repo": "z"}`: http.StatusUnprocessableEntity,
		} {
			d := g.ask(t, post("/reports/", bob, body)).wantProblem(t, status, "bad_body")
			if strings.HasSuffix(body, `"y"}`) && !strings.Contains(d.Detail, "git_repo") {
				t.Errorf("%s: %s", body, d.Detail)
			}
		}
		k.wantCommands(t)
	})
	t.Run("keeper refuses", func(t *testing.T) {
		t.Parallel()
		for status, want := range map[int]int{http.StatusBadRequest: http.StatusBadRequest, http.StatusUnauthorized: http.StatusBadGateway, http.StatusInternalServerError: http.StatusBadGateway} {
			g, k := start(t)
			k.refuse = status
			g.ask(t, post("/reports/", bob, report)).wantProblem(t, want, "backend_status")
			k.wantCommands(t, product) // once: what creates is not repeated
		}
	})
	t.Run("leads elsewhere", func(t *testing.T) {
		t.Parallel()
		g, k := start(t)
		k.location = github.url + "/user/orgs"
		g.ask(t, post("/reports/", bob, report)).wantProblem(t, http.StatusBadGateway, "origin_not_allowed")
		k.wantCommands(t, product)
	})
}
