package tokens

import (
	"context"
	"errors"
	"net/netip"

	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/throttle"
)

// ByChecker has a checker look at passwords, throttle included; id gives the id of an account's user.
func ByChecker[A any](c *passwords.Checker[A], id func(A) string) Passwords {
	return checked[A]{checker: c, id: id}
}

type checked[A any] struct {
	checker *passwords.Checker[A]
	id      func(A) string
}

// Verify implements Passwords.
func (c checked[A]) Verify(ctx context.Context, a Attempt) (string, bool, error) {
	from, _ := netip.ParseAddr(a.Address) // what is no address is one like others
	account, err := c.checker.Check(ctx, passwords.Attempt{User: a.Login, Password: a.Password, From: from})
	if err == nil {
		return c.id(account), true, nil
	}
	if errors.Is(err, passwords.ErrWrong) {
		return "", false, nil
	}
	if busy, ok := errors.AsType[*passwords.BusyError](err); ok {
		return "", false, &BusyError{RetryAfter: busy.RetryAfter}
	}
	if delayed, ok := errors.AsType[*throttle.DelayedError](err); ok {
		return "", false, &BusyError{Throttled: true, RetryAfter: delayed.RetryAfter}
	}
	return "", false, err
}
