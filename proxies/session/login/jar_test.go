package login

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCookies sets cookies as some origin, and says which of them the backend https://app.example.org has in the end.
func TestCookies(t *testing.T) {
	t.Parallel()
	const site = "https://app.example.org"
	type set struct{ from, cookie string }
	for name, c := range map[string]struct {
		site string // default: site
		set  []set
		want string
	}{
		"own":                      {set: []set{{site + "/oauth2/callback", "a=1; Path=/"}}, want: "a=1 /"},
		"its path":                 {set: []set{{site + "/oauth2/callback", "a=1"}}, want: "a=1 /oauth2"},
		"path of the root":         {set: []set{{site + "/callback", "a=1; Path=x"}}, want: "a=1 /"},
		"several paths":            {set: []set{{site + "/", "a=1; Path=/x"}, {site + "/", "a=2; Path=/"}, {site + "/", "b=3; Path=/x/y"}}, want: "a=1 /x, a=2 /, b=3 /x/y"},
		"replaced":                 {set: []set{{site + "/", "a=1"}, {site + "/", "b=1"}, {site + "/", "a=2"}}, want: "b=1 /, a=2 /"},
		"deleted":                  {set: []set{{site + "/", "a=1"}, {site + "/", "a=; Max-Age=0"}}, want: ""},
		"expired":                  {set: []set{{site + "/", "a=1"}, {site + "/", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}}, want: ""},
		"domain":                   {set: []set{{"https://sso.example.org/", "a=1; Domain=.example.org; Path=/"}}, want: "a=1 /"},
		"domain of its own":        {set: []set{{site + "/", "a=1; Domain=app.example.org"}}, want: "a=1 /"},
		"other's":                  {set: []set{{"https://sso.example.org/", "a=1; Path=/"}}, want: ""},
		"other's domain":           {set: []set{{"https://sso.example.org/", "a=1; Domain=sso.example.org"}}, want: ""},
		"not its domain":           {set: []set{{"https://evil.example/", "a=1; Domain=example.org"}}, want: ""},
		"public suffix":            {set: []set{{"https://evil.org/", "a=1; Domain=org"}}, want: ""},
		"public suffix, longer":    {site: "https://victim.github.io", set: []set{{"https://evil.github.io/", "a=1; Domain=github.io"}}, want: ""},
		"other port":               {set: []set{{site + ":8443/", "a=1; Path=/"}}, want: ""},
		"other scheme":             {set: []set{{"http://app.example.org/", "a=1; Path=/"}}, want: ""},
		"secure on http":           {site: "http://app.example.org", set: []set{{"http://app.example.org/", "a=1; Secure"}, {"http://app.example.org/", "b=2"}}, want: "b=2 /"},
		"secure on loopback":       {site: "http://127.0.0.1:80", set: []set{{"http://127.0.0.1/", "a=1; Secure"}}, want: "a=1 /"},
		"other port of loopback":   {site: "http://127.0.0.1:80", set: []set{{"http://127.0.0.1:81/", "a=1"}, {"http://127.0.0.1:81/", "b=1; Domain=127.0.0.1"}}, want: ""},
		"other port of localhost":  {site: "http://localhost", set: []set{{"http://localhost:81/", "a=1"}, {"http://localhost:81/", "b=1; Domain=localhost"}}, want: ""},
		"host prefix":              {set: []set{{site + "/", "__Host-a=1; Secure; Path=/"}, {site + "/", "__Host-b=1; Path=/"}, {site + "/x/y", "__Host-c=1; Secure"}, {site + "/", "__Host-d=1; Secure; Path=/; Domain=app.example.org"}}, want: "__Host-a=1 /"},
		"secure prefix":            {set: []set{{site + "/", "__Secure-a=1; Secure"}, {site + "/", "__SECURE-b=1"}}, want: "__Secure-a=1 /"},
		"values as they are":       {set: []set{{site + "/", `a="x y"`}, {site + "/", "b=x,y=z"}, {site + "/", "c="}}, want: `a="x y" /, b=x,y=z /, c= /`},
		"no cookie":                {set: []set{{site + "/", "a b=1"}, {site + "/", "=1"}, {site + "/", "nothing"}}, want: ""},
		"domain beats nobody":      {set: []set{{site + "/", "a=1"}, {"https://sso.example.org/", "a=2; Domain=example.org"}}, want: "a=1 /, a=2 /"},
		"with and without its end": {set: []set{{site + "/", "a=1; Max-Age=60"}, {site + "/", "b=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT"}}, want: "a=1 /, b=1 /"},
	} {
		if c.site == "" {
			c.site = site
		}
		j := newJar(func(o origin) origin { return o })
		for _, s := range c.set {
			u, err := url.Parse(s.from)
			if err != nil {
				t.Fatal(err)
			}
			j.store(u, mustOrigin(t, s.from), &http.Response{Header: http.Header{"Set-Cookie": {s.cookie}}})
		}
		u, err := url.Parse(c.site)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, k := range j.cookies(u, mustOrigin(t, c.site)) {
			got = append(got, k.Name+"="+k.Value+" "+k.Path)
			if strings.Contains(name, "its end") && !k.Expires.After(time.Now()) {
				t.Errorf("%s: ends %s", name, k.Expires)
			}
		}
		if all := strings.Join(got, ", "); all != c.want {
			t.Errorf("%s: %q, want %q", name, all, c.want)
		}
		// What is sent to the deepest path has all of them.
		sent := strings.Split(j.header(&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/x/y/z"}, mustOrigin(t, c.site)), "; ")
		for _, k := range j.cookies(u, mustOrigin(t, c.site)) {
			if !strings.HasPrefix(k.Path, "/oauth2") && !slices.Contains(sent, k.Name+"="+k.Value) {
				t.Errorf("%s: sent %q", name, sent)
			}
		}
	}
}

// TestCookiesOfStart has a start URL that stands for the backend.
func TestCookiesOfStart(t *testing.T) {
	t.Parallel()
	start, site := mustOrigin(t, "https://app.example.org:4443"), mustOrigin(t, "https://app.example.org")
	j := newJar(func(o origin) origin {
		if o == start {
			return site
		}
		return o
	})
	u := &url.URL{Scheme: "https", Host: "app.example.org:4443", Path: "/"}
	j.store(u, start, &http.Response{Header: http.Header{"Set-Cookie": {"a=1"}}})
	if got := j.cookies(&url.URL{Scheme: "https", Host: "app.example.org"}, site); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("https://idp.example.org/a/b?q#f")
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		"c": "https://idp.example.org/a/c", "?x y=ä\"": "https://idp.example.org/a/b?x%20y=%C3%A4%22", "#x": "https://idp.example.org/a/b?q", "/c d/é#x": "https://idp.example.org/c%20d/%C3%A9",
		"//x/y": "https://x/y", `\\x\y`: "https://x/y", "/\t/x": "https://x", "../../../c": "https://idp.example.org/c", "HTTPS://X/": "https://X/", "?a=\\b": `https://idp.example.org/a/b?a=\b`,
		"%zz": "", "http://[::1": "", ":": "", "a:b": "a:b",
	} {
		u, err := resolve(base, ref)
		if (err != nil) != (want == "") || err == nil && u.String() != want {
			t.Errorf("%q: %v %v, want %q", ref, u, err, want)
		}
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"0;url=/x": "0s /x", " 5 ; URL = '/x' ": "5s /x", `3,url="/a b"`: "3s /a b", "1.5;/x": "1.5s /x", "2": "2s ", "0; url=": "0s ", "0;urlx": "0s urlx", "1e9;x": "1s e9;x",
		"99999999999;url=x": "277h46m40s x", "": "", ";url=x": "", "x": "", "-1;url=x": "", ".": "", "0;url='/x": "0s /x",
	} {
		got := ""
		if r := parseRefresh(content); r != nil {
			got = r.after.String() + " " + r.target
		}
		if got != want {
			t.Errorf("%q: %q, want %q", content, got, want)
		}
	}
}
