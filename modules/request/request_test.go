package request

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/proxies/requestid"
)

// withVars is a request as Caddy hands it to handlers.
func withVars(t *testing.T) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	ctx := context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{})
	return r.WithContext(context.WithValue(ctx, caddyhttp.ExtraLogFieldsCtxKey, new(caddyhttp.ExtraLogFields)))
}

func TestID(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sent  []string
		taken bool
	}{
		"none":              {nil, false},
		"one":               {[]string{"4bf92f3577b34da6:00f067aa"}, true},
		"two":               {[]string{"a", "b"}, false},
		"empty":             {[]string{""}, false},
		"too long":          {[]string{strings.Repeat("a", 129)}, false},
		"line end":          {[]string{"a\r\nb"}, false},
		"of another locale": {[]string{"naïve"}, false},
		"markup":            {[]string{"<script>"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := withVars(t)
			if test.sent != nil {
				r.Header[requestid.Header] = test.sent
			}
			id := ID(r)
			switch {
			case test.taken && id != test.sent[0]:
				t.Errorf("the id is %q, want the caller's %q", id, test.sent[0])
			case !test.taken && (len(id) != 32 || strings.Trim(id, "0123456789abcdef") != ""):
				t.Errorf("the id is %q, want a new one", id)
			}
			if again := ID(r); again != id {
				t.Errorf("the second time it is %q, after %q", again, id)
			}
			if v := caddyhttp.GetVar(r.Context(), "request_id"); v != id {
				t.Errorf("{vars.request_id} is %v, want %q", v, id)
			}
			r.Header.Set(requestid.Header, "later")
			if again := ID(r); again != id {
				t.Errorf("a header that was changed later makes it %q, after %q", again, id)
			}
		})
	}
}

func TestIDsDiffer(t *testing.T) {
	t.Parallel()
	if a, b := ID(withVars(t)), ID(withVars(t)); a == b {
		t.Errorf("two requests are both %s", a)
	}
}

// TestIDOfAnother takes what somebody has set with `vars request_id ...`, if it is a text.
func TestIDOfAnother(t *testing.T) {
	t.Parallel()
	r := withVars(t)
	caddyhttp.SetVar(r.Context(), "request_id", "set before")
	if id := ID(r); id != "set before" {
		t.Errorf("the id is %q", id)
	}
	r = withVars(t)
	caddyhttp.SetVar(r.Context(), "request_id", 7)
	if id := ID(r); len(id) != 32 {
		t.Errorf("the id is %q", id)
	}
}

// TestIDOutsideOfCaddy gives an id where no server has prepared the request.
func TestIDOutsideOfCaddy(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set(requestid.Header, "abc")
	if id := ID(r); id != "abc" {
		t.Errorf("the id is %q", id)
	}
}

// TestNamed tells who gave the id, and so who has told the caller.
func TestNamed(t *testing.T) {
	t.Parallel()
	r := withVars(t)
	id, earlier := Named(r)
	if again, known := Named(r); earlier || !known || again != id || id != ID(r) {
		t.Errorf("%q %t, then %q %t", id, earlier, again, known)
	}
}
