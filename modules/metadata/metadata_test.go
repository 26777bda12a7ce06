package metadata

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/requestid"
)

// of makes a handler of the JSON that stands in a Caddy configuration.
func of(t *testing.T, config string) (*Handler, error) {
	t.Helper()
	h := new(Handler).CaddyModule().New().(*Handler)
	if err := json.Unmarshal([]byte(config), h); err != nil {
		t.Fatal(err)
	}
	return h, h.Provision(caddy.Context{})
}

// ask gives the answer of a handler; that of what comes behind it is 418.
func ask(t *testing.T, h *Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{}))
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	if err := h.ServeHTTP(w, r, next); err != nil {
		t.Fatal(err)
	}
	return w
}

const least = `"name":"shop","version":"2.1.0","repository":"https://example.org/source","description":"Sells <things> & \"more\""`

func TestDocument(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config string
		want   map[string]any
	}{
		"defaults": {`{` + least + `}`, map[string]any{
			"name": "shop", "version": "2.1.0", "repository": "https://example.org/source", "description": `Sells <things> & "more"`, "api_version": "1.0", "auth": "none",
		}},
		"all words": {`{` + least + `,"api_version":"3","auth":"bitly-proxy"}`, map[string]any{
			"name": "shop", "version": "2.1.0", "repository": "https://example.org/source", "description": `Sells <things> & "more"`, "api_version": "3", "auth": "bitly-proxy",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := of(t, test.config)
			if err != nil {
				t.Fatal(err)
			}
			w := ask(t, h, httptest.NewRequest(http.MethodGet, "/metadata", nil))
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if strings.Contains(w.Body.String(), `\u003c`) {
				t.Errorf("< is escaped as for HTML: %s", w.Body)
			}
			xhr := httptest.NewRequest(http.MethodGet, "/metadata", nil)
			xhr.Header.Set("X-Requested-With", "XMLHttpRequest")
			if compact := ask(t, h, xhr).Body.String(); strings.Count(compact, "\n") > 1 {
				t.Errorf("for XMLHttpRequest it is not compact: %s", compact)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	root, err := of(t, `{`+least+`}`)
	if err != nil {
		t.Fatal(err)
	}
	two, err := of(t, `{`+least+`,"prefixes":["/shop","/old/shop"],"api_version":"2.0"}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		h            *Handler
		method, path string
		status       int
	}{
		{root, "GET", "/metadata", 200},
		{root, "GET", "/metadata/", 200},
		{root, "GET", "/metadata.json", 200},
		{root, "GET", "/v1.0/metadata", 200},
		{root, "GET", "/1.0/metadata.json", 200},
		{root, "HEAD", "/metadata", 200},
		{root, "OPTIONS", "/metadata", 200},
		{root, "POST", "/metadata", 405},
		{root, "GET", "/", 418},
		{root, "GET", "/metadata//", 418},
		{root, "GET", "/metadata.xml", 418},
		{root, "GET", "/v2.0/metadata", 418},
		{root, "GET", "/x/metadata", 418},
		{root, "POST", "/x", 418},
		{two, "GET", "/shop/metadata", 200},
		{two, "GET", "/old/shop/v2.0/metadata/", 200},
		{two, "DELETE", "/old/shop/metadata", 405},
		{two, "GET", "/metadata", 418},
		{two, "GET", "/shopping/metadata", 418},
		{two, "GET", "/shop/v1.0/metadata", 418},
		{two, "GET", "/shop", 418},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(test.method, test.path, nil)
			r.Header.Set(requestid.Header, "abc")
			w := ask(t, test.h, r)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d", w.Code, test.status)
			}
			ours := w.Code != http.StatusTeapot
			if got := w.Header().Get(requestid.Header); (got == "abc") != ours {
				t.Errorf("the answer has the request id %q", got)
			}
			allow := w.Code == http.StatusMethodNotAllowed || test.method == http.MethodOptions
			if got := w.Header().Get("Allow"); (got == "GET, HEAD, OPTIONS") != allow {
				t.Errorf("Allow: %q", got)
			}
			if w.Code == http.StatusMethodNotAllowed && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("a refusal is %s", w.Header().Get("Content-Type"))
			}
		})
	}
}

// TestJSON gives configurations that no Caddyfile makes.
func TestJSON(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ config, err string }{
		"no name":              {`{"version":"1","repository":"x","description":"x"}`, "needs a name"},
		"no version":           {`{"name":"x","repository":"x","description":"x"}`, "needs a version"},
		"no repository":        {`{"name":"x","version":"1","description":"x"}`, "needs a repository"},
		"no description":       {`{"name":"x","version":"1","repository":"x"}`, "needs a description"},
		"auth misspelt":        {`{` + least + `,"auth":"basics"}`, `not "basics"; did you mean "basic"?`},
		"api_version a path":   {`{` + least + `,"api_version":"1/0"}`, "must be a word that can stand in a path"},
		"prefix without /":     {`{` + least + `,"prefixes":["shop"]}`, `the prefix "shop" must be a plain path`},
		"prefix with / behind": {`{` + least + `,"prefixes":["/shop/"]}`, `the prefix "/shop/" must be a plain path`},
		"prefix that matches":  {`{` + least + `,"prefixes":["/shop*"]}`, `the prefix "/shop*" must be a plain path`},
		"empty prefix":         {`{` + least + `,"prefixes":[""]}`, `the prefix "" must be a plain path`},
		"prefix twice":         {`{` + least + `,"prefixes":["/a","/b","/a"]}`, "the prefix /a is there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := of(t, test.config); err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("the error is %v, want %q", err, test.err)
			}
		})
	}
}
