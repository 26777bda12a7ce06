package grant

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// What no error and no log may hold.
const (
	userPassword = "pass+wörd hunter2"
	clientSecret = "client&secret hunter2"
)

// endpoint starts a token endpoint and gives it as it is configured.
func endpoint(t *testing.T, answer http.HandlerFunc) Endpoint {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return Endpoint{URL: s.URL + "/token", ClientID: "gate way", ClientSecret: clientSecret, Transport: s.Client().Transport}
}

// says answers with a status, a type and a body.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func site(t *testing.T) session.Site {
	t.Helper()
	return session.Site{URL: &url.URL{Scheme: "https", Host: "backend.example.org"}}
}

func caller() session.Credentials {
	return session.Credentials{User: "ann@example.org", Password: userPassword}
}

// jwt makes an unsigned token with these claims.
func jwt(claims string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + enc.EncodeToString([]byte(claims)) + "." + enc.EncodeToString([]byte("signature"))
}

// TestAsked looks at what is sent.
func TestAsked(t *testing.T) {
	t.Parallel()
	basic := func(halves string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(halves)) }
	for name, c := range map[string]struct {
		change        func(*Endpoint)
		grant         string
		authorization string
		form          url.Values
	}{
		"password": {
			func(*Endpoint) {}, "password", basic("gate+way:client%26secret+hunter2"),
			url.Values{"grant_type": {"password"}, "username": {"ann@example.org"}, "password": {userPassword}},
		},
		"for an ID token": {
			func(*Endpoint) {}, "id", basic("gate+way:client%26secret+hunter2"),
			url.Values{"grant_type": {"password"}, "username": {"ann@example.org"}, "password": {userPassword}, "scope": {"openid email profile"}},
		},
		"scopes": {
			func(e *Endpoint) { e.Scopes = []string{"openid", "groups"} }, "id", basic("gate+way:client%26secret+hunter2"),
			url.Values{"grant_type": {"password"}, "username": {"ann@example.org"}, "password": {userPassword}, "scope": {"openid groups"}},
		},
		"post": {
			func(e *Endpoint) { e.Style = Post }, "password", "",
			url.Values{"grant_type": {"password"}, "username": {"ann@example.org"}, "password": {userPassword}, "client_id": {"gate way"}, "client_secret": {clientSecret}},
		},
		"public client": {
			func(e *Endpoint) { e.ClientSecret = "" }, "password", "",
			url.Values{"grant_type": {"password"}, "username": {"ann@example.org"}, "password": {userPassword}, "client_id": {"gate way"}},
		},
		"no client": {
			func(e *Endpoint) { e.ClientID, e.ClientSecret = "", "" }, "password", "",
			url.Values{"grant_type": {"password"}, "username": {"ann@example.org"}, "password": {userPassword}},
		},
		"client credentials": {
			func(e *Endpoint) { e.Scopes, e.Audience = []string{"a", "b"}, "https://api" }, "client", basic("id%3A1:s%C3%A9cret%25"),
			url.Values{"grant_type": {"client_credentials"}, "scope": {"a b"}, "audience": {"https://api"}},
		},
		"client credentials, post": {
			func(e *Endpoint) { e.Style = Post }, "client", "",
			url.Values{"grant_type": {"client_credentials"}, "client_id": {"id:1"}, "client_secret": {"sécret%"}},
		},
		"refresh": {
			func(*Endpoint) {}, "refresh", basic("gate+way:client%26secret+hunter2"),
			url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"old hunter2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(c.form, r.PostForm); diff != "" {
					t.Error(diff)
				}
				got := [...]string{r.Method, r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("Accept"), r.Header.Get("Content-Type"), r.Header.Get("Accept-Encoding")}
				if diff := cmp.Diff([...]string{"POST", "/token", c.authorization, "application/json", "application/x-www-form-urlencoded", "identity"}, got); diff != "" {
					t.Error(diff)
				}
				says(http.StatusOK, "application/json", `{"access_token":"at","token_type":"Bearer","id_token":"it"}`)(w, r)
			})
			c.change(&e)
			var err error
			switch c.grant {
			case "client":
				_, err = (&ClientCredentials{e}).Login(t.Context(), site(t), session.Credentials{User: "id:1", Password: "sécret%"})
			case "refresh":
				_, err = (&Password{Endpoint: e}).Refresh(t.Context(), site(t), &session.State{Refresh: "old hunter2"})
			default:
				_, err = (&Password{Endpoint: e, IDToken: c.grant == "id"}).Login(t.Context(), site(t), caller())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestState looks at what comes of answers that give a token. Life is what is left of it, to the second; 0: unknown.
func TestState(t *testing.T) {
	t.Parallel()
	const form, plain = "application/x-www-form-urlencoded", "text/plain; charset=utf-8"
	for name, c := range map[string]struct {
		contentType, body string
		idToken           bool
		bearer, refresh   string
		life              float64
	}{
		"usual":               {"application/json", `{"access_token":"at","token_type":"Bearer","expires_in":3600,"refresh_token":"rt"}`, false, "at", "rt", 3570},
		"small letters":       {"application/json;charset=UTF-8", `{"access_token":"at","token_type":"bearer"}`, false, "at", "", 0},
		"no kind":             {"application/json", `{"access_token":"at"}`, false, "at", "", 0},
		"no type":             {"", `{"access_token":"at"}`, false, "at", "", 0},
		"type of a page":      {"text/html", ` {"access_token":"at"} `, false, "at", "", 0},
		"byte order mark":     {"application/json", "\xef\xbb\xbf{\"access_token\":\"at\"}", false, "at", "", 0},
		"JSON as text":        {plain, `{"access_token":"at","expires_in":60}`, false, "at", "", 54},
		"form":                {form, `access_token=at&scope=&token_type=bearer&expires_in=100`, false, "at", "", 90},
		"form as text":        {plain, `access_token=at%2B1&refresh_token=r+t`, false, "at+1", "r t", 0},
		"life as a text":      {"application/json", `{"access_token":"at","expires_in":"3600"}`, false, "at", "", 3570},
		"life with a part":    {"application/json", `{"access_token":"at","expires_in":100.9}`, false, "at", "", 90},
		"life in the past":    {"application/json", `{"access_token":"at","expires_in":-1}`, false, "at", "", 0},
		"no life":             {"application/json", `{"access_token":"at","expires_in":0}`, false, "at", "", 0},
		"null":                {"application/json", `{"access_token":"at","expires_in":null,"refresh_token":null,"error":null}`, false, "at", "", 0},
		"life without end":    {"application/json", `{"access_token":"at","expires_in":99999999999999999999999999}`, false, "at", "", longestLife.Seconds() - 30},
		"life past floats":    {"application/json", `{"access_token":"at","expires_in":1e999}`, false, "at", "", longestLife.Seconds() - 30},
		"life in words":       {"application/json", `{"access_token":"at","expires_in":"an hour"}`, false, "at", "", 0},
		"life is a list":      {"application/json", `{"access_token":"at","expires_in":[3600]}`, false, "at", "", 0},
		"life as NaN":         {form, `access_token=at&expires_in=NaN`, false, "at", "", 0},
		"ID token":            {"application/json", `{"access_token":"at","id_token":"it","expires_in":100}`, true, "it", "", 90},
		"no access token":     {"application/json", `{"id_token":"it"}`, true, "it", "", 0},
		"ID token of no kind": {"application/json", `{"access_token":"at","id_token":"it","token_type":"N_A"}`, true, "it", "", 0},
		"ID token's own life": {"application/json", `{"id_token":"` + jwt(`{"iat":1000,"exp":1100}`) + `","expires_in":3600}`, true, jwt(`{"iat":1000,"exp":1100}`), "", 90},
		"the shorter life":    {"application/json", `{"id_token":"` + jwt(`{"iat":1000,"exp":9000}`) + `","expires_in":100}`, true, jwt(`{"iat":1000,"exp":9000}`), "", 90},
		"ID token, no end":    {"application/json", `{"id_token":"` + jwt(`{"iat":1000}`) + `"}`, true, jwt(`{"iat":1000}`), "", 0},
		"ID token is none":    {"application/json", `{"id_token":"a.b.c"}`, true, "a.b.c", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &Password{Endpoint: endpoint(t, says(http.StatusOK, c.contentType, c.body)), IDToken: c.idToken}
			state, err := g.Login(t.Context(), site(t), caller())
			if err != nil {
				t.Fatal(err)
			}
			if state.Authorization != "Bearer "+c.bearer || state.Refresh != c.refresh || len(state.Cookies) != 0 {
				t.Errorf("the state is %+v", state)
			}
			if left := time.Until(state.Expires).Seconds(); c.life == 0 != state.Expires.IsZero() || c.life != 0 && (left > c.life || left < c.life-30) {
				t.Errorf("it lives for %v s, want %v", left, c.life)
			}
		})
	}
}

// TestRefused looks at what errors become: of a user's password, and of a client's secret.
func TestRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", longestAnswer+1)
	fail := func(code string) string {
		return `{"error":"` + code + `","error_description":"user ann@example.org, ` + userPassword + `"}`
	}
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		user, client      session.LoginKind
		detail            string // of the client's
	}{
		"standard":             {400, "application/json", fail("invalid_grant"), session.BadCredentials, session.Unavailable, "refused (400 invalid_grant)"},
		"Dex":                  {401, "application/json", fail("access_denied"), session.BadCredentials, session.Unavailable, "refused (401 access_denied)"},
		"Keycloak":             {401, "application/json", fail("invalid_grant"), session.BadCredentials, session.Unavailable, ""},
		"Auth0":                {403, "application/json", fail("invalid_grant"), session.BadCredentials, session.Unavailable, ""},
		"GitHub":               {200, "application/x-www-form-urlencoded", "error=invalid_grant&error_description=x", session.BadCredentials, session.Unavailable, ""},
		"blocked":              {403, "application/json", fail("access_denied"), session.NotAllowed, session.Unavailable, ""},
		"second factor":        {403, "application/json", fail("mfa_required"), session.MFARequired, session.Unavailable, ""},
		"conditional access":   {400, "application/json", fail("interaction_required"), session.MFARequired, session.Unavailable, ""},
		"client":               {401, "application/json", fail("invalid_client"), session.Unavailable, session.BadCredentials, "does not accept the gateway's own client"},
		"client, 400":          {400, "application/json", fail("invalid_client"), session.Unavailable, session.BadCredentials, "invalid_client"},
		"grant is off":         {400, "application/json", fail("unsupported_grant_type"), session.Unavailable, session.Unavailable, "400 unsupported_grant_type"},
		"scope":                {400, "application/json", fail("invalid_scope"), session.Unavailable, session.Unavailable, "400 invalid_scope"},
		"password as a code":   {400, "application/json", fail(userPassword), session.Unavailable, session.Unavailable, "refused (400)"},
		"code is an object":    {400, "application/json", `{"error":{"code":400,"message":"hunter2"}}`, session.Unavailable, session.Unavailable, "refused (400)"},
		"bare 401":             {401, "text/plain", "", session.Unavailable, session.Unavailable, "refused (401)"},
		"page of 403":          {403, "text/html", "<h1>hunter2</h1>", session.Unavailable, session.Unavailable, "refused (403)"},
		"not found":            {404, "text/html", "<h1>hunter2</h1>", session.Unavailable, session.Unavailable, "refused (404)"},
		"page":                 {200, "text/html", "<form>hunter2</form>", session.Unavailable, session.Unavailable, "what is no token answer"},
		"empty":                {200, "application/json", "", session.Unavailable, session.Unavailable, "what is no token answer"},
		"no content":           {204, "", "", session.Unavailable, session.Unavailable, "what is no token answer"},
		"half":                 {200, "application/json", `{"access_token":"hunter2`, session.Unavailable, session.Unavailable, "what is no token answer"},
		"list":                 {200, "application/json", `["hunter2"]`, session.Unavailable, session.Unavailable, "what is no token answer"},
		"two answers":          {200, "application/json", `{"access_token":"hunter2"}{}`, session.Unavailable, session.Unavailable, "what is no token answer"},
		"no token":             {200, "application/json", `{"token_type":"bearer"}`, session.Unavailable, session.Unavailable, "no access token"},
		"other spelling":       {200, "application/json", `{"ACCESS_TOKEN":"hunter2"}`, session.Unavailable, session.Unavailable, "no access token"},
		"token is a number":    {200, "application/json", `{"access_token":12}`, session.Unavailable, session.Unavailable, "what is no token answer"},
		"no token in a form":   {200, "application/x-www-form-urlencoded", "hunter2", session.Unavailable, session.Unavailable, "what is no token answer"},
		"token twice":          {200, "application/x-www-form-urlencoded", "access_token=a&access_token=hunter2", session.Unavailable, session.Unavailable, "what is no token answer"},
		"proof of possession":  {200, "application/json", `{"access_token":"hunter2","token_type":"DPoP"}`, session.Unavailable, session.Unavailable, "no bearer token"},
		"line in the token":    {200, "application/json", `{"access_token":"hunter2\r\nX-Admin: 1"}`, session.Unavailable, session.Unavailable, "cannot be sent"},
		"letters in the token": {200, "application/json", `{"access_token":"hunter2é"}`, session.Unavailable, session.Unavailable, "cannot be sent"},
		"huge token":           {200, "application/json", `{"access_token":"` + strings.Repeat("x", longestToken+1) + `"}`, session.Unavailable, session.Unavailable, "cannot be sent"},
		"huge":                 {200, "application/json", `{"access_token":"a","x":"` + long + `"}`, session.Unavailable, session.Unavailable, "more than is read"},
		"huge error":           {400, "application/json", long, session.Unavailable, session.Unavailable, "more than is read"},
		"deep":                 {200, "application/json", `{"access_token":` + strings.Repeat("[", 500_000), session.Unavailable, session.Unavailable, "what is no token answer"},
		"broken":               {500, "application/json", fail("server_error"), session.Unavailable, session.Unavailable, "answered 500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := endpoint(t, says(c.status, c.contentType, c.body))
			_, err := (&Password{Endpoint: e}).Login(t.Context(), site(t), caller())
			wantKind(t, err, c.user, "")
			_, err = (&ClientCredentials{e}).Login(t.Context(), site(t), session.Credentials{User: "gate way", Password: clientSecret})
			wantKind(t, err, c.client, c.detail)
			if _, err = (&Password{Endpoint: e}).Refresh(t.Context(), site(t), &session.State{Refresh: "hunter2"}); err == nil {
				t.Error("the refresh went well")
			}
			wantKind(t, err, session.Unavailable, "")
		})
	}
}

// wantKind checks a *session.LoginError, and that no secret is in it.
func wantKind(t *testing.T, err error, kind session.LoginKind, detail string) session.LoginError {
	t.Helper()
	e, ok := errors.AsType[*session.LoginError](err)
	if !ok {
		t.Fatalf("the error is %v", err)
	}
	if e.Kind != kind || !strings.Contains(e.Detail, detail) {
		t.Errorf("the error is %v, want %v, %q", e, kind, detail)
	}
	for _, secret := range []string{"hunter2", userPassword, url.QueryEscape(userPassword), "ann@example.org"} {
		if all := fmt.Sprintf("%v %+v %#v %s", e, e, e, e.Detail); strings.Contains(all, secret) {
			t.Errorf("the error tells %q: %s", secret, all)
		}
	}
	return *e
}

// TestBusy looks at how long a server wants to be left alone.
func TestBusy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status     int
		retryAfter string
		least      time.Duration
		most       time.Duration
	}{
		"seconds":          {429, "7", 7 * time.Second, 7 * time.Second},
		"date":             {503, time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat), 60 * time.Second, 90 * time.Second},
		"past":             {503, "Fri, 31 Dec 1999 23:59:59 GMT", time.Second, time.Second},
		"none":             {429, "", time.Second, time.Second},
		"words":            {429, "soon", time.Second, time.Second},
		"below 0":          {429, "-5", time.Second, time.Second},
		"for ever":         {429, "2000000000", time.Hour, time.Hour},
		"past numbers":     {429, "99999999999999999999", time.Second, time.Second},
		"broken":           {500, "7", 0, 0},
		"bad gateway":      {502, "", 0, 0},
		"in so many words": {400, "9", 9 * time.Second, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", c.retryAfter)
				says(c.status, "application/json", `{"error":"temporarily_unavailable"}`)(w, r)
			})
			_, err := (&Password{Endpoint: e}).Login(t.Context(), site(t), caller())
			if got := wantKind(t, err, session.Unavailable, "").RetryAfter; got < c.least || got > c.most {
				t.Errorf("wait %v, want %v to %v", got, c.least, c.most)
			}
		})
	}
}

// TestRedirectsAreRefused checks that credentials go nowhere else.
func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var asked atomic.Int32
		e := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			w.Header().Set("Location", "/token2")
			w.WriteHeader(status)
		})
		_, err := (&Password{Endpoint: e}).Login(t.Context(), site(t), caller())
		wantKind(t, err, session.Unavailable, "not followed")
		if asked.Load() != 1 {
			t.Errorf("%d: asked %d times", status, asked.Load())
		}
	}
}

// TestOnce checks that a refusal is not tried in another style.
func TestOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	e := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		says(http.StatusUnauthorized, "application/json", `{"error":"invalid_client"}`)(w, r)
	})
	_, err := (&Password{Endpoint: e}).Login(t.Context(), site(t), caller())
	wantKind(t, err, session.Unavailable, "own client")
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// sent is a transport of functions.
type sent func(*http.Request) (*http.Response, error)

func (f sent) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBroken gives no answer at all, or none that is HTTP; what the server sent is not told.
func TestBroken(t *testing.T) {
	t.Parallel()
	hangs := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or nobody would see the caller leave
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := (&Password{Endpoint: hangs}).Login(ctx, site(t), caller())
	if e := wantKind(t, err, session.Unavailable, "in time"); !errors.Is(e.Err, context.DeadlineExceeded) {
		t.Errorf("the cause is %v", e.Err)
	}
	cut := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"access_token":"hunter2"`)
	})
	_, err = (&Password{Endpoint: cut}).Login(t.Context(), site(t), caller())
	wantKind(t, err, session.Unavailable, "cannot be reached")
	for name, c := range map[string]struct{ cause, want string }{
		"quoted":  {`malformed HTTP response "hunter2"`, "the connection broke"},
		"wrapped": {`Post "https://idp/token?secret=hunter2": no`, "the connection broke"},
	} {
		e := Endpoint{URL: "https://idp/token", Transport: sent(func(*http.Request) (*http.Response, error) { return nil, errors.New(c.cause) })}
		_, err := (&Password{Endpoint: e}).Login(t.Context(), site(t), caller())
		if got := wantKind(t, err, session.Unavailable, ""); !strings.Contains(got.Err.Error(), c.want) {
			t.Errorf("%s: %v", name, got.Err)
		}
	}
	gone := endpoint(t, nil)
	gone.URL = "http://127.0.0.1:1/token"
	_, err = (&Password{Endpoint: gone}).Login(t.Context(), site(t), caller())
	if e := wantKind(t, err, session.Unavailable, "cannot be reached"); !strings.Contains(e.Err.Error(), "connection refused") {
		t.Errorf("the cause is lost: %v", e.Err)
	}
}

// TestOwnOrigin asks an endpoint of the backend's own origin through the backend's transport.
func TestOwnOrigin(t *testing.T) {
	t.Parallel()
	answer := func(token string) sent {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"access_token":"` + token + `"}`))}, nil
		}
	}
	for endpoint, want := range map[string]string{
		"https://backend.example.org/token":      "Bearer backend",
		"https://Backend.example.org:443/token":  "Bearer backend",
		"https://backend.example.org:8443/token": "Bearer elsewhere",
		"https://idp.example.org/token":          "Bearer elsewhere",
		"http://backend.example.org/token":       "Bearer elsewhere",
	} {
		g := &Password{Endpoint: Endpoint{URL: endpoint, Transport: answer("elsewhere")}}
		at := site(t)
		at.Transport = answer("backend")
		if state, err := g.Login(t.Context(), at, caller()); err != nil || state.Authorization != want {
			t.Errorf("%s: %v, %v", endpoint, state, err)
		}
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, bearer, refresh string }{
		"rotated":     {`{"access_token":"at2","refresh_token":"rt2"}`, "Bearer at2", "rt2"},
		"not rotated": {`{"access_token":"at2"}`, "Bearer at2", "rt"},
	} {
		old := &session.State{Authorization: "Bearer at", Refresh: "rt"}
		g := &Password{Endpoint: endpoint(t, says(http.StatusOK, "application/json", c.body))}
		state, err := g.Refresh(t.Context(), site(t), old)
		if err != nil || state.Authorization != c.bearer || state.Refresh != c.refresh || old.Authorization != "Bearer at" {
			t.Errorf("%s: %+v, %v", name, state, err)
		}
	}
	g := &Password{Endpoint: endpoint(t, says(http.StatusOK, "application/json", `{"access_token":"at2","refresh_token":"rt2"}`)), IDToken: true}
	_, err := g.Refresh(t.Context(), site(t), &session.State{Refresh: "rt"})
	wantKind(t, err, session.Unavailable, "no ID token")
	if _, err := g.Refresh(t.Context(), site(t), &session.State{}); err == nil {
		t.Error("a state without a refresh token was refreshed")
	}
	client := &ClientCredentials{endpoint(t, says(http.StatusOK, "application/json", `{"access_token":"at","refresh_token":"rt"}`))}
	if state, err := client.Login(t.Context(), site(t), caller()); err != nil || state.Refresh != "" {
		t.Errorf("a client keeps a refresh token: %+v, %v", state, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://idp.example.org/token":         "",
		"https://idp.example.org/token?p=b2c_1": "",
		"http://localhost:5556/dex/token":       "",
		"http://127.0.0.1/token":                "",
		"http://[::1]:80/token":                 "",
		"http://idp.example.org/token":          "over https alone",
		"http://localhost.evil.org/token":       "over https alone",
		"http://127.0.0.1.evil.org/token":       "over https alone",
		"ftp://idp.example.org/token":           "over https alone",
		"//idp.example.org/token":               "over https alone",
		"https://u:hunter2@idp.example.org/":    "has a user",
		"https://idp.example.org/#t":            "has a fragment",
		"https:///token":                        "is no URL",
		"idp.example.org/token":                 "is no URL",
		"https://idp.example.org:hunter2/":      "is no URL",
		"":                                      "is no URL",
	} {
		err := (&Endpoint{URL: text}).Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, scope := range []string{"", "a b", "a\"", "é", "a\\"} {
		if (&Endpoint{URL: "https://idp/", Scopes: []string{scope}}).Check() == nil {
			t.Errorf("the scope %q is accepted", scope)
		}
	}
	if (&Endpoint{URL: "https://idp/", Style: "both"}).Check() == nil {
		t.Error("a style that is none is accepted")
	}
}

// FuzzToken checks that no answer makes anything but a header that can be sent, or an error that tells nothing.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"at","token_type":"Bearer","expires_in":3600,"refresh_token":"rt","id_token":"` + jwt(`{"iat":1,"exp":100}`) + `"}`,
		`{"error":"invalid_grant"}`, "access_token=at&token_type=bearer", "", "{", "null", `{"access_token":"a\u0000"}`, `{"expires_in":1e400}`, "\xef\xbb\xbf{}",
	} {
		for _, status := range []int{200, 400, 401} {
			f.Add(status, "application/json", seed, true)
			f.Add(status, "text/plain", seed, false)
		}
	}
	f.Fuzz(func(t *testing.T, status int, contentType, body string, idToken bool) {
		if status < 100 || status > 999 {
			return
		}
		g := &Password{IDToken: idToken, Endpoint: Endpoint{URL: "https://idp/", Transport: sent(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}}
		state, err := g.Login(t.Context(), session.Site{}, caller())
		if err == nil {
			token, ok := strings.CutPrefix(state.Authorization, "Bearer ")
			if !ok || token == "" || !sendable(token) || status >= 300 || !state.Expires.IsZero() && time.Until(state.Expires) > longestLife {
				t.Errorf("%+v", state)
			}
			return
		}
		e, ok := errors.AsType[*session.LoginError](err)
		if !ok || state != nil {
			t.Fatalf("%+v, %v", state, err)
		}
		for _, word := range strings.FieldsFunc(body, func(r rune) bool { return r < '0' }) {
			if len(word) > 24 && strings.Contains(e.Error(), word) {
				t.Errorf("the error tells of the body: %v", e)
			}
		}
	})
}
