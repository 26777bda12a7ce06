package docs

import (
	"cmp"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Source is what a document is made of.
type Source struct {
	// Table has the operations of the control API; nil: it is not in the document.
	Table *permit.Table
	// Typed are those of its operations that huma knows, with the ways to log in. May be nil.
	Typed *huma.OpenAPI
	// Services are the wrapped ones.
	Services []wrap.Description
	// Scopes are those of services, beside the control API's.
	Scopes []permit.Scope
	// Once are the operations of the control API that are done once for each Idempotency-Key. Default: none.
	Once []string
	// Version is that of the gateway.
	Version string
	// Address is that of the gateway, https://api.example.org, for Swagger 2.0, where addresses of tokens are whole. Default: they
	// are paths, which that format does not allow.
	Address string
}

// document is OpenAPI 3.1 as it is written.
type document struct {
	OpenAPI    string                    `json:"openapi"`
	Info       *huma.Info                `json:"info"`
	Servers    []*huma.Server            `json:"servers"`
	Tags       []*huma.Tag               `json:"tags"`
	Paths      map[string]*huma.PathItem `json:"paths"`
	Components components                `json:"components"`

	registry huma.Registry
	// taken are the paths without the names of their variables, and the names that stand in the path that there is.
	taken map[string]string
	ids   map[string]bool
}

// components has schemas of huma's and of services, which are JSON already.
type components struct {
	Schemas         map[string]any                  `json:"schemas"`
	SecuritySchemes map[string]*huma.SecurityScheme `json:"securitySchemes"`
}

const (
	schemaPrefix = "#/components/schemas/"
	problemMedia = "application/problem+json"
	jsonMedia    = "application/json"
	about        = "Operations of the control API, and the services of this gateway. Errors are problem documents (RFC 9457); a slash at the end of a path of the control API says nothing."
)

// newDocument makes a document without services.
func newDocument(src *Source) *document {
	d := &document{
		OpenAPI: "3.1.0", Info: &huma.Info{Title: "Fairway", Version: cmp.Or(src.Version, "0"), Description: about}, Servers: []*huma.Server{{URL: "/"}},
		Tags: []*huma.Tag{}, Paths: map[string]*huma.PathItem{}, taken: map[string]string{}, ids: map[string]bool{},
		Components: components{Schemas: map[string]any{}, SecuritySchemes: securitySchemes(src)},
	}
	known, typeOf := typedSchemas(src.Typed)
	d.registry = huma.NewMapRegistry(schemaPrefix, func(t reflect.Type, hint string) string {
		base := strings.NewReplacer(" ", "", "{", "", "}", "").Replace(huma.DefaultSchemaNamer(t, hint)) // interface {}
		name := base
		for n := 2; known[name] != nil && typeOf(schemaPrefix+name) != t; n++ { // another type of a typed operation
			name = base + strconv.Itoa(n) // generators of clients take names for equal that differ in underscores
		}
		return name
	})
	d.schema(problem{})
	d.schema(oauthError{})
	if src.Table != nil {
		d.control(src)
	}
	for name, s := range d.registry.Map() {
		d.Components.Schemas[name] = loose(s)
	}
	for name, s := range d.typedComponents(known, typeOf) {
		d.Components.Schemas[name] = s
	}
	return d
}

func (d *document) schema(v any) *huma.Schema {
	if v == nil {
		return &huma.Schema{}
	}
	return d.registry.Schema(reflect.TypeOf(v), true, "")
}

// securitySchemes are the ways to log in, by the names that package typed gives them.
func securitySchemes(src *Source) map[string]*huma.SecurityScheme {
	if src.Typed == nil || src.Typed.Components == nil {
		return map[string]*huma.SecurityScheme{"basic": {Type: "http", Scheme: "basic"}}
	}
	out := maps.Clone(src.Typed.Components.SecuritySchemes)
	for name, s := range out {
		if s.Flows == nil {
			continue
		}
		with := func(f *huma.OAuthFlow) *huma.OAuthFlow {
			if f == nil {
				return nil
			}
			g := *f
			g.Scopes = maps.Clone(f.Scopes)
			for _, one := range src.Scopes {
				g.Scopes[one.Name] = one.Doc
			}
			// It stands alone, and the client "documentation" has not got it: who asks for all that there are gets none.
			delete(g.Scopes, permit.All)
			return &g
		}
		more := *s
		more.Flows = &huma.OAuthFlows{Password: with(s.Flows.Password), ClientCredentials: with(s.Flows.ClientCredentials)}
		out[name] = &more
	}
	return out
}

// control adds the operations of the table.
func (d *document) control(src *Source) {
	texts := handwritten()
	tags := map[string]string{}
	for _, line := range src.Table.Operations() {
		op := typedOperation(src.Typed, line)
		if op == nil {
			op = d.written(texts[line.ID], line, src.Table)
		}
		if slices.Contains(src.Once, line.ID) {
			op.Parameters = append(op.Parameters, onceKey())
		}
		d.fails(op, texts[line.ID])
		d.complete(op, line, texts[line.ID].oauth)
		name, about := tagOfOperation(line.ID)
		op.Tags, tags[name] = []string{name}, about
		d.add(line.Path, line.Method, op)
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		d.Tags = append(d.Tags, &huma.Tag{Name: name, Description: tags[name]})
	}
}

// typedOperation is a copy of what huma has of an operation; nil: it has nothing.
func typedOperation(from *huma.OpenAPI, line permit.Operation) *huma.Operation {
	if from == nil || from.Paths[line.Path] == nil {
		return nil
	}
	place := operationOf(from.Paths[line.Path], line.Method)
	if place == nil || *place == nil {
		return nil
	}
	op := **place
	// Several documents are made of it, perhaps at once, and each may name variables otherwise.
	op.Parameters = slices.Clone(op.Parameters)
	for i, p := range op.Parameters {
		own := *p
		op.Parameters[i] = &own
	}
	for _, v := range variables(line.Path) { // which the API looks up, and the function need not name
		if !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == v.In && p.Name == v.Name }) {
			op.Parameters = append(op.Parameters, v)
		}
	}
	op.Responses = maps.Clone(op.Responses)
	for status, r := range op.Responses {
		again := *r
		op.Responses[status] = &again
	}
	return &op
}

// operationOf is where an item has the operation of a method; nil: nowhere.
func operationOf(item *huma.PathItem, method string) **huma.Operation {
	switch method {
	case http.MethodGet:
		return &item.Get
	case http.MethodPost:
		return &item.Post
	case http.MethodPut:
		return &item.Put
	case http.MethodPatch:
		return &item.Patch
	case http.MethodDelete:
		return &item.Delete
	}
	return nil
}

// written makes an operation of what is written of it, and of what the table says.
func (d *document) written(text described, line permit.Operation, table *permit.Table) *huma.Operation {
	said, _ := table.Describe(line.ID)
	op := &huma.Operation{
		OperationID: line.ID, Summary: text.summary, Description: strings.TrimSpace(said.Permissions + "\n\n" + text.text),
		Parameters: append(variables(line.Path), text.query...), Responses: map[string]*huma.Response{},
	}
	if text.body != nil {
		op.RequestBody = &huma.RequestBody{Required: !text.optional, Content: map[string]*huma.MediaType{}}
		for _, media := range text.types {
			op.RequestBody.Content[media] = d.bodyOf(text.body, media)
		}
		if len(text.types) == 0 {
			op.RequestBody.Content[jsonMedia] = d.bodyOf(text.body, jsonMedia)
		}
	}
	good := &huma.Response{Description: "Done."}
	for _, name := range slices.Sorted(maps.Keys(text.header)) {
		if good.Headers == nil {
			good.Headers = map[string]*huma.Param{}
		}
		good.Headers[name] = &huma.Param{Description: text.header[name], Schema: &huma.Schema{Type: huma.TypeString}}
	}
	if text.answer != nil {
		good.Content = map[string]*huma.MediaType{cmp.Or(text.media, jsonMedia): {Schema: d.schema(text.answer)}}
	}
	op.Responses[strconv.Itoa(cmp.Or(text.status, http.StatusOK))] = good
	for status, what := range said.Denials {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: what}
	}
	return op
}

// bodyOf is a body in a media type. An object is no JSON Patch, and an array of operations no merge patch.
func (d *document) bodyOf(v any, media string) *huma.MediaType {
	_, operations := v.([]patchOperation)
	switch {
	case media == "application/json-patch+json" && !operations:
		return &huma.MediaType{Schema: d.schema([]patchOperation{})}
	case media == "application/merge-patch+json" && operations:
		return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeObject}}
	}
	return &huma.MediaType{Schema: d.schema(v)}
}

// complete gives an operation what all have: bodies of errors, and those errors that anything may answer.
func (d *document) complete(op *huma.Operation, line permit.Operation, oauth bool) {
	failure := map[string]*huma.MediaType{problemMedia: {Schema: d.schema(problem{})}}
	if oauth {
		failure = map[string]*huma.MediaType{jsonMedia: {Schema: d.schema(oauthError{})}}
	}
	if op.Responses["default"] == nil || op.Responses["default"].Content[problemMedia] == nil {
		op.Responses["default"] = &huma.Response{Description: "Another error: too many requests (429), the store does not answer (503)."}
	}
	for status, r := range op.Responses {
		if page := r.Content["text/html"] != nil; status == "default" || status >= "400" && !page {
			r.Content = failure
		}
		if status == "401" {
			r.Headers = map[string]*huma.Param{"WWW-Authenticate": {Description: "How to log in.", Schema: &huma.Schema{Type: huma.TypeString}}}
		}
	}
	if oauth { // a method that is not known is told as everywhere
		r := op.Responses["default"]
		r.Content = map[string]*huma.MediaType{jsonMedia: failure[jsonMedia], problemMedia: {Schema: d.schema(problem{})}}
	}
	op.Security = nil
	for _, scope := range line.Scopes { // one of them is enough
		op.Security = append(op.Security, map[string][]string{"oauth2_password": {scope}})
	}
	if len(line.Scopes) > 0 {
		op.Security = append(op.Security, map[string][]string{"bearer": {}}, map[string][]string{"basic": {}})
	}
	op.OperationID = line.ID
	d.ids[line.ID] = true
}

// tagOfOperation is the first word of its name, and what it is about.
func tagOfOperation(id string) (name, text string) {
	name, _, _ = strings.Cut(id, ".")
	if name == "jwks" {
		name = "auth"
	}
	return name, map[string]string{ //nolint:gosec // no credentials
		"auth": "Logging in as Trends.Earth does", "session": "Logins", "oauth2": "Logging in by OAuth2, and its clients", "client": "Service clients",
		"user": "Users as Trends.Earth has them", "users": "Users as Houston has them", "teams": "Teams", "tokens": "Tokens of programs",
		"mail": "Mail", "limits": "Rate limits", "audit": "The audit log", "health": "Whether the gateway is there",
		"permissions": "Scopes", "docs": "This document", "script": "Scripts that users upload", "execution": "Executions of scripts", "schedule": "Scripts that run at times", "webhook": "Where events are sent",
		"hook": "By which others start scripts", "arrival": "Events that arrived",
	}[name]
}

// variables are the parameters of a path of the table.
func variables(path string) []*huma.Param {
	texts := map[string]string{ //nolint:gosec // no credentials
		"user": "An id, a number or an address.", "client": "An id or a client_id.", "token": "An id or a number.", "team": "A number or an id.",
		"session": "An id.", "identifier": "user:<id>, client:<id>, token:<id> or ip:<address>.",
	}
	var out []*huma.Param
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			out = append(out, &huma.Param{Name: name, In: "path", Required: true, Description: texts[name], Schema: &huma.Schema{Type: huma.TypeString}})
		}
	}
	return out
}

// add puts an operation at a path; false: there is another. Paths that differ in the names of their variables alone are one.
func (d *document) add(path, method string, op *huma.Operation) bool {
	shape, names := shapeOf(path)
	there, ok := d.taken[shape]
	if !ok {
		d.taken[shape], there = path, path
		d.Paths[path] = new(huma.PathItem)
	}
	place := operationOf(d.Paths[there], method)
	if place == nil || *place != nil {
		return false
	}
	_, called := shapeOf(there)
	for _, p := range op.Parameters {
		if i := slices.Index(names, p.Name); p.In == "path" && i >= 0 {
			p.Name = called[i]
		}
	}
	*place = op
	return true
}

// shapeOf is a path without the names of its variables, and these.
func shapeOf(path string) (shape string, names []string) {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			names = append(names, strings.Trim(part, "{}"))
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/"), names
}
