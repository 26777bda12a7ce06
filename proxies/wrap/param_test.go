package wrap

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
)

func TestParamParses(t *testing.T) {
	t.Parallel()
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	tests := []struct {
		param Param
		text  string
		want  any
		msg   string // part of it; empty: none
	}{
		{Param{Type: "string"}, "", "", ""},
		{Param{Type: "string"}, "Ærø", "Ærø", ""},
		{Param{Type: "string"}, "a\x00b", nil, "has "},
		{Param{Type: "string"}, "a\r\nX: y", nil, "has "},
		{Param{Type: "string"}, "\xff", nil, "has "},
		{Param{Type: "string", Min: new(float64(2)), Max: new(float64(3))}, "é", nil, "at least 2 characters"},
		{Param{Type: "string", Min: new(float64(2)), Max: new(float64(3))}, "éé", "éé", ""},
		{Param{Type: "string", Min: new(float64(2)), Max: new(float64(3))}, "éééé", nil, "at most 3 characters"},
		{Param{Type: "string", Pattern: "[a-z]+"}, "abc", "abc", ""},
		{Param{Type: "string", Pattern: "[a-z]+"}, "abc1", nil, "does not match [a-z]+"},
		{Param{Type: "string", Pattern: "a|b"}, "ab", nil, "does not match"},
		{Param{Type: "string", Pattern: "a$"}, "a\n", nil, "has "},
		{Param{Type: "string", Enum: []string{"x", "y"}}, "y", "y", ""},
		{Param{Type: "string", Enum: []string{"x", "y"}}, "Y", nil, "must be one of x, y"},

		{Param{Type: "integer"}, "0", 0, ""},
		{Param{Type: "integer"}, "-12", -12, ""},
		{Param{Type: "integer"}, "007", 7, ""},
		{Param{Type: "integer"}, "9223372036854775807", 9223372036854775807, ""},
		{Param{Type: "integer"}, huge.String(), huge, ""},
		{Param{Type: "integer"}, "-" + strings.Repeat("9", 99), mustInt("-" + strings.Repeat("9", 99)), ""},
		{Param{Type: "integer"}, strings.Repeat("9", 101), nil, "is not an integer"},
		{Param{Type: "integer"}, "", nil, "is not an integer"},
		{Param{Type: "integer"}, "-", nil, "is not an integer"},
		{Param{Type: "integer"}, "--1", nil, "is not an integer"},
		{Param{Type: "integer"}, "+1", nil, "is not an integer"},
		{Param{Type: "integer"}, "1.0", nil, "is not an integer"},
		{Param{Type: "integer"}, "1e3", nil, "is not an integer"},
		{Param{Type: "integer"}, "0x10", nil, "is not an integer"},
		{Param{Type: "integer"}, " 1", nil, "is not an integer"},
		{Param{Type: "integer"}, "١", nil, "is not an integer"},
		{Param{Type: "integer", Min: new(float64(1)), Max: new(float64(10))}, "1", 1, ""},
		{Param{Type: "integer", Min: new(float64(1)), Max: new(float64(10))}, "10", 10, ""},
		{Param{Type: "integer", Min: new(float64(1)), Max: new(float64(10))}, "0", nil, "must be at least 1"},
		{Param{Type: "integer", Min: new(float64(1)), Max: new(float64(10))}, "11", nil, "must be at most 10"},
		{Param{Type: "integer", Max: new(float64(10))}, huge.String(), nil, "must be at most 10"},
		{Param{Type: "integer", Enum: []string{"1", "2"}}, "3", nil, "must be one of 1, 2"},

		{Param{Type: "number"}, "1.50", json.Number("1.50"), ""},
		{Param{Type: "number"}, "-0", json.Number("-0"), ""},
		{Param{Type: "number"}, "1e3", json.Number("1e3"), ""},
		{Param{Type: "number"}, ".5", nil, "is not a number"},
		{Param{Type: "number"}, "1.", nil, "is not a number"},
		{Param{Type: "number"}, "NaN", nil, "is not a number"},
		{Param{Type: "number"}, "Infinity", nil, "is not a number"},
		{Param{Type: "number"}, `"1"`, nil, "is not a number"},
		{Param{Type: "number"}, "[1]", nil, "is not a number"},
		{Param{Type: "number"}, "true", nil, "is not a number"},
		{Param{Type: "number"}, "", nil, "is not a number"},
		{Param{Type: "number"}, "1 ", nil, "is not a number"},
		{Param{Type: "number", Min: new(float64(-1.5))}, "-1.5", json.Number("-1.5"), ""},
		{Param{Type: "number", Min: new(float64(-1.5))}, "-1.51", nil, "must be at least -1.5"},
		{Param{Type: "number", Max: new(float64(1e300))}, "1e400", nil, "must be at most 1e+300"},

		{Param{Type: "bool"}, "true", true, ""},
		{Param{Type: "bool"}, "1", true, ""},
		{Param{Type: "bool"}, "false", false, ""},
		{Param{Type: "bool"}, "0", false, ""},
		{Param{Type: "bool"}, "yes", nil, "is not true or false"},
		{Param{Type: "bool"}, "TRUE", nil, "is not true or false"},
		{Param{Type: "bool"}, "", nil, "is not true or false"},

		{Param{Type: "date"}, "2024-02-29", "2024-02-29", ""},
		{Param{Type: "date"}, "2023-02-29", nil, "is not a date"},
		{Param{Type: "date"}, "2024-2-9", nil, "is not a date"},
		{Param{Type: "date"}, "2024-02-29T00:00:00Z", nil, "is not a date"},
		{Param{Type: "date"}, "", nil, "is not a date"},
	}
	for _, test := range tests {
		t.Run(test.param.Type+" "+test.text, func(t *testing.T) {
			t.Parallel()
			c, err := compileParam(test.param, place{})
			if err != nil {
				t.Fatal(err)
			}
			got, msg := c.parse(test.text)
			if (msg == "") != (test.msg == "") || !strings.Contains(msg, test.msg) {
				t.Fatalf("parse says %q, want %q", msg, test.msg)
			}
			if test.msg != "" {
				return
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func mustInt(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}

func TestParamIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		param Param
		want  string
	}{
		"unknown type":          {Param{Name: "n", Type: "int"}, "not one of"},
		"no type":               {Param{Name: "n"}, "not one of"},
		"bad pattern":           {Param{Name: "n", Type: "string", Pattern: "("}, "no regular expression"},
		"pattern that escapes":  {Param{Name: "n", Type: "string", Pattern: ")|("}, "no regular expression"},
		"pattern of an integer": {Param{Name: "n", Type: "integer", Pattern: "1"}, "for strings only"},
		"min of a bool":         {Param{Name: "n", Type: "bool", Min: new(float64(1))}, "not for a bool"},
		"max of a date":         {Param{Name: "n", Type: "date", Max: new(float64(1))}, "not for a date"},
		"min over max":          {Param{Name: "n", Type: "integer", Min: new(float64(2)), Max: new(float64(1))}, "min is more than max"},
		"enum of another type":  {Param{Name: "n", Type: "integer", Enum: []string{"1", "x"}}, `"x" is not an integer`},
		"default and required":  {Param{Name: "n", In: inQuery, Type: "string", Required: true, Default: new("a")}, "has no default"},
		"default in the path":   {Param{Name: "n", In: inPath, Type: "string", Default: new("a")}, "has no default"},
		"default of another":    {Param{Name: "n", Type: "date", Default: new("today")}, "is not a date"},
		"default out of range":  {Param{Name: "n", Type: "integer", Min: new(float64(1)), Default: new("0")}, "at least 1"},
		"default not in enum":   {Param{Name: "n", Type: "string", Enum: []string{"a"}, Default: new("b")}, "must be one of a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compileParam(test.param, place{})
			if err == nil {
				t.Fatal("it was accepted")
			}
			var config *ConfigError
			if !errors.As(err, &config) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want one with %q", err, test.want)
			}
		})
	}
}

// TestParamsOfARequest sends parameters in path, query and header; what is bad is 400 and reaches no backend.
func TestParamsOfARequest(t *testing.T) {
	t.Parallel()
	f := gets("", "/x/{id}?since={query.since}&n={query.n}")
	f.Header = []Header{{Name: "X-Lang", Value: "{header.X-Lang}"}}
	h := served(t, echo, session.None{}, func(string) []Route {
		return []Route{{
			Method: "GET", Pattern: "/t/{id}", Fetches: []Fetch{f}, ParamsStrict: true,
			Params: []Param{
				{Name: "id", Type: "integer", Min: new(float64(1))},
				{Name: "since", Type: "date", Required: true},
				{Name: "n", Type: "integer", Default: new("10")},
				{Name: "deep", Type: "bool"},
				{Name: "X-Lang", In: inHeader, Type: "string", Enum: []string{"en", "fr"}},
			},
			Reply: `{ id: $id, n: $query.n, since: $query.since, deep: $query.deep }`,
		}}
	})
	tests := []struct {
		path   string
		header []string
		status int
		want   string // of the body
	}{
		{"/s/t/7?since=2024-01-31", nil, 200, `{"deep":null,"id":7,"n":10,"since":"2024-01-31"}`},
		{"/s/t/7?since=2024-01-31&n=3&deep=1", []string{"X-Lang", "fr"}, 200, `{"deep":true,"id":7,"n":3,"since":"2024-01-31"}`},
		{"/s/t/x?since=2024-01-31", nil, 400, `"The path parameter id is not an integer."`},
		{"/s/t/0?since=2024-01-31", nil, 400, `"The path parameter id must be at least 1."`},
		{"/s/t/7", nil, 400, `"The query parameter since is missing."`},
		{"/s/t/7?since=", nil, 400, `"The query parameter since is not a date like 2006-01-02."`},
		{"/s/t/7?since=2024-01-31&since=2024-02-01", nil, 400, `"The query parameter since is there twice."`},
		{"/s/t/7?since=2024-01-31&n=ten", nil, 400, `"The query parameter n is not an integer."`},
		{"/s/t/7?since=2024-01-31&m=1", nil, 400, `"The query parameter m is not known to this route."`},
		{"/s/t/7?since=2024-01-31", []string{"X-Lang", "de"}, 400, `"The header parameter X-Lang must be one of en, fr."`},
	}
	for _, test := range tests {
		w := asked(h, "GET", test.path, test.header...)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s: %d %s, want %d with %s", test.path, w.Code, w.Body, test.status, test.want)
		}
	}
}
