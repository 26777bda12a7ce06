package upstream

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// targets go on the request line as they are.
var targets = []string{
	"/", "/a", "/a?", "/a?b", "/a?b=c&d=%20e+f", "/a%2Fb", "/a%2fb%25", "/a%2Fb/c%20d?x=%2F", "/a/../b", "/a/./b", "/a//b", "//a", "//a//", "//a%2Fb",
	"/a:b", "/:", "/a;b=c,d", "/a'b", "/a\"b", "/a<b>", "/a|b", "/a^b", "/a`b", "/{a}", "/[a]", "/a\\b", "/a%zz", "/a%", "/%41", "/é", "/%C3%A9", "/\xff",
	"/a?é", "/a?b#c", "/a?\"<>", "/a?b?c", "/*", "/a@b", "/http://x/", "/~a-b_c.d!$&()*+,=",
}

func TestTargetIsSentAsItIs(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(c)
			line, _ := r.ReadString('\n')
			for header := line; header != "\r\n" && header != ""; {
				header, _ = r.ReadString('\n')
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			c.Close()
			lines <- line
		}
	}()
	f := start(t, Config{}, l.Addr().String())
	proxied := start(t, Config{Proxy: "http://" + l.Addr().String()}, "http://backend.invalid:81")
	for _, target := range targets {
		_ = f.body(t, t.Context(), get(target))
		if diff := cmp.Diff("GET "+target+" HTTP/1.1\r\n", <-lines); diff != "" {
			t.Error(diff)
		}
		_ = proxied.body(t, t.Context(), get(target))
		if diff := cmp.Diff("GET http://backend.invalid:81"+target+" HTTP/1.1\r\n", <-lines); diff != "" {
			t.Errorf("through a proxy: %s", diff)
		}
	}
	l.Close()
	<-done
}

func TestUnsendable(t *testing.T) {
	t.Parallel()
	s := serve(t, say(ok("x")))
	f := start(t, Config{BreakerFailures: 1}, s.address)
	for name, change := range map[string]func(*Call){
		"no target":       func(c *Call) { c.Target = "" },
		"no slash":        func(c *Call) { c.Target = "a" },
		"whole URL":       func(c *Call) { c.Target = "http://other/" },
		"host":            func(c *Call) { c.Target = "@other/" },
		"space":           func(c *Call) { c.Target = "/a b" },
		"line end":        func(c *Call) { c.Target = "/a\r\nX: y" },
		"NUL":             func(c *Call) { c.Target = "/\x00" },
		"DEL in query":    func(c *Call) { c.Target = "/?\x7f" },
		"slashes and odd": func(c *Call) { c.Target = "//other/\"" },
		"no method":       func(c *Call) { c.Method = "" },
		"odd method":      func(c *Call) { c.Method = "GET /x" },
		"CONNECT":         func(c *Call) { c.Method = "CONNECT" },
		"header name":     func(c *Call) { c.Header = http.Header{"A b": {"c"}} },
		"header value":    func(c *Call) { c.Header = http.Header{"A": {"b\r\nC: d"}} },
		"no strategy":     func(c *Call) { c.Strategy = nil },
	} {
		call := get("/")
		change(call)
		if got := f.failure(t, t.Context(), call); got.Kind != Unsendable || got.Err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if st := f.Status()[0]; st.State != "closed" || s.requests.Load() != 0 {
		t.Errorf("%+v, %d requests", st, s.requests.Load())
	}
}

func TestRequestHeader(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ *server, c net.Conn, req *http.Request, _ int64) bool {
		var b strings.Builder
		fmt.Fprintf(&b, "Host: %s\n", req.Host)
		_ = req.Header.Write(&b)
		_, err := io.WriteString(c, ok(b.String()))
		return err == nil
	})
	f := start(t, Config{}, s.address)
	for name, c := range map[string]struct {
		header http.Header
		want   string
	}{
		"ours":  {nil, "Host: " + s.address + "\nAccept-Encoding: gzip\r\nUser-Agent: fairway\r\n"},
		"own":   {http.Header{"User-Agent": {"me"}, "Accept-Encoding": {"identity"}}, "Host: " + s.address + "\nAccept-Encoding: identity\r\nUser-Agent: me\r\n"},
		"twice": {http.Header{"A": {"b", "c"}}, "Host: " + s.address + "\nA: b\r\nA: c\r\nAccept-Encoding: gzip\r\nUser-Agent: fairway\r\n"},
		"host":  {http.Header{"Host": {"virtual.example"}}, "Host: virtual.example\nAccept-Encoding: gzip\r\nUser-Agent: fairway\r\n"},
	} {
		call := get("/")
		call.Header = c.header
		before := c.header.Clone()
		call.Strategy = meddling{}
		if diff := cmp.Diff(c.want, f.body(t, t.Context(), call)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(before, call.Header); diff != "" {
			t.Errorf("%s: the call's header was changed: %s", name, diff)
		}
	}
}

// meddling changes everything of a header after it was sent.
type meddling struct{ plain }

func (meddling) RoundTrip(req *http.Request, _ session.Caller, next http.RoundTripper) (*http.Response, error) {
	resp, err := next.RoundTrip(req)
	for name, values := range req.Header {
		for i := range values {
			values[i] = "changed"
		}
		req.Header[name] = append(values, "more")
	}
	return resp, err
}

func TestRedirectsFollowed(t *testing.T) {
	t.Parallel()
	other := serve(t, say(ok("other")))
	var address string
	s := serve(t, func(_ *server, c net.Conn, req *http.Request, _ int64) bool {
		to := map[string]string{
			"/relative/a":  "b",
			"/relative/b":  "../end?x=%2F",
			"/absolute":    "http://" + address + "/end?x=%2F",
			"/no-scheme":   "//" + address + "/end?x=%2F",
			"/odd%2Fpath":  "?again",
			"/other":       "http://" + other.address + "/",
			"/other-slash": "//" + other.address + "/",
			"/user":        "http://u:p@" + address + "/end?x=%2F",
			"/scheme":      "https://" + address + "/end",
			"/javascript":  "javascript:alert(1)",
			"/opaque":      "http:end",
			"/loop":        "/loop",
			"/1":           "/2", "/2": "/3", "/3": "/end?x=%2F",
		}
		location, moved := to[req.URL.EscapedPath()]
		answer := ok(req.Method + " " + req.RequestURI + " " + req.Header.Get("X"))
		if req.Method == http.MethodHead {
			answer = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
		}
		if moved && req.RequestURI != "/odd%2Fpath?again" {
			answer = status("302 Found", "Location: "+location+"\r\n", "")
		}
		_, err := io.WriteString(c, answer)
		return err == nil
	})
	address = s.address
	f := start(t, Config{Redirects: 2}, s.address)
	for target, want := range map[string]string{
		"/relative/a": "GET /end?x=%2F y",
		"/absolute":   "GET /end?x=%2F y",
		"/no-scheme":  "GET /end?x=%2F y",
		"/odd%2Fpath": "GET /odd%2Fpath?again y",
		"/2":          "GET /end?x=%2F y",
		"/1":          "", "/other": "", "/other-slash": "", "/user": "", "/scheme": "", "/javascript": "", "/opaque": "", "/loop": "",
	} {
		call := get(target)
		call.Header = http.Header{"X": {"y"}}
		if want != "" {
			if got := f.body(t, t.Context(), call); got != want {
				t.Errorf("%s: %q, want %q", target, got, want)
			}
			continue
		}
		if got := f.failure(t, t.Context(), call); got.Kind != Redirected || got.Status != 302 || got.Attempts != 1 {
			t.Errorf("%s: %v", target, got)
		}
	}
	if n := other.requests.Load(); n != 0 {
		t.Errorf("%d requests to another origin", n)
	}
	call := get("/absolute")
	call.Method = http.MethodHead
	if got := f.body(t, t.Context(), call); got != "" {
		t.Errorf("HEAD: %q", got)
	}
	call = get("/absolute")
	call.Method = http.MethodPost
	if got := f.failure(t, t.Context(), call); got.Kind != Redirected {
		t.Errorf("POST: %v", got)
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	s := serve(t, inTurn(say(status("302 Found", "Location: /b\r\n", "")), say(broken), say(ok("x"))))
	f := start(t, Config{Redirects: 1, Retries: 1}, s.address)
	var got []string
	call := get("/a")
	call.Trace = &Trace{
		Sent:     func(n int, req *http.Request) { got = append(got, fmt.Sprint(n, " sent ", req.URL.Path)) },
		Received: func(n int, a *Answer) { got = append(got, fmt.Sprint(n, " received ", a.Status, " ", string(a.Body))) },
		Ended:    func(n int, err error) { got = append(got, fmt.Sprint(n, " ended ", err != nil)) },
	}
	_ = f.body(t, t.Context(), call)
	want := []string{"1 sent /a", "1 sent /b", "1 received 500 no", "1 ended true", "2 sent /a", "2 received 200 x", "2 ended false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// odd is a strategy that does as it is told.
type odd struct {
	plain
	trip func(*http.Request, http.RoundTripper) (*http.Response, error)
}

func (o odd) RoundTrip(req *http.Request, _ session.Caller, next http.RoundTripper) (*http.Response, error) {
	return o.trip(req, next)
}

func TestOddStrategies(t *testing.T) {
	t.Parallel()
	s := serve(t, say(ok("x")))
	f := start(t, Config{BreakerFailures: 99}, s.address)
	for name, c := range map[string]struct {
		trip func(*http.Request, http.RoundTripper) (*http.Response, error)
		want Kind
	}{
		"nothing": {func(*http.Request, http.RoundTripper) (*http.Response, error) { return nil, nil }, Unreachable},
		"panic":   {func(*http.Request, http.RoundTripper) (*http.Response, error) { panic("no") }, Defect},
		"answer and error": {func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil {
				return nil, err
			}
			return resp, io.ErrUnexpectedEOF
		}, Unreachable},
		"login": {func(*http.Request, http.RoundTripper) (*http.Response, error) {
			return nil, fmt.Errorf("logging in: %w", &Failure{Kind: Login})
		}, Login},
		"login refused": {func(*http.Request, http.RoundTripper) (*http.Response, error) {
			return nil, fmt.Errorf("logging in: %w", &session.LoginError{Kind: session.BadCredentials})
		}, Login},
		"no body": {func(req *http.Request, _ http.RoundTripper) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Request: req}, nil
		}, 0},
	} {
		call := get("/")
		call.Strategy = odd{trip: c.trip}
		if c.want == 0 {
			if got := f.body(t, t.Context(), call); got != "" {
				t.Errorf("%s: %q", name, got)
			}
			continue
		}
		if got := f.failure(t, t.Context(), call); got.Kind != c.want || got.Attempts != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestUnfinishedLogin has an attempt be too short for a login, which goes on: the next attempt finds it. It is no failure of the
// backend.
func TestUnfinishedLogin(t *testing.T) {
	t.Parallel()
	s := serve(t, say(ok("x")))
	f := start(t, Config{Timeout: time.Second, Retries: 2, BreakerFailures: 1}, s.address)
	n := 0
	call := get("/")
	call.Strategy = odd{trip: func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if n++; n < 3 {
			<-req.Context().Done()
			return nil, &session.LoginError{Kind: session.Unavailable, RetryAfter: time.Hour, Err: req.Context().Err()}
		}
		return next.RoundTrip(req)
	}}
	if got := f.body(t, t.Context(), call); got != "x" || n != 3 {
		t.Errorf("%q after %d", got, n)
	}
	n = -9
	call.Deadline = time.Now().Add(200 * time.Millisecond)
	if got := f.failure(t, t.Context(), call); got.Kind != Login {
		t.Errorf("%v", got)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprint(w, req.Proto, " ", req.RequestURI)
	}))
	h.EnableHTTP2 = true
	h.StartTLS()
	t.Cleanup(h.Close)
	f := start(t, Config{TLS: TLS{InsecureSkipVerify: true}}, h.URL)
	for _, target := range []string{"/a%2Fb?c=%20", "/a|b", "/a\"?\"", "//a"} {
		call := get(target)
		call.Idempotent = false // has a body of its own kind
		if got := f.body(t, t.Context(), call); got != "HTTP/2.0 "+target {
			t.Errorf("%q", got)
		}
	}
}

// FuzzTarget: whatever the target, the request line holds it as it is, or nothing is sent.
func FuzzTarget(f *testing.F) {
	for _, target := range targets {
		f.Add(target)
	}
	e := &endpoint{origin: origin{scheme: "http", host: "h:1"}}
	f.Fuzz(func(t *testing.T, target string) {
		if checkTarget(target) != nil {
			return
		}
		u, err := e.url(target)
		if err != nil {
			return
		}
		if got := u.RequestURI(); got != target {
			t.Errorf("%q becomes %q", target, got)
		}
		if u.Scheme != "http" || u.Host != "h:1" || u.User != nil {
			t.Errorf("%q leads to %v", target, u)
		}
	})
}

// FuzzFollow: whatever the backend says, no redirect leaves the origin.
func FuzzFollow(f *testing.F) {
	for _, location := range []string{"/b", "b", "//other/", "http://h:1/x", "http://h:1@other/", "?x", "#x", "http:x", "\\\\elsewhere"} {
		f.Add("/a", location)
	}
	e := &endpoint{origin: origin{scheme: "http", host: "h:1"}}
	f.Fuzz(func(t *testing.T, target, location string) {
		if checkTarget(target) != nil {
			return
		}
		next, err := e.follow(target, &http.Response{Header: http.Header{"Location": {location}}})
		if err != nil {
			return
		}
		if err := checkTarget(next); err != nil {
			t.Fatalf("%q after %q: %v", next, location, err)
		}
		if u, err := url.Parse(location); err == nil && u.Host != "" && u.Host != "h:1" {
			t.Errorf("followed %q", location)
		}
	})
}

// TestAnswerWhileReading has a server that answers while it reads a body larger than any buffer on the way.
func TestAnswerWhileReading(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(echo.Close)
	f := start(t, Config{Limit: 64 << 20}, echo.URL)
	call := get("/")
	call.Method, call.Body = http.MethodPut, bytes.Repeat([]byte("x"), 32<<20)
	if got := f.body(t, t.Context(), call); len(got) != len(call.Body) {
		t.Errorf("%d bytes came back, want %d", len(got), len(call.Body))
	}
}
