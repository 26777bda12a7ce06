package executions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

// mostHandedOver is how long results may be that a script's runner is given by way of the gateway, in bytes: as long as those that it finds itself.
const mostHandedOver = 64 << 20

// HandoverKey is where results lie that were handed over for an attempt, until its runner has taken them.
func HandoverKey(attempt uuid.UUID) string { return blobs.HandoverKey(attempt.String()) }

// registerHandover has the operations handled by which a script is run where its runner is not: its files are fetched, and its results
// given to the runner.
func (x *Executions) registerHandover(a *api.API, t *typed.API) {
	typed.Register(t, typed.Operation{ID: "execution.files", Summary: "The files of the script that an execution runs", Description: "The version that it runs, as a tar archive compressed with gzip."}, x.files)
	a.HandleFunc("execution.hand_over", x.handOver)
}

// forPod is an execution, and which pod asks.
type forPod struct {
	InPath
	Pod string `header:"Fairway-Pod" maxLength:"64" doc:"The pod that asks with the token of an attempt. The first one has the attempt: another one is refused (409)." example:"0b8b7f0e-4f0e-4c53-9d3b-8d1f3f6a1c55"`
}

func (x *Executions) files(ctx context.Context, in *forPod) (*huma.StreamResponse, error) {
	head, err := found(ctx)
	if err != nil {
		return nil, err
	}
	run, err := x.script(ctx)
	if err != nil {
		return nil, err
	}
	if run != nil && in.Pod != "" {
		if err := x.give(ctx, run, in.Pod); err != nil {
			return nil, err
		}
	}
	e, err := x.store.Execution(ctx, head.ID)
	if err != nil {
		return nil, failure(err)
	}
	if e.ScriptID == nil || e.ScriptVersion == nil {
		return nil, missing()
	}
	v, err := x.store.Queries().GetScriptVersion(ctx, db.GetScriptVersionParams{ScriptID: *e.ScriptID, Number: *e.ScriptVersion})
	if err != nil {
		return nil, failure(err)
	}
	place, err := x.options.Blobs(ctx)
	if err != nil {
		return nil, away(err)
	}
	content, err := place.Read(ctx, v.BlobKey)
	if errors.Is(err, blobs.ErrNotFound) {
		return nil, fmt.Errorf("script %s has no blob any more: %w", e.ScriptID, err)
	}
	if err != nil {
		return nil, away(err)
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer content.Close()
		r, w := humago.Unwrap(h)
		header := w.Header()
		header.Set("Content-Type", "application/gzip")
		header.Set("Content-Length", strconv.FormatInt(content.Size, 10))
		header.Set("X-Content-Type-Options", "nosniff")
		if r.Method == http.MethodHead {
			return
		}
		if _, err := io.Copy(w, content); err != nil {
			panic(http.ErrAbortHandler) // nobody takes a part for the whole
		}
	}}, nil
}

// give has a pod be the one of an attempt: clusters may make two of them by mistake, and only one is to do something.
func (x *Executions) give(ctx context.Context, run *tokens.Run, pod string) error {
	for _, c := range []byte(pod) {
		if c <= ' ' || c > '~' {
			return refused("Fairway-Pod is no name of a pod")
		}
	}
	err := x.store.GiveToPod(ctx, holder(run), pod)
	if errors.Is(err, queries.ErrAnotherPod) {
		return api.Failure{Status: http.StatusConflict, Detail: "Another pod has the attempt"}
	}
	return failure(err)
}

// handOver keeps what a script left as its results for its runner, who judges them when the script has ended. The body goes where blobs are as it comes.
func (x *Executions) handOver(w http.ResponseWriter, r *http.Request) {
	if err := x.keepHandedOver(w, r); err != nil {
		api.Refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (x *Executions) keepHandedOver(w http.ResponseWriter, r *http.Request) error {
	run, err := x.script(r.Context())
	if err != nil {
		return err
	}
	if run == nil {
		return refused("results are handed over with the token of their attempt alone")
	}
	place, err := x.options.Blobs(r.Context())
	if err != nil {
		return away(err)
	}
	cut := false
	_, err = place.Write(r.Context(), HandoverKey(run.ID), "application/octet-stream", mostHandedOver, func(to io.Writer) error {
		n, err := io.Copy(to, http.MaxBytesReader(w, r.Body, mostHandedOver))
		// What broke off is not all.
		cut = err == nil && r.ContentLength >= 0 && n != r.ContentLength
		if cut {
			return io.ErrUnexpectedEOF
		}
		return err
	})
	_, long := errors.AsType[*http.MaxBytesError](err)
	switch {
	case long:
		return api.Failure{Status: http.StatusRequestEntityTooLarge, Type: problem.BadBody, Detail: fmt.Sprintf("Results may have %d bytes", mostHandedOver)}
	case cut, errors.Is(err, io.ErrUnexpectedEOF):
		return refused("the body broke off")
	default:
		return away(err)
	}
}
