package scripting

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/client"
	"github.com/fairway-gateway/fairway/modules/scripting/terminal"
)

func scheduleGroup() caddycmd.Command {
	list := command.Bare("list", "Lists schedules, the latest first", judged(listSchedules))
	list.Flags().String("script", "", "Those of a script only")
	list.Flags().Int("limit", 50, "How many at most")
	create := command.Bare("create <script> [name=value]...", "Has a script run at times", judged(createSchedule))
	create.Long = `
Has a script run at times: by one of --cron, --every and --at. Its parameters are those of --params,
and over them the arguments name=value, as fairway script run has them.
`
	parameterOption(create.Flags())
	settingOptions(create)
	create.Flags().Bool("paused", false, "It fires when it is resumed")
	change := command.Bare("change <schedule> [name=value]...", "Changes a schedule", judged(changeSchedule))
	change.Long = `
Changes what options say; all else stays. Parameters of --params, and arguments name=value, are laid
over those that there are: name=null takes one away.
`
	parameterOption(change.Flags())
	settingOptions(change)
	run := command.Bare("run <schedule>", "Runs the script of a schedule now", judged(runSchedule))
	waitOptions(run.Flags())
	next := command.Bare("next <schedule>", "Shows when a schedule is due next", judged(nextOfSchedule))
	next.Flags().Int("count", 10, "How many times")
	history := command.Bare("history <schedule>", "Shows what became of the times of a schedule, the latest first", judged(historyOfSchedule))
	history.Flags().Int("limit", 50, "How many at most")
	turn := func(use, short, done string, do func(*client.Client, context.Context, string) (*client.Schedule, error)) *cobra.Command {
		return command.Bare(use+" <schedule>", short, judged(func(ctx context.Context, c *command.Call) (command.Report, error) {
			gateway, id, err := schedule(c)
			if err != nil {
				return nil, err
			}
			defer gateway.Close()
			s, err := do(gateway, ctx, id)
			if err != nil {
				return nil, err
			}
			return scheduleInfo{s, done}, nil
		}))
	}
	return command.GroupWith("schedule", "list|show|create|change|pause|resume|delete|run|next|history ... [--url https://...] [--json]", "Has scripts run at times", `
Has scripts run at times, and shows what became of them. A schedule is named by its id.
`+exitCodes, options,
		list, turn("show", "Shows a schedule", "", (*client.Client).Schedule), create, change,
		turn("pause", "Has a schedule fire no more, until it is resumed", "paused", (*client.Client).PauseSchedule),
		turn("resume", "Has a schedule fire again", "resumed", (*client.Client).ResumeSchedule),
		turn("delete", "Deletes a schedule; what it has fired goes on", "deleted", (*client.Client).DeleteSchedule),
		run, next, history,
	)
}

// setting is an option that is a member of a schedule.
type setting struct {
	option, member, text string
	words                []string
}

func settings() []setting {
	return []setting{
		{"name", "name", "Name for people (default: that of the script)", nil},
		{"description", "description", "Description for people", nil},
		{"cron", "cron", "Minute, hour, the month's day, month and the week's day, as '30 2 * * *', or @hourly, @daily, @weekly, @monthly, @yearly", nil},
		{"every", "every", "How long between two, as 15m", nil},
		{"at", "at", "Once, at a time as 2027-01-31T18:00:00+01:00", nil},
		{"zone", "zone", "By whose clocks --cron is read, as Europe/Berlin (default: UTC)", nil},
		{"skipped", "skipped", "Of times that clocks jump over: later or drop", []string{"later", "drop"}},
		{"repeated", "repeated", "Of times that come twice: first, second or both", []string{"first", "second", "both"}},
		{"catch-up", "catch_up", "Of times that went by while no gateway ran: none, one or all", []string{"none", "one", "all"}},
		{"overlap", "overlap", "While the one before is not over: skip, queue or replace", []string{"skip", "queue", "replace"}},
		{"queue", "queue", "Whose runners run it", nil},
		{"timeout", "timeout", "How long an attempt may take", nil},
		{"alert-silence", "alert_silence", "Tell the owner after so long without a success, as 26h", nil},
	}
}

// counts are those that are numbers.
func counts() []setting {
	return []setting{
		{"script-version", "script_version", "A version of the script (default: the newest that is built)", nil},
		{"retries", "retries", "How often it is tried again (default: as the script says)", nil},
		{"priority", "priority", "What is higher runs first, from -1000; above 0 for administrators", nil},
		{"catch-up-most", "catch_up_most", "How many times are caught up with at most, with --catch-up all", nil},
		{"alert-failures", "alert_failures", "Tell the owner after so many failures in a row", nil},
	}
}

func settingOptions(cmd *cobra.Command) {
	for _, s := range settings() {
		cmd.Flags().String(s.option, "", s.text)
		if s.words != nil {
			among(cmd, s.option, s.words...)
		}
	}
	for _, s := range counts() {
		cmd.Flags().Int(s.option, 0, s.text)
	}
}

// said are the members that the options of a command line say.
func said(f *pflag.FlagSet) (map[string]any, error) {
	out := map[string]any{}
	for _, s := range settings() {
		text, err := f.GetString(s.option)
		if err != nil {
			return nil, err
		}
		if f.Changed(s.option) {
			out[s.member] = text
		}
	}
	for _, s := range counts() {
		n, err := f.GetInt(s.option)
		if err != nil {
			return nil, err
		}
		if f.Changed(s.option) {
			out[s.member] = n
		}
	}
	var times []string
	for _, one := range []string{"cron", "every", "at"} {
		if out[one] != nil {
			times = append(times, "--"+one)
		}
	}
	if len(times) > 1 {
		return nil, command.Usagef("it is one of --cron, --every and --at, not %s", strings.Join(times, " and "))
	}
	return out, nil
}

// scheduleList is what list prints.
type scheduleList struct {
	Schedules []client.Schedule `json:"schedules"`
}

// Text implements command.Report.
func (l scheduleList) Text(w io.Writer) error {
	rows := make([][]string, len(l.Schedules))
	for i, s := range l.Schedules {
		due := when(s.Due)
		if s.Paused {
			due = "paused"
		}
		rows[i] = []string{s.ID, s.Name, s.Script, s.Text, s.Zone, due, s.LastStatus, strconv.FormatInt(s.Failures, 10)}
	}
	return command.Table(w, []string{"ID", "NAME", "SCRIPT", "SCHEDULE", "ZONE", "DUE", "LAST", "FAILURES"}, rows)
}

func listSchedules(ctx context.Context, c *command.Call) (command.Report, error) {
	script, err := c.Flags().GetString("script")
	if err != nil {
		return nil, err
	}
	most, err := atMost(c, "limit", 100_000)
	if err != nil {
		return nil, err
	}
	gateway, err := connect(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	if script, err = idOfScript(ctx, gateway, script); err != nil {
		return nil, err
	}
	all, err := gateway.Schedules(ctx, script, most)
	if err != nil {
		return nil, err
	}
	return scheduleList{all}, nil
}

// atMost is a number of an option, from 1.
func atMost(c *command.Call, option string, most int) (int, error) {
	n, err := c.Flags().GetInt(option)
	if err == nil && (n < 1 || n > most) {
		return 0, command.Usagef("--%s is 1 to %d", option, most)
	}
	return n, err
}

// schedule connects, for a command that has one as its argument.
func schedule(c *command.Call) (*client.Client, string, error) {
	if c.Args[0] == "" {
		return nil, "", command.Usagef("the id of the schedule is empty")
	}
	gateway, err := connect(c)
	return gateway, c.Args[0], err
}

// scheduleInfo is a schedule as commands print it: what was done to it, or all of it.
type scheduleInfo struct {
	*client.Schedule

	done string
}

// Text implements command.Report.
func (s scheduleInfo) Text(w io.Writer) error {
	due := "it is not due"
	if len(s.Next) > 0 {
		due = "due next at " + s.Next[0]
	}
	if s.done == "deleted" {
		return command.Line(w, "schedule %s was deleted", s.ID)
	}
	if s.done != "" {
		return command.Line(w, "schedule %s was %s, %s", s.ID, s.done, due)
	}
	paused := ""
	if s.Paused {
		paused = strings.TrimSuffix("yes: "+s.PausedReason, ": ")
	}
	return table(w, [][2]string{
		{"id", s.ID},
		{"name", s.Name},
		{"description", s.Description},
		{"script", s.Script},
		{"parameters", terminal.Cut(string(s.Params), 400)},
		{"schedule", s.ScheduleFields.Text},
		{"zone", s.Zone},
		{"catch up", s.CatchUp},
		{"overlap", s.Overlap},
		{"paused", paused},
		{"due next", strings.Join(s.Next, " ")},
		{"last fired", when(s.LastFired)},
		{"outcome", s.LastOutcome},
		{"last status", s.LastStatus},
		{"last success", when(s.LastSuccess)},
		{"failures", strconv.FormatInt(s.Failures, 10)},
		{"alert", s.Alert},
	})
}

func createSchedule(ctx context.Context, c *command.Call) (command.Report, error) {
	members, err := said(c.Flags())
	if err != nil {
		return nil, err
	}
	if members["cron"] == nil && members["every"] == nil && members["at"] == nil {
		return nil, command.Usagef("when it runs one of --cron, --every and --at says")
	}
	if c.Args[0] == "" {
		return nil, command.Usagef("the name of the script is empty")
	}
	if members["params"], err = parameters(ctx, c, c.Args[1:]); err != nil {
		return nil, err
	}
	if members["paused"], err = c.Flags().GetBool("paused"); err != nil {
		return nil, err
	}
	gateway, err := connect(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	if members["script"] = c.Args[0]; members["name"] == nil {
		script, err := gateway.Script(ctx, c.Args[0])
		if err != nil {
			return nil, err
		}
		members["name"] = script.Name
	}
	s, err := gateway.CreateSchedule(ctx, members)
	if err != nil {
		return nil, err
	}
	return scheduleInfo{s, "created"}, nil
}

func changeSchedule(ctx context.Context, c *command.Call) (command.Report, error) {
	members, err := said(c.Flags())
	if err != nil {
		return nil, err
	}
	for _, one := range []string{"cron", "every", "at"} {
		if members[one] == nil {
			continue
		}
		for _, other := range []string{"cron", "every", "at"} {
			if other != one {
				members[other] = nil
			}
		}
		break
	}
	if c.Flags().Changed("params") || len(c.Args) > 1 {
		if members["params"], err = parameters(ctx, c, c.Args[1:]); err != nil {
			return nil, err
		}
	}
	if len(members) == 0 {
		return nil, command.Usagef("what is to be otherwise options say: --name, --cron, --overlap, …")
	}
	gateway, id, err := schedule(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	s, err := gateway.ChangeSchedule(ctx, id, members)
	if err != nil {
		return nil, err
	}
	return scheduleInfo{s, "changed"}, nil
}

func runSchedule(ctx context.Context, c *command.Call) (command.Report, error) {
	gateway, id, err := schedule(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	execution, err := gateway.RunSchedule(ctx, id)
	if err != nil {
		return nil, err
	}
	e, err := gateway.Execution(ctx, execution, "")
	if err != nil {
		return nil, fmt.Errorf("execution %s was made: %w", execution, err)
	}
	return begun(ctx, c, gateway, e)
}
