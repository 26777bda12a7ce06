package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// limitedService answers from a backend, with some words of its own.
func limitedService(backend, words, route string) string {
	return `
	service /s {
		version 1.0.0
		repository https://example.org/s
		description "Limited"
		` + words + `
		backend ` + backend + `
		GET /x {
			fetch /x {
				decode json
			}
			` + route + `
		}
	}`
}

// let counts how many of n requests at once to path are not refused, by gateways in turn.
func let(t *testing.T, n int, r request, gateways ...*gateway) int {
	t.Helper()
	var ok atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			a, err := gateways[i%len(gateways)].try(context.WithoutCancel(t.Context()), r)
			switch {
			case err != nil:
				t.Error(err)
			case a.status == http.StatusTooManyRequests:
				if a.header.Get("Retry-After") == "" || !strings.Contains(a.body, `"urn:fairway:problem:rate_limited"`) {
					t.Errorf("%v %s", a.header, a.body)
				}
			case a.status == http.StatusOK:
				ok.Add(1)
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	return int(ok.Load())
}

// TestRateOfGateways has gateways over one PostgreSQL hold one limit together, each of those over SQLite its own; a reload and a
// restart with PostgreSQL forget nothing, and the store does not know who was counted.
func TestRateOfGateways(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
		file := func(n int) string {
			return withStore(limitedService(backend.url, fmt.Sprintf("rate %d/d", n), ""))
		}
		start := func() *gateway {
			return startGateway(t, file(20), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		}
		a, b := start(), start()
		postgres := strings.HasPrefix(dsn, "postgres")
		want := 40
		if postgres {
			want = 20
		}
		if got := let(t, 60, request{path: "/s/x"}, a, b); got != want {
			t.Errorf("%d of 60 were let through, want %d", got, want)
		}
		if got := len(backend.asked()); got != want {
			t.Errorf("the backend was asked %d times", got)
		}
		if err := a.reload(file(20) + "\n# again\n"); err != nil {
			t.Fatal(err)
		}
		if got := let(t, 3, request{path: "/s/x"}, a); got != 0 {
			t.Errorf("%d after a reload", got)
		}
		if got := let(t, 9, request{path: "/s/metadata"}, a); got != 9 {
			t.Errorf("%d of the metadata", got)
		}
		if err := b.reload(file(7)); err != nil {
			t.Fatal(err)
		}
		if got := let(t, 9, request{path: "/s/x"}, b); got != 7 {
			t.Errorf("%d of another limit", got)
		}
		if !postgres {
			return
		}
		if got := let(t, 3, request{path: "/s/x"}, start()); got != 0 {
			t.Errorf("%d at a gateway that has just started", got)
		}
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		rows := onServer(t, strings.TrimPrefix(u.Path, "/"), "select string_agg(encode(key, 'escape') || r::text, ' ') from rate_counters r")
		if strings.Contains(rows, "127.0.0") || strings.Count(rows, "(") != 2 {
			t.Errorf("the store holds %s", rows)
		}
	})
}

// TestRateOfUsers has gateways count a user together, by password and by token, and questions of browsers need no user.
func TestRateOfUsers(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
		r := openRegistry(t, dsn)
		ann := r.user("ann", "secret", "USER")
		r.user("bob", "hunter2", "USER")
		token, _ := r.token(ann, "all")
		file := withStore(limitedService(backend.url, "callers users\n rate 6/d\n cors https://app.example.org", ""))
		a := startGateway(t, file, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		gateways := []*gateway{a}
		if strings.HasPrefix(dsn, "postgres") {
			gateways = append(gateways, startGateway(t, file, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret))
		}
		bearer := request{path: "/s/x", header: http.Header{"Authorization": {"Bearer " + token}}}
		n := let(t, 4, request{path: "/s/x", user: "ann:secret"}, gateways...) + let(t, 4, bearer, gateways...)
		if n != 6 {
			t.Errorf("Ann was let through %d times", n)
		}
		if n := let(t, 9, request{path: "/s/x", user: "bob:hunter2"}, gateways...); n != 6 {
			t.Errorf("Bob was let through %d times", n)
		}
		question := http.Header{"Origin": {"https://app.example.org"}, "Access-Control-Request-Method": {"GET"}}
		if got := a.ask(t, request{method: "OPTIONS", path: "/s/x", header: question}); got.status != http.StatusNoContent {
			t.Errorf("%d %v", got.status, got.header)
		}
		if got := a.ask(t, request{path: "/s/x", user: "ann:wrong", header: http.Header{"Origin": {"https://app.example.org"}}}); got.status != http.StatusUnauthorized || got.header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%d %v", got.status, got.header)
		}
	})
}

// TestRateWithoutItsStore has a gateway count for itself when PostgreSQL goes away.
func TestRateWithoutItsStore(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	dead := "postgres://fairway@" + strings.TrimPrefix(deadAddress(t), "http://") + "/fairway?connect_timeout=1"
	g := startGateway(t, withStore(limitedService(backend.url, "rate 5/d", "")), "DATABASE_URL="+dead, "FAIRWAY_SECRET="+someSecret)
	if got := let(t, 20, request{path: "/s/x"}, g); got != 5 {
		t.Errorf("%d were let through", got)
	}
	if n := strings.Count(g.log.String(), "each gateway counts requests for itself"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// TestRateByAddress has the address be what trusted proxies say, and nobody else.
func TestRateByAddress(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	service := limitedService(backend.url, "rate 3/d", "")
	from := func(address string) request {
		return request{path: "/s/x", header: http.Header{"X-Forwarded-For": {address}}}
	}
	behind := startGateway(t, siteWith("\tservers {\n\t\ttrusted_proxies static 127.0.0.1/32 ::1/128\n\t}", "\thealth\n"+service))
	for _, c := range []struct {
		address string
		want    int
	}{{"192.0.2.1", 3}, {"192.0.2.2", 3}, {"2001:db8::1", 3}, {"2001:db8::2", 0}, {"2001:db8:0:1::1", 3}, {"192.0.2.1", 0}} {
		if got := let(t, 5, from(c.address), behind); got != c.want {
			t.Errorf("%s: %d, want %d", c.address, got, c.want)
		}
	}
	direct := startGateway(t, site("\thealth\n"+service))
	n := 0
	for i := range 9 {
		n += let(t, 1, from(fmt.Sprintf("192.0.2.%d", i+1)), direct)
	}
	if n != 3 {
		t.Errorf("%d by saying to be somebody else", n)
	}
}

// TestCrossOrigin asks as a browser does: before it sends credentials, and whatever the answer is.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Authorization"), "Basic ") {
			_, _ = w.Write([]byte("{}"))
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	const app = "https://app.example.org"
	g := startGateway(t, site("\thealth\n"+strings.Replace(
		limitedService(backend.url+" {\n auth basic\n}", "rate 2/d by address\n cors "+app, ""), "GET /x {", "GET /x.d {", 1)))
	question := http.Header{"Origin": {app}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"authorization"}}
	for range 5 { // not counted
		a := g.ask(t, request{method: "OPTIONS", path: "/s/x.d", header: question})
		if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != app || a.header.Get("Access-Control-Allow-Headers") != "authorization" {
			t.Errorf("%d %v", a.status, a.header)
		}
	}
	for _, want := range []int{http.StatusUnauthorized, http.StatusOK, http.StatusTooManyRequests} {
		r := request{path: "/s/x.d", header: http.Header{"Origin": {app}}}
		if want != http.StatusUnauthorized {
			r.user = "ann:secret"
		}
		a := g.ask(t, r)
		if a.status != want || a.header.Get("Access-Control-Allow-Origin") != app || a.header.Get("X-Ratelimit-Limit") != "2" {
			t.Errorf("%d %v, want %d", a.status, a.header, want)
		}
	}
	if a := g.ask(t, request{path: "/s/metadata", header: http.Header{"Origin": {"https://evil.example"}}}); a.header.Get("Access-Control-Allow-Origin") != "" || a.status != 200 {
		t.Errorf("%d %v", a.status, a.header)
	}
	if n := len(backend.asked()); n != 1 {
		t.Errorf("the backend was asked %d times", n)
	}
}

// TestLimitsOfControl has the control API be limited by address before a password is looked at, and a superadmin see and reset
// the limits of all services, for all gateways of a PostgreSQL.
func TestLimitsOfControl(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
		r := openRegistry(t, dsn)
		r.user("root", "secret", "SUPERADMIN")
		ann := r.user("ann", "secret", "USER")
		file := withStore("\tcontrol {\n\t\trate 40/d\n\t\tcors https://app.example.org\n\t}\n" + limitedService(backend.url, "callers users\n rate 3/d", ""))
		a := startGateway(t, file, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		b := a
		if strings.HasPrefix(dsn, "postgres") {
			b = startGateway(t, file, "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		}
		const status, reset = "/api/v1/rate-limit/status", "/api/v1/rate-limit/reset"
		mine := request{path: "/s/x", user: "ann:secret"}
		limits := func(n int) string {
			return fmt.Sprintf(`{"scope":"service s","limit":"3/d by caller","n":3,"per_seconds":86400,"by":"caller","counted":%d,"refused":%d}`, n, n)
		}
		if n := let(t, 5, mine, b); n != 3 {
			t.Errorf("%d were let through", n)
		}
		if got := a.ask(t, request{path: status, user: "root:secret"}); got.status != 200 || !strings.Contains(got.body, limits(1)) || got.header.Get("X-Ratelimit-Limit") != "40" {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
		if got := a.ask(t, request{path: status, user: "ann:secret"}); got.status != http.StatusForbidden {
			t.Errorf("%d %s", got.status, got.body)
		}
		for _, want := range []int{http.StatusOK, http.StatusNotFound} {
			if got := a.ask(t, request{method: "POST", path: reset + "/user:" + ann.ID.String(), user: "root:secret"}); got.status != want {
				t.Errorf("%d %s, want %d", got.status, got.body, want)
			}
		}
		if n := let(t, 5, mine, a); n != 3 {
			t.Errorf("%d after the reset", n)
		}
		if got := a.ask(t, request{path: status, user: "root:secret"}); !strings.Contains(got.body, limits(1)) {
			t.Errorf("%d %s", got.status, got.body)
		}
		question := http.Header{"Origin": {"https://app.example.org"}, "Access-Control-Request-Method": {"POST"}}
		if got := a.ask(t, request{method: "OPTIONS", path: "/auth", header: question}); got.status != 204 || got.header.Get("Access-Control-Allow-Methods") != "POST" {
			t.Errorf("%d %v", got.status, got.header)
		}
		n := 0
		var last answer
		for ; n < 60; n++ {
			if last = b.ask(t, request{path: status}); last.status != http.StatusUnauthorized {
				break
			}
		}
		if want := 40 - 5; n != want || last.status != http.StatusTooManyRequests || !strings.Contains(last.body, `"error_code":"RATE_LIMIT_EXCEEDED"`) || !strings.Contains(last.body, `"retry_after":`) {
			t.Errorf("%d were let through, want %d; then %d %s", n, want, last.status, last.body)
		}
	})
}
