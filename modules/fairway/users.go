package fairway

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

// Users is what holds for some of the users of the store.
type Users struct {
	// Protected are the e-mail addresses of users whom nobody can delete by the control API, not even they themselves. At most 100;
	// case does not count, and that there is such a user is not needed. All gateways that share a store have the same. Default none.
	Protected []string `json:"protected,omitempty"`
}

// mostProtected is how many users may be protected.
const mostProtected = 100

func (u *Users) check() error {
	if len(u.Protected) > mostProtected {
		return fmt.Errorf("at most %d users are protected", mostProtected)
	}
	for i, address := range u.Protected {
		if _, err := mail.CheckAddress(address); err != nil {
			return fmt.Errorf("protected takes addresses of users: %w", err)
		}
		if slices.ContainsFunc(u.Protected[:i], func(other string) bool { return queries.Key(other) == queries.Key(address) }) {
			return fmt.Errorf("%s is protected twice", address)
		}
	}
	return nil
}

// config is what a realm is told.
func (u *Users) config() accounts.DirectoryConfig {
	if u == nil {
		return accounts.DirectoryConfig{}
	}
	return accounts.DirectoryConfig{Protected: u.Protected}
}

// parseUsers reads:
//
//	users {
//		protected <address>...
//	}
func parseUsers(d *caddyfile.Dispenser, app *App) error {
	if app.Users != nil {
		return d.Err("users is there twice")
	}
	u := new(Users)
	app.Users = u
	if d.NextArg() {
		return d.Err("users takes nothing on its line; write: users { protected ann@example.org }")
	}
	for d.NextBlock(1) {
		switch word := d.Val(); word {
		case "protected":
			if u.Protected != nil {
				return d.Err("protected is there twice; it takes several addresses")
			}
			if u.Protected = d.RemainingArgs(); len(u.Protected) == 0 {
				return d.Err("protected takes at least one address, like ann@example.org")
			}
			if err := u.check(); err != nil {
				return d.WrapErr(err)
			}
			if d.NextBlock(2) {
				return d.Err("protected takes no block")
			}
		default:
			return d.Errf("users has no word %s%s", word, wrap.Suggest(word, []string{"protected"}))
		}
	}
	return nil
}
