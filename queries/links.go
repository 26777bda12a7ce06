package queries

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Purposes of links.
const (
	LinkRecover = "recover" // whose password is forgotten sets another
	LinkInvite  = "invite"  // a new user sets the first one
	LinkVerify  = "verify"  // a user shows that an address is his
)

// Link is something that is mailed to a user, and good for one use. Another password of the user, or another address, ends it.
type Link struct {
	// Hash is SHA-256 of what is in the mail, 32 bytes.
	Hash []byte
	// User is whose it is; nil: nobody's, and it will never be good.
	User *uuid.UUID
	// Email is where it is mailed to.
	Email string
	// Purpose is one of the constants.
	Purpose string
	// Lasts is for how long it is good.
	Lasts time.Duration
}

// AddLink writes a link with q, so in its transaction.
func AddLink(ctx context.Context, q db.Querier, by By, l Link) error {
	if err := plain(l.Email); err != nil {
		return err
	}
	if err := q.InsertLink(ctx, db.InsertLinkParams{
		Hash: l.Hash, UserID: l.User, EmailKey: Key(l.Email), Purpose: l.Purpose, LifetimeMs: milliseconds(l.Lasts),
	}); err != nil || l.User == nil {
		return err
	}
	return audit(ctx, q, by, "user."+l.Purpose, "user:"+l.User.String(), []byte("{}"))
}

// FindLink gives whose a link is, and what for, if it is good still; else sql.ErrNoRows.
func (s *Store) FindLink(ctx context.Context, hash []byte) (user uuid.UUID, purpose string, err error) {
	row, err := s.queries().GetLink(ctx, hash)
	if err != nil {
		return uuid.Nil, "", err
	}
	return *row.UserID, row.Purpose, nil
}

// UseLink uses a link up with q, and gives whose it is, and what for: of those who try at once, one does. The others, and who
// comes with one that is not good, get sql.ErrNoRows. Nobody else changes the user until the transaction ends.
func UseLink(ctx context.Context, q db.Querier, hash []byte) (user uuid.UUID, purpose string, err error) {
	// Users are locked before their links, by everybody.
	found, err := q.GetLink(ctx, hash)
	if err != nil {
		return uuid.Nil, "", err
	}
	if _, err := q.LockUser(ctx, *found.UserID); err != nil {
		return uuid.Nil, "", err
	}
	row, err := q.UseLink(ctx, hash)
	if err != nil {
		return uuid.Nil, "", err
	}
	return *row.UserID, row.Purpose, nil
}

// Mark says with q, so in its transaction, that something is done which is done once in the life of a store. False: it was done
// before. Who tries at the same time waits for the end of the transaction.
func Mark(ctx context.Context, q db.Querier, name string) (bool, error) {
	n, err := q.InsertMark(ctx, name)
	return n == 1, err
}

// endLinks ends the links of a user that were not used.
func endLinks(ctx context.Context, q db.Querier, user uuid.UUID) error {
	_, err := q.EndLinksOf(ctx, &user)
	return err
}
