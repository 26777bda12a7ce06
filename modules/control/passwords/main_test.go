package passwords

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/modules/control/throttle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cheap are schemes that cost next to nothing.
func cheap() Scheme      { return Scheme{Algorithm: Argon2id, Passes: 1, MemoryKiB: 64, Lanes: 1} }
func cheapOther() Scheme { return Scheme{Algorithm: Argon2id, Passes: 2, MemoryKiB: 128, Lanes: 2} }
func bcrypt4() Scheme    { return Scheme{Algorithm: Bcrypt, Cost: 4} }

// hashOf makes a hash for the tests' accounts.
func hashOf(t testing.TB, s Scheme, password string) string {
	t.Helper()
	if s.Algorithm == Bcrypt {
		return bcryptOf(t, password, int(s.Cost))
	}
	h := hasher{scheme: s}
	return h.hash(password)
}

// account is what the tests' store gives.
type account struct{ name string }

// store has accounts in memory.
type store struct {
	mu       sync.Mutex
	hashes   map[string]string
	finds    int
	asks     int // for schemes
	replaced int
	err      error // of all methods
	schemes  []string
}

func (s *store) Find(_ context.Context, user string) (account, string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finds++
	h, ok := s.hashes[user]
	return account{user}, h, ok, s.err
}

func (s *store) ReplaceHash(_ context.Context, a account, old, next string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hashes[a.name] != old {
		return false, nil
	}
	if s.err != nil {
		return false, s.err
	}
	s.replaced++
	s.hashes[a.name] = next
	return true, nil
}

func (s *store) Schemes(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks++
	if s.schemes != nil || s.err != nil {
		return s.schemes, s.err
	}
	var out []string
	for _, h := range s.hashes {
		out = append(out, h)
	}
	return out, nil
}

func (s *store) set(user, hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashes[user] = hash
}

// work counts the hashes that are made.
type work struct {
	mu    sync.Mutex
	made  map[Scheme]int
	bytes int64 // held now
	most  int64
	// gate, where there is one, is received from before each hash.
	gate chan struct{}
}

func (w *work) hashing(s Scheme) func() {
	w.mu.Lock()
	if w.made == nil {
		w.made = map[Scheme]int{}
	}
	w.made[s]++
	w.bytes += s.Memory()
	w.most = max(w.most, w.bytes)
	w.mu.Unlock()
	if w.gate != nil {
		<-w.gate
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.bytes -= s.Memory()
	}
}

// take gives the hashes that were made since it was called.
func (w *work) take() map[Scheme]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	made := w.made
	w.made = nil
	return made
}

func (w *work) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, m := range w.made {
		n += m
	}
	return n
}

func checker(t testing.TB, s *store, cfg Config) (*Checker[account], *work) {
	t.Helper()
	w := &work{}
	cfg.Hashing = w.hashing
	if cfg.Scheme == (Scheme{}) {
		cfg.Scheme = cheap()
	}
	c, err := New(s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

func from(text string) netip.Addr { return netip.MustParseAddr(text) }

func attempt(user, password string) Attempt {
	return Attempt{User: user, Password: password, From: from("192.0.2.1")}
}

func wantWrong(t *testing.T, c *Checker[account], a Attempt) {
	t.Helper()
	if got, err := c.Check(t.Context(), a); err != ErrWrong || got != (account{}) { //nolint:errorlint // the very same, so that all look alike
		t.Errorf("%s: %v, %v", a, got, err)
	}
}

func wantRight(t *testing.T, c *Checker[account], a Attempt) {
	t.Helper()
	if got, err := c.Check(t.Context(), a); err != nil || got.name != a.User {
		t.Errorf("%s: %v, %v", a, got, err)
	}
}

// gate is a throttle that says what it was asked.
type gate struct {
	mu    sync.Mutex
	shut  bool
	asked int
	ends  []throttle.Outcome
}

var errShut = errors.New("shut")

func (g *gate) Begin(context.Context, netip.Addr, string) (throttle.End, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	if g.shut {
		return nil, errShut
	}
	return func(_ context.Context, o throttle.Outcome) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ends = append(g.ends, o)
	}, nil
}
