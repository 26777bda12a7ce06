package rate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		limit Limit
		said  string // by String
	}{
		"1/s":                   {Limit{1, time.Second, ""}, "1/s"},
		"5/second":              {Limit{5, time.Second, ""}, "5/s"},
		"100/m":                 {Limit{100, time.Minute, ""}, "100/m"},
		"100/minute by address": {Limit{100, time.Minute, ByAddress}, "100/m by address"},
		"1000/h by caller":      {Limit{1000, time.Hour, ByCaller}, "1000/h by caller"},
		"1000/hour":             {Limit{1000, time.Hour, ""}, "1000/h"},
		"1000000/d":             {Limit{1_000_000, 24 * time.Hour, ""}, "1000000/d"},
		"3/day":                 {Limit{3, 24 * time.Hour, ""}, "3/d"},
		"100/15m":               {Limit{100, 15 * time.Minute, ""}, "100/15m"},
		"100/1m30s":             {Limit{100, 90 * time.Second, ""}, "100/90s"},
		"100/60m":               {Limit{100, time.Hour, ""}, "100/h"},
		"100/1d12h":             {Limit{100, 36 * time.Hour, ""}, "100/36h"},
		"100/31d":               {Limit{100, 31 * 24 * time.Hour, ""}, "100/31d"},
	} {
		got, err := Parse(text)
		if err != nil || got != want.limit || got.String() != want.said {
			t.Errorf("%q: %+v (%s), %v", text, got, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                              "rate takes how many requests in which time",
		"5":                             `"5" says no time`,
		"/m":                            `before the slash, not ""`,
		"0/m":                           "before the slash, not 0",
		"-1/m":                          `before the slash, not "-1"`,
		"1.5/m":                         `not "1.5"`,
		"1000001/m":                     "from 1 to 1000000 before the slash, not 1000001",
		"99999999999999999999/m":        "from 1 to 1000000",
		"5/":                            `"" is no unit`,
		"5/min":                         `"min" is no unit of a rate; it is s, m, h, d, second, minute, hour, day, or a duration as 15m`,
		"5/M":                           `"M" is no unit`,
		"5/15":                          `"15" is no unit`,
		"5/m/s":                         `"m/s" is no unit`,
		"5/-1m":                         `"-1m" is no unit`,
		"5/500ms":                       "whole seconds, from one to 31 days, not for 500ms",
		"5/1500ms":                      "whole seconds",
		"5/0s":                          "whole seconds",
		"5/32d":                         "31 days",
		"5/99999999d":                   "no unit",
		"5/m caller":                    `rate does not know "caller"`,
		"5/m by":                        "one word after by",
		"5/m by user":                   `by caller or by address, not by "user"`,
		"5/m by caller address":         "one word after by",
		"5/m by caller by address":      "one word after by",
		"5/" + strings.Repeat("x", 500): "…",
	} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 250 {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestLimitInJSON(t *testing.T) {
	t.Parallel()
	in := []Limit{{100, time.Minute, ByCaller}, {5, 90 * time.Second, ""}}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `["100/m by caller","5/90s"]` {
		t.Errorf("%s, %v", b, err)
	}
	var out []Limit
	if err := json.Unmarshal(b, &out); err != nil || len(out) != 2 || out[0] != in[0] || out[1] != in[1] {
		t.Errorf("%v, %v", out, err)
	}
	for _, bad := range []string{`5`, `"5"`, `null`, `{}`} {
		if err := new(Limit).UnmarshalJSON([]byte(bad)); err == nil {
			t.Error(bad)
		}
	}
	for _, bad := range []Limit{{0, time.Second, ""}, {1, time.Millisecond, ""}, {1, time.Second, "user"}} {
		if bad.Check() == nil {
			t.Error(bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"100/m", "1/15m by caller", "1/1d12h by address", "x/9", "1/0d", "1/1h1d", "5/ 1m", "1000000/2678400s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse(s)
		if err != nil {
			if len(err.Error()) > 300 {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if err := got.Check(); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%q is %s, which is %+v, %v", s, got, again, err)
		}
	})
}
