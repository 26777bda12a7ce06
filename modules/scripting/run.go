package scripting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/client"
	"github.com/fairway-gateway/fairway/modules/scripting/terminal"
)

func runCommand() *cobra.Command {
	run := command.Bare("run [script] [name=value]...", "Runs a script", judged(runScript))
	run.Long = `
Runs a script with parameters: those of --params, and over them the arguments name=value. A value is
JSON where it is JSON, else a text: n=3 is a number, n='"3"' and name=Ada are texts.

With --follow the log goes to standard error as it comes, and with --wait it is left out; the
results go to standard output in the end. An interrupt ends the following, not the execution.

With --local a script is run on this machine without a gateway, that of a directory (default: the
working directory): kept from everything else as a runner does at isolation level standard, which
needs Linux. The exit code is the script's.
`
	f := run.Flags()
	parameterOption(f)
	waitOptions(f)
	f.Bool("local", false, "Run the script of a directory here, without a gateway")
	f.String("pip-index", "", "With --local: URL of the package index for requirements.txt")
	f.StringSlice("read", nil, "With --local: further files and directories that the script may read; several times, or separated by commas")
	f.UintSlice("connect", nil, "With --local: TCP ports to which the script may connect, on any host")
	f.Duration("timeout", 0, "How long it may take (default: what the script says, else the gateway, and 24h with --local)")
	directories(run)
	return run
}

// waitOptions are those of what begins an execution.
func waitOptions(f *pflag.FlagSet) {
	f.BoolP("follow", "f", false, "Show the log until it has ended, then its results")
	f.BoolP("wait", "w", false, "Wait until it has ended, then show its results")
	f.StringP("output", "o", "", "File for the results (default: standard output)")
}

func runScript(ctx context.Context, c *command.Call) (command.Report, error) {
	local, err := c.Flags().GetBool("local")
	if err != nil {
		return nil, err
	}
	if local {
		return runLocal(ctx, c)
	}
	for _, name := range []string{"pip-index", "read", "connect"} {
		if c.Flags().Changed(name) {
			return nil, command.Usagef("--%s goes with --local", name)
		}
	}
	args := c.Args
	var names []string
	if len(args) > 0 && !strings.Contains(args[0], "=") {
		names, args = args[:1], args[1:]
	}
	name, err := named(names)
	if err != nil {
		return nil, err
	}
	params, err := parameters(ctx, c, args)
	if err != nil {
		return nil, err
	}
	gateway, err := connect(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	timeout, err := c.Flags().GetDuration("timeout")
	if err != nil {
		return nil, err
	}
	e, err := gateway.Run(ctx, name, params, timeout)
	if err != nil {
		return nil, err
	}
	return begun(ctx, c, gateway, e)
}

// begun is the end of what began an execution: it waits for its end, if that is wanted.
func begun(ctx context.Context, c *command.Call, gateway *client.Client, e *client.Execution) (command.Report, error) {
	follow, err := c.Flags().GetBool("follow")
	if err != nil {
		return nil, err
	}
	wait, err := c.Flags().GetBool("wait")
	if err != nil {
		return nil, err
	}
	if !follow && !wait {
		if c.Flags().Changed("output") {
			return nil, command.Usagef("--output goes with --follow or --wait; the execution is %s", e.ID)
		}
		return executionInfo{e, false}, nil
	}
	var log io.Writer
	if follow {
		log = c.ErrOrStderr()
	}
	ended, err := followed(ctx, c, gateway, e.ID, log, client.Following{})
	if err != nil {
		return nil, err
	}
	return nil, finished(ctx, c, gateway, ended, follow)
}

// followed shows what happens to an execution until its end; log nil: not its log.
func followed(ctx context.Context, c *command.Call, gateway *client.Client, id string, log io.Writer, how client.Following) (*client.Execution, error) {
	asJSON, err := c.Flags().GetBool("json")
	if err != nil {
		return nil, err
	}
	tell := func(client.Event) error { return nil }
	switch {
	case asJSON && log != nil:
		tell = func(e client.Event) error { return command.JSON(c.OutOrStdout(), eventOf(e)) }
	case !asJSON:
		screen := terminal.NewScreen(log, c.ErrOrStderr())
		defer screen.Close()
		tell = func(e client.Event) error {
			switch {
			case e.Kind == client.KindLog && log != nil:
				return screen.Line(client.Time(e.Line.At), e.Line.Level, e.Line.Text)
			case e.Kind == client.KindProgress:
				screen.Progress(e.Progress)
			case e.Kind == client.KindStatus && !client.Ended(e.Status):
				screen.Status(e.Status)
			}
			return nil
		}
	}
	ended, err := gateway.Follow(ctx, id, how, tell)
	if ctx.Err() != nil {
		return nil, &command.Error{Code: command.Stopped, Err: fmt.Errorf("interrupted; the execution goes on: fairway execution logs --follow %s shows it again, fairway execution cancel %s ends it", id, id)}
	}
	return ended, err
}

// event is an event as --json --follow prints it.
type event struct {
	Event     string                `json:"event"`
	Status    string                `json:"status,omitempty"`
	Progress  *int                  `json:"progress,omitempty"`
	Log       *client.ExecutionLine `json:"log,omitempty"`
	Execution *client.Execution     `json:"execution,omitempty"`
}

func eventOf(e client.Event) event {
	out := event{Event: e.Kind, Status: e.Status}
	switch e.Kind {
	case client.KindProgress:
		out.Progress = &e.Progress
	case client.KindLog:
		out.Log = &e.Line
	}
	return out
}

// finished shows the results of an execution that has ended, and says how it did.
func finished(ctx context.Context, c *command.Call, gateway *client.Client, e *client.Execution, follow bool) error {
	asJSON, err := c.Flags().GetBool("json")
	if err != nil {
		return err
	}
	output, err := c.Flags().GetString("output")
	if err != nil {
		return err
	}
	if e.Status == client.Finished && e.HasResults() && (!asJSON || output != "") {
		if err := results(ctx, c, gateway, e.ID, output); err != nil {
			return err
		}
	}
	if asJSON {
		var out any = e
		if follow {
			out = event{Event: "end", Status: e.Status, Execution: e}
		}
		if err := command.JSON(c.OutOrStdout(), out); err != nil {
			return err
		}
	}
	return executionEnd(e)
}

// executionEnd says how an execution ended, if not well.
func executionEnd(e *client.Execution) error {
	if e.Status == client.Finished {
		return nil
	}
	text := fmt.Sprintf("execution %s is %s", e.ID, e.Status)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return &command.Error{Code: command.Ended, Err: errors.New(text)}
}

// results writes those of an execution into a file, or shows them.
func results(ctx context.Context, c *command.Call, gateway *client.Client, id, output string) error {
	if output == "" || output == "-" {
		out := shown(c.OutOrStdout())
		return errors.Join(gateway.Results(ctx, id, out), out.Close())
	}
	return into(output, func(w io.Writer) error { return gateway.Results(ctx, id, w) })
}

// shown is where results go: as they are, but harmless on a terminal, and with an end of their last line.
func shown(to io.Writer) io.WriteCloser {
	if terminal.Is(to) {
		return &terminal.Writer{To: to}
	}
	return &lined{to: to}
}

// lined ends the last line.
type lined struct {
	to   io.Writer
	open bool
}

// Write implements io.Writer.
func (l *lined) Write(b []byte) (int, error) {
	if len(b) > 0 {
		l.open = b[len(b)-1] != '\n'
	}
	return l.to.Write(b)
}

// Close implements io.Closer.
func (l *lined) Close() error {
	if !l.open {
		return nil
	}
	_, err := io.WriteString(l.to, "\n")
	return err
}

// into writes a file that is there whole or not at all.
func into(name string, write func(io.Writer) error) error {
	return client.Write(filepath.Clean(name), 0o644, write)
}

// executionInfo is an execution as it is shown.
type executionInfo struct {
	*client.Execution

	whole bool
}

// MarshalJSON implements json.Marshaler.
func (e executionInfo) MarshalJSON() ([]byte, error) { return json.Marshal(e.Execution) }

// Text implements command.Report.
func (e executionInfo) Text(w io.Writer) error {
	if !e.whole {
		return command.Line(w, "execution %s is %s", e.ID, e.Status)
	}
	ahead := ""
	if e.Queue != nil {
		ahead = strconv.FormatInt(e.Queue.Ahead, 10)
	}
	took := ""
	if start, end := client.Time(e.Start), client.Time(e.End); !start.IsZero() && end.After(start) {
		took = end.Sub(start).Round(time.Millisecond).String()
	}
	return table(w, [][2]string{
		{"id", e.ID},
		{"script", join(e.Name, e.Script)},
		{"status", e.Status},
		{"reason", e.Reason},
		{"ahead of it", ahead},
		{"progress", fmt.Sprintf("%.0f%%", e.Progress)},
		{"asked for", when(e.Begun)},
		{"started", when(e.Start)},
		{"ended", when(e.End)},
		{"took", took},
		{"parameters", terminal.Cut(string(e.Params), 400)},
		{"results", terminal.Cut(string(e.ExecutionFields.Results), 400)},
	})
}

// join is a name with an id.
func join(name, id string) string {
	if name == "" {
		return id
	}
	return name + " (" + id + ")"
}
