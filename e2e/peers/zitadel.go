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

	server *server
	start  func()
}

// The client of the example that gets tokens for itself.
const (
	ServiceClient = "sid1"
	ServiceSecret = "verysecret"
)

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
	// The provider has a user of the id of its service client, so that it says whose the client's tokens are.
	users[ServiceClient] = user{ID: ServiceClient, Username: ServiceClient, Password: "no person has it", PreferredLanguage: "en"}
	content, err := json.Marshal(users)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	op.server = newServer(t, b, build.ZitadelOP())
	op.start = func() {
		relay.To(op.server.start("/.well-known/openid-configuration", func(address string) []string {
			return []string{"-listen", address, "-issuer", op.Issuer, "-users", file, "-client", ClientID, "-redirects", strings.Join(redirects, ",")}
		}))
	}
	op.start()
	return op
}

// Restart starts it anew at the same address. It knows none of the tokens that it has given.
func (op *ZitadelOP) Restart() {
	op.server.t.Helper()
	op.server.stop()
	op.start()
}

// Logins is how often somebody sent credentials to its form.
func (op *ZitadelOP) Logins() int { return op.Relay.Count("POST", ZitadelLogin) }
