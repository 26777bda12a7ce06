package docs

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// object is an object of a document.
type object = map[string]any

// swagger makes Swagger 2.0 of OpenAPI 3.0. In 2.0 a body and an answer have one schema whatever their media types are, there is no Bearer,
// and what stands in paths, queries, headers and forms has a type and no schema.
func swagger(doc []byte, address string) ([]byte, error) {
	var v3 object
	if err := json.Unmarshal(doc, &v3); err != nil {
		return nil, err
	}
	components, _ := v3["components"].(object)
	schemas, _ := components["schemas"].(object)
	schemes, _ := components["securitySchemes"].(object)
	for _, schema := range schemas {
		plain(schema)
	}
	v2 := object{"swagger": "2.0", "basePath": "/", "securityDefinitions": definitionsOf(schemes, address), "definitions": schemas}
	for _, word := range []string{"info", "tags", "paths"} {
		if v3[word] != nil {
			v2[word] = v3[word]
		}
	}
	whereabouts(v2, v3)
	eachOperation(v2, func(op object) {
		op["parameters"] = append(parametersOf(op), bodyOf(op, schemas)...)
		if all, _ := op["parameters"].([]any); len(all) == 0 {
			delete(op, "parameters")
		}
		answersOf(op)
		if all, ok := op["security"].([]any); ok {
			op["security"] = slices.DeleteFunc(all, func(one any) bool { _, bearer := one.(object)["bearer"]; return bearer })
		}
	})
	return json.Marshal(v2)
}

// whereabouts says where the API is, if the document does.
func whereabouts(v2, v3 object) {
	servers, _ := v3["servers"].([]any)
	if len(servers) == 0 {
		return
	}
	server, _ := servers[0].(object)
	text, _ := server["url"].(string)
	at, err := url.Parse(text)
	if err != nil {
		return
	}
	if at.Path != "" {
		v2["basePath"] = at.Path
	}
	if at.Host != "" {
		v2["host"], v2["schemes"] = at.Host, []string{at.Scheme}
	}
}

// definitionsOf are the ways to say who asks. Each has one flow.
func definitionsOf(schemes object, address string) object {
	out := object{}
	for name, one := range schemes {
		scheme, _ := one.(object)
		flows, _ := scheme["flows"].(object)
		password, _ := flows["password"].(object)
		said := object{}
		if scheme["description"] != nil {
			said["description"] = scheme["description"]
		}
		switch {
		case password != nil:
			path, _ := password["tokenUrl"].(string)
			maps.Copy(said, object{"type": "oauth2", "flow": "password", "scopes": password["scopes"], "tokenUrl": address + path})
		case scheme["scheme"] == "basic":
			said["type"] = "basic"
		default:
			continue
		}
		out[name] = said
	}
	return out
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

// parametersOf are those of an operation but for its body.
func parametersOf(op object) []any {
	all, _ := op["parameters"].([]any)
	out := make([]any, 0, len(all)+1)
	for _, one := range all {
		p, _ := one.(object)
		said := object{"name": p["name"], "in": p["in"]}
		if p["required"] == true {
			said["required"] = true
		}
		if p["description"] != nil {
			said["description"] = p["description"]
		}
		out = append(out, simple(said, p["schema"]))
	}
	return out
}

// simple gives what stands in a path, a query, a header or a form the words of its schema that 2.0 has there.
func simple(said object, schema any) object {
	s, _ := schema.(object)
	for _, word := range []string{"format", "enum", "default", "minimum", "maximum", "minLength", "maxLength", "pattern"} {
		if s[word] != nil {
			said[word] = s[word]
		}
	}
	if said["description"] == nil && s["description"] != nil {
		said["description"] = s["description"]
	}
	switch kind, _ := s["type"].(string); kind {
	case "number", "integer", "boolean":
		said["type"] = kind
	case "array":
		said["type"], said["items"] = kind, object{"type": "string"}
	default:
		said["type"] = "string"
	}
	return said
}

// bodyOf are the parameters that a body is in 2.0: one, or one for each member of a form.
func bodyOf(op, schemas object) []any {
	body, ok := op["requestBody"].(object)
	if !ok {
		return nil
	}
	delete(op, "requestBody")
	content, _ := body["content"].(object)
	preferred := preferredOf(content)
	op["consumes"] = slices.DeleteFunc(slices.Sorted(maps.Keys(content)), func(m string) bool { return isForm(m) != isForm(preferred) })
	media, _ := content[preferred].(object)
	schema, _ := media["schema"].(object)
	if !isForm(preferred) {
		plain(schema)
		said := object{"name": "body", "in": "body", "schema": schema}
		if body["required"] == true {
			said["required"] = true
		}
		if body["description"] != nil {
			said["description"] = body["description"]
		}
		return []any{said}
	}
	if ref, ok := schema["$ref"].(string); ok {
		schema, _ = schemas[ref[strings.LastIndex(ref, "/")+1:]].(object)
	}
	properties, _ := schema["properties"].(object)
	required, _ := schema["required"].([]any)
	out := make([]any, 0, len(properties))
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		said := simple(object{"name": name, "in": "formData"}, properties[name])
		if slices.Contains(required, any(name)) {
			said["required"] = true
		}
		if said["format"] == "binary" {
			said["type"] = "file"
			delete(said, "format")
		}
		out = append(out, said)
	}
	return out
}

// answersOf makes the answers of an operation those of 2.0.
func answersOf(op object) {
	media := map[string]bool{}
	responses, _ := op["responses"].(object)
	for _, one := range responses {
		response, _ := one.(object)
		content, _ := response["content"].(object)
		delete(response, "content")
		for m := range content {
			media[m] = true
		}
		if said, _ := content[preferredOf(content)].(object); said["schema"] != nil {
			plain(said["schema"])
			response["schema"] = said["schema"]
		}
		headers, _ := response["headers"].(object)
		for name, one := range headers {
			header, _ := one.(object)
			said := object{}
			if header["description"] != nil {
				said["description"] = header["description"]
			}
			headers[name] = simple(said, header["schema"])
		}
	}
	if len(media) > 0 {
		op["produces"] = slices.Sorted(maps.Keys(media))
	}
}

func isForm(media string) bool { return slices.Contains(form(), media) }

// preferredOf is JSON, or a form, or the first.
func preferredOf(content object) string {
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

// plain takes out of a schema what 2.0 has no words for.
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
