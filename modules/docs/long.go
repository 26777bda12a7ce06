package docs

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// pendingSchema is what is told of an answer that is being made.
func pendingSchema() *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, Required: []string{"id", "status", "location"},
		Properties: map[string]*huma.Schema{
			"id":       {Type: huma.TypeString, Format: "uuid", Description: "That of the execution"},
			"status":   {Type: huma.TypeString, Enum: []any{"PENDING", "READY", "RUNNING", "CANCELLING"}},
			"location": {Type: huma.TypeString, Description: "Where the answer will be, as in Location"},
		},
	}
}

// pending is the answer as long as there is none.
func pending() *huma.Response {
	return &huma.Response{
		Description: "The answer takes long: it will be at the address in Location.",
		Headers: map[string]*huma.Param{
			"Location":    {Description: "Where the answer will be. Whoever has it may fetch it, with the credentials of who asked.", Schema: &huma.Schema{Type: huma.TypeString}},
			"Retry-After": {Description: "In how many seconds it is worth to look.", Schema: &huma.Schema{Type: huma.TypeInteger}},
		},
		Content: map[string]*huma.MediaType{jsonMedia: {Schema: &huma.Schema{Ref: schemaPrefix + "Pending"}}},
	}
}

// preference is the header Prefer.
func preference(example, text string) *huma.Param {
	return &huma.Param{Name: "Prefer", In: "header", Description: text, Example: example, Schema: &huma.Schema{Type: huma.TypeString}}
}

// long adds where the answers of a service are that take long.
func (d *document) long(s wrap.Description, prefix string) {
	if !slices.ContainsFunc(s.Routes, func(r wrap.RouteDescription) bool { return r.Executes > 0 }) {
		return
	}
	d.Components.Schemas["Pending"] = pendingSchema()
	problem := func(text string) *huma.Response {
		return &huma.Response{Description: text, Content: map[string]*huma.MediaType{problemMedia: {Schema: &huma.Schema{Ref: schemaPrefix + "Problem"}}}}
	}
	params := []*huma.Param{{Name: "id", In: "path", Required: true, Description: "That of the execution", Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}}}
	if !s.Users {
		params = append(params, &huma.Param{Name: "token", In: "query", Required: true, Description: "As in Location: it is for this answer alone", Schema: &huma.Schema{Type: huma.TypeString}})
	}
	answers := func(good map[string]*huma.Response) map[string]*huma.Response {
		good["202"], good["404"] = pending(), problem("There is no such answer of this caller, or it is not kept any more.")
		good["503"] = problem("The store of executions does not answer.")
		if s.Users {
			good["401"], good["403"] = problem("Credentials are missing or wrong."), problem("The caller may not.")
		}
		good["default"] = problem("The failure of the answer, with its status.")
		return good
	}
	anything := &huma.Response{Description: "The answer of the route, as it would have been.", Content: map[string]*huma.MediaType{jsonMedia: {Schema: &huma.Schema{}}, "text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}, "application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}, "text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}
	d.add(prefix+"/execution/{id}", http.MethodGet, &huma.Operation{
		OperationID: d.id(prefix + " execution"), Tags: []string{s.Name}, Summary: "An answer that took long", Security: d.security(s),
		Parameters: append(slices.Clone(params), preference("wait=30", "wait=30: wait for so many seconds, 60 at most, if there is no answer yet.")),
		Responses: answers(map[string]*huma.Response{
			"200": anything, "304": {Description: "It is what If-None-Match names."}, "410": problem("The execution was cancelled."),
			"502": problem("The answer is that the backend failed, or its gateway ended before there was one."),
		}),
	})
	d.add(prefix+"/execution/{id}", http.MethodDelete, &huma.Operation{
		OperationID: d.id(prefix + " execution cancel"), Tags: []string{s.Name}, Summary: "Ends what takes long, or deletes its answer", Security: d.security(s),
		Parameters: params, Responses: answers(map[string]*huma.Response{"204": {Description: "The answer is deleted."}}),
	})
}
