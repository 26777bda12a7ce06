package caddyfiles

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/google/go-cmp/cmp"
)

// tableOfCaddy reads what Caddy expands out of its replacer, whose parts are not exported: the words, and the
// prefixes before a name of the user's. A replacer that was never used still has its table.
func tableOfCaddy(t *testing.T) (words, before []string) {
	t.Helper()
	replacer := reflect.ValueOf(httpcaddyfile.NewShorthandReplacer())
	table := replacer.FieldByName("simple").Elem().FieldByName("oldnew")
	for i := 0; i < table.Len(); i += 2 {
		words = append(words, strings.Trim(table.Index(i).String(), "{}"))
	}
	expressions := replacer.FieldByName("complex")
	for i := range expressions.Len() {
		expression := expressions.Index(i).FieldByName("search").Elem().FieldByName("expr").String()
		m := regexp.MustCompile(`^\{(\w+)\\\.\(`).FindStringSubmatch(expression)
		if m == nil {
			t.Fatalf("Caddy expands %s, which is not of the form that is undone", expression)
		}
		before = append(before, m[1])
	}
	if len(words) == 0 || len(before) == 0 {
		t.Fatal("Caddy's table was not found in its replacer")
	}
	return words, before
}

// expanded is what a directive sees of text.
func expanded(text string) string {
	segment := caddyfile.Segment{{Text: text}}
	expand := httpcaddyfile.NewShorthandReplacer()
	expand.ApplyToSegment(&segment)
	return segment[0].Text
}

func TestShorthandTable(t *testing.T) {
	t.Parallel()
	words, before := tableOfCaddy(t)
	sorted := func(s []string) []string { return slices.Sorted(slices.Values(s)) }
	if diff := cmp.Diff(sorted(words), sorted(shorthands())); diff != "" {
		t.Errorf("the shorthands are not Caddy's: -Caddy +ours\n%s", diff)
	}
	if diff := cmp.Diff(sorted(before), sorted(prefixes())); diff != "" {
		t.Errorf("the prefixes of shorthands are not Caddy's: -Caddy +ours\n%s", diff)
	}
}

// TestShorthandRoundTrip reads every text as it was written, alone and inside of other text.
func TestShorthandRoundTrip(t *testing.T) {
	t.Parallel()
	words, before := tableOfCaddy(t)
	texts := []string{
		"", "}", "{}", "{ host }", "{path, host}", "map({path, host})", "{env.X}", "{caller.user}", "{a.id}", "{rest...}",
		"{query.a.b}", "{file./run/secrets/token}", "{system.hostname}", "{time.now}", "{http.unknown}",
		"{path.file.x}", "{query.host}", "{{host}}", "{host}{path}{query.x}",
	}
	for _, word := range words {
		texts = append(texts, "{"+word+"}")
	}
	for _, prefix := range before {
		for _, name := range []string{"x", "X-Foo", "a_b", "0", "-", "", "a.b", "größe"} {
			texts = append(texts, "{"+prefix+"."+name+"}")
		}
	}
	changed := 0
	for _, text := range texts {
		for _, whole := range []string{text, "/a/" + text + "/b", `{ note: "see ` + text + `" }`} {
			if expanded(whole) != whole {
				changed++
			}
			d := caddyfile.NewDispenser([]caddyfile.Token{{File: "Caddyfile", Line: 1, Text: "reply"}, {File: "Caddyfile", Line: 1, Text: expanded(whole)}})
			n, err := Read(d)
			if err != nil {
				t.Errorf("%q: %v", whole, err)
				continue
			}
			if len(n.Args) != 1 || n.Args[0].Text != whole {
				t.Errorf("%q is read as %v", whole, n.Args)
			}
		}
	}
	if changed < 3*len(words) {
		t.Errorf("Caddy changed %d texts only", changed)
	}
}

// TestShorthandTwins holds the one pair of spellings that Caddy makes the same: the shorter one is read.
func TestShorthandTwins(t *testing.T) {
	t.Parallel()
	if a, b := expanded("{vars.client_ip}"), expanded("{client_ip}"); a != b {
		t.Errorf("Caddy tells %q and %q apart", a, b)
	}
	if got := makeUndo().Replace(expanded("{vars.client_ip}")); got != "{client_ip}" {
		t.Errorf("{vars.client_ip} is read as %q", got)
	}
}
