package wrap

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// secretScope knows the path parameters id and rest, and secrets with characters that mean something in a target.
func secretScope() scope {
	return scope{plan: new(plan), names: []string{"id", "rest"}, rest: "rest", secret: func(name string) (string, error) {
		switch name {
		case "{env.BASE}":
			return "https://host.test/base/", nil
		case "{env.KEY}":
			return "a/b?c&d", nil
		}
		return "", errors.New("is not set")
	}}
}

func askedWith(id, rest, query string) *frame {
	values, _ := url.ParseQuery(query)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	return &frame{exchange: &exchange{r: r, path: []string{id, rest}, raw: []string{id, rest}, query: values, route: &route{}}}
}

func TestTargetIsRendered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ target, id, rest, query, want, origin string }{
		{target: "/a", want: "/a"},
		{target: "/a/{id}", id: "x/y?z#ä", want: "/a/x%2Fy%3Fz%23%C3%A4"},
		{target: "/a/{rest...}", rest: "x/y z", want: "/a/x/y%20z"},
		{target: "/a/{id}", id: "..", want: "bad-path-parameter"},
		{target: "/a/.{id}", id: ".", want: "bad-path-parameter"},
		{target: "/a/.{query.x}", query: "x=.x", want: "/a/..x"},
		{target: "/a/{rest...}", rest: "x/../y", want: "bad-path-parameter"},
		{target: "/a/{id}", id: "", want: "bad-path-parameter"},
		{target: "/a/{id}", id: "x\ny", want: "bad-path-parameter"},
		{target: "/a?q={query.q}", query: "q=1%262%3D3+4", want: "/a?q=1%262%3D3+4"},
		{target: "/a?q={query.q}&r=1", want: "/a?r=1"},
		{target: "/a?q=x{query.q}", want: "/a?q=x"},
		{target: "/a?q={query.q}", query: "q=", want: "/a?q="},
		{target: "/a/{env.KEY}?k={env.KEY}", want: "/a/a%2Fb%3Fc&d?k=a%2Fb%3Fc%26d"},
		{target: "{env.BASE}/x", want: "/base/x", origin: "https://host.test"},
		{target: "http://other.test:81/x?y=1", want: "/x?y=1", origin: "http://other.test:81"},
	} {
		tg, err := secretScope().compileTarget(c.target, place{})
		if err != nil {
			t.Errorf("%s: %v", c.target, err)
			continue
		}
		got, prob := tg.render(askedWith(c.id, c.rest, c.query))
		if prob != nil {
			if prob.Status != http.StatusBadRequest {
				t.Errorf("%s: status %d", c.target, prob.Status)
			}
			got = "bad-path-parameter"
		}
		if diff := cmp.Diff([]string{c.want, c.origin}, []string{got, tg.origin}); diff != "" {
			t.Errorf("%s: %s", c.target, diff)
		}
	}
}

func TestTargetIsRefused(t *testing.T) {
	t.Parallel()
	for target, advice := range map[string]string{
		"/a#b":                              "fragment",
		"//host/a":                          "must start with one /",
		"ftp://host/a":                      "must be /path",
		"a":                                 "must be /path",
		"http://{id}.test/":                 "may not choose the server",
		"http://u:p@host/":                  "use the backend's auth",
		"/a?{id}=1":                         "may not choose it",
		"/a/{id":                            "brace",
		"/a/{nope}":                         "nothing binds {nope}",
		"/a/{header.Cookie}":                "credentials",
		"/a/{http.request.uri}":             "Caddy's placeholder",
		"/a/..":                             "only dots",
		"/a/{env.MISSING}":                  "is not set",
		"/a/{file.secrets/x}":               "absolute path",
		"/a?x={caller.passwort}":            "unknown",
		"/%zz":                              "escape that is none",
		"/a?x={header.Proxy-Authorization}": "credentials",
	} {
		_, err := secretScope().compileTarget(target, place{})
		if err == nil || !strings.Contains(err.Error(), advice) {
			t.Errorf("%q: %v, want %q", target, err, advice)
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("x", "y", "z")
	f.Add("a/b", "../c", "d&e=f")
	f.Add("\r\n", "%2e%2e", "\x00")
	tg, err := secretScope().compileTarget("/a/{id}/r/{rest...}?q={query.q}&k=1", place{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, rest, q string) {
		x := askedWith(id, rest, "")
		x.query = url.Values{"q": {q}}
		got, prob := tg.render(x)
		if prob != nil {
			return
		}
		for i := range len(got) {
			if got[i] <= ' ' || got[i] >= 0x7f {
				t.Fatalf("%q holds the byte %q", got, got[i])
			}
		}
		u, err := url.ParseRequestURI(got)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(u.EscapedPath(), "/"); n != 4+strings.Count(rest, "/") {
			t.Errorf("%q has %d slashes", got, n)
		}
		if diff := cmp.Diff(url.Values{"q": {q}, "k": {"1"}}, u.Query()); diff != "" {
			t.Error(diff)
		}
		if u.Path != "/a/"+id+"/r/"+rest || u.Fragment != "" {
			t.Errorf("%q is another path", got)
		}
	})
}

func FuzzParam(f *testing.F) {
	for _, s := range []string{"1", "-0", "1e400", "true", "2026-01-02", "\xff", "01"} {
		f.Add(s)
	}
	low, high := 0.0, 100.0
	f.Fuzz(func(t *testing.T, text string) {
		for _, typ := range ParamTypes() {
			p := Param{Name: "x", In: inQuery, Type: typ}
			if typ != "bool" && typ != "date" {
				p.Min, p.Max = &low, &high
			}
			c, err := compileParam(p, place{})
			if err != nil {
				t.Fatal(err)
			}
			v, msg := c.parse(text)
			if msg == "" && v == nil {
				t.Errorf("%s %q is nothing", typ, text)
			}
			if n, ok := v.(int); ok && msg == "" && (n < 0 || n > 100) {
				t.Errorf("%q passed as %d", text, n)
			}
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"1s", "2d", "1d12h", "-1s", "65535d", "106751d24h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := ParseDuration(text); err == nil && d <= 0 {
			t.Errorf("%q is %d", text, d)
		}
	})
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"1", "10MiB", "9223372036854775807", "-1k", "8589934592g"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := ParseSize(text); err == nil && n <= 0 {
			t.Errorf("%q is %d", text, n)
		}
	})
}
