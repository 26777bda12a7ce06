package decode

import "testing"

func TestNDJSON(t *testing.T) {
	t.Parallel()
	d := new(NDJSON)
	runDecodeTests(t, []decodeTest{
		{name: "values", dec: d, in: "{\"b\":1.0,\"a\":2}\r\n\n \t\n[2]\n\"x\"", want: `[{"b":1.0,"a":2},[2],"x"]`},
		{name: "empty", dec: d, in: "", want: `[]`},
		{name: "blank", dec: d, in: "\n\r\n", want: `[]`},
		{name: "same names", dec: d, in: "{\"a\":1}\n{\"a\":2}\n", want: `[{"a":1},{"a":2}]`},
		{name: "bad line", dec: d, in: "{\"a\":1}\nERROR\n{}", fail: "ndjson: ", at: 8},
		{name: "two on a line", dec: d, in: "1\n2 3\n", fail: "ndjson: ", at: 4},
		{name: "one over two lines", dec: d, in: "1\n{\"a\":\n1}\n", fail: "ndjson: the text ends", at: 7},
		{name: "cut at the end", dec: d, in: "{}\n{\"a\":", fail: "ndjson: the text ends", at: 8},
		{name: "duplicate", dec: d, in: `{"a":1,"a":2}`, fail: "twice", at: -1},
	})
}
