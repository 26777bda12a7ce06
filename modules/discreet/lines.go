package discreet

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/request"
)

// answer is one that is logged here.
type answer struct {
	logs    Logs
	request *http.Request // without secrets
	start   time.Time
	rec     caddyhttp.ResponseRecorder
}

// named is the name of one of Caddy's logs, as the module whose logger has it.
type named struct{ name string }

// CaddyModule returns the Caddy module information.
func (n named) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID(n.name), New: func() caddy.Module { return n }}
}

const (
	// caddysLog is the name before all of Caddy's access logs, caddysErrors that before its logs of errors.
	caddysLog    = "http.log.access"
	caddysErrors = "http.log.error"
)

// loggable is the request as Caddy logs it.
func (a *answer) loggable() zap.Field {
	return zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: a.request})
}

// written writes the line of the access log.
func (a *answer) written() {
	level := zapcore.InfoLevel
	if a.rec.Status() >= http.StatusInternalServerError {
		level = zapcore.ErrorLevel
	}
	user := ""
	if repl, ok := a.request.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		user, _ = repl.GetString("http.auth.user.id")
	}
	for _, name := range logNames(a.request) {
		c := a.logs.ctx.Logger(named{strings.TrimSuffix(caddysLog+"."+name, ".")}).Check(level, "handled request")
		if c == nil {
			continue
		}
		c.Write(
			a.loggable(),
			zap.Int64("bytes_read", max(0, a.request.ContentLength)),
			zap.String("user_id", user),
			zap.Duration("duration", time.Since(a.start)),
			zap.Int("size", a.rec.Size()),
			zap.Int("status", a.rec.Status()),
			zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{Header: withoutSecret(a.rec.Header())}),
			zap.String("request_id", request.ID(a.request)),
		)
	}
}

// withoutSecret is a header whose Location has no secret.
func withoutSecret(h http.Header) http.Header {
	at := h.Get("Location")
	shown := tokens.Redact(at)
	if shown == at {
		return h
	}
	h = h.Clone()
	h.Set("Location", shown)
	return h
}

// failed has the error routes of the server answer, as Caddy would, and writes the line of the error.
func (a *answer) failed(r *http.Request, err error) {
	status, message := http.StatusInternalServerError, err.Error()
	fields := []zap.Field{a.loggable(), zap.Duration("duration", time.Since(a.start))}
	if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		status = failed.StatusCode
		if failed.Err != nil {
			message = failed.Err.Error()
		}
		fields = append(fields, zap.Int("status", status), zap.String("err_id", failed.ID), zap.String("err_trace", failed.Trace))
	}
	level := zapcore.DebugLevel
	server, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if server == nil || server.Errors == nil || len(server.Errors.Routes) == 0 {
		if status >= http.StatusInternalServerError {
			level = zapcore.ErrorLevel
		}
		a.rec.WriteHeader(status)
	} else if err := a.route(r, server.Errors, err, status); err != nil {
		level, message = zapcore.ErrorLevel, "error handling handler error"
		fields = append(fields, zap.NamedError("error", err))
		a.rec.WriteHeader(status)
	}
	for _, name := range errorNames(r, server) {
		if c := a.logs.ctx.Logger(named{strings.TrimSuffix(caddysErrors+"."+name, ".")}).Check(level, message); c != nil {
			c.Write(fields...)
		}
	}
}

// route has the error routes answer.
func (a *answer) route(r *http.Request, routes *caddyhttp.HTTPErrorConfig, err error, status int) error {
	// They are asked about the request as it came.
	if was, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		u := *was.URL
		r.Method, r.RemoteAddr, r.RequestURI, r.URL = was.Method, was.RemoteAddr, was.RequestURI, &u
	}
	nobody := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(status)
		return nil
	})
	return routes.Routes.Compile(nobody).ServeHTTP(a.rec, routes.WithError(r, err)) //nolint:wrapcheck // it is logged
}

// errorNames are the logs of errors that a request has: one without a name where its host has none.
func errorNames(r *http.Request, server *caddyhttp.Server) []string {
	if server == nil || server.Logs == nil {
		return []string{""}
	}
	if names, ok := ownNames(r); ok {
		return names
	}
	names, _ := namesOf(server.Logs, hostOf(r))
	return names
}

// logNames are the access logs that r's server has for its host, none where it has none. They are found as Caddy finds them.
func logNames(r *http.Request) []string {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || server.Logs == nil {
		return nil
	}
	host := hostOf(r)
	names, mapped := namesOf(server.Logs, host)
	if !mapped && (server.Logs.SkipUnmappedHosts || slices.ContainsFunc(server.Logs.SkipHosts, matches(host))) {
		return nil
	}
	if own, ok := ownNames(r); ok {
		return own
	}
	return names
}

// ownNames are those that the directive log_name gives a request.
func ownNames(r *http.Request) (out []string, ok bool) {
	names, ok := caddyhttp.GetVar(r.Context(), caddyhttp.AccessLoggerNameVarKey).([]any)
	for _, n := range names {
		name, _ := n.(string)
		out = append(out, name)
	}
	return out, ok
}

func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return strings.ToLower(host)
}

// matches says whether a pattern, which may begin with *., is for a host.
func matches(host string) func(string) bool {
	return func(pattern string) bool { return certmagic.MatchWildcard(host, pattern) }
}

// namesOf finds the logs of a host, or of the wildcard that it is under.
func namesOf(c *caddyhttp.ServerLogConfig, host string) (names []string, mapped bool) {
	if n, ok := c.LoggerNames[host]; ok {
		return n, true
	}
	labels := strings.Split(host, ".")
	for i := range labels {
		if labels[i] == "" {
			continue
		}
		labels[i] = "*"
		if n, ok := c.LoggerNames[strings.Join(labels, ".")]; ok {
			return n, true
		}
	}
	return []string{c.DefaultLoggerName}, false
}
