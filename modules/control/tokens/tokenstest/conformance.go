package tokenstest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// World is a store with what the tests need of the tables around it.
type World interface {
	tokens.Store
	// PutUser adds a user, or changes one in its role and whether it is active: which is told as a revocation.
	PutUser(ctx context.Context, u tokens.User) error
	// DeleteUser deletes a user, which is told as a revocation.
	DeleteUser(ctx context.Context, id string) error
	// PutClient adds a client.
	PutClient(ctx context.Context, c tokens.Client) error
	// RevokeClient ends a client, which is told as a revocation.
	RevokeClient(ctx context.Context, id string) error
	// PutAPIToken adds a program's token with this hash, of a user where it has one.
	PutAPIToken(ctx context.Context, t tokens.APIToken, hash []byte) error
	// RevokeAPIToken ends a program's token, which is told as a revocation.
	RevokeAPIToken(ctx context.Context, id string) error
}

// Users and logins of the tests have these ids; a store may need UUIDs.
const (
	ann = "0198a000-0000-7000-8000-000000000001"
	bob = "0198a000-0000-7000-8000-000000000002"
)

func familyID(n int) string { return fmt.Sprintf("0198a000-0000-7000-8000-%012d", 1000+n) }

func hash(n int) []byte { return bytes.Repeat([]byte{byte(n)}, 32) } //nolint:gosec // small numbers

// world makes a store with two users and a client of the first.
func world(t *testing.T, open func(t *testing.T) World) World {
	t.Helper()
	w := open(t)
	for _, u := range []tokens.User{
		{ID: ann, Email: "ann@example.org", Username: "ann", Name: "Ann Example", Role: "ADMIN", Active: true, Regular: true, Internal: true},
		{ID: bob, Email: "bob@example.org", Username: "bob", Role: "USER", Active: true},
	} {
		must(t, w.PutUser(t.Context(), u))
	}
	must(t, w.PutClient(t.Context(), tokens.Client{
		ID: "robot", Confidential: true, SecretHash: tokens.HashSecret("s"), Owner: ann, Scopes: []string{"users:read", "teams:read"},
	}))
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start begins login n, whose first token has hash n.
func start(t *testing.T, w World, n int, user, client string) {
	t.Helper()
	must(t, w.StartFamily(t.Context(), tokens.NewFamily{
		ID: familyID(n), User: user, Client: client, Scopes: []string{"users:read"}, Device: "a device",
		Hash: hash(n), Lasts: time.Hour, FamilyLasts: 2 * time.Hour,
	}))
}

func use(n int, client string) tokens.Use {
	return tokens.Use{Hash: hash(n), Client: client, Lasts: time.Hour, Grace: time.Minute}
}

func rotation(n, next int, client string) tokens.Rotation {
	return tokens.Rotation{Use: use(n, client), NextHash: hash(next), Next: fmt.Appendf(nil, "sealed %d", next)}
}

func rotated(t *testing.T, w World, r tokens.Rotation, want tokens.RefreshState) tokens.Outcome {
	t.Helper()
	out, err := w.RotateRefresh(t.Context(), r)
	must(t, err)
	if out.State != want {
		t.Fatalf("a token is %v, not %v", out.State, want)
	}
	return out
}

// Conformance holds a store to what tokens.Store says. open gives an empty one.
func Conformance(t *testing.T, open func(t *testing.T) World) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, World){
		"clients": clients, "signing keys": signingKeys, "a login": login, "rotation": rotate, "grace": grace, "reuse": reuse, "kept": kept,
		"expired": expired, "parallel": parallel, "sessions": sessions, "standing": standing, "feed": feed,
		"tokens of programs": programs,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, world(t, open))
		})
	}
}

func clients(t *testing.T, w World) { //nolint:thelper // a test
	c, ok, err := w.Client(t.Context(), "robot")
	must(t, err)
	if !ok || !c.Confidential || c.Owner != ann || len(c.Scopes) != 2 || !bytes.Equal(c.SecretHash, tokens.HashSecret("s")) {
		t.Errorf("the client is %+v, %v", c, ok)
	}
	must(t, w.ClientUsed(t.Context(), "robot"))
	must(t, w.RevokeClient(t.Context(), "robot"))
	for _, id := range []string{"robot", "", "nobody", "rob%"} {
		if _, ok, err := w.Client(t.Context(), id); ok || err != nil {
			t.Errorf("client %q: %v, %v", id, ok, err)
		}
	}
}

func signingKeys(t *testing.T, w World) { //nolint:thelper // a test
	ctx := t.Context()
	add := func(id, newest string, in, retires time.Duration) bool {
		ok, err := w.AddSigningKey(ctx, tokens.NewKey{ID: id, Public: hash(1), Sealed: []byte("sealed " + id), SignsIn: in, RetiresIn: retires}, newest)
		must(t, err)
		return ok
	}
	if add("b", "a", 0, time.Hour) {
		t.Error("a key follows one that is not there")
	}
	var added atomic.Int32
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			ok, err := w.AddSigningKey(ctx, tokens.NewKey{ID: fmt.Sprint("first", i), Public: hash(1), Sealed: hash(2), RetiresIn: time.Hour}, "")
			if err != nil {
				t.Error(err)
			}
			if ok {
				added.Add(1)
			}
		})
	}
	wait.Wait()
	keys, err := w.SigningKeys(ctx)
	must(t, err)
	if added.Load() != 1 || len(keys) != 1 {
		t.Fatalf("%d of 8 added the first key, and there are %d", added.Load(), len(keys))
	}
	if !add("second", keys[0].ID, time.Minute, 2*time.Hour) || add("third", keys[0].ID, 0, time.Hour) {
		t.Error("one of two may follow the first key")
	}
	keys, err = w.SigningKeys(ctx)
	must(t, err)
	if len(keys) != 2 || keys[1].ID != "second" || string(keys[1].Sealed) != "sealed second" || !bytes.Equal(keys[1].Public, hash(1)) {
		t.Fatalf("the keys are %+v", keys)
	}
	if in := time.Until(keys[1].Signs); in < 50*time.Second || in > time.Minute+time.Second {
		t.Errorf("the second signs in %v", in)
	}
	if !add("gone", "second", 0, 0) {
		t.Error("the third was not added")
	}
	if keys, err = w.SigningKeys(ctx); err != nil || len(keys) != 2 {
		t.Errorf("a key that has retired is given: %d, %v", len(keys), err)
	}
}

func sessions(t *testing.T, w World) { //nolint:thelper // a test
	ctx := t.Context()
	start(t, w, 1, ann, "")
	start(t, w, 2, ann, "robot")
	start(t, w, 3, bob, "")
	rotated(t, w, rotation(2, 12, "robot"), tokens.Fresh)
	all, err := w.Sessions(ctx, ann)
	must(t, err)
	if len(all) != 2 {
		t.Fatalf("the sessions are %+v", all)
	}
	for _, s := range all {
		if s.Device != "a device" || time.Since(s.Created).Abs() > time.Minute || time.Until(s.Expires) > 2*time.Hour+time.Minute {
			t.Errorf("a session is %+v", s)
		}
		if rotated := s.ID == familyID(2); s.LastUsed.IsZero() == rotated {
			t.Errorf("session %s was used at %v", s.ID, s.LastUsed)
		}
	}
	for _, c := range []struct {
		user, family string
		want         bool
	}{{bob, familyID(1), false}, {ann, "no id", false}, {ann, familyID(9), false}, {ann, familyID(1), true}, {ann, familyID(1), false}} {
		if ended, err := w.RevokeFamily(ctx, c.user, c.family); err != nil || ended != c.want {
			t.Errorf("ending %s of %s: %v, %v", c.family, c.user, ended, err)
		}
	}
	start(t, w, 4, ann, "")
	if n, err := w.RevokeFamilies(ctx, ann); err != nil || n != 2 {
		t.Errorf("%d logins were ended, %v", n, err)
	}
	rotated(t, w, rotation(4, 14, ""), tokens.Unknown)
	rotated(t, w, rotation(3, 13, ""), tokens.Fresh)
	told(t, w, tokens.RevokedFamily, familyID(4), 1)
	told(t, w, tokens.RevokedFamily, familyID(3), 0)
}

func standing(t *testing.T, w World) { //nolint:thelper // a test
	ctx := t.Context()
	start(t, w, 1, ann, "robot")
	whole := tokens.Subject{Access: "j1", Family: familyID(1), Client: "robot", User: ann}
	stands := func(s tokens.Subject, want bool) tokens.User {
		t.Helper()
		got, err := w.Standing(ctx, s)
		must(t, err)
		if got.Revoked == want {
			t.Errorf("%+v stands as %+v", s, got)
		}
		return got.User
	}
	if u := stands(whole, true); u.ID != ann || u.Role != "ADMIN" || !u.Active || !u.Regular || !u.Internal || u.Email != "ann@example.org" || u.Username != "ann" || u.Name != "Ann Example" {
		t.Errorf("the user is %+v", u)
	}
	stands(tokens.Subject{Access: "j1", User: ann}, true)
	stands(tokens.Subject{Access: "j1", User: ann, Family: familyID(7)}, false)
	stands(tokens.Subject{Access: "j1", User: ann, Family: "no id"}, false)
	stands(tokens.Subject{Access: "j1", User: ann, Client: "other"}, false)
	stands(tokens.Subject{Access: "j1", User: "no id"}, false)
	must(t, w.RevokeAccess(ctx, "j1", time.Hour))
	must(t, w.RevokeAccess(ctx, "j1", time.Hour))
	stands(whole, false)
	whole.Access = "j2"
	must(t, w.PutUser(ctx, tokens.User{ID: ann, Email: "ann@example.org", Username: "ann", Role: "USER", Active: false}))
	if u := stands(whole, true); u.Role != "USER" || u.Active {
		t.Errorf("a user who was demoted and deactivated is %+v", u)
	}
	must(t, w.RevokeClient(ctx, "robot"))
	stands(whole, false)
	whole.Client = ""
	stands(whole, true)
	must(t, w.DeleteUser(ctx, ann))
	stands(whole, false)
	told(t, w, tokens.RevokedAccess, "j1", 1)
	told(t, w, tokens.RevokedUser, ann, 2)
	told(t, w, tokens.RevokedClient, "robot", 1)
	rotated(t, w, rotation(1, 2, "robot"), tokens.Unknown)
}

func programs(t *testing.T, w World) { //nolint:thelper // a test
	ctx := t.Context()
	must(t, w.PutAPIToken(ctx, tokens.APIToken{ID: familyID(1), Scopes: []string{"users:read", "teams:read"}}, hash(1)))
	must(t, w.PutAPIToken(ctx, tokens.APIToken{ID: familyID(2), User: ann, Expires: time.Now().Add(time.Hour)}, hash(2)))
	must(t, w.PutAPIToken(ctx, tokens.APIToken{ID: familyID(3), User: ann, Expires: time.Now().Add(-time.Hour)}, hash(3)))
	there := func(n int, want bool) tokens.APIToken {
		t.Helper()
		got, ok, err := w.APIToken(ctx, hash(n))
		must(t, err)
		if ok != want {
			t.Errorf("token %d: %v", n, ok)
		}
		return got
	}
	if one := there(1, true); one.ID != familyID(1) || one.User != "" || len(one.Scopes) != 2 || !one.Expires.IsZero() {
		t.Errorf("the first is %+v", one)
	}
	if two := there(2, true); two.User != ann || len(two.Scopes) != 0 || time.Until(two.Expires) > time.Hour+time.Minute || time.Until(two.Expires) < 50*time.Minute {
		t.Errorf("the second is %+v", two)
	}
	there(3, false)
	there(4, false)
	must(t, w.APITokenUsed(ctx, familyID(1)))
	must(t, w.RevokeAPIToken(ctx, familyID(1)))
	there(1, false)
	told(t, w, tokens.RevokedToken, familyID(1), 1)
	must(t, w.DeleteUser(ctx, ann))
	there(2, false)
}

// told looks for a revocation in the whole feed, at least so many times, or, with 0, never.
func told(t *testing.T, w World, kind, id string, times int) {
	t.Helper()
	n := 0
	for at := int64(0); ; {
		batch, err := w.Revocations(t.Context(), at, 2)
		must(t, err)
		for _, r := range batch {
			if r.Number <= at {
				t.Fatalf("number %d follows %d", r.Number, at)
			}
			at = r.Number
			if r.Kind == kind && r.ID == id {
				n++
			}
		}
		if len(batch) == 0 {
			break
		}
	}
	if n < times || times == 0 && n > 0 {
		t.Errorf("%s %s was told %d times", kind, id, n)
	}
}

func feed(t *testing.T, w World) { //nolint:thelper // a test
	ctx := t.Context()
	from, err := w.RevocationNumber(ctx)
	must(t, err)
	const many = 40
	seen := map[string]bool{}
	stop := make(chan struct{})
	var reader, writers sync.WaitGroup
	// Whoever reads while others write misses none.
	reader.Go(func() {
		at, last := from, false
		for {
			batch, err := w.Revocations(ctx, at, 7)
			if err != nil {
				t.Error(err)
				return
			}
			for _, r := range batch {
				at = r.Number
				seen[r.ID] = true
			}
			if len(batch) > 0 {
				continue
			}
			if last {
				return
			}
			select {
			case <-stop:
				last = true
			default:
			}
		}
	})
	for i := range many {
		writers.Go(func() {
			if err := w.RevokeAccess(ctx, fmt.Sprint("j", i), time.Hour); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	close(stop)
	reader.Wait()
	if len(seen) != many {
		t.Errorf("%d of %d revocations were seen", len(seen), many)
	}
	if to, err := w.RevocationNumber(ctx); err != nil || to < from+many {
		t.Errorf("the number went from %d to %d, %v", from, to, err)
	}
}
