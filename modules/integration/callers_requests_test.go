package integration_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
			var err error
			if got := onlyNew(t, backend, func() { a, err = g.tryRaw(tt.head) }); got != "" {
				t.Errorf("the backend was asked: %.300q", got)
			}
			if err != nil {
				// The server may hang up on what is no request, and its answer be lost with the connection.
				if tt.code != "text" {
					t.Error(err)
				}
				return
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
				header += "\r\n\r\n0\r\n\r\nGET /s/one/smuggled HTTP/1.1\r\nHost: " + g.addr
			}
			var a answer
			got := onlyNew(t, backend, func() { a = g.askRaw(t, "GET /s/one/plain HTTP/1.1\r\n"+header) })
			if got == "" {
				t.Fatalf("the backend was not asked: %d %s", a.status, a.body)
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
