package queries

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Revocation is something that makes what was checked be checked again.
type Revocation struct {
	// Number grows by one with each; they become visible in the order of their numbers.
	Number int64
	// Kind is access (a token: Subject is its jti), family, client, user, token (of an API), keys (a signing key was added), or
	// cache (values are to be forgotten: Subject says which).
	Kind, Subject string
}

// tell writes a revocation with q. It comes last in a transaction, since nobody else can tell anything until that ends.
func tell(ctx context.Context, q db.Querier, kind, subject string, keep time.Duration) error {
	n, err := q.NextRevocation(ctx)
	if err != nil {
		return err
	}
	return q.InsertRevocation(ctx, db.InsertRevocationParams{Number: n, Kind: kind, Subject: subject, LifetimeMs: milliseconds(keep)})
}

// RevokeAccess ends an access token, and is kept for as long as that lasts at most.
func (s *Store) RevokeAccess(ctx context.Context, jti string, lasts time.Duration) error {
	if err := plain(jti); err != nil {
		return err
	}
	return s.inTx(ctx, func(q db.Querier) error { return tell(ctx, q, "access", jti, lasts) })
}

const (
	// RevokedCache is the kind of what tells gateways to forget what they keep.
	RevokedCache = "cache"
	// KeepPurges is for how long that is kept: who has heard nothing for longer does not know what to forget.
	KeepPurges = time.Hour
)

// PurgeCaches tells all gateways to forget what they keep of something, in their own words.
func (s *Store) PurgeCaches(ctx context.Context, what string) error {
	if err := plain(what); err != nil {
		return err
	}
	return s.inTx(ctx, func(q db.Querier) error { return tell(ctx, q, RevokedCache, what, KeepPurges) })
}

// RevocationNumber is the number of the newest revocation, 0 before the first.
func (s *Store) RevocationNumber(ctx context.Context) (int64, error) {
	return s.queries().GetRevocationNumber(ctx)
}

// Revocations gives those after a number that are still kept, the oldest first, at most so many.
func (s *Store) Revocations(ctx context.Context, after int64, most int) ([]Revocation, error) {
	rows, err := s.queries().ListRevocations(ctx, db.ListRevocationsParams{After: after, AtMost: int64(most)})
	if err != nil {
		return nil, err
	}
	out := make([]Revocation, len(rows))
	for i, r := range rows {
		out[i] = Revocation(r)
	}
	return out, nil
}

const (
	// revocationsTold is the channel that a trigger of the table notifies.
	revocationsTold = "fairway_revocations"
	// pollEvery is how often the counter is looked at, whatever was heard: a pooler in between forwards no notifications.
	pollEvery = time.Second
	// listenAgain is how long after a connection that listens was lost another is opened.
	listenAgain = 5 * time.Second
)

// RevocationsWanted gives what is to be received from before Revocations are asked for: at once, when another gateway has
// told one (with PostgreSQL), and each second. It ends with ctx or the store, and is closed then.
func (s *Store) RevocationsWanted(ctx context.Context) <-chan struct{} {
	return s.wanted(ctx, revocationsTold, pollEvery)
}

// LettersWanted is as RevocationsWanted, for letters of any topic that were enqueued.
func (s *Store) LettersWanted(ctx context.Context) <-chan struct{} {
	return s.wanted(ctx, "fairway_outbox", pollEvery)
}

// wanted gives something when a channel is told something, and every so often.
func (s *Store) wanted(ctx context.Context, channel string, every time.Duration) <-chan struct{} {
	out := make(chan struct{}, 1)
	heard := make(chan struct{}, 1)
	s.done.Go(func() {
		defer close(out)
		ctx, cancel := context.WithCancel(ctx)
		listener := make(chan struct{})
		go func() {
			defer close(listener)
			s.listen(ctx, channel, func() { ring(heard) })
		}()
		defer func() {
			cancel()
			<-listener
		}()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			ring(out)
			select {
			case <-ctx.Done():
				return
			case <-s.ending:
				return
			case <-tick.C:
			case <-heard:
			}
		}
	})
	return out
}

// ring says something to who listens; once is enough.
func ring(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// listen implements engine: a file tells nobody.
func (e *file) listen(context.Context, string, func()) {}

// listen implements engine with a connection of its own, which is opened again when it is lost. A pooler would give it to others, or nobody else the one that it has.
func (e *server) listen(ctx context.Context, channel string, heard func()) {
	if e.pooled {
		return
	}
	for ctx.Err() == nil {
		e.listenOnce(ctx, channel, heard)
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain):
		}
	}
}

func (e *server) listenOnce(ctx context.Context, channel string, heard func()) {
	conn, err := pgx.ConnectConfig(ctx, e.pool.Config().ConnConfig)
	if err != nil {
		return // the counter is looked at meanwhile
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return
	}
	heard() // what was told before
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return
		}
		heard()
	}
}
