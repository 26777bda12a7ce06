package wrap

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/fairway-gateway/fairway/proxies/decode/parts"
)

// TestReadingInSpan looks for what was decided in the span of the attempt.
func TestReadingInSpan(t *testing.T) {
	t.Parallel()
	h := served(t, func(w http.ResponseWriter, _ *http.Request) {
		var packed bytes.Buffer
		zip := gzip.NewWriter(&packed)
		_, _ = zip.Write([]byte("a;b;c\n1;\xe9;2\n3;4;5\n6;7;8\n"))
		zip.Close()
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}, nil, func(string) []Route {
		auto := Fetch{Target: "/auto", Backend: "main", Decoder: new(parts.Auto), Format: "auto"}
		return []Route{{Method: "GET", Pattern: "/auto", Fetches: []Fetch{auto}}, streams("/rows", "")}
	})
	for path, want := range map[string]map[string]string{
		"/auto": {"fairway.charset": "windows-1252", "fairway.charset.source": "detection", "fairway.encoding": "gzip", "fairway.format": "csv"},
		"/rows": {"fairway.charset": "windows-1252", "fairway.charset.source": "detection", "fairway.encoding": "gzip"},
	} {
		spans := tracetest.NewInMemoryExporter()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
		ctx, root := provider.Tracer("test").Start(t.Context(), "request")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/s"+path, http.NoBody))
		root.End()
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		got := map[string]string{}
		for _, span := range spans.GetSpans() {
			for _, a := range span.Attributes {
				if _, ok := want[string(a.Key)]; ok && span.Name == "fairway.attempt" {
					got[string(a.Key)] = a.Value.AsString()
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}
