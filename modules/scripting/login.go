package scripting

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/client"
)

func loginCommand() caddycmd.Command {
	return command.Single("login", "Logs in to a gateway, for the commands script and execution", `
Logs in to a gateway with an e-mail address and a password, and keeps the login in the file
fairway/logins.json of the user's configuration directory, which he alone can read. On a
terminal both are asked for, and the password is not shown; else the password is the first
line of standard input, or of --password-file.
`+exitCodes, func(f *pflag.FlagSet) {
		options(f)
		f.String("email", "", "E-mail address of the user")
		command.PasswordFlag(f)
	}, judged(logIn))
}

func logoutCommand() caddycmd.Command {
	return command.Single("logout", "Logs out from a gateway", `
Ends the login at a gateway, and forgets it here. With --all every login of the user ends,
on all machines.
`+exitCodes, func(f *pflag.FlagSet) {
		options(f)
		f.Bool("all", false, "End all logins of the user, on all machines")
	}, judged(logOut))
}

// loggedIn is what login prints.
type loggedIn struct {
	URL     string    `json:"url"`
	Email   string    `json:"email"`
	User    string    `json:"user_id"`
	Expires time.Time `json:"expires_at"`
}

// Text implements command.Report.
func (l loggedIn) Text(w io.Writer) error {
	return command.Line(w, "logged in to %s as %s", l.URL, l.Email)
}

func logIn(ctx context.Context, c *command.Call) (command.Report, error) {
	p, err := find(c, usualURL)
	if err != nil {
		return nil, err
	}
	bare, err := p.made(p.options)
	if err != nil {
		return nil, err
	}
	defer bare.Close()
	email, err := c.Flags().GetString("email")
	if err != nil {
		return nil, err
	}
	if email == "" {
		if email, err = c.Ask(ctx, "E-mail address at "+p.origin+":", "login needs --email"); err != nil {
			return nil, err
		}
	}
	if email == "" {
		return nil, command.Usagef("no address was typed")
	}
	password, err := c.Password(ctx, email)
	if err != nil {
		return nil, err
	}
	login, err := bare.LogIn(ctx, email, password, time.Now().UTC())
	if no, is := errors.AsType[*client.Error](err); is && no.Status == 401 {
		return nil, &command.Error{Code: command.Login, Err: no}
	}
	if err != nil {
		return nil, err
	}
	login.CA, login.AllowHTTP = p.options.CA, p.options.AllowHTTP
	file, err := logins()
	if err != nil {
		return nil, err
	}
	if err := file.Keep(ctx, login); err != nil {
		return nil, err
	}
	return loggedIn{URL: login.URL, Email: login.Email, User: login.User, Expires: login.Expires}, nil
}

// loggedOut is what logout prints.
type loggedOut struct {
	URL string `json:"url"`
	All bool   `json:"all"`
}

// Text implements command.Report.
func (l loggedOut) Text(w io.Writer) error {
	if l.All {
		return command.Line(w, "all logins at %s have ended", l.URL)
	}
	return command.Line(w, "logged out from %s", l.URL)
}

func logOut(ctx context.Context, c *command.Call) (command.Report, error) {
	p, err := find(c, "")
	if err != nil {
		return nil, err
	}
	if p.login.URL == "" {
		return nil, &client.LoginError{Origin: cmp.Or(p.origin, usualURL)}
	}
	p.token = "" // the login is ended, not a token of a program
	out := loggedOut{URL: p.origin}
	if out.All, err = c.Flags().GetBool("all"); err != nil {
		return nil, err
	}
	gateway, err := p.client()
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	told := gateway.LogOut(ctx, p.login, out.All)
	if _, ended := errors.AsType[*client.LoginError](told); ended && !out.All {
		told = nil // there is nothing to be ended any more
	}
	file, err := logins()
	if err != nil {
		return nil, errors.Join(told, err)
	}
	// Whatever the gateway says: who logs out wants the tokens to be gone from here.
	if err := file.Forget(context.WithoutCancel(ctx), p.origin); err != nil {
		return nil, errors.Join(told, err)
	}
	if told != nil {
		return nil, command.Failf("the login was forgotten here, but the gateway was not told: %w", told)
	}
	return out, nil
}

// here is the directory of an argument, "." without one.
func here(args []string) string {
	if len(args) > 0 {
		return filepath.Clean(args[0])
	}
	return "."
}

// isDirectory says whether something is one.
func isDirectory(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
