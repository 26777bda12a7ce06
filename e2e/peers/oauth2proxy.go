package peers

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // of htpasswd
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// OAuth2Proxy is a running oauth2-proxy, before a backend.
type OAuth2Proxy struct {
	// Relay stands before it; its URL is where clients go.
	Relay *Relay
	// URL is the origin of the proxy.
	URL string

	server *server
	issuer string
	secret string
	client string
	to     string
	flags  []string
}

// callback is where identity providers send clients back to, behind the proxy's origin.
const callback = "/oauth2/callback"

// ReserveProxy takes an address on 127.0.0.1 for a proxy, which an identity provider wants to know before the proxy runs.
func ReserveProxy(t testing.TB) *OAuth2Proxy {
	t.Helper()
	relay := StartRelay(t, "127.0.0.1")
	return &OAuth2Proxy{Relay: relay, URL: relay.URL}
}

// Callback is the proxy's redirect URL.
func (p *OAuth2Proxy) Callback() string { return p.URL + callback }

// StartAtDex starts the proxy before a backend, with Dex for its identity provider and further flags. It ends with the test.
func (p *OAuth2Proxy) StartAtDex(t testing.TB, b *build.Builder, d *Dex, backend string, flags ...string) {
	t.Helper()
	p.issuer, p.client = d.Issuer, ClientSecret
	p.start(t, b, backend, flags)
}

// StartAtZitadel starts the proxy with the example provider of zitadel/oidc.
func (p *OAuth2Proxy) StartAtZitadel(t testing.TB, b *build.Builder, op *ZitadelOP, backend string, flags ...string) {
	t.Helper()
	p.issuer, p.client = op.Issuer, "secret"
	p.start(t, b, backend, flags)
}

func (p *OAuth2Proxy) start(t testing.TB, b *build.Builder, backend string, flags []string) {
	t.Helper()
	p.server, p.to, p.flags, p.secret = newServer(t, b, build.OAuth2Proxy()), backend, flags, CookieSecret()
	p.run()
}

// Restart ends it and starts it anew with another cookie secret: nobody's session is good any more.
func (p *OAuth2Proxy) Restart() {
	p.server.t.Helper()
	p.Relay.Down(true)
	p.server.stop()
	p.secret = CookieSecret()
	p.run()
}

func (p *OAuth2Proxy) run() {
	p.server.t.Helper()
	flags := p.flags
	if !slices.ContainsFunc(flags, func(flag string) bool { return strings.HasPrefix(flag, "--authenticated-emails-file") }) {
		flags = append([]string{"--email-domain=*"}, flags...)
	}
	p.Relay.To(p.server.start("/ping", func(address string) []string {
		return append([]string{
			"--provider=oidc", "--oidc-issuer-url=" + p.issuer, "--client-id=" + ClientID, "--client-secret=" + p.client,
			"--redirect-url=" + p.Callback(), "--http-address=" + address, "--upstream=" + p.to,
			"--cookie-secret=" + p.secret, "--cookie-secure=false", "--code-challenge-method=S256", "--insecure-oidc-skip-nonce=false",
			// Its default, force, has Dex ask for consent each time, whatever Dex is told.
			"--approval-prompt=auto",
		}, flags...)
	}))
}

// CookieSecret is a new secret for cookies, as oauth2-proxy wants it.
func CookieSecret() string {
	return base64.RawURLEncoding.EncodeToString([]byte(rand.Text() + rand.Text())[:32])
}

// Htpasswd writes a file of passwords with these accounts.
func Htpasswd(t testing.TB, users ...User) string {
	t.Helper()
	var lines strings.Builder
	for _, u := range users {
		sum := sha1.Sum([]byte(u.Password)) //nolint:gosec // of htpasswd
		lines.WriteString(u.Email + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n")
	}
	file := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
