// Package passwords says whether a password is right, without telling more than that, and without letting anybody who
// guesses keep those out who know.
//
// One check goes this way:
//
//  1. What is too long, is no UTF-8, or holds a NUL is refused before anything is looked up.
//  2. The account is looked up. The stored hash is part of the key under which right passwords are remembered for a
//     minute, so a password that was changed is forgotten with the change.
//  3. Those who ask the same thing at once from one network wait for one of them.
//  4. The throttle is asked whether this address and user may try now: before a hash is made, since that is what costs. A
//     password that was right in the last hour is not throttled.
//  5. A slot is waited for. There are as many as memory was set aside for; who does not fit into the short queue is told
//     to come back. Networks take turns, so a flood from one does not stand before everybody else.
//  6. The hash is made and compared. A failure makes one hash of every scheme that living accounts have, whether there is
//     such an account or not and whatever its scheme is: unknown users, wrong passwords, accounts without a password and
//     passwords that are too long for bcrypt are the same work and the same error.
//  7. A right password whose hash is of another scheme than new ones is hashed anew.
//
// Nothing here has a goroutine: a hash is made on the caller's.
//
// Sources: argon2id with 19 MiB, two passes and one lane is the first choice of the OWASP Password Storage Cheat Sheet
// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html) and within RFC 9106, section 4
// (https://www.rfc-editor.org/rfc/rfc9106#section-4). The form of stored hashes is the PHC string format
// (https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md). That bcrypt looks at 72 bytes only is said by
// golang.org/x/crypto/bcrypt. Equal answers and equal work for unknown users: OWASP Authentication Cheat Sheet,
// "Authentication and Error Messages"; CWE-208. A slow hash must have a limit on its input and on how many run: CWE-400.
package passwords

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/throttle"
)

// Accounts are those who have passwords. A is what the store knows of an account; a check gives it back and does not look
// at it.
type Accounts[A any] interface {
	// Find gives the living account of a login name, with its stored hash, "" where it has no password. It is asked for every
	// check, also where the password is remembered: an implementation that keeps accounts for a while must hear of changes.
	Find(ctx context.Context, user string) (account A, hash string, found bool, err error)
	// ReplaceHash stores next for an account where old is still its hash; false: it is not.
	ReplaceHash(ctx context.Context, account A, old, next string) (bool, error)
	// Schemes gives each way of hashing that living accounts have once: hashes, or what is before their salts
	// ("$argon2id$v=19$m=19456,t=2,p=1", "$2b$12"). It is asked once a minute.
	Schemes(ctx context.Context) ([]string, error)
}

// Keeper is an Accounts that keeps accounts for a while. What is kept is good enough for a password that is remembered; before
// one is hashed it is looked at again.
type Keeper[A any] interface {
	Accounts[A]
	// Kept says whether an account that Find gave was kept.
	Kept(A) bool
	// FindNow is Find, asking the store.
	FindNow(ctx context.Context, user string) (account A, hash string, found bool, err error)
}

// Throttle says who may try a password now. *throttle.Throttle is one.
type Throttle interface {
	// Begin gives an error, with which the check ends, or what has to be told the outcome.
	Begin(ctx context.Context, from netip.Addr, user string) (throttle.End, error)
}

// Attempt is one password to be checked.
type Attempt struct {
	// User is the login name, 1 to 256 bytes without a colon, as HTTP Basic has it.
	User string
	// Password has 1 to 1024 bytes.
	Password string
	// From is the caller's address, by which attempts are throttled and take turns. The zero Addr is one like others.
	From netip.Addr
	// Now: the account is not one that was kept, whose password may have been changed by another gateway a moment ago. Default: it may be.
	Now bool
}

// String tells no password.
func (a Attempt) String() string { return fmt.Sprintf("a password of %q from %s", a.User, a.From) }

// GoString tells no password.
func (a Attempt) GoString() string { return a.String() }

// LogValue tells no password.
func (a Attempt) LogValue() slog.Value { return slog.StringValue(a.String()) }

// ErrWrong is the one error of credentials: no such user, not the password, or nothing that could be either.
var ErrWrong = errors.New("the user or the password is wrong")

// ErrMalformed says that a new password cannot be one: it is empty, too long, has a NUL or is not UTF-8.
var ErrMalformed = errors.New("a password has 1 to 1024 bytes of UTF-8 and no NUL")

// BusyError says that more passwords are being checked than there is memory for. It is a 503.
type BusyError struct {
	// RetryAfter is when to come back.
	RetryAfter time.Duration
}

func (e *BusyError) Error() string { return "too many passwords are being checked" }

// Config is how passwords are checked.
type Config struct {
	// Realm keeps apart those whose login names and stored hashes might be the same, such as users and clients.
	Realm string
	// Scheme is that of new hashes. Default: argon2id with 2 passes over 19 MiB in 1 lane.
	Scheme Scheme
	// Slots are where hashes are made; those who share them share their memory. Default: some of its own, NewSlots(0, 0).
	Slots *Slots
	// Throttle is asked before a hash is made. Nil: nobody is.
	Throttle Throttle
	// Remember is how long a right password is remembered. Default and most 60 seconds; negative: not at all.
	Remember time.Duration
	// Remembered is how many right passwords are remembered. Default 10000.
	Remembered int
	// Hashing is called before each hash, also those of nobody's passwords; what it gives, if anything, after it. It is for
	// metrics and spans.
	Hashing func(Scheme) func()
	// Logger is told of hashes that cannot be read and of a store that fails. Default none.
	Logger *slog.Logger
}

// longestMemory is for how long a right password is remembered at most.
const longestMemory = time.Minute

// Checker checks passwords of the accounts of one realm. It is used concurrently.
type Checker[A any] struct {
	accounts Accounts[A]
	hasher   hasher
	slots    *Slots
	throttle Throttle
	right    *memory
	flights  flights
	schemes  schemes
	log      *slog.Logger
}

// New makes a Checker. An error says what is wrong with the configuration.
func New[A any](accounts Accounts[A], cfg Config) (*Checker[A], error) {
	if cfg.Scheme == (Scheme{}) {
		cfg.Scheme = Default()
	}
	if err := cfg.Scheme.Check(); err != nil {
		return nil, err
	}
	if cfg.Scheme.Algorithm != Argon2id {
		return nil, fmt.Errorf("new passwords are hashed with argon2id, not %s", cfg.Scheme)
	}
	if cfg.Slots == nil {
		cfg.Slots = NewSlots(0, 0)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Throttle == nil {
		cfg.Throttle = open{}
	}
	right, err := newMemory(cfg.Realm, cfg.Remember, cfg.Remembered)
	if err != nil {
		return nil, err
	}
	return &Checker[A]{
		accounts: accounts, hasher: hasher{scheme: cfg.Scheme, hashing: cfg.Hashing}, slots: cfg.Slots,
		throttle: cfg.Throttle, right: right, log: cfg.Logger,
		flights: flights{under: map[flightKey]*flight{}},
		schemes: schemes{always: cfg.Scheme},
	}, nil
}

// open throttles nobody.
type open struct{}

// Begin lets everybody in.
func (open) Begin(context.Context, netip.Addr, string) (throttle.End, error) {
	return func(context.Context, throttle.Outcome) {}, nil
}

// Hash makes the hash of a new password, which is to be stored. It waits for a slot as checks do. The error is ErrMalformed, a
// *BusyError, or that of the context. Whether the password is good enough is asked of Weaknesses.
func (c *Checker[A]) Hash(ctx context.Context, from netip.Addr, password string) (string, error) {
	if !wellFormed(password, longestPassword) {
		return "", ErrMalformed
	}
	release, err := c.slots.Acquire(ctx, from, c.hasher.scheme.Memory())
	if err != nil {
		return "", err
	}
	defer release()
	return c.hasher.hash(password), nil
}

var _ Throttle = (*throttle.Throttle)(nil)
