// Package request gives every request one id, in our handlers, in Caddy's access log and in the answer.
package request

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/fairway-gateway/fairway/proxies/requestid"
)

// variable is the id's name among Caddy's request variables: {vars.request_id} in a Caddyfile.
const variable = "request_id"

// ID gives the request's id: the one that an earlier handler gave it, the caller's (X-Request-Id), or a new one. The
// first call writes it into the access log.
func ID(r *http.Request) string {
	if id, ok := caddyhttp.GetVar(r.Context(), variable).(string); ok {
		return id
	}
	id := requestid.Of(r.Header)
	caddyhttp.SetVar(r.Context(), variable, id)
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.String("request_id", id))
	}
	return id
}

// Named gives the request's id, as ID does, and says whether an earlier handler gave it: then it has told the caller, too.
func Named(r *http.Request) (id string, earlier bool) {
	_, earlier = caddyhttp.GetVar(r.Context(), variable).(string)
	return ID(r), earlier
}
