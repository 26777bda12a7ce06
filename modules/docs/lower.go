package docs

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// lower makes OpenAPI 3.0 of 3.1. What JSON Schema says that 3.0 has no words for is left out, so that schemas allow more.
func lower(doc []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	v["openapi"] = "3.0.3"
	components, _ := v["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	for name, s := range schemas {
		schemas[name] = lowerSchema(s)
	}
	lowerAll(v["paths"])
	return json.Marshal(v)
}

// lowerAll lowers the schemas of parameters, bodies and headers.
func lowerAll(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			lowerAll(one)
		}
	case map[string]any:
		for key, one := range v {
			switch key {
			case "schema":
				v[key] = lowerSchema(one)
			case "example", "examples":
			default:
				lowerAll(one)
			}
		}
	}
}

// kept are the words that mean the same in both.
func kept() []string {
	return []string{
		"title", "description", "format", "default", "enum", "required", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
		"minProperties", "maxProperties", "multipleOf", "pattern", "uniqueItems", "readOnly", "writeOnly", "deprecated",
	}
}

func lowerSchema(v any) any {
	from, ok := v.(map[string]any)
	if !ok {
		if v == false {
			return map[string]any{"not": map[string]any{}}
		}
		return map[string]any{}
	}
	if ref, ok := from["$ref"].(string); ok {
		if name, ok := strings.CutPrefix(ref, schemaPrefix); ok && !strings.Contains(name, "/") {
			return map[string]any{"$ref": ref}
		}
		return map[string]any{} // into a component, or to elsewhere
	}
	out := map[string]any{}
	for _, word := range kept() {
		if one, ok := from[word]; ok {
			out[word] = one
		}
	}
	lowerType(from, out)
	if c, ok := from["const"]; ok {
		out["enum"] = []any{c}
	}
	if all, ok := from["examples"].([]any); ok && len(all) > 0 {
		out["example"] = all[0]
	}
	for _, bound := range []string{"minimum", "maximum"} {
		word := "exclusive" + strings.ToUpper(bound[:1]) + bound[1:]
		if n, ok := from[word].(json.Number); ok {
			out[bound], out[word] = n, true
		}
	}
	lowerParts(from, out)
	return out
}

// lowerType takes a list of types apart, of which null is a word of its own.
func lowerType(from, out map[string]any) {
	types, ok := from["type"].([]any)
	if !ok {
		types = []any{from["type"]}
	}
	rest := slices.DeleteFunc(slices.Clone(types), func(t any) bool { return t == "null" || t == nil })
	if len(rest) < len(types) && from["type"] != nil {
		out["nullable"] = true
	}
	if len(rest) == 1 {
		out["type"] = rest[0]
	}
	if out["type"] == "array" {
		out["items"] = map[string]any{}
	}
}

// lowerParts lowers what a schema is made of.
func lowerParts(from, out map[string]any) {
	if properties, ok := from["properties"].(map[string]any); ok {
		lowered := map[string]any{}
		for name, s := range properties {
			lowered[name] = lowerSchema(s)
		}
		out["properties"] = lowered
	}
	if items, ok := from["items"].(map[string]any); ok && from["prefixItems"] == nil {
		out["items"] = lowerSchema(items)
	}
	switch more := from["additionalProperties"].(type) {
	case bool:
		out["additionalProperties"] = more
	case map[string]any:
		out["additionalProperties"] = lowerSchema(more)
	}
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		if all, ok := from[word].([]any); ok {
			lowered := make([]any, len(all))
			for i, s := range all {
				lowered[i] = lowerSchema(s)
			}
			out[word] = lowered
		}
	}
	if not, ok := from["not"]; ok {
		out["not"] = lowerSchema(not)
	}
}
