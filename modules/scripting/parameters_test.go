package scripting

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParameters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		args []string
		want string
	}{
		{"", nil, `{}`},
		{`{"b": 1.50, "a": [1 , 2]}`, nil, `{"b":1.50,"a":[1,2]}`},
		{"\ufeff{\"a\":1}\n", []string{"a=2", "b=x y", "c=", "d=null", `e={"f": 12345678901234567890}`, `g="3"`, "h=a=b", "i=01", "j=true"}, `{"a":2,"b":"x y","c":"","d":null,"e":{"f":12345678901234567890},"g":"3","h":"a=b","i":"01","j":true}`},
		{`{"a":1,"a":2}`, nil, `{"a":2}`},
	} {
		got, err := mergeParameters([]byte(c.text), c.args)
		if err != nil || string(got) != c.want {
			t.Errorf("%s %v: %s %v", c.text, c.args, got, err)
		}
	}
	for _, c := range []struct {
		text string
		args []string
	}{
		{"[]", nil}, {"1", nil}, {`{"a":1`, nil}, {`{"a":1} {}`, nil}, {"{\"a\":\"\xff\"}", nil}, {"", []string{"a"}}, {"", []string{"=1"}}, {"", []string{"a=1", "a=2"}}, {"", []string{"a=\xff"}},
	} {
		if got, err := mergeParameters([]byte(c.text), c.args); err == nil {
			t.Errorf("%q %q: %s", c.text, c.args, got)
		}
	}
}

// FuzzParameters holds that what comes of a file and an argument is a JSON object, with the members of both.
func FuzzParameters(f *testing.F) {
	f.Add([]byte(`{"a":1}`), "b", "2")
	f.Add([]byte(``), "a", `{"x":[`)
	f.Fuzz(func(t *testing.T, text []byte, name, value string) {
		got, err := mergeParameters(text, []string{name + "=" + value})
		if err != nil {
			return
		}
		var members map[string]any
		if err := json.Unmarshal(got, &members); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		name, _, _ = strings.Cut(name+"=", "=")
		if _, ok := members[name]; !ok {
			t.Errorf("%s has no %q", got, name)
		}
		var before map[string]any
		if json.Unmarshal(text, &before) == nil {
			for name := range before {
				if _, ok := members[name]; !ok {
					t.Errorf("%s has no %q", got, name)
				}
			}
		}
	})
}
