package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/tokens/tokenstest"
)

// TestDeletedAndDemotedUsers lose their rights in every gateway as soon as the feed tells, though their tokens are cached.
func TestDeletedAndDemotedUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := filled(t)
		one, two := openOver(t, store, tokens.Config{}), openOver(t, store, tokens.Config{})
		defer one.Close()
		defer two.Close()
		in := one.login(t)
		token := in.text("access_token")
		for _, g := range []*gateway{one, two} {
			if a := g.taken(t, token); a.User.Role != "ADMIN" {
				t.Errorf("%+v", a)
			}
		}
		asked := store.Asked("Standing")
		must(t, store.PutUser(t.Context(), tokens.User{ID: root, Username: "root", Role: "USER", Active: true}))
		time.Sleep(tick)
		for _, g := range []*gateway{one, two} {
			if a := g.taken(t, token); a.User.Role != "USER" {
				t.Errorf("demoted: %+v", a)
			}
			g.taken(t, token)
		}
		if n := store.Asked("Standing") - asked; n != 2 {
			t.Errorf("the store was asked %d times", n)
		}
		must(t, store.PutUser(t.Context(), tokens.User{ID: root, Username: "root", Role: "USER"}))
		time.Sleep(tick)
		one.refused(t, token, tokens.Inactive)
		two.refused(t, token, tokens.Inactive)
		must(t, store.DeleteUser(t.Context(), root))
		time.Sleep(tick)
		one.refused(t, token, tokens.Revoked)
		two.refused(t, token, tokens.Revoked)
		two.want(t, refreshing(in.text("refresh_token"), "documentation:"), 401, "invalid_grant")
	})
}

// TestRevocationReachesEveryGateway: logout, ended clients, and all that within the time that is promised.
func TestRevocationReachesEveryGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := filled(t)
		one, two := openOver(t, store, tokens.Config{}), openOver(t, store, tokens.Config{})
		defer one.Close()
		defer two.Close()
		in := one.auth(t).text("access_token")
		robot := one.want(t, sent{path: tokenPath, query: "grant_type=client_credentials", user: "robot:robot's secret"}, 200, "").text("access_token")
		stays := two.login(t).text("access_token")
		for _, g := range []*gateway{one, two} {
			g.taken(t, in)
			g.taken(t, robot)
			g.taken(t, stays)
		}
		one.want(t, sent{path: "/auth/logout", method: "POST", bearer: in}, 200, "")
		must(t, store.RevokeClient(t.Context(), "robot"))
		one.refused(t, in, tokens.Revoked) // at once where it was done
		two.taken(t, in)
		time.Sleep(tick)
		for _, g := range []*gateway{one, two} {
			g.refused(t, in, tokens.Revoked)
			g.refused(t, robot, tokens.Revoked)
			g.taken(t, stays)
		}
		two.want(t, sent{path: tokenPath, query: "grant_type=client_credentials", user: "robot:robot's secret"}, 401, "invalid_client")
	})
}

// TestCheckedTokensAreKept for a minute, or until they expire, and no more of them than may be.
func TestCheckedTokensAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t, tokens.Config{CacheSize: 10, Access: 90 * time.Second})
		defer g.Close()
		time.Sleep(tick) // the feed tells of the first key, and then nothing that was kept counts
		token := g.login(t).text("access_token")
		asked := func(want int) {
			t.Helper()
			before := g.store.Asked("Standing")
			g.taken(t, token)
			if n := g.store.Asked("Standing") - before; n != want {
				t.Errorf("the store was asked %d times, not %d", n, want)
			}
		}
		asked(1)
		asked(0)
		time.Sleep(59 * time.Second)
		asked(0)
		time.Sleep(2 * time.Second)
		asked(1)
		time.Sleep(28 * time.Second)
		asked(0)
		time.Sleep(2 * time.Second)
		g.refused(t, token, tokens.Expired)
		for range 50 {
			g.taken(t, g.login(t).text("access_token"))
		}
		if n := tokens.Cached(g.Authority); n != 10 {
			t.Errorf("%d are kept", n)
		}
	})
}

// slow is a store that answers late to Standing.
type slow struct {
	*tokenstest.Memory
	reached, go_ chan struct{}
}

func (s *slow) Standing(ctx context.Context, of tokens.Subject) (tokens.Standing, error) {
	got, err := s.Memory.Standing(ctx, of)
	s.reached <- struct{}{}
	<-s.go_
	return got, err
}

// TestRevokedWhileItIsChecked: what was read before a revocation is not cached after it.
func TestRevokedWhileItIsChecked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slow{Memory: filled(t), reached: make(chan struct{}), go_: make(chan struct{})}
		a, err := tokens.New(t.Context(), store, &people{}, tokens.Config{Issuer: issuer, Secrets: [][]byte{secret()}})
		must(t, err)
		defer a.Close()
		g := openOver(t, store.Memory, tokens.Config{})
		defer g.Close()
		token := g.login(t).text("access_token")
		var wait sync.WaitGroup
		wait.Go(func() { _, _ = a.Check(t.Context(), token) })
		<-store.reached
		must(t, store.DeleteUser(t.Context(), root))
		time.Sleep(tick)
		store.go_ <- struct{}{}
		wait.Wait()
		wait.Go(func() { <-store.reached; store.go_ <- struct{}{} })
		if _, err := a.Check(t.Context(), token); err == nil {
			t.Error("it was cached as it was before")
		}
		wait.Wait()
	})
}

// TestStoreDown: what was checked goes on for some seconds, then nobody is let in on an old word; and it is no refusal.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t, tokens.Config{})
		defer g.Close()
		token, fresh := g.login(t).text("access_token"), g.login(t).text("access_token")
		g.taken(t, token)
		down := errors.New("down")
		g.store.Fail(down)
		time.Sleep(5 * time.Second)
		g.taken(t, token)
		if _, err := g.Check(t.Context(), fresh); !errors.Is(err, down) {
			t.Errorf("%v", err)
		}
		g.want(t, sent{path: introspectPath, form: []string{"token=" + token}, user: "robot:robot's secret"}, 500, "server_error")
		time.Sleep(7 * time.Second)
		if _, err := g.Check(t.Context(), token); !errors.Is(err, down) {
			t.Errorf("%v", err)
		}
		g.store.Fail(nil)
		g.taken(t, token)
	})
}

// TestIdleAndLongLogins: a refresh token that nobody uses ends, and so does a login that is refreshed for ever.
func TestIdleAndLongLogins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t, tokens.Config{Refresh: 10 * time.Hour, Family: 24 * time.Hour})
		defer g.Close()
		idle := g.login(t).text("refresh_token")
		kept := g.auth(t).text("refresh_token")
		token := g.login(t).text("refresh_token")
		for range 3 {
			time.Sleep(7 * time.Hour)
			token = g.want(t, refreshing(token, "documentation:"), 200, "").text("refresh_token")
			g.want(t, sent{path: "/auth/refresh", json: `{"refresh_token":"` + kept + `"}`}, 200, "")
		}
		g.want(t, refreshing(idle, "documentation:"), 401, "invalid_grant")
		time.Sleep(4 * time.Hour)
		g.want(t, refreshing(token, "documentation:"), 401, "invalid_grant")
		if a := g.do(sent{path: "/auth/refresh", json: `{"refresh_token":"` + kept + `"}`}); a.status != 401 {
			t.Errorf("%d", a.status)
		}
	})
}

// TestKeyRotation: a key is known before it signs, what the old one signed stays valid, and old keys go.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := filled(t)
		cfg := tokens.Config{Rotate: 24 * time.Hour}
		one, two := openOver(t, store, cfg), openOver(t, store, cfg)
		defer one.Close()
		defer two.Close()
		kid := func(g *gateway) string { return decoded(t, g.login(t).text("access_token"), 0)["kid"].(string) } //nolint:forcetypeassert // it is one
		first := kid(one)
		if kid(two) != first || len(published(t, two).Keys) != 1 {
			t.Error("two gateways have two first keys")
		}
		time.Sleep(24*time.Hour - 5*time.Minute)
		if n := len(published(t, one).Keys); n != 2 || kid(one) != first {
			t.Errorf("five minutes before it signs there are %d keys", n)
		}
		old := one.login(t).text("access_token")
		time.Sleep(6 * time.Minute)
		second := kid(one)
		if second == first || kid(two) != second {
			t.Errorf("the keys are %s and %s", second, kid(two))
		}
		two.taken(t, old)
		time.Sleep(50 * time.Minute)
		two.taken(t, old)
		time.Sleep(5 * time.Minute)
		two.refused(t, old, tokens.Expired)
		time.Sleep(2 * time.Hour)
		for _, key := range published(t, one).Keys {
			if key.KeyID == first {
				t.Error("the first key is still there")
			}
			if key.Algorithm != "EdDSA" || key.Use != "sig" || !key.IsPublic() {
				t.Errorf("a key is %+v", key)
			}
		}
		must(t, one.RotateKeys(t.Context()))
		time.Sleep(9 * time.Minute)
		if kid(one) != second {
			t.Error("it signs before everybody knows it")
		}
		time.Sleep(2 * time.Minute)
		if third := kid(two); third == second {
			t.Error("two does not sign with it")
		}
	})
}

// TestGatewayThatSlept for months, alone, signs at once when it starts again.
func TestGatewayThatSlept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := filled(t)
		g := openOver(t, store, tokens.Config{})
		g.login(t)
		g.Close()
		time.Sleep(100 * 24 * time.Hour)
		h := openOver(t, store, tokens.Config{})
		defer h.Close()
		h.taken(t, h.login(t).text("access_token"))
		if n := len(published(t, h).Keys); n != 1 {
			t.Errorf("there are %d keys", n)
		}
	})
}

// TestSecretRotation: keys that the old secret sealed go on signing.
func TestSecretRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := filled(t)
		old := openOver(t, store, tokens.Config{})
		token := old.login(t).text("access_token")
		next := openOver(t, store, tokens.Config{Secrets: [][]byte{[]byte(fmt.Sprintf("%032d", 1)), secret()}})
		next.taken(t, token)
		old.taken(t, next.login(t).text("access_token"))
		if n := len(published(t, next).Keys); n != 1 {
			t.Errorf("there are %d keys", n)
		}
		// Who has only the new one cannot sign with the old keys, makes one of its own, and verifies with both.
		alone := openOver(t, store, tokens.Config{Secrets: [][]byte{[]byte(fmt.Sprintf("%032d", 1))}})
		alone.taken(t, token)
		time.Sleep(tick) // the others hear of it
		old.taken(t, alone.login(t).text("access_token"))
		for _, g := range []*gateway{old, next, alone} {
			g.Close()
		}
	})
}

func TestBadConfigs(t *testing.T) {
	t.Parallel()
	good := tokens.Config{Issuer: issuer, Secrets: [][]byte{secret()}}
	for name, change := range map[string]func(*tokens.Config){
		"no issuer":    func(c *tokens.Config) { c.Issuer = "" },
		"no secret":    func(c *tokens.Config) { c.Secrets = nil },
		"short secret": func(c *tokens.Config) { c.Secrets = [][]byte{secret(), []byte("short")} },
		"past":         func(c *tokens.Config) { c.Access = -1 },
		"cache":        func(c *tokens.Config) { c.CacheSize = -1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := tokens.New(t.Context(), filled(t), &people{}, cfg); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
	store := filled(t)
	store.Fail(errors.New("down"))
	if _, err := tokens.New(t.Context(), store, &people{}, good); err == nil {
		t.Error("a store that is down is no error")
	}
}
