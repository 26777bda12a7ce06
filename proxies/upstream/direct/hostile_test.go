package direct

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestSurplusBehindALongBody has more than the answer come where no buffer of ours sees it.
func TestSurplusBehindALongBody(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("a", 64<<10)
	evil := "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	tr, dials := server(t, serve(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", len(body), body, evil)))
	for range 3 {
		resp, err := tr.RoundTrip(request(t.Context(), t, http.MethodGet, ""))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got := make([]byte, len(body))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != body {
			t.Fatalf("got %d bytes of another answer: %.20q, %v", resp.ContentLength, got, err)
		}
		if _, err := resp.Body.Read(got[:1]); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
		resp.Body.Close()
	}
	if n := dials.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// TestFramingIsOurs has the request's header say, in any case, what only the transport may say.
func TestFramingIsOurs(t *testing.T) {
	t.Parallel()
	heads := make(chan string, 1)
	tr, _ := server(t, func(_ int64, c net.Conn, br *bufio.Reader) {
		var head strings.Builder
		for {
			line, err := br.ReadString('\n')
			head.WriteString(line)
			if err != nil || line == "\r\n" {
				break
			}
		}
		heads <- head.String()
		_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	})
	req := request(context.Background(), t, http.MethodGet, "")
	for _, name := range []string{"host", "content-length", "TRANSFER-ENCODING", "connection", "Content-Length"} {
		req.Header[name] = []string{"7"}
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got, want := <-heads, "GET /x HTTP/1.1\r\nHost: backend.test\r\n\r\n"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}
