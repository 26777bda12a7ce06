package accounts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestCreateOverHTTP holds the answer of POST /api/v1/user, for clients of each time.
func TestCreateOverHTTP(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		h := w.serve(t)
		boss := w.ofRole(t, permit.Superadmin, "boss@example.org")
		status, got, header := do(t, h, "POST", "/api/v1/user", "", `{
			"email": "ann@example.org", "name": "Ann Mary Example", "country": "CZ", "institution": "ČVUT", "role": "ADMIN", "is_in_mailing_list": true,
			"sector": "Academia", "purpose_of_use_other": "two\nlines", "gee_license_acknowledged": true, "email_notifications_enabled": false, "unknown": {"x": [1]}
		}`)
		if status != http.StatusOK || header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", status, got)
		}
		u, err := w.store.FindUser(t.Context(), "ann@example.org")
		must(t, err)
		data, _ := got["data"].(map[string]any)
		for _, at := range []string{"created_at", "updated_at"} {
			if text, _ := data[at].(string); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$`).MatchString(text) {
				t.Errorf("%s is %q", at, text)
			}
			delete(data, at)
		}
		want := map[string]any{
			"id": u.ID.String(), "email": "ann@example.org", "role": "USER", "name": "Ann Mary Example", "first_name": "Ann", "last_name": "Mary Example",
			"country": "CZ", "institution": "ČVUT", "is_plugin_user": true, "is_in_mailing_list": true,
			"last_login_at": nil, "last_activity_at": nil, "email_verified": false, "email_verified_at": nil,
			"email_notifications_enabled": false, "email_subscription_news": false, "email_subscription_engagement": false, "email_subscription_system_updates": false,
			"role_title": nil, "sector": "Academia", "sector_other": nil, "gender_identity": nil, "gender_identity_description": nil, "gee_license_acknowledged": true,
			"purpose_of_use": nil, "purpose_of_use_other": "two\nlines", "max_concurrent_executions": nil, "consent_given_at": nil, "consent_source": nil,
		}
		if diff := cmp.Diff(want, data); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for name, c := range map[string]struct {
			caller, scope, body string
			status              int
			says                string
		}{
			"taken":             {"", "", `{"email":"ANN@example.org","name":"x"}`, 400, "Email address is already registered"},
			"no address":        {"", "", `{"name":"x"}`, 400, "Email is required"},
			"no valid one":      {"", "", `{"email":"x","name":"x"}`, 400, "Email not valid"},
			"no name":           {"", "", `{"email":"x@example.org"}`, 400, "Name is required"},
			"no role":           {"boss@example.org", "", `{"email":"x@example.org","name":"x","role":"KING"}`, 400, "role not valid"},
			"weak":              {"", "", `{"email":"x@example.org","name":"x","password":"q"}`, 422, "Password must be at least 12 characters long"},
			"too much":          {"ann@example.org", "", `{"email":"x@example.org","name":"x","role":"ADMIN"}`, 403, "Only super administrators make administrators"},
			"with little scope": {"boss@example.org", "teams:read", `{"email":"x@example.org","name":"x","role":"ADMIN"}`, 403, "Insufficient scope. Required: user:write"},
			"a wrong token":     {"wrong", "", `{"email":"x@example.org","name":"x"}`, 401, "Invalid token"},
			"another type":      {"", "", `{"email":1,"name":"x"}`, 400, "The field email must be text"},
			"twice":             {"boss@example.org", "", `{"email":"x@example.org","name":"x","role":"USER","role":"SUPERADMIN"}`, 400, "The field role is there twice"},
			"NUL":               {"", "", `{"email":"x@example.org","name":"x\u0000"}`, 400, "The field name must be text"},
			"no UTF-8":          {"", "", "{\"email\":\"x@example.org\",\"name\":\"\xff\"}", 400, "The body must be UTF-8"},
			"no object":         {"", "", `[]`, 400, "The body must be a JSON object"},
			"too long":          {"", "", `{"email":"` + strings.Repeat("x", 70_000) + `"}`, 413, "The body has more than 65536 bytes"},
		} {
			status, got, _ := do(t, h, "POST", "/api/v1/user/", c.caller, c.body, "Scope", c.scope)
			if detail, _ := got["detail"].(string); status != c.status || !strings.HasPrefix(detail, c.says) || got["status"] != float64(c.status) || strings.Contains(detail, "\x00") {
				t.Errorf("%s: %d %v", name, status, got)
			}
		}
		if n, err := w.store.Queries().CountUsers(t.Context()); n != 2 || err != nil {
			t.Errorf("%d users, %v", n, err)
		}
		if status, got, _ := do(t, h, "POST", "/api/v1/user", boss.Email, `{"email":"adm@example.org","name":"x","role":"ADMIN","password":"`+good+`","is_plugin_user":false}`, "Scope", "users:write"); status != 200 {
			t.Errorf("%d %v", status, got)
		}
		if u, err := w.store.FindUser(t.Context(), "adm@example.org"); err != nil || u.Role != "ADMIN" || u.IsPluginUser || !w.logsIn(t, "adm@example.org", good) {
			t.Errorf("%+v, %v", u, err)
		}
		if status, got, _ := do(t, h, "POST", "/api/v1/user", boss.Email, `{"email":"y@example.org","first_name":"Y","last_name":"Z"}`, "Scope", "teams:read"); status != 200 {
			t.Errorf("%d %v", status, got)
		}
	})
}

// TestPasswordsOverHTTP holds the five ways of setting a password, and what each refuses.
func TestPasswordsOverHTTP(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		h := w.serve(t)
		ann := w.ofRole(t, permit.User, "ann@example.org")
		w.ofRole(t, permit.Admin, "admin@example.org")
		w.ofRole(t, permit.Superadmin, "boss@example.org")
		own, of := "/api/v1/user/me/change-password", func(id string) string { return "/api/v1/user/" + id + "/change-password" }
		for i, c := range []struct {
			path, caller, scope, body string
			status                    int
			says                      string
		}{
			{own, "", "", `{}`, 401, "Authorization token required"},
			{own, "ann@example.org", "", `{"new_password":"` + other + `"}`, 400, "The field old_password is required"},
			{own, "ann@example.org", "", `{"old_password":7}`, 400, "The field old_password must be text"},
			{own, "ann@example.org", "teams:read", `{}`, 403, "Insufficient scope. Required: user:write"},
			{own, "ann@example.org", "", `{"old_password":"x","new_password":"` + other + `"}`, 401, "Current password is incorrect"},
			{own, "ann@example.org", "", `{"old_password":"` + good + `","new_password":"short"}`, 422, "Password must be at least 12 characters long"},
			{own, "ann@example.org", "", `{"old_password":"` + good + `","new_password":"` + other + `"}`, 200, ""},
			{own, "ann@example.org", "", `{"old_password":"` + good + `","new_password":"` + other + `"}`, 401, "Current password is incorrect"},
			{of("ann@example.org"), "ann@example.org", "", `{"new_password":"` + good + `"}`, 403, "Only administrators"},
			{of("boss@example.org"), "admin@example.org", "", `{"new_password":"` + good + `"}`, 403, "Nobody changes a user of a higher role"},
			{of("nobody@example.org"), "admin@example.org", "", `{"new_password":"` + good + `"}`, 404, "There is nothing of that name."},
			{of(ann.ID.String()), "admin@example.org", "", `{"new_password":"q"}`, 422, "Password must be"},
			{of(ann.ID.String()), "admin@example.org", "", `{"new_password":"` + good + `"}`, 200, ""},
			{of("ANN@example.org"), "boss@example.org", "", `{"new_password":"` + other + `"}`, 200, ""},
			{of(fmt.Sprint(ann.Number)), "boss@example.org", "", `{"new_password":"` + good + `"}`, 200, ""},
		} {
			status, got, _ := do(t, h, "PATCH", c.path, c.caller, c.body, "Scope", c.scope)
			detail, _ := got["detail"].(string)
			data, _ := got["data"].(map[string]any)
			if status != c.status || !strings.HasPrefix(detail, c.says) || status == 200 && data["email"] != "ann@example.org" {
				t.Errorf("%d: %d %v", i, status, got)
			}
		}
		if !w.logsIn(t, "ann@example.org", good) || !w.logsIn(t, "boss@example.org", good) {
			t.Error("another password is right than should be")
		}
	})
}

// TestRecoveryOverHTTP recovers a password by HTTP alone, and compares what is answered about somebody and about nobody.
func TestRecoveryOverHTTP(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn, func(c *accounts.Config) {
			c.Address = func(r *http.Request) string { return r.Header.Get("From-Address") }
		})
		h := w.serve(t)
		w.ofRole(t, permit.User, "ann@example.org")
		ask := func(login, from string) (int, string, http.Header) {
			r := httptest.NewRequest(http.MethodPost, "/api/v1/user/"+login+"/recover-password", http.NoBody)
			r.Header.Set("From-Address", from)
			r.Header.Set("Caller", "wrong") // nobody asks who calls
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			rec.Header().Del("Retry-After")
			return rec.Code, rec.Body.String(), rec.Header()
		}
		status1, body1, header1 := ask("ann@example.org", "192.0.2.1")
		status2, body2, header2 := ask("nobody@example.org", "192.0.2.2")
		var said struct{ Data struct{ Message string } }
		must(t, json.Unmarshal([]byte(body1), &said))
		if status1 != 200 || status1 != status2 || body1 != body2 || said.Data.Message == "" {
			t.Errorf("%d %s, %d %s", status1, body1, status2, body2)
		}
		if diff := cmp.Diff(header1, header2); diff != "" {
			t.Error(diff)
		}
		for _, login := range []string{"ann@example.org", "nobody@example.org"} {
			if status, body, header := ask(login, "192.0.2.3"); status != 429 || !strings.Contains(body, `"error_code":"RATE_LIMIT_EXCEEDED"`) || !strings.Contains(body, `"retry_after":`) || header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", status, body)
			}
		}
		token := w.letters(t)[0].token(t)
		for i, c := range []struct {
			body   string
			status int
			says   string
		}{
			{`{"password":"` + other + `"}`, 400, "The field token is required"},
			{`{"token":"` + token + `"}`, 400, "The field password is required"},
			{`{"token":"` + token + `","token":"x","password":"` + other + `"}`, 400, "The field token is there twice"},
			{`{"token":"` + strings.Repeat("A", 43) + `","password":"` + other + `"}`, 404, "Invalid or expired token"},
			{`{"token":"` + strings.Repeat("A", 43) + `","password":"q"}`, 404, "Invalid or expired token"},
			{`{"token":"` + token + `","password":"q"}`, 422, "Password must be"},
			{`{"token":"` + token + `","password":"` + other + `"}`, 200, ""},
			{`{"token":"` + token + `","password":"` + good + `"}`, 404, "Invalid or expired token"},
		} {
			status, got, _ := do(t, h, "POST", "/api/v1/user/reset-password", "wrong", c.body)
			if detail, _ := got["detail"].(string); status != c.status || !strings.HasPrefix(detail, c.says) || strings.Contains(fmt.Sprint(got), token) {
				t.Errorf("%d: %d %v", i, status, got)
			}
		}
		if !w.logsIn(t, "ann@example.org", other) {
			t.Error("the password is not set")
		}
	})
}

// TestTrends holds the members that come of columns, and that a profile of another shape does no harm.
func TestTrends(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{`{}`, ``, `{"sector": 7}`, `[]`, `{"email_subscription_news": "x"}`} {
		if got := accounts.Trends(db.User{Profile: []byte(profile), Email: "x"}); got.Email != "x" || !got.Notifications || got.Sector != nil || got.News {
			t.Errorf("%s: %+v", profile, got)
		}
	}
}

// FuzzCreate holds that no body makes a 500, or a user with more than it may have.
func FuzzCreate(f *testing.F) {
	w := newWorld(f, engines.SQLite(f), func(c *accounts.Config) { c.SignUps = 1 << 30 })
	h := w.serve(f)
	for _, seed := range []string{
		`{"email":"ann@example.org","name":"Ann"}`, `{"email":"x@example.org","name":"x","role":"SUPERADMIN","profile":{},"sector":"a\nb"}`,
		`{"email":"\ud83d@example.org"}`, `{"email":null,"name":[]}`, `{"email":"x@x","first_name":" ","last_name":"é","is_plugin_user":"false"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/user", bytes.NewReader(content))
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		var got struct {
			Data struct{ ID, Email, Role string }
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code >= 500 {
			t.Fatalf("%d %s", rec.Code, rec.Body.String())
		}
		if rec.Code == 200 && (got.Data.Role != "USER" || got.Data.Email == "" || strings.ContainsAny(got.Data.Email, " \r\n\x00")) {
			t.Fatalf("%+v", got)
		}
	})
}

// TestHouston holds the user of Houston's README.
func TestHouston(t *testing.T) {
	t.Parallel()
	at := time.Date(2016, 10, 20, 14, 0, 35, 912576000, time.UTC)
	root := "root"
	got, err := json.Marshal(accounts.Houston(db.User{
		Number: 1, Username: &root, Email: "root@localhost", Role: "SUPERADMIN", IsActive: true, IsRegularUser: true, CreatedAt: at, UpdatedAt: at,
	}))
	must(t, err)
	const want = `{"id":1,"username":"root","email":"root@localhost","first_name":"","middle_name":"","last_name":"","is_active":true,"is_regular_user":true,"is_admin":true,` +
		`"created":"2016-10-20T14:00:35.912576+00:00","updated":"2016-10-20T14:00:35.912576+00:00"}`
	if string(got) != want {
		t.Errorf("%s", got)
	}
}
