package stored_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/tokens/stored"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// kid is the key that a token is signed with.
func kid(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	must(t, err)
	var h struct {
		KID string `json:"kid"`
	}
	must(t, json.Unmarshal(raw, &h))
	return h.KID
}

func rotate(t *testing.T, s *queries.Store, revoke bool, secrets ...[]byte) *tokens.Rotated {
	t.Helper()
	out, err := tokens.Rotate(t.Context(), stored.NewRotator(s, queries.By{Actor: "command:ann"}), tokens.Config{Secrets: secrets}, revoke)
	must(t, err)
	return out
}

// TestRotate holds that a secret is replaced without a token that is lost: the old secret is not needed once the keys were
// sealed anew, what the replaced key signed stays valid, and new tokens are signed by the new key, at every gateway.
func TestRotate(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn func(testing.TB) string) {
		t.Helper()
		address := dsn(t)
		before := gatewayWith(t, address, secret("o"))
		must(t, before.PutUser(t.Context(), tokens.User{ID: root, Email: "root@localhost", Username: "root", Role: "ADMIN", Active: true}))
		old := before.auth(t)
		first := kid(t, old.Access)

		during := gatewayWith(t, address, secret("n"), secret("o"))
		if got := kid(t, during.auth(t).Access); got != first {
			t.Errorf("with the old secret behind the new one the key is %s", got)
		}
		out := rotate(t, during.of, false, secret("n"), secret("o"))
		ends := time.Until(out.OthersEnd)
		if out.Sealed != 1 || len(out.Shut) != 0 || out.ID == first || ends < time.Hour || ends > 2*time.Hour {
			t.Errorf("it did %+v", out)
		}
		keys, err := during.Store.SigningKeys(t.Context())
		if err != nil || len(keys) != 2 || keys[0].Retires.Sub(out.OthersEnd).Abs() > time.Minute || keys[1].ID != out.ID {
			t.Errorf("the keys are %+v, %v", keys, err)
		}
		log, err := during.of.Queries().ListAudit(t.Context(), db.ListAuditParams{AtMost: 10})
		must(t, err)
		actions := ""
		for _, row := range log {
			if row.Actor == "command:ann" {
				actions += row.Action + " " + row.Subject + "\n"
			}
		}
		if actions != "keys.rotate key:"+out.ID+"\nkeys.seal key:"+first+"\n" {
			t.Errorf("the log says\n%s", actions)
		}
		// The old secret is gone.
		after := gatewayWith(t, address, secret("n"))
		for name, g := range map[string]*client{"before": before, "during": during, "after": after} {
			if a, err := g.Check(t.Context(), old.Access); err != nil || a.User.Username != "root" {
				t.Errorf("%s: %+v, %v", name, a, err)
			}
		}
		for _, g := range []*client{during, after} {
			controltest.Eventually(t, "the new key signs", func() bool { return kid(t, g.auth(t).Access) == out.ID })
		}
		fresh := after.auth(t).Access
		for _, g := range []*client{before, during} {
			if _, err := g.Check(t.Context(), fresh); err != nil {
				t.Error(err)
			}
		}
		if next := after.refresh(t, old.Refresh); next.Access == "" {
			t.Error("a refresh token is lost")
		}
		if again := rotate(t, after.of, false, secret("n")); again.Sealed != 0 || len(again.Shut) != 0 {
			t.Errorf("again it did %+v", again)
		}
	})
}

// TestRotateAtOnce holds that what a key signed that somebody has stolen is refused at once, by gateways that remember it, too.
func TestRotateAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn func(testing.TB) string) {
		t.Helper()
		address := dsn(t)
		one, two := gateway(t, address), gateway(t, address)
		must(t, one.PutUser(t.Context(), tokens.User{ID: root, Email: "root@localhost", Username: "root", Role: "ADMIN", Active: true}))
		old := one.auth(t)
		for _, g := range []*client{one, two} {
			_, err := g.Check(t.Context(), old.Access)
			must(t, err)
		}
		out := rotate(t, one.of, true, secret("s"))
		for _, g := range []*client{one, two} {
			controltest.Eventually(t, "the old key is forgotten", func() bool {
				_, err := g.Check(t.Context(), old.Access)
				no, ok := errors.AsType[*tokens.RefusedError](err)
				return ok && no.Reason != tokens.Revoked
			})
			next := g.refresh(t, old.Refresh)
			if _, err := one.Check(t.Context(), next.Access); err != nil || kid(t, next.Access) != out.ID {
				t.Errorf("a login does not go on: %v", err)
			}
			old.Refresh = next.Refresh
		}
	})
}

// TestRotateShut holds that a key that no secret opens is told, and kept for what it signed.
func TestRotateShut(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn func(testing.TB) string) {
		t.Helper()
		address := dsn(t)
		lost := gatewayWith(t, address, secret("l"))
		must(t, lost.PutUser(t.Context(), tokens.User{ID: root, Email: "root@localhost", Username: "root", Role: "ADMIN", Active: true}))
		old := lost.auth(t).Access
		out := rotate(t, lost.of, false, secret("n"))
		if out.Sealed != 0 || len(out.Shut) != 1 || out.Shut[0] != kid(t, old) || time.Until(out.Signs) > 0 {
			t.Errorf("it did %+v", out)
		}
		if _, err := gatewayWith(t, address, secret("n")).Check(t.Context(), old); err != nil {
			t.Error(err)
		}
		if _, err := tokens.Rotate(t.Context(), stored.NewRotator(lost.of, controltest.By()), tokens.Config{}, false); err == nil {
			t.Error("keys are sealed without a secret")
		}
	})
}

// TestRotateRace holds that of those who replace keys at once one does, and the others say so.
func TestRotateRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn func(testing.TB) string) {
		t.Helper()
		g := gatewayWith(t, dsn(t), secret("o"))
		const many = 10
		outcomes := make([]error, many)
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				_, outcomes[i] = tokens.Rotate(t.Context(), stored.NewRotator(g.of, controltest.By()), tokens.Config{Secrets: [][]byte{secret("n"), secret("o")}}, false)
			})
		}
		all.Wait()
		won := 0
		for _, err := range outcomes {
			if err == nil {
				won++
			} else if !errors.Is(err, tokens.ErrRotated) {
				t.Error(err)
			}
		}
		keys, err := g.Store.SigningKeys(t.Context())
		if err != nil || won == 0 || len(keys) != won+1 {
			t.Errorf("%d won, and there are %d keys, %v", won, len(keys), err)
		}
	})
}
