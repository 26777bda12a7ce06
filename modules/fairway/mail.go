package fairway

import (
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// resolveMail replaces the placeholders of the mail server, and reads the files that it needs.
func (a *App) resolveMail() error {
	if a.Mail == nil {
		return nil
	}
	var err error
	if a.mail, err = a.Mail.Resolve(Resolve); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

// MailConfig says by which server mail is sent, to a module that is being provisioned: for mail.New, with its password in it.
// The zero value writes letters to the log.
func (a *App) MailConfig() mail.Config { return a.mail }

// parseMail reads:
//
//	mail [smtp://<host>[:<port>] | smtps://<host>[:<port>]] {
//		from       <address>
//		public_url <https URL>
//		username   <name> | {env.X}
//		password   {env.X} | {file./path}
//		tls        starttls | implicit | off
//		ca         <file>
//		templates  <folder>
//	}
func parseMail(d *caddyfile.Dispenser, app *App) error {
	const usage = "mail smtp://mail.example.org { from no-reply@example.org }"
	if app.Mail != nil {
		return d.Err("mail is there twice")
	}
	m := new(mail.Config)
	app.Mail = m
	args := d.RemainingArgs()
	if len(args) > 1 || len(args) == 1 && args[0] == "" {
		return d.Errf("mail takes the address of one server: %s", usage)
	}
	if len(args) == 1 {
		m.URL = args[0]
		if err := m.CheckWords(); err != nil {
			return d.WrapErr(err)
		}
	}
	here := *d // where the word is
	words := map[string]*string{
		"from": &m.From, "public_url": &m.PublicURL, "username": &m.Username, "password": &m.Password, "tls": &m.TLS, "ca": &m.CA, "templates": &m.Templates,
	}
	for d.NextBlock(1) {
		word := d.Val()
		to, known := words[word]
		if !known {
			return d.Errf("mail has no word %s%s", word, wrap.Suggest(word, []string{"from", "public_url", "username", "password", "tls", "ca", "templates"}))
		}
		args := d.RemainingArgs()
		switch {
		case *to != "":
			return d.Errf("%s is there twice", word)
		case len(args) != 1 || args[0] == "":
			return d.Errf("%s takes one value", word)
		}
		*to = args[0]
		if err := m.CheckWords(); err != nil {
			return d.WrapErr(err)
		}
		if d.NextBlock(2) {
			return d.Errf("%s takes no block", word)
		}
	}
	if *m == (mail.Config{}) {
		return here.Errf("mail needs a server, or says where links lead: %s", usage)
	}
	if err := m.Check(); err != nil {
		return here.WrapErr(err)
	}
	return nil
}
