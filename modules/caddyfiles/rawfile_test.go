package caddyfiles

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parsed writes the text into a file, has Caddy parse it, and gives the first directive of the first site.
func parsed(t *testing.T, name, text string) Node {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks, err := caddyfile.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Read(caddyfile.NewDispenser(blocks[0].Segments[0]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func program(n Node) []caddyfile.Token { return n.Block[len(n.Block)-1].Args }

func TestCheckRaw(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"nothing to see":        {"a {\nb {\nc `{ job: $job }`\n}\n}", ""},
		"a variable":            {"a {\nb {\nc {$NAME}x\n}\n}", ""},
		"a default":             {"a {\nb {\nc {$NAME:some thing}\n}\n}", ""},
		"the end of a path":     {"a {\nb {\nc /{$}\n}\n}", ""},
		"an object":             {"a {\nb {\nc `{$job, v: .}`\n}\n}", `"job, v" is none`},
		"an object, its line":   {"a {\nb {\nc `{$job, v: .}`\n}\n}", "Caddyfile:3"},
		"a variable in jq":      {"a {\nb {\nc `. + {$job}`\n}\n}", "put a space after the brace"},
		"a variable in a line":  {"a {\nb {\nc `\n. +\n{$job}`\n}\n}", "put a space after the brace"},
		"a comment":             {"a {\nb {\nc x\n# {$ a }\n}\n}", "Caddyfile:4"},
		"a comment over lines":  {"a {\nb {\n# never {$x\nc x {\n}\n}\n}", "Caddyfile:3"},
		"one that is never one": {"a {\nb {\nc x\n}\n}\n# {$", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "Caddyfile")
			n := parsed(t, file, tt.text)
			var programs []caddyfile.Token
			if strings.Contains(tt.text, "`") {
				programs = program(n)
			}
			looked, err := FilesOf(map[string]any{}).Check(n, programs)
			if !looked {
				t.Error("the file was not looked at")
			}
			got := errorText(err)
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckRawCannotLook(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	n := parsed(t, file, "a {\nb {\nc x\n}\n}")
	if err := os.WriteFile(file, []byte("other {\nd e\n}\n# {$ x }"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := FilesOf(map[string]any{})
	if looked, err := files.Check(n, nil); looked || err != nil {
		t.Errorf("another file of that name: looked is %t, error %v; want neither", looked, err)
	}
	gone := n
	gone.Segment = []caddyfile.Token{{File: filepath.Join(t.TempDir(), "gone"), Line: 1, Text: "b"}}
	if looked, err := files.Check(gone, nil); looked || err != nil {
		t.Errorf("a file that is gone: looked is %t, error %v; want neither", looked, err)
	}
	if !files.FirstUnread(file) || files.FirstUnread(file) {
		t.Error("what could not be looked at is not said exactly once")
	}
}

// TestCheckRawImported looks into a file that the Caddyfile imports.
func TestCheckRawImported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	imported := filepath.Join(dir, "answer.caddy")
	if err := os.WriteFile(imported, []byte("# one\nc `{$job, v: .}`\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := parsed(t, filepath.Join(dir, "Caddyfile"), "a {\nb {\nimport answer.caddy\n}\n}")
	_, err := FilesOf(map[string]any{}).Check(n, program(n))
	if got := errorText(err); !strings.Contains(got, "answer.caddy:2") {
		t.Errorf("got %q, want an error at answer.caddy:2", got)
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	state := map[string]any{}
	claims := ClaimsOf(state)
	first := caddyfile.Token{File: "Caddyfile", Line: 2, Text: "health"}
	second := caddyfile.Token{File: "Caddyfile", Line: 7, Text: "/ready"}
	if err := claims.Claim("site", "/ready", first, "the path /ready"); err != nil {
		t.Fatal(err)
	}
	if err := ClaimsOf(state).Claim("other", "/ready", second, "the path /ready"); err != nil {
		t.Errorf("another site may have the path: %v", err)
	}
	const want = "the path /ready is taken already by health at Caddyfile:2, at Caddyfile:7"
	if got := errorText(ClaimsOf(state).Claim("site", "/ready", second, "the path /ready")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
