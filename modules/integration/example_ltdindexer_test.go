package integration_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// generator is a fake of what makes the page.
type generator struct {
	*recorder
	mu     sync.Mutex
	page   string
	status int
}

func startGenerator(t testing.TB, page string) *generator {
	t.Helper()
	gen := &generator{page: page, status: http.StatusOK}
	gen.recorder = startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/index.html" || r.Header.Get("Authorization")+r.Header.Get("Cookie") != "" {
			w.WriteHeader(http.StatusTeapot) // nobody's credentials belong here
			return
		}
		gen.mu.Lock()
		defer gen.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(gen.status)
		_, _ = io.WriteString(w, gen.page)
	})
	return gen
}

// becomes has the generator answer another page from now on.
func (gen *generator) becomes(status int, page string) {
	gen.mu.Lock()
	defer gen.mu.Unlock()
	gen.status, gen.page = status, page
}

// indexPage is a page with a list of products, in an encoding of its own kind: entities, quotes, a script.
func indexPage(product string) string {
	return "<!DOCTYPE html>\n<html>\n<head><title>LSST the Docs &amp; more</title></head>\n<body>\n<div id=\"index\"><ul class=\"products\">" +
		"<li><a href=\"/" + product + "?a=1&amp;b=2\">" + product + " &lt;größe&gt;</a></li></ul></div>\n" +
		"<script>if (1 < 2) { document.title = \"{{env \\\"HOME\\\"}}\" }</script>\n</body>\n</html>\n"
}

// indexList is the list of that page.
func indexList(product string) string {
	return `<ul class="products"><li><a href="/` + product + `?a=1&amp;b=2">` + product + ` &lt;größe&gt;</a></li></ul>`
}

// TestLTDIndexer is case F: a generator's page as JSON and as it is.
func TestLTDIndexer(t *testing.T) {
	t.Parallel()
	gen := startGenerator(t, indexPage("pipelines"))
	g := startGateway(t, exampleAt(t, "ltdindexer"), "GENERATOR="+gen.url)

	header := http.Header{"Cookie": {"session=s3cret"}}
	want := map[string]any{"ul": indexList("pipelines"), "index": indexPage("pipelines")}
	for _, path := range []string{"/ltdindexer", "/ltdindexer/", "/ltdindexer/json", "/ltdindexer/json/"} {
		a := g.ask(t, request{path: path, user: "bob:s3cret", header: header})
		if diff := cmp.Diff(any(want), a.value(t)); a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || diff != "" {
			t.Errorf("%s: %d %s (-want +got):\n%s", path, a.status, a.header.Get("Content-Type"), diff)
		}
	}
	for _, path := range []string{"/ltdindexer/page", "/ltdindexer/page/"} {
		a := g.ask(t, request{path: path, user: "bob:s3cret", header: header})
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/html; charset=utf-8" || a.body != indexPage("pipelines") {
			t.Errorf("%s: %d %s\n%s", path, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
	for _, path := range []string{"/ltdindexer/nosuch", "/ltdindexer/page/x", "/ltdindexer/pages", "/index.html"} {
		g.get(t, path).wantProblem(t, http.StatusNotFound, "")
	}
	// Twice for each of the two JSON routes with and without a slash, whose answers are kept, and twice for the page.
	if got := gen.asked(); len(got) > 8 || slices.ContainsFunc(got, func(line string) bool { return line != "GET /index.html" }) {
		t.Errorf("asked %q", got)
	}
	if a := g.get(t, "/ltdindexer"); !strings.HasPrefix(a.header.Get("Cache-Status"), "fairway;hit") {
		t.Errorf("Cache-Status %q", a.header.Get("Cache-Status"))
	}
	wantMetadata(t, g, []string{"/ltdindexer"}, "1.0", map[string]string{
		"name": "uservice-ltdindexer", "version": "0.0.2", "description": "LTD indexer",
		"repository": "https://github.com/lsst-sqre/uservice-ltdindexer", "auth": "none",
	})
}

// TestLTDIndexerReadme runs the README, which was written with a page without end tags.
func TestLTDIndexerReadme(t *testing.T) {
	t.Parallel()
	gen := startGenerator(t, "<!DOCTYPE html>\n<title>LSST the Docs</title>\n<div id=index><ul><li><a href=/sqr-001>SQR-001</a></ul></div>\n")
	wantReadme(t, startGateway(t, exampleAt(t, "ltdindexer"), "GENERATOR="+gen.url), "ltdindexer")
}

// TestLTDIndexerRefreshes: a reader of an old page has it made anew, and gets the old one where there is no new one.
func TestLTDIndexerRefreshes(t *testing.T) {
	t.Parallel()
	gen := startGenerator(t, indexPage("pipelines"))
	g := startGateway(t, exampleAt(t, "ltdindexer", "cache 10m", "cache 1ms"), "GENERATOR="+gen.url)
	lists := func(product string) error {
		rest, _ := withoutParts(t, g.get(t, "/ltdindexer"))
		if diff := cmp.Diff(any(map[string]any{"ul": indexList(product), "index": indexPage(product)}), rest); diff != "" {
			return fmt.Errorf("answer (-want +got):\n%s", diff)
		}
		return nil
	}
	if err := lists("pipelines"); err != nil {
		t.Fatal(err)
	}
	gen.becomes(http.StatusOK, indexPage("sqr-001"))
	if err := waitFor(func() error { return lists("sqr-001") }); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"<html><form action=/login></form></html>", ""} {
		gen.becomes(http.StatusOK, page)
		if page == "" {
			gen.becomes(http.StatusServiceUnavailable, page)
		}
		before := len(gen.asked())
		if err := waitFor(func() error {
			rest, _ := withoutParts(t, g.get(t, "/ltdindexer"))
			if got, _ := rest.(map[string]any)["ul"].(string); got != indexList("sqr-001") {
				t.Errorf("the list is %q", got)
			}
			if len(gen.asked()) < before+3 {
				return errors.New("the generator was not asked again")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLTDIndexerFailures: without an older page a failure of the generator is told, both ways.
func TestLTDIndexerFailures(t *testing.T) {
	t.Parallel()
	gen := startGenerator(t, "<html><form action=/login></form></html>")
	g := startGateway(t, exampleAt(t, "ltdindexer"), "GENERATOR="+gen.url)
	g.get(t, "/ltdindexer").wantProblem(t, http.StatusBadGateway, "undecodable")
	gen.becomes(http.StatusNotFound, "no such page")
	g = startGateway(t, exampleAt(t, "ltdindexer"), "GENERATOR="+gen.url)
	g.get(t, "/ltdindexer/json").wantProblem(t, http.StatusNotFound, "backend_status")
	if a := g.get(t, "/ltdindexer/page"); a.status != http.StatusNotFound || a.body != "no such page" {
		t.Errorf("%d %s", a.status, a.body)
	}
	g = startGateway(t, exampleAt(t, "ltdindexer"), "GENERATOR="+deadAddress(t))
	g.get(t, "/ltdindexer/json").wantProblem(t, http.StatusBadGateway, "backend_unreachable")
	g.get(t, "/ltdindexer/page").wantProblem(t, http.StatusBadGateway, "")
}
