package integration_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// callerGateway has one service of which every placeholder stands somewhere in what the backend is sent.
func callerGateway(t *testing.T) (*gateway, *fakeBackend) {
	t.Helper()
	backend := startFake(t, says("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"))
	g := startGateway(t, site(`
	health
	service /s {
		version 1.0.0
		repository https://example.org/s
		description "What callers send"
		backend `+backend.url+` {
			retries 0
			breaker 100000 1s
		}
		GET /one/{a} {
			param q in query string default none
			param X-In in header string default none
			fetch /api/{a}/end?fixed=1&m={query.q}&last=2 {
				header X-From {header.X-In}
				decode text
			}
		}
		GET /rest/{path...} {
			fetch /files/{path} {
				decode text
			}
		}
		GET /typed/{n} {
			param n in path integer min 1 max 10
			param size in query integer required min 1
			param kind in query string enum small large
			param word in query string pattern [a-z]+
			param when in query date
			param flag in query bool
			param ratio in query number
			fetch /typed/{n}?size={query.size} {
				decode text
			}
		}
		GET /strict {
			params strict
			param q in query string default none
			fetch /strict?q={query.q} {
				decode text
			}
		}
		POST /post {
			fetch /post {
				decode text
			}
		}
		GET / {
			fetch /root {
				decode text
			}
		}
	}`))
	return g, backend
}

// sent is a request to the backend, taken apart without cleaning anything.
type sent struct {
	method, version string
	segments        []string    // of the path, unescaped
	query           [][2]string // in order, unescaped
	header          []string    // lines, sorted
}

// takeApart reads a head as a strict server would. It fails the test on bytes that servers disagree about.
func takeApart(t testing.TB, head string) sent {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(head, "\r\n"), "\r\n")
	words := strings.Split(lines[0], " ")
	if len(words) != 3 {
		t.Fatalf("the request line has %d words: %.300q", len(words), lines[0])
	}
	for i := range len(words[1]) {
		if c := words[1][i]; c <= ' ' || c >= 0x7f || c == '#' || c == ';' || c == '\\' {
			t.Errorf("the target has the byte %q as it is: %.300q", c, words[1])
		}
	}
	s := sent{method: words[0], version: words[2], header: lines[1:]}
	slices.Sort(s.header)
	for _, line := range s.header {
		if strings.ContainsAny(line, "\r\n\x00") || !strings.Contains(line, ": ") {
			t.Errorf("odd header line %.300q", line)
		}
	}
	path, query, _ := strings.Cut(words[1], "?")
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			t.Errorf("the segment %.300q: %v", segment, err)
		}
		if plain == "." || plain == ".." {
			t.Errorf("the path has a segment of dots: %.300q", path)
		}
		s.segments = append(s.segments, plain)
	}
	if query == "" {
		return s
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		k, errK := url.QueryUnescape(key)
		v, errV := url.QueryUnescape(value)
		if errK != nil || errV != nil {
			t.Errorf("the query pair %.300q is not escaped", pair)
		}
		s.query = append(s.query, [2]string{k, v})
	}
	return s
}

// onlyNew runs ask and gives the one request that the backend got because of it, or "" if none came.
func onlyNew(t testing.TB, backend *fakeBackend, ask func()) string {
	t.Helper()
	before := len(backend.received())
	ask()
	fresh := backend.received()[before:]
	switch len(fresh) {
	case 0:
		return ""
	case 1:
		return fresh[0]
	}
	t.Errorf("the backend got %d requests for one: %.500q", len(fresh), fresh)
	return fresh[0]
}

// TestCallersValues sends every odd value where a value may stand. Either it is refused with 4xx and no backend is
// asked, or the backend gets exactly this value, in its place, and nothing else is different.
func TestCallersValues(t *testing.T) {
	t.Parallel()
	g, backend := callerGateway(t)
	baseline := takeApart(t, onlyNew(t, backend, func() { g.askRaw(t, "GET /s/one/plain HTTP/1.1") }))
	want := sent{
		method: "GET", version: "HTTP/1.1", segments: []string{"api", "plain", "end"},
		query: [][2]string{{"fixed", "1"}, {"m", "none"}, {"last", "2"}}, header: baseline.header,
	}
	if diff := cmp.Diff(want, baseline, cmp.AllowUnexported(sent{})); diff != "" {
		t.Fatalf("the plain request (-want +got):\n%s", diff)
	}
	if !slices.Contains(baseline.header, "X-From: none") {
		t.Fatalf("the backend got the headers %q, X-From: none is missing", baseline.header)
	}

	values := []struct {
		name, escaped string
		refused       bool // must be 400; without it either is right
		passed        bool // must arrive; without it either is right
	}{
		{name: "dot", escaped: "%2e", refused: true},
		{name: "dots", escaped: "%2e%2e", refused: true},
		{name: "half escaped dots", escaped: ".%2E", refused: true},
		{name: "slash", escaped: "a%2fb", passed: true},
		{name: "climbing", escaped: "..%2f..%2fadmin"},
		{name: "only slash", escaped: "%2f"},
		{name: "backslash", escaped: "..%5c..%5cadmin"},
		{name: "NUL", escaped: "a%00b", refused: true},
		{name: "CRLF", escaped: "a%0d%0aX-Evil:%201", refused: true},
		{name: "request", escaped: "a%20HTTP/1.1%0d%0aHost:%20evil%0d%0a%0d%0aGET%20/admin", refused: true},
		{name: "LF", escaped: "a%0ab", refused: true},
		{name: "CR", escaped: "a%0db", refused: true},
		{name: "tab", escaped: "a%09b", refused: true},
		{name: "DEL", escaped: "a%7fb", refused: true},
		{name: "not UTF-8", escaped: "a%ff%feb", refused: true},
		{name: "overlong slash", escaped: "a%c0%afb", refused: true},
		{name: "C1 control", escaped: "a%c2%85b"},
		{name: "line separator", escaped: "a%e2%80%a8b"},
		{name: "UTF-8", escaped: "gr%c3%b6%c3%9fe", passed: true},
		{name: "semicolon", escaped: "a%3bb=c", passed: true},
		{name: "ampersand", escaped: "a%26admin=1", passed: true},
		{name: "hash", escaped: "a%23b", passed: true},
		{name: "question mark", escaped: "a%3fb=1", passed: true},
		{name: "equals", escaped: "a%3db", passed: true},
		{name: "plus", escaped: "a%2bb", passed: true},
		{name: "space", escaped: "a%20b", passed: true},
		{name: "percent", escaped: "100%25", passed: true},
		{name: "escaped twice", escaped: "%252e%252e%252f", passed: true},
		{name: "at", escaped: "@evil.example", passed: true},
		{name: "scheme", escaped: "http:%2f%2fevil.example%2f", passed: true},
		{name: "port", escaped: ":80@evil", passed: true},
		{name: "placeholder", escaped: "%7benv.HOME%7d", passed: true},
		{name: "own placeholder", escaped: "%7bquery.q%7d%7ba%7d", passed: true},
		{name: "Caddy's placeholder", escaped: "%7bhttp.request.header.Host%7d", passed: true},
		{name: "jq", escaped: "%22%20%7c%20env", passed: true},
		{name: "quotes", escaped: "%27%22%60", passed: true},
		{name: "1 KiB", escaped: strings.Repeat("a", 1024), passed: true},
		{name: "8 KiB", escaped: strings.Repeat("a", 8192), passed: true},
		{name: "8 KiB of escapes", escaped: strings.Repeat("%2f", 2700)},
	}
	t.Run("query twice", func(t *testing.T) {
		w := want
		w.query = [][2]string{{"fixed", "1"}, {"m", "a"}, {"last", "2"}}
		wantExactly(t, g, backend, "GET /s/one/plain?q=a&q=b&fixed=2&last=3 HTTP/1.1", false, false, w)
	})
	for _, v := range values {
		inPath, errPath := url.PathUnescape(v.escaped)
		inQuery, errQuery := url.QueryUnescape(v.escaped)
		if errPath != nil || errQuery != nil || inPath != inQuery && !strings.Contains(v.escaped, "+") {
			t.Fatalf("%s: the row is wrong", v.name)
		}
		t.Run("path/"+v.name, func(t *testing.T) {
			w := want
			w.segments = []string{"api", inPath, "end"}
			wantExactly(t, g, backend, "GET /s/one/"+v.escaped+" HTTP/1.1", v.refused, v.passed, w)
		})
		t.Run("query/"+v.name, func(t *testing.T) {
			w := want
			w.query = [][2]string{{"fixed", "1"}, {"m", inQuery}, {"last", "2"}}
			// Dots and slashes mean nothing in a query: these values may pass.
			refused := v.refused && !strings.Contains(v.name, "dot")
			wantExactly(t, g, backend, "GET /s/one/plain?q="+v.escaped+" HTTP/1.1", refused, v.passed, w)
		})
		t.Run("header/"+v.name, func(t *testing.T) {
			// Nobody unescapes a header: the backend gets the text with its percent signs.
			wantExactly(t, g, backend, "GET /s/one/plain HTTP/1.1\r\nX-In: "+v.escaped, false, len(v.escaped) < 4096, withHeader(want, v.escaped))
		})
		t.Run("rest/"+v.name, func(t *testing.T) {
			segments := append([]string{"files", "x"}, strings.Split(inPath, "/")...)
			w := sent{method: "GET", version: "HTTP/1.1", segments: append(segments, "y")}
			// A slash may arrive as one or escaped: the whole path is what counts.
			wantPath(t, g, backend, "GET /s/rest/x/"+v.escaped+"/y HTTP/1.1", v.refused, w)
		})
	}
}

// withHeader is s with another value of the header that takes the caller's.
func withHeader(s sent, value string) sent {
	s.header = slices.Clone(s.header)
	for i, line := range s.header {
		if strings.HasPrefix(line, "X-From: ") {
			s.header[i] = "X-From: " + value
		}
	}
	slices.Sort(s.header)
	return s
}

// wantExactly sends head. Refused means 4xx and an idle backend, passed means 200 and exactly want; a row that says
// neither may be one of the two.
func wantExactly(t *testing.T, g *gateway, backend *fakeBackend, head string, refused, passed bool, want sent) {
	t.Helper()
	var a answer
	got := onlyNew(t, backend, func() { a = g.askRaw(t, head) })
	if got == "" {
		if passed {
			t.Errorf("status %d and no request to the backend\n%.500s", a.status, a.body)
		}
		wantRefused(t, a)
		return
	}
	if refused {
		t.Errorf("the backend was asked, and should not have been: %.500q", got)
		return
	}
	if a.status != http.StatusOK {
		t.Errorf("status %d\n%.500s", a.status, a.body)
	}
	if diff := cmp.Diff(want, takeApart(t, got), cmp.AllowUnexported(sent{})); diff != "" {
		t.Errorf("what the backend got (-want +got):\n%.2000s", diff)
	}
}

// wantPath is wantExactly for a path parameter of several segments.
func wantPath(t *testing.T, g *gateway, backend *fakeBackend, head string, refused bool, want sent) {
	t.Helper()
	var a answer
	got := onlyNew(t, backend, func() { a = g.askRaw(t, head) })
	if got == "" {
		wantRefused(t, a)
		return
	}
	if refused {
		t.Errorf("the backend was asked, and should not have been: %.500q", got)
		return
	}
	s := takeApart(t, got)
	if s.query != nil || s.method != want.method || s.version != want.version {
		t.Errorf("what the backend got: %.500q", got)
	}
	if path, wanted := strings.Join(s.segments, "/"), strings.Join(want.segments, "/"); path != wanted {
		t.Errorf("the backend was asked for %.300q, want %.300q", path, wanted)
	}
}

// wantRefused checks that the caller is told of its fault.
func wantRefused(t testing.TB, a answer) {
	t.Helper()
	switch a.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		a.wantAnyProblem(t, "", "bad_path", "bad_parameter")
	default:
		t.Errorf("refused with status %d\n%.500s", a.status, a.body)
	}
}
