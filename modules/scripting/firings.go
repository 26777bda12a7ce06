package scripting

import (
	"context"
	"io"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/scripting/client"
)

// timesToCome is what next prints.
type timesToCome struct {
	Next []string `json:"next"`
}

// Text implements command.Report.
func (n timesToCome) Text(w io.Writer) error {
	for _, at := range n.Next {
		if err := command.Line(w, "%s", at); err != nil {
			return err
		}
	}
	return nil
}

func nextOfSchedule(ctx context.Context, c *command.Call) (command.Report, error) {
	count, err := atMost(c, "count", 100)
	if err != nil {
		return nil, err
	}
	gateway, id, err := schedule(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	all, err := gateway.NextOfSchedule(ctx, id, count)
	if err != nil {
		return nil, err
	}
	return timesToCome{all}, nil
}

// firings is what history prints.
type firings struct {
	History []client.Firing `json:"history"`
}

// Text implements command.Report.
func (f firings) Text(w io.Writer) error {
	rows := make([][]string, len(f.History))
	for i, one := range f.History {
		rows[i] = []string{when(one.Due), one.Outcome, one.Execution, one.Status, one.Reason}
	}
	return command.Table(w, []string{"DUE", "OUTCOME", "EXECUTION", "STATUS", "REASON"}, rows)
}

func historyOfSchedule(ctx context.Context, c *command.Call) (command.Report, error) {
	most, err := atMost(c, "limit", 100_000)
	if err != nil {
		return nil, err
	}
	gateway, id, err := schedule(c)
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	all, err := gateway.HistoryOfSchedule(ctx, id, most)
	if err != nil {
		return nil, err
	}
	return firings{all}, nil
}
