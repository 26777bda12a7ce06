package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/peers"
)

// TestCallersCannotSayWhoTheyAre sends headers of identity in every spelling that a server could take for one: the application sees
// those of the proxy alone, through services and in pass-through.
func TestCallersCannotSayWhoTheyAre(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{}, "--set-xauthrequest", "--pass-access-token", "--pass-user-headers")
	alice := peers.Alice()
	for name, site := range map[string]string{"service": s.site(), "pass-through": s.passThrough()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, gateway.Options{Site: site})
			path := map[string]string{"service": "/wrapped/echo", "pass-through": "/echo"}[name]
			req := g.Request(http.MethodGet, path, alice.Email, alice.Password, nil)
			const forged = "forged@example.com"
			for _, header := range []string{
				"X-Forwarded-User", "X-Forwarded-Email", "x-forwarded-email", "X_Forwarded_Email", "X.Forwarded.Email", "X-Forwarded_Email", "X-Forwarded-Groups",
				"X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Auth-Request-Email", "X-Auth-Request-User", "X_Auth_Request_Email", "Remote-User", "Remote_User",
				"Remote-Email", "Gap-Auth", "Gap_Auth",
			} {
				req.Header[header] = []string{forged}
			}
			req.Header.Set("Connection", "close, X-Forwarded-Email, X-Forwarded-User, Cookie")
			a, err := g.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			e := echoOf(t, a)
			if a.Status != http.StatusOK || e.Email != alice.Email || strings.Contains(a.Body, forged) {
				t.Errorf("%s", a)
			}
			for header := range a.Header {
				if plain := strings.ReplaceAll(strings.ToLower(header), "_", "-"); strings.HasPrefix(plain, "x-auth-request") || strings.HasPrefix(plain, "gap-auth") || strings.HasPrefix(plain, "x-forwarded-") {
					t.Errorf("the caller got %s", header)
				}
			}
		})
	}
}
