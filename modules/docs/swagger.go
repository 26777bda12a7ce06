package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// object is an object of a document.
type object = map[string]any

// swagger makes Swagger 2.0 of OpenAPI 3.0. In 2.0 a body and an answer have one schema whatever their media types are.
func swagger(doc []byte, address string) ([]byte, error) {
	var v3 object
	if err := json.Unmarshal(doc, &v3); err != nil {
		return nil, err
	}
	single(v3, address)
	raw, err := json.Marshal(v3)
	if err != nil {
		return nil, err
	}
	whole, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return nil, fmt.Errorf("reading OpenAPI 3.0: %w", err)
	}
	converted, err := openapi2conv.FromV3(whole)
	if err != nil {
		return nil, fmt.Errorf("making Swagger 2.0: %w", err)
	}
	if raw, err = json.Marshal(converted); err != nil {
		return nil, err
	}
	var v2 object
	if err := json.Unmarshal(raw, &v2); err != nil {
		return nil, err
	}
	polish(v2)
	return json.Marshal(v2)
}

// eachOperation calls do for the operations of a document.
func eachOperation(doc object, do func(op object)) {
	paths, _ := doc["paths"].(object)
	for _, item := range paths {
		operations, _ := item.(object)
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if op, ok := operations[method].(object); ok {
				do(op)
			}
		}
	}
}

// Extensions in which media types survive the converter, which looks at application/json alone.
const (
	consumed = "x-consumes"
	produced = "x-produces"
	needed   = "x-required" // the converter takes no field of a form for required
)

// single leaves one media type to each body and answer, and remembers all. 2.0 has no Bearer, and one flow in a scheme.
func single(doc object, address string) {
	components, _ := doc["components"].(object)
	schemes, _ := components["securitySchemes"].(object)
	delete(schemes, "bearer")
	for _, s := range schemes {
		scheme, _ := s.(object)
		if flows, ok := scheme["flows"].(object); ok && flows["password"] != nil {
			password, _ := flows["password"].(object)
			path, _ := password["tokenUrl"].(string)
			scheme["flows"] = object{"password": object{"scopes": password["scopes"], "tokenUrl": address + path}}
		}
	}
	eachOperation(doc, func(op object) {
		if all, ok := op["security"].([]any); ok {
			op["security"] = slices.DeleteFunc(all, func(one any) bool { _, bearer := one.(object)["bearer"]; return bearer })
		}
		if body, ok := op["requestBody"].(object); ok {
			content, _ := body["content"].(object)
			media := preferred(content)
			body["content"] = object{media: content[media]}
			op[needed] = requiredBy(content[media], components)
			op[consumed] = slices.DeleteFunc(slices.Sorted(maps.Keys(content)), func(m string) bool { return isForm(m) != isForm(media) })
		}
		media := map[string]bool{}
		responses, _ := op["responses"].(object)
		for _, r := range responses {
			response, _ := r.(object)
			content, _ := response["content"].(object)
			for m := range content {
				media[m] = true
			}
			if len(content) > 0 {
				response["content"] = object{jsonMedia: content[preferred(content)]}
			}
		}
		op[produced] = slices.Sorted(maps.Keys(media))
	})
}

func isForm(media string) bool { return slices.Contains(form(), media) }

// preferred is JSON, or a form, or the first.
func preferred(content object) string {
	for _, media := range append([]string{jsonMedia}, form()...) {
		if content[media] != nil {
			return media
		}
	}
	all := slices.Sorted(maps.Keys(content))
	if len(all) == 0 {
		return jsonMedia
	}
	return all[0]
}

// polish puts back what was remembered, and types what stands in forms, where 2.0 wants a type.
func polish(doc object) {
	definitions, _ := doc["definitions"].(object)
	for _, s := range definitions {
		plain(s)
	}
	eachOperation(doc, func(op object) {
		for from, to := range map[string]string{consumed: "consumes", produced: "produces"} {
			if all, ok := op[from].([]any); ok && len(all) > 0 {
				op[to] = all
			}
			delete(op, from)
		}
		required, _ := op[needed].([]any)
		delete(op, needed)
		parameters, _ := op["parameters"].([]any)
		for _, one := range parameters {
			p, _ := one.(object)
			if p["in"] == "body" {
				plain(p["schema"])
				continue
			}
			if p["in"] == "formData" && slices.Contains(required, p["name"]) {
				p["required"] = true
			}
			if kind, _ := p["type"].(string); !strings.Contains(" string number integer boolean array file ", " "+kind+" ") || kind == "" {
				p["type"] = "string"
			}
			if p["in"] == "formData" && p["format"] == "binary" {
				p["type"] = "file"
				delete(p, "format")
			}
			if p["type"] == "array" {
				p["items"] = object{"type": "string"}
			}
		}
	})
}

// plain takes out of a schema what 2.0 has no words for. The converter does not look into all parts of one.
func plain(v any) {
	schema, ok := v.(object)
	if !ok {
		return
	}
	if ref, ok := schema["$ref"].(string); ok {
		schema["$ref"] = strings.Replace(ref, schemaPrefix, "#/definitions/", 1)
	}
	if schema["nullable"] == true {
		schema["x-nullable"] = true
	}
	for _, word := range []string{"nullable", "anyOf", "oneOf", "not", "writeOnly", "deprecated"} {
		delete(schema, word)
	}
	properties, _ := schema["properties"].(object)
	for _, one := range properties {
		plain(one)
	}
	plain(schema["items"])
	plain(schema["additionalProperties"])
	all, _ := schema["allOf"].([]any)
	for _, one := range all {
		plain(one)
	}
}

// requiredBy are the members that the schema of a media type requires.
func requiredBy(media any, components object) any {
	m, _ := media.(object)
	schema, _ := m["schema"].(object)
	if ref, ok := schema["$ref"].(string); ok {
		schemas, _ := components["schemas"].(object)
		schema, _ = schemas[strings.TrimPrefix(ref, schemaPrefix)].(object)
	}
	return schema["required"]
}
