package integration_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// backendUser is sent to every misbehaving backend; its password may be seen nowhere else.
const (
	backendUser     = "bob"
	backendPassword = "s3cret-of-bob"
	backendBasic    = "Ym9iOnMzY3JldC1vZi1ib2I=" // the two in base64
)

// misbehaviour is one way in which a backend is ill, and what the caller is told of it.
type misbehaviour struct {
	name string
	run  script
	// address, where not empty, is the backend instead of run.
	address string
	// options are lines for the block of `backend`, after those that all rows have.
	options string
	// decode is the format, json where empty; failWhen a jq program.
	decode, failWhen string
	status           int
	codes            []string
	// content, where not empty, must be in error_content.
	content string
	// once says that no second attempt may be made.
	once bool
	// good is the JSON that is answered where the backend is only odd; status is then 200.
	good string
	// more checks what is special.
	more func(t *testing.T, a answer, d document)
}

// ok is a whole answer with this body.
func ok(mediaType, body string, header ...string) string {
	return status("200 OK", mediaType, body, header...)
}

func status(line, mediaType, body string, header ...string) string {
	head := "HTTP/1.1 " + line + "\r\nContent-Type: " + mediaType + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	for _, h := range header {
		head += h + "\r\n"
	}
	return head + "\r\n" + body
}

// head is the start of an answer whose body follows, or does not.
func head(lines ...string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func gzipped(t testing.TB, body []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const js = "application/json"

// connectionRows are backends whose connection or framing is ill.
func connectionRows(t *testing.T) []misbehaviour {
	t.Helper()
	unreachable, cut, timeout := []string{"backend_unreachable"}, []string{"backend_cut"}, []string{"backend_timeout"}
	chunked := head("Transfer-Encoding: chunked")
	return []misbehaviour{
		{name: "refused", address: deadAddress(t), status: 502, codes: unreachable},
		{name: "reset", run: resets(""), status: 502, codes: unreachable},
		{name: "reset in the header", run: resets("HTTP/1.1 200 OK\r\nContent-Ty"), status: 502, codes: unreachable},
		// A reset may overtake the bytes before it.
		{name: "reset in the body", run: resets(head("Content-Length: 100") + `{"a":`), status: 502, codes: []string{"backend_cut", "backend_unreachable"}},
		{name: "closes at once", run: says(""), status: 502, codes: unreachable},
		{name: "not HTTP", run: says("SSH-2.0-OpenSSH_9.6\r\n"), status: 502, codes: unreachable},
		{name: "HTTP/0.9", run: says(`{"a":1}`), status: 502, codes: unreachable},
		{name: "status that is none", run: says("HTTP/1.1 abc OK\r\n\r\n"), status: 502, codes: unreachable},
		{name: "NUL in a header", run: says(ok(js, `{"a":1}`, "X-A: a\x00b")), status: 502, codes: unreachable},
		{name: "endless header", run: saysForever("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("a", 4096)+"\r\n"), status: 502, codes: unreachable},
		{name: "slow header", run: saysAndWaits(""), status: 504, codes: timeout},
		{name: "header that stops", run: saysAndWaits("HTTP/1.1 200 OK\r\nContent-Type: "), status: 504, codes: timeout},
		{name: "slow body", run: trickles(head("Content-Length: 1000000"), " "), status: 504, codes: timeout},
		{name: "slow chunks", run: trickles(chunked, "1\r\n \r\n"), status: 504, codes: timeout},
		{name: "body that stops", run: saysAndWaits(head("Content-Length: 100") + `{"a":`), status: 504, codes: timeout},
		{name: "cut body", run: says(head("Content-Length: 100") + `{"a":1}`), status: 502, codes: cut},
		{name: "cut chunks", run: says(chunked + "7\r\n{\"a\":1}\r\n"), status: 502, codes: cut},
		{name: "chunk that is none", run: says(chunked + "zz\r\n{\"a\":1}\r\n0\r\n\r\n"), status: 502, codes: cut},
		{name: "no body of the announced length", run: says(head("Content-Length: 7")), status: 502, codes: cut},
		{name: "endless body", run: saysForever(head("Connection: close"), strings.Repeat(" ", 4096)), status: 502, codes: []string{"backend_too_large"}, once: true},
		{name: "endless chunks", run: saysForever(chunked, "1000\r\n"+strings.Repeat(" ", 4096)+"\r\n"), status: 502, codes: []string{"backend_too_large"}, once: true},
		{name: "announced too long", run: saysAndWaits(head("Content-Length: 99999999999")), status: 502, codes: []string{"backend_too_large"}, once: true},
		{name: "length too short", run: says(head("Content-Length: 3") + `{"a":1}`), status: 502, codes: []string{"undecodable"}},
		{name: "length that is none", run: says(head("Content-Length: many") + `{"a":1}`), status: 502, codes: unreachable},
		{name: "negative length", run: says(head("Content-Length: -7") + `{"a":1}`), status: 502, codes: unreachable},
		{name: "two lengths", run: says(head("Content-Length: 7", "Content-Length: 8") + `{"a":1}`), status: 502, codes: unreachable},
		{name: "second answer behind the first", run: says(ok(js, `{"a":1}`) + ok(js, `{"a":"of another request"}`)), status: 200, good: `{"a":1}`},
		{name: "plain text on https", address: "https://" + strings.TrimPrefix(startFake(t, interrupts("HTTP/1.1 400 Bad Request\r\n\r\n")).url, "http://"), status: 502, codes: unreachable},
		{name: "certificate of nobody", address: selfSigned(t), status: 502, codes: unreachable},
	}
}

// trickles writes the start and then a piece for every tick of the test's patience, without end.
func trickles(start, piece string) script {
	return func(conn net.Conn, next func() (string, bool)) {
		if _, ok := next(); !ok {
			return
		}
		_, err := io.WriteString(conn, start)
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			_, _ = io.Copy(io.Discard, conn) // returns when the gateway has had enough
		}()
		for err == nil && !pause(closed) {
			_, err = io.WriteString(conn, piece)
		}
		_ = conn.Close()
		<-closed
	}
}

func selfSigned(t *testing.T) string {
	t.Helper()
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1") }))
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// statusRows are backends that answer whole, with a status or headers that are trouble.
func statusRows(elsewhere *fakeBackend) []misbehaviour {
	backendStatus, redirect := []string{"backend_status"}, []string{"backend_redirect"}
	moved := func(to string) string { return status("302 Found", "text/plain", "", "Location: "+to) }
	early := "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
	retryAfter := func(t *testing.T, a answer, _ document) {
		t.Helper()
		if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 || n > 3600 {
			t.Errorf("Retry-After %q, want seconds", a.header.Get("Retry-After"))
		}
	}
	challenged := func(t *testing.T, a answer, _ document) {
		t.Helper()
		if a.header.Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
	}
	return []misbehaviour{
		{name: "redirect", run: says(moved("/elsewhere")), status: 502, codes: redirect, once: true},
		{name: "redirect loop", run: says(moved("/redirect")), options: "redirects 3", status: 502, codes: redirect},
		{name: "redirect elsewhere", run: says(moved(elsewhere.url + "/steal")), options: "redirects 3", status: 502, codes: redirect},
		{name: "redirect without a scheme", run: says(moved("//" + strings.TrimPrefix(elsewhere.url, "http://") + "/steal")), options: "redirects 3", status: 502, codes: redirect},
		{name: "redirect to a file", run: says(moved("file:///etc/passwd")), options: "redirects 3", status: 502, codes: redirect},
		{name: "redirect to nowhere", run: says(status("302 Found", "text/plain", "")), options: "redirects 3", status: 502, codes: redirect},
		{name: "redirect to login", run: says(moved("https://login.example.org/?client_id=x")), status: 502, codes: redirect},
		{name: "not modified", run: says("HTTP/1.1 304 Not Modified\r\n\r\n"), status: 502, codes: redirect},
		{name: "early hints", run: says(early + early + ok(js, `{"a":1}`)), status: 200, good: `{"a":1}`},
		{name: "continue unasked", run: says("HTTP/1.1 100 Continue\r\n\r\n" + ok(js, `{"a":1}`)), status: 200, good: `{"a":1}`},
		{name: "early hints without end", run: saysForever("", early), status: 502, codes: []string{"backend_unreachable"}},
		{name: "early hints and silence", run: saysAndWaits(early), status: 504, codes: []string{"backend_timeout"}},
		{name: "switching protocols", run: saysAndWaits("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), status: 502, codes: backendStatus},
		{name: "204", run: says("HTTP/1.1 204 No Content\r\n\r\n"), status: 502, codes: []string{"backend_empty"}},
		{name: "200 without a body", run: says(ok(js, "")), status: 502, codes: []string{"backend_empty"}},
		{name: "205", run: says("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"), status: 502, codes: []string{"backend_empty"}},
		{name: "500 with text", run: says(status("500 Internal Server Error", "text/plain", "disk full")), status: 502, codes: backendStatus, content: "disk full"},
		{name: "503 with HTML", run: says(status("503 Service Unavailable", "text/html", "<html><head><title>t</title><script>var x=1</script></head><body><h1>Down</h1></body></html>")), status: 502, codes: backendStatus, content: "Down"},
		{name: "500 with a megabyte", run: says(status("500 Internal Server Error", "text/plain", strings.Repeat("x", 1<<20-1))), status: 502, codes: backendStatus, more: func(t *testing.T, _ answer, d document) {
			t.Helper()
			if d.ErrorContent != nil && len(*d.ErrorContent) > 1024 {
				t.Errorf("error_content has %d bytes", len(*d.ErrorContent))
			}
		}},
		{name: "500 that tells our password", run: says(status("500 Internal Server Error", "text/plain", "bad header Authorization: Basic "+backendBasic+" of "+backendUser+":"+backendPassword)), status: 502, codes: backendStatus},
		{name: "500 with bytes", run: says(status("500 Internal Server Error", "application/octet-stream", "\x00\xff\xfe\x01")), status: 502, codes: backendStatus},
		{name: "phrase with markup", run: says("HTTP/1.1 500 <script>alert(1)</script>\xff\r\nContent-Length: 0\r\n\r\n"), status: 502, codes: backendStatus},
		{name: "999", run: says(status("999 Odd", "text/plain", "odd")), status: 502, codes: backendStatus},
		{name: "401", run: says(status("401 Unauthorized", "text/plain", "who?", `WWW-Authenticate: Negotiate`)), status: 401, codes: backendStatus, content: "who?", once: true, more: challenged},
		{name: "403", run: says(status("403 Forbidden", "text/plain", "no")), status: 403, codes: backendStatus, content: "no", once: true},
		{name: "407", run: says(status("407 Proxy Authentication Required", "text/plain", "no")), status: 502, codes: backendStatus},
		{name: "404", run: says(status("404 Not Found", "text/plain", "gone")), status: 404, codes: backendStatus, content: "gone", once: true},
		{name: "429 for a while", run: says(status("429 Too Many Requests", "text/plain", "slower", "Retry-After: 120")), status: 503, codes: backendStatus, once: true, more: retryAfter},
		{name: "429 for a second", run: says(status("429 Too Many Requests", "text/plain", "slower", "Retry-After: 1")), status: 503, codes: backendStatus, more: retryAfter},
		{name: "429 without end", run: says(status("429 Too Many Requests", "text/plain", "slower", "Retry-After: 99999999999999999999")), status: 503, codes: backendStatus, more: func(t *testing.T, a answer, _ document) {
			t.Helper()
			if _, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil {
				t.Errorf("Retry-After %q, want seconds", a.header.Get("Retry-After"))
			}
		}},
		{name: "429 with nonsense", run: says(status("429 Too Many Requests", "text/plain", "slower", "Retry-After: soon")), status: 503, codes: backendStatus, more: retryAfter},
	}
}

// bodyRows are backends that answer 200 with a body that is not what it should be.
func bodyRows(t *testing.T) []misbehaviour {
	t.Helper()
	undecodable := []string{"undecodable"}
	bomb := gzipped(t, bytes.Repeat([]byte(" "), 64<<20))
	good := gzipped(t, []byte(`{"a":1}`))
	encoded := func(encoding, body string) script { return says(ok(js, body, "Content-Encoding: "+encoding)) }
	text := func(body string) script { return says(ok("text/plain", body)) }
	bigNumber := strings.Repeat("7", 10_000_000)
	return []misbehaviour{
		{name: "gzip", run: encoded("gzip", good), status: 200, good: `{"a":1}`},
		{name: "gzip bomb", run: encoded("gzip", bomb), status: 502, codes: []string{"backend_too_large"}, once: true},
		{name: "gzip bomb in gzip", run: encoded("gzip, gzip", gzipped(t, []byte(bomb))), status: 502, codes: []string{"backend_too_large"}, once: true},
		{name: "gzip that is plain", run: encoded("gzip", `{"a":1}`), status: 200, good: `{"a":1}`},
		{name: "gzip that nobody names", run: encoded("identity", good), status: 200, good: `{"a":1}`},
		{name: "gzip that lies", run: encoded("gzip", "\x1f\x8b\x08{\"a\":1}"), status: 502, codes: undecodable},
		{name: "gzip cut", run: encoded("gzip", good[:len(good)-9]), status: 502, codes: undecodable},
		{name: "gzip with a wrong sum", run: encoded("gzip", good[:len(good)-8]+"\x00\x00\x00\x00"+good[len(good)-4:]), status: 502, codes: undecodable},
		{name: "gzip and then text", run: encoded("gzip", good+"trailing"), status: 502, codes: undecodable},
		{name: "encoding of nobody", run: encoded("x-nothing", `{"a":1}`), status: 502, codes: undecodable},
		{name: "login page", run: says(ok("text/html", "<!DOCTYPE html><html><form action=/login><input name=password></form></html>")), status: 502, codes: undecodable},
		{name: "invalid JSON", run: says(ok(js, `{"a":1,}`)), status: 502, codes: undecodable},
		{name: "half of JSON", run: says(ok(js, `{"a":[1,2`)), status: 502, codes: undecodable},
		{name: "two JSON values", run: says(ok(js, `{"a":1}{"a":2}`)), status: 502, codes: undecodable},
		{name: "NaN", run: says(ok(js, `{"a":NaN}`)), status: 502, codes: undecodable},
		{name: "duplicate keys", run: says(ok(js, `{"a":1,"b":{"c":1,"c":2}}`)), status: 502, codes: undecodable},
		{name: "duplicate keys in two spellings", run: says(ok(js, `{"a":1,"\u0061":2}`)), status: 502, codes: undecodable},
		{name: "deep nesting", run: says(ok(js, strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000))), status: 502, codes: undecodable},
		{name: "deep nesting without an end", run: says(ok(js, strings.Repeat(`{"a":`, 100_000))), status: 502, codes: undecodable},
		{name: "many nodes", run: says(ok(js, "["+strings.Repeat("0,", 2_000_000)+"0]")), options: "limit 10MiB", status: 502, codes: undecodable},
		{name: "a 10 MB number", run: says(ok(js, bigNumber)), options: "limit 10MiB", status: 502, codes: undecodable},
		{name: "a 10 MB number in an object", run: says(ok(js, `{"n":`+bigNumber+`}`)), options: "limit 10MiB", status: 502, codes: undecodable},
		{name: "lone surrogate", run: says(ok(js, `{"a":"\ud800"}`)), status: 502, codes: undecodable},
		{name: "JSON that is not UTF-8", run: says(ok("application/json; charset=utf-8", "{\"a\":\"\xff\xfe\"}")), status: 502, codes: undecodable},
		// A label that nobody knows says nothing; the bytes do.
		{name: "charset of nobody", run: says(ok("application/json; charset=klingon", `{"a":"ü"}`)), status: 200, good: `{"a":"ü"}`},
		{name: "UTF-16 cut", decode: "text", run: says(ok("text/plain; charset=utf-16le", "a\x00b")), status: 502, codes: undecodable},
		{name: "text that is not UTF-8", decode: "text", run: says(ok("text/plain; charset=utf-8", "caf\xe9")), status: 502, codes: undecodable},
		{name: "200 ERROR", decode: "text", failWhen: `startswith("ERROR")`, run: text("ERROR no such metric"), status: 502, codes: []string{"backend_failed"}},
		{name: "200 not ERROR", decode: "text", failWhen: `startswith("ERROR")`, run: text("42"), status: 200, good: `"42"`},
	}
}
