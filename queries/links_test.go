package queries

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

func addLink(t *testing.T, s *Store, l Link) {
	t.Helper()
	if err := AddLink(t.Context(), s.Queries(), by(), l); err != nil {
		t.Fatal(err)
	}
}

func linkSteps() []step {
	id := fresh()
	hash := append(id[:], id[:]...)
	return []step{
		{"HasUsers", func(ctx context.Context, q db.Querier) (any, error) { return q.HasUsers(ctx) }, true}, // the deleted one
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			_, err := q.InsertUser(ctx, db.InsertUserParams{ID: id, Email: "L@x.org", EmailKey: "l@x.org", Profile: []byte("{}"), Role: "USER"})
			return nil, err
		}, nil},
		{"InsertLink", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.InsertLink(ctx, db.InsertLinkParams{Hash: hash, UserID: &id, EmailKey: "l@x.org", Purpose: LinkInvite, LifetimeMs: 60_000})
		}, nil},
		{"GetLink", func(ctx context.Context, q db.Querier) (any, error) {
			row, err := q.GetLink(ctx, hash)
			return []any{row.UserID != nil && *row.UserID == id, row.Purpose}, err
		}, []any{true, LinkInvite}},
		{"UseLink", func(ctx context.Context, q db.Querier) (any, error) {
			row, err := q.UseLink(ctx, hash)
			return []any{row.UserID != nil && *row.UserID == id, row.Purpose}, err
		}, []any{true, LinkInvite}},
		{"EndLinksOf", func(ctx context.Context, q db.Querier) (any, error) { return q.EndLinksOf(ctx, &id) }, int64(0)},
		{"DeleteExpiredLinks", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteExpiredLinks(ctx, 10) }, int64(0)},
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			_, err := q.EndLinksOf(ctx, nil)
			if err == nil {
				_, err = q.DeleteUser(ctx, id) // for who comes next
			}
			return nil, err
		}, nil},
		{"InsertMark", func(ctx context.Context, q db.Querier) (any, error) {
			first, err := q.InsertMark(ctx, id.String())
			if err != nil {
				return nil, err
			}
			again, err := q.InsertMark(ctx, id.String())
			return []int64{first, again}, err
		}, []int64{1, 0}},
	}
}

// TestLinks holds what a link is good for, and what ends it.
func TestLinks(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		change := func(f func(*db.User)) func() error {
			return func() error {
				_, err := s.ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error { f(u); return nil })
				return err
			}
		}
		nothing := func() error { return nil }
		for i, c := range []struct {
			link Link
			then func() error
			good bool
		}{
			{Link{User: &u.ID, Email: "A@X.org", Purpose: LinkRecover, Lasts: time.Hour}, nothing, true},
			{Link{User: &u.ID, Email: "a@x.org", Purpose: LinkInvite, Lasts: time.Hour}, change(func(u *db.User) { u.Country = "x" }), true},
			{Link{User: &u.ID, Email: "a@x.org", Purpose: LinkRecover, Lasts: -time.Second}, nothing, false},
			{Link{User: &u.ID, Email: "b@x.org", Purpose: LinkRecover, Lasts: time.Hour}, nothing, false},
			{Link{Email: "a@x.org", Purpose: LinkRecover, Lasts: time.Hour}, nothing, false},
			{Link{User: &u.ID, Email: "a@x.org", Purpose: LinkRecover, Lasts: time.Hour}, change(func(u *db.User) { u.PasswordHash = "$2b$04$a" }), false},
			{Link{User: &u.ID, Email: "a@x.org", Purpose: LinkRecover, Lasts: time.Hour}, change(func(u *db.User) { u.Email = "c@x.org" }), false},
			{Link{User: &u.ID, Email: "c@x.org", Purpose: LinkRecover, Lasts: time.Hour}, func() error {
				if _, err := s.DeleteUser(t.Context(), by(), u.ID); err != nil {
					return err
				}
				_, err := s.RestoreUser(t.Context(), by(), u.ID)
				return err
			}, false},
		} {
			c.link.Hash = index(byte(i + 1))
			addLink(t, s, c.link)
			if err := c.then(); err != nil {
				t.Fatal(err)
			}
			for _, use := range []func() (uuid.UUID, string, error){
				func() (uuid.UUID, string, error) { return s.FindLink(t.Context(), c.link.Hash) },
				func() (id uuid.UUID, purpose string, err error) {
					err = s.InTx(t.Context(), func(q db.Querier) (err error) { id, purpose, err = UseLink(t.Context(), q, c.link.Hash); return err })
					return id, purpose, err
				},
			} {
				id, purpose, err := use()
				switch {
				case c.good && (err != nil || id != u.ID || purpose != c.link.Purpose):
					t.Errorf("%d: %v, %s, %v", i, id, purpose, err)
				case !c.good && !errors.Is(err, sql.ErrNoRows):
					t.Errorf("%d is good: %v", i, err)
				}
			}
			if _, _, err := s.FindLink(t.Context(), c.link.Hash); !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("%d is good for a second use: %v", i, err)
			}
		}
		names, _ := actions(t, s, "user:"+u.ID.String())
		if names[1] != "user.recover" {
			t.Errorf("the log says %v", names)
		}
		// An hour after it was made a link is gone, whoever's it was.
		if err := execute(t, s, "update account_links set expires_at = '2001-01-01 00:00:00+00:00'"); err != nil {
			t.Fatal(err)
		}
		if err := s.sweep(t.Context(), keepLeases); err != nil || count(t, s, "account_links") != 0 {
			t.Errorf("links are kept: %v", err)
		}
	})
}

// TestLinkRace holds that of 50 who use a link at once one does, while others change the password of its user: that ends links,
// and nobody waits for ever.
func TestLinkRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		u := create(t, stores[0], aUser("a@x.org"))
		for round := range byte(5) {
			hash := index(round + 1)
			addLink(t, stores[0], Link{Hash: hash, User: &u.ID, Email: u.Email, Purpose: LinkRecover, Lasts: time.Hour})
			var others sync.WaitGroup
			for i := range 5 {
				others.Go(func() {
					if round == 0 {
						return // undisturbed
					}
					if _, err := stores[i%2].ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error { u.PasswordHash += "x"; return nil }); err != nil {
						t.Error(err)
					}
				})
			}
			won := race(t, 50, func(i int) (bool, error) {
				err := stores[i%2].InTx(t.Context(), func(q db.Querier) error {
					id, _, err := UseLink(t.Context(), q, hash)
					if err != nil {
						return err
					}
					_, err = AlterUser(t.Context(), q, by(), id, func(u *db.User) error {
						u.PasswordHash = "$2b$04$a" + string(rune('a'+i%26)) + string(rune('a'+round))
						return nil
					})
					return err
				})
				if errors.Is(err, sql.ErrNoRows) {
					return false, nil
				}
				return err == nil, err
			})
			others.Wait()
			if won > 1 || round == 0 && won != 1 {
				t.Errorf("%d used the link", won)
			}
		}
	})
}

// TestMark holds that of those who mark at once one does, and that a mark is of its transaction.
func TestMark(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		mine := errors.New("mine")
		if err := stores[0].InTx(t.Context(), func(q db.Querier) error {
			if ok, err := Mark(t.Context(), q, "m"); !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
			return mine
		}); !errors.Is(err, mine) {
			t.Error(err)
		}
		won := race(t, 20, func(i int) (first bool, err error) {
			err = stores[i%2].InTx(t.Context(), func(q db.Querier) (err error) { first, err = Mark(t.Context(), q, "m"); return err })
			return first, err
		})
		if won != 1 {
			t.Errorf("%d marked", won)
		}
	})
}
