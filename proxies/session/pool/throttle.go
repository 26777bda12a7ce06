package pool

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// How often the logins of one user may fail. Many servers lock an account after five or ten; a server's clock is not ours, so
// it is a delay that grows, and never a lock.
const (
	freeFailures = 5                // logins that may fail, or be under way, without a delay
	longestDelay = 60 * time.Second // between two logins afterwards
	patience     = 3 * time.Second  // how long a login waits for its turn
	forgetAfter  = 15 * time.Minute // after the last failure
)

// attempts is what is remembered of one user's logins at one backend, whatever the password.
type attempts struct {
	// Failed counts logins that have failed, and those that are under way. Last is when the last of them began.
	Failed int       `json:"failed,omitempty"`
	Last   time.Time `json:"last,omitzero"`
	// Good is the index of the credentials that were right the last time.
	Good []byte `json:"good,omitempty"`
}

// delay is how long after the last login the next one may begin.
func (a *attempts) delay() time.Duration {
	if a.Failed < freeFailures {
		return 0
	}
	return min(time.Second<<min(a.Failed-freeFailures, 16), longestDelay)
}

// user is the record of one user.
type user struct {
	index  Index
	sealer *sealer
	store  session.Store
	now    func() time.Time
}

func (q *search) user() (*user, error) {
	key := q.pool.keys[0]
	index := key.hash(prefix(forUser, q.cfg.ID), q.credentials.User)
	sealer, err := newSealer(index, key.hash(prefix(forUserSeal, q.cfg.ID), q.credentials.User))
	return &user{index: index, sealer: sealer, store: q.store, now: q.pool.now}, err
}

func (u *user) read(ctx context.Context) (a attempts, at session.Version, err error) {
	r, ok, err := u.store.Session(ctx, u.index[:])
	if err != nil {
		return a, at, broken(ctx, err)
	}
	if !ok {
		return a, at, nil
	}
	plain, err := u.sealer.open(r.Sealed)
	if err != nil || json.Unmarshal(plain, &a) != nil {
		return attempts{}, r.Version, nil //nolint:nilerr // who wrote that has another key
	}
	return a, r.Version, nil
}

func (u *user) write(ctx context.Context, a attempts, at session.Version) (bool, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	life := forgetAfter
	if len(a.Good) > 0 {
		life = MaxAge
	}
	now := u.now()
	next := session.Record{
		Version: session.Version{Generation: max(at.Generation+1, now.UnixNano())},
		Sealed:  u.sealer.seal(plain), Expires: now.Add(life),
	}
	ok, err := u.store.ReplaceSession(ctx, u.index[:], at, next)
	if err != nil {
		return false, broken(ctx, err)
	}
	return ok, nil
}

// contention is how often a change is tried that others make at the same time.
const contention = 20

// change reads and writes until nobody else came between. decide says what to write, or how long to wait before that.
func (u *user) change(ctx context.Context, decide func(*attempts) (wait time.Duration, err error)) error {
	for range contention {
		a, at, err := u.read(ctx)
		if err != nil {
			return err
		}
		if u.now().Sub(a.Last) > forgetAfter {
			a.Failed = 0
		}
		wait, err := decide(&a)
		switch {
		case err != nil:
			return err
		case wait > 0:
			if err := sleep(ctx, wait); err != nil {
				return err
			}
			continue
		}
		if ok, err := u.write(ctx, a, at); ok || err != nil {
			return err
		}
		if err := sleep(ctx, jitter(10*time.Millisecond)); err != nil {
			return err
		}
	}
	return errContention
}

var errContention = errors.New("too many logins of one user at once")

// admit counts a login before it begins, as one that fails: so no number of gateways tries more passwords at once than one
// would. What is given must be told what came of it. Credentials that were right the last time need not wait for anything,
// so nobody can lock a user out by guessing.
func (q *search) admit(ctx context.Context) (settle func(context.Context, session.LoginKind), err error) {
	u, err := q.user()
	if err != nil {
		return nil, err
	}
	waited := time.Duration(0)
	err = u.change(ctx, func(a *attempts) (time.Duration, error) {
		now := u.now()
		if string(a.Good) != string(q.index[:]) {
			wait := a.delay() - now.Sub(a.Last)
			if wait > 0 && waited+wait > patience {
				return 0, &session.LoginError{
					Kind: session.Unavailable, Detail: "Too many logins of this user have failed", RetryAfter: wait, Err: errDelayed,
				}
			}
			if wait > 0 {
				waited += wait
				return wait, nil
			}
		}
		a.Failed, a.Last = a.Failed+1, now
		return 0, nil
	})
	if errors.Is(err, errContention) {
		err = &session.LoginError{Kind: session.Unavailable, RetryAfter: time.Second, Err: err}
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, kind session.LoginKind) { q.settle(ctx, u, kind) }, nil
}

var errDelayed = errors.New("the user's logins are delayed")

// settle notes what came of a login; kind is 0 where it went well. Where that cannot be written it counts as failed.
func (q *search) settle(ctx context.Context, u *user, kind session.LoginKind) {
	_ = u.change(ctx, func(a *attempts) (time.Duration, error) {
		switch kind {
		case session.BadCredentials:
			if string(a.Good) == string(q.index[:]) {
				a.Good = nil
			}
		case session.UnsupportedPage, session.Unavailable:
			a.Failed = max(0, a.Failed-1)
		case session.MFARequired, session.NotAllowed: // the password was right
			a.Failed = 0
		default:
			a.Failed, a.Good = 0, q.index[:]
		}
		return 0, nil
	})
}
