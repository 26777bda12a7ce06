package docs_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// BenchmarkKeptDocument asks for the document of 1,000 services after it was made.
func BenchmarkKeptDocument(b *testing.B) {
	var all []*wrap.Service
	for i := range 1000 {
		s, err := wrap.Compile(&wrap.Config{
			Metadata: wrap.Metadata{Version: "1", Repository: "https://example.org", Description: "One of many."}, Prefixes: []string{"/s" + strconv.Itoa(i)},
			Backends: []wrap.Backend{{Addresses: []string{"http://127.0.0.1:1"}}},
			Routes:   []wrap.Route{{Method: http.MethodGet, Pattern: "/x/{y}", Fetches: []wrap.Fetch{{Target: "/{y}", Decoder: new(document.JSON), Format: "json"}}}},
		}, wrap.Deps{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(s.Close)
		all = append(all, s)
	}
	a := serving(b, func() []*wrap.Service { return all })
	r := httptest.NewRequest(http.MethodGet, "/api/v1/openapi.json", http.NoBody)
	a.ServeHTTP(httptest.NewRecorder(), r)
	for b.Loop() {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
