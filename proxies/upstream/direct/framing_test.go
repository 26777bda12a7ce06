package direct

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestFraming has answers end in every way there is.
func TestFraming(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, answer string
		hangsUp        bool // the server closes behind its answer
		want           string
		fails          bool
		dials          int64 // for two requests
	}{
		"to the end of the connection": {answer: "HTTP/1.1 200 OK\r\n\r\nall of it", hangsUp: true, want: "200 all of it", dials: 2},
		"old, to the end":              {answer: "HTTP/1.0 200 OK\r\n\r\nall of it", hangsUp: true, want: "200 all of it", dials: 2},
		"HEAD with a length":           {method: "HEAD", answer: "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", want: "200 ", dials: 1},
		"HEAD in chunks":               {method: "HEAD", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", want: "200 ", dials: 1},
		"HEAD with a body":             {method: "HEAD", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", want: "200 ", dials: 2},
		"not modified with a length":   {answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n", want: "304 ", dials: 1},
		"no content with a length":     {answer: "HTTP/1.1 204 No Content\r\nContent-Length: 20\r\n\r\n", want: "204 ", dials: 1},
		"no content with a body":       {answer: "HTTP/1.1 204 No Content\r\n\r\nsurprise", want: "204 ", dials: 2},
		"length nought":                {answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", want: "200 ", dials: 1},
		"switching protocols":          {answer: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw", want: "101 ", dials: 2},
		"hints, then the answer":       {answer: strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", maxInformational) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", want: "200 ok", dials: 1},
		"chunks with trailers":         {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nX: y\r\n\r\n", want: "200 ok", dials: 1},
		"cut in the length":            {answer: "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", hangsUp: true, fails: true, dials: 2},
		"cut in a chunk":               {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", hangsUp: true, fails: true, dials: 2},
		"cut between chunks":           {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", hangsUp: true, fails: true, dials: 2},
		"a chunk of no size":           {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n", fails: true, dials: 2},
		"a chunk without an end":       {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n", fails: true, dials: 2},
		"a chunk of a huge size":       {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok", fails: true, dials: 2},
		"cut in the header":            {answer: "HTTP/1.1 200 OK\r\nContent-Le", hangsUp: true, fails: true, dials: 2},
		"nothing":                      {answer: "", hangsUp: true, fails: true, dials: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := serve(test.answer)
			if test.hangsUp {
				script = func(_ int64, c net.Conn, br *bufio.Reader) {
					if _, err := http.ReadRequest(br); err == nil {
						_, _ = io.WriteString(c, test.answer)
					}
				}
			}
			tr, dials := server(t, script)
			method := test.method
			if method == "" {
				method = http.MethodGet
			}
			for range 2 {
				got, err := ask(t.Context(), t, tr, method, "")
				if (err != nil) != test.fails {
					t.Fatalf("the error is %v", err)
				}
				if err == nil && got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			}
			if n := dials.Load(); n != test.dials {
				t.Errorf("%d connections, want %d", n, test.dials)
			}
		})
	}
}

// TestBodyClosedEarly closes the body before its end: the connection goes with it.
func TestBodyClosedEarly(t *testing.T) {
	t.Parallel()
	tr, dials := server(t, serve("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"))
	for range 2 {
		resp, err := tr.RoundTrip(request(t.Context(), t, http.MethodGet, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("after the end the error is %v", err)
		}
		resp.Body.Close() // twice does nothing
	}
	if n := dials.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// TestIdle keeps no more connections than it may, and none longer than it may.
func TestIdle(t *testing.T) {
	t.Parallel()
	const most = 2
	closed := make(chan struct{}, 8)
	tr, dials := server(t, func(n int64, c net.Conn, br *bufio.Reader) {
		serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(n, c, br)
		closed <- struct{}{}
	})
	tr.MaxIdle, tr.IdleTimeout = most, 20*time.Millisecond
	var bodies []io.ReadCloser
	for range most + 2 {
		resp, err := tr.RoundTrip(request(t.Context(), t, http.MethodGet, ""))
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, resp.Body)
	}
	if n := dials.Load(); n != most+2 {
		t.Fatalf("%d connections for as many requests at once, want %d", n, most+2)
	}
	for _, b := range bodies {
		if _, err := io.Copy(io.Discard, b); err != nil {
			t.Fatal(err)
		}
		b.Close()
		tr.mu.Lock()
		if len(tr.idle) > most {
			t.Errorf("%d connections are kept", len(tr.idle))
		}
		tr.mu.Unlock()
	}
	for range most + 2 { // those over the number at once, the others when their time is over
		<-closed
	}
	if tr.pop() != nil {
		t.Error("a connection is kept")
	}
}

// TestClosedWhileInUse closes the transport while a body is read: the body is read to its end, the connection is not kept.
func TestClosedWhileInUse(t *testing.T) {
	t.Parallel()
	tr, _ := server(t, serve("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"))
	resp, err := tr.RoundTrip(request(t.Context(), t, http.MethodGet, ""))
	if err != nil {
		t.Fatal(err)
	}
	tr.CloseIdleConnections()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "body" {
		t.Errorf("got %q, %v", got, err)
	}
	resp.Body.Close()
	if tr.pop() != nil {
		t.Error("the connection is kept")
	}
}

// TestDeadlineIsOfOneRequest sends a request without a deadline on a connection whose last one had one.
func TestDeadlineIsOfOneRequest(t *testing.T) {
	t.Parallel()
	late := make(chan struct{})
	tr, dials := server(t, func(_ int64, c net.Conn, br *bufio.Reader) {
		for n := 0; ; n++ {
			if _, err := http.ReadRequest(br); err != nil {
				return
			}
			if n == 1 {
				<-late
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := ask(ctx, t, tr, http.MethodGet, ""); err != nil {
		t.Fatal(err)
	}
	context.AfterFunc(ctx, func() { close(late) }) // when the first one's deadline is over
	if got, err := ask(t.Context(), t, tr, http.MethodGet, ""); err != nil || got != "200 ok" {
		t.Errorf("got %q, %v", got, err)
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// TestBodyIsSent sends bodies that are, and are not, as long as they say.
func TestBodyIsSent(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 4)
	tr, _ := server(t, func(_ int64, c net.Conn, br *bufio.Reader) {
		for {
			req, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			got, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			bodies <- string(got)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	long := strings.Repeat("x", 100<<10)
	for _, body := range []string{"a body", long} {
		if got, err := ask(t.Context(), t, tr, http.MethodPost, body); err != nil || got != "200 ok" {
			t.Fatalf("got %q, %v", got, err)
		}
		if got := <-bodies; got != body {
			t.Errorf("%d bytes arrived, want %d", len(got), len(body))
		}
	}
	short := request(t.Context(), t, http.MethodPost, "short")
	short.ContentLength = 10
	if resp, err := tr.RoundTrip(short); !errors.Is(err, ErrBodyLength) {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("a body shorter than its length: %v", err)
	}
	unknown := request(t.Context(), t, http.MethodPost, "unknown")
	unknown.ContentLength = -1
	if resp, err := tr.RoundTrip(unknown); !errors.Is(err, ErrBodyLength) {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("a body without length: %v", err)
	}
}

// FuzzTwoAnswers has a server send anything to the first request and a marked answer to the second, which must not see a byte
// of what was sent to the first.
func FuzzTwoAnswers(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
	const second = "HTTP/1.1 299 Second\r\nContent-Length: 6\r\n\r\nsecond"
	f.Fuzz(func(t *testing.T, first []byte) {
		var answers atomic.Int64
		brief, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		tr, _ := server(t, func(_ int64, c net.Conn, br *bufio.Reader) {
			for {
				if _, err := http.ReadRequest(br); err != nil {
					return
				}
				answer := []byte(second)
				isFirst := answers.Add(1) == 1
				if isFirst {
					answer = first
				}
				_, err := c.Write(answer)
				if isFirst {
					time.AfterFunc(10*time.Millisecond, stop) // an answer that is none is not waited for
				}
				if err != nil {
					return
				}
			}
		})
		_, _ = ask(brief, t, tr, http.MethodGet, "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got, err := ask(ctx, t, tr, http.MethodPost, ""); err != nil || got != "299 second" {
			t.Errorf("the second request got %q, %v behind %q", got, err, first)
		}
	})
}
