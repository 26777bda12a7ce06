package queries

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries/db"
)

func by() By { return By{Actor: "test", RequestID: "r1"} }

func aUser(email string) db.User {
	return db.User{Email: email, Role: "USER", IsActive: true}
}

func create(t *testing.T, s *Store, u db.User) db.User {
	t.Helper()
	made, err := s.CreateUser(t.Context(), by(), u)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func wantTaken(t *testing.T, err error, field string) {
	t.Helper()
	if e, ok := errors.AsType[*TakenError](err); !ok || e.Field != field {
		t.Errorf("the error is %v, want that %s is taken", err, field)
	}
}

// actions are those that the audit log has of a subject, the oldest first.
func actions(t *testing.T, s *Store, subject string) (names, diffs []string) {
	t.Helper()
	rows, err := s.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: subject, AtMost: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Backward(rows) {
		if r.Actor != "test" || r.RequestID != "r1" || r.At.IsZero() {
			t.Errorf("%+v", r)
		}
		names, diffs = append(names, r.Action), append(diffs, strings.ReplaceAll(string(r.Diff), " ", ""))
	}
	return names, diffs
}

// TestDuplicateAddressRace holds that of 50 who take an address at once, over two stores, one gets it, in whatever case it is.
func TestDuplicateAddressRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		addresses := []string{"Ärger@Example.org", "ärger@example.org", "A\u0308RGER@EXAMPLE.ORG"}
		won := race(t, 50, func(i int) (bool, error) {
			_, err := stores[i%2].CreateUser(t.Context(), by(), aUser(addresses[i%3]))
			if e, ok := errors.AsType[*TakenError](err); ok && e.Field == "email" {
				return false, nil
			}
			return err == nil, err
		})
		if won != 1 || count(t, stores[0], "users") != 1 || count(t, stores[0], "audit_log") != 1 {
			t.Errorf("%d won, %d users, %d rows in the log", won, count(t, stores[0], "users"), count(t, stores[0], "audit_log"))
		}
	})
}

func TestUsernameRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		won := race(t, 20, func(i int) (bool, error) {
			u, name := aUser(fmt.Sprintf("%d@x.org", i)), "Root"
			u.Username = &name
			_, err := s.CreateUser(t.Context(), by(), u)
			if e, ok := errors.AsType[*TakenError](err); ok && e.Field == "username" {
				return false, nil
			}
			return err == nil, err
		})
		if won != 1 {
			t.Errorf("%d won", won)
		}
		create(t, s, aUser("none1@x.org")) // those without a name are not in each other's way
		create(t, s, aUser("none2@x.org"))
	})
}

// TestSoftDelete holds that a deleted user frees the address, comes back while it is free, and not when it is taken.
func TestSoftDelete(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		first := create(t, s, aUser("A@x.org"))
		if _, err := s.DeleteUser(t.Context(), by(), first.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeleteUser(t.Context(), by(), first.ID); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("it is deleted twice: %v", err)
		}
		if _, err := s.Queries().GetUserByEmail(t.Context(), "a@x.org"); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("a deleted one is found: %v", err)
		}
		if _, err := s.ChangeUser(t.Context(), by(), first.ID, func(*db.User) error { return nil }); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("a deleted one is changed: %v", err)
		}
		if got, err := s.RestoreUser(t.Context(), by(), first.ID); err != nil || got.DeletedAt != nil {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := s.RestoreUser(t.Context(), by(), first.ID); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("a living one is restored: %v", err)
		}
		if _, err := s.DeleteUser(t.Context(), by(), first.ID); err != nil {
			t.Fatal(err)
		}
		second := create(t, s, aUser("a@X.org"))
		if second.Number <= first.Number {
			t.Errorf("the numbers are %d and %d", first.Number, second.Number)
		}
		_, err := s.RestoreUser(t.Context(), by(), first.ID)
		wantTaken(t, err, "email")
		names, _ := actions(t, s, "user:"+first.ID.String())
		if diff := cmp.Diff([]string{"user.create", "user.delete", "user.restore", "user.delete"}, names); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRestoreRace holds that of a restored user and new ones with the same address one lives.
func TestRestoreRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		old := create(t, s, aUser("a@x.org"))
		if _, err := s.DeleteUser(t.Context(), by(), old.ID); err != nil {
			t.Fatal(err)
		}
		won := race(t, 20, func(i int) (bool, error) {
			var err error
			if i%2 == 0 {
				_, err = s.RestoreUser(t.Context(), by(), old.ID)
			} else {
				_, err = s.CreateUser(t.Context(), by(), aUser("a@x.org"))
			}
			if _, ok := errors.AsType[*TakenError](err); ok || errors.Is(err, sql.ErrNoRows) {
				return false, nil
			}
			return err == nil, err
		})
		if n, err := s.Queries().CountUsers(t.Context()); won != 1 || n != 1 || err != nil {
			t.Errorf("%d won, %d live, %v", won, n, err)
		}
	})
}

// TestChangeUser holds that changes at once are all made, that the log says what differs and no hash, and that a change that
// fails leaves nothing.
func TestChangeUser(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		create(t, s, aUser("b@x.org"))
		race(t, 20, func(int) (bool, error) {
			_, err := s.ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error { u.Country += "x"; return nil })
			return true, err
		})
		got, err := s.ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error {
			u.Role, u.PasswordHash, u.Number, u.ID = "ADMIN", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", 99, fresh()
			return nil
		})
		if err != nil || got.Country != strings.Repeat("x", 20) || got.Version != 22 || got.Number != u.Number || got.ID != u.ID || got.PasswordParameters != "$argon2id$v=19$m=19456,t=2,p=1" {
			t.Errorf("%+v, %v", got, err)
		}
		mine := errors.New("mine")
		if _, err := s.ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error { u.Name = "no"; return mine }); !errors.Is(err, mine) {
			t.Error(err)
		}
		_, err = s.ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error { u.Email = "B@x.org"; return nil })
		wantTaken(t, err, "email")
		for _, bad := range []func(*db.User){
			func(u *db.User) { u.Role = "ROOT" }, func(u *db.User) { u.Name = "a\x00b" }, func(u *db.User) { u.Name = "\xff" },
			func(u *db.User) { u.Email = "" }, func(u *db.User) { u.Profile = []byte("[]") }, func(u *db.User) { u.Profile = []byte("{") },
		} {
			if _, err := s.ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error { bad(u); return nil }); err == nil {
				t.Error("what no user can be is written")
			}
		}
		after, err := s.Queries().GetUser(t.Context(), u.ID)
		if diff := cmp.Diff(got, after); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		names, diffs := actions(t, s, "user:"+u.ID.String())
		if len(names) != 22 || diffs[1] != `{"country":["","x"]}` || !slices.Contains([]string{`{"password_hash":true,"role":["USER","ADMIN"]}`, `{"role":["USER","ADMIN"],"password_hash":true}`}, diffs[21]) {
			t.Errorf("%d: %s, %s", len(names), diffs[1], diffs[len(diffs)-1])
		}
	})
}

// TestAuditIsOfTheTransaction holds that nothing is changed of which the log cannot tell, and that the log is only added to.
func TestAuditIsOfTheTransaction(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		nobody := By{}
		_, err1 := s.CreateUser(t.Context(), nobody, aUser("b@x.org"))
		_, err2 := s.DeleteUser(t.Context(), nobody, u.ID)
		_, err3 := s.ChangeUser(t.Context(), nobody, u.ID, func(u *db.User) error { u.Name = "x"; return nil })
		_, err4 := s.CreateTeam(t.Context(), nobody, "team", u.ID)
		for i, err := range []error{err1, err2, err3, err4} {
			if err == nil {
				t.Errorf("%d is done by nobody", i)
			}
		}
		got, err := s.Queries().GetUser(t.Context(), u.ID)
		if diff := cmp.Diff(u, got); diff != "" || err != nil || count(t, s, "users") != 1 || count(t, s, "teams") != 0 {
			t.Errorf("%v\n%s", err, diff)
		}
		for _, bad := range []string{"delete from audit_log", "update audit_log set actor = 'x'"} {
			if err := execute(t, s, bad); err == nil || !strings.Contains(err.Error(), "append only") {
				t.Errorf("%s: %v", bad, err)
			}
		}
		if n := count(t, s, "audit_log"); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}

// execute runs a statement of no Querier.
func execute(t testing.TB, s *Store, text string) error {
	t.Helper()
	var err error
	switch e := s.engine.(type) {
	case *file:
		_, err = e.write.ExecContext(t.Context(), text) //nolint:gosec // of the environment there is a number in it, FAIRWAY_ROWS
	case *server:
		_, err = e.pool.Exec(t.Context(), text)
	}
	return err
}

// TestFindUser holds that an address comes before a name, in any case, and that a hash is replaced where it is still the same.
func TestFindUser(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		name, mine := "B@x.org", "Root"
		a, b := aUser("a@x.org"), aUser("b@x.org")
		a.Username, b.Username, a.PasswordHash = &name, &mine, "$2b$04$a"
		a, b = create(t, s, a), create(t, s, b)
		for login, want := range map[string]db.User{"A@X.org": a, "b@x.org": b, "ROOT": b} {
			if got, err := s.FindUser(t.Context(), login); err != nil || got.ID != want.ID {
				t.Errorf("%q is %v, %v", login, got.Email, err)
			}
		}
		for _, login := range []string{"", "nobody", "a@x.org\x00", "\xff", "a@x.or%", "' or 1=1 --"} {
			if _, err := s.FindUser(t.Context(), login); !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("%q: %v", login, err)
			}
		}
		for _, want := range []bool{true, false} {
			if ok, err := s.ReplaceHash(t.Context(), a.ID, "$2b$04$a", "$argon2id$v=19$m=8,t=1,p=1$c$h"); ok != want || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		}
		if all, err := s.Queries().ListPasswordParameters(t.Context()); err != nil || !slices.Equal(all, []string{"$argon2id$v=19$m=8,t=1,p=1"}) {
			t.Errorf("%v, %v", all, err)
		}
		if n := newest(t, s); n != 0 {
			t.Errorf("%d things were told", n)
		}
	})
}

func TestParameters(t *testing.T) {
	t.Parallel()
	for hash, want := range map[string]string{
		"": "", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA": "$argon2id$v=19$m=19456,t=2,p=1", "$2b$12$R9h/cIPz0gi.URNNX3kh2O": "$2b$12", "$2": "unknown", "x": "unknown", "$": "unknown", "$$$": "$",
	} {
		if got := parameters(hash); got != want {
			t.Errorf("%q: %q, want %q", hash, got, want)
		}
	}
}
