package decoders

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

const pages = "../../docs/formats"

// TestPages runs every example of docs/formats: a fence of Caddyfile, a fence "answer" with what the backend sends, and a
// fence of JSON, or one "error", with what becomes of it. The fences follow each other; text may stand between them. A fence
// "answer-file NAME" shows what is in a file beside the page, which is the answer.
func TestPages(t *testing.T) {
	t.Parallel()
	entries, err := filepath.Glob(pages + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range entries {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, ex := range examples(t, string(raw)) {
				n++
				ex.run(t)
			}
			if n == 0 && filepath.Base(page) != "README.md" {
				t.Error("the page has no example")
			}
		})
	}
}

// TestEveryFormatHasAPage holds docs/formats to the modules that there are.
func TestEveryFormatHasAPage(t *testing.T) {
	t.Parallel()
	for _, m := range caddy.GetModules("fairway.decoders") {
		name := strings.TrimPrefix(string(m.ID), namespace)
		if _, err := os.Stat(filepath.Join(pages, name+".md")); err != nil {
			t.Errorf("decode %s has no page: %v", name, err)
		}
	}
}

type example struct {
	line                 int
	decode, answer, want string
	contentType          string
	fails                bool
}

// examples reads the fences of a page, three by three. The fence of an answer may name its Content-Type:
// "answer text/html; charset=utf-8". Fences of other kinds are not looked at.
func examples(t *testing.T, page string) []example {
	t.Helper()
	var out []example
	var ex example
	var text strings.Builder
	kind := ""
	for i, line := range strings.Split(page, "\n") {
		switch {
		case kind == "" && strings.HasPrefix(line, "```"):
			kind = line[3:]
			text.Reset()
			continue
		case kind == "":
			continue
		case line != "```":
			text.WriteString(line + "\n")
			continue
		}
		word, rest, _ := strings.Cut(kind, " ")
		kind = ""
		switch word {
		case "caddyfile":
			ex = example{line: i + 1, decode: text.String()}
		case "answer":
			ex.answer, ex.contentType = strings.TrimSuffix(text.String(), "\n"), rest
		case "answer-file":
			raw, err := os.ReadFile(filepath.Join(pages, rest))
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			ex.answer, ex.contentType = string(raw), ""
		case "json", "error":
			if ex.decode == "" {
				t.Fatalf("line %d: what gives this?", i+1)
			}
			ex.want, ex.fails = text.String(), word == "error"
			out = append(out, ex)
			ex.answer, ex.contentType = "", ""
		}
	}
	return out
}

func (ex example) run(t *testing.T) {
	t.Helper()
	d := caddyfile.NewTestDispenser(ex.decode)
	if !d.Next() || d.Val() != "decode" || !d.NextArg() {
		t.Fatalf("line %d: the example begins with decode <format>", ex.line)
	}
	info, err := caddy.GetModule(namespace + d.Val())
	if err != nil {
		t.Fatalf("line %d: %v", ex.line, err)
	}
	m := info.New()
	if err := m.(caddyfile.Unmarshaler).UnmarshalCaddyfile(d.NewFromNextSegment()); err != nil {
		t.Fatalf("line %d: %v", ex.line, err)
	}
	if p, ok := m.(caddy.Provisioner); ok {
		if err := p.Provision(caddy.Context{}); err != nil {
			t.Fatalf("line %d: %v", ex.line, err)
		}
	}
	if v, ok := m.(caddy.Validator); ok {
		if err := v.Validate(); err != nil {
			t.Fatalf("line %d: %v", ex.line, err)
		}
	}
	got, err := ex.decoded(t, m.(decode.Decoder))
	if ex.fails {
		if err == nil || err.Error() != strings.TrimSpace(ex.want) {
			t.Errorf("line %d: the error is %v, want %s", ex.line, err, ex.want)
		}
		return
	}
	if err != nil {
		t.Errorf("line %d: %v", ex.line, err)
		return
	}
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(ex.want)); err != nil {
		t.Fatalf("line %d: %v", ex.line, err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("line %d (-want +got):\n%s", ex.line, diff)
	}
}

func (ex example) decoded(t *testing.T, dec decode.Decoder) ([]byte, error) {
	t.Helper()
	base, err := url.Parse("http://backend.example.org/dir/page")
	if err != nil {
		t.Fatal(err)
	}
	in := &decode.Input{Body: []byte(ex.answer), ContentType: ex.contentType, URL: base}
	in.MediaType, in.Charset.Header = decode.ContentType(ex.contentType)
	w := decode.NewWriter(nil, decode.Limits{})
	err = dec.Decode(t.Context(), in, w)
	return w.Bytes(), err
}
