package observe

import (
	"context"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// series lists the names and labels of all that m shows now, but for those that are always there.
func series(t *testing.T, m *Metrics) []string {
	t.Helper()
	reg := prometheus.NewRegistry()
	if err := m.Register(reg); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range families {
		switch f.GetName() {
		case "fairway_buffered_bytes", "fairway_buffered_bytes_limit", "fairway_cache_bytes", "fairway_cache_entries",
			"fairway_execution_followers", "fairway_runner_slots", "fairway_runner_slots_used":
			continue
		}
		for _, s := range f.GetMetric() {
			var labels []string
			for _, l := range s.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			all = append(all, f.GetName()+"{"+strings.Join(labels, ",")+"}")
		}
	}
	sort.Strings(all)
	return all
}

func TestSeries(t *testing.T) {
	t.Parallel()
	m := New()
	route, fetch, backend := m.Route("s", "GET /a"), m.Fetch("s", "GET /a", "f", "b"), m.Backend("s", "b")
	breaker := backend.Breaker("http://h")
	route.Observe(200, time.Second)
	route.Observe(200, time.Second)
	fetch.Observe(OK, time.Second)
	fetch.DecodeFailed("json")
	fetch.Cached("hit")
	backend.Attempt("timeout")
	backend.Retry()
	breaker.Change(BreakerOpen)
	want := []string{
		"fairway_attempts_total{backend=b,outcome=timeout,service=s}",
		"fairway_breaker_changes_total{address=http://h,backend=b,service=s,to=open}",
		"fairway_breaker_state{address=http://h,backend=b,service=s}",
		"fairway_cache_total{fetch=f,result=hit,route=GET /a,service=s}",
		"fairway_decode_failures_total{fetch=f,format=json,route=GET /a,service=s}",
		"fairway_fetch_duration_seconds{backend=b,fetch=f,outcome=ok,route=GET /a,service=s}",
		"fairway_request_duration_seconds{code=200,route=GET /a,service=s}",
		"fairway_retries_total{backend=b,service=s}",
	}
	if diff := cmp.Diff(want, series(t, m)); diff != "" {
		t.Error(diff)
	}

	// A reload: the new handles exist before the old ones are closed, twice by mistake.
	again, probe := m.Backend("s", "b"), backend.Breaker("http://h")
	for range 2 {
		backend.Close()
		breaker.Close()
	}
	again.Attempt("timeout")
	if diff := cmp.Diff(want, series(t, m)); diff != "" {
		t.Errorf("after a reload: %s", diff)
	}
	again.Close()
	probe.Close()
	if diff := cmp.Diff([]string{want[3], want[4], want[5], want[6]}, series(t, m)); diff != "" {
		t.Errorf("a backend that is gone: %s", diff)
	}
	fetch.Close()
	route.Close()
	if got := series(t, m); got != nil {
		t.Errorf("left: %v", got)
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	m, reg := New(), prometheus.NewRegistry()
	for range 2 {
		if err := m.Register(reg); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Register(prometheus.NewRegistry()); err != nil {
		t.Errorf("a second registry: %v", err)
	}
	if err := New().Register(reg); err == nil {
		t.Error("metrics that nobody would see are no error")
	}
}

// store is a cache of so many bytes and values.
type store struct{ bytes, entries int }

func (s store) Bytes() int64 { return int64(s.bytes) }
func (s store) Entries() int { return s.entries }

type budget struct{ used, limit int64 }

func (b budget) InUse() int64 { return b.used }
func (b budget) Limit() int64 { return b.limit }

func TestBudget(t *testing.T) {
	t.Parallel()
	m, reg := New(), prometheus.NewRegistry()
	if err := m.Register(reg); err != nil {
		t.Fatal(err)
	}
	shown := func() map[string]float64 {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "fairway_execution") || strings.HasPrefix(f.GetName(), "fairway_runner") {
				continue
			}
			got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
		}
		return got
	}
	if diff := cmp.Diff(map[string]float64{"fairway_buffered_bytes": 0, "fairway_buffered_bytes_limit": 0, "fairway_cache_bytes": 0, "fairway_cache_entries": 0}, shown()); diff != "" {
		t.Error(diff)
	}
	m.Watch(budget{7, 9})
	m.Watch(nil)
	m.WatchStore(store{5, 3})
	m.WatchStore(nil)
	if diff := cmp.Diff(map[string]float64{"fairway_buffered_bytes": 7, "fairway_buffered_bytes_limit": 9, "fairway_cache_bytes": 5, "fairway_cache_entries": 3}, shown()); diff != "" {
		t.Error(diff)
	}
}

func TestHandlesAtOnce(t *testing.T) {
	t.Parallel()
	m := New()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 100 {
				b := m.Backend("s", "b")
				b.Attempt([]string{OK, "timeout", "cut"}[i%3])
				b.Retry()
				k := b.Breaker("h")
				k.Change(BreakerState(i % 3))
				k.Close()
				b.Close()
			}
		})
	}
	wg.Wait()
	if got := series(t, m); got != nil {
		t.Errorf("left: %v", got)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	m := New()
	b, r := m.Backend("s", "b"), m.Route("s", "r")
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		b.Attempt(OK)
		b.Retry()
		r.Observe(200, time.Millisecond)
		_, span := Start(ctx, "x", attribute.String("a", "b"), attribute.Int("c", 1))
		End(span, "timeout")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	ctx, parent := provider.Tracer("test").Start(t.Context(), "parent")
	_, good := Start(ctx, "good", attribute.String("a", "b"))
	End(good, OK)
	_, bad := Start(ctx, "bad")
	End(bad, "timeout")
	parent.End()
	var got []string
	for _, s := range recorder.Ended() {
		line := s.Name() + " " + s.Status().Code.String()
		if s.Name() != "parent" && s.Parent().SpanID() != parent.SpanContext().SpanID() {
			t.Errorf("%s is not under its parent", s.Name())
		}
		for _, a := range s.Attributes() {
			line += " " + string(a.Key) + "=" + a.Value.AsString()
		}
		got = append(got, line)
	}
	if diff := cmp.Diff([]string{"good Unset a=b fairway.outcome=ok", "bad Error fairway.outcome=timeout", "parent Unset"}, got); diff != "" {
		t.Error(diff)
	}
}
