package tokens_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/throttle"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// one is the accounts of a single user.
type one struct {
	hash string
	err  error
}

func (o *one) Find(_ context.Context, user string) (string, string, bool, error) {
	return root, o.hash, user == "root", o.err
}

func (o *one) ReplaceHash(_ context.Context, _, old, next string) (bool, error) {
	if o.hash != old {
		return false, nil
	}
	o.hash = next
	return true, nil
}

func (o *one) Schemes(context.Context) ([]string, error) { return []string{o.hash}, nil }

// refusing is a throttle that lets nobody try.
type refusing struct{ err error }

func (r refusing) Begin(context.Context, netip.Addr, string) (throttle.End, error) {
	if r.err != nil {
		return nil, r.err
	}
	return func(context.Context, throttle.Outcome) {}, nil
}

// TestByChecker: what a checker says becomes what the endpoints understand.
func TestByChecker(t *testing.T) {
	t.Parallel()
	accounts := &one{}
	with := func(err error) tokens.Passwords {
		c, e := passwords.New(accounts, passwords.Config{Throttle: refusing{err}, Remember: -1})
		must(t, e)
		return tokens.ByChecker(c, func(id string) string { return id })
	}
	c, err := passwords.New(accounts, passwords.Config{})
	must(t, err)
	accounts.hash, err = c.Hash(t.Context(), netip.Addr{}, "q")
	must(t, err)
	verify := func(p tokens.Passwords, login, password string) (string, bool, error) {
		return p.Verify(t.Context(), tokens.Attempt{Login: login, Password: password, Address: "192.0.2.1"})
	}
	if id, ok, err := verify(with(nil), "root", "q"); id != root || !ok || err != nil {
		t.Errorf("%s, %v, %v", id, ok, err)
	}
	for _, wrong := range [][2]string{{"root", "w"}, {"nobody", "q"}, {"root", ""}, {"", "q"}} {
		if id, ok, err := verify(with(nil), wrong[0], wrong[1]); id != "" || ok || err != nil {
			t.Errorf("%v: %s, %v, %v", wrong, id, ok, err)
		}
	}
	_, ok, err := verify(with(&throttle.DelayedError{RetryAfter: time.Minute}), "root", "q")
	if busy, is := errors.AsType[*tokens.BusyError](err); ok || !is || !busy.Throttled || busy.RetryAfter != time.Minute {
		t.Errorf("delayed: %v, %v", ok, err)
	}
	_, ok, err = verify(with(&passwords.BusyError{RetryAfter: time.Second}), "root", "q")
	if busy, is := errors.AsType[*tokens.BusyError](err); ok || !is || busy.Throttled || busy.RetryAfter != time.Second {
		t.Errorf("busy: %v, %v", ok, err)
	}
	accounts.err = errors.New("down")
	if _, ok, err := verify(with(nil), "root", "q"); ok || !errors.Is(err, accounts.err) {
		t.Errorf("a store that is down: %v, %v", ok, err)
	}
}
