package docs

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// typedSchemas are the schemas of typed operations, and of what types they are.
func typedSchemas(typed *huma.OpenAPI) (known map[string]*huma.Schema, typeOf func(ref string) reflect.Type) {
	if typed == nil || typed.Components == nil || typed.Components.Schemas == nil {
		return nil, nil
	}
	return typed.Components.Schemas.Map(), typed.Components.Schemas.TypeFromRef
}

// typedComponents are those schemas of typed operations to which the document refers. In types of answers that are in no body of a
// request all members are required that are always there: huma, which shares types, is told that none is.
func (d *document) typedComponents(known map[string]*huma.Schema, typeOf func(ref string) reflect.Type) map[string]*huma.Schema {
	asked, answered := names{}, names{}
	for _, item := range d.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			if op.RequestBody != nil {
				asked.media(op.RequestBody.Content, known)
			}
			for _, r := range op.Responses {
				answered.media(r.Content, known)
			}
		}
	}
	out := map[string]*huma.Schema{}
	for name := range answered {
		own := *known[name] // another document may be made of it
		if !asked[name] {
			own.Required = always(typeOf(schemaPrefix + name))
		}
		out[name] = loose(&own)
	}
	for name := range asked {
		own := *known[name]
		out[name] = loose(&own)
	}
	return out
}

// always are the members that a type has whatever is in it.
func always(t reflect.Type) (out []string) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			out = append(out, always(f.Type)...)
		case f.IsExported() && name != "" && name != "-" && !strings.Contains(options, "omit"):
			out = append(out, name)
		}
	}
	return out
}

// names are those of components.
type names map[string]bool

func (n names) media(content map[string]*huma.MediaType, known map[string]*huma.Schema) {
	for _, m := range content {
		n.schema(m.Schema, known)
	}
}

// schema adds those to which a schema refers, and to which they do.
func (n names) schema(s *huma.Schema, known map[string]*huma.Schema) {
	if s == nil {
		return
	}
	if name, ok := strings.CutPrefix(s.Ref, schemaPrefix); ok && known[name] != nil && !n[name] {
		n[name] = true
		n.schema(known[name], known)
	}
	n.schema(s.Items, known)
	n.schema(s.Not, known)
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		n.schema(more, known)
	}
	for _, one := range slices.Concat(s.OneOf, s.AnyOf, s.AllOf, slices.Collect(maps.Values(s.Properties))) {
		n.schema(one, known)
	}
}

// loose lets members be there that are not declared: later versions have more.
func loose(s *huma.Schema) *huma.Schema {
	if _, ok := s.AdditionalProperties.(bool); ok {
		s.AdditionalProperties = nil
	}
	return s
}
