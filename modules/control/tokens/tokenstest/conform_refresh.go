package tokenstest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

func login(t *testing.T, w World) { //nolint:thelper // a test
	start(t, w, 1, ann, "robot")
	r, ok, err := w.Refresh(t.Context(), hash(1))
	must(t, err)
	if !ok || r.Family != familyID(1) || r.User != ann || r.Client != "robot" || len(r.Scopes) != 1 || r.Scopes[0] != "users:read" {
		t.Errorf("the token is %+v, %v", r, ok)
	}
	if _, ok, err := w.Refresh(t.Context(), hash(2)); ok || err != nil {
		t.Errorf("an unknown token: %v, %v", ok, err)
	}
	if err := w.StartFamily(t.Context(), tokens.NewFamily{ID: familyID(2), User: ann, Hash: hash(1), Lasts: time.Hour, FamilyLasts: time.Hour}); err == nil {
		t.Error("two logins have one token")
	}
	nobody := tokens.NewFamily{ID: familyID(3), User: familyID(9), Hash: hash(3), Lasts: time.Hour, FamilyLasts: time.Hour}
	if err := w.StartFamily(t.Context(), nobody); !errors.Is(err, tokens.ErrNoUser) {
		t.Errorf("a login of nobody: %v", err)
	}
}

func rotate(t *testing.T, w World) { //nolint:thelper // a test
	start(t, w, 1, ann, "robot")
	rotated(t, w, rotation(1, 2, "other"), tokens.Unknown)
	rotated(t, w, rotation(1, 2, ""), tokens.Unknown)
	rotated(t, w, rotation(9, 2, "robot"), tokens.Unknown)
	rotated(t, w, rotation(1, 2, "robot"), tokens.Fresh)
	rotated(t, w, rotation(2, 3, "robot"), tokens.Fresh)
	r, ok, err := w.Refresh(t.Context(), hash(3))
	if err != nil || !ok || r.Family != familyID(1) || r.Client != "robot" || len(r.Scopes) != 1 {
		t.Errorf("the third of a login is %+v, %v, %v", r, ok, err)
	}
}

func grace(t *testing.T, w World) { //nolint:thelper // a test
	start(t, w, 1, ann, "")
	rotated(t, w, rotation(1, 2, ""), tokens.Fresh)
	for range 3 {
		if out := rotated(t, w, rotation(1, 3, ""), tokens.Again); string(out.Next) != "sealed 2" {
			t.Errorf("the successor is %q", out.Next)
		}
	}
	rotated(t, w, rotation(1, 3, "robot"), tokens.Unknown)
	if _, ok, err := w.Refresh(t.Context(), hash(3)); ok || err != nil {
		t.Errorf("a second branch: %v, %v", ok, err)
	}
	rotated(t, w, rotation(2, 3, ""), tokens.Fresh)
}

func reuse(t *testing.T, w World) { //nolint:thelper // a test
	start(t, w, 1, ann, "robot")
	start(t, w, 50, ann, "robot")
	rotated(t, w, rotation(1, 2, "robot"), tokens.Fresh)
	late := rotation(1, 3, "robot")
	late.Grace = 0
	rotated(t, w, late, tokens.Reused)
	rotated(t, w, late, tokens.Reused)
	rotated(t, w, rotation(2, 4, "robot"), tokens.Unknown)
	if s, err := w.Standing(t.Context(), tokens.Subject{Access: "x", Family: familyID(1), User: ann}); err != nil || !s.Revoked {
		t.Errorf("a login that ended stands as %+v, %v", s, err)
	}
	told(t, w, tokens.RevokedFamily, familyID(1), 1)
	rotated(t, w, rotation(50, 51, "robot"), tokens.Fresh)
}

func kept(t *testing.T, w World) { //nolint:thelper // a test
	start(t, w, 1, ann, "")
	for _, c := range []struct {
		use  tokens.Use
		want tokens.RefreshState
	}{{use(1, ""), tokens.Fresh}, {use(1, ""), tokens.Fresh}, {use(1, "robot"), tokens.Unknown}, {use(2, ""), tokens.Unknown}} {
		if out, err := w.UseRefresh(t.Context(), c.use); err != nil || out.State != c.want {
			t.Errorf("%v: %v, %v", c, out, err)
		}
	}
	rotated(t, w, rotation(1, 2, ""), tokens.Fresh)
	if out, err := w.UseRefresh(t.Context(), use(1, "")); err != nil || out.State != tokens.Again || string(out.Next) != "sealed 2" {
		t.Errorf("a token that was replaced: %v, %v", out, err)
	}
	late := use(1, "")
	late.Grace = 0
	if out, err := w.UseRefresh(t.Context(), late); err != nil || out.State != tokens.Reused {
		t.Errorf("a token that was replaced long ago: %v, %v", out, err)
	}
	if out, err := w.UseRefresh(t.Context(), use(2, "")); err != nil || out.State != tokens.Unknown {
		t.Errorf("the token of a login that ended: %v, %v", out, err)
	}
}

func expired(t *testing.T, w World) { //nolint:thelper // a test
	ctx := t.Context()
	must(t, w.StartFamily(ctx, tokens.NewFamily{ID: familyID(1), User: ann, Hash: hash(1), Lasts: 0, FamilyLasts: time.Hour}))
	must(t, w.StartFamily(ctx, tokens.NewFamily{ID: familyID(2), User: ann, Hash: hash(2), Lasts: time.Hour, FamilyLasts: 0}))
	must(t, w.StartFamily(ctx, tokens.NewFamily{ID: familyID(3), User: ann, Hash: hash(3), Lasts: time.Hour, FamilyLasts: time.Hour}))
	for n := 1; n <= 2; n++ {
		rotated(t, w, rotation(n, 10+n, ""), tokens.Unknown)
		if out, err := w.UseRefresh(ctx, use(n, "")); err != nil || out.State != tokens.Unknown {
			t.Errorf("token %d: %v, %v", n, out, err)
		}
	}
	short := rotation(3, 13, "")
	short.Lasts = 0
	rotated(t, w, short, tokens.Fresh)
	rotated(t, w, rotation(13, 14, ""), tokens.Unknown)
	if all, err := w.Sessions(ctx, ann); err != nil || len(all) != 0 {
		t.Errorf("expired logins are listed: %v, %v", all, err)
	}
}

func parallel(t *testing.T, w World) { //nolint:thelper // a test
	const many = 50
	start(t, w, 1, ann, "robot")
	var fresh, again atomic.Int32
	next := make([]string, many)
	var wait sync.WaitGroup
	for i := range many {
		wait.Go(func() {
			r := rotation(1, 100+i, "robot")
			out, err := w.RotateRefresh(t.Context(), r)
			switch {
			case err != nil:
				t.Error(err)
			case out.State == tokens.Fresh:
				fresh.Add(1)
				next[i] = string(r.Next)
			case out.State == tokens.Again:
				again.Add(1)
				next[i] = string(out.Next)
			default:
				t.Errorf("one is %v", out.State)
			}
		})
	}
	wait.Wait()
	if fresh.Load() != 1 || again.Load() != many-1 {
		t.Errorf("%d were fresh, %d again", fresh.Load(), again.Load())
	}
	branches := 0
	for i := range many {
		if next[i] != next[0] {
			t.Errorf("two successors: %q, %q", next[i], next[0])
		}
		if _, ok, err := w.Refresh(t.Context(), hash(100+i)); err != nil {
			t.Error(err)
		} else if ok {
			branches++
		}
	}
	if branches != 1 {
		t.Errorf("the token has %d successors", branches)
	}
}
