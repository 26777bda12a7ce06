package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestMetricDeviation is case B: the last two of a list against a threshold, with Python's arithmetic.
func TestMetricDeviation(t *testing.T) {
	t.Parallel()
	packages := `[["afw","abc123","https://x/afw"]]`
	const unchanged = `{"changed":false}`
	link := func(metric string) string {
		return `"url":"https://bokeh.lsst.codes/metrics?window=weeks&job__ci_dataset=cfht&metric=` + metric + `"`
	}
	// In want, URL is the member url of this vector's metric.
	vectors := []struct{ name, results, threshold, want string }{
		{"none", `[]`, "0", unchanged},
		{"one", `[{"value":1.0,"units":"mmag","changed_packages":[]}]`, "0", unchanged},
		{
			"up", `[{"value":1.0},{"value":1.1,"units":"mmag","changed_packages":` + packages + `}]`, "5",
			`{"changed":true,"current":1.1,"previous":1.0,"delta_pct":10.0,"changecount":1,"units":"mmag","changed_packages":` + packages + `,URL}`,
		},
		{
			"unit", `[{"value":1.0},{"value":1.1,"unit":"mmag","changed_packages":` + packages + `}]`, "5",
			`{"changed":true,"current":1.1,"previous":1.0,"delta_pct":10.0,"changecount":1,"units":"","changed_packages":` + packages + `,URL}`,
		},
		{"strict", `[{"value":1.0},{"value":1.1,"changed_packages":[]}]`, "10", unchanged},
		{
			"below", `[{"value":1.0},{"value":1.1,"changed_packages":[]}]`, "9.99",
			`{"changed":true,"current":1.1,"previous":1.0,"delta_pct":10.0,"changecount":0,"units":"",URL}`,
		},
		{"rounded", `[{"value":1.0},{"value":1.0004,"changed_packages":[]}]`, "0", unchanged},
		{"zero", `[{"value":0.0},{"value":1.0,"changed_packages":[]}]`, "0", unchanged},
		{
			"negative", `[{"value":-2.0},{"value":-1.0,"changed_packages":null}]`, "0",
			`{"changed":true,"current":-1.0,"previous":-2.0,"delta_pct":50.0,"changecount":0,"units":"",URL}`,
		},
		{"three", `[{"value":3,"changed_packages":[]},{"value":2,"changed_packages":[]},{"value":1.9996,"changed_packages":[]}]`, "0", unchanged},
		// The old service failed here: the key changed_packages is not there.
		{
			"nokey", `[{"value":1.0},{"value":2.0}]`, "0",
			`{"changed":true,"current":2.0,"previous":1.0,"delta_pct":100.0,"changecount":0,"units":"",URL}`,
		},
		// Beyond the recorded ones, made with Python 3: a tie in decimal that is none in binary, and one that is.
		// round(1.0005, 3) is 1.0 and round(2.6755, 3) is 2.675; 0.0625 is a true tie and goes to the even 0.062.
		{
			"ties", `[{"value":1.0005},{"value":2.6755}]`, "0",
			`{"changed":true,"current":2.675,"previous":1.0,"delta_pct":167.5,"changecount":0,"units":"",URL}`,
		},
		{
			"even", `[{"value":0.0625},{"value":0.0635}]`, "0",
			`{"changed":true,"current":0.064,"previous":0.062,"delta_pct":3.23,"changecount":0,"units":"",URL}`,
		},
		{"huge", `[{"value":1.0},{"value":2.0}]`, "1e300", unchanged},
	}
	answers := map[string]string{}
	for _, v := range vectors {
		answers[v.name] = fmt.Sprintf(`{"count": 2, "results": %s}`, v.results)
	}
	answers["AM1"] = answers["up"]
	answers["nolist"] = `{"detail": "Invalid page."}`
	answers["null"] = `{"results": [{"value": null}, {"value": 1}]}`
	backend := startRecorder(t, needsUser(map[string]string{"bob": "s3cret-b", "me": "secret"}, func(w http.ResponseWriter, r *http.Request) {
		metric := r.URL.Query().Get("metric")
		if reports(w, metric) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answers[metric])
	}))
	caddyfile := example(t, "metricdeviation", "https://squash.lsst.codes", backend.url)
	g := startGateway(t, caddyfile)
	const user = "bob:s3cret-b"

	for _, v := range vectors {
		want := strings.Replace(v.want, "URL", link(v.name), 1)
		for _, prefix := range []string{"", "/metricdeviation"} {
			t.Run(v.name+prefix, func(t *testing.T) {
				t.Parallel()
				g.ask(t, request{path: prefix + "/" + v.name + "/" + v.threshold, user: user}).wantJSON(t, http.StatusOK, want)
				if v.threshold == "0" { // the default
					g.ask(t, request{path: prefix + "/" + v.name, user: user}).wantJSON(t, http.StatusOK, want)
				}
			})
		}
	}
	t.Run("failures", func(t *testing.T) {
		t.Parallel()
		wantFailures(t, caddyfile, func(word string) string { return "/metricdeviation/" + word }, user, true)
	})
	t.Run("threshold", func(t *testing.T) {
		t.Parallel()
		for _, bad := range []string{"many", "5%25", "NaN", "Infinity", "0x10", "%20", "1;2"} {
			d := g.ask(t, request{path: "/metricdeviation/up/" + bad, user: user}).wantProblem(t, http.StatusBadRequest, "bad_parameter")
			if d.Parameter != "threshold" {
				t.Errorf("threshold %q: the problem names the parameter %q", bad, d.Parameter)
			}
		}
	})
	t.Run("no list", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, caddyfile) // for its breaker
		g.ask(t, request{path: "/nolist", user: user}).wantProblem(t, http.StatusBadGateway, "backend_failed")
	})
	t.Run("target", func(t *testing.T) {
		t.Parallel()
		g.ask(t, request{path: "/metricdeviation/up", user: user})
		if want := "GET /dashboard/api/measurements/?job__ci_dataset=cfht&metric=up&page=last"; !slices.Contains(backend.asked(), want) {
			t.Errorf("the backend was asked %q, want %q among them", backend.asked(), want)
		}
	})
	t.Run("null", func(t *testing.T) {
		t.Parallel()
		a := g.ask(t, request{path: "/null", user: user})
		a.wantProblem(t, http.StatusBadGateway, "reply_failed")
	})
	wantReadme(t, g, "metricdeviation")
	wantMetadata(t, g, []string{"", "/metricdeviation"}, "1.0", map[string]string{
		"name": "uservice-metricdeviation", "version": "0.0.6", "description": "API wrapper for deviation notifications",
		"repository": "https://github.com/lsst-sqre/uservice-metricdeviation", "auth": "basic",
	})
}
