package passwords

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/throttle"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	s := &store{hashes: map[string]string{
		"ann":       hashOf(t, cheap(), "right"),
		"ben":       hashOf(t, bcrypt4(), "right"),
		"nopwd":     "",
		"b@x.org":   hashOf(t, cheap(), strings.Repeat("é", 512)),
		"unread":    "{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=",
		"žluťoučký": hashOf(t, cheap(), "kůň \t\n"),
	}}
	c, _ := checker(t, s, Config{})
	for range 2 { // cold and remembered
		wantRight(t, c, attempt("ann", "right"))
		wantRight(t, c, attempt("ben", "right"))
		wantRight(t, c, attempt("b@x.org", strings.Repeat("é", 512)))
		wantRight(t, c, attempt("žluťoučký", "kůň \t\n"))
		for _, a := range []Attempt{
			attempt("ann", "wrong"), attempt("ann", "right "), attempt("ann", "Right"), attempt("annr", "ight"), attempt("ANN", "right"),
			attempt("ben", "wrong"), attempt("nobody", "right"), attempt("nopwd", "right"), attempt("unread", "right"),
			attempt("unread", "{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc="), attempt("ann", s.hashes["ann"]),
		} {
			wantWrong(t, c, a)
		}
	}
}

// TestTimingOfUnknownUsers has every failure be the same work, counted in hashes of each scheme, cold and again: whoever
// measures cannot tell who exists, who has a password, and of which kind it is.
func TestTimingOfUnknownUsers(t *testing.T) {
	t.Parallel()
	s := &store{hashes: map[string]string{
		"ann":    hashOf(t, cheap(), "right"),
		"ben":    hashOf(t, bcrypt4(), "right"),
		"cat":    hashOf(t, cheapOther(), "right"),
		"nopwd":  "",
		"unread": "x",
		"late":   "",
	}}
	c, w := checker(t, s, Config{})
	want := map[Scheme]int{cheap(): 1, cheapOther(): 1, bcrypt4(): 1}
	same := func() {
		t.Helper()
		for _, user := range []string{"ann", "ben", "cat", "nopwd", "unread", "nobody", "somebody"} {
			for _, password := range []string{"wrong", strings.Repeat("x", 1024), "ž"} {
				w.take()
				wantWrong(t, c, attempt(user, password))
				if diff := cmp.Diff(want, w.take()); diff != "" {
					t.Errorf("%s with %d bytes (-want +got):\n%s", user, len(password), diff)
				}
			}
		}
	}
	same()
	same()

	// A scheme that appears counts from the first check that meets it.
	late := Scheme{Algorithm: Bcrypt, Cost: 5}
	s.set("late", hashOf(t, late, "right"))
	want[late] = 1
	w.take()
	wantWrong(t, c, attempt("late", "wrong"))
	if diff := cmp.Diff(want, w.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	same()
}

// TestRightIsOneHash has a right password cost nothing of what failures do.
func TestRightIsOneHash(t *testing.T) {
	t.Parallel()
	s := &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "right"), "ben": hashOf(t, bcrypt4(), "right")}}
	c, w := checker(t, s, Config{})
	wantRight(t, c, attempt("ann", "right"))
	if diff := cmp.Diff(map[Scheme]int{cheap(): 1}, w.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSchemesAreThoseOfLivingAccounts has the list of schemes follow the accounts within a minute.
func TestSchemesAreThoseOfLivingAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "right")}, schemes: []string{"$2b$04", "", "rubbish"}}
		c, w := checker(t, s, Config{})
		costs := func(want map[Scheme]int) {
			t.Helper()
			w.take()
			wantWrong(t, c, attempt("nobody", "x"))
			if diff := cmp.Diff(want, w.take()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		costs(map[Scheme]int{bcrypt4(): 1, cheap(): 1})
		s.schemes = []string{cheap().String()}
		costs(map[Scheme]int{bcrypt4(): 1, cheap(): 1})
		if s.asks != 1 {
			t.Errorf("asked %d times", s.asks)
		}
		time.Sleep(schemesAge)
		costs(map[Scheme]int{cheap(): 1})

		s.schemes = nil
		for i := range 12 { // more than are ever made
			s.schemes = append(s.schemes, Scheme{Algorithm: Argon2id, Passes: 1, MemoryKiB: 64 + uint32(i), Lanes: 1}.String())
		}
		time.Sleep(schemesAge)
		want := map[Scheme]int{}
		for i := range mostSchemes {
			want[Scheme{Algorithm: Argon2id, Passes: 1, MemoryKiB: 64 + uint32(11-i), Lanes: 1}] = 1
		}
		costs(want)
	})
}

// TestBcrypt72Bytes has what is behind the 72nd byte not be ignored: such a password is wrong.
func TestBcrypt72Bytes(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("x", 72)
	s := &store{hashes: map[string]string{"ann": hashOf(t, bcrypt4(), full), "ben": hashOf(t, cheap(), full)}}
	c, _ := checker(t, s, Config{})
	for _, user := range []string{"ann", "ben"} {
		for _, p := range []string{full + "x", full + "\n", full + strings.Repeat("y", 200), full[:71]} {
			wantWrong(t, c, attempt(user, p))
		}
		wantRight(t, c, attempt(user, full))
	}
	long := strings.Repeat("x", 73)
	s.set("ben", hashOf(t, cheap(), long))
	wantRight(t, c, attempt("ben", long))
	wantWrong(t, c, attempt("ben", full))
}

// TestMalformedCredentials are refused before anything is looked up, hashed or counted: oversized ones, NUL, invalid UTF-8.
func TestMalformedCredentials(t *testing.T) {
	t.Parallel()
	s := &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "right")}}
	g := &gate{}
	c, w := checker(t, s, Config{Throttle: g})
	for name, a := range map[string]Attempt{
		"no user":                    attempt("", "right"),
		"no password":                attempt("ann", ""),
		"nothing":                    {},
		"oversized user":             attempt(strings.Repeat("a", 257), "right"),
		"oversized password":         attempt("ann", strings.Repeat("a", 1025)),
		"huge password":              attempt("ann", strings.Repeat("a", 64<<20)),
		"NUL in the user":            attempt("ann\x00", "right"),
		"NUL in the password":        attempt("ann", "right\x00"),
		"NUL before the password":    attempt("ann", "\x00right"),
		"invalid UTF-8 in the user":  attempt("ann\xff", "right"),
		"invalid UTF-8 in password":  attempt("ann", "right\xc3"),
		"surrogate in the password":  attempt("ann", "right\xed\xa0\x80"),
		"overlong NUL in password":   attempt("ann", "right\xc0\x80"),
		"colon in the user":          attempt("ann:", "right"),
		"password of the user field": attempt("ann:right", "right"),
	} {
		if got, err := c.Check(t.Context(), a); err != ErrWrong || got != (account{}) { //nolint:errorlint // the very same
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if s.finds != 0 || w.count() != 0 || g.asked != 0 {
		t.Errorf("%d looked up, %d hashed, %d asked", s.finds, w.count(), g.asked)
	}
	wantWrong(t, c, attempt(strings.Repeat("a", 256), strings.Repeat("a", 1024)))
	if s.finds != 1 || g.asked != 1 {
		t.Errorf("the longest ones are not checked: %d, %d", s.finds, g.asked)
	}
}

// TestStoreFails has an outage be no wrong password.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	s := &store{hashes: map[string]string{}, err: errStore}
	c, w := checker(t, s, Config{})
	if _, err := c.Check(t.Context(), attempt("ann", "right")); !errors.Is(err, errStore) || w.count() != 0 {
		t.Errorf("%v, %d hashes", err, w.count())
	}
}

// TestThrottled has the throttle be asked before a hash is made, told what came of it, and not be asked for what is known.
func TestThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "right")}}
		g := &gate{}
		c, w := checker(t, s, Config{Throttle: g})
		wantWrong(t, c, attempt("ann", "wrong"))
		wantWrong(t, c, attempt("nobody", "wrong"))
		wantRight(t, c, attempt("ann", "right"))
		wantRight(t, c, attempt("ann", "right"))
		if diff := cmp.Diff([]throttle.Outcome{throttle.Wrong, throttle.Wrong, throttle.Right}, g.ends); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		g.shut = true
		w.take()
		for _, user := range []string{"ann", "nobody"} {
			if _, err := c.Check(t.Context(), attempt(user, "wrong")); !errors.Is(err, errShut) || w.count() != 0 {
				t.Errorf("%v, %d hashes", err, w.count())
			}
		}
		wantRight(t, c, attempt("ann", "right"))
		time.Sleep(2 * time.Minute) // no longer remembered, and still known
		wantRight(t, c, attempt("ann", "right"))
		if w.count() != 1 {
			t.Errorf("%d hashes", w.count())
		}
		time.Sleep(2 * knownFor)
		if _, err := c.Check(t.Context(), attempt("ann", "right")); !errors.Is(err, errShut) {
			t.Error(err)
		}
	})
}

// TestAtOnce has those who ask the same thing at once cost one hash, and one who leaves take nobody with him.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"right", "wrong"} {
		t.Run(password, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "right")}}
				c, w := checker(t, s, Config{})
				w.gate = make(chan struct{})
				ctx, cancel := contextWithCancel(t)
				release := holders(t, c.slots)
				var all sync.WaitGroup
				all.Go(func() {
					if _, err := c.Check(ctx, attempt("ann", password)); !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				})
				synctest.Wait()
				for range 50 {
					all.Go(func() {
						if password == "right" {
							wantRight(t, c, attempt("ann", password))
						} else {
							wantWrong(t, c, attempt("ann", password))
						}
					})
				}
				synctest.Wait()
				cancel()
				synctest.Wait()
				release()
				synctest.Wait()
				close(w.gate)
				all.Wait()
				if n := w.count(); n != 1 {
					t.Errorf("%d hashes", n)
				}
			})
		})
	}
}

// TestAtOnceFromElsewhere has who comes from another network with the same right password find it remembered when his turn
// comes.
func TestAtOnceFromElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "right")}}
		c, w := checker(t, s, Config{Scheme: Scheme{Algorithm: Argon2id, Passes: 1, MemoryKiB: mostMemoryKiB, Lanes: 1}, Slots: NewSlots(1, 10)})
		s.set("ann", c.hasher.hash("right"))
		w.take()
		w.gate = make(chan struct{})
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				a := attempt("ann", "right")
				a.From = netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
				wantRight(t, c, a)
			})
		}
		synctest.Wait()
		close(w.gate)
		all.Wait()
		if n := w.count(); n != 1 {
			t.Errorf("%d hashes", n)
		}
	})
}

// TestPanicLetsGo has a check that panics keep neither its slot nor those who wait for it.
func TestPanicLetsGo(t *testing.T) {
	t.Parallel()
	s := &store{hashes: map[string]string{"ann": hashOf(t, cheap(), "right")}}
	g := &gate{}
	c, _ := checker(t, s, Config{Throttle: g})
	good := c.hasher.hashing
	c.hasher.hashing = func(Scheme) func() { panic("a defect") }
	func() {
		defer func() { _ = recover() }()
		_, _ = c.Check(t.Context(), attempt("ann", "right"))
	}()
	c.hasher.hashing = good
	if st := c.slots.Stats(); st.Used != 0 || len(c.flights.under) != 0 || len(g.ends) != 1 || g.ends[0] != throttle.Abandoned {
		t.Errorf("%v, %d under way, %v", st, len(c.flights.under), g.ends)
	}
	wantRight(t, c, attempt("ann", "right"))
}

func TestHash(t *testing.T) {
	t.Parallel()
	s := &store{hashes: map[string]string{}}
	c, w := checker(t, s, Config{})
	for _, password := range []string{"x", strings.Repeat("x", 1024), "ž"} {
		a, err := c.Hash(t.Context(), from("::1"), password)
		b, err2 := c.Hash(t.Context(), from("::1"), password)
		if err != nil || err2 != nil || a == b {
			t.Errorf("%v, %v, same salt: %v", err, err2, a == b)
		}
		s.set("ann", a)
		wantRight(t, c, attempt("ann", password))
	}
	w.take()
	for _, password := range []string{"", "a\x00", "\xff", strings.Repeat("x", 1025)} {
		if _, err := c.Hash(t.Context(), from("::1"), password); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", password, err)
		}
	}
	if w.count() != 0 {
		t.Error("hashed what is malformed")
	}
	release := holders(t, c.slots)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := c.Hash(ctx, from("::1"), "x"); !errors.Is(err, context.Canceled) || w.count() != 0 {
		t.Errorf("hashed without a slot: %v", err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"bcrypt for new ones": {Scheme: bcrypt4()},
		"no passes":           {Scheme: Scheme{Algorithm: Argon2id, MemoryKiB: 64, Lanes: 1}},
		"no algorithm":        {Scheme: Scheme{Passes: 1, MemoryKiB: 64, Lanes: 1}},
	} {
		if _, err := New(&store{}, cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c, err := New(&store{}, Config{})
	if err != nil || c.hasher.scheme.String() != "$argon2id$v=19$m=19456,t=2,p=1" {
		t.Errorf("%v, %v", c.hasher.scheme, err)
	}
}

// TestNoPasswordIsPrinted has attempts be harmless in logs.
func TestNoPasswordIsPrinted(t *testing.T) {
	t.Parallel()
	a := attempt("ann", "secret")
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", slog.Any("attempt", a))
	fmt.Fprintf(&b, "%v %+v %#v %s", a, a, a, a)
	if strings.Contains(b.String(), "secret") || !strings.Contains(b.String(), "ann") {
		t.Error(b.String())
	}
}

func TestWeaknesses(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]int{
		"Abcdefghij1!":                           0,
		"Abcdefghi1!":                            1, // 11
		"A1!" + strings.Repeat("a", 125):         0, // 128
		"A1!" + strings.Repeat("a", 126):         1,
		"abcdefghij1!":                           1,
		"ABCDEFGHIJ1!":                           1,
		"Abcdefghijk!":                           1,
		"Abcdefghijk1":                           1,
		"q":                                      4,
		"Žluťoučký 1 kůň":                        0, // a blank is special
		"密码密码密码密码密码密1!":                          0,
		"A1!" + strings.Repeat("\U0001F600", 12): 1, // no lower case letter
		"":                                       1,
		"Abcdefghij1!\x00":                       1,
		"Abcdefghij1!\xff":                       1,
		strings.Repeat("A1!a", 300):              1,
	} {
		if got := Weaknesses(password); len(got) != want {
			t.Errorf("%q: %q", password, got)
		}
	}
}
