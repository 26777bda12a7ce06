package identity

import (
	"regexp"
	"strings"
	"unicode"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// commandWord finds the command "caddy" in help texts: "'caddy run'", "$ caddy storage export".
var commandWord = regexp.MustCompile("(^|[\\s'\"`])caddy( [a-z<\\[-])")

// renameInHelp makes the help of Caddy's own commands speak of the binary by the given name.
//
// Caddy has no way to reach its root command, whose examples are fixed. A command registered here finds the root
// through its parent; the template function that every help text goes through is the moment to do it.
func renameInHelp(name string) {
	rename := func(s string) string {
		return commandWord.ReplaceAllString(s, "${1}"+name+"${2}")
	}
	var about *cobra.Command
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "about",
		Short: "Prints what this binary is",
		CobraFunc: func(cmd *cobra.Command) {
			about = cmd
			cmd.Hidden = true
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				cmd.Print(longDescription)
				return nil
			}
		},
	})
	cobra.AddTemplateFunc("trimTrailingWhitespaces", func(s string) string {
		if about != nil {
			about.Root().Example = rename(about.Root().Example)
		}
		return strings.TrimRightFunc(rename(s), unicode.IsSpace)
	})
}
