package auth

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// UnmarshalCaddyfile reads:
//
//	auth oauth2_proxy [<start>] {
//		strategy       login_form | htpasswd_form | password_grant | basic
//		account        <user> <password>
//		login_origins  <origin>...
//		username_field <name>
//		password_field <name>
//		extra_fields   { <name> <value> }
//		consent        approve | refuse
//		token_url      <url>
//		client         <id> [<secret>]
//		scope          <scope>...
//		retry_on       challenge | <status>...
//		session_ttl    <duration>
//		login_timeout  <duration>
//	}
func (o *OAuth2Proxy) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	switch {
	case len(n.Args) > 1:
		return caddyfiles.Errorf(n.Args[1], "auth oauth2_proxy takes the start of a login and nothing more on its line: auth oauth2_proxy /oauth2/start")
	case len(n.Args) == 1:
		o.Start = n.Args[0].Text
		if err := checkStart(n.Args[0]); err != nil {
			return err
		}
	}
	words := lifeWords(&o.Life)
	maps.Copy(words, map[string]caddyfiles.Word{
		"strategy":       textWord("strategy login_form", &o.Strategy),
		"account":        accountWord(&o.Account),
		"login_origins":  listWord("login_origins https://login.example.org", &o.LoginOrigins),
		"username_field": textWord("username_field login", &o.UsernameField),
		"password_field": textWord("password_field password", &o.PasswordField),
		"extra_fields":   fieldsWord(&o.ExtraFields),
		"consent":        textWord("consent approve", &o.Consent),
		"token_url":      textWord("token_url https://login.example.org/oauth2/token", &o.TokenURL),
		"client":         {Parse: o.client},
		"scope":          listWord("scope openid email", &o.Scopes),
		"retry_on":       {Parse: o.retryOn},
	})
	return caddyfiles.Words{Owner: "auth oauth2_proxy", Known: words}.Parse(n)
}

// checkStart finds a strategy in the place of the start.
func checkStart(t caddyfile.Token) error {
	if slices.Contains([]string{loginForm, htpasswdForm, passwordGrant, passBasic}, t.Text) {
		return caddyfiles.Errorf(t, "%s is a strategy, which stands in the block: auth oauth2_proxy { strategy %s }", t.Text, t.Text)
	}
	return nil
}

// lifeWords are the words of Life.
func lifeWords(l *Life) map[string]caddyfiles.Word {
	return map[string]caddyfiles.Word{
		"session_ttl":   durationWord("session_ttl 1h", &l.SessionTTL),
		"login_timeout": durationWord("login_timeout 20s", &l.LoginTimeout),
	}
}

func (o *OAuth2Proxy) client(n caddyfiles.Node) error {
	if len(n.Args) < 1 || len(n.Args) > 2 || n.HasBlock {
		return n.Errorf("client takes an id and, unless it is a public one, a secret: client fairway {env.CLIENT_SECRET}")
	}
	o.Client = &Client{ID: n.Args[0].Text}
	if len(n.Args) == 2 {
		o.Client.Secret = n.Args[1].Text
	}
	return nil
}

// retryOn reads: retry_on challenge | <status>...
func (o *OAuth2Proxy) retryOn(n caddyfiles.Node) error {
	if len(n.Args) == 1 && n.Args[0].Text == "challenge" && !n.HasBlock {
		return nil
	}
	var err error
	o.RetryOn, err = statuses(n, "retry_on challenge, or retry_on 401 403")
	return err
}

// statuses reads the arguments of a word as statuses.
func statuses(n caddyfiles.Node, usage string) ([]int, error) {
	if len(n.Args) == 0 || n.HasBlock {
		return nil, n.Errorf("%s takes statuses; write: %s", n.Word.Text, usage)
	}
	var out []int
	for _, t := range n.Args {
		status, err := strconv.Atoi(t.Text)
		if err != nil {
			return nil, caddyfiles.Errorf(t, "%s takes statuses, not %q; write: %s", n.Word.Text, t.Text, usage)
		}
		if slices.Contains(out, status) {
			return nil, caddyfiles.Errorf(t, "%d is there twice in %s", status, n.Word.Text)
		}
		out = append(out, status)
	}
	return out, nil
}

// checkStatuses refuses statuses that are no failures, or mean no session.
func checkStatuses(list []int) error {
	for _, s := range list {
		if s < 300 || s > 599 {
			return fmt.Errorf("%d is no status by which a backend asks for a login; use 300 to 599, as 401 and 403", s)
		}
	}
	return nil
}

// Interface guards.
var (
	_ session.HeaderSetter  = (*OAuth2Proxy)(nil)
	_ session.Bound         = (*OAuth2Proxy)(nil)
	_ caddy.Provisioner     = (*OAuth2Proxy)(nil)
	_ caddy.CleanerUpper    = (*OAuth2Proxy)(nil)
	_ caddyfile.Unmarshaler = (*OAuth2Proxy)(nil)
)
