// Package openapi is the command `fairway openapi`: it prints the API document of a configuration without a server.
package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/fairway-gateway/fairway/modules/control"
	"github.com/fairway-gateway/fairway/modules/docs"
	"github.com/fairway-gateway/fairway/modules/try"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// exitUsage says that nothing was printed.
const exitUsage = 2

func init() { caddycmd.RegisterCommand(command()) }

func command() caddycmd.Command {
	return caddycmd.Command{
		Name:  "openapi",
		Usage: "[--format 3.1|3.0|2.0] [--service name] [--config file]",
		Short: "Prints the API document of a configuration",
		Long: `
Prints the API document of a configuration as JSON, without a server and without the
store: all its services, and the control API where a site has the directive control.

The exit code is 0 when it was printed, 2 when the command line or the configuration
is at fault.`,
		CobraFunc: func(cmd *cobra.Command) {
			f := cmd.Flags()
			f.StringP("config", "c", "", "Configuration file (default: Caddyfile)")
			f.StringP("adapter", "a", "", "Name of the config adapter")
			f.String("format", docs.OpenAPI31, "OpenAPI 3.1 or 3.0, or Swagger 2.0")
			f.String("service", "", "Only the service of this name (default: all, and the control API)")
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				flags := caddycmd.Flags{FlagSet: cmd.Flags()}
				if err := write(flags, cmd.OutOrStdout()); err != nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "fairway openapi: %v\n", err)
					cmd.SilenceErrors, cmd.SilenceUsage = true, true
					return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return exitUsage, nil })(cmd, nil)
				}
				return nil
			}
		},
	}
}

func write(flags caddycmd.Flags, to io.Writer) error {
	format := flags.String("format")
	if known := []string{docs.OpenAPI31, docs.OpenAPI30, docs.Swagger20}; !slices.Contains(known, format) {
		return fmt.Errorf("there is no format %q: it is 3.1, 3.0 or 2.0", format)
	}
	app, raw, err := try.Provision(flags.String("config"), flags.String("adapter"))
	if err != nil {
		return err
	}
	src, err := control.Document(app)
	if err != nil {
		return err
	}
	if !bytes.Contains(raw, []byte(`"handler":"control"`)) {
		src.Table = nil
	}
	if name := flags.String("service"); name != "" {
		src.Table = nil
		src.Services = slices.DeleteFunc(src.Services, func(s wrap.Description) bool { return s.Name != name })
		if len(src.Services) == 0 {
			return fmt.Errorf("there is no service %q", name)
		}
	}
	if src.Table == nil && len(src.Services) == 0 {
		return errors.New("the configuration has neither control nor a service")
	}
	doc, err := docs.Make(src, format)
	if err != nil {
		return err
	}
	_, err = to.Write(append(doc, '\n'))
	return err
}
