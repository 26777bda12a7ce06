// Package main is the backend of the benchmarks: a loop over raw connections with answers made beforehand, so that it
// is never what limits a gateway. It understands GET, and POST with a length, with keep-alive, and nothing more.
//
//	*/kv          25 bytes of `key: value` in ISO-8859-1
//	*/fail        500 with a short text
//	*/xml         4 KiB of XML in ISO-8859-1
//	*/html        64 KiB of HTML in ISO-8859-1, a table
//	*/delay/N     the same as others, after N ms
//	*/hang        nothing, until the peer hangs up
//	*/csv         1 MiB of CSV, 10,000 rows of 10 columns
//	/count        the number of requests answered on this port so far, this one not counted
//	/guarded/*    the same as others, for whoever has a session; see guard
//	anything else 984 bytes of JSON
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// maxHead is the longest request head in bytes that is understood.
const maxHead = 16 << 10

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`addresses` to listen on, separated by commas")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, strings.Split(*listen, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "backend:", err)
		os.Exit(1)
	}
}

// run serves on all addresses until ctx ends.
func run(ctx context.Context, addresses []string) error {
	var listeners []net.Listener
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		listeners = append(listeners, listener)
	}

	var serving sync.WaitGroup
	for _, listener := range listeners {
		s := newServer()
		serving.Go(func() { s.serve(listener) })
	}
	<-ctx.Done()
	for _, listener := range listeners {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("close: %w", err)
		}
	}
	serving.Wait()
	return nil
}

type server struct {
	json, kv, admitted, fail, xml, html, csv []byte

	guard guard

	answered atomic.Int64
}

func newServer() *server {
	kv := response("200 OK", "text/plain; charset=iso-8859-1", []byte("Temp\xe9rature: 21.5 degr\xe9s\n"))
	return &server{
		kv: kv, admitted: admitted(kv),
		json: response("200 OK", "application/json", jsonBody()),
		xml:  response("200 OK", "text/xml; charset=iso-8859-1", xmlBody()),
		html: response("200 OK", "text/html; charset=iso-8859-1", htmlBody()),
		csv:  response("200 OK", "text/csv", csvBody()),
		fail: response("500 Internal Server Error", "text/plain", []byte("out of order\n")),
	}
}

// serve accepts until the listener is closed; open connections end with the process.
func (s *server) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go s.converse(conn) // ends with its connection
	}
}

// converse answers the requests of one connection until the peer closes it or sends what is no plain GET.
func (s *server) converse(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // nothing is left to be written

	in := bufio.NewReaderSize(conn, maxHead)
	for {
		q, err := readQuestion(in)
		if err != nil {
			return
		}
		if !s.wait(in, q.target) {
			return
		}
		answer := s.guard.answer(q)
		if answer == nil {
			answer = s.answer(q.target)
		}
		s.answered.Add(1)
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// wait takes as long as the target asks for: /delay/20 is 20 ms, /hang as long as the peer waits. It says whether to answer.
func (s *server) wait(in *bufio.Reader, target []byte) bool {
	if bytes.HasSuffix(target, []byte("/hang")) {
		_, _ = in.ReadByte() // the peer hangs up
		return false
	}
	_, after, ok := bytes.Cut(target, []byte("/delay/"))
	if !ok {
		return true
	}
	ms, err := strconv.Atoi(string(after))
	if err != nil || ms < 0 || ms > 10_000 {
		return false
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return true
}

func (s *server) answer(target []byte) []byte {
	switch {
	case bytes.HasSuffix(target, []byte("/kv")):
		if bytes.HasPrefix(target, []byte("/guarded/")) {
			return s.admitted
		}
		return s.kv
	case bytes.HasSuffix(target, []byte("/fail")):
		return s.fail
	case bytes.HasSuffix(target, []byte("/xml")):
		return s.xml
	case bytes.HasSuffix(target, []byte("/html")):
		return s.html
	case bytes.HasSuffix(target, []byte("/csv")):
		return s.csv
	case bytes.Equal(target, []byte("/count")):
		return response("200 OK", "text/plain", strconv.AppendInt(nil, s.answered.Load(), 10))
	default:
		return s.json
	}
}

// question is a request, its parts valid until the next read.
type question struct {
	target []byte
	// cookie is the header of that name, where it matters.
	cookie []byte
	// body is nil with GET.
	body []byte
}

// readQuestion consumes one request.
func readQuestion(in *bufio.Reader) (question, error) {
	head, err := readHead(in)
	if err != nil {
		return question{}, err
	}
	if rest, ok := bytes.CutPrefix(head, []byte("GET ")); ok {
		var q question
		q.target, _, _ = bytes.Cut(rest, []byte(" "))
		if bytes.HasPrefix(q.target, []byte("/guarded/")) || bytes.HasPrefix(q.target, []byte("/oauth2/")) {
			q.cookie = headerOf(head, "Cookie")
		}
		return q, nil
	}
	rest, ok := bytes.CutPrefix(head, []byte("POST "))
	if !ok {
		return question{}, io.ErrUnexpectedEOF
	}
	target, _, _ := bytes.Cut(rest, []byte(" "))
	length, err := strconv.Atoi(string(headerOf(head, "Content-Length")))
	if err != nil || length < 0 || length > maxHead {
		return question{}, io.ErrUnexpectedEOF
	}
	q := question{target: bytes.Clone(target), body: make([]byte, length)} // the body is read over the head
	_, err = io.ReadFull(in, q.body)
	return q, err
}

// readHead consumes one request head.
func readHead(in *bufio.Reader) ([]byte, error) {
	for wanted := 1; ; {
		if _, err := in.Peek(wanted); err != nil {
			return nil, err
		}
		head, err := in.Peek(in.Buffered())
		if err != nil {
			return nil, err
		}
		end := bytes.Index(head, []byte("\r\n\r\n"))
		if end < 0 {
			wanted = len(head) + 1
			continue
		}
		if _, err := in.Discard(end + 4); err != nil {
			return nil, err
		}
		return head[:end], nil
	}
}

// headerOf gives the value of a header, which is spelt so.
func headerOf(head []byte, name string) []byte {
	_, rest, ok := bytes.Cut(head, []byte("\r\n"+name+": "))
	if !ok {
		return nil
	}
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return value
}

func response(status, contentType string, body []byte) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		status, contentType, len(body), body)
}

// jsonBody returns 984 bytes of JSON: an object with a list of twelve measurements.
func jsonBody() []byte {
	var b bytes.Buffer
	b.WriteString(`{"station":"ridge-4","values":[`)
	for i := range 12 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"sensor-%02d","value":%d.%d,"unit":"celsius","ok":true}`, 1000+i, i, 20+i%7, i%10)
	}
	b.WriteString(`],"note":"`)
	b.WriteString(strings.Repeat("x", 984-b.Len()-2))
	b.WriteString(`"}`)
	return b.Bytes()
}
