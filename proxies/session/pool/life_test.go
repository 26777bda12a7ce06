package pool

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// TestOUT06 remembers no failure but wrong credentials.
func TestOUT06(t *testing.T) {
	t.Parallel()
	for _, kind := range []session.LoginKind{session.MFARequired, session.UnsupportedPage, session.NotAllowed, session.Unavailable} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer("ann")
				ss := gateways(t, 1, nil, s)[0]
				s.hook = func(context.Context, session.Credentials) error {
					return fmt.Errorf("wrapped: %w", &session.LoginError{Kind: kind, RetryAfter: time.Hour})
				}
				for range 10 {
					_, err := s.ask(t.Context(), ss, right("ann"))
					wantKind(t, err, kind)
				}
				s.hook = nil
				if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil || s.logins() != 11 {
					t.Errorf("%q %v, %d logins", u, err, s.logins())
				}
			})
		})
	}
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		s := newServer("ann")
		ss := gateways(t, 1, nil, s)[0]
		s.hook = func(context.Context, session.Credentials) error { panic("right-ann") }
		_, err := s.ask(t.Context(), ss, right("ann"))
		wantKind(t, err, session.Unavailable)
	})
	t.Run("slow", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer("ann")
			s.takes = time.Hour
			ss := gateways(t, 1, nil, s)[0]
			begin := time.Now()
			_, err := s.ask(t.Context(), ss, right("ann"))
			wantKind(t, err, session.Unavailable)
			if time.Since(begin) != DefaultTimeout {
				t.Errorf("after %v", time.Since(begin))
			}
		})
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		ss := newPool(t, Options{}).Sessions(Config{ID: "b", Login: empty{}})
		_, err := ss.Get(t.Context(), testSite(), right("ann"))
		wantKind(t, err, session.Unavailable)
	})
}

type empty struct{}

// TestLife lets a session go when it was not used for its time, and when it is old.
func TestLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		store := NewMemory(nil)
		all := gateways(t, 2, store, s)
		logins := func(want int) {
			t.Helper()
			for _, ss := range all {
				if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
					t.Fatalf("%q %v", u, err)
				}
			}
			synctest.Wait() // what is written in the background
			if s.logins() != want {
				t.Fatalf("%d logins, want %d", s.logins(), want)
			}
		}
		logins(1)
		for range 15 {
			time.Sleep(DefaultTTL / 2)
			logins(1)
		}
		time.Sleep(DefaultTTL / 2) // eight hours are over
		logins(2)
		time.Sleep(DefaultTTL + time.Second)
		logins(3)
		// One uses it, which keeps it for the other.
		for range 3 {
			time.Sleep(DefaultTTL / 2)
			if _, err := s.ask(t.Context(), all[0], right("ann")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		logins(3)
	})
}

// TestStoreFails logs in without a store, and notices when there is one again.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		s.takes = time.Second
		broken := &brokenStore{Store: NewMemory(nil)}
		broken.down.Store(true)
		all := gateways(t, 2, broken, s)
		for _, ss := range all {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
						t.Errorf("%q %v", u, err)
					}
				})
			}
			wg.Wait()
		}
		if s.logins() != 2 {
			t.Errorf("%d logins without a store", s.logins())
		}
		broken.down.Store(false)
		s.expire()
		var wg sync.WaitGroup
		for _, ss := range all {
			wg.Go(func() {
				if u, err := s.ask(t.Context(), ss, right("ann")); u != "ann" || err != nil {
					t.Errorf("%q %v", u, err)
				}
			})
		}
		wg.Wait()
		if s.logins() != 3 {
			t.Errorf("%d logins with one", s.logins())
		}
	})
}

// TestRefresh makes a session longer without the credentials.
func TestRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := new(granting)
		p := newPool(t, Options{})
		ss := p.Sessions(Config{ID: "b", Login: g})
		for i, want := range []string{"Bearer 1", "Bearer 1", "Bearer r1", "Bearer rr1", "Bearer 2"} {
			if i == 4 {
				g.over = true
			}
			held, err := ss.Get(t.Context(), testSite(), right("ann"))
			if err != nil {
				t.Fatal(err)
			}
			req, _ := http.NewRequest(http.MethodGet, "/", nil)
			req.SetBasicAuth("ann", "right-ann")
			ss.Apply(req, held)
			if got := req.Header.Get("Authorization"); got != want {
				t.Errorf("request %d has %q, want %q", i, got, want)
			}
			if i > 0 {
				time.Sleep(10 * time.Minute)
			}
		}
	})
}

type granting struct {
	n    int
	over bool
}

func (g *granting) Login(context.Context, session.Site, session.Credentials) (*session.State, error) {
	g.n++
	return &session.State{Authorization: fmt.Sprint("Bearer ", g.n), Refresh: fmt.Sprint(g.n), Expires: time.Now().Add(10 * time.Minute)}, nil
}

func (g *granting) Refresh(_ context.Context, _ session.Site, old *session.State) (*session.State, error) {
	if g.over {
		return nil, errors.New("invalid_grant")
	}
	return &session.State{Authorization: "Bearer r" + old.Refresh, Refresh: "r" + old.Refresh, Expires: time.Now().Add(10 * time.Minute)}, nil
}

// TestClose ends logins.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer("ann")
		s.takes = time.Hour
		p := newPool(t, Options{})
		ss := p.Sessions(Config{ID: "b", Login: s, Timeout: time.Hour})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := ss.Get(t.Context(), testSite(), right("ann"))
			wantKind(t, err, session.Unavailable)
		})
		synctest.Wait()
		p.Close()
		wg.Wait()
		_, err := ss.Get(t.Context(), testSite(), right("ann"))
		wantKind(t, err, session.Unavailable)
	})
}
