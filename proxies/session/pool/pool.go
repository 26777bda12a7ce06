// Package pool keeps sessions with backends: logged in once for all who have the same credentials, in this process and, by a
// store that all share, in others.
//
// A session is found by a keyed hash of backend, user and password, and sealed with a key that is made of the same parts: who
// sends another password finds nothing, and who has the store opens nothing. In the process a session costs its hash.
package pool

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// Options are the parts of the process that a Pool uses.
type Options struct {
	// Store keeps sessions for all gateways. Nil: one in memory.
	Store session.Store
	// Keys are master keys of KeySize bytes. The first one seals, all open. None: a random one, of this process.
	Keys [][]byte
	// Unlock gives the keys instead, when the first session is wanted, once. Its error is that of all sessions.
	Unlock func() ([][]byte, error)
	// Limit is how many sessions are kept in the process. Default 10000.
	Limit int
	// Logger is told of logins. Nil: nobody is.
	Logger *slog.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

const (
	defaultLimit = 10_000
	// mostLogins is how many logins may be under way at once. Each may hold a page of a megabyte.
	mostLogins = 512
)

// Pool keeps the sessions of a process. It is used concurrently; it must be closed.
type Pool struct {
	store    session.Store
	fallback *Memory
	unlock   func() error // comes before keys are looked at
	keys     []*master
	now      func() time.Time
	log      *slog.Logger
	slots    *otter.Cache[Index, *slot]
	logins   chan struct{}

	ctx    context.Context //nolint:containedctx // ends with the pool, and ends what it does in the background
	cancel context.CancelFunc

	mu      sync.Mutex
	flights map[Index]*flight
	closed  bool
	tasks   sync.WaitGroup
}

// New makes a Pool.
func New(o Options) (*Pool, error) {
	p := &Pool{store: o.Store, now: o.Now, log: o.Logger, logins: make(chan struct{}, mostLogins), flights: map[Index]*flight{}}
	if p.now == nil {
		p.now = time.Now
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.fallback = NewMemory(p.now)
	if p.store == nil {
		p.store = p.fallback
	}
	p.unlock = sync.OnceValue(func() error {
		if o.Unlock == nil {
			return p.use(o.Keys)
		}
		keys, err := o.Unlock()
		if err == nil {
			err = p.use(keys)
		}
		if err != nil {
			return &session.LoginError{Kind: session.Unavailable, Err: err}
		}
		return nil
	})
	if o.Unlock == nil {
		if err := p.unlock(); err != nil {
			return nil, err
		}
	}
	if o.Limit <= 0 {
		o.Limit = defaultLimit
	}
	var err error
	p.slots, err = otter.New(&otter.Options[Index, *slot]{
		MaximumSize: o.Limit,
		Executor:    func(f func()) { f() }, // no goroutines of its own
	})
	if err != nil {
		return nil, err
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// use sets the keys.
func (p *Pool) use(keys [][]byte) error {
	if len(keys) == 0 {
		key := make([]byte, KeySize)
		_, _ = rand.Read(key)
		keys = [][]byte{key}
	}
	for _, key := range keys {
		m, err := newMaster(key)
		if err != nil {
			return err
		}
		p.keys = append(p.keys, m)
	}
	return nil
}

// Close ends the logins that are under way and waits for them. What is in the store stays there.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.tasks.Wait()
}

// Config is one backend with its login. Different configurations may share a Pool, and those of one ID the sessions.
type Config struct {
	// ID says to which backend, and by which login, sessions belong: nobody else may have it.
	ID string
	// Login logs in.
	Login session.Login
	// Alive asks the backend whether a session that was challenged is over, before anybody logs in again. Nil, and false for
	// known: it is taken to be over.
	Alive func(ctx context.Context, site session.Site, s *Session) (alive, known bool)
	// TTL is how long a session lasts since its last use. Default 1h.
	TTL time.Duration
	// Timeout is for a whole login. Default 20s.
	Timeout time.Duration
	// Hidden are names of cookies that belong to sessions whether a login got them or not: callers neither send nor see them,
	// nor those that begin with such a name and an underscore. Default: those of the login.
	Hidden []string
	// Service and Backend are for metrics, spans and logs.
	Service, Backend string
	// Metrics may be nil.
	Metrics *observe.LoginMetrics
}

// How long things last.
const (
	DefaultTTL     = time.Hour
	MaxAge         = 8 * time.Hour // of a session, from its login
	DefaultTimeout = 20 * time.Second
	refusedFor     = 30 * time.Second // credentials that were wrong
	futileFor      = 30 * time.Second // a session that was challenged when it was new
)

// Sessions are those of one backend.
type Sessions struct {
	pool   *Pool
	cfg    Config
	prefix []byte // of the index's hash
}

// Sessions gives those of a backend.
func (p *Pool) Sessions(cfg Config) *Sessions {
	if cfg.TTL <= 0 {
		cfg.TTL = DefaultTTL
	}
	cfg.TTL = min(cfg.TTL, MaxAge)
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	return &Sessions{pool: p, cfg: cfg, prefix: prefix(forSession, cfg.ID)}
}

// Limits of credentials, in bytes. Nothing longer is tried.
const (
	longestUser     = 256
	longestPassword = 1024
)

// check refuses credentials that no login should see: to a directory, a name without a password is somebody without a name,
// who is let in.
func check(c session.Credentials) error {
	if c.User == "" || c.Password == "" || len(c.User) > longestUser || len(c.Password) > longestPassword {
		return &session.LoginError{Kind: session.BadCredentials, Err: errors.New("without a user or a password, or too long")}
	}
	return nil
}

// Get gives the session of these credentials, and logs in where there is none. Its errors are *session.LoginError, or that
// of a context that was cancelled.
func (s *Sessions) Get(ctx context.Context, site session.Site, c session.Credentials) (*Session, error) {
	if err := check(c); err != nil {
		return nil, err
	}
	if err := s.pool.unlock(); err != nil {
		return nil, err
	}
	index := s.pool.keys[0].hash(s.prefix, c.User, c.Password)
	if found, err := s.pooled(index); found != nil || err != nil { //nolint:contextcheck // it is written when the request is over
		return found, err
	}
	return s.await(ctx, site, c, index, nil)
}

// pooled looks for a session in the process.
func (s *Sessions) pooled(index Index) (*Session, error) {
	sl, ok := s.pool.slots.GetIfPresent(index)
	if !ok {
		return nil, nil
	}
	now := s.pool.now()
	if cur := sl.current.Load(); cur != nil && s.usable(cur, now) {
		s.touch(sl, cur, now)
		s.used(observe.FromProcess)
		return cur, nil
	}
	if now.UnixNano() < sl.refused.Load() {
		s.used(observe.Refused)
		return nil, refusal()
	}
	return nil, nil
}

func refusal() error {
	return &session.LoginError{Kind: session.BadCredentials, Err: errors.New("they were refused a moment ago")}
}

// used counts how a session was come by.
func (s *Sessions) used(how string) {
	if s.cfg.Metrics != nil && how != "" {
		s.cfg.Metrics.Session(how)
	}
}

// usable says that a session may be sent: it was used lately, is not too old, and not known to have ended.
func (s *Sessions) usable(cur *Session, now time.Time) bool {
	return now.UnixNano()-cur.slot.used.Load() < int64(s.cfg.TTL) && fresh(&cur.state, cur.born, now)
}

func fresh(state *session.State, born, now time.Time) bool {
	return now.Sub(born) < MaxAge && (state.Expires.IsZero() || now.Before(state.Expires))
}

// touch notes a use. The store hears of it when much of the life that it knows of is over.
func (s *Sessions) touch(sl *slot, cur *Session, now time.Time) {
	if n := now.UnixNano(); n-sl.used.Load() > int64(time.Second) { // what all cores read is seldom written
		sl.used.Store(n)
	}
	if s.until(cur.born, now).UnixNano()-sl.kept.Load() > int64(s.cfg.TTL/4) {
		s.pool.persist(sl, s)
	}
}

// until is when a session that is used at now may be forgotten.
func (s *Sessions) until(born, now time.Time) time.Time {
	end := now.Add(s.cfg.TTL)
	if last := born.Add(MaxAge); last.Before(end) {
		return last
	}
	return end
}

// Renew gives the session that follows old, which the backend has challenged: one that was rotated or logged in meanwhile,
// here or elsewhere, else that of a new login. It gives old where that is known to be good, so that the challenge was no
// challenge. Its errors are those of Get.
func (s *Sessions) Renew(ctx context.Context, site session.Site, c session.Credentials, old *Session) (*Session, error) {
	now := s.pool.now()
	if now.UnixNano() < old.futile.Load() {
		return old, nil
	}
	if cur := old.slot.current.Load(); cur != nil && newer(cur.version, old.version) && s.usable(cur, now) {
		return cur, nil
	}
	return s.await(ctx, site, c, old.slot.sealer.index, old)
}

// Futile notes that a session was challenged although it was new, so that another one would be, too.
func (s *Sessions) Futile(of *Session) {
	of.futile.Store(s.pool.now().Add(futileFor).UnixNano())
}

// Apply makes req one of the session: its cookies and its Authorization, and nobody else's.
func (s *Sessions) Apply(req *http.Request, of *Session) {
	delete(req.Header, "Authorization")
	if of.authorization != nil {
		req.Header["Authorization"] = of.authorization
	}
	of.cookies.apply(req, s.pool.now())
}

// Answered takes the session's cookies out of an answer. Where it was no challenge, those that have changed are kept.
func (s *Sessions) Answered(resp *http.Response, of *Session, challenged bool) {
	set := of.cookies.hide(resp.Header)
	if len(set) > 0 && !challenged {
		s.rotate(of, set)
	}
}
