package pool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// TestOUT01 has sessions be used by nobody but those who logged in, with the password that they logged in with, at the backend
// where they did.
func TestOUT01(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann", "ben")
		p := newPool(t, Options{})
		ss, other := p.Sessions(Config{ID: "b", Login: s}), p.Sessions(Config{ID: "c", Login: s})
		for _, user := range []string{"ann", "ben", "ann"} {
			if u, err := s.ask(t.Context(), ss, right(user)); u != user || err != nil {
				t.Errorf("%s: %q %v", user, u, err)
			}
		}
		if n := s.logins(); n != 2 {
			t.Errorf("%d logins", n)
		}
		for _, c := range []session.Credentials{
			{User: "ann", Password: "right-ben"},
			{User: "ann", Password: "right-ann "},
			{User: "annright", Password: "-ann"},
			{User: "ann", Password: "right-"},
		} {
			if u, err := s.ask(t.Context(), ss, c); err == nil {
				t.Errorf("%v is %q", c, u)
			} else {
				wantKind(t, err, session.BadCredentials)
			}
		}
		n := s.logins()
		for _, c := range []session.Credentials{{}, {User: "ann"}, {Password: "right-ann"}} {
			_, err := ss.Get(t.Context(), testSite(), c)
			wantKind(t, err, session.BadCredentials)
		}
		if s.logins() != n {
			t.Error("nothing is no password, and was tried")
		}
		if u, err := s.ask(t.Context(), other, right("ann")); u != "ann" || err != nil || s.logins() != n+1 {
			t.Errorf("another backend: %q %v, %d logins", u, err, s.logins()-n)
		}
	})
}

// TestOUT04 has many callers at once, in several gateways, make one login: cold, and at expiry.
func TestOUT04(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ callers, gateways int }{{256, 1}, {256, 2}, {100, 3}} {
		t.Run(fmt.Sprint(c.callers, " callers, ", c.gateways, " gateways"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer("ann", "ben")
				s.takes = 200 * time.Millisecond
				all := gateways(t, c.gateways, NewMemory(nil), s)
				for round, what := range []string{"cold", "expired", "expired again"} {
					s.expire()
					begin := time.Now()
					var wg sync.WaitGroup
					for i := range c.callers {
						user := []string{"ann", "ben"}[i%2]
						wg.Go(func() {
							if u, err := s.ask(t.Context(), all[i/2%len(all)], right(user)); u != user || err != nil {
								t.Errorf("%s: %q %v", what, u, err)
							}
						})
					}
					wg.Wait()
					if got, want := s.logins(), 2*(round+1); got != want {
						t.Errorf("%s: %d logins, want %d", what, got, want)
					}
					if took := time.Since(begin); took > 2500*200*time.Microsecond {
						t.Errorf("%s: the last one waited for %v", what, took)
					}
				}
			})
		})
	}
}

// TestFirstCallerLeaves lets the one go for whom a login began; the others get its session.
func TestFirstCallerLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		s.takes = time.Second
		ss := gateways(t, 1, nil, s)[0]
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := ss.Get(first, testSite(), right("ann")); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who left: %v", err)
			}
		})
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		wg.Go(func() {
			_, err := ss.Get(short, testSite(), right("ann"))
			wantKind(t, err, session.Unavailable)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("one without patience: %v", err)
			}
		})
		wg.Go(func() {
			if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
				t.Errorf("one who stayed: %q %v", u, err)
			}
		})
		synctest.Wait()
		leave()
		wg.Wait()
		if s.logins() != 1 {
			t.Errorf("%d logins", s.logins())
		}
	})
}

// TestHolderDies has a gateway end in a login; another one logs in when its lease is over, and both that live get that session.
func TestHolderDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		s.takes = time.Second
		store := NewMemory(nil)
		dead := newPool(t, Options{Store: &cutOff{Store: store, after: 2}, Keys: [][]byte{key(1)}})
		stuck := &server{takes: time.Hour}
		doomed := dead.Sessions(Config{ID: "b", Login: stuck, Timeout: 2 * time.Hour})
		var wg sync.WaitGroup
		ctx, kill := context.WithCancel(t.Context())
		wg.Go(func() { _, _ = doomed.Get(ctx, testSite(), right("ann")) })
		time.Sleep(time.Second)
		for _, ss := range gateways(t, 2, store, s) {
			wg.Go(func() {
				if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
					t.Errorf("%q %v", u, err)
				}
			})
		}
		time.Sleep(time.Second)
		if stuck.logins() != 1 || s.logins() != 0 {
			t.Errorf("%d and %d logins while the lease is held", stuck.logins(), s.logins())
		}
		kill()
		wg.Wait()
		if s.logins() != 1 {
			t.Errorf("%d logins", s.logins())
		}
	})
}

// cutOff is a store that a gateway loses, as one that is killed does: it takes no lease any more after the first ones.
type cutOff struct {
	session.Store
	mu    sync.Mutex
	after int
}

func (c *cutOff) Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error) {
	c.mu.Lock()
	c.after--
	gone := c.after < 0
	c.mu.Unlock()
	if gone {
		return false, errors.New("killed")
	}
	return c.Store.Lease(ctx, name, holder, d)
}

func (*cutOff) Release(context.Context, string, string) error { return errors.New("killed") }

// TestLeaseIsRenewed has a login take longer than a lease; nobody else logs in meanwhile.
func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		s.takes = 3 * leaseTime
		var wg sync.WaitGroup
		for _, ss := range gateways(t, 3, NewMemory(nil), s) {
			wg.Go(func() {
				if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
					t.Errorf("%q %v", u, err)
				}
			})
		}
		wg.Wait()
		if s.logins() != 1 {
			t.Errorf("%d logins", s.logins())
		}
	})
}

// TestLeaseIsLost has the first gateway's lease not be renewed while it logs in: another one logs in as well, which the first one says.
// A gateway that keeps its lease says nothing.
func TestLeaseIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		s.takes = 3 * leaseTime
		store := NewMemory(nil)
		var said [2]bytes.Buffer
		var wg sync.WaitGroup
		for i, its := range []session.Store{&cutOff{Store: store, after: 1}, store} {
			p := newPool(t, Options{Store: its, Keys: [][]byte{key(1)}, Logger: slog.New(slog.NewTextHandler(&said[i], nil))})
			ss := p.Sessions(Config{ID: "b", Login: s})
			wg.Go(func() {
				if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
					t.Errorf("%q %v", u, err)
				}
			})
			synctest.Wait() // the first one has its lease
		}
		wg.Wait()
		if s.logins() != 2 || !strings.Contains(said[0].String(), "the lease of a login ended before the login") || strings.Contains(said[1].String(), "lease") {
			t.Errorf("%d logins; the gateways say %q and %q", s.logins(), &said[0], &said[1])
		}
	})
}

// TestOUT05 tries wrong passwords: the same one many times, and many of them.
func TestOUT05(t *testing.T) {
	t.Parallel()
	t.Run("the same", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer("ann")
			s.takes = 100 * time.Millisecond
			all := gateways(t, 2, NewMemory(nil), s)
			wrong := session.Credentials{User: "ann", Password: "wrong"}
			for round := range 3 {
				var wg sync.WaitGroup
				for i := range 100 {
					wg.Go(func() {
						_, err := s.ask(t.Context(), all[i%2], wrong)
						wantKind(t, err, session.BadCredentials)
					})
				}
				wg.Wait()
				if n := s.triedWith("wrong"); n != round+1 {
					t.Errorf("the wrong one was tried %d times in round %d", n, round)
				}
				if u, err := s.ask(t.Context(), all[round%2], right("ann")); u != "ann" || err != nil {
					t.Errorf("the right one afterwards: %q %v", u, err)
				}
				s.expire()
				time.Sleep(refusedFor + time.Second)
			}
		})
	})
	t.Run("many", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer("ann", "ben")
			s.takes = 100 * time.Millisecond
			all := gateways(t, 2, NewMemory(nil), s)
			if u, err := s.ask(t.Context(), all[0], right("ben")); u != "ben" || err != nil {
				t.Fatalf("%q %v", u, err)
			}
			guess := func(user string) int {
				before := s.logins()
				var wg sync.WaitGroup
				for i := range 100 {
					wg.Go(func() {
						_, err := s.ask(t.Context(), all[i%2], session.Credentials{User: user, Password: fmt.Sprint("guess ", i)})
						if err == nil {
							t.Error("a guess is right")
						}
					})
				}
				wg.Wait()
				return s.logins() - before
			}
			// Those who come at once, and those whose turn came while they waited.
			if n := guess("ann"); n < freeFailures || n > freeFailures+4 {
				t.Errorf("%d guesses were tried", n)
			}
			time.Sleep(10 * time.Second)
			if u, err := s.ask(t.Context(), all[1], right("ann")); u != "ann" || err != nil {
				t.Errorf("the right one a little later: %q %v", u, err)
			}
			// Whoever was let in the last time need not wait.
			guess("ben")
			s.expire()
			begin := time.Now()
			if u, err := s.ask(t.Context(), all[1], right("ben")); u != "ben" || err != nil || time.Since(begin) > time.Second {
				t.Errorf("the right one at once: %q %v after %v", u, err, time.Since(begin))
			}
		})
	})
}

// TestPasswordChanges has a wrong password beside a good session, and a changed one: neither fails nor lets in anybody else.
func TestPasswordChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		all := gateways(t, 2, NewMemory(nil), s)
		for _, ss := range all {
			if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
				t.Fatalf("%q %v", u, err)
			}
		}
		_, err := s.ask(t.Context(), all[0], session.Credentials{User: "ann", Password: "wrong"})
		wantKind(t, err, session.BadCredentials)
		if u, err := s.ask(t.Context(), all[0], right("ann")); u != "ann" || err != nil || s.logins() != 2 {
			t.Errorf("%q %v %d", u, err, s.logins())
		}
		s.passwords["ann"] = "new"
		s.expire()
		for _, ss := range all {
			_, err := s.ask(t.Context(), ss, right("ann"))
			wantKind(t, err, session.BadCredentials)
		}
		if s.logins() != 3 {
			t.Errorf("%d logins: the other gateway does not know", s.logins())
		}
		if u, err := s.ask(t.Context(), all[1], session.Credentials{User: "ann", Password: "new"}); u != "ann" || err != nil {
			t.Errorf("the new one: %q %v", u, err)
		}
	})
}

// TestOthersDoNotFail has the login of a wrong password fail while that of the right one is under way.
func TestOthersDoNotFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		s.takes = time.Second
		ss := gateways(t, 1, nil, s)[0]
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if i%2 == 0 {
					_, err := s.ask(t.Context(), ss, session.Credentials{User: "ann", Password: "wrong"})
					wantKind(t, err, session.BadCredentials)
					return
				}
				if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
					t.Errorf("%q %v", u, err)
				}
			})
		}
		wg.Wait()
		if s.logins() != 2 {
			t.Errorf("%d logins", s.logins())
		}
	})
}

func (empty) Login(context.Context, session.Site, session.Credentials) (*session.State, error) {
	return &session.State{}, nil
}
