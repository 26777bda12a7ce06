// Package command is what the commands of operators share: finding the store of a configuration, one line for an error, exit
// codes, and output as a table or as JSON. Who works on a store by a command is told to the audit log as command:<user of the
// system>.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/queries"
)

// Exit codes.
const (
	Done    = 0
	Failed  = 1   // it was tried and did not work: the database does not answer, an address is taken
	Usage   = 2   // the command line, what was typed in or the configuration is at fault: nothing was done
	Missing = 3   // there is no such user, token or client: nothing was done
	Login   = 4   // a gateway wants a login, or does not allow it: nothing was done
	Ended   = 5   // it was done, and what it waited for came to a bad end: a build or an execution that failed or was cancelled
	Stopped = 130 // it was interrupted
)

// Patience is how long a command waits for a database.
const Patience = time.Minute

// Error is an error with the exit code that it ends with. Any other ends with Failed. Without Err nothing is printed: all was said.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Usagef makes an error for which nothing was done.
func Usagef(format string, args ...any) error {
	return &Error{Code: Usage, Err: fmt.Errorf(format, args...)}
}

// Failf makes an error of what was tried.
func Failf(format string, args ...any) error {
	return &Error{Code: Failed, Err: fmt.Errorf(format, args...)}
}

// Missingf makes an error of something that is not there.
func Missingf(format string, args ...any) error {
	return &Error{Code: Missing, Err: fmt.Errorf(format, args...)}
}

// Call is one call of a command.
type Call struct {
	*cobra.Command
	// Args are what is no option.
	Args []string
	// App is what the configuration has of Fairway. It is not provisioned. Nil: the command needs no configuration.
	App *fairway.App

	store *queries.Store
}

// Do is what a command does. It gives what is to be printed, also beside an error; nil: nothing.
type Do func(ctx context.Context, c *Call) (Report, error)

// Group makes a command of commands, with the options that all have.
func Group(name, usage, short, long string, subs ...*cobra.Command) caddycmd.Command {
	return GroupWith(name, usage, short, long, func(f *pflag.FlagSet) {
		f.StringP("config", "c", "", "Configuration file (default: Caddyfile)")
		f.StringP("adapter", "a", "", "Name of the config adapter")
		f.Bool("json", false, "Print JSON")
	}, subs...)
}

// GroupWith makes a command of commands, with other options that all have; one of them is json.
func GroupWith(name, usage, short, long string, options func(*pflag.FlagSet), subs ...*cobra.Command) caddycmd.Command {
	return caddycmd.Command{Name: name, Usage: usage, Short: short, Long: long, CobraFunc: func(cmd *cobra.Command) {
		options(cmd.PersistentFlags())
		cmd.AddCommand(subs...)
		names := make([]string, len(subs))
		for i, s := range subs {
			names[i] = s.Name()
		}
		cmd.Args = cobra.ArbitraryArgs // they are looked at below
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return Exit(cmd, Usagef("%s has no command %s: it knows %s", name, args[0], and(names)))
			}
			return Exit(cmd, Usagef("%s needs to know what to do: %s", name, or(names)))
		}
		cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return Exit(cmd, Usagef("%w", err)) })
	}}
}

func and(names []string) string { return listed(names, " and ") }
func or(names []string) string  { return listed(names, " or ") }

func listed(names []string, last string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + last + names[len(names)-1]
}

// Sub makes a command of a group. use is its name with what it takes, "role <user> <role>": an argument in brackets may be left
// out.
func Sub(use, short string, do Do) *cobra.Command { return sub(use, short, do, configured) }

// Bare is Sub for what needs no configuration. Where the last argument ends in "...", there may be any number of it.
func Bare(use, short string, do Do) *cobra.Command { return sub(use, short, do, bare) }

// Single makes a command that is none of a group, and needs no configuration.
func Single(use, short, long string, options func(*pflag.FlagSet), do Do) caddycmd.Command {
	c := Bare(use, short, do)
	_, usage, _ := strings.Cut(use, " ")
	return caddycmd.Command{Name: c.Name(), Usage: usage, Short: short, Long: long, CobraFunc: func(cmd *cobra.Command) {
		options(cmd.Flags())
		cmd.Args, cmd.ValidArgsFunction, cmd.RunE = c.Args, c.ValidArgsFunction, c.RunE
		cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return Exit(cmd, Usagef("%w", err)) })
	}}
}

func sub(use, short string, do Do, run func(*cobra.Command, []string, Do) error) *cobra.Command {
	_, takes, _ := strings.Cut(use, " ")
	words := strings.Fields(takes)
	least, most := 0, len(words)
	for _, w := range words {
		if !strings.HasPrefix(w, "[") {
			least++
		}
		if strings.HasSuffix(strings.TrimSuffix(w, "]"), "...") {
			most = math.MaxInt
		}
	}
	return &cobra.Command{
		Use: use, Short: short, DisableFlagsInUseLine: true,
		Args:              cobra.ArbitraryArgs, // they are looked at below
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < least || len(args) > most {
				name := group(cmd)
				if cmd.Name() != name {
					name += " " + cmd.Name()
				}
				return Exit(cmd, Usagef("%s takes %s, not %d arguments", name, cmp.Or(takes, "nothing"), len(args)))
			}
			return Exit(cmd, run(cmd, args, do))
		},
	}
}

// bare does what needs no configuration.
func bare(cmd *cobra.Command, args []string, do Do) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return report(ctx, &Call{Command: cmd, Args: args}, do)
}

// report does it, and prints what there is to be said.
func report(ctx context.Context, c *Call, do Do) error {
	out, err := do(ctx, c)
	if out != nil {
		asJSON, _ := c.Flags().GetBool("json")
		if printed := write(c.OutOrStdout(), out, asJSON); err == nil {
			err = printed
		}
	}
	return err
}

func configured(cmd *cobra.Command, args []string, do Do) error {
	flags := caddycmd.Flags{FlagSet: cmd.Flags()}
	config, err := caddyfiles.ReadConfig(flags.String("config"), flags.String("adapter"))
	if err != nil {
		return &Error{Code: Usage, Err: err}
	}
	c := &Call{Command: cmd, Args: args}
	if c.App, err = fairway.Read(config); err != nil {
		return &Error{Code: Usage, Err: err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	defer c.close()
	return report(ctx, c, do)
}

// Store gives the store of the configuration, which is closed when the command ends.
func (c *Call) Store(ctx context.Context) (*queries.Store, error) {
	if c.store != nil {
		return c.store, nil
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	schema, err := c.App.Schema("")
	if err != nil {
		return nil, &Error{Code: Usage, Err: err}
	}
	if made := schema.File(); made != "" {
		if _, err := os.Stat(made); os.IsNotExist(err) {
			defer func() {
				if c.store != nil {
					fmt.Fprintf(c.ErrOrStderr(), "fairway %s: the store is new: %s\n", group(c.Command), made)
				}
			}()
		}
	}
	c.store, err = c.App.OpenStore(ctx)
	return c.store, err
}

func (c *Call) close() {
	if c.store != nil {
		c.store.Close()
	}
}

// By says who calls, for the audit log.
func (c *Call) By() queries.By {
	name := strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	return queries.By{Actor: "command:" + name}
}

// group is the name of the group that a command is of.
func group(cmd *cobra.Command) string {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return cmd.Name()
}

// errFailed ends the process with 1. It is not printed: the reason was.
var errFailed = errors.New("failed")

// Exit prints err in one line, which Caddy would log as JSON, and gives what makes Caddy's main end with its code.
func Exit(cmd *cobra.Command, err error) error {
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	if err == nil {
		return nil
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "fairway %s: %s\n", group(cmd), oneLine(text))
	}
	code := Failed
	if e, ok := errors.AsType[*Error](err); ok {
		code = e.Code
	}
	if code == Failed {
		return errFailed
	}
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}
