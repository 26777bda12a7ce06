// Package typed makes operations of the control API out of functions with typed inputs and outputs, and the API document of
// them (OpenAPI 3.1), by package huma. Who may, and in which dialect a failure is told, package api decides.
//
//	typed.Register(t, typed.Operation{ID: "user.me.get", Summary: "Who I am"}, func(ctx context.Context, _ *struct{}) (*typed.Answer[User], error) { … })
package typed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/permit"
)

func init() {
	huma.DefaultArrayNullable = false // a list that is empty is no null
	// What huma itself refuses is told as everything else is.
	huma.NewErrorWithContext = func(ctx huma.Context, status int, text string, errs ...error) huma.StatusError {
		return api.Tell(ctx.Context(), refusal(status, text, errs))
	}
}

// API is the part of the control API that is typed.
type API struct {
	huma.API
	operations *api.API
}

const (
	// securityName is what the document calls the way to log in; it is Houston's.
	securityName = "oauth2_password"
	// tokenPath is where tokens are given out.
	tokenPath = "/auth/oauth2/token" //nolint:gosec // a path
)

// New makes an API without operations. Version is that of the gateway.
func New(a *api.API, version string) *API {
	cfg := huma.DefaultConfig("Fairway", version)
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", "" // modules/docs has them
	cfg.CreateHooks = nil                                       // no member $schema in answers
	cfg.AllowAdditionalPropertiesByDefault, cfg.FieldsOptionalByDefault = true, true
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		securityName: {Type: "oauth2", Description: "Log in with a user name or an address, and the password. The client *documentation* needs no secret. Without a choice of scopes the token has all of the client's.", Flows: &huma.OAuthFlows{
			Password:          &huma.OAuthFlow{TokenURL: tokenPath, RefreshURL: tokenPath, Scopes: scopes()},
			ClientCredentials: &huma.OAuthFlow{TokenURL: tokenPath, Scopes: scopes()},
		}},
		"bearer": {Type: "http", Scheme: "bearer", Description: "A token: of a login by `/auth` or `/auth/oauth2/token`, of a client, or of a program."},
		"basic":  {Type: "http", Scheme: "basic", Description: "A user name or an address, and the password, with every request."},
	}
	return &API{API: huma.NewAPI(cfg, adapter{a}), operations: a}
}

func scopes() map[string]string {
	out := map[string]string{}
	for _, s := range permit.Scopes() {
		out[s.Name] = s.Doc
	}
	return out
}

// adapter has huma's handlers be those of the control API, which finds the operation.
type adapter struct{ api *api.API }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		handle(humago.NewContext(op, r, w))
	})
	if op.Responses[strconv.Itoa(http.StatusNotModified)] != nil {
		h = notModified(h)
	}
	around, _ := op.Metadata[wrapKey].([]func(http.Handler) http.Handler)
	for _, wrap := range slices.Backward(around) {
		h = wrap(h)
	}
	a.api.Handle(op.OperationID, h)
}

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.api.ServeHTTP(w, r) }

// Operation is what the table of permissions does not say of an operation.
type Operation struct {
	// ID is that of the table.
	ID string
	// Summary is a line, Description a paragraph, both for people.
	Summary, Description string
	// Status is that of a good answer. Default 200.
	Status int
	// MaxBody is how long a body may be, in bytes. Default 1 MiB.
	MaxBody int64
	// Wrap stands around the operation, behind the enforcement, the first outermost: package inflate's Handler, then that of
	// idempotency. Default nothing.
	Wrap []func(http.Handler) http.Handler
	// Bodies are values of what a body may be, by media type, where the input has RawBody and reads it by itself. Default: what the
	// input's type says.
	Bodies map[string]any
	// Empty says that the operation itself says what is missing in a body that is not there. Default: that is a 400.
	Empty bool
}

// mostBody is how long a body may be of which nothing else is said. Package huma bounds only those whose type it knows.
const mostBody = 1 << 20

// wrapKey is where the operations of huma have Wrap.
const wrapKey = "fairway_wrap"

// Answer is an answer in the envelope of Trends.Earth.
type Answer[T any] struct {
	Body Data[T]
}

// Data is the envelope.
type Data[T any] struct {
	Data T `json:"data" required:"true"`
}

// Of puts v into the envelope.
func Of[T any](v T) *Answer[T] { return &Answer[T]{Body: Data[T]{Data: v}} }

// Register has handle do an operation. Its error may be an api.Failure, or one of those that package api knows; any other is a
// 500. It panics where the table does not have the operation, as huma does with a type that it cannot take.
func Register[I, O any](a *API, o Operation, handle func(context.Context, *I) (*O, error)) {
	op, ok := a.operations.Table().Operation(o.ID)
	if !ok {
		panic("no operation of the table: " + o.ID)
	}
	said, _ := a.operations.Table().Describe(o.ID)
	h := huma.Operation{
		OperationID: o.ID, Method: op.Method, Path: op.Path, Summary: o.Summary,
		Description: strings.TrimSpace(said.Permissions + "\n\n" + o.Description), DefaultStatus: o.Status, MaxBodyBytes: cmp.Or(o.MaxBody, mostBody),
		Tags: []string{tag(op.Path)}, Responses: map[string]*huma.Response{}, Metadata: map[string]any{wrapKey: o.Wrap},
	}
	if len(said.Scopes) > 0 {
		h.Security = []map[string][]string{{securityName: said.Scopes}, {"bearer": said.Scopes}, {"basic": {}}}
	}
	for _, status := range slices.Sorted(maps.Keys(said.Denials)) {
		h.Responses[strconv.Itoa(status)] = &huma.Response{Description: said.Denials[status]}
	}
	if op.Method == http.MethodGet && tagged[O]() {
		describeNotModified(&h)
	}
	content := a.bodies(o.Bodies)
	if content != nil {
		h.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{}, Required: true}
		defer func() { h.RequestBody.Content, h.RequestBody.Required = content, !o.Empty }()
	}
	huma.Register(a.API, h, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, api.Tell(ctx, err)
		}
		return out, nil
	})
}

// bodies gives what the document says of bodies that an operation reads by itself.
func (a *API) bodies(values map[string]any) map[string]*huma.MediaType {
	if len(values) == 0 {
		return nil
	}
	out := map[string]*huma.MediaType{}
	for kind, v := range values {
		out[kind] = &huma.MediaType{Schema: a.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(v), true, "")}
	}
	return out
}

// tag is the first word of a path behind the version.
func tag(path string) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "/api/v1"), "/"), "/")
	return word
}

// refusal makes a failure of what huma found wrong with a request.
func refusal(status int, text string, errs []error) error {
	f := api.Failure{Status: status, Detail: text}
	for _, err := range errs {
		if t, ok := errors.AsType[*api.Told](err); ok {
			return t
		}
		var d huma.ErrorDetailer
		ok := errors.As(err, &d)
		if !ok {
			if status >= http.StatusInternalServerError {
				f.Cause = err
			}
			continue
		}
		detail := d.ErrorDetail()
		if f.Messages == nil {
			f.Messages = map[string][]string{}
		}
		field := strings.TrimPrefix(strings.TrimPrefix(detail.Location, "body"), ".")
		f.Messages[field] = append(f.Messages[field], detail.Message)
	}
	if len(f.Messages) > 0 {
		f.Detail = fmt.Sprintf("%s: %s", text, strings.Join(sentences(f.Messages), "; "))
	}
	return f
}

func sentences(messages map[string][]string) []string {
	out := make([]string, 0, len(messages))
	for _, field := range slices.Sorted(maps.Keys(messages)) {
		out = append(out, strings.TrimSpace(field+" "+strings.Join(messages[field], ", ")))
	}
	return out
}
