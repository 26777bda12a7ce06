package auth

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// strategy is what every module here is.
type strategy interface {
	caddy.Module
	caddy.Provisioner
	caddyfile.Unmarshaler
	session.Strategy
}

// module makes a module of its mode and JSON.
func module(t *testing.T, mode, config string) strategy {
	t.Helper()
	info, err := caddy.GetModule("fairway.auth." + mode)
	if err != nil {
		t.Fatal(err)
	}
	m := info.New().(strategy)
	if err := json.Unmarshal([]byte(config), m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFixed sends resolved secrets, and has them in no JSON.
func TestFixed(t *testing.T) {
	t.Parallel()
	secret := secretFile(t, "hunter2\n")
	for name, test := range map[string]struct {
		mode, config string
		want         http.Header
	}{
		"bearer":       {"bearer", `{"token":"` + secret + `"}`, http.Header{"Authorization": {"Bearer hunter2"}}},
		"header":       {"header", `{"name":"x-api-key","value":"` + secret + `"}`, http.Header{"X-Api-Key": {"hunter2"}}},
		"header, more": {"header", `{"name":"Authorization","value":"Token token=` + secret + `"}`, http.Header{"Authorization": {"Token token=hunter2"}}},
		"certificate":  {"mtls", `{"certificate":"c.pem","key":"k.pem"}`, http.Header{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := module(t, test.mode, test.config)
			if err := m.Provision(caddy.Context{}); err != nil {
				t.Fatal(err)
			}
			s := new(sent)
			if _, err := m.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil), session.Caller{User: "ann", Password: "pw", Basic: true}, s); err == nil {
				t.Error("the error of the transport is lost")
			}
			if diff := cmp.Diff(test.want, s.header); diff != "" {
				t.Error(diff)
			}
			raw, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.config, string(raw)); diff != "" {
				t.Error(diff)
			}
			if m.PerCaller() || !m.ServiceAccount() || m.Mode() != session.ModeNone {
				t.Error("it is taken for the caller's")
			}
		})
	}
	m := module(t, "mtls", `{"certificate":"c.pem","key":"k.pem"}`)
	if err := m.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	if cert, key := m.(session.Certified).ClientCertificate(); cert != "c.pem" || key != "k.pem" {
		t.Error(cert, key)
	}
}

// TestFixedRefused gives what no provisioning accepts; no error tells a secret.
func TestFixedRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ mode, config, err string }{
		"no token":                {"bearer", `{}`, "a token is needed"},
		"a token to read":         {"bearer", `{"token":"hunter2"}`, "must not stand in the configuration"},
		"a placeholder of Caddy":  {"bearer", `{"token":"{http.request.header.X}hunter2"}`, "must not stand in the configuration"},
		"half a placeholder":      {"bearer", `{"token":"{env.hunter2"}`, "must not stand in the configuration"},
		"an unset token":          {"bearer", `{"token":"{env.FAIRWAY_TEST_IS_NOT_SET}"}`, "{env.FAIRWAY_TEST_IS_NOT_SET} is not set or empty"},
		"a token of two lines":    {"bearer", `{"token":"` + secretFile(t, "hunter2\nX-Admin: 1") + `"}`, "a line's end"},
		"a token with blanks":     {"bearer", `{"token":"` + secretFile(t, " hunter2") + `"}`, "a blank"},
		"no name":                 {"header", `{"value":"{env.X}"}`, "a name and a value are needed"},
		"no value":                {"header", `{"name":"X-Api-Key"}`, "a name and a value are needed"},
		"a name that is none":     {"header", `{"name":"X Api","value":"{env.X}"}`, "is no name of a header"},
		"a name of the framing":   {"header", `{"name":"content-length","value":"{env.X}"}`, "carries no credentials"},
		"a value to read":         {"header", `{"name":"X-Api-Key","value":"hunter2"}`, "must not stand in the configuration"},
		"a value of two lines":    {"header", `{"name":"X-Api-Key","value":"` + secretFile(t, "hunter2\r\nX-Admin: 1") + `"}`, "a line's end"},
		"a value not there":       {"header", `{"name":"X-Api-Key","value":"{file./nowhere/x}"}`, "cannot be read"},
		"half an account":         {"digest", `{"user":"svc"}`, "need both a user and a password"},
		"a password to read":      {"digest", `{"user":"svc","password":"hunter2"}`, "must not stand in the configuration"},
		"a password not there":    {"digest", `{"user":"svc","password":"{file./nowhere/x}"}`, "password {file./nowhere/x} cannot be read"},
		"a user not there":        {"digest", `{"user":"{env.FAIRWAY_TEST_IS_NOT_SET}","password":"` + secretFile(t, "hunter2") + `"}`, "user {env.FAIRWAY_TEST_IS_NOT_SET} is not set"},
		"no certificate":          {"mtls", `{"key":"k.pem"}`, "the files of a certificate and its key are needed"},
		"a certificate to read":   {"mtls", `{"certificate":"-----BEGIN CERTIFICATE-----\nhunter2","key":"k.pem"}`, "is no file"},
		"a key of an environment": {"mtls", `{"certificate":"c.pem","key":"{env.KEY}"}`, "is no file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := module(t, test.mode, test.config).Provision(caddy.Context{})
			if err == nil || !strings.Contains(err.Error(), test.err) || !strings.HasPrefix(err.Error(), "auth "+test.mode+": ") {
				t.Fatalf("the error is %v, want %q", err, test.err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// TestDigest answers a challenge: without what was kept a digest needs two requests.
func TestDigest(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]struct {
		user string
		mode session.Mode
	}{
		`{"user":"svc","password":"` + secretFile(t, "hunter2\n") + `"}`: {"svc", session.ModeNone},
		`{}`: {"ann", session.ModeBasic},
	} {
		m := module(t, "digest", config)
		if err := m.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		backend := challenging(func(r *http.Request) { got = append(got, r.Header.Get("Authorization")) })
		resp, err := m.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil), session.Caller{User: "ann", Password: "pw", Basic: true}, backend)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if len(got) != 2 || got[0] != "" || !strings.HasPrefix(got[1], `Digest username="`+want.user+`", realm="r", nonce="n"`) {
			t.Errorf("sent %q", got)
		}
		caller := want.mode == session.ModeBasic
		if m.Mode() != want.mode || m.PerCaller() != caller || m.ServiceAccount() == caller {
			t.Errorf("%s: the caller's and the gateway's are mixed up", config)
		}
		raw, err := json.Marshal(m)
		if err != nil || string(raw) != config {
			t.Errorf("%s, %v", raw, err)
		}
	}
}

// challenging is a backend that asks for digests and takes any.
type challenging func(*http.Request)

func (c challenging) RoundTrip(r *http.Request) (*http.Response, error) {
	c(r)
	out := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}, Request: r}
	if r.Header.Get("Authorization") == "" {
		out.StatusCode, out.Header = http.StatusUnauthorized, http.Header{"Www-Authenticate": {`Digest realm="r", nonce="n", qop="auth"`}}
	}
	return out, nil
}
