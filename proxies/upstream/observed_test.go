package upstream

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestSpanPerAttempt(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	ctx, parent := provider.Tracer("test").Start(t.Context(), "parent")
	s := serve(t, inTurn(say(broken), say(ok("x"))))
	f := start(t, Config{Retries: 1}, s.address)
	_ = f.body(t, ctx, get("/a?secret=hunter2"))
	parent.End()
	var got []string
	for _, span := range recorder.Ended() {
		line := []string{span.Name()}
		for _, a := range span.Attributes() {
			line = append(line, string(a.Key)+"="+a.Value.String())
		}
		got = append(got, strings.Join(line, " "))
	}
	const who = "fairway.attempt fairway.service=svc fairway.backend=main fairway.address=http://"
	want := []string{
		who + s.address + " fairway.attempt=1 http.response.status_code=500 fairway.outcome=status",
		who + s.address + " fairway.attempt=2 http.response.status_code=200 fairway.outcome=ok",
		"parent",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBreakerIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := serve(t, say(broken))
	b, err := New(Config{Service: "svc", Name: "main", Addresses: []string{"http://" + s.address}, BreakerFailures: 1},
		Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Do(t.Context(), get("/")); err == nil {
		t.Fatal("no failure")
	}
	for _, part := range []string{"level=WARN", "service=svc", "backend=main", "to=open", "failures=1", s.address} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %s: %s", part, log.String())
		}
	}
}
