package accounts_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/permit"
)

// TestPageOfALink goes the way of who got a letter and has nothing but a browser.
func TestPageOfALink(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		h := w.serve(t)
		ann := w.ofRole(t, permit.User, "ann@example.org")
		must(t, w.RecoverPassword(t.Context(), accounts.Operator("test"), ann.Email))
		letters := w.letters(t)
		if len(letters) != 1 {
			t.Fatalf("%d letters", len(letters))
		}
		path := letters[0].Path
		link, err := url.Parse(path)
		must(t, err)
		send := func(method, target, form string) (int, http.Header, string) {
			r := httptest.NewRequest(method, target, strings.NewReader(form))
			if form != "" {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			return rec.Code, rec.Header(), rec.Body.String()
		}
		token := link.Query().Get("token")
		for range 2 { // looking at it does not use it up
			status, header, page := send("GET", path, "")
			if status != 200 || !strings.Contains(page, `name="password"`) || !strings.Contains(page, token) ||
				header.Get("Referrer-Policy") != "no-referrer" || header.Get("Cache-Control") != "no-store" || !strings.Contains(header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
				t.Fatalf("%d %v %s", status, header, page)
			}
		}
		if status, _, page := send("GET", "/reset-password?token="+url.QueryEscape(`"><script>alert(1)</script>`), ""); status != 200 || strings.Contains(page, "<script>") {
			t.Errorf("%d %s", status, page)
		}
		if status, _, page := send("GET", "/reset-password", ""); status != 200 || strings.Contains(page, "<form") {
			t.Errorf("%d %s", status, page)
		}
		const next = "Another-Password-7"
		form := func(token, password, again string) string {
			return url.Values{"token": {token}, "password": {password}, "again": {again}}.Encode()
		}
		for _, c := range []struct {
			name, form string
			status     int
			says       string
		}{
			{"two passwords", form(token, next, next+"x"), 422, "not the same"},
			{"a weak one", form(token, "short", "short"), 422, "at least 12 characters"},
			{"another link", form(strings.Repeat("A", 43), next, next), 404, "not good any more"},
			{"too much", form(token, strings.Repeat("x", 20<<10), "x"), 400, "not good any more"},
			{"a good one", form(token, next, next), 200, "Your password is set"},
			{"the same link again", form(token, next+"1", next+"1"), 404, "not good any more"},
		} {
			if status, _, page := send("POST", "/reset-password", c.form); status != c.status || !strings.Contains(page, c.says) {
				t.Errorf("%s: %d %s", c.name, status, page)
			}
		}
		if !w.logsIn(t, "ann@example.org", next) || w.logsIn(t, "ann@example.org", good) {
			t.Error("the password is not the new one")
		}
	})
}
