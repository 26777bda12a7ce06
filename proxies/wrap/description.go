package wrap

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// Description is what documents and the catalogue say of a service.
type Description struct {
	Metadata
	Prefixes []string
	Routes   []RouteDescription
	// Users says that users of the store alone may call, with all of Scopes.
	Users  bool
	Scopes []string
}

// RouteDescription is one route as its users see it.
type RouteDescription struct {
	Method, Pattern   string
	Summary, Describe string
	Params            []Param
	Example           json.RawMessage // nil: none
	// Body is what callers send; nil: nothing.
	Body *BodyDescription
	// Schema is the JSON Schema that answers follow, or each of their records where Streamed; nil: none is promised.
	Schema json.RawMessage
	// Outputs are what callers may ask for, the default first; Suffix says that paths may end in them.
	Outputs []string
	Suffix  bool
	// Streamed says that the answer comes record by record.
	Streamed bool
	// Executes is after what time an answer becomes an execution; 0: never.
	Executes time.Duration
	// Fetches are where the answer comes from, and how its bodies are read.
	Fetches []FetchDescription
}

// BodyDescription is the body of a request as users of a route see it.
type BodyDescription struct {
	// Types are the media types that are taken, one at least.
	Types []string
	// Schema is the JSON Schema that it follows; nil: any shape.
	Schema   json.RawMessage
	Optional bool
}

// FetchDescription is one fetch as the documentation of its route tells it.
type FetchDescription struct {
	// Name is the fetch's, with that of the each around it; Backend the name of the backend. Both may be empty.
	Name, Backend string
	// Format is how bodies become values.
	Format string
	// Charset is what bodies are read as whatever they say of themselves, a WHATWG name; empty: what a byte order mark, the
	// header or the document itself says, else what is detected. Bytes decoders are given no text.
	Charset string
	// Replaced says that bytes that are not of the charset become U+FFFD, and are no failure.
	Replaced bool
}

// BackendStatus is a backend's state for the catalogue.
type BackendStatus struct {
	Name      string
	Addresses []upstream.AddressStatus
}

// DatabaseStatus is a database's state for the catalogue.
type DatabaseStatus struct {
	Name string
	// Breaker is closed, half-open or open.
	Breaker string
}

// Describe gives the description. Path parameters that are not declared appear as strings.
func (s *Service) Describe() Description {
	d := Description{Metadata: s.Metadata, Prefixes: s.config.Prefixes, Users: s.users, Scopes: s.scopes}
	for i, rt := range s.routes {
		r := s.config.Routes[i]
		rd := RouteDescription{Method: rt.method, Pattern: rt.pattern, Summary: r.Summary, Describe: r.Describe}
		if r.Example != "" {
			rd.Example = json.RawMessage(r.Example)
		}
		rd.Outputs, rd.Suffix, rd.Streamed = slices.Clone(rt.outputs), rt.suffix, rt.each != nil
		if rt.execute != nil {
			rd.Executes = rt.execute.after
		}
		if rt.promise != nil {
			rd.Schema = rt.promise.source
		}
		if b := rt.body; b != nil {
			rd.Body = &BodyDescription{Types: strings.Split(b.types(), ", "), Optional: b.Optional}
			if b.schema != nil {
				rd.Body.Schema = b.schema.source
			}
		}
		for _, f := range rt.fetches {
			rd.Fetches = append(rd.Fetches, FetchDescription{
				Name: f.path, Backend: f.backend.label(), Format: f.Format, Charset: f.charset.Option, Replaced: f.charset.Replace,
			})
		}
		declared := map[string]bool{}
		for _, p := range rt.params {
			rd.Params = append(rd.Params, p.Param)
			declared[p.In+" "+p.Name] = true
		}
		for _, name := range rt.names {
			if !declared[inPath+" "+name] {
				rd.Params = append(rd.Params, Param{Name: name, In: inPath, Type: "string", Required: true})
			}
		}
		d.Routes = append(d.Routes, rd)
	}
	return d
}

// Backends gives the state of the service's backends, those of absolute targets left out.
func (s *Service) Backends() []BackendStatus {
	var out []BackendStatus
	for _, b := range s.backends {
		if b.pool != nil {
			out = append(out, BackendStatus{Name: b.Name, Addresses: b.pool.Status()})
		}
	}
	return out
}

// Databases gives the state of the databases that the service's routes ask, by name.
func (s *Service) Databases() []DatabaseStatus {
	out := make([]DatabaseStatus, 0, len(s.databases))
	for _, name := range slices.Sorted(maps.Keys(s.databases)) {
		out = append(out, DatabaseStatus{Name: name, Breaker: s.databases[name].Breaker()})
	}
	return out
}
