package control_test

import "testing"

// TestMatch has the matcher refuse what it must: a row that cannot fail proves nothing.
func TestMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, text string
		ok            bool
	}{
		{`{"a":1}`, `{"a":1}`, true},
		{`{"a":1}`, `{"a":2}`, false},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`{"a":1,"...":0}`, `{"a":1,"b":2}`, true},
		{`{"a":1,"...":0}`, `{"b":2}`, false},
		{`{"!b":0,"...":0}`, `{"a":1}`, true},
		{`{"!b":0,"...":0}`, `{"b":null}`, false},
		{`[]`, `[1]`, false},
		{`[1,"..."]`, `[1,2]`, true},
		{`[1,"..."]`, `[]`, false},
		{`"<int>"`, `1.5`, false},
		{`"<int>"`, `15`, true},
		{`"<jwt>"`, `"a.b.c"`, true},
		{`"<jwt>"`, `"a.b"`, false},
		{`"<uuid>"`, `"12"`, false},
		{`"<has:b>"`, `"abc"`, true},
		{`"<has:b>"`, `"acc"`, false},
		{`"<re:a+>"`, `"aab"`, false},
		{`"<naive>"`, `"2026-01-02T03:04:05.000006"`, true},
		{`"<naive>"`, `"2026-01-02T03:04:05.000006Z"`, false},
		{`"<offset>"`, `"2026-01-02T03:04:05.000006+00:00"`, true},
		{`{}`, `{} {}`, false},
		{`{}`, ``, false},
	} {
		if err := match(test.pattern, test.text, func(string, string) {}); (err == nil) != test.ok {
			t.Errorf("%s of %s: %v", test.pattern, test.text, err)
		}
	}
	var name, value string
	if err := match(`{"a":"<text:b>"}`, `{"a":"c"}`, func(n, v string) { name, value = n, v }); err != nil || name != "b" || value != "c" {
		t.Error(name, value, err)
	}
}
