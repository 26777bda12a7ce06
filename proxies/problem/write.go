package problem

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// ContentType is the media type of the document (RFC 9457).
const ContentType = "application/problem+json"

// document is the order in which members are written: RFC 9457 first, then apikit's, then ours.
type document struct {
	Type          string  `json:"type"`
	Title         string  `json:"title"`
	Status        int     `json:"status"`
	Detail        string  `json:"detail,omitempty"`
	Instance      string  `json:"instance,omitempty"`
	RequestID     string  `json:"request_id,omitempty"`
	Reason        string  `json:"reason"`
	StatusCode    int     `json:"status_code"`
	ErrorContent  *string `json:"error_content"`
	BackendStatus int     `json:"backend_status,omitempty"`
	Backend       string  `json:"backend,omitempty"`
	Fetch         string  `json:"fetch,omitempty"`
	Parameter     string  `json:"parameter,omitempty"`
}

// Type is the URI of the problem's kind.
func (p *Problem) Type() string {
	if p.Code == "" {
		return "about:blank"
	}
	return typePrefix + p.Code
}

// JSON is the document for one occurrence: instance is the path that was asked for, id the request's.
func (p *Problem) JSON(instance, id string) []byte {
	title := http.StatusText(p.Status)
	d := document{
		Type: p.Type(), Title: title, Status: p.Status, Detail: p.Detail, Instance: instance, RequestID: id,
		Reason: p.Reason, StatusCode: p.Status, ErrorContent: p.ErrorContent,
		BackendStatus: p.BackendStatus, Backend: p.Backend, Fetch: p.Fetch, Parameter: p.Parameter,
	}
	if d.Reason == "" {
		d.Reason = title
	}
	out, err := json.Marshal(d)
	if err != nil { // strings and integers only: cannot happen
		return []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
	}
	return append(out, '\n')
}

// Write answers r with the document. Headers that belong to a good answer are taken off first; the header is not
// written when the body of a HEAD request is left out by the server anyway.
func (p *Problem) Write(w http.ResponseWriter, r *http.Request, id string) {
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Etag", "Last-Modified", "Cache-Control"} {
		h.Del(name)
	}
	maps.Copy(h, p.Header)
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	body := p.JSON(r.URL.EscapedPath(), id)
	h.Set("Content-Type", ContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a caller who has gone is nobody's failure
}
