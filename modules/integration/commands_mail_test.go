package integration_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// TestMailDead lists letters that were laid aside, and has them be tried again.
func TestMailDead(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := commandShell(t, dsn)
		s.wantCall(t, 0, "no letter was laid aside\n", "", "mail", "dead")
		store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		lay := func() string {
			t.Helper()
			if err := store.InTx(t.Context(), func(q db.Querier) error {
				_, err := queries.Enqueue(t.Context(), q, queries.Letter{Topic: "mail", Payload: []byte(`{}`)})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			claims, err := store.ClaimLetters(t.Context(), "mail", "h", 1, time.Minute)
			if err != nil || len(claims) != 1 {
				t.Fatal(claims, err)
			}
			if ok, err := store.FailLetter(t.Context(), claims[0], "no such mailbox", 0, 1); !ok || err != nil {
				t.Fatal(ok, err)
			}
			return claims[0].ID.String()
		}
		dead := func() int64 {
			t.Helper()
			_, n, err := store.CountLetters(context.WithoutCancel(t.Context()), "mail")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		id := lay()
		if all, err := store.DeadLetters(t.Context(), 10); err != nil || len(all) != 1 || all[0].ID.String() != id || all[0].Why != "no such mailbox" || all[0].Attempts != 1 || all[0].Dead.Before(all[0].Created) {
			t.Errorf("%+v, %v", all, err)
		}
		s.wantCall(t, 2, "fairway mail: \"x\" is no id of a letter, and not all\n", "", "mail", "retry", "x")
		s.wantCall(t, 3, "fairway mail: no letter of this id was laid aside\n", "", "mail", "retry", strings.Repeat("0", 8)+"-0000-7000-8000-000000000000")
		s.wantCall(t, 0, "1 letter is tried again\n", "", "mail", "retry", id)
		s.wantCall(t, 3, "fairway mail: no letter of this id was laid aside\n", "", "mail", "retry", id)
		if dead() != 0 {
			t.Error("it is still laid aside")
		}
		again, err := store.ClaimLetters(t.Context(), "mail", "h", 5, time.Minute)
		if err != nil || len(again) != 1 || again[0].Attempts != 1 {
			t.Errorf("%+v, %v", again, err)
		}
		lay()
		lay()
		s.wantCall(t, 0, `{"retried":2}`+"\n", "", "mail", "retry", "all", "--json")
		if dead() != 0 {
			t.Error("some are still laid aside")
		}
	})
}
