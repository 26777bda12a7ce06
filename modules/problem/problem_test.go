package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/requestid"
)

// answer is what the handler makes of an error; nil is none.
func answer(t *testing.T, method string, err error) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/shop/x?a=b", nil)
	r.Header.Set(requestid.Header, "abc")
	ctx := context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{})
	if err != nil {
		ctx = context.WithValue(ctx, caddyhttp.ErrorCtxKey, err)
	}
	w := httptest.NewRecorder()
	if err := new(Handler).ServeHTTP(w, r.WithContext(ctx), nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// document is the part of the error document that is looked at.
type document struct {
	Type       string  `json:"type"`
	Title      string  `json:"title"`
	Status     int     `json:"status"`
	Detail     string  `json:"detail"`
	Instance   string  `json:"instance"`
	RequestID  string  `json:"request_id"`
	Reason     string  `json:"reason"`
	StatusCode int     `json:"status_code"`
	Content    *string `json:"error_content"`
}

func TestHandler(t *testing.T) {
	t.Parallel()
	const secret = "dial tcp 10.0.0.7:5432: password=hunter2"
	ours := &problem.Problem{
		Code: problem.BreakerOpen, Status: 503, Detail: "The backend is left alone.", RetryAfter: 1500 * time.Millisecond,
		Header: http.Header{"X-More": {"1"}}, Cause: errors.New(secret),
	}
	const failed = "The gateway failed; the log has more under this request id."
	for name, test := range map[string]struct {
		err    error
		status int
		typ    string
		detail string
	}{
		"no error":                {nil, 500, "about:blank", failed},
		"an error of nobody":      {errors.New(secret), 500, "about:blank", failed},
		"of Caddy":                {caddyhttp.Error(403, errors.New(secret)), 403, "about:blank", ""},
		"of Caddy, not found":     {caddyhttp.Error(404, errors.New(secret)), 404, "about:blank", "There is nothing at this path."},
		"of Caddy, internal":      {caddyhttp.Error(500, errors.New(secret)), 500, "about:blank", failed},
		"of a proxy":              {caddyhttp.Error(502, errors.New(secret)), 502, "about:blank", ""},
		"wrapped":                 {fmt.Errorf("while: %w", caddyhttp.Error(429, errors.New(secret))), 429, "about:blank", ""},
		"no status":               {caddyhttp.HandlerError{Err: errors.New(secret)}, 500, "about:blank", failed},
		"a status of success":     {caddyhttp.Error(200, errors.New(secret)), 500, "about:blank", failed},
		"a status that is none":   {caddyhttp.Error(999, errors.New(secret)), 500, "about:blank", failed},
		"ours":                    {ours, 503, "urn:fairway:problem:breaker_open", "The backend is left alone."},
		"ours, in one of Caddy's": {caddyhttp.Error(500, ours), 503, "urn:fairway:problem:breaker_open", "The backend is left alone."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := answer(t, http.MethodGet, test.err)
			var d document
			if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if w.Code != test.status || d.Status != test.status || d.StatusCode != test.status {
				t.Errorf("status %d, %d and %d, want %d", w.Code, d.Status, d.StatusCode, test.status)
			}
			if d.Type != test.typ || test.detail != "" && d.Detail != test.detail {
				t.Errorf("type %q, detail %q, want %q, %q", d.Type, d.Detail, test.typ, test.detail)
			}
			if d.Title == "" || d.Reason != http.StatusText(test.status) || d.Content != nil {
				t.Errorf("title %q, reason %q, content %v", d.Title, d.Reason, d.Content)
			}
			if d.Instance != "/shop/x" || d.RequestID != "abc" || w.Header().Get(requestid.Header) != "abc" {
				t.Errorf("instance %q, request id %q and %q", d.Instance, d.RequestID, w.Header().Get(requestid.Header))
			}
			if w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("Content-Type: %s", w.Header().Get("Content-Type"))
			}
			if strings.Contains(w.Body.String(), "hunter2") {
				t.Errorf("the caller sees the cause: %s", w.Body)
			}
			retry, more := w.Header().Get("Retry-After"), w.Header().Get("X-More")
			if is := errors.Is(test.err, error(ours)); is != (retry == "2") || is != (more == "1") {
				t.Errorf("Retry-After %q, X-More %q", retry, more)
			}
		})
	}
}

func TestHandlerHEAD(t *testing.T) {
	t.Parallel()
	w := answer(t, http.MethodHead, caddyhttp.Error(404, nil))
	if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d, Content-Type %s", w.Code, w.Header().Get("Content-Type"))
	}
}
