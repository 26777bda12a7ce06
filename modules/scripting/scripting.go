// Package scripting has the commands by which people use scripts from a terminal: login and logout, script, execution, and schedule. They speak
// with a gateway over HTTP, and need neither its configuration nor its store.
package scripting

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/client"
	"github.com/fairway-gateway/fairway/modules/scripting/project"
)

func init() {
	caddycmd.RegisterCommand(loginCommand())
	caddycmd.RegisterCommand(logoutCommand())
	caddycmd.RegisterCommand(scriptGroup())
	caddycmd.RegisterCommand(executionGroup())
	caddycmd.RegisterCommand(scheduleGroup())
}

// usualURL is where the shipped Caddyfile has a gateway be.
const usualURL = "https://localhost:8443"

// Variables of the environment.
const (
	envURL   = "FAIRWAY_URL"
	envToken = "FAIRWAY_TOKEN"
)

const exitCodes = `
The gateway is that of --url, of FAIRWAY_URL, or of the last login. With FAIRWAY_URL and
FAIRWAY_TOKEN, a token of a program, no login is needed.

With --json, what is printed is one JSON document; with --follow, one in each line.

Exit codes: 0 it was done; 1 it failed; 2 the command line or what was sent is at fault;
3 there is no such script, execution or schedule; 4 a login is needed, or it is not allowed; 5 a
build or an execution failed or was cancelled; 130 it was interrupted.
`

func options(f *pflag.FlagSet) {
	f.String("url", "", "Address of the gateway (default: $FAIRWAY_URL, else that of the last login)")
	f.String("ca", "", "File with the certificate of the gateway's authority, in PEM")
	f.Bool("allow-http", false, "Send credentials to another machine unencrypted")
	f.Bool("json", false, "Print JSON")
}

// place is a gateway, and who calls it.
type place struct {
	origin  string
	login   client.Login // where there is one
	options client.Options
	token   string // of the environment
}

// logins is the file with the user's logins.
func logins() (*client.Logins, error) {
	directory, err := os.UserConfigDir()
	if err != nil {
		return nil, fmt.Errorf("finding the directory of logins: %w", err)
	}
	return &client.Logins{Path: filepath.Join(directory, "fairway", "logins.json")}, nil
}

// find finds the gateway that a command is for. usual is taken where nothing names one.
func find(c *command.Call, usual string) (*place, error) {
	f := c.Flags()
	flag, err := f.GetString("url")
	if err != nil {
		return nil, err
	}
	p := &place{}
	fromEnv := os.Getenv(envURL)
	for _, named := range []struct{ what, url string }{{"--url", flag}, {envURL, fromEnv}} {
		if named.url == "" || p.origin != "" {
			continue
		}
		if p.origin, err = client.Origin(named.url); err != nil {
			return nil, command.Usagef("%s: %w", named.what, err)
		}
	}
	file, err := logins()
	if err != nil {
		return nil, err
	}
	if p.login, err = file.Find(p.origin); err != nil {
		if _, none := errors.AsType[*client.LoginError](err); !none {
			return nil, err
		}
	}
	if p.origin == "" {
		p.origin = p.login.URL
	}
	if p.origin == "" {
		p.origin = usual
	}
	p.options = client.Options{URL: p.origin, CA: p.login.CA, AllowHTTP: p.login.AllowHTTP, LocalCA: localCA(), Agent: agent()}
	if ca, err := f.GetString("ca"); err != nil {
		return nil, err
	} else if ca != "" {
		if p.options.CA, err = filepath.Abs(ca); err != nil {
			return nil, err
		}
	}
	if allowed, err := f.GetBool("allow-http"); err == nil && allowed {
		p.options.AllowHTTP = true
	}
	// The token of the environment is for the gateway of the environment, and for no other.
	if token := os.Getenv(envToken); token != "" {
		meant, err := client.Origin(fromEnv)
		if err != nil {
			return nil, command.Usagef("%s needs %s, which says for which gateway it is", envToken, envURL)
		}
		if meant == p.origin {
			p.token = token
		}
	}
	return p, nil
}

// localCA is where Caddy keeps the certificate of the authority that it made on this machine for this user.
func localCA() string {
	return filepath.Join(caddy.AppDataDir(), "pki", "authorities", "local", "root.crt")
}

func agent() string {
	version := ""
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = "/" + info.Main.Version
	}
	return "fairway-cli" + version
}

// connect makes a client of the gateway that a command is for, with the credentials of its user.
func connect(c *command.Call) (*client.Client, error) {
	p, err := find(c, "")
	if err != nil {
		return nil, err
	}
	if p.origin == "" {
		return nil, &command.Error{Code: command.Login, Err: errors.New("not logged in: fairway login --url https://…")}
	}
	return p.client()
}

// client makes the client of a place.
func (p *place) client() (*client.Client, error) {
	if p.token != "" {
		p.options.Credentials = client.Fixed{Value: p.token, Origin: p.origin}
		return p.made(p.options)
	}
	if p.login.URL == "" {
		return nil, &client.LoginError{Origin: p.origin}
	}
	file, err := logins()
	if err != nil {
		return nil, err
	}
	bare, err := p.made(p.options)
	if err != nil {
		return nil, err
	}
	p.options.Credentials = &client.Session{Logins: file, Origin: p.origin, Client: bare}
	return p.made(p.options)
}

// made makes a client; what is wrong with its options the command line says.
func (p *place) made(o client.Options) (*client.Client, error) {
	c, err := client.New(o)
	if err != nil {
		return nil, &command.Error{Code: command.Usage, Err: err}
	}
	return c, nil
}

// judged gives errors their exit codes.
func judged(do command.Do) command.Do {
	return func(ctx context.Context, c *command.Call) (command.Report, error) {
		out, err := do(ctx, c)
		return out, judge(ctx, err)
	}
}

func judge(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, done := errors.AsType[*command.Error](err); done {
		return err
	}
	code := command.Failed
	if _, is := errors.AsType[*client.LoginError](err); is {
		return &command.Error{Code: command.Login, Err: err}
	}
	no, is := errors.AsType[*client.Error](err)
	switch {
	case ctx.Err() != nil:
		return &command.Error{Code: command.Stopped, Err: errors.New("interrupted")}
	case project.Refused(err):
		code = command.Usage
	case !is:
	case no.Status == http.StatusNotFound:
		code = command.Missing
	case no.Status == http.StatusUnauthorized || no.Status == http.StatusForbidden:
		code = command.Login
	case no.Status < 500 && no.Status != http.StatusTooManyRequests && no.Status >= 400:
		code = command.Usage
	}
	return &command.Error{Code: code, Err: err}
}

// since reads the option of that name: a time, or how long ago, as 2h, or in hours, as 1. The zero time: it is not there.
func since(c *command.Call) (time.Time, error) {
	text, err := c.Flags().GetString("since")
	if err != nil || text == "" {
		return time.Time{}, err
	}
	if hours, err := strconv.ParseFloat(text, 64); err == nil && hours >= 0 && hours < 1e6 {
		return time.Now().Add(-time.Duration(hours * float64(time.Hour))), nil
	}
	if ago, err := caddy.ParseDuration(text); err == nil && ago >= 0 {
		return time.Now().Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, command.Usagef("--since takes how long ago, like 2h, or a time like 2027-01-31T00:00:00Z, not %s", strings.ToValidUTF8(text, "?"))
}

func sinceOption(f *pflag.FlagSet) {
	f.String("since", "", "Only lines after this: how long ago, like 2h or 1 (hours), or a time like 2027-01-31T00:00:00Z")
}
