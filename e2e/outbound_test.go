package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/peers"
)

// TestOUT01SessionsAreOfOneCallerOnePasswordOneBackend: a pooled session is neither for somebody else, nor for the same user with
// another password, nor for another backend.
func TestOUT01SessionsAreOfOneCallerOnePasswordOneBackend(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{})
	other, otherBackend := peers.ReserveProxy(t), peers.StartBackend(t)
	otherDex := peers.StartDex(t, builder, peers.DexOptions{Redirects: []string{other.Callback()}})
	other.StartAtDex(t, builder, otherDex, otherBackend.URL)
	second := strings.ReplaceAll(service(other.URL, oauth2Proxy("login_origins "+otherDex.Relay.URL)), "/wrapped", "/second")
	g := startGateway(t, gateway.Options{Site: s.site() + second})
	alice, bob := peers.Alice(), peers.Bob()

	wantUser(t, who(g, alice), alice)
	wrong := alice
	for _, wrong.Password = range []string{"wrong", "", alice.Password + " ", strings.ToUpper(alice.Password), bob.Password} {
		if a := who(g, wrong); a.Status != http.StatusUnauthorized {
			t.Errorf("with the password %q: %s", wrong.Password, a)
		}
	}
	wrong = bob
	wrong.Password = alice.Password
	if a := who(g, wrong); a.Status != http.StatusUnauthorized {
		t.Errorf("another user with Alice's password: %s", a)
	}
	wantUser(t, who(g, alice), alice)
	if n := otherDex.Logins(); n != 0 {
		t.Errorf("%d logins at the other provider", n)
	}
	wantUser(t, g.Get("/second/who", alice.Email, alice.Password), alice)
	if n := otherDex.Logins(); n != 1 {
		t.Errorf("%d logins at the other provider, want one of its own", n)
	}
	for _, relay := range []*peers.Relay{s.proxy.Relay, other.Relay} {
		for _, seen := range relay.Seen() {
			if seen.Header.Get("Authorization") != "" {
				t.Errorf("%s %s came with Authorization", seen.Method, seen.Path)
			}
		}
	}
}

// TestOUT02CredentialsLeaveToListedOriginsOnly forgets to list the provider, or lists another one: nothing is sent there.
func TestOUT02CredentialsLeaveToListedOriginsOnly(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{})
	for _, words := range []string{"strategy login_form", "login_origins https://login.example.org"} {
		g := startGateway(t, gateway.Options{Site: service(s.proxy.URL, oauth2Proxy(words))})
		if a := who(g, peers.Alice()); a.Status != http.StatusBadGateway {
			t.Errorf("%s: %s", words, a)
		}
		wantNothingLeaked(t, g, secrets(nil, peers.Alice()))
	}
	if seen := s.dex.Relay.Seen(); slices.ContainsFunc(seen, func(r peers.Seen) bool { return r.Method == http.MethodPost && r.Path == peers.DexLogin }) {
		t.Errorf("credentials were sent: %+v", seen)
	}
}

// TestOUT03ProvidersInsideAreRefusedUnlessAllowed has a provider whose name leads to loopback: without its name in login_origins
// the gateway does not even ask it.
func TestOUT03ProvidersInsideAreRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{})
	g := startGateway(t, gateway.Options{Site: service(s.proxy.URL, oauth2Proxy("login_origins https://login.example.org"))})
	s.dex.Relay.Forget()
	if a := who(g, peers.Alice()); a.Status != http.StatusBadGateway {
		t.Errorf("%s", a)
	}
	if seen := s.dex.Relay.Seen(); len(seen) != 0 {
		t.Errorf("the gateway asked what was not listed: %+v", seen)
	}
}

// TestOUT05WrongPasswords repeats a wrong password a hundred times, of which the provider hears once or, where the gateway has
// forgotten it meanwhile, twice; the right one works at once.
func TestOUT05WrongPasswords(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, peers.DexOptions{})
	wrong := peers.Alice()
	wrong.Password = "not-the-password-of-alice"
	for _, a := range together(t, 50, asks(s.gateway, wrong)) {
		wantProblem(t, a, http.StatusUnauthorized, "bad_credentials")
	}
	for range 50 {
		wantProblem(t, who(s.gateway, wrong), http.StatusUnauthorized, "bad_credentials")
	}
	if n := s.dex.Logins(); n < 1 || n > 2 {
		t.Errorf("%d logins for a hundred calls with a wrong password", n)
	}
	wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
}

// TestOUT06 is what logins end with that are neither good nor wrong passwords: the right error, and no memory of it.
func TestOUT06(t *testing.T) {
	t.Parallel()
	t.Run("consent", func(t *testing.T) {
		t.Parallel()
		s := startGuarded(t, peers.DexOptions{Approval: true}, "--approval-prompt=force")
		for range 2 {
			if a := who(s.gateway, peers.Alice()); a.Status != http.StatusBadGateway && a.Status != http.StatusForbidden {
				t.Errorf("%s", a)
			} else {
				t.Logf("a page of consent without leave to approve: %s", a)
			}
		}
		s.gateway.Reload(gateway.Options{Site: s.site("consent approve")})
		wantUser(t, who(s.gateway, peers.Alice()), peers.Alice())
	})
	t.Run("not allowed", func(t *testing.T) {
		t.Parallel()
		s := startGuarded(t, peers.DexOptions{}, "--authenticated-emails-file="+list(t, peers.Bob().Email))
		wantProblem(t, who(s.gateway, peers.Alice()), http.StatusForbidden, "not_allowed")
		wantUser(t, who(s.gateway, peers.Bob()), peers.Bob())
	})
	t.Run("second factor", func(t *testing.T) {
		t.Parallel()
		s := startGuarded(t, peers.DexOptions{SecondFactor: true})
		for n := range 2 {
			wantProblem(t, who(s.gateway, peers.Alice()), http.StatusUnauthorized, "mfa_required")
			if got := s.dex.Logins(); got > n+1 {
				t.Errorf("%d logins after %d calls", got, n+1)
			}
		}
	})
	t.Run("the provider fails", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{http.StatusInternalServerError, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			var broken atomic.Bool
			broken.Store(true)
			s := startStack(t, peers.DexOptions{})
			// Before the provider's relay, so that the issuer stays what it is.
			direct := s.dex.Relay.Target()
			faulty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if broken.Load() && r.Method == http.MethodPost && r.URL.Path == peers.DexLogin {
					w.Header().Set("Retry-After", "7")
					http.Error(w, "out of order", status)
					return
				}
				direct(w, r)
			}))
			t.Cleanup(faulty.Close)
			s.dex.Relay.To(faulty.URL)
			g := startGateway(t, gateway.Options{Site: s.site()})
			a := who(g, peers.Alice())
			if a.Status != http.StatusBadGateway && a.Status != http.StatusServiceUnavailable {
				t.Errorf("%d: %s", status, a)
			}
			wantProblem(t, a, a.Status, "login_unavailable")
			broken.Store(false)
			await(t, func() error {
				if a := who(g, peers.Alice()); a.Status != http.StatusOK {
					return errors.New(a.String())
				}
				return nil
			})
		}
	})
}

// TestOUT07 tells what the application refuses from what the proxy refuses.
func TestOUT07(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"403 page": nil, "302": {"--skip-provider-button"}, "401": {"--force-json-errors"}, "401 of an API": {"--api-route=^/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startGuarded(t, peers.DexOptions{}, flags...)
			alice := peers.Alice()
			for _, code := range []int{401, 403, 404} {
				// With a session, and at first without one.
				a := s.gateway.Get(fmt.Sprintf("/wrapped/status/%d", code), alice.Email, alice.Password)
				if a.Status != code {
					t.Errorf("the application says %d: %s", code, a)
				}
			}
			if n := s.dex.Logins(); n != 1 {
				t.Errorf("%d logins, want that of the first call", n)
			}
			s.proxy.Restart()
			if a := s.gateway.Get("/wrapped/status/403", alice.Email, alice.Password); a.Status != http.StatusForbidden {
				t.Errorf("after the session ended: %s", a)
			}
			if n := s.dex.Logins(); n != 2 {
				t.Errorf("%d logins, want one more", n)
			}
		})
	}
}

// TestOUT08BodiesAreSentOnce has requests with bodies find their session at an end: the application sees them once.
func TestOUT08BodiesAreSentOnce(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"403 page": nil, "302": {"--skip-provider-button"}, "401": {"--force-json-errors"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startGuarded(t, peers.DexOptions{}, flags...)
			alice := peers.Alice()
			for n := range 3 {
				req := s.gateway.Request(http.MethodPost, "/wrapped/things", alice.Email, alice.Password, strings.NewReader(fmt.Sprintf(`{"n":%d}`, n)))
				req.Header.Set("Content-Type", "application/json")
				a, err := s.gateway.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if a.Status != http.StatusOK || !strings.Contains(a.Body, fmt.Sprintf(`{\"n\":%d}`, n)) {
					t.Errorf("%s", a)
				}
				s.proxy.Restart()
			}
			var bodies []string
			for _, got := range s.backend.Got() {
				if got.Method == http.MethodPost { // a login ends at its first page
					bodies = append(bodies, got.Body)
				}
			}
			if want := []string{`{"n":0}`, `{"n":1}`, `{"n":2}`}; !slices.Equal(bodies, want) {
				t.Errorf("the application got %q", bodies)
			}
		})
	}
}

// TestOUT09CookiesOfTheProxyAreTheGateways has the proxy give a new cookie with each answer: the gateway keeps it, the caller does
// not see it, and what the caller sends under these names goes nowhere.
func TestOUT09CookiesOfTheProxyAreTheGateways(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, peers.DexOptions{}, "--cookie-refresh=1s", "--cookie-expire=1h", "--scope=openid email profile offline_access")
	alice := peers.Alice()
	seen := map[string]bool{}
	await(t, func() error {
		req := s.gateway.Request(http.MethodGet, "/wrapped/echo", alice.Email, alice.Password, nil)
		req.Header.Add("Cookie", "_oauth2_proxy=of-the-caller; theme=dark")
		req.Header.Add("Cookie", "_oauth2_proxy_csrf=of-the-caller")
		a, err := s.gateway.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		wantUser(t, a, alice)
		if len(a.Header.Values("Set-Cookie")) > 0 {
			t.Error("the caller got a cookie of the proxy")
		}
		if strings.Contains(a.Body, "of-the-caller") {
			t.Error("a cookie of the caller went through under a name of the proxy")
		}
		for _, got := range s.proxy.Relay.Seen() {
			if got.Path == "/echo" && got.Header.Get("Cookie") != "" {
				seen[got.Header.Get("Cookie")] = true
			}
		}
		if len(seen) < 4 {
			return fmt.Errorf("%d different cookies", len(seen))
		}
		return nil
	})
	if n := s.dex.Logins(); n != 1 {
		t.Errorf("%d logins while the proxy refreshed its sessions", n)
	}
	wantNothingLeaked(t, s.gateway, secrets([]*peers.Relay{s.proxy.Relay, s.dex.Relay}, alice))
}

// TestOUT10StoresTellNothing looks into the files of a gateway whose sessions are on disk, and gives them to another gateway with
// another secret.
func TestOUT10StoresTellNothing(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{})
	alice, secret := peers.Alice(), gateway.NewSecret()
	o := gateway.Options{Site: s.site(), Fairway: "\t\tsecret {env.FAIRWAY_SECRET}", Env: []string{"FAIRWAY_SECRET=" + secret}, Data: t.TempDir()}
	g := startGateway(t, o)
	wantUser(t, who(g, alice), alice)
	g.Stop()
	told := secrets([]*peers.Relay{s.proxy.Relay, s.dex.Relay}, alice)
	told[alice.Email] = "name of the user"
	told[secret] = "secret of the gateway"
	wantNoFileHas(t, o.Data, told)

	o.Env = []string{"FAIRWAY_SECRET=" + gateway.NewSecret()}
	thief := startGateway(t, o)
	wantUser(t, who(thief, alice), alice)
	if n := s.dex.Logins(); n != 2 {
		t.Errorf("%d logins: what was sealed with one secret is of no use with another", n)
	}
}

// slowBody sends its text in pieces, so that no length is known.
type slowBody struct{ pieces []string }

func (b *slowBody) Read(p []byte) (int, error) {
	if len(b.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.pieces[0])
	b.pieces = b.pieces[1:]
	time.Sleep(10 * time.Millisecond)
	return n, nil
}
