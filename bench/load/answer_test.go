package load

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		status   int
		body     string
		last     bool
		err      error
	}{
		{name: "length", in: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcrest", status: 200, body: "abc"},
		{name: "lower case, bare line feeds", in: "HTTP/1.1 503 Gone\ncontent-length:3\n\nabc", status: 503, body: "abc"},
		{name: "close", in: "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", status: 200, last: true},
		{
			name: "chunks with an extension and a trailer", status: 200, body: "abcdefghijk",
			in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n8\r\ndefghijk\r\n0\r\nA: b\r\n\r\n",
		},
		{
			name: "body longer than the buffer", status: 200, body: strings.Repeat("x", 10000),
			in: "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("x", 10000),
		},
		{name: "nothing", err: io.EOF},
		{name: "half a status line", in: "HTTP/1.1 20", err: io.ErrUnexpectedEOF},
		{name: "half a head", in: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", err: io.ErrUnexpectedEOF},
		{name: "half a body", in: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", err: io.ErrUnexpectedEOF},
		{name: "half a chunk", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", err: io.ErrUnexpectedEOF},
		{name: "no last chunk", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", err: io.ErrUnexpectedEOF},
		{name: "chunk too long", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", err: ErrAnswer},
		{name: "huge chunk", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n", err: ErrAnswer},
		{name: "negative length", in: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", err: ErrAnswer},
		{name: "huge length", in: "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", err: ErrAnswer},
		{name: "no length", in: "HTTP/1.1 200 OK\r\n\r\n", err: ErrAnswer},
		{name: "interim answer", in: "HTTP/1.1 103 Early Hints\r\n\r\n", err: ErrAnswer},
		{name: "other protocol", in: "SSH-2.0-OpenSSH\r\n", err: ErrAnswer},
		{name: "endless line", in: strings.Repeat("x", 10000), err: ErrAnswer},
		{name: "header without colon", in: "HTTP/1.1 200 OK\r\nabc\r\n\r\n", err: ErrAnswer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer, last, err := readAnswer(bufio.NewReader(strings.NewReader(test.in)), nil)
			if !errors.Is(err, test.err) {
				t.Fatalf("readAnswer: error %v; want %v", err, test.err)
			}
			if answer.Status != test.status || string(answer.Body) != test.body || last != test.last {
				t.Errorf("readAnswer = %d %q %t; want %d %q %t", answer.Status, answer.Body, last, test.status, test.body, test.last)
			}
		})
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0\r\nA: b\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, in []byte) {
		answer, _, err := readAnswer(bufio.NewReader(strings.NewReader(string(in))), nil)
		if err == nil && (answer.Status < 200 || len(answer.Body) > len(in)) {
			t.Errorf("readAnswer = %d with %d bytes from %d", answer.Status, len(answer.Body), len(in))
		}
	})
}
