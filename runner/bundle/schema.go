package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// mostSchema is how long a schema may be, in bytes.
const mostSchema = 256 << 10

// Schema is a JSON Schema of parameters, draft 2020-12 unless it says another. It refers to nothing outside of itself.
type Schema struct{ compiled *jsonschema.Schema }

// ReadSchema reads a schema.
func ReadSchema(text []byte) (*Schema, error) {
	if len(text) > mostSchema {
		return nil, fmt.Errorf("it has more than %d bytes", mostSchema)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("it is no JSON")
	}
	const url = "fairway:parameters"
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	if err := c.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("%s", oneLine(err))
	}
	compiled, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("%s", oneLine(err))
	}
	return &Schema{compiled: compiled}, nil
}

// nothing loads nothing: a schema of a user must not have the gateway read files or ask other servers.
type nothing struct{}

func (nothing) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is outside of the schema", shown(url))
}

// Mistake says what is wrong with one parameter.
type Mistake struct {
	// At is a JSON Pointer to it; empty: all parameters together.
	At string
	// Detail says what is wanted.
	Detail string
}

// Mistakes holds parameters, a JSON text, to the schema. There are at most 20.
func (s *Schema) Mistakes(parameters []byte) []Mistake {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(parameters))
	if err != nil {
		return []Mistake{{Detail: "the parameters are no JSON"}}
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](s.compiled.Validate(v))
	if !ok {
		return nil
	}
	var list []Mistake
	collect(invalid, message.NewPrinter(language.English), &list)
	return list
}

// collect takes the leaves of a tree of errors, which say what is wrong; what is above says that something is.
func collect(e *jsonschema.ValidationError, p *message.Printer, list *[]Mistake) {
	const most = 20
	if len(e.Causes) == 0 && len(*list) < most {
		*list = append(*list, Mistake{At: pointer(e.InstanceLocation), Detail: e.ErrorKind.LocalizedString(p)})
	}
	for _, cause := range e.Causes {
		collect(cause, p, list)
	}
}

func pointer(parts []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, part := range parts {
		b.WriteByte('/')
		b.WriteString(escape.Replace(part))
	}
	return b.String()
}

func oneLine(err error) string {
	const most = 300
	s := strings.Join(strings.Fields(err.Error()), " ")
	return s[:min(len(s), most)]
}
