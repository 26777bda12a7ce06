package integration_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// streamSite is a service that answers the rows of one backend record by record.
func streamSite(backend string) string {
	const rows = "\t\tfetch /rows {\n\t\t\tdecode xml {\n\t\t\t\trecords row\n\t\t\t}\n\t\t}\n"
	return site("\thealth\n\tservice /s {\n\tversion 1.0.0\n\trepository https://example.org/r\n\tdescription \"Streams\"\n" +
		"\tbackend " + backend + " {\n\t\ttimeout 20s\n\t\tretries 1\n\t\tbreaker 3 1h\n\t}\n\tbudget 50s\n" +
		"\tGET /rows {\n\t\toutput json ndjson csv\n\t\treply each\n" + rows + "\t}\n" +
		"\tGET /told {\n\t\toutput ndjson\n\t\treply each `{ id: (.id | tonumber) }` {\n\t\t\ton_error record\n\t\t}\n" + rows + "\t}\n}")
}

// row is one row of the backends here.
func row(n int) string {
	return fmt.Sprintf("<row><id>%d</id><text>%s</text></row>", n, strings.Repeat("x", 60))
}

const rowsHead = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n<rows>"

// reads asks and gives the answer with its body still to be read.
func (g *gateway) reads(ctx context.Context, t testing.TB, path string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// TestStreamFirstByte has a backend that says no second row until the caller has the first.
func TestStreamFirstByte(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string][2]string{
		"application/json":     {`[{"id":"1",`, "]\n"},
		"application/x-ndjson": {`{"id":"1",`, "}\n"},
		"text/csv":             {"id,text\r\n1,", "x\r\n"},
	} {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			read := make(chan struct{})
			backend := startFake(t, func(conn net.Conn, next func() (string, bool)) {
				if _, ok := next(); !ok {
					return
				}
				_, _ = io.WriteString(conn, rowsHead+row(1))
				select {
				case <-read:
				case <-time.After(patience):
				}
				_, _ = io.WriteString(conn, row(2)+"</rows>")
			})
			g := startGateway(t, streamSite(backend.url))
			resp := g.reads(t.Context(), t, "/s/rows", "Accept", accept)
			first := make([]byte, len(want[0]))
			if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != want[0] {
				t.Fatalf("it begins with %q, %v; want %q", first, err, want[0])
			}
			close(read)
			rest, err := io.ReadAll(resp.Body)
			if err != nil || !strings.HasSuffix(string(rest), want[1]) {
				t.Errorf("the rest is %q, %v", rest, err)
			}
			if resp.Header.Get("Vary") != "Accept" || resp.Header.Get("ETag") != "" || !strings.HasPrefix(resp.Header.Get("Content-Type"), accept) {
				t.Errorf("the header is %v", resp.Header)
			}
		})
	}
}

// TestStreamCutMidway has a backend that ends in the middle: callers can see it, nothing is tried again, the breaker
// counts it and opens.
func TestStreamCutMidway(t *testing.T) {
	t.Parallel()
	backend := startFake(t, says("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 99999\r\n\r\n<rows>"+row(1)+row(2)+"<row>"))
	g := startGateway(t, streamSite(backend.url))
	resp := g.reads(t.Context(), t, "/s/rows")
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(string(body), `[{"id":"1"`) || strings.Contains(string(body), "]") {
		t.Errorf("JSON: %q, %v", body, err)
	}
	if n := len(backend.received()); n != 1 {
		t.Errorf("the backend was asked %d times", n)
	}
	a := g.get(t, "/s/told")
	lines := strings.Split(strings.TrimSuffix(a.body, "\n"), "\n")
	if len(lines) != 3 || lines[0] != `{"id":1}` || lines[1] != `{"id":2}` {
		t.Fatalf("NDJSON: %q", a.body)
	}
	var last struct{ Problem document }
	if err := json.Unmarshal([]byte(lines[2]), &last); err != nil || last.Problem.Type != "urn:fairway:problem:backend_cut" || last.Problem.Status != http.StatusBadGateway {
		t.Errorf("the last line is %s, %v", lines[2], err)
	}
	resp = g.reads(t.Context(), t, "/s/rows")
	_, _ = io.Copy(io.Discard, resp.Body)
	if a := g.get(t, "/s/rows"); a.status != http.StatusServiceUnavailable {
		t.Errorf("after three cuts the breaker lets through: %d %s", a.status, a.body)
	}
	if log := g.log.String(); !strings.Contains(log, "answer ended midway") {
		t.Error("the log does not tell of the cut")
	}
}

// TestStreamRetriedBefore has a backend whose first answer is broken before its first row is whole.
func TestStreamRetriedBefore(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	backend := startFake(t, func(conn net.Conn, next func() (string, bool)) {
		if _, ok := next(); !ok {
			return
		}
		if n.Add(1) == 1 {
			_, _ = io.WriteString(conn, rowsHead+"<row></wrong>")
			return
		}
		_, _ = io.WriteString(conn, rowsHead+"</rows>")
	})
	g := startGateway(t, streamSite(backend.url))
	g.get(t, "/s/rows").wantJSON(t, http.StatusOK, `[]`)
	if got := len(backend.received()); got != 2 {
		t.Errorf("the backend was asked %d times, want twice", got)
	}
}

// endless says rows until nobody reads them, and counts the bytes.
func endless(written *atomic.Int64, gone chan<- struct{}) script {
	return func(conn net.Conn, next func() (string, bool)) {
		if _, ok := next(); !ok {
			return
		}
		_, err := io.WriteString(conn, rowsHead)
		text := strings.Repeat(row(7), 100)
		for err == nil {
			var n int
			n, err = io.WriteString(conn, text)
			written.Add(int64(n))
		}
		gone <- struct{}{}
	}
}

// TestStreamCallerLeaves has a caller who leaves: the backend's request ends, and the breaker does not count it.
func TestStreamCallerLeaves(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	gone := make(chan struct{}, 10)
	backend := startFake(t, endless(&written, gone))
	g := startGateway(t, streamSite(backend.url))
	for range 5 {
		ctx, leave := context.WithCancel(t.Context())
		resp := g.reads(ctx, t, "/s/rows")
		if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		leave()
		_ = resp.Body.Close()
		select {
		case <-gone:
		case <-time.After(patience):
			t.Fatal("the backend is still read from")
		}
	}
	resp := g.reads(t.Context(), t, "/s/rows") // five leavers are more than the breaker's three
	if resp.StatusCode != http.StatusOK {
		t.Errorf("callers who left count for the breaker: %d", resp.StatusCode)
	}
}

// TestStreamSlowCaller has a caller who does not read: the backend is not read from either.
func TestStreamSlowCaller(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	backend := startFake(t, endless(&written, make(chan struct{}, 1)))
	g := startGateway(t, streamSite(backend.url))
	resp := g.reads(t.Context(), t, "/s/rows")
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	// What the two connections hold is some megabytes; after that nothing moves.
	last, still := int64(-1), 0
	for still < 10 {
		pause(t.Context().Done())
		if n := written.Load(); n != last {
			last, still = n, 0
		} else {
			still++
		}
		if last > 64<<20 {
			t.Fatalf("%d bytes were read from the backend for a caller who reads nothing", last)
		}
	}
	if _, err := io.CopyN(io.Discard, resp.Body, 32<<20); err != nil {
		t.Errorf("reading on: %v", err)
	}
}

// resident gives what the process has in memory now and at most, in bytes.
func (g *gateway) resident(t testing.TB) (now, peak int64) {
	t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(g.cmd.Process.Pid) + "/status")
	if err != nil {
		t.Skip("there is no /proc here")
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			now = n << 10
		case "VmHWM:":
			peak = n << 10
		}
	}
	return now, peak
}

// TestStreamMemory streams 200 MiB through eight requests at once. The bound is far above what it takes where nothing
// else runs, since a collector that waits for the processor lets garbage lie; what is kept would be 200 MiB and more.
func TestStreamMemory(t *testing.T) {
	t.Parallel()
	const total, callers = 200 << 20, 8
	text := strings.Repeat(row(1), 1000)
	backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<rows>")
		for n := 0; n < total/callers; n += len(text) {
			_, _ = io.WriteString(w, text)
		}
		_, _ = io.WriteString(w, "</rows>")
	})
	g := startGateway(t, streamSite(backend.url))
	a := g.get(t, "/")
	if a.status != http.StatusOK {
		t.Fatal(a.status)
	}
	idle, _ := g.resident(t)
	var wg sync.WaitGroup
	var got atomic.Int64
	for range callers {
		wg.Go(func() {
			resp, err := client.Get(g.url + "/s/rows")
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = resp.Body.Close() }()
			n, err := io.Copy(io.Discard, bufio.NewReader(resp.Body))
			if err != nil {
				t.Error(err)
			}
			got.Add(n)
		})
	}
	wg.Wait()
	if got.Load() < total/2 {
		t.Errorf("only %d bytes came", got.Load())
	}
	_, peak := g.resident(t)
	t.Logf("idle %d KiB, peak %d KiB", idle>>10, peak>>10)
	if peak-idle > 96<<20 {
		t.Errorf("streaming takes %d MiB over idle", (peak-idle)>>20)
	}
}

// TestStreamHead has the header and nothing else.
func TestStreamHead(t *testing.T) {
	t.Parallel()
	backend := startFake(t, says(rowsHead+row(1)+"</rows>"))
	g := startGateway(t, streamSite(backend.url))
	a := g.ask(t, request{method: http.MethodHead, path: "/s/rows"})
	if a.status != http.StatusOK || a.body != "" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %q %v", a.status, a.body, a.header)
	}
}

// TestOutputs has one answer in all its outputs, with entity tags, behind Caddy's encode.
func TestOutputs(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"id":1.50,"text":"a, \"b\"","more":null},{"id":2,"text":"`+strings.Repeat("=x ", 400)+`","more":{"a":[1]}}]`)
	})
	g := startGateway(t, site("\tencode gzip zstd\n\thealth\n\tservice /s {\n\tversion 1.0.0\n\trepository https://example.org/r\n\tdescription \"Outputs\"\n\tbackend "+backend.url+
		"\n\tGET /rows {\n\t\toutput json csv ndjson suffix\n\t\tfetch /rows {\n\t\t\tdecode json\n\t\t}\n\t}\n}"))
	long := strings.TrimSuffix(strings.Repeat("=x ", 400), " ") + " "
	for path, want := range map[string]string{
		"/s/rows":        `[{"id":1.50,"text":"a, \"b\"","more":null},{"id":2,"text":"` + long + `","more":{"a":[1]}}]` + "\n",
		"/s/rows.ndjson": `{"id":1.50,"text":"a, \"b\"","more":null}` + "\n" + `{"id":2,"text":"` + long + `","more":{"a":[1]}}` + "\n",
		"/s/rows.csv":    "id,text,more\r\n1.50,\"a, \"\"b\"\"\",\r\n2,\"" + long + "\",\"{\"\"a\"\":[1]}\"\r\n",
	} {
		a := g.get(t, path)
		if diff := cmp.Diff(want, a.body); diff != "" || a.status != http.StatusOK {
			t.Errorf("%s: %d (-want +got):\n%s", path, a.status, diff)
		}
		tag := a.header.Get("ETag")
		if len(tag) < 10 || a.header.Get("Accept-Ranges") != "" {
			t.Errorf("%s: %v", path, a.header)
		}
		for _, encoding := range []string{"", "gzip", "zstd"} {
			if strings.HasSuffix(path, "ndjson") && encoding != "" {
				continue // it is not among the media types that encode compresses unless it is told to
			}
			h := http.Header{"Accept-Encoding": {encoding}}
			encoded := g.ask(t, request{path: path, header: h})
			if got := encoded.header.Get("Content-Encoding"); got != encoding {
				t.Errorf("%s: asked for %q, got %q", path, encoding, got)
			}
			own := encoded.header.Get("ETag")
			if (own == tag) != (encoding == "") {
				t.Errorf("%s: the tag of %q is %s, of none %s", path, encoding, own, tag)
			}
			h = http.Header{"Accept-Encoding": {encoding}, "If-None-Match": {`"other", W/` + own}}
			again := g.ask(t, request{path: path, header: h})
			if again.status != http.StatusNotModified || again.body != "" || again.header.Get("ETag") == "" {
				t.Errorf("%s %q: %d %v for a tag that is known", path, encoding, again.status, again.header)
			}
		}
		head := g.ask(t, request{method: http.MethodHead, path: path})
		for _, name := range []string{"ETag", "Content-Type", "Content-Length", "Vary"} {
			if head.header.Get(name) != a.header.Get(name) {
				t.Errorf("%s: HEAD has %s %q, GET %q", path, name, head.header.Get(name), a.header.Get(name))
			}
		}
		ranged := g.ask(t, request{path: path, header: http.Header{"Range": {"bytes=0-3"}}})
		if ranged.status != http.StatusOK || ranged.body != want {
			t.Errorf("%s: a range is answered %d", path, ranged.status)
		}
	}
	for accept, want := range map[string]string{
		"text/csv": "text/csv; charset=utf-8", "*/*": "application/json", "": "application/json",
		"application/json;q=0.1, application/*": "application/x-ndjson", "text/*, application/json;q=0.5": "text/csv; charset=utf-8",
		"image/png": "application/problem+json", "application/json;q=0, text/html": "application/problem+json",
	} {
		a := g.ask(t, request{path: "/s/rows", header: http.Header{"Accept": {accept}}})
		if got := a.header.Get("Content-Type"); got != want || !strings.Contains(a.header.Get("Vary"), "Accept") {
			t.Errorf("Accept %s: %s, Vary %q", accept, got, a.header.Get("Vary"))
		}
		if (want == "application/problem+json") != (a.status == http.StatusNotAcceptable) {
			t.Errorf("Accept %s: status %d", accept, a.status)
		}
	}
}
