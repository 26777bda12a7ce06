package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// mostSchema is how long a schema may be, in bytes.
const mostSchema = 256 << 10

// Schema is a JSON Schema of parameters, draft 2020-12 unless it says another. It refers to nothing outside of itself.
type Schema struct {
	compiled *jsonschema.Schema
	// checking is held by who spends the budget.
	checking sync.Mutex
	budget   *budget
}

// schemaURL is what a schema is called.
const schemaURL = "fairway:parameters"

// ReadSchema reads a schema.
func ReadSchema(text []byte) (*Schema, error) {
	if len(text) > mostSchema {
		return nil, fmt.Errorf("it has more than %d bytes", mostSchema)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("it is no JSON")
	}
	b := &budget{}
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
		r, err := regexp.Compile(text)
		return pattern{r, b}, err
	})
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, fmt.Errorf("%s", oneLine(err))
	}
	compiled, err := c.Compile(schemaURL)
	if err != nil {
		return nil, fmt.Errorf("%s", oneLine(err))
	}
	charge(compiled, b)
	return &Schema{compiled: compiled, budget: b}, nil
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

// Mistakes holds parameters, a JSON text, to the schema. There are at most 20. What would take too long is a mistake, too.
func (s *Schema) Mistakes(parameters []byte) []Mistake {
	if largeNumber(parameters) {
		return []Mistake{{Detail: "a number has more than 1000 digits"}}
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(parameters))
	if err != nil {
		return []Mistake{{Detail: "the parameters are no JSON"}}
	}
	s.checking.Lock()
	defer s.checking.Unlock()
	s.budget.fill(len(parameters))
	invalid, ok := errors.AsType[*jsonschema.ValidationError](s.compiled.Validate(v))
	if s.budget.spent() {
		return []Mistake{{Detail: "it takes too long to hold these parameters to the schema of the script"}}
	}
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
