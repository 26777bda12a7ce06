package requestid

import (
	"net/http"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent []string
		kept bool
	}{
		"none":        {nil, false},
		"plain":       {[]string{"aZ09-_.:+/=@"}, true},
		"longest":     {[]string{strings.Repeat("a", 128)}, true},
		"too long":    {[]string{strings.Repeat("a", 129)}, false},
		"empty":       {[]string{""}, false},
		"twice":       {[]string{"a", "b"}, false},
		"line break":  {[]string{"a\nb"}, false},
		"space":       {[]string{"a b"}, false},
		"quote":       {[]string{`a"b`}, false},
		"not ASCII":   {[]string{"ä"}, false},
		"zero byte":   {[]string{"a\x00"}, false},
		"placeholder": {[]string{"{env.X}"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Of(http.Header{Header: c.sent})
			if c.kept && got != c.sent[0] {
				t.Errorf("%q became %q", c.sent[0], got)
			}
			if !c.kept && (len(got) != 32 || strings.Trim(got, "0123456789abcdef") != "") {
				t.Errorf("%q is no new id", got)
			}
		})
	}
	if first, second := New(), New(); first == second {
		t.Error("two ids are one")
	}
}
