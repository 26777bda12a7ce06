package tokens_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// TestHoustonLogins: the founding document's curl lines, and every way in which parameters may be mixed.
func TestHoustonLogins(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	for name, s := range map[string]sent{
		"query":                       {path: tokenPath, query: "grant_type=password&client_id=documentation&username=root&password=q"},
		"query by POST":               {method: "POST", path: tokenPath, query: "grant_type=password&client_id=documentation&username=root&password=q"},
		"query and multipart":         {path: tokenPath, query: "grant_type=password", parts: []string{"client_id=documentation", "username=root", "password=q"}},
		"query, multipart, Basic":     {path: tokenPath, query: "grant_type=password", user: "documentation:", parts: []string{"username=root", "password=q"}},
		"form":                        {path: tokenPath, form: []string{"grant_type=password", "client_id=documentation", "username=root", "password=q"}},
		"form and Basic":              {path: tokenPath, form: []string{"grant_type=password", "username=root", "password=q"}, user: "documentation:"},
		"query, form, Basic":          {path: tokenPath, query: "username=root", form: []string{"grant_type=password", "password=q"}, user: "documentation:"},
		"scope absent":                {path: tokenPath, form: []string{"grant_type=password", "client_id=documentation", "username=root", "password=q"}},
		"scope empty":                 {path: tokenPath, form: []string{"grant_type=password", "client_id=documentation", "username=root", "password=q", "scope="}},
		"scope of blanks":             {path: tokenPath, form: []string{"grant_type=password", "client_id=documentation", "username=root", "password=q", "scope=   "}},
		"repeated blanks":             {path: tokenPath, form: []string{"grant_type=password", "client_id=documentation", "username=root", "password=q", "scope=" + strings.ReplaceAll(allScopes, " ", "   ")}},
		"malformed Basic, parameters": {path: tokenPath, form: []string{"grant_type=password", "client_id=documentation", "username=root", "password=q"}, header: http.Header{"Authorization": {"Basic b'ZG9j'"}}},
		"public id with a secret":     {path: tokenPath, form: []string{"grant_type=password", "username=root", "password=q"}, user: "public:whatever"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := g.want(t, s, 200, "")
			if a.text("token_type") != "Bearer" || a.values["expires_in"] != 3600.0 || a.text("scope") != allScopes || a.text("refresh_token") == "" {
				t.Errorf("the answer is %s", a.body)
			}
			if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("the header is %v", a.header)
			}
			if access := g.taken(t, a.text("access_token")); access.User.Username != "root" || access.User.Number != 1 || access.ByClient || !access.Has("nothing", "users:read") {
				t.Errorf("the token is %+v", access)
			}
		})
	}
}

// TestHoustonRefresh: new access and new refresh token; the seed's line.
func TestHoustonRefresh(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	first := g.login(t)
	second := g.want(t, refreshing(first.text("refresh_token"), "documentation:"), 200, "")
	if second.text("refresh_token") == first.text("refresh_token") || second.text("access_token") == first.text("access_token") ||
		second.text("scope") != allScopes || second.text("token_type") != "Bearer" || second.values["expires_in"] != 3600.0 {
		t.Errorf("the refreshed token is %s", second.body)
	}
	for _, a := range []answer{first, second} {
		if access := g.taken(t, a.text("access_token")); access.User.ID != root || access.Client != "documentation" {
			t.Errorf("%+v", access)
		}
	}
}

// TestHoustonClientCredentials: the secret always, as the owner, with the client's scopes, and no refresh token.
func TestHoustonClientCredentials(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	for name, s := range map[string]sent{
		"the seed's line":    {path: tokenPath, query: "grant_type=client_credentials", user: "documentation:" + seedSecret},
		"in a form":          {path: tokenPath, form: []string{"grant_type=client_credentials", "client_id=documentation", "client_secret=" + seedSecret}},
		"id in the form":     {path: tokenPath, form: []string{"grant_type=client_credentials", "client_id=documentation"}, user: "documentation:" + seedSecret},
		"secret in the form": {path: tokenPath, form: []string{"grant_type=client_credentials", "client_secret=" + seedSecret}, user: "documentation:"},
		"parameters win":     {path: tokenPath, form: []string{"grant_type=client_credentials", "client_id=documentation", "client_secret=" + seedSecret}, user: "robot:robot's secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := g.want(t, s, 200, "")
			if _, there := a.values["refresh_token"]; there || a.text("scope") != allScopes || a.values["expires_in"] != 3600.0 {
				t.Errorf("the answer is %s", a.body)
			}
			if access := g.taken(t, a.text("access_token")); access.User.ID != root || !access.ByClient || access.Family != "" {
				t.Errorf("the token is %+v", access)
			}
		})
	}
	a := g.want(t, sent{path: tokenPath, query: "grant_type=client_credentials&scope=teams:read", user: "robot:robot's secret"}, 200, "")
	if a.text("scope") != "teams:read" || g.taken(t, a.text("access_token")).User.ID != walter {
		t.Errorf("the narrowed token is %s", a.body)
	}
	// RFC 6749 has Basic be encoded as a form, and curl does not.
	for _, user := range []string{"a b+c:p%q+r s", "a+b%2Bc:p%25q%2Br+s"} {
		g.want(t, sent{path: tokenPath, query: "grant_type=client_credentials", user: user}, 200, "")
	}
}

// TestHoustonErrors: the statuses of the contract, which has 401 where RFC 6749 has 400.
func TestHoustonErrors(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	password := func(more ...string) []string { return append([]string{"grant_type=password"}, more...) }
	for name, c := range map[string]struct {
		sent   sent
		status int
		code   string
		text   string
	}{
		"nothing sent":                 {sent{path: tokenPath}, 400, "unsupported_grant_type", ""},
		"nothing sent by POST":         {sent{path: tokenPath, method: "POST"}, 400, "unsupported_grant_type", ""},
		"another grant":                {sent{path: tokenPath, query: "grant_type=authorization_code"}, 400, "unsupported_grant_type", ""},
		"no username":                  {sent{path: tokenPath, form: password("client_id=documentation", "password=q")}, 400, "invalid_request", "Request is missing username parameter."},
		"an empty username":            {sent{path: tokenPath, form: password("client_id=documentation", "username=", "password=q")}, 400, "invalid_request", "Request is missing username parameter."},
		"no password":                  {sent{path: tokenPath, form: password("client_id=documentation", "username=root")}, 400, "invalid_request", "Request is missing password parameter."},
		"no refresh token":             {sent{path: tokenPath, query: "grant_type=refresh_token&client_id=documentation"}, 400, "invalid_request", "Request is missing refresh_token parameter."},
		"no client":                    {sent{path: tokenPath, form: password("username=root", "password=q")}, 401, "invalid_client", ""},
		"unknown client":               {sent{path: tokenPath, form: password("username=root", "password=q", "client_id=nobody")}, 401, "invalid_client", ""},
		"malformed Basic alone":        {sent{path: tokenPath, form: password("username=root", "password=q"), header: http.Header{"Authorization": {"Basic b'ZG9j'"}}}, 401, "invalid_client", ""},
		"wrong password":               {sent{path: tokenPath, form: password("username=root", "password=w", "client_id=documentation")}, 401, "invalid_grant", "Invalid credentials given."},
		"unknown user":                 {sent{path: tokenPath, form: password("username=nobody", "password=q", "client_id=documentation")}, 401, "invalid_grant", "Invalid credentials given."},
		"unknown refresh token":        {refreshing("3UTjLPlnomJPx5FvgsC2wS7GfVNrfH", "documentation:"), 401, "invalid_grant", "Invalid credentials given."},
		"scope that there is not":      {sent{path: tokenPath, form: password("username=root", "password=q", "client_id=documentation", "scope=all")}, 401, "invalid_scope", ""},
		"scope that the client lacks":  {sent{path: tokenPath, query: "grant_type=client_credentials&scope=users:write", user: "robot:robot's secret"}, 401, "invalid_scope", ""},
		"confidential without secret":  {sent{path: tokenPath, form: password("username=root", "password=q", "client_id=robot")}, 401, "invalid_client", ""},
		"confidential, wrong secret":   {sent{path: tokenPath, form: password("username=root", "password=q"), user: "robot:other's secret"}, 401, "invalid_client", ""},
		"client credentials, no proof": {sent{path: tokenPath, query: "grant_type=client_credentials", user: "documentation:"}, 401, "invalid_client", ""},
		"client credentials, wrong":    {sent{path: tokenPath, query: "grant_type=client_credentials", user: "documentation:x"}, 401, "invalid_client", ""},
		"no secret at all":             {sent{path: tokenPath, query: "grant_type=client_credentials", user: "public:"}, 401, "invalid_client", ""},
		"an empty secret is none":      {sent{path: tokenPath, query: "grant_type=client_credentials", user: "empty:"}, 401, "invalid_client", ""},
		"client without an owner":      {sent{path: tokenPath, query: "grant_type=client_credentials", user: "public:x"}, 401, "invalid_client", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := g.want(t, c.sent, c.status, c.code)
			if a.text("error_description") != c.text || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("the answer is %s, %v", a.body, a.header)
			}
			challenge, _, _ := strings.Cut(a.header.Get("WWW-Authenticate"), " ")
			want := map[bool]string{true: "Basic", false: "Bearer"}[c.code == "invalid_client"]
			if c.status != 401 {
				want = ""
			}
			if challenge != want {
				t.Errorf("the challenge is %q", challenge)
			}
		})
	}
	for _, method := range []string{"PUT", "DELETE", "HEAD"} {
		if a := g.do(sent{method: method, path: tokenPath, query: "grant_type=password&client_id=documentation&username=root&password=q"}); a.status != 405 {
			t.Errorf("%s: %d", method, a.status)
		}
	}
}

// TestHoustonInactiveUser still gets a token, and fails on resources.
func TestHoustonInactiveUser(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	must(t, g.store.PutUser(t.Context(), tokens.User{ID: root, Role: "ADMIN"}))
	g.refused(t, g.login(t).text("access_token"), tokens.Inactive)
}

// TestHoustonRevoke: 200 with an empty body whether or not there is such a token.
func TestHoustonRevoke(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	revoke := func(token string, more ...string) sent {
		return sent{path: revokePath, form: append([]string{"token=" + token, "client_id=documentation"}, more...)}
	}
	for _, token := range []string{"unknown", "a.b.c", "fw_rt_" + strings.Repeat("x", 43)} {
		if a := g.want(t, revoke(token), 200, ""); a.body != "" {
			t.Errorf("the body is %q", a.body)
		}
	}
	for _, hint := range []string{"token_type_hint=access_token", "token_type_hint=refresh_token", "token_type_hint=pet", "token_type_hint="} {
		in := g.login(t)
		g.taken(t, in.text("access_token"))
		s := revoke(in.text("access_token"), hint)
		s.header = http.Header{"Authorization": {"Basic b'ZG9j'"}}
		g.want(t, s, 200, "")
		g.want(t, refreshing(in.text("refresh_token"), "documentation:"), 200, "") // the login goes on
		in = g.login(t)
		g.want(t, revoke(in.text("refresh_token"), hint), 200, "")
		g.refused(t, in.text("access_token"), tokens.Revoked)
		g.want(t, refreshing(in.text("refresh_token"), "documentation:"), 401, "invalid_grant")
	}
	g.want(t, sent{path: revokePath, query: "token=x", form: []string{"client_id=documentation"}}, 200, "")
	g.want(t, sent{path: revokePath, form: []string{"client_id=documentation"}}, 400, "invalid_request")
	g.want(t, sent{path: revokePath, form: []string{"client_id=nobody", "token=x"}}, 401, "invalid_client")
	g.want(t, sent{path: revokePath, form: []string{"token=x"}}, 401, "invalid_client")
	if a := g.do(sent{path: revokePath, query: "token=x&client_id=documentation"}); a.status != 405 {
		t.Errorf("GET: %d", a.status)
	}
}

// TestPasswordGrantOff, and secrets in queries off.
func TestPasswordGrantOff(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{NoPasswordGrant: true, NoQuerySecrets: true})
	g.want(t, sent{path: tokenPath, form: []string{"grant_type=password", "client_id=documentation", "username=root", "password=q"}}, 400, "unsupported_grant_type")
	for _, secret := range []string{"password", "client_secret", "refresh_token", "token"} {
		a := g.want(t, sent{path: tokenPath, query: "grant_type=client_credentials&client_id=x&" + secret + "=y"}, 400, "invalid_request")
		if !strings.Contains(a.text("error_description"), secret) {
			t.Errorf("the answer is %s", a.body)
		}
	}
	g.want(t, sent{path: tokenPath, query: "grant_type=client_credentials", user: "documentation:" + seedSecret}, 200, "")
	g.auth(t)
}
