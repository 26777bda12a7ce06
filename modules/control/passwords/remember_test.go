package passwords

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestPasswordChangedAtOnce has a change count for the next check, although the old password is remembered.
func TestPasswordChangedAtOnce(t *testing.T) {
	t.Parallel()
	s := &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "old")}}
	c, w := checker(t, s, Config{})
	wantRight(t, c, attempt("ann", "old"))
	w.take()
	wantRight(t, c, attempt("ann", "old"))
	if n := w.count(); n != 0 {
		t.Errorf("%d hashes of a remembered password", n)
	}
	s.set("ann", hashOf(t, cheap(), "new"))
	wantWrong(t, c, attempt("ann", "old"))
	wantRight(t, c, attempt("ann", "new"))
	s.set("ann", hashOf(t, cheap(), "new")) // another salt
	w.take()
	wantRight(t, c, attempt("ann", "new"))
	if w.count() != 1 {
		t.Error("the password of another hash was remembered")
	}
	s.mu.Lock()
	delete(s.hashes, "ann")
	s.mu.Unlock()
	wantWrong(t, c, attempt("ann", "new"))
	s.set("ann", "")
	wantWrong(t, c, attempt("ann", "new"))
}

// TestRemembered has right passwords be remembered for at most a minute, wrong ones never.
func TestRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "right")}}
		for _, test := range []struct {
			cfg         Config
			again, late int // hashes of a second check: after 50 s, after 60 s
		}{
			{Config{}, 0, 1},
			{Config{Remember: time.Hour}, 0, 1},
			{Config{Remember: time.Second}, 1, 1},
			{Config{Remember: -1}, 1, 1},
		} {
			c, w := checker(t, s, test.cfg)
			wantRight(t, c, attempt("ann", "right"))
			for _, step := range []struct {
				after time.Duration
				want  int
			}{{50 * time.Second, test.again}, {60 * time.Second, test.late}} {
				time.Sleep(step.after)
				w.take()
				wantRight(t, c, attempt("ann", "right"))
				if n := w.count(); n != step.want {
					t.Errorf("%v: %d hashes after %s", test.cfg.Remember, n, step.after)
				}
			}
			for range 3 {
				w.take()
				wantWrong(t, c, attempt("ann", "wrong"))
				if n := w.count(); n != 1 {
					t.Errorf("%d hashes of a wrong password", n)
				}
			}
		}
	})
}

// TestDigest has each part of a digest count, and none run into the next.
func TestDigest(t *testing.T) {
	t.Parallel()
	one, err := newMemory("realm", -1, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := one.digest("ann", "password", "hash")
	if d != one.digest("ann", "password", "hash") {
		t.Error("two digests of the same")
	}
	for _, parts := range [][3]string{
		{"annh", "password", "ash"}, {"an", "password", "nhash"}, {"ann", "hpassword", "has"}, {"ann", "assword", "hashp"}, {"ann", "hash", "password"}, {"ann", "password", ""},
	} {
		if d == one.digest(parts[0], parts[1], parts[2]) {
			t.Error(parts)
		}
	}
	one.realm = "realma"
	if d == one.digest("nn", "password", "hash") || d == one.digest("ann", "password", "hash") {
		t.Error("the realm does not count")
	}
	other, err := newMemory("realm", 0, 0)
	if err != nil || d == other.digest("ann", "password", "hash") {
		t.Error("two processes have one key", err)
	}
	if one.add(d); one.has(d) || one.knows(d) {
		t.Error("remembered what should not be")
	}
}

// TestRememberedIsBounded has many users not be remembered without end.
func TestRememberedIsBounded(t *testing.T) {
	t.Parallel()
	s := &store{hashes: map[string]string{}}
	c, _ := checker(t, s, Config{Remembered: 10})
	h := hashOf(t, cheap(), "right")
	for i := range 200 {
		user := fmt.Sprint("u", i)
		s.set(user, h)
		wantRight(t, c, attempt(user, "right"))
	}
	c.right.right.CleanUp()
	if n := c.right.right.EstimatedSize(); n > 10 || n == 0 {
		t.Errorf("%d are remembered", n)
	}
}

// TestRehash has a right password of an old scheme be hashed anew, once, and a wrong one never.
func TestRehash(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Scheme{"bcrypt": bcrypt4(), "cheaper": {Algorithm: Argon2id, Passes: 1, MemoryKiB: 32, Lanes: 1}, "dearer": cheapOther()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := &store{hashes: map[string]string{"ann": hashOf(t, s, "right")}}
			c, w := checker(t, db, Config{})
			wantWrong(t, c, attempt("ann", "wrong"))
			if db.replaced != 0 {
				t.Error("hashed anew with a wrong password")
			}
			wantRight(t, c, attempt("ann", "right"))
			if got, err := ParseScheme(db.hashes["ann"]); err != nil || got != cheap() || db.replaced != 1 {
				t.Errorf("%v, %v, %d times", got, err, db.replaced)
			}
			w.take()
			wantRight(t, c, attempt("ann", "right"))
			if n := w.count(); n != 0 || db.replaced != 1 {
				t.Errorf("%d hashes, %d replaced", n, db.replaced)
			}
			wantWrong(t, c, attempt("ann", "wrong"))
		})
	}
	t.Run("short salt", func(t *testing.T) {
		t.Parallel()
		salt := random(8)
		db := &store{hashes: map[string]string{"ann": format(cheap(), salt, argon2id(cheap(), "right", salt, 32))}}
		c, _ := checker(t, db, Config{})
		wantRight(t, c, attempt("ann", "right"))
		if db.replaced != 1 {
			t.Error("not hashed anew")
		}
	})
	t.Run("changed meanwhile", func(t *testing.T) {
		t.Parallel()
		db := &store{hashes: map[string]string{"ann": hashOf(t, bcrypt4(), "right")}}
		c, _ := checker(t, db, Config{})
		changed := hashOf(t, cheap(), "other")
		c.hasher.hashing = func(s Scheme) func() {
			if s == cheap() {
				db.set("ann", changed)
			}
			return nil
		}
		wantRight(t, c, attempt("ann", "right"))
		if db.hashes["ann"] != changed {
			t.Error("a password that was changed meanwhile was undone")
		}
		wantWrong(t, c, attempt("ann", "right"))
	})
	t.Run("store fails", func(t *testing.T) {
		t.Parallel()
		db := &failing{store{hashes: map[string]string{"ann": hashOf(t, bcrypt4(), "right")}}}
		c, err := New(db, Config{Scheme: cheap()})
		if err != nil {
			t.Fatal(err)
		}
		wantRight(t, c, attempt("ann", "right"))
		if d := c.right.digest("ann", "right", db.hashes["ann"]); !c.right.has(d) {
			t.Error("it is not remembered")
		}
	})
}

// failing is a store that cannot write, nor tell schemes.
type failing struct{ store }

func (f *failing) ReplaceHash(_ ctx, _ account, _, _ string) (bool, error) { return true, errStore }
func (f *failing) Schemes(ctx) ([]string, error)                           { return nil, errStore }

var errStore = errors.New("the store is down")

// keeper keeps each account that it has given until it is told to look again.
type keeper struct {
	*store
	kept map[string]string
	now  int
	was  bool // what Find gave last was kept
}

func (k *keeper) Find(ctx context.Context, user string) (account, string, bool, error) {
	h, ok := k.kept[user]
	if k.was = ok; ok {
		return account{user}, h, true, nil
	}
	return k.FindNow(ctx, user)
}

func (k *keeper) Kept(account) bool { return k.was }

func (k *keeper) FindNow(ctx context.Context, user string) (account, string, bool, error) {
	k.now++
	a, h, ok, err := k.store.Find(ctx, user)
	if ok {
		k.kept[user] = h
	}
	return a, h, ok, err
}

// TestKeptAccounts holds that what is kept does for a remembered password, and that before a hash is made it is looked at again.
func TestKeptAccounts(t *testing.T) {
	t.Parallel()
	k := &keeper{store: &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "old")}}, kept: map[string]string{}}
	c, err := New[account](k, Config{Scheme: cheap()})
	if err != nil {
		t.Fatal(err)
	}
	step := func(password string, right bool, asked int) {
		t.Helper()
		before := k.now
		_, err := c.Check(t.Context(), attempt("ann", password))
		if right != (err == nil) || k.now-before != asked {
			t.Errorf("%s: %v, asked %d times", password, err, k.now-before)
		}
	}
	step("old", true, 1)
	step("old", true, 0)
	k.set("ann", hashOf(t, cheap(), "new"))
	step("old", true, 0) // until it is told that it has changed
	now := attempt("ann", "old")
	now.Now = true
	if _, err := c.Check(t.Context(), now); !errors.Is(err, ErrWrong) {
		t.Errorf("the old password, where it counts: %v", err)
	}
	step("new", true, 1)
	step("new", true, 0)
	step("old", false, 1)
}
