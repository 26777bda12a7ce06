package executions

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/queries/db"
)

// write keeps something among the blobs.
func (x *Executions) write(ctx context.Context, key string, text []byte) error {
	place, err := x.options.Blobs(ctx)
	if err != nil {
		return away(err)
	}
	_, err = place.Write(ctx, key, "application/json", int64(len(text)), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	return away(err)
}

// forget removes a blob that nobody knows of.
func (x *Executions) forget(ctx context.Context, key string) {
	ctx = context.WithoutCancel(ctx)
	place, err := x.options.Blobs(ctx)
	if err == nil {
		err = place.Remove(ctx, key)
	}
	if err != nil {
		x.options.Logger.WarnContext(ctx, "a blob is left that nobody needs", slog.String("key", key), slog.Any("error", err))
	}
}

// away is what a caller is told where blobs cannot be read or written.
func away(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return api.Failure{Status: http.StatusServiceUnavailable, Type: problem.StoreUnavailable, Detail: "What is too long for the store cannot be reached now.", RetryAfter: blobRetry, Cause: err}
}

// params are what an execution is run with.
func (x *Executions) params(ctx context.Context, e db.Execution) (json.RawMessage, error) {
	if e.ParamsKey == "" {
		return e.Params, nil
	}
	place, err := x.options.Blobs(ctx)
	if err != nil {
		return nil, away(err)
	}
	content, err := place.Read(ctx, e.ParamsKey)
	if err != nil {
		return nil, away(err)
	}
	defer func() { _ = content.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(content, mostBody+1))
	return text, away(err)
}
