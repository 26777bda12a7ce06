package typed_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/typed"
)

type everybody struct{}

func (everybody) Identify(r *http.Request) (*callers.Caller, error) {
	if r.Header.Get("Authorization") == "" {
		return nil, nil
	}
	return &callers.Caller{User: tokens.User{ID: "7", Role: "SUPERADMIN", Active: true, Regular: true}, Scopes: []string{permit.All}}, nil
}

type person struct {
	Name string `json:"name" minLength:"2" required:"true"`
	Age  int    `json:"age,omitempty"`
}

// serving has one operation for people, one for anybody; the others say nothing.
func serving(t *testing.T) (*api.API, *typed.API) {
	t.Helper()
	a := api.New(permit.New(), everybody{}, api.Options{RequestID: func(*http.Request) string { return "r1" }})
	for _, op := range a.Table().Operations() {
		a.Handle(op.ID, http.NotFoundHandler())
	}
	for _, v := range []string{"user", "team", "client", "token", "session", "script", "execution", "schedule", "webhook", "hook"} {
		a.Resolve(v, func(_ context.Context, value string, _ *callers.Caller) (api.Target, error) {
			return api.Target{Value: value}, nil
		})
	}
	ty := typed.New(a, "1.2.3")
	typed.Register(ty, typed.Operation{ID: "user.me.get", Summary: "Who I am"}, func(ctx context.Context, _ *struct{}) (*typed.Answer[person], error) {
		c, err := api.CallerIn(ctx)
		if err != nil {
			return nil, err
		}
		return typed.Of(person{Name: c.ID}), nil
	})
	typed.Register(ty, typed.Operation{ID: "users.create", Summary: "Signs up"}, func(_ context.Context, in *struct{ Body person }) (*typed.Answer[person], error) {
		switch in.Body.Name {
		case "taken":
			return nil, api.Failure{Status: http.StatusConflict, Detail: "The name is taken"}
		case "broken":
			return nil, errors.New("the secret of the store")
		}
		return typed.Of(in.Body), nil
	})
	if err := a.Seal(); err != nil {
		t.Fatal(err)
	}
	return a, ty
}

func ask(t *testing.T, a *api.API, method, path, body, who string) (int, http.Header, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		r.Header.Set("Authorization", who)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return w.Code, w.Header(), got
}

func TestTypedOperations(t *testing.T) {
	t.Parallel()
	a, _ := serving(t)
	problem := func(status float64, title, detail, path string, more map[string]any) map[string]any {
		out := map[string]any{"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": path, "request_id": "r1"}
		maps.Copy(out, more)
		return out
	}
	for _, c := range []struct {
		name, method, path, body, who string
		status                        int
		want                          map[string]any
	}{
		{"a good one", "GET", "/api/v1/user/me/", "", "x", 200, map[string]any{"data": map[string]any{"name": "7"}}},
		{"nobody", "GET", "/api/v1/user/me", "", "", 401, problem(401, "Unauthorized", "Authorization token required", "/api/v1/user/me", map[string]any{
			"msg": "Authorization token required", "message": "Authorization token required", "error": "authorization_required",
		})},
		{"a body", "POST", "/api/v1/users", `{"name":"ann","more":1}`, "", 200, map[string]any{"data": map[string]any{"name": "ann"}}},
		{"a failure", "POST", "/api/v1/users", `{"name":"taken"}`, "", 409, problem(409, "Conflict", "The name is taken", "/api/v1/users", map[string]any{"message": "The name is taken"})},
		{"a defect", "POST", "/api/v1/users", `{"name":"broken"}`, "", 500, problem(500, "Internal Server Error", "The gateway failed; the log has more under this request id.", "/api/v1/users", map[string]any{
			"message": "The gateway failed; the log has more under this request id.",
		})},
		{"too short", "POST", "/api/v1/users", `{"name":"a"}`, "", 422, problem(422, "Unprocessable Entity", "validation failed: name expected length >= 2", "/api/v1/users", map[string]any{
			"message":  "The request was well-formed but was unable to be followed due to semantic errors.",
			"messages": map[string]any{"name": []any{"expected length >= 2"}},
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, header, got := ask(t, a, c.method, c.path, c.body, c.who)
			if status != c.status {
				t.Errorf("status %d", status)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if kind := header.Get("Content-Type"); (status >= 400) != (kind == "application/problem+json") {
				t.Errorf("it is %s", kind)
			}
			if status == http.StatusUnauthorized && header.Get("WWW-Authenticate") == "" {
				t.Error("a 401 without a challenge")
			}
		})
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	_, ty := serving(t)
	op := ty.OpenAPI().Paths["/api/v1/user/me"].Get
	if op.Summary != "Who I am" || !strings.Contains(op.Description, "**PERMISSIONS: Only active users**") || op.Responses["401"] == nil ||
		len(op.Security) == 0 || op.Tags[0] != "user" {
		t.Errorf("%+v", op)
	}
	if open := ty.OpenAPI().Paths["/api/v1/users"].Post; len(open.Security) > 0 || open.RequestBody == nil {
		t.Errorf("%+v", open)
	}
	if _, err := json.Marshal(ty.OpenAPI()); err != nil {
		t.Error(err)
	}
}
