package caddyfiles

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

func tokens(t testing.TB, text string) *caddyfile.Dispenser {
	t.Helper()
	out, err := caddyfile.Tokenize([]byte(text), "Caddyfile")
	if err != nil {
		t.Skip("the lexer refuses it")
	}
	return caddyfile.NewDispenser(out)
}

// outline writes a tree, one line for each node.
func outline(n Node) []string {
	line := n.Word.Text
	for _, a := range n.Args {
		line += " " + a.Text
	}
	if n.HasBlock {
		line += " {"
	}
	out := []string{line}
	for _, b := range n.Block {
		for _, l := range outline(b) {
			out = append(out, "  "+l)
		}
	}
	return out
}

func TestRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want []string
	}{
		"a word":         {"health", []string{"health"}},
		"arguments":      {"service @m /a /b", []string{"service @m /a /b"}},
		"an empty block": {"service /a {\n}", []string{"service /a"}},
		"blocks in blocks": {
			"service /a {\n\tGET /x {\n\t\tfetch /x {\n\t\t\tdecode json\n\t\t}\n\t\treply `.a | .b`\n\t}\n\tversion 1\n}",
			[]string{"service /a {", "  GET /x {", "    fetch /x {", "      decode json", "    reply .a | .b", "  version 1"},
		},
		"comments and blank lines": {"a {\n\n\t# b\n\tc # d\n}", []string{"a {", "  c"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := Read(tokens(t, tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, outline(n)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"a brace at a word":           {"service /a{\n}", `put a space before the { of "/a{", at Caddyfile:1`},
		"a brace at a word in a line": {"a {\n\tb\n\tfetch /x{\n}\n}", `put a space before the { of "/x{", at Caddyfile:3`},
		"a brace too many":            {"a b {\n\tc { { ", "the braces of c do not match, at Caddyfile:2"},
		"an argument nobody gave":     {"a {\n\tb {args[3]}\n}", "{args[3]} was not given to the import, at Caddyfile:2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(tokens(t, tt.text))
			if got := errorText(err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestWords(t *testing.T) {
	t.Parallel()
	words := Words{
		Owner: "thing", Later: []string{"paginate"},
		Known: map[string]Word{
			"once": {Parse: func(n Node) error { _, err := n.One("once 5"); return err }},
			"many": {Many: true, Parse: func(n Node) error { return n.Flag() }},
			"jq":   {Parse: func(n Node) error { _, err := n.Program(); return err }},
		},
		Other: func(n Node) (bool, error) { return strings.HasPrefix(n.Word.Text, "X"), nil },
	}
	tests := map[string]struct{ block, want string }{
		"known words":        {"many\nonce 5\nmany\njq `.a | .b`\nXtra 1 2", ""},
		"twice":              {"once 5\nonce 6", "once is there twice in this thing, at Caddyfile:3"},
		"near":               {"onec 5", `thing has no word "onec"; did you mean "once"?, at Caddyfile:2`},
		"far":                {"elephant", `thing has no word "elephant", at Caddyfile:2`},
		"later":              {"paginate link", "paginate is not available in this version of Fairway, at Caddyfile:2"},
		"no argument":        {"once", "once needs an argument (one that begins with # must be quoted); write: once 5, at Caddyfile:2"},
		"two arguments":      {"once 5 6", "once takes one argument, here are 2; put text with blanks in quotes: once 5, at Caddyfile:2"},
		"a block":            {"once 5 {\nx\n}", "once takes no block; write: once 5, at Caddyfile:2"},
		"more than a flag":   {"many 1", "many takes nothing more, at Caddyfile:2"},
		"program in tokens":  {"jq .a | .b", "jq takes one jq program; put it in backquotes: jq `...`, at Caddyfile:2"},
		"program in a block": {"jq {\na\n}", "jq takes one jq program; put it in backquotes: jq `...`, at Caddyfile:2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := Read(tokens(t, "thing {\n"+tt.block+"\n}"))
			if err != nil {
				t.Fatal(err)
			}
			if got := errorText(words.Parse(n)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	inline, err := Read(tokens(t, "\n\nreply `{\n\ta: .a,\n\tb: .b\n}`"))
	if err != nil {
		t.Fatal(err)
	}
	heredoc, err := Read(tokens(t, "\n\nreply <<JQ_\n\t{\n\t\ta: .a\n\t}\n\tJQ_"))
	if err != nil {
		t.Fatal(err)
	}
	place := Place{"routes/0": inline.Word, "routes/0/reply": inline.Args[0], "routes/1/reply": heredoc.Args[0]}
	tests := map[string]struct {
		err  error
		want string
	}{
		"the start":         {&wrap.ConfigError{Path: "routes/0/reply", Offset: 0, Msg: "x"}, "x, at Caddyfile:3"},
		"the third line":    {&wrap.ConfigError{Path: "routes/0/reply", Offset: 11, Msg: "x"}, "x, at Caddyfile:5"},
		"past the end":      {&wrap.ConfigError{Path: "routes/0/reply", Offset: 1000, Msg: "x"}, "x, at Caddyfile:3"},
		"nowhere in it":     {&wrap.ConfigError{Path: "routes/0/reply", Offset: -1, Msg: "x"}, "x, at Caddyfile:3"},
		"a heredoc's first": {&wrap.ConfigError{Path: "routes/1/reply", Offset: 0, Msg: "x"}, "x, at Caddyfile:4"},
		"a heredoc's next":  {&wrap.ConfigError{Path: "routes/1/reply", Offset: 3, Msg: "x"}, "x, at Caddyfile:5"},
		"a part of it":      {&wrap.ConfigError{Path: "routes/0/fetches/3/name", Offset: -1, Msg: "x"}, "x, at Caddyfile:3"},
		"nothing of it":     {&wrap.ConfigError{Path: "backends/3", Offset: -1, Msg: "x"}, "x, at Caddyfile:3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := errorText(place.Locate(tt.err, inline.Word)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzRead reads any tokens: it ends, loses no token, and its errors say where.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"service /a {\n\tGET /x {\n\t\tfetch /x {\n\t\t\tdecode json\n\t\t}\n\t}\n}", "a {", "a }", "{", "}", "a {\n{\n}\n}", "a b{\n}", "a {args[0]}",
		"a `b\nc` {\nd <<E\n\tx\n\tE\n}", "a \\\nb", "{host} {query.x}", "a {\n}\nb", "a { b }",
	} {
		f.Add(s)
	}
	placed := regexp.MustCompile(`, at Caddyfile:[0-9]+$`)
	f.Fuzz(func(t *testing.T, text string) {
		d := tokens(t, text)
		if !d.Next() {
			return
		}
		d.Reset()
		n, err := Read(d)
		if err != nil {
			if !placed.MatchString(err.Error()) {
				t.Errorf("the error does not say where: %v", err)
			}
			return
		}
		for i, a := range n.Args {
			if i >= len(n.Segment) || !slices.ContainsFunc(n.Segment, func(t caddyfile.Token) bool { return t.Text == a.Text }) {
				t.Errorf("the argument %q is not in the line", a.Text)
			}
		}
	})
}
