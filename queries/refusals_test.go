package queries

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

func refusedBy(key byte, count int64) Refused {
	return Refused{
		Key: index(key), Window: 24 * time.Hour, Count: count, Kind: "IP", Scope: "control", Endpoint: "/api/v1/tokens", Method: "GET", Definition: "1/m by address",
		Limit: 1, Per: time.Minute, Retry: 1500 * time.Millisecond, LimitKey: "ip:192.0.2.1", Address: "192.0.2.1", Agent: "a",
	}
}

func refusals(t *testing.T, s *Store) []db.Refusal {
	t.Helper()
	all, err := List(t.Context(), s, Refusals(), rows.Request{Order: []rows.Order{{Column: rows.NewColumn("last_at", rows.Time), Descending: true}}, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRefusalsOfOneWindowAreOneRow holds it for one who writes twice, with what was last.
func TestRefusalsOfOneWindowAreOneRow(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		user, later := fresh(), refusedBy(1, 3)
		later.User, later.Email, later.Role, later.Address, later.Agent = &user, "a@x.org", "USER", "192.0.2.2", "b"
		first := later
		first.Count, first.Address, first.Agent, first.Window = 2, "192.0.2.1", "a", later.Window
		if err := s.AddRefusals(t.Context(), []Refused{first, refusedBy(2, 1)}); err != nil {
			t.Fatal(err)
		}
		was := refusals(t, s)
		if err := s.AddRefusals(t.Context(), []Refused{later}); err != nil {
			t.Fatal(err)
		}
		got := refusals(t, s)
		i := slices.IndexFunc(got, func(r db.Refusal) bool { return r.UserID != nil })
		if len(was) != 2 || len(got) != 2 || i < 0 {
			t.Fatalf("%+v", got)
		}
		row := got[i]
		if row.LastAt.Before(row.FirstAt) || (row.ExpiresAt.Sub(row.LastAt)-2*time.Second).Abs() > time.Microsecond || row.WindowAt.After(row.FirstAt) || row.FirstAt.Sub(row.WindowAt) >= 24*time.Hour || !row.WindowAt.Equal(row.WindowAt.Truncate(24*time.Hour)) {
			t.Errorf("%+v", row)
		}
		if j := slices.IndexFunc(was, func(r db.Refusal) bool { return r.ID == row.ID }); j < 0 || !was[j].FirstAt.Equal(row.FirstAt) {
			t.Error("it is another row")
		}
		row.ID, row.WindowAt, row.FirstAt, row.LastAt, row.ExpiresAt = uuid.UUID{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
		want := db.Refusal{
			KeyHash: index(1), Refused: 5, Kind: "IP", UserID: &user, UserEmail: "a@x.org", UserRole: "USER", Scope: "control", Endpoint: "/api/v1/tokens", Method: "GET",
			LimitDefinition: "1/m by address", LimitCount: 1, LimitSeconds: 60, RetrySeconds: 2, LimitKey: "ip:192.0.2.1", IpAddress: "192.0.2.2", UserAgent: "b",
		}
		if d := cmp.Diff(want, row); d != "" {
			t.Error(d)
		}
	})
}

// TestRefusalsAreOfWhenTheyWere writes them late, and in an earlier window.
func TestRefusalsAreOfWhenTheyWere(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		old := refusedBy(1, 1)
		old.First, old.Last = 72*time.Hour, 71*time.Hour
		if err := s.AddRefusals(t.Context(), []Refused{old, refusedBy(1, 1)}); err != nil {
			t.Fatal(err)
		}
		got := refusals(t, s)
		if len(got) != 2 || got[0].LastAt.Sub(got[1].LastAt).Round(time.Hour) != 71*time.Hour || got[0].FirstAt.Sub(got[1].FirstAt).Round(time.Hour) != 72*time.Hour {
			t.Errorf("%+v", got)
		}
	})
}

// TestRefusalsAreCountedByAll has two gateways write the same rows at once, in opposite orders.
func TestRefusalsAreCountedByAll(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		stores := []*Store{openStore(t, dsn), openStore(t, dsn)}
		var all []Refused
		for i := range byte(20) {
			all = append(all, refusedBy(i, 1))
		}
		var wg sync.WaitGroup
		for i, s := range stores {
			mine := slices.Clone(all)
			if i == 1 {
				slices.Reverse(mine)
			}
			wg.Go(func() {
				for range 10 {
					if err := s.AddRefusals(context.WithoutCancel(t.Context()), mine); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var n int64
		got := refusals(t, stores[0])
		for _, r := range got {
			n += r.Refused
		}
		if n != 400 || len(got) > 40 { // midnight may come in between
			t.Errorf("%d in %d rows", n, len(got))
		}
	})
}

// TestRefusalsEnd has a reset end them, and the sweep delete those that are old and those beyond the newest.
func TestRefusalsEnd(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		other, old := refusedBy(2, 1), refusedBy(3, 1)
		other.LimitKey, other.Retry = "user:u", time.Hour
		old.First, old.Last, old.Retry = keepRefusals+time.Minute, keepRefusals+time.Minute, 0
		long := refusedBy(1, 1)
		long.Retry = time.Hour
		if err := s.AddRefusals(t.Context(), []Refused{long, other, old}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			key  string
			want int
		}{{"user:none", 0}, {"user:u", 1}, {"user:u", 0}, {"", 1}} {
			if n, err := s.ExpireRefusals(t.Context(), c.key); n != c.want || err != nil {
				t.Errorf("%q: %d, %v", c.key, n, err)
			}
		}
		if err := s.sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if got := refusals(t, s); len(got) != 2 {
			t.Errorf("%+v", got)
		}
		n, err := s.queries().DeleteSurplusRefusals(t.Context(), db.DeleteSurplusRefusalsParams{Keep: 1, AtMost: 10})
		if left := refusals(t, s); n != 1 || err != nil || len(left) != 1 {
			t.Errorf("%d, %v, %+v", n, err, left)
		}
		bad := refusedBy(4, 1)
		bad.Agent = "a\x00b"
		if err := s.AddRefusals(t.Context(), []Refused{refusedBy(5, 1), bad}); err == nil || len(refusals(t, s)) != 1 {
			t.Errorf("text with NUL: %v", err)
		}
	})
}

func refusalSteps() []step {
	return []step{
		{"AddRefusals", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, q.AddRefusals(ctx, db.AddRefusalsParams{ID: fresh(), KeyHash: index(1), WindowMs: 60_000, Refused: 1, Kind: "AUTH", RetrySeconds: 60, LimitKey: "auth:x"})
		}, nil},
		{"ExpireRefusals", func(ctx context.Context, q db.Querier) (any, error) { return q.ExpireRefusals(ctx, "auth:x") }, int64(1)},
		{"DeleteOldRefusals", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteOldRefusals(ctx, db.DeleteOldRefusalsParams{KeepMs: 60_000, AtMost: 10})
		}, int64(0)},
		{"DeleteSurplusRefusals", func(ctx context.Context, q db.Querier) (any, error) {
			return q.DeleteSurplusRefusals(ctx, db.DeleteSurplusRefusalsParams{Keep: 0, AtMost: 10})
		}, int64(1)},
	}
}
