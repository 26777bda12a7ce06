package upstream

import (
	"net"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestTraceparentIsOfTheAttempt(t *testing.T) {
	t.Parallel()
	for name, sampler := range map[string]sdktrace.Sampler{
		"recorded":     sdktrace.AlwaysSample(),
		"not recorded": sdktrace.NeverSample(),
		"no span":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan []string, 2)
			play := inTurn(say(broken), say(ok("x")))
			s := serve(t, func(s *server, c net.Conn, req *http.Request, n int64) bool {
				seen <- req.Header["Traceparent"]
				return play(s, c, req, n)
			})
			f := start(t, Config{Retries: 1}, s.address)
			recorder := tracetest.NewSpanRecorder()
			ctx := t.Context()
			if sampler != nil {
				provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSampler(sampler))
				c, parent := provider.Tracer("test").Start(ctx, "parent")
				defer parent.End()
				ctx = c
			}
			_ = f.body(t, ctx, get("/a"))
			got := [][]string{<-seen, <-seen}
			want := [][]string{nil, nil}
			for i, span := range recorder.Ended() {
				c := span.SpanContext()
				want[i] = []string{"00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-01"}
			}
			if name == "recorded" && len(recorder.Ended()) != 2 {
				t.Fatalf("%d spans ended", len(recorder.Ended()))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
