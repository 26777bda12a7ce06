package document

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestNDJSON(t *testing.T) {
	t.Parallel()
	d := new(NDJSON)
	decodetest.Run(t, []decodetest.Test{
		{Name: "values", Dec: d, In: "{\"b\":1.0,\"a\":2}\r\n\n \t\n[2]\n\"x\"", Want: `[{"b":1.0,"a":2},[2],"x"]`},
		{Name: "empty", Dec: d, In: "", Want: `[]`},
		{Name: "blank", Dec: d, In: "\n\r\n", Want: `[]`},
		{Name: "same names", Dec: d, In: "{\"a\":1}\n{\"a\":2}\n", Want: `[{"a":1},{"a":2}]`},
		{Name: "bad line", Dec: d, In: "{\"a\":1}\nERROR\n{}", Fail: "ndjson: ", At: 8},
		{Name: "two on a line", Dec: d, In: "1\n2 3\n", Fail: "ndjson: ", At: 4},
		{Name: "one over two lines", Dec: d, In: "1\n{\"a\":\n1}\n", Fail: "ndjson: the line ends inside the value (decode json", At: 7},
		{Name: "cut at the end", Dec: d, In: "{}\n{\"a\":", Fail: "ndjson: the line ends inside the value (decode json", At: 8},
		{Name: "JSON text sequence", Dec: d, In: "\x1e{\"a\":1}\n\x1e[2]\n\x1e\n", Want: `[{"a":1},[2]]`},
		{Name: "bad line of a sequence", Dec: d, In: "\x1e1\n\x1ex\n", Fail: "ndjson: ", At: 4},
		{Name: "duplicate", Dec: d, In: `{"a":1,"a":2}`, Fail: "twice", At: -1},
	})
}
