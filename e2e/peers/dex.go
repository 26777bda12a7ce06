package peers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// What the clients of the identity providers are called here.
const (
	ClientID     = "fairway-e2e"
	ClientSecret = "the-secret-of-the-client" //nolint:gosec // of servers that live for a test
)

// User is an account at an identity provider.
type User struct {
	ID, Email, Password string
	hash                string
}

// Alice has an account everywhere.
func Alice() User {
	return User{
		ID: "id-of-alice", Email: "alice@example.com", Password: "alice-and-the-March-Hare",
		hash: "$2a$10$FrZugqAtJnEZEn.JeueZBupDLn94u3.z6fgjFXkDqAseOVlS3hBC2",
	}
}

// Bob has one, too.
func Bob() User {
	return User{
		ID: "id-of-bob", Email: "bob@example.com", Password: "bob-and-the-Builder",
		hash: "$2a$10$jH73GtGkwd7PvLYqqOS5cO.Z1vo9wHUi./aI.eKbsg73EapBSQLGe",
	}
}

// AliceLater is Alice after she changed her password.
func AliceLater() User {
	u := Alice()
	u.Password = "alice-through-the-Looking-Glass"
	u.hash = "$2a$10$qMQ1aCReYKTG5kxHihtqFe8YOuOZsDT4kdJDimmVrZTQ2qTe2NTqm"
	return u
}

// DexOptions say how Dex is configured.
type DexOptions struct {
	// Users who have an account. Default: Alice and Bob.
	Users []User
	// Redirects are the callbacks of the clients.
	Redirects []string
	// Approval has it ask for consent.
	Approval bool
	// Next runs a newer Dex, with sessions of its own; SecondFactor has that ask for a code besides.
	Next, SecondFactor bool
	// TokenLife is how long its ID tokens live. Default: 60s.
	TokenLife string
}

// Dex is a running identity provider with a database of passwords.
type Dex struct {
	// Relay stands before it; its URL is that of the issuer.
	Relay *Relay
	// Issuer is the URL of the issuer.
	Issuer string

	server *server
}

// DexLogin is the path of its login page, where a submission counts as a login.
const DexLogin = "/dex/auth/local/login"

// StartDex starts Dex on localhost. It ends with the test.
func StartDex(t testing.TB, b *build.Builder, o DexOptions) *Dex {
	t.Helper()
	relay := StartRelay(t, "localhost")
	peer := build.Dex()
	if o.Next || o.SecondFactor {
		peer = build.DexNext()
	}
	d := &Dex{Relay: relay, Issuer: relay.URL + "/dex", server: newServer(t, b, peer)}
	if peer == build.DexNext() {
		d.server.env = []string{"DEX_SESSIONS_ENABLED=true"}
	}
	d.start(o)
	return d
}

// Restart ends it and starts it with other options: it forgets all it knew.
func (d *Dex) Restart(o DexOptions) {
	d.server.t.Helper()
	d.Stop()
	d.start(o)
}

// Stop ends it; its address remains, and answers nothing.
func (d *Dex) Stop() {
	d.server.t.Helper()
	d.Relay.Down(true)
	d.server.stop()
}

// Logins is how often somebody sent credentials to its form.
func (d *Dex) Logins() int { return d.Relay.Count("POST", DexLogin) }

func (d *Dex) start(o DexOptions) {
	d.server.t.Helper()
	if o.Users == nil {
		o.Users = []User{Alice(), Bob()}
	}
	if o.TokenLife == "" {
		o.TokenLife = "60s"
	}
	file := filepath.Join(d.server.t.TempDir(), "dex.json")
	d.Relay.To(d.server.start("/dex/healthz", func(address string) []string {
		if err := os.WriteFile(file, d.config(address, o), 0o600); err != nil {
			d.server.t.Fatal(err)
		}
		return []string{"serve", file}
	}))
}

// config is its file in JSON, which YAML includes.
func (d *Dex) config(address string, o DexOptions) []byte {
	type object = map[string]any
	passwords := make([]object, 0, len(o.Users))
	for _, u := range o.Users {
		passwords = append(passwords, object{"email": u.Email, "hash": u.hash, "username": u.ID, "userID": u.ID})
	}
	all := object{
		"issuer":  d.Issuer,
		"storage": object{"type": "memory"},
		"web":     object{"http": address},
		"oauth2": object{
			"skipApprovalScreen": !o.Approval, "passwordConnector": "local", "responseTypes": []string{"code"},
			"grantTypes": []string{"authorization_code", "refresh_token", "password"},
		},
		"expiry":           object{"idTokens": o.TokenLife, "signingKeys": "6h"},
		"enablePasswordDB": true,
		"staticPasswords":  passwords,
		"staticClients": []object{{
			"id": ClientID, "secret": ClientSecret, "name": "Fairway's tests", "redirectURIs": o.Redirects,
		}},
	}
	if d.server.env != nil {
		all["sessions"] = object{"absoluteLifetime": "1h"}
	}
	if o.SecondFactor {
		all["mfa"] = object{"authenticators": []object{{"id": "code", "type": "TOTP", "config": object{"issuer": "Fairway"}}}, "defaultMFAChain": []string{"code"}}
	}
	config, err := json.Marshal(all)
	if err != nil {
		d.server.t.Fatal(err)
	}
	return config
}
