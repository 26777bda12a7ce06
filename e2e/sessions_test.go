package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/peers"
)

// together has n callers ask at the same moment and gives their answers.
func together(t testing.TB, n int, ask func(i int) (gateway.Answer, error)) []gateway.Answer {
	t.Helper()
	answers, failures := make([]gateway.Answer, n), make([]error, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			answers[i], failures[i] = ask(i)
		})
	}
	close(start)
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	return answers
}

// asks is a call of /wrapped/who for together.
func asks(g *gateway.Gateway, u peers.User) func(int) (gateway.Answer, error) {
	return func(int) (gateway.Answer, error) {
		return g.Do(g.Request(http.MethodGet, "/wrapped/who", u.Email, u.Password, nil))
	}
}

// TestSessionExpiry has sessions of five seconds, longer than a login takes on any machine: callers do not notice when one ends.
func TestSessionExpiry(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, peers.DexOptions{}, "--cookie-expire=5s")
	await(t, func() error {
		wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
		if n := s.dex.Logins(); n < 2 {
			return fmt.Errorf("%d logins", n)
		}
		return nil
	})
}

func TestProxyRestartsWithAnotherCookieSecret(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"403 page": nil, "302": {"--skip-provider-button"}, "401": {"--force-json-errors"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startGuarded(t, peers.DexOptions{}, flags...)
			wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
			for n := range 2 {
				s.proxy.Restart()
				wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
				if got := s.dex.Logins(); got != n+2 {
					t.Errorf("%d logins after %d restarts", got, n+1)
				}
			}
		})
	}
}

func TestIdentityProviderIsDown(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, peers.DexOptions{})
	wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
	s.dex.Relay.Down(true)
	wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
	for range 3 {
		wantProblem(t, who(s.gateway, peers.Bob()), http.StatusBadGateway, "login_unavailable")
	}
	s.dex.Relay.Down(false)
	wantUser(t, who(s.gateway, peers.Bob()), peers.Bob())
}

func TestIdentityProviderIsSlow(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{})
	g := startGateway(t, gateway.Options{Site: s.site("login_timeout 8s")})
	s.dex.Relay.Delay(time.Hour)
	if a := who(g, peers.Alice()); a.Status != http.StatusBadGateway && a.Status != http.StatusServiceUnavailable && a.Status != http.StatusGatewayTimeout {
		t.Errorf("%s", a)
	} else {
		wantProblem(t, a, a.Status, "login_unavailable")
	}
	// Slow, and still in time.
	s.dex.Relay.Delay(100 * time.Millisecond)
	wantUser(t, who(g, peers.Alice()), peers.Alice())
	s.dex.Relay.Delay(time.Hour)
	wantUser(t, who(g, peers.Alice()), peers.Alice())
	s.dex.Relay.Delay(0)
}

// TestPasswordChanged restarts Dex with another password: the new one is good at once; the old one as long as the session that
// was made with it, and no longer.
func TestPasswordChanged(t *testing.T) {
	t.Parallel()
	o := peers.DexOptions{}
	s := startGuarded(t, o)
	wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
	s.dex.Restart(peers.DexOptions{Users: []peers.User{peers.AliceLater(), peers.Bob()}, Redirects: []string{s.proxy.Callback()}})
	s.proxy.Restart()
	wantProblem(t, who(s.gateway, peers.Alice()), http.StatusUnauthorized, "bad_credentials")
	wantUser(t, who(s.gateway, peers.AliceLater()), peers.Alice())
}

// TestManyCallersAtExpiry has 256 callers with four accounts' worth of credentials call while their sessions end: each
// credential is logged in once, and nobody sees a failure.
func TestManyCallersAtExpiry(t *testing.T) {
	t.Parallel()
	const callers = 256
	s := startGuarded(t, peers.DexOptions{})
	users := []peers.User{peers.Alice(), peers.Bob()}
	for round := range 3 { // cold, then with sessions that ended, then again
		s.dex.Relay.Forget()
		for i, a := range together(t, callers, func(i int) (gateway.Answer, error) { return asks(s.gateway, users[i%2])(i) }) {
			wantUser(t, a, users[i%2])
		}
		if n := s.dex.Logins(); n != len(users) {
			t.Errorf("round %d: %d logins for %d credentials", round, n, len(users))
		}
		s.proxy.Restart()
	}
}

// TestTwoCallersAtOnce mixes two callers: neither ever sees the other's answer.
func TestTwoCallersAtOnce(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, peers.DexOptions{})
	users := []peers.User{peers.Alice(), peers.Bob()}
	for range 5 {
		for i, a := range together(t, 64, func(i int) (gateway.Answer, error) { return asks(s.gateway, users[i%2])(i) }) {
			wantUser(t, a, users[i%2])
		}
		// Now one of them finds a session, and the other one none.
		s.proxy.Restart()
		wantUser(t, who(s.gateway, users[0]), users[0])
		users[0], users[1] = users[1], users[0]
	}
}

func TestReloadKeepsSessions(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, peers.DexOptions{})
	wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
	for n := range 3 {
		s.gateway.Reload(gateway.Options{Site: s.site() + fmt.Sprintf("\n\theader X-Reload %d", n)})
		a := who(s.gateway, peers.Alice())
		wantUser(t, a, peers.Alice())
		if a.Header.Get("X-Reload") != fmt.Sprint(n) {
			t.Errorf("the configuration did not change: %q", a.Header)
		}
	}
	if n := s.dex.Logins(); n != 1 {
		t.Errorf("%d logins over three reloads", n)
	}
}

// TestReloadInMidLogin gives the gateway another configuration while it logs somebody in: they get their answer.
func TestReloadInMidLogin(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, peers.DexOptions{})
	s.dex.Relay.Delay(300 * time.Millisecond)
	answers := make(chan []gateway.Answer, 1)
	go func() { answers <- together(t, 8, asks(s.gateway, peers.Alice())) }()
	await(t, func() error {
		if len(s.dex.Relay.Seen()) == 0 {
			return errNotYet
		}
		return nil
	})
	s.gateway.Reload(gateway.Options{Site: s.site("session_ttl 30m")})
	for _, a := range <-answers {
		wantUser(t, a, peers.Alice())
	}
	wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
	if n := s.dex.Logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// TestTokensAreRefreshed has tokens that live for some seconds: they are renewed without the password where the provider gives
// refresh tokens.
func TestTokensAreRefreshed(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{TokenLife: "8s"}, "--skip-jwt-bearer-tokens")
	g := startGateway(t, gateway.Options{Env: []string{"CLIENT_SECRET=" + peers.ClientSecret}, Site: service(s.proxy.URL, oauth2Proxy("strategy password_grant",
		"token_url "+s.dex.Issuer+"/token", "client "+peers.ClientID+" {env.CLIENT_SECRET}", "scope openid email offline_access"))})
	await(t, func() error {
		wantUser(t, who(g, peers.Alice()), peers.Alice())
		if n := s.dex.Relay.Count(http.MethodPost, "/dex/token"); n < 3 {
			return fmt.Errorf("the token endpoint was asked %d times", n)
		}
		return nil
	})
	if metrics := g.AdminText("/metrics"); !strings.Contains(metrics, `outcome="refreshed"`) {
		t.Error("no refresh is counted")
	}
	wantNothingLeaked(t, g, secrets([]*peers.Relay{s.proxy.Relay, s.dex.Relay}, peers.Alice()))
}

// TestRestartKeepsSessions ends the gateway: sessions are in the store.
func TestRestartKeepsSessions(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, peers.DexOptions{})
	wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
	s.gateway.Stop()
	s.gateway.Run()
	wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
	if n := s.dex.Logins(); n != 1 {
		t.Errorf("%d logins over a restart", n)
	}
	wrong := peers.Alice()
	wrong.Password = "another"
	wantProblem(t, who(s.gateway, wrong), http.StatusUnauthorized, "bad_credentials")
}

// TestServiceAccount logs in with the operator's credentials: callers need none, and it is not their fault if it fails.
func TestServiceAccount(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{})
	site := s.site("account {env.ACCOUNT_USER} {env.ACCOUNT_PASSWORD}")
	g := startGateway(t, gateway.Options{Site: site, Env: []string{"ACCOUNT_USER=" + peers.Bob().Email, "ACCOUNT_PASSWORD=" + peers.Bob().Password}})
	wantUser(t, g.Get("/wrapped/who", "", ""), peers.Bob())
	// Who calls with credentials of its own does not become somebody else there.
	wantUser(t, who(g, peers.Alice()), peers.Bob())
	if a := g.Get("/wrapped/metadata", "", ""); !strings.Contains(a.Body, `"auth": "none"`) {
		t.Errorf("metadata: %s", a)
	}
	if n := s.dex.Logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
	wantNothingLeaked(t, g, secrets([]*peers.Relay{s.proxy.Relay, s.dex.Relay}, peers.Bob()))

	bad := startGateway(t, gateway.Options{Site: site, Env: []string{"ACCOUNT_USER=" + peers.Bob().Email, "ACCOUNT_PASSWORD=wrong"}})
	if a := bad.Get("/wrapped/who", "", ""); a.Status != http.StatusBadGateway || a.Header.Get("Www-Authenticate") != "" {
		t.Errorf("a service account with a wrong password: %s", a)
	}
}
