package fairway

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries"
)

// TestRetention holds what the store is told of what is written, and that nothing is removed of which nothing is written.
func TestRetention(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	usual := queries.Retention{Logs: 90 * day, StatusLog: 365 * day, Events: 7 * day, Firings: 90 * day, Arrivals: 90 * day, MostEvents: 5_000_000}
	for _, test := range []struct {
		text   string
		change func(*queries.Retention)
	}{
		{"", func(*queries.Retention) {}},
		{"retention 30d", func(r *queries.Retention) { r.Logs, r.Firings, r.Arrivals = 30*day, 30*day, 30*day }},
		{"retention forever", func(r *queries.Retention) { r.Logs, r.Firings, r.Arrivals = 0, 0, 0 }},
		{"retention {\nlogs 1h\n}", func(r *queries.Retention) { r.Logs, r.Firings, r.Arrivals = time.Hour, time.Hour, time.Hour }},
		{"retention {\nexecutions 24h\n}", func(r *queries.Retention) { r.Executions = day }},
		{"retention {\nexecutions forever\nmoves forever\naudit forever\nevents forever\n}", func(r *queries.Retention) { r.StatusLog, r.Events = 0, 0 }},
		{"retention {\nmoves 90d\naudit 730d\nevents 2d\nmost_events 10000\n}", func(r *queries.Retention) {
			r.StatusLog, r.Audit, r.Events, r.MostEvents = 90*day, 730*day, 2*day, 10_000
		}},
	} {
		d := caddyfile.NewTestDispenser("fairway {\nexecutions {\n" + test.text + "\n}\n}")
		d.Next()
		d.NextBlock(0)
		app := new(App)
		if err := parseExecutions(d, app); err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		want := usual
		test.change(&want)
		if diff := cmp.Diff(want, app.Executions.retention()); diff != "" {
			t.Errorf("%q: %s", test.text, diff)
		}
	}
	if diff := cmp.Diff(usual, (*Executions)(nil).retention()); diff != "" {
		t.Error(diff)
	}
}
