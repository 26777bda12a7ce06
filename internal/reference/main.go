// Command reference writes those pages of the documentation that the source itself can tell: the configuration in JSON, the
// command line, and what is logged.
//
//	go run ./internal/reference <top of the module>
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/fairway-gateway/fairway/caddy/identity"
	_ "github.com/fairway-gateway/fairway/modules"
)

//go:generate go run -tags nobadger,nomysql,nopgx,grpcnotrace,nopgxregisterdefaulttypes . ../..

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reference <top of the module>")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	config, err := configuration(root)
	if err != nil {
		return err
	}
	said, err := messages(root)
	if err != nil {
		return err
	}
	logs := filepath.Join(root, "docs", "log-schema.md")
	page, err := os.ReadFile(logs) //nolint:gosec // where its caller says
	if err != nil {
		return fmt.Errorf("the page of the logs: %w", err)
	}
	withMessages, err := between(string(page), table(said))
	if err != nil {
		return fmt.Errorf("%s: %w", logs, err)
	}
	for name, text := range map[string]string{"json.md": config, "cli.md": commandLine(), "log-schema.md": withMessages} {
		if err := os.WriteFile(filepath.Join(root, "docs", name), []byte(text), 0o644); err != nil { //nolint:gosec // a page for everybody
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}

// marks are around what is made.
const (
	beginMark = "<!-- messages: made by internal/reference: make generate -->\n"
	endMark   = "<!-- messages end -->\n"
)

var errMarks = errors.New("the marks of the table of messages are not there")

// between replaces what stands between the marks.
func between(page, made string) (string, error) {
	before, rest, ok := strings.Cut(page, beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return "", errMarks
	}
	return before + beginMark + made + endMark + after, nil
}
