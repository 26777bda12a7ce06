package parts

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

// found decodes a body and gives the format that was found.
func found(t *testing.T, d *Auto, contentType string, body []byte) (format, value string, err error) {
	t.Helper()
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	in := &decode.Input{Body: body, ContentType: contentType, Found: new(decode.Found)}
	in.MediaType, in.Charset.Header = decode.ContentType(contentType)
	w := decode.NewWriter(nil, decode.Limits{})
	err = d.Decode(t.Context(), in, w)
	return in.Found.Format, string(w.Bytes()), err
}

func TestAuto(t *testing.T) {
	t.Parallel()
	const login = "\n<!DOCTYPE HTML><html><title>Sign in</title></html>"
	book := string(decodetest.Workbook(t, `<row><c><v>1</v></c></row>`))
	for _, test := range []struct {
		name, contentType, body string
		format                  string
		value                   string // "": not looked at
		fail                    string
	}{
		{name: "json", contentType: "text/html", body: "\ufeff {\"a\":1.10}", format: "json", value: `{"a":1.10}`},
		{name: "json, one value", contentType: "application/json", body: "42 ", format: "json", value: "42"},
		{name: "a number that nobody declares", body: "42 ", format: "text", value: `"42"`},
		{name: "json of a type of its own", contentType: "application/hal+json", body: "null", format: "json", value: "null"},
		{name: "json cut", contentType: "text/plain", body: `{"a":`, format: "json", fail: "json: the text ends inside the value"},
		{name: "array cut", body: `[{"a":1},`, format: "json", fail: "json: "},
		{name: "declared json that is none", contentType: "application/json", body: "[oops]", format: "json", fail: "json: "},
		{name: "declared json that is text", contentType: "application/json", body: "ERROR: no such job", format: "text", value: `"ERROR: no such job"`},
		{name: "ndjson", body: "{\"a\":1}\n{\"a\":2}\n", format: "ndjson", value: `[{"a":1},{"a":2}]`},
		{name: "login page", contentType: "application/json", body: login, format: "html"},
		{name: "part of a page", body: "<div>x</div>", format: "html"},
		{name: "notice before a page", contentType: "text/html", body: "Warning: x<br />\n<p>y", format: "html"},
		{name: "text of a program of old", contentType: "text/html", body: "OK", format: "text", value: `"OK"`},
		{name: "xml", contentType: "text/html", body: `<?xml version="1.0"?><a><b>1</b></a>`, format: "xml", value: `{"b":["1"]}`},
		{name: "xml of a table", contentType: "application/xml", body: "<table><tr/></table>", format: "xml"},
		{name: "xml without prolog", body: "<!-- x --><orders/>", format: "xml"},
		{name: "xhtml", contentType: "text/xml", body: `<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><title>x</title></html>`, format: "html"},
		{name: "soap", contentType: "text/xml", body: `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><r><a>1</a></r></s:Body></s:Envelope>`, format: "soap"},
		{name: "rss", contentType: "text/xml", body: `<rss version="2.0"><channel><title>x</title></channel></rss>`, format: "rss"},
		{name: "atom", body: `<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title></feed>`, format: "atom"},
		{name: "xlsx", contentType: "application/octet-stream", body: book, format: "xlsx", value: `[]`},
		{name: "zip", body: string(decodetest.Zipped(t, []string{"a", "b"})), format: "binary"},
		{name: "picture", contentType: "text/html", body: "\x89PNG\r\n\x1a\n", format: "binary", value: `{"content_type":"image/png","size":8,"base64":"iVBORw0KGgo="}`},
		{name: "text that begins like a bitmap", body: "BMW 3\n", format: "text"},
		{name: "document", contentType: "text/plain", body: "%PDF-1.4\n%x", format: "binary"},
		{name: "telegram", body: "\x00\x01\x02\x03", format: "binary"},
		{name: "multipart", contentType: "multipart/mixed; boundary=b", body: "--b\n\nx\n--b--", format: "multipart"},
		{name: "multipart that is a page", contentType: "multipart/mixed; boundary=b", body: login, format: "html"},
		{name: "form", contentType: "application/x-www-form-urlencoded", body: "a=1&b=2", format: "form", value: `{"a":["1"],"b":["2"]}`},
		{name: "form that nobody declares", body: "a=1&b=2", format: "text"},
		{name: "yaml", body: "\n--- # x\na: [1.10]\n", format: "yaml", value: `{"a":[1.10]}`},
		{name: "yaml of a version", contentType: "text/plain", body: "%YAML 1.2\n---\na: yes\n", format: "yaml", value: `{"a":"yes"}`},
		{name: "declared yaml", contentType: "application/yaml", body: "a: 1\n", format: "yaml", value: `{"a":1}`},
		{name: "declared yaml that is a page", contentType: "application/yaml", body: login, format: "html"},
		{name: "yaml that nobody declares", body: "a:\n- 1\n", format: "text"},
		{name: "yaml cut", body: "---\na: [1,\n", format: "yaml", fail: "yaml: near line 2"},
		{name: "a line of dashes", body: "----\na", format: "text"},
		{name: "key of ssh", body: "-----BEGIN OPENSSH PRIVATE KEY-----\nx", format: "text"},
		{name: "kv", body: "state: up\n# x\nload average = 0.5\n", format: "kv", value: `{"state":"up","load average":"0.5"}`},
		{name: "csv", contentType: "text/plain", body: "id;price\n1;2,5\n2;3,5\n", format: "csv", value: `[{"id":"1","price":"2,5"},{"id":"2","price":"3,5"}]`},
		{name: "csv, declared", contentType: "text/csv", body: "id,price\n", format: "csv", value: `[]`},
		{name: "csv of one column", contentType: "text/csv", body: "id\n1\n", format: "csv", value: `[{"id":"1"}]`},
		{name: "csv that is ragged", contentType: "text/csv; header=present", body: "a,b\n1,2,3\n", format: "csv", fail: "csv: row 1 has 3 fields, not 2"},
		{name: "declared csv that is text", contentType: "text/csv", body: "ERROR: no such job, sorry\n", format: "text"},
		{name: "declared csv that is a page", contentType: "text/csv", body: login, format: "html"},
		{name: "csv of excel", contentType: "application/vnd.ms-excel", body: "sep=;\na;b\n1;2\n", format: "csv", value: `[{"a":"1","b":"2"}]`},
		{name: "csv with tabs", body: "a\tb\n\"1\n\"\t2\n3\t4", format: "csv", value: `[{"a":"1\n","b":"2"},{"a":"3","b":"4"}]`},
		{name: "tsv", contentType: "text/plain", body: "a\tb\n5\" pipe\t2\n3\t4\n", format: "tsv", value: `[{"a":"5\" pipe","b":"2"},{"a":"3","b":"4"}]`},
		{name: "tsv, declared", contentType: "text/tab-separated-values", body: "a\tb\n", format: "tsv", value: `[]`},
		{name: "prose", body: "Dear Sir, dear Madam\nwe are sorry, the shop\nis closed, come again\n", format: "text"},
		{name: "kv with commas", body: "hosts: a,b\nports: 1,2\n", format: "kv"},
		{name: "kv with tabs", body: "state:\tup\nload:\t0.5\nuser=\tx\n", format: "kv"},
		{name: "commands", body: "cp a b; ls\ncd x; rm y\nls; pwd.\n", format: "text"},
		{name: "log", body: "12:00:01 start\n12:00:02 stop\n", format: "text"},
		{name: "names twice", body: "a: 1\na: 2\n", format: "text"},
		{name: "text", contentType: "text/plain", body: "Hello, world.\n", format: "text", value: `"Hello, world."`},
		{name: "nothing", body: " ", format: "text", value: `""`},
		{name: "latin-1", contentType: "text/plain; charset=latin1", body: "caf\xe9", format: "text", value: `"café"`},
		{name: "bytes of no charset", contentType: "text/plain; charset=utf-8", body: "caf\xe9", format: "", fail: "not valid utf-8"},
		{name: "utf-16 without mark", body: "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00", format: "json", value: `{"a":1}`},
		{name: "section", body: "[main]\nx=1", format: "text"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			format, value, err := found(t, new(Auto), test.contentType, []byte(test.body))
			if test.fail != "" {
				if err == nil || !strings.Contains(err.Error(), test.fail) || format != test.format {
					t.Fatalf("%s, %s, %v", format, value, err)
				}
				return
			}
			if err != nil || format != test.format || test.value != "" && value != test.value {
				t.Fatalf("found %s with %s (%v), want %s with %s", format, value, err, test.format, test.value)
			}
		})
	}
}

func TestAutoFormats(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		formats, contentType, body, format, fail string
	}{
		{"json", "application/json", `[1]`, "json", ""},
		{"json", "application/json", "<html><body>Sign in", "html", "auto: the body is html, not json at byte 0"},
		{"json xml", "", "hello", "text", "auto: the body is text, not json or xml at byte 0"},
		{"json xml", "application/json", "hello", "json", "json: "},
		{"xml", "", "<p>x</p>", "xml", ""},
		{"xml", "", `<rss version="2.0"><channel/></rss>`, "xml", ""},
		{"binary", "", string(decodetest.Workbook(t, "")), "binary", ""},
		{"json", "", "\x89PNG\r\n\x1a\n", "binary", "auto: the body is binary, not json at byte 0"},
		{"ndjson", "", `{"a":1}`, "ndjson", ""},
		{"text", "", "a: 1\nb: 2", "text", ""},
		{"text", "", "a;b;c\n1;2;3", "text", ""},
		{"json csv", "", "a,b\n1,2\n", "csv", ""},
		{"json csv", "", "a,b\n1\n", "csv", "csv: row 1"},
		{"json csv", "", "Sorry, no such job", "text", "auto: the body is text, not json or csv at byte 0"},
		{"json tsv", "text/plain", "a\tb\n1\t2\n", "tsv", ""},
		{"form", "", "a=1", "form", ""},
		{"text", "", "<div>x", "xml", "auto: the body is xml, not text at byte 0"},
		{"text", "text/html", "<div>x", "html", "auto: the body is html, not text at byte 0"},
	} {
		format, _, err := found(t, &Auto{Formats: strings.Fields(test.formats)}, test.contentType, []byte(test.body))
		if format != test.format || (err == nil) != (test.fail == "") || err != nil && !strings.HasPrefix(err.Error(), test.fail) {
			t.Errorf("%s of %.30q: %s, %v", test.formats, test.body, format, err)
		}
		var syntax *decode.SyntaxError
		if err != nil && !errors.As(err, &syntax) {
			t.Errorf("%v is no syntax error", err)
		}
	}
	for _, formats := range []string{"jsn", "json xml json", "lines"} {
		if (&Auto{Formats: strings.Fields(formats)}).Check() == nil {
			t.Errorf("formats %s pass", formats)
		}
	}
}

// TestFactorAuto measures what looking at a body and decoding it takes together.
func TestFactorAuto(t *testing.T) {
	const size = 256 << 10
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for _, test := range []struct {
		formats string
		bodies  []string
	}{
		{"", []string{fill("a=1&b=2&"), "[" + fill(`{"":{"":{"":0}}},`) + "0]", fill(`{"":{"":{"":0}}}` + "\n"), fill("text "), fill("\x00"), "<a>" + fill("<b/>") + "</a>", "<html>" + fill("<p>"), "<a>" + fill("<b c='d'/>") + "</a>"}},
		{"text", []string{fill("text "), fill("\n"), fill("a:b\n"), fill("\xe9")}},
		{"json", []string{"[" + fill(`{"":{"":{"":0}}},`) + "0]", "[" + fill("[],") + "0]"}},
		{"text json", []string{"[" + fill("0,") + "]", "[" + fill("0\n") + "]"}},
		{"text kv", []string{fill("a:b\n"), kvBody(size)}},
		{"binary", []string{fill("\x00")}},
		{"csv tsv", []string{fill("a,b,c\n1,2,3\n1,2,3\n"), "a,b,c\n" + fill("1,2,3\n"), "a\tb\n" + fill("1\t2\n"), fill("a,")}},
		{"xml", []string{"<a>" + fill("<b/>") + "</a>", "<a>" + fill("<b c='d'/>") + "</a>", "<a>" + fill("<b>x</b>") + "</a>"}},
		{"html", []string{"<html>" + fill("<p>"), "<html>" + fill("<a href=b>c</a>")}},
	} {
		decodetest.CheckFactor(t, "auto "+test.formats, &Auto{Formats: strings.Fields(test.formats)}, test.bodies)
	}
}

func kvBody(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		b.WriteString("k" + strings.Map(func(r rune) rune { return r - '0' + 'a' }, strconv.Itoa(i)) + ":\n")
	}
	return b.String()
}

func TestCorpusAuto(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "auto", 8, func() decodetest.Checked { return new(Auto) })
}

func FuzzAuto(f *testing.F) {
	decodetest.Fuzz(f, []string{
		"", `{"a":1}`, "{\"a\":1}\n[2]", "<html>", "<?xml version='1.0'?><a/>", `<rss/>`, "a: 1\nb: 2\n", "a,b\n1,2\n", "a\tb\r1\t2\r3\t4", "sep=;\na;b", "a, b\n1, 2\n3, x\n", "PK\x03\x04", "\x00", "<!-- x", "<feed xmlns='http://www.w3.org/2005/Atom'/>",
		"<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body/></e:Envelope>", "--b\n\n--b--",
	}, new(Auto), &Auto{Formats: []string{"json", "xml"}}, &Auto{Formats: []string{"form", "text", "kv"}})
}
