package wrap

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// randomPath joins one to four of the words.
func randomPath(r *rand.Rand, words []string) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString("/" + words[r.IntN(len(words))])
	}
	return b.String()
}

// TestRouterFindsWhatServeMuxFinds holds the router to net/http's on random patterns that do not conflict.
func TestRouterFindsWhatServeMuxFinds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	hits := 0
	for range 2000 {
		mux := http.NewServeMux()
		var rt router[string]
		var patterns []string
		for range 1 + r.IntN(6) {
			p := randomPath(r, []string{"a", "b", "a%2Fb", "{x}"})
			p = strings.Replace(p, "{x}", "{y}", 1)
			switch r.IntN(5) {
			case 0:
				p += "/"
			case 1:
				p += "/{rest...}"
			}
			segments, err := parsePattern(p)
			if err != nil { // {x} twice
				continue
			}
			method := []string{"GET", "POST"}[r.IntN(2)]
			full := method + " " + p
			if !register(mux, method+" "+muxPattern(p)) {
				continue
			}
			rt.add(method, segments, full)
			patterns = append(patterns, full)
		}
		for range 20 {
			path := randomPath(r, []string{"a", "b", "c", "a%2Fb", "%61"})
			if r.IntN(4) == 0 {
				path += "/"
			}
			for _, method := range []string{"GET", "HEAD", "POST"} {
				req := httptest.NewRequest(method, path, nil)
				_, want := mux.Handler(req)
				want = strings.TrimSuffix(want, "{$}")
				got, _, _, ok := rt.find(method, path, nil)
				if ok {
					hits++
				}
				if redirects(mux, req) { // the router never does
					continue
				}
				if got != want {
					t.Fatalf("%s %s among %q: got %q, ServeMux %q", method, path, patterns, got, want)
				}
			}
		}
	}
	if hits < 1000 {
		t.Errorf("only %d requests found a route: the test proves little", hits)
	}
}

func register(mux *http.ServeMux, pattern string) (ok bool) {
	defer func() { ok = recover() == nil }()
	mux.Handle(pattern, http.NotFoundHandler())
	return true
}

// redirects says that ServeMux would answer with a redirect.
func redirects(mux *http.ServeMux, req *http.Request) bool {
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, req)
	return w.Code >= 300 && w.Code <= 399
}

func TestPatternIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	for pattern, advice := range map[string]string{
		"":             "must start with /",
		"a":            "must start with /",
		"/a?b=c":       "use param or {query.x}",
		"/a#b":         "not part of a pattern",
		"/a//b":        "empty segment",
		"/a/{b}.json":  "a parameter is a whole segment",
		"/{id:[0-9]+}": "param id string pattern",
		"/{a-b}":       "letters, digits and _",
		"/{x...}/b":    "must stand at the end",
		"/{$}/b":       "must stand at the end",
		"/{a}/{a}":     "twice",
		"/%zz":         "escape that is none",
		"/%00":         "control character",
		"/%ff":         "not UTF-8",
		"/a/../b":      "only dots",
		"/%2e":         "only dots",
	} {
		_, err := parsePattern(pattern)
		if err == nil || !strings.Contains(err.Error(), advice) {
			t.Errorf("%q: %v, want %q", pattern, err, advice)
		}
	}
}

func TestCutPrefix(t *testing.T) {
	t.Parallel()
	type result struct {
		Rest string
		OK   bool
	}
	for _, c := range []struct {
		path, prefix string
		want         result
	}{
		{"/a/b", "/", result{"/a/b", true}},
		{"/a", "/a", result{"", true}},
		{"/a/", "/a", result{"/", true}},
		{"/ab", "/a", result{}},
		{"/%61/b%2Fc", "/a", result{"/b%2Fc", true}},
		{"/%61%2Fb", "/a/b", result{}},
		{"/x%2Fy", "/x", result{}},
		{"/%6", "/a", result{}},
		{"/%61", "/a/b", result{}},
	} {
		var got result
		got.Rest, got.OK = cutPrefix(c.path, c.prefix)
		if !got.OK {
			got.Rest = ""
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s under %s: %s", c.path, c.prefix, diff)
		}
	}
}

func TestCheckPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/": 0, "/a/b": 0, "/a.b/.c/...": 0, "/%C3%A4": 0, "/a%2Fb": 0, "/a//b": 0,
		"/.": 400, "/a/..": 400, "/%2e%2E/a": 400, "/a%00": 400, "/a%0a": 400, "/%7f": 400, "/%ff": 400, "/%": 400,
		"/" + strings.Repeat("a", maxPath): 414,
	} {
		got := 0
		if p := checkPath(path); p != nil {
			got = p.Status
		}
		if got != want {
			t.Errorf("%.40q: %d, want %d", path, got, want)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"/", "/a/{b}/{c...}", "/%61", "/{$}", "/{a:b}", "{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		segments, err := parsePattern(pattern)
		if err != nil {
			return
		}
		var rt router[string]
		rt.add("GET", segments, pattern)
		var path strings.Builder
		for _, s := range segments {
			path.WriteString("/")
			if s.wildcard {
				path.WriteString("v")
			} else {
				path.WriteString(url.PathEscape(s.text))
			}
		}
		if _, _, _, ok := rt.find("GET", path.String(), nil); !ok {
			t.Errorf("%q does not find %q", pattern, path.String())
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/a/b", "/%2e/", "/%61%2fb", "", "%", "/."} {
		f.Add(s, "/a")
	}
	f.Fuzz(func(t *testing.T, path, prefix string) {
		if checkPath(path) == nil {
			for s := range strings.SplitSeq(path, "/") {
				plain, err := url.PathUnescape(s)
				if err != nil || plain == "." || plain == ".." || checkText(plain) != "" {
					t.Errorf("%q was let through", path)
				}
			}
		}
		if !strings.HasPrefix(prefix, "/") {
			return
		}
		if rest, ok := cutPrefix(path, prefix); ok && prefix != "/" && rest != "" && rest[0] != '/' {
			t.Errorf("%q under %q leaves %q", path, prefix, rest)
		}
	})
}
