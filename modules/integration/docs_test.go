package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// snippet is a block of code in a page.
type snippet struct {
	page string
	line int
	lang string
	text string
	// place is what the comment before the fence says of it: "in route GET /{job}".
	place string
}

// fencesOf reads the fences of a page, in order.
func fencesOf(t *testing.T, page string) []snippet {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var out []snippet
	var open *snippet
	place := ""
	for i, line := range strings.Split(string(raw), "\n") {
		comment, isComment := strings.CutPrefix(line, "<!-- in ")
		switch {
		case open != nil && line == "```":
			out = append(out, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "```"):
			open = &snippet{page: page, line: i + 1, lang: line[3:], place: place}
			place = ""
		case isComment:
			place = "in " + strings.TrimSuffix(comment, " -->")
		case line != "" && place != "":
			t.Errorf("%s:%d: the comment before says what the fence is, and there is none", page, i+1)
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the fence does not end", page, open.line)
	}
	return out
}

// block is a line with a block, indented as caddy fmt has it.
func block(line string, body ...string) string {
	text := strings.TrimRight(strings.Join(body, ""), "\n")
	return line + " {\n\t" + strings.ReplaceAll(text, "\n", "\n\t") + "\n}\n"
}

// whole puts a snippet where its comment says that it belongs, with what is missing there.
func (f snippet) whole() string {
	kind, line, _ := strings.Cut(strings.TrimPrefix(f.place, "in "), " ")
	has := func(word string) bool { return regexp.MustCompile(`(?m)^` + word + `\b`).MatchString(f.text) }
	const decodes = "decode json\n"
	text := f.text
	switch kind {
	case "fetch":
		if line == "" {
			line = "/x"
		}
		if !has("decode") {
			text += decodes
		}
		text = block("fetch "+line, text)
		line = "GET /{job}"
		fallthrough
	case "route":
		if kind == "route" && !has("fetch") {
			text += block("fetch /x", decodes)
		}
		text = block(line, text)
		fallthrough
	case "service":
		if kind != "service" || !has("GET") {
			if kind == "service" {
				text += block("GET /x", block("fetch /x", decodes))
			}
		}
		if (kind != "service" || !has("backend")) && !strings.Contains(text, "fetch build https://") {
			text = "backend https://backend.example.org\n" + text
		}
		text = block("service /s", "version 1.0.0\nrepository https://example.org/source\ndescription \"A service\"\n", text)
		fallthrough
	case "site":
		text = block("http://localhost:8080", text)
	}
	return text
}

// TestDocs adapts and loads every snippet of the reference, and decodes every input that it shows.
func TestDocs(t *testing.T) { //nolint:paralleltest // Caddy loads one configuration at a time, and the environment is set
	goldenEnv(t)
	snippets, inputs := 0, 0
	for _, page := range []string{"caddyfile.md", "errors.md"} {
		fences := fencesOf(t, page)
		for i, f := range fences {
			if f.lang != "caddyfile" {
				continue
			}
			snippets++
			t.Run(page+":"+strconv.Itoa(f.line), func(t *testing.T) {
				config, warnings, err := adapt(t, f.whole())
				if err != nil {
					t.Fatalf("%v\n%s", err, f.whole())
				}
				for _, w := range warnings {
					t.Errorf("warning: %s", w)
				}
				load(t, config)
				if i+2 < len(fences) && fences[i+1].lang == "text" && fences[i+2].lang == "json" {
					inputs++
					wantDecoded(t, config, fences[i+1].text, fences[i+2].text)
				}
			})
		}
	}
	if snippets < 20 || inputs < 1 {
		t.Errorf("there are %d snippets and %d inputs, want 20 and 1 at least", snippets, inputs)
	}
}

// wantDecoded runs the decoder of the only fetch of a configuration.
func wantDecoded(t *testing.T, config []byte, input, want string) {
	t.Helper()
	m := regexp.MustCompile(`"decode":(\{[^{}]*("[^"]*"[^{}]*)*\}),"target"`).FindSubmatch(config)
	if m == nil {
		t.Fatalf("there is no decoder in\n%s", config)
	}
	var options map[string]json.RawMessage
	if err := json.Unmarshal(m[1], &options); err != nil {
		t.Fatal(err)
	}
	var format string
	if err := json.Unmarshal(options["format"], &format); err != nil {
		t.Fatal(err)
	}
	info, err := caddy.GetModule("fairway.decoders." + format)
	if err != nil {
		t.Fatal(err)
	}
	decoder, ok := info.New().(decode.Decoder)
	if !ok {
		t.Fatalf("%s is no decoder", format)
	}
	if err := json.Unmarshal(m[1], decoder); err != nil {
		t.Fatal(err)
	}
	if c, ok := decoder.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
	}
	w := decode.NewWriter(nil, decode.Limits{})
	if err := decoder.Decode(context.Background(), &decode.Input{Body: []byte(input)}, w); err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(want)); err != nil {
		t.Fatal(err)
	}
	if got := string(w.Bytes()); got != compact.String() {
		t.Errorf("%q is decoded to\n%s\nwant\n%s", input, got, compact.String())
	}
}

// wordsOf reads the words that a parser knows, and those that it says are for later, out of its source.
func wordsOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	text := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				out = append(out, s)
			}
		}
	}
	named := func(e ast.Expr, name string) bool {
		if s, ok := e.(*ast.SelectorExpr); ok {
			e = s.Sel
		}
		id, ok := e.(*ast.Ident)
		return ok && id.Name == name
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			switch m := n.Type.(type) {
			case *ast.MapType:
				if !named(m.Value, "Word") {
					break
				}
				for _, e := range n.Elts {
					text(e.(*ast.KeyValueExpr).Key)
				}
			case *ast.ArrayType: // lists of words: what is for later, rules of a parameter, kinds
				if !named(m.Elt, "string") {
					break
				}
				for _, e := range n.Elts {
					text(e)
				}
			}
		case *ast.IndexExpr:
			if named(n.X, "words") {
				text(n.Index)
			}
		case *ast.CaseClause: // of a switch over words
			for _, e := range n.List {
				text(e)
			}
		}
		return true
	})
	return out
}

// TestDocsAreComplete holds the reference and the pages of the formats to the parsers: each of their words occurs in their code.
func TestDocsAreComplete(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "modules", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, file := range files {
		switch filepath.Base(filepath.Dir(file)) {
		case "service", "decoders", "auth", "fairway", "caddyfiles", "metadata", "health", "transport", "executors":
		default:
			continue
		}
		if base := filepath.Base(file); strings.HasSuffix(base, "_test.go") || base == "shorthand.go" {
			continue
		}
		words = append(words, wordsOf(t, file)...)
	}
	words = append(words, wrap.ParamTypes()...)
	words = append(words, wrap.Methods()...)
	for _, namespace := range []string{"fairway.decoders", "fairway.auth", "fairway.executors"} {
		for _, m := range caddy.GetModules(namespace) {
			words = append(words, m.ID.Name())
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return !wrap.IsName(w) })
	if len(words) < 90 {
		t.Errorf("only %d words were found in the parsers", len(words))
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "formats", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, page := range append(pages, filepath.Join(root, "docs", "caddyfile.md")) {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		code.WriteString(strings.Join(regexp.MustCompile("(?s)```.*?```|`[^`\n]+`").FindAllString(string(raw), -1), "\n"))
	}
	for _, word := range words {
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).MatchString(code.String()) {
			t.Errorf("neither docs/caddyfile.md nor docs/formats/*.md knows %q", word)
		}
	}
}

// TestErrorsAreDocumented holds the page of errors to the codes, which are the constants of the package problem, and to the members of its document.
func TestErrorsAreDocumented(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join(root, "proxies", "problem", "problem.go"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, m := range regexp.MustCompile(`(?m)^\t[A-Z]\w+ += "(\w+)"`).FindAllSubmatch(source, -1) {
		codes = append(codes, string(m[1]))
	}
	full := problem.Problem{Status: 502, Detail: "d", ErrorContent: new(string), BackendStatus: 500, Backend: "b", Fetch: "f", Parameter: "p", Faults: []problem.Fault{{}}}
	var document map[string]any
	if err := json.Unmarshal(full.JSON("/x", "id"), &document); err != nil {
		t.Fatal(err)
	}
	for heading, want := range map[string][]string{"| code |": codes, "| member |": slices.Collect(maps.Keys(document))} {
		_, table, _ := strings.Cut(string(page), "\n"+heading)
		table, _, _ = strings.Cut(table, "\n\n")
		var shown []string
		for line := range strings.Lines(table) {
			first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
			for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(first, -1) {
				shown = append(shown, m[1])
			}
		}
		slices.Sort(want)
		slices.Sort(shown)
		if diff := cmp.Diff(want, shown); diff != "" || len(want) < 13 {
			t.Errorf("docs/errors.md (-code +page) %s\n%s", heading, diff)
		}
	}
}
