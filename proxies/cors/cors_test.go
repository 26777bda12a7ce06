package cors_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/cors"
)

// policy makes a policy of a service that has GET and POST.
func policy(t *testing.T, c cors.Config) *cors.Policy {
	t.Helper()
	p, err := cors.New(c, cors.Defaults{Methods: []string{"GET", "HEAD", "POST"}, Headers: []string{"X-Api"}, Expose: []string{"Fairway-Partial", "etag"}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// asked gives what an answer to a request has of it.
func asked(p *cors.Policy, method string, header http.Header) (bool, int, http.Header) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/", nil)
	r.Header = header
	done := p.Serve(w, r)
	return done, w.Code, w.Header()
}

func from(origin string) http.Header { return http.Header{"Origin": {origin}} }

func TestOrigins(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		origins []string
		may     []string
		mayNot  []string
	}{
		"one": {
			[]string{"https://App.Example.org:443"},
			[]string{"https://app.example.org"},
			[]string{"http://app.example.org", "https://app.example.org:8443", "https://example.org", "https://app.example.org.evil.org", "https://evilapp.example.org", "null", "", "https://app.example.org/"},
		},
		"a port": {
			[]string{"http://localhost:3000", "http://127.0.0.1:80", "http://[::1]:3000"},
			[]string{"http://localhost:3000", "http://127.0.0.1", "http://[::1]:3000"},
			[]string{"http://localhost", "http://localhost:3001", "http://127.0.0.1:3000"},
		},
		"below": {
			[]string{"https://*.example.org", "https://*.example.net:8443"},
			[]string{"https://a.example.org", "https://a.b.example.org", "https://a.example.net:8443"},
			[]string{
				"https://example.org", "https://.example.org", "http://a.example.org", "https://a.example.org:8443", "https://aexample.org",
				"https://evil.org/.example.org", "https://evil.org:1.example.org", "https://evil.org?.example.org", "https://evil.org#.example.org",
				"https://u@a.example.org", "https://a.example.net", "https://evil.org\\.example.org",
			},
		},
		"another script": {[]string{"https://bücher.example"}, []string{"https://xn--bcher-kva.example"}, []string{"https://bucher.example"}},
		"another scheme": {[]string{"capacitor://localhost", "moz-extension://c0ffee"}, []string{"capacitor://localhost", "moz-extension://c0ffee"}, []string{"http://localhost"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := policy(t, cors.Config{Origins: c.origins})
			for _, origin := range c.may {
				if _, _, h := asked(p, "GET", from(origin)); h.Get("Access-Control-Allow-Origin") != origin || h.Get("Vary") != "Origin" {
					t.Errorf("%s: %v", origin, h)
				}
			}
			for _, origin := range c.mayNot {
				if _, _, h := asked(p, "GET", from(origin)); len(h) != 1 || h.Get("Vary") != "Origin" {
					t.Errorf("%s: %v", origin, h)
				}
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const own = "https://app.example.org"
	preflight := func(method, headers string) http.Header {
		h := from(own)
		h.Set("Access-Control-Request-Method", method)
		if headers != "" {
			h.Set("Access-Control-Request-Headers", headers)
		}
		return h
	}
	const exposed = "Etag, Link, Location, Ratelimit, Ratelimit-Policy, Retry-After, Www-Authenticate, X-Ratelimit-Limit, X-Ratelimit-Remaining, X-Ratelimit-Reset, X-Request-Id, Fairway-Partial"
	vary := []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
	for name, c := range map[string]struct {
		config cors.Config
		method string
		header http.Header
		done   bool
		want   http.Header
	}{
		"a page reads": {
			cors.Config{Origins: []string{own}},
			"GET", from(own), false,
			http.Header{"Access-Control-Allow-Origin": {own}, "Access-Control-Expose-Headers": {exposed}, "Vary": {"Origin"}},
		},
		"every page": {
			cors.Config{Origins: []string{"*"}},
			"HEAD", from("https://anybody.example"), false,
			http.Header{"Access-Control-Allow-Origin": {"*"}, "Access-Control-Expose-Headers": {exposed}, "Vary": {"Origin"}},
		},
		"with credentials": {
			cors.Config{Origins: []string{own}, Credentials: true, Expose: []string{"x-total"}},
			"GET", from(own), false,
			http.Header{
				"Access-Control-Allow-Origin": {own}, "Access-Control-Allow-Credentials": {"true"},
				"Access-Control-Expose-Headers": {exposed + ", X-Total"}, "Vary": {"Origin"},
			},
		},
		"nobody's page":         {cors.Config{Origins: []string{own}}, "GET", http.Header{}, false, http.Header{"Vary": {"Origin"}}},
		"OPTIONS of a program":  {cors.Config{Origins: []string{own}}, "OPTIONS", http.Header{}, false, http.Header{"Vary": {"Origin"}}},
		"a page may not delete": {cors.Config{Origins: []string{own}}, "OPTIONS", preflight("DELETE", ""), true, http.Header{"Vary": vary}},
		"it may, if it is said": {
			cors.Config{Origins: []string{own}, Methods: []string{"DELETE"}, MaxAge: -1},
			"OPTIONS", preflight("DELETE", ""), true,
			http.Header{"Access-Control-Allow-Origin": {own}, "Access-Control-Allow-Methods": {"DELETE"}, "Access-Control-Max-Age": {"0"}, "Vary": vary},
		},
		"usual headers": {
			cors.Config{Origins: []string{own}},
			"OPTIONS", preflight("POST", "authorization,content-type,x-api"), true,
			http.Header{
				"Access-Control-Allow-Origin": {own}, "Access-Control-Allow-Methods": {"POST"}, "Access-Control-Allow-Headers": {"authorization,content-type,x-api"},
				"Access-Control-Max-Age": {"600"}, "Vary": vary,
			},
		},
		"an unusual header": {cors.Config{Origins: []string{own}}, "OPTIONS", preflight("GET", "x-other"), true, http.Header{"Vary": vary}},
		"which is named": {
			cors.Config{Origins: []string{own}, Headers: []string{"X-Other"}, MaxAge: 5},
			"OPTIONS", preflight("GET", "authorization,x-other"), true,
			http.Header{
				"Access-Control-Allow-Origin": {own}, "Access-Control-Allow-Methods": {"GET"}, "Access-Control-Allow-Headers": {"authorization,x-other"},
				"Access-Control-Max-Age": {"5"}, "Vary": vary,
			},
		},
		"any header": {
			cors.Config{Origins: []string{"*"}, Headers: []string{"*"}},
			"OPTIONS", preflight("GET", "x-other"), true,
			http.Header{
				"Access-Control-Allow-Origin": {"*"}, "Access-Control-Allow-Methods": {"GET"}, "Access-Control-Allow-Headers": {"x-other"},
				"Access-Control-Max-Age": {"600"}, "Vary": vary,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done, status, got := asked(policy(t, c.config), c.method, c.header)
			if d := cmp.Diff(c.want, got); d != "" || done != c.done || done != (status == http.StatusNoContent) {
				t.Errorf("%v, %d: %s", done, status, d)
			}
		})
	}
}

// TestVaryIsAdded has what others say stay.
func TestVaryIsAdded(t *testing.T) {
	t.Parallel()
	p := policy(t, cors.Config{Origins: []string{"*"}})
	for range 2 { // what the first one adds to it is not the second's
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Accept")
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		p.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Add("Vary", "Cookie") })).ServeHTTP(w, r)
		if got := w.Header().Values("Vary"); !cmp.Equal(got, []string{"Accept", "Origin", "Cookie"}) {
			t.Error(got)
		}
	}
	if (*cors.Policy)(nil).Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodOptions, "/", nil)) {
		t.Error("no policy answers")
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config      cors.Config
		field, says string
	}{
		"none":               {cors.Config{}, "origins", "cors https://app.example.org"},
		"no scheme":          {cors.Config{Origins: []string{"https://a.example.org", "app.example.org"}}, "origins/1", "write scheme://host"},
		"a scheme alone":     {cors.Config{Origins: []string{"https://"}}, "origins/0", "write scheme://host"},
		"a path":             {cors.Config{Origins: []string{"https://app.example.org/"}}, "origins/0", "without a slash"},
		"a query":            {cors.Config{Origins: []string{"https://app.example.org?"}}, "origins/0", "without a slash"},
		"a user":             {cors.Config{Origins: []string{"https://u@app.example.org"}}, "origins/0", "without a slash"},
		"null":               {cors.Config{Origins: []string{"null"}}, "origins/0", "any page can have null"},
		"no port":            {cors.Config{Origins: []string{"https://a.org:"}}, "origins/0", "followed by a port"},
		"a bad port":         {cors.Config{Origins: []string{"https://a.org:99999"}}, "origins/0", "99999 is no port"},
		"a bad host":         {cors.Config{Origins: []string{"https://a_b c.org"}}, "origins/0", "no origin"},
		"* and more":         {cors.Config{Origins: []string{"https://a.org", "*"}}, "origins/1", "stands alone"},
		"* with credentials": {cors.Config{Origins: []string{"*"}, Credentials: true}, "origins/0", "every page of the world"},
		"* inside":           {cors.Config{Origins: []string{"https://a.*.org"}}, "origins/0", "https://*.example.org"},
		"* of a name":        {cors.Config{Origins: []string{"https://app*.example.org"}}, "origins/0", "https://*.example.org"},
		"* of all":           {cors.Config{Origins: []string{"https://*"}}, "origins/0", "https://*.example.org"},
		"* of a domain":      {cors.Config{Origins: []string{"https://*.org"}}, "origins/0", "nearly everybody"},
		"* of a scheme":      {cors.Config{Origins: []string{"*://a.org"}}, "origins/0", "write scheme://host"},
		"twice":              {cors.Config{Origins: []string{"https://a.org", "https://A.org:443"}}, "origins/1", "twice"},
		"a small method":     {cors.Config{Origins: []string{"*"}, Methods: []string{"GET", "post"}}, "methods/1", "in capitals"},
		"no method":          {cors.Config{Origins: []string{"*"}, Methods: []string{"GET,POST"}}, "methods/0", "is no method"},
		"no header":          {cors.Config{Origins: []string{"*"}, Headers: []string{"X-A,"}}, "headers/0", "no name of a header"},
		"expose all":         {cors.Config{Origins: []string{"*"}, Expose: []string{"*"}}, "expose/0", "name the headers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := cors.New(c.config, cors.Defaults{})
			e, ok := err.(*cors.Error) //nolint:errorlint // New says so
			if !ok || e.Field != c.field || !strings.Contains(e.Msg, c.says) {
				t.Errorf("%+v", err)
			}
		})
	}
}

func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://a.org", "https://*.a.org:8443", "http://[::1]:3000", "HTTPS://A.org:443", "null", "x://y#", "https://a.org%00", "https://ß.de"} {
		f.Add(s, "https://b.a.org")
	}
	f.Fuzz(func(t *testing.T, text, origin string) {
		p, err := cors.New(cors.Config{Origins: []string{text}}, cors.Defaults{})
		if err != nil || text == "*" {
			return
		}
		_, _, h := asked(p, "GET", from(origin))
		if h.Get("Access-Control-Allow-Origin") == "" {
			return
		}
		allowed, aerr := url.Parse(strings.Replace(text, "*.", "", 1))
		got, gerr := url.Parse(origin)
		if aerr != nil || gerr != nil || !strings.EqualFold(allowed.Scheme, got.Scheme) || got.User != nil || got.Path != "" || got.RawQuery != "" || got.Fragment != "" {
			t.Errorf("%q lets in %q", text, origin)
		}
	})
}
