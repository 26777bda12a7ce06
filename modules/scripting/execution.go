package scripting

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/client"
	"github.com/fairway-gateway/fairway/modules/scripting/terminal"
)

func executionGroup() caddycmd.Command {
	list := command.Bare("list", "Lists executions, the latest first", judged(listExecutions))
	f := list.Flags()
	f.String("script", "", "Those of a script only")
	f.String("status", "", "Those of a status only: "+strings.Join(statuses(), ", "))
	f.Int("limit", 50, "How many at most")
	among(list, "status", statuses()...)
	logs := command.Bare("logs <execution>", "Shows the log of an execution", judged(executionLogs))
	logs.Flags().BoolP("follow", "f", false, "Go on until it has ended")
	sinceOption(logs.Flags())
	results := command.Bare("results <execution>", "Shows the results of an execution", judged(executionResults))
	results.Flags().StringP("output", "o", "", "File for them (default: standard output)")
	rerun := command.Bare("rerun <execution>", "Runs the script of an execution again, with the same parameters", judged(rerunExecution))
	waitOptions(rerun.Flags())
	return command.GroupWith("execution", "list|get|logs|cancel|results|rerun ... [--url https://...] [--json]", "Follows, cancels and repeats executions of scripts", `
Follows, cancels and repeats executions of scripts, which fairway script run begins.
`+exitCodes, options,
		list, command.Bare("get <execution>", "Shows an execution", judged(showExecution)), logs,
		command.Bare("cancel <execution>", "Has an execution end", judged(cancelExecution)), results, rerun,
	)
}

// statuses are those that an execution has.
func statuses() []string {
	return []string{"PENDING", "READY", "RUNNING", "CANCELLING", "FINISHED", "FAILED", "CANCELLED"}
}

// executionList is what list prints.
type executionList struct {
	Executions []client.Execution `json:"executions"`
}

// Text implements command.Report.
func (l executionList) Text(w io.Writer) error {
	rows := make([][]string, len(l.Executions))
	for i, e := range l.Executions {
		name := e.Name
		if name == "" {
			name = e.Script
		}
		rows[i] = []string{e.ID, name, e.Status, fmt.Sprintf("%.0f%%", e.Progress), when(e.Start), when(e.End)}
	}
	return command.Table(w, []string{"ID", "SCRIPT", "STATUS", "PROGRESS", "STARTED", "ENDED"}, rows)
}

func listExecutions(ctx context.Context, c *command.Call) (command.Report, error) {
	filter := client.Filter{}
	var script string
	var err error
	if script, err = c.Flags().GetString("script"); err != nil {
		return nil, err
	}
	if filter.Status, err = c.Flags().GetString("status"); err != nil {
		return nil, err
	}
	if filter.Limit, err = c.Flags().GetInt("limit"); err != nil {
		return nil, err
	}
	filter.Status = strings.ToUpper(filter.Status)
	if filter.Status != "" && !slices.Contains(statuses(), filter.Status) {
		return nil, command.Usagef("a status is %s, not %s", strings.Join(statuses(), ", "), filter.Status)
	}
	if filter.Limit < 1 || filter.Limit > 100_000 {
		return nil, command.Usagef("--limit is 1 to 100000")
	}
	gateway, err := connect(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	if filter.Script, err = idOfScript(ctx, gateway, script); err != nil {
		return nil, err
	}
	all, err := gateway.Executions(ctx, filter)
	if err != nil {
		return nil, err
	}
	return executionList{all}, nil
}

// execution connects, for a command that has one as its argument.
func execution(c *command.Call) (*client.Client, string, error) {
	if c.Args[0] == "" {
		return nil, "", command.Usagef("the id of the execution is empty")
	}
	gateway, err := connect(c)
	return gateway, c.Args[0], err
}

func showExecution(ctx context.Context, c *command.Call) (command.Report, error) {
	gateway, id, err := execution(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	e, err := gateway.Execution(ctx, id, "")
	if err != nil {
		return nil, err
	}
	return executionInfo{e, true}, nil
}

// executionLines is what logs prints.
type executionLines struct {
	Lines []client.ExecutionLine `json:"lines"`
}

// Text implements command.Report.
func (l executionLines) Text(w io.Writer) error {
	screen := terminal.NewScreen(w, io.Discard)
	for _, line := range l.Lines {
		if err := screen.Line(client.Time(line.At), line.Level, line.Text); err != nil {
			return err
		}
	}
	return nil
}

func executionLogs(ctx context.Context, c *command.Call) (command.Report, error) {
	from, err := since(c)
	if err != nil {
		return nil, err
	}
	follow, err := c.Flags().GetBool("follow")
	if err != nil {
		return nil, err
	}
	gateway, id, err := execution(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	if follow {
		ended, err := followed(ctx, c, gateway, id, c.OutOrStdout(), client.Following{Since: from})
		if err != nil {
			return nil, err
		}
		if asJSON, _ := c.Flags().GetBool("json"); asJSON {
			err = command.JSON(c.OutOrStdout(), event{Event: "end", Status: ended.Status, Execution: ended})
		}
		if err == nil {
			err = executionEnd(ended)
		}
		return nil, err
	}
	out := executionLines{Lines: []client.ExecutionLine{}}
	for last := int64(0); ; last = out.Lines[len(out.Lines)-1].ID {
		lines, err := gateway.ExecutionLog(ctx, id, last, from)
		if err != nil {
			return nil, err
		}
		if len(lines) == 0 {
			return out, nil
		}
		out.Lines = append(out.Lines, lines...)
	}
}

func cancelExecution(ctx context.Context, c *command.Call) (command.Report, error) {
	gateway, id, err := execution(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	e, err := gateway.Cancel(ctx, id)
	if err != nil {
		return nil, err
	}
	return executionInfo{e, false}, nil
}

func executionResults(ctx context.Context, c *command.Call) (command.Report, error) {
	output, err := c.Flags().GetString("output")
	if err != nil {
		return nil, err
	}
	gateway, id, err := execution(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	return nil, results(ctx, c, gateway, id, output)
}

func rerunExecution(ctx context.Context, c *command.Call) (command.Report, error) {
	gateway, id, err := execution(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	e, err := gateway.Rerun(ctx, id)
	if err != nil {
		return nil, err
	}
	return begun(ctx, c, gateway, e)
}
