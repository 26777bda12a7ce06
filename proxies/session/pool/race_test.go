package pool

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// hooked is a store that calls a function before a lease is taken, and counts what it is asked for.
type hooked struct {
	session.Store
	lease func()
	asked atomic.Int64
}

func (h *hooked) Lease(ctx context.Context, name, holder string, d time.Duration) (bool, error) {
	if f := h.lease; f != nil {
		h.lease = nil
		f()
	}
	return h.Store.Lease(ctx, name, holder, d)
}

func (h *hooked) Session(ctx context.Context, index []byte) (session.Record, bool, error) {
	h.asked.Add(1)
	return h.Store.Session(ctx, index)
}

// TestBetweenLookAndLease has another gateway log in after this one looked, and before it has the lease.
func TestBetweenLookAndLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		store := &hooked{Store: NewMemory(nil)}
		other := gateways(t, 1, store.Store, s)[0]
		ss := gateways(t, 1, store, s)[0]
		store.lease = func() {
			if _, err := s.ask(t.Context(), other, right("ann")); err != nil {
				t.Error(err)
			}
		}
		if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil || s.logins() != 1 {
			t.Errorf("%q %v, %d logins", u, err, s.logins())
		}
	})
}

// TestStoreIsAskedSeldom has what the process knows be enough.
func TestStoreIsAskedSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		store := &hooked{Store: NewMemory(nil)}
		ss := gateways(t, 1, store, s)[0]
		wrong := session.Credentials{User: "ann", Password: "wrong"}
		for i := range 100 {
			_, err := s.ask(t.Context(), ss, wrong)
			wantKind(t, err, session.BadCredentials)
			if _, err := s.ask(t.Context(), ss, right("ann")); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				store.asked.Store(0)
			}
		}
		if n := store.asked.Load(); n != 0 {
			t.Errorf("the store was asked %d times", n)
		}
	})
}

// TestFailuresAreForgotten by a login that went well, and after a while.
func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann", "ben")
		ss := gateways(t, 1, nil, s)[0]
		n := 0
		fail := func(user string, times int) {
			t.Helper()
			for range times {
				n++
				_, err := s.ask(t.Context(), ss, session.Credentials{User: user, Password: fmt.Sprint("wrong ", n)})
				wantKind(t, err, session.BadCredentials)
			}
		}
		begin := time.Now()
		for range 3 {
			fail("ann", freeFailures-1)
			if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
				t.Fatalf("%q %v", u, err)
			}
			s.expire()
		}
		fail("ben", freeFailures)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("somebody had to wait: %v", took)
		}
		time.Sleep(forgetAfter + time.Second)
		begin = time.Now()
		fail("ben", freeFailures)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it is not forgotten: %v", took)
		}
	})
}

// TestLateAnswer has an answer to a session come that was followed by another one meanwhile: its cookies are not of that.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		ss := gateways(t, 1, nil, s)[0]
		old, err := ss.Get(t.Context(), testSite(), right("ann"))
		if err != nil {
			t.Fatal(err)
		}
		s.expire()
		next, err := ss.Renew(t.Context(), testSite(), right("ann"), old)
		if err != nil || next.Same(old) {
			t.Fatal(err)
		}
		ss.Answered(&http.Response{Header: http.Header{"Set-Cookie": {"_oauth2_proxy=late"}}}, old, false)
		now, err := ss.Get(t.Context(), testSite(), right("ann"))
		if err != nil || now.State().Cookies[0].Value != "cookie-2-of-ann" {
			t.Errorf("%v %v", now.State(), err)
		}
	})
}

// TestSetKeepsRotated has a session be rotated while the flight that found it lands.
func TestSetKeepsRotated(t *testing.T) {
	t.Parallel()
	p := newPool(t, Options{})
	ss := p.Sessions(Config{ID: "b", Login: newServer("ann")})
	sl, err := p.slot(Index{1}, "b", right("ann"))
	if err != nil {
		t.Fatal(err)
	}
	of := func(v session.Version) *Session { return ss.session(sl, v, &session.State{}, time.Now()) }
	first := of(session.Version{Generation: 5})
	rotated := of(session.Version{Generation: 5, Revision: 1})
	for i, c := range []struct{ next, want *Session }{{first, first}, {rotated, rotated}, {first, rotated}} {
		if got := sl.set(c.next, c.next.version, time.Now()); got != c.want || sl.current.Load() != c.want {
			t.Errorf("%d: %+v", i, got.version)
		}
	}
	// A clock that is behind made it, after the later one was forgotten.
	if earlier := of(session.Version{Generation: 4}); sl.set(earlier, earlier.version, time.Now()) != earlier {
		t.Error("another login is not taken")
	}
}

// TestManyUsers logs many people in at once, each once.
func TestManyUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var users []string
		for i := range 300 {
			users = append(users, fmt.Sprint("user ", i))
		}
		s := newServer(users...)
		s.takes = 200 * time.Millisecond
		all := gateways(t, 2, NewMemory(nil), s)
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 1200 {
			user := users[i%len(users)]
			wg.Go(func() {
				if u, err := s.ask(t.Context(), all[i/600], right(user)); u != user || err != nil {
					t.Errorf("%s: %q %v", user, u, err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(begin); s.logins() != 300 || took > 500*time.Millisecond {
			t.Errorf("%d logins in %v", s.logins(), took)
		}
	})
}

// TestTooMany has the process hold fewer sessions than there are; the store has them all.
func TestTooMany(t *testing.T) {
	t.Parallel()
	s := newServer()
	p := newPool(t, Options{Limit: 10})
	ss := p.Sessions(Config{ID: "b", Login: s})
	for range 2 {
		for i := range 100 {
			user := fmt.Sprint("user ", i)
			s.passwords[user] = "right-" + user
			if u, err := s.ask(t.Context(), ss, right(user)); u != user || err != nil {
				t.Fatalf("%q %v", u, err)
			}
		}
	}
	if n := p.slots.EstimatedSize(); n > 20 || s.logins() != 100 {
		t.Errorf("%d are held, %d logins", n, s.logins())
	}
}
