package executions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

// tellResults has a patch keep results that somebody tells.
func (x *Executions) tellResults(ctx context.Context, e db.Execution, results json.RawMessage, next *queries.ExecutionPatch) error {
	if err := queries.CheckJSON(results); err != nil {
		return refused("results: " + err.Error())
	}
	n, err := compressed(results)
	if err != nil {
		return err
	}
	if n > mostResults {
		return refused(fmt.Sprintf("results: they have %d bytes when they are compressed, and may have %d", n, mostResults))
	}
	if len(results) <= mostKept {
		next.Results = results
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	next.ResultsKey, next.ResultsSize = "results/"+e.ID.String()+"/"+id.String()+".json", int64(len(results))
	return x.write(ctx, next.ResultsKey, results)
}

func (x *Executions) results(ctx context.Context, _ *InPath) (*huma.StreamResponse, error) {
	return x.send(ctx, "application/json", "")
}

func (x *Executions) download(ctx context.Context, _ *InPath) (*huma.StreamResponse, error) {
	return x.send(ctx, "text/plain; charset=utf-8", `attachment; filename="results.json"`)
}

// send answers with the results of an execution, as they were given.
func (x *Executions) send(ctx context.Context, kind, disposition string) (*huma.StreamResponse, error) {
	head, err := found(ctx)
	if err != nil {
		return nil, err
	}
	e, err := x.store.Execution(ctx, head.ID)
	if err != nil {
		return nil, failure(err)
	}
	var content *blobs.Reader
	if e.ResultsKey != "" {
		place, err := x.options.Blobs(ctx)
		if err != nil {
			return nil, away(err)
		}
		if content, err = place.Read(ctx, e.ResultsKey); errors.Is(err, blobs.ErrNotFound) {
			return nil, fmt.Errorf("execution %s has no blob of its results any more: %w", e.ID, err)
		} else if err != nil {
			return nil, away(err)
		}
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		r, w := humago.Unwrap(h)
		header := w.Header()
		header.Set("Content-Type", kind)
		header.Set("X-Content-Type-Options", "nosniff")
		if disposition != "" {
			header.Set("Content-Disposition", disposition)
		}
		shown := append([]byte(e.ResultsKey), e.Results...)
		header.Set("ETag", patch.TagOf(e.UpdatedAt.UnixMicro(), shown))
		if content == nil { // with parts of it, too, and what If-None-Match asks
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(e.Results))
			return
		}
		defer func() { _ = content.Close() }() // it was read
		if patch.NotModified(header.Get("ETag"), r.Header.Values("If-None-Match")...) {
			header.Del("Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		header.Set("Content-Length", strconv.FormatInt(content.Size, 10))
		if r.Method == http.MethodHead {
			return
		}
		if _, err := io.Copy(w, content); err != nil {
			panic(http.ErrAbortHandler) // nobody takes a part for the whole
		}
	}}, nil
}
