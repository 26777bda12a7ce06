package wrap

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/fairway-gateway/fairway/proxies/cache"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// directory is a store of users, by what they show.
type directory map[string]*identity.User

// Identify implements Identifier.
func (d directory) Identify(r *http.Request, scopes []string) (*identity.User, *problem.Problem) {
	u := d[r.Header.Get("Authorization")]
	switch {
	case u == nil:
		return nil, &problem.Problem{Code: problem.NoCredentials, Status: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {"Bearer", "Basic"}}}
	case slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(u.Scopes, s) }):
		return nil, &problem.Problem{Code: problem.InsufficientScope, Status: http.StatusForbidden}
	}
	return u, nil
}

// users are Ann, by a password and by tokens of other scopes, Bob, and a program that is nobody.
func users() directory {
	ann := identity.User{
		Key: "user:a1", ID: "a1", Number: 7, User: "ann", Email: "ann@example.org", Name: "Ann Ångström", Role: "ADMIN", Scopes: []string{"all"},
	}
	reads, writes, bob := ann, ann, ann
	reads.Scopes, reads.ByToken, reads.Client = []string{"read"}, true, "notebook"
	writes.Scopes, writes.ByToken = []string{"read", "write"}, true
	bob.Key, bob.ID, bob.Number, bob.User, bob.Email, bob.Name, bob.Role = "user:b2", "b2", 8, "b/../&x=1", "b@example.org", "", "USER"
	return directory{
		"ann": &ann, "reads": &reads, "writes": &writes, "bob": &bob,
		"robot": {Key: "token:t", Scopes: []string{"read"}, ByToken: true},
	}
}

// forUsers compiles a service of users over a backend. Of the configuration only callers, backends and routes may differ.
func forUsers(t *testing.T, h http.HandlerFunc, change func(*Config), routes ...Route) *Service {
	t.Helper()
	backend := httptest.NewServer(h)
	store := cache.New(1 << 20)
	none := 0
	c := &Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
		Callers:  Callers{Who: Users},
		Backends: []Backend{{Name: "main", Addresses: []string{backend.URL}, Retries: &none}}, Routes: routes,
	}
	if change != nil {
		change(c)
	}
	s, err := Compile(c, Deps{Cache: store, Identifier: users(), Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
		b, err := upstream.New(cfg, upstream.Options{})
		return b, b.Close, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		store.Close()
		s.Close()
		backend.Close()
	})
	return s
}

// seen tells what a backend is asked.
func seen(w http.ResponseWriter, r *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]any{"asked": r.URL.RequestURI(), "header": r.Header})
}

// TestOnlyUsersMayCall has callers of all kinds at routes of all kinds.
func TestOnlyUsersMayCall(t *testing.T) {
	t.Parallel()
	asks := 0
	s := forUsers(t, func(w http.ResponseWriter, r *http.Request) {
		asks++
		seen(w, r)
	}, func(c *Config) { c.Callers.Scopes = []string{"read", "write"} },
		Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{gets("", "/x")}},
		Route{Method: "POST", Pattern: "/x", Fetches: []Fetch{gets("", "/x")}},
		Route{Method: "GET", Pattern: "/rows", Each: new(Each), Fetches: []Fetch{{Target: "/x", Backend: "main", Decoder: new(document.NDJSON), Format: "ndjson"}}},
	)
	for _, c := range []struct {
		method, path, who string
		status            int
		code              string
	}{
		{"GET", "/s/x", "", 401, problem.NoCredentials},
		{"HEAD", "/s/x", "", 401, ""},
		{"POST", "/s/x", "mallory", 401, problem.NoCredentials},
		{"GET", "/s/rows", "", 401, problem.NoCredentials},
		{"GET", "/s/x?%zz", "", 401, problem.NoCredentials},
		{"GET", "/s/x", "reads", 403, problem.InsufficientScope},
		{"GET", "/s/x", "writes", 200, ""},
		{"GET", "/s/rows", "writes", 200, ""},
		{"GET", "/s/metadata", "", 200, ""},
		{"GET", "/s/v1.0/metadata.json", "", 200, ""},
		{"OPTIONS", "/s/x", "", 200, ""},
		{"GET", "/s/nothing", "", 404, ""},
	} {
		before := asks
		w := asked(s, c.method, c.path, "Authorization", c.who)
		if w.Code != c.status || c.code != "" && !strings.Contains(w.Body.String(), "problem:"+c.code+`"`) {
			t.Errorf("%s %s as %q: %d %s, want %d %s", c.method, c.path, c.who, w.Code, w.Body, c.status, c.code)
		}
		if c.status == 401 && len(w.Header().Values("WWW-Authenticate")) != 2 {
			t.Errorf("%s %s: no challenges: %v", c.method, c.path, w.Header())
		}
		if c.status != 200 && asks != before {
			t.Errorf("%s %s as %q: the backend was asked", c.method, c.path, c.who)
		}
	}
	if got := asked(s, "GET", "/s/metadata").Body.String(); !strings.Contains(got, `"auth": "basic"`) {
		t.Errorf("the metadata does not say what callers must send: %s", got)
	}
}

// TestNoStoreOfUsers answers nobody where nobody is known.
func TestNoStoreOfUsers(t *testing.T) {
	t.Parallel()
	s, err := Compile(&Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"}, Callers: Callers{Who: Users},
		Backends: []Backend{{Addresses: []string{"http://127.0.0.1:9"}}},
		Routes:   []Route{{Method: "GET", Pattern: "/x", Fetches: []Fetch{{Target: "/", Decoder: new(document.JSON), Format: "json"}}}},
	}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if w := asked(s, "GET", "/s/x", "Authorization", "ann"); w.Code != 503 || !strings.Contains(w.Body.String(), problem.StoreUnavailable) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestCallerValue is $caller.
func TestCallerValue(t *testing.T) {
	t.Parallel()
	s := forUsers(t, seen, nil, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{gets("", "/x")}, Reply: "$caller"})
	for who, want := range map[string]string{
		"ann":   `{"email":"ann@example.org","id":"a1","name":"Ann Ångström","number":7,"role":"ADMIN","scopes":["all"],"user":"ann"}`,
		"reads": `{"client":"notebook","email":"ann@example.org","id":"a1","name":"Ann Ångström","number":7,"role":"ADMIN","scopes":["read"],"user":"ann"}`,
		"robot": `{"email":null,"id":null,"name":null,"number":null,"role":null,"scopes":["read"],"user":null}`,
	} {
		if got := strings.TrimSpace(asked(s, "GET", "/s/x", "Authorization", who).Body.String()); got != want {
			t.Errorf("%s is %s, want %s", who, got, want)
		}
	}
	if w := asked(s, "GET", "/s/x", "Authentication", "x", "Authorization", "ann"); w.Header().Get("Cache-Control") != "" {
		t.Errorf("a shared cache knows Authorization: %q", w.Header())
	}
}

// TestCallerPlaceholders has names that want to be more than a value where they stand.
func TestCallerPlaceholders(t *testing.T) {
	t.Parallel()
	f := gets("", "/u/{caller.user}?e={caller.email}&n={caller.number}&c={caller.client}&s={caller.scopes}&r={caller.role}&i={caller.id}&m={caller.name}")
	f.Header = []Header{{"X-Who", "{caller.name}"}, {"X-Scopes", "<{caller.scopes}>"}}
	s := forUsers(t, seen, nil, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{f}, Reply: `{ asked: .asked, name: .header["X-Who"], scopes: .header["X-Scopes"], auth: .header.Authorization }`})
	for who, want := range map[string]string{
		"reads": `{"asked":"/u/ann?e=ann%40example.org&n=7&c=notebook&s=read&r=ADMIN&i=a1&m=Ann+%C3%85ngstr%C3%B6m","auth":null,"name":["Ann Ångström"],"scopes":["\u003cread\u003e"]}`,
		"bob":   `{"asked":"/u/b%2F..%2F&x=1?e=b%40example.org&n=8&s=all&r=USER&i=b2","auth":null,"name":null,"scopes":["\u003call\u003e"]}`,
	} {
		w := asked(s, "GET", "/s/x", "Authorization", who)
		var got, expected any
		if err := errors.Join(json.Unmarshal(w.Body.Bytes(), &got), json.Unmarshal([]byte(want), &expected)); err != nil {
			t.Fatal(err, w.Body)
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Error(who, diff)
		}
	}
	if w := asked(s, "GET", "/s/x", "Authorization", "robot"); w.Code != 400 || !strings.Contains(w.Body.String(), "caller.user") && !strings.Contains(w.Body.String(), `"user"`) {
		t.Errorf("a path with the name of nobody: %d %s", w.Code, w.Body)
	}
}

// TestIdentityOfUsers is what a backend is told: by us alone, whatever a caller says of itself.
func TestIdentityOfUsers(t *testing.T) {
	t.Parallel()
	s := forUsers(t, seen, func(c *Config) {
		c.Backends[0].Identity = []string{"x-forwarded-user", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Forwarded-Groups", "Remote-Name", "X-Remote-Uid"}
	}, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{gets("", "/x")}, Reply: ".header"})
	for who, want := range map[string]http.Header{
		"ann": {
			"X-Forwarded-User": {"ann"}, "X-Forwarded-Email": {"ann@example.org"}, "X-Forwarded-Preferred-Username": {"ann"},
			"X-Forwarded-Groups": {"ADMIN"}, "Remote-Name": {"Ann Ångström"}, "X-Remote-Uid": {"a1"},
		},
		"robot": {},
	} {
		args := []string{"Authorization", who, "Connection", "X-Forwarded-User"}
		for _, name := range told() {
			if name != "Authorization" {
				args = append(args, name, "mallory")
			}
		}
		w := asked(s, "GET", "/s/x", args...)
		var got http.Header
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err, w.Body)
		}
		delete(got, "User-Agent")
		delete(got, "Accept-Encoding")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(who, diff)
		}
	}
}

// TestUsersShareWhatIsNotTheirs has values kept: those into which something of the caller goes belong to the user, whatever
// was shown, others to all.
func TestUsersShareWhatIsNotTheirs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fetch  Fetch
		change func(*Config)
		own    bool
	}{
		"nothing of the caller": {keeps(gets("", "/x")), nil, false},
		"in the target":         {keeps(gets("", "/x?r={caller.email}")), nil, true},
		"in a header":           {keeps(gets("", "/x"), func(f *Fetch) { f.Header = []Header{{"X-Role", "{caller.id}"}} }), nil, true},
		"what two have alike":   {keeps(gets("", "/x?{caller.id}"), func(f *Fetch) { f.Target = "/x?s={caller.name}" }), nil, true},
		"the identity":          {keeps(gets("", "/x")), func(c *Config) { c.Backends[0].Identity = []string{"X-Forwarded-User"} }, true},
		"in a body": {keeps(gets("", "/x"), func(f *Fetch) {
			f.Method, f.Body = "POST", &Body{Kind: "json", JQ: "$caller.id"}
		}), nil, true},
		"in the verdict": {keeps(gets("", "/x"), func(f *Fetch) { f.FailWhen = `$caller.role == "none"` }), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := forUsers(t, new(stock).ServeHTTP, c.change, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{c.fetch}})
			ask := func(who string) string { return asked(s, "GET", "/s/x", "Authorization", who).Body.String() }
			ann, bob, again := ask("ann"), ask("bob"), ask("writes")
			if own := ann != bob; own != c.own || again != ann {
				t.Errorf("ann has %s, bob %s, and ann by a token %s", ann, bob, again)
			}
		})
	}
	t.Run("by scopes", func(t *testing.T) {
		t.Parallel()
		f := keeps(gets("", "/x"), func(f *Fetch) { f.FailWhen = `$caller.scopes == ["read"]` })
		s := forUsers(t, new(stock).ServeHTTP, nil, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{f}})
		for _, c := range []struct {
			who    string
			status int
		}{{"writes", 200}, {"reads", 502}, {"writes", 200}, {"ann", 200}} {
			if w := asked(s, "GET", "/s/x", "Authorization", c.who); w.Code != c.status {
				t.Errorf("%s: %d %s", c.who, w.Code, w.Body)
			}
		}
	})
}

// TestCallersRefused is what a configuration may not say.
func TestCallersRefused(t *testing.T) {
	t.Parallel()
	own := func(c *Config) { c.Backends[0].Auth = session.Basic{} }
	for name, test := range map[string]struct {
		change     func(*Config)
		path, want string
	}{
		"a word":            {func(c *Config) { c.Callers.Who = "user" }, "callers", `not "user"; did you mean "users"?`},
		"sign-in":           {func(c *Config) { c.Callers.Who = SignIn }, "callers", "not available in this version"},
		"scopes of anyone":  {func(c *Config) { c.Callers = Callers{Scopes: []string{"a"}} }, "callers", "callers users a"},
		"no scope":          {func(c *Config) { c.Callers.Scopes = []string{"a", `b"c`} }, "callers/scopes/1", "is no scope"},
		"a scope twice":     {func(c *Config) { c.Callers.Scopes = []string{"a", "a"} }, "callers/scopes/1", "twice"},
		"their credentials": {own, "backends/0/auth", "both claim the header Authorization"},
		"no identity": {
			func(c *Config) { c.Backends[0].Identity = []string{"X-Employee"} }, "backends/0/identity/0",
			"header X-Employee {caller.user}",
		},
		"a token": {
			func(c *Config) { c.Backends[0].Identity = []string{"X-Forwarded-User", "X-Forwarded-Access-Token"} }, "backends/0/identity/1",
			"could log in with",
		},
		"a certificate": {func(c *Config) { c.Backends[0].Identity = []string{"X-SSL-Client-Cert"} }, "backends/0/identity/0", "nobody knows what"},
		"twice": {func(c *Config) {
			c.Backends[0].Identity = []string{"X-Forwarded-User"}
			c.Backends[0].Header = []Header{{"X_forwarded_user", "{header.X}"}}
		}, "backends/0/identity/0", "twice"},
		"in a fetch": {func(c *Config) {
			c.Backends[0].Identity = []string{"X-Forwarded-User"}
			c.Routes[0].Fetches[0].Header = []Header{{"X_Forwarded_User", "{header.X}"}}
		}, "routes/0/fetches/0/header/0", "the backend's identity sets"},
		"of anyone": {func(c *Config) {
			c.Callers, c.Backends[0].Identity = Callers{}, []string{"X-Forwarded-User"}
		}, "backends/0/identity/0", "callers users"},
		"a field of anyone": {func(c *Config) {
			c.Callers, c.Routes[0].Fetches[0].Target = Callers{}, "/{caller.email}"
		}, "routes/0/fetches/0/target", "callers users"},
		"no field": {func(c *Config) { c.Routes[0].Fetches[0].Target = "/{caller.mail}" }, "routes/0/fetches/0/target", `did you mean "email"?`},
		"in the background": {func(c *Config) {
			f := &c.Routes[0].Fetches[0]
			f.Target, f.Refresh = "/{caller.id}", &Refresh{Every: Duration(time.Hour)}
		}, "routes/0/fetches/0/refresh", "nobody asks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &Config{
				Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"}, Callers: Callers{Who: Users},
				Backends: []Backend{{Name: "main", Addresses: []string{"https://backend.example.org"}}},
				Routes:   []Route{{Method: "GET", Pattern: "/x", Fetches: []Fetch{gets("", "/x")}}},
			}
			test.change(c)
			s, err := Compile(c, Deps{})
			if err == nil {
				s.Close()
				t.Fatal("it is accepted")
			}
			e, ok := errors.AsType[*ConfigError](err)
			if !ok || e.Path != test.path || !strings.Contains(e.Msg, test.want) {
				t.Errorf("%s, want %q at %s", fmt.Sprintf("%q at %s", e.Msg, e.Path), test.want, test.path)
			}
		})
	}
}

// TestCallerSpan looks for the span of who calls, which says how that went and nothing of whom.
func TestCallerSpan(t *testing.T) {
	t.Parallel()
	s := forUsers(t, seen, func(c *Config) { c.Callers.Scopes = []string{"write"} }, Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{gets("", "/x")}})
	for who, want := range map[string]string{"writes": "ok", "reads": problem.InsufficientScope, "mallory": problem.NoCredentials} {
		spans := tracetest.NewInMemoryExporter()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
		ctx, root := provider.Tracer("test").Start(t.Context(), "request")
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/s/x", http.NoBody)
		r.Header.Set("Authorization", who)
		s.ServeHTTP(httptest.NewRecorder(), r)
		root.End()
		var got []map[string]string
		for _, span := range spans.GetSpans() {
			if span.Name != "fairway.caller" {
				continue
			}
			attributes := map[string]string{}
			for _, a := range span.Attributes {
				attributes[string(a.Key)] = a.Value.AsString()
			}
			got = append(got, attributes)
		}
		if diff := cmp.Diff([]map[string]string{{"fairway.service": "s", "fairway.outcome": want}}, got); diff != "" {
			t.Error(who, diff)
		}
	}
}

// BenchmarkIdentify is what finding out who calls adds to a request, beside what the store does.
func BenchmarkIdentify(b *testing.B) {
	s := &Service{users: true, identifier: users()}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "ann")
	x := &exchange{ctx: b.Context(), r: r, route: &route{service: s}}
	b.ReportAllocs()
	for b.Loop() {
		if p := x.identify(); p != nil {
			b.Fatal(p)
		}
	}
}
