package stanzas

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

func newDecoder(t testing.TB, separator string) *Decoder {
	t.Helper()
	d := &Decoder{Separator: separator}
	if err := d.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, separator, body string
		want                  string
		syntax                int64 // the offset of a *decode.SyntaxError; -1: none
	}{
		{name: "empty", body: "", want: `[]`, syntax: -1},
		{name: "blank lines only", body: "\n \r\n\n", want: `[]`, syntax: -1},
		{name: "one block", body: "Host: a1\nLoad: 0.5\n", want: `[{"Host":"a1","Load":"0.5"}]`, syntax: -1},
		{name: "two blocks", body: "b: 1\na: 2\n\n\nb: 3", want: `[{"b":"1","a":"2"},{"b":"3"}]`, syntax: -1},
		{name: "CRLF", body: "a: 1\r\n\r\na: 2\r\n", want: `[{"a":"1"},{"a":"2"}]`, syntax: -1},
		{name: "separator in the value", body: "url: http://x", want: `[{"url":"http://x"}]`, syntax: -1},
		{name: "no value", body: "a:", want: `[{"a":""}]`, syntax: -1},
		{name: "no name", body: ": 1", want: `[{"":"1"}]`, syntax: -1},
		{name: "own separator", separator: "=>", body: "a => b: c", want: `[{"a":"b: c"}]`, syntax: -1},
		{name: "no separator", body: "a: 1\nb\n", syntax: 5},
		{name: "HTML", body: "<html>", syntax: 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := decode.NewWriter(nil, decode.Limits{})
			err := newDecoder(t, tt.separator).Decode(t.Context(), &decode.Input{Body: []byte(tt.body)}, out)
			if tt.syntax >= 0 {
				var syntax *decode.SyntaxError
				if !errors.As(err, &syntax) || syntax.Offset != tt.syntax || syntax.Format != "stanzas" {
					t.Fatalf("error %v, want a syntax error at byte %d", err, tt.syntax)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(out.Bytes())); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, "")
	twice := decode.NewWriter(nil, decode.Limits{})
	if err := d.Decode(t.Context(), &decode.Input{Body: []byte("a: 1\na: 2")}, twice); err == nil {
		t.Error("a name that occurs twice was accepted")
	}
	var limit *decode.LimitError
	few := decode.NewWriter(nil, decode.Limits{Nodes: 10})
	if err := d.Decode(t.Context(), &decode.Input{Body: []byte(strings.Repeat("a: 1\n\n", 20))}, few); !errors.As(err, &limit) {
		t.Errorf("20 blocks under a limit of 10 nodes: %v, want a *decode.LimitError", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	out := decode.NewWriter(nil, decode.Limits{})
	if err := d.Decode(ended, &decode.Input{Body: []byte("a: 1\n")}, out); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the context ended, want context.Canceled", err)
	}
}

// TestFactor holds the memory budget to the truth: it is the one figure a decoder must not get wrong.
func TestFactor(t *testing.T) {
	d := newDecoder(t, "")
	for name, body := range map[string]string{
		"short blocks": strings.Repeat("a:b\n\n", 100_000),
		"no values":    strings.Repeat(":\n\n", 100_000),
		"long values":  strings.Repeat("name: "+strings.Repeat("x", 1000)+"\n\n", 1000),
	} {
		in := &decode.Input{Body: []byte(body)}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		out := decode.NewTree(decode.Limits{})
		if err := d.Decode(t.Context(), in, out); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		factor := (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / float64(len(body))
		t.Logf("%s: a byte of text takes %.1f bytes as a tree", name, factor)
		if factor > d.Factor() {
			t.Errorf("%s: factor %.1f, Factor() says %.1f", name, factor, d.Factor())
		}
		runtime.KeepAlive(out.Value())
		runtime.KeepAlive(in)
	}
}

func TestUnmarshalCaddyfile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want string
		fails            bool
	}{
		{name: "bare", text: "stanzas", want: ""},
		{name: "separator", text: "stanzas {\n\tseparator =\n}", want: "="},
		{name: "argument", text: "stanzas =", fails: true},
		{name: "misspelt", text: "stanzas {\n\tseperator =\n}", fails: true},
		{name: "no separator", text: "stanzas {\n\tseparator\n}", fails: true},
		{name: "empty separator", text: "stanzas {\n\tseparator \"\"\n}", fails: true},
		{name: "two separators", text: "stanzas {\n\tseparator = :\n}", fails: true},
		{name: "twice", text: "stanzas {\n\tseparator =\n\tseparator :\n}", fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := new(Decoder)
			err := d.UnmarshalCaddyfile(caddyfile.NewTestDispenser(tt.text))
			if (err != nil) != tt.fails {
				t.Fatalf("error %v, want one: %t", err, tt.fails)
			}
			if !tt.fails && d.Separator != tt.want {
				t.Errorf("separator %q, want %q", d.Separator, tt.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("a: 1\n\nb: 2", ":")
	f.Add("a=1\r\n\xff=\xfe", "=")
	f.Fuzz(func(t *testing.T, body, separator string) {
		out := decode.NewWriter(nil, decode.Limits{})
		err := newDecoder(t, separator).Decode(t.Context(), &decode.Input{Body: []byte(body)}, out)
		if (err == nil) != out.Complete() {
			t.Errorf("error %v, and the value is complete: %t", err, out.Complete())
		}
	})
}
