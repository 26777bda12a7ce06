package bundle

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestCostlySchemas end: with what they say of small parameters, without an end of a check.
func TestCostlySchemas(t *testing.T) {
	t.Parallel()
	var chain strings.Builder // each definition asks the next one twice
	for i := range 60 {
		fmt.Fprintf(&chain, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	deep := strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)
	failing := strings.ReplaceAll(chain.String(), "allOf", "anyOf")
	for name, c := range map[string]struct{ schema, parameters string }{
		"in place":             {`{"$ref":"#/$defs/d0","$defs":{` + chain.String() + `"d60":true}}`, "{}"},
		"in place, and fails":  {`{"$ref":"#/$defs/d0","$defs":{` + failing + `"d60":{"const":1}}}`, "{}"},
		"not":                  {`{"not":{"$ref":"#/$defs/d0"},"$defs":{` + failing + `"d60":{"const":1}}}`, "{}"},
		"draft 7":              {`{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/d0","definitions":{` + strings.ReplaceAll(chain.String(), "$defs", "definitions") + `"d60":true}}`, "{}"},
		"of members":           {`{"properties":{"a":{"$ref":"#"}},"patternProperties":{"a":{"$ref":"#"}}}`, deep},
		"of members, dynamic":  {`{"$dynamicAnchor":"x","properties":{"a":{"$dynamicRef":"#x"}},"patternProperties":{"a":{"$dynamicRef":"#x"}}}`, deep},
		"a pattern":            {`{"additionalProperties":{"pattern":"(` + strings.Repeat("(x+x+)+|", 5000) + `y)"}}`, `{"a":"` + strings.Repeat("x", 1<<20) + `"}`},
		"a format":             {`{"$ref":"#/$defs/d0","$defs":{` + chain.String() + `"d60":{"format":"email","pattern":"x"}}}`, `{}`},
		"what is unique":       {`{"properties":{"a":{"allOf":[` + strings.TrimSuffix(strings.Repeat(`{"uniqueItems":true},`, 5000), ",") + `]}}}`, `{"a":["` + strings.Repeat(`x","`, 100_000) + `"]}`},
		"a constant of length": {`{"$ref":"#/$defs/d0","$defs":{` + failing + `"d60":{"const":"` + strings.Repeat("x", 100_000) + `y"}}}`, `"` + strings.Repeat("x", 100_001) + `"`},
		"large exponents":      {`{"properties":{"a":{"items":{"type":"integer","multipleOf":3}}}}`, `{"a":[` + strings.Repeat("1e999999,", 100_000) + `1]}`},
		"long numbers":         {`{"properties":{"a":{"multipleOf":3}}}`, `{"a":` + strings.Repeat("9", 1<<20) + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := ReadSchema([]byte(c.schema))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if m := s.Mistakes([]byte(c.parameters)); len(m) != 1 || !strings.Contains(m[0].Detail, "too long") && !strings.Contains(m[0].Detail, "1000 digits") {
					t.Errorf("%v", m)
				}
			}
		})
	}
}

// TestBudgetChangesNothing compares what is said with what is said without a budget, of random schemas and parameters.
func TestBudgetChangesNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var schema func(depth int) string
	schema = func(depth int) string {
		one := func() string { return schema(depth - 1) }
		kinds := []string{
			`{"type":"integer"}`, `{"type":"string","pattern":"^a"}`, `{"enum":[1,"a",null]}`, `true`, `{"maximum":3}`, `{"minLength":2}`, `{"const":"a"}`, `{"format":"date"}`, `{"required":["a"]}`, `{"type":["object","array"]}`,
		}
		if depth > 0 {
			kinds = append(kinds,
				`{"allOf":[`+one()+`,`+one()+`]}`, `{"anyOf":[`+one()+`,`+one()+`]}`, `{"oneOf":[`+one()+`,`+one()+`]}`, `{"not":`+one()+`}`, `{"if":`+one()+`,"then":`+one()+`,"else":`+one()+`}`,
				`{"properties":{"a":`+one()+`,"b":`+one()+`},"additionalProperties":`+one()+`}`, `{"patternProperties":{"^[ab]":`+one()+`},"unevaluatedProperties":false}`, `{"items":`+one()+`,"uniqueItems":true}`,
				`{"prefixItems":[`+one()+`],"items":`+one()+`}`, `{"contains":`+one()+`,"minContains":1}`, `{"dependentSchemas":{"a":`+one()+`}}`, `{"propertyNames":`+one()+`}`, `{"properties":{"a":{"$ref":"#"}},"anyOf":[`+one()+`]}`,
			)
		}
		return kinds[r.IntN(len(kinds))]
	}
	var value func(depth int) string
	value = func(depth int) string {
		kinds := []string{"1", "5", "1.5", `"a"`, `"abc"`, "null", "true", "[]", "{}"}
		if depth > 0 {
			kinds = append(kinds, `{"a":`+value(depth-1)+`,"b":`+value(depth-1)+`}`, `{"c":`+value(depth-1)+`}`, `[`+value(depth-1)+`,`+value(depth-1)+`]`, `[1,1]`)
		}
		return kinds[r.IntN(len(kinds))]
	}
	refused := 0
	for range 1000 {
		text := schema(3)
		s, err := ReadSchema([]byte(text))
		if err != nil {
			t.Fatal(text, err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(schemaURL, doc); err != nil {
			t.Fatal(err)
		}
		plain, err := c.Compile(schemaURL)
		if err != nil {
			t.Fatal(err)
		}
		parameters := value(3)
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(parameters))
		if err != nil {
			t.Fatal(err)
		}
		want, got := plain.Validate(v), s.Mistakes([]byte(parameters))
		if (want == nil) != (len(got) == 0) {
			t.Errorf("%s\n%s: %v, not %v", text, parameters, got, want)
		}
		if want != nil {
			refused++
		}
	}
	if refused < 100 || refused > 900 {
		t.Errorf("%d were refused", refused)
	}
}

func TestLargeNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"1": false, "-1.5e10": false, "1e1000": false, "1e1001": true, "1E+1001": true, "1e-99999999999999999999": true, "1e000000000001": false, `"1e9999"`: false, `{"1e9999":"\"1e9999","a":[1,1e400]}`: false,
		`["\\",1e9999]`: true, strings.Repeat("9", 1000): false, strings.Repeat("9", 1001): true, `"`: false, `"\`: false, "e": false, "-": false,
	} {
		if got := largeNumber([]byte(text)); got != want {
			t.Errorf("%.40s: %v", text, got)
		}
	}
}
