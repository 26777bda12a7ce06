package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestBodies(t *testing.T) {
	t.Parallel()
	if body := jsonBody(); len(body) != 984 || !json.Valid(body) {
		t.Errorf("jsonBody: %d bytes, valid %t; want 984 bytes of JSON", len(body), json.Valid(body))
	}
	for name, size := range map[string][2]int{
		"xml": {len(xmlBody()), xmlSize}, "html": {len(htmlBody()), htmlSize}, "csv": {len(csvBody()), 1 << 20},
	} {
		if size[0] < size[1]*9/10 || size[0] > size[1]*11/10 {
			t.Errorf("%s: %d bytes, want about %d", name, size[0], size[1])
		}
	}
	if lines := bytes.Count(csvBody(), []byte("\r\n")); lines != csvRows+1 {
		t.Errorf("csv: %d lines, want a header and %d rows", lines, csvRows)
	}
	_, body, _ := bytes.Cut(newServer().kv, []byte("\r\n\r\n"))
	if len(body) != 25 || bytes.Count(body, []byte{0xe9}) != 2 {
		t.Errorf("kv: %q; want 25 bytes with two latin-1 letters", body)
	}
}

func TestReadQuestion(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     []string
	}{
		{"one", "GET /kv HTTP/1.1\r\nHost: a\r\n\r\n", []string{"/kv"}},
		{"two at once", "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", []string{"/a", "/b"}},
		{"half", "GET /a HTTP/1.1\r\nHost", nil},
		{"other method", "PUT /a HTTP/1.1\r\n\r\n", nil},
		{"post", "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n", []string{"/aabc", "/b"}},
		{"post without a length", "POST /a HTTP/1.1\r\n\r\n", nil},
		{"cookie", "GET /guarded/a HTTP/1.1\r\nCookie: a=b\r\nHost: c\r\n\r\n", []string{"/guarded/aa=b"}},
		{"endless head", "GET /" + strings.Repeat("a", 2*maxHead), nil},
		{"nothing", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := bufio.NewReaderSize(strings.NewReader(test.in), maxHead)
			for _, want := range test.want {
				q, err := readQuestion(in)
				if got := string(q.target) + string(q.cookie) + string(q.body); err != nil || got != want {
					t.Fatalf("readQuestion = %q, %v; want %q", got, err, want)
				}
			}
			if q, err := readQuestion(in); err == nil {
				t.Errorf("readQuestion after the last = %q; want an error", q.target)
			}
		})
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	g := new(guard)
	ask := func(q question) string { return string(g.answer(q)) }
	if got := ask(question{target: []byte("/guarded/kv")}); !strings.HasPrefix(got, "HTTP/1.1 403") {
		t.Errorf("without a session: %.200q", got)
	}
	if got := ask(question{target: []byte("/login?rd=/"), body: []byte("login=ann&password=wrong")}); !strings.HasPrefix(got, "HTTP/1.1 401") {
		t.Errorf("a wrong password: %.200q", got)
	}
	if got := ask(question{target: []byte("/login?rd=/"), body: []byte("login=ann&password=secret")}); !strings.Contains(got, "Location: /oauth2/callback?ann\r\n") {
		t.Errorf("a right password: %.200q", got)
	}
	if got := ask(question{target: []byte("/oauth2/callback?ann")}); !strings.Contains(got, "Set-Cookie: _oauth2_proxy=0.ann.x") {
		t.Errorf("the callback: %.200q", got)
	}
	session := question{target: []byte("/guarded/kv"), cookie: []byte("a=b; _oauth2_proxy=0.ann; c=d")}
	if got := ask(session); got != "" {
		t.Errorf("with a session: %.200q", got)
	}
	if got := ask(question{target: []byte("/oauth2/auth"), cookie: session.cookie}); !strings.HasPrefix(got, "HTTP/1.1 202") {
		t.Errorf("the proxy says of a session: %.200q", got)
	}
	if got := ask(question{target: []byte("/oauth2/auth")}); !strings.HasPrefix(got, "HTTP/1.1 401") {
		t.Errorf("the proxy says of none: %.200q", got)
	}
	if got := ask(question{target: []byte("/logins")}); !strings.HasSuffix(got, "\r\n\r\n1 1") {
		t.Errorf("logins: %.200q", got)
	}
	ask(question{target: []byte("/expire")})
	if got := ask(session); !strings.HasPrefix(got, "HTTP/1.1 403") {
		t.Errorf("with a session that ended: %.200q", got)
	}
	if got := ask(question{target: []byte("/logins")}); !strings.HasSuffix(got, "\r\n\r\n0 0") {
		t.Errorf("logins: %.200q", got)
	}
}
