package transport

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/fairway-gateway/fairway/modules/request"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/requestid"
)

// refuse is the answer of a problem, as the backend's would be.
func (s *Session) refuse(req *http.Request, p *problem.Problem) (*http.Response, string, error) {
	if req.Body != nil && !overHTTP1(req.Context()) {
		req.Body.Close()
	}
	id, known := request.Named(req)
	s.report(req, p)
	body := p.JSON(path(req), id)
	h := http.Header{"Content-Type": {problem.ContentType}, "Content-Length": {strconv.Itoa(len(body))}, "Cache-Control": {"no-store"}}
	maps.Copy(h, p.Header)
	p.SetRetryAfter(h)
	if !known { // else who gave the id has written it
		h[requestid.Header] = []string{id}
	}
	resp := &http.Response{
		Status: strconv.Itoa(p.Status) + " " + http.StatusText(p.Status), StatusCode: p.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: http.NoBody, ContentLength: int64(len(body)), Request: req,
	}
	if req.Method != http.MethodHead {
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	return resp, p.Code, nil
}

// path is what the caller asked for, before the site's handlers rewrote it.
func path(req *http.Request) string {
	if r, ok := req.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && r.URL != nil {
		return r.URL.EscapedPath()
	}
	return req.URL.EscapedPath()
}

// report tells the log of a refusal: names and numbers, no credentials and no target. The request's id is added by the logger's
// handler, which finds it in the context.
func (s *Session) report(req *http.Request, p *problem.Problem) {
	level := slog.LevelInfo
	if p.Status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("service", s.Name), slog.Int("status", p.Status), slog.String("problem", p.Code)}
	if p.Cause != nil {
		attrs = append(attrs, slog.String("cause", p.Cause.Error()))
	}
	s.log.LogAttrs(req.Context(), level, "request refused", attrs...)
}
