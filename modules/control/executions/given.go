package executions

import (
	"context"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fairway-gateway/fairway/modules/control/typed"
)

// registerGiven has parameters told, to their script as well.
func (x *Executions) registerGiven(t *typed.API) {
	typed.Register(t, typed.Operation{ID: "execution.params", Summary: "The parameters of an execution", Description: "As they were sent, without an envelope."}, x.given)
}

func (x *Executions) given(ctx context.Context, _ *InPath) (*huma.StreamResponse, error) {
	head, err := found(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := x.script(ctx); err != nil {
		return nil, err
	}
	e, err := x.store.Execution(ctx, head.ID)
	if err != nil {
		return nil, failure(err)
	}
	text, err := x.params(ctx, e)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		_, w := humago.Unwrap(h)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text) // the caller may have left
	}}, nil
}
