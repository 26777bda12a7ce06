package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/peers"
)

// strategyCase is one way to log in, before the real servers.
type strategyCase struct {
	// start starts the servers and gives the site of the gateway, and how often credentials were sent.
	start func(t *testing.T) (site string, logins func() int, relays []*peers.Relay)
	// each says that the credentials are sent with each call.
	each bool
}

// atDex is a case with Dex behind the proxy.
func atDex(o peers.DexOptions, words []string, flags ...string) func(t *testing.T) (string, func() int, []*peers.Relay) {
	return func(t *testing.T) (string, func() int, []*peers.Relay) {
		t.Helper()
		s := startStack(t, o, flags...)
		return s.site(words...), s.dex.Logins, []*peers.Relay{s.proxy.Relay, s.dex.Relay}
	}
}

// atHtpasswd is a case with a file of passwords at the proxy; attempts at its form are counted.
func atHtpasswd(strategy string) func(t *testing.T) (string, func() int, []*peers.Relay) {
	return func(t *testing.T) (string, func() int, []*peers.Relay) {
		t.Helper()
		s := startStack(t, peers.DexOptions{}, "--htpasswd-file="+peers.Htpasswd(t, peers.Alice(), peers.Bob()))
		logins := func() int { return s.proxy.Relay.Count(http.MethodPost, "/oauth2/sign_in") }
		return service(s.proxy.URL, oauth2Proxy("strategy "+strategy)), logins, []*peers.Relay{s.proxy.Relay, s.dex.Relay}
	}
}

// TestStrategies goes each way that there is to log in: the first call logs in, the second does not, a wrong password is the
// caller's fault, and nothing of it is told.
func TestStrategies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]strategyCase{
		"login_form":                     {start: atDex(peers.DexOptions{}, nil)},
		"login_form without a button":    {start: atDex(peers.DexOptions{}, nil, "--skip-provider-button")},
		"login_form with errors as JSON": {start: atDex(peers.DexOptions{}, nil, "--force-json-errors")},
		"login_form with tokens":         {start: atDex(peers.DexOptions{}, nil, "--skip-jwt-bearer-tokens", "--set-xauthrequest", "--pass-access-token", "--set-authorization-header")},
		"login_form with consent":        {start: atDex(peers.DexOptions{Approval: true}, []string{"consent approve"}, "--approval-prompt=force")},
		"login_form at a newer Dex":      {start: atDex(peers.DexOptions{Next: true}, []string{"consent approve"}, "--approval-prompt=force")},
		"login_form at another provider": {start: func(t *testing.T) (string, func() int, []*peers.Relay) {
			t.Helper()
			proxy, backend := peers.ReserveProxy(t), peers.StartBackend(t)
			op := peers.StartZitadelOP(t, builder, proxy.Callback())
			proxy.StartAtZitadel(t, builder, op, backend.URL)
			return service(proxy.URL, oauth2Proxy("login_origins "+op.Relay.URL)), op.Logins, []*peers.Relay{proxy.Relay, op.Relay}
		}},
		"htpasswd_form": {start: atHtpasswd("htpasswd_form")},
		"basic":         {start: atHtpasswd("basic"), each: true},
		"password_grant": {start: func(t *testing.T) (string, func() int, []*peers.Relay) {
			t.Helper()
			s := startStack(t, peers.DexOptions{}, "--skip-jwt-bearer-tokens")
			logins := func() int { return s.dex.Relay.Count(http.MethodPost, "/dex/token") }
			return service(s.proxy.URL, oauth2Proxy("strategy password_grant", "token_url "+s.dex.Issuer+"/token",
				"client "+peers.ClientID+" {env.CLIENT_SECRET}", "scope openid email")), logins, []*peers.Relay{s.proxy.Relay, s.dex.Relay}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

func (c strategyCase) check(t *testing.T) {
	t.Helper()
	site, logins, relays := c.start(t)
	spans := startCollector(t)
	g := startGateway(t, gateway.Options{Site: "\tlog\n\ttracing {\n\t\tspan site\n\t}\n" + site, Env: append(spans.env(), "CLIENT_SECRET="+peers.ClientSecret)})
	alice, bob := peers.Alice(), peers.Bob()

	if a := g.Get("/wrapped/metadata", "", ""); a.Status != http.StatusOK || !strings.Contains(a.Body, `"auth": "bitly-proxy"`) {
		t.Errorf("metadata: %s", a)
	}
	nobody := g.Get("/wrapped/who", "", "")
	wantProblem(t, nobody, http.StatusUnauthorized, "no_credentials")
	if !strings.HasPrefix(nobody.Header.Get("Www-Authenticate"), "Basic ") {
		t.Errorf("without credentials: %q", nobody.Header)
	}
	if n := logins(); n != 0 {
		t.Errorf("%d logins before anybody called", n)
	}

	once := 1
	if c.each {
		once = 0
	}
	for range 3 {
		a := who(g, alice)
		wantUser(t, a, alice)
		for header := range a.Header {
			if strings.HasPrefix(header, "X-Auth-Request") || strings.HasPrefix(header, "X-Forwarded") || header == "Gap-Auth" || header == "Set-Cookie" || header == "Authorization" {
				t.Errorf("the caller got %s", header)
			}
		}
	}
	if n := logins(); n != once {
		t.Errorf("%d logins for three calls", n)
	}
	wantUser(t, who(g, bob), bob)
	wantUser(t, who(g, alice), alice)
	if n := logins(); n != 2*once {
		t.Errorf("%d logins for two callers", n)
	}

	wrong := alice
	wrong.Password = "not-the-password-of-alice"
	a := who(g, wrong)
	wantProblem(t, a, http.StatusUnauthorized, "bad_credentials")
	if !strings.HasPrefix(a.Header.Get("Www-Authenticate"), "Basic ") {
		t.Errorf("with a wrong password: %q", a.Header)
	}
	wantUser(t, who(g, alice), alice)

	told := secrets(relays, alice, bob, wrong)
	told[peers.ClientSecret] = "secret of the client"
	wantNothingLeaked(t, g, told)
	wantNoSecret(t, "answer", a.Body, told)
	await(t, func() error {
		if spans.text() == "" {
			return errNotYet
		}
		return nil
	})
	wantNoSecret(t, "spans", spans.text(), told)
}
