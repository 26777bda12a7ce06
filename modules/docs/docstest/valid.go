// Package docstest holds API documents to what their formats are by other people's programs.
package docstest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fairway-gateway/fairway/modules/docs"
)

// Valid fails t unless a document follows the schema of its format, and all that it refers to is there.
func Valid(t *testing.T, format string, raw []byte) {
	t.Helper()
	schemas := map[string]string{docs.OpenAPI31: datamodel.OpenAPI31SchemaData, docs.OpenAPI30: datamodel.OpenAPI3SchemaData, docs.Swagger20: datamodel.OpenAPI2SchemaData}
	follows(t, schemas[format], raw)
	if format == docs.OpenAPI30 {
		doc, err := openapi3.NewLoader().LoadFromData(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
			t.Error(err)
		}
		return
	}
	doc, err := libopenapi.NewDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	if format == docs.Swagger20 {
		_, err = doc.BuildV2Model()
	} else {
		_, err = doc.BuildV3Model()
	}
	if err != nil {
		t.Error(err)
	}
}

// follows holds a document to a schema.
func follows(t *testing.T, schema string, raw []byte) {
	t.Helper()
	const name = "https://example.org/schema"
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(doc); err != nil {
		t.Errorf("%#v", err)
	}
}
