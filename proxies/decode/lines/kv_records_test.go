package lines

import (
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestKVRecords(t *testing.T) {
	t.Parallel()
	blank := &KV{Records: "blank"}
	decodetest.Run(t, []decodetest.Test{
		{Name: "two", Dec: blank, In: "a=1\nb=2\n\na=3\n", Want: `[{"a":"1","b":"2"},{"a":"3"}]`},
		{Name: "many blank lines", Dec: blank, In: "\r\n\r\n \t\r\na=1\r\n\r\n\r\na=2", Want: `[{"a":"1"},{"a":"2"}]`},
		{Name: "nothing", Dec: blank, In: "", Want: `[]`},
		{Name: "comments only", Dec: blank, In: "# x\n\na=1\n\n# y\n", Want: `[{"a":"1"}]`},
		{Name: "skipped lines only", Dec: &KV{Records: "blank", Undelimited: "skip"}, In: "Report\n\na=1\nend\n\nlast\n", Want: `[{"a":"1"}]`},
		{Name: "lists", Dec: &KV{Records: "blank", Repeated: "list", Numbers: true}, In: "a=1\na=2\n\na=3", Want: `[{"a":[1,2]},{"a":[3]}]`},
		{Name: "a name twice in one", Dec: blank, In: "a=1\n\na=2\na=3", Fail: "twice", At: -1},
		{Name: "place of an error", Dec: blank, In: "a=1\r\n\r\na=2\nend\n", Fail: "without delimiter", At: 11},
		{Name: "folded", Dec: &KV{Records: "blank", Continuation: "fold"}, In: "a: 1\n 2\n\nb: 3\n", Want: `[{"a":"12"},{"b":"3"}]`},
	})
	for want, d := range map[string]*KV{`records "line": want blank`: {Records: "line"}, "records and sections exclude each other": {Records: "blank", Sections: true}} {
		if err := d.Check(); err == nil || err.Error() != want {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

func FuzzKVRecords(f *testing.F) {
	decodetest.Fuzz(f, []string{"a=1\n\nb:2\r\n\r\n", "a\\\n\nb", "a: b\n c\n\n d\n", "#\n\n"}, &KV{Records: "blank"}, &KV{Records: "blank", Continuation: "backslash", Undelimited: "null", Repeated: "list"}, &KV{Records: "blank", Continuation: "indent", Undelimited: "skip", Quotes: true})
}

func TestFactorKVRecords(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	fill := func(s string) string { return strings.Repeat(s, (256<<10)/len(s)) }
	bodies := []string{fill("a:\n\n"), fill("a:\n\n\n\n\n\n"), fill("a:\nb:\nc:\n\n"), fill("name: value\nstate: up\n\n"), fill("\n"), fill("#\n\n")}
	decodetest.CheckFactor(t, "kv records", &KV{Records: "blank"}, bodies)
	decodetest.CheckFactor(t, "kv records, list", &KV{Records: "blank", Repeated: "list"}, append(bodies, fill("name: value\nstate: up\nx: 1\n\n"), fill("objectClass: a\nmember: b\n\n")))
	decodetest.CheckFactor(t, "kv records, rich", &KV{Records: "blank", Quotes: true, Undelimited: "null"}, bodies)
	decodetest.CheckFactor(t, "kv records, rich list", &KV{Records: "blank", Quotes: true, Undelimited: "null", Repeated: "list"}, append(bodies, fill("name: value\nstate: up\nx: 1\n\n"), fill("objectClass: a\nmember: b\n\n"), fill("objectClass: abc\nx\ny\n\n")))
}
