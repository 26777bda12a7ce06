package runner

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/fairway-gateway/fairway/queries"
)

// What is said of an attempt of which the runner does not know how it ended.
const (
	spanDetached = "detached"   // it goes on without this runner
	spanLost     = "lease_lost" // it is somebody else's, or has ended
	spanGivenUp  = "given_up"   // it cannot be followed
)

// span begins the span of what this runner does for an attempt. It has no parent: what asked for the execution is over by then. Nothing
// that a user chose is in it.
func (r *Runner) span(a *attempt) trace.Span {
	_, span := r.Tracer.Start(a.ctx, "fairway.execution", trace.WithNewRoot(), trace.WithAttributes(attribute.Int64("fairway.attempt", a.Number)))
	return span
}

// endSpan says how an attempt ended; err: why the runner did not say it.
func endSpan(span trace.Span, outcome queries.Outcome, err error) {
	said := string(outcome)
	switch {
	case errors.Is(err, errDetached):
		said = spanDetached
	case errors.Is(err, errFenced):
		said = spanLost
	case err != nil:
		said = spanGivenUp
	}
	span.SetAttributes(attribute.String("fairway.outcome", said))
	if said != string(queries.OutcomeSucceeded) && said != spanDetached {
		span.SetStatus(codes.Error, said)
	}
	span.End()
}
