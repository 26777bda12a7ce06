package control

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/jobs"
	"github.com/fairway-gateway/fairway/modules/control/realm"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/modules/request"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// console makes the page of the queue over a realm, which it opens when somebody calls.
func console(app *fairway.App, r *realm.Realm, log *slog.Logger) *jobs.Jobs {
	return jobs.New(jobs.Options{
		Queue: app.Jobs(), RequestID: request.ID, Logger: log,
		Identify: func(req *http.Request) (*callers.Caller, error) {
			parts, err := r.Open(req.Context())
			if err != nil {
				return nil, err
			}
			return parts.Callers.Identify(req)
		},
		Record: func(ctx context.Context, by queries.By, action, subject string, detail json.RawMessage) error {
			parts, err := r.Open(ctx)
			if err != nil {
				return err
			}
			return parts.Store.InTx(ctx, func(q db.Querier) error { return queries.Record(ctx, q, by, action, subject, detail) })
		},
	})
}

// outer is what a site took off the path of a request before it came here.
func outer(r *http.Request) string {
	was, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || was.URL == nil {
		return ""
	}
	before, ok := strings.CutSuffix(was.URL.Path, r.URL.Path)
	if !ok {
		return ""
	}
	return before
}
