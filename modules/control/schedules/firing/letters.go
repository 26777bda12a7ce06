package firing

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Notice writes a letter, with q. *mail.Mailer does.
type Notice func(ctx context.Context, q db.Querier, to, subject, text string) error

// ByMail is a Tell that writes to owners. public is where the gateway is reached; empty: nobody has said it.
func ByMail(notice Notice, public string) func(context.Context, db.Querier, []queries.ScheduleNews) error {
	return func(ctx context.Context, q db.Querier, news []queries.ScheduleNews) error {
		for _, n := range news {
			// One letter that no server would take is not to keep all schedules from being fired.
			n.Schedule.Name = printable(n.Schedule.Name)
			subject, text := letter(n, public)
			if err := notice(ctx, q, n.Email, subject, text); err != nil {
				return fmt.Errorf("a letter about schedule %s: %w", n.Schedule.ID, err)
			}
		}
		return nil
	}
}

// printable is a name without what is not seen, and cut.
func printable(name string) string {
	const most = 100
	out := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == '"' {
			return ' '
		}
		return r
	}, name))
	if len(out) > most {
		out = append(out[:most], '…')
	}
	return string(out)
}

// letter says what became of a schedule.
func letter(n queries.ScheduleNews, public string) (subject, text string) {
	what := "fails"
	if n.Kind == queries.SchedulePaused {
		what = "is paused"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The schedule \"%s\" %s: %s.\n\n", n.Schedule.Name, what, strings.TrimPrefix(n.Text, "it is paused: "))
	if n.Script != "" {
		fmt.Fprintf(&b, "Script:         %s\n", n.Script)
	}
	fmt.Fprintf(&b, "Schedule:       %s\n", n.Schedule.ID)
	if last := n.Schedule.LastExecution; last != nil {
		fmt.Fprintf(&b, "Last execution: %s\n", last)
	}
	if public != "" {
		fmt.Fprintf(&b, "\n%s/api/v1/schedule/%s/history says what became of each time.\n", public, n.Schedule.ID)
	}
	if n.Kind == queries.SchedulePaused {
		b.WriteString("\nIt fires again when it is resumed.\n")
	} else {
		b.WriteString("\nYou are told once, until it goes well again.\n")
	}
	return fmt.Sprintf("Schedule \"%s\" %s", n.Schedule.Name, what), b.String()
}
