package queries

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Letter is something that is to leave the gateway: mail, an event on its way to a webhook. It leaves at least once.
type Letter struct {
	// Topic says who takes it, like "mail". Payload is for that one, JSON.
	Topic   string
	Payload json.RawMessage
	// Once: a second letter with the same text here is not written, as long as the first one is there. Default "": as many as
	// there are.
	Once string
	// Delay is after how long it may leave. Default 0.
	Delay time.Duration
	// Lane is where it goes: while that is paused by FailLane, it stays. Default "": nobody pauses it.
	Lane string
	// Line has letters leave one after the other, those of a smaller Position first, until they are laid aside. Default "": when it likes.
	Line     string
	Position int64
}

// Enqueue writes a letter with q, so in its transaction: it leaves if that is committed. False: Once is there already.
func Enqueue(ctx context.Context, q db.Querier, l Letter) (bool, error) {
	if err := plain(l.Topic, l.Once, l.Lane, l.Line, string(l.Payload)); err != nil {
		return false, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return false, err
	}
	p := db.InsertOutboxParams{ID: id, Topic: l.Topic, Payload: l.Payload, DelayMs: milliseconds(l.Delay), Lane: l.Lane, Line: l.Line, Position: l.Position}
	if l.Once != "" {
		p.Once = &l.Once
	}
	n, err := q.InsertOutbox(ctx, p)
	return n == 1, err
}

// Claim is a letter that somebody has under a lease.
type Claim struct {
	ID      uuid.UUID
	Topic   string
	Payload json.RawMessage
	// Attempts counts this one, too: a letter that ends its worker each time is known by it.
	Attempts int
	Created  time.Time
	holder   string
}

// ClaimLetters leases at most so many letters of a topic that are due, each to one holder at a time: where the lease ends
// before the letter is finished or failed, another may take it.
func (s *Store) ClaimLetters(ctx context.Context, topic, holder string, most int, lease time.Duration) ([]Claim, error) {
	rows, err := s.queries().ClaimOutbox(ctx, db.ClaimOutboxParams{Topic: topic, Holder: holder, AtMost: int64(most), LeaseMs: milliseconds(lease)})
	if err != nil {
		return nil, err
	}
	out := make([]Claim, len(rows))
	for i, r := range rows {
		out[i] = Claim{ID: r.ID, Topic: r.Topic, Payload: r.Payload, Attempts: int(r.Attempts), Created: r.CreatedAt, holder: holder}
	}
	return out, nil
}

// RenewLetter has the lease of a claim last so long from now. False: another has taken the letter.
func (s *Store) RenewLetter(ctx context.Context, c Claim, lease time.Duration) (bool, error) {
	n, err := s.queries().RenewOutbox(ctx, db.RenewOutboxParams{ID: c.ID, Holder: c.holder, Attempts: int64(c.Attempts), LeaseMs: milliseconds(lease)})
	return n == 1, err
}

// FinishLetter deletes a letter that has left. False: another has taken it, and it may leave twice.
func (s *Store) FinishLetter(ctx context.Context, c Claim) (bool, error) {
	n, err := s.queries().FinishOutbox(ctx, db.FinishOutboxParams{ID: c.ID, Holder: c.holder, Attempts: int64(c.Attempts)})
	return n == 1, err
}

// FailLetter gives a letter back, to be taken again after a delay, or lays it aside if this was attempt number most. why is at
// most 1000 characters of it, and must hold nothing secret. False: another has taken it.
func (s *Store) FailLetter(ctx context.Context, c Claim, why string, delay time.Duration, most int) (bool, error) {
	n, err := s.queries().FailOutbox(ctx, db.FailOutboxParams{
		ID: c.ID, Holder: c.holder, Attempts: int64(c.Attempts), LastError: shorten(why), DelayMs: milliseconds(delay), Most: int64(most),
	})
	return n == 1, err
}

// CountLetters says how many letters of a topic wait or are worked on, and how many were laid aside.
func (s *Store) CountLetters(ctx context.Context, topic string) (waiting, dead int64, err error) {
	n, err := s.queries().CountOutbox(ctx, topic)
	return n.Waiting, n.Dead, err
}

// DeadLetter is a letter that was laid aside.
type DeadLetter struct {
	ID       uuid.UUID
	Topic    string
	Payload  json.RawMessage
	Attempts int
	// Why is what the last attempt ended with.
	Why           string
	Created, Dead time.Time
}

// DeadLetters gives at most so many letters that were laid aside, the oldest first.
func (s *Store) DeadLetters(ctx context.Context, most int) ([]DeadLetter, error) {
	rows, err := s.queries().ListDeadOutbox(ctx, int64(most))
	if err != nil {
		return nil, err
	}
	out := make([]DeadLetter, len(rows))
	for i, r := range rows {
		out[i] = deadLetter(r)
	}
	return out, nil
}

func deadLetter(r db.Outbox) DeadLetter {
	out := DeadLetter{ID: r.ID, Topic: r.Topic, Payload: r.Payload, Attempts: int(r.Attempts), Why: r.LastError, Created: r.CreatedAt}
	if r.DeadAt != nil {
		out.Dead = *r.DeadAt
	}
	return out
}

// RetryLetter has a letter that was laid aside be tried again from the beginning. False: there is none of this id.
func (s *Store) RetryLetter(ctx context.Context, by By, id uuid.UUID) (revived bool, err error) {
	err = s.inTx(ctx, func(q db.Querier) error {
		n, err := q.ReviveOutbox(ctx, id)
		if revived = n == 1; err != nil || !revived {
			return err
		}
		return Record(ctx, q, by, "mail.retry", "letter:"+id.String(), json.RawMessage("{}"))
	})
	return revived, err
}

// shorten makes text that both engines store of any.
func shorten(text string) string {
	out := make([]rune, 0, min(len(text), mostWhy))
	for _, r := range text {
		if len(out) == mostWhy {
			break
		}
		if r == 0 {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}

// mostWhy is how many characters are kept of why a letter failed.
const mostWhy = 1000
