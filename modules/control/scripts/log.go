package scripts

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
)

const (
	// mostLog is how many lines a log is told at once, mostLogBytes how much text; at least one line is.
	mostLog, mostLogBytes = 100_000, 8 << 20
	// logBatch is how many lines are read at once.
	logBatch = 1000
)

// logging says which lines are wanted.
type logging struct {
	Script string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
	Start  string `query:"start" doc:"Lines later than this: a date, or a date with a time; without a zone it is UTC. A blank before the zone is the + that was not escaped." example:"2026-01-31T12:30:00"`
	LastID string `query:"last-id" doc:"Lines behind the one with this id." example:"17"`
}

// read gives the id behind which, and the time after which lines are wanted.
func (l *logging) read() (last int64, since time.Time, err error) {
	if l.Start != "" {
		if since, err = listing.ParseTime(l.Start); err != nil {
			return 0, since, refused("start: " + err.Error())
		}
	}
	if l.LastID != "" {
		if last, err = strconv.ParseInt(strings.TrimSpace(l.LastID), 10, 64); err != nil || last < 0 {
			return 0, since, refused("last-id: it is the number of a line")
		}
	}
	return last, since, nil
}

func (s *Scripts) log(ctx context.Context, in *logging) (*typed.Answer[[]ScriptLog], error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	last, since, err := in.read()
	if err != nil {
		return nil, err
	}
	out, size := []ScriptLog{}, 0
	for len(out) < mostLog && size < mostLogBytes {
		all, err := s.store.ScriptLogs(ctx, sc.ID, last, since, logBatch)
		if err != nil {
			return nil, err
		}
		for _, l := range all {
			out, last = append(out, showLine(l)), l.ID
			if size += len(l.Text); size >= mostLogBytes {
				break
			}
		}
		if len(all) < logBatch {
			break
		}
	}
	return typed.Of(out), nil
}
