package decode

import (
	"strings"
	"testing"
)

// TestFactor measures all memory that building a tree takes, what is freed meanwhile included, for bodies of about
// 256 KiB: usual ones and the worst there are. It runs before the parallel tests, so nobody else allocates.
func TestFactor(t *testing.T) {
	array := func(item string) string { return "[" + fill(item+",") + item + "]" }
	jsonBodies := []string{
		array("0"), array("[]"), array("{}"), array(`""`), array(`{"":0}`), array(`{"":{}}`), array(`{"":[0]}`),
		array(`[[0]]`), array(`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`), array(`"\n"`), array("[0,0,0,0]"),
		array(strings.Repeat(`{"":`, 64) + "0" + strings.Repeat("}", 64)),
		"{" + differing(`"%x":0,`) + `"z":0}`, "{" + differing(`"%x":{},`) + `"z":0}`, `"` + fill("long ") + `"`, `"` + fill(`\n`) + `"`,
		array(`{"id":12345,"name":"build-linux","status":"SUCCESS","duration":1234.5,"tags":["a","b"]}`),
	}
	formBodies := []string{differing("k%x&"), shortNames(7, "&"), shortNames(9, "&"), shortNames(13, "&"), shortNames(16, "&"), differing("usual_name_%d=value&"), differing("%%6b%x=%%20&")}
	var ndjsonBodies []string
	ndjsonBodies = append(ndjsonBodies, jsonBodies...)
	ndjsonBodies = append(ndjsonBodies, fill("0\n"), fill("{}\n"), fill("{\"\":0}\n"), fill("{\"\":{}}\n"), fill("\"\\n\"\n"))
	tests := []struct {
		name   string
		dec    checked
		bodies []string
	}{
		{"json", new(JSON), jsonBodies},
		{"ndjson", new(NDJSON), ndjsonBodies},
		{"form", new(Form), append(formBodies, fill("a&"), fill("&"), fill("%41&"))},
		{"form strings", &Form{Repeated: "error"}, formBodies},
		{"form last", &Form{Repeated: "last"}, append(formBodies, fill("a&"))},
	}
	for _, test := range tests {
		checkFactor(t, test.name, test.dec, test.bodies)
	}
}
