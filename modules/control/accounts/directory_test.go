package accounts_test

import (
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/tokens/stored"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// cheap is a scheme of hashes that tests can make many of.
func cheap() passwords.Scheme {
	return passwords.Scheme{Algorithm: passwords.Argon2id, Passes: 1, MemoryKiB: 64, Lanes: 1}
}

func put(t testing.TB, s *queries.Store, email, username, hash string) db.User {
	t.Helper()
	u, err := s.CreateUser(t.Context(), controltest.By(), db.User{
		Email: email, Username: &username, Name: "Some Body", Role: "USER", IsActive: true, IsRegularUser: true, PasswordHash: hash,
	})
	must(t, err)
	return u
}

func find(t testing.TB, d *accounts.Directory, login string) (accounts.Account, string, bool) {
	t.Helper()
	a, hash, ok, err := d.Find(t.Context(), login)
	must(t, err)
	return a, hash, ok
}

const (
	hashA = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U"
	hashB = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$b2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U"
)

func TestDirectoryFinds(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		u := put(t, s, "Ann@Example.org", "ann", hashA)
		off := put(t, s, "off@example.org", "off", hashA)
		_, err := s.ChangeUser(t.Context(), controltest.By(), off.ID, func(u *db.User) error { u.IsActive = false; return nil })
		must(t, err)
		d := accounts.NewDirectory(s, accounts.DirectoryConfig{Protected: []string{"ANN@example.org"}})
		d.Heard(nil)
		for range 2 { // from the store, and as it was kept
			for _, login := range []string{"Ann@Example.org", "ann@example.org", "ann", "ANN"} {
				a, hash, ok := find(t, d, login)
				want := accounts.Account{Protected: true, User: tokens.User{
					ID: u.ID.String(), Number: u.Number, Email: "Ann@Example.org", Username: "ann", Name: "Some Body", Role: "USER",
					Active: true, Regular: true,
				}}
				if !ok || hash != hashA || a.User != want.User || a.Protected != want.Protected {
					t.Errorf("%s is %+v, %q, %v", login, a, hash, ok)
				}
			}
			if a, hash, ok := find(t, d, "off"); !ok || a.Active || a.Protected || hash != hashA {
				t.Errorf("an inactive user is %+v, %q, %v", a, hash, ok)
			}
			for _, login := range []string{"nobody", "ann@example.or", "", "a\x00b", "\xff"} {
				if a, hash, ok := find(t, d, login); ok || hash != "" || a != (accounts.Account{}) {
					t.Errorf("%q is %+v", login, a)
				}
			}
		}
		put(t, s, "nobody@example.org", "nobody", hashA)
		if _, _, ok := find(t, d, "nobody"); !ok {
			t.Error("a new user is not there")
		}
	})
}

// TestDirectoryKeeps holds that what is kept costs no query, and is kept only as long as the feed would tell of a change.
func TestDirectoryKeeps(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		u := put(t, s, "ann@example.org", "ann", hashA)
		d := accounts.NewDirectory(s, accounts.DirectoryConfig{})
		// Who is not told by anything changes the password: what is kept is the old one.
		secretly := func(hash string) {
			t.Helper()
			must(t, s.InTx(t.Context(), func(q db.Querier) error {
				row, err := q.LockUser(t.Context(), u.ID)
				if err != nil {
					return err
				}
				_, err = q.RehashPassword(t.Context(), db.RehashPasswordParams{ID: u.ID, OldHash: row.PasswordHash, PasswordHash: hash, PasswordParameters: row.PasswordParameters})
				return err
			}))
		}
		is := func(what, want string) {
			t.Helper()
			if _, hash, ok := find(t, d, "ann"); !ok || hash != want {
				t.Errorf("%s: %q, %v", what, hash, ok)
			}
		}
		told := []tokens.Revocation{{Kind: tokens.RevokedUser, ID: u.ID.String()}}
		other := []tokens.Revocation{{Kind: tokens.RevokedUser, ID: "another"}, {Kind: tokens.RevokedFamily, ID: u.ID.String()}}

		is("before the feed is heard", hashA)
		secretly(hashB)
		is("nothing is kept", hashB)
		d.Heard(nil)
		is("then it is", hashB)
		secretly(hashA)
		is("and asked no more", hashB)
		d.Heard(nil)
		d.Heard(other)
		is("also after others changed", hashB)
		d.Heard(told)
		is("until it changes", hashA)
		secretly(hashB)
		is("and again", hashA)
		d.Silent()
		is("until the feed is silent", hashB)
		secretly(hashA)
		is("which keeps nothing", hashA)
		d.Heard(nil)
		is("until it is heard again", hashA)
		if ok, err := d.ReplaceHash(t.Context(), accounts.Account{User: tokens.User{ID: u.ID.String()}}, hashB, hashA); ok || err != nil {
			t.Errorf("another hash was replaced: %v, %v", ok, err)
		}
		if ok, err := d.ReplaceHash(t.Context(), accounts.Account{User: tokens.User{ID: u.ID.String()}}, hashA, hashB); !ok || err != nil {
			t.Errorf("a hash was not replaced: %v, %v", ok, err)
		}
		is("what this gateway replaced it knows", hashB)
		all, err := d.Schemes(t.Context())
		if err != nil || len(all) != 1 || all[0] != "$argon2id$v=19$m=64,t=1,p=1" {
			t.Errorf("the schemes are %q, %v", all, err)
		}
	})
}

// TestPasswordOfAMomentAgo holds that a password that another gateway has set is right at once, before this one has heard of it, and
// that the old one is, as long as it is remembered, and no longer where it is not.
func TestPasswordOfAMomentAgo(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		here, there := newWorld(t, dsn), newWorld(t, dsn)
		u := here.ofRole(t, permit.User, "ann@example.org")
		if !here.logsIn(t, "ann@example.org", good) || here.logsIn(t, "ann@example.org", other) {
			t.Error("the password is wrong")
		}
		_, err := there.SetPassword(t.Context(), accounts.Operator("test"), u.ID, other)
		must(t, err)
		before := here.hashes.Load()
		if !here.logsIn(t, "ann@example.org", good) || here.hashes.Load() != before {
			t.Error("what is remembered is looked up") // until the feed tells, within two seconds
		}
		if !here.logsIn(t, "ann@example.org", other) || here.logsIn(t, "ann@example.org", good) {
			t.Error("the new password is wrong")
		}
	})
}

type nobody struct{ tokens.Passwords }

// TestDirectoryHears holds that a change by another gateway is known within moments: of password, role, flags, address, name,
// and that the user was deleted.
func TestDirectoryHears(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, other := controltest.Store(t, dsn), controltest.Store(t, dsn)
		u := put(t, s, "ann@example.org", "ann", hashA)
		d := accounts.NewDirectory(s, accounts.DirectoryConfig{})
		a, err := tokens.New(t.Context(), stored.New(s), nobody{}, tokens.Config{
			Issuer: "https://gateway.example.org", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Heard: d.Heard, Silent: d.Silent,
		})
		must(t, err)
		t.Cleanup(a.Close)
		for _, change := range []func(*db.User) error{
			func(u *db.User) error { u.PasswordHash = hashB; return nil },
			func(u *db.User) error { u.Role = "ADMIN"; return nil },
			func(u *db.User) error { u.IsActive = false; return nil },
			func(u *db.User) error { u.IsInternal = true; return nil },
			func(u *db.User) error { u.Name = "Ann"; return nil },
			func(u *db.User) error { u.Email = "a@example.org"; return nil },
			func(u *db.User) error { name := "annie"; u.Username = &name; return nil },
		} {
			find(t, d, "ann@example.org")
			find(t, d, "ann")
			next, err := other.ChangeUser(t.Context(), controltest.By(), u.ID, change)
			must(t, err)
			controltest.Eventually(t, "the other gateway has the change", func() bool {
				one, hash, ok := find(t, d, *next.Username)
				_, _, old := find(t, d, "ann")
				_, _, byMail := find(t, d, "ann@example.org")
				return ok && hash == next.PasswordHash && one.Role == next.Role && one.Active == next.IsActive && one.Internal == next.IsInternal &&
					one.Email == next.Email && one.Name == next.Name && old == (*next.Username == "ann") && byMail == (next.Email == "ann@example.org")
			})
		}
		_, err = other.DeleteUser(t.Context(), controltest.By(), u.ID)
		must(t, err)
		controltest.Eventually(t, "the other gateway has forgotten her", func() bool { _, _, ok := find(t, d, "annie"); return !ok })
	})
}

// BenchmarkCachedCheck is a cached check of a password: neither a hash nor a query.
func BenchmarkCachedCheck(b *testing.B) {
	s := controltest.Store(b, engines.SQLite(b))
	d := accounts.NewDirectory(s, accounts.DirectoryConfig{})
	d.Heard(nil)
	c, err := passwords.New(d, passwords.Config{Scheme: cheap()})
	must(b, err)
	hash, err := c.Hash(b.Context(), passwords.Attempt{}.From, "correct horse")
	must(b, err)
	put(b, s, "ann@example.org", "ann", hash)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Check(b.Context(), passwords.Attempt{User: "ann", Password: "correct horse"}); err != nil {
			b.Fatal(err)
		}
	}
}
