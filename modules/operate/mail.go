package operate

import (
	"context"
	"errors"
	"io"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/command"
)

func mailGroup() caddycmd.Command {
	return command.Group("mail", "dead|retry ... [--config file] [--json]", "Works on letters that could not be sent", `
Works on letters that were laid aside: they were tried for about twenty hours, or could
never be sent. They are kept for 30 days. What is in them, and to whom they go, is sealed.

With retry one is named by its id, all of them by the word all: each is tried again from
the beginning, by a gateway that runs. A letter whose links have ended meanwhile is
laid aside again.
`+exitCodes,
		command.Sub("dead", "Lists letters that were laid aside, the oldest first", deadLetters),
		command.Sub("retry <letter>|all", "Has letters be tried again", retryLetters),
	)
}

// mostLetters is how many letters are listed, or tried again at once.
const mostLetters = 1000

// deadLetter is one as commands print it.
type deadLetter struct {
	ID        uuid.UUID `json:"id"`
	Topic     string    `json:"topic"`
	Attempts  int       `json:"attempts"`
	CreatedAt time.Time `json:"created_at"`
	DeadAt    time.Time `json:"dead_at"`
	Why       string    `json:"why"`
}

// listedLetters are letters that were laid aside.
type listedLetters struct {
	Letters []deadLetter `json:"letters"`
}

// Text implements command.Report.
func (l listedLetters) Text(w io.Writer) error {
	for _, one := range l.Letters {
		if err := command.Line(w, "%s  %s  since %s, after %d attempts: %s", one.ID, one.Topic, one.DeadAt.UTC().Format(time.RFC3339), one.Attempts, one.Why); err != nil {
			return err
		}
	}
	if len(l.Letters) == 0 {
		return command.Line(w, "no letter was laid aside")
	}
	return nil
}

func deadLetters(ctx context.Context, c *command.Call) (command.Report, error) {
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	dead, err := s.DeadLetters(ctx, mostLetters)
	if err != nil {
		return nil, failed(err)
	}
	out := listedLetters{Letters: make([]deadLetter, len(dead))}
	for i, d := range dead {
		out.Letters[i] = deadLetter{ID: d.ID, Topic: d.Topic, Attempts: d.Attempts, CreatedAt: d.Created, DeadAt: d.Dead, Why: d.Why}
	}
	return out, nil
}

// retriedLetters is how many letters are tried again.
type retriedLetters struct {
	Retried int `json:"retried"`
}

// Text implements command.Report.
func (r retriedLetters) Text(w io.Writer) error {
	if r.Retried == 1 {
		return command.Line(w, "1 letter is tried again")
	}
	return command.Line(w, "%d letters are tried again", r.Retried)
}

func retryLetters(ctx context.Context, c *command.Call) (command.Report, error) {
	if len(c.Args) != 1 {
		return nil, command.Usagef("retry takes the id of a letter, or all")
	}
	var ids []uuid.UUID
	id, parseErr := uuid.Parse(c.Args[0])
	if parseErr != nil && c.Args[0] != "all" {
		return nil, command.Usagef("%q is no id of a letter, and not all", c.Args[0])
	}
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	if parseErr == nil {
		ids = append(ids, id)
	} else {
		dead, err := s.DeadLetters(ctx, mostLetters)
		if err != nil {
			return nil, failed(err)
		}
		for _, d := range dead {
			ids = append(ids, d.ID)
		}
	}
	out := retriedLetters{}
	for _, id := range ids {
		ok, err := s.RetryLetter(ctx, c.By(), id)
		if err != nil {
			return nil, failed(err)
		}
		if ok {
			out.Retried++
		}
	}
	if parseErr == nil && out.Retried == 0 {
		return nil, &command.Error{Code: command.Missing, Err: errors.New("no letter of this id was laid aside")}
	}
	return out, nil
}
