package mail

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// MostEnded is how many executions one letter tells of.
const MostEnded = 100

// Ended is an execution that has ended, as a letter tells of it. It has nothing that its script said: who wrote that is not always who gets
// the letter, and it would be his words under our sender.
type Ended struct {
	// ID is that of the execution, Script the slug of what ran.
	ID     string `json:"id"`
	Script string `json:"script"`
	// Status is FINISHED, FAILED or CANCELLED.
	Status string `json:"status"`
	// At is when it ended, in UTC, and Took how long after it was begun, or asked for where it never was.
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took"`
	// Link is where the API has it; without public_url a path.
	Link string `json:"-"`
}

// Ended writes to an owner of executions that have ended: one letter for each MostEnded. It is enqueued with q.
func (m *Mailer) Ended(ctx context.Context, q db.Querier, to string, all []Ended) error {
	if len(to) > mostAddress || len(all) == 0 {
		return errors.New("a letter about executions has an address, and tells of some")
	}
	all = slices.Clone(all)
	for i := range all {
		all[i].Script = named(all[i].Script) // it is in a subject
	}
	for some := range slices.Chunk(all, MostEnded) {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		if err := m.enqueue(ctx, q, envelope{ID: id.String(), Kind: kindEnded}, letter{To: to, Ended: some}); err != nil {
			return err
		}
	}
	return nil
}

// named is a name without what is not seen, and cut.
func named(script string) string {
	const most = 100
	out := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, script))
	if len(out) > most {
		out = append(out[:most], '…')
	}
	return string(out)
}

// linked are executions with where they are found.
func (m *Mailer) linked(all []Ended) []Ended {
	out := slices.Clone(all)
	for i := range out {
		out[i].At, out[i].Link = out[i].At.UTC(), m.cfg.PublicURL+"/api/v1/execution/"+out[i].ID
	}
	return out
}
