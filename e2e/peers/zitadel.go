package peers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// ZitadelOP is the running example OpenID provider of zitadel/oidc.
type ZitadelOP struct {
	// Relay stands before it.
	Relay *Relay
	// Issuer is the URL of the issuer, with a slash.
	Issuer string
}

// ZitadelLogin is the path of its login page.
const ZitadelLogin = "/login/username"

// StartZitadelOP starts the provider on localhost, with the accounts of Alice and Bob. It ends with the test. The secret
// of its client is "secret".
func StartZitadelOP(t testing.TB, b *build.Builder, redirects ...string) *ZitadelOP {
	t.Helper()
	relay := StartRelay(t, "localhost")
	op := &ZitadelOP{Relay: relay, Issuer: relay.URL + "/"}
	type user struct {
		ID, Username, Password, FirstName, LastName, Email, PreferredLanguage string
		EmailVerified                                                         bool
	}
	users := map[string]user{}
	for _, u := range []User{Alice(), Bob()} {
		users[u.ID] = user{ID: u.ID, Username: u.Email, Password: u.Password, FirstName: u.ID, LastName: u.ID, Email: u.Email, EmailVerified: true, PreferredLanguage: "en"}
	}
	content, err := json.Marshal(users)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, b, build.ZitadelOP())
	relay.To(s.start("/.well-known/openid-configuration", func(address string) []string {
		return []string{"-listen", address, "-issuer", op.Issuer, "-users", file, "-client", ClientID, "-redirects", strings.Join(redirects, ",")}
	}))
	return op
}

// Logins is how often somebody sent credentials to its form.
func (op *ZitadelOP) Logins() int { return op.Relay.Count("POST", ZitadelLogin) }
