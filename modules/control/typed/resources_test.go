package typed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/idempotency"
	"github.com/fairway-gateway/fairway/modules/control/inflate"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// listInput is what a list takes.
type listInput struct{ listing.Params }

// patchInput is what a PATCH takes: the body as it is, of any type.
type patchInput struct {
	ContentType string `header:"Content-Type"`
	IfMatch     string `header:"If-Match"`
	RawBody     []byte
}

// patched is what it answers with.
type patched struct {
	ETag string `header:"ETag"`
	Body person
}

// resources serves a list, a PATCH and a create, as resources do it.
func resources(t *testing.T) *api.API {
	t.Helper()
	a := api.New(permit.New(), everybody{}, api.Options{RequestID: func(*http.Request) string { return "r1" }})
	for _, op := range a.Table().Operations() {
		a.Handle(op.ID, http.NotFoundHandler())
	}
	for _, v := range []string{"user", "team", "client", "token", "session", "script", "execution", "schedule", "webhook", "hook"} {
		a.Resolve(v, func(_ context.Context, value string, _ *callers.Caller) (api.Target, error) {
			return api.Target{Value: value, Object: permit.Object{Role: permit.User}}, nil
		})
	}
	number := rows.NewColumn("number", rows.Integer)
	users, err := listing.New(listing.Resource{Fields: []listing.Field{{Name: "id", Column: number}}, Key: number, Paging: listing.OnRequest})
	if err != nil {
		t.Fatal(err)
	}
	store, err := queries.Open(t.Context(), queries.Config{DSN: "sqlite:" + t.TempDir() + "/store.db"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	ty := typed.New(a, "1.2.3")
	typed.Register(ty, typed.Operation{ID: "user.list"}, func(ctx context.Context, in *listInput) (*typed.Answer[int64], error) {
		q, err := users.Parse(in.Params, true)
		if err != nil {
			return nil, err
		}
		n, err := queries.CountOf(ctx, store, queries.Users(), q.Request.Where)
		return typed.Of(n), err
	})
	typed.Register(ty, typed.Operation{ID: "users.change"}, func(ctx context.Context, in *patchInput) (*patched, error) {
		p, err := patch.Parse(in.ContentType, in.RawBody, patch.Limits{})
		if err != nil {
			return nil, err
		}
		if err := patch.IfMatch(patch.Tag(3), in.IfMatch); err != nil {
			return nil, err
		}
		next, _, err := patch.To(ctx, p, person{Name: "ann", Age: 3}, patch.Rules{Fields: map[string]patch.Field{"name": {NotNull: true}, "age": {Access: patch.ReadOnly}}})
		if err != nil {
			return nil, err
		}
		return &patched{ETag: patch.Tag(4), Body: next}, nil
	})
	var made atomic.Int64
	typed.Register(ty, typed.Operation{ID: "user.create", Wrap: []func(http.Handler) http.Handler{
		func(h http.Handler) http.Handler { return inflate.Handler(h, inflate.Options{Fail: api.Refuse}) },
		func(h http.Handler) http.Handler {
			return idempotency.Handler("user.create", h, idempotency.Options{
				Store: store, Secret: []byte("0123456789abcdef"), Fail: api.Refuse,
				Caller: func(r *http.Request) string { return api.By(r).Actor },
			})
		},
	}}, func(_ context.Context, in *struct{ Body person }) (*typed.Answer[person], error) {
		in.Body.Age = int(made.Add(1))
		return typed.Of(in.Body), nil
	})
	if err := a.Seal(); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestResources holds that lists, patches, compressed bodies and keys fit into typed operations, with their errors told in the
// dialect of the operation.
func TestResources(t *testing.T) {
	t.Parallel()
	a := resources(t)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(`{"name":"zoe"}`))
	_ = z.Close()
	for _, c := range []struct {
		method, target, header, body string
		status                       int
		want                         string
	}{
		{"GET", "/api/v1/user?filter=id%3E0&sort=-id", "", "", 200, `{"data":0}`},
		{"GET", "/api/v1/user?filter=password%3D1", "", "", 400, `"detail":"filter: there is no field \"password\"; there are id"`},
		{"PATCH", "/api/v1/users/7", "Content-Type: application/json", `{"name":"bea"}`, 200, `{"name":"bea","age":3}`},
		{"PATCH", "/api/v1/users/7", "Content-Type: application/json-patch+json", `[{"op":"replace","path":"/name","value":"bea"}]`, 200, `ETag "4"`},
		{"PATCH", "/api/v1/users/7", "Content-Type: application/merge-patch+json", `{"age":4}`, 403, `"detail":"these fields cannot be written: age"`},
		{"PATCH", "/api/v1/users/7", "Content-Type: application/json", `{"name":3}`, 422, `"messages":{"name":["it is of another type than a JSON number"]}`},
		{"PATCH", "/api/v1/users/7", "Content-Type: application/json", `[{"op":"test","path":"/age","value":4}]`, 409, `"detail":"operation 0: \"/age\" is not what is expected"`},
		{"PATCH", "/api/v1/users/7", "Content-Type: text/plain", `{"name":"bea"}`, 415, `"status":415`},
		{"PATCH", "/api/v1/users/7", `If-Match: "2"`, `{"name":"bea"}`, 412, `ETag "3"`},
		{"PATCH", "/api/v1/users/7", `If-Match: "3"`, `{"name":"bea"}`, 200, `"name":"bea"`},
		{"POST", "/api/v1/user", "Content-Encoding: gzip", zipped.String(), 200, `{"data":{"name":"zoe","age":1}}`},
		{"POST", "/api/v1/user", "Content-Encoding: br", "x", 415, `"detail":"a body is compressed by gzip, once, or not at all"`},
		{"POST", "/api/v1/user", "Content-Encoding: gzip", "x", 400, `"msg":"the body is no gzip, or not whole"`},
		{"POST", "/api/v1/user", "Idempotency-Key: k", `{"name":"ann"}`, 200, `{"data":{"name":"ann","age":2}}`},
		{"POST", "/api/v1/user", "Idempotency-Key: k", `{"name":"ann"}`, 200, `{"data":{"name":"ann","age":2}}`},
		{"POST", "/api/v1/user", "Idempotency-Key: k", `{"name":"bea"}`, 422, `"detail":"Idempotency-Key was sent with another request before"`},
		{"POST", "/api/v1/user", "Idempotency-Key: l", `{"name":"a"}`, 422, `"name"`},
	} {
		r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
		r.Header.Set("Authorization", "x")
		r.Header.Set("Content-Type", "application/json")
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if said := fmt.Sprintf("ETag %s %s", w.Header().Get("ETag"), w.Body); w.Code != c.status || !strings.Contains(said, c.want) {
			t.Errorf("%s %s %s %.60q: %d %s", c.method, c.target, c.header, c.body, w.Code, said)
		}
	}
}
