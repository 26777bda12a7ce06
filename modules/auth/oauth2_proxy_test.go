package auth

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// TestOAuth2ProxyTells what metadata and callers are told, before anything is provisioned.
func TestOAuth2ProxyTells(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		mode session.Mode
		own  bool
	}{
		`{}`:                   {session.ModeBitlyProxy, true},
		`{"strategy":"basic"}`: {session.ModeBitlyProxy, true},
		`{"account":{"user":"svc","password":"{env.X}"}}`:                    {session.ModeNone, false},
		`{"strategy":"basic","account":{"user":"svc","password":"{env.X}"}}`: {session.ModeNone, false},
	} {
		o := new(OAuth2Proxy)
		if err := json.Unmarshal([]byte(text), o); err != nil {
			t.Fatal(err)
		}
		if err := o.Check(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if o.Mode() != want.mode || o.PerCaller() != want.own || o.ServiceAccount() == want.own {
			t.Errorf("%s: %s, per caller %v", text, o.Mode(), o.PerCaller())
		}
	}
	f := &Form{Login: "/login"}
	if f.Mode() != session.ModeBasic || !f.PerCaller() || f.ServiceAccount() {
		t.Error("a form of the caller's")
	}
	f.Account = new(Account)
	if f.Mode() != session.ModeNone || f.PerCaller() || !f.ServiceAccount() {
		t.Error("a form of an account")
	}
}

// TestOAuth2ProxyRefuses configurations, in JSON as in a Caddyfile, without telling secrets.
func TestOAuth2ProxyRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"strategy":"oauth"}`:                            "strategy is login_form",
		`{"account":{"user":"svc","password":"hunter2"}}`: "a password must not stand in the configuration",
		`{"account":{"user":"svc"}}`:                      "account needs a user and a password",
		`{"session_ttl":"9h"}`:                            "session_ttl is at most 8h",
		`{"login_timeout":"6m"}`:                          "login_timeout is at most 5m",
		`{"retry_on":[204]}`:                              "204 is no status",
		`{"login_origins":["http://login.example"]}`:      "must be https",
		`{"start":"http://sso.example/start"}`:            "https only",
		`{"strategy":"basic","start":"/x"}`:               "has no use for a start",
		`{"strategy":"password_grant"}`:                   "needs the token endpoint",
		`{"strategy":"password_grant","token_url":"{env.X}","client":{"id":"a","secret":"hunter2"}}`:   "a client secret must not stand",
		`{"strategy":"password_grant","token_url":"https://x.example/","client":{"secret":"{env.X}"}}`: "client needs an id",
		`{"account":{"user":"svc","password":"{env.NOT_SET_ANYWHERE}"}}`:                               "account: password {env.NOT_SET_ANYWHERE}",
		`{"start":"{env.NOT_SET_ANYWHERE}"}`:                                                           "start: {env.NOT_SET_ANYWHERE}",
		`{"login_origins":["{env.NOT_SET_ANYWHERE}"]}`:                                                 "login_origins: {env.NOT_SET_ANYWHERE}",
		`{"extra_fields":[{"name":"a","value":"{env.NOT_SET_ANYWHERE}"}]}`:                             "extra_fields: a: {env.NOT_SET_ANYWHERE}",
	} {
		o := new(OAuth2Proxy)
		if err := json.Unmarshal([]byte(text), o); err != nil {
			t.Fatal(err)
		}
		err := o.Provision(caddy.Context{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		`{}`:                                          "the login page is needed",
		`{"login":"login"}`:                           "start: must be a path",
		`{"login":"/login","redirect":"x"}`:           "no path to be redirected to",
		`{"login":"/login","challenge":[99]}`:         "99 is no status",
		`{"login":"{env.NOT_SET_ANYWHERE}"}`:          "login page: {env.NOT_SET_ANYWHERE}",
		`{"login":"/login","account":{"user":"svc"}}`: "account needs a user and a password",
	} {
		f := new(Form)
		if err := json.Unmarshal([]byte(text), f); err != nil {
			t.Fatal(err)
		}
		if err := f.Provision(caddy.Context{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestOAuth2ProxyBasic sends the credentials with each request.
func TestOAuth2ProxyBasic(t *testing.T) {
	t.Parallel()
	account := &Account{User: "svc", Password: secretFile(t, "a:b")}
	for want, a := range map[string]*Account{"ann:right": nil, "svc:a:b": account} {
		o := &OAuth2Proxy{Strategy: "basic", Account: a}
		if err := o.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		if err := o.Bind(session.Backend{}); err != nil {
			t.Fatal(err)
		}
		s := new(sent)
		_, _ = o.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil), session.Caller{User: "ann", Password: "right", Basic: true}, s)
		if got := s.header.Get("Authorization"); got != "Basic "+base64.StdEncoding.EncodeToString([]byte(want)) {
			t.Errorf("%q", got)
		}
	}
}

// TestUnbound sends nothing without a backend.
func TestUnbound(t *testing.T) {
	t.Parallel()
	s := new(sent)
	if _, err := new(OAuth2Proxy).RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil), session.Caller{}, s); err == nil || s.header != nil {
		t.Errorf("%v %v", err, s.header)
	}
}
