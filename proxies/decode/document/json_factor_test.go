package document

import (
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

// TestFactor measures all memory that building a tree takes, what is freed meanwhile included, for bodies of about
// 256 KiB: usual ones and the worst there are. It runs before the parallel tests, so nobody else allocates.
func TestFactor(t *testing.T) {
	array := func(item string) string { return "[" + decodetest.Fill(item+",") + item + "]" }
	jsonBodies := []string{
		array("0"), array("[]"), array("{}"), array(`""`), array(`{"":0}`), array(`{"":{}}`), array(`{"":[0]}`),
		array(`[[0]]`), array(`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`), array(`"\n"`), array("[0,0,0,0]"),
		array(strings.Repeat(`{"":`, 64) + "0" + strings.Repeat("}", 64)),
		"{" + decodetest.Differing(`"%x":0,`) + `"z":0}`, "{" + decodetest.Differing(`"%x":{},`) + `"z":0}`, `"` + decodetest.Fill("long ") + `"`, `"` + decodetest.Fill(`\n`) + `"`,
		array(`{"id":12345,"name":"build-linux","status":"SUCCESS","duration":1234.5,"tags":["a","b"]}`),
	}
	formBodies := []string{decodetest.Differing("k%x&"), decodetest.ShortNames(7, "&"), decodetest.ShortNames(9, "&"), decodetest.ShortNames(13, "&"), decodetest.ShortNames(16, "&"), decodetest.Differing("usual_name_%d=value&"), decodetest.Differing("%%6b%x=%%20&")}
	var ndjsonBodies []string
	ndjsonBodies = append(ndjsonBodies, jsonBodies...)
	ndjsonBodies = append(ndjsonBodies, decodetest.Fill("0\n"), decodetest.Fill("{}\n"), decodetest.Fill("{\"\":0}\n"), decodetest.Fill("{\"\":{}}\n"), decodetest.Fill("\"\\n\"\n"))
	tests := []struct {
		name   string
		dec    decodetest.Checked
		bodies []string
	}{
		{"json", new(JSON), jsonBodies},
		{"ndjson", new(NDJSON), ndjsonBodies},
		{"form", new(Form), append(formBodies, decodetest.Fill("a&"), decodetest.Fill("&"), decodetest.Fill("%41&"))},
		{"form strings", &Form{Repeated: "error"}, formBodies},
		{"form last", &Form{Repeated: "last"}, append(formBodies, decodetest.Fill("a&"))},
	}
	for _, test := range tests {
		decodetest.CheckFactor(t, test.name, test.dec, test.bodies)
	}
}
