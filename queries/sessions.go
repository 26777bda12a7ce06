package queries

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Version names one state of a session.
type Version struct {
	// Generation, at least 1, grows with each login; Revision, at least 0, with each change within a generation.
	Generation, Revision int64
}

// Session is a logged-in state, sealed by who wrote it.
type Session struct {
	Version
	// Sealed is not looked at.
	Sealed []byte
	// Expires is by the clock of this process; the store keeps how far away it is, by its own.
	Expires time.Time
}

// longest is for how long anything may be kept.
const longest = 10 * 365 * 24 * time.Hour

// lifetime is how long something lives that ends at a time, in milliseconds.
func lifetime(expires time.Time) int64 {
	return min(max(0, time.Until(expires)), longest).Milliseconds()
}

// Session gives the session of an index, which has 32 bytes. False: there is none, or it has expired.
func (s *Store) Session(ctx context.Context, index []byte) (Session, bool, error) {
	row, err := s.queries().GetSession(ctx, index)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, false, nil
	}
	if err != nil {
		return Session{}, false, err
	}
	return Session{
		Version: Version{Generation: row.Generation, Revision: row.Revision},
		Sealed:  row.Sealed, Expires: time.Now().Add(time.Duration(row.LeftMs) * time.Millisecond),
	}, true, nil
}

// ReplaceSession writes next where the session of this version is, expired or not. The zero Version stands for none, and an
// expired one counts as none. False: there is another, and nothing is written. Of those who try at once to replace the same
// version by another one wins.
func (s *Store) ReplaceSession(ctx context.Context, index []byte, old Version, next Session) (bool, error) {
	var n int64
	var err error
	if old == (Version{}) {
		n, err = s.queries().InsertSession(ctx, db.InsertSessionParams{
			SessionIndex: index, Generation: next.Generation, Revision: next.Revision, Sealed: next.Sealed, LifetimeMs: lifetime(next.Expires),
		})
	} else {
		n, err = s.queries().UpdateSession(ctx, db.UpdateSessionParams{
			SessionIndex: index, OldGeneration: old.Generation, OldRevision: old.Revision,
			Generation: next.Generation, Revision: next.Revision, Sealed: next.Sealed, LifetimeMs: lifetime(next.Expires),
		})
	}
	return n == 1, err
}

// DeleteSession deletes the session of this version, if it is still there.
func (s *Store) DeleteSession(ctx context.Context, index []byte, old Version) error {
	_, err := s.queries().DeleteSession(ctx, db.DeleteSessionParams{SessionIndex: index, Generation: old.Generation, Revision: old.Revision})
	return err
}

// Lease takes the lease of a name for a time, or makes the holder's own last so long from now. False: another has it. The
// fence is larger than that of every holder before; what is written under a lease may be refused by it.
func (s *Store) Lease(ctx context.Context, name, holder string, d time.Duration) (fence int64, ok bool, err error) {
	fence, err = s.queries().TakeLease(ctx, db.TakeLeaseParams{Name: name, Holder: holder, LifetimeMs: min(max(0, d), longest).Milliseconds()})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return fence, err == nil, err
}

// Release gives a lease back, if the holder still has it.
func (s *Store) Release(ctx context.Context, name, holder string) error {
	_, err := s.queries().ReleaseLease(ctx, db.ReleaseLeaseParams{Name: name, Holder: holder})
	return err
}
