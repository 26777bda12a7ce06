package docs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// services adds the routes of services, each under all its prefixes.
func (d *document) services(all []wrap.Description) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b wrap.Description) int { return cmp.Compare(a.Prefixes[0], b.Prefixes[0]) })
	if len(all) > 0 {
		d.Components.Schemas["Metadata"] = metadataSchema()
	}
	tags := map[string]bool{}
	for _, t := range d.Tags {
		tags[t.Name] = true
	}
	for _, s := range all {
		if !tags[s.Name] {
			tags[s.Name] = true
			d.Tags = append(d.Tags, tagOf(s))
		}
		for _, prefix := range s.Prefixes {
			prefix = strings.TrimSuffix(prefix, "/")
			for _, r := range s.Routes {
				d.route(s, prefix, r)
			}
			d.metadata(s, prefix)
			d.long(s, prefix)
		}
	}
}

func tagOf(s wrap.Description) *huma.Tag {
	t := &huma.Tag{Name: s.Name, Description: fmt.Sprintf("%s. Version %s.", strings.TrimRight(s.Description, ". "), s.Version)}
	if strings.HasPrefix(s.Repository, "https://") || strings.HasPrefix(s.Repository, "http://") {
		t.ExternalDocs = &huma.ExternalDocs{Description: "Repository", URL: s.Repository}
	}
	return t
}

// route adds a route under a prefix.
func (d *document) route(s wrap.Description, prefix string, r wrap.RouteDescription) {
	path, subtree := pathOf(prefix + r.Pattern)
	id := d.id(prefix + " " + r.Method + " " + r.Pattern)
	op := &huma.Operation{
		OperationID: id, Tags: []string{s.Name}, Summary: r.Summary, Description: strings.TrimSpace(r.Describe + "\n\n" + strings.Join(notes(r), " ")),
		Security: d.security(s), Responses: d.answers(s, r, id),
	}
	for _, p := range r.Params {
		one := paramOf(p)
		if p.In == "path" && p.Name == subtree {
			one.Description = strings.TrimSpace(one.Description + " All that follows in the path, slashes included.")
		}
		op.Parameters = append(op.Parameters, one)
	}
	if r.Executes > 0 {
		op.Parameters = append(op.Parameters, preference("respond-async", "respond-async: do not wait for what takes long. wait=2: wait for so many seconds, and no longer than the route says."))
	}
	if b := r.Body; b != nil {
		op.RequestBody = &huma.RequestBody{Required: !b.Optional, Content: map[string]*huma.MediaType{}}
		schema := &huma.Schema{}
		if b.Schema != nil {
			schema = d.embed(id+".body", b.Schema)
		}
		for _, media := range b.Types {
			op.RequestBody.Content[media] = &huma.MediaType{Schema: schema}
		}
	}
	if !d.add(path, r.Method, op) && subtree != "" {
		// A pattern of one segment has the path; that of the subtree comes after it.
		d.add(path+"/", r.Method, op)
	}
}

// pathOf is a pattern as OpenAPI writes it, and the name of the variable that stands for more than one segment.
func pathOf(pattern string) (path, subtree string) {
	path = strings.TrimSuffix(pattern, "{$}")
	if i := strings.LastIndex(path, "{"); i >= 0 && strings.HasSuffix(path, "...}") {
		subtree = strings.TrimSuffix(path[i+1:], "...}")
		path = path[:i] + "{" + subtree + "}"
	}
	return cmp.Or(path, "/"), subtree
}

func notes(r wrap.RouteDescription) []string {
	var out []string
	if r.Suffix {
		out = append(out, "The path may end in ."+strings.Join(r.Outputs, ", .")+".")
	}
	if r.Executes > 0 {
		out = append(out, "What takes longer than "+r.Executes.String()+" becomes an execution: 202, and Location says where its answer will be.")
	}
	if r.Streamed {
		out = append(out, "The answer comes record by record; the schema is that of one.")
	}
	return out
}

// id makes a name of an operation that no other has: letters, digits and underscores, as generators of clients want it.
func (d *document) id(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	base := strings.Join(words, "_")
	name := base
	for n := 2; d.ids[name]; n++ {
		name = base + "_" + strconv.Itoa(n)
	}
	d.ids[name] = true
	return name
}

// security is what a caller of a service must send. Without a store there is Basic alone.
func (d *document) security(s wrap.Description) []map[string][]string {
	var out []map[string][]string
	if s.Users && d.Components.SecuritySchemes["bearer"] != nil {
		out = append(out, map[string][]string{"oauth2_password": append([]string{}, s.Scopes...)}, map[string][]string{"bearer": {}})
	}
	if s.Users || s.Auth != session.ModeNone {
		out = append(out, map[string][]string{"basic": {}})
	}
	return out
}

// answers are what a route answers.
func (d *document) answers(s wrap.Description, r wrap.RouteDescription, id string) map[string]*huma.Response {
	good := &huma.Response{Description: "The reply.", Content: map[string]*huma.MediaType{}}
	schema := &huma.Schema{}
	if r.Schema != nil {
		schema = d.embed(id, r.Schema)
	}
	outputs := r.Outputs
	if len(outputs) == 0 {
		outputs = []string{"json"}
	}
	for _, o := range outputs {
		switch o {
		case "csv":
			good.Content["text/csv"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		case "ndjson":
			good.Content["application/x-ndjson"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		default:
			media := &huma.MediaType{Schema: schema}
			if r.Streamed {
				media.Schema = &huma.Schema{Type: huma.TypeArray, Items: schema}
			}
			if r.Example != nil {
				media.Example = r.Example
			}
			good.Content[jsonMedia] = media
		}
	}
	out := map[string]*huma.Response{"200": good}
	if r.Method == http.MethodGet {
		out["304"] = &huma.Response{Description: "It is what If-None-Match names."}
	}
	fail := func(status int, text string) {
		out[strconv.Itoa(status)] = &huma.Response{Description: text, Content: map[string]*huma.MediaType{problemMedia: {Schema: &huma.Schema{Ref: schemaPrefix + "Problem"}}}}
	}
	if len(r.Params) > 0 || r.Body != nil {
		fail(http.StatusBadRequest, "A parameter or the body is wrong.")
	}
	if s.Users || s.Auth != session.ModeNone {
		fail(http.StatusUnauthorized, "Credentials are missing or wrong.")
		fail(http.StatusForbidden, "The caller may not.")
	}
	if len(r.Outputs) > 1 {
		fail(http.StatusNotAcceptable, "None of the outputs is accepted.")
	}
	if len(r.Fetches) > 0 {
		fail(http.StatusBadGateway, "The backend failed, or its answer cannot be used.")
		fail(http.StatusGatewayTimeout, "The backend did not answer in time.")
	}
	if r.Executes > 0 {
		out["202"] = pending()
		fail(http.StatusTooManyRequests, "As many long answers of the caller are being made as may be at once.")
	}
	fail(http.StatusServiceUnavailable, "The gateway or the backend is busy; Retry-After says when to come again.")
	out["default"] = &huma.Response{Description: "Another error, those of the backend with its status.", Content: out["503"].Content}
	return out
}

// metadata adds the document that every service has.
func (d *document) metadata(s wrap.Description, prefix string) {
	d.add(prefix+"/metadata", http.MethodGet, &huma.Operation{
		OperationID: d.id(prefix + " metadata"), Tags: []string{s.Name}, Summary: "Metadata of the service",
		Responses: map[string]*huma.Response{"200": {Description: "The metadata.", Content: map[string]*huma.MediaType{
			jsonMedia: {Schema: &huma.Schema{Ref: schemaPrefix + "Metadata"}},
		}}},
	})
}

func metadataSchema() *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
	for _, name := range []string{"name", "version", "repository", "description", "api_version", "auth"} {
		s.Properties[name] = &huma.Schema{Type: huma.TypeString}
		s.Required = append(s.Required, name)
	}
	s.Properties["auth"].Enum = []any{"none", "basic", "bitly-proxy"}
	return s
}

// paramOf is a parameter of a route.
func paramOf(p wrap.Param) *huma.Param {
	s := &huma.Schema{Type: huma.TypeString}
	switch p.Type {
	case "integer":
		s.Type = huma.TypeInteger
	case "number":
		s.Type = huma.TypeNumber
	case "bool":
		s.Type = huma.TypeBoolean
	case "date":
		s.Format = "date"
	}
	if s.Type == huma.TypeString && s.Format == "" {
		s.MinLength, s.MaxLength = whole(p.Min), whole(p.Max)
	} else {
		s.Minimum, s.Maximum = p.Min, p.Max
	}
	if p.Pattern != "" {
		s.Pattern = "^(?:" + p.Pattern + ")$"
	}
	if p.Default != nil {
		s.Default = valueOf(s.Type, *p.Default)
	}
	for _, e := range p.Enum {
		s.Enum = append(s.Enum, valueOf(s.Type, e))
	}
	return &huma.Param{Name: p.Name, In: p.In, Description: p.Description, Required: p.Required || p.In == "path", Schema: s}
}

func whole(f *float64) *int {
	if f == nil {
		return nil
	}
	n := int(*f)
	return &n
}

// valueOf is a text of a configuration as the value of a type. It was checked there; numbers keep their digits.
func valueOf(kind, text string) any {
	switch kind {
	case huma.TypeBoolean:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return text
		}
		return b
	case huma.TypeInteger, huma.TypeNumber:
		if json.Valid([]byte(text)) {
			return json.Number(text)
		}
	}
	return text
}
