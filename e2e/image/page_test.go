//go:build linux

package image_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestPage does what docs/docker.md says, from its first line to its last, and looks at what came of it.
func TestPage(t *testing.T) {
	t.Parallel()
	b := start(t)
	began := time.Now()
	looked := map[string]bool{}
	for _, block := range b.blocks() {
		if strings.Contains(block.text, "docker stack deploy") && !looked["swarm"] {
			looked["swarm"] = true
			if _, err := b.engine.Swarm("fairway-test"); err != nil {
				t.Fatal(err)
			}
		}
		block.run(b)
		t.Logf("line %d was done after %v", block.line, time.Since(began).Round(time.Second))
		for _, look := range looks() {
			if strings.HasSuffix(block.name(), look.after) && !looked[look.what] {
				looked[look.what] = true
				look.at(b)
				t.Logf("%s, after %v", look.what, time.Since(began).Round(time.Second))
			}
		}
	}
	for _, look := range looks() {
		if !looked[look.what] {
			t.Errorf("nobody looked whether %s: the page has no %q", look.what, look.after)
		}
	}
}

// block is one of commands.
type block struct {
	line       int
	kind, text string
}

// name is its commands.
func (k block) name() string {
	var lines []string
	for _, c := range k.commands() {
		lines = append(lines, c.line)
	}
	return strings.Join(lines, "\n")
}

// command is one, with what it is to print.
type command struct{ line, shown string }

func (k block) commands() []command {
	var out []command
	if k.kind == "sh" {
		for line := range strings.Lines(k.text) {
			out = append(out, command{line: strings.TrimSpace(line)})
		}
		return out
	}
	for _, one := range strings.Split("\n"+k.text, "\n$ ")[1:] {
		line, shown, _ := strings.Cut(one, "\n")
		out = append(out, command{line, strings.TrimSpace(shown)})
	}
	return out
}

// blocks are those of the page that are run.
func (b *bench) blocks() []block {
	b.t.Helper()
	page, err := os.ReadFile(b.directory + "/docs/docker.md")
	if err != nil {
		b.t.Fatal(err)
	}
	var out []block
	for _, at := range regexp.MustCompile("(?ms)^```(\\S+)\n(.*?)^```$").FindAllSubmatchIndex(page, -1) {
		k := block{line: 1 + strings.Count(string(page[:at[0]]), "\n"), kind: string(page[at[2]:at[3]]), text: string(page[at[4]:at[5]])}
		if k.kind != "sh" && k.kind != "console" {
			b.t.Errorf("docs/docker.md:%d: nobody executes a block of %s", k.line, k.kind)
			continue
		}
		out = append(out, k)
	}
	return out
}

// run runs its commands. What prints something is run until it prints that: what it asks may not be there yet.
func (k block) run(b *bench) {
	b.t.Helper()
	for _, c := range k.commands() {
		line := strings.NewReplacer(" -p 8080:8080 ", fmt.Sprintf(" -p 127.0.0.1:%s:8080 ", b.port), "//localhost:8080/", "//127.0.0.1:"+b.port+"/").Replace(c.line)
		if k.kind == "console" {
			b.await(line, c.shown)
		} else {
			b.must(line)
		}
	}
}
