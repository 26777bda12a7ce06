package accounts_test

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

func is[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }

// TestCreate holds who may make whom, and what a user is made of.
func TestCreate(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		boss := w.ofRole(t, permit.Superadmin, "boss@example.org")
		admin := w.ofRole(t, permit.Admin, "admin@example.org")
		user := w.ofRole(t, permit.User, "user@example.org")
		if n := len(w.letters(t)); n != 0 {
			t.Errorf("%d letters go to who has a password", n)
		}
		for name, c := range map[string]struct {
			who  accounts.Who
			role string
			want string // "" is refused
		}{
			"anonymous":               {nobodyFrom("192.0.2.1"), "", "USER"},
			"anonymous as admin":      {nobodyFrom("192.0.2.1"), "SUPERADMIN", "USER"},
			"anonymous as nothing":    {nobodyFrom("192.0.2.1"), "KING", "USER"},
			"user":                    {person(user), "USER", "USER"},
			"user as admin":           {person(user), "ADMIN", ""},
			"admin":                   {person(admin), "", "USER"},
			"admin as admin":          {person(admin), "ADMIN", ""},
			"admin as superadmin":     {person(admin), "SUPERADMIN", ""},
			"superadmin as admin":     {person(boss), "ADMIN", "ADMIN"},
			"superadmin as his equal": {person(boss), "SUPERADMIN", "SUPERADMIN"},
			"superadmin as nothing":   {person(boss), "KING", ""},
			"superadmin, in small":    {person(boss), "admin", ""},
		} {
			email := "by." + strings.NewReplacer(" ", ".", ",", "").Replace(name) + "@example.org"
			u, err := w.Create(t.Context(), c.who, accounts.NewUser{Email: email, Name: "A  B C", Role: c.role})
			if c.want == "" {
				if !is[*permit.DeniedError](err) && !is[*accounts.InvalidError](err) {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if err != nil || u.Role != c.want || u.PasswordHash != "" || !u.IsActive || !u.IsRegularUser || !u.IsPluginUser || u.FirstName != "A" || u.LastName != "B C" || u.Name != "A  B C" {
				t.Errorf("%s: %+v, %v", name, u, err)
			}
			if all := w.letters(t); len(all) != 1 || all[0].Kind != "created" || all[0].To != email {
				t.Errorf("%s: %v", name, all)
			}
			if w.logsIn(t, email, "") || w.logsIn(t, email, good) {
				t.Errorf("%s logs in without a password", name)
			}
		}
		if _, err := w.Create(t.Context(), nobodyFrom("192.0.2.1"), accounts.NewUser{Email: "USER@example.ORG", Name: "x"}); !is[*queries.TakenError](err) {
			t.Errorf("an address that is taken: %v", err)
		}
		if n := len(w.letters(t)); n != 0 {
			t.Errorf("%d letters of what was not done", n)
		}
		if !w.logsIn(t, "user@example.org", good) {
			t.Error("a password that was given is not right")
		}
		rows, err := w.store.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: "user:" + user.ID.String(), AtMost: 10})
		if err != nil || len(rows) != 1 || rows[0].Action != "user.create" || rows[0].Actor != "test" || strings.Contains(string(rows[0].Diff), "argon2id") {
			t.Errorf("the log says %+v, %v", rows, err)
		}
	})
}

// TestCreateRefuses holds what no user can be.
func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engines.SQLite(t))
	for name, c := range map[string]struct {
		user  accounts.NewUser
		field string
	}{
		"no address":       {accounts.NewUser{Name: "x"}, "email"},
		"half an address":  {accounts.NewUser{Email: "x@", Name: "x"}, "email"},
		"a whole one":      {accounts.NewUser{Email: "X <x@example.org>", Name: "x"}, "email"},
		"two":              {accounts.NewUser{Email: "x@example.org,y@example.org", Name: "x"}, "email"},
		"with a line":      {accounts.NewUser{Email: "x@example.org\nBcc: y@example.org", Name: "x"}, "email"},
		"too long":         {accounts.NewUser{Email: strings.Repeat("x", 250) + "@example.org", Name: "x"}, "email"},
		"no name":          {accounts.NewUser{Email: "x@example.org", Name: " \t"}, "name"},
		"a long name":      {accounts.NewUser{Email: "x@example.org", Name: strings.Repeat("é", 257)}, "name"},
		"a name with NUL":  {accounts.NewUser{Email: "x@example.org", Name: "x\x00"}, "name"},
		"one that turns":   {accounts.NewUser{Email: "x@example.org", Name: "x\u202ey"}, "name"},
		"one of two lines": {accounts.NewUser{Email: "x@example.org", Name: "x\ny"}, "name"},
		"bytes":            {accounts.NewUser{Email: "x@example.org", Name: "x", Country: "\xff"}, "country"},
		"an address as a name": {accounts.NewUser{
			Email: "x@example.org", Name: "x", Username: "y@example.org",
		}, "username"},
		"a long text": {accounts.NewUser{Email: "x@example.org", Name: "x", Profile: map[string]any{"sector": strings.Repeat("x", 1001)}}, "sector"},
	} {
		_, err := w.Create(t.Context(), accounts.Operator("test"), c.user)
		if e, ok := errors.AsType[*accounts.InvalidError](err); !ok || e.Field != c.field {
			t.Errorf("%s: %#v", name, err)
		}
	}
	for _, weak := range []string{"q", "correct-horse-1", strings.Repeat("Aa1-", 33)} {
		before := w.hashes.Load()
		if _, err := w.Create(t.Context(), accounts.Operator("test"), accounts.NewUser{Email: "x@example.org", Name: "x", Password: weak}); !is[*accounts.WeakError](err) || w.hashes.Load() != before {
			t.Errorf("%q: %v", weak, err)
		}
	}
	if n, err := w.store.Queries().CountUsers(t.Context()); n != 0 || err != nil {
		t.Errorf("%d users, %v", n, err)
	}
}

// TestSignUpsAreLimited holds that an address, or a network of IPv6, makes so many users an hour; administrators any number.
func TestSignUpsAreLimited(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn, func(c *accounts.Config) { c.SignUps = 3 })
		n := 0
		create := func(who accounts.Who) error {
			n++
			_, err := w.Create(t.Context(), who, accounts.NewUser{Email: strings.Repeat("x", n) + "@example.org", Name: "x"})
			return err
		}
		for i, c := range []struct {
			who     accounts.Who
			limited bool
		}{
			{nobodyFrom("2001:db8::1"), false},
			{nobodyFrom("2001:db8::2"), false},
			{nobodyFrom("2001:db8::3"), false},
			{nobodyFrom("2001:db8::4"), true},
			{nobodyFrom("2001:db8:0:1::4"), false},
			{nobodyFrom("192.0.2.7"), false},
			{accounts.Operator("test"), false},
			{accounts.Operator("test"), false},
			{accounts.Operator("test"), false},
			{accounts.Operator("test"), false},
		} {
			err := create(c.who)
			if e, ok := errors.AsType[*accounts.LimitedError](err); ok != c.limited || err != nil && !ok || ok && e.RetryAfter <= 0 {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}

// TestChangeOwnPassword holds that the old one is asked, and that all logins end.
func TestChangeOwnPassword(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		u, bob := w.ofRole(t, permit.User, "ann@example.org"), w.ofRole(t, permit.User, "bob@example.org")
		w.family(t, u.ID)
		w.family(t, u.ID)
		w.family(t, bob.ID)
		refused := func(old, next string, want func(error) bool) {
			t.Helper()
			if _, err := w.ChangeOwnPassword(t.Context(), person(u), u.ID, old, next); !want(err) {
				t.Errorf("%v", err)
			}
			if w.logins(t, u.ID) != 2 || !w.logsIn(t, "ann@example.org", good) {
				t.Error("something has changed")
			}
		}
		wrong := func(err error) bool { return errors.Is(err, passwords.ErrWrong) }
		refused("Not-The-Password-1", other, wrong)
		refused("", other, wrong)
		refused("x\x00", other, wrong)
		refused(strings.Repeat("x", 2000), other, wrong)
		refused(good, "weak", is[*accounts.WeakError])
		refused(good, "Correct-Horse-1\x00", is[*accounts.WeakError])
		if _, err := w.ChangeOwnPassword(t.Context(), person(u), uuid.Must(uuid.NewV7()), good, other); !errors.Is(err, accounts.ErrNoUser) {
			t.Error(err)
		}
		next, err := w.ChangeOwnPassword(t.Context(), person(u), u.ID, good, other)
		if err != nil || next.PasswordChangedAt == nil || w.logins(t, u.ID) != 0 || w.logins(t, bob.ID) != 1 {
			t.Errorf("%+v, %v", next, err)
		}
		if w.logsIn(t, "ann@example.org", good) || !w.logsIn(t, "ann@example.org", other) || !w.logsIn(t, "bob@example.org", good) {
			t.Error("another password is right than should be")
		}
		if len(w.changed) != 1 || w.changed[0] != u.ID.String() {
			t.Errorf("%v were told of", w.changed)
		}
	})
}

// TestChangeOwnPasswordRace holds that of those who change a password at once with the same old one, one does: whoever has taken
// it from somebody cannot have it back by a request that was under way.
func TestChangeOwnPasswordRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		u := w.ofRole(t, permit.User, "ann@example.org")
		var won atomic.Int32
		var wait sync.WaitGroup
		for range 10 {
			wait.Go(func() {
				_, err := w.ChangeOwnPassword(t.Context(), person(u), u.ID, good, other)
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, passwords.ErrWrong):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Errorf("%d changed it", won.Load())
		}
	})
}

// TestSetPassword holds who may set whose.
func TestSetPassword(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		all := map[permit.Role]db.User{}
		for _, role := range []permit.Role{permit.User, permit.Admin, permit.Superadmin} {
			all[role] = w.ofRole(t, role, strings.ToLower(string(role))+"@example.org")
		}
		for _, by := range all {
			for _, whose := range all {
				w.family(t, whose.ID)
				may := by.Role == "SUPERADMIN" || by.Role == "ADMIN" && whose.Role != "SUPERADMIN"
				_, err := w.SetPassword(t.Context(), person(by), whose.ID, other)
				if may != (err == nil) || !may && !is[*permit.DeniedError](err) {
					t.Errorf("%s sets that of %s: %v", by.Role, whose.Role, err)
				}
				if n := w.logins(t, whose.ID); may != (n == 0) {
					t.Errorf("%s has %d logins", whose.Role, n)
				}
			}
		}
		if _, err := w.SetPassword(t.Context(), accounts.Operator("command"), all[permit.Superadmin].ID, good); err != nil || !w.logsIn(t, "superadmin@example.org", good) {
			t.Error(err)
		}
		if _, err := w.SetPassword(t.Context(), accounts.Operator("command"), all[permit.User].ID, "q"); !is[*accounts.WeakError](err) {
			t.Error(err)
		}
		_, err := w.store.DeleteUser(t.Context(), controltest.By(), all[permit.User].ID)
		must(t, err)
		if _, err := w.SetPassword(t.Context(), accounts.Operator("command"), all[permit.User].ID, good); !errors.Is(err, accounts.ErrNoUser) {
			t.Error(err)
		}
	})
}

// TestWrongAndInactiveAreTheSameWork counts hashes: a check of an unknown user, of a wrong password, of one who has no password
// yet, and of an inactive user is one each.
func TestWrongAndInactiveAreTheSameWork(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		w.ofRole(t, permit.User, "ann@example.org")
		off := w.ofRole(t, permit.User, "off@example.org")
		_, err := w.store.ChangeUser(t.Context(), controltest.By(), off.ID, func(u *db.User) error { u.IsActive = false; return nil })
		must(t, err)
		_, err = w.Create(t.Context(), accounts.Operator("test"), accounts.NewUser{Email: "new@example.org", Name: "New"})
		must(t, err)
		gone := w.ofRole(t, permit.User, "gone@example.org")
		_, err = w.store.DeleteUser(t.Context(), controltest.By(), gone.ID)
		must(t, err)
		for _, c := range []struct {
			user, password string
			right          bool
		}{
			{"ann@example.org", good, true},
			{"ann@example.org", "x", false},
			{"off@example.org", good, true},
			{"off@example.org", "x", false},
			{"new@example.org", "x", false},
			{"gone@example.org", good, false},
			{"nobody@example.org", "x", false},
		} {
			before := w.hashes.Load()
			account, err := w.passwords.Check(t.Context(), passwords.Attempt{User: c.user, Password: c.password, From: netip.MustParseAddr("192.0.2.1")})
			if n := w.hashes.Load() - before; n != 1 || c.right != (err == nil) || !c.right && !errors.Is(err, passwords.ErrWrong) {
				t.Errorf("%s: %d hashes, %v", c.user, n, err)
			}
			if account.Active != (c.user == "ann@example.org" && c.right) {
				t.Errorf("%s is %+v", c.user, account)
			}
		}
	})
}
