// Package doctor is the command `fairway doctor`: it looks at a configuration, and at the machine, the databases and the backends that it
// needs, and says what is wrong and what to do. It changes nothing, starts nothing and logs in nowhere.
package doctor

import (
	"context"
	"errors"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/pflag"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/modules/try"
)

// usualTimeout is how long whoever is asked has to answer, longestTimeout how long he may have.
const (
	usualTimeout   = 5 * time.Second
	longestTimeout = 10 * time.Minute
)

func init() {
	caddycmd.RegisterCommand(command.Single("doctor", "Looks for what is wrong, and says what to do", `
Looks at a configuration and at what it needs: databases and their schema, clocks,
certificates, disks, backends, the mail server, what keeps scripts from everything
else, and limits of the system. It says what is wrong and what to do. It changes
nothing, and sends no credentials to a backend. Call it as the user whose gateway it
is, with the environment that the gateway has.

The exit code is 0 when nothing failed, warnings or not, 1 when something failed, 2 when
nothing was looked at: there is no such file, or the command line is at fault.`,
		func(f *pflag.FlagSet) {
			f.StringP("config", "c", "", "Configuration file (default: Caddyfile)")
			f.StringP("adapter", "a", "", "Name of the config adapter")
			f.Duration("timeout", usualTimeout, "How long each who is asked has to answer")
			f.Bool("json", false, "Print JSON")
		}, examine))
}

func examine(ctx context.Context, c *command.Call) (command.Report, error) {
	if len(c.Args) > 0 {
		return nil, command.Usagef("doctor takes no arguments")
	}
	flags := caddycmd.Flags{FlagSet: c.Flags()}
	timeout := flags.Duration("timeout")
	if timeout <= 0 || timeout > longestTimeout {
		return nil, command.Usagef("--timeout is from 1ms to 10m")
	}
	raw, err := caddyfiles.ReadConfig(flags.String("config"), flags.String("adapter"))
	if _, adapted := errors.AsType[*caddyfiles.AdaptError](err); err != nil && !adapted {
		return nil, &command.Error{Code: command.Usage, Err: err}
	}
	e := &examination{timeout: timeout, now: time.Now, raw: raw, broken: err, hide: try.Redactor(raw)}
	if err == nil {
		e.provision()
	}
	out := e.run(ctx)
	if out.State == Failure {
		return out, &command.Error{Code: command.Failed}
	}
	return out, nil
}

// provision has the app of the configuration be as it is in a gateway that does not listen. Where that cannot be, what is written is looked at.
func (e *examination) provision() {
	e.app, e.broken = try.ProvisionJSON(e.raw)
	e.provisioned = e.broken == nil
	if e.provisioned {
		return
	}
	if app, err := fairway.Read(e.raw); err == nil {
		e.app = app
	}
}
