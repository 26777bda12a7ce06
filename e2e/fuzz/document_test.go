package fuzz_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

type object = map[string]any

// document is an OpenAPI document, and what answers are held to.
type document struct {
	root       object
	operations []*operation
	compiler   *jsonschema.Compiler
	compiled   map[string]*jsonschema.Schema
}

// operation is one of a document.
type operation struct {
	id, method, path string
	parameters       []object
	// bodies are schemas by media type, their names in order.
	bodies   object
	media    []string
	optional bool
	// responses are by status.
	responses object
	// secured: not anybody may.
	secured bool
	// at is where the operation stands, a JSON Pointer.
	at string
}

// documentURL is what schemas are known by.
const documentURL = "https://gateway.invalid/openapi.json"

func parseDocument(raw []byte) (*document, error) {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	d := &document{compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(documentURL, parsed); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &d.root); err != nil {
		return nil, err
	}
	paths, _ := d.root["paths"].(object)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, _ := paths[path].(object)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			fields, ok := item[method].(object)
			if !ok {
				continue
			}
			d.operations = append(d.operations, d.operation(path, method, fields))
		}
	}
	return d, nil
}

func (d *document) operation(path, method string, fields object) *operation {
	op := &operation{method: strings.ToUpper(method), path: path, at: "/paths/" + pointed(path) + "/" + method}
	op.id, _ = fields["operationId"].(string)
	op.responses, _ = fields["responses"].(object)
	_, op.secured = fields["security"]
	parameters, _ := fields["parameters"].([]any)
	for _, p := range parameters {
		one, _ := p.(object)
		op.parameters = append(op.parameters, one)
	}
	if body, ok := fields["requestBody"].(object); ok {
		required, _ := body["required"].(bool)
		op.bodies, _ = body["content"].(object)
		op.media, op.optional = slices.Sorted(maps.Keys(op.bodies)), !required
	}
	return op
}

// pointed escapes a name for a JSON Pointer in a URL.
func pointed(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// resolve follows the reference of a schema.
func (d *document) resolve(v any) object {
	s, _ := v.(object)
	for range 10 {
		ref, ok := s["$ref"].(string)
		if !ok {
			break
		}
		at := any(d.root)
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			o, _ := at.(object)
			at = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
		}
		s, _ = at.(object)
	}
	return s
}

// always are failures that any operation may answer without saying so itself: "default" describes them. They are about the request
// as such, or about the store, and not about what is asked.
func always(status int) bool {
	return slices.Contains([]int{http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusUnsupportedMediaType, http.StatusTooManyRequests}, status)
}

// of the control API: its operations say each failure by themselves, while those of a service may be its backend's.
func (op *operation) ofControl() bool { return strings.Contains(op.id, ".") || op.id == "jwks" }

// asked is the operation that a method asks for at the path of another; nil: there is none.
func (d *document) asked(op *operation, method string) *operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, one := range d.operations {
		if one.path == op.path && one.method == method {
			return one
		}
	}
	return nil
}

// judge says what of an answer the document does not describe; nil: nothing.
func (d *document) judge(op *operation, method string, a answer) error {
	if a.status >= http.StatusInternalServerError {
		return fmt.Errorf("it is a %d", a.status)
	}
	if op = d.asked(op, method); op == nil {
		return d.refused(a)
	}
	if method == http.MethodHead && a.status == http.StatusMethodNotAllowed && a.allow != "" { // what is given out once is asked for by GET
		return nil
	}
	at := fmt.Sprint(a.status)
	response, ok := op.responses[at].(object)
	if !ok {
		if a.status < http.StatusBadRequest || op.ofControl() && !always(a.status) || op.responses["default"] == nil {
			return fmt.Errorf("the status %d is not described", a.status)
		}
		at = "default"
		response, _ = op.responses[at].(object)
	}
	content, _ := response["content"].(object)
	if len(content) == 0 {
		if len(a.body) > 0 {
			return fmt.Errorf("a %d has no body, and here it is one of %s", a.status, a.media)
		}
		return nil
	}
	if content["*/*"] != nil {
		return nil
	}
	media, _, err := mime.ParseMediaType(a.media)
	if err != nil {
		return fmt.Errorf("the media type %q: %w", a.media, err)
	}
	if content[media] == nil {
		return fmt.Errorf("the media type %s is not described for %s: %v", media, at, slices.Sorted(maps.Keys(content)))
	}
	if method == http.MethodHead {
		return nil
	}
	return d.valid(op.at+"/responses/"+at+"/content/"+pointed(media)+"/schema", media, a.body)
}

// refused holds the answer to a method that a path does not have.
func (d *document) refused(a answer) error {
	if a.status < http.StatusBadRequest {
		return fmt.Errorf("the method is not described, and the answer is %d", a.status)
	}
	if a.status == http.StatusMethodNotAllowed && a.allow == "" {
		return errors.New("a 405 without Allow")
	}
	if media, _, _ := mime.ParseMediaType(a.media); media != "application/problem+json" {
		return fmt.Errorf("a refusal is %q", a.media)
	}
	if len(a.body) == 0 { // of HEAD
		return nil
	}
	return d.valid("/components/schemas/Problem", "application/json", a.body)
}

// valid holds a body to a schema.
func (d *document) valid(at, media string, body []byte) error {
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the body is no JSON: %w", err)
	}
	s, ok := d.compiled[at]
	if !ok {
		if s, err = d.compiler.Compile(documentURL + "#" + at); err != nil {
			return err
		}
		d.compiled[at] = s
	}
	if err := s.Validate(v); err != nil {
		return fmt.Errorf("the body is not as described: %#v", err)
	}
	return nil
}
