package queries

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// mostScriptLine is how long a line of a script's log may be, in bytes; the rest is left out.
const mostScriptLine = 10_000

// AddScriptLogs adds lines to the log of a script, written while a version of it was built. They are numbered within the script.
// Bytes that no database takes are replaced. sql.ErrNoRows: there is no such script.
func (s *Store) AddScriptLogs(ctx context.Context, script uuid.UUID, version int64, lines ...string) error {
	if len(lines) == 0 {
		return nil
	}
	return s.move(ctx, func(q db.Querier, now time.Time) error {
		last, err := q.TakeScriptLogs(ctx, db.TakeScriptLogsParams{ID: script, Count: int64(len(lines))})
		if err != nil {
			return err
		}
		rows := make([]map[string]any, len(lines))
		for i, line := range lines {
			line = strings.ToValidUTF8(line[:min(len(line), mostScriptLine)], "\ufffd")
			rows[i] = map[string]any{"id": last - int64(len(lines)-1-i), "text": strings.ReplaceAll(line, "\x00", "\ufffd"), "at": sqlTime(now)}
		}
		batch, err := batchOf(rows)
		if err != nil {
			return err
		}
		return q.InsertScriptLogs(ctx, db.InsertScriptLogsParams{ScriptID: script, Number: version, Batch: batch})
	})
}

// ScriptLogs gives lines of a script's log with numbers above after and later than since, in order, at most so many.
func (s *Store) ScriptLogs(ctx context.Context, script uuid.UUID, after int64, since time.Time, most int) ([]db.ScriptLog, error) {
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	return s.queries().ListScriptLogs(ctx, db.ListScriptLogsParams{ScriptID: script, LastID: after, Since: since, AtMost: int64(most)})
}
