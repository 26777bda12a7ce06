package docs_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/modules/docs"
)

// thing is in answers alone, wanted in bodies, too.
type thing struct {
	Name string `json:"name"`
	Note string `json:"note,omitempty"`
	inside
}

type inside struct {
	At *string `json:"at"`
}

type wanted struct {
	Name string `json:"name"`
}

// TestComponents holds the components of typed operations to what generators of clients need of them.
func TestComponents(t *testing.T) {
	t.Parallel()
	table := permit.New()
	ty := typed.New(api.New(table, nil, api.Options{}), "1")
	typed.Register(ty, typed.Operation{ID: "user.me.get", Summary: "A thing"}, func(context.Context, *struct{}) (*typed.Answer[thing], error) { return nil, nil })
	typed.Register(ty, typed.Operation{ID: "user.me.change", Summary: "A change", Bodies: map[string]any{"application/json": wanted{}}}, func(context.Context, *struct {
		RawBody []byte
		IfMatch string `header:"If-Match"`
	},
	) (*typed.Answer[wanted], error) {
		return nil, nil
	})
	raw, doc := made(t, docs.Source{Table: table, Typed: ty.OpenAPI(), Once: []string{"tokens.create"}, Version: "1"}, docs.OpenAPI31)
	schemas := doc["components"].(object)["schemas"].(object)
	for name, want := range map[string]string{
		"Thing":     `["name","at"]`, // what may be left out is not there
		"Wanted":    `null`,          // it is a body, too
		"DataThing": `["data"]`,
	} {
		s, ok := schemas[name].(object)
		if !ok {
			t.Errorf("there is no %s", name)
			continue
		}
		if got, _ := json.Marshal(s["required"]); string(got) != want || s["additionalProperties"] != nil {
			t.Errorf("%s requires %s, want %s; %v", name, got, want, s["additionalProperties"])
		}
	}
	plain := map[string]string{}
	for name := range schemas {
		if !strings.Contains(string(raw), `"#/components/schemas/`+name+`"`) {
			t.Errorf("nothing refers to %s", name)
		}
		key := strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(name, ""))
		if other, ok := plain[key]; ok {
			t.Errorf("%s and %s are one name for generators of clients", name, other)
		}
		plain[key] = name
	}
	// What is written of an operation that is typed holds, too: its failures.
	responses := operation(t, doc, "/api/v1/user/me", "PATCH")["responses"].(object)
	for _, status := range []string{"200", "400", "401", "409", "412"} {
		if responses[status] == nil {
			t.Errorf("a change does not say that it answers %s", status)
		}
	}
	// What is made once says so.
	made := operation(t, doc, "/api/v1/tokens", "POST")
	raw, _ = json.Marshal(made["parameters"])
	if !strings.Contains(string(raw), `"name":"Idempotency-Key"`) || made["responses"].(object)["409"] == nil || made["responses"].(object)["422"] == nil {
		t.Errorf("a token that is made once: %s", raw)
	}
}
