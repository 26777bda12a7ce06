package fairway

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// spansKey is the key of the entry that sends spans of what no request began.
const spansKey = "spans"

// spansPatience is how long a process that ends, or a reload, waits for spans to be sent.
const spansPatience = 5 * time.Second

// spans sends spans of what no request began, as the variables OTEL_… say. Those of requests are Caddy's, whose provider belongs to its
// directive tracing, which a process of runners does not have.
type spans struct{ *sdktrace.TracerProvider }

// Destruct sends what was not sent yet.
func (s spans) Destruct() error {
	ctx, cancel := context.WithTimeout(context.Background(), spansPatience)
	defer cancel()
	return s.Shutdown(ctx)
}

// sendsSpans says whether somebody has said where spans go: without that they would be sent to this machine, where nobody listens.
func sendsSpans() bool {
	return cmp.Or(os.Getenv("OTEL_TRACES_EXPORTER"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) != ""
}

// tracer makes spans of what no request began; nil: nobody wants them.
func (a *App) tracer() (trace.Tracer, error) {
	if !sendsSpans() {
		return nil, nil //nolint:nilnil // there is none
	}
	v, err := a.take(spansKey, func() (caddyDestructor, error) {
		exporter, err := autoexport.NewSpanExporter(context.Background())
		if err != nil {
			return nil, fmt.Errorf("spans: %w", err)
		}
		return spans{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))}, nil
	})
	if err != nil {
		return nil, err
	}
	return v.(spans).Tracer("github.com/fairway-gateway/fairway"), nil
}
