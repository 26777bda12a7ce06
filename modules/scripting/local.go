package scripting

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/project"
	"github.com/fairway-gateway/fairway/modules/scripting/terminal"
	"github.com/fairway-gateway/fairway/runner/bundle"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/logs"
	"github.com/fairway-gateway/fairway/runner/process"
)

// localTimeout is how long a script may take that says nothing, as with a gateway.
const localTimeout = 24 * time.Hour

// runLocal runs the script of a directory on this machine, as a runner would.
func runLocal(ctx context.Context, c *command.Call) (_ command.Report, err error) {
	from, args := ".", c.Args
	if len(args) > 0 && (!strings.Contains(args[0], "=") || isDirectory(args[0])) {
		from, args = filepath.Clean(args[0]), args[1:]
	}
	params, err := parameters(ctx, c, args)
	if err != nil {
		return nil, err
	}
	packed, err := project.Pack(ctx, from, bundle.Limits{})
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, &command.Error{Code: command.Usage, Err: err}
		}
		return nil, err
	}
	if err := mistakes(packed.Configuration.Parameters, params); err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "fairway-local-*")
	if err != nil {
		return nil, err
	}
	// If it is root who calls, the script runs as another user, who has to reach its files.
	if err := os.Chmod(directory, 0o711); err != nil { //nolint:gosec // as above
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	machine, err := localMachine(c, directory) //nolint:contextcheck // it tries for a moment
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	l := &localRun{Call: c, packed: packed, params: params, executor: machine, id: uuid.NewString()}
	defer func() {
		// Nothing of it stays, whoever ended it.
		err = errors.Join(err, machine.Forget(context.WithoutCancel(ctx), l.id), machine.Close(), removeAll(directory))
	}()
	return l.run(ctx)
}

// removeAll removes a directory in which files of others may have been made unwritable.
func removeAll(directory string) error {
	_ = filepath.WalkDir(directory, func(path string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // it is about to go; the error is that of removing
		}
		return err
	})
	return os.RemoveAll(directory)
}

// localMachine makes the executor.
func localMachine(c *command.Call, directory string) (executor.Executor, error) {
	f := c.Flags()
	o := process.Options{Directory: directory}
	var err error
	if o.PipIndex, err = f.GetString("pip-index"); err != nil {
		return nil, err
	}
	if o.Read, err = f.GetStringSlice("read"); err != nil {
		return nil, err
	}
	ports, err := f.GetUintSlice("connect")
	if err != nil {
		return nil, err
	}
	for _, port := range ports {
		if port == 0 || port > 65535 {
			return nil, command.Usagef("--connect: %d is no port", port)
		}
		o.Connect = append(o.Connect, uint16(port))
	}
	if runtime.GOOS != "linux" {
		return nil, command.Failf("scripts can be run without a gateway on Linux, whose kernel keeps them from everything else; this is %s", runtime.GOOS)
	}
	machine, err := process.New(o)
	if missing, is := errors.AsType[*executor.LevelError](err); is {
		return nil, command.Failf("scripts cannot be run here as a runner runs them. This machine lacks %s", strings.Join(missing.Missing, "; "))
	}
	return machine, err
}

// mistakes holds parameters to what the script declares.
func mistakes(schema json.RawMessage, params []byte) error {
	if len(schema) == 0 {
		return nil
	}
	s, err := bundle.ReadSchema(schema)
	if err != nil {
		return err
	}
	var wrong []string
	for _, m := range s.Mistakes(params) {
		wrong = append(wrong, cmp.Or(strings.TrimPrefix(m.At, "/"), "parameters")+": "+m.Detail)
	}
	if len(wrong) > 0 {
		return command.Usagef("%s", strings.Join(wrong, "; "))
	}
	return nil
}

// localRun is one run.
type localRun struct {
	*command.Call

	packed   *project.Packed
	params   []byte
	executor executor.Executor
	id       string
}

func (l *localRun) run(ctx context.Context) (command.Report, error) {
	timeout, err := l.Flags().GetDuration("timeout")
	if err != nil {
		return nil, err
	}
	conf := l.packed.Configuration
	slug := cmp.Or(conf.Slug(), "script")
	script := executor.Script{Version: l.id, Slug: slug, Command: conf.Command, Files: l.files}
	screen := terminal.NewScreen(l.ErrOrStderr(), l.ErrOrStderr())
	defer screen.Close()
	if err := l.executor.Prepare(ctx, script, func(text string) { screen.Say("%s", text) }); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, command.Failf("the script could not be prepared: %w", err)
	}
	id := uuid.NewString()
	env := map[string]string{"ENV": "dev", "EXECUTION_ID": id}
	if !conf.UsesGEE {
		env["SKIP_GEE_INIT"] = "true"
	}
	run, err := l.executor.Start(ctx, executor.Attempt{
		ID: l.id, Execution: id, Number: 1, Script: script, Params: l.params, Env: env,
		Limits: executor.Limits{Memory: conf.MemoryLimit, CPU: conf.CPULimit, Timeout: cmp.Or(timeout, conf.Timeout, localTimeout)},
	})
	if err != nil {
		return nil, command.Failf("the script could not be started: %w", err)
	}
	exit, err := l.wait(ctx, run, screen)
	if err != nil {
		return nil, err
	}
	screen.Close()
	left, err := l.results(context.WithoutCancel(ctx), run, exit)
	if err != nil {
		return nil, err
	}
	return l.end(exit, left)
}

// files puts the script's files into a directory.
func (l *localRun) files(ctx context.Context, directory string) error {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer root.Close()
	return bundle.Extract(ctx, bytes.NewReader(l.packed.Content), root, bundle.Limits{})
}

// wait shows the log of a run until it has ended. An interrupt has it end, a second one at once.
func (l *localRun) wait(ctx context.Context, run executor.Run, screen *terminal.Screen) (executor.Exit, error) {
	whole := context.WithoutCancel(ctx)
	ended := make(chan struct{})
	watching := make(chan struct{})
	go func() { // ends with the run
		defer close(watching)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		again := make(chan os.Signal, 1)
		signal.Notify(again, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(again)
		screen.Say("interrupted: the script is asked to end; a second interrupt kills it")
		_ = run.Cancel(whole, executor.CauseCancel) // its end is waited for
		select {
		case <-ended:
		case <-again:
			_ = run.Kill(whole, executor.CauseCancel) // as above
			<-ended
		}
	}()
	output, err := run.Output(whole, 0)
	if err == nil {
		_, err = logs.Ship(whole, output, 0, logs.Start(), sink{screen}, logs.Options{Every: 50 * time.Millisecond, Progress: screen.Progress})
		err = errors.Join(err, output.Close())
	}
	exit, waited := run.Wait(whole)
	close(ended)
	<-watching
	return exit, errors.Join(waited, err)
}

// sink shows lines of a log.
type sink struct{ screen *terminal.Screen }

// Append implements logs.Sink.
func (s sink) Append(_ context.Context, chunks []logs.Chunk) error {
	for _, chunk := range chunks {
		lines, _, err := logs.Unpack(chunk.Data)
		if err != nil {
			return fmt.Errorf("%w: %w", logs.ErrStop, err)
		}
		for _, line := range lines {
			if err := s.screen.Line(line.Time, line.Level.String(), line.Text); err != nil {
				return fmt.Errorf("%w: %w", logs.ErrStop, err)
			}
		}
	}
	return nil
}

// results are what a script left, held to what a runner holds them to; nil: none.
func (l *localRun) results(ctx context.Context, run executor.Run, exit executor.Exit) (_ []byte, err error) {
	if exit.Outcome != executor.Succeeded {
		return nil, nil
	}
	file, err := run.Results(ctx)
	if errors.Is(err, executor.ErrNoResults) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("its results cannot be kept: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err := io.ReadAll(file)
	if err == nil && (!json.Valid(text) || !utf8.Valid(text)) {
		err = errors.New("its results cannot be kept: they are no JSON")
	}
	return text, err
}

// localEnd is what a local run prints.
type localEnd struct {
	Outcome executor.Outcome `json:"outcome"`
	Code    int              `json:"exit_code"`
	Reason  string           `json:"reason,omitempty"`
	Started time.Time        `json:"started_at"`
	Ended   time.Time        `json:"ended_at"`
	Results json.RawMessage  `json:"results"`
}

// Text implements command.Report.
func (e localEnd) Text(w io.Writer) error {
	if e.Results == nil {
		return nil
	}
	to := shown(w)
	_, err := to.Write(slices.Concat(bytes.TrimRight(e.Results, "\n"), []byte("\n")))
	return errors.Join(err, to.Close())
}

// end gives what is to be printed, and the script's exit code.
func (l *localRun) end(exit executor.Exit, left []byte) (command.Report, error) {
	output, err := l.Flags().GetString("output")
	if err != nil {
		return nil, err
	}
	out := localEnd{Outcome: exit.Outcome, Code: exit.Code, Reason: exit.Reason, Started: exit.Started, Ended: exit.Ended, Results: left}
	if output != "" && output != "-" && left != nil {
		if err := into(output, func(w io.Writer) error { _, err := w.Write(left); return err }); err != nil {
			return nil, err
		}
		if asJSON, _ := l.Flags().GetBool("json"); !asJSON {
			out.Results = nil
		}
	}
	if exit.Outcome == executor.Succeeded {
		return out, nil
	}
	code := exit.Code
	if code <= 0 {
		code = command.Failed
	}
	return out, &command.Error{Code: code, Err: fmt.Errorf("the script ended with %s: %s", exit.Outcome, cmp.Or(exit.Reason, fmt.Sprintf("exit code %d", exit.Code)))}
}

// Interface guards.
var (
	_ logs.Sink      = sink{}
	_ command.Report = localEnd{}
)
