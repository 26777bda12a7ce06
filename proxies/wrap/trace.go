package wrap

import (
	"net/http"
	"slices"

	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// Trace holds functions that are told what a route does with one request; each may be nil. For `fairway try`.
// Fetches run in parallel: a function must cope with concurrent calls.
type Trace struct {
	// Route is told the route that was found; the metadata documents are none.
	Route func(method, pattern string)
	// Transport gives what answers a fetch instead of its backend; nil: the backend does.
	// There is one attempt then.
	Transport func(fetch string) http.RoundTripper
	// Fetch gives what is told of one fetch's attempts. Name is empty for the unnamed one.
	Fetch func(name string) *upstream.Trace
	// Charset is told how a body's bytes became text.
	Charset func(fetch string, c charset.Choice)
	// Found is told the format that decode auto has found.
	Found func(fetch, format string)
	// Decoded is told a fetch's value: JSON text, or a tree.
	Decoded func(fetch string, json []byte, tree any)
	// Program is told each run of a jq program: a fetch's fail_when or body, the route's "route fail_when" or reply,
	// for which fetch is empty.
	Program func(fetch, kind, source string, value any, err error)
}

// FetchNames lists the names of the service's fetches, "" for those without one.
func (s *Service) FetchNames() []string {
	var names []string
	for _, rt := range s.routes {
		for _, f := range rt.fetches {
			if !slices.Contains(names, f.path) {
				names = append(names, f.path)
			}
		}
	}
	return names
}
