package control

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

// accessLogs write the line of a request whose query has a secret, or that shows a token in the header Authentication, which
// Caddy does not know as one. Caddy takes what it logs of a request before any handler sees it, so the only way to keep a password
// out is to have Caddy log nothing, and to write the same line here.
type accessLogs struct{ ctx caddy.Context }

// accessLog is the name of Caddy's access log, as the module whose logger has it.
type accessLog struct{ name string }

// CaddyModule returns the Caddy module information.
func (a accessLog) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID(a.name), New: func() caddy.Module { return a }}
}

// begin prepares the line of r; what it gives is called when r is answered, or with the error that an error route will answer.
// Nearly every request has no secret there, and stays as it is.
func (a accessLogs) begin(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func(error)) {
	uri, shown := r.RequestURI, len(r.Header[legacyHeader]) > 0
	if r.URL.RawQuery != "" {
		uri = tokens.Redact(uri)
	}
	if uri == r.RequestURI && !shown {
		return w, func(error) {}
	}
	skipped, _ := caddyhttp.GetVar(r.Context(), caddyhttp.LogSkipVar).(bool)
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	names := logNames(r)
	if skipped || len(names) == 0 {
		return w, func(error) {}
	}
	start, rec := time.Now(), caddyhttp.NewResponseRecorder(w, nil, nil)
	logged := r.Clone(r.Context())
	logged.RequestURI = uri
	if shown {
		logged.Header[legacyHeader] = []string{"REDACTED"}
	}
	return rec, func(err error) {
		status := rec.Status()
		if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok && status == 0 {
			status = failed.StatusCode
		}
		a.write(logged, rec, status, names, time.Since(start))
	}
}

// legacyHeader is where old clients of RelengAPI put their token.
const legacyHeader = "Authentication"

func (a accessLogs) write(r *http.Request, rec caddyhttp.ResponseRecorder, status int, names []string, took time.Duration) {
	level := zapcore.InfoLevel
	if status >= http.StatusInternalServerError {
		level = zapcore.ErrorLevel
	}
	for _, name := range names {
		c := a.ctx.Logger(accessLog{name}).Check(level, "handled request")
		if c == nil {
			continue
		}
		c.Write(
			zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: r}),
			zap.Int64("bytes_read", max(0, r.ContentLength)),
			zap.String("user_id", ""),
			zap.Duration("duration", took),
			zap.Int("size", rec.Size()),
			zap.Int("status", status),
			zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{Header: rec.Header()}),
			zap.String("request_id", request.ID(r)),
		)
	}
}

// caddysLog is the name before all of Caddy's access logs.
const caddysLog = "http.log.access"

// logNames are the access logs that r's server has for its host, none where it has none. They are found as Caddy finds them.
func logNames(r *http.Request) (out []string) {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || server.Logs == nil {
		return nil
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	host = strings.ToLower(host)
	names, mapped := namesOf(server.Logs, host)
	if !mapped && (server.Logs.SkipUnmappedHosts || slices.ContainsFunc(server.Logs.SkipHosts, matches(host))) {
		return nil
	}
	for _, n := range names {
		out = append(out, strings.TrimSuffix(caddysLog+"."+n, "."))
	}
	return out
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
