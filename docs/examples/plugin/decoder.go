// Package stanzas is an example of a plugin for Fairway: one decoder, one directive, one subcommand.
package stanzas

import (
	"bytes"
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

func init() {
	caddy.RegisterModule(Decoder{})
}

// defaultSeparator stands between name and value.
const defaultSeparator = ":"

// Decoder decodes "stanzas": blocks of `Name: value` lines with blank lines between them, as /proc/cpuinfo, Debian's
// package lists and many status pages have them. The value is an array with one object for each block, with names in
// the order of the text and all values as strings:
//
//	Host: a1          [{"Host": "a1", "Load": "0.5"},
//	Load: 0.5          {"Host": "b2", "Load": ""}]
//
//	Host: b2
//	Load:
//
// A name that occurs twice in a block is an error, as is a line without the separator.
type Decoder struct {
	// Separator stands between name and value. Default: ":".
	Separator string `json:"separator,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Decoder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "fairway.decoders.stanzas",
		New: func() caddy.Module { return new(Decoder) },
	}
}

// Provision sets the default.
func (d *Decoder) Provision(caddy.Context) error {
	if d.Separator == "" {
		d.Separator = defaultSeparator
	}
	return nil
}

// Factor is how many bytes the tree of one byte of text takes: the worst text is blocks of one line with neither name
// nor value.
func (*Decoder) Factor() float64 { return 150 }

// Decode implements decode.Decoder.
func (d *Decoder) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := out.BeginArray(); err != nil {
		return err
	}
	open := false
	var offset int64
	for n, rest := 0, in.Body; len(rest) > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var line []byte
		line, rest = cutLine(rest)
		text := bytes.TrimSpace(line)
		at := offset
		offset = int64(len(in.Body) - len(rest))
		if len(text) == 0 {
			if err := end(out, &open); err != nil {
				return err
			}
			continue
		}
		name, value, ok := bytes.Cut(text, []byte(d.Separator))
		if !ok {
			return &decode.SyntaxError{Format: "stanzas", Offset: at, Msg: fmt.Sprintf("a line has no %q", d.Separator)}
		}
		if !open {
			open = true
			if err := out.BeginObject(); err != nil {
				return err
			}
		}
		if err := out.Key(string(bytes.TrimSpace(name))); err != nil {
			return err
		}
		if err := out.String(string(bytes.TrimSpace(value))); err != nil {
			return err
		}
	}
	if err := end(out, &open); err != nil {
		return err
	}
	return out.EndArray()
}

// cutLine returns the first line of text, without its end, and what follows it.
func cutLine(text []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(text, []byte("\n"))
	return line, rest
}

// end closes the object of a block, if one is open.
func end(out decode.Sink, open *bool) error {
	if !*open {
		return nil
	}
	*open = false
	return out.EndObject()
}

// UnmarshalCaddyfile sets up the decoder from the words of a fetch:
//
//	decode stanzas {
//		separator <text>
//	}
func (d *Decoder) UnmarshalCaddyfile(disp *caddyfile.Dispenser) error {
	disp.Next() // the name of the format
	if disp.NextArg() {
		return disp.ArgErr()
	}
	for nesting := disp.Nesting(); disp.NextBlock(nesting); {
		switch disp.Val() {
		case "separator":
			if d.Separator != "" {
				return disp.Err("separator is given twice")
			}
			if !disp.AllArgs(&d.Separator) || d.Separator == "" {
				return disp.ArgErr()
			}
		default:
			return disp.Errf("unknown option %q of stanzas: there is separator", disp.Val())
		}
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Decoder)(nil)
	_ caddyfile.Unmarshaler = (*Decoder)(nil)
	_ decode.Decoder        = (*Decoder)(nil)
)
