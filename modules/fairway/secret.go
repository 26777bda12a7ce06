package fairway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// Secret resolves one {env.X} or {file./path}. An unset or empty one is an error: a service would go without.
func Secret(placeholder string) (string, error) {
	if name, ok := strings.CutPrefix(placeholder, "{file."); ok {
		// Caddy takes a file that it cannot read for an empty one.
		f, err := os.Open(strings.TrimSuffix(name, "}"))
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			return "", fmt.Errorf("cannot be read: %w", pe.Err)
		}
		if err == nil {
			_ = f.Close() // it was only read
		}
	}
	v, err := caddy.NewReplacer().ReplaceOrErr(placeholder, true, true)
	v = strings.TrimRight(v, "\r\n")
	if err != nil || v == "" {
		return "", errors.New("is not set or empty")
	}
	return v, nil
}

// Resolve resolves every {env.X} and {file./path} in s.
func Resolve(s string) (string, error) {
	var failed error
	out := regexp.MustCompile(`\{(env\.|file\.)[^{}]*\}`).ReplaceAllStringFunc(s, func(m string) string {
		v, err := Secret(m)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s %w", m, err))
		}
		return v
	})
	return out, failed
}
