package wrap

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/cors"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// limitConfig is a service at /s before one backend.
func limitConfig(backend string, auth session.Strategy, routes ...Route) *Config {
	none := 0
	return &Config{
		Prefixes: []string{"/s"},
		Metadata: Metadata{Version: "1.0.0", Repository: "https://example.org/s", Description: "Limited"},
		Backends: []Backend{{Name: "main", Addresses: []string{backend}, Retries: &none, Auth: auth}},
		Routes:   routes,
	}
}

// limiting is a service whose backend answers {} to everybody, with what change adds; requests come from the address in their
// header X-From.
func limiting(t testing.TB, auth session.Strategy, change func(*Config), routes ...Route) (*Service, *rate.Limiter) {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/bad") {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, "{}\n{}\n")
	}))
	t.Cleanup(backend.Close)
	c := limitConfig(backend.URL, auth, routes...)
	change(c)
	limiter := rate.New(rate.Options{})
	s, err := Compile(c, Deps{
		Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
			b, err := upstream.New(cfg, upstream.Options{})
			if err != nil {
				return nil, nil, err
			}
			return b, b.Close, nil
		},
		Rates:      func() (*rate.Limiter, error) { return limiter, nil },
		Address:    func(r *http.Request) string { return r.Header.Get("X-From") },
		Identifier: users(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, limiter
}

// any is a fetch of whatever the backend says.
func anything(target string) Fetch {
	return Fetch{Target: target, Backend: "main", Decoder: new(document.NDJSON), Format: "ndjson"}
}

func parsed(t testing.TB, texts ...string) []rate.Limit {
	t.Helper()
	out := make([]rate.Limit, 0, len(texts))
	for _, s := range texts {
		l, err := rate.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

// through counts how many of n requests are let through.
func through(s *Service, n int, method, target string, header ...string) int {
	ok := 0
	for range n {
		if asked(s, method, target, header...).Code != http.StatusTooManyRequests {
			ok++
		}
	}
	return ok
}

// TestRateOfServiceAndRoute has both hold: a route's limit is beside the service's, and what the route refuses the service has
// not counted.
func TestRateOfServiceAndRoute(t *testing.T) {
	t.Parallel()
	s, _ := limiting(t, session.None{}, func(c *Config) { c.Rate = parsed(t, "6/h") },
		Route{Method: "GET", Pattern: "/few", Fetches: []Fetch{anything("/")}, Rate: parsed(t, "2/h")},
		Route{Method: "GET", Pattern: "/many", Fetches: []Fetch{anything("/")}},
		Route{Method: "GET", Pattern: "/bad", Fetches: []Fetch{anything("/bad")}},
		Route{Method: "GET", Pattern: "/rows", Each: new(Each), Fetches: []Fetch{anything("/")}})
	for _, step := range []struct {
		target, from string
		want         int
	}{
		{"/s/few", "192.0.2.1", 2},
		{"/s/bad", "192.0.2.1", 1}, // one of three asked: below
		{"/s/rows", "192.0.2.1", 1},
		{"/s/many?%zz", "192.0.2.1", 1}, // a mistake of the caller counts, too
	} {
		n := step.want
		if step.target == "/s/few" {
			n = 9
		}
		if got := through(s, n, "GET", step.target, "X-From", step.from); got != step.want {
			t.Errorf("%s: %d were let through, want %d", step.target, got, step.want)
		}
	}
	if got := through(s, 5, "GET", "/s/many", "X-From", "192.0.2.1:4711"); got != 1 {
		t.Errorf("%d were left of the service's 6", got)
	}
	if got := through(s, 9, "GET", "/s/many", "X-From", "2001:db8::1"); got != 6 {
		t.Errorf("%d from elsewhere", got)
	}
	if got := through(s, 9, "GET", "/s/many", "X-From", "2001:db8::ffff:1"); got != 0 {
		t.Errorf("%d from the same network", got)
	}
	for _, target := range []string{"/s/metadata", "/s/nothing", "/s/v1.0/metadata"} {
		if w := asked(s, "GET", target, "X-From", "192.0.2.1"); w.Code == 429 || w.Header().Get("Ratelimit") != "" {
			t.Errorf("%s is limited: %d %v", target, w.Code, w.Header())
		}
	}
	for _, method := range []string{"OPTIONS", "PUT"} {
		if w := asked(s, method, "/s/many", "X-From", "192.0.2.1"); w.Code == 429 {
			t.Errorf("%s is limited", method)
		}
	}
	if w := asked(s, "HEAD", "/s/many", "X-From", "192.0.2.1"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("HEAD: %d %s %v", w.Code, w.Body, w.Header())
	}
}

func TestRefusedByRate(t *testing.T) {
	t.Parallel()
	s, _ := limiting(t, session.None{}, func(c *Config) { c.Rate = parsed(t, "1/h", "500/d by address") },
		Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{anything("/")}})
	first := asked(s, "GET", "/s/x", "X-From", "192.0.2.1")
	if first.Code != 200 || first.Header().Get("Ratelimit") != `"service";r=0;t=3600, "service-2";r=499;t=173` {
		t.Errorf("%d %v", first.Code, first.Header())
	}
	w := asked(s, "GET", "/s/x", "X-From", "192.0.2.1")
	var p map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if w.Code != 429 || p["type"] != "urn:fairway:problem:rate_limited" || p["detail"] != rate.Detail || p["status_code"] != 429. {
		t.Errorf("%d %v", w.Code, p)
	}
	retry, err := strconv.Atoi(w.Header().Get("Retry-After"))
	reset, rerr := strconv.ParseInt(w.Header().Get("X-Ratelimit-Reset"), 10, 64)
	if err != nil || rerr != nil || retry < 3000 || retry > 3600 || reset < time.Now().Unix() || reset > time.Now().Unix()+3601 {
		t.Errorf("%v", w.Header())
	}
	for name, want := range map[string]string{
		"RateLimit-Policy": `"service";q=1;w=3600`, "RateLimit": `"service";r=0;t=` + strconv.Itoa(retry),
		"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestRateByCaller has callers with a password that only the backend knows be counted by both, so that nobody can use up what
// another may; who shows nothing is counted by address.
func TestRateByCaller(t *testing.T) {
	t.Parallel()
	s, limiter := limiting(t, session.Basic{}, func(c *Config) { c.Rate = parsed(t, "2/h by caller", "9/h by address") },
		Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{anything("/")}})
	basic := func(user, password string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	for _, c := range []struct {
		auth, from string
		want       int
	}{
		{basic("ann", "right"), "192.0.2.1", 2},
		{basic("ann", "wrong"), "192.0.2.2", 2},
		{basic("ben", "right"), "192.0.2.1", 2},
		{basic("ann", "right"), "192.0.2.3", 0},
		{"", "192.0.2.4", 2},
		{"Bearer x", "192.0.2.4", 0},
		{basic("a", "b\x00c"), "192.0.2.5", 2},
		{basic("a\x00b", "c"), "192.0.2.5", 0}, // which no user can be: the two are one
	} {
		if got := through(s, 3, "GET", "/s/x", "X-From", c.from, "Authorization", c.auth); got != c.want {
			t.Errorf("%q from %s: %d, want %d", c.auth, c.from, got, c.want)
		}
	}
	if got := through(s, 20, "GET", "/s/x", "X-From", "192.0.2.1", "Authorization", basic("cat", "right")); got != 2 {
		t.Errorf("%d beside those of others from there", got)
	}
	if got := through(s, 20, "GET", "/s/x", "X-From", "192.0.2.1", "Authorization", basic("dan", "right")); got != 0 {
		t.Errorf("%d although the address has none left", got)
	}
	status, err := limiter.Status(t.Context())
	want := []rate.Status{
		{Scope: "service s", Limit: parsed(t, "2/h by caller")[0], Used: 6, Full: 6},
		{Scope: "service s", Limit: parsed(t, "9/h by address")[0], Used: 5, Full: 1},
	}
	if d := cmp.Diff(want, status); d != "" || err != nil {
		t.Error(d, err)
	}
}

// TestRateOfUsers has users be counted wherever they are and whatever they show, and those whom nobody knows by address, before
// they are identified.
func TestRateOfUsers(t *testing.T) {
	t.Parallel()
	s, _ := limiting(t, session.None{}, func(c *Config) {
		c.Callers.Who, c.Rate = Users, parsed(t, "3/h", "9/m by address")
	}, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{anything("/")}, Rate: parsed(t, "1/m")})
	for _, c := range []struct {
		who, from string
		want      []int
	}{
		{"ann", "192.0.2.1", []int{200, 429}},
		{"reads", "192.0.2.2", []int{429}}, // which is Ann
		{"bob", "192.0.2.2", []int{200}},
		{"robot", "192.0.2.2", []int{200, 429}},
		{"mallory", "192.0.2.3", []int{401, 401, 401, 401, 401, 401, 401, 401, 401, 429, 429}},
		{"ann", "192.0.2.3", []int{429}}, // the address has none left
	} {
		for i, want := range c.want {
			w := asked(s, "GET", "/s/x", "Authorization", c.who, "X-From", c.from)
			if w.Code != want {
				t.Errorf("%s, %d: %d, want %d", c.who, i, w.Code, want)
			}
			if limits := w.Header().Get("Ratelimit"); !strings.Contains(limits, "service") || c.who == "mallory" && strings.Contains(limits, "route") {
				t.Errorf("%s is told %s", c.who, limits)
			}
		}
	}
}

// TestNoBackendIsAsked has a request that is refused end there.
func TestNoBackendIsAsked(t *testing.T) {
	t.Parallel()
	asks := 0
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asks++
		_, _ = io.WriteString(w, "{}")
	}))
	defer backend.Close()
	s, _ := limiting(t, session.None{}, func(c *Config) {
		c.Rate = parsed(t, "3/h")
		c.Backends[0].Addresses[0] = backend.URL
	}, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{gets("", "/")}})
	if got := through(s, 50, "GET", "/s/x"); got != 3 || asks != 3 {
		t.Errorf("%d were let through, %d asked", got, asks)
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const app, other = "https://app.example.org", "https://other.example.org"
	s, _ := limiting(t, session.Basic{}, func(c *Config) {
		c.CORS, c.Rate = &cors.Config{Origins: []string{app}}, parsed(t, "20/h")
	},
		Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{anything("/")}, Params: []Param{{Name: "X-Kind", In: inHeader, Type: "string"}}, Header: []ReplyHeader{{"X-Total", "1"}}},
		Route{Method: "POST", Pattern: "/x", Fetches: []Fetch{anything("/")}, CORS: &cors.Config{Origins: []string{other}, Credentials: true}},
		Route{Method: "GET", Pattern: "/rows", Each: new(Each), Fetches: []Fetch{anything("/")}, Output: []string{"json", "ndjson"}, OutputSuffix: true},
		Route{Method: "GET", Pattern: "/{rest...}", Fetches: []Fetch{anything("/")}, CORS: &cors.Config{Origins: []string{"*"}}})
	for name, c := range map[string]struct {
		method, target, origin, asks string
		creds                        bool
		status                       int
		allowed                      string
	}{
		"a page":                      {"GET", "/s/x", app, "", true, 200, app},
		"its HEAD":                    {"HEAD", "/s/x", app, "", true, 200, app},
		"another page":                {"GET", "/s/x", other, "", true, 200, ""},
		"no page":                     {"GET", "/s/x", "", "", true, 200, ""},
		"a refusal":                   {"GET", "/s/x", app, "", false, 401, app},
		"a stream":                    {"GET", "/s/rows.ndjson", app, "", true, 200, app},
		"the metadata":                {"GET", "/s/metadata", app, "", false, 200, app},
		"a bad path":                  {"GET", "/s/a/%2e%2e/b", app, "", false, 400, app},
		"a method that is not":        {"GET", "/s/a%2Fb", other, "", true, 200, "*"},
		"a route of its own":          {"POST", "/s/x", other, "", true, 200, other},
		"of which the service's not":  {"POST", "/s/x", app, "", true, 200, ""},
		"may it":                      {"OPTIONS", "/s/x", app, "GET", false, 204, app},
		"may it, of the metadata":     {"OPTIONS", "/s/metadata", app, "GET", false, 204, app},
		"may it, of a route":          {"OPTIONS", "/s/x", other, "POST", false, 204, other},
		"may the service's page":      {"OPTIONS", "/s/x", app, "POST", false, 204, ""},
		"may it delete":               {"OPTIONS", "/s/x", app, "DELETE", false, 204, ""},
		"may it, anywhere":            {"OPTIONS", "/s/deep/path", other, "GET", false, 204, "*"},
		"what a program asks OPTIONS": {"OPTIONS", "/s/x", app, "", false, 200, app},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := []string{"X-From", "192.0.2.1"}
			if c.origin != "" {
				header = append(header, "Origin", c.origin)
			}
			if c.asks != "" {
				header = append(header, "Access-Control-Request-Method", c.asks, "Access-Control-Request-Headers", "authorization")
			}
			if c.creds {
				header = append(header, "Authorization", "Basic YTpi")
			}
			w := asked(s, c.method, c.target, header...)
			if got := w.Header().Get("Access-Control-Allow-Origin"); w.Code != c.status || got != c.allowed {
				t.Errorf("%d, %q allowed, want %d, %q: %v", w.Code, got, c.status, c.allowed, w.Header())
			}
			if !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Origin") {
				t.Errorf("Vary is %v", w.Header().Values("Vary"))
			}
			if c.asks != "" && (w.Header().Get("Ratelimit") != "" || w.Header().Get("WWW-Authenticate") != "" || w.Body.Len() > 0) {
				t.Errorf("a question of a browser: %v %s", w.Header(), w.Body)
			}
		})
	}
	w := asked(s, "GET", "/s/x", "Origin", app, "Authorization", "Basic YTpi", "X-From", "192.0.2.9")
	exposed := w.Header().Get("Access-Control-Expose-Headers")
	for _, name := range []string{"X-Total", "Ratelimit", "Fairway-Partial"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s cannot be read: %s", name, exposed)
		}
	}
	w = asked(s, "OPTIONS", "/s/x", "Origin", app, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-kind")
	if w.Header().Get("Access-Control-Allow-Headers") != "x-kind" {
		t.Errorf("a parameter cannot be sent: %v", w.Header())
	}
}

// TestCORSOfWhatIsLimited lets a page read that there were too many requests.
func TestCORSOfWhatIsLimited(t *testing.T) {
	t.Parallel()
	s, _ := limiting(t, session.None{}, func(c *Config) { c.CORS, c.Rate = &cors.Config{Origins: []string{"*"}}, parsed(t, "1/h") },
		Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{anything("/")}})
	through(s, 1, "GET", "/s/x", "Origin", "https://a.example")
	w := asked(s, "GET", "/s/x", "Origin", "https://a.example")
	if w.Code != 429 || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestLimitsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change     func(*Config)
		path, want string
	}{
		"nobody knows the caller":        {func(c *Config) { c.Rate = parsed(t, "1/s", "1/m by caller") }, "rate/1", "callers users"},
		"nor of a route":                 {func(c *Config) { c.Routes[0].Rate = parsed(t, "1/m by caller") }, "routes/0/rate/0", "nobody knows the caller"},
		"no limit":                       {func(c *Config) { c.Rate = []rate.Limit{{}} }, "rate/0", "whole number"},
		"twice":                          {func(c *Config) { c.Rate = parsed(t, "1/m", "2/60s by address") }, "rate/1", "two rates for the same time"},
		"no origin":                      {func(c *Config) { c.CORS = &cors.Config{Origins: []string{"https://a.org", "b.org"}} }, "cors/origins/1", "is no origin"},
		"every origin, with credentials": {func(c *Config) { c.Routes[0].CORS = &cors.Config{Origins: []string{"*"}, Credentials: true} }, "routes/0/cors/origins/0", "instead of *"},
		"a header of the limits": {func(c *Config) {
			c.Rate, c.Routes[0].Header = parsed(t, "1/s"), []ReplyHeader{{"X-RateLimit-Limit", "1"}}
		}, "routes/0/header/0", "made by the gateway"},
		"a header that says who may read": {func(c *Config) {
			c.CORS, c.Routes[0].Header = &cors.Config{Origins: []string{"*"}}, []ReplyHeader{{"Access-Control-Allow-Origin", "1"}}
		}, "routes/0/header/0", "made by the gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := limitConfig("https://backend.example.org", session.None{}, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{anything("/")}})
			c.change(conf)
			s, err := Compile(conf, Deps{})
			if err == nil {
				s.Close()
			}
			e, ok := errors.AsType[*ConfigError](err)
			if !ok || e.Path != c.path || !strings.Contains(e.Msg, c.want) {
				t.Errorf("%+v", err)
			}
		})
	}
	t.Run("no store", func(t *testing.T) {
		t.Parallel()
		conf := limitConfig("https://backend.example.org", session.None{}, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{anything("/")}})
		conf.Rate = parsed(t, "1/s")
		_, err := Compile(conf, Deps{Rates: func() (*rate.Limiter, error) { return nil, errors.New("no secret") }})
		if err == nil || !strings.Contains(err.Error(), "no secret") {
			t.Error(err)
		}
	})
}

// BenchmarkRate is what a limit adds to a request that needs no backend.
func BenchmarkRate(b *testing.B) {
	for name, limits := range map[string][]rate.Limit{"none": nil, "one": parsed(b, "1000000/s"), "two": parsed(b, "1000000/s", "1000000/m")} {
		b.Run(name, func(b *testing.B) {
			s, _ := limiting(b, session.None{}, func(c *Config) { c.Rate = limits },
				Route{Method: "GET", Pattern: "/x", Params: []Param{{Name: "q", Type: "string", Required: true}}, Fetches: []Fetch{anything("/")}})
			b.ReportAllocs()
			for b.Loop() {
				if w := asked(s, "GET", "/s/x", "X-From", "192.0.2.1"); w.Code != 400 || !strings.Contains(w.Body.String(), problem.BadParameter) {
					b.Fatal(w.Code)
				}
			}
		})
	}
}

// TestRefusalsAreTold has who keeps a record be told of what was refused, and of no password.
func TestRefusalsAreTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		auth   session.Strategy
		limit  string
		header []string
		want   rate.Refusal
	}{
		{"by address", session.None{}, "1/h by address", nil, rate.Refusal{Key: "ip:192.0.2.1/32"}},
		{"by credentials of a backend", session.Basic{}, "1/h by caller", []string{"Authorization", "Basic YW5uOnNlY3JldA=="}, rate.Refusal{}},
		{"nobody", session.Basic{}, "1/h by caller", nil, rate.Refusal{Key: "ip:192.0.2.1/32"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			limit := parsed(t, c.limit)
			s, _ := limiting(t, c.auth, func(*Config) {}, Route{Method: "GET", Pattern: "/few/{id}", Fetches: []Fetch{anything("/")}, Rate: limit})
			var got []rate.Refusal
			s.refused = func(r rate.Refusal) { got = append(got, r) }
			through(s, 3, "GET", "/s/few/7", append(c.header, "X-From", "192.0.2.1:99", "User-Agent", "curl")...)
			c.want.Scope, c.want.Limit, c.want.Address = "service s route GET /few/{id}", limit[0], "192.0.2.1:99"
			c.want.Method, c.want.Endpoint, c.want.Agent = "GET", "/s/few/{id}", "curl"
			for i := range got {
				if got[i].Retry <= 0 || got[i].Retry > time.Hour {
					t.Errorf("%s", got[i].Retry)
				}
				got[i].Retry = 0
			}
			if d := cmp.Diff([]rate.Refusal{c.want, c.want}, got); d != "" {
				t.Error(d)
			}
		})
	}
}
