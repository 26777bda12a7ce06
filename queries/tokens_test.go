package queries

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// login begins a family of a user with a token of this hash.
func login(t *testing.T, s *Store, user uuid.UUID, client string, hash []byte) uuid.UUID {
	t.Helper()
	f := Family{ID: fresh(), User: user, Client: client, Scopes: "a b", Device: "d", Hash: hash, Lasts: time.Hour, FamilyLasts: 2 * time.Hour}
	if err := s.StartFamily(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f.ID
}

func rotation(n, next byte, client string) Rotation {
	return Rotation{Use: Use{Hash: index(n), Client: client, Lasts: time.Hour, Grace: 30 * time.Second}, NextHash: index(next), Next: fmt.Appendf(nil, "sealed %d", next)}
}

func wantRotated(t *testing.T, s *Store, r Rotation, want RefreshState, sealed string) {
	t.Helper()
	got, next, err := s.RotateRefresh(t.Context(), r)
	if err != nil || got != want || string(next) != sealed {
		t.Errorf("%d of %q: %d, %q, %v; want %d, %q", r.Hash[31], r.Client, got, next, err, want, sealed)
	}
}

// told are the kinds and subjects of the revocations after a number.
func told(t *testing.T, s *Store, after int64) []Revocation {
	t.Helper()
	all, err := s.Revocations(t.Context(), after, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].Number != after+int64(i)+1 {
			t.Errorf("%d is at place %d after %d", all[i].Number, i, after)
		}
		all[i].Number = 0
	}
	return all
}

func wantTold(t *testing.T, s *Store, after int64, want ...Revocation) {
	t.Helper()
	if diff := cmp.Diff(want, told(t, s, after)); diff != "" && len(want)+len(told(t, s, after)) > 0 {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func newest(t *testing.T, s *Store) int64 {
	t.Helper()
	n, err := s.RevocationNumber(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRotationRace holds that of 50 who use a refresh token at once, over two stores, one gets a new successor, and the others
// get the same one.
func TestRotationRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		u := create(t, stores[0], aUser("a@x.org"))
		login(t, stores[0], u.ID, "c", index(1))
		var mu sync.Mutex
		successors := map[string]int{}
		won := race(t, 50, func(i int) (bool, error) {
			r := rotation(1, byte(100+i), "c")
			state, next, err := stores[i%2].RotateRefresh(t.Context(), r)
			if err != nil {
				return false, err
			}
			if state == RefreshFresh {
				next = r.Next
			} else if state != RefreshAgain {
				return false, fmt.Errorf("the state is %d", state)
			}
			mu.Lock()
			defer mu.Unlock()
			successors[string(next)]++
			return state == RefreshFresh, nil
		})
		if won != 1 || len(successors) != 1 || count(t, stores[0], "refresh_tokens") != 2 {
			t.Errorf("%d won, the successors are %v", won, successors)
		}
		wantTold(t, stores[0], newest(t, stores[0])) // nothing was taken for reuse
	})
}

// TestGraceAndReuse holds that a token that was just used gives the same successor to the same client alone, and that later it
// ends the family, once.
func TestGraceAndReuse(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		family := login(t, s, u.ID, "c", index(1))
		other := login(t, s, u.ID, "", index(50))
		for _, client := range []string{"d", ""} {
			wantRotated(t, s, rotation(1, 2, client), RefreshUnknown, "")
		}
		wantRotated(t, s, rotation(9, 2, "c"), RefreshUnknown, "")
		wantRotated(t, s, rotation(1, 2, "c"), RefreshFresh, "")
		wantRotated(t, s, rotation(1, 3, "c"), RefreshAgain, "sealed 2")
		wantRotated(t, s, rotation(1, 3, "d"), RefreshUnknown, "")
		wantRotated(t, s, rotation(2, 3, "c"), RefreshFresh, "")
		before := newest(t, s)
		late := rotation(1, 4, "c")
		late.Grace = 0
		late.Client = "d"
		wantRotated(t, s, late, RefreshUnknown, "")
		late.Client = "c"
		won := race(t, 20, func(int) (bool, error) {
			state, next, err := s.RotateRefresh(t.Context(), late)
			return state == RefreshReused && next == nil, err
		})
		if won != 20 {
			t.Errorf("%d of 20 were reused", won)
		}
		wantTold(t, s, before, Revocation{Kind: "family", Subject: family.String()})
		for n := byte(1); n <= 3; n++ {
			wantRotated(t, s, rotation(n, 9, "c"), RefreshUnknown, "")
		}
		wantRotated(t, s, rotation(50, 51, ""), RefreshFresh, "")
		rows, err := s.Queries().ListFamilies(t.Context(), u.ID)
		if err != nil || len(rows) != 1 || rows[0].ID != other || rows[0].LastUsedAt == nil {
			t.Errorf("%+v, %v", rows, err)
		}
	})
}

// TestReuseAgainstRotation holds that a family that ends while its token is rotated has no living token.
func TestReuseAgainstRotation(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		family := login(t, s, u.ID, "c", index(1))
		wantRotated(t, s, rotation(1, 2, "c"), RefreshFresh, "")
		late := rotation(1, 4, "c")
		late.Grace = 0
		race(t, 10, func(i int) (bool, error) {
			r := late
			if i%2 == 0 {
				r = rotation(2, byte(20+i), "c")
			}
			_, _, err := s.RotateRefresh(t.Context(), r)
			return false, err
		})
		row, err := s.Queries().GetStanding(t.Context(), db.GetStandingParams{FamilyID: family, UserID: u.ID})
		if err != nil || row.FamilyLives {
			t.Errorf("%+v, %v", row, err)
		}
		for n := byte(20); n < 30; n++ {
			wantRotated(t, s, rotation(n, 9, "c"), RefreshUnknown, "")
		}
	})
}

// TestUseRefresh holds that a token that is kept lives on, that one of another client does not, and that nothing expired does.
func TestUseRefresh(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		login(t, s, u.ID, "c", index(1))
		want := func(use Use, state RefreshState, sealed string) {
			t.Helper()
			if got, next, err := s.UseRefresh(t.Context(), use); err != nil || got != state || string(next) != sealed {
				t.Errorf("%d, %q, %v; want %d", got, next, err, state)
			}
		}
		want(rotation(1, 0, "c").Use, RefreshFresh, "")
		want(rotation(1, 0, "c").Use, RefreshFresh, "")
		want(rotation(1, 0, "d").Use, RefreshUnknown, "")
		wantRotated(t, s, rotation(1, 2, "c"), RefreshFresh, "")
		want(rotation(1, 0, "c").Use, RefreshAgain, "sealed 2")
		short := rotation(2, 3, "c")
		short.Lasts = 0
		wantRotated(t, s, short, RefreshFresh, "")
		want(rotation(3, 0, "c").Use, RefreshUnknown, "") // it expired at once
		for n, f := range map[byte]Family{10: {Lasts: 0, FamilyLasts: time.Hour}, 11: {Lasts: time.Hour, FamilyLasts: 0}} {
			f.ID, f.User, f.Hash = fresh(), u.ID, index(n)
			if err := s.StartFamily(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			wantRotated(t, s, rotation(n, 12, ""), RefreshUnknown, "")
		}
		if err := s.StartFamily(t.Context(), Family{ID: fresh(), User: u.ID, Hash: index(1), Lasts: time.Hour, FamilyLasts: time.Hour}); err == nil {
			t.Error("two logins have one token")
		}
		if err := s.StartFamily(t.Context(), Family{ID: fresh(), User: fresh(), Hash: index(30)}); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("nobody logs in: %v", err)
		}
	})
}

// TestEndFamilies holds what ends the logins of a user: logging out, another password, and being deleted; and what is told.
func TestEndFamilies(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u, bob := create(t, s, aUser("a@x.org")), create(t, s, aUser("b@x.org"))
		first := login(t, s, u.ID, "c", index(1))
		if got, err := s.Queries().GetUser(t.Context(), u.ID); err != nil || got.LastLoginAt == nil || got.LastActivityAt == nil || got.Version != u.Version {
			t.Errorf("a login is not remembered: %+v, %v", got, err)
		}
		login(t, s, bob.ID, "c", index(2))
		if ok, err := s.EndFamily(t.Context(), bob.ID, first); ok || err != nil {
			t.Errorf("another's login is ended: %v", err)
		}
		before := newest(t, s)
		for _, want := range []bool{true, false} {
			if ok, err := s.EndFamily(t.Context(), u.ID, first); ok != want || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		}
		wantTold(t, s, before, Revocation{Kind: "family", Subject: first.String()})
		login(t, s, u.ID, "c", index(3))
		login(t, s, u.ID, "", index(4))
		if n, err := s.EndFamilies(t.Context(), u.ID); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := s.EndFamilies(t.Context(), fresh()); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		set := func(change func(*db.User)) {
			t.Helper()
			if _, err := s.ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error { change(u); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		second := login(t, s, u.ID, "c", index(5))
		user := Revocation{Kind: "user", Subject: u.ID.String()}
		before = newest(t, s)
		set(func(u *db.User) { u.Country = "x" }) // what nobody keeps
		wantTold(t, s, before)
		set(func(u *db.User) { u.Name = "x" })
		set(func(u *db.User) { u.Email = "x@x.org" })
		wantTold(t, s, before, user, user)
		before = newest(t, s)
		set(func(u *db.User) { u.PasswordHash = "$2b$04$a" }) // the first one
		wantTold(t, s, before, user)
		set(func(u *db.User) { u.Role = "ADMIN" })
		set(func(u *db.User) { u.IsActive = false })
		wantTold(t, s, before, user, user, user)
		before = newest(t, s)
		set(func(u *db.User) { u.PasswordHash = "$2b$04$b" })
		wantTold(t, s, before, Revocation{Kind: "family", Subject: second.String()}, user)
		third := login(t, s, u.ID, "c", index(6))
		before = newest(t, s)
		if _, err := s.DeleteUser(t.Context(), by(), u.ID); err != nil {
			t.Fatal(err)
		}
		wantTold(t, s, before, Revocation{Kind: "family", Subject: third.String()}, user)
		if _, err := s.Queries().GetStanding(t.Context(), db.GetStandingParams{UserID: u.ID}); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("a deleted user stands: %v", err)
		}
		if _, err := s.RestoreUser(t.Context(), by(), u.ID); err != nil {
			t.Fatal(err)
		}
		wantRotated(t, s, rotation(6, 7, "c"), RefreshUnknown, "") // it stays ended
		wantRotated(t, s, rotation(2, 8, "c"), RefreshFresh, "")   // bob's lives
	})
}
