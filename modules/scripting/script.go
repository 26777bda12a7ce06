package scripting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/client"
	"github.com/fairway-gateway/fairway/modules/scripting/project"
	"github.com/fairway-gateway/fairway/modules/scripting/terminal"
	"github.com/fairway-gateway/fairway/runner/bundle"
)

func scriptGroup() caddycmd.Command {
	create := command.Bare("create [name]", "Begins a script in a directory of its own", judged(createScript))
	create.Flags().String("language", project.Languages()[0], "Language of the script: "+strings.Join(project.Languages(), " or "))
	among(create, "language", project.Languages()...)
	publish := command.Bare("publish [directory]", "Uploads a script, and waits until it was built", judged(publishScript))
	directories(publish)
	f := publish.Flags()
	f.Bool("public", false, "Have everybody see it who is logged in")
	f.Bool("overwrite", false, "Upload another version of a script that was published before, without a question")
	f.Bool("no-wait", false, "Do not wait until it was built")
	logs := command.Bare("logs [script]", "Shows the log of a script's builds", judged(scriptLogs))
	logs.Flags().BoolP("follow", "f", false, "Go on until the build has ended")
	sinceOption(logs.Flags())
	download := command.Bare("download <script>", "Downloads the newest version of a script", judged(downloadScript))
	download.Flags().StringP("output", "o", "", "Directory for its files, which is empty or not there yet (default: one named as the script)")
	return command.GroupWith("script", "create|publish|list|info|logs|download|run ... [--url https://...] [--json]", "Writes, publishes and runs scripts", `
Writes, publishes and runs scripts. A script is named by its id or its slug; where it may be left
out, it is that of the file configuration.json in the working directory.
`+exitCodes, options,
		create, publish, command.Bare("list", "Lists scripts", judged(listScripts)),
		command.Bare("info [script]", "Shows a script", judged(showScript)), logs, download, runCommand(),
	)
}

// among completes an option by words of a list.
func among(cmd *cobra.Command, option string, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(option, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such option
	}
}

// directories completes the argument of a command by directories.
func directories(cmd *cobra.Command) {
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
}

// created is what create prints.
type created struct {
	Directory string `json:"directory"`
	Name      string `json:"name"`
	Language  string `json:"language"`
}

// Text implements command.Report.
func (m created) Text(w io.Writer) error {
	return errors.Join(
		command.Line(w, "%s was made", m.Directory),
		command.Line(w, "fairway script run --local %s name=World runs it here; fairway script publish %s uploads it", m.Directory, m.Directory),
	)
}

func createScript(ctx context.Context, c *command.Call) (command.Report, error) {
	language, err := c.Flags().GetString("language")
	if err != nil {
		return nil, err
	}
	name := strings.Join(c.Args, "")
	if name == "" {
		if name, err = c.Ask(ctx, "Name of the script:", "create needs a name"); err != nil {
			return nil, err
		}
	}
	directory, err := project.Create(".", name, language)
	if err != nil {
		return nil, err
	}
	return created{Directory: directory, Name: strings.TrimSpace(name), Language: language}, nil
}

// named is the script that a command is for: that of the argument, or that of the working directory.
func named(args []string) (string, error) {
	if len(args) > 0 {
		if args[0] == "" {
			return "", command.Usagef("the name of the script is empty")
		}
		return args[0], nil
	}
	return project.ID(".")
}

// scriptList is what list prints.
type scriptList struct {
	Scripts []client.Script `json:"scripts"`
}

// Text implements command.Report.
func (l scriptList) Text(w io.Writer) error {
	rows := make([][]string, len(l.Scripts))
	for i, s := range l.Scripts {
		rows[i] = []string{s.Slug, s.Name, s.Status, strconv.FormatInt(s.Version, 10), seenBy(s), when(s.Updated), s.ID}
	}
	return command.Table(w, []string{"SCRIPT", "NAME", "STATUS", "VERSION", "FOR", "UPDATED", "ID"}, rows)
}

// seenBy says for whom a script is.
func seenBy(s client.Script) string {
	switch {
	case s.Restricted:
		return "some"
	case s.Public:
		return "all"
	}
	return "owner"
}

// when is a time of the gateway as tables have it.
func when(text string) string {
	at := client.Time(text)
	return command.Time(&at)
}

func listScripts(ctx context.Context, c *command.Call) (command.Report, error) {
	gateway, err := connect(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	all, err := gateway.Scripts(ctx)
	if err != nil {
		return nil, err
	}
	return scriptList{all}, nil
}

// scriptInfo is what info prints.
type scriptInfo struct{ *client.Script }

// Text implements command.Report.
func (s scriptInfo) Text(w io.Writer) error {
	return table(w, [][2]string{
		{"id", s.ID},
		{"slug", s.Slug},
		{"name", s.Name},
		{"description", s.Description},
		{"status", s.Status},
		{"build error", s.BuildError},
		{"version", strconv.FormatInt(s.Version, 10)},
		{"for", seenBy(*s.Script)},
		{"owner", s.Owner.Name},
		{"created", when(s.Created)},
		{"updated", when(s.Updated)},
	})
}

// table shows what there is of something, one thing in a line.
func table(w io.Writer, rows [][2]string) error {
	for _, row := range rows {
		if row[1] == "" {
			continue
		}
		if err := command.Line(w, "%-12s %s", row[0]+":", row[1]); err != nil {
			return err
		}
	}
	return nil
}

func showScript(ctx context.Context, c *command.Call) (command.Report, error) {
	name, err := named(c.Args)
	if err != nil {
		return nil, err
	}
	gateway, err := connect(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	s, err := gateway.Script(ctx, name, "build_error", "user")
	if err != nil {
		return nil, err
	}
	return scriptInfo{s}, nil
}

// scriptLines is what logs prints.
type scriptLines struct {
	Lines []client.ScriptLine `json:"lines"`
}

// Text implements command.Report.
func (l scriptLines) Text(w io.Writer) error {
	screen := terminal.NewScreen(w, io.Discard)
	for _, line := range l.Lines {
		if err := screen.Line(client.Time(line.At), "", line.Text); err != nil {
			return err
		}
	}
	return nil
}

func scriptLogs(ctx context.Context, c *command.Call) (command.Report, error) {
	name, err := named(c.Args)
	if err != nil {
		return nil, err
	}
	from, err := since(c)
	if err != nil {
		return nil, err
	}
	follow, err := c.Flags().GetBool("follow")
	if err != nil {
		return nil, err
	}
	gateway, err := connect(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	if follow {
		s, err := gateway.FollowBuild(ctx, name, client.Following{Since: from}, buildLines(c, c.OutOrStdout()))
		return nil, buildEnd(s, err)
	}
	out := scriptLines{Lines: []client.ScriptLine{}}
	for last := int64(0); ; last = out.Lines[len(out.Lines)-1].ID {
		lines, err := gateway.ScriptLog(ctx, name, last, from)
		if err != nil {
			return nil, err
		}
		if len(lines) == 0 {
			return out, nil
		}
		out.Lines = append(out.Lines, lines...)
	}
}

// buildLines shows lines of a build as they come.
func buildLines(c *command.Call, to io.Writer) func(client.ScriptLine) error {
	if asJSON, _ := c.Flags().GetBool("json"); asJSON && to == c.OutOrStdout() {
		return func(line client.ScriptLine) error { return command.JSON(to, line) }
	}
	screen := terminal.NewScreen(to, c.ErrOrStderr())
	return func(line client.ScriptLine) error { return screen.Line(client.Time(line.At), "", line.Text) }
}

// buildEnd says how a build ended, if not well.
func buildEnd(s *client.Script, err error) error {
	if err != nil || s.Status == client.Success {
		return err
	}
	return &command.Error{Code: command.Ended, Err: fmt.Errorf("%s, version %d, could not be built: %s", s.Slug, s.Version, cmp.Or(s.BuildError, "its log says why"))}
}

// downloaded is what download prints.
type downloaded struct {
	Script    string `json:"script"`
	Directory string `json:"directory"`
}

// Text implements command.Report.
func (d downloaded) Text(w io.Writer) error {
	return command.Line(w, "%s is in %s", d.Script, d.Directory)
}

// mostDownload is how long a script that is downloaded may be, in bytes.
const mostDownload = 128 << 20

func downloadScript(ctx context.Context, c *command.Call) (command.Report, error) {
	directory, err := c.Flags().GetString("output")
	if err != nil {
		return nil, err
	}
	gateway, err := connect(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	s, err := gateway.Script(ctx, c.Args[0])
	if err != nil {
		return nil, err
	}
	if directory == "" {
		// The slug comes from the gateway: it is a name, and never a path.
		if directory = bundle.Slug(s.Slug); directory == "" || directory != s.Slug {
			return nil, command.Usagef("the script's slug %q is no name of a directory: name one by --output", s.Slug)
		}
	}
	file, err := os.CreateTemp("", "fairway-download-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := gateway.Download(ctx, s.ID, file, mostDownload); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if err := project.Unpack(ctx, file, directory, bundle.Limits{Archive: mostDownload, Unpacked: 1 << 30, Files: 20_000}); err != nil {
		return nil, err
	}
	return downloaded{Script: s.Slug, Directory: filepath.Clean(directory)}, nil
}

// idOfScript is the id of the script that somebody named by its id or its slug; empty where he named none.
func idOfScript(ctx context.Context, gateway *client.Client, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	s, err := gateway.Script(ctx, name)
	if err != nil {
		return "", err
	}
	return s.ID, nil
}
