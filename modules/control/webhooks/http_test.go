package webhooks

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
)

// TestHTTP makes, shows, changes and deletes webhooks, as owners, administrators and others.
func TestHTTP(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		g := controltest.Open(t, dsn, func(g *controltest.Gateway) {
			w, err := New(Config{Most: 2, Allowed: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, Deps{Store: g.Store, Keys: [][]byte{make([]byte, 32)}})
			must(t, err)
			w.Register(g.API, typed.New(g.API, ""))
		})
		g.User(t, "root", permit.Admin)
		g.User(t, "ann", permit.User)
		g.User(t, "ben", permit.User)
		ask := func(who, method, path, body string, status int) (data map[string]any) {
			t.Helper()
			r := httptest.NewRequestWithContext(t.Context(), method, "/api/v1/webhook"+path, strings.NewReader(body))
			r.SetBasicAuth(who+"@example.org", who)
			if body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			a := g.Do(r)
			if a.Status != status {
				t.Fatalf("%s %s %s %s: %d %s, not %d", who, method, path, body, a.Status, a.Body, status)
			}
			var of struct{ Data json.RawMessage }
			if status == http.StatusOK {
				must(t, json.Unmarshal([]byte(a.Body), &of))
				_ = json.Unmarshal(of.Data, &data) // a list is none
			}
			return data
		}
		for _, wrong := range []string{`{"url":"ftp://x"}`, `{"url":"https://u:p@x"}`, `{"url":"https://x","types":["nothing"]}`} {
			ask("ann", "POST", "", wrong, http.StatusBadRequest)
		}
		ask("ann", "POST", "", `{"url":"https://x","all":true}`, http.StatusForbidden)
		made := ask("ann", "POST", "", `{"url":"https://example.org/x","types":["fairway.execution.*"]}`, http.StatusOK)
		if secret, _ := made["secret"].(string); !strings.HasPrefix(secret, "whsec_") || len(secret) != 50 {
			t.Error(secret)
		}
		ask("ann", "POST", "", `{"url":"http://example.org/x"}`, http.StatusOK)
		ask("ann", "POST", "", `{"url":"https://example.org/x"}`, http.StatusConflict)
		one := "/" + made["id"].(string)
		if got := ask("ann", "GET", one, "", http.StatusOK); got["secret"] != nil || got["active"] != true || got["state"] == nil {
			t.Error(got)
		}
		for _, method := range []string{"GET", "DELETE"} {
			ask("ben", method, one, "", http.StatusNotFound)
		}
		ask("ben", "PATCH", one, `{"active":false}`, http.StatusNotFound)
		ask("ben", "GET", one+"/dead", "", http.StatusNotFound)
		ask("ben", "POST", one+"/retry", `{}`, http.StatusNotFound)
		ask("ann", "PATCH", one, `{"all":true}`, http.StatusForbidden)
		if got := ask("ann", "PATCH", one, `{"active":false,"types":[]}`, http.StatusOK); got["active"] != false || got["reason"] != "it was switched off" {
			t.Error(got)
		}
		if got := ask("root", "PATCH", one, `{"active":true,"url":"https://example.org/y"}`, http.StatusOK); got["active"] != true || got["url"] != "https://example.org/y" {
			t.Error(got)
		}
		patches(t, g, "/api/v1/webhook"+one)
		ask("ann", "GET", "", "", http.StatusOK)
		ask("ann", "GET", one+"/dead", "", http.StatusOK)
		ask("ann", "POST", one+"/retry", `{"ids":["x"]}`, http.StatusBadRequest)
		if got := ask("ann", "POST", one+"/retry", `{}`, http.StatusOK); got["retried"] != 0.0 {
			t.Error(got)
		}
		ask("ann", "GET", "/nothing", "", http.StatusNotFound)
		ask("ann", "DELETE", one, "", http.StatusOK)
		ask("ann", "GET", one, "", http.StatusNotFound)
	})
}

// patches changes a webhook by operations, and where it is as who changes it believes.
func patches(t *testing.T, g *controltest.Gateway, path string) {
	t.Helper()
	send := func(method, kind, match, body string) (*http.Response, Webhook) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.SetBasicAuth("ann@example.org", "ann")
		for name, value := range map[string]string{"Content-Type": kind, "If-Match": match} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if method == http.MethodGet {
			r.Header.Del("If-Match")
			r.Header.Set("If-None-Match", match)
		}
		w := httptest.NewRecorder()
		g.API.ServeHTTP(w, r)
		res := w.Result()
		defer res.Body.Close()
		var of struct{ Data Webhook }
		if w.Code == http.StatusOK {
			must(t, json.Unmarshal(w.Body.Bytes(), &of))
		}
		return res, of.Data
	}
	res, _ := send("GET", "", "", "")
	tag := res.Header.Get("ETag")
	if res, _ := send("GET", "", tag, ""); tag == "" || res.StatusCode != http.StatusNotModified {
		t.Error(tag, res.StatusCode)
	}
	const operations = "application/json-patch+json"
	res, is := send("PATCH", operations, tag, `[{"op":"test","path":"/active","value":true},{"op":"add","path":"/types/-","value":"fairway.user.*"},{"op":"replace","path":"/url","value":"https://example.org/z"}]`)
	if res.StatusCode != http.StatusOK || is.URL != "https://example.org/z" || len(is.Types) != 1 || !is.Active {
		t.Error(res.StatusCode, is)
	}
	again := res.Header.Get("ETag")
	for _, c := range []struct {
		kind, match, body string
		status            int
	}{
		{"", tag, `{"active":false}`, http.StatusPreconditionFailed},
		{operations, tag, `[{"op":"replace","path":"/active","value":false}]`, http.StatusPreconditionFailed},
		{operations, "", `[{"op":"test","path":"/active","value":false}]`, http.StatusConflict},
		{operations, "", `[{"op":"remove","path":"/url"}]`, http.StatusUnprocessableEntity},
		{operations, "", `[{"op":"replace","path":"/secret","value":"x"}]`, http.StatusUnprocessableEntity},
		{operations, "", `[{"op":"replace","path":"/url","value":7}]`, http.StatusUnprocessableEntity},
		{operations, "", `[{"op":"replace","path":"/url","value":"http://169.254.169.254/\u0000"}]`, http.StatusBadRequest},
		{operations, "", `[{"op":"replace","path":"/all","value":true}]`, http.StatusForbidden},
		{operations, "", `[{"op":"add","path":"/types/-","value":"nothing"}]`, http.StatusBadRequest},
		{operations, "", `{"active":false}`, http.StatusUnprocessableEntity},
		{"application/merge-patch+json", "", `{"url":null}`, http.StatusUnprocessableEntity},
		{"text/plain", "", `{"active":false}`, http.StatusUnsupportedMediaType},
		{operations, "", `[`, http.StatusBadRequest},
	} {
		if res, _ := send("PATCH", c.kind, c.match, c.body); res.StatusCode != c.status {
			t.Errorf("%s: %d, not %d", c.body, res.StatusCode, c.status)
		}
	}
	res, is = send("PATCH", "", again, `{"active":true}`) // it is
	if res.StatusCode != http.StatusOK || res.Header.Get("ETag") != again || is.URL != "https://example.org/z" {
		t.Error(res.StatusCode, res.Header.Get("ETag"), is)
	}
}
