package wrap

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// TestValuesLeadOnlyToOrigins has a backend give URLs: its own addresses and what is listed are asked, anything else is not,
// and nothing of the backend's is sent to others.
func TestValuesLeadOnlyToOrigins(t *testing.T) {
	t.Parallel()
	var stray atomic.Int32
	echo := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"at":%q,"asked":%q,"key":%q,"own":%q,"auth":%q}`, name, r.RequestURI, r.Header.Get("X-Key"), r.Header.Get("X-Own"), r.Header.Get("Authorization"))
		}))
		t.Cleanup(s.Close)
		return s
	}
	listed, other := echo("listed"), httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stray.Add(1) }))
	t.Cleanup(other.Close)
	otherURL, err := url.Parse(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	var first *httptest.Server
	first = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/first" {
			_, _ = fmt.Fprintf(w, `{"at":"first","asked":%q,"key":%q,"own":%q,"auth":%q}`, r.RequestURI, r.Header.Get("X-Key"), r.Header.Get("X-Own"), r.Header.Get("Authorization"))
			return
		}
		_, _ = fmt.Fprintf(w, `{"next":%q}`, strings.NewReplacer("FIRST", first.URL, "LISTED", listed.URL, "OTHER", other.URL, "PORT", otherURL.Port()).Replace(r.URL.Query().Get("next")))
	}))
	t.Cleanup(first.Close)
	route := Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{
		gets("a", "/first?next={query.next}"),
		{Name: "b", URL: "$a.next", Backend: "main", Decoder: new(document.JSON), Format: "json", Header: []Header{{Name: "X-Own", Value: "o"}}},
	}, Reply: "$b | [.at, .asked, .key, .own, .auth != \"\"]"}
	s, err := Compile(&Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
		Backends: []Backend{{Name: "main", Addresses: []string{first.URL}, Origins: []string{listed.URL}, Auth: session.Basic{}, Header: []Header{{Name: "X-Key", Value: "k"}}}},
		Routes:   []Route{route},
	}, Deps{Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
		b, err := upstream.New(cfg, upstream.Options{})
		return b, b.Close, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for next, want := range map[string]string{
		"/p/../q?x=1#y":                 `["first","/p/../q?x=1","k","o",true]`,
		"/p q?x=a é":                    `["first","/p%20q?x=a%20%C3%A9","k","o",true]`,
		"FIRST/p%2Fq":                   `["first","/p%2Fq","k","o",true]`,
		"FIRST":                         `["first","/","k","o",true]`,
		"LISTED/p?q":                    `["listed","/p?q","","o",false]`,
		"OTHER/p":                       "origin_not_allowed",
		"//127.0.0.1:PORT/p":            "origin_not_allowed",
		"http://user@127.0.0.1/":        "origin_not_allowed",
		"https://127.0.0.1:PORT/p":      "origin_not_allowed",
		"ftp://127.0.0.1/":              "origin_not_allowed",
		"file:///etc/passwd":            "origin_not_allowed",
		"javascript:1":                  "origin_not_allowed",
		"p":                             "bad_value",
		"":                              "bad_value",
		"http://[":                      "bad_value",
		"/" + strings.Repeat("x", 9000): "bad_value",
	} {
		w := asked(s, "GET", "/s/x?next="+url.QueryEscape(next), "Authorization", "Basic dTpw")
		if strings.HasPrefix(want, "[") {
			if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want {
				t.Errorf("%.80s: %d %s, want %s", next, w.Code, w.Body, want)
			}
			continue
		}
		if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "urn:fairway:problem:"+want) {
			t.Errorf("%.80s: %d %s, want %s", next, w.Code, w.Body, want)
		}
	}
	if n := stray.Load(); n != 0 {
		t.Errorf("the other server is asked %d times", n)
	}
}

// TestOriginsHaveTheirBackendsLimits has two backends lead to one origin: each is as patient with it as with itself.
func TestOriginsHaveTheirBackendsLimits(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tries.Add(1)
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/there":
			_, _ = io.WriteString(w, `"there"`)
		case "/long":
			_, _ = io.WriteString(w, `"12345678"`)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(origin.Close)
	none, once := 0, 1
	const own = "http://127.0.0.1:1"
	leads := func(backend, path string) Route {
		return Route{Method: "GET", Pattern: "/" + backend + path, Fetches: []Fetch{
			{URL: fmt.Sprintf("%q", origin.URL+path), Backend: backend, Decoder: new(document.JSON), Format: "json"},
		}}
	}
	s, err := Compile(&Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
		Backends: []Backend{
			{Name: "a", Addresses: []string{own}, Origins: []string{origin.URL}, Retries: &none, Redirects: 1},
			{Name: "b", Addresses: []string{own}, Origins: []string{origin.URL}, Retries: &once, Limit: 4},
		},
		Routes: []Route{leads("a", "/down"), leads("b", "/down"), leads("a", "/moved"), leads("b", "/moved"), leads("a", "/long"), leads("b", "/long")},
	}, Deps{Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
		b, err := upstream.New(cfg, upstream.Options{})
		return b, b.Close, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for _, tt := range []struct {
		path  string
		tries int32
		want  string
	}{
		{"/s/a/down", 1, "problem:backend_status"},
		{"/s/b/down", 2, "problem:backend_status"},
		{"/s/a/moved", 2, `"there"`},
		{"/s/b/moved", 1, "problem:backend_redirect"},
		{"/s/a/long", 1, `"12345678"`},
		{"/s/b/long", 1, "problem:backend_too_large"},
	} {
		before := tries.Load()
		w := asked(s, "GET", tt.path)
		if got := tries.Load() - before; got != tt.tries || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d tries, %s, want %d and %s", tt.path, got, w.Body, tt.tries, tt.want)
		}
	}
}

// TestGuardedBackend refuses what leads inside, before a byte is sent.
func TestGuardedBackend(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, "x")
	}))
	t.Cleanup(inside.Close)
	for _, large := range []bool{false, true} { // the two transports
		b, err := upstream.New(upstream.Config{Service: "s", Name: "b", Addresses: []string{inside.URL}, Guarded: true}, upstream.Options{})
		if err != nil {
			t.Fatal(err)
		}
		call := upstream.Call{Method: "POST", Target: "/", Strategy: session.None{}, Factor: 1}
		if large {
			call.Body = make([]byte, 1<<20)
		}
		_, err = b.Do(t.Context(), &call)
		failure, ok := errors.AsType[*upstream.Failure](err)
		if !ok || !errors.Is(failure.Err, upstream.ErrInside) {
			t.Fatalf("%v", err)
		}
		f := &fetch{backend: &backend{Backend: Backend{Name: "main"}}}
		if p := f.problem(f.backend, err); p.Type() != "urn:fairway:problem:origin_not_allowed" {
			t.Errorf("%s", p.Type())
		}
		b.Close()
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("it is asked %d times", n)
	}
}

func TestOriginsAreRefused(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]string{
		"ftp://a.test":           "is no origin",
		"a.test":                 "is no origin",
		"https://a.test/x":       "scheme, host and port alone",
		"https://u@a.test":       "scheme, host and port alone",
		"http://backend.test":    "or is the backend's own",
		"http://backend.test:80": "or is the backend's own",
		"https://{id}.test":      "nothing binds {id}",
	} {
		_, err := Compile(&Config{
			Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
			Backends: []Backend{{Name: "main", Addresses: []string{"http://backend.test"}, Origins: []string{origin}}},
			Routes:   []Route{{Method: "GET", Pattern: "/x", Fetches: []Fetch{gets("", "/x")}}},
		}, Deps{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", origin, err, want)
		}
	}
}
