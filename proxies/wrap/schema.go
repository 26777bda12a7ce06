package wrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

// What becomes of an answer that breaks its promise.
const (
	DriftFail   = "fail"   // 502 schema_drift
	DriftCount  = "count"  // it passes; only the metric tells
	DriftHeader = "header" // it passes with the header Fairway-Drift
)

// driftHeader names the first place that breaks the promise, as a JSON pointer in the form of a URI fragment.
const driftHeader = "Fairway-Drift"

// schemaSize bounds the file of a schema in bytes.
const schemaSize = 4 << 20

// promise is what a route promises of its answers; in a streamed route, of each record.
type promise struct {
	schema  *jsonschema.Schema
	source  json.RawMessage // for the API document
	onDrift string
}

// drift is where an answer breaks a promise. Nothing of the answer but names stands in it.
type drift struct {
	pointer string // JSON pointer (RFC 6901), at most 200 bytes of it
	rule    string // the word of the schema: "type", "required"
}

func (d *drift) Error() string {
	return fmt.Sprintf("%q breaks the rule %s", d.pointer, d.rule)
}

// fragment is the pointer as the fragment of a URI, which a header can hold.
func (d *drift) fragment() string {
	return "#" + strings.ReplaceAll(url.PathEscape(d.pointer), "%2F", "/")
}

func (rt *route) compilePromise(r *Route, at place) error {
	ways := []string{DriftFail, DriftCount, DriftHeader}
	switch {
	case r.Schema == "" && len(r.Columns) == 0 && r.OnDrift != "":
		return at.field("on_drift").errf("on_drift says what becomes of an answer that breaks its schema or columns, and the route has neither")
	case r.Schema == "" && len(r.Columns) == 0:
		return nil
	case r.Schema != "" && len(r.Columns) > 0:
		return at.field("columns").errf("the route has a schema and columns; one of them says it all")
	case r.OnDrift != "" && !slices.Contains(ways, r.OnDrift):
		return at.field("on_drift").errf("on_drift is %s, not %q%s", strings.Join(ways, ", "), r.OnDrift, Suggest(r.OnDrift, ways))
	case r.Each != nil && r.OnDrift == DriftHeader:
		return at.field("on_drift").errf("on_drift header needs the whole answer before its header; with reply each it is fail or count")
	}
	p := &promise{onDrift: r.OnDrift}
	if p.onDrift == "" {
		p.onDrift = DriftFail
	}
	if r.Schema != "" {
		if err := p.load(r.Schema); err != nil {
			return at.field("schema").errf("schema: %v", err)
		}
	} else {
		source, err := columnsSchema(r.Columns, r.Each != nil)
		if err != nil {
			return at.field("columns").errf("%v", err)
		}
		if err := p.compile("columns.json", source, nil); err != nil {
			return at.field("columns").errf("columns: %v", err)
		}
	}
	rt.promise = p
	for _, s := range rt.plan.steps {
		s.checked = true
	}
	return nil
}

// load compiles a file.
func (p *promise) load(name string) error {
	path, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	raw, err := readSchema(path)
	if err != nil {
		return err
	}
	return p.compile(fileURL(path), raw, &schemaDir{dir: filepath.Dir(path)})
}

// compile compiles a schema. Loader finds those that it refers to; nil: there are none.
func (p *promise) compile(location string, source []byte, loader jsonschema.URLLoader) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	if err != nil {
		return errors.New("the file is not JSON")
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if loader == nil {
		loader = jsonschema.SchemeURLLoader{}
	}
	c.UseLoader(loader)
	if err := c.AddResource(location, doc); err != nil {
		return fmt.Errorf("the schema cannot be read: %w", err)
	}
	if p.schema, err = c.Compile(location); err != nil {
		return fmt.Errorf("the schema cannot be compiled: %w", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, source); err != nil {
		return err
	}
	p.source = compact.Bytes()
	return nil
}

// schemaDir loads the schemas that a schema refers to: files beside it or below, nothing else and nothing from the
// network.
type schemaDir struct{ dir string }

// Load implements jsonschema.URLLoader.
func (d *schemaDir) Load(location string) (any, error) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "file" || u.Host != "" {
		return nil, errors.New("a schema may refer only to files beside it")
	}
	dir, err := filepath.EvalSymlinks(d.dir)
	if err != nil {
		return nil, err
	}
	path, err := filepath.EvalSymlinks(filepath.FromSlash(u.Path))
	if err != nil {
		return nil, err
	}
	if inside, err := filepath.Rel(dir, path); err != nil || !filepath.IsLocal(inside) {
		return nil, errors.New("a schema may refer only to files beside it")
	}
	raw, err := readSchema(path)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(raw))
}

func readSchema(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > schemaSize {
		return nil, fmt.Errorf("%s is no file of at most 4 MiB", path)
	}
	return os.ReadFile(path)
}

func fileURL(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// check says where a JSON text breaks the promise; nil: nowhere. The error is of ctx's end, or of a text that is too
// large to be looked at.
func (p *promise) check(ctx context.Context, text []byte) (*drift, error) {
	tree := decode.NewTree(decode.Limits{})
	if err := new(document.JSON).Decode(ctx, &decode.Input{Body: text}, tree); err != nil {
		return nil, err
	}
	if pointer, ok := hugeNumber(tree.Value(), ""); ok {
		return newDrift(pointer, "number"), nil
	}
	err := p.schema.Validate(tree.Value())
	if err == nil {
		return nil, nil
	}
	broken, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil, err
	}
	for len(broken.Causes) > 0 {
		broken = broken.Causes[0]
	}
	rule := "false"
	if path := broken.ErrorKind.KeywordPath(); len(path) > 0 {
		rule = path[0]
	}
	var pointer strings.Builder
	for _, name := range broken.InstanceLocation {
		pointer.WriteString("/" + escapePointer(name))
	}
	return newDrift(pointer.String(), rule), nil
}

// promised holds an answer to the route's promise. H is for what callers are told of an answer that passes.
func (x *exchange) promised(ctx context.Context, h http.Header, text []byte) *problem.Problem {
	p := x.route.promise
	if p == nil {
		return nil
	}
	d, err := p.check(ctx, text)
	if err != nil {
		return replyFailed("The answer could not be held to the shape that the route promises.", "", err)
	}
	if d == nil {
		return nil
	}
	if x.route.metrics != nil {
		x.route.metrics.Drift()
	}
	switch p.onDrift {
	case DriftCount:
		return nil
	case DriftHeader:
		h[driftHeader] = []string{d.fragment()}
		return nil
	}
	return &problem.Problem{
		Code: problem.SchemaDrift, Status: http.StatusBadGateway, Cause: d,
		Detail: fmt.Sprintf("The answer is not of the shape that this path promises: %q breaks the rule %s.", printable(d.pointer), d.rule),
	}
}

func newDrift(pointer, rule string) *drift {
	if len(pointer) > 200 {
		pointer = strings.ToValidUTF8(pointer[:200], "") + "…"
	}
	return &drift{pointer: pointer, rule: rule}
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// largestExponent is how large the exponent of a number may be. What validates computes with exact fractions, for
// which 1e1000000 is a number of a million digits.
const largestExponent = 400

// hugeNumber finds a number that is not to be computed with.
func hugeNumber(v any, pointer string) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		i := strings.IndexAny(string(v), "eE")
		if i < 0 {
			return "", false
		}
		n, err := strconv.Atoi(string(v[i+1:]))
		return pointer, err != nil || n > largestExponent || n < -largestExponent
	case []any:
		for i, item := range v {
			if at, ok := hugeNumber(item, pointer+"/"+itoa(i)); ok {
				return at, true
			}
		}
	case map[string]any:
		for name, item := range v {
			if at, ok := hugeNumber(item, pointer+"/"+escapePointer(name)); ok {
				return at, true
			}
		}
	}
	return "", false
}

var _ jsonschema.URLLoader = (*schemaDir)(nil)
