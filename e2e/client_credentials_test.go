package e2e_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/peers"
)

// userinfo is a service over the provider's own API, which says whose a token is, and takes no token that it has not given.
func userinfo(op *peers.ZitadelOP, auth string) string {
	return `
	tracing {
		span site
	}
	service /me {
		version 1.0.0
		repository https://example.org/me
		description "Who the gateway is to the provider"

		backend ` + strings.TrimSuffix(op.Issuer, "/") + ` {
			` + auth + `
		}

		GET /sub {
			fetch /userinfo {
				decode json
			}
			reply .sub
		}
	}`
}

func clientCredentials(op *peers.ZitadelOP, secret string) string {
	return "auth client_credentials " + op.Issuer + "oauth/token " + peers.ServiceClient + " {env." + secret + "} {\n scope openid profile\n retry_on 401 403\n}" // it says 403
}

// wantSub fails the test unless the provider says that the gateway is its service client.
func wantSub(t *testing.T, a gateway.Answer, err error) {
	t.Helper()
	if err != nil || a.Status != http.StatusOK || strings.TrimSpace(a.Body) != `"`+peers.ServiceClient+`"` {
		t.Errorf("%v, %v", a, err)
	}
}

// TestClientCredentials has many callers need a token at once, and again when the provider has forgotten it, over a reload, with
// the provider away, and with a wrong secret.
func TestClientCredentials(t *testing.T) {
	t.Parallel()
	op := peers.StartZitadelOP(t, builder)
	spans := startCollector(t)
	env := append(spans.env(), "CLIENT_SECRET="+peers.ServiceSecret, "WRONG_SECRET=not-the-secret-of-it")
	good := gateway.Options{Site: userinfo(op, clientCredentials(op, "CLIENT_SECRET")), Env: env}
	g := startGateway(t, good)
	logins := func() int { return op.Relay.Count("POST", "/oauth/token") }
	together := func(n int) {
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				a, err := g.Do(g.Request(http.MethodGet, "/me/sub", "", "", nil))
				wantSub(t, a, err)
			})
		}
		all.Wait()
	}
	together(64)
	if n := logins(); n != 1 {
		t.Errorf("%d tokens were asked for, want 1", n)
	}
	op.Restart()
	together(64)
	if n := logins(); n != 2 {
		t.Errorf("%d tokens were asked for after the provider had forgotten the first, want 2", n)
	}
	g.Reload(good)
	g.Stop()
	g.Run()
	together(4)
	if n := logins(); n != 2 {
		t.Errorf("%d tokens were asked for after the gateway was started anew, want 2", n)
	}
	g.Reload(gateway.Options{Site: userinfo(op, clientCredentials(op, "WRONG_SECRET")), Env: env})
	for range 3 {
		if a := g.Get("/me/sub", "", ""); a.Status != http.StatusBadGateway || !strings.Contains(a.Body, "bad_credentials") {
			t.Errorf("with a wrong secret: %v", a)
		}
	}
	if n := logins(); n != 3 {
		t.Errorf("%d tokens were asked for with a wrong secret, want 1", n-2)
	}
	secrets := map[string]string{"the secret": peers.ServiceSecret, "the wrong secret": "not-the-secret-of-it"}
	for i, token := range bearers(op.Relay) {
		secrets["token "+strconv.Itoa(i)] = token
	}
	wantNothingLeaked(t, g, secrets)
	await(t, func() error {
		if !strings.Contains(spans.text(), "fairway.login") {
			return errors.New("there is no span of a login")
		}
		return nil
	})
	wantNoSecret(t, "spans", spans.text(), secrets)
}

// bearers are the tokens that came to a relay.
func bearers(r *peers.Relay) []string {
	var out []string
	for _, s := range r.Seen() {
		if token, ok := strings.CutPrefix(s.Header.Get("Authorization"), "Bearer "); ok {
			out = append(out, token)
		}
	}
	return out
}

// TestBearerAtZitadel sends a token that the operator has got by other ways.
func TestBearerAtZitadel(t *testing.T) {
	t.Parallel()
	op := peers.StartZitadelOP(t, builder)
	req := newBrowser(t).request(http.MethodPost, op.Issuer+"oauth/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "scope": {"openid"}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(peers.ServiceClient, peers.ServiceSecret)
	p := newBrowser(t).send(req)
	var got tokens
	if err := json.Unmarshal([]byte(p.body), &got); err != nil || got.Access == "" {
		t.Fatalf("%d %.300s: %v", p.status, p.body, err)
	}
	g := startGateway(t, gateway.Options{Site: userinfo(op, "auth bearer {env.BACKEND_TOKEN}"), Env: []string{"BACKEND_TOKEN=" + got.Access}})
	wantSub(t, g.Get("/me/sub", "", ""), nil)
	// A caller's own is not passed on.
	mine := g.Request(http.MethodGet, "/me/sub", "", "", nil)
	mine.Header.Set("Authorization", "Bearer of-a-caller")
	a, err := g.Do(mine)
	wantSub(t, a, err)
	op.Restart()
	if a := g.Get("/me/sub", "", ""); a.Status != http.StatusBadGateway || !strings.Contains(a.Body, `"backend_status":403`) {
		t.Errorf("a token that the provider does not know: %v", a)
	}
	wantNothingLeaked(t, g, map[string]string{"the token": got.Access})
}
