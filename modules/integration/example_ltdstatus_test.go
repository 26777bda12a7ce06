package integration_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exampleAt is a file of docs/examples with real addresses exchanged for fakes, wherever they stand. Addresses are pairs of
// a real one, which must be there, and its fake.
func exampleAt(t testing.TB, name string, addresses ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs", "examples", name, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(addresses); i += 2 {
		if !strings.Contains(string(raw), addresses[i]) {
			t.Fatalf("%q does not stand in the example %s", addresses[i], name)
		}
	}
	return strings.NewReplacer(addresses...).Replace(string(raw))
}

// startKeeper runs a fake of LSST the Docs' API: a path's answer, with the status 200 where it does not begin with the
// name of another one. KEEPER is its own address.
func startKeeper(t testing.TB, answers map[string]string) *recorder {
	t.Helper()
	return startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.Path]
		status := http.StatusOK
		if !ok {
			status, text = http.StatusNotFound, `{"error": "not found"}`
		}
		for _, s := range []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable} {
			if rest, ok := strings.CutPrefix(text, strings.ToUpper(http.StatusText(s))); ok {
				status, text = s, rest
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(text, "KEEPER", "http://"+r.Host))
	})
}

// withoutParts takes an answer's member partial, and gives what is left and the fetches that it names.
func withoutParts(t testing.TB, a answer) (rest any, fetches []string) {
	t.Helper()
	members, ok := a.value(t).(map[string]any)
	if !ok {
		t.Fatalf("no object: %s", a.body)
	}
	parts, _ := members["partial"].([]any)
	for _, p := range parts {
		part, _ := p.(map[string]any)
		name, _ := part["fetch"].(string)
		fetches = append(fetches, name)
	}
	delete(members, "partial")
	return members, fetches
}

// TestLTDStatus is case E: three levels of a tree, and the status of each node.
func TestLTDStatus(t *testing.T) {
	t.Parallel()
	pages := startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		switch r.URL.Path {
		case "/v/moved":
			http.Redirect(w, r, "/v/there", http.StatusFound)
		case "/v/away":
			http.Redirect(w, r, "https://other.example.org/", http.StatusFound)
		case "/v/gone":
			w.WriteHeader(http.StatusNotFound)
		case "/v/down":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("Content-Type", "text/html")
		}
	})
	other := deadAddress(t)
	start := func(t *testing.T, answers map[string]string) (*gateway, *recorder) {
		t.Helper()
		for path, text := range answers {
			answers[path] = strings.NewReplacer("PAGES", pages.url, "OTHER", other).Replace(text)
		}
		k := startKeeper(t, answers)
		return startGateway(t, exampleAt(t, "ltdstatus",
			"https://keeper.lsst.codes", k.url, "https://www.lsst.io", pages.url, "https://sqr-001.lsst.io", other)), k
	}
	const good = `{"slug":"pipelines","published_url":"PAGES/","title":"Pipelines"}`

	// ask compares the answer, in which the addresses are named as above.
	ask := func(t *testing.T, g *gateway, k *recorder, status int, want string, failed ...string) {
		t.Helper()
		a := g.get(t, "/ltdstatus")
		got, fetches := withoutParts(t, a)
		if a.status != status || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%d %s, want %d\n%s", a.status, a.header.Get("Content-Type"), status, a.body)
		}
		var wanted any
		if err := json.Unmarshal([]byte(strings.NewReplacer("KEEPER", k.url, "PAGES", pages.url, "OTHER", other).Replace(want)), &wanted); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
		slices.Sort(fetches)
		if !slices.Equal(fetches, failed) {
			t.Errorf("failed parts %q, want %q", fetches, failed)
		}
		if (a.header.Get("Fairway-Partial") != "") != (len(failed) > 0) {
			t.Errorf("Fairway-Partial: %q", a.header.Get("Fairway-Partial"))
		}
	}

	t.Run("all well", func(t *testing.T) {
		t.Parallel()
		g, k := start(t, map[string]string{
			"/products":                    `{"products":["KEEPER/products/pipelines"]}`,
			"/products/pipelines":          good,
			"/products/pipelines/editions": `{"editions":["KEEPER/editions/1","KEEPER/editions/2"]}`,
			"/editions/1":                  `{"slug":"main","published_url":"PAGES/","build_url":"KEEPER/builds/1"}`,
			"/editions/2":                  `{"slug":"moved","published_url":"PAGES/v/moved","build_url":"KEEPER/builds/1"}`,
		})
		const want = `{"pipelines":{"url":"PAGES/","editions":{
			"main":{"url":"PAGES/","status_code":200,"url_type":"product_edition_published_url"},
			"moved":{"url":"PAGES/v/moved","status_code":200,"url_type":"product_edition_published_url"}}}}`
		ask(t, g, k, http.StatusOK, want)
		if a, b := g.get(t, "/ltdstatus").body, g.get(t, "/ltdstatus/").body; a != b {
			t.Errorf("with a slash %s, without one %s", b, a)
		}
	})

	t.Run("every kind of failure", func(t *testing.T) {
		t.Parallel()
		g, k := start(t, map[string]string{
			"/products": `{"products":["KEEPER/products/pipelines","KEEPER/products/nosuch","KEEPER/products/html",
				"KEEPER/products/unlisted","KEEPER/products/broken","KEEPER/products/empty","https://evil.example.org/products/x"]}`,
			"/products/pipelines": good,
			"/products/pipelines/editions": `{"editions":["KEEPER/editions/1","KEEPER/editions/2","KEEPER/editions/3","KEEPER/editions/4",
				"KEEPER/editions/5","KEEPER/editions/6","KEEPER/editions/7","KEEPER/editions/8","KEEPER/editions/9"]}`,
			"/editions/1":                  `{"slug":"main","published_url":"PAGES/","build_url":"KEEPER/builds/1"}`,
			"/editions/2":                  `{"slug":"gone","published_url":"PAGES/v/gone","build_url":"KEEPER/builds/2"}`,
			"/editions/3":                  `{"slug":"down","published_url":"PAGES/v/down","build_url":"KEEPER/builds/3"}`,
			"/editions/4":                  `{"slug":"never","published_url":"PAGES/v/never","build_url":null}`,
			"/editions/5":                  `INTERNAL SERVER ERROR{}`,
			"/editions/6":                  `{"slug": "half`,
			"/editions/7":                  `{"slug":"dead","published_url":"OTHER/","build_url":"KEEPER/builds/4"}`,
			"/editions/8":                  `{"id": 8}`,
			"/editions/9":                  `{"slug":"away","published_url":"PAGES/v/away","build_url":"KEEPER/builds/5"}`,
			"/products/html":               `<html>Sign in</html>`,
			"/products/unlisted":           `{"slug":"un/listed","published_url":"PAGES/un"}`,
			"/products/un/listed/editions": `SERVICE UNAVAILABLE{}`,
			"/products/broken":             `TOO MANY REQUESTS{}`,
			"/products/empty":              `{"slug":"empty","published_url":"PAGES/empty"}`,
			"/products/empty/editions":     `{"editions":[]}`,
		})
		const want = `{
			"pipelines":{"url":"PAGES/","editions":{
				"main":{"url":"PAGES/","status_code":200,"url_type":"product_edition_published_url"},
				"gone":{"url":"PAGES/v/gone","status_code":404,"url_type":"product_edition_published_url"},
				"down":{"url":"PAGES/v/down","status_code":503,"url_type":"product_edition_published_url"},
				"away":{"url":"PAGES/v/away","status_code":502,"url_type":"product_edition_published_url"},
				"dead":{"url":"OTHER/","status_code":502,"url_type":"product_edition_published_url"},
				"KEEPER/editions/5":{"url":"KEEPER/editions/5","status_code":500,"url_type":"product_edition"},
				"KEEPER/editions/6":{"url":"KEEPER/editions/6","status_code":500,"url_type":"product_edition"},
				"KEEPER/editions/8":{"url":"KEEPER/editions/8","status_code":502,"url_type":"product_edition"}}},
			"KEEPER/products/nosuch":{"url":null,"editions":{
				"KEEPER/products/nosuch":{"url":"KEEPER/products/nosuch","status_code":404,"url_type":"product"}}},
			"KEEPER/products/html":{"url":null,"editions":{
				"KEEPER/products/html":{"url":"KEEPER/products/html","status_code":500,"url_type":"product"}}},
			"KEEPER/products/broken":{"url":null,"editions":{
				"KEEPER/products/broken":{"url":"KEEPER/products/broken","status_code":429,"url_type":"product"}}},
			"https://evil.example.org/products/x":{"url":null,"editions":{
				"https://evil.example.org/products/x":{"url":"https://evil.example.org/products/x","status_code":502,"url_type":"product"}}},
			"un/listed":{"url":"PAGES/un","editions":{
				"KEEPER/products/un%2Flisted/editions":{"url":"KEEPER/products/un%2Flisted/editions","status_code":503,"url_type":"product_editions"}}},
			"empty":{"url":"PAGES/empty","editions":{}}}`
		ask(t, g, k, http.StatusServiceUnavailable, want,
			"editions[4]", "editions[5]", "editions[7]", "lists[1]", "pages[1]", "pages[2]", "pages[3]", "pages[4]",
			"products[1]", "products[2]", "products[4]", "products[6]")
		// Equal nodes once, failed ones once: nothing was tried again.
		asked := k.asked()
		slices.Sort(asked)
		if n := len(slices.Compact(slices.Clone(asked))); n != len(asked) {
			t.Errorf("asked again: %q", asked)
		}
	})

	t.Run("never built", func(t *testing.T) {
		t.Parallel()
		g, k := start(t, map[string]string{
			"/products":                    `{"products":["KEEPER/products/pipelines"]}`,
			"/products/pipelines":          good,
			"/products/pipelines/editions": `{"editions":["KEEPER/editions/1"]}`,
			"/editions/1":                  `{"slug":"main","published_url":"PAGES/","build_url":null}`,
		})
		ask(t, g, k, http.StatusOK, `{"pipelines":{"url":null,"editions":{}}}`)
	})

	t.Run("many failures in a row", func(t *testing.T) {
		t.Parallel()
		answers, urls, nodes := map[string]string{}, []string{}, map[string]any{}
		for i := range 40 {
			url := "KEEPER/products/p" + string(rune('a'+i%26)) + string(rune('a'+i/26))
			answers[strings.TrimPrefix(url, "KEEPER")] = "INTERNAL SERVER ERROR"
			urls = append(urls, url)
			nodes[url] = map[string]any{"url": nil, "editions": map[string]any{url: map[string]any{"url": url, "status_code": 500, "url_type": "product"}}}
		}
		list, _ := json.Marshal(map[string]any{"products": urls})
		answers["/products"] = string(list)
		want, _ := json.Marshal(nodes)
		g, k := start(t, answers)
		var failed []string
		for i := range urls {
			failed = append(failed, "products["+strconv.Itoa(i)+"]")
		}
		slices.Sort(failed)
		ask(t, g, k, http.StatusInternalServerError, string(want), failed...)
	})

	t.Run("no products", func(t *testing.T) {
		t.Parallel()
		g, k := start(t, map[string]string{"/products": `{"products":[]}`})
		ask(t, g, k, http.StatusOK, `{}`)
	})

	t.Run("no list", func(t *testing.T) {
		t.Parallel()
		for text, code := range map[string]string{`{"error":"x"}`: "backend_failed", "SERVICE UNAVAILABLEx": "backend_status", "<html>": "undecodable"} {
			g, _ := start(t, map[string]string{"/products": text})
			g.get(t, "/ltdstatus").wantProblem(t, http.StatusBadGateway, code)
		}
	})

	t.Run("README", func(t *testing.T) {
		t.Parallel()
		g, k := start(t, map[string]string{
			"/products":                    `{"products":["KEEPER/products/pipelines","KEEPER/products/sqr-001"]}`,
			"/products/pipelines":          good,
			"/products/pipelines/editions": `{"editions":["KEEPER/editions/1","KEEPER/editions/2"]}`,
			"/editions/1":                  `{"slug":"main","published_url":"PAGES/","build_url":"KEEPER/builds/1"}`,
			"/editions/2":                  `{"slug":"v1","published_url":"PAGES/v/gone","build_url":"KEEPER/builds/2"}`,
		})
		wantReadme(t, g, "ltdstatus", "https://keeper.lsst.codes", k.url, "https://www.lsst.io", pages.url)
		wantMetadata(t, g, []string{"/ltdstatus"}, "1.0", map[string]string{
			"name": "uservice-ltdstatus", "version": "0.0.1", "description": "API wrapper for LSST The Docs product status",
			"repository": "https://github.com/lsst-sqre/uservice-ltdstatus", "auth": "none",
		})
	})
}
