package service

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// member is a service that is only asked for its metadata.
func member(t testing.TB, name string, prefixes ...string) *Member {
	t.Helper()
	m := &Member{Handler: Handler{Config: wrap.Config{
		Prefixes: prefixes,
		Metadata: wrap.Metadata{Name: name, Version: "1", Repository: "https://example.org", Description: "A service"},
		Backends: []wrap.Backend{{Addresses: []string{"http://127.0.0.1:1"}}},
		Routes:   []wrap.Route{{Method: http.MethodGet, Pattern: "/x", Fetches: []wrap.Fetch{{Target: "/x", Format: "json", Decoder: new(document.JSON)}}}},
	}}}
	var err error
	if m.service, err = wrap.Compile(&m.Config, wrap.Deps{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.service.Close)
	return m
}

func siteOfAll(t testing.TB, members ...*Member) *Site {
	t.Helper()
	s := &Site{Services: members}
	if err := s.index(caddy.Context{Context: t.Context()}); err != nil {
		t.Fatal(err)
	}
	return s
}

// asked is a request as Caddy hands it to handlers.
func asked(method, path string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	return r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
}

// answering is the name of the service that answers for the metadata under a prefix, "next" where the request is handed on.
func answering(t *testing.T, s *Site, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	handedOn := false
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		handedOn = true
		return nil
	})
	if err := s.ServeHTTP(w, asked(http.MethodGet, path), next); err != nil {
		t.Fatal(err)
	}
	if handedOn {
		return "next"
	}
	var metadata struct{ Name string }
	if err := json.Unmarshal(w.Body.Bytes(), &metadata); err != nil || w.Code != http.StatusOK {
		return w.Result().Status
	}
	return metadata.Name
}

func TestSite(t *testing.T) {
	t.Parallel()
	s := siteOfAll(t, member(t, "a", "/a"), member(t, "ab", "/a/b", "/other"), member(t, "deep", "/a/b/c/d"))
	rooted := siteOfAll(t, member(t, "root", "/", "/root"), member(t, "a", "/a"))
	for _, test := range []struct {
		site       *Site
		path, want string
	}{
		{s, "/a/metadata", "a"},
		{s, "/a/b/metadata", "ab"},
		{s, "/other/metadata", "ab"},
		{s, "/a/b/c/d/metadata", "deep"},
		{s, "/a/b/c/metadata", "404 Not Found"},
		{s, "/a/b/c/d/e/f/g/h", "404 Not Found"},
		{s, "/a", "404 Not Found"},
		{s, "/ab/metadata", "next"},
		{s, "/A/metadata", "next"},
		{s, "/", "next"},
		{s, "//a/metadata", "next"},
		{s, "/%61/metadata", "a"},
		{s, "/%61/%62/metadata", "ab"},
		{s, "/a%2Fb/metadata", "next"},
		{s, "/a/b%2Fc/d/metadata", "404 Not Found"},
		// What Caddy's matchers of paths take to lie outside is outside.
		{s, "/a/../b/metadata", "next"},
		{s, "/a/..%2Fb/metadata", "next"},
		{s, "/a/b/../metadata", "400 Bad Request"},
		{rooted, "/metadata", "root"},
		{rooted, "/a/metadata", "a"},
		{rooted, "/root/metadata", "root"},
		{rooted, "/root/..%2F..%2Fx", "404 Not Found"}, // of the root, where this is two segments
		{rooted, "/b", "404 Not Found"},
	} {
		if got := answering(t, test.site, test.path); got != test.want {
			t.Errorf("%s: %s, want %s", test.path, got, test.want)
		}
	}
	for _, path := range []string{"", "*"} { // as OPTIONS * has it
		r := asked(http.MethodOptions, "/")
		r.URL.Path = path
		none := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
		if err := s.ServeHTTP(httptest.NewRecorder(), r, none); err != nil {
			t.Error(err)
		}
	}
}

// TestSiteMatchers has several services at one prefix, of which those with matchers are for some requests only.
func TestSiteMatchers(t *testing.T) {
	t.Parallel()
	posts, gets, longer := member(t, "posts", "/a"), member(t, "gets", "/a"), member(t, "longer", "/a/b")
	posts.matchers = caddyhttp.MatcherSets{{caddyhttp.MatchMethod{http.MethodPost}}}
	longer.matchers = posts.matchers
	s := siteOfAll(t, posts, gets, member(t, "hidden", "/a"), longer)
	if got := answering(t, s, "/a/metadata"); got != "gets" {
		t.Errorf("a GET goes to %s", got)
	}
	if got := answering(t, s, "/a/b/metadata"); got != "404 Not Found" {
		t.Errorf("what the longer prefix is not for goes to %s, want the shorter", got)
	}
}

// BenchmarkSite finds none of a thousand services.
func BenchmarkSite(b *testing.B) {
	var members []*Member
	for i := range 1000 {
		members = append(members, member(b, "s", "/s"+itoa(i)))
	}
	s := siteOfAll(b, members...)
	r := asked(http.MethodGet, "/s1000/metadata")
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	for b.Loop() {
		if err := s.ServeHTTP(nil, r, next); err != nil {
			b.Fatal(err)
		}
	}
}
