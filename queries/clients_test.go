package queries

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries/db"
)

// TestClients holds the life of a client: its name is its own, it is revoked once, and that is told.
func TestClients(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		c := db.OauthClient{ClientID: "robot", Name: "Robot", Confidential: true, SecretHash: index(1), Scopes: "a b"}
		made, err := s.CreateClient(t.Context(), by(), c, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.CreateClient(t.Context(), by(), c, 0)
		wantTaken(t, err, "client_id")
		for _, bad := range []db.OauthClient{{ClientID: ""}, {ClientID: "x", Confidential: true}, {ClientID: "x", SecretHash: []byte("short")}, {ClientID: "a\x00"}} {
			if _, err := s.CreateClient(t.Context(), by(), bad, 0); err == nil {
				t.Errorf("%+v is written", bad)
			}
		}
		got, err := s.Queries().GetLivingClient(t.Context(), "robot")
		if diff := cmp.Diff(made, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		before := newest(t, s)
		if _, err := s.RevokeClient(t.Context(), by(), made.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RevokeClient(t.Context(), by(), made.ID); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("it is revoked twice: %v", err)
		}
		wantTold(t, s, before, Revocation{Kind: "client", Subject: "robot"})
		past := in(-time.Hour)
		if _, err := s.CreateClient(t.Context(), by(), db.OauthClient{ClientID: "old", ExpiresAt: &past}, 0); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"robot", "old", "nobody"} {
			if _, err := s.Queries().GetLivingClient(t.Context(), id); !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("%s: %v", id, err)
			}
		}
		names, diffs := actions(t, s, "client:"+made.ID.String())
		if diff := cmp.Diff([]string{"client.create", "client.revoke"}, names); diff != "" || len(diffs[0]) < 10 {
			t.Error(diffs, diff)
		}
	})
}

// TestClientLimit holds that a user who makes many at once has no more than there may be.
func TestClientLimit(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		won := race(t, 20, func(int) (bool, error) {
			_, err := s.CreateClient(t.Context(), by(), db.OauthClient{ClientID: fresh().String(), OwnerID: &u.ID}, 10)
			if _, ok := errors.AsType[*LimitError](err); ok {
				return false, nil
			}
			return err == nil, err
		})
		if won != 10 || count(t, s, "oauth_clients") != 10 {
			t.Errorf("%d were made", won)
		}
		nobody := fresh()
		if _, err := s.CreateClient(t.Context(), by(), db.OauthClient{ClientID: "x", OwnerID: &nobody}, 0); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("nobody's: %v", err)
		}
	})
}

// TestAPITokens holds when a token is taken: not before its time, nor after, nor without its user, nor while it is disabled.
func TestAPITokens(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		past, future := in(-time.Hour), in(time.Hour)
		made := map[byte]db.ApiToken{}
		for n, token := range map[byte]db.ApiToken{
			1: {Kind: "permanent"}, 2: {Kind: "user", UserID: &u.ID}, 3: {Kind: "temporary", ExpiresAt: &future, NotBefore: &past},
			4: {Kind: "temporary", ExpiresAt: &past}, 5: {Kind: "permanent", NotBefore: &future}, 6: {Kind: "permanent", Disabled: true},
		} {
			token.Hash, token.Scopes = index(n), "a"
			got, err := s.CreateAPIToken(t.Context(), by(), token)
			if err != nil {
				t.Fatal(n, err)
			}
			made[n] = got
		}
		for _, bad := range []db.ApiToken{{Kind: "user"}, {Kind: "temporary"}, {Kind: "x"}} {
			bad.Hash = random()
			if _, err := s.CreateAPIToken(t.Context(), by(), bad); err == nil {
				t.Errorf("%+v is written", bad)
			}
		}
		lives := func(want ...byte) {
			t.Helper()
			var got []byte
			for n := byte(1); n <= 6; n++ {
				_, err := s.Queries().GetLivingAPIToken(t.Context(), index(n))
				if err == nil {
					got = append(got, n)
				} else if !errors.Is(err, sql.ErrNoRows) {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		lives(1, 2, 3)
		if _, err := s.ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error { u.IsActive = false; return nil }); err != nil {
			t.Fatal(err)
		}
		lives(1, 3)
		if _, err := s.ChangeUser(t.Context(), by(), u.ID, func(u *db.User) error { u.IsActive = true; return nil }); err != nil {
			t.Fatal(err)
		}
		lives(1, 2, 3)
		if _, err := s.DeleteUser(t.Context(), by(), u.ID); err != nil {
			t.Fatal(err)
		}
		lives(1, 3)
		if _, err := s.DisableAPIToken(t.Context(), by(), made[6].ID, false); err != nil {
			t.Fatal(err)
		}
		lives(1, 3, 6)
		before := newest(t, s)
		if _, err := s.RevokeAPIToken(t.Context(), by(), made[6].ID); err != nil {
			t.Fatal(err)
		}
		lives(1, 3)
		wantTold(t, s, before, Revocation{Kind: "token", Subject: made[6].ID.String()})
		if _, err := s.DisableAPIToken(t.Context(), by(), made[6].ID, true); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("a revoked one is disabled: %v", err)
		}
		names, diffs := actions(t, s, "token:"+made[6].ID.String())
		if diff := cmp.Diff([]string{"token.create", "token.enable", "token.revoke"}, names); diff != "" || !strings.Contains(diffs[1], `"disabled"`) {
			t.Error(diff, diffs)
		}
		_, err := s.ChangeAPIToken(t.Context(), by(), made[1].ID, func(t *db.ApiToken) error { t.Description = "a\x00"; return nil })
		if err == nil {
			t.Error("NUL is written")
		}
		wrong := errors.New("wrong")
		if _, err = s.ChangeAPIToken(t.Context(), by(), made[1].ID, func(*db.ApiToken) error { return wrong }); !errors.Is(err, wrong) {
			t.Error(err)
		}
		before = newest(t, s)
		for range 2 { // the second time there is nothing to write
			if got, err := s.ChangeAPIToken(t.Context(), by(), made[1].ID, func(t *db.ApiToken) error { t.Description = "d"; return nil }); err != nil || got.Description != "d" {
				t.Error(got, err)
			}
		}
		wantTold(t, s, before, Revocation{Kind: "token", Subject: made[1].ID.String()})
		for _, c := range []struct {
			keep time.Duration
			want int64
		}{{2 * time.Hour, 0}, {time.Minute, 1}} {
			n, err := s.Queries().DeleteExpiredAPITokens(t.Context(), db.DeleteExpiredAPITokensParams{KeepMs: c.keep.Milliseconds(), AtMost: 10})
			if n != c.want || err != nil {
				t.Errorf("%d were deleted after %s, %v", n, c.keep, err)
			}
		}
	})
}

// TestSigningKeyRace holds that of gateways that make a key at once one does, for the first and for each that follows.
func TestSigningKeyRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores, last := []*Store{openStore(t, dsn), openStore(t, dsn)}, ""
		for round := range 3 {
			won := race(t, 20, func(i int) (bool, error) {
				return stores[i%2].AddSigningKey(t.Context(), SigningKey{KID: fresh().String(), Public: index(1), Sealed: index(2), RetiresIn: time.Hour}, last)
			})
			keys, err := stores[0].Queries().ListSigningKeys(t.Context())
			if err != nil || won != 1 || len(keys) != round+1 {
				t.Fatalf("%d won, there are %d, %v", won, len(keys), err)
			}
			last = keys[round].Kid
		}
		wantTold(t, stores[0], 0, Revocation{Kind: "keys"}, Revocation{Kind: "keys"}, Revocation{Kind: "keys"})
		if ok, err := stores[0].AddSigningKey(t.Context(), SigningKey{KID: "gone", Public: index(1), Sealed: index(2)}, last); !ok || err != nil {
			t.Error(ok, err)
		}
		keys, err := stores[0].Queries().ListSigningKeys(t.Context())
		if err != nil || len(keys) != 3 {
			t.Errorf("one that has retired is given: %d, %v", len(keys), err)
		}
		if ok, err := stores[0].AddSigningKey(t.Context(), SigningKey{KID: "next", Public: index(1), Sealed: index(2), RetiresIn: time.Hour}, last); !ok || err != nil {
			t.Error("none follows when one has retired", ok, err)
		}
	})
}

// TestReplaceSigningKeys holds that a key that replaces the others has them retire, never later than they would, and that a
// key is sealed anew once.
func TestReplaceSigningKeys(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		by := By{Actor: "command:ann"}
		for i, retires := range []time.Duration{time.Hour, 10 * time.Hour} {
			newest := ""
			if i > 0 {
				newest = "key 0"
			}
			if ok, err := s.AddSigningKey(t.Context(), SigningKey{KID: fmt.Sprint("key ", i), Public: index(1), Sealed: index(2), RetiresIn: retires}, newest); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		replace := func(kid, newest string, others time.Duration, want bool) {
			t.Helper()
			key := SigningKey{KID: kid, Public: index(1), Sealed: index(3), SignsIn: time.Minute, RetiresIn: 20 * time.Hour}
			if ok, err := s.ReplaceSigningKeys(t.Context(), by, key, newest, others); ok != want || err != nil {
				t.Fatal(ok, err)
			}
		}
		wantKeys := func(want ...string) {
			t.Helper()
			keys, err := s.Queries().ListSigningKeys(t.Context())
			got := []string{}
			for _, k := range keys {
				got = append(got, fmt.Sprintf("%s %.0fh", k.Kid, (time.Duration(k.RetiresInMs)*time.Millisecond).Hours()))
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		}
		replace("late", "key 0", 0, false)
		wantKeys("key 0 1h", "key 1 10h")
		replace("new", "key 1", 2*time.Hour, true)
		wantKeys("key 0 1h", "key 1 2h", "new 20h")
		for i, want := range []bool{true, false} {
			if ok, err := s.ResealSigningKey(t.Context(), by, "key 0", index(2), index(9)); ok != want || err != nil {
				t.Error(i, ok, err)
			}
		}
		replace("newer", "new", 0, true)
		wantKeys("newer 20h")
		log, err := s.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: "key:new", AtMost: 10})
		if err != nil || len(log) != 1 || log[0].Action != "keys.rotate" || log[0].Actor != by.Actor {
			t.Errorf("%+v, %v", log, err)
		}
		wantTold(t, s, 0, Revocation{Kind: "keys"}, Revocation{Kind: "keys"}, Revocation{Kind: "keys"}, Revocation{Kind: "keys"})
	})
}
