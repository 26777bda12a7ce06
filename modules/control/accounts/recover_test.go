package accounts_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries/db"
)

// links counts rows of links: those of users, and those of nobody, which are good for nothing.
func links(t *testing.T, w *world) int64 {
	t.Helper()
	var n int64
	// All have a user, or none: of both there is one way to delete them all.
	must(t, w.store.InTx(t.Context(), func(q db.Querier) error {
		for {
			m, err := q.DeleteExpiredLinks(t.Context(), 100)
			if err != nil || m == 0 {
				return err
			}
			n += m
		}
	}))
	return n
}

// TestRecoverTellsNothing holds that asking for a link is the same, whoever it is for: no hash, one link written, no error; a letter
// goes to who is there, at the address that the store has, and to nobody else.
func TestRecoverTellsNothing(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn, func(c *accounts.Config) { c.LinkLasts = time.Nanosecond }) // so that they can be counted
		ann, gone := w.ofRole(t, permit.User, "Ann@example.org"), w.ofRole(t, permit.User, "gone@example.org")
		_, err := w.store.DeleteUser(t.Context(), controltest.By(), gone.ID)
		must(t, err)
		before := w.hashes.Load()
		for i, c := range []struct {
			login string
			to    string
		}{
			{"ann@EXAMPLE.org", "Ann@example.org"},
			{ann.ID.String(), "Ann@example.org"},
			{"nobody@example.org", ""},
			{"gone@example.org", ""},
			{gone.ID.String(), ""},
			{"0198a000-0000-7000-8000-000000000001", ""},
			{"ann", ""},
			{"a\x00b", ""},
			{"\xff", ""},
			{strings.Repeat("x", 100_000), ""},
			{"ann@example.org\r\nBcc: eve@example.org", ""},
		} {
			if err := w.RecoverPassword(t.Context(), nobodyFrom(fmt.Sprintf("192.0.2.%d", i)), c.login); err != nil {
				t.Fatalf("%.40q: %v", c.login, err)
			}
			if n := links(t, w); n != 1 {
				t.Errorf("%.40q: %d links", c.login, n)
			}
			all := w.letters(t)
			if c.to == "" && len(all) != 0 || c.to != "" && (len(all) != 1 || all[0].To != c.to || all[0].Kind != "recover") {
				t.Errorf("%.40q: %+v", c.login, all)
			}
		}
		if w.hashes.Load() != before {
			t.Error("a hash is made for some")
		}
	})
}

// TestRecoverIsLimited holds one in a minute, from an address and for a name, whether it is somebody's or not.
func TestRecoverIsLimited(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		w.ofRole(t, permit.User, "ann@example.org")
		for i, c := range []struct {
			from, login string
			limited     bool
		}{
			{"192.0.2.1", "ann@example.org", false},
			{"192.0.2.1", "bob@example.org", true}, // the address
			{"192.0.2.2", "ANN@example.org", true}, // the name
			{"192.0.2.3", "nobody@example.org", false},
			{"192.0.2.4", "nobody@example.org", true},
			{"2001:db8::1", "some@example.org", false},
			{"2001:db8::2", "others@example.org", true},
		} {
			err := w.RecoverPassword(t.Context(), nobodyFrom(c.from), c.login)
			if e, ok := errors.AsType[*accounts.LimitedError](err); ok != c.limited || err != nil && !ok || ok && (e.RetryAfter <= 0 || e.RetryAfter > time.Hour) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if n := len(w.letters(t)); n != 1 {
			t.Errorf("%d letters", n)
		}
	})
}

// TestRecoverHasAMostForAUser holds that a user gets three letters an hour, and that the fourth who asks is told nothing else.
func TestRecoverHasAMostForAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engines.SQLite(t), func(c *accounts.Config) { c.Recoveries = 1 })
	ann := w.ofRole(t, permit.User, "ann@example.org")
	for i, login := range []string{"ann@example.org", ann.ID.String()} {
		must(t, w.RecoverPassword(t.Context(), nobodyFrom(fmt.Sprintf("192.0.2.%d", i)), login))
	}
	if n := len(w.letters(t)); n != 1 {
		t.Errorf("%d letters", n)
	}
}

// recovered gives the token of a link that was mailed.
func recovered(t *testing.T, w *world, from, login string) string {
	t.Helper()
	must(t, w.RecoverPassword(t.Context(), nobodyFrom(from), login))
	all := w.letters(t)
	if len(all) != 1 {
		t.Fatalf("%d letters", len(all))
	}
	return all[0].token(t)
}

// TestReset holds what a link does, what it does not, and that the store could not tell it.
func TestReset(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		u := w.ofRole(t, permit.User, "ann@example.org")
		w.family(t, u.ID)
		token := recovered(t, w, "192.0.2.1", "ann@example.org")
		before := w.hashes.Load()
		last := token[len(token)-1]
		for _, bad := range []string{
			"", "x", token[:42], token + "A", token + "=", strings.ToLower(token), "AAAA" + token[4:], strings.Repeat("A", 43), strings.Repeat("A", 100_000),
			token[:42] + string(rune(last+1)), token + "\x00", "\xff",
		} {
			if bad == token {
				continue
			}
			if _, err := w.ResetPassword(t.Context(), nobodyFrom("192.0.2.1"), bad, other); !errors.Is(err, accounts.ErrLink) {
				t.Errorf("%.50q: %v", bad, err)
			}
		}
		if _, err := w.ResetPassword(t.Context(), nobodyFrom("192.0.2.1"), token, "weak"); !is[*accounts.WeakError](err) {
			t.Errorf("a weak one: %v", err)
		}
		if w.hashes.Load() != before || w.logins(t, u.ID) != 1 {
			t.Error("a hash was made, or logins ended, for what was refused")
		}
		next, err := w.ResetPassword(t.Context(), nobodyFrom("192.0.2.1"), token, other)
		if err != nil || next.ID != u.ID || next.EmailVerifiedAt == nil || w.logins(t, u.ID) != 0 {
			t.Fatalf("%+v, %v", next, err)
		}
		if w.logsIn(t, "ann@example.org", good) || !w.logsIn(t, "ann@example.org", other) {
			t.Error("another password is right than should be")
		}
		if _, err := w.ResetPassword(t.Context(), nobodyFrom("192.0.2.1"), token, good); !errors.Is(err, accounts.ErrLink) {
			t.Errorf("a second use: %v", err)
		}
		rows, err := w.store.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: "user:" + u.ID.String(), AtMost: 10})
		must(t, err)
		var actions []string
		for _, r := range rows {
			actions = append(actions, r.Action)
			if strings.Contains(string(r.Diff), "argon2id") || strings.Contains(string(r.Diff), token) {
				t.Errorf("the log has a secret: %s", r.Diff)
			}
		}
		if got := strings.Join(actions, " "); !strings.Contains(got, "user.recover") || !strings.Contains(got, "user.change") {
			t.Errorf("the log says %s", got)
		}
	})
}

// TestResetEnds holds that a link ends with another password, another address, with its user, and in time; and that an invited
// user sets his first password by one.
func TestResetEnds(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		for i, end := range []func(u db.User) error{
			func(u db.User) error {
				_, err := w.SetPassword(t.Context(), accounts.Operator("test"), u.ID, "Another-One-123")
				return err
			},
			func(u db.User) error {
				_, err := w.ChangeOwnPassword(t.Context(), person(u), u.ID, good, "Another-One-123")
				return err
			},
			func(u db.User) error {
				_, err := w.store.ChangeUser(t.Context(), controltest.By(), u.ID, func(u *db.User) error { u.Email = "new." + u.Email; return nil })
				return err
			},
			func(u db.User) error { _, err := w.store.DeleteUser(t.Context(), controltest.By(), u.ID); return err },
		} {
			email := fmt.Sprintf("%d@example.org", i)
			u := w.ofRole(t, permit.User, email)
			token := recovered(t, w, fmt.Sprintf("192.0.2.%d", i), email)
			must(t, end(u))
			if _, err := w.ResetPassword(t.Context(), nobodyFrom("192.0.2.1"), token, other); !errors.Is(err, accounts.ErrLink) {
				t.Errorf("%d: %v", i, err)
			}
		}
		_, err := w.Create(t.Context(), nobodyFrom("192.0.2.1"), accounts.NewUser{Email: "new@example.org", Name: "New"})
		must(t, err)
		token := w.letters(t)[0].token(t)
		if u, err := w.ResetPassword(t.Context(), nobodyFrom("192.0.2.1"), token, other); err != nil || u.EmailVerifiedAt == nil || !w.logsIn(t, "new@example.org", other) {
			t.Errorf("the first password: %v", err)
		}
		short := newWorld(t, dsn, func(c *accounts.Config) { c.LinkLasts = time.Nanosecond })
		_, err = short.Create(t.Context(), nobodyFrom("192.0.2.1"), accounts.NewUser{Email: "late@example.org", Name: "Late"})
		must(t, err)
		if _, err := short.ResetPassword(t.Context(), nobodyFrom("192.0.2.1"), short.letters(t)[0].token(t), other); !errors.Is(err, accounts.ErrLink) {
			t.Errorf("late: %v", err)
		}
	})
}

// TestResetRace holds that of 50 who use a link at once, through two gateways, one does.
func TestResetRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		gateways := []*world{newWorld(t, dsn), newWorld(t, dsn)}
		gateways[0].ofRole(t, permit.User, "ann@example.org")
		token := recovered(t, gateways[0], "192.0.2.1", "ann@example.org")
		var won atomic.Int32
		set := make([]bool, 50)
		var wait sync.WaitGroup
		for i := range set {
			wait.Go(func() {
				_, err := gateways[i%2].ResetPassword(t.Context(), nobodyFrom("192.0.2.1"), token, fmt.Sprintf("Correct-Horse-%d!", i))
				set[i] = err == nil
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, accounts.ErrLink):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d used it", won.Load())
		}
		for i, ok := range set {
			if ok && !gateways[0].logsIn(t, "ann@example.org", fmt.Sprintf("Correct-Horse-%d!", i)) {
				t.Error("the password of who used it is wrong")
			}
		}
	})
}

// TestLetterIsOfTheTransaction holds that where no letter can be written, nothing has happened.
func TestLetterIsOfTheTransaction(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		mine := errors.New("mine")
		w := newWorld(t, dsn, func(c *accounts.Config) {
			c.Letters.Created = failing(mine)
			c.Letters.Recover = failing(mine)
		})
		if _, err := w.Create(t.Context(), nobodyFrom("192.0.2.1"), accounts.NewUser{Email: "new@example.org", Name: "New"}); !errors.Is(err, mine) {
			t.Error(err)
		}
		if n, err := w.store.Queries().CountUsers(t.Context()); n != 0 || err != nil {
			t.Errorf("%d users, %v", n, err)
		}
		w.ofRole(t, permit.User, "ann@example.org")
		if err := w.RecoverPassword(t.Context(), nobodyFrom("192.0.2.1"), "ann@example.org"); !errors.Is(err, mine) {
			t.Error(err)
		}
	})
}
