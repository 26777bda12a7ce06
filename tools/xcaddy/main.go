// Command xcaddy builds Fairway from xcaddy.json: Caddy at the version named there, with the plugins listed there.
//
// xcaddy itself reads no file; xcaddy.json is the JSON form of its Builder, and this hands it over. To build with one
// more plugin, add a line to "plugins" and, while the plugin is on your disk only, say where with -replace:
//
//	go run -C tools/xcaddy . -recipe ../../xcaddy.json -output /tmp/fairway -replace example.org/plugin=/src/plugin
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/caddyserver/xcaddy"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "xcaddy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("xcaddy", flag.ContinueOnError)
	recipe := flags.String("recipe", "xcaddy.json", "`file` with the JSON form of xcaddy's Builder")
	output := flags.String("output", "fairway", "`file` to build")
	var replacements []xcaddy.Replace
	flags.Func("replace", "take a module from a folder: `module=folder`; may be repeated", func(s string) error {
		module, folder, ok := strings.Cut(s, "=")
		if !ok || module == "" || folder == "" {
			return errors.New("want module=folder")
		}
		folder, err := filepath.Abs(folder)
		if err != nil {
			return err
		}
		replacements = append(replacements, xcaddy.NewReplace(module, folder))
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	builder, err := read(*recipe)
	if err != nil {
		return err
	}
	builder.Replacements = append(builder.Replacements, replacements...)
	return builder.Build(ctx, *output)
}

// read refuses what it does not know: a misspelt word would build another binary than the file seems to say.
func read(recipe string) (xcaddy.Builder, error) {
	var builder xcaddy.Builder
	raw, err := os.ReadFile(recipe)
	if err != nil {
		return builder, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&builder); err != nil {
		return builder, fmt.Errorf("%s: %w", recipe, err)
	}
	return builder, nil
}
