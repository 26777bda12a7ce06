package queries

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries/db"
)

func once(key, body byte) Once {
	return Once{Key: index(key), Body: index(body), Lease: time.Minute, Lasts: time.Hour}
}

func wantBegun(t *testing.T, s *Store, o Once, want Begun) {
	t.Helper()
	got, err := s.BeginOnce(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, other := openStore(t, dsn), openStore(t, dsn)
		doing, sealed := Begun{SameBody: true}, []byte("answer")
		answer := func(fence int64, want bool) {
			t.Helper()
			if ok, err := other.AnswerOnce(t.Context(), index(1), fence, 201, sealed); ok != want || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		}
		wantBegun(t, s, once(1, 1), Begun{Fence: 1, SameBody: true})
		wantBegun(t, other, once(1, 1), doing)
		wantBegun(t, other, once(1, 2), Begun{})
		wantBegun(t, other, once(2, 1), Begun{Fence: 1, SameBody: true})
		answer(2, false)
		if err := s.ReleaseOnce(t.Context(), index(1), 1); err != nil {
			t.Fatal(err)
		}
		wantBegun(t, other, once(1, 2), Begun{})
		wantBegun(t, other, once(1, 1), Begun{Fence: 2, SameBody: true})
		answer(1, false)
		answer(2, true)
		answer(2, false)
		wantBegun(t, s, once(1, 1), Begun{SameBody: true, Status: 201, Sealed: sealed})
		wantBegun(t, s, once(1, 2), Begun{})
		if err := s.ReleaseOnce(t.Context(), index(1), 2); err != nil {
			t.Fatal(err)
		}
		wantBegun(t, s, once(1, 1), Begun{SameBody: true, Status: 201, Sealed: sealed})

		dead := once(3, 1)
		dead.Lease = 0
		wantBegun(t, s, dead, Begun{Fence: 1, SameBody: true})
		wantBegun(t, s, once(3, 1), Begun{Fence: 2, SameBody: true})

		gone := once(4, 1)
		gone.Lasts = 0
		wantBegun(t, s, gone, Begun{Fence: 1, SameBody: true})
		wantBegun(t, s, once(4, 2), Begun{Fence: 2, SameBody: true})

		gone = once(5, 1)
		gone.Lasts = 0
		wantBegun(t, s, gone, Begun{Fence: 1, SameBody: true})
		if err := s.sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "idempotency_keys"); n != 4 {
			t.Errorf("%d are left", n)
		}
	})
}

// TestOnceRace holds that of many who begin at once, in two processes, one does it.
func TestOnceRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		for round := range byte(20) {
			var all sync.WaitGroup
			var fences atomic.Int64
			for i := range 8 {
				all.Go(func() {
					b, err := stores[i%2].BeginOnce(t.Context(), once(round, 1))
					if err != nil {
						t.Error(err)
					}
					if b.Fence > 0 {
						fences.Add(1)
					}
				})
			}
			all.Wait()
			if n := fences.Load(); n != 1 {
				t.Errorf("%d do it", n)
			}
		}
	})
}

func onceSteps() []step {
	key := random()
	return []step{
		{"TakeIdempotencyKey", func(ctx context.Context, q db.Querier) (any, error) {
			return q.TakeIdempotencyKey(ctx, db.TakeIdempotencyKeyParams{KeyHash: key, BodyHash: index(1), LeaseMs: 1000, LifetimeMs: 60_000})
		}, int64(1)},
		{"ReleaseIdempotencyKey", func(ctx context.Context, q db.Querier) (any, error) {
			return q.ReleaseIdempotencyKey(ctx, db.ReleaseIdempotencyKeyParams{KeyHash: key, Fence: 1})
		}, int64(1)},
		{"AnswerIdempotencyKey", func(ctx context.Context, q db.Querier) (any, error) {
			return q.AnswerIdempotencyKey(ctx, db.AnswerIdempotencyKeyParams{KeyHash: key, Fence: 1, Status: 200, Sealed: []byte("a")})
		}, int64(1)},
		{"GetIdempotencyKey", func(ctx context.Context, q db.Querier) (any, error) { return q.GetIdempotencyKey(ctx, key) }, db.GetIdempotencyKeyRow{BodyHash: index(1), Status: 200, Sealed: []byte("a")}},
		{"DeleteExpiredIdempotencyKeys", func(ctx context.Context, q db.Querier) (any, error) { return q.DeleteExpiredIdempotencyKeys(ctx, 10) }, int64(0)},
	}
}
