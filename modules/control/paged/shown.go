package paged

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/listing"
)

// Envelope is a list in the member data, as Trends.Earth has lists; there are numbers of pages where they were asked for.
type Envelope[T any] struct {
	Link string `header:"Link" doc:"The other pages"`
	Body struct {
		Data    []T    `json:"data"`
		Page    int    `json:"page,omitempty"`
		PerPage int    `json:"per_page,omitempty"`
		Total   *int64 `json:"total,omitempty"`
	}
}

// Of puts what Page gave into an envelope.
func Of[T any](all []T, q *listing.Query, link string, total *int64) *Envelope[T] {
	out := &Envelope[T]{Link: link}
	if out.Body.Data = all; q.Paged {
		out.Body.Page, out.Body.PerPage, out.Body.Total = q.Page, q.Request.Limit, total
	}
	return out
}

// Shown is something without the members that are to be excluded.
type Shown[T any] struct {
	Of      T
	Without []string
}

// MarshalJSON implements json.Marshaler.
func (s Shown[T]) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(s.Of)
	if err != nil || len(s.Without) == 0 {
		return raw, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	maps.DeleteFunc(members, func(name string, _ json.RawMessage) bool { return slices.Contains(s.Without, name) })
	return json.Marshal(members)
}

// Schema implements huma.SchemaProvider: it is a T, of which something may be missing.
func (Shown[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), false, "")
	s.Required, s.AdditionalProperties = nil, nil
	return &s
}

// Members are the names of the members that a type has as JSON.
func Members[T any]() []string { return membersOf(reflect.TypeFor[T]()) }

func membersOf(t reflect.Type) (out []string) {
	for f := range t.Fields() {
		if f.Anonymous {
			out = append(out, membersOf(f.Type)...)
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			out = append(out, name)
		}
	}
	return out
}
