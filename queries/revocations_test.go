package queries

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// TestRevocationFeed holds that what one gateway revokes another hears of within two seconds, in order and without gaps,
// however many revoke at once.
func TestRevocationFeed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, other := openStore(t, dsn), openStore(t, dsn)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		wanted := other.RevocationsWanted(ctx)
		<-wanted // the first look
		const many = 50
		seen := make(chan error, 1)
		go func() {
			var last int64
			for range wanted {
				all, err := other.Revocations(ctx, last, 7)
				for ; err == nil && len(all) > 0; all, err = other.Revocations(ctx, last, 7) {
					for _, r := range all {
						if r.Number != last+1 {
							seen <- fmt.Errorf("after %d comes %d", last, r.Number)
							return
						}
						last = r.Number
					}
				}
				if err != nil || last == many {
					seen <- err
					return
				}
			}
		}()
		race(t, many, func(i int) (bool, error) { return true, s.RevokeAccess(t.Context(), fmt.Sprint(i), time.Hour) })
		select {
		case err := <-seen:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Minute):
			t.Error("not heard of")
		}
		cancel()
		for range wanted { // it is closed
		}
	})
}

// TestNotified holds that with PostgreSQL it is heard when it is told, not when the counter is looked at.
func TestNotified(t *testing.T) {
	t.Parallel()
	s := openStore(t, postgresDSN(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wanted := s.wanted(ctx, revocationsTold, time.Hour)
	<-wanted // the first look
	<-wanted // it listens
	if err := s.RevokeAccess(t.Context(), "x", time.Hour); err != nil {
		t.Fatal(err)
	}
	<-wanted
	cancel()
	for range wanted {
	}
}

// TestWantedEndsWithStore holds that nobody has to end it before the store.
func TestWantedEndsWithStore(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, err := Open(t.Context(), Config{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		revocations, letters := s.RevocationsWanted(t.Context()), s.LettersWanted(t.Context())
		s.Close()
		for range revocations {
		}
		for range letters {
		}
	})
}

// TestRevokedAccess holds that a token is revoked as long as it may last, and then forgotten.
func TestRevokedAccess(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		for jti, lasts := range map[string]time.Duration{"long": time.Hour, "over": 0} {
			if err := s.RevokeAccess(t.Context(), jti, lasts); err != nil {
				t.Fatal(err)
			}
		}
		for jti, want := range map[string]bool{"long": true, "over": false, "other": false, "lon%": false, "": false} {
			row, err := s.Queries().GetStanding(t.Context(), db.GetStandingParams{Access: jti, UserID: u.ID})
			if err != nil || row.AccessRevoked != want || row.Email != "a@x.org" {
				t.Errorf("%q: %+v, %v", jti, row, err)
			}
		}
		if err := s.sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "revocations"); n != 1 || newest(t, s) != 2 {
			t.Errorf("%d are kept, the counter is %d", n, newest(t, s))
		}
	})
}
