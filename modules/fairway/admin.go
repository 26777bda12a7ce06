package fairway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/proxies/cache"
)

func init() { caddy.RegisterModule(Admin{}) }

// Admin adds to Caddy's admin API:
//
//	GET    /fairway/cache    {"entries": 12, "bytes": 40960, "limit": 67108864}
//	DELETE /fairway/cache?service=builds&route=GET+/last&fetch=build&target=/builds/last    {"purged": 1}
//
// The parameters of DELETE say what of: without any it is all. It tells all gateways of the store; the answer counts what this one had.
type Admin struct{}

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.fairway", New: func() caddy.Module { return new(Admin) }}
}

// Routes implements caddy.AdminRouter.
func (Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/fairway/cache", Handler: caddy.AdminHandlerFunc(serveCache)}}
}

func serveCache(w http.ResponseWriter, r *http.Request) error {
	v, err := caddy.ActiveContext().AppIfConfigured("fairway")
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf("no service is configured: %w", err)}
	}
	app, ok := v.(*App)
	if !ok {
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: fmt.Errorf("the app is %T", v)}
	}
	var answer map[string]any
	switch r.Method {
	case http.MethodGet:
		answer = map[string]any{"entries": app.process.cache.Entries(), "bytes": app.process.cache.Bytes(), "limit": app.Cache}
	case http.MethodDelete:
		words, err := url.ParseQuery(r.URL.RawQuery)
		var filter cache.Tag
		if err == nil {
			filter, err = filterOf(words)
		}
		if err != nil {
			return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
		}
		answer = map[string]any{"purged": app.process.cache.Purge(filter)}
		if err := app.purges.tell(r.Context(), words); err != nil {
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
		}
	default:
		w.Header().Set("Allow", "DELETE, GET")
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("%s is not for the cache", r.Method)}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

// filterOf reads what is to be purged. A parameter that nobody knows purges nothing rather than all.
func filterOf(words url.Values) (cache.Tag, error) {
	var filter cache.Tag
	for name, values := range words {
		to, ok := map[string]*string{"service": &filter.Service, "route": &filter.Route, "fetch": &filter.Fetch, "target": &filter.Target}[name]
		if !ok || len(values) != 1 || values[0] == "" {
			return filter, fmt.Errorf("the cache is purged by service, route, fetch and target, each once, not by %q", name)
		}
		*to = values[0]
	}
	return filter, nil
}

// Interface guard.
var _ caddy.AdminRouter = (*Admin)(nil)
