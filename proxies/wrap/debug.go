package wrap

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

const (
	// debugHeader is how a caller asks a service with the word debug for more: "decode".
	debugHeader = "Fairway-Debug"
	// decodeHeader is the answer to that: a list (RFC 9651) of the fetches with what was decided about their bodies.
	//
	//	metric;format=kv;charset=windows-1252;by=content-type;encoding=gzip;bytes=123
	//	*;format=auto;found=json;charset=utf-8;by=detection;bytes=17
	decodeHeader = "Fairway-Decode"
)

// reading is how the body of an answer became a value.
type reading struct {
	format   string         // as in the configuration
	found    string         // what auto has found; empty for the others
	charset  charset.Choice // zero where bytes were no text
	encoding string         // content encodings that were undone
	bytes    int            // of the body; negative where it is not known yet
}

// readings are those of one request, for its header; nil where nobody asks.
type readings struct {
	mu sync.Mutex
	of map[*fetch]reading // of the last attempt
}

// newReadings says whether a caller asks, and may.
func (s *Service) newReadings(h http.Header) *readings {
	if !s.debug {
		return nil
	}
	for _, value := range h[debugHeader] {
		for word := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(word), "decode") {
				return &readings{of: map[*fetch]reading{}}
			}
		}
	}
	return nil
}

func (r *readings) note(f *fetch, of reading) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[f] = of
}

// tell writes them into the header of an answer.
func (r *readings) tell(h http.Header) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	items := make([]string, 0, len(r.of))
	for f := range maps.Keys(r.of) {
		items = append(items, r.of[f].item(f.path))
	}
	slices.Sort(items)
	if len(items) > 0 {
		h[decodeHeader] = []string{strings.Join(items, ", ")}
	}
}

func (r reading) item(name string) string {
	var b strings.Builder
	switch {
	case name == "":
		name = "*" // the fetch without a name
	case name[0] == '_': // begins no token
		name = `"` + name + `"`
	}
	b.WriteString(name)
	parameter := func(key, value string) {
		if value != "" {
			b.WriteString(";" + key + "=" + value)
		}
	}
	parameter("format", r.format)
	parameter("found", r.found)
	parameter("charset", r.charset.Name)
	by := r.charset.Source
	if by == "header" {
		by = "content-type"
	}
	parameter("by", by)
	if strings.Contains(r.encoding, ",") {
		r.encoding = `"` + r.encoding + `"`
	}
	parameter("encoding", r.encoding)
	if r.bytes >= 0 {
		parameter("bytes", strconv.Itoa(r.bytes))
	}
	return b.String()
}

// noteReading tells span, trace and header how bytes became a value.
func (f *fetch) noteReading(ctx context.Context, fr *frame, a *upstream.Answer, found decode.Found, bytes int) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		for key, value := range map[string]string{
			"fairway.charset": found.Charset.Name, "fairway.charset.source": found.Charset.Source,
			"fairway.format": found.Format, "fairway.encoding": a.Encoding,
		} {
			if value != "" {
				span.SetAttributes(attribute.String(key, value))
			}
		}
	}
	if fr.trace != nil && fr.trace.Found != nil && found.Format != "" {
		fr.trace.Found(f.path, found.Format)
	}
	if fr.trace != nil && fr.trace.Charset != nil && found.Charset.Name != "" {
		fr.trace.Charset(f.path, found.Charset)
	}
	fr.readings.note(f, reading{format: f.Format, found: found.Format, charset: found.Charset, encoding: a.Encoding, bytes: bytes})
}
