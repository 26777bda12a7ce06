package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// sent is a transport that keeps what is sent.
type sent struct{ header http.Header }

func (s *sent) RoundTrip(r *http.Request) (*http.Response, error) {
	s.header = r.Header
	return nil, errors.New("nobody is there")
}

// secretFile gives the placeholder of a file with this text.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "{file." + name + "}"
}

func TestBasicSends(t *testing.T) {
	t.Parallel()
	fixed := &Basic{User: "svc-" + secretFile(t, "eu\n"), Password: secretFile(t, "pä:ss wörd\r\n")}
	if err := fixed.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	if fixed.PerCaller() || !fixed.ServiceAccount() || fixed.Mode() != session.ModeNone {
		t.Error("fixed credentials are taken for the caller's")
	}
	own := new(Basic)
	if err := own.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	if !own.PerCaller() || own.ServiceAccount() || own.Mode() != session.ModeBasic {
		t.Error("the caller's credentials are taken for fixed ones")
	}
	for name, test := range map[string]struct {
		strategy session.Strategy
		caller   session.Caller
		want     string // before base64; "-" is no header
	}{
		"fixed":                   {fixed, session.Caller{}, "svc-eu:pä:ss wörd"},
		"fixed, not the caller's": {fixed, session.Caller{User: "ann", Password: "a", Basic: true}, "svc-eu:pä:ss wörd"},
		"the caller's":            {own, session.Caller{User: "ann", Password: "a", Basic: true}, "ann:a"},
		"colons in a password":    {own, session.Caller{User: "ann", Password: ":a::", Basic: true}, "ann::a::"},
		"no password":             {own, session.Caller{User: "token", Basic: true}, "token:"},
		"no user":                 {own, session.Caller{Password: "token", Basic: true}, ":token"},
		"bytes of latin-1":        {own, session.Caller{User: "j\xfcrgen", Password: "\xe9", Basic: true}, "j\xfcrgen:\xe9"},
		"line ends":               {own, session.Caller{User: "ann\r\nX-Admin: 1", Password: "\x00", Basic: true}, "ann\r\nX-Admin: 1:\x00"},
		"none":                    {new(None), session.Caller{User: "ann", Password: "a", Basic: true}, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := new(sent)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if res, err := test.strategy.RoundTrip(r, test.caller, s); err == nil {
				t.Fatalf("the error of the transport is lost: %v", res)
			}
			want := []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(test.want))}
			if test.want == "-" {
				want = nil
			}
			if got := s.header["Authorization"]; strings.Join(got, ",") != strings.Join(want, ",") {
				t.Errorf("sent %q, want %q", got, want)
			}
			if len(s.header) > 1 {
				t.Errorf("more is sent: %v", s.header)
			}
		})
	}
}

// TestBasicRefused gives what no provisioning accepts, as JSON.
func TestBasicRefused(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		raw, err := json.Marshal(secretFile(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for name, test := range map[string]struct{ config, err string }{
		"no password":            {`{"user":"svc"}`, "need both a user and a password"},
		"no user":                {`{"password":"{env.X}"}`, "need both a user and a password"},
		"a password to read":     {`{"user":"svc","password":"hunter2"}`, "must not stand in the configuration"},
		"a password of a header": {`{"user":"svc","password":"{http.request.header.X}"}`, "must not stand in the configuration"},
		"an unset variable":      {`{"user":"svc","password":"{env.FAIRWAY_TEST_IS_NOT_SET}"}`, "password {env.FAIRWAY_TEST_IS_NOT_SET} is not set or empty"},
		"an unset user":          {`{"user":"{env.FAIRWAY_TEST_IS_NOT_SET}","password":` + file("x") + `}`, "user {env.FAIRWAY_TEST_IS_NOT_SET} is not set or empty"},
		"no such file":           {`{"user":"svc","password":"{file./nowhere/x}"}`, "password {file./nowhere/x} cannot be read: no such file"},
		"an empty file":          {`{"user":"svc","password":` + file("\n") + `}`, "is not set or empty"},
		"a colon":                {`{"user":"a:b","password":` + file("x") + `}`, `the user "a:b" has a colon`},
		"a colon in a file":      {`{"user":` + file("a:b") + `,"password":` + file("x") + `}`, "the user has a colon"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := new(Basic).CaddyModule().New().(*Basic)
			if err := json.Unmarshal([]byte(test.config), b); err != nil {
				t.Fatal(err)
			}
			err := b.Provision(caddy.Context{})
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Fatalf("the error is %v, want %q", err, test.err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

// TestSecretsStayOut checks that resolved credentials are in no JSON of the module.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	b := &Basic{User: "svc", Password: secretFile(t, "hunter2")}
	if err := b.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "hunter2") || !strings.Contains(string(raw), `"user":"svc"`) {
		t.Errorf("the JSON is %s", raw)
	}
}

func TestCaddyfile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want, err string }{
		"caller's":       {"basic", `{}`, ""},
		"fixed":          {"basic {env.USER} {env.PASSWORD}", `{"user":"{env.USER}","password":"{env.PASSWORD}"}`, ""},
		"one":            {"basic ann", "", "or a user and a password"},
		"three":          {"basic a b c", "", "or a user and a password"},
		"a block":        {"basic {\nuser x\n}", "", "auth basic has no word user"},
		"none":           {"none", `{}`, ""},
		"none with more": {"none x", "", "auth none takes nothing more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m caddyfile.Unmarshaler = new(Basic)
			if strings.HasPrefix(test.text, "none") {
				m = new(None)
			}
			err := m.UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.text))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("the error is %v, want %q", err, test.err)
				}
				return
			}
			raw, jsonErr := json.Marshal(m)
			if err != nil || jsonErr != nil || string(raw) != test.want {
				t.Errorf("%s (%v, %v), want %s", raw, err, jsonErr, test.want)
			}
		})
	}
}

// TestCallers asks a service whose backend wants the caller's own credentials, with headers as clients send them.
func TestCallers(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join(r.Header["Authorization"], ","))
	}))
	t.Cleanup(backend.Close)
	cfg := &wrap.Config{
		Prefixes: []string{"/s"},
		Metadata: wrap.Metadata{Version: "1.0.0", Repository: "https://example.org/source", Description: "A service"},
		Backends: []wrap.Backend{{Addresses: []string{backend.URL}, Auth: new(Basic)}},
		Routes:   []wrap.Route{{Method: "GET", Pattern: "/x", Fetches: []wrap.Fetch{{Target: "/x", Decoder: new(lines.PlainText), Format: "text"}}}},
	}
	pools := func(c upstream.Config) (*upstream.Backend, func(), error) {
		b, err := upstream.New(c, upstream.Options{})
		if err != nil {
			return nil, nil, err
		}
		return b, b.Close, nil
	}
	s, err := wrap.Compile(cfg, wrap.Deps{Backend: pools})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	basic := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, test := range map[string]struct {
		sent []string
		want string // what the backend is sent, before base64; "" is a 401
	}{
		"usual":                {[]string{"Basic " + basic("ann:pw")}, "ann:pw"},
		"scheme in lower case": {[]string{"basic " + basic("ann:pw")}, "ann:pw"},
		"colons":               {[]string{"Basic " + basic("ann:p:w:")}, "ann:p:w:"},
		"no password":          {[]string{"Basic " + basic("token:")}, "token:"},
		"no user":              {[]string{"Basic " + basic(":pw")}, ":pw"},
		"UTF-8":                {[]string{"Basic " + basic("jürgen:größe")}, "jürgen:größe"},
		"none":                 {nil, ""},
		"empty":                {[]string{""}, ""},
		"scheme alone":         {[]string{"Basic"}, ""},
		"nothing behind it":    {[]string{"Basic "}, ""},
		"two spaces":           {[]string{"Basic  " + basic("ann:pw")}, ""},
		"no colon":             {[]string{"Basic " + basic("ann")}, ""},
		"no base64":            {[]string{"Basic ann:pw"}, ""},
		"without padding":      {[]string{"Basic " + strings.TrimRight(basic("ann:pw1"), "=")}, ""},
		"more behind it":       {[]string{"Basic " + basic("ann:pw") + ", Bearer x"}, ""},
		"another scheme":       {[]string{"Bearer " + basic("ann:pw")}, ""},
		"two headers":          {[]string{"Basic " + basic("ann:pw"), "Basic " + basic("bob:pw")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/s/x", nil)
			r.Header["Authorization"] = test.sent
			w := httptest.NewRecorder()
			if !s.Serve(w, r, "abc", nil) {
				t.Fatal("the request is not the service's")
			}
			if test.want == "" {
				if w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic realm=") {
					t.Errorf("status %d, WWW-Authenticate %q: %s", w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
				}
				return
			}
			if want := `"Basic ` + basic(test.want) + `"`; w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want {
				t.Errorf("status %d, the backend is sent %s, want %s", w.Code, w.Body, want)
			}
		})
	}
}
