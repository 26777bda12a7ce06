package integration_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/websocket"
)

// passSite passes everything on through a transport session of these words.
func passSite(to, words string) string {
	return site("\thealth\n\treverse_proxy " + to + " {\n\ttransport session {\n\t\tname legacy\n" + words + "\n\t}\n\tflush_interval 100ms\n}")
}

// annOnly lets ann in, who has the password secret.
func annOnly(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ann" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="backend"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

func startBackend(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// TestPass goes through the real binary: who has no credentials is asked for them, who has them gets in, and what fails is a
// problem.
func TestPass(t *testing.T) {
	t.Parallel()
	backend := startBackend(t, annOnly(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RequestURI(), body)
	}))
	g := startGateway(t, passSite(backend.URL, "auth basic"))
	a := g.get(t, "/a/b?c=d")
	a.wantProblem(t, http.StatusUnauthorized, "no_credentials")
	if a.header.Get("WWW-Authenticate") != `Basic realm="legacy", charset="UTF-8"` || len(a.header.Values("X-Request-ID")) != 1 {
		t.Errorf("%v", a.header)
	}
	if a := g.ask(t, request{method: "PUT", path: "/a%2Fb//c?d=%20", user: "ann:secret", body: "hello"}); a.status != 200 || a.body != "PUT /a%2Fb//c?d=%20 hello" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := g.ask(t, request{path: "/", user: "ann:wr0ng"}); a.status != 200 || a.body != "OK" {
		t.Errorf("health: %d %s", a.status, a.body)
	}
	a = g.ask(t, request{path: "/x", user: "ann:wr0ng"})
	if a.status != 401 || a.header.Get("WWW-Authenticate") != `Basic realm="backend"` {
		t.Errorf("%d %v", a.status, a.header)
	}
	backend.Close()
	a = g.ask(t, request{path: "/x", user: "ann:secret"})
	a.wantProblem(t, http.StatusBadGateway, "backend_unreachable")
	g.wantNothingLeaked(t, a, "secret", "wr0ng", "YW5uOnNlY3JldA")
	metrics, err := client.Get("http://" + g.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer metrics.Body.Close()
	text, err := io.ReadAll(metrics.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`fairway_pass_duration_seconds_count{outcome="no_credentials",service="legacy"} 1`,
		`fairway_pass_duration_seconds_count{outcome="ok",service="legacy"} 2`,
		`fairway_pass_duration_seconds_count{outcome="backend_unreachable",service="legacy"} 1`,
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestPassTLS has an https upstream, which turns TLS on without a word, a dead one beside it, and health checks.
func TestPassTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(annOnly(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	dead := freeAddress(t)
	g := startGateway(t, site("\thealth\n\treverse_proxy https://"+dead+" "+s.URL+" {\n\tlb_policy round_robin\n\tlb_retries 1\n\tfail_duration 1s\n"+
		"\ttransport session {\n\t\tauth basic {env.BACKEND_USER} {env.BACKEND_PASSWORD}\n\t\ttransport http {\n\t\t\ttls_trust_pool file "+ca+"\n\t\t}\n\t}\n"+
		"\thealth_uri /ping\n\thealth_interval 1h\n}"), "BACKEND_USER=ann", "BACKEND_PASSWORD=secret")
	for range 4 {
		if a := g.get(t, "/x"); a.status != 200 || a.body != strings.TrimPrefix(s.URL, "https://") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

// TestPassEvents has server-sent events come while the backend waits for the caller to have the first.
func TestPassEvents(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	left := make(chan struct{})
	backend := startBackend(t, annOnly(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-read:
		case <-r.Context().Done():
			return
		}
		_, _ = io.WriteString(w, "data: 2\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	}))
	g := startGateway(t, passSite(backend.URL, "auth basic"))
	ctx, cancel := context.WithCancel(t.Context())
	resp := g.reads(ctx, t, "/events", "Authorization", "Basic YW5uOnNlY3JldA==")
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "data: 1\n" {
		t.Fatalf("%q, %v", line, err)
	}
	close(read)
	_, _ = lines.ReadString('\n')
	if line, err := lines.ReadString('\n'); line != "data: 2\n" {
		t.Fatalf("%q, %v", line, err)
	}
	cancel()
	<-left // a caller who leaves ends it
}

// TestPassWebSocket speaks both ways on an upgraded connection.
func TestPassWebSocket(t *testing.T) {
	t.Parallel()
	echo := websocket.Handler(func(c *websocket.Conn) { _, _ = io.Copy(c, c) })
	backend := startBackend(t, annOnly(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-User") != "" || r.Header.Get("Connection") != "Upgrade" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		echo.ServeHTTP(w, r)
	}))
	g := startGateway(t, passSite(backend.URL, "auth basic"))
	dial := func(authorization string) (*websocket.Conn, error) {
		cfg, err := websocket.NewConfig("ws://"+g.addr+"/ws", g.url)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Header.Set("Authorization", authorization)
		cfg.Header.Set("X-Forwarded-User", "root")
		return cfg.DialContext(t.Context())
	}
	if c, err := dial("Basic YW5uOndyb25n"); err == nil {
		_ = c.Close()
		t.Error("somebody with a wrong password speaks with the backend")
	}
	c, err := dial("Basic YW5uOnNlY3JldA==")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range []string{"one", strings.Repeat("long ", 100_000), "three"} {
		sent := make(chan error, 1)
		go func() { sent <- websocket.Message.Send(c, text) }()
		var got []byte
		for len(got) < len(text) {
			var part []byte
			if err := websocket.Message.Receive(c, &part); err != nil {
				t.Fatal(err)
			}
			got = append(got, part...)
		}
		if err := <-sent; err != nil || string(got) != text {
			t.Fatalf("%d bytes came back of %d, %v", len(got), len(text), err)
		}
	}
}

// pattern reads n bytes that are never the same twice in a row.
type pattern struct{ at, n int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.at == p.n {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.n-p.at)]
	for i := range b {
		b[i] = byte(p.at + int64(i)>>8)
	}
	p.at += int64(len(b))
	return len(b), nil
}

// TestPassUpload sends 100 MiB through, of known length and of unknown, and the gateway keeps none of it.
func TestPassUpload(t *testing.T) {
	t.Parallel()
	const size = 100 << 20
	want := sha256.New()
	_, _ = io.Copy(want, &pattern{n: size})
	backend := startBackend(t, annOnly(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		_, _ = io.Copy(sum, r.Body)
		_, _ = io.WriteString(w, hex.EncodeToString(sum.Sum(nil)))
	}))
	g := startGateway(t, passSite(backend.URL, "auth basic"))
	g.ask(t, request{path: "/warm", user: "ann:secret"})
	before, _ := g.resident(t)
	for _, length := range []int64{size, -1} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/upload", &pattern{n: size})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		req.SetBasicAuth("ann", "secret")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(got) != hex.EncodeToString(want.Sum(nil)) {
			t.Errorf("length %d: %d %.200s, %v", length, resp.StatusCode, got, err)
		}
	}
	if _, peak := g.resident(t); peak-before > 64<<20 {
		t.Errorf("the gateway took %d MiB more for an upload of 100", (peak-before)>>20)
	}
}

// TestPassBodyLimit has Caddy refuse a body while it is passed on: the caller is told of it, and the upstream stays in the rotation.
func TestPassBodyLimit(t *testing.T) {
	t.Parallel()
	backend := startBackend(t, annOnly(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	file := strings.Replace(passSite(backend.URL, "auth basic"), "\thealth\n", "\thealth\n\trequest_body {\n\t\tmax_size 1KiB\n\t}\n", 1)
	g := startGateway(t, strings.Replace(file, "\tflush_interval", "\tfail_duration 1h\n\tflush_interval", 1))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/upload", &pattern{n: 2 << 10})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = -1
	req.SetBasicAuth("ann", "secret")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	answer{status: resp.StatusCode, header: resp.Header, body: string(body)}.wantProblem(t, http.StatusRequestEntityTooLarge, "bad_body")
	if a := g.ask(t, request{path: "/x", user: "ann:secret"}); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestPassTrailers passes trailers of both, but those of identity; over HTTP/1.1 and HTTP/2.
func TestPassTrailers(t *testing.T) {
	t.Parallel()
	backend := httptest.NewUnstartedServer(annOnly(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Checksum, X-Auth-Request-Email")
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, r.Proto, len(r.Trailer), r.Trailer.Get("Checksum"), r.Trailer.Get("X-Forwarded-User"))
		_ = http.NewResponseController(w).Flush() // else net/http knows a length, with which HTTP/1.1 has no trailers
		w.Header().Set("Checksum", "2")
		w.Header().Set("X-Auth-Request-Email", "ann@example.org")
		w.Header().Set(http.TrailerPrefix+"Late", "3")
		w.Header().Set(http.TrailerPrefix+"Gap-Auth", "ann@example.org")
	}))
	backend.Config.Protocols = new(http.Protocols)
	backend.Config.Protocols.SetHTTP1(true)
	backend.Config.Protocols.SetUnencryptedHTTP2(true)
	backend.Start()
	t.Cleanup(backend.Close)
	for _, to := range []string{backend.URL, strings.Replace(backend.URL, "http:", "h2c:", 1)} {
		file := strings.Replace(passSite(to, "auth basic"), "skip_install_trust\n", "skip_install_trust\n\tservers {\n\t\tprotocols h1 h2c\n\t}\n", 1)
		g := startGateway(t, file)
		for _, h2 := range []bool{false, true} {
			wantTrailers(t, g, strings.HasPrefix(to, "h2c"), h2)
		}
	}
}

// wantTrailers sends and wants trailers, to a backend and as a caller of HTTP/2 or HTTP/1.1.
func wantTrailers(t *testing.T, g *gateway, backend2, h2 bool) {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!h2)
	transport.Protocols.SetUnencryptedHTTP2(h2)
	t.Cleanup(transport.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/x", io.MultiReader(strings.NewReader("body")))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ann", "secret")
	req.Trailer = http.Header{"Checksum": {"1"}, "X-Forwarded-User": {"root"}, "Remote-User": {"root"}}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(body) != map[bool]string{false: "HTTP/1.111", true: "HTTP/2.011"}[backend2] || (resp.ProtoMajor == 2) != h2 {
		t.Errorf("%s: the backend saw %q, %v", resp.Proto, body, err)
	}
	if len(resp.Trailer) != 2 || resp.Trailer.Get("Checksum") != "2" || resp.Trailer.Get("Late") != "3" {
		t.Errorf("%s: the caller has the trailers %v", resp.Proto, resp.Trailer)
	}
}
