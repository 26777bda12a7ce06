package docs

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// embed puts a JSON Schema of a configuration among the components and refers to it. References inside it were to its own root,
// and become some to the component; where it, or a part, has an $id, they are left alone: that names a root of its own.
func (d *document) embed(name string, raw json.RawMessage) *huma.Schema {
	d.Components.Schemas[name] = rooted(raw, schemaPrefix+name)
	return &huma.Schema{Ref: schemaPrefix + name}
}

// rooted moves the references of a schema to another root. What is no JSON, which it cannot be, allows all.
func rooted(raw json.RawMessage, root string) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return map[string]any{}
	}
	move(v, root)
	return v
}

func move(v any, root string) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			move(one, root)
		}
	case map[string]any:
		if _, own := v["$id"].(string); own {
			return
		}
		for key, one := range v {
			text, ok := one.(string)
			switch {
			case ok && (key == "$ref" || key == "$dynamicRef") && (text == "#" || strings.HasPrefix(text, "#/")):
				v[key] = root + strings.TrimPrefix(text, "#")
			case key == "$schema" && ok:
				delete(v, key) // the document says which
			case holdsSchemas(key):
				members, _ := one.(map[string]any) // whose names are no words of JSON Schema
				for _, schema := range members {
					move(schema, root)
				}
			case key == "enum" || key == "const" || key == "default" || key == "examples":
				// These are values.
			default:
				move(one, root)
			}
		}
	}
}

// holdsSchemas says that a word of JSON Schema holds schemas by names.
func holdsSchemas(word string) bool {
	switch word {
	case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
		return true
	}
	return false
}
