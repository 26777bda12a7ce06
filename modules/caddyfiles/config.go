package caddyfiles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// AdaptError says what is wrong in a configuration, mostly with file and line.
type AdaptError struct{ Err error }

func (e *AdaptError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *AdaptError) Unwrap() error { return e.Err }

// ReadConfig gives a configuration as JSON, for a command with the options --config and --adapter; empty they are the
// Caddyfile of the working directory. It reads what Caddy's own commands read, but logs nothing between our lines, and
// takes a file that is no JSON for a Caddyfile, whatever its name. The error is an *AdaptError where what it read is at fault.
func ReadConfig(file, adapter string) ([]byte, error) {
	name := file
	if name == "" {
		name = "Caddyfile"
	}
	var raw []byte
	var err error
	if file == "-" {
		raw, err = io.ReadAll(os.Stdin)
	} else {
		raw, err = os.ReadFile(name)
	}
	if file == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no Caddyfile here; name a configuration with --config")
	}
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, fmt.Errorf("the configuration %s is empty", name)
	}
	if adapter == "" && json.Valid(raw) {
		return raw, nil
	}
	if adapter == "" {
		adapter = "caddyfile"
	}
	a := caddyconfig.GetAdapter(adapter)
	if a == nil {
		return nil, fmt.Errorf("--adapter: there is none that is called %q", adapter)
	}
	adapted, _, err := a.Adapt(raw, map[string]any{"filename": name}) // fairway validate has the warnings
	if err != nil {
		return nil, &AdaptError{err}
	}
	return adapted, nil
}
