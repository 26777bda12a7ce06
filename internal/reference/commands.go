package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

const commandsHead = `# Command line

<!-- made by internal/reference of the commands themselves: make generate -->

Every command of the binary with its options, as ` + "`fairway help <command>`" + ` prints it. What to do with them is in [commands.md](commands.md). ` + "`fairway manpage --directory <path>`" + ` writes
all of it as manual pages, ` + "`fairway completion bash`" + ` (or ` + "`zsh`, `fish`, `powershell`" + `) what a shell needs to complete it.

What is called Caddy is this program, too: those commands are Caddy's own.
`

// commandLine writes the page of the command line.
func commandLine() string {
	var b strings.Builder
	b.WriteString(commandsHead)
	all := caddycmd.Commands()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		made := &cobra.Command{Use: strings.TrimSpace(c.Name + " " + c.Usage), Short: c.Short, Long: c.Long}
		if c.CobraFunc != nil {
			c.CobraFunc(made)
		} else if c.Flags != nil {
			made.Flags().AddGoFlagSet(c.Flags)
		}
		describe(&b, made, 2)
	}
	return b.String()
}

// describe writes a command, and those below it.
func describe(b *strings.Builder, c *cobra.Command, level int) {
	if c.Hidden {
		return
	}
	path := "fairway " + c.CommandPath()
	_, usage, _ := strings.Cut(c.Use, " ")
	text := strings.TrimSpace(c.Long)
	if text == "" {
		text = c.Short
	}
	fmt.Fprintf(b, "\n%s %s\n\n```text\n%s\n```\n\n```text\n%s\n```\n", strings.Repeat("#", level), path, strings.TrimSpace(path+" "+usage), strings.TrimSpace(text))
	if flags := strings.TrimRight(c.LocalFlags().FlagUsages(), "\n"); flags != "" {
		fmt.Fprintf(b, "\n```text\n%s\n```\n", flags)
	}
	for _, below := range c.Commands() {
		describe(b, below, min(level+1, 4))
	}
}
