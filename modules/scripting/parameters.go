package scripting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/fairway-gateway/fairway/modules/command"
)

// mostParameters is how long parameters may be, in bytes.
const mostParameters = 16 << 20

func parameterOption(f *pflag.FlagSet) {
	f.String("params", "", "File with parameters, a JSON object; - is standard input")
}

// parameters are those of a command: of the option params, and over them the arguments name=value.
func parameters(ctx context.Context, c *command.Call, args []string) (json.RawMessage, error) {
	file, err := c.Flags().GetString("params")
	if err != nil {
		return nil, err
	}
	var text []byte
	if file != "" {
		if text, err = readParameters(ctx, c, file); err != nil {
			return nil, err
		}
	}
	out, err := mergeParameters(text, args)
	if err != nil {
		return nil, &command.Error{Code: command.Usage, Err: err}
	}
	return out, nil
}

func readParameters(ctx context.Context, c *command.Call, name string) ([]byte, error) {
	in := c.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, &command.Error{Code: command.Usage, Err: fmt.Errorf("--params: %w", err)}
		}
		defer f.Close()
		in = f
	}
	type read struct {
		text []byte
		err  error
	}
	done := make(chan read, 1)
	go func() { // nothing ends a read of standard input but the process, which ends after an interrupt
		text, err := io.ReadAll(io.LimitReader(in, mostParameters+1))
		done <- read{text, err}
	}()
	select {
	case r := <-done:
		switch {
		case r.err != nil:
			return nil, fmt.Errorf("--params: %w", r.err)
		case len(r.text) > mostParameters:
			return nil, command.Usagef("--params: there are more than %d bytes", mostParameters)
		}
		return r.text, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// mergeParameters lays arguments over an object, which keeps its members and their order. A value is JSON where it is JSON, else a text.
func mergeParameters(text []byte, args []string) (json.RawMessage, error) {
	names, values := []string{}, map[string]json.RawMessage{}
	set := func(name string, value json.RawMessage) {
		if _, known := values[name]; !known {
			names = append(names, name)
		}
		values[name] = value
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if len(bytes.TrimSpace(text)) > 0 {
		if err := members(text, set); err != nil {
			return nil, fmt.Errorf("--params: %w", err)
		}
	}
	said := map[string]bool{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		switch {
		case !ok || name == "":
			return nil, fmt.Errorf("a parameter is name=value, not %.60q", arg)
		case !utf8.ValidString(arg):
			return nil, fmt.Errorf("the parameter %.60q is no UTF-8", name)
		case said[name]:
			return nil, fmt.Errorf("the parameter %s is there twice", name)
		}
		said[name] = true
		raw := json.RawMessage(value)
		if !json.Valid(raw) {
			shown, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			raw = shown
		}
		set(name, raw)
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			out.WriteByte(',')
		}
		shown, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		out.Write(shown)
		out.WriteByte(':')
		if err := json.Compact(&out, values[name]); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// members reads an object, which is all there is.
func members(text []byte, set func(string, json.RawMessage)) error {
	if !utf8.Valid(text) {
		return errors.New("they are no UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return errors.New("they are no JSON object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("they are no JSON object: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("they are no JSON object: %w", err)
		}
		member, _ := name.(string)
		set(member, value)
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("they are no JSON object: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the JSON object")
	}
	return nil
}
