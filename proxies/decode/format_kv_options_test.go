package decode

import (
	"strings"
	"testing"
)

func TestKV(t *testing.T) {
	t.Parallel()
	kv := new(KV)
	runDecodeTests(t, []decodeTest{
		{name: "order", dec: kv, in: "zeta: 1\nalpha=2\n", want: `{"zeta":"1","alpha":"2"}`},
		{name: "first delimiter of the line", dec: kv, in: "url: http://x/?a=b\nq=a:b\n", want: `{"url":"http://x/?a=b","q":"a:b"}`},
		{name: "ugly", dec: kv, in: "\r\n  # note: x\r\n a b : \t c d \r\n\r\nempty:\r\nlast=é", want: `{"a b":"c d","empty":"","last":"é"}`},
		{name: "empty", dec: kv, in: "", want: `{}`},
		{name: "only comments", dec: kv, in: "# a: b", want: `{}`},
		{name: "comment inside a value stays", dec: kv, in: "a: b # c", want: `{"a":"b # c"}`},
		{name: "no delimiter", dec: kv, in: "a: 1\nERROR\n", fail: "kv: a line without delimiter at byte 5", at: 5},
		{name: "HTML", dec: kv, in: "<html>\n<body>", fail: "without delimiter", at: 0},
		{name: "no name", dec: kv, in: "a: 1\n : 2", fail: "without a name", at: 5},
		{name: "repeated", dec: kv, in: "a: 1\nb: 2\na: 1\n", fail: "twice", at: -1},
		{name: "error by name", dec: &KV{Repeated: "error"}, in: "a:1\na:2", fail: "twice", at: -1},
		{name: "first", dec: &KV{Repeated: "first"}, in: "a:1\nb:2\na:3", want: `{"a":"1","b":"2"}`},
		{name: "last", dec: &KV{Repeated: "last"}, in: "a:1\nb:2\na:3", want: `{"a":"3","b":"2"}`},
		{name: "list", dec: &KV{Repeated: "list"}, in: "a:1\nb:2\na:3\na:", want: `{"a":["1","3",""],"b":["2"]}`},
		{name: "list empty", dec: &KV{Repeated: "list"}, in: "", want: `{}`},
		{name: "first keeps strict", dec: &KV{Repeated: "first"}, in: "a:1\nb", fail: "kv", at: 4},
		{name: "delimiter", dec: &KV{Delimiter: " -> "}, in: "a: b -> c -> d\n", want: `{"a: b":"c -> d"}`},
		{name: "tab", dec: &KV{Delimiter: "\t"}, in: "a\t1\nb\t\n\tc\td", want: `{"a":"1","b":"","c":"d"}`},
		{name: "space", dec: &KV{Delimiter: " "}, in: "load   0.5\n", want: `{"load":"0.5"}`},
		{name: "comment prefix", dec: &KV{Comment: ";"}, in: "; x\n#a: 1\n", want: `{"#a":"1"}`},
		{name: "no comment", dec: &KV{NoComment: true}, in: "#a: 1\n", want: `{"#a":"1"}`},
		{
			name: "numbers", dec: &KV{Numbers: true},
			in:   "a: 1.50\nb: -0\nc: 007\nd: 1.\ne: +1\nf: true\ng: False\nh: null\ni: 1e400\nj: NaN\nk:\nl: 0x10\nm: " + strings.Repeat("9", MaxNumber+1),
			want: `{"a":1.50,"b":-0,"c":"007","d":"1.","e":"+1","f":true,"g":"False","h":null,"i":1e400,"j":"NaN","k":"","l":"0x10","m":"` + strings.Repeat("9", MaxNumber+1) + `"}`,
		},
		{name: "numbers in lists", dec: &KV{Numbers: true, Repeated: "list"}, in: "a:1\na:x", want: `{"a":[1,"x"]}`},
	})
}

func BenchmarkKV25(b *testing.B) {
	benchmarkSinks(b, new(KV), "state: up\nuptime: 123456\n")
}
