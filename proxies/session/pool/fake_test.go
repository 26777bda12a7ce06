package pool

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/proxies/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a backend that knows who is logged in, and its login.
type server struct {
	takes time.Duration // a login
	// hook is called in a login, before it ends.
	hook func(ctx context.Context, c session.Credentials) error

	mu        sync.Mutex
	passwords map[string]string
	serial    int
	live      map[string]string // cookie to user
	tried     []session.Credentials
	inside    int
	most      int // logins at once
}

func newServer(users ...string) *server {
	s := &server{passwords: map[string]string{}, live: map[string]string{}}
	for _, u := range users {
		s.passwords[u] = "right-" + u
	}
	return s
}

var errWrong = &session.LoginError{Kind: session.BadCredentials}

func (s *server) Login(ctx context.Context, _ session.Site, c session.Credentials) (*session.State, error) {
	s.mu.Lock()
	s.tried = append(s.tried, c)
	s.inside++
	s.most = max(s.most, s.inside)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.inside--
		s.mu.Unlock()
	}()
	if s.takes > 0 {
		if err := sleep(ctx, s.takes); err != nil {
			return nil, fmt.Errorf("no answer: %w", err)
		}
	}
	if s.hook != nil {
		if err := s.hook(ctx, c); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passwords[c.User] != c.Password || c.Password == "" {
		return nil, errWrong
	}
	return &session.State{Cookies: []session.Cookie{{Name: "_oauth2_proxy", Value: s.cookie(c.User)}}}, nil
}

func (s *server) cookie(user string) string {
	s.serial++
	v := fmt.Sprintf("cookie-%d-of-%s", s.serial, user)
	s.live[v] = user
	return v
}

// expire ends all sessions.
func (s *server) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.live)
}

func (s *server) logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tried)
}

// triedWith says how many logins had a password.
func (s *server) triedWith(password string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.tried {
		if c.Password == password {
			n++
		}
	}
	return n
}

// user says whose session a request carries.
func (s *server) user(ss *Sessions, held *Session) string {
	req, _ := http.NewRequest(http.MethodGet, "https://backend.example/x", nil)
	ss.Apply(req, held)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range req.Cookies() {
		if u := s.live[c.Value]; u != "" {
			return u
		}
	}
	return ""
}

// ask is a request as a strategy makes it: with a session, and once more with another one.
func (s *server) ask(ctx context.Context, ss *Sessions, c session.Credentials) (string, error) {
	held, err := ss.Get(ctx, testSite(), c)
	if err != nil {
		return "", err
	}
	if u := s.user(ss, held); u != "" {
		return u, nil
	}
	for {
		next, err := ss.Renew(ctx, testSite(), c, held)
		if err != nil {
			return "", err
		}
		if u := s.user(ss, next); u != "" {
			return u, nil
		}
		if !next.Adopted() || next.Same(held) {
			return "", errors.New("challenged again")
		}
		held = next
	}
}

func testSite() session.Site {
	return session.Site{URL: &url.URL{Scheme: "https", Host: "backend.example"}}
}

func right(user string) session.Credentials {
	return session.Credentials{User: user, Password: "right-" + user}
}

// newPool makes a pool that ends with the test.
func newPool(t *testing.T, o Options) *Pool {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// key is a master key.
func key(b byte) []byte {
	k := make([]byte, KeySize)
	for i := range k {
		k[i] = b
	}
	return k
}

// gateways makes so many processes that share a store and a key.
func gateways(t *testing.T, n int, store session.Store, s *server) []*Sessions {
	t.Helper()
	out := make([]*Sessions, n)
	for i := range out {
		out[i] = newPool(t, Options{Store: store, Keys: [][]byte{key(1)}}).Sessions(Config{ID: "b", Login: s})
	}
	return out
}

// wantKind checks the kind of a login's failure; 0: none.
func wantKind(t *testing.T, err error, want session.LoginKind) {
	t.Helper()
	failed, _ := errors.AsType[*session.LoginError](err)
	switch {
	case want == 0 && err != nil:
		t.Errorf("got %v", err)
	case want != 0 && (failed == nil || failed.Kind != want):
		t.Errorf("got %v, want %v", err, want)
	}
}
