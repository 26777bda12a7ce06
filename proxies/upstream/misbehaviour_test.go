package upstream

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMisbehaviour has one attempt per case; what is retried is another test's.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	const limit = 1000
	bomb := gzipped(t, make([]byte, 10<<20))
	short := gzipped(t, []byte("hello"))
	flood := func(_ *server, c net.Conn, _ *http.Request, _ int64) bool {
		for {
			if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"); err != nil {
				return false
			}
		}
	}
	pour := func(head, drop string) script {
		return func(_ *server, c net.Conn, _ *http.Request, _ int64) bool {
			_, _ = io.WriteString(c, head)
			for {
				if _, err := io.WriteString(c, drop); err != nil {
					return false
				}
			}
		}
	}
	chunk := "400\r\n" + strings.Repeat("x", 0x400) + "\r\n"
	for name, c := range map[string]struct {
		play    script
		want    Failure // Kind, Status, Reason, Excerpt, RetryAfter
		body    string  // when want.Kind is 0
		timeout time.Duration
		cfg     Config
	}{
		"well":                     {play: say(ok("hello")), body: "hello"},
		"reset before the header":  {play: reset, want: Failure{Kind: Unreachable}},
		"closed before the header": {play: sayAndClose(""), want: Failure{Kind: Unreachable}},
		"reset in the header":      {play: inTurn(sayAndClose("HTTP/1.1 200 OK\r\nContent-Le")), want: Failure{Kind: Unreachable}},
		"no HTTP":                  {play: sayAndClose("SSH-2.0-OpenSSH\r\n"), want: Failure{Kind: Unreachable}},
		"slow header":              {play: sayAndHang("HTTP/1.1 200 OK\r\n"), timeout: 50 * time.Millisecond, want: Failure{Kind: Timeout}},
		"slow body":                {play: sayAndHang("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), timeout: 50 * time.Millisecond, want: Failure{Kind: Timeout, Status: 200, Reason: "OK"}},
		"cut body":                 {play: sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), want: Failure{Kind: Cut, Status: 200, Reason: "OK"}},
		"cut before the body":      {play: sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), want: Failure{Kind: Cut, Status: 200, Reason: "OK"}},
		"cut chunks":               {play: sayAndClose("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), want: Failure{Kind: Cut, Status: 200, Reason: "OK"}},
		"chunks without end":       {play: sayAndClose("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), want: Failure{Kind: Cut, Status: 200, Reason: "OK"}},
		"bad chunk":                {play: sayAndClose("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello"), want: Failure{Kind: Cut, Status: 200, Reason: "OK"}},
		"body after its length":    {play: sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more"), body: "hello"},
		"two lengths":              {play: sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), want: Failure{Kind: Unreachable}},
		"negative length":          {play: sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"), want: Failure{Kind: Unreachable}},
		"until it closes":          {play: sayAndClose("HTTP/1.0 200 OK\r\n\r\nhello"), body: "hello"},
		"at the limit":             {play: say(ok(strings.Repeat("x", limit))), body: strings.Repeat("x", limit)},
		"length over the limit":    {play: sayAndHang("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), want: Failure{Kind: TooLarge, Status: 200, Reason: "OK"}},
		"endless body":             {play: pour("HTTP/1.1 200 OK\r\n\r\n", chunk), want: Failure{Kind: TooLarge, Status: 200, Reason: "OK"}},
		"endless chunks":           {play: pour("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk), want: Failure{Kind: TooLarge, Status: 200, Reason: "OK"}},
		"gzip":                     {play: say(status("200 OK", "Content-Encoding: gzip\r\n", short)), body: "hello"},
		"empty gzip":               {play: say(status("200 OK", "Content-Encoding: gzip\r\n", "")), body: ""},
		"gzip bomb":                {play: say(status("200 OK", "Content-Encoding: gzip\r\n", bomb)), want: Failure{Kind: TooLarge, Status: 200, Reason: "OK"}},
		"gzip of nothing, endless": {play: pour("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzipped(t, nil)), want: Failure{Kind: TooLarge, Status: 200, Reason: "OK"}},
		"gzip that is plain":       {play: say(status("200 OK", "Content-Encoding: gzip\r\n", "hello")), body: "hello"},
		"gzip that lies":           {play: say(status("200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b\x08hello, I am none")), want: Failure{Kind: Undecodable, Status: 200, Reason: "OK"}},
		"plain that is gzip":       {play: say(status("200 OK", "", short)), body: "hello"},
		"plain that is a bomb":     {play: say(status("200 OK", "", gzipped(t, make([]byte, 100<<10)))), want: Failure{Kind: TooLarge, Status: 200, Reason: "OK"}},
		"br that is plain":         {play: say(status("200 OK", "Content-Encoding: br\r\n", "<html>hello, this is no br at all</html>")), body: "<html>hello, this is no br at all</html>"},
		"gzip cut, whole body":     {play: say(status("200 OK", "Content-Encoding: gzip\r\n", short[:20])), want: Failure{Kind: Undecodable, Status: 200, Reason: "OK"}},
		"gzip with a bad sum":      {play: say(status("200 OK", "Content-Encoding: gzip\r\n", short[:len(short)-8]+"12345678")), want: Failure{Kind: Undecodable, Status: 200, Reason: "OK"}},
		"gzip in a cut body":       {play: sayAndClose("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n" + short[:20]), want: Failure{Kind: Cut, Status: 200, Reason: "OK"}},
		"unknown encoding":         {play: say(status("200 OK", "Content-Encoding: compress\r\n", "hello")), want: Failure{Kind: Undecodable, Status: 200, Reason: "OK"}},
		"flood of 1xx":             {play: flood, want: Failure{Kind: Unreachable}},
		"101":                      {play: sayAndClose("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), want: Failure{Kind: Status, Status: 101, Reason: "Switching Protocols"}},
		"huge header":              {play: pour("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 4096)), want: Failure{Kind: Unreachable}},
		"204":                      {play: say("HTTP/1.1 204 No Content\r\n\r\n"), body: ""},
		"304":                      {play: say("HTTP/1.1 304 Not Modified\r\n\r\n"), want: Failure{Kind: Redirected, Status: 304, Reason: "Not Modified"}},
		"redirect":                 {play: say(status("302 Found", "Location: /b\r\n", "moved")), want: Failure{Kind: Redirected, Status: 302, Reason: "Found", Excerpt: "moved"}},
		"redirect loop":            {play: say(status("302 Found", "Location: /a\r\n", "moved")), cfg: Config{Redirects: 3}, want: Failure{Kind: Redirected, Status: 302, Reason: "Found", Excerpt: "moved"}},
		"redirect elsewhere":       {play: say(status("302 Found", "Location: http://other.invalid/a\r\n", "")), cfg: Config{Redirects: 3}, want: Failure{Kind: Redirected, Status: 302, Reason: "Found"}},
		"redirect to nowhere":      {play: say(status("302 Found", "", "")), cfg: Config{Redirects: 3}, want: Failure{Kind: Redirected, Status: 302, Reason: "Found"}},
		"500 with text":            {play: say(status("500 Out of beer", "", "no\x01 beer\n")), want: Failure{Kind: Status, Status: 500, Reason: "Out of beer", Excerpt: "no beer"}},
		"500, cut":                 {play: sayAndClose("HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nno beer"), want: Failure{Kind: Status, Status: 500, Reason: "No", Excerpt: "no beer"}},
		"500, slow":                {play: sayAndHang("HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nno beer"), timeout: 50 * time.Millisecond, want: Failure{Kind: Status, Status: 500, Reason: "No", Excerpt: "no beer"}},
		"500, endless":             {play: pour("HTTP/1.1 500 No\r\nContent-Type: image/png\r\n\r\n", chunk), want: Failure{Kind: Status, Status: 500, Reason: "No"}},
		"no reason":                {play: say(status("404", "", "")), want: Failure{Kind: Status, Status: 404, Reason: "Not Found"}},
		"reason in latin-1":        {play: say(status("404 H\xf6lle\x01", "", "")), want: Failure{Kind: Status, Status: 404, Reason: "Hölle"}},
		"999":                      {play: say(status("999 Odd", "", "")), want: Failure{Kind: Status, Status: 999, Reason: "Odd"}},
		"429 in seconds":           {play: say(status("429 Slow down", "Retry-After: 7\r\n", "")), want: Failure{Kind: Status, Status: 429, Reason: "Slow down", RetryAfter: 7 * time.Second}},
		"503 with nonsense":        {play: say(status("503 No", "Retry-After: soon\r\n", "")), want: Failure{Kind: Status, Status: 503, Reason: "No"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.play)
			cfg := c.cfg
			cfg.Limit, cfg.Timeout = limit, c.timeout
			f := start(t, cfg, s.address)
			call := get("/a")
			call.Unlabelled = func(string) bool { return true }
			if c.want.Kind == 0 {
				if got := f.body(t, t.Context(), call); got != c.body {
					t.Errorf("body %q, want %q", got, c.body)
				}
				return
			}
			got := f.failure(t, t.Context(), call)
			want := c.want
			want.Attempts = 1
			if got.Kind != Status && got.Kind != Redirected && got.Err == nil {
				t.Error("no cause for the log")
			}
			seen := Failure{Kind: got.Kind, Status: got.Status, Reason: got.Reason, Excerpt: got.Excerpt, RetryAfter: got.RetryAfter, Attempts: got.Attempts}
			if diff := cmp.Diff(want.Error(), seen.Error()); diff != "" {
				t.Errorf("%s(%v)", diff, got.Err)
			}
			if diff := cmp.Diff([]any{want.Status, want.Reason, want.Excerpt, want.RetryAfter}, []any{seen.Status, seen.Reason, seen.Excerpt, seen.RetryAfter}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	f := start(t, Config{Retries: 1}, l.Addr().String())
	if got := f.failure(t, t.Context(), get("/")); got.Kind != Unreachable || got.Attempts != 2 {
		t.Errorf("got %v", got)
	}
}

func TestRetryAfterDate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		" 7 ":                           7 * time.Second,
		"-7":                            0,
		"99999999999999":                0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"tomorrow":                      0,
	} {
		if got := RetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	s := serve(t, say(status("429 Slow down", "Retry-After: "+time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)+"\r\n", "")))
	f := start(t, Config{Retries: 3}, s.address)
	got := f.failure(t, t.Context(), get("/"))
	if got.Attempts != 1 || got.RetryAfter < 50*time.Minute {
		t.Errorf("a wait that does not fit: %d attempts, retry after %v", got.Attempts, got.RetryAfter)
	}
}

// TestConnectionsAfterFailure: a body that was not read to its end takes its connection along.
func TestConnectionsAfterFailure(t *testing.T) {
	t.Parallel()
	s := serve(t, inTurn(
		sayAndHang("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n"+strings.Repeat("x", 0xfff)+"\r\n"),
		say(ok("second"))))
	f := start(t, Config{Limit: 100}, s.address)
	if got := f.failure(t, t.Context(), get("/")); got.Kind != TooLarge {
		t.Fatalf("got %v", got)
	}
	if got := f.body(t, t.Context(), get("/")); got != "second" {
		t.Errorf("body %q", got)
	}
	if n := s.conns.Load(); n != 2 {
		t.Errorf("%d connections, want a new one after a body that was not read", n)
	}
	for range 3 {
		_ = f.body(t, t.Context(), get("/"))
	}
	if n := s.conns.Load(); n != 2 {
		t.Errorf("%d connections, want the second used again", n)
	}
}

func TestAnswerIsReleasedOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, say(ok("0123456789")))
	f := start(t, Config{}, s.address)
	call := get("/")
	call.Factor = 16
	a, err := f.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	if n := f.memory.InUse(); n != 160 {
		t.Errorf("%d bytes charged, want 160", n)
	}
	copied := *a
	a.Release()
	a.Release()
	copied.Release()
	(*Answer)(nil).Release()
	(&Answer{}).Release()
	if a.Body != nil {
		t.Error("the body outlived its release")
	}
	if n := f.memory.InUse(); n != 0 {
		t.Errorf("%d bytes charged, want 0", n)
	}
}

func TestMemorySpent(t *testing.T) {
	t.Parallel()
	s := serve(t, say(ok(strings.Repeat("x", 50_000))))
	f := start(t, Config{Retries: 3}, s.address)
	f.memory.SetLimit(100_000)
	call := get("/")
	call.Factor = 3
	if got := f.failure(t, t.Context(), call); got.Kind != MemorySpent || got.Attempts != 1 {
		t.Errorf("got %v", got)
	}
	if st := f.Status()[0]; st.ConsecutiveFailures != 0 {
		t.Errorf("counted: %+v", st)
	}
	call.Factor = 2
	if got := f.body(t, t.Context(), call); len(got) != 50_000 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestBuffersAreNotShared(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ *server, c net.Conn, req *http.Request, _ int64) bool {
		_, err := io.WriteString(c, ok(strings.Repeat(req.URL.Path[1:], 3000)))
		return err == nil
	})
	f := start(t, Config{}, s.address)
	a, err := f.Do(t.Context(), get("/a"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Do(context.Background(), get("/b"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Body, bytes.Repeat([]byte("a"), 3000)) || !bytes.Equal(b.Body, bytes.Repeat([]byte("b"), 3000)) {
		t.Error("two answers share a buffer")
	}
	a.Release()
	b.Release()
}
