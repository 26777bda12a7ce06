package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// directCurl is how the tutorial asks its stand-in.
var directCurl = regexp.MustCompile(`^curl http://127\.0\.0\.1:8078(/\S*)$`)

// TestTutorial does what docs/tutorial.md says, in its order: each step is a reload of the shipped Caddyfile with another service.
func TestTutorial(t *testing.T) {
	t.Parallel()
	const page = "docs/tutorial.md"
	fences := pageFences(t, page)
	var standIn []pageFence
	for _, f := range fences {
		if f.hint == "stand-in" {
			standIn = append(standIn, f)
		}
	}
	g, legacy := startPage(t, standIn)
	shipped, err := os.ReadFile(g.config)
	if err != nil {
		t.Fatal(err)
	}
	desk := regexp.MustCompile(`http://(127\.0\.0\.1:\d+) \{\n\tbind 127\.0\.0\.1\n\n\t# The desk`).FindSubmatch(shipped)
	before, after, ok := strings.Cut(string(shipped), "\thealth\n")
	if desk == nil || !ok {
		t.Fatalf("the Caddyfile is not as the page has it:\n%s", shipped)
	}
	steps := 0
	for _, f := range fences {
		t.Run(fmt.Sprintf("line %d", f.line), func(t *testing.T) { //nolint:paralleltest // one step after the other
			name, isFile := strings.CutPrefix(f.hint, "file ")
			switch {
			case f.hint == "in site, step":
				steps++
				service := strings.ReplaceAll(f.text, "127.0.0.1:8078", string(desk[1]))
				if err := g.reload(before + "\thealth\n" + service + after); err != nil {
					t.Fatal(err)
				}
			case isFile:
				if err := os.WriteFile(filepath.Join(filepath.Dir(g.config), filepath.Base(name)), []byte(f.text), 0o600); err != nil {
					t.Fatal(err)
				}
			case f.language == "console":
				for _, block := range strings.Split("\n"+f.text, "\n$ ")[1:] {
					command, shown, _ := strings.Cut(block, "\n")
					if m := directCurl.FindStringSubmatch(command); m != nil {
						got := (&gateway{t: t, url: "http://" + string(desk[1])}).get(t, m[1]).body
						if strings.TrimSpace(got) != strings.TrimSpace(shown) {
							t.Errorf("%s: %q, shown is %q", command, got, shown)
						}
						continue
					}
					f.run(t, g, legacy, command, shown)
				}
			case f.language == "sh":
				for line := range strings.Lines(f.text) {
					tutorialLine(t, g, strings.TrimSpace(line))
				}
			case f.hint == "stand-in":
			default:
				f.execute(t, g, legacy)
			}
		})
	}
	if steps < 3 {
		t.Errorf("%d steps", steps)
	}
}

// tutorialLine does what a line of the page's shell does to the gateway that runs; that was started as the page starts it.
func tutorialLine(t *testing.T, g *gateway, line string) {
	t.Helper()
	if env, ok := strings.CutSuffix(line, " bin/fairway run"); ok {
		for one := range strings.FieldsSeq(env) {
			if !slices.Contains(g.env, one) {
				t.Errorf("the gateway runs without %s", one)
			}
		}
		return
	}
	args, ok := strings.CutPrefix(line, "bin/fairway ")
	if !ok {
		return // of the compiler
	}
	if out, err := g.command(strings.Fields(args)...); err != nil {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
}
