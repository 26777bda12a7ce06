package wrap

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// withAuth is a service of one backend.
func withAuth(b Backend, fetch ...Header) *Config {
	return &Config{
		Prefixes: []string{"/s"},
		Metadata: Metadata{Version: "1.0.0", Repository: "https://example.org/source", Description: "A service"},
		Backends: []Backend{b},
		Routes:   []Route{{Method: http.MethodGet, Pattern: "/x", Fetches: []Fetch{{Target: "/x", Header: fetch, Decoder: new(lines.PlainText), Format: "text"}}}},
	}
}

// TestAuthSaidTwice refuses configurations of which one half would silently win.
func TestAuthSaidTwice(t *testing.T) {
	t.Parallel()
	secure := []string{"https://a.example.org"}
	key := []Header{{Name: "x-api-key", Value: "{header.X}"}}
	token := []Header{{Name: "authorization", Value: "Bearer x"}}
	pair := session.Certificate{Chain: "c.pem", Key: "k.pem"}
	for name, c := range map[string]struct {
		backend   Backend
		fetch     []Header
		path, err string
	}{
		"another header":         {Backend{Addresses: secure, Auth: session.Header{Name: "X-Api-Key", Value: "k"}}, token, "", ""},
		"header of a fetch":      {Backend{Addresses: secure, Auth: session.Header{Name: "X-Api-Key", Value: "k"}}, key, "routes/0/fetches/0/header/0", "auth sets X-Api-Key already"},
		"header of a backend":    {Backend{Addresses: secure, Auth: session.Header{Name: "X-Api-Key", Value: "k"}, Header: []Header{{Name: "x-api-key", Value: "z"}}}, nil, "backends/0/header/0", "auth sets X-Api-Key already"},
		"bearer":                 {Backend{Addresses: secure, Auth: session.Bearer{Token: "t"}}, token, "routes/0/fetches/0/header/0", "auth sets Authorization already"},
		"bearer, of a backend":   {Backend{Addresses: secure, Auth: session.Bearer{Token: "t"}, Header: token}, nil, "backends/0/header/0", "auth sets Authorization already"},
		"basic of a service":     {Backend{Addresses: secure, Auth: session.Basic{User: "u", Password: "p"}, Header: token}, nil, "backends/0/header/0", "auth sets Authorization already"},
		"certificate and header": {Backend{Addresses: secure, Auth: pair, Header: token}, nil, "", ""},
		"two certificates":       {Backend{Addresses: secure, Auth: pair, TLS: TLS{ClientCertificate: "d.pem", ClientKey: "l.pem"}}, nil, "backends/0/auth", "so does client_certificate in tls"},
		"certificate without":    {Backend{Addresses: []string{"http://a", "unix//run/b.sock"}, Auth: pair}, nil, "backends/0/auth", "the backend has none"},
		"certificate for one":    {Backend{Addresses: []string{"http://a", "https://b"}, Auth: pair}, nil, "", ""},
		"address of environment": {Backend{Addresses: []string{"{env.URL}"}, Auth: pair, TLS: TLS{ServerName: "x"}}, nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Compile(withAuth(c.backend, c.fetch...), Deps{})
			if c.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				s.Close()
				return
			}
			e, ok := err.(*ConfigError) //nolint:errorlint // as it is documented
			if !ok || e.Path != c.path || !strings.Contains(e.Msg, c.err) {
				t.Errorf("the error is %#v", err)
			}
		})
	}
}

// TestAuthCertificate checks that the connections are made with what auth shows.
func TestAuthCertificate(t *testing.T) {
	t.Parallel()
	var got upstream.Config
	b := Backend{Addresses: []string{"https://a.example.org"}, Auth: session.Certificate{Chain: "c.pem", Key: "k.pem"}}
	s, err := Compile(withAuth(b), Deps{Backend: func(c upstream.Config) (*upstream.Backend, func(), error) {
		got = c
		return nil, func() {}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if got.TLS.ClientCertificateFile != "c.pem" || got.TLS.ClientKeyFile != "k.pem" {
		t.Errorf("the connections have %+v", got.TLS)
	}
	if b.TLS.ClientCertificate != "" {
		t.Error("the configuration was changed")
	}
}

// bound keeps what it is told.
type bound struct {
	session.None

	backend session.Backend
	err     error
}

func (b *bound) Bind(to session.Backend) error {
	b.backend = to
	return b.err
}

// TestAuthBound tells a strategy of its backend, but not while a configuration is only checked.
func TestAuthBound(t *testing.T) {
	t.Parallel()
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Redirect(w, new(http.Request), "http://elsewhere.invalid/", http.StatusFound)
	}))
	t.Cleanup(idp.Close)
	auth := new(bound)
	config := func(auth session.Strategy) *Config {
		return withAuth(Backend{Addresses: []string{"https://a.example.org"}, Auth: auth})
	}
	pools := Deps{Backend: func(upstream.Config) (*upstream.Backend, func(), error) { return nil, func() {}, nil }}
	s, err := Compile(config(auth), pools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if got := auth.backend; got.Service != "s" || len(got.Addresses) != 1 || got.Addresses[0] != "https://a.example.org" {
		t.Errorf("it is told %+v", got)
	}
	req := httptest.NewRequest(http.MethodGet, idp.URL, nil)
	req.RequestURI = ""
	resp, err := auth.backend.Elsewhere.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		t.Errorf("the redirect was followed: %d", resp.StatusCode)
	}
	checked := new(bound)
	if s, err = Compile(config(checked), Deps{}); err != nil || checked.backend.Elsewhere != nil {
		t.Errorf("%v, %+v", err, checked.backend)
	}
	s.Close()
	if _, err := Compile(config(&bound{err: errors.New("no store")}), pools); err == nil || !strings.Contains(err.Error(), "no store") {
		t.Errorf("the error is %v", err)
	}
}
