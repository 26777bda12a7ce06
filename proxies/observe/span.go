package observe

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// scope names the instrumentation in the spans.
const scope = "github.com/fairway-gateway/fairway"

// Start begins a span under the span of ctx, from the provider that made that one: there is no global provider.
// Where nothing is recorded it gives ctx and a span that does nothing, and allocates nothing.
// Attributes hold no credentials, no bodies and no targets. The caller ends the span.
func Start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, noop.Span{}
	}
	// The copy keeps attrs on the caller's stack when the branch above is taken.
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithAttributes(slices.Clone(attrs)...))
}

// End writes the outcome into the span and ends it; any outcome but OK makes it one of failure.
func End(span trace.Span, outcome string) {
	if span.IsRecording() {
		span.SetAttributes(attribute.String("fairway.outcome", outcome))
		if outcome != OK {
			span.SetStatus(codes.Error, outcome)
		}
	}
	span.End()
}

var _ trace.Span = noop.Span{}
