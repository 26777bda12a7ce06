package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/peers"
)

// tokens is the answer of a token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Error   string `json:"error"`
}

// passwordGrant asks Dex for tokens (RFC 6749, section 4.3).
func passwordGrant(b *browser, d *peers.Dex, u peers.User, password string) (page, tokens) {
	b.t.Helper()
	req := b.request(http.MethodPost, d.Issuer+"/token", strings.NewReader(url.Values{
		"grant_type": {"password"}, "username": {u.Email}, "password": {password}, "scope": {"openid email offline_access"},
	}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(peers.ClientID, peers.ClientSecret)
	p := b.send(req)
	var got tokens
	if err := json.Unmarshal([]byte(p.body), &got); err != nil {
		b.t.Fatalf("%d %.300s: %v", p.status, p.body, err)
	}
	return p, got
}

// TestBearerTokens is the proxy with --skip-jwt-bearer-tokens: what Dex gives for a password opens it.
func TestBearerTokens(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{}, "--skip-jwt-bearer-tokens")
	b := newBrowser(t)
	if p, got := passwordGrant(b, s.dex, peers.Alice(), "wrong"); p.status != http.StatusUnauthorized || got.Error != "access_denied" {
		t.Errorf("a wrong password: %d %q", p.status, got.Error)
	}
	p, got := passwordGrant(b, s.dex, peers.Alice(), peers.Alice().Password)
	if p.status != http.StatusOK || got.ID == "" || got.Access == "" || got.Refresh == "" || !strings.EqualFold(got.Type, "bearer") || got.Expires < 50 || got.Expires > 60 {
		t.Fatalf("%d %+v", p.status, got)
	}
	if strings.Count(got.Access, ".") != 2 {
		t.Error("the access token is no JWT any more")
	}
	ask := func(authorization, accept string) page {
		b := newBrowser(t)
		b.accept = accept
		req := b.request(http.MethodGet, s.proxy.URL+"/hello", nil)
		req.Header.Set("Authorization", authorization)
		return b.send(req)
	}
	basic := func(user, password string) string {
		req := b.request(http.MethodGet, s.proxy.URL, nil)
		req.SetBasicAuth(user, password)
		return req.Header.Get("Authorization")
	}
	for what, c := range map[string]struct {
		authorization, accept string
		status                int
	}{
		"ID token":              {"Bearer " + got.ID, "*/*", http.StatusOK},
		"as the user of Basic":  {basic(got.ID, "x-oauth-basic"), "*/*", http.StatusOK},
		"without a password":    {basic(got.ID, ""), "*/*", http.StatusOK},
		"no token":              {"Bearer garbage", "*/*", http.StatusForbidden},
		"no token, and json":    {"Bearer garbage", "application/json", http.StatusUnauthorized},
		"tampered":              {"Bearer " + got.ID[:len(got.ID)-4] + "AAAA", "*/*", http.StatusForbidden},
		"the caller's password": {basic(peers.Alice().Email, peers.Alice().Password), "*/*", http.StatusForbidden},
	} {
		p := ask(c.authorization, c.accept)
		if p.status != c.status || (p.header.Get("Gap-Auth") != "") != (c.status == http.StatusOK) {
			t.Errorf("%s: %d, Gap-Auth %q", what, p.status, p.header.Get("Gap-Auth"))
		}
	}
}

// TestRefreshTokensOfDex are used once.
func TestRefreshTokensOfDex(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{})
	b := newBrowser(t)
	_, got := passwordGrant(b, s.dex, peers.Alice(), peers.Alice().Password)
	refresh := func() (int, tokens) {
		req := b.request(http.MethodPost, s.dex.Issuer+"/token", strings.NewReader(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}}.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(peers.ClientID, peers.ClientSecret)
		p := b.send(req)
		var next tokens
		if err := json.Unmarshal([]byte(p.body), &next); err != nil {
			t.Fatal(err)
		}
		return p.status, next
	}
	if status, next := refresh(); status != http.StatusOK || next.Refresh == got.Refresh || next.ID == "" {
		t.Errorf("%d %q", status, next.Error)
	}
	// And not invalid_grant, as RFC 6749 has it.
	if status, next := refresh(); status != http.StatusBadRequest || next.Error != "invalid_request" {
		t.Errorf("the same refresh token a second time: %d %q", status, next.Error)
	}
}

// TestHeadersThatCarryTokens are those that the gateway must not pass on to callers.
func TestHeadersThatCarryTokens(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{}, "--set-xauthrequest", "--pass-access-token", "--set-authorization-header")
	b := newBrowser(t)
	p := logIn(b, s.proxy.URL+"/oauth2/start", peers.Alice())
	for _, name := range []string{"X-Auth-Request-Access-Token", "X-Auth-Request-Email", "X-Auth-Request-User", "Authorization", "Gap-Auth"} {
		if p.header.Get(name) == "" {
			t.Errorf("the answer has no %s: %q", name, p.header)
		}
	}
}
