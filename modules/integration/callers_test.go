package integration_test

import (
	"fmt"
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

// TestCallersRequests sends whole requests that are odd, and says what each gets. None may reach the backend.
func TestCallersRequests(t *testing.T) {
	t.Parallel()
	g, backend := callerGateway(t)
	tests := []struct {
		name, head string
		status     int
		code       string // of the problem; "text" where net/http refuses the request before any handler
	}{
		{"unknown path", "GET /s/nosuch HTTP/1.1", 404, ""},
		{"unknown service", "GET /nosuch HTTP/1.1", 404, ""},
		{"prefix of a prefix", "GET /sx/one/a HTTP/1.1", 404, ""},
		{"one segment more", "GET /s/one/a/b HTTP/1.1", 404, ""},
		{"one segment less", "GET /s/one HTTP/1.1", 404, ""},
		{"dots", "GET /s/one/.. HTTP/1.1", 400, "bad_path"},
		{"dots in between", "GET /s/one/../one/a HTTP/1.1", 400, "bad_path"},
		{"dots before", "GET /s/../s/one/a HTTP/1.1", 400, "bad_path"},
		{"dots that leave", "GET /s/../../../etc/passwd HTTP/1.1", 0, "bad_path"},
		{"escaped dots in between", "GET /s/one/%2e%2e/one/a HTTP/1.1", 400, "bad_path"},
		{"dots in rest", "GET /s/rest/a/../b HTTP/1.1", 400, "bad_path"},
		{"bad escape", "GET /s/one/%zz HTTP/1.1", 400, "text"},
		{"half an escape", "GET /s/one/a%2 HTTP/1.1", 400, "text"},
		{"NUL as it is", "GET /s/one/a\x00b HTTP/1.1", 400, "text"},
		{"no version", "GET /s/one/a", 400, "text"},
		{"header without a colon", "GET /s/one/a HTTP/1.1\r\nX-In", 400, "text"},
		{"space before the colon", "GET /s/one/a HTTP/1.1\r\nX-In : a", 400, "text"},
		{"NUL in a header", "GET /s/one/a HTTP/1.1\r\nX-In: a\x00b", 400, "text"},
		{"bare CR in a header", "GET /s/one/a HTTP/1.1\r\nX-In: a\rX-Evil: b", 400, "text"},
		{"two lengths", "GET /s/one/a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", 400, "text"},
		{"missing parameter", "GET /s/typed/5 HTTP/1.1", 400, "bad_parameter"},
		{"semicolon between pairs", "GET /s/one/plain?q=a;admin=1 HTTP/1.1", 400, "bad_parameter"},
		{"bad escape in the query", "GET /s/one/plain?q=%zz HTTP/1.1", 400, "bad_parameter"},
		{"undeclared", "GET /s/strict?admin=1 HTTP/1.1", 400, "bad_parameter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a answer
			if got := onlyNew(t, backend, func() { a = g.askRaw(t, tt.head) }); got != "" {
				t.Errorf("the backend was asked: %.300q", got)
			}
			if tt.status == 0 {
				wantRefused(t, a)
				return
			}
			if tt.code != "text" {
				a.wantProblem(t, tt.status, tt.code)
				return
			}
			if a.status != tt.status {
				t.Errorf("status %d, want %d\n%.500s", a.status, tt.status, a.body)
			}
		})
	}
}

// TestCallersMethods sends methods that a path does not have.
func TestCallersMethods(t *testing.T) {
	t.Parallel()
	g, backend := callerGateway(t)
	for _, tt := range []struct {
		path    string
		methods []string
		allow   []string
	}{
		{"/s/one/a", []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"}, []string{"GET", "HEAD", "OPTIONS"}},
		{"/s/post", []string{"GET", "HEAD", "PUT"}, []string{"POST", "OPTIONS"}},
		{"/", []string{"POST", "DELETE"}, []string{"GET", "HEAD", "OPTIONS"}},
	} {
		for _, method := range tt.methods {
			t.Run(method+tt.path, func(t *testing.T) {
				var a answer
				got := onlyNew(t, backend, func() { a = g.ask(t, request{method: method, path: tt.path}) })
				if got != "" {
					t.Errorf("the backend was asked: %.300q", got)
				}
				if a.status != http.StatusMethodNotAllowed {
					t.Fatalf("status %d, want 405\n%.500s", a.status, a.body)
				}
				wantAllow(t, a, slices.Clone(tt.allow)...)
				if method != http.MethodHead {
					a.wantProblem(t, http.StatusMethodNotAllowed, "")
				}
			})
		}
	}
	t.Run("HEAD", func(t *testing.T) {
		a := g.ask(t, request{method: http.MethodHead, path: "/s/one/a"})
		if a.status != http.StatusOK || a.body != "" {
			t.Errorf("HEAD is %d %q", a.status, a.body)
		}
	})
}

// TestCallersParameters sends parameters that are not as declared: 400, the parameter named, no backend asked.
func TestCallersParameters(t *testing.T) {
	t.Parallel()
	g, backend := callerGateway(t)
	for _, tt := range []struct{ target, parameter string }{
		{"/s/typed/x?size=1", "n"},
		{"/s/typed/1.5?size=1", "n"},
		{"/s/typed/0?size=1", "n"},
		{"/s/typed/11?size=1", "n"},
		{"/s/typed/99999999999999999999?size=1", "n"},
		{"/s/typed/0x5?size=1", "n"},
		{"/s/typed/%205?size=1", "n"},
		{"/s/typed/5", "size"},
		{"/s/typed/5?size=", "size"},
		{"/s/typed/5?size=0", "size"},
		{"/s/typed/5?size=1%26admin=1", "size"},
		{"/s/typed/5?size=1&kind=huge", "kind"},
		{"/s/typed/5?size=1&word=UPPER", "word"},
		{"/s/typed/5?size=1&word=ok%0a", "word"},
		{"/s/typed/5?size=1&when=2024-02-30", "when"},
		{"/s/typed/5?size=1&when=yesterday", "when"},
		{"/s/typed/5?size=1&flag=maybe", "flag"},
		{"/s/typed/5?size=1&ratio=many", "ratio"},
		{"/s/typed/5?size=1&ratio=NaN", "ratio"},
		{"/s/strict?admin=1", "admin"},
	} {
		t.Run(tt.target, func(t *testing.T) {
			got := onlyNew(t, backend, func() {
				d := g.get(t, tt.target).wantProblem(t, http.StatusBadRequest, "bad_parameter")
				if d.Parameter != tt.parameter || !strings.Contains(d.Detail, tt.parameter) {
					t.Errorf("the problem names %q (%s), want %q", d.Parameter, d.Detail, tt.parameter)
				}
			})
			if got != "" {
				t.Errorf("the backend was asked: %.300q", got)
			}
		})
	}
	t.Run("good", func(t *testing.T) {
		got := onlyNew(t, backend, func() {
			a := g.get(t, "/s/typed/5?size=3&kind=small&word=abc&when=2024-02-29&flag=true&ratio=-1.5e3&undeclared=1")
			a.wantJSON(t, http.StatusOK, `"ok"`)
		})
		if !strings.HasPrefix(got, "GET /typed/5?size=3 HTTP/1.1\r\n") {
			t.Errorf("the backend got %.300q", got)
		}
	})
}

// TestCallersHeaders sends headers that are not the backend's business, and raw ones in the declared header.
func TestCallersHeaders(t *testing.T) {
	t.Parallel()
	g, backend := callerGateway(t)
	plain := onlyNew(t, backend, func() { g.askRaw(t, "GET /s/one/plain HTTP/1.1") })
	want := takeApart(t, plain)
	for _, header := range []string{
		"Authorization: Basic Ym9iOnMzY3JldA==",
		"Cookie: session=s3cret",
		"Proxy-Authorization: Basic Ym9iOnMzY3JldA==",
		"X-Evil: 1",
		"X-From: forged",
		"X-Forwarded-For: 10.0.0.1",
		"X-Forwarded-Host: evil.example",
		"X-Original-URL: /admin",
		"X-HTTP-Method-Override: DELETE",
		"Connection: X-From",
		"Accept-Encoding: br",
		"Range: bytes=0-1",
		"If-None-Match: *",
		"Expect: 100-continue",
		"Upgrade: websocket\r\nConnection: Upgrade",
		"User-Agent: evil/1.0",
		"Referer: https://evil.example/",
		"Transfer-Encoding: chunked\r\nContent-Length: 4",
	} {
		t.Run(header, func(t *testing.T) {
			if strings.HasPrefix(header, "Transfer-Encoding") {
				header += "\r\nX-Last: 1\r\n\r\n0\r\n\r\nGET /s/one/smuggled HTTP/1.1"
			}
			got := onlyNew(t, backend, func() { g.askRaw(t, "GET /s/one/plain HTTP/1.1\r\n"+header) })
			if got == "" {
				t.Fatal("the backend was not asked")
			}
			if diff := cmp.Diff(want, takeApart(t, got), cmp.AllowUnexported(sent{})); diff != "" {
				t.Errorf("what the backend got (-want +got):\n%s", diff)
			}
		})
	}
	for _, value := range []string{"caf\xe9", "größe", "a\tb", "a, b; c=\"d\"", strings.Repeat("a", 8192)} {
		t.Run(fmt.Sprintf("X-In %.20q", value), func(t *testing.T) {
			wantExactly(t, g, backend, "GET /s/one/plain HTTP/1.1\r\nX-In: "+value, false, false, withHeader(want, value))
		})
	}
	t.Run("folded", func(t *testing.T) {
		got := onlyNew(t, backend, func() { g.askRaw(t, "GET /s/one/plain HTTP/1.1\r\nX-In: a\r\n X-Evil: b") })
		if strings.Contains(got, "\nX-Evil") {
			t.Errorf("a folded header became two: %q", got)
		}
	})
	if log := g.log.String(); strings.Contains(log, "Ym9iOnMzY3JldA") || strings.Contains(log, "s3cret") {
		t.Error("the log holds the caller's credentials")
	}
}
