package wrap

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAccepted(t *testing.T) {
	t.Parallel()
	all := outputs()
	for _, c := range []struct{ accept, want string }{
		{"", "json"},
		{"*/*", "json"},
		{"text/csv", "csv"},
		{"TEXT/CSV; q=1", "csv"},
		{"text/*", "csv"},
		{"application/x-ndjson, application/json;q=0.9", "ndjson"},
		{"application/ndjson", "ndjson"},
		{"application/json;q=0.5, text/csv;q=0.6", "csv"},
		{"*/*;q=0.1, application/json;q=0", "csv"},
		{"text/html, */*;q=0.8", "json"},
		{"application/json;q=0", ""},
		{"image/png", ""},
		{"*/*;q=0", ""},
		{"text/csv;q=nonsense", ""},
		{"text/csv;q=1.5", ""},
		{"nonsense", "json"},
		{",,;", "json"},
	} {
		var values []string
		if c.accept != "" {
			values = []string{c.accept}
		}
		if got, ok := accepted(values, all); got != c.want || ok != (c.want != "") {
			t.Errorf("Accept %s: %q, want %q", c.accept, got, c.want)
		}
	}
}

func TestConvert(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		output, body, want string
		columns            []string
		fails              bool
	}{
		"rows":              {output: OutputCSV, body: `[{"a":1,"b":"x"},{"b":"y","c":[1,{"d":null}]}]`, want: "a,b,c\r\n1,x,\r\n,y,\"[1,{\"\"d\"\":null}]\"\r\n"},
		"declared":          {output: OutputCSV, body: `[{"b":1,"a":2}]`, columns: []string{"a", "b", "c"}, want: "a,b,c\r\n2,1,\r\n"},
		"declared, no rows": {output: OutputCSV, body: `[]`, columns: []string{"a"}, want: "a\r\n"},
		"another member":    {output: OutputCSV, body: `[{"b":1,"a":2}]`, columns: []string{"a"}, fails: true},
		"no rows":           {output: OutputCSV, body: `[]`},
		"arrays":            {output: OutputCSV, body: `[[1,null,"a\nb"],[true]]`, want: "1,,\"a\nb\"\r\ntrue\r\n"},
		"scalars":           {output: OutputCSV, body: `["", null, 1e3]`, want: "\"\"\r\n\"\"\r\n1e3\r\n"},
		"mixed":             {output: OutputCSV, body: `[{},1]`, fails: true},
		"an object":         {output: OutputCSV, body: `{"a":"é"}`, want: "a\r\né\r\n"},
		"names that need quotes, exact numbers": {
			output: OutputCSV, body: `[{"a,b":12345678901234567890.10,"":" x"}]`, want: "\"a,b\",\r\n12345678901234567890.10,\" x\"\r\n",
		},
		"too many columns": {output: OutputCSV, body: `[{` + strings.TrimSuffix(manyMembers(columnLimit+1), ",") + `}]`, fails: true},
		"lines":            {output: OutputNDJSON, body: `[{"a":1.0},[2],"x"]`, want: "{\"a\":1.0}\n[2]\n\"x\"\n"},
		"no lines":         {output: OutputNDJSON, body: `[]`},
		"one line":         {output: OutputNDJSON, body: `{"a":[1]}` + "\n", want: "{\"a\":[1]}\n"},
	} {
		got, p := convert(c.output, []byte(c.body), c.columns)
		if (p != nil) != c.fails {
			t.Errorf("%s: %v", name, p)
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" && p == nil {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"` + itoa(i) + `":0,`)
	}
	return b.String()
}

// TestSparse has rows that have no member in common: the cells would be many times the text.
func TestSparse(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 20000 {
		b.WriteString(`,{"` + itoa(i%columnLimit) + `":0}`)
	}
	if _, p := convert(OutputCSV, []byte("["+b.String()[1:]+"]"), nil); p == nil {
		t.Error("it is written")
	}
}

// FuzzCSV writes rows of strings and reads them with encoding/csv.
func FuzzCSV(f *testing.F) {
	f.Add("a", "b,\"", "c\n", " d")
	f.Add("", "", "\r", "=1")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		for _, s := range []string{a, b, c, d} {
			if strings.Contains(s, "\r") || !json.Valid([]byte(quoteJSON(s))) || strings.ToValidUTF8(s, "") != s {
				t.Skip("encoding/csv reads CRLF as LF")
			}
		}
		want := [][]string{{a, b}, {c, d}}
		text, p := convert(OutputCSV, []byte("[["+quoteJSON(a)+","+quoteJSON(b)+"],["+quoteJSON(c)+","+quoteJSON(d)+"]]"), nil)
		if p != nil {
			t.Fatal(p)
		}
		got, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	})
}

func quoteJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestMatches(t *testing.T) {
	t.Parallel()
	tag := etag([]byte("x"))
	for value, want := range map[string]bool{
		tag: true, "W/" + tag: true, `"a", ` + tag: true, `"a,b",W/` + tag + ` , "c"`: true, "*": true, `"a"`: false, "": false,
		strings.Trim(tag, `"`): false, `W/` + tag[:5]: false, `"a`: false, tag[:len(tag)-1]: false, "W/": false,
	} {
		if got := matches([]string{value}, tag); got != want {
			t.Errorf("%s: %v", value, got)
		}
	}
	if etag([]byte("x")) == etag([]byte("y")) {
		t.Error("two bodies have one tag")
	}
}

func BenchmarkETag(b *testing.B) {
	body := []byte(`{"a":1,"b":"some text"}` + "\n\n")
	for b.Loop() {
		_ = etag(body)
	}
}

// TestShape has promises kept and broken, and paths with suffixes.
func TestShape(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("part.json", `{"type":"integer"}`)
	schema := write("schema.json", `{"type":"array","items":{"properties":{"a/b":{"$ref":"part.json"}},"required":["a/b"]}}`)
	bodies := map[string]string{
		"/good": `[{"a/b":1}]`, "/type": `[{"a/b":1},{"a/b":"secret"}]`, "/missing": `[{}]`, "/huge": `[{"a/b":1e999999999}]`,
	}
	h := served(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, bodies[r.URL.Path]) }, nil, func(string) []Route {
		var out []Route
		for path := range bodies {
			for suffix, way := range map[string]string{"": "", "/count": DriftCount, "/header": DriftHeader} {
				out = append(out, Route{Method: "GET", Pattern: path + suffix, Schema: schema, OnDrift: way, Fetches: []Fetch{gets("", path)}})
			}
		}
		rows := Route{Method: "GET", Pattern: "/rows/{id}", Fetches: []Fetch{gets("", "/good")}, Reply: `[{$id}]`, Output: outputs(), OutputSuffix: true}
		own := Route{Method: "GET", Pattern: "/rows/own.csv", Fetches: []Fetch{gets("", "/good")}}
		return append(out, rows, own)
	})
	for _, c := range []struct {
		path   string
		status int
		part   string
		drift  string
	}{
		{"/good", 200, `[{"a/b":1}]`, ""},
		{"/good/header", 200, `[{"a/b":1}]`, ""},
		{"/type", 502, `\"/1/a~1b\" breaks the rule type.`, ""},
		{"/type/count", 200, "secret", ""},
		{"/type/header", 200, "secret", "#/1/a~1b"},
		{"/missing", 502, `\"/0\" breaks the rule required.`, ""},
		{"/huge", 502, `\"/0/a~1b\" breaks the rule number.`, ""},
		{"/rows/7", 200, `[{"id":"7"}]`, ""},
		{"/rows/7.csv", 200, "id\r\n7\r\n", ""},
		{"/rows/7.ndjson", 200, `{"id":"7"}` + "\n", ""},
		{"/rows/7.txt", 200, `[{"id":"7.txt"}]`, ""},
		{"/rows/own.csv", 200, `[{"a/b":1}]`, ""},
		{"/rows/.csv", 200, `[{"id":".csv"}]`, ""},
	} {
		w := asked(h, "GET", "/s"+c.path)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.part) || w.Header().Get(driftHeader) != c.drift {
			t.Errorf("%s: %d %v %s", c.path, w.Code, w.Header(), w.Body)
		}
		if w.Code != 200 && strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s tells the value: %s", c.path, w.Body)
		}
	}
}

// TestSchemaRefersNowhere has schemas that would reach for what is not theirs.
func TestSchemaRefersNowhere(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside.json")
	if err := os.WriteFile(outside, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link.json")); err != nil {
		t.Fatal(err)
	}
	for name, ref := range map[string]string{
		"network": "http://127.0.0.1:1/x.json", "absolute": "file://" + outside, "above": "../x.json", "link": "link.json", "missing": "nothing.json", "host": "file://host/x.json",
	} {
		file := filepath.Join(dir, "schema "+name+".json")
		if err := os.WriteFile(file, []byte(`{"$ref":"`+ref+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := new(promise).load(file); err == nil {
			t.Errorf("%s: %s is read", name, ref)
		}
	}
}

func TestDescribeShape(t *testing.T) {
	t.Parallel()
	r := Route{
		Method: "GET", Pattern: "/x", Fetches: []Fetch{gets("", "/x")}, Output: []string{OutputCSV, OutputJSON}, OutputSuffix: true,
		Columns: []Column{{Name: "id", Type: "integer"}, {Name: "since", Type: "date", Optional: true}},
	}
	s, err := Compile(&Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://x", Description: "d"},
		Backends: []Backend{{Name: "main", Addresses: []string{"http://x"}}}, Routes: []Route{r},
	}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := s.Describe().Routes[0]
	const want = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array","items":{"type":"object",` +
		`"properties":{"id":{"type":"integer"},"since":{"format":"date","type":["string","null"]}},"required":["id"],"additionalProperties":false}}`
	if string(got.Schema) != want || !got.Suffix || got.Streamed || len(got.Outputs) != 2 {
		t.Errorf("%+v\n%s", got, got.Schema)
	}
}
