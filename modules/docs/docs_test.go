package docs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.yaml.in/yaml/v3"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/limits"
	"github.com/fairway-gateway/fairway/modules/control/people"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/programs"
	"github.com/fairway-gateway/fairway/modules/control/teams"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/modules/docs"
	"github.com/fairway-gateway/fairway/modules/docs/docstest"
	decoded "github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

type object = map[string]any

// source has the whole table, and some services of which one has all that a route can say.
func source(t *testing.T) docs.Source {
	t.Helper()
	table := permit.New()
	src := docs.Source{Table: table, Typed: typedOperations(t, table), Version: "1.2.3", Address: "https://api.example.org", Scopes: []permit.Scope{{Name: "reports:read", Doc: "Read reports"}}}
	for _, s := range services(t) {
		src.Services = append(src.Services, s.Describe())
	}
	return src
}

// typedOperations are those whose handlers have types, which nobody calls here.
func typedOperations(t testing.TB, table *permit.Table) *huma.OpenAPI {
	t.Helper()
	a := api.New(table, nil, api.Options{})
	ty := typed.New(a, "1.2.3")
	users, err := people.New(nil, nil, table, people.Options{})
	if err != nil {
		t.Fatal(err)
	}
	users.Register(ty)
	groups, err := teams.New(nil, table)
	if err != nil {
		t.Fatal(err)
	}
	groups.Register(a, ty)
	limited, err := limits.New(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	limited.Register(a, ty)
	programs.New(nil, programs.Options{}).Register(ty)
	return ty.OpenAPI()
}

func services(t *testing.T) []*wrap.Service {
	t.Helper()
	schema := filepath.Join(t.TempDir(), "schema.json")
	const text = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"next":{"$ref":"#"},"at":{"$ref":"#/$defs/place"},
		"default":{"$ref":"#/$defs/place"},"kind":{"const":"#/x"},"n":{"type":["integer","null"],"exclusiveMinimum":0},"pair":{"type":"array","prefixItems":[{"type":"string"},true]}},
		"required":["at"],"$defs":{"place":{"type":"object","properties":{"lat":{"type":"number","default":12345678901234567890}}}}}`
	if err := os.WriteFile(schema, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	backend := []wrap.Backend{{Addresses: []string{"http://127.0.0.1:1"}}}
	meta := wrap.Metadata{Name: "weather", Version: "2.0.0", Repository: "https://github.com/example/weather", Description: "Weather of places."}
	low, high, lang := 1.0, 9.0, "en"
	ten := "10"
	one := &wrap.Config{
		Metadata: meta, Prefixes: []string{"/weather", "/wx"}, Backends: backend,
		Routes: []wrap.Route{
			{
				Method: "GET", Pattern: "/places/{place}", Summary: "A place", Describe: "Its **weather**.", Example: `{"at":{},"n":9007199254740993}`, Schema: schema,
				Output: []string{"json", "csv"}, OutputSuffix: true,
				Params: []wrap.Param{
					{Name: "lang", Type: "string", Default: &lang, Enum: []string{"en", "de"}, Description: "The language"},
					{Name: "n", Type: "integer", Default: &ten, Min: &low},
					{Name: "day", In: "query", Type: "date", Required: true},
					{Name: "word", Type: "string", Pattern: "[a-z]+", Min: &low, Max: &high},
					{Name: "all", Type: "bool"},
					{Name: "X-Unit", In: "header", Type: "string"},
				},
				Fetches: []wrap.Fetch{{Target: "/{place}", Decoder: new(decoded.JSON), Format: "json"}},
			},
			{Method: "POST", Pattern: "/places/{name}", Body: &wrap.RequestBody{Kind: "json", Schema: schema}, Fetches: []wrap.Fetch{{Target: "/{name}", Decoder: new(decoded.JSON), Format: "json"}}},
			{Method: "PUT", Pattern: "/form", Execute: &wrap.Execute{After: wrap.Duration(5 * time.Second)}, Body: &wrap.RequestBody{Kind: "form"}, Fetches: []wrap.Fetch{{Target: "/x", Decoder: new(decoded.JSON), Format: "json"}}},
			{Method: "GET", Pattern: "/places/{all...}", Fetches: []wrap.Fetch{{Target: "/x", Decoder: new(decoded.JSON), Format: "json"}}},
			{Method: "GET", Pattern: "/{$}", Fetches: []wrap.Fetch{{Target: "/x", Decoder: new(decoded.JSON), Format: "json"}}},
		},
	}
	two := &wrap.Config{
		Metadata: wrap.Metadata{Name: "reports", Version: "1", Repository: "somewhere", Description: "Reports."}, Prefixes: []string{"/"}, Backends: backend,
		Callers: wrap.Callers{Who: wrap.Users, Scopes: []string{"reports:read"}}, Routes: []wrap.Route{{Method: "GET", Pattern: "/reports", Fetches: []wrap.Fetch{{Target: "/x", Decoder: new(decoded.JSON), Format: "json"}}}},
	}
	var out []*wrap.Service
	for _, c := range []*wrap.Config{one, two} {
		s, err := wrap.Compile(c, wrap.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		out = append(out, s)
	}
	return out
}

func made(t *testing.T, src docs.Source, format string) ([]byte, object) {
	t.Helper()
	raw, err := docs.Make(src, format)
	if err != nil {
		t.Fatal(err)
	}
	var doc object
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return raw, doc
}

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	src := source(t)
	for _, format := range []string{docs.OpenAPI31, docs.OpenAPI30, docs.Swagger20} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			raw, _ := made(t, src, format)
			docstest.Valid(t, format, raw)
		})
	}
}

// operation finds one in a document.
func operation(t *testing.T, doc object, path, method string) object {
	t.Helper()
	item, ok := doc["paths"].(object)[path].(object)
	if !ok {
		t.Fatalf("there is no %s", path)
	}
	op, ok := item[strings.ToLower(method)].(object)
	if !ok {
		t.Fatalf("there is no %s %s", method, path)
	}
	return op
}

// TestEveryOperationIsDescribed holds the document to the table: all operations, each with a summary, its permission, its scopes,
// its denials, an answer that is good, and errors with a body.
func TestEveryOperationIsDescribed(t *testing.T) {
	t.Parallel()
	src := source(t)
	_, doc := made(t, src, docs.OpenAPI31)
	for _, line := range src.Table.Operations() {
		op := operation(t, doc, line.Path, line.Method)
		said, _ := src.Table.Describe(line.ID)
		responses := op["responses"].(object)
		text, _ := op["description"].(string)
		switch {
		case op["operationId"] != line.ID:
			t.Errorf("%s is called %v", line.ID, op["operationId"])
		case op["summary"] == nil || op["summary"] == "":
			t.Errorf("%s has no summary", line.ID)
		case !strings.Contains(text, said.Permissions):
			t.Errorf("%s says %q of permissions", line.ID, text)
		case len(said.Scopes) > 0 != (op["security"] != nil):
			t.Errorf("%s has security %v", line.ID, op["security"])
		case len(op["tags"].([]any)) != 1 || op["tags"].([]any)[0] == "":
			t.Errorf("%s has tags %v", line.ID, op["tags"])
		case !slices.ContainsFunc([]string{"200", "201", "202", "204"}, func(s string) bool { return responses[s] != nil }):
			t.Errorf("%s has no good answer", line.ID)
		}
		for status, r := range responses {
			if status >= "4" && r.(object)["content"] == nil {
				t.Errorf("%s: %s has no body", line.ID, status)
			}
		}
	}
	for _, tag := range doc["tags"].([]any)[:15] { // then come those of services
		if tag.(object)["description"] == nil {
			t.Errorf("nothing is said of %v", tag)
		}
	}
	for _, id := range docs.Written() {
		if _, ok := src.Table.Operation(id); !ok {
			t.Errorf("%s is described, and not in the table", id)
		}
	}
}

func TestServicesAreDescribed(t *testing.T) {
	t.Parallel()
	raw, doc := made(t, source(t), docs.OpenAPI31)
	op := operation(t, doc, "/weather/places/{place}", "GET")
	if op["summary"] != "A place" || !strings.Contains(op["description"].(string), "**weather**") || !strings.Contains(op["description"].(string), ".csv") || op["security"] != nil {
		t.Errorf("%v", op)
	}
	params := map[string]object{}
	for _, p := range op["parameters"].([]any) {
		params[p.(object)["name"].(string)] = p.(object)
	}
	for name, want := range map[string]string{
		"place":  `{"in":"path","name":"place","required":true,"schema":{"type":"string"}}`,
		"lang":   `{"description":"The language","in":"query","name":"lang","schema":{"default":"en","enum":["en","de"],"type":"string"}}`,
		"n":      `{"in":"query","name":"n","schema":{"default":10,"minimum":1,"type":"integer"}}`,
		"day":    `{"in":"query","name":"day","required":true,"schema":{"format":"date","type":"string"}}`,
		"word":   `{"in":"query","name":"word","schema":{"maxLength":9,"minLength":1,"pattern":"^(?:[a-z]+)$","type":"string"}}`,
		"all":    `{"in":"query","name":"all","schema":{"type":"boolean"}}`,
		"X-Unit": `{"in":"header","name":"X-Unit","schema":{"type":"string"}}`,
	} {
		if got, _ := json.Marshal(params[name]); string(got) != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	content := op["responses"].(object)["200"].(object)["content"].(object)
	if content["application/json"] == nil || content["text/csv"] == nil {
		t.Errorf("%v", content)
	}
	for _, part := range []string{`9007199254740993`, `12345678901234567890`, `"const":"#/x"`, `"$ref":"#/components/schemas/weather_GET_places_place/$defs/place"`} {
		if !bytes.Contains(raw, []byte(part)) {
			t.Errorf("there is no %s", part)
		}
	}
	if len(regexp.MustCompile(`"#/\$defs`).FindAll(raw, -1)) > 0 {
		t.Error("a reference goes to the root")
	}
	// What takes long.
	long := operation(t, doc, "/weather/form", "PUT")
	pending := long["responses"].(object)["202"].(object)
	if pending["headers"].(object)["Location"] == nil || pending["headers"].(object)["Retry-After"] == nil || !strings.Contains(long["description"].(string), "5s") || long["responses"].(object)["429"] == nil {
		t.Errorf("%v", long)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if at := operation(t, doc, "/wx/execution/{id}", method); len(at["parameters"].([]any)) < 2 || at["responses"].(object)["202"] == nil {
			t.Errorf("%v", at)
		}
	}
	// Another method of the same path, with another name; a subtree beside it; the second prefix; the root.
	post := operation(t, doc, "/weather/places/{place}", "POST")
	if p := post["parameters"].([]any)[0].(object); p["name"] != "place" || post["requestBody"] == nil {
		t.Errorf("%v", post)
	}
	operation(t, doc, "/weather/places/{all}/", "GET")
	operation(t, doc, "/weather/", "GET")
	operation(t, doc, "/wx/places/{place}", "GET")
	operation(t, doc, "/wx/metadata", "GET")
	security, _ := json.Marshal(operation(t, doc, "/reports", "GET")["security"])
	if string(security) != `[{"oauth2_password":["reports:read"]},{"bearer":[]},{"basic":[]}]` {
		t.Errorf("%s", security)
	}
	if !bytes.Contains(raw, []byte(`"reports:read":"Read reports"`)) {
		t.Error("the scope of a service is not there")
	}
}

func TestSwagger(t *testing.T) {
	t.Parallel()
	_, doc := made(t, source(t), docs.Swagger20)
	if doc["swagger"] != "2.0" {
		t.Errorf("%v", doc["swagger"])
	}
	token := operation(t, doc, "/auth/oauth2/token", "POST")
	required := map[string]any{}
	for _, p := range token["parameters"].([]any) {
		if p.(object)["in"] != "formData" {
			t.Errorf("%v", p)
		}
		required[p.(object)["name"].(string)] = p.(object)["required"]
	}
	if required["grant_type"] != true || required["username"] == true {
		t.Errorf("%v", required)
	}
	login := operation(t, doc, "/auth", "POST")
	if c, _ := json.Marshal(login["consumes"]); string(c) != `["application/json"]` {
		t.Errorf("%s", c)
	}
	if p, _ := json.Marshal(login["produces"]); string(p) != `["application/json","application/problem+json"]` {
		t.Errorf("%s", p)
	}
	if login["responses"].(object)["401"].(object)["schema"] == nil {
		t.Error("an error has no schema")
	}
}

// serving is an API with the documents alone.
func serving(t testing.TB, now func() []*wrap.Service) *api.API {
	t.Helper()
	table := permit.New()
	var others []string
	for _, op := range table.Operations() {
		if !strings.HasPrefix(op.ID, "docs.") {
			others = append(others, op.ID)
		}
	}
	a := api.New(table.Without(others...), nil, api.Options{})
	docs.New(docs.Options{Table: table, Typed: typed.New(a, "1").OpenAPI(), Services: now}).Register(a)
	if err := a.Seal(); err != nil {
		t.Fatal(err)
	}
	return a
}

func ask(t *testing.T, a *api.API, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestDocumentsAreServed(t *testing.T) {
	t.Parallel()
	all := services(t)
	now := all[:1]
	a := serving(t, func() []*wrap.Service { return now })
	for path, media := range map[string]string{
		"/api/v1": "text/html; charset=utf-8", "/api/v1/": "text/html; charset=utf-8", "/api/v1/openapi.json": "application/json", "/api/v1/openapi.yaml": "application/yaml",
		"/api/v1/swagger.json": "application/json", "/api/v1/assets/start.js": "text/javascript; charset=utf-8", "/api/v1/assets/favicon-32x32.png": "image/png",
		"/api/v1/assets/swagger-ui.css": "text/css; charset=utf-8", "/api/v1/assets/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
	} {
		r := ask(t, a, path)
		if raw := body(t, r); r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != media || len(raw) == 0 {
			t.Errorf("%s: %d %v %d", path, r.StatusCode, r.Header, len(raw))
		}
	}
	first := ask(t, a, "/api/v1/openapi.json")
	before := body(t, first)
	if again := ask(t, a, "/api/v1/openapi.json", "If-None-Match", first.Header.Get("ETag")); again.StatusCode != http.StatusNotModified || len(body(t, again)) > 0 {
		t.Errorf("%d", again.StatusCode)
	}
	if old := body(t, ask(t, a, "/api/v1/swagger.json")); !bytes.Contains(old, []byte(`"tokenUrl":"http://example.com/auth/oauth2/token"`)) {
		t.Errorf("%s", old)
	}
	now = all // a service has come
	if after := body(t, ask(t, a, "/api/v1/openapi.json")); bytes.Contains(before, []byte("/reports")) || !bytes.Contains(after, []byte(`"/reports"`)) {
		t.Error("the document is not that of the services")
	}
	// YAML says the same.
	var fromJSON, fromYAML any
	if err := json.Unmarshal(body(t, ask(t, a, "/api/v1/openapi.json")), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(body(t, ask(t, a, "/api/v1/openapi.yaml")), &fromYAML); err != nil {
		t.Fatal(err)
	}
	one, _ := json.Marshal(fromJSON)
	raw, _ := json.Marshal(fromYAML)
	var other any
	_ = json.Unmarshal(raw, &other)
	if two, _ := json.Marshal(other); !bytes.Equal(one, two) {
		t.Error("YAML says something else than JSON")
	}
}

func TestPageUsesNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	a := serving(t, nil)
	r := ask(t, a, "/api/v1")
	page := string(body(t, r))
	if strings.Contains(page, "://") || !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v %s", r.Header, page)
	}
	for _, used := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if r := ask(t, a, used[1]); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", used[1], r.StatusCode)
		}
	}
	zipped := ask(t, a, "/api/v1/assets/swagger-ui.css", "Accept-Encoding", "gzip")
	unzipped, err := gzip.NewReader(bytes.NewReader(body(t, zipped)))
	if err != nil || zipped.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal(err, zipped.Header)
	}
	raw, err := io.ReadAll(unzipped)
	if plain := body(t, ask(t, a, "/api/v1/assets/swagger-ui.css")); err != nil || !bytes.Equal(plain, raw) {
		t.Error("compressed is something else than plain", err)
	}
	for _, path := range []string{"/api/v1/assets/page.html", "/api/v1/assets/embed.go", "/api/v1/assets/..%2fdocs.go"} {
		if r := ask(t, a, path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}
