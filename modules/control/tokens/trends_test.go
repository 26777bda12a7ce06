package tokens_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// TestTrendsAuth: a login answers with what old and new clients read.
func TestTrendsAuth(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	for name, s := range map[string]sent{
		"JSON":                      {path: "/auth", json: `{"email":"walter@example.org","password":"w"}`},
		"more than asked":           {path: "/auth", json: `{"email":"walter@example.org","password":"w","remember":true,"nested":{"email":1}}`},
		"JSON, as curl -d sends it": {path: "/auth", json: `{"email":"walter@example.org","password":"w"}`, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		"a form":                    {path: "/auth", form: []string{"email=walter@example.org", "password=w"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := g.want(t, s, 200, "")
			if a.text("access_token") == "" || a.text("token") != a.text("access_token") || !strings.HasPrefix(a.text("refresh_token"), "fw_rt_") ||
				a.text("user_id") != walter || a.values["expires_in"] != 3600.0 || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("the answer is %s", a.body)
			}
			if access := g.taken(t, a.text("access_token")); access.User.ID != walter || !access.Has("all") || access.Client != "" {
				t.Errorf("the token is %+v", access)
			}
		})
	}
}

func TestTrendsAuthErrors(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	for name, c := range map[string]struct {
		sent   sent
		status int
		msg    string
	}{
		"nothing":           {sent{path: "/auth", method: "POST"}, 400, "Email and password are required"},
		"no password":       {sent{path: "/auth", json: `{"email":"root"}`}, 400, "Email and password are required"},
		"no email":          {sent{path: "/auth", json: `{"password":"q"}`}, 400, "Email and password are required"},
		"null":              {sent{path: "/auth", json: `{"email":null,"password":null}`}, 400, "Email and password are required"},
		"numbers":           {sent{path: "/auth", json: `{"email":1,"password":2}`}, 400, "Email and password are required"},
		"no JSON":           {sent{path: "/auth", json: `{"email":`}, 400, "Email and password are required"},
		"a list":            {sent{path: "/auth", json: `[]`}, 400, "Email and password are required"},
		"twice":             {sent{path: "/auth", json: `{"email":"root","email":"root","password":"q"}`}, 400, "Email and password are required"},
		"two documents":     {sent{path: "/auth", json: `{"email":"root","password":"q"}{}`}, 400, "Email and password are required"},
		"in the query":      {sent{path: "/auth", method: "POST", query: "email=root&password=q"}, 400, "Email and password are required"},
		"wrong password":    {sent{path: "/auth", json: `{"email":"root","password":"w"}`}, 401, "Bad username or password"},
		"unknown user":      {sent{path: "/auth", json: `{"email":"nobody","password":"q"}`}, 401, "Bad username or password"},
		"no refresh token":  {sent{path: "/auth/refresh", method: "POST"}, 400, "Refresh token is required"},
		"unknown refresh":   {sent{path: "/auth/refresh", json: `{"refresh_token":"x"}`}, 401, "Invalid or expired refresh token"},
		"a JWT for refresh": {sent{path: "/auth/refresh", json: `{"refresh_token":"a.b.c"}`}, 401, "Invalid or expired refresh token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := g.do(c.sent)
			if a.status != c.status || a.text("msg") != c.msg || a.text("message") != c.msg || a.text("detail") != c.msg || a.values["status"] != float64(c.status) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a.header.Get("Content-Type") != "application/problem+json" || a.text("request_id") == "" || a.text("instance") != c.sent.path || a.text("type") != "about:blank" {
				t.Errorf("it is no problem document: %s, %v", a.body, a.header)
			}
		})
	}
}

// TestTrendsBusy: what the contract says when a login cannot be looked at. There is no lock, so no answer says so.
func TestTrendsBusy(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	login := sent{path: "/auth", json: `{"email":"root","password":"q"}`}
	grant := sent{path: tokenPath, query: "grant_type=password&client_id=documentation&username=root&password=q"}
	g.people.err = &tokens.BusyError{Throttled: true, RetryAfter: 1500 * time.Millisecond}
	a := g.do(login)
	if a.status != 429 || a.text("error_code") != "RATE_LIMIT_EXCEEDED" || a.text("detail") != "Rate limit exceeded. Please try again later." ||
		a.values["retry_after"] != 2.0 || a.header.Get("Retry-After") != "2" {
		t.Errorf("%d %s, %v", a.status, a.body, a.header)
	}
	if a := g.want(t, grant, 429, "temporarily_unavailable"); a.header.Get("Retry-After") != "2" {
		t.Errorf("%v", a.header)
	}
	g.people.err = &tokens.BusyError{RetryAfter: time.Second}
	if a := g.do(login); a.status != 503 || a.header.Get("Retry-After") != "1" || a.text("msg") != "Authentication failed" {
		t.Errorf("%d %s, %v", a.status, a.body, a.header)
	}
	g.want(t, grant, 503, "temporarily_unavailable")
	g.people.err = nil
	g.store.Fail(http.ErrServerClosed)
	if a := g.do(login); a.status != 500 || a.text("msg") != "Authentication failed" || strings.Contains(a.body, "Server closed") {
		t.Errorf("%d %s", a.status, a.body)
	}
	g.want(t, grant, 500, "server_error")
}

// TestTrendsRefresh keeps the refresh token unless ?rotate=true; unknown parameters are ignored.
func TestTrendsRefresh(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	in := g.auth(t)
	body := `{"refresh_token":"` + in.text("refresh_token") + `"}`
	for _, query := range []string{"", "legacy=false", "rotate=false", "rotate=", "rotate=maybe"} {
		a := g.want(t, sent{path: "/auth/refresh", query: query, json: body}, 200, "")
		if a.text("refresh_token") != in.text("refresh_token") || a.text("token") != a.text("access_token") || a.text("user_id") != root || a.values["expires_in"] != 3600.0 {
			t.Errorf("%s: %s", query, a.body)
		}
		g.taken(t, a.text("access_token"))
	}
	a := g.want(t, sent{path: "/auth/refresh", query: "rotate=true", json: body}, 200, "")
	if a.text("refresh_token") == in.text("refresh_token") {
		t.Error("it was not rotated")
	}
	again := g.want(t, sent{path: "/auth/refresh", json: body}, 200, "")
	if again.text("refresh_token") != a.text("refresh_token") {
		t.Error("the token that was just replaced gives another")
	}
}

func TestTrendsLogout(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	for _, body := range []string{"", "refresh"} {
		in, other := g.auth(t), g.auth(t)
		s := sent{path: "/auth/logout", method: "POST", bearer: in.text("access_token")}
		if body != "" {
			s.json = `{"refresh_token":"` + in.text("refresh_token") + `"}`
		}
		if a := g.want(t, s, 200, ""); a.body != `{"msg":"Successfully logged out"}`+"\n" {
			t.Errorf("%s", a.body)
		}
		g.taken(t, other.text("access_token"))
		g.want(t, sent{path: "/auth/refresh", json: `{"refresh_token":"` + other.text("refresh_token") + `"}`}, 200, "")
		if a := g.do(sent{path: "/auth/refresh", json: `{"refresh_token":"` + in.text("refresh_token") + `"}`}); a.status != 401 {
			t.Errorf("its refresh token: %d", a.status)
		}
	}
	// The refresh token of somebody else's login is left alone.
	mine := g.auth(t)
	theirs := g.want(t, sent{path: "/auth", json: `{"email":"walter","password":"w"}`}, 200, "")
	g.want(t, sent{path: "/auth/logout", bearer: mine.text("access_token"), json: `{"refresh_token":"` + theirs.text("refresh_token") + `"}`}, 200, "")
	g.taken(t, theirs.text("access_token"))
}

func TestTrendsLogoutAll(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{CacheFor: -1})
	first, second := g.auth(t), g.login(t)
	theirs := g.want(t, sent{path: "/auth", json: `{"email":"walter","password":"w"}`}, 200, "")
	a := g.want(t, sent{path: "/auth/logout-all", method: "POST", bearer: first.text("access_token")}, 200, "")
	if a.text("msg") != "Successfully logged out from 2 devices" {
		t.Errorf("%s", a.body)
	}
	g.refused(t, first.text("access_token"), tokens.Revoked)
	g.refused(t, second.text("access_token"), tokens.Revoked)
	g.taken(t, theirs.text("access_token"))
}

// TestTrendsTokenErrors: every failure of a token has the words that clients know.
func TestTrendsTokenErrors(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{CacheFor: -1, Access: time.Nanosecond})
	expired := g.auth(t).text("access_token")
	h := open(t, tokens.Config{CacheFor: -1})
	revoked := h.auth(t).text("access_token")
	h.want(t, sent{path: "/auth/logout", method: "POST", bearer: revoked}, 200, "")
	for _, c := range []struct {
		g                *gateway
		bearer           string
		header           http.Header
		detail, code, ch string
	}{
		{g, "", nil, "Authorization token required", "authorization_required", "Bearer"},
		{g, "", http.Header{"Authorization": {"Basic cm9vdDpx"}}, "Authorization token required", "authorization_required", "Bearer"},
		{g, "", http.Header{"Authorization": {"Bearer a", "Bearer b"}}, "Invalid token", "invalid_token", `Bearer error="invalid_token"`},
		{g, "nonsense", nil, "Invalid token", "invalid_token", `Bearer error="invalid_token"`},
		{g, expired, nil, "Token has expired", "token_expired", `Bearer error="invalid_token"`},
		{h, revoked, nil, "Token has been revoked", "token_revoked", `Bearer error="invalid_token"`},
	} {
		for _, s := range []sent{
			{method: "POST", path: "/auth/logout"},
			{method: "POST", path: "/auth/logout-all"},
			{path: "/api/v1/user/me/sessions"},
			{method: "DELETE", path: "/api/v1/user/me/sessions"},
			{method: "DELETE", path: "/api/v1/user/me/sessions/x"},
		} {
			s.bearer, s.header = c.bearer, c.header
			a := c.g.want(t, s, 401, c.code)
			if a.text("detail") != c.detail || a.values["status"] != 401.0 || a.header.Get("WWW-Authenticate") != c.ch {
				t.Errorf("%s: %s, %v", s.path, a.body, a.header)
			}
		}
	}
}

func TestTrendsSessions(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{CacheFor: -1})
	mine := g.want(t, sent{path: "/auth", json: `{"email":"walter","password":"w"}`, header: http.Header{"User-Agent": {"QGIS\r\n" + strings.Repeat("é", 400)}}}, 200, "")
	other := g.want(t, sent{path: "/auth", json: `{"email":"walter","password":"w"}`}, 200, "")
	g.auth(t)
	list := func() []any {
		data, _ := g.want(t, sent{path: "/api/v1/user/me/sessions", bearer: mine.text("access_token")}, 200, "").values["data"].([]any)
		return data
	}
	all := list()
	if len(all) != 2 {
		t.Fatalf("the sessions are %v", all)
	}
	when := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$`)
	id := ""
	for _, one := range all {
		s, _ := one.(map[string]any)
		device, _ := s["device_info"].(string)
		for _, name := range []string{"created_at", "expires_at"} {
			if text, _ := s[name].(string); !when.MatchString(text) {
				t.Errorf("%s is %q", name, text)
			}
		}
		if s["last_used_at"] != nil || s["is_revoked"] != false || len(device) > 500 || !strings.HasPrefix(device, "IP: 192.0.2.1 | UA: ") || strings.ContainsAny(device, "\r\n") {
			t.Errorf("a session is %v", s)
		}
		if strings.HasSuffix(device, "Unknown") {
			id, _ = s["id"].(string)
		}
	}
	del := func(path string, status int, message string) {
		t.Helper()
		a := g.do(sent{method: "DELETE", path: "/api/v1/user/me/sessions" + path, bearer: mine.text("access_token")})
		if a.status != status || a.text("message") != message {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	del("/"+id, 200, "Session revoked successfully")
	del("/"+id, 404, "Session not found")
	del("/nonsense", 404, "Session not found")
	del("/%00", 404, "Session not found")
	g.refused(t, other.text("access_token"), tokens.Revoked)
	if left := list(); len(left) != 1 {
		t.Errorf("the sessions are %v", left)
	}
	del("", 200, "Successfully revoked 1 sessions")
	g.refused(t, mine.text("access_token"), tokens.Revoked)
}

// TestTrendsServiceClients: POST /api/v1/oauth/token.
func TestTrendsServiceClients(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/oauth/token"
	g := open(t, tokens.Config{})
	for name, s := range map[string]sent{
		"JSON":  {path: path, json: `{"grant_type":"client_credentials","client_id":"robot","client_secret":"robot's secret"}`},
		"form":  {path: path, form: []string{"grant_type=client_credentials", "client_id=robot", "client_secret=robot's secret"}},
		"Basic": {path: path, form: []string{"grant_type=client_credentials"}, user: "robot:robot's secret"},
	} {
		a := g.want(t, s, 200, "")
		if len(a.values) != 3 || a.text("token_type") != "bearer" || a.values["expires_in"] != 1800.0 || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", name, a.body)
		}
		if access := g.taken(t, a.text("access_token")); !access.ByClient || access.User.ID != walter || access.Has("users:write") || !access.Has("users:read") {
			t.Errorf("%s: %+v", name, access)
		}
	}
	for name, c := range map[string]struct {
		sent   sent
		status int
		code   string
	}{
		"nothing":          {sent{path: path, method: "POST"}, 400, "unsupported_grant_type"},
		"password":         {sent{path: path, json: `{"grant_type":"password","client_id":"robot","client_secret":"x"}`}, 400, "unsupported_grant_type"},
		"no id":            {sent{path: path, json: `{"grant_type":"client_credentials","client_secret":"x"}`}, 400, "invalid_request"},
		"no secret":        {sent{path: path, json: `{"grant_type":"client_credentials","client_id":"robot"}`}, 400, "invalid_request"},
		"wrong secret":     {sent{path: path, json: `{"grant_type":"client_credentials","client_id":"robot","client_secret":"x"}`}, 401, "invalid_client"},
		"unknown":          {sent{path: path, json: `{"grant_type":"client_credentials","client_id":"nobody","client_secret":"x"}`}, 401, "invalid_client"},
		"no JSON":          {sent{path: path, json: `{`}, 400, "invalid_request"},
		"nothing in query": {sent{path: path, method: "POST", query: "grant_type=client_credentials&client_id=robot&client_secret=x"}, 400, "unsupported_grant_type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g.want(t, c.sent, c.status, c.code)
		})
	}
}
