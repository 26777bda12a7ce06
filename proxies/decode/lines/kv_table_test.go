package lines

import (
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestKV(t *testing.T) {
	t.Parallel()
	kv := new(KV)
	decodetest.Run(t, []decodetest.Test{
		{Name: "order", Dec: kv, In: "zeta: 1\nalpha=2\n", Want: `{"zeta":"1","alpha":"2"}`},
		{Name: "first delimiter of the line", Dec: kv, In: "url: http://x/?a=b\nq=a:b\n", Want: `{"url":"http://x/?a=b","q":"a:b"}`},
		{Name: "ugly", Dec: kv, In: "\r\n  # note: x\r\n a b : \t c d \r\n\r\nempty:\r\nlast=é", Want: `{"a b":"c d","empty":"","last":"é"}`},
		{Name: "empty", Dec: kv, In: "", Want: `{}`},
		{Name: "only comments", Dec: kv, In: "# a: b", Want: `{}`},
		{Name: "comment inside a value stays", Dec: kv, In: "a: b # c", Want: `{"a":"b # c"}`},
		{Name: "no delimiter", Dec: kv, In: "a: 1\nERROR\n", Fail: "kv: a line without delimiter; see the option undelimited at byte 5", At: 5},
		{Name: "HTML", Dec: kv, In: "<html>\n<body>", Fail: "without delimiter", At: 0},
		{Name: "a section", Dec: kv, In: "[db]\nhost=a\n", Fail: "kv: a line without delimiter; see the option sections at byte 0", At: 0},
		{Name: "a folded line", Dec: kv, In: "a: b\n c\n", Fail: "see the options continuation and undelimited", At: 5},
		{Name: "twice", Dec: kv, In: "a: 1\na: 2\n", Fail: `kv: the name "a" occurs twice in one object; see the option repeated`, At: -1},
		{Name: "fold", Dec: &KV{Continuation: KVFold}, In: "Class-Path: lib/a.jar lib/b-wra\r\n pped.jar\r\nDN: x\n  y\nA: b\n", Want: `{"Class-Path":"lib/a.jar lib/b-wrapped.jar","DN":"x y","A":"b"}`},
		{
			Name: "escapes", Dec: &KV{Escapes: true, Continuation: KVBackslash}, In: "a\\:b\\ c = Gr\\u00fc\\u00DFe\\tx\nd=C\\:\\\\e \\\n   f\ng=\\ud83d\\ude00\\ud83d",
			Want: `{"a:b c":"Grüße\tx","d":"C:\\e f","g":"😀�"}`,
		},
		{Name: "escape cut", Dec: &KV{Escapes: true}, In: "a=1\nb=\\u00f", Fail: "kv: an escape \\u without four hexadecimal digits", At: 4},
		{Name: "no name", Dec: kv, In: "a: 1\n : 2", Fail: "without a name", At: 5},
		{Name: "repeated", Dec: kv, In: "a: 1\nb: 2\na: 1\n", Fail: "twice", At: -1},
		{Name: "error by name", Dec: &KV{Repeated: "error"}, In: "a:1\na:2", Fail: "twice", At: -1},
		{Name: "first", Dec: &KV{Repeated: "first"}, In: "a:1\nb:2\na:3", Want: `{"a":"1","b":"2"}`},
		{Name: "last", Dec: &KV{Repeated: "last"}, In: "a:1\nb:2\na:3", Want: `{"a":"3","b":"2"}`},
		{Name: "list", Dec: &KV{Repeated: "list"}, In: "a:1\nb:2\na:3\na:", Want: `{"a":["1","3",""],"b":["2"]}`},
		{Name: "list empty", Dec: &KV{Repeated: "list"}, In: "", Want: `{}`},
		{Name: "first keeps strict", Dec: &KV{Repeated: "first"}, In: "a:1\nb", Fail: "kv", At: 4},
		{Name: "delimiter", Dec: &KV{Delimiter: " -> "}, In: "a: b -> c -> d\n", Want: `{"a: b":"c -> d"}`},
		{Name: "tab", Dec: &KV{Delimiter: "\t"}, In: "a\t1\nb\t\n\tc\td", Want: `{"a":"1","b":"","c":"d"}`},
		{Name: "space", Dec: &KV{Delimiter: " "}, In: "load   0.5\n", Want: `{"load":"0.5"}`},
		{Name: "comment prefix", Dec: &KV{Comment: ";"}, In: "; x\n#a: 1\n", Want: `{"#a":"1"}`},
		{Name: "no comment", Dec: &KV{NoComment: true}, In: "#a: 1\n", Want: `{"#a":"1"}`},
		{
			Name: "numbers", Dec: &KV{Numbers: true},
			In:   "a: 1.50\nb: -0\nc: 007\nd: 1.\ne: +1\nf: true\ng: False\nh: null\ni: 1e400\nj: NaN\nk:\nl: 0x10\nm: " + strings.Repeat("9", decode.MaxNumber+1),
			Want: `{"a":1.50,"b":-0,"c":"007","d":"1.","e":"+1","f":true,"g":"False","h":null,"i":1e400,"j":"NaN","k":"","l":"0x10","m":"` + strings.Repeat("9", decode.MaxNumber+1) + `"}`,
		},
		{Name: "numbers in lists", Dec: &KV{Numbers: true, Repeated: "list"}, In: "a:1\na:x", Want: `{"a":[1,"x"]}`},
	})
}

func BenchmarkKV25(b *testing.B) {
	decodetest.Benchmark(b, new(KV), "state: up\nuptime: 123456\n")
}
