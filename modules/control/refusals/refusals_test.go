package refusals_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store that may be away or take nothing, and keeps what it is given.
type memory struct {
	mu     sync.Mutex
	err    error
	writes int
	all    []queries.Refused
}

func (m *memory) AddRefusals(_ context.Context, all []queries.Refused) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	if m.err != nil {
		return m.err
	}
	m.all = append(m.all, all...)
	return nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// took gives what was written since it was last asked, by whom it is about.
func (m *memory) took() []queries.Refused {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.all
	m.all = nil
	slices.SortFunc(out, func(a, b queries.Refused) int { return strings.Compare(a.Kind+a.LimitKey, b.Kind+b.LimitKey) })
	return out
}

// running has a test with a recorder that runs, and ends it. The log is what it says.
func running(t *testing.T, cfg refusals.Config, test func(*testing.T, *refusals.Recorder, *memory, *strings.Builder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		store := new(memory)
		cfg.Store = func(context.Context) (refusals.Store, error) { return store, nil }
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		rec := refusals.New(cfg)
		ctx, end := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { rec.Run(ctx) })
		test(t, rec, store, &log)
		end()
		done.Wait()
	})
}

// pass lets the recorder write, by the clock of the bubble.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

const annID = "0198c0de-0000-7000-8000-000000000001"

func byAddress(from string) rate.Refusal {
	return rate.Refusal{
		Scope: "control", Limit: rate.Limit{N: 5, Per: time.Minute, By: rate.ByAddress}, Retry: 12 * time.Second, Key: rate.AddressText(from), Address: from + ":99",
		Method: "GET", Endpoint: "/api/v1/tokens", Agent: "curl",
	}
}

// TestEqualRefusalsAreOneRow has a flood of one address be one row each second.
func TestEqualRefusalsAreOneRow(t *testing.T) {
	t.Parallel()
	running(t, refusals.Config{}, func(t *testing.T, rec *refusals.Recorder, store *memory, _ *strings.Builder) {
		t.Helper()
		for range 5000 {
			rec.Refused(byAddress("192.0.2.1"))
		}
		byAnn := byAddress("192.0.2.1")
		byAnn.Limit, byAnn.Key, byAnn.User, byAnn.Email, byAnn.Role = rate.Limit{N: 2, Per: 31 * 24 * time.Hour, By: rate.ByCaller}, "user:"+annID, annID, "ann@example.org", "USER"
		byAnn.Agent = strings.Repeat("\xffä", 5000)
		rec.Refused(byAnn)
		time.Sleep(400 * time.Millisecond)
		byAnn.Address, byAnn.Retry = "192.0.2.9", time.Second
		rec.Refused(byAnn)
		pass(time.Second)
		got := store.took()
		for i := range got {
			if len(got[i].Key) != 32 {
				t.Error(got[i].Key)
			}
			got[i].Key = nil
		}
		id := uuid.MustParse(annID)
		want := []queries.Refused{{
			Window: time.Minute, First: time.Second, Last: time.Second, Count: 5000, Kind: "IP", Scope: "control", Endpoint: "/api/v1/tokens", Method: "GET", Definition: "5/m by address",
			Limit: 5, Per: time.Minute, Retry: 12 * time.Second, LimitKey: "ip:192.0.2.1", Address: "192.0.2.1", Agent: "curl",
		}, {
			Window: time.Hour, First: time.Second, Last: 600 * time.Millisecond, Count: 2, Kind: "USER", User: &id, Email: "ann@example.org", Role: "USER", Scope: "control",
			Endpoint: "/api/v1/tokens", Method: "GET", Definition: "2/31d by caller", Limit: 2, Per: 31 * 24 * time.Hour, Retry: time.Second, LimitKey: "user:" + annID,
			Address: "192.0.2.9", Agent: strings.Repeat("\uFFFDä", 127) + "\uFFFD",
		}}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		pass(time.Hour)
		if store.writes != 1 {
			t.Errorf("%d writings", store.writes)
		}
		rec.Refused(byAddress("192.0.2.1"))
		pass(2 * time.Second)
		if again := store.took(); len(again) != 1 || again[0].Count != 1 {
			t.Errorf("%+v", again)
		}
	})
}

// TestManyAddressesAreOthers has no more held than may be, and none lost.
func TestManyAddressesAreOthers(t *testing.T) {
	t.Parallel()
	running(t, refusals.Config{Most: 10, Batch: 3}, func(t *testing.T, rec *refusals.Recorder, store *memory, _ *strings.Builder) {
		t.Helper()
		for i := range 1000 {
			r := byAddress(fmt.Sprintf("10.0.%d.%d", i/250, i%250))
			r.Method = fmt.Sprintf("METHOD%d", i%2)
			rec.Refused(r)
		}
		pass(2 * time.Second)
		got, n := store.took(), int64(0)
		for _, r := range got {
			n += r.Count
		}
		if len(got) != 11 || n != 1000 || got[0].LimitKey != "" || got[0].Count != 990 || got[0].Address != "" || got[1].Method != "OTHER" || store.writes != 4 {
			t.Errorf("%d, %d, %+v", n, store.writes, got[:2])
		}
	})
}

// TestStoreAway has refusals be written when the store is back, said twice in the log, and what it never takes be dropped.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	running(t, refusals.Config{Most: 5}, func(t *testing.T, rec *refusals.Recorder, store *memory, log *strings.Builder) {
		t.Helper()
		store.fail(&queries.UnavailableError{Err: errors.New("gone")})
		for i := range 9 {
			rec.Refused(byAddress(fmt.Sprintf("10.0.0.%d", i)))
			pass(time.Second)
		}
		store.fail(nil)
		pass(2 * time.Second)
		var n int64
		got := store.took()
		for _, r := range got {
			n += r.Count
		}
		if n != 9 || len(got) > 6 || strings.Count(log.String(), "cannot be written") != 1 || strings.Count(log.String(), "written down again") != 1 {
			t.Errorf("%d in %d: %s", n, len(got), log)
		}
		store.fail(errors.New("no such table"))
		rec.Refused(byAddress("10.0.0.1"))
		pass(time.Minute)
		store.fail(nil)
		pass(time.Minute)
		if got := store.took(); got != nil {
			t.Errorf("%+v", got)
		}
	})
}

// TestEndWritesTheRest has nothing be lost when the gateway stops.
func TestEndWritesTheRest(t *testing.T) {
	t.Parallel()
	store := new(memory)
	rec := refusals.New(refusals.Config{Every: time.Hour, Store: func(context.Context) (refusals.Store, error) { return store, nil }})
	rec.Refused(byAddress("192.0.2.1"))
	ctx, end := context.WithCancel(t.Context())
	end()
	rec.Run(ctx)
	if got := store.took(); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestThrottled keeps of who tried passwords a hash of what was typed, the same whatever its case.
func TestThrottled(t *testing.T) {
	t.Parallel()
	running(t, refusals.Config{}, func(t *testing.T, rec *refusals.Recorder, store *memory, _ *strings.Builder) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/auth?x=1", nil)
		r.Pattern = "POST /auth"
		r.Header.Set("User-Agent", "a")
		from := netip.MustParseAddr("::ffff:192.0.2.1")
		rec.Throttled(r, from, "Ann@Example.org", time.Minute)
		rec.Throttled(r, from, "ann@example.ORG", time.Minute)
		rec.Throttled(nil, netip.Addr{}, "bob", time.Minute)
		pass(2 * time.Second)
		got := store.took()
		for i := range got {
			got[i].Key, got[i].First, got[i].Last = nil, 0, 0
		}
		want := []queries.Refused{
			{Window: time.Minute, Count: 2, Kind: "AUTH", Scope: "passwords", Endpoint: "/auth", Method: "POST", Retry: time.Minute, LimitKey: "auth:438c4c7afe600cdf:192.0.2.1", Address: "192.0.2.1", Agent: "a"},
			{Window: time.Minute, Count: 1, Kind: "AUTH", Scope: "passwords", Retry: time.Minute, LimitKey: "auth:81b637d8fcd2c6da:"},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// TestMany has many goroutines refuse while it is written.
func TestMany(t *testing.T) {
	t.Parallel()
	store := new(memory)
	rec := refusals.New(refusals.Config{Every: time.Microsecond, Most: 50, Store: func(context.Context) (refusals.Store, error) { return store, nil }})
	ctx, end := context.WithCancel(t.Context())
	var run, all sync.WaitGroup
	run.Go(func() { rec.Run(ctx) })
	for g := range 8 {
		all.Go(func() {
			for i := range 2000 {
				rec.Refused(byAddress(fmt.Sprintf("10.0.%d.%d", g, i%100)))
			}
		})
	}
	all.Wait()
	end()
	run.Wait()
	var n int64
	for _, r := range store.took() {
		n += r.Count
	}
	if n != 16_000 {
		t.Error(n)
	}
	var none *refusals.Recorder
	none.Refused(byAddress("192.0.2.1"))
	none.Throttled(nil, netip.Addr{}, "", 0)
}

// BenchmarkRefused is what a refusal costs the request that is refused.
func BenchmarkRefused(b *testing.B) {
	rec := refusals.New(refusals.Config{})
	r := byAddress("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		rec.Refused(r)
	}
}
