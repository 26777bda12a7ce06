package e2e_test

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/process"
)

// example reads a file of deploy/opentelemetry and replaces addresses in it, each of which has to be there.
func example(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repository, "deploy", "opentelemetry", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Errorf("%s does not have %s", name, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// startOTelCollector runs the OpenTelemetry Collector with the example's configuration and gives the address where it takes
// OTLP over HTTP. It sends what it gets to the other address.
func startOTelCollector(t *testing.T, to string) string {
	t.Helper()
	path, err := builder.Peer(build.OTelCollector())
	if err != nil {
		t.Fatal(err)
	}
	var ports [2]string
	for i := range ports {
		if ports[i], err = process.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "collector.yaml")
	text := example(t, "collector.yaml", "127.0.0.1:4317", "127.0.0.1:"+ports[0], "127.0.0.1:4318", "127.0.0.1:"+ports[1])
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(process.Spec{
		Path: path, Args: []string{"--config", config}, Env: []string{"HOME=" + dir, "TRACES_ENDPOINT=" + to}, Dir: dir, Log: filepath.Join(dir, "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("%v\n%s", err, p.Log())
		}
	})
	await(t, func() error {
		if !strings.Contains(p.Log(), "Everything is ready") {
			return fmt.Errorf("the collector is not ready: %s", p.Log())
		}
		return nil
	})
	return "http://127.0.0.1:" + ports[1]
}

// unpacked has bodies that were compressed on their way come as they were.
func unpacked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Encoding") == "gzip" {
			plain, err := gzip.NewReader(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(plain)
		}
		next.ServeHTTP(w, r)
	})
}

// TestOpenTelemetry runs the example of docs/tracing.md: a gateway, the real collector, and somebody who keeps traces behind it.
func TestOpenTelemetry(t *testing.T) {
	t.Parallel()
	var traceparent atomic.Value
	station := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		traceparent.Store(r.Header.Get("Traceparent"))
		_, _ = io.WriteString(w, "Station: Tromso\nTemperature: -3.5\n")
	}))
	t.Cleanup(station.Close)
	kept := &collector{}
	keeper := httptest.NewServer(unpacked(kept.take(t)))
	t.Cleanup(keeper.Close)
	at := startOTelCollector(t, keeper.URL)

	env := []string{"WEATHER=" + station.URL, "OTEL_BSP_SCHEDULE_DELAY=100"}
	for line := range strings.Lines(example(t, "gateway.env", "http://127.0.0.1:4318", at)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			env = append(env, line)
		}
	}
	g := startGateway(t, gateway.Options{Caddyfile: example(t, "Caddyfile"), Env: env})
	const sampled, left = "0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319d"
	ask := func(trace, flags string) {
		t.Helper()
		req := g.Request(http.MethodGet, "/weather/tromso", "", "", nil)
		req.Header.Set("Traceparent", "00-"+trace+"-b7ad6b7169203331-"+flags)
		if a, err := g.Do(req); err != nil || a.Status != http.StatusOK {
			t.Fatal(a, err)
		}
	}
	ask(left, "00") // who calls has decided that this one is not kept
	ask(sampled, "01")
	if got, _ := traceparent.Load().(string); !strings.HasPrefix(got, "00-"+sampled+"-") {
		t.Errorf("the backend was told of %q", got)
	}
	await(t, func() error {
		for _, name := range []string{"fairway.fetch", "fairway.attempt", "fairway.outcome"} {
			if !strings.Contains(kept.text(), name) {
				return fmt.Errorf("%s is not kept: %.2000q", name, kept.text())
			}
		}
		return nil
	})
	for _, trace := range []string{sampled, left} {
		if !hasAccess(g.Log(), trace) {
			t.Errorf("no line of the access log has the trace %s", trace)
		}
	}
	for trace, want := range map[string]bool{sampled: true, left: false} {
		id, err := hex.DecodeString(trace)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(kept.text(), string(id)) != want {
			t.Errorf("that the trace %s is kept is not %t", trace, want)
		}
	}
}

// hasAccess tells whether a line of the access log has the trace.
func hasAccess(log, trace string) bool {
	for line := range strings.Lines(log) {
		var l struct{ Logger, TraceID string }
		if json.Unmarshal([]byte(line), &l) == nil && strings.HasPrefix(l.Logger, "http.log.access") && l.TraceID == trace {
			return true
		}
	}
	return false
}
