package limits_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/limits"
	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// written writes events of which each was some hours ago, and counts so many requests.
func written(t *testing.T, s *queries.Store) {
	t.Helper()
	ann := uuid.MustParse(annID)
	one := func(kind, key, address, endpoint string, ago time.Duration, count int64, retry time.Duration, user *uuid.UUID) queries.Refused {
		sum := sha256.Sum256([]byte(kind + key + endpoint))
		r := queries.Refused{
			Key: sum[:], Window: time.Minute, First: ago, Last: ago, Count: count, Kind: kind, Scope: "control", Endpoint: endpoint, Method: "GET", Definition: "5/m by address",
			Limit: 5, Per: time.Minute, Retry: retry, LimitKey: key, Address: address, Agent: "curl",
		}
		if user != nil {
			r.User, r.Email, r.Role = user, "ann@example.org", "USER"
		}
		return r
	}
	auth := one(refusals.Auth, "auth:0123456789abcdef:192.0.2.1", "192.0.2.1", "/auth", 50*time.Hour, 1, time.Minute, nil)
	auth.Definition, auth.Limit, auth.Per, auth.Scope = "", 0, 0, "passwords"
	if err := s.AddRefusals(t.Context(), []queries.Refused{
		one(refusals.IP, "ip:192.0.2.1", "192.0.2.1", "/api/v1/tokens", time.Hour, 3, time.Minute, nil),
		one(refusals.User, "user:"+annID, "2001:db8::1", "/shop/{item}", 3*time.Hour, 7, 240*time.Hour, &ann),
		auth,
	}); err != nil {
		t.Fatal(err)
	}
}

// TestEventsAsTrendsHasThem holds the members of an event and of a page.
func TestEventsAsTrendsHasThem(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := over(t, rate.New(rate.Options{}), dsn, func(*limits.Config) {})
		status, header, body := ask(t, w.API, http.MethodGet, "/api/v1/rate-limit/events", "admin", "192.0.2.1")
		if d := cmp.Diff(map[string]any{"data": []any{}, "total": 0., "page": 1., "per_page": 100., "total_pages": 0.}, body); d != "" || status != 200 {
			t.Fatalf("%d: %s", status, d)
		}
		if header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" {
			t.Error(header)
		}
		written(t, w.store)
		_, _, body = ask(t, w.API, http.MethodGet, "/api/v1/rate-limit/events/", "root", "192.0.2.1")
		data, _ := body["data"].([]any)
		if len(data) != 3 {
			t.Fatal(body)
		}
		for _, d := range data {
			e, _ := d.(map[string]any)
			for _, name := range []string{"occurred_at", "first_occurred_at", "expires_at"} {
				text, _ := e[name].(string)
				if _, err := time.Parse("2006-01-02T15:04:05.000000", text); err != nil || len(text) != 26 {
					t.Errorf("%s: %v", name, err)
				}
				delete(e, name)
			}
			delete(e, "id")
		}
		want := []any{
			map[string]any{
				"is_active": false, "count": 3., "rate_limit_type": "IP", "user_id": nil, "user_email": nil, "user_role": nil, "scope": "control", "endpoint": "/api/v1/tokens", "method": "GET",
				"limit_definition": "5/m by address", "limit_count": 5., "time_window_seconds": 60., "retry_after_seconds": 60., "limit_key": "ip:192.0.2.1", "ip_address": "192.0.2.1", "user_agent": "curl",
			},
			map[string]any{
				"is_active": true, "count": 7., "rate_limit_type": "USER", "user_id": annID, "user_email": "ann@example.org", "user_role": "USER", "scope": "control", "endpoint": "/shop/{item}", "method": "GET",
				"limit_definition": "5/m by address", "limit_count": 5., "time_window_seconds": 60., "retry_after_seconds": 864000., "limit_key": "user:" + annID, "ip_address": "2001:db8::1", "user_agent": "curl",
			},
			map[string]any{
				"is_active": false, "count": 1., "rate_limit_type": "AUTH", "user_id": nil, "user_email": nil, "user_role": nil, "scope": "passwords", "endpoint": "/auth", "method": "GET",
				"limit_definition": nil, "limit_count": nil, "time_window_seconds": nil, "retry_after_seconds": 60., "limit_key": "auth:0123456789abcdef:192.0.2.1", "ip_address": "192.0.2.1", "user_agent": "curl",
			},
		}
		if d := cmp.Diff(want, data); d != "" {
			t.Error(d)
		}
		delete(body, "data")
		if d := cmp.Diff(map[string]any{"total": 3., "page": 1., "per_page": 100., "total_pages": 1.}, body); d != "" {
			t.Error(d)
		}
	})
}

// TestEventsParameters asks for some of three events: IP an hour ago, USER three hours ago, which is still refused, AUTH two days ago.
func TestEventsParameters(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := over(t, rate.New(rate.Options{}), dsn, func(*limits.Config) {})
		written(t, w.store)
		hours := func(n int) string {
			return url.QueryEscape(time.Now().Add(-time.Duration(n) * time.Hour).UTC().Format(time.RFC3339))
		}
		for query, want := range map[string]string{
			"": "IP USER AUTH", "sort=occurred_at": "AUTH USER IP", "sort=count+desc": "USER IP AUTH", "sort=-count,endpoint+asc": "USER IP AUTH",
			"since_hours=2": "IP", "since_hours=0.5": "", "since_hours=0": "", "since_days=1": "IP USER", "since_days=3": "IP USER AUTH", "since_days=1&since_hours=2": "IP",
			"since=" + hours(2): "IP", "since=" + hours(100): "IP USER AUTH", "since=2999-01-01": "",
			"type=AUTH": "AUTH", "type=ip": "IP", "type=USER": "USER", "user_id=" + annID: "USER", "user_id=" + strings.ToUpper(annID): "USER",
			"user_id=0198c0de-0000-7000-8000-00000000000f": "", "ip=192.0.2.1": "IP AUTH", "ip=::ffff:192.0.2.1": "IP AUTH", "ip=2001:0db8:0:0::1": "USER", "ip=192.0.2.9": "",
			"status=active": "USER", "status=ACTIVE": "USER", "status=expired": "IP AUTH", "status=historical": "IP AUTH",
			"filter=count>=3": "IP USER", "filter=endpoint+like+'/api/%25'": "IP", "filter=user_email='ANN@example.org'": "USER", "filter=(rate_limit_type='AUTH'+OR+count=7)": "USER AUTH",
			"filter=count>=3&type=USER&status=active&ip=2001:db8::1": "USER", "filter=limit_key='user:" + annID + "'": "USER", "filter=user_id=null": "IP AUTH",
			"per_page=2": "IP USER", "per_page=2&page=2": "AUTH", "page=9": "", "per_page=rubbish": "IP USER AUTH", "per_page=-1": "IP", "unknown=1": "IP USER AUTH",
			"ip=192.0.2.1%27+or+1=1--": "400", "user_id=x": "400", "type=x": "400", "type=IP';drop+table+refusals": "400", "status=x": "400", "since=yesterday": "400", "since_hours=x": "400",
			"since_hours=-1": "400", "since_hours=NaN": "400", "since_hours=Inf": "400", "since_days=1e9": "400", "sort=password": "400", "filter=key_hash=1": "400",
			"filter=window_at>'2026-01-01'": "400", "type=IP&type=USER": "400", "sort=count&sort=id": "400", "%zz": "400", "filter=endpoint='%00'": "400", "since_days=": "IP USER AUTH",
		} {
			status, _, body := ask(t, w.API, http.MethodGet, "/api/v1/rate-limit/events?"+query, "admin", "192.0.2.1")
			var got []string
			data, _ := body["data"].([]any)
			for _, d := range data {
				e, _ := d.(map[string]any)
				got = append(got, fmt.Sprint(e["rate_limit_type"]))
			}
			if status != http.StatusOK {
				got = []string{fmt.Sprint(status)}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %v, want %s: %v", query, got, want, body["detail"])
			}
		}
		for query, want := range map[string]map[string]any{
			"per_page=2&page=2": {"total": 3., "page": 2., "per_page": 2., "total_pages": 2.},
			"per_page=5000":     {"total": 3., "page": 1., "per_page": 500., "total_pages": 1.},
			"type=IP":           {"total": 1., "page": 1., "per_page": 100., "total_pages": 1.},
		} {
			_, header, body := ask(t, w.API, http.MethodGet, "/api/v1/rate-limit/events?"+query, "admin", "192.0.2.1")
			delete(body, "data")
			if d := cmp.Diff(want, body); d != "" || strings.Contains(header.Get("Link"), `rel="prev"`) != (want["page"] == 2.) {
				t.Errorf("%s: %s %s", query, header.Get("Link"), d)
			}
		}
		for who, want := range map[string]int{"ann": 403, "": 401} {
			if got, _, body := ask(t, w.API, http.MethodGet, "/api/v1/rate-limit/events", who, "192.0.2.1"); got != want {
				t.Errorf("%q: %d %v", who, got, body)
			}
		}
	})
}

// TestResetEndsEvents has what was refused be over when the limit is reset.
func TestResetEndsEvents(t *testing.T) {
	t.Parallel()
	l := rate.New(rate.Options{})
	w := over(t, l, "sqlite:"+t.TempDir()+"/store.db", func(*limits.Config) {})
	s := l.Scope(rate.ScopeOptions{Name: "service weather", Policy: "service", Limits: []rate.Limit{{N: 1, Per: time.Hour, By: rate.ByCaller}}})
	defer s.Close()
	for _, path := range []string{"/user:" + annID, ""} {
		written(t, w.store)
		var v rate.Verdict
		s.Take(t.Context(), rate.ByCaller, "user:"+annID, &v)
		for _, want := range []float64{1, 0} {
			_, _, body := ask(t, w.API, http.MethodGet, "/api/v1/rate-limit/events?status=active", "admin", "192.0.2.1")
			if body["total"] != want {
				t.Errorf("%s: %v, want %v", path, body, want)
			}
			if status, _, body := ask(t, w.API, http.MethodPost, "/api/v1/rate-limit/reset"+path, "root", "192.0.2.1"); want == 1 && status != 200 {
				t.Errorf("%d %v", status, body)
			}
		}
	}
}

// TestExempt has no limit hold for administrators and networks, but where anybody may do what they do.
func TestExempt(t *testing.T) {
	t.Parallel()
	many := func(path, who, from string) []string { return []string{path, who, from} }
	for _, c := range []struct {
		name, limit string
		words       []string
		ask         []string
		want        int // how many of 5 are let through
	}{
		{"an administrator with a password, by caller", "2/h by caller", nil, many("/api/v1/tokens", "admin", "192.0.2.1"), 5},
		{"a user with a password, by caller", "2/h by caller", nil, many("/api/v1/tokens", "ann", "192.0.2.1"), 2},
		{"an administrator with a token, by address", "2/h by address", nil, many("/api/v1/tokens", "Bearer admin", "192.0.2.1"), 5},
		{"a user with a token, by address", "2/h by address", nil, many("/api/v1/tokens", "Bearer ann", "192.0.2.1"), 2},
		{"an administrator with a password, by address", "2/h by address", nil, many("/api/v1/tokens", "admin", "192.0.2.1"), 2},
		{"a token that is none, by address", "2/h by address", nil, many("/api/v1/tokens", "Bearer wrong", "192.0.2.1"), 2},
		{"an administrator where anybody may", "2/h by address", nil, many("/.well-known/jwks.json", "Bearer admin", "192.0.2.1"), 2},
		{"a network where anybody may", "2/h by address", []string{"192.0.2.0/24"}, many("/.well-known/jwks.json", "", "192.0.2.1"), 2},
		{"a network", "2/h by address", []string{"192.0.2.0/24"}, many("/api/v1/tokens", "ann", "192.0.2.1"), 5},
		{"a network, by caller", "2/h by caller", []string{"192.0.2.0/24"}, many("/api/v1/tokens", "ann", "192.0.2.1"), 5},
		{"another network", "2/h by address", []string{"192.0.2.0/24"}, many("/api/v1/tokens", "ann", "198.51.100.1"), 2},
		{"an address", "2/h by address", []string{"192.0.2.1"}, many("/api/v1/tokens", "ann", "192.0.2.1"), 5},
		{"private ranges", "2/h by address", []string{"private_ranges"}, many("/api/v1/tokens", "ann", "10.1.2.3"), 5},
		{"networks alone", "2/h by caller", []string{"192.0.2.0/24"}, many("/api/v1/tokens", "admin", "198.51.100.1"), 2},
		{"networks and administrators", "2/h by caller", []string{"admins", "192.0.2.0/24"}, many("/api/v1/tokens", "admin", "198.51.100.1"), 5},
		{"nobody", "2/h by caller", []string{"nobody"}, many("/api/v1/tokens", "admin", "192.0.2.1"), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			exempt, at, err := limits.ParseExempt(c.words)
			if err != nil {
				t.Fatal(at, err)
			}
			refused := 0
			w := over(t, rate.New(rate.Options{}), "sqlite:"+t.TempDir()+"/store.db", func(cfg *limits.Config) {
				cfg.Exempt, cfg.Refused = exempt, func(rate.Refusal) { refused++ }
			}, c.limit)
			through := 0
			for range 5 {
				status, header, _ := ask(t, w.API, http.MethodGet, c.ask[0], c.ask[1], c.ask[2])
				if status != http.StatusTooManyRequests {
					through++
				}
				if status == http.StatusOK && header.Get("X-Ratelimit-Remaining") != "" && strings.HasPrefix(header.Get("Ratelimit"), `"control";r=0;t=0`) {
					t.Error(header)
				}
			}
			if through != c.want || refused != 5-c.want {
				t.Errorf("%d were let through, want %d; %d refusals were told", through, c.want, refused)
			}
		})
	}
	for _, bad := range [][]string{{"admins", "nobody"}, {"users"}, {"10.0.0.0/99"}, {"::ffff:10.0.0.0/104"}, {""}, {"fe80::1%eth0"}} {
		if e, at, err := limits.ParseExempt(bad); err == nil || at != len(bad)-1 {
			t.Errorf("%q: %+v, %d, %v", bad, e, at, err)
		}
	}
	if e, _, err := limits.ParseExempt([]string{"10.1.2.3/8", "::1"}); err != nil || !slices.Equal(e.Networks, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}) {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestRefusalsAreTold says who was refused, by what, and where, without what was in the path.
func TestRefusalsAreTold(t *testing.T) {
	t.Parallel()
	var got []rate.Refusal
	w := over(t, rate.New(rate.Options{}), "sqlite:"+t.TempDir()+"/store.db", func(cfg *limits.Config) {
		cfg.Refused = func(r rate.Refusal) { got = append(got, r) }
	}, "9/h by address", "1/h by caller")
	for range 2 {
		ask(t, w.API, http.MethodDelete, "/api/v1/tokens/secret", "ann", "192.0.2.1")
	}
	for range 8 {
		ask(t, w.API, http.MethodPut, "/api/v1/tokens/secret?x=secret", "", "192.0.2.1")
	}
	for i := range got {
		got[i].Retry = 0
	}
	want := []rate.Refusal{
		{Scope: "control", Limit: rate.Limit{N: 1, Per: time.Hour, By: rate.ByCaller}, Key: "user:" + annID, Address: "192.0.2.1:4711", Method: "DELETE", Endpoint: "/api/v1/tokens/{token}", User: annID, Role: "USER"},
		{Scope: "control", Limit: rate.Limit{N: 9, Per: time.Hour, By: rate.ByAddress}, Key: "ip:192.0.2.1/32", Address: "192.0.2.1:4711", Method: "PUT", Endpoint: "/api/v1/tokens/{token}"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	rec := refusals.New(refusals.Config{Store: func(context.Context) (refusals.Store, error) { return w.store, nil }})
	for _, r := range got {
		rec.Refused(r)
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	rec.Run(ctx)
	if _, _, body := ask(t, w.API, http.MethodGet, "/api/v1/rate-limit/events?ip=192.0.2.1", "admin", "192.0.2.9"); body["total"] != 2. {
		t.Errorf("%v", body)
	}
}
