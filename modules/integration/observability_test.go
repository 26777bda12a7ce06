package integration_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spanReceiver is a collector of OTLP over HTTP that keeps what it is sent.
type spanReceiver struct {
	url string

	mu    sync.Mutex
	spans []*otlp.Span
	raw   []string
}

func startSpanReceiver(t testing.TB) *spanReceiver {
	t.Helper()
	rec := &spanReceiver{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(raw, &sent)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.raw = append(rec.raw, string(raw))
		for _, resource := range sent.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				rec.spans = append(rec.spans, scope.GetSpans()...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	rec.url = s.URL
	return rec
}

// named gives the spans of a trace with the name, in order of their start.
func (r *spanReceiver) named(trace, name string) []*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*otlp.Span
	for _, s := range r.spans {
		if hex.EncodeToString(s.GetTraceId()) == trace && s.GetName() == name {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *otlp.Span) int { return int(a.GetStartTimeUnixNano()) - int(b.GetStartTimeUnixNano()) })
	return out
}

// all gives what was received, byte for byte.
func (r *spanReceiver) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.raw, "\n")
}

// wantAttributes checks some attributes of a span; numbers are written in decimal.
func wantAttributes(t testing.TB, s *otlp.Span, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for _, a := range s.GetAttributes() {
		got[a.GetKey()] = a.GetValue().GetStringValue()
		if got[a.GetKey()] == "" {
			got[a.GetKey()] = strconv.FormatInt(a.GetValue().GetIntValue(), 10)
		}
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("span %s: %s is %q, want %q", s.GetName(), key, got[key], value)
		}
	}
}

const (
	sentTrace  = "0af7651916cd43dd8448eb211c80319c"
	sentParent = "b7ad6b7169203331"
)

// secrets of the observed service, none of which may be seen in a log, a span or a metric.
const (
	callersPassword = "s3cret-of-the-caller"
	fixedPassword   = "s3cret-of-the-gateway"
	queryValue      = "s3cret-in-the-query"
	bodyText        = "s3cret-in-the-body"
	headerValue     = "s3cret-in-the-header"
)

func observedService(address string) string {
	return fmt.Sprintf(`
	log
	tracing {
		span site
	}
	health
	service /o {
		version 1.0.0
		repository https://example.org/o
		description "A service that is watched"
		backend main %[1]s {
			auth basic
			retries 1
			breaker 3 1h
			header X-Key {env.OBSERVED_KEY}
		}
		backend own %[1]s {
			auth basic svc {env.OBSERVED_PASSWORD}
			retries 0
		}
		GET /{word} {
			param q string
			fetch one /{word}?q={query.q} {
				backend main
				decode json
			}
		}
		GET /own/{word} {
			fetch two /{word} {
				backend own
				decode json
			}
		}
	}`, address)
}

// observedBackend answers by the path: well, at the second attempt, with no JSON, with a failure.
func observedBackend(t testing.TB) *recorder {
	t.Helper()
	var asked atomic.Int64
	return startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", js)
		switch r.URL.Path {
		case "/second":
			if asked.Add(1)%2 == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = io.WriteString(w, bodyText)
				return
			}
			_, _ = io.WriteString(w, `{"second":true}`)
		case "/garbage":
			_, _ = io.WriteString(w, `{"`+bodyText+`": nonsense}`)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, bodyText)
		default:
			_, _ = io.WriteString(w, `{"fine":true}`)
		}
	})
}

// TestObservability runs a scripted sequence and looks at it through spans, metrics and logs.
func TestObservability(t *testing.T) {
	t.Parallel()
	backend, receiver := observedBackend(t), startSpanReceiver(t)
	g := startGateway(t, siteWith("\tmetrics\n", observedService(backend.url)),
		"OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.url, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_TRACES_EXPORTER=otlp",
		"OTEL_BSP_SCHEDULE_DELAY=100", "OBSERVED_PASSWORD="+fixedPassword, "OBSERVED_KEY="+headerValue)
	ask := func(path, id string, want int) {
		t.Helper()
		a := g.ask(t, request{path: path + "?q=" + queryValue, user: "ann:" + callersPassword, header: http.Header{
			"X-Request-Id": {id}, "Traceparent": {"00-" + sentTrace + "-" + sentParent + "-01"},
		}})
		if a.status != want || a.header.Get("X-Request-ID") != id {
			t.Errorf("%s: status %d, request id %q: %s", path, a.status, a.header.Get("X-Request-ID"), a.body)
		}
	}
	ask("/o/fine", "id-fine", http.StatusOK)
	ask("/o/own/fine", "id-own", http.StatusOK)
	ask("/o/second", "id-second", http.StatusOK)
	ask("/o/garbage", "id-garbage", http.StatusBadGateway)
	g.wantSpans(t, receiver)
	wantTraceparents(t, backend, receiver)
	for range 4 {
		_ = g.ask(t, request{path: "/o/broken", user: "ann:" + callersPassword})
	}
	ask("/o/broken", "id-open", http.StatusServiceUnavailable)
	metrics := g.wantMetrics(t)
	g.wantLogged(t, "id-fine", "id-garbage")
	for _, secret := range []string{callersPassword, fixedPassword, queryValue, bodyText, headerValue, "s3cret"} {
		for where, text := range map[string]string{"metrics": metrics, "spans": receiver.all()} {
			if strings.Contains(text, secret) {
				t.Errorf("%s hold %q", where, secret)
			}
		}
		for line := range strings.Lines(g.log.String()) {
			if !strings.Contains(line, `"http.log.access`) && strings.Contains(line, secret) {
				t.Errorf("a line of the log holds %q: %s", secret, line)
			}
		}
		// Caddy's access log holds the caller's own request target, as every server's does.
		if secret != queryValue && secret != "s3cret" && strings.Contains(g.log.String(), secret) {
			t.Errorf("the access log holds %q", secret)
		}
	}
}

// wantSpans checks names, parents and attributes of the spans of the sequence.
func (g *gateway) wantSpans(t *testing.T, receiver *spanReceiver) {
	t.Helper()
	if err := waitFor(func() error {
		if n := len(receiver.named(sentTrace, "site")); n < 4 {
			return fmt.Errorf("%d server spans of 4", n)
		}
		if n := len(receiver.named(sentTrace, "fairway.attempt")); n < 5 {
			return fmt.Errorf("%d attempts, want at least 5", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	servers, fetches := receiver.named(sentTrace, "site"), receiver.named(sentTrace, "fairway.fetch")
	if len(fetches) != 4 {
		t.Fatalf("%d fetches, want 4", len(fetches))
	}
	want := []map[string]string{
		{"fairway.fetch": "one", "fairway.backend": "main", "fairway.route": "GET /{word}", "fairway.outcome": "ok"},
		{"fairway.fetch": "two", "fairway.backend": "own", "fairway.route": "GET /own/{word}", "fairway.outcome": "ok"},
		{"fairway.fetch": "one", "fairway.backend": "main", "fairway.route": "GET /{word}", "fairway.outcome": "ok"},
		{"fairway.fetch": "one", "fairway.backend": "main", "fairway.route": "GET /{word}", "fairway.outcome": "undecodable"},
	}
	for i, f := range fetches {
		if string(f.GetParentSpanId()) != string(servers[i].GetSpanId()) {
			t.Errorf("fetch %d is no child of its server span", i)
		}
		want[i]["fairway.service"] = "o"
		wantAttributes(t, f, want[i])
		var attempts []*otlp.Span
		for _, a := range receiver.named(sentTrace, "fairway.attempt") {
			if string(a.GetParentSpanId()) == string(f.GetSpanId()) {
				attempts = append(attempts, a)
			}
		}
		if len(attempts) == 0 {
			t.Errorf("fetch %d has no attempt", i)
			continue
		}
		for n, a := range attempts {
			wantAttributes(t, a, map[string]string{"fairway.service": "o", "fairway.backend": want[i]["fairway.backend"], "fairway.attempt": strconv.Itoa(n + 1)})
		}
		wantAttributes(t, attempts[len(attempts)-1], map[string]string{"fairway.outcome": want[i]["fairway.outcome"]})
		if i == 2 {
			if len(attempts) != 2 {
				t.Errorf("%d attempts for what came at the second", len(attempts))
			}
			wantAttributes(t, attempts[0], map[string]string{"fairway.outcome": "status", "http.response.status_code": "503"})
		}
	}
}

// wantTraceparents checks that every request to the backend carried the id of an attempt's span.
func wantTraceparents(t *testing.T, backend *recorder, receiver *spanReceiver) {
	t.Helper()
	ids := map[string]bool{}
	for _, a := range receiver.named(sentTrace, "fairway.attempt") {
		ids[hex.EncodeToString(a.GetSpanId())] = true
	}
	backend.mu.Lock()
	defer backend.mu.Unlock()
	for _, r := range backend.requests {
		parts := strings.Split(r.Header.Get("Traceparent"), "-")
		if len(parts) != 4 || parts[1] != sentTrace || !ids[parts[2]] {
			t.Errorf("%s carried traceparent %q, which is no attempt's", r.URL.Path, r.Header.Get("Traceparent"))
		}
		delete(ids, parts[min(2, len(parts)-1)])
	}
	if len(ids) != 0 {
		t.Errorf("%d attempts reached no backend", len(ids))
	}
}

// wantMetrics scrapes the admin endpoint until it tells of the sequence, and gives its text.
func (g *gateway) wantMetrics(t *testing.T) string {
	t.Helper()
	var text string
	err := waitFor(func() error {
		resp, err := client.Get("http://" + g.admin + "/metrics")
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		text = string(raw)
		for _, want := range [][]string{
			{"fairway_attempts_total{", `backend="own"`, `outcome="ok"`, `service="o"`, " 1"},
			{"fairway_attempts_total{", `backend="main"`, `outcome="ok"`, " 2"},
			{"fairway_attempts_total{", `backend="main"`, `outcome="status"`},
			{"fairway_retries_total{", `backend="main"`},
			{"fairway_decode_failures_total{", `format="json"`},
			{"fairway_breaker_changes_total{", `backend="main"`, ` 1`},
			{"fairway_breaker_state{", `backend="main"`, " 2"},
			{"fairway_request_duration_seconds_count{", `route="GET /{word}"`},
			{"fairway_fetch_duration_seconds_count{", `fetch="one"`, `outcome="breaker_open"`},
			{"fairway_fetch_duration_seconds_count{", `fetch="one"`, `outcome="undecodable"`},
		} {
			if !hasLine(text, want) {
				return errors.New("no line with " + strings.Join(want, " "))
			}
		}
		return nil
	})
	if err != nil {
		var ours []string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "fairway_") && !strings.Contains(line, "_bucket") {
				ours = append(ours, line)
			}
		}
		t.Errorf("%v in\n%s", err, strings.Join(ours, ""))
	}
	return text
}

// hasLine says whether a line holds all parts, starts with the first and ends with the last if it is a number.
func hasLine(text string, parts []string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, parts[0]) {
			continue
		}
		missing := slices.ContainsFunc(parts, func(p string) bool {
			if strings.HasPrefix(p, " ") {
				return !strings.HasSuffix(line, p)
			}
			return !strings.Contains(line, p)
		})
		if !missing {
			return true
		}
	}
	return false
}

// wantLogged checks that access log and, of the second, the line about the failure carry the request's id.
func (g *gateway) wantLogged(t *testing.T, fine, failed string) {
	t.Helper()
	has := func(id, text string) error {
		for line := range strings.Lines(g.log.String()) {
			if strings.Contains(line, text) && strings.Contains(line, `"request_id":"`+id+`"`) {
				return nil
			}
		}
		return fmt.Errorf("no line with %q and the request_id %s", text, id)
	}
	err := waitFor(func() error {
		return errors.Join(has(fine, "http.log.access"), has(failed, "http.log.access"), has(failed, "request failed"))
	})
	if err != nil {
		t.Error(err)
	}
}
