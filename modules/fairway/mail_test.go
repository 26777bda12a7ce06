package fairway

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/modules/control/mail"
)

func TestParseMail(t *testing.T) {
	t.Parallel()
	const from, public = "from no-reply@example.org\n", "public_url https://gateway.example.org\n"
	for name, test := range map[string]struct{ text, want, err string }{
		"a server": {
			"mail smtp://mail.example.org {\n" + from + public + "}",
			`{"mail":{"url":"smtp://mail.example.org","from":"no-reply@example.org","public_url":"https://gateway.example.org"}}`, "",
		},
		"every word": {
			"mail {env.SMTP} {\nfrom \"Fairway <a@example.org>\"\n" + public + "username {env.U}\npassword {file./p}\ntls starttls\nca /ca.pem\ntemplates /t\n}",
			`{"mail":{"url":"{env.SMTP}","from":"Fairway \u003ca@example.org\u003e","username":"{env.U}","password":"{file./p}","tls":"starttls","ca":"/ca.pem","templates":"/t","public_url":"https://gateway.example.org"}}`, "",
		},
		"no server":      {"mail {\npublic_url http://localhost:8443\n}", `{"mail":{"public_url":"http://localhost:8443"}}`, ""},
		"nothing":        {"mail", "", "mail needs a server"},
		"an empty block": {"mail {\n}", "", "mail needs a server"},
		"two servers":    {"mail smtp://a smtp://b", "", "one server"},
		"twice":          {"mail {\n" + from + "}\nmail {\n" + from + "}", "", "mail is there twice"},
		"another scheme": {"mail http://mail.example.org", "", "is no mail server"},
		"no sender":      {"mail smtp://a {\n" + public + "}", "", "needs a sender"},
		"no public URL":  {"mail smtp://a {\n" + from + "}", "", "public_url"},
		"misspelt":       {"mail smtp://a {\nform a@b\n}", "", `did you mean "from"?`},
		"a word twice":   {"mail smtp://a {\n" + from + from + "}", "", "from is there twice"},
		"two values":     {"mail smtp://a {\nfrom a@b c@d\n}", "", "from takes one value"},
		"no value":       {"mail smtp://a {\nfrom\n}", "", "from takes one value"},
		"a block":        {"mail smtp://a {\nfrom a@b {\nx\n}\n}", "", "from takes no block"},
		"a password":     {"mail smtp://a {\nusername walter\npassword s3cret\n}", "", "{env.X} or {file./path}"},
		"in the clear":   {"mail smtp://a {\npassword {env.X}\nusername walter\ntls off\n}", "", "in the clear"},
	} {
		got, err := parseOption(caddyfile.NewTestDispenser("fairway {\n"+test.text+"\n}"), nil)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if app := got.(httpcaddyfile.App); string(app.Value) != test.want {
			t.Errorf("%s: %s", name, app.Value)
		}
	}
}

// TestMailIsResolvedWhenTheConfigurationIsLoaded has a password that is not set.
func TestMailIsResolvedWhenTheConfigurationIsLoaded(t *testing.T) {
	t.Setenv("FAIRWAY_TEST_PASSWORD", "s3cret")
	app := App{Mail: &mail.Config{URL: "smtps://mail.example.org", From: "a@example.org", PublicURL: "https://example.org/", Username: "walter", Password: "{env.FAIRWAY_TEST_PASSWORD}"}}
	if err := app.resolveMail(); err != nil || app.MailConfig().Password != "s3cret" || app.MailConfig().PublicURL != "https://example.org" || app.Mail.Password != "{env.FAIRWAY_TEST_PASSWORD}" {
		t.Errorf("%+v, %v", app.MailConfig(), err)
	}
	app.Mail.Password = "{env.FAIRWAY_TEST_NOT_SET}"
	if err := app.resolveMail(); err == nil || !strings.Contains(err.Error(), "mail: password: {env.FAIRWAY_TEST_NOT_SET} is not set") {
		t.Error(err)
	}
	if err := (&App{}).resolveMail(); err != nil || (&App{}).MailConfig() != (mail.Config{}) {
		t.Error(err)
	}
}
