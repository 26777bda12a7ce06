package tokens_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

func TestTOK01RefreshByWrongSecretOtherClientNoAuth(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	in := g.want(t, sent{path: tokenPath, query: "grant_type=password", user: "robot:robot's secret", parts: []string{"username=walter", "password=w"}}, 200, "")
	token := in.text("refresh_token")
	g.want(t, refreshing(token, "robot:wrong"), 401, "invalid_client")
	g.want(t, refreshing(token, "robot:"), 401, "invalid_client")
	g.want(t, refreshing(token, ""), 401, "invalid_client")
	for _, other := range []string{"other:other's secret", "documentation:", "public:"} {
		g.want(t, refreshing(token, other), 401, "invalid_grant")
	}
	if a := g.do(sent{path: "/auth/refresh", json: `{"refresh_token":"` + token + `"}`}); a.status != 401 {
		t.Errorf("/auth takes the token of a client: %d", a.status)
	}
	g.want(t, refreshing(g.auth(t).text("refresh_token"), "documentation:"), 401, "invalid_grant")
	// None of that has used it up.
	g.want(t, refreshing(token, "robot:robot's secret"), 200, "")
}

func TestTOK02WiderScopeOnRefresh(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	narrow := g.want(t, sent{path: tokenPath, query: "grant_type=password&client_id=documentation&username=root&password=q&scope=users:read+teams:read"}, 200, "")
	token := narrow.text("refresh_token")
	for _, scope := range []string{"users:write", "users:read users:write", allScopes, "all", "users:read\tall"} {
		s := refreshing(token, "documentation:")
		s.parts = append(s.parts, "scope="+scope)
		g.want(t, s, 401, "invalid_scope")
	}
	s := refreshing(token, "documentation:")
	s.parts = append(s.parts, "scope=users:read")
	a := g.want(t, s, 200, "")
	if a.text("scope") != "users:read" || g.taken(t, a.text("access_token")).Has("teams:read") {
		t.Errorf("the narrowed token is %s", a.body)
	}
	// The refresh token keeps its own.
	if a := g.want(t, refreshing(a.text("refresh_token"), "documentation:"), 200, ""); a.text("scope") != "users:read teams:read" {
		t.Errorf("the next is %s", a.body)
	}
}

func TestTOK03FiftyParallelUses(t *testing.T) {
	t.Parallel()
	for name, grace := range map[string]time.Duration{"with grace": 0, "without": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, tokens.Config{Grace: grace})
			token := g.login(t).text("refresh_token")
			const many = 50
			all := make([]answer, many)
			var wait sync.WaitGroup
			for i := range many {
				wait.Go(func() { all[i] = g.do(refreshing(token, "documentation:")) })
			}
			wait.Wait()
			next := map[string]bool{}
			good := 0
			for _, a := range all {
				if a.status == 200 {
					good++
					next[a.text("refresh_token")] = true
				} else if a.status != 401 || a.text("error") != "invalid_grant" {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			if len(next) != 1 || good != 1 && grace < 0 || good != many && grace == 0 {
				t.Errorf("%d were good, with %d successors", good, len(next))
			}
			for successor := range next {
				status, code := 200, ""
				if grace < 0 {
					status, code = 401, "invalid_grant" // the others have ended the family
				}
				g.want(t, refreshing(successor, "documentation:"), status, code)
			}
		})
	}
}

func TestTOK04ReuseEndsFamily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t, tokens.Config{})
		defer g.Close()
		first, other := g.login(t), g.login(t)
		second := g.want(t, refreshing(first.text("refresh_token"), "documentation:"), 200, "")
		time.Sleep(29 * time.Second)
		again := g.want(t, refreshing(first.text("refresh_token"), "documentation:"), 200, "")
		if again.text("refresh_token") != second.text("refresh_token") {
			t.Error("within 30 seconds it gives another successor")
		}
		third := g.want(t, refreshing(second.text("refresh_token"), "documentation:"), 200, "")
		g.taken(t, third.text("access_token"))
		time.Sleep(2 * time.Second)
		g.want(t, refreshing(first.text("refresh_token"), "documentation:"), 401, "invalid_grant")
		for _, a := range []answer{first, second, third} {
			g.want(t, refreshing(a.text("refresh_token"), "documentation:"), 401, "invalid_grant")
		}
		time.Sleep(tick)
		for _, a := range []answer{first, second, again, third} {
			g.refused(t, a.text("access_token"), tokens.Revoked)
		}
		g.want(t, refreshing(other.text("refresh_token"), "documentation:"), 200, "")
		if !strings.Contains(g.log.String(), "used twice") {
			t.Errorf("the log is %s", g.log)
		}
	})
}

func TestTOK05AccessAsRefreshAndTheReverse(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	in := g.login(t)
	g.want(t, refreshing(in.text("access_token"), "documentation:"), 401, "invalid_grant")
	g.refused(t, in.text("refresh_token"), tokens.Invalid)
	in = g.auth(t)
	if a := g.do(sent{path: "/auth/refresh", json: `{"refresh_token":"` + in.text("access_token") + `"}`}); a.status != 401 {
		t.Errorf("%d", a.status)
	}
	if a := g.do(sent{path: "/auth/logout", method: "POST", bearer: in.text("refresh_token")}); a.status != 401 {
		t.Errorf("%d", a.status)
	}
}

func TestTOK06DumpIsUseless(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	in := g.login(t)
	next := g.want(t, refreshing(in.text("refresh_token"), "documentation:"), 200, "")
	g.want(t, sent{path: tokenPath, query: "grant_type=client_credentials", user: "robot:robot's secret"}, 200, "")
	dump := g.store.Dump()
	for _, a := range []answer{in, next} {
		for _, token := range []string{a.text("access_token"), a.text("refresh_token")} {
			if bytes.Contains(dump, []byte(token)) || bytes.Contains(dump, []byte(strings.TrimPrefix(token, "fw_rt_"))) {
				t.Error("a token is in the store")
			}
		}
	}
	if bytes.Contains(dump, []byte("robot's secret")) || bytes.Contains(dump, secret()) {
		t.Error("a secret is in the store")
	}
	// Without the secret the stored keys sign nothing: a gateway with another makes its own.
	stranger := openOver(t, g.store, tokens.Config{Secrets: [][]byte{bytes.Repeat([]byte("x"), 32)}})
	if !strings.Contains(stranger.log.String(), "cannot be opened") {
		t.Errorf("the log is %s", stranger.log)
	}
	// A hash is no token.
	for _, part := range [][]byte{dump[:32], dump[len(dump)-32:]} {
		g.want(t, refreshing(string(bytes.ToValidUTF8(bytes.ReplaceAll(part, []byte{0}, nil), nil))+"x", "documentation:"), 401, "invalid_grant")
	}
}

func TestTOK07RevokeAndIntrospectByAnotherClient(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{CacheFor: -1})
	in := g.want(t, sent{path: tokenPath, query: "grant_type=password", user: "robot:robot's secret", parts: []string{"username=walter", "password=w"}}, 200, "")
	about := func(path, token, client string) sent {
		return sent{path: path, form: []string{"token=" + token}, user: client}
	}
	for _, token := range []string{in.text("access_token"), in.text("refresh_token")} {
		if a := g.want(t, about(revokePath, token, "other:other's secret"), 200, ""); a.body != "" {
			t.Errorf("it tells %s", a.body)
		}
	}
	access := g.taken(t, in.text("access_token"))
	for name, c := range map[string]struct{ token, client string }{
		"another's":           {in.text("access_token"), "other:other's secret"},
		"a refresh token":     {in.text("refresh_token"), "robot:robot's secret"},
		"nonsense":            {"nonsense", "robot:robot's secret"},
		"a token of no login": {g.auth(t).text("access_token"), "robot:robot's secret"},
	} {
		if a := g.want(t, about(introspectPath, c.token, c.client), 200, ""); a.body != `{"active":false}`+"\n" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	for _, client := range []string{"", "robot:", "robot:x", "public:", "documentation:"} {
		g.want(t, about(introspectPath, in.text("access_token"), client), 401, "invalid_client")
	}
	g.want(t, sent{path: introspectPath, method: "POST", user: "robot:robot's secret"}, 400, "invalid_request")
	a := g.want(t, about(introspectPath, in.text("access_token"), "robot:robot's secret"), 200, "")
	if a.values["active"] != true || a.text("client_id") != "robot" || a.text("username") != "walter" || a.text("sub") != walter || a.text("jti") != access.ID ||
		a.text("scope") != "users:read teams:read" || a.text("iss") != issuer || a.text("aud") != issuer || a.values["exp"] != float64(access.Expires.Unix()) {
		t.Errorf("its own: %s", a.body)
	}
	g.want(t, about(revokePath, in.text("access_token"), "robot:robot's secret"), 200, "")
	if a := g.want(t, about(introspectPath, in.text("access_token"), "robot:robot's secret"), 200, ""); a.values["active"] != false {
		t.Errorf("revoked: %s", a.body)
	}
}

func TestTOK08PasswordGrantByClientNotAllowed(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	looked := g.people.looked
	g.want(t, sent{path: tokenPath, query: "grant_type=password", user: "machine:machine's", parts: []string{"username=root", "password=q"}}, 401, "unauthorized_client")
	g.want(t, refreshing("x", "machine:machine's"), 401, "unauthorized_client")
	g.want(t, sent{path: tokenPath, query: "grant_type=client_credentials", user: "machine:machine's"}, 200, "")
	if g.people.looked != looked {
		t.Error("a password was checked for a client that may not ask")
	}
}

func TestTOK10QueryDuplicatesJSON(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	login := []string{"client_id=documentation", "username=root", "password=q"}
	g.want(t, sent{path: tokenPath, query: "grant_type=password", form: login}, 200, "")
	for name, s := range map[string]sent{
		"in the query":        {path: tokenPath, query: "grant_type=password&grant_type=password", form: login},
		"in query and form":   {path: tokenPath, query: "grant_type=password", form: append([]string{"grant_type=password"}, login...)},
		"in query and parts":  {path: tokenPath, query: "grant_type=password&username=root", parts: login},
		"in the form":         {path: tokenPath, query: "grant_type=password", form: append([]string{"username=walter"}, login...)},
		"in the parts":        {path: tokenPath, query: "grant_type=password", parts: append([]string{"password=w"}, login...)},
		"one of them empty":   {path: tokenPath, query: "grant_type=password&scope=", form: append([]string{"scope=users:read"}, login...)},
		"spelt otherwise":     {path: tokenPath, query: "grant_type=password&usern%61me=root", form: login},
		"JSON":                {path: tokenPath, json: `{"grant_type":"password","client_id":"documentation","username":"root","password":"q"}`},
		"half a multipart":    {path: tokenPath, method: "POST", json: "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\npass", header: http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}},
		"without a boundary":  {path: tokenPath, method: "POST", json: "x", header: http.Header{"Content-Type": {"multipart/form-data"}}},
		"a file":              {path: tokenPath, method: "POST", json: "--x\r\nContent-Disposition: form-data; name=\"password\"; filename=\"a\"\r\n\r\nq\r\n--x--", header: http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}},
		"a broken query":      {path: tokenPath, query: "grant_type=%zz"},
		"a broken form":       {path: tokenPath, json: "grant_type=%zz", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		"too many parts":      {path: tokenPath, parts: make([]string, 100)},
		"a body that is long": {path: tokenPath, form: []string{"x=" + strings.Repeat("y", 70_000)}},
		"parts that are long": {path: tokenPath, parts: []string{"x=" + strings.Repeat("y", 70_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g.want(t, s, 400, "invalid_request")
		})
	}
}

// TestHostileValues: NUL, invalid UTF-8 and what is too long is refused, everywhere, and nobody looks at a password.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{})
	for _, value := range []string{"a\x00b", "a\xff", "\xc0\x80", strings.Repeat("a", 8<<10+1)} {
		for _, name := range []string{"username", "password", "client_id", "client_secret", "refresh_token", "scope", "token", "grant_type"} {
			g.want(t, sent{path: tokenPath, form: []string{name + "=" + value}}, 400, "invalid_request")
			g.want(t, sent{path: tokenPath, parts: []string{name + "=" + value}}, 400, "invalid_request")
			g.want(t, sent{path: revokePath, form: []string{name + "=" + value}}, 400, "invalid_request")
		}
		a := g.do(sent{path: tokenPath, query: "grant_type=client_credentials", user: "documentation:" + value})
		if a.status != 401 {
			t.Errorf("%q: %d %s", value[:3], a.status, a.body)
		}
		if a := g.do(sent{path: "/auth", form: []string{"email=root", "password=" + value}}); a.status != 400 {
			t.Errorf("/auth: %d", a.status)
		}
	}
	for _, body := range []string{"{\"email\":\"root\",\"password\":\"q\xff\"}", `{"email":"root\u0000","password":"q"}`, `{"email":"root","password":"\u0000"}`} {
		if a := g.do(sent{path: "/auth", json: body}); a.status != 400 {
			t.Errorf("%q: %d", body, a.status)
		}
	}
	for _, token := range []string{"", ".", "..", "...", "a.b.c", "a\x00.b.c", "\xff.\xff.\xff", strings.Repeat("a", 8<<10+1), strings.Repeat("a.", 4000), strings.Repeat("a", 4000) + "." + strings.Repeat("b", 2000) + "." + "c"} {
		g.refused(t, token, tokens.Invalid)
	}
	if g.people.looked != 0 || g.store.Asked("Standing") != 0 {
		t.Error("somebody asked the store or the passwords")
	}
}

// TestNothingSecretIsLogged, whatever goes wrong.
func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{Grace: -1})
	in := g.login(t)
	g.want(t, refreshing(in.text("refresh_token"), "documentation:"), 200, "")
	g.want(t, refreshing(in.text("refresh_token"), "documentation:"), 401, "invalid_grant")
	g.store.Fail(http.ErrServerClosed)
	g.want(t, sent{path: tokenPath, query: "grant_type=password&client_id=documentation&username=root&password=hushhush&client_secret=" + "mumble"}, 500, "server_error")
	for _, hidden := range []string{in.text("refresh_token"), in.text("access_token"), "hushhush", "mumble"} {
		if strings.Contains(g.log.String(), hidden) {
			t.Errorf("the log has %q: %s", hidden, g.log)
		}
	}
	if g.log.Len() == 0 {
		t.Error("nothing was logged")
	}
}

// TestStoreAway holds that callers are told to come again while the store does not answer, and that nothing is revealed by it.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{Away: func(err error) bool { return errors.Is(err, http.ErrServerClosed) }})
	in := g.login(t)
	g.store.Fail(http.ErrServerClosed)
	for _, s := range []sent{
		{path: tokenPath, query: "grant_type=password&client_id=documentation&username=root&password=q"},
		refreshing(in.text("refresh_token"), "documentation:"),
		{path: "/auth", json: `{"email":"root","password":"q"}`},
		{path: "/auth/refresh", json: `{"refresh_token":"` + in.text("refresh_token") + `"}`},
	} {
		if a := g.do(s); a.status != 503 || a.header.Get("Retry-After") != "1" || strings.Contains(a.body, "Server closed") {
			t.Errorf("%s: %d, Retry-After %q, %s", s.path, a.status, a.header.Get("Retry-After"), a.body)
		}
	}
}
