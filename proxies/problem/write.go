package problem

import (
	"cmp"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ContentType is the media type of the document (RFC 9457).
const ContentType = "application/problem+json"

// Type is the URI of the problem's kind.
func (p *Problem) Type() string {
	if p.Code == "" {
		return "about:blank"
	}
	return typePrefix + p.Code
}

// JSON is the document for one occurrence: instance is the path that was asked for, id the request's. Its members are
// RFC 9457's first, then apikit's, then ours. It is written by hand because an open breaker makes a great many of it.
func (p *Problem) JSON(instance, id string) []byte {
	title := http.StatusText(p.Status)
	b := make([]byte, 0, 512)
	b = member(append(b, '{'), "type", p.Type())
	b = member(append(b, ','), "title", title)
	b = number(b, "status", p.Status)
	for _, m := range [...][2]string{{"detail", p.Detail}, {"instance", instance}, {"request_id", id}} {
		b = optional(b, m[0], m[1])
	}
	b = member(append(b, ','), "reason", cmp.Or(p.Reason, title))
	b = number(b, "status_code", p.Status)
	b = append(b, `,"error_content":`...)
	if p.ErrorContent == nil {
		b = append(b, "null"...)
	} else {
		b = quote(b, *p.ErrorContent)
	}
	if p.BackendStatus != 0 {
		b = number(b, "backend_status", p.BackendStatus)
	}
	for _, m := range [...][2]string{{"backend", p.Backend}, {"fetch", p.Fetch}, {"parameter", p.Parameter}} {
		b = optional(b, m[0], m[1])
	}
	if len(p.Faults) > 0 {
		b = append(b, `,"errors":[`...)
		for i, f := range p.Faults {
			if i > 0 {
				b = append(b, ',')
			}
			b = member(append(b, '{'), "pointer", f.Pointer)
			b = append(member(append(b, ','), "detail", f.Detail), '}')
		}
		b = append(b, ']')
	}
	return append(b, '}', '\n')
}

func member(b []byte, name, value string) []byte {
	b = append(append(append(b, '"'), name...), '"', ':')
	return quote(b, value)
}

func optional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return member(append(b, ','), name, value)
}

func number(b []byte, name string, value int) []byte {
	b = append(append(append(b, ',', '"'), name...), '"', ':')
	return strconv.AppendInt(b, int64(value), 10)
}

// quote appends s as a JSON string; bytes that are no UTF-8 become U+FFFD.
func quote(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil {
		out, _ = jsontext.AppendQuote(b, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return out
}

// Write answers r with the document. Headers that belong to a good answer are taken off first; the header is not
// written when the body of a HEAD request is left out by the server anyway.
func (p *Problem) Write(w http.ResponseWriter, r *http.Request, id string) {
	h := w.Header()
	for _, name := range [...]string{"Content-Encoding", "Etag", "Last-Modified", "Cache-Control"} {
		delete(h, name)
	}
	maps.Copy(h, p.Header)
	p.SetRetryAfter(h)
	body := p.JSON(r.URL.EscapedPath(), id)
	h["Content-Type"] = []string{ContentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a caller who has gone is nobody's failure
}

// Part is the problem as it stands in the list of an answer's failed parts: RFC 9457's members, and where it went wrong.
// The values are those of jq.
func (p *Problem) Part() map[string]any {
	out := map[string]any{"type": p.Type(), "title": http.StatusText(p.Status), "status": p.Status}
	for name, value := range map[string]string{"detail": p.Detail, "backend": p.Backend, "fetch": p.Fetch} {
		if value != "" {
			out[name] = value
		}
	}
	if p.BackendStatus != 0 {
		out["backend_status"] = p.BackendStatus
	}
	return out
}

// SetRetryAfter sets the header Retry-After to the problem's, in whole seconds, rounded up; where there is none it does
// nothing.
func (p *Problem) SetRetryAfter(h http.Header) {
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
}

// longestCode is how long a code may be, in bytes.
const longestCode = 64

// CodeOf gives the code of a problem's type, "" for types that are not ours. It may be one that this version does not know.
func CodeOf(uri string) string {
	code, ok := strings.CutPrefix(uri, typePrefix)
	if !ok || len(code) > longestCode || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return code
}
