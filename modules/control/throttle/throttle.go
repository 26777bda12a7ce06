// Package throttle says who may try a password now. It is asked before a hash is made, because the hash is what costs.
//
// Three things are counted, each in a bucket that leaks:
//
//   - attempts from an address (of IPv6 the network of 64 bits): past a number of them the next may be made only after a
//     delay, which doubles with each up to a limit;
//   - attempts of an address on a user: the same with less;
//   - attempts on a user from anywhere: past a number of them each is held for a while before it goes on, at most three
//     seconds. It is never refused, else anybody could lock out anybody whose name he knows.
//
// An attempt is counted as wrong when it begins, so that many at once are not tried before the first has failed, and taken
// back when it was right. No delay is longer than a minute and nothing is ever locked: who knows the password gets in with
// the next attempt that is let through, and that one empties the buckets of the user.
//
// Counters may be shared by gateways. Those of the process are always asked first; where the shared ones fail, they decide
// alone: an outage of a store opens no door, and closes none.
//
// Sources: OWASP Authentication Cheat Sheet, "Login Throttling", on delays instead of lockouts
// (https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html); NIST SP 800-63B, 5.2.2, on rate limiting
// and growing delays (https://pages.nist.gov/800-63-3/sp800-63b.html#throttle); CWE-307 and CWE-645 (a lockout that others
// can cause). One subscriber commonly has a whole /64: RFC 6177.
package throttle

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/fairway-gateway/fairway/proxies/rate"
)

// Curve is how many attempts are free, and how the delay after them grows.
type Curve struct {
	// Free is how many attempts have no delay.
	Free int
	// Leak is after how long one attempt is forgotten.
	Leak time.Duration
	// First is the delay after the attempt that is one too many. It doubles with each, up to Most. With 0 attempts are counted
	// and never refused.
	First, Most time.Duration
}

// most is how full a bucket becomes: more than what makes the longest delay says nothing.
const mostOver = 16

// Delay is how long after the last attempt the next one may be made, where level attempts are in the bucket.
func (c Curve) Delay(level int) time.Duration {
	if level < c.Free {
		return 0
	}
	return min(c.First<<min(level-c.Free, mostOver), c.Most)
}

// Full is the highest level of a bucket. An attempt beyond it is counted by no more than this.
func (c Curve) Full() int { return c.Free + mostOver }

// Counters are buckets that leak. A bucket of a level holds it for level times the Leak of its Curve, and may be forgotten
// after that; the same key always has the same Curve. Implementations decide in one step, whoever else asks at the same time;
// throttletest.Conformance has their tests.
type Counters interface {
	// Try adds an attempt to a bucket, which is never over Full. wait says that the last attempt was too short ago by so much:
	// then nothing was added. level is how many were in the bucket before.
	Try(ctx context.Context, key []byte, c Curve) (level int, wait time.Duration, err error)
	// Undo takes one attempt back.
	Undo(ctx context.Context, key []byte, c Curve) error
	// Clear empties a bucket.
	Clear(ctx context.Context, key []byte) error
}

// Outcome is what became of an attempt.
type Outcome int

// Outcomes.
const (
	// Wrong leaves an attempt counted.
	Wrong Outcome = iota
	// Right takes it back, and empties the buckets of the user.
	Right
	// Abandoned takes it back: nothing was tried.
	Abandoned
)

// End is to be called once, with what became of an attempt. A context that has ended does no harm.
type End func(ctx context.Context, o Outcome)

// DelayedError says that an attempt was made too soon. It is a 429.
type DelayedError struct {
	// RetryAfter is when the next one may be made, at most a minute with the default curves.
	RetryAfter time.Duration
}

func (e *DelayedError) Error() string {
	return fmt.Sprintf("too many attempts: the next one may be made in %s", e.RetryAfter.Round(time.Second))
}

// Config is what is counted, and how.
type Config struct {
	// Name keeps apart what is throttled: passwords of users, secrets of clients.
	Name string
	// Key makes names of buckets, so that a store holds neither addresses nor what people typed as their name. Gateways that
	// share Counters share it. Default: a random one.
	Key []byte
	// Shared are counters that gateways share. Nil: each has its own.
	Shared Counters
	// Patience is how long the shared counters may take for one attempt. Default 250ms.
	Patience time.Duration
	// Buckets is how many buckets the process keeps; the ones that were used longest ago go. Default 100000, about 20 MB.
	Buckets int
	// Address, Pair and User are the curves. Defaults: see Curves.
	Address, Pair, User Curve
	// Held is how many attempts are held at once. Those beyond go on at once: holding slows down, it does not protect.
	// Default 1000.
	Held int
	// Logger is told when the shared counters fail, and when they are back. Default none.
	Logger *slog.Logger
}

// Curves gives the defaults. An address has 60 attempts, and one more every 6 seconds: 60 in a minute and about 600 in an hour,
// as Trends.Earth allows; then 1s to 30s between two. A user from an address has 5, and one more every minute; then 1s to 60s.
// A user from anywhere has 20, and one more every 15 seconds; then each is held, 100ms to 3s.
func Curves() (address, pair, user Curve) {
	return Curve{Free: 60, Leak: 6 * time.Second, First: time.Second, Most: 30 * time.Second},
		Curve{Free: 5, Leak: time.Minute, First: time.Second, Most: time.Minute},
		Curve{Free: 20, Leak: 15 * time.Second}
}

// How long an attempt on a user is held on whom too many were made.
const (
	firstHold   = 100 * time.Millisecond
	longestHold = 3 * time.Second
)

// Throttle says who may try. It is used concurrently and has no goroutine.
type Throttle struct {
	cfg    Config
	local  *Local
	shared *guarded
	held   atomic.Int64
}

// New makes a Throttle.
func New(cfg Config) *Throttle {
	if len(cfg.Key) == 0 {
		cfg.Key = make([]byte, sha256.Size)
		_, _ = rand.Read(cfg.Key) // never fails
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 250 * time.Millisecond
	}
	if cfg.Held <= 0 {
		cfg.Held = 1000
	}
	address, pair, user := Curves()
	for _, one := range []struct{ set, def *Curve }{{&cfg.Address, &address}, {&cfg.Pair, &pair}, {&cfg.User, &user}} {
		if *one.set == (Curve{}) {
			*one.set = *one.def
		}
	}
	cfg.User.First, cfg.User.Most = 0, 0
	t := &Throttle{cfg: cfg, local: NewLocal(cfg.Buckets)}
	if cfg.Shared != nil {
		t.shared = newGuarded(cfg.Shared, cfg.Patience, cfg.Logger)
	}
	return t
}

// Network is whose attempts are counted together: see rate.Network.
func Network(a netip.Addr) netip.Prefix { return rate.Network(a) }

// bucket is one of the three of an attempt.
type bucket struct {
	key   []byte
	curve Curve
}

// buckets gives those of an attempt, in the order in which they are asked.
func (t *Throttle) buckets(from netip.Addr, user string) [3]bucket {
	network := Network(from).String()
	user = strings.ToLower(norm.NFC.String(user)) // as users are found
	return [3]bucket{
		{t.key("address", network), t.cfg.Address},
		{t.key("pair", network, user), t.cfg.Pair},
		{t.key("user", user), t.cfg.User},
	}
}

const (
	ofAddress = iota
	ofPair
	ofUser
)

// key is the name of a bucket, 32 bytes.
func (t *Throttle) key(parts ...string) []byte {
	h := hmac.New(sha256.New, t.cfg.Key)
	for _, p := range append(parts, t.cfg.Name) {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(p))) //nolint:gosec // a name and an address
		_, _ = h.Write(size[:])
		_, _ = h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// Begin lets an attempt go on, perhaps after a while, or gives a *DelayedError or the error of the context. Without an error
// End must be called.
func (t *Throttle) Begin(ctx context.Context, from netip.Addr, user string) (End, error) {
	all := t.buckets(from, user)
	level, err := begin(ctx, t.local, all)
	if err != nil {
		return nil, err
	}
	counted := t.shared.try(ctx, func(ctx context.Context) error {
		l, err2 := begin(ctx, t.shared.counters, all)
		level = max(level, l)
		err = err2
		return outage(err2)
	})
	if !counted {
		err = nil
	}
	end := t.end(all, counted)
	if err != nil { // which has been taken back where it came from
		t.settle(ctx, t.local, all, Abandoned)
		return nil, err
	}
	if err := t.hold(ctx, level); err != nil {
		end(ctx, Abandoned)
		return nil, err
	}
	return end, nil
}

// end tells the outcome to those who counted.
func (t *Throttle) end(all [3]bucket, counted bool) End {
	return func(ctx context.Context, o Outcome) {
		if o == Wrong {
			return
		}
		t.settle(ctx, t.local, all, o)
		if counted {
			t.shared.try(context.WithoutCancel(ctx), func(ctx context.Context) error { return settle(ctx, t.shared.counters, all, o) })
		}
	}
}

// settle is the settlement with counters that do not fail.
func (t *Throttle) settle(ctx context.Context, c Counters, all [3]bucket, o Outcome) {
	if err := settle(ctx, c, all, o); err != nil {
		t.cfg.Logger.ErrorContext(ctx, "an attempt could not be taken back", slog.Any("error", err))
	}
}

// begin counts an attempt in all buckets or in none. level is that of the user.
func begin(ctx context.Context, c Counters, all [3]bucket) (level int, err error) {
	for i, b := range all {
		l, wait, err := c.Try(ctx, b.key, b.curve)
		if err == nil && wait > 0 {
			err = &DelayedError{RetryAfter: wait}
		}
		if err != nil {
			for _, done := range all[:i] {
				if c.Undo(ctx, done.key, done.curve) != nil {
					break // what is counted too much leaks
				}
			}
			return 0, err
		}
		level = l
	}
	return level, nil
}

func settle(ctx context.Context, c Counters, all [3]bucket, o Outcome) error {
	if err := c.Undo(ctx, all[ofAddress].key, all[ofAddress].curve); err != nil {
		return err
	}
	for _, b := range all[ofPair : ofUser+1] {
		var err error
		if o == Right {
			err = c.Clear(ctx, b.key)
		} else {
			err = c.Undo(ctx, b.key, b.curve)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hold waits where too many attempts were made on a user.
func (t *Throttle) hold(ctx context.Context, level int) error {
	over := level - t.cfg.User.Free
	if over < 0 {
		return nil
	}
	if t.held.Add(1) > int64(t.cfg.Held) {
		t.held.Add(-1)
		return nil
	}
	defer t.held.Add(-1)
	timer := time.NewTimer(min(firstHold<<min(over, mostOver), longestHold))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
