package passwords

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/fairway-gateway/fairway/modules/control/throttle"
)

// Check gives the account whose password it is. The error is ErrWrong, whatever is wrong with user and password; a
// *throttle.DelayedError, which is a 429; a *BusyError, which is a 503; or that of the accounts or the context.
func (c *Checker[A]) Check(ctx context.Context, a Attempt) (A, error) {
	var none A
	if !wellFormed(a.User, longestUser) || strings.IndexByte(a.User, ':') >= 0 || !wellFormed(a.Password, longestPassword) {
		return none, ErrWrong
	}
	look := c.accounts.Find
	if k, ok := c.accounts.(Keeper[A]); ok && a.Now {
		look = k.FindNow
	}
	account, hash, err := c.find(ctx, a.User, look)
	if err != nil {
		return none, err
	}
	d := c.right.digest(a.User, a.Password, hash)
	if c.right.has(d) {
		return account, nil
	}
	if k, ok := c.accounts.(Keeper[A]); ok && k.Kept(account) {
		// A hash costs a thousand queries, and a password that was set a moment ago is right.
		if account, hash, err = c.find(ctx, a.User, k.FindNow); err != nil {
			return none, err
		}
		if d = c.right.digest(a.User, a.Password, hash); c.right.has(d) {
			return account, nil
		}
	}
	right, err := c.flights.join(ctx, flightKey{d, throttle.Network(a.From)}, func() (bool, error) {
		return c.try(ctx, a, d, account, hash)
	})
	if err != nil {
		return none, err
	}
	if !right {
		return none, ErrWrong
	}
	return account, nil
}

// find looks an account up; where there is none its hash is "".
func (c *Checker[A]) find(ctx context.Context, user string, find func(context.Context, string) (A, string, bool, error)) (A, string, error) {
	account, hash, found, err := find(ctx, user)
	if err != nil {
		var none A
		return none, "", fmt.Errorf("looking for the account: %w", err)
	}
	if !found {
		hash = ""
	}
	return account, hash, nil
}

// try checks a password that is not remembered.
func (c *Checker[A]) try(ctx context.Context, a Attempt, d digest, account A, hash string) (right bool, err error) {
	known := c.right.knows(d)
	outcome := throttle.Abandoned
	if !known {
		end, err := c.throttle.Begin(ctx, a.From, a.User)
		if err != nil {
			return false, err
		}
		defer func() { end(ctx, outcome) }()
	}
	c.refresh(ctx)
	line := lineKey{known: true}
	if !known {
		line = lineKey{from: throttle.Network(a.From)}
	}
	right, next, err := c.compare(ctx, a, d, hash, line)
	switch {
	case err != nil:
		return false, err
	case !right:
		outcome = throttle.Wrong
		return false, nil
	}
	outcome = throttle.Right
	if next != "" && c.replace(ctx, account, hash, next) {
		c.right.add(c.right.digest(a.User, a.Password, next))
	}
	return true, nil
}

// compare makes the hashes of a check in one slot. next is the new hash of a right password whose own is old.
func (c *Checker[A]) compare(ctx context.Context, a Attempt, d digest, hash string, line lineKey) (right bool, next string, err error) {
	own, unread := parse(hash)
	if unread == nil {
		c.schemes.learn(own.Scheme)
	} else if hash != "" {
		c.log.ErrorContext(ctx, "an account has a password that cannot be read", slog.Any("error", unread))
	}
	all := c.schemes.all()
	bytes := max(c.hasher.scheme.Memory(), own.Memory())
	for _, s := range all {
		bytes = max(bytes, s.Memory())
	}
	release, err := c.slots.acquire(ctx, line, bytes)
	if err != nil {
		return false, "", err
	}
	defer release()

	if c.right.has(d) {
		return true, "", nil // somebody from elsewhere was sooner
	}
	if unread == nil && c.hasher.compare(own, a.Password) {
		if c.hasher.old(own) {
			next = c.hasher.hash(a.Password)
		}
		c.right.add(d) // before the slot is given on: who waits for it then makes no hash
		return true, next, nil
	}
	for _, s := range all {
		if s != own.Scheme {
			c.hasher.compare(nobodys(s), a.Password)
		}
	}
	return false, "", nil
}

// replace stores a new hash of the same password. That it could not is no reason to keep anybody out: it is tried again when
// the password is next checked.
func (c *Checker[A]) replace(ctx context.Context, account A, old, next string) bool {
	ok, err := c.accounts.ReplaceHash(ctx, account, old, next)
	if err != nil {
		c.log.WarnContext(ctx, "a password could not be hashed anew", slog.Any("error", err))
	}
	return ok && err == nil
}
