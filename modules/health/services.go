package health

import (
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// service is an entry of the list of services. Addresses of backends are nobody's business.
type service struct {
	Name        string    `json:"name"`
	Version     string    `json:"version"`
	Description string    `json:"description"`
	Repository  string    `json:"repository"`
	APIVersion  string    `json:"api_version"`
	Auth        string    `json:"auth"`
	Prefixes    []string  `json:"prefixes"`
	Metadata    []string  `json:"metadata"`
	Documents   []string  `json:"documents"`
	Routes      []string  `json:"routes"`
	Backends    []backend `json:"backends"`
	// Databases are those that routes ask; absent where there are none.
	Databases []base `json:"databases,omitempty"`
}

// backend is a backend's name (empty for the one without) and the state of the breaker of each of its addresses:
// closed, half-open or open.
type backend struct {
	Name     string   `json:"name"`
	Breakers []string `json:"breakers"`
}

// base is a database's name and the state of its breaker: closed, half-open or open.
type base struct {
	Name    string `json:"name"`
	Breaker string `json:"breaker"`
}

// services lists the services by prefix. One that stands at several prefixes is compiled once for each.
func (h *Handler) services() []service {
	out := []service{}
	for _, s := range h.app.Services() {
		d := s.Describe()
		i := slices.IndexFunc(out, func(o service) bool {
			return o.Name == d.Name && o.Version == d.Version && o.Repository == d.Repository && o.Description == d.Description
		})
		if i < 0 {
			out = append(out, newService(s, d))
			i = len(out) - 1
		}
		for _, prefix := range d.Prefixes {
			out[i].Prefixes = append(out[i].Prefixes, prefix)
			out[i].Metadata = append(out[i].Metadata, strings.TrimSuffix(prefix, "/")+"/metadata")
		}
	}
	slices.SortStableFunc(out, func(a, b service) int { return strings.Compare(a.Prefixes[0], b.Prefixes[0]) })
	return out
}

func newService(s *wrap.Service, d wrap.Description) service {
	out := service{
		Name: d.Name, Version: d.Version, Description: d.Description, Repository: d.Repository,
		APIVersion: d.APIVersion, Auth: string(d.Auth), Documents: []string{}, Backends: []backend{},
	}
	for _, r := range d.Routes {
		out.Routes = append(out.Routes, r.Method+" "+r.Pattern)
	}
	for _, b := range s.Backends() {
		entry := backend{Name: b.Name}
		for _, a := range b.Addresses {
			entry.Breakers = append(entry.Breakers, a.State)
		}
		out.Backends = append(out.Backends, entry)
	}
	for _, d := range s.Databases() {
		out.Databases = append(out.Databases, base(d))
	}
	return out
}
